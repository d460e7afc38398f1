#include "results/stats/crossed_impl.h"

#include "base/mem.h"

#include <math.h>

enum { N_SEEDS = SG_AXIS_ROWS, N_SEED_SETS = 1 << N_SEEDS };

/* A pass over the rows of a, or of a - b. */
struct pass {
    const struct sg_crossed *a, *b;
    int64_t n[SG_N_AXES], n_cells;
    int64_t only[N_SEEDS]; /* the one level that both sides have, of an axis of which one has more; 0: none */
    unsigned axes;         /* of the seeds, those of two levels and more */
    int64_t *at_a, *at_b;  /* (cells): the cell of a side, broadcast */
    double *sum;           /* (cells): over rows */
    double *margin[N_SEED_SETS];   /* sums over the axes that are not in the set */
    int64_t n_levels[N_SEED_SETS]; /* of a margin */
    double q[N_SEED_SETS];         /* mean squares of the margins' means, summed over rows */
    double shift;                  /* taken off each value, so that equal ones cancel to the last bit */
    struct sg_mean_squares *out;
};

static int64_t levels_of(unsigned set, const int64_t n[SG_N_AXES])
{
    int64_t levels = 1;
    for (int axis = 0; axis < SG_N_AXES; axis++)
        levels *= set >> axis & 1 ? n[axis] : 1;
    return levels;
}

static sg_status check(const struct sg_crossed *y, struct sg_err *err)
{
    for (int axis = 0; axis < SG_N_AXES; axis++)
        if (y->n[axis] < 1)
            return sg_fail(err, SG_INPUT, "crossed statistics: an axis without levels");
    return SG_OK;
}

static sg_status shape(struct pass *p, struct sg_err *err)
{
    p->n_cells = 1;
    for (int axis = 0; axis < SG_N_AXES; axis++) {
        int64_t a = p->a->n[axis], b = p->b ? p->b->n[axis] : a;
        if (a != b && (axis == SG_AXIS_ROWS || (a > 1 && b > 1)))
            return sg_fail(err, SG_INPUT,
                           "crossed statistics: %lld levels of axis %d on one side, %lld on the other",
                           (long long)a, axis, (long long)b);
        p->n[axis] = a > b ? a : b;
        if (axis < N_SEEDS) {
            int64_t only = a == b ? 0 : a == 1 ? p->a->only[axis] : p->b->only[axis];
            if (only > p->n[axis])
                return sg_fail(err, SG_INPUT,
                               "crossed statistics: level %lld of axis %d is on one side alone",
                               (long long)only, axis);
            if (only)
                p->n[axis] = 1;
            p->only[axis] = only;
            p->n_cells *= p->n[axis];
            p->axes |= p->n[axis] > 1 ? 1U << axis : 0;
        }
    }
    return SG_OK;
}

/* The level of a side on an axis that meets level i of the difference. */
static int64_t level_of(const struct sg_crossed *side, const struct pass *p, int axis, int64_t i)
{
    return side->n[axis] == 1 ? 0 : p->only[axis] ? p->only[axis] - 1 : i;
}

/* The cell of a side (fewer levels: 1) for each cell of the difference. */
static void broadcast(const struct sg_crossed *side, const struct pass *x, int64_t *at)
{
    const int64_t *own = side->n;
    for (int64_t p = 0; p < x->n[0]; p++)
        for (int64_t d = 0; d < x->n[1]; d++)
            for (int64_t t = 0; t < x->n[2]; t++)
                *at++ = (level_of(side, x, 0, p) * own[1] + level_of(side, x, 1, d)) * own[2] +
                        level_of(side, x, 2, t);
}

/* The lowest axis that `all` has beyond `set`. */
static int next_axis(unsigned set, unsigned all)
{
    int axis = 0;
    while (!((all & ~set) >> axis & 1))
        axis++;
    return axis;
}

static void sum_out(const double *from, int64_t outer, int64_t n, int64_t inner, double *to)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum += from[(o * n + k) * inner + i];
            to[o * inner + i] = sum;
        }
}

/* Adds to q[S] the mean over S's levels of the square of the mean over all other axes, of the table in margin[axes]. */
static void add_squares(struct pass *p, double q[N_SEED_SETS])
{
    for (unsigned set = p->axes;; set--) {
        if ((set & ~p->axes) == 0) {
            double *m = p->margin[set], sum = 0;
            if (set != p->axes) {
                int axis = next_axis(set, p->axes);
                unsigned parent = set | 1U << axis, below = (1U << axis) - 1;
                sum_out(p->margin[parent], levels_of(parent & below, p->n), p->n[axis],
                        levels_of(set & ~below, p->n), m);
            }
            for (int64_t i = 0; i < p->n_levels[set]; i++)
                sum += m[i] * m[i];
            double others = (double)(p->n_cells / p->n_levels[set]);
            q[set] += sum / ((double)p->n_levels[set] * others * others);
        }
        if (set == 0)
            return;
    }
}

static double value(struct pass *p, int64_t cell, int64_t row)
{
    double a = (double)p->a->y[p->at_a[cell] * p->n[SG_AXIS_ROWS] + row],
           b = p->b ? (double)p->b->y[p->at_b[cell] * p->n[SG_AXIS_ROWS] + row] : 0;
    p->out->is_share &= (a == 0 || a == 1) && (b == 0 || b == 1);
    p->out->n_first += a - b == 1;
    p->out->n_second += a - b == -1;
    return a - b;
}

static void over_rows(struct pass *p)
{
    double *z = p->margin[p->axes];
    p->shift = value(p, 0, 0);
    p->out->n_first = p->out->n_second = 0;
    for (int64_t row = 0; row < p->n[SG_AXIS_ROWS]; row++) {
        for (int64_t c = 0; c < p->n_cells; c++) {
            z[c] = value(p, c, row) - p->shift;
            p->sum[c] += z[c];
        }
        add_squares(p, p->q);
    }
}

/* From mean squares of means to those of effects (Moebius over the sets' subsets), by degrees of freedom. */
static void finish(struct pass *p)
{
    struct sg_mean_squares *m = p->out;
    double n_rows = (double)p->n[SG_AXIS_ROWS], q[N_SEED_SETS] = {0}, *z = p->margin[p->axes], most = 0;
    for (int64_t c = 0; c < p->n_cells; c++)
        z[c] = p->sum[c] / n_rows;
    add_squares(p, q);
    m->mean = p->shift + p->margin[0][0] / (double)p->n_cells;
    for (unsigned set = 0; set < SG_N_SETS; set++) {
        unsigned seeds = set & (N_SEED_SETS - 1) & p->axes;
        m->v[set] = set & SG_ROWS ? p->q[seeds] / n_rows : q[seeds];
        most = fmax(most, m->v[set]);
    }
    for (int axis = 0; axis < SG_N_AXES; axis++)
        for (unsigned set = 0; set < SG_N_SETS; set++)
            if (set >> axis & 1)
                m->v[set] -= m->v[set ^ 1U << axis];
    for (unsigned set = 0; set < SG_N_SETS; set++) {
        double df = 1;
        for (int axis = 0; axis < SG_N_AXES; axis++)
            df *= set >> axis & 1 ? (double)(m->n[axis] - 1) : 1;
        /* What is left of numbers that cancel is a few units in the last place of the largest. */
        m->v[set] = set && df > 0 && m->v[set] > 1e-13 * most ? m->v[set] / df : 0;
    }
}

/* Makes at_a and at_b. */
static void align(struct pass *p, int64_t *memory)
{
    p->at_a = memory;
    p->at_b = memory + p->n_cells;
    broadcast(p->a, p, p->at_a);
    if (p->b)
        broadcast(p->b, p, p->at_b);
}

static sg_status run(struct pass *p, struct sg_err *err)
{
    SG_TRY(shape(p, err));
    int64_t n_values = p->n_cells;
    for (unsigned set = 0; set < N_SEED_SETS; set++) {
        p->n_levels[set] = levels_of(set, p->n);
        n_values += (set & ~p->axes) == 0 ? p->n_levels[set] : 0;
    }
    char *memory = sg_alloc((size_t)n_values + 2 * (size_t)p->n_cells, sizeof(double));
    if (!memory)
        return sg_fail_memory(err, (unsigned long long)n_values * 8);
    p->sum = (double *)(void *)memory;
    double *next = p->sum + p->n_cells;
    for (unsigned set = 0; set < N_SEED_SETS; set++)
        if ((set & ~p->axes) == 0) {
            p->margin[set] = next;
            next += p->n_levels[set];
        }
    align(p, (int64_t *)(void *)next);
    for (int axis = 0; axis < SG_N_AXES; axis++)
        p->out->n[axis] = p->n[axis];
    p->out->axes = p->axes | (p->n[SG_AXIS_ROWS] > 1 ? SG_ROWS : 0);
    p->out->is_share = 1;
    over_rows(p);
    finish(p);
    sg_free(memory);
    return isfinite(p->out->mean) ? SG_OK
                                  : sg_fail(err, SG_INPUT, "crossed statistics: a value is not finite");
}

sg_status sg_mean_squares_of(const struct sg_crossed *a, const struct sg_crossed *b,
                             struct sg_mean_squares *out, struct sg_err *err)
{
    struct sg_mean_squares m = {0};
    struct pass p = {.a = a, .b = b, .out = &m};
    SG_TRY(check(a, err));
    if (b)
        SG_TRY(check(b, err));
    SG_TRY(run(&p, err));
    *out = m;
    return SG_OK;
}

sg_status sg_crossed_subtract(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_crossed *out,
                              struct sg_err *err)
{
    struct pass p = {.a = a, .b = b};
    SG_TRY(check(a, err));
    SG_TRY(check(b, err));
    SG_TRY(shape(&p, err));
    int64_t n_rows = p.n[SG_AXIS_ROWS];
    int64_t *at = sg_alloc(2 * (size_t)p.n_cells, sizeof *at);
    float *y = sg_alloc((size_t)p.n_cells * (size_t)n_rows, sizeof *y);
    if (!at || !y) {
        sg_free(at);
        sg_free(y);
        return sg_fail_memory(err, (size_t)p.n_cells * (size_t)n_rows * sizeof *y);
    }
    align(&p, at);
    for (int64_t c = 0; c < p.n_cells; c++)
        for (int64_t row = 0; row < n_rows; row++)
            y[c * n_rows + row] = a->y[p.at_a[c] * n_rows + row] - b->y[p.at_b[c] * n_rows + row];
    sg_free(at);
    for (int axis = 0; axis < SG_N_AXES; axis++)
        out->n[axis] = p.n[axis];
    for (int axis = 0; axis < N_SEEDS; axis++)
        out->only[axis] = p.only[axis]    ? p.only[axis]
                          : p.n[axis] > 1 ? 0
                          : a->only[axis] ? a->only[axis]
                                          : b->only[axis];
    out->y = y;
    return SG_OK;
}
