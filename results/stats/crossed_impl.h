/* What crossed.c, crossed_squares.c and crossed_plan.c share: the mean squares of a complete crossed design, and the interval made of them.
 *
 * A set of axes is a mask of 1 << axis. u[S] is what the random effect of S (a main effect, or an interaction) adds to the variance of
 * the overall mean: its variance by the number of its levels' combinations. v[S] is the mean square of S, divided by the number of all
 * values: its expectation is the sum of u[T] over all T that contain S (Searle, Casella & McCulloch 1992, "Variance components", ch. 4). */
#ifndef SG_RESULTS_STATS_CROSSED_IMPL_H
#define SG_RESULTS_STATS_CROSSED_IMPL_H

#include "results/stats/crossed.h"

enum { SG_N_SETS = 1 << SG_N_AXES, SG_ROWS = 1 << SG_AXIS_ROWS };

struct sg_mean_squares {
    int64_t n[SG_N_AXES];
    unsigned axes; /* of two levels and more */
    double mean;
    double v[SG_N_SETS];       /* 0 for sets with an axis of one level */
    int is_share;              /* all of y is 0 or 1; of a difference: on both sides */
    int64_t n_first, n_second; /* values at which a difference is 1, and -1 */
};

/* Of a, or of a - b where b is not NULL. */
sg_status sg_mean_squares_of(const struct sg_crossed *a, const struct sg_crossed *b,
                             struct sg_mean_squares *out, struct sg_err *err) SG_MUST_USE;

/* u of v, without bias and without bounds: Moebius inversion over supersets. */
void sg_components(const struct sg_mean_squares *m, double u[SG_N_SETS]);

/* What the interval is made of (crossed.h): the rows' part, and parts of the seeds of which the widest counts. */
struct sg_width {
    double variance, rows, rows_df;
    int n_parts;
    double part[SG_N_AXES], df[SG_N_AXES];
};

/* Of u, for n levels of each axis. is_share: the rows' t is the normal distribution's. */
void sg_width_of(const double u[SG_N_SETS], const int64_t n[SG_N_AXES], unsigned axes, int is_share,
                 struct sg_width *out);
double sg_width_half(const struct sg_width *w); /* half the 95 % interval */

#endif
