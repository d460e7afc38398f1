/* A score a row whose mean is a metric of the whole, and whose spread is that of the metric over other rows: one way to intervals for
 * metrics that are no means (results/stats/crossed.h). */
#ifndef SG_RESULTS_STATS_ROW_SCORES_H
#define SG_RESULTS_STATS_ROW_SCORES_H

#include "base/err.h"

#include <stdint.h>

/* Accuracy: 1 where predicted is gold, else 0. gold, predicted, score: (n). */
void sg_row_scores_accuracy(const int32_t *gold, const int32_t *predicted, int64_t n, float *score);

/* Macro-F1 over K classes, plus each row's influence on it (the delta method): of class k with F1 f and shares c of rows that are k and
 * predicted so, s of rows that are k plus rows that are predicted so, f = 2 c / s, and a row adds (2 [both] - f ([gold] + [predicted])) / s
 * on average over the classes. Classes without either have f = 0 and no influence. predicted -1: none of them. */
sg_status sg_row_scores_macro_f1(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes,
                                 float *score, struct sg_err *err) SG_MUST_USE;

#endif
