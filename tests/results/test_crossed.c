/* Crossed means, differences and spreads against numpy and scipy; what is degenerate; shapes that do not fit. */
#include "results/stats/crossed.h"
#include "results/stats/row_scores.h"
#include "results/stats/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "statistics_oracle.h"

static struct sg_err err;

enum { MOST = 200 };

static struct sg_crossed design(const json_t *of, float y[MOST])
{
    struct sg_crossed d = {.y = y};
    const json_t *values = json_object_get(of, "y"), *n = json_object_get(of, "n");
    assert_true(json_array_size(values) <= MOST && json_array_size(n) == SG_N_AXES);
    for (size_t i = 0; i < json_array_size(values); i++)
        y[i] = (float)at(values, i);
    for (size_t i = 0; i < SG_N_AXES; i++)
        d.n[i] = (int64_t)at(n, i);
    return d;
}

static unsigned axes_of(const struct sg_crossed *a, const struct sg_crossed *b)
{
    unsigned axes = 0;
    for (int i = 0; i < SG_N_AXES; i++)
        axes |= a->n[i] > 1 || b->n[i] > 1 ? 1U << i : 0;
    return axes;
}

/* Sums in another order, and root finders: 1e-10 is far below anything that is shown. */
static void same_effect(const struct sg_effect *e, const json_t *of, size_t i)
{
    near(e->mean, number(of, "mean"), 1e-12, "mean", i);
    near(e->se, number(of, "se"), 1e-12, "se", i);
    near(e->low, number(of, "low"), 1e-10, "low", i);
    near(e->high, number(of, "high"), 1e-10, "high", i);
}

static void means_as_numpy_and_scipy(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    float y[MOST];
    assert_true(json_array_size(oracle_of("designs")) >= 16);
    json_array_foreach (oracle_of("designs"), i, of) {
        struct sg_crossed d = design(of, y);
        struct sg_effect e;
        assert_int_equal(sg_crossed_mean(&d, &e, &err), SG_OK);
        same_effect(&e, of, i);
        near(e.p, number(of, "p"), 1e-10, "p", i);
        assert_int_equal(e.sources, axes_of(&d, &d));
        if (!json_is_true(json_object_get(of, "share")))
            near(sg_t_critical(0.05, fmin(e.df, 1e9)) * e.se, e.high - e.mean, 1e-9,
                 "t of the degrees of freedom", i);
    }
}

static void spreads_as_numpy(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    float y[MOST];
    int n_negative = 0;
    json_array_foreach (oracle_of("designs"), i, of) {
        struct sg_crossed d = design(of, y);
        const json_t *spread = json_object_get(of, "spread");
        struct sg_spread s;
        double sum = 0;
        assert_int_equal(sg_crossed_spread(&d, &s, &err), SG_OK);
        for (size_t axis = 0; axis < SG_N_AXES; axis++) {
            near(s.variance[axis], at(json_object_get(spread, "variance"), axis), 1e-12, "variance", i);
            int negative = json_is_true(json_array_get(json_object_get(spread, "negative"), axis));
            n_negative += negative;
            if (d.n[axis] > 1)
                assert_int_equal(s.was_negative >> axis & 1, negative);
            sum += s.share[axis];
        }
        near(s.rest, number(spread, "rest"), 1e-12, "rest", i);
        near(sum + s.share_rest, 1, 1e-12, "shares", i);
    }
    assert_true(n_negative > 0);
}

static void differences_as_numpy_and_scipy(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    float y[MOST], z[MOST];
    assert_true(json_array_size(oracle_of("differences")) >= 8);
    json_array_foreach (oracle_of("differences"), i, of) {
        struct sg_crossed a = design(json_object_get(of, "a"), y), b = design(json_object_get(of, "b"), z);
        struct sg_effect e, minus;
        assert_int_equal(sg_crossed_difference(&a, &b, &e, &err), SG_OK);
        same_effect(&e, of, i);
        near(e.p, number(of, "p"), 1e-10, "p", i);
        assert_int_equal(e.sources, axes_of(&a, &b));
        assert_int_equal(sg_crossed_difference(&b, &a, &minus, &err), SG_OK);
        near(minus.low, -e.high, 1e-15, "the other way round", i);
        near(minus.p, e.p, 1e-13, "p the other way round", i);
    }
}

static void detectable_as_noncentral_t(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    json_array_foreach (oracle_of("detectable"), i, of) {
        struct sg_effect e = {.se = 2, .df = at(of, 0)};
        near(sg_effect_detectable(&e), 2 * at(of, 1), 2e-3, "detectable", i);
    }
    struct sg_effect e = {.se = 1, .df = INFINITY};
    near(sg_effect_detectable(&e), 1.959964 + 0.841621, 1e-3, "detectable, normal", 0);
    e.se = NAN;
    assert_true(isnan(sg_effect_detectable(&e)));
}

static void what_is_degenerate(void **state)
{
    (void)state;
    float same[24], one[24];
    struct sg_effect e;
    struct sg_spread s;
    int64_t needed[SG_N_AXES];
    for (int i = 0; i < 24; i++) {
        same[i] = 0.7F;
        one[i] = 1;
    }
    /* One number: a mean, and no more. */
    struct sg_crossed y = {.n = {1, 1, 1, 1}, .y = same};
    assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
    assert_true(e.mean == (double)0.7F && isnan(e.low) && isnan(e.high) && isnan(e.se) && e.sources == 0);
    assert_int_equal(sg_crossed_difference(&y, &y, &e, &err), SG_OK);
    assert_true(e.mean == 0 && isnan(e.low) && isnan(e.p));
    assert_int_equal(sg_crossed_spread(&y, &s, &err), SG_OK);
    assert_true(isnan(s.share[SG_AXIS_ROWS]) && isnan(s.share_rest));
    /* Equal scores that are no shares: no spread, but one row of the four may be another one. */
    y = (struct sg_crossed){.n = {1, 3, 2, 4}, .y = same};
    assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
    assert_true(e.mean == (double)0.7F && fabs(e.se - 0.25) < 1e-12 && e.low < e.mean - 0.4 &&
                e.high > e.mean + 0.4);
    /* All right: as sure as the rows are many, whatever the seeds. */
    y.y = one;
    assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
    struct sg_estimate wilson = sg_wilson_ci(4, 4);
    assert_true(e.mean == 1 && e.high == 1 && fabs(e.low - wilson.low) < 1e-12);
    for (int i = 0; i < 24; i++)
        one[i] = 0;
    assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
    assert_true(e.mean == 0 && e.low == 0 && fabs(e.high - (1 - wilson.low)) < 1e-12);
    /* The same predictions twice: no difference, but not for sure. */
    assert_int_equal(sg_crossed_difference(&y, &y, &e, &err), SG_OK);
    assert_true(e.mean == 0 && e.low < -0.1 && e.high > 0.1 && fabs(e.p - 1) < 1e-15);
    assert_int_equal(sg_crossed_needed(&y, 0.01, needed, &err), SG_OK);
    assert_int_equal(needed[SG_AXIS_POOLS], 0);
    /* One row, two draws. */
    y = (struct sg_crossed){.n = {1, 2, 1, 1}, .y = (const float[]){0.5F, 0.7F}};
    assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
    assert_true(e.sources == 1U << SG_AXIS_DRAWS && fabs(e.high - e.mean - 12.706204736 * 0.1) < 1e-6 &&
                fabs(e.df - 1) < 1e-9);
}

static void one_cell_is_wilson(void **state)
{
    (void)state;
    float y[1000] = {0};
    for (int right = 0; right <= 1000; right += 50) {
        struct sg_crossed d = {.n = {1, 1, 1, 1000}, .y = y};
        struct sg_effect e;
        struct sg_estimate wilson = sg_wilson_ci(right, 1000);
        for (int i = 0; i < right; i++)
            y[i] = 1;
        assert_int_equal(sg_crossed_mean(&d, &e, &err), SG_OK);
        assert_true(fabs(e.low - wilson.low) + fabs(e.high - wilson.high) < 1e-12 &&
                    fabs(e.mean - right / 1000.0) < 1e-15);
    }
}

static void a_side_that_lacks_an_axis_is_the_same_for_all_of_it(void **state)
{
    (void)state;
    float a[2 * 3 * 5], b[3 * 5], repeated[2 * 3 * 5];
    for (int i = 0; i < 30; i++) {
        a[i] = (float)((i * 7) % 11) / 11;
        repeated[i] = b[i % 15] = (float)((i % 15 * 5) % 7) / 7;
    }
    struct sg_crossed of_a = {.n = {2, 1, 3, 5}, .y = a}, of_b = {.n = {1, 1, 3, 5}, .y = b},
                      full = {.n = {2, 1, 3, 5}, .y = repeated};
    struct sg_effect e, f;
    assert_int_equal(sg_crossed_difference(&of_a, &of_b, &e, &err), SG_OK);
    assert_int_equal(sg_crossed_difference(&of_a, &full, &f, &err), SG_OK);
    assert_true(e.mean == f.mean && e.se == f.se && e.p == f.p && e.sources == f.sources);
}

static void shapes_that_do_not_fit(void **state)
{
    (void)state;
    float y[24] = {0}, bad[2] = {NAN, 1};
    struct sg_crossed a = {.n = {1, 3, 1, 4}, .y = y}, b = {.n = {1, 2, 1, 4}, .y = y};
    struct sg_effect e = {.mean = 7};
    assert_int_equal(sg_crossed_difference(&a, &b, &e, &err), SG_INPUT);
    b.n[SG_AXIS_DRAWS] = 3;
    b.n[SG_AXIS_ROWS] = 1; /* rows are never repeated */
    assert_int_equal(sg_crossed_difference(&a, &b, &e, &err), SG_INPUT);
    a.n[SG_AXIS_POOLS] = 0;
    assert_int_equal(sg_crossed_mean(&a, &e, &err), SG_INPUT);
    a = (struct sg_crossed){.n = {1, 1, 1, 2}, .y = bad};
    assert_int_equal(sg_crossed_mean(&a, &e, &err), SG_INPUT);
    a = (struct sg_crossed){.n = {1, 2, 3, 4}, .y = y};
    sg_mem_fail_at(1);
    assert_int_equal(sg_crossed_mean(&a, &e, &err), SG_FAILED);
    sg_mem_fail_at(0);
    assert_true(e.mean == 7);
}

static void effects_of_tasks(void **state)
{
    (void)state;
    struct sg_effect x[3] = {{.mean = 0.1, .se = 0.02, .df = 4, .sources = 12},
                             {.mean = 0.2, .se = 0.01, .df = 10, .sources = 14},
                             {.mean = 0.3, .se = 0.03, .df = 2, .sources = 12}};
    struct sg_effect e = sg_effects_mean(x, 3);
    double v = 4e-4 + 1e-4 + 9e-4, df = v * v / (1.6e-7 / 4 + 1e-8 / 10 + 8.1e-7 / 2),
           half = sg_t_critical(0.05, df) * sqrt(v) / 3;
    assert_true(fabs(e.mean - 0.2) < 1e-15 && fabs(e.se - sqrt(v) / 3) < 1e-15 && fabs(e.df - df) < 1e-9);
    assert_true(fabs(e.high - e.mean - half) < 1e-12 && fabs(e.mean - e.low - half) < 1e-12 && e.p < 0.001);
    assert_int_equal(e.sources, 12);
    x[1].se = NAN;
    e = sg_effects_mean(x, 3);
    assert_true(fabs(e.mean - 0.2) < 1e-15 && isnan(e.low) && isnan(e.p) && e.sources == 0);
    assert_true(isnan(sg_effects_mean(x, 0).mean));
}

/* With one axis all is known: +-half of n rows takes n times (half now / half)^2, but for the change of t. */
static void needed_levels(void **state)
{
    (void)state;
    float y[400];
    int64_t needed[SG_N_AXES];
    struct sg_effect e;
    for (int i = 0; i < 400; i++)
        y[i] = i % 4 == 0;
    struct sg_crossed d = {.n = {1, 1, 1, 400}, .y = y};
    assert_int_equal(sg_crossed_needed(&d, 0.01, needed, &err), SG_OK);
    assert_true(needed[SG_AXIS_POOLS] == 0 && needed[SG_AXIS_DRAWS] == 0);
    near((double)needed[SG_AXIS_ROWS], 1.96 * 1.96 * 0.25 * 0.75 / 1e-4, 30, "rows", 0);
    /* Draws that differ by much: no number of rows is enough, some number of draws is. */
    for (int i = 0; i < 400; i++)
        y[i] = (float)(i / 100 % 2) * 0.2F + (float)(i * 37 % 100) / 1000;
    d = (struct sg_crossed){.n = {1, 4, 1, 100}, .y = y};
    assert_int_equal(sg_crossed_needed(&d, 0.02, needed, &err), SG_OK);
    assert_int_equal(needed[SG_AXIS_ROWS], -1);
    assert_true(needed[SG_AXIS_DRAWS] > 50 && needed[SG_AXIS_DRAWS] < 200);
    assert_int_equal(sg_crossed_mean(&d, &e, &err), SG_OK);
    assert_int_equal(sg_crossed_needed(&d, 1.0001 * (e.high - e.mean), needed, &err), SG_OK);
    assert_int_equal(needed[SG_AXIS_DRAWS], 4);
    /* The same less nothing. */
    const float zero[100] = {0};
    struct sg_crossed none = {.n = {1, 1, 1, 100}, .y = zero}, less;
    assert_int_equal(sg_crossed_needed(&none, 0.01, needed, &err), SG_OK);
    assert_int_equal(needed[SG_AXIS_ROWS], 0); /* no spread: nothing to reckon from */
    assert_int_equal(sg_crossed_subtract(&d, &none, &less, &err), SG_OK);
    for (int axis = 0; axis < SG_N_AXES; axis++)
        assert_int_equal(less.n[axis], d.n[axis]);
    assert_memory_equal(less.y, d.y, sizeof y);
    sg_free((void *)(uintptr_t)less.y);
    assert_int_equal(sg_crossed_subtract(&none, &d, &less, &err), SG_OK);
    assert_true(less.n[SG_AXIS_DRAWS] == 4 && less.y[399] == -d.y[399] && less.y[1] == -d.y[1]);
    sg_free((void *)(uintptr_t)less.y);
    none.n[SG_AXIS_ROWS] = 99;
    assert_int_equal(sg_crossed_subtract(&d, &none, &less, &err), SG_INPUT);
    none.n[SG_AXIS_ROWS] = 100;
    for (int k = 1; k <= 2; k++) {
        sg_mem_fail_at(k);
        assert_int_equal(sg_crossed_subtract(&d, &none, &less, &err), SG_FAILED);
    }
    sg_mem_fail_at(0);
}

/* sg_row_scores: the mean is scikit-learn's macro-F1, the standard error near the jackknife's. */
static void scores_of_rows(void **state)
{
    (void)state;
    size_t i;
    json_t *of;
    assert_true(json_array_size(oracle_of("macro_f1")) >= 4);
    json_array_foreach (oracle_of("macro_f1"), i, of) {
        int32_t gold[MOST], predicted[MOST];
        float score[MOST];
        struct sg_effect e;
        const json_t *list = json_object_get(of, "gold");
        int64_t n = (int64_t)json_array_size(list);
        assert_true(n <= MOST);
        for (int64_t r = 0; r < n; r++) {
            gold[r] = (int32_t)at(list, (size_t)r);
            predicted[r] = (int32_t)at(json_object_get(of, "predicted"), (size_t)r);
        }
        int n_classes = (int)number(of, "n_classes");
        assert_int_equal(sg_row_scores_macro_f1(gold, predicted, n, n_classes, score, &err), SG_OK);
        struct sg_crossed y = {.n = {1, 1, 1, n}, .y = score};
        assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
        near(e.mean, number(of, "f1"), 1e-6, "macro-F1", i); /* floats */
        near(e.se, number(of, "jackknife_se"), 0.05 * e.se, "its standard error", i);
    }
    int32_t none[3] = {-1, -1, -1}, gold[3] = {0, 1, 1};
    float score[3];
    assert_int_equal(sg_row_scores_macro_f1(gold, none, 3, 4, score, &err), SG_OK);
    assert_true(score[0] == 0 && score[1] == 0 && score[2] == 0);
    sg_row_scores_accuracy(gold, (const int32_t[]){0, 0, 1}, 3, score);
    assert_true(score[0] == 1 && score[1] == 0 && score[2] == 1);
    sg_mem_fail_at(1);
    assert_int_equal(sg_row_scores_macro_f1(gold, none, 3, 4, score, &err), SG_FAILED);
    sg_mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_as_numpy_and_scipy),
        cmocka_unit_test(spreads_as_numpy),
        cmocka_unit_test(differences_as_numpy_and_scipy),
        cmocka_unit_test(detectable_as_noncentral_t),
        cmocka_unit_test(what_is_degenerate),
        cmocka_unit_test(one_cell_is_wilson),
        cmocka_unit_test(a_side_that_lacks_an_axis_is_the_same_for_all_of_it),
        cmocka_unit_test(shapes_that_do_not_fit),
        cmocka_unit_test(effects_of_tasks),
        cmocka_unit_test(needed_levels),
        cmocka_unit_test(scores_of_rows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
