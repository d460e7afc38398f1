/* Small tests and corrections beside results/stats/crossed.h. Pure. */
#ifndef SG_RESULTS_STATS_COMPARE_H
#define SG_RESULTS_STATS_COMPARE_H

#include <stdint.h>

/* McNemar's exact two-sided p: of n_first + n_second rows that two classifiers answer differently, n_first are right in the first alone. 1
 * where there are none. */
double sg_mcnemar(int64_t n_first, int64_t n_second);

/* Holm 1979: p (n) adjusted within one family, in place; NaN stays NaN and is not counted. */
void sg_holm(double *p, int64_t n);

/* Spearman's rank correlation of x and y (n), ties at their mean rank; NaN for n < 3 or where one side is constant. */
double sg_spearman(const double *x, const double *y, int64_t n);

/* The same within groups (group (n), any numbers: tasks), averaged over them by n - 1, and its 95 % interval by a bootstrap of the values
 * within each group (percentiles of 2,000 counter-based draws; NaN for fewer than 5 values in all). Pairs with a
 * NaN are left out; n and n_groups are what was used. All NaN without memory. */
struct sg_correlation {
    double rho, low, high;
    int64_t n, n_groups;
};
struct sg_correlation sg_spearman_within(const double *x, const double *y, const int64_t *group, int64_t n,
                                         uint64_t seed);

/* A learning curve: error(n) = a n^-b + c, a >= 0, b in [0.01, 3], 0 <= c, by weighted least squares (weights 1 / se^2, 1 where se is NaN or 0).
 * From three sizes on; with two c is 0; ok = 0 where there is no fit (fewer than two sizes). */
struct sg_power_law {
    int ok;
    double a, b, c, r2;
};
struct sg_power_law sg_power_law_fit(const double *n, const double *error, const double *se,
                                     int64_t n_points);
double sg_power_law_at(const struct sg_power_law *f, double n);
/* The size from which `step` more examples give less than `gain`; INFINITY where b and a never get there within 1e9, 0 where already so. */
double sg_power_law_enough(const struct sg_power_law *f, double step, double gain);
/* The size at which the error is `error`; INFINITY where it never is. */
double sg_power_law_inverse(const struct sg_power_law *f, double error);

#endif
