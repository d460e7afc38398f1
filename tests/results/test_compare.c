/* McNemar and Holm against statsmodels, Spearman against scipy, power laws against scipy.optimize.curve_fit; their edges. */
#include "results/stats/compare.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "statistics_oracle.h"

enum { MOST = 100 };

static size_t numbers(const json_t *array, double x[MOST])
{
    size_t n = json_array_size(array);
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++)
        x[i] = at(array, i);
    return n;
}

static void mcnemar_as_statsmodels(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    assert_true(json_array_size(oracle_of("mcnemar")) >= 9);
    json_array_foreach (oracle_of("mcnemar"), i, of)
        /* relative: lgamma of 60,000 loses digits in the exponent */
        near(sg_mcnemar((int64_t)at(of, 0), (int64_t)at(of, 1)), at(of, 2), 1e-10 * at(of, 2), "McNemar", i);
}

static void holm_as_statsmodels(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    json_array_foreach (oracle_of("holm"), i, of) {
        double p[MOST], with_nan[MOST + 1] = {NAN};
        size_t n = numbers(json_array_get(of, 0), p);
        memcpy(with_nan + 1, p, n * sizeof *p);
        sg_holm(p, (int64_t)n);
        sg_holm(with_nan, (int64_t)n + 1);
        for (size_t k = 0; k < n; k++) {
            near(p[k], at(json_array_get(of, 1), k), 1e-15, "Holm", i);
            assert_true(with_nan[k + 1] == p[k]);
        }
        assert_true(isnan(with_nan[0]));
    }
    sg_holm(NULL, 0);
}

static void spearman_as_scipy(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    json_array_foreach (oracle_of("spearman"), i, of) {
        double x[MOST], y[MOST];
        int64_t n = (int64_t)numbers(json_array_get(of, 0), x), group[MOST] = {0};
        numbers(json_array_get(of, 1), y);
        near(sg_spearman(x, y, n), at(of, 2), 1e-14, "Spearman", i);
        near(sg_spearman_within(x, y, group, n, 1).rho, at(of, 2), 1e-14, "Spearman in one group", i);
    }
    const double x[] = {1, 2, 3}, constant[] = {5, 5, 5};
    assert_true(isnan(sg_spearman(x, x, 2)) && isnan(sg_spearman(x, constant, 3)) &&
                sg_spearman(x, x, 3) == 1);
}

static void spearman_within_groups(void **state)
{
    (void)state;
    /* Within each group the two fall against each other; over all they rise. */
    double x[18], y[18];
    int64_t group[18];
    for (int i = 0; i < 18; i++) {
        group[i] = 7 - i % 3;
        x[i] = 10 * (i % 3) + i / 3;
        y[i] = 10 * (i % 3) - i / 3;
    }
    struct sg_correlation c = sg_spearman_within(x, y, group, 18, 5);
    assert_true(sg_spearman(x, y, 18) > 0.5 && fabs(c.rho + 1) < 1e-15 && c.n == 18 && c.n_groups == 3);
    assert_true(fabs(c.low + 1) < 1e-15 && fabs(c.high + 1) < 1e-15);
    /* Deterministic; another seed is other draws. */
    for (int i = 0; i < 18; i++)
        y[i] = (i * 11) % 18;
    c = sg_spearman_within(x, y, group, 18, 5);
    struct sg_correlation again = sg_spearman_within(x, y, group, 18, 5),
                          other = sg_spearman_within(x, y, group, 18, 6);
    assert_true(again.low == c.low && again.high == c.high && (other.low != c.low || other.high != c.high));
    assert_true(c.low < c.rho && c.rho < c.high && c.low >= -1 && c.high <= 1);
    /* Too few: no interval, or nothing at all. */
    c = sg_spearman_within(x, y, group, 4, 5);
    assert_true(isnan(c.rho) && isnan(c.low) && c.n == 4 && c.n_groups == 0);
    const int64_t one[] = {1, 1, 1, 1};
    c = sg_spearman_within(x, y, one, 4, 5);
    assert_true(!isnan(c.rho) && isnan(c.low) && isnan(c.high) && c.n_groups == 1);
    assert_true(isnan(sg_spearman_within(x, y, group, 0, 5).rho));
    /* Holes are left out, wherever they are. */
    double with[20] = {NAN, 3}, holes[20] = {1, NAN};
    int64_t groups[20] = {7, 6};
    memcpy(with + 2, x, sizeof x);
    memcpy(holes + 2, y, sizeof y);
    memcpy(groups + 2, group, sizeof group);
    again = sg_spearman_within(x, y, group, 18, 5);
    c = sg_spearman_within(with, holes, groups, 20, 5);
    assert_true(c.n == 18 && c.n_groups == 3 && c.rho == again.rho && c.low == again.low);
}

/* 25 pairs of correlation 0.6 (Spearman's 0.582): how often the interval has it. Percentile intervals of a correlation of few are a
 * little short; 120 of 150 is what nobody would call 95 % any more. */
static void spearman_interval_holds(void **state)
{
    (void)state;
    enum { N = 25, N_STUDIES = 150 };
    struct sg_rng rng = sg_rng_make(16, 3);
    int n_held = 0;
    for (int s = 0; s < N_STUDIES; s++) {
        double x[N], y[N];
        int64_t group[N];
        for (int i = 0; i < N; i++) {
            group[i] = i % 2;
            x[i] = sg_rng_normal(&rng);
            y[i] = 0.6 * x[i] + 0.8 * sg_rng_normal(&rng);
        }
        struct sg_correlation c = sg_spearman_within(x, y, group, N, (uint64_t)s);
        n_held += c.low <= 0.582 && 0.582 <= c.high;
    }
    print_message("Spearman: %d of %d intervals\n", n_held, N_STUDIES);
    assert_true(n_held > 127 && n_held < N_STUDIES);
}

static void power_laws_as_curve_fit(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    assert_true(json_array_size(oracle_of("curves")) >= 5);
    json_array_foreach (oracle_of("curves"), i, of) {
        double n[MOST], error[MOST], se[MOST];
        size_t n_points = numbers(json_object_get(of, "n"), n);
        const json_t *fit = json_object_get(of, "fit");
        numbers(json_object_get(of, "error"), error);
        int weighted = numbers(json_object_get(of, "se"), se) > 0;
        struct sg_power_law f = sg_power_law_fit(n, error, weighted ? se : NULL, (int64_t)n_points);
        assert_true(f.ok);
        /* Least squares are flat at the bottom: two optimisers agree to about the root of their tolerance. */
        near(f.b, at(fit, 1), 1e-4, "b", i);
        near(f.a, at(fit, 0), 1e-4 * (1 + at(fit, 0)), "a", i);
        near(f.c, at(fit, 2), 1e-4, "c", i);
        near(f.r2, number(of, "r2"), 1e-6, "r2", i);
        double left = 0;
        for (size_t k = 0; k < n_points; k++)
            left += pow((error[k] - sg_power_law_at(&f, n[k])) / (weighted ? se[k] : 1), 2);
        assert_true(left <= number(of, "left") * (1 + 1e-6) + 1e-9); /* never worse than scipy's */
    }
}

static void power_law_edges(void **state)
{
    (void)state;
    const double n[] = {10, 20, 40, 80, 20}, two[] = {0.4, 0.3, 0.3}, flat[] = {0.2, 0.2, 0.2, 0.2},
                 rising[] = {0.1, 0.2, 0.3, 0.4}, bad[] = {NAN, 0.3, NAN, INFINITY};
    assert_int_equal(sg_power_law_fit(n, two, NULL, 1).ok, 0);
    assert_int_equal(sg_power_law_fit(n, bad, NULL, 4).ok, 0);
    assert_int_equal(sg_power_law_fit(NULL, NULL, NULL, 0).ok, 0);
    struct sg_power_law f = sg_power_law_fit(n, two, NULL, 2);
    assert_true(f.ok && f.c == 0 && fabs(sg_power_law_at(&f, 10) - 0.4) < 1e-6 &&
                fabs(sg_power_law_at(&f, 20) - 0.3) < 1e-6);
    f = sg_power_law_fit(n, flat, NULL, 4); /* no curve: more data gives nothing */
    assert_true(f.ok && fabs(sg_power_law_at(&f, 1000) - 0.2) < 0.02 && isnan(f.r2));
    f = sg_power_law_fit(n, rising, NULL, 4);
    assert_true(f.ok && f.a < 1e-9 && fabs(f.c - 0.25) < 1e-9 && fabs(f.r2) < 1e-9);
    assert_true(sg_power_law_enough(&f, 100, 0.001) == 0);
    assert_true(sg_power_law_inverse(&f, 0.3) == 0 && isinf(sg_power_law_inverse(&f, 0.2)));

    f = (struct sg_power_law){.ok = 1, .a = 2, .b = 0.5, .c = 0.1};
    double enough = sg_power_law_enough(&f, 100, 0.001);
    assert_true(enough > 1 &&
                fabs(sg_power_law_at(&f, enough) - sg_power_law_at(&f, enough + 100) - 0.001) < 1e-9);
    assert_true(isinf(sg_power_law_enough(&f, 100, 0)) && sg_power_law_enough(&f, 100, 5) == 0);
    assert_true(fabs(sg_power_law_inverse(&f, sg_power_law_at(&f, 777)) - 777) < 1e-6);
    assert_true(isinf(sg_power_law_inverse(&f, 0.1)) && isinf(sg_power_law_inverse(&f, 0.05)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar_as_statsmodels),  cmocka_unit_test(holm_as_statsmodels),
        cmocka_unit_test(spearman_as_scipy),       cmocka_unit_test(spearman_within_groups),
        cmocka_unit_test(spearman_interval_holds), cmocka_unit_test(power_laws_as_curve_fit),
        cmocka_unit_test(power_law_edges),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
