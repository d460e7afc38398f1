/* The power law of compare.h. For a given b it is linear in a and c; the best b is looked for. */
#include "results/stats/compare.h"

#include <math.h>

static const double B_LEAST = 0.01, B_MOST = 3, N_MOST = 1e9;

struct points {
    const double *n, *error, *se;
    int64_t n_points;
    double n_unit; /* the smallest size: of what powers are taken */
    int with_c;
};

static int is_point(const struct points *p, int64_t i)
{
    return p->n[i] > 0 && isfinite(p->n[i]) && isfinite(p->error[i]);
}

static double weight(const struct points *p, int64_t i)
{
    double se = p->se ? p->se[i] : 0;
    return se > 0 && isfinite(se) ? 1 / (se * se) : 1;
}

static double squares_left(const struct points *p, double a, double b, double c)
{
    double sum = 0;
    for (int64_t i = 0; i < p->n_points; i++) {
        if (!is_point(p, i))
            continue;
        double e = p->error[i] - a * pow(p->n[i] / p->n_unit, -b) - c;
        sum += weight(p, i) * e * e;
    }
    return sum;
}

/* The best a >= 0 and c >= 0 for b; what is left. */
static double best_line(const struct points *p, double b, double *a, double *c)
{
    double w = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int64_t i = 0; i < p->n_points; i++) {
        if (!is_point(p, i))
            continue;
        double wi = weight(p, i), xi = pow(p->n[i] / p->n_unit, -b);
        w += wi;
        x += wi * xi;
        y += wi * p->error[i];
        xx += wi * xi * xi;
        xy += wi * xi * p->error[i];
    }
    *a = fmax(0, xy / xx); /* through 0 */
    *c = 0;
    double left = squares_left(p, *a, b, 0);
    if (!p->with_c)
        return left;
    double determinant = w * xx - x * x, inner_a = (w * xy - x * y) / determinant,
           inner_c = (xx * y - x * xy) / determinant, flat = fmax(0, y / w);
    if (determinant > 0 && inner_a >= 0 && inner_c >= 0 && squares_left(p, inner_a, b, inner_c) <= left) {
        *a = inner_a;
        *c = inner_c;
        left = squares_left(p, *a, b, *c);
    }
    if (squares_left(p, 0, b, flat) < left) {
        *a = 0;
        *c = flat;
        left = squares_left(p, 0, b, flat);
    }
    return left;
}

/* Golden section in log b, about the best of a grid. */
static double best_b(const struct points *p)
{
    enum { N_GRID = 120 };
    const double step = log(B_MOST / B_LEAST) / N_GRID, golden = 0.5 * (sqrt(5) - 1);
    double a, c, least = INFINITY, at = 0;
    for (int i = 0; i <= N_GRID; i++) {
        double left = best_line(p, B_LEAST * exp(step * i), &a, &c);
        if (left < least) {
            least = left;
            at = i;
        }
    }
    double low = fmax(0, at - 1) * step, high = fmin(N_GRID, at + 1) * step;
    for (int i = 0; i < 60; i++) {
        double one = high - golden * (high - low), two = low + golden * (high - low);
        if (best_line(p, B_LEAST * exp(one), &a, &c) <= best_line(p, B_LEAST * exp(two), &a, &c))
            high = two;
        else
            low = one;
    }
    double inner = B_LEAST * exp(0.5 * (low + high)), grid = B_LEAST * exp(step * at);
    return best_line(p, inner, &a, &c) <= least ? inner : grid;
}

static int n_sizes(const struct points *p)
{
    int n = 0;
    for (int64_t i = 0; i < p->n_points; i++) {
        int is_new = is_point(p, i);
        for (int64_t k = 0; k < i && is_new; k++)
            is_new = !is_point(p, k) || p->n[k] < p->n[i] || p->n[k] > p->n[i];
        n += is_new;
    }
    return n;
}

struct sg_power_law sg_power_law_fit(const double *n, const double *error, const double *se, int64_t n_points)
{
    struct points p = {.n = n, .error = error, .se = se, .n_points = n_points, .n_unit = INFINITY};
    struct sg_power_law f = {0};
    int sizes = n_sizes(&p);
    if (sizes < 2)
        return f;
    p.with_c = sizes > 2;
    double w = 0, y = 0;
    for (int64_t i = 0; i < n_points; i++)
        if (is_point(&p, i)) {
            p.n_unit = fmin(p.n_unit, n[i]);
            w += weight(&p, i);
            y += weight(&p, i) * error[i];
        }
    f.ok = 1;
    f.b = best_b(&p);
    double left = best_line(&p, f.b, &f.a, &f.c), all = squares_left(&p, 0, 1, y / w);
    f.r2 = all > 0 ? 1 - left / all : (double)NAN;
    f.a *= pow(p.n_unit, f.b);
    return f;
}

double sg_power_law_at(const struct sg_power_law *f, double n)
{
    return f->a * pow(n, -f->b) + f->c;
}

double sg_power_law_enough(const struct sg_power_law *f, double step, double gain)
{
    if (f->a <= 0 || sg_power_law_at(f, 1) - sg_power_law_at(f, 1 + step) < gain)
        return 0;
    if (!(sg_power_law_at(f, N_MOST) - sg_power_law_at(f, N_MOST + step) < gain))
        return INFINITY;
    double low = 0, high = log(N_MOST);
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high), n = exp(middle);
        if (sg_power_law_at(f, n) - sg_power_law_at(f, n + step) < gain)
            high = middle;
        else
            low = middle;
    }
    return exp(high);
}

double sg_power_law_inverse(const struct sg_power_law *f, double error)
{
    if (f->a <= 0)
        return error >= f->c ? 0 : (double)INFINITY;
    return error > f->c ? pow(f->a / (error - f->c), 1 / f->b) : (double)INFINITY;
}
