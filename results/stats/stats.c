#include "results/stats/stats.h"

#include "base/mem.h"

#include <math.h>

/* The regularised incomplete beta function's continued fraction by Lentz's method (Numerical Recipes,
 * section 6.4; DLMF 8.17.22). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < 500; m++) {
        for (int odd = 0; odd < 2; odd++) {
            double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                              : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            h *= d * c;
            if (odd && fabs(d * c - 1) < 1e-15)
                return h;
        }
    }
    return h;
}

static double beta_regularised(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double sg_t_tail(double t, double df)
{
    double half =
        df < 1e7 ? 0.5 * beta_regularised(0.5 * df, 0.5, df / (df + t * t)) : 0.5 * erfc(fabs(t) / sqrt(2));
    return t < 0 ? 1 - half : half;
}

double sg_t_quantile(double p, double df)
{
    if (!(df >= 1) || !(p > 0 && p < 1))
        return (double)NAN;
    double tail = fmin(p, 1 - p), low = 0, high = 1;
    while (sg_t_tail(high, df) > tail && high < 1e300)
        high *= 2;
    for (int i = 0; i < 100 && high > low; i++) { /* bisection, to the last bit of a double */
        double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high)
            break;
        if (sg_t_tail(middle, df) > tail)
            low = middle;
        else
            high = middle;
    }
    return p < 0.5 ? -high : high;
}

double sg_t975(double df)
{
    if (!(df >= 1))
        return (double)NAN;
    /* P(T > t) = I_{df/(df+t^2)}(df/2, 1/2) / 2 falls with t: bisection, to the last bit of a double. */
    double n = df, low = 1.9, high = 12.8; /* t(1) = 12.71 is the largest, 1.96 the limit */
    for (int i = 0; i < 60; i++) {
        double t = 0.5 * (low + high);
        if (0.5 * beta_regularised(0.5 * n, 0.5, n / (n + t * t)) > 0.025)
            low = t;
        else
            high = t;
    }
    return 0.5 * (low + high);
}

struct sg_estimate sg_mean_ci(const double *x, int64_t n)
{
    struct sg_estimate e = {.n = n, .mean = NAN, .low = NAN, .high = NAN};
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    if (n < 1)
        return e;
    e.mean = sum / (double)n;
    if (n < 2)
        return e;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - e.mean) * (x[i] - e.mean);
    double half = sg_t975((double)(n - 1)) * sqrt(squares / (double)(n - 1) / (double)n);
    e.low = e.mean - half;
    e.high = e.mean + half;
    return e;
}

/* The means of x at each level of factor f, in the order in which the levels come; their number. seen, count, mean: (n). */
static int64_t level_means(const double *x, const int64_t *level, int64_t n, int n_factors, int f,
                           int64_t *seen, int64_t *count, double *mean)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t of = level[i * n_factors + f], at = 0;
        if (of < 0)
            continue;
        while (at < k && seen[at] != of)
            at++;
        if (at == k) {
            seen[k] = of;
            count[k] = 0;
            mean[k++] = 0;
        }
        count[at]++;
        mean[at] += x[i];
    }
    for (int64_t i = 0; i < k; i++)
        mean[i] /= (double)count[i];
    return k;
}

struct crossed {
    int n_factors;                  /* of two levels and more */
    double variance, squares_by_df; /* of the mean, over all factors; v_f^2 / df_f */
    double half;                    /* of the widest interval over a unit's means */
};

static void add_factor(struct crossed *c, const double *mean, int64_t k, int is_unit)
{
    if (k < 2)
        return;
    struct sg_estimate e = sg_mean_ci(mean, k);
    double df = (double)(k - 1), t = sg_t975(df), half = e.high - e.mean, v = half / t * (half / t);
    c->n_factors++;
    c->variance += v;
    c->squares_by_df += v * v / df;
    if (is_unit)
        c->half = fmax(c->half, half);
}

static double half_width(const struct crossed *c)
{
    if (c->n_factors == 0)
        return NAN;
    if (!(c->squares_by_df > 0)) /* all the same, or as good as */
        return c->half;
    double df = fmax(1, c->variance * c->variance / c->squares_by_df);
    return fmax(c->half, sg_t975(df) * sqrt(c->variance));
}

sg_status sg_crossed_ci(const double *x, const int64_t *level, int64_t n, int n_factors, int n_units,
                        int64_t *n_levels, struct sg_estimate *out, struct sg_err *err)
{
    struct crossed c = {0};
    double *mean = sg_alloc((size_t)n + 1, sizeof *mean + 2 * sizeof(int64_t));
    if (!mean)
        return sg_fail_memory(err, (size_t)n * 24);
    int64_t *seen = (int64_t *)(void *)(mean + n), *count = seen + n;
    for (int f = 0; f < n_factors; f++) {
        n_levels[f] = level_means(x, level, n, n_factors, f, seen, count, mean);
        add_factor(&c, mean, n_levels[f], f < n_units);
    }
    sg_free(mean);
    struct sg_estimate e = sg_mean_ci(x, n);
    double half = half_width(&c);
    e.low = e.mean - half;
    e.high = e.mean + half;
    *out = e;
    return SG_OK;
}

struct sg_estimate sg_wilson_ci(double right, int64_t n)
{
    struct sg_estimate e = {.n = n, .mean = NAN, .low = NAN, .high = NAN};
    if (n < 1)
        return e;
    const double z = 1.959963984540054; /* 0.975 quantile of the normal distribution */
    double m = (double)n, p = right / m, z2 = z * z;
    double middle = (p + z2 / (2 * m)) / (1 + z2 / m),
           half = z / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
    e.mean = p;
    e.low = right <= 0 ? 0 : middle - half;
    e.high = right >= m ? 1 : middle + half;
    return e;
}
