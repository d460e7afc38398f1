/* Synthetic examples beside raw rows (raw+synthetic - raw) or in their place (synthetic - raw), by raw size and task: what the sections `help`,
 * `replace` and `short` tell. Private to results/report/. */
#ifndef SG_RESULTS_REPORT_GAIN_H
#define SG_RESULTS_REPORT_GAIN_H

#include "results/report/answer.h"

/* One task at one raw size: the mean of its methods and sizes, and each. */
struct sg_gain {
    int64_t task, raw, n,
        n_whole; /* combinations of method and size in the mean (sg_answer_is_in_mean); those without a hole */
    int64_t n_all;                                  /* with those that are not in it */
    const struct sg_score_group *raw_only, **group; /* (n_all) */
    struct sg_effect all, *each;                    /* each: (n_all) */
    double p, *p_each;                              /* adjusted, each in its family */
    int64_t needed[SG_N_AXES];
    int is_mean; /* of all tasks: group is NULL */
};
struct sg_gains {
    const struct sg_scores *s;
    int mix;              /* SG_REPORT_BOTH or SG_REPORT_SYNTHETIC, minus raw only */
    int with_each;        /* the single combinations, too; else each and p_each are NULL */
    struct sg_gain *gain; /* by raw size, then task; the mean of all tasks behind them */
    int64_t n, n_each, n_told_up, n_told_down, n_family;
    int is_some; /* means leave methods out, and are of LLM methods */
};

/* s, mix and with_each are the caller's; the rest is filled. Two families (Holm): the tasks' gains and their means; the single
 * combinations. sg_gains_free in any case. */
sg_status sg_gains_read(struct sg_gains *a, const struct sg_report_data *d, struct sg_err *err) SG_MUST_USE;
void sg_gains_free(struct sg_gains *a);

/* The task's at this raw size; NULL where the study does not ask it. */
const struct sg_gain *sg_gains_find(const struct sg_gains *a, int64_t task, int64_t raw);

#endif
