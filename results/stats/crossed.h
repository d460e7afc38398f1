/* Means of numbers that were made under crossed seeds on shared test rows, their differences, and how sure both are.
 *
 * y (pools, draws, trainings, rows): what a cell of (pool, draw, training) made of a row: 1 where its prediction is right, or a score
 * whose mean over rows is the metric (sg_scores_of). Each axis of two or more levels is a sample of what else could have been drawn, and
 * is in the interval; an axis of one level cannot be seen, is not in it, and the text beside the number says so. Designs are complete:
 * a hole is the caller's matter (no mean is made over one).
 *
 *     struct sg_crossed y = {.n = {1, 3, 3, 200}, .y = right};
 *     sg_crossed_mean(&y, &e, &err)            e.mean in [e.low, e.high], from draws, trainings and rows
 *
 * The interval is an analysis of variance with all axes as crossed random effects: the closed form of what a bootstrap over all of them
 * estimates (Owen 2007, "The pigeonhole bootstrap"), without its noise, and without counting interactions twice.
 *   - rows: the mean square of the rows' means, by the number of values. All interactions of rows with seeds are in it.
 *   - seeds: what pools, draws, trainings and their interactions add beyond their interactions with rows (method of moments, a negative estimate
 *     is 0: an axis that does nothing costs little); degrees of freedom by Satterthwaite (1946) among the seeds alone.
 *   - half the width squared = t_rows^2 rows + t_seeds^2 seeds (Banerjee 1961: never too narrow where variances are known to be no less). One t for the
 *     sum of both would be too small where two or three levels have most of the variance.
 *   - two levels' mean square is often close to 0 by chance, whatever its expectation. So the seeds' part is never less than t^2 times a fifth of
 *     any single axis's mean square, with that axis's degrees of freedom (two levels beside another axis: the same at 95 %, with the tails of two
 *     degrees). The fifth is what holds coverage, and leaves power where the axis does nothing.
 * Simulated (tests/results/test_intervals.c, SG_STUDIES=600, 30,600 studies; 1 to 5 levels, 50 to 1,000 rows): 95 to 97 % of means and 94 to 100 % of
 * differences are held, 95 to 100 % where an axis has two levels. With Holm over six pairs 1.6 % of studies without a difference claim one, 5 % in the
 * worst design (three draws alone on 1,000 rows), 8 % there where draws do the most; by p that takes the seeds as fixed 30 %, 97 % at worst.
 *
 * p is the level at which the same interval would just reach 0. A permutation test over rows would hold the seeds fixed, and call a finding what
 * another draw turns round; over seeds there are too few levels (3 have 8 flips of signs, whose least p is 0.25).
 * Of 0 and 1 alone: Wilson's interval (1927) of as many trials as give this standard error; of one cell that is Wilson's over the rows. It stays
 * between 0 and 1, and is never without width. A difference of such has one more row in doubt (Agresti & Min 2005).
 *
 * Local, pure, deterministic: the same numbers give the same bits anywhere. */
#ifndef SG_RESULTS_STATS_CROSSED_H
#define SG_RESULTS_STATS_CROSSED_H

#include "base/err.h"

#include <stdint.h>

enum sg_axis { SG_AXIS_POOLS, SG_AXIS_DRAWS, SG_AXIS_TRAININGS, SG_AXIS_ROWS, SG_N_AXES };

struct sg_crossed {
    int64_t n[SG_N_AXES]; /* levels; 1 where there is one, or where the axis does not apply */
    const float *y;       /* all finite */
    /* Of an axis of one level: 1 + its place among the levels that others have (it is their first draw, say), with which alone they are then
     * compared; 0: it has none (synthetic rows know no draw), and meets all of them. */
    int64_t only[SG_AXIS_ROWS];
};

/* A mean, or a difference of means, with its 95 % interval. NaN where there is none. */
struct sg_effect {
    double mean, low, high;
    double se, df;    /* standard error, and degrees of freedom of it */
    double p;         /* two-sided, of the hypothesis that the mean is 0; for differences */
    unsigned sources; /* 1 << axis: what is in the interval */
};

/* The mean of y. No axis of two levels: a mean without interval. */
sg_status sg_crossed_mean(const struct sg_crossed *y, struct sg_effect *out, struct sg_err *err) SG_MUST_USE;

/* The mean of a - b on shared rows and seeds. Both have the same rows. An axis of which one side has a single level and the other has
 * several (raw-only cells have no pools) is averaged for the side that has it, and still in the interval. Axes of several levels on both
 * sides have the same levels. p is of the interval's own statistic; of one cell each, of McNemar's exact test. */
sg_status sg_crossed_difference(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_effect *out,
                                struct sg_err *err) SG_MUST_USE;

/* a - b itself, new memory (sg_free((void *)(uintptr_t)out->y)), with the axes of both. */
sg_status sg_crossed_subtract(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_crossed *out,
                              struct sg_err *err) SG_MUST_USE;

/* The mean of n effects that share nothing (tasks): each counts the same; standard errors add, degrees of freedom are Satterthwaite's. sources:
 * what is in all of them. NaN where one of them is. */
struct sg_effect sg_effects_mean(const struct sg_effect *x, int64_t n);

/* What the spread of a single number (one cell's mean over all rows of another study of this kind) comes from: variances of the axes,
 * crossed random effects by the method of moments; a negative estimate is 0, and was_negative says so. share sums to 1, NaN where nothing
 * varies. */
struct sg_spread {
    double variance[SG_N_AXES],
        rest; /* of one level (rows: of all of them), in squared units of y's mean; rest: interactions */
    double share[SG_N_AXES], share_rest;
    unsigned was_negative; /* 1 << axis */
};
sg_status sg_crossed_spread(const struct sg_crossed *y, struct sg_spread *out,
                            struct sg_err *err) SG_MUST_USE;

/* The smallest difference that a study of this effect's standard error would tell from 0 in 80 of 100 cases (5 %, two-sided):
 * noncentral t. NaN where there is no interval. */
double sg_effect_detectable(const struct sg_effect *e);

/* How many levels of each axis a 95 % interval of +-half takes when the other axes stay as they are; -1: not even a million is enough;
 * 0: the axis cannot be seen, or there is no spread to reckon from. */
sg_status sg_crossed_needed(const struct sg_crossed *y, double half, int64_t needed[SG_N_AXES],
                            struct sg_err *err) SG_MUST_USE;

#endif
