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
 * The interval is an analysis of variance with all axes as random effects (the closed form of what a crossed bootstrap estimates, Owen 2007, "The
 * pigeonhole bootstrap", without its noise and its upward bias):
 *   - rows: the mean square of the rows' means, by the number of values. All interactions of rows with seeds are in it; rows - 1 degrees of freedom.
 *   - seeds: what pools, draws, trainings and their pairs add beyond their interactions with rows. A negative estimate is 0, so that an axis that does
 *     nothing costs nothing; degrees of freedom by Satterthwaite (1946) among the seeds alone.
 *   - half the width squared = t_rows^2 variance_rows + t_seeds^2 variance_seeds. One t for the sum of both would be too small where two or three seeds
 *     have most of the variance (88 to 93 % instead of 95).
 * Simulated (tests/results/test_crossed.c, SG_STUDIES=1500: ten designs of 1 to 5 levels, 50 to 1,000 rows): 95 to 98 % of the means and of the
 * differences are held, most at two levels an axis; 3 % of the differences that are none have p < 0.05.
 * p is of the same statistic. A permutation of rows would hold the seeds fixed, and call what another draw turns round a finding.
 * Of 0 and 1 alone, one cell or no spread at all: Wilson's interval over the rows, which is never without width.
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

/* a - b itself, new memory (sg_free(out->y)), with the axes of both. */
sg_status sg_crossed_subtract(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_crossed *out,
                              struct sg_err *err) SG_MUST_USE;

/* The mean of n effects that share nothing (tasks): each counts the same; standard errors add, degrees of freedom are Satterthwaite's. */
struct sg_effect sg_effects_mean(const struct sg_effect *x, int64_t n);

/* What the spread of a single number (one cell's mean over all rows of another study of this kind) comes from: variances of the axes,
 * crossed random effects by the method of moments; a negative estimate is 0, and was_negative says so. share sums to 1, NaN where no
 * axis has two levels. */
struct sg_spread {
    double variance[SG_N_AXES], rest; /* of one level, in squared units of y's mean; rest: interactions */
    double share[SG_N_AXES], share_rest;
    unsigned was_negative; /* 1 << axis */
};
sg_status sg_crossed_spread(const struct sg_crossed *y, struct sg_spread *out,
                            struct sg_err *err) SG_MUST_USE;

/* The smallest difference that a study of this effect's standard error would tell from 0 in 80 of 100 cases (5 %, two-sided). */
double sg_effect_detectable(const struct sg_effect *e);

/* How many levels of each axis a 95 % interval of +-half takes when the other axes stay as they are; -1: no number of them is enough;
 * 0: the axis cannot be seen. */
sg_status sg_crossed_needed(const struct sg_crossed *y, double half, int64_t needed[SG_N_AXES],
                            struct sg_err *err) SG_MUST_USE;

#endif
