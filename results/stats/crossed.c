#include "results/stats/crossed.h"

#include "base/mem.h"
#include "results/stats/compare.h"
#include "results/stats/stats.h"

#include <math.h>
#include <string.h>

/* A set of axes is a number of bits, 1 << axis; [0] is the grand mean. */
enum { N_SETS = 1 << SG_N_AXES, ROWS = 1 << SG_AXIS_ROWS, SEEDS = ROWS - 1 };

/* The analysis of variance of a complete crossed design. */
struct anova {
    int64_t n[SG_N_AXES], N;
    unsigned axes; /* those of two levels and more */
    double mean;
    double square[N_SETS]; /* mean squares of the sets of axes; 0 for a set with an axis of one level */
    double variance
        [N_SETS]; /* what a set adds to the variance of the mean, may be negative: E(MS_S) = N sum over T >= S of variance_T */
};

static int64_t at_least(int64_t n)
{
    return n > 0 ? n : 1;
}

/* Cells of the sets' margin. */
static int64_t n_of(const struct anova *a, unsigned set)
{
    int64_t n = 1;
    for (int f = 0; f < SG_N_AXES; f++)
        n *= set >> f & 1 ? a->n[f] : 1;
    return n;
}

static double df_of(const struct anova *a, unsigned set)
{
    double df = 1;
    for (int f = 0; f < SG_N_AXES; f++)
        df *= set >> f & 1 ? (double)(a->n[f] - 1) : 1;
    return df;
}

static int size_of(unsigned set)
{
    return __builtin_popcount(set);
}

/* Sums over the seeds outside of `seeds`, for each of its cells and each row. into: (n_of(seeds), rows). */
static void margin(const struct anova *a, const float *y, unsigned seeds, double *into)
{
    int64_t rows = a->n[SG_AXIS_ROWS], stride[SG_AXIS_ROWS] = {0}, size = 1;
    for (int f = SG_AXIS_ROWS - 1; f >= 0; f--)
        if (seeds >> f & 1) {
            stride[f] = size;
            size *= a->n[f];
        }
    memset(into, 0, (size_t)(size * rows) * sizeof *into);
    for (int64_t p = 0; p < a->n[0]; p++)
        for (int64_t d = 0; d < a->n[1]; d++)
            for (int64_t t = 0; t < a->n[2]; t++, y += rows) {
                double *to = into + (p * stride[0] + d * stride[1] + t * stride[2]) * rows;
                for (int64_t r = 0; r < rows; r++)
                    to[r] += (double)y[r];
            }
}

/* The sums of squares of all margins' means, as deviations from the grand mean: what the sets' own squares are differences of. */
static void margin_squares(const struct anova *a, const double *sum, unsigned seeds, double square[N_SETS])
{
    int64_t rows = a->n[SG_AXIS_ROWS], size = n_of(a, seeds);
    double each = (double)a->N / (double)size, with_rows = 0, without = 0;
    for (int64_t i = 0; i < size; i++) {
        double total = 0;
        for (int64_t r = 0; r < rows; r++) {
            double e = sum[i * rows + r] - each / (double)rows * a->mean;
            with_rows += e * e;
            total += e;
        }
        without += total * total;
    }
    square[seeds] = without / each;
    square[seeds | ROWS] = with_rows / (each / (double)rows);
}

static sg_status analyse(const struct sg_crossed *y, struct anova *out, struct sg_err *err)
{
    struct anova a = {.N = 1};
    double sums[N_SETS] = {0};
    for (int f = 0; f < SG_N_AXES; f++) {
        a.n[f] = at_least(y->n[f]);
        a.N *= a.n[f];
        a.axes |= a.n[f] > 1 ? 1u << f : 0;
    }
    double *sum = sg_alloc((size_t)a.N, sizeof *sum);
    if (!sum)
        return sg_fail_memory(err, (size_t)a.N * sizeof *sum);
    margin(&a, y->y, 0, sum);
    for (int64_t r = 0; r < a.n[SG_AXIS_ROWS]; r++)
        a.mean += sum[r];
    a.mean /= (double)a.N;
    for (unsigned seeds = 0; seeds <= SEEDS; seeds++)
        if ((seeds & ~a.axes) == 0) {
            margin(&a, y->y, seeds, sum);
            margin_squares(&a, sum, seeds, sums);
        }
    sg_free(sum);
    for (unsigned set = 1; set < N_SETS; set++) {
        if (set & ~a.axes)
            continue;
        for (unsigned part = set;; part = (part - 1) & set) {
            a.square[set] += (size_of(set ^ part) & 1 ? -1 : 1) * sums[part];
            if (!part)
                break;
        }
        a.square[set] = fmax(a.square[set], 0) / df_of(&a, set);
    }
    for (unsigned set = 1; set < N_SETS; set++)
        for (unsigned more = set; more < N_SETS && (set & ~a.axes) == 0; more++)
            if ((more & set) == set && (more & ~a.axes) == 0)
                a.variance[set] += (size_of(more ^ set) & 1 ? -1 : 1) * a.square[more] / (double)a.N;
    *out = a;
    return SG_OK;
}

/* ---- the interval ---- */

/* The square of the interval's half width, at t's quantile p. The rows' part has all their interactions with seeds in it, and rows - 1
 * degrees of freedom; the seeds' part is what is left of theirs without the rows, with Satterthwaite's degrees of freedom among
 * themselves (the header says why). variance: of the mean. */
static double half_squared(const struct anova *a, const double *of, double p, double *variance)
{
    double rows = 0, seeds = 0, positive = 0, by_df = 0, half2 = 0;
    for (unsigned set = 1; set < N_SETS; set++) {
        if (set & ~a->axes)
            continue;
        if (set & ROWS) {
            rows += of[set];
            continue;
        }
        double v = fmax(of[set], 0);
        seeds += v;
        positive += v;
        by_df += v * v / df_of(a, set);
    }
    rows = fmax(rows, 0);
    seeds = fmax(seeds, 0);
    if (rows > 0) {
        double t = sg_t_quantile(p, (double)(a->n[SG_AXIS_ROWS] - 1));
        half2 += t * t * rows;
    }
    if (seeds > 0) {
        double t = sg_t_quantile(p, fmax(1, positive * positive / by_df));
        half2 += t * t * seeds;
    }
    *variance = rows + seeds;
    return half2;
}

/* The degrees of freedom at which t's 0.975 quantile is `ratio`: one number that says what several t's have come to. */
static double df_at(double ratio)
{
    double low = 1, high = 1e6;
    if (ratio >= sg_t975(low) || isnan(ratio))
        return low;
    if (ratio <= sg_t975(high))
        return high;
    for (int i = 0; i < 40; i++) {
        double middle = sqrt(low * high);
        if (sg_t975(middle) > ratio)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static struct sg_effect effect_of(double mean, double variance, double half, unsigned sources)
{
    struct sg_effect e = {
        .mean = mean, .low = mean - half, .high = mean + half, .se = sqrt(variance), .sources = sources};
    e.df = e.se > 0 ? df_at(half / e.se) : 1e6;
    e.p = e.se > 0 ? 2 * sg_t_tail(fabs(mean) / e.se, e.df) : mean == 0 ? 1 : 0;
    return e;
}

static struct sg_effect no_interval(double mean)
{
    return (struct sg_effect){.mean = mean, .low = NAN, .high = NAN, .se = NAN, .df = NAN, .p = NAN};
}

static int is_share(const struct sg_crossed *y, int64_t N)
{
    for (int64_t i = 0; i < N; i++)
        if (!(y->y[i] == 0 || y->y[i] == 1))
            return 0;
    return 1;
}

sg_status sg_crossed_mean(const struct sg_crossed *y, struct sg_effect *out, struct sg_err *err)
{
    struct anova a;
    double variance;
    SG_TRY(analyse(y, &a, err));
    if (!a.axes) {
        *out = no_interval(a.mean);
        return SG_OK;
    }
    double half = sqrt(half_squared(&a, a.variance, 0.975, &variance));
    struct sg_effect e = effect_of(a.mean, variance, half, a.axes);
    int64_t rows = a.n[SG_AXIS_ROWS];
    /* A share near 0 or 1 has no symmetric interval; nor is one of all right rows without doubt. */
    if (is_share(y, a.N) && (a.axes == ROWS || !(variance > 0))) {
        struct sg_estimate w = sg_wilson_ci(a.mean * (double)rows, rows);
        e.low = w.low;
        e.high = w.high;
    }
    *out = e;
    return SG_OK;
}

/* ---- differences ---- */

static int64_t at_of(const struct sg_crossed *y, const int64_t at[SG_AXIS_ROWS])
{
    int64_t i = 0;
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        i = i * at_least(y->n[f]) + (at_least(y->n[f]) > 1 ? at[f] : 0);
    return i * y->n[SG_AXIS_ROWS];
}

sg_status sg_crossed_subtract(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_crossed *out,
                              struct sg_err *err)
{
    struct sg_crossed c = {0};
    int64_t N = 1, at[SG_AXIS_ROWS], rows = a->n[SG_AXIS_ROWS];
    for (int f = 0; f < SG_N_AXES; f++) {
        int64_t na = at_least(a->n[f]), nb = at_least(b->n[f]);
        if (na != nb && ((na > 1 && nb > 1) || f == SG_AXIS_ROWS))
            return sg_fail(err, SG_INPUT, "cells of %lld and of %lld levels cannot be compared",
                           (long long)na, (long long)nb);
        c.n[f] = na > nb ? na : nb;
        N *= c.n[f];
    }
    float *d = sg_alloc((size_t)N, sizeof *d), *to = d;
    if (!d)
        return sg_fail_memory(err, (size_t)N * sizeof *d);
    for (at[0] = 0; at[0] < c.n[0]; at[0]++)
        for (at[1] = 0; at[1] < c.n[1]; at[1]++)
            for (at[2] = 0; at[2] < c.n[2]; at[2]++, to += rows) {
                const float *x = a->y + at_of(a, at), *z = b->y + at_of(b, at);
                for (int64_t r = 0; r < rows; r++)
                    to[r] = x[r] - z[r];
            }
    c.y = d;
    *out = c;
    return SG_OK;
}

static int64_t n_cells(const struct sg_crossed *y)
{
    return at_least(y->n[0]) * at_least(y->n[1]) * at_least(y->n[2]);
}

sg_status sg_crossed_difference(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_effect *out,
                                struct sg_err *err)
{
    struct sg_crossed d = {0};
    struct anova v;
    double variance;
    int64_t rows = a->n[SG_AXIS_ROWS];
    SG_TRY(sg_crossed_subtract(a, b, &d, err));
    sg_status status = analyse(&d, &v, err);
    if (status == SG_OK && !v.axes)
        *out = no_interval(v.mean);
    if (status == SG_OK && v.axes) {
        double half = sqrt(half_squared(&v, v.variance, 0.975, &variance));
        *out = effect_of(v.mean, variance, half, v.axes);
        if (n_cells(a) == 1 && n_cells(b) == 1 && is_share(a, rows) && is_share(b, rows)) {
            int64_t more = 0, less = 0;
            for (int64_t r = 0; r < rows; r++) {
                more += d.y[r] > 0;
                less += d.y[r] < 0;
            }
            out->p = sg_mcnemar(more, less);
        }
    }
    sg_free((void *)(uintptr_t)d.y);
    return status;
}

struct sg_effect sg_effects_mean(const struct sg_effect *x, int64_t n)
{
    double mean = 0, variance = 0, half2 = 0;
    unsigned sources = 0;
    for (int64_t i = 0; i < n; i++) {
        double half = 0.5 * (x[i].high - x[i].low);
        mean += x[i].mean / (double)n;
        variance += x[i].se * x[i].se;
        half2 += half * half;
        sources |= x[i].sources;
    }
    if (n < 1 || isnan(variance) || isnan(half2))
        return no_interval(n < 1 ? (double)NAN : mean);
    return effect_of(mean, variance / (double)n / (double)n, sqrt(half2) / (double)n, sources);
}

/* ---- what the spread is of, and what would help ---- */

sg_status sg_crossed_spread(const struct sg_crossed *y, struct sg_spread *out, struct sg_err *err)
{
    struct anova a;
    struct sg_spread s = {0};
    double total = 0;
    SG_TRY(analyse(y, &a, err));
    for (unsigned set = 1; set < N_SETS; set++) {
        if (set & ~a.axes)
            continue;
        /* Of one level of each seed, and all rows: a cell's own number. */
        double v = a.variance[set] * (double)n_of(&a, set & SEEDS);
        if (size_of(set) > 1) {
            s.rest += v;
            continue;
        }
        int f = __builtin_ctz(set);
        s.variance[f] = fmax(v, 0);
        s.was_negative |= v < 0 ? set : 0;
    }
    s.rest = fmax(s.rest, 0);
    for (int f = 0; f < SG_N_AXES; f++)
        total += s.variance[f];
    total += s.rest;
    for (int f = 0; f < SG_N_AXES; f++)
        s.share[f] = total > 0 ? s.variance[f] / total : (double)NAN;
    s.share_rest = total > 0 ? s.rest / total : (double)NAN;
    *out = s;
    return SG_OK;
}

double sg_effect_detectable(const struct sg_effect *e)
{
    return isnan(e->se) ? (double)NAN : 0.5 * (e->high - e->low) + sg_t_quantile(0.8, e->df) * e->se;
}

/* Half the width with n levels of axis f. */
static double half_with(const struct anova *a, int f, int64_t n)
{
    struct anova b = *a;
    double of[N_SETS], variance;
    b.n[f] = n;
    for (unsigned set = 0; set < N_SETS; set++)
        of[set] = fmax(a->variance[set], 0) * (set >> f & 1 ? (double)a->n[f] / (double)n : 1);
    return sqrt(half_squared(&b, of, 0.975, &variance));
}

sg_status sg_crossed_needed(const struct sg_crossed *y, double half, int64_t needed[SG_N_AXES],
                            struct sg_err *err)
{
    struct anova a;
    SG_TRY(analyse(y, &a, err));
    for (int f = 0; f < SG_N_AXES; f++) {
        int64_t low = 1, high = 1 << 20;
        needed[f] = 0;
        if (!(a.axes >> f & 1))
            continue;
        if (!(half_with(&a, f, high) <= half)) {
            needed[f] = -1;
            continue;
        }
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (half_with(&a, f, middle) <= half)
                high = middle;
            else
                low = middle;
        }
        needed[f] = high;
    }
    return SG_OK;
}
