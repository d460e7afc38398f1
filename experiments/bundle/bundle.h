/* Bundles: a study with all that was bought for it in one file, which replays years after the model is retired, with no key, server or
 * network, to the same results (`synthgrid bundle`, then `synthgrid run FILE`).
 *
 * A bundle is a sealed recording (gen/llm/recording.h) with these parts, in this order:
 *
 *   study    name, settings (sg_study.resolved as text: every default is pinned; tasks by name, no address, no recording, no absolute
 *            path), text (the study file as it was, for people), program, git, encoder_sha256
 *   task     each: name, file (the task file), data_sha256, n_train, n_test; where it has further test sets test_sets (a list of {name, n})
 *            and cell_data_sha256, over all rows
 *   row      only where data was included; each training row, then each test row of the first task, and so on: task, set ("train",
 *            "test", then each further test set by name), first, second (null: a single text), label
 *   imported only where methods have pools that others have made: each row of them (experiments/bundle/bundle_imports.h)
 *   ...      the completions that the study's pools and evaluations have looked at, failed ones too
 *   results  completions, failed, cost_usd (null: unknown), cells, pools, plan_sha256 (over all ids: what was to be computed), and of the
 *            finished results content_sha256 and tables (name -> digest); null where they were not whole, with the reason in `why`
 *
 * A bundle is made by others: no path and no address in it is followed, but for relative paths of encoder and data that stay below the
 * current folder; names of files are names. Data whose licence forbids to pass it on is left out, and compared by its digest. */
#ifndef SG_EXPERIMENTS_BUNDLE_BUNDLE_H
#define SG_EXPERIMENTS_BUNDLE_BUNDLE_H

#include "experiments/run/run.h"
#include "experiments/study/study.h"

#include <jansson.h>

struct sg_bundle_task {
    char *name, *file; /* the file's text */
    char data_sha256[SG_HEX];
    int64_t n_train, n_test;
    int64_t n_sets;
    struct sg_bundle_set {
        char *name;
        int64_t n;
    } * set;                       /* (n_sets) further test sets */
    char cell_data_sha256[SG_HEX]; /* of all rows; as data_sha256 where there are no sets */
};

/* What a bundle says; all texts are its own. */
struct sg_bundle {
    char digest[SG_HEX]; /* the last seal */
    char *name, *text, *program;
    json_t *settings;
    char encoder_sha256[SG_HEX];
    int64_t n_tasks;
    struct sg_bundle_task *task; /* (n_tasks) */
    int has_rows;
    int64_t n_imported; /* rows of pools that others have made */
    int64_t n_completions, n_failed, n_cells, n_pools;
    double cost_usd; /* < 0: unknown */
    char plan_sha256[SG_HEX];
    char results_sha256[SG_HEX]; /* "": not sealed */
    char *why;                   /* ... because */
    json_t *tables;              /* NULL: not sealed */
};
void sg_bundle_free(struct sg_bundle *b);

/* Local. Reads and checks all of a bundle. SG_INPUT with path:line and what is wrong. */
sg_status sg_bundle_open(const char *path, struct sg_bundle *out, struct sg_err *err) SG_MUST_USE;

/* Adds what is in it, for people. */
void sg_bundle_describe(const struct sg_bundle *b, struct sg_buf *out);

/* Local. Writes its study and tasks, and rows where it has them, below `results`/bundle; *study: the study file there (sg_free),
 * which says where these are. SG_INPUT for what a task file must not say. */
sg_status sg_bundle_unpack(const struct sg_bundle *b, const char *path, const char *results, char **study,
                           struct sg_err *err) SG_MUST_USE;

/* Local. Seals what the study has bought; all of it must be there (`run` or `generate` first). */
struct sg_seal_options {
    const char *study;
    int n_overrides;
    const char *const *overrides;
    const char *file;
    int with_data;
};
sg_status sg_bundle_seal(const struct sg_seal_options *o, struct sg_bundle *out,
                         struct sg_err *err) SG_MUST_USE;

/* SHA-256 over the ids of all cells, pools and evaluations. */
sg_status sg_bundle_plan_digest(const struct sg_prepared *p, char hex[SG_HEX],
                                struct sg_err *err) SG_MUST_USE;

/* Whether text is a relative path that stays below where it starts. */
int sg_bundle_is_inside(const char *text);

/* Collective. sg_run of a bundle (o->study), offline, into `results` (NULL: results/<study>). digest: the last seal that it must have,
 * or NULL. SG_INPUT before any work when encoder or data are not those that it was sealed with; SG_FAILED when the results are not
 * those that were sealed. */
sg_status sg_bundle_run(const struct sg_team *world, const struct sg_run_options *o, const char *results,
                        const char *digest, struct sg_err *err) SG_MUST_USE;

#endif
