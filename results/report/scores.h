/* What every finished cell made of every test row, read from /predictions and /probabilities, and the groups of cells that differ in their
 * seeds alone: what all comparisons of a report are made of.
 *
 * A group is a task's (mix, method, size, raw) (and what else names a cell but its seeds). Its cells form a complete design of pools,
 * draws and trainings, or it has no numbers (n_missing says what it lacks). Two groups of a task share rows, draws, trainings. */
#ifndef SG_RESULTS_REPORT_SCORES_H
#define SG_RESULTS_REPORT_SCORES_H

#include "results/report/report_data.h"
#include "results/stats/crossed.h"

/* Which number of a row is averaged. */
enum sg_score { SG_SCORE_ACCURACY, SG_SCORE_MACRO_F1, SG_N_SCORES };

struct sg_score_group {
    int64_t task, size, raw;
    int mix;            /* enum sg_report_mix */
    const char *method; /* "" for raw-only cells; borrowed of the data */
    int64_t n_cells, n_done, n_failed, n_planned, n_degenerate;
    int64_t n[SG_N_AXES]; /* levels; 0 where cells are missing */
    int64_t only
        [SG_AXIS_ROWS]; /* as struct sg_crossed has it: few-shot examples may be of the first draw alone */
    int64_t *cell;      /* (pools, draws, trainings): indices into d->cell; NULL where cells are missing */
    struct sg_effect effect[SG_N_SCORES];
};

struct sg_scores {
    int64_t n_groups;
    struct sg_score_group *group; /* by task, then raw-only, then method, size, raw in the study's order */
    const struct sg_report_data *d;
    void *rows; /* predictions, scores.c's own */
};

/* d is borrowed until sg_scores_free. Groups' effects are made here, once. */
sg_status sg_scores_read(const char *path, const struct sg_report_data *d, struct sg_scores *out,
                         struct sg_err *err) SG_MUST_USE;
/* The same of a further test set, from /transfer_predictions. set (n_tasks): its ordinal in each task, -1 where it has none; n_test of the tasks
 * of d is then the set's rows in it, 0 for none. */
sg_status sg_scores_read_set(const char *path, const struct sg_report_data *d, const int64_t *set,
                             struct sg_scores *out, struct sg_err *err) SG_MUST_USE;
void sg_scores_free(struct sg_scores *s);

/* The group, or NULL. method NULL or "": raw only. */
const struct sg_score_group *sg_scores_find(const struct sg_scores *s, int64_t task, int mix,
                                            const char *method, int64_t size, int64_t raw);

/* A group's y (results/stats/crossed.h), new memory (sg_free(y->y)). SG_INPUT where it has holes. */
sg_status sg_scores_of(const struct sg_scores *s, const struct sg_score_group *g, enum sg_score score,
                       struct sg_crossed *y, struct sg_err *err) SG_MUST_USE;

/* a - b, in shares. */
sg_status sg_scores_difference(const struct sg_scores *s, const struct sg_score_group *a,
                               const struct sg_score_group *b, enum sg_score score, struct sg_effect *out,
                               struct sg_err *err) SG_MUST_USE;

/* Which groups of the same task, mix, size and raw cannot be told from the best one: mark[i], of group[i] (n, the same task), is "best" for the
 * highest mean, "tied" where the paired difference to it is not significant (5 %, Holm over the n - 1 differences: best and tied hold the truly best one in 95 of 100 studies; "multiple comparisons with the best", Hsu 1984), "" otherwise or without
 * numbers. detectable, p (n; may be NULL): the smallest difference to the best that could have been told (sg_effect_detectable), and the
 * adjusted p; NaN for the best and where there is none. */
enum sg_rank { SG_RANK_NONE, SG_RANK_BEST, SG_RANK_TIED, SG_RANK_BELOW };
sg_status sg_scores_rank(const struct sg_scores *s, const struct sg_score_group *const *group, int64_t n,
                         enum sg_score score, enum sg_rank *rank, double *detectable, double *p,
                         struct sg_err *err) SG_MUST_USE;

/* "rows, 3 draws, 3 trainings; one pool: its luck is not in here": what is in an interval of the group, and what is not, into text. */
void sg_scores_sources(const struct sg_score_group *g, char *text, size_t size);

/* Predicted class of a finished cell's row, and the row's own; cell: index into d->cell. */
int32_t sg_scores_predicted(const struct sg_scores *s, int64_t cell, int64_t row);
int32_t sg_scores_gold(const struct sg_scores *s, int64_t task, int64_t row);

#endif
