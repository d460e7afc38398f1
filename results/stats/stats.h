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

/* The 0.975 quantile of Student's t with df >= 1 degrees of freedom, whole or not; NaN below. */
double sg_t975(double df);

struct sg_estimate {
    int64_t n;
    double mean, low,
        high; /* NaN where there is none: no values; a single value has a mean, but no interval */
};

/* Mean of x (n) and its 95 % interval: mean +- t(0.975, n-1) s / sqrt(n). */
struct sg_estimate sg_mean_ci(const double *x, int64_t n);

/* Mean of x (n), made under crossed factors, and its 95 % interval. level (n, n_factors): which level of each factor a value was made
 * under, any numbers; n_levels (n_factors) gets how many different ones there are, 0 where all are negative (it does not apply). Each
 * level counts the same in its factor's mean; the values are expected to be balanced.
 *
 * A factor f of k levels adds at most v_f to the variance of the mean: that of its levels' means (over all other factors) by k. The
 * sum over the factors is never too small on average: what is of no factor alone is in each of them and counts several times, as in
 * a bootstrap that draws the levels of each factor (Owen 2007, "The pigeonhole bootstrap"). Its degrees of freedom are
 * Satterthwaite's (1946). The first n_units factors are units: the interval is no narrower than the t interval over the means of the
 * levels of one of them, which is what is left where the others add nothing.
 * A factor of one level adds nothing that could be seen. No factor of two: no interval. */
sg_status sg_crossed_ci(const double *x, const int64_t *level, int64_t n, int n_factors, int n_units,
                        int64_t *n_levels, struct sg_estimate *out, struct sg_err *err) SG_MUST_USE;

/* The 95 % interval of a share of `right` in n trials (Wilson 1927, without continuity correction); of a mean of several shares, right
 * is no whole number. n = 0:
 * NaN. */
struct sg_estimate sg_wilson_ci(double right, int64_t n);

/* The difference of two independent shares, of right_1 in n_1 trials and right_2 in n_2, and its interval at `level` (0.95): Newcombe 1998,
 * "Interval estimation for the difference between independent proportions", method 10, from Wilson's intervals. n the smaller one; 0: NaN. */
struct sg_estimate sg_newcombe_ci(double right_1, int64_t n_1, double right_2, int64_t n_2, double level);

#endif
