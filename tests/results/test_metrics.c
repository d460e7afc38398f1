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
static struct sg_err err;

static void near(double found, const json_t *expected, double tolerance, const char *what, size_t i)
{
    if (json_is_null(expected) ? !isnan(found) : !(fabs(found - json_number_value(expected)) <= tolerance))
        fail_msg("%s, case %zu: %.17g instead of %.17g", what, i, found, json_number_value(expected));
}

/* Predicted classes alone give the same, and the confusion matrix. */
static void of_labels(const json_t *c, const int32_t *gold, const float *logits, int64_t n, int n_classes,
                      const struct sg_metrics *all, size_t i)
{
    int32_t *predicted = sg_alloc((size_t)n, sizeof *predicted);
    int64_t counts[26 * 26];
    struct sg_metrics m;
    for (int64_t r = 0; r < n; r++)
        predicted[r] = sg_argmax(logits + r * n_classes, n_classes);
    sg_metrics_of_labels(gold, predicted, n, n_classes, &m, NULL);
    assert_true(m.accuracy == all->accuracy && m.macro_f1 == all->macro_f1 && m.mcc == all->mcc);
    assert_true(m.balanced_accuracy == all->balanced_accuracy && m.weighted_f1 == all->weighted_f1);
    assert_true(isnan(m.loss) && isnan(m.brier) && isnan(m.ece));
    sg_confusion(gold, predicted, n, n_classes, counts);
    for (int k = 0; k < n_classes * n_classes; k++)
        near((double)counts[k], json_array_get(json_object_get(c, "confusion"), (size_t)k), 0, "confusion",
             i);
    sg_free(predicted);
}

/* Ties between probabilities are in one bin, whichever row comes first. */
static void in_another_order(const int32_t *gold, const float *logits, int64_t n, int n_classes,
                             const struct sg_metrics *all)
{
    int32_t *g = sg_alloc((size_t)n, sizeof *g);
    float *l = sg_alloc((size_t)(n * n_classes), sizeof *l);
    struct sg_metrics m;
    for (int64_t r = 0; r < n; r++) {
        g[r] = gold[n - 1 - r];
        for (int k = 0; k < n_classes; k++)
            l[r * n_classes + k] = logits[(n - 1 - r) * n_classes + k];
    }
    assert_int_equal(sg_metrics_of(g, l, n, n_classes, &m, NULL, &err), SG_OK);
    assert_int_equal(sg_metrics_of(g, l, n, SG_MAX_CLASSES + 1, &m, NULL, &err),
                     SG_FAILED); /* as a damaged ledger may say */
    assert_true(fabs(m.ece - all->ece) < 1e-14 && fabs(m.brier - all->brier) < 1e-14);
    sg_free(g);
    sg_free(l);
}

static void as_scikit_learn(void **state)
{
    (void)state;
    size_t i;
    json_t *c;
    assert_true(json_array_size(json_object_get(oracle, "cases")) >= 11);
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
        assert_int_equal(sg_metrics_of(gold, logits, (int64_t)n, n_classes, &m, per_class, &err), SG_OK);
        /* Counts are exact; ratios may differ in the last bits by the order of operations. */
        near(m.accuracy, json_object_get(c, "accuracy"), 1e-15, "accuracy", i);
        near(m.macro_f1, json_object_get(c, "macro_f1"), 1e-14, "macro-F1", i);
        near(m.f1, json_object_get(c, "f1"), 1e-14, "F1", i);
        near(m.balanced_accuracy, json_object_get(c, "balanced_accuracy"), 1e-14, "balanced accuracy", i);
        near(m.weighted_f1, json_object_get(c, "weighted_f1"), 1e-14, "weighted F1", i);
        near(m.mcc, json_object_get(c, "mcc"), 1e-14, "MCC", i);
        near(m.brier, json_object_get(c, "brier"), 1e-13, "Brier", i);
        near(m.ece, json_object_get(c, "ece"), 1e-13, "ECE", i);
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
        assert_int_equal(sg_metrics_of(gold, logits, (int64_t)n, n_classes, &without, NULL, &err), SG_OK);
        assert_true(without.accuracy == m.accuracy && without.loss == m.loss);
        of_labels(c, gold, logits, (int64_t)n, n_classes, &m, i);
        in_another_order(gold, logits, (int64_t)n, n_classes, &m);
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
        near(sg_t_critical(0.05, (double)json_integer_value(json_array_get(c, 0))), json_array_get(c, 1),
             1e-9, "t", i);
    assert_true(i >= 40);
    json_array_foreach (json_object_get(oracle, "wilson95"), i, c) {
        int64_t right = json_integer_value(json_array_get(c, 0)),
                n = json_integer_value(json_array_get(c, 1));
        struct sg_estimate e = sg_wilson_ci((double)right, n);
        near(e.low, json_array_get(c, 2), 1e-12, "Wilson, low", i);
        near(e.high, json_array_get(c, 3), 1e-12, "Wilson, high", i);
        assert_true(e.mean == (double)right / (double)n && e.n == n);
    }
}

static void edges(void **state)
{
    (void)state;
    struct sg_metrics m;
    assert_int_equal(sg_metrics_of(NULL, NULL, 0, 2, &m, NULL, &err), SG_OK);
    assert_true(m.n == 0 && isnan(m.loss));
#define X(name, ...) assert_true(isnan(m.name));
    SG_METRICS(X)
#undef X
    const float tie[] = {1, 3, 3}, far[] = {-200, 200};
    assert_int_equal(sg_argmax(tie, 3), 1);
    const int32_t gold = 0;
    assert_int_equal(sg_metrics_of(&gold, far, 1, 2, &m, NULL, &err),
                     SG_OK); /* exp would overflow or vanish */
    assert_true(fabs(m.loss - 400) < 1e-9 && m.brier == 2 && m.ece == 1);
    assert_true(m.balanced_accuracy == 0 && m.mcc == 0 && m.weighted_f1 == 0);
    sg_mem_fail_at(1);
    assert_int_equal(sg_metrics_of(&gold, far, 1, 2, &m, NULL, &err), SG_FAILED);
    sg_mem_fail_at(0);
    /* One class in all rows, all right: no correlation can be told. */
    const int32_t ones[] = {1, 1, 1}, some[] = {1, -1, 0};
    int64_t counts[9];
    sg_metrics_of_labels(ones, ones, 3, 3, &m, NULL);
    assert_true(m.mcc == 0 && m.balanced_accuracy == 1 && m.weighted_f1 == 1 && m.accuracy == 1);
    /* A row without a prediction: wrong, in no column of the matrix. */
    sg_metrics_of_labels(ones, some, 3, 3, &m, NULL);
    sg_confusion(ones, some, 3, 3, counts);
    assert_true(fabs(m.accuracy - 1.0 / 3) < 1e-15 && m.mcc == 0 && counts[4] == 1 && counts[3] == 1);
    assert_true(counts[0] + counts[1] + counts[2] + counts[5] + counts[6] + counts[7] + counts[8] == 0);
    /* As scikit-learn with another label for what has no prediction: matthews_corrcoef([0, 1], [0, 2]), ([0, 1, 1, 0, 2], [0, 3, 1, 0, 3]). */
    const int32_t five[] = {0, 1, 1, 0, 2}, of_five[] = {0, -1, 1, 0, -1};
    sg_metrics_of_labels(five, of_five, 2, 2, &m, NULL);
    assert_true(fabs(m.mcc - 0.5) < 1e-15);
    sg_metrics_of_labels(five, of_five, 5, 3, &m, NULL);
    assert_true(fabs(m.mcc - 0.5625) < 1e-15);
    assert_true(isnan(sg_wilson_ci(0, 0).mean));
}

static int setup(void **state)
{
    (void)state;
    char *text = NULL;
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
