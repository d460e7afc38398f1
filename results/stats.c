#include "results/stats.h"

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

double sg_t975(int64_t df)
{
    if (df < 1)
        return (double)NAN;
    /* P(T > t) = I_{df/(df+t^2)}(df/2, 1/2) / 2 falls with t: bisection, to the last bit of a double. */
    double n = (double)df, low = 1.9, high = 12.8; /* t(1) = 12.71 is the largest, 1.96 the limit */
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
    double half = sg_t975(n - 1) * sqrt(squares / (double)(n - 1) / (double)n);
    e.low = e.mean - half;
    e.high = e.mean + half;
    return e;
}

struct sg_estimate sg_wilson_ci(int64_t right, int64_t n)
{
    struct sg_estimate e = {.n = n, .mean = NAN, .low = NAN, .high = NAN};
    if (n < 1)
        return e;
    const double z = 1.959963984540054; /* 0.975 quantile of the normal distribution */
    double m = (double)n, p = (double)right / m, z2 = z * z;
    double middle = (p + z2 / (2 * m)) / (1 + z2 / m),
           half = z / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
    e.mean = p;
    e.low = right == 0 ? 0 : middle - half;
    e.high = right == n ? 1 : middle + half;
    return e;
}
