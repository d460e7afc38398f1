/* Levels of an axis against each other, worked out: what section_levels.c makes of a study, for those who say more of it. Private to
 * results/report/. */
#ifndef SG_RESULTS_REPORT_SECTION_LEVELS_H
#define SG_RESULTS_REPORT_SECTION_LEVELS_H

#include "results/report/answer.h"

struct level {
    char name[200];
    const struct sg_score_group **group; /* one at each place that all levels have */
    int64_t n, n_whole;
    struct sg_crossed y;
    struct sg_effect mean;
    double p, detectable; /* of the difference to the best one, Holm */
    struct sg_effect behind;
    enum sg_rank rank;
};
/* A task, or the mean of all. */
struct side {
    int64_t task; /* -1: the mean */
    int64_t n, best;
    struct level *level;
    struct sg_effect *pair; /* (n, n): level i - level k, for i < k */
    double *p;              /* the same, adjusted */
    double share;           /* of a cell's spread that is the levels' */
    int64_t needed[SG_N_AXES];
};
struct sides {
    const struct sg_answer_axis *axis;
    const struct sg_scores *s;
    struct side *side;
    int64_t n, n_family;
};

/* Of methods: whether the best one that an LLM was paid for is above the best free one, and what it cost. Nothing where a study does not have
 * both kinds. */
void sg_levels_say_free(const struct sides *a, const struct sg_report_data *d, struct sg_doc *doc);

#endif
