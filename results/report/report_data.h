/* What a report says, read from results.h5 and grouped; report.c and report_json.c draw it. */
#ifndef SG_RESULTS_REPORT_REPORT_DATA_H
#define SG_RESULTS_REPORT_REPORT_DATA_H

#include "base/err.h"
#include "results/h5/pool_maker.h"
#include "results/stats/stats.h"

#include <jansson.h>
#include <stdint.h>

/* What a cell trained; a study may have both, of which a report shows one at a time. */
enum sg_report_classifier { SG_REPORT_FINE_TUNE, SG_REPORT_PROBE, SG_N_REPORT_CLASSIFIERS };
const char *sg_report_classifier_name(int c);  /* "fine_tune", "probe"; NULL behind the last */
int sg_report_classifier_of(const char *name); /* -1 for none */

enum sg_report_mix { SG_REPORT_RAW, SG_REPORT_SYNTHETIC, SG_REPORT_BOTH, SG_N_REPORT_MIXES };

struct sg_report_cell {
    int64_t cell, task, size, raw, seed_generation, seed_data, seed_train;
    int classifier,
        is_hidden; /* of another one than is shown: nothing but counts and the list of failed cells has it */
    int mix; /* enum sg_report_mix, or -1 for one that this program does not know, and of hidden cells */
    int is_verified; /* examples were taken out of its training rows, see /removed */
    int status;      /* 'd'one, 'f'ailed, 'p'lanned */
    char *method, *reason, *mix_name;
    double accuracy, macro_f1, n_test;
    double n_synthetic, n_classes_predicted; /* NaN where it is not done, or not known */
    double n_had; /* what its pool has of its size: with those that verification took out */
    int64_t n_classes_gold,
        n_classes_found; /* by /per_class: classes of the test rows, and of the predictions */
};

struct sg_report_task {
    char *name;
    int64_t n_classes, n_test, n_largest; /* rows, rows of the most frequent class */
    int64_t n_shown;                      /* cells that are shown */
    json_t *classes;                      /* names */
};

/* What requests have come to together; cost_usd NaN: unknown. */
struct sg_report_spend {
    int64_t n_requests, n_failed, tokens_in, tokens_out;
    double cost_usd;
};

/* What an LLM says of a pool's examples (verify: llm). */
struct sg_report_verified {
    int is_asked;                    /* 0: nobody is asked, all else is 0 */
    int is_complete;                 /* else the counts are NaN */
    double n, n_other, n_unparsable; /* examples; of which it says another class; answers that name none */
    struct sg_report_spend spend;
};

struct sg_report_pool {
    char *task, *method, *model, *status, *shortfall;
    enum sg_pool_maker maker;
    int64_t seed_generation, seed_data; /* seed_data -1: its prompts show no raw rows */
    double n_wanted, n, n_attempts, n_rejected;
    double n_near_raw, n_near_test, n_near_pool; /* kept near-duplicates; NaN in older files */
    json_t *rejects;                             /* reason -> count */
    double mean_similarity, vendi;
    int64_t n_requests, n_failed, tokens_in, tokens_out, n_tokens_estimated, n_recorded;
    double cost_usd; /* NaN: unknown */
    struct sg_report_verified verified;
    char *verifier; /* the LLM that says it; NULL: nobody is asked */
};

/* The LLM as a classifier. */
struct sg_report_evaluation {
    int64_t task, shots, seed;
    char *model, *status;
    double n, accuracy, low, high, n_unparsable, accuracy_parsed, macro_f1; /* NaN where there is none yet */
    int64_t n_requests, n_failed, tokens_in, tokens_out;
    double cost_usd; /* NaN: unknown */
};

/* Whether an LLM has seen the test rows of a task. */
struct sg_report_contamination {
    int64_t task;
    char *model, *generator, *data_set, *split, *status, *verdict; /* verdict "": not known yet */
    int64_t n_rows, n, n_exact, n_near, n_unanswered;
    double guided, general, difference, p; /* NaN where there is none */
    int64_t n_requests, n_failed, tokens_in, tokens_out;
    double cost_usd; /* NaN: unknown */
};

/* What the texts of a pool look like, and of a task's raw rows. */
struct sg_report_text_stats {
    int64_t pool;               /* index into pool[]; -1: the task's raw rows */
    int64_t task, label;        /* -1: all classes */
    int64_t n, chosen, n_words; /* chosen -1: the LLM did not choose */
    char *class_, *part, *opening;
    double chosen_share, chosen_low, chosen_high;
    double mean_words, distinct_1, distinct_2, opening_share, question_share,
        overlap; /* NaN: there is none */
};

struct sg_scores;
struct sg_report_data {
    json_t *provenance; /* attributes of the root: study, program, encoder_sha256, content_sha256, written,
                           run_*, rehearsal */
    int64_t n_cells, n_tasks, n_pools, n_evaluations, n_contaminations, n_text_stats;
    int has_draws; /* few-shot pools are of different draws of the raw rows */
    struct sg_report_cell *cell;
    struct sg_report_task *task;
    struct sg_report_pool *pool;
    struct sg_report_evaluation *evaluation;
    struct sg_report_contamination *contamination;
    struct sg_report_text_stats *text_stats;
    int64_t total_requests, total_failed_requests, total_from_recording, total_tokens_in, total_tokens_out;
    char *total_cost_usd; /* a number, or "unknown" */
    int64_t n_done, n_failed, n_planned, n_degenerate;
    const struct sg_scores
        *scores;    /* of its cells, borrowed: set by who read them, NULL before (results/report/scores.h) */
    int classifier; /* that is shown */
    int64_t n_of[SG_N_REPORT_CLASSIFIERS]; /* cells of each */
    int64_t n_shown_done, n_shown_degenerate;
    int is_unfinished,
        runs; /* as struct sg_report_source has them; set by who opened it, not by sg_report_read */
};

sg_status sg_report_read(const char *path, struct sg_report_data *out, struct sg_err *err) SG_MUST_USE;
/* Which classifier's cells are shown, and stand in scores that are read after this. sg_report_read shows the one with most cells. */
void sg_report_show(struct sg_report_data *d, int classifier);

void sg_report_data_free(struct sg_report_data *d);

/* What all evaluations have asked together. */
struct sg_report_spend sg_report_evaluations_spend(const struct sg_report_data *d);
/* The same of the contamination probes. */
struct sg_report_spend sg_report_contaminations_spend(const struct sg_report_data *d);

/* Predicts one class for all test rows, though they have more: nothing that could be compared was learned. */
int sg_report_is_degenerate(const struct sg_report_cell *c);

/* The cells of one place in the main table: a task's mix, with its method, size and raw (as far as the mix
 * has them), over all seeds. */
struct sg_report_group {
    int64_t n_done, n_failed, n_planned;
    int64_t n_degenerate; /* of the finished ones */
    double accuracy,
        macro_f1; /* means; NaN unless every cell of the group is done: nothing is averaged over a hole */
};

/* A row of the main table; method NULL: raw-only cells alone. */
struct sg_report_row {
    int64_t task;
    const char *method;
    int64_t size, raw;
};

/* What the pools have of the row's size, by its finished cells: the least and the most; -1 where none is done. */
void sg_report_had(const struct sg_report_data *d, const struct sg_report_row *row, int64_t *least,
                   int64_t *most);

void sg_report_group(const struct sg_report_data *d, const struct sg_report_row *row, int mix,
                     struct sg_report_group *out);

/* A task's rows, new memory (sg_free): methods and sizes in the study's order, each with every raw size (0
 * alone where there is none). */
sg_status sg_report_rows(const struct sg_report_data *d, int64_t task, struct sg_report_row **rows,
                         int64_t *n, struct sg_err *err) SG_MUST_USE;

/* The encoder on a task: raw-only cells with the most raw rows, and the largest mean accuracy of all groups; row.method NULL
 * and group.n_done 0 where there is none. */
struct sg_report_encoder {
    struct sg_report_group raw_only, best;
    struct sg_report_row raw_row, best_row;
    int best_mix;
};
sg_status sg_report_encoder_of(const struct sg_report_data *d, int64_t task, struct sg_report_encoder *out,
                               struct sg_err *err) SG_MUST_USE;

#endif
