/* A study: one YAML file, checked; and the grid that it spans.
 *
 * Reading: experiments/yaml.h (libyaml events to a tree with line and column), experiments/settings.h (the
 * table of settings: key, type, unit, bounds, default, help), experiments/task_file.h. Every error names
 * file:line:column and what to do. */
#ifndef SG_EXPERIMENTS_STUDY_H
#define SG_EXPERIMENTS_STUDY_H

#include "base/err.h"
#include "base/sha256.h"
#include "gen/request.h"
#include "gen/task.h"
#include "model/train.h"

#include <stdint.h>

enum sg_mix { SG_MIX_RAW, SG_MIX_SYNTHETIC, SG_MIX_BOTH };
const char *sg_mix_name(enum sg_mix m); /* "raw", "synthetic", "raw+synthetic" */

struct sg_study {
    char *path;     /* of the YAML file */
    char *name;     /* study: */
    char *text;     /* the file as it was read, for provenance */
    char *resolved; /* canonical JSON of the settings after overrides, but those that no result depends on
                       (results, budget.usd, train.threads, connections and rates); no secrets can be in it */
    int n_tasks;
    struct sg_task *task;
    int n_methods;
    enum sg_method *method;
    int n_conditionings;
    enum sg_conditioning *conditioning;
    int n_variants;
    char **variant; /* prompt variants; "default" is the task's own wording */
    int64_t examples_per_request;
    int structured_output;
    int n_sizes;
    int64_t *size; /* ascending, distinct */
    int n_raw;
    int64_t *raw; /* ascending, distinct */
    int n_mixes;
    enum sg_mix *mix;
    int64_t seeds_generation, seeds_data, seeds_train; /* how many of each */
    char *data_dir;
    char *train_name, *test_name; /* data.train, data.test: file names for all tasks; NULL: the task file's */
    struct sg_generator generator;
    double budget_usd; /* < 0: none set */
    int filter_duplicates, filter_leakage;
    double filter_near; /* Jaccard index from which near-duplicates are dropped; 0: none are */
    char *encoder;      /* folder */
    struct sg_train_settings train;
    char *results; /* folder */
    void *arena;   /* what the strings above live in */
};

/* Local. overrides: "key=value" strings, applied after the file. Paths in the study are relative to the
 * current folder, then to the folder of the program's data (installed share). On failure *out is untouched.
 */
sg_status sg_study_read(const char *path, int n_overrides, const char *const *overrides,
                        struct sg_study **out, struct sg_err *err) SG_MUST_USE;
void sg_study_destroy(struct sg_study *s);

/* One training run of the grid. */
struct sg_cell {
    int task;                  /* index into study->task */
    int method;                /* enum sg_method, or -1 for raw-only */
    int conditioning, variant; /* of its pool; 0 for raw-only */
    enum sg_mix mix;
    int64_t size; /* synthetic examples; 0 for raw-only */
    int64_t raw;  /* raw examples; 0 for synthetic-only */
    int64_t seed_generation, seed_data,
        seed_train;  /* counted from 0; generation -1 for raw-only; data -1 for synthetic-only */
    int pool;        /* index into grid->pool, -1 for raw-only */
    char id[SG_HEX]; /* SHA-256 over everything that determines the result: the task's classes, data files'
                        digests, pool id, encoder digest, settings; so an unchanged cell is never run twice */
};
struct sg_pool_key {
    int task, method;
    int conditioning; /* enum sg_conditioning */
    int variant;      /* index into study->variant */
    int64_t seed_generation;
};
/* What results call the method: "zero_shot", "zero_shot unconditioned", "zero_shot formal" (a prompt variant). */
void sg_arm_name(const struct sg_study *s, int method, int conditioning, int variant, char name[160]);
struct sg_grid {
    int64_t n_cells, n_pools;
    struct sg_cell *cell; /* raw-only cells once for a task, raw size and seeds; order: task, method,
                             conditioning, variant, size, mix, raw, seeds */
    struct sg_pool_key *pool;
};

/* Local, pure: the grid without ids. */
sg_status sg_grid_expand(const struct sg_study *s, struct sg_grid *out, struct sg_err *err) SG_MUST_USE;
/* Fills cell ids. pool_id: (n_pools); data_digest: (n_tasks) of the rows in use; encoder_digest as
 * sg_encoder_digest. */
void sg_grid_ids(const struct sg_study *s, struct sg_grid *g, const char *const *pool_id,
                 const char *const *data_digest, const char *encoder_digest);
void sg_grid_free(struct sg_grid *g);

/* A task's rows: read, checked against the classes (SG_INPUT with path:line names an unknown label and the
 * classes). */
struct sg_task_data {
    struct sg_rows train, test;
    int32_t *train_label, *test_label;
    char *train_path;    /* for messages */
    char digest[SG_HEX]; /* over texts and labels, in order */
};
sg_status sg_task_data_read(const struct sg_study *s, int task, struct sg_task_data *out,
                            struct sg_err *err) SG_MUST_USE;
void sg_task_data_free(struct sg_task_data *d);

/* The n raw examples of a data seed: indices into train rows, stratified by class as far as the rows allow,
 * and nested: a smaller n is a prefix of a larger. n over the rows: SG_INPUT. index: (n) of the caller's. */
sg_status sg_raw_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t data_seed,
                      int64_t *index, struct sg_err *err) SG_MUST_USE;

#endif
