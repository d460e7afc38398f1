/* What synthetic data adds: differences between groups of a study's cells, which several sections talk about. Used by section_*.c. */
#ifndef SG_RESULTS_REPORT_GAINS_H
#define SG_RESULTS_REPORT_GAINS_H

#include "results/report/section.h"

struct sg_gain {
    const struct sg_score_group *group, *raw; /* with synthetic examples; raw rows alone */
    struct sg_effect accuracy;                /* group - raw, paired on rows and seeds */
    double p;                                 /* adjusted by Holm over all gains of the list */
};
struct sg_gains {
    int64_t n, n_holes; /* n_holes: comparisons with missing cells, which are not in the list */
    struct sg_gain *gain;
};

/* Every group of the mix (SG_REPORT_SYNTHETIC or SG_REPORT_BOTH) against the raw-only cells of its raw size, or of each raw size where it has none. */
sg_status sg_gains_of(const struct sg_scores *s, int mix, struct sg_gains *out,
                      struct sg_err *err) SG_MUST_USE;
void sg_gains_free(struct sg_gains *g);

/* The gain at `size` examples beside `raw` rows, averaged over the methods of each task, then over the tasks (each counts the same). n_tasks 0: there is
 * none. n_methods: the most that a task has. A task is left out whose methods have other seeds than its raw-only cells have. */
struct sg_gain_overall {
    struct sg_effect effect;
    int64_t n_tasks, n_methods;
};
sg_status sg_gains_overall(const struct sg_scores *s, int mix, int64_t size, int64_t raw,
                           struct sg_gain_overall *out, struct sg_err *err) SG_MUST_USE;

/* The largest size, or raw size, of finished groups of a mix (of one task, or of all: task -1); 0: none. */
int64_t sg_largest_size(const struct sg_scores *s, int64_t task, int mix);
int64_t sg_largest_raw(const struct sg_scores *s, int64_t task);

/* Different sizes (raw_sizes 0) or raw sizes (1) of a task's (-1: all tasks') groups, ascending, into list (most); how many there are. */
int64_t sg_sizes_of(const struct sg_scores *s, int64_t task, int raw_sizes, int64_t *list, int64_t most);

/* "-1.4 points (95 % interval -4.0 to 1.2)" */
void sg_points(const struct sg_effect *e, char *text, size_t size);

/* "p 0.03", "p < 0.001" */
void sg_p_words(double p, char *text, size_t size);

#endif
