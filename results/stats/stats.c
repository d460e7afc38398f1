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
    for (int m = 1; m < 10000; m++) {
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

double sg_beta_regularised(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double sg_t_two_sided(double t, double df)
{
    if (!(df < 1e7))
        return erfc(fabs(t) / sqrt(2));
    return sg_beta_regularised(0.5 * df, 0.5, df / (df + t * t));
}

double sg_root(double (*f)(double x, const void *of), const void *of, double low, double high)
{
    double at_low = f(low, of), at_high = f(high, of);
    for (int i = 0, side = 0; i < 200 && high - low > 1e-14 * fabs(high); i++) {
        double x = (low * at_high - high * at_low) / (at_high - at_low);
        if (!(x > low && x < high))
            x = 0.5 * (low + high);
        double y = f(x, of);
        if (fabs(y) < 1e-14)
            return x;
        if (y > 0) {
            at_high *= side > 0 ? 0.5 : 1;
            side = 1;
            low = x;
            at_low = y;
        } else {
            at_low *= side < 0 ? 0.5 : 1;
            side = -1;
            high = x;
            at_high = y;
        }
    }
    return 0.5 * (low + high);
}

struct tail {
    double p, df;
};

/* Over log t, in which tails of few degrees of freedom are straight. */
static double above_p(double log_t, const void *of)
{
    const struct tail *tail = of;
    return log(sg_t_two_sided(exp(log_t), tail->df) / tail->p);
}

double sg_t_critical(double p, double df)
{
    struct tail of = {p, df};
    double high = 1;
    if (!(df > 0) || !(p > 0 && p <= 1))
        return df > 0 && p <= 0 ? (double)INFINITY : (double)NAN;
    if (df == 1)
        return 1 / tan(0.5 * M_PI * p);
    if (df == 2)
        return (1 - p) * sqrt(2 / (p * (2 - p)));
    while (high < 1e300 && sg_t_two_sided(high, df) > p)
        high *= 2;
    double low = high > 1 ? 0.5 * high : fmin(1e-3, 1 - p);
    return p < 1 ? exp(sg_root(above_p, &of, log(low), log(high))) : 0;
}

void sg_wilson(double p, double n, double z, double *low, double *high)
{
    double z2 = z * z, middle = (p + z2 / (2 * n)) / (1 + z2 / n),
           half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    *low = p <= 0 ? 0 : middle - half;
    *high = p >= 1 ? 1 : middle + half;
}

struct sg_estimate sg_wilson_ci(double right, int64_t n)
{
    struct sg_estimate e = {.n = n, .mean = NAN, .low = NAN, .high = NAN};
    if (n < 1)
        return e;
    e.mean = right / (double)n;
    sg_wilson(e.mean, (double)n, 1.959963984540054 /* the 0.975 quantile of the normal distribution */,
              &e.low, &e.high);
    return e;
}

struct sg_estimate sg_newcombe_ci(double right_1, int64_t n_1, double right_2, int64_t n_2, double level)
{
    struct sg_estimate e = {.n = n_1 < n_2 ? n_1 : n_2, .mean = NAN, .low = NAN, .high = NAN};
    if (e.n < 1)
        return e;
    double z = sg_t_critical(1 - level, (double)INFINITY), p_1 = right_1 / (double)n_1,
           p_2 = right_2 / (double)n_2, low_1, high_1, low_2, high_2;
    sg_wilson(p_1, (double)n_1, z, &low_1, &high_1);
    sg_wilson(p_2, (double)n_2, z, &low_2, &high_2);
    e.mean = p_1 - p_2;
    e.low = e.mean - hypot(p_1 - low_1, high_2 - p_2);
    e.high = e.mean + hypot(high_1 - p_1, p_2 - low_2);
    return e;
}
