/* Crossed means, differences and their small tests: against scipy, statsmodels and scikit-learn (tests/oracle/compare.json, made by
 * tests/oracle/make_compare.py), and by simulated studies whose truth is known. */
#include "base/mem.h"
#include "base/rng.h"
#include "results/stats/compare.h"
#include "results/stats/crossed.h"
#include "results/stats/row_scores.h"
#include "results/stats/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct sg_err err;
static json_t *oracle;

static double number_of(const json_t *j, const char *name)
{
    return json_number_value(json_object_get(j, name));
}

static double *numbers_of(const json_t *j, const char *name, int64_t *n)
{
    const json_t *list = json_object_get(j, name);
    *n = (int64_t)json_array_size(list);
    double *x = sg_alloc((size_t)*n + 1, sizeof *x);
    assert_true(x && *n > 0);
    for (int64_t i = 0; i < *n; i++)
        x[i] = json_number_value(json_array_get(list, (size_t)i));
    return x;
}

static void near(double found, double expected, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s: %.17g instead of %.17g", what, found, expected);
}

static void quantiles(void **state)
{
    size_t i;
    json_t *c;
    (void)state;
    json_array_foreach (json_object_get(oracle, "t"), i, c)
        near(sg_t_quantile(number_of(c, "p"), number_of(c, "df")) / number_of(c, "x"), 1, 1e-9,
             "t's quantile");
    assert_true(sg_t_quantile(0.3, 5) < 0 && isnan(sg_t_quantile(1, 5)) && isnan(sg_t_quantile(0.5, 0)));
}

static void small_tests(void **state)
{
    size_t i;
    json_t *c;
    int64_t n, m;
    (void)state;
    json_array_foreach (json_object_get(oracle, "mcnemar"), i, c)
        near(sg_mcnemar((int64_t)number_of(c, "a"), (int64_t)number_of(c, "b")), number_of(c, "p"), 1e-12,
             "McNemar");
    const json_t *holm = json_object_get(oracle, "holm");
    double *p = numbers_of(holm, "p", &n), *adjusted = numbers_of(holm, "adjusted", &m);
    sg_holm(p, n);
    for (int64_t k = 0; k < n; k++)
        near(p[k], adjusted[k], 1e-15, "Holm");
    double hole[] = {0.01, NAN, 0.02};
    sg_holm(hole, 3);
    assert_true(hole[0] == 0.02 && isnan(hole[1]) && hole[2] == 0.02);
    sg_free(p);
    sg_free(adjusted);
}

static void correlations(void **state)
{
    size_t i;
    json_t *c;
    (void)state;
    json_array_foreach (json_object_get(oracle, "spearman"), i, c) {
        int64_t n;
        double *x = numbers_of(c, "x", &n), *y = numbers_of(c, "y", &n);
        near(sg_spearman(x, y, n), number_of(c, "rho"), 1e-12, "Spearman");
        sg_free(x);
        sg_free(y);
    }
    /* Within two groups of opposite level the correlation is perfect, over all of them it is not; holes are left out. */
    double x[] = {1, 2, 3, 4, 11, 12, 13, 14, NAN}, y[] = {11, 12, 13, 14, 1, 2, 3, 4, 0};
    int64_t group[] = {7, 7, 7, 7, 9, 9, 9, 9, 9};
    struct sg_correlation within = sg_spearman_within(x, y, group, 9, 1);
    assert_true(within.n == 8 && within.n_groups == 2 && within.rho == 1 && within.high == 1 &&
                within.low > 0.9);
    assert_true(sg_spearman(x, y, 8) < 0);
    within = sg_spearman_within(x, y, group, 4, 1);
    assert_true(within.n == 4 && isnan(within.low));
    assert_true(isnan(sg_spearman_within(x, x, group, 2, 1).rho));
}

static void power_laws(void **state)
{
    size_t i;
    json_t *c;
    (void)state;
    json_array_foreach (json_object_get(oracle, "power_law"), i, c) {
        int64_t n;
        double rest = 0, *size = numbers_of(c, "n", &n), *e = numbers_of(c, "error", &n),
               *se = numbers_of(c, "se", &n);
        struct sg_power_law f = sg_power_law_fit(size, e, se, n);
        for (int64_t k = 0; k < n; k++)
            rest += pow((e[k] - sg_power_law_at(&f, size[k])) / se[k], 2);
        /* scipy's best of three starts leaves no less. */
        assert_true(f.ok && rest <= number_of(c, "rest") * (1 + 1e-6) + 1e-9);
        near(sg_power_law_at(&f, 40), number_of(c, "at_40"), 2e-4, "the curve at 40");
        near(sg_power_law_at(&f, sg_power_law_inverse(&f, 0.4)), 0.4, 1e-9, "inverse");
        sg_free(size);
        sg_free(e);
        sg_free(se);
    }
    struct sg_power_law f = {.ok = 1, .a = 1, .b = 0.5, .c = 0.1};
    double enough = sg_power_law_enough(&f, 100, 0.01);
    near(sg_power_law_at(&f, enough) - sg_power_law_at(&f, enough + 100), 0.01, 1e-9, "enough");
    assert_true(sg_power_law_enough(&f, 100, 1) == 0 && isinf(sg_power_law_inverse(&f, 0.1)));
    double one[] = {5, 5}, flat[] = {0.3, 0.3}, two[] = {10, 20};
    assert_int_equal(sg_power_law_fit(one, flat, NULL, 2).ok, 0);
    f = sg_power_law_fit(two, flat, NULL, 2);
    near(sg_power_law_at(&f, 15), 0.3, 1e-3, "a flat curve");
}

static void by_hand(void **state)
{
    (void)state;
    const json_t *c = json_object_get(oracle, "crossed");
    int64_t n, axes;
    double *y = numbers_of(c, "y", &n), *sizes = numbers_of(c, "n", &axes);
    float *f = sg_alloc((size_t)n, sizeof *f);
    struct sg_crossed x = {.y = f};
    struct sg_effect e;
    struct sg_spread s;
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)y[i];
    for (int64_t i = 0; i < axes; i++)
        x.n[i] = (int64_t)sizes[i];
    assert_int_equal(sg_crossed_mean(&x, &e, &err), SG_OK);
    near(e.mean, number_of(c, "mean"), 1e-15, "mean");
    near(e.high - e.mean, number_of(c, "half"), 1e-12, "half");
    near(e.se, number_of(c, "se"), 1e-14, "se");
    assert_true(e.sources == (1u << SG_AXIS_DRAWS | 1u << SG_AXIS_ROWS));
    assert_int_equal(sg_crossed_spread(&x, &s, &err), SG_OK);
    near(s.variance[SG_AXIS_DRAWS], number_of(c, "draw"), 1e-14, "draws");
    near(s.variance[SG_AXIS_ROWS], number_of(c, "row"), 1e-14, "rows");
    near(s.share[0] + s.share[1] + s.share[2] + s.share[3] + s.share_rest, 1, 1e-12, "shares");
    int64_t needed[SG_N_AXES];
    assert_int_equal(sg_crossed_needed(&x, 10, needed, &err), SG_OK);
    assert_true(needed[SG_AXIS_POOLS] == 0 && needed[SG_AXIS_DRAWS] == 2 && needed[SG_AXIS_ROWS] >= 2);
    assert_int_equal(sg_crossed_needed(&x, 1e-9, needed, &err), SG_OK);
    assert_true(needed[SG_AXIS_ROWS] == -1);
    sg_free(y);
    sg_free(sizes);
    sg_free(f);
}

static void edges(void **state)
{
    (void)state;
    float all[20], some[20];
    struct sg_effect e;
    for (int i = 0; i < 20; i++) {
        all[i] = 1;
        some[i] = i < 12 ? 1 : 0;
    }
    struct sg_crossed one = {.n = {1, 1, 1, 20}, .y = all}, other = {.n = {1, 1, 1, 20}, .y = some},
                      two = {.n = {1, 2, 1, 10}, .y = all}, single = {.n = {1, 1, 1, 1}, .y = all};
    assert_int_equal(sg_crossed_mean(&one, &e, &err), SG_OK); /* 20 of 20 is no certainty: Wilson */
    assert_true(e.mean == 1 && e.high == 1 && e.low > 0.8 && e.low < 0.85);
    assert_int_equal(sg_crossed_mean(&two, &e, &err), SG_OK);
    assert_true(e.mean == 1 && e.low < 0.75);
    assert_int_equal(sg_crossed_mean(&single, &e, &err), SG_OK);
    assert_true(e.mean == 1 && isnan(e.low) && e.sources == 0);
    assert_int_equal(sg_crossed_difference(&one, &one, &e, &err), SG_OK);
    assert_true(e.mean == 0 && e.low == 0 && e.p == 1);
    assert_int_equal(sg_crossed_difference(&one, &other, &e, &err), SG_OK);
    assert_true(fabs(e.mean - 0.4) < 1e-6 && e.low > 0.1 && e.p == sg_mcnemar(8, 0));
    /* One draw against two: the pair is averaged, and draws are in the interval. */
    float draws[20];
    for (int i = 0; i < 20; i++)
        draws[i] = i < 10 ? 0 : 1;
    struct sg_crossed ten = {.n = {1, 1, 1, 10}, .y = all}, drawn = {.n = {1, 2, 1, 10}, .y = draws};
    assert_int_equal(sg_crossed_difference(&ten, &drawn, &e, &err), SG_OK);
    assert_true(e.mean == 0.5 && (e.sources & 1u << SG_AXIS_DRAWS) && e.low < 0 && e.p > 0.05);
    struct sg_crossed three = {.n = {1, 3, 1, 6}, .y = all}, pair = {.n = {1, 2, 1, 6}, .y = all};
    assert_int_equal(sg_crossed_difference(&three, &pair, &e, &err), SG_INPUT);
    /* Two effects of the same interval: their mean's is narrower by the root of two. */
    struct sg_effect x[2] = {{.mean = 0.1, .low = 0, .high = 0.2, .se = 0.05, .df = 50, .sources = 8},
                             {.mean = 0.3, .low = 0.2, .high = 0.4, .se = 0.05, .df = 50, .sources = 8}};
    e = sg_effects_mean(x, 2);
    near(e.mean, 0.2, 1e-15, "mean of effects");
    near(e.high - e.mean, 0.1 / sqrt(2), 1e-12, "its half");
    near(sg_effect_detectable(&x[0]), 0.1 + 0.05 * 0.849, 1e-3, "detectable");
}

static void scores_of_rows(void **state)
{
    (void)state;
    const json_t *c = json_object_get(oracle, "macro_f1");
    int64_t n;
    double *g = numbers_of(c, "gold", &n), *q = numbers_of(c, "predicted", &n);
    int32_t gold[60], predicted[60];
    float score[60];
    struct sg_effect e;
    assert_int_equal(n, 60);
    for (int i = 0; i < 60; i++) {
        gold[i] = (int32_t)g[i];
        predicted[i] = (int32_t)q[i];
    }
    assert_int_equal(sg_row_scores_macro_f1(gold, predicted, 60, 4, score, &err), SG_OK);
    struct sg_crossed y = {.n = {1, 1, 1, 60}, .y = score};
    assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
    near(e.mean, number_of(c, "f1"), 1e-6, "the scores' mean");
    near(e.se / number_of(c, "jackknife_se"), 1, 0.05, "its error beside the jackknife's");
    /* No class predicted, a class that is nowhere. */
    for (int i = 0; i < 60; i++)
        predicted[i] = -1;
    assert_int_equal(sg_row_scores_macro_f1(gold, predicted, 60, 6, score, &err), SG_OK);
    for (int i = 0; i < 60; i++)
        assert_true(score[i] == 0);
    sg_row_scores_accuracy(gold, gold, 60, score);
    assert_true(score[0] == 1 && score[59] == 1);
    sg_free(g);
    sg_free(q);
}

/* ---- simulated studies ---- */

enum { MAX_LEVELS = 5, MAX_ROWS = 1000 };

/* Effects on a latent number, whose sign says whether a row is right: of rows, of each seed axis, of its interaction with rows. */
struct world {
    int64_t n[SG_N_AXES];
    double sd[SG_N_AXES], with_rows, rest;
};

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

/* One classifier's y. effect (axes, levels) of the seeds; row (rows): shared. truth: its mean over all that could have been drawn; an axis of one
 * level is given, not drawn. */
static void simulate(const struct world *w, double shift, double effect[SG_AXIS_ROWS][MAX_LEVELS],
                     const double *row, struct sg_rng *rng, float *y, double *truth)
{
    static double cross[SG_AXIS_ROWS][MAX_LEVELS][MAX_ROWS];
    int64_t rows = w->n[SG_AXIS_ROWS];
    double given = shift, variance = w->rest * w->rest + w->sd[SG_AXIS_ROWS] * w->sd[SG_AXIS_ROWS];
    for (int f = 0; f < SG_AXIS_ROWS; f++) {
        variance += w->with_rows * w->with_rows;
        if (w->n[f] > 1)
            variance += w->sd[f] * w->sd[f];
        else
            given += effect[f][0];
        for (int64_t k = 0; k < w->n[f]; k++)
            for (int64_t r = 0; r < rows; r++)
                cross[f][k][r] = effect[f][k] + w->with_rows * sg_rng_normal(rng);
    }
    *truth = normal_cdf(given / sqrt(variance));
    for (int64_t p = 0; p < w->n[0]; p++)
        for (int64_t d = 0; d < w->n[1]; d++)
            for (int64_t t = 0; t < w->n[2]; t++)
                for (int64_t r = 0; r < rows; r++)
                    *y++ = shift + row[r] + cross[0][p][r] + cross[1][d][r] + cross[2][t][r] +
                                       w->rest * sg_rng_normal(rng) >
                                   0
                               ? 1.0F
                               : 0.0F;
}

static void draw_seeds(const struct world *w, double share, struct sg_rng *rng,
                       double shared[SG_AXIS_ROWS][MAX_LEVELS], double effect[SG_AXIS_ROWS][MAX_LEVELS])
{
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        for (int64_t k = 0; k < w->n[f]; k++)
            effect[f][k] = w->sd[f] * (sqrt(share) * shared[f][k] + sqrt(1 - share) * sg_rng_normal(rng));
}

struct seen {
    int covers, claims, pair_covers;
    double width, pair_width;
};

/* Two classifiers on the same rows and seeds, without a difference in truth. */
static struct seen study(const struct world *w, uint64_t seed, uint64_t at, float *a, float *b)
{
    static double row[MAX_ROWS];
    double shared[SG_AXIS_ROWS][MAX_LEVELS], ea[SG_AXIS_ROWS][MAX_LEVELS], eb[SG_AXIS_ROWS][MAX_LEVELS],
        truth_a, truth_b;
    struct sg_rng rng = sg_rng_make(seed, at);
    struct seen s = {0};
    struct sg_effect x, y, d;
    for (int64_t r = 0; r < w->n[SG_AXIS_ROWS]; r++)
        row[r] = w->sd[SG_AXIS_ROWS] * sg_rng_normal(&rng);
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        for (int k = 0; k < MAX_LEVELS; k++)
            shared[f][k] = sg_rng_normal(&rng);
    draw_seeds(w, 0.7, &rng, shared, ea);
    draw_seeds(w, 0.7, &rng, shared, eb);
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        if (w->n[f] == 1) /* given, and the same to both: no difference in truth */
            eb[f][0] = ea[f][0];
    simulate(w, 0.8, ea, row, &rng, a, &truth_a);
    simulate(w, 0.8, eb, row, &rng, b, &truth_b);
    struct sg_crossed ya = {.y = a}, yb = {.y = b};
    for (int f = 0; f < SG_N_AXES; f++)
        ya.n[f] = yb.n[f] = w->n[f];
    assert_int_equal(sg_crossed_mean(&ya, &x, &err), SG_OK);
    assert_int_equal(sg_crossed_mean(&yb, &y, &err), SG_OK);
    assert_int_equal(sg_crossed_difference(&ya, &yb, &d, &err), SG_OK);
    s.covers = x.low <= truth_a && truth_a <= x.high;
    s.pair_covers = d.low <= truth_a - truth_b && truth_a - truth_b <= d.high;
    s.width = sqrt(pow(x.high - x.low, 2) + pow(y.high - y.low, 2));
    s.pair_width = d.high - d.low;
    s.claims = d.p < 0.05;
    return s;
}

/* What the designs and the sizes of the effects are; SG_STUDIES=N studies of each, with a table. */
static void coverage(void **state)
{
    (void)state;
    static const int64_t designs[][SG_N_AXES] = {
        {1, 1, 1, 50},   {1, 1, 1, 1000}, {1, 1, 3, 200}, {1, 2, 2, 200}, {1, 3, 3, 50},
        {1, 3, 3, 1000}, {2, 3, 2, 200},  {3, 3, 1, 200}, {1, 5, 5, 200}, {1, 5, 3, 1000}};
    const char *many = getenv("SG_STUDIES");
    int n_studies = many ? atoi(many) : 250;
    float *a = sg_alloc((size_t)125 * MAX_ROWS, sizeof *a), *b = sg_alloc((size_t)125 * MAX_ROWS, sizeof *b);
    int all = 0, covers = 0, pairs = 0, claims = 0;
    assert_true(a && b && n_studies > 0);
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        struct world w = {.sd = {0.1, 0.15, 0.08, 1.2}, .with_rows = 0.4, .rest = 0.4};
        struct seen sum = {0};
        for (int f = 0; f < SG_N_AXES; f++)
            w.n[f] = designs[i][f];
        for (int k = 0; k < n_studies; k++) {
            struct seen s = study(&w, 77 + i, (uint64_t)k, a, b);
            sum.covers += s.covers;
            sum.pair_covers += s.pair_covers;
            sum.claims += s.claims;
            sum.width += s.width / n_studies;
            sum.pair_width += s.pair_width / n_studies;
        }
        if (many)
            printf("%lld pools x %lld draws x %lld trainings, %4lld rows: mean %.1f %%, difference %.1f %%, "
                   "p < 0.05 in %.1f %%, width %.2f of two\n",
                   (long long)w.n[0], (long long)w.n[1], (long long)w.n[2], (long long)w.n[3],
                   100.0 * sum.covers / n_studies, 100.0 * sum.pair_covers / n_studies,
                   100.0 * sum.claims / n_studies, sum.pair_width / sum.width);
        /* Four standard errors below 95 %, and for the tests above 5 %. */
        double slack = 4 * sqrt(0.05 * 0.95 / n_studies);
        if (sum.covers < (0.94 - slack) * n_studies || sum.pair_covers < (0.94 - slack) * n_studies)
            fail_msg("design %zu: %d and %d of %d intervals hold the truth", i, sum.covers, sum.pair_covers,
                     n_studies);
        assert_true(sum.pair_width < 0.9 * sum.width);
        all += n_studies;
        covers += sum.covers;
        pairs += sum.pair_covers;
        claims += sum.claims;
    }
    double n = all, slack = 4 * sqrt(0.05 * 0.95 / n);
    print_message("of %d studies %.1f %% of the means and %.1f %% of the differences are held; %.1f %% claim "
                  "one that is none\n",
                  all, 100 * covers / n, 100 * pairs / n, 100 * claims / n);
    assert_true(covers > (0.94 - slack) * n && covers < (0.975 + slack) * n && pairs > (0.94 - slack) * n);
    assert_true(claims < (0.05 + slack) * n);
    sg_free(a);
    sg_free(b);
}

static int setup(void **state)
{
    (void)state;
    json_error_t why;
    oracle = json_load_file("tests/oracle/compare.json", 0, &why);
    return oracle ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(oracle);
    return sg_mem_now() ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quantiles),      cmocka_unit_test(small_tests),
                                       cmocka_unit_test(correlations),   cmocka_unit_test(power_laws),
                                       cmocka_unit_test(by_hand),        cmocka_unit_test(edges),
                                       cmocka_unit_test(scores_of_rows), cmocka_unit_test(coverage)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
