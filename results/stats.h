/* Confidence intervals. */
#ifndef SG_RESULTS_STATS_H
#define SG_RESULTS_STATS_H

#include <stdint.h>

/* The 0.975 quantile of Student's t with df >= 1 degrees of freedom; NaN below. */
double sg_t975(int64_t df);

struct sg_estimate {
    int64_t n;
    double mean, low,
        high; /* NaN where there is none: no values; a single value has a mean, but no interval */
};

/* Mean of x (n) and its 95 % interval: mean +- t(0.975, n-1) s / sqrt(n). */
struct sg_estimate sg_mean_ci(const double *x, int64_t n);

/* The 95 % interval of a share of `right` in n trials (Wilson 1927, without continuity correction). n = 0:
 * NaN. */
struct sg_estimate sg_wilson_ci(int64_t right, int64_t n);

#endif
