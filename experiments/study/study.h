/* A study: one YAML file, checked; and the grid that it spans.
 *
 * Reading: experiments/study/yaml.h (libyaml events to a tree with line and column), experiments/study/settings.h (the
 * table of settings: key, type, unit, bounds, default, help), experiments/study/task_file.h. Every error names
 * file:line:column and what to do. */
#ifndef SG_EXPERIMENTS_STUDY_STUDY_H
#define SG_EXPERIMENTS_STUDY_STUDY_H

#include "base/err.h"
#include "base/sha256.h"
#include "gen/llm/request.h"
#include "gen/pool/methods.h"
#include "gen/pool/task.h"
#include "model/train.h"

#include <stdint.h>

/* few_shot_rows: a draw of the raw rows has few-shot pools of its own, or all share those of the first one. */
enum sg_few_shot_rows { SG_FEW_SHOT_OWN, SG_FEW_SHOT_FIRST };

/* raw_draw: the first n raw rows have as many of each class as there are, or each class's share of the training rows. */
enum sg_raw_draw_kind { SG_RAW_BALANCED, SG_RAW_PROPORTIONAL };

struct sg_yaml;

enum sg_mix { SG_MIX_RAW, SG_MIX_SYNTHETIC, SG_MIX_BOTH };
const char *sg_mix_name(enum sg_mix m); /* "raw", "synthetic", "raw+synthetic" */

/* What a cell trains: the whole encoder with a head, or logistic regression on the embeddings of the frozen encoder (model/logistic.h). */
enum sg_cell_classifier { SG_FINE_TUNE, SG_PROBE, SG_N_CELL_CLASSIFIERS };
const char *sg_cell_classifier_name(enum sg_cell_classifier c); /* "fine_tune", "probe" */

/* probe: */
struct sg_probe_options {
    enum sg_pooling pooling;
    double c; /* SG_PROBE_C_AUTO: chosen for each cell, by cross-validation on its training rows */
};
#define SG_PROBE_C_AUTO (-1.0)

/* Views: what cells make of a pool by a classifier of their raw rows, which buys nothing, or by what an LLM says of each example
 * (experiments/run/views.h). */
enum sg_weighting { SG_WEIGHT_NONE, SG_WEIGHT_DIMP, SG_N_WEIGHTINGS };
enum sg_verify { SG_VERIFY_NONE, SG_VERIFY_RAW_CLASSIFIER, SG_VERIFY_LLM, SG_N_VERIFIES };
const char *sg_weighting_name(enum sg_weighting w); /* "none", "dimp" */
const char *sg_verify_name(enum sg_verify v);       /* "none", "raw_classifier", "llm" */

/* The LLM as a classifier of test rows (llm_eval:). */
struct sg_eval_settings {
    int n_shots;
    int64_t *shots; /* ascending, distinct; none: it is not asked */
    int64_t rows;   /* of each task; 0: all */
    int64_t seeds;
    double temperature;
    int64_t max_tokens;
};

/* A method whose pool is a file: an entry {name: theirs, pool: file.jsonl, ...} of methods:. */
struct sg_import {
    char *name;
    char *pool; /* a file or folder, as the study says it; {task} stands for the task's name */
    char *first, *second, *label; /* columns; NULL: those of the task's rows are looked for */
    int n_tasks;
    char **task; /* names of the tasks that it has rows for; none: all */
    const struct sg_yaml *at;
};

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
    int n_imports;
    struct sg_import *import; /* methods whose pools others have made */
    int n_conditionings;
    enum sg_conditioning *conditioning;
    int n_variants;
    char **variant; /* prompt variants; "default" is the task's own wording */
    int n_rephrase;
    int *rephrase; /* 0: pools as they are bought; 1: rephrasings of them */
    int n_rephrase_tasks;
    char **rephrase_task; /* names of the tasks that have rephrasings; none: all */
    int64_t
        examples_per_request; /* of methods that do not say it themselves: sg_study_examples_per_request */
    int64_t verbalized_texts; /* of one request of method verbalized */
    double verbalized_below;  /* 0: any probability */
    int64_t tree_topics, tree_subtopics; /* of method tree_topic: asked for in a list */
    int structured_output;
    int64_t error_rounds; /* error_driven.rounds */
    int n_sizes;
    int64_t *size; /* ascending, distinct */
    int n_raw;
    int64_t *raw; /* ascending, distinct */
    enum sg_raw_draw_kind raw_draw;
    enum sg_few_shot_rows few_shot_rows;
    int n_mixes;
    enum sg_mix *mix;
    int n_weightings;
    enum sg_weighting *weighting;
    int n_verifies;
    enum sg_verify *verify;
    char *verify_generator; /* the name of the generator that verify: llm asks; NULL: a pool's own */
    int n_classifiers;
    enum sg_cell_classifier *classifier;
    int n_fine_tune_tasks;
    char **fine_tune_task; /* names of the tasks whose cells are fine-tuned; none: all */
    struct sg_probe_options probe;
    int64_t seeds_generation, seeds_data, seeds_train; /* how many of each */
    char *data_dir;
    char *train_name, *test_name; /* data.train, data.test: file names for all tasks; NULL: the task file's */
    enum sg_quotes quotes;        /* data.quotes, for all tasks; SG_QUOTES_FOUND: as the task file says */
    int n_generators;             /* at least one */
    struct sg_generator *generator; /* an axis; several are in the order of their names */
    double budget_usd;              /* < 0: none set */
    char *max_failed;               /* for sg_max_failed */
    int filter_duplicates, filter_leakage;
    double filter_near; /* Jaccard index from which near-duplicates are dropped; 0: none are */
    char *encoder;      /* folder */
    char *
        external; /* train.external: the command that fine-tuned cells are trained by (experiments/run/external.h); NULL: our trainer */
    char external_digest[SG_HEX]; /* of its words, those that name files by what is in them; "" without one */
    struct sg_eval_settings eval;
    int64_t contamination_rows,
        contamination_max_tokens; /* contamination: rows of each task, 0: it is not asked */
    struct sg_train_settings train;
    char *results; /* folder */
    char *cache;   /* folder that studies share; NULL: none */
    void *arena;   /* what the strings above live in */
};

/* Local. overrides: "key=value" strings, applied after the file. Paths in the study are relative to the
 * current folder, then to the study's, then to the folder of the program's data (installed share), where the file itself is looked for, too. On
 * failure *out is untouched.
 */
sg_status sg_study_read(const char *path, int n_overrides, const char *const *overrides,
                        struct sg_study **out, struct sg_err *err) SG_MUST_USE;
void sg_study_destroy(struct sg_study *s);

/* How many examples a request of this method asks for. */
int64_t sg_study_examples_per_request(const struct sg_study *s, enum sg_method m);

/* Local. Adds each setting of a study with its value and where that comes from (file:line, command line, default): a line each, or a
 * JSON object {"train.epochs": {"value": 3, "from": "default"}, ...}. Reads no other file. SG_INPUT as above. */
sg_status sg_study_settings(const char *path, int n_overrides, const char *const *overrides, int as_json,
                            struct sg_buf *out, struct sg_err *err) SG_MUST_USE;

/* Whether generator.recording is imported: not where every generator has an address of its own, which is to be asked instead. */
int sg_study_reads_recording(const struct sg_study *s);

/* One way to generate examples of a task: what tells its pools from each other, but for the seed. The axes of the study:
 * one that is added is a field here and a digit in sg_arm_get. */
struct sg_arm {
    int method;       /* enum sg_method, or -1 for raw-only */
    int generator;    /* index into study->generator; 0 for raw-only */
    int conditioning; /* enum sg_conditioning; 0 for raw-only */
    int variant;      /* index into study->variant; 0 for raw-only */
    int rephrase;     /* 1: its pools are rephrasings of those of the same arm with 0 */
    int import;       /* of SG_IMPORTED: index into study->import; else 0 */
    /* Of cells of raw+synthetic alone: a view of the pool of the arm with SG_WEIGHT_NONE and SG_VERIFY_NONE, which sg_arm_get gives. */
    enum sg_weighting weighting;
    enum sg_verify verify;
};
/* How many a task has, and arm i of them: generators first, then methods, conditionings, variants; then the free methods, one each, with
 * conditioning SG_BY_LABEL and 0 for the rest; then the imported ones, one pool each and none where they have no rows for the task; then those that are bought again, rephrased (each by its own generator), where the task
 * has that. An arm that is only there to be rephrased has pools, but no cells. */
int64_t sg_arm_count(const struct sg_study *s, int task);
struct sg_arm sg_arm_get(const struct sg_study *s, int64_t i);
/* How many draws of the raw rows have pools of their own: those whose prompts show raw rows, where the study says so. 1: the pools
 * are shared by all draws, or show rows of the first alone. */
int64_t sg_arm_draws(const struct sg_study *s, const struct sg_arm *a);
/* Whether it has pools that are made in rounds, which take the encoder's weights before they are bought. */
int sg_study_has_rounds(const struct sg_study *s);
/* The most of any arm. */
int64_t sg_study_draws(const struct sg_study *s);
/* Whether the arm's cells see its pool by a classifier of their raw rows or by an LLM; whether they need that classifier. */
int sg_arm_is_view(const struct sg_arm *a);
int sg_arm_needs_raw_model(const struct sg_arm *a);
/* Whether the study has views, those that need that classifier, and whether an LLM verifies examples. */
int sg_study_has_views(const struct sg_study *s);
int sg_study_needs_raw_models(const struct sg_study *s);
int sg_study_asks_llm_to_verify(const struct sg_study *s);
/* Which generator is asked to verify the arm's examples (study->generator). */
int sg_arm_verifier(const struct sg_study *s, const struct sg_arm *a);
int sg_arm_has_cells(const struct sg_study *s, int task, const struct sg_arm *a);
/* Whether the import has rows for the task. */
int sg_import_is_of(const struct sg_study *s, int import, int task);
/* How many pools it has for each draw: seeds.generation, but one of an imported one. */
int64_t sg_arm_seeds(const struct sg_study *s, const struct sg_arm *a);
/* Whether the task has rephrasings. */
int sg_task_is_rephrased(const struct sg_study *s, int task);
/* What results call the method: "zero_shot", "zero_shot unconditioned", "zero_shot formal" (a prompt variant),
 * "zero_shot rephrased", "zero_shot by small" (a generator, where the study has several), "zero_shot verified", "zero_shot llm_verified" and "zero_shot dimp"
 * (views); "" for raw-only. */
enum { SG_ARM_NAME = 200 };
void sg_arm_name(const struct sg_study *s, const struct sg_arm *a, char name[SG_ARM_NAME]);

/* Index into study->task; -1: the study has none of this name. */
int sg_study_task_of(const struct sg_study *s, const char *name);

/* Whether the task has cells of this classifier. */
int sg_task_has_classifier(const struct sg_study *s, int task, enum sg_cell_classifier c);

/* How many of so many cells may fail: text is a number or a share ("5%"), NULL or empty: any (-1). */
int64_t sg_max_failed(const char *text, int64_t n_cells);

/* One training run of the grid. */
struct sg_cell {
    int task; /* index into study->task */
    enum sg_cell_classifier classifier;
    struct sg_arm arm;
    enum sg_mix mix;
    int64_t size; /* synthetic examples; 0 for raw-only */
    int64_t raw;  /* raw examples; 0 for synthetic-only */
    int64_t seed_generation, seed_data,
        seed_train; /* counted from 0; generation -1 for raw-only; data -1 for synthetic-only, unless its pool is of one draw; train -1 for a probe, which no seed changes */
    int pool;       /* index into grid->pool, -1 for raw-only */
    char id[SG_HEX]; /* SHA-256 over everything that determines the result: the task's classes, data files'
                        digests, pool id, encoder digest, settings; so an unchanged cell is never run twice */
};
struct sg_pool_key {
    int task;
    struct sg_arm arm;
    int64_t seed_data; /* draw of the raw rows that its prompts show; -1: they show none */
    int64_t seed_generation;
    int64_t source; /* index of the pool that it rephrases, which comes before it; -1: none */
};
struct sg_grid {
    int64_t n_cells, n_pools;
    struct sg_cell
        *cell; /* raw-only cells once for a task, raw size and seeds; order: task, classifier, arm, size,
                             mix, raw, seeds */
    struct sg_pool_key *pool; /* order: task, arm, draw, seed */
};

/* Local, pure: the grid without ids. */
sg_status sg_grid_expand(const struct sg_study *s, struct sg_grid *out, struct sg_err *err) SG_MUST_USE;
/* Fills cell ids. pool_id: (n_pools); verification_id: (n_pools), of what an LLM says of the pool's examples, NULL where it is not asked; data_digest: (n_tasks) of the rows in use; encoder_digest as
 * sg_encoder_digest. */
void sg_grid_ids(const struct sg_study *s, struct sg_grid *g, const char *const *pool_id,
                 const char *const *verification_id, const char *const *data_digest,
                 const char *encoder_digest);
void sg_grid_free(struct sg_grid *g);

/* A task's rows: read, checked against the classes (SG_INPUT with path:line names an unknown label and the
 * classes). A label is a class's name, or the same number or boolean otherwise written ("1.0", "True"), or, where all labels of
 * a file are whole numbers and none is a name, the class's index in the task file's order, as data sets on the Hugging Face Hub
 * have it. Rows whose label is -1, no gold label, are left out. What was read so is in the rows' notes; labels are the classes'
 * names then, so that digests do not depend on how they were written. */
struct sg_test_set {
    const char *name; /* borrowed from the task */
    char *path;       /* for messages */
    struct sg_rows rows;
    int32_t *label;
    int is_beside, is_assumed; /* as of the test file */
    char digest[SG_HEX];       /* over its rows: texts and what their labels are read as */
};
struct sg_task_data {
    struct sg_rows train, test;
    int32_t *train_label, *test_label;
    char *train_path; /* for messages */
    int train_is_beside,
        test_is_beside;         /* the file was found beside the task file, not in <data.dir>/<task>/ */
    enum sg_raw_draw_kind draw; /* what sg_raw_draw does */
    int train_is_assumed, test_is_assumed; /* rows of no content, by sg_task_data_assume */
    char digest[SG_HEX];                   /* over texts and labels, in order */
    char test_digest[SG_HEX];              /* over the test rows: texts and what their labels are read as */
    int n_sets;
    struct sg_test_set *set; /* (n_sets) further test sets, by name */
    /* What a cell predicts, and what no pool may repeat: the test rows, then those of each set. Borrowed from them. */
    struct sg_rows held_out;
    int32_t *held_out_label;
    char cell_digest[SG_HEX]; /* over all of it: `digest` where there are no sets */
};
sg_status sg_task_data_read(const struct sg_study *s, int task, struct sg_task_data *out,
                            struct sg_err *err) SG_MUST_USE;
/* Local. The same, but files that are missing or wrong are added to `lacks`, and rows of no content stand for theirs: as many training rows as
 * `raw` needs (at most source.train_rows), source.test_rows test rows (where the task file does not say: llm_eval.rows, or SG_ASSUMED_TEST_ROWS), and of each further set as where it does not,
 * classes in turn, with source.row_bytes of text, or as long as the completions that the task's max_tokens lets expect. For estimates. */
#define SG_ROWS_USUAL_DIR                                                                                    \
    "data" /* where `data.dir` does not say another, and where `synthgrid fetch data` writes to */
enum { SG_ASSUMED_TEST_ROWS = 1000 };
struct sg_lacks;
sg_status sg_task_data_assume(const struct sg_study *s, int task, struct sg_task_data *out,
                              struct sg_lacks *lacks, struct sg_err *err) SG_MUST_USE;
void sg_task_data_free(struct sg_task_data *d);
/* Local. The rows of one file as a study reads them: checked labels, each as its class is called; rows without a gold label are left out. `out` is
 * untouched on failure. */
sg_status sg_task_rows_read(const struct sg_task *t, const char *path, int is_training, struct sg_rows *out,
                            struct sg_err *err) SG_MUST_USE;
/* Prints the notes of its files: "synthgrid: warning: ...". */
void sg_task_data_tell(const struct sg_task_data *d);

/* Local. What the labels of rows are read as, by the same rules, and where they are none of these by the rules for what an LLM says
 * (gen/pool/class_name.h: the readable name, case and punctuation do not count). -1: no class, or no label. class_: (rows->n) of the
 * caller's. Notes in rows how numbers were read. */
sg_status sg_task_read_labels(const struct sg_task *t, const char *path, struct sg_rows *rows,
                              int32_t *class_, struct sg_err *err) SG_MUST_USE;

/* The n raw examples of a data seed: indices into train rows, and nested: a smaller n is a prefix of a larger. d->draw says whether
 * by class in turn as far as the rows allow, or each class with its share, to less than one row. n over the rows: SG_INPUT. index: (n)
 * of the caller's. */
sg_status sg_raw_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t data_seed,
                      int64_t *index, struct sg_err *err) SG_MUST_USE;

/* n of the test rows (at most all of them), each class with its share, nested as well; ascending. index: (n) of the caller's. */
sg_status sg_test_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t *index,
                       struct sg_err *err) SG_MUST_USE;

#endif
