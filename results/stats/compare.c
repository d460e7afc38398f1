#include "results/stats/compare.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

double sg_mcnemar(int64_t n_first, int64_t n_second)
{
    int64_t n = n_first + n_second, less = n_first < n_second ? n_first : n_second;
    double sum = 0;
    if (n == 0)
        return 1;
    for (int64_t k = 0; k <= less; k++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) -
                   (double)n * log(2.0));
    return fmin(1, 2 * sum);
}

struct ranked {
    double x;
    int64_t i;
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    return p->x < q->x ? -1 : p->x > q->x ? 1 : p->i < q->i ? -1 : p->i > q->i;
}

void sg_holm(double *p, int64_t n)
{
    struct ranked *r = sg_alloc((size_t)n + 1, sizeof *r);
    int64_t m = 0;
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(p[i]) && r)
            r[m++] = (struct ranked){p[i], i};
    if (r)
        qsort(r, (size_t)m, sizeof *r, by_value);
    for (int64_t k = 0; k < m; k++) {
        most = fmax(most, fmin(1, (double)(m - k) * r[k].x));
        p[r[k].i] = most;
    }
    for (int64_t i = 0; i < n && !r; i++) /* no memory: Bonferroni, which is never smaller */
        p[i] = fmin(1, (double)n * p[i]);
    sg_free(r);
}

/* Ranks from 1, ties at their mean, into rank (n). order: (n) scratch. */
static void rank_of(const double *x, int64_t n, struct ranked *order, double *rank)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = (struct ranked){x[i], i};
    qsort(order, (size_t)n, sizeof *order, by_value);
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && order[j].x == order[i].x;)
            j++;
        for (int64_t k = i; k < j; k++)
            rank[order[k].i] = 0.5 * (double)(i + 1 + j);
    }
}

/* scratch: (n) order and (2n) ranks. */
static double spearman(const double *x, const double *y, int64_t n, struct ranked *order, double *rank)
{
    double mean = 0.5 * (double)(n + 1), xy = 0, xx = 0, yy = 0, *rx = rank, *ry = rank + n;
    if (n < 3)
        return (double)NAN;
    rank_of(x, n, order, rx);
    rank_of(y, n, order, ry);
    for (int64_t i = 0; i < n; i++) {
        xy += (rx[i] - mean) * (ry[i] - mean);
        xx += (rx[i] - mean) * (rx[i] - mean);
        yy += (ry[i] - mean) * (ry[i] - mean);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

double sg_spearman(const double *x, const double *y, int64_t n)
{
    struct ranked *order = sg_alloc((size_t)n + 1, sizeof *order);
    double *rank = sg_alloc(2 * (size_t)n + 1, sizeof *rank), rho = NAN;
    if (order && rank)
        rho = spearman(x, y, n, order, rank);
    sg_free(order);
    sg_free(rank);
    return rho;
}

/* Values sorted by group: [start[g], start[g+1]). */
struct within {
    int64_t n, n_groups, *start;
    double *x, *y, *rank, *px, *py;
    struct ranked *order;
};

static double rho_within(const struct within *w, const double *x, const double *y, int64_t *n_used)
{
    double sum = 0, weights = 0;
    *n_used = 0;
    for (int64_t g = 0; g < w->n_groups; g++) {
        int64_t at = w->start[g], n = w->start[g + 1] - at;
        double rho = spearman(x + at, y + at, n, w->order, w->rank);
        if (isnan(rho))
            continue;
        sum += rho * (double)(n - 1);
        weights += (double)(n - 1);
        ++*n_used;
    }
    return weights > 0 ? sum / weights : (double)NAN;
}

static int by_number(const void *a, const void *b)
{
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static void bootstrap(const struct within *w, uint64_t seed, struct sg_correlation *c)
{
    enum { DRAWS = 2000 };
    double *rho = sg_alloc(DRAWS, sizeof *rho);
    int64_t n_rho = 0, used;
    for (int b = 0; b < DRAWS && rho; b++) {
        struct sg_rng rng = sg_rng_make(seed, (uint64_t)b);
        for (int64_t g = 0; g < w->n_groups; g++)
            for (int64_t i = w->start[g], n = w->start[g + 1] - i, at = i; i < w->start[g + 1]; i++) {
                int64_t from = at + (int64_t)sg_rng_below(&rng, (uint64_t)n);
                w->px[i] = w->x[from];
                w->py[i] = w->y[from];
            }
        double r = rho_within(w, w->px, w->py, &used);
        if (!isnan(r))
            rho[n_rho++] = r;
    }
    if (n_rho >= DRAWS / 2) {
        qsort(rho, (size_t)n_rho, sizeof *rho, by_number);
        c->low = rho[(int64_t)(0.025 * (double)(n_rho - 1))];
        c->high = rho[(int64_t)ceil(0.975 * (double)(n_rho - 1))];
    }
    sg_free(rho);
}

struct sg_correlation sg_spearman_within(const double *x, const double *y, const int64_t *group, int64_t n,
                                         uint64_t seed)
{
    struct sg_correlation c = {.rho = NAN, .low = NAN, .high = NAN};
    size_t room = (size_t)n + 1;
    struct within w = {.start = sg_alloc(room + 1, sizeof *w.start),
                       .order = sg_alloc(room, sizeof *w.order)};
    double *memory = sg_alloc(6 * room, sizeof *memory);
    if (w.start && w.order && memory) {
        w.x = memory;
        w.y = memory + room;
        w.px = memory + 2 * room;
        w.py = memory + 3 * room;
        w.rank = memory + 4 * room;
        for (int64_t i = 0; i < n; i++) { /* a group where it is first met, with all of its values */
            int is_new = !isnan(x[i]) && !isnan(y[i]);
            for (int64_t k = 0; k < i && is_new; k++)
                is_new = group[k] != group[i] || isnan(x[k]) || isnan(y[k]);
            if (!is_new)
                continue;
            for (int64_t k = i; k < n; k++)
                if (group[k] == group[i] && !isnan(x[k]) && !isnan(y[k])) {
                    w.x[w.n] = x[k];
                    w.y[w.n++] = y[k];
                }
            w.start[++w.n_groups] = w.n;
        }
        c.n = w.n;
        c.rho = rho_within(&w, w.x, w.y, &c.n_groups);
        if (c.n >= 5 && !isnan(c.rho))
            bootstrap(&w, seed, &c);
    }
    sg_free(w.start);
    sg_free(w.order);
    sg_free(memory);
    return c;
}

/* ---- the learning curve ---- */

double sg_power_law_at(const struct sg_power_law *f, double n)
{
    return f->a * pow(n, -f->b) + f->c;
}

/* Given b, error = a n^-b + c is linear in a and c: both by weighted least squares, not below 0. Returns the sum of squares. */
static double fit_linear(const double *n, const double *error, const double *weight, int64_t n_points,
                         double b, int with_c, struct sg_power_law *f)
{
    double s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, rest = 0;
    for (int64_t i = 0; i < n_points; i++) {
        double x = pow(n[i], -b), w = weight[i];
        s += w;
        sx += w * x;
        sy += w * error[i];
        sxx += w * x * x;
        sxy += w * x * error[i];
    }
    double det = s * sxx - sx * sx;
    f->b = b;
    f->c = with_c && det > 1e-14 * s * sxx ? (sxx * sy - sx * sxy) / det : 0;
    f->c = fmax(f->c, 0);
    f->a = sxx > 0 ? (sxy - f->c * sx) / sxx : 0;
    if (f->a < 0) { /* no fall at all: the mean */
        f->a = 0;
        f->c = fmax(sy / s, 0);
    }
    for (int64_t i = 0; i < n_points; i++) {
        double e = error[i] - sg_power_law_at(f, n[i]);
        rest += weight[i] * e * e;
    }
    return rest;
}

struct sg_power_law sg_power_law_fit(const double *n, const double *error, const double *se, int64_t n_points)
{
    struct sg_power_law best = {0}, f = {0};
    double least = INFINITY, total = 0, s = 0, sy = 0,
           *weight = sg_alloc((size_t)n_points + 1, sizeof *weight);
    int64_t n_sizes = 0;
    for (int64_t i = 0; i < n_points; i++) {
        int is_new = 1;
        for (int64_t k = 0; k < i; k++)
            is_new &= n[k] != n[i];
        n_sizes += is_new;
    }
    if (n_sizes < 2 || !weight) {
        sg_free(weight);
        return best;
    }
    for (int64_t i = 0; i < n_points; i++) {
        weight[i] = se && se[i] > 0 ? 1 / (se[i] * se[i]) : 1;
        s += weight[i];
        sy += weight[i] * error[i];
    }
    for (int64_t i = 0; i < n_points; i++)
        total += weight[i] * (error[i] - sy / s) * (error[i] - sy / s);
    /* The exponent by a grid, then by golden sections around its best point. */
    enum { GRID = 300 };
    double at = 0.01;
    for (int k = 0; k <= GRID; k++) {
        double b = 0.01 * pow(300, (double)k / GRID),
               rest = fit_linear(n, error, weight, n_points, b, n_sizes > 2, &f);
        if (rest < least) {
            least = rest;
            at = b;
            best = f;
        }
    }
    double step = pow(300, 1.0 / GRID), low = fmax(at / step, 0.01), high = fmin(at * step, 3);
    for (int k = 0; k < 80; k++) {
        double b1 = high - 0.618033988749895 * (high - low), b2 = low + 0.618033988749895 * (high - low);
        struct sg_power_law f1 = {0}, f2 = {0};
        double r1 = fit_linear(n, error, weight, n_points, b1, n_sizes > 2, &f1),
               r2 = fit_linear(n, error, weight, n_points, b2, n_sizes > 2, &f2);
        if (fmin(r1, r2) < least) {
            least = fmin(r1, r2);
            best = r1 < r2 ? f1 : f2;
        }
        if (r1 < r2)
            high = b2;
        else
            low = b1;
    }
    best.ok = 1;
    best.r2 = total > 0 ? 1 - least / total : (double)NAN;
    sg_free(weight);
    return best;
}

double sg_power_law_enough(const struct sg_power_law *f, double step, double gain)
{
    double low = 1, high = 1e9;
    if (sg_power_law_at(f, low) - sg_power_law_at(f, low + step) < gain)
        return 0;
    if (sg_power_law_at(f, high) - sg_power_law_at(f, high + step) >= gain)
        return INFINITY;
    for (int i = 0; i < 200; i++) { /* what a step gives falls with n */
        double middle = sqrt(low * high);
        if (sg_power_law_at(f, middle) - sg_power_law_at(f, middle + step) < gain)
            high = middle;
        else
            low = middle;
    }
    return high;
}

double sg_power_law_inverse(const struct sg_power_law *f, double error)
{
    if (!(error > f->c) || !(f->a > 0))
        return INFINITY;
    return pow((error - f->c) / f->a, -1 / f->b);
}
