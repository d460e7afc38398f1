/* Distributions and confidence intervals. */
#ifndef SG_RESULTS_STATS_STATS_H
#define SG_RESULTS_STATS_STATS_H

#include "base/err.h"

#include <stdint.h>

/* The regularised incomplete beta function I_x(a, b); a, b > 0. */
double sg_beta_regularised(double a, double b, double x);

/* P(|T| > |t|) of Student's t with df > 0 degrees of freedom; INFINITY: of the normal distribution. */
double sg_t_two_sided(double t, double df);

/* The other way round: the t of a two-sided p in (0, 1], for df > 0. */
double sg_t_critical(double p, double df);

/* The root of a falling f between low (f >= 0) and high (f <= 0), by false position ("Illinois": Dowell & Jarratt 1971). */
double sg_root(double (*f)(double x, const void *of), const void *of, double low, double high);

/* Wilson's interval (1927) of a share p in n trials, n whole or not, with z standard errors to either side. */
void sg_wilson(double p, double n, double z, double *low, double *high);

struct sg_estimate {
    int64_t n;
    double mean, low,
        high; /* NaN where there is none: no values; a single value has a mean, but no interval */
};

/* The 95 % interval of a share of `right` in n trials (Wilson 1927, without continuity correction); of a mean of several shares, right
 * is no whole number. n = 0:
 * NaN. */
struct sg_estimate sg_wilson_ci(double right, int64_t n);

/* The difference of two independent shares, of right_1 in n_1 trials and right_2 in n_2, and its interval at `level` (0.95): Newcombe 1998,
 * "Interval estimation for the difference between independent proportions", method 10, from Wilson's intervals. n the smaller one; 0: NaN. */
struct sg_estimate sg_newcombe_ci(double right_1, int64_t n_1, double right_2, int64_t n_2, double level);

#endif
