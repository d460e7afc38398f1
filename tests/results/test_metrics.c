/* Metrics against scikit-learn, intervals against scipy: tests/oracle/metrics.json, made by
 * tests/oracle/make_metrics.py. */
#include "base/file.h"
#include "base/mem.h"
#include "results/stats/metrics.h"
#include "results/stats/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>

static json_t *oracle;

static void near(double found, const json_t *expected, double tolerance, const char *what, size_t i)
{
    if (json_is_null(expected) ? !isnan(found) : !(fabs(found - json_number_value(expected)) <= tolerance))
        fail_msg("%s, case %zu: %.17g instead of %.17g", what, i, found, json_number_value(expected));
}

static void as_scikit_learn(void **state)
{
    (void)state;
    size_t i;
    json_t *c;
    assert_true(json_array_size(json_object_get(oracle, "cases")) >= 9);
    json_array_foreach (json_object_get(oracle, "cases"), i, c) {
        int n_classes = (int)json_integer_value(json_object_get(c, "n_classes"));
        const json_t *rows = json_object_get(c, "logits"), *labels = json_object_get(c, "gold");
        size_t n = json_array_size(rows);
        int32_t *gold = sg_alloc(n, sizeof *gold);
        float *logits = sg_alloc(n * (size_t)n_classes, sizeof *logits);
        for (size_t r = 0; r < n; r++) {
            gold[r] = (int32_t)json_integer_value(json_array_get(labels, r));
            for (int k = 0; k < n_classes; k++)
                logits[r * (size_t)n_classes + (size_t)k] =
                    (float)json_number_value(json_array_get(json_array_get(rows, r), (size_t)k));
        }
        struct sg_metrics m;
        struct sg_class_metrics per_class[26];
        sg_metrics_of(gold, logits, (int64_t)n, n_classes, &m, per_class);
        /* Counts are exact; ratios may differ in the last bits by the order of operations. */
        near(m.accuracy, json_object_get(c, "accuracy"), 1e-15, "accuracy", i);
        near(m.macro_f1, json_object_get(c, "macro_f1"), 1e-14, "macro-F1", i);
        near(m.f1, json_object_get(c, "f1"), 1e-14, "F1", i);
        /* scikit-learn clips probabilities at 2e-16 and normalises them again. */
        near(m.loss, json_object_get(c, "loss"), 1e-10, "loss", i);
        int64_t n_gold = 0, n_predicted = 0;
        for (size_t k = 0; k < (size_t)n_classes; k++) {
            near(per_class[k].precision, json_array_get(json_object_get(c, "precision"), k), 1e-15,
                 "precision", i);
            near(per_class[k].recall, json_array_get(json_object_get(c, "recall"), k), 1e-15, "recall", i);
            near(per_class[k].f1, json_array_get(json_object_get(c, "per_class_f1"), k), 1e-14, "class F1",
                 i);
            n_gold += per_class[k].n_gold;
            n_predicted += per_class[k].n_predicted;
        }
        assert_true(n_gold == (int64_t)n && n_predicted == (int64_t)n);
        struct sg_metrics without;
        sg_metrics_of(gold, logits, (int64_t)n, n_classes, &without, NULL);
        assert_true(without.accuracy == m.accuracy && without.loss == m.loss);
        sg_free(gold);
        sg_free(logits);
    }
}

static void as_scipy(void **state)
{
    (void)state;
    size_t i;
    json_t *c;
    json_array_foreach (json_object_get(oracle, "t975"), i, c)
        near(sg_t975((double)json_integer_value(json_array_get(c, 0))), json_array_get(c, 1), 1e-9, "t", i);
    assert_true(i >= 40);
    json_array_foreach (json_object_get(oracle, "wilson95"), i, c) {
        int64_t right = json_integer_value(json_array_get(c, 0)),
                n = json_integer_value(json_array_get(c, 1));
        struct sg_estimate e = sg_wilson_ci((double)right, n);
        near(e.low, json_array_get(c, 2), 1e-12, "Wilson, low", i);
        near(e.high, json_array_get(c, 3), 1e-12, "Wilson, high", i);
        assert_true(e.mean == (double)right / (double)n && e.n == n);
    }
    const double x[] = {0.5, 0.7, 0.9};
    struct sg_estimate e = sg_mean_ci(x, 3);
    assert_true(fabs(e.mean - 0.7) < 1e-15);
    assert_true(fabs(e.high - e.mean - 4.302652729911275 * 0.2 / sqrt(3)) < 1e-9 &&
                fabs(e.mean - e.low - (e.high - e.mean)) < 1e-12);
}

static void edges(void **state)
{
    (void)state;
    struct sg_metrics m;
    sg_metrics_of(NULL, NULL, 0, 2, &m, NULL);
    assert_true(m.n == 0 && isnan(m.accuracy) && isnan(m.macro_f1) && isnan(m.f1) && isnan(m.loss));
    const float tie[] = {1, 3, 3}, far[] = {-200, 200};
    assert_int_equal(sg_argmax(tie, 3), 1);
    const int32_t gold = 0;
    sg_metrics_of(&gold, far, 1, 2, &m, NULL); /* exp would overflow or vanish */
    assert_true(fabs(m.loss - 400) < 1e-9);
    struct sg_estimate e = sg_mean_ci(NULL, 0);
    assert_true(isnan(e.mean) && isnan(e.low));
    const double one = 0.5;
    e = sg_mean_ci(&one, 1);
    assert_true(e.mean == 0.5 && isnan(e.low) && isnan(e.high));
    assert_true(isnan(sg_wilson_ci(0, 0).mean));
    assert_true(isnan(sg_t975(0)));
}

static int setup(void **state)
{
    (void)state;
    char *text = NULL;
    struct sg_err err;
    if (sg_file_read("tests/oracle/metrics.json", 1 << 24, &text, NULL, &err) != SG_OK)
        return -1;
    oracle = json_loads(text, 0, NULL);
    sg_free(text);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_scikit_learn), cmocka_unit_test(as_scipy),
                                       cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
