/* What the spread of crossed numbers comes from, and what a further study would take. */
#include "results/stats/crossed_impl.h"
#include "results/stats/stats.h"

#include <math.h>
#include <stddef.h>

/* Of one level's combination, in squared units of a cell's mean: u times the levels of the seeds in the set. */
static double of_one_cell(const struct sg_mean_squares *m, double u, unsigned set)
{
    for (int axis = 0; axis < SG_AXIS_ROWS; axis++)
        u *= set >> axis & 1 ? (double)m->n[axis] : 1;
    return u;
}

sg_status sg_crossed_spread(const struct sg_crossed *y, struct sg_spread *out, struct sg_err *err)
{
    struct sg_mean_squares m;
    struct sg_spread s = {0};
    double u[SG_N_SETS], sum;
    SG_TRY(sg_mean_squares_of(y, NULL, &m, err));
    sg_components(&m, u);
    for (unsigned set = 1; set < SG_N_SETS; set++)
        s.rest += set & (set - 1) ? of_one_cell(&m, u[set], set) : 0;
    sum = s.rest = fmax(0, s.rest);
    for (int axis = 0; axis < SG_N_AXES; axis++) {
        double of = of_one_cell(&m, u[1U << axis], 1U << axis);
        s.was_negative |= of < 0 ? 1U << axis : 0;
        sum += s.variance[axis] = fmax(0, of);
    }
    for (int axis = 0; axis < SG_N_AXES; axis++)
        s.share[axis] = sum > 0 ? s.variance[axis] / sum : (double)NAN;
    s.share_rest = sum > 0 ? s.rest / sum : (double)NAN;
    *out = s;
    return SG_OK;
}

enum { N_STEPS = 400 };

/* The density of s / sigma (s^2 of df degrees of freedom) at N_STEPS + 1 places, times the weights of Simpson's rule. */
static void simpson(double df, double at[N_STEPS + 1], double weight[N_STEPS + 1])
{
    double spread = 8 / sqrt(2 * df), from = fmax(0, 1 - spread), step = (1 + spread - from) / N_STEPS,
           front = log(2) + 0.5 * df * log(0.5 * df) - lgamma(0.5 * df);
    for (int i = 0; i <= N_STEPS; i++) {
        double s = at[i] = from + step * i, power = df == 1 ? 0 : (df - 1) * log(s);
        weight[i] = exp(front + power - 0.5 * df * s * s) * step / 3 *
                    (i == 0 || i == N_STEPS ? 1
                     : i % 2                ? 4
                                            : 2);
    }
}

double sg_effect_detectable(const struct sg_effect *e)
{
    double t = sg_t_critical(0.05, fmin(e->df, 1e6)), at[N_STEPS + 1], weight[N_STEPS + 1];
    if (!isfinite(t) || !isfinite(e->se))
        return NAN;
    simpson(fmin(e->df, 1e6), at, weight);
    /* Student's noncentral t: P(T > t) is the mean of Phi(lambda - t s) over s; at the least lambda. */
    double low = 0, high = 20; /* 16.4 with one degree of freedom */
    for (int k = 0; k < 40; k++) {
        double lambda = 0.5 * (low + high), power = 0;
        for (int i = 0; i <= N_STEPS; i++)
            power += weight[i] * 0.5 * erfc((t * at[i] - lambda) / sqrt(2));
        if (power < 0.8)
            low = lambda;
        else
            high = lambda;
    }
    return low * e->se;
}

enum { MOST_LEVELS = 1000000 };

/* Half the width of an interval, where `axis` has so many levels. */
static double half_width(const struct sg_mean_squares *m, const double u[SG_N_SETS], int axis, int64_t levels)
{
    int64_t n[SG_N_AXES];
    double changed[SG_N_SETS];
    struct sg_width w;
    for (int a = 0; a < SG_N_AXES; a++)
        n[a] = a == axis ? levels : m->n[a];
    for (unsigned set = 0; set < SG_N_SETS; set++)
        changed[set] = set >> axis & 1 ? u[set] * (double)m->n[axis] / (double)levels : u[set];
    sg_width_of(changed, n, m->axes, m->is_share, &w);
    return sg_width_half(&w);
}

static int64_t needed_of(const struct sg_mean_squares *m, const double u[SG_N_SETS], int axis, double half)
{
    int64_t low = 1, high = 2;
    if (!(m->axes >> axis & 1))
        return 0;
    if (!(half_width(m, u, axis, MOST_LEVELS) <= half))
        return -1;
    while (high < MOST_LEVELS && half_width(m, u, axis, high) > half) {
        low = high;
        high = 2 * high < MOST_LEVELS ? 2 * high : MOST_LEVELS;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (half_width(m, u, axis, middle) > half)
            low = middle;
        else
            high = middle;
    }
    return high;
}

sg_status sg_crossed_needed(const struct sg_crossed *y, double half, int64_t needed[SG_N_AXES],
                            struct sg_err *err)
{
    struct sg_mean_squares m;
    double u[SG_N_SETS];
    SG_TRY(sg_mean_squares_of(y, NULL, &m, err));
    sg_components(&m, u);
    double largest = 0;
    for (unsigned set = 0; set < SG_N_SETS; set++)
        largest = fmax(largest, u[set]);
    for (int axis = 0; axis < SG_N_AXES; axis++)
        needed[axis] = largest > 0 ? needed_of(&m, u, axis, half) : 0;
    return SG_OK;
}
