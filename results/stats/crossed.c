#include "results/stats/crossed.h"

#include "results/stats/compare.h"
#include "results/stats/crossed_impl.h"
#include "results/stats/stats.h"

#include <math.h>
#include <stddef.h>

/* The share of an axis's mean square that is always kept: with few levels it is below its interactions with rows by chance too often
 * (crossed.h has what this does to coverage). */
static const double KEPT = 0.2;

void sg_components(const struct sg_mean_squares *m, double u[SG_N_SETS])
{
    for (unsigned set = 0; set < SG_N_SETS; set++)
        u[set] = set ? m->v[set] : 0;
    for (int axis = 0; axis < SG_N_AXES; axis++)
        for (unsigned set = 1; set < SG_N_SETS; set++)
            if (!(set >> axis & 1))
                u[set] -= u[set | 1U << axis];
}

static double df_of_set(unsigned set, const int64_t n[SG_N_AXES])
{
    double df = 1;
    for (int axis = 0; axis < SG_N_AXES; axis++)
        df *= set >> axis & 1 ? (double)(n[axis] - 1) : 1;
    return df;
}

/* Another part of the seeds, unless one that is there is never narrower. */
static void add_part(struct sg_width *w, double variance, double df)
{
    for (int i = 0; i < w->n_parts; i++)
        if (w->part[i] >= variance && w->df[i] <= df)
            return;
    if (!(variance > 0))
        return;
    w->part[w->n_parts] = variance;
    w->df[w->n_parts++] = df;
}

/* Of two levels beside another axis what is kept is as much at 95 %, but by t of two degrees of freedom: with the tails of one no study with two
 * levels anywhere would have a p below 0.01. Two levels that are all there is of seeds have the tails that they have. */
static void keep(struct sg_width *w, double v, int64_t levels, int is_alone)
{
    double heavier = levels > 2 || is_alone ? 1 : sg_t_critical(0.05, 1) / sg_t_critical(0.05, 2);
    add_part(w, KEPT * heavier * heavier * v, fmax(is_alone ? 1 : 2, (double)(levels - 1)));
}

void sg_width_of(const double u[SG_N_SETS], const int64_t n[SG_N_AXES], unsigned axes, int is_share,
                 struct sg_width *out)
{
    struct sg_width w = {.rows_df = is_share ? (double)INFINITY : (double)(n[SG_AXIS_ROWS] - 1)};
    double v[SG_N_AXES] = {0}, seeds = 0, by_df = 0, most = 0;
    for (unsigned set = 1; set < SG_N_SETS; set++) {
        if (set & ~axes)
            continue;
        for (int axis = 0; axis < SG_N_AXES; axis++)
            v[axis] += set >> axis & 1 ? u[set] : 0;
        if (!(set & SG_ROWS) && u[set] > 0) {
            seeds += u[set];
            by_df += u[set] * u[set] / df_of_set(set, n);
        }
    }
    w.rows = fmax(0, v[SG_AXIS_ROWS]);
    if (by_df > 0)
        add_part(&w, seeds, fmax(1, seeds * seeds / by_df));
    for (int axis = 0; axis < SG_AXIS_ROWS; axis++)
        if (axes >> axis & 1) {
            keep(&w, v[axis], n[axis], !(axes & ~(1U << axis | SG_ROWS)));
            most = fmax(most, KEPT * v[axis]);
        }
    w.variance = w.rows + fmax(seeds, most);
    *out = w;
}

double sg_width_half(const struct sg_width *w)
{
    double widest = 0, t = w->rows > 0 ? sg_t_critical(0.05, w->rows_df) : 0;
    for (int i = 0; i < w->n_parts; i++) {
        double s = sg_t_critical(0.05, w->df[i]);
        widest = fmax(widest, s * s * w->part[i]);
    }
    return sqrt(t * t * w->rows + widest);
}

/* One part of the seeds, and a distance from 0. */
struct reach {
    const struct sg_width *w;
    int part;
    double distance;
};

/* Of an interval that is t standard errors of the rows wide: what of the distance it does not reach. */
static double too_short(double t, const void *of)
{
    const struct reach *r = of;
    double s = sg_t_critical(sg_t_two_sided(t, r->w->rows_df), r->w->df[r->part]);
    return log(r->distance / sqrt(t * t * r->w->rows + s * s * r->w->part[r->part]));
}

enum { FARTHEST = 36 }; /* standard errors: a normal p of 1e-283 */

/* The p at which the interval would just reach from `distance` to 0. */
static double p_of(const struct sg_width *w, double distance)
{
    double p = 0, rows = sqrt(w->rows);
    if (!(distance > 0))
        return 1;
    if (w->n_parts == 0)
        return rows > 0 ? sg_t_two_sided(distance / rows, w->rows_df) : 0;
    for (int i = 0; i < w->n_parts; i++) {
        struct reach r = {w, i, distance};
        double far = fmin(FARTHEST, distance / rows);
        if (!(rows > 0))
            p = fmax(p, sg_t_two_sided(distance / sqrt(w->part[i]), w->df[i]));
        else if (too_short(far, &r) > 0)
            p = fmax(p, sg_t_two_sided(far, w->rows_df));
        else
            p = fmax(p, sg_t_two_sided(sg_root(too_short, &r, 1e-9 * far, far), w->rows_df));
    }
    return p;
}

static double below_t(double one_by_df, const void *t975)
{
    return log(0.05 /
               sg_t_two_sided(*(const double *)t975, one_by_df > 0 ? 1 / one_by_df : (double)INFINITY));
}

/* The degrees of freedom whose t has this 0.975 quantile: one number that says what several t have come to. */
static double df_of(double t975)
{
    if (!(below_t(0, &t975) > 0))
        return INFINITY;
    if (below_t(1, &t975) >= 0)
        return 1;
    return 1 / sg_root(below_t, &t975, 0, 1);
}

static struct sg_effect without_interval(double mean)
{
    return (struct sg_effect){.mean = mean, .low = NAN, .high = NAN, .se = NAN, .df = NAN, .p = NAN};
}

static struct sg_effect effect_of(const struct sg_mean_squares *m, const struct sg_width *w)
{
    double half = sg_width_half(w);
    struct sg_effect e = {.mean = m->mean,
                          .low = m->mean - half,
                          .high = m->mean + half,
                          .se = sqrt(w->variance),
                          .df = INFINITY,
                          .p = p_of(w, fabs(m->mean)),
                          .sources = m->axes};
    if (e.se > 0)
        e.df = df_of(half / e.se);
    return e;
}

/* Wilson's interval of a share, of as many independent trials as give this standard error; of one cell that is their number. Where there
 * is no spread the rows are what is sure to be there. */
static void as_share(const struct sg_mean_squares *m, struct sg_effect *e)
{
    double p = e->mean, n_rows = (double)m->n[SG_AXIS_ROWS], n = n_rows, t = sg_t_critical(0.05, INFINITY);
    if (e->se > 0) {
        n = p * (1 - p) / (e->se * e->se) * (n_rows / fmax(1, n_rows - 1));
        t = (e->high - e->low) / (2 * e->se);
    }
    sg_wilson(p, n, t, &e->low, &e->high);
}

/* Means over several cells that are the same on every row have no spread, and are not certain for it: as with single cells, one row more or
 * less may be another one. */
static void widen_certainty(const struct sg_mean_squares *m, double u[SG_N_SETS], struct sg_width *w)
{
    double n = (double)m->n[SG_AXIS_ROWS];
    if (w->variance > 0 || !(m->axes & SG_ROWS))
        return;
    u[SG_ROWS] += 1 / (n * n);
    sg_width_of(u, m->n, m->axes, m->is_share, w);
}

sg_status sg_crossed_mean(const struct sg_crossed *y, struct sg_effect *out, struct sg_err *err)
{
    struct sg_mean_squares m;
    struct sg_width w;
    double u[SG_N_SETS];
    SG_TRY(sg_mean_squares_of(y, NULL, &m, err));
    sg_components(&m, u);
    sg_width_of(u, m.n, m.axes, m.is_share, &w);
    if (!m.is_share)
        widen_certainty(&m, u, &w);
    struct sg_effect e = m.axes ? effect_of(&m, &w) : without_interval(m.mean);
    if (m.axes && m.is_share)
        as_share(&m, &e);
    *out = e;
    return SG_OK;
}

sg_status sg_crossed_difference(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_effect *out,
                                struct sg_err *err)
{
    struct sg_mean_squares m;
    struct sg_width w;
    double u[SG_N_SETS];
    SG_TRY(sg_mean_squares_of(a, b, &m, err));
    sg_components(&m, u);
    if (m.is_share) /* half a row more in each cell of the 2 x 2 table (Agresti & Min 2005) */
        u[SG_ROWS] += m.axes & SG_ROWS ? 1 / ((double)m.n[SG_AXIS_ROWS] * (double)m.n[SG_AXIS_ROWS]) : 0;
    sg_width_of(u, m.n, m.axes, m.is_share, &w);
    widen_certainty(&m, u, &w);
    struct sg_effect e = m.axes ? effect_of(&m, &w) : without_interval(m.mean);
    if (m.is_share && m.axes == SG_ROWS)
        e.p = sg_mcnemar(m.n_first, m.n_second);
    *out = e;
    return SG_OK;
}

struct sg_effect sg_effects_mean(const struct sg_effect *x, int64_t n)
{
    double sum = 0, variance = 0, by_df = 0;
    unsigned sources = ~0U;
    for (int64_t i = 0; i < n; i++) {
        double v = x[i].se * x[i].se;
        sum += x[i].mean;
        variance += v;
        by_df += v * v / x[i].df;
        sources &= x[i].sources;
    }
    struct sg_effect e = without_interval(n > 0 ? sum / (double)n : (double)NAN);
    if (n < 1 || !isfinite(variance) || !isfinite(sum))
        return e;
    e.df = by_df > 0 ? fmax(1, variance * variance / by_df) : (double)INFINITY;
    e.se = sqrt(variance) / (double)n;
    double half = sg_t_critical(0.05, e.df) * e.se;
    e.low = e.mean - half;
    e.high = e.mean + half;
    e.p = e.se > 0 ? sg_t_two_sided(fabs(e.mean) / e.se, e.df) : e.mean == 0;
    e.sources = sources;
    return e;
}
