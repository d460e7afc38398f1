/* Against scikit-learn (tests/oracle/make_logistic.py): coefficients within 1e-6, probabilities, predictions; the same bits from every
 * table of kernels; what must not be fitted; classes without rows; and the choice of c. */
#include "../base/check.h"

#include "base/file.h"
#include "model/kernels/ops.h"
#include "model/logistic.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum { N_TEST = 20, MAX_N = 700, MAX_C = 384, MAX_K = 26 };

/* Rows, labels and weights of a problem, as make_logistic.py makes them. */
static float x[(MAX_N + N_TEST) * MAX_C];
static int32_t label[MAX_N + N_TEST];
static double weight[MAX_N + N_TEST];
static float logits[(MAX_N + N_TEST) * MAX_K];

static uint64_t mix(uint64_t z)
{
    z = (z + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double unit(int seed, int what, int64_t i)
{
    uint64_t z = mix(((uint64_t)seed << 40) + ((uint64_t)what << 36) + (uint64_t)i);
    return (double)((int64_t)(z >> 40) - (1 << 23)) / (double)(1 << 23);
}

static void make_rows(int64_t n, int C, int K, int seed, int weighted)
{
    for (int64_t i = 0; i < n; i++) {
        double u = (unit(seed, 1, i) + 1.0) / 2.0;
        label[i] = (int32_t)floor(u * u * K);
        weight[i] = weighted ? fmax(unit(seed, 4, i) + 0.75, 0.0) : 1.0;
        for (int c = 0; c < C; c++) {
            double center = unit(seed, 3, (int64_t)label[i] * C + c);
            x[i * C + c] =
                (float)((unit(seed, 2, i * C + c) + 0.5 * center + 0.25) * ldexp(1.0, -1 - ilogb(c + 1)));
        }
    }
}

static json_t *problems(json_t **file)
{
    char *text = NULL;
    json_error_t where;
    OK(sg_file_read("tests/oracle/logistic.json", 1 << 20, &text, NULL, &err));
    *file = json_loads(text, 0, &where);
    sg_free(text);
    assert_non_null(*file);
    return json_object_get(*file, "problems");
}

static int64_t whole(const json_t *problem, const char *key)
{
    return json_integer_value(json_object_get(problem, key));
}

static void near(double have, const json_t *want, double tolerance, const char *what, size_t problem,
                 size_t i)
{
    if (!(fabs(have - json_number_value(want)) <= tolerance))
        fail_msg("problem %zu: %s %zu is %.9f, not %.9f", problem, what, i, have, json_number_value(want));
}

static void softmax(const float *z, int K, double *p)
{
    double max = -INFINITY, sum = 0.0;
    for (int k = 0; k < K; k++)
        max = fmax(max, (double)z[k]);
    for (int k = 0; k < K; k++)
        sum += p[k] = exp((double)z[k] - max);
    for (int k = 0; k < K; k++)
        p[k] /= sum;
}

static int32_t argmax(const float *z, int K)
{
    int32_t best = 0;
    for (int k = 1; k < K; k++)
        best = z[k] > z[best] ? k : best;
    return best;
}

/* Probabilities and the classes chosen, of N_TEST rows behind the n. */
static void compare_predictions(const struct sg_logistic *p, const json_t *problem, int64_t n, size_t at)
{
    json_t *value, *classes = json_object_get(problem, "classes");
    int K = p->n_classes;
    size_t i, n_present = json_array_size(classes);
    sg_logistic_logits(p, x + n * p->c_dim, N_TEST, logits);
    json_array_foreach (json_object_get(problem, "probability"), i, value) {
        double probability[MAX_K];
        size_t k = (size_t)json_integer_value(json_array_get(classes, i % n_present));
        softmax(logits + i / n_present * (size_t)K, K, probability);
        near(probability[k], value, 5e-7, "probability", at, i); /* logits are floats */
    }
    json_array_foreach (json_object_get(problem, "predicted"), i, value)
        assert_int_equal(argmax(logits + i * (size_t)K, K), json_integer_value(value));
}

static void equals_scikit_learn(void **state)
{
    json_t *file, *all = problems(&file), *problem, *value;
    size_t at, i;
    (void)state;
    assert_int_equal(json_array_size(all), 60);
    json_array_foreach (all, at, problem) {
        int64_t n = whole(problem, "n"), stride = whole(problem, "stride");
        int C = (int)whole(problem, "C"), K = (int)whole(problem, "K");
        int weighted = json_is_true(json_object_get(problem, "weighted"));
        struct sg_logistic_settings s = {.c = json_number_value(json_object_get(problem, "c"))};
        struct sg_logistic p;
        double sum = 0.0;
        assert_true(n <= MAX_N && C <= MAX_C && K <= MAX_K);
        make_rows(n + N_TEST, C, K, (int)whole(problem, "seed"), weighted);
        OK(sg_logistic_fit(x, label, weighted ? weight : NULL, n, C, K, &s, &p, &err));
        json_t *classes = json_object_get(problem, "classes");
        assert_int_equal(p.n_present, json_array_size(classes));
        assert_int_equal(p.n_vectors, p.n_present == 2 ? 1 : p.n_present);
        json_array_foreach (classes, i, value)
            assert_int_equal(p.present[i], json_integer_value(value));
        json_array_foreach (json_object_get(problem, "coef"), i, value)
            near(p.w[(int64_t)i * stride], value, 1e-6, "coefficient", at, i);
        json_array_foreach (json_object_get(problem, "intercept"), i, value)
            near(p.b[i], value, 1e-6, "intercept", at, i);
        for (int64_t j = 0; j < (int64_t)p.n_vectors * C; j++)
            sum += fabs(p.w[j]);
        near(sum, json_object_get(problem, "coef_abs_sum"), 1e-7 * p.n_vectors * C + 1e-6, "sum", at, 0);
        compare_predictions(&p, problem, n, at);
        sg_logistic_free(&p);
    }
    json_decref(file);
}

/* Tables that round products alike give all the same bits; the others coefficients that are near. */
static void tables_agree(void **state)
{
    static const struct {
        int64_t n;
        int C, K;
    } shape[] = {{37, 5, 2}, {300, 48, 6}, {450, 384, 3}, {120, 21, 26}};
    const struct sg_ops *const *ops = sg_ops_all(SG_FP32);
    (void)state;
    for (int i = 0; i < N_OF(shape); i++) {
        struct sg_logistic_settings s = {.c = 10.0};
        struct sg_logistic first[8] = {{0}};
        make_rows(shape[i].n, shape[i].C, shape[i].K, 70 + i, 1);
        for (int t = 0; ops[t]; t++) {
            setenv("SG_OPS", ops[t]->name, 1);
            struct sg_logistic *p = &first[t];
            OK(sg_logistic_fit(x, label, weight, shape[i].n, shape[i].C, shape[i].K, &s, p, &err));
            size_t n_w = (size_t)p->n_vectors * (size_t)p->c_dim;
            for (int u = 0; u < t; u++) {
                int bits = ops[u]->rounding == ops[t]->rounding || p->n_vectors == 1;
                for (size_t j = 0; j < n_w; j++)
                    if (bits ? p->w[j] != first[u].w[j] : fabs(p->w[j] - first[u].w[j]) > 1e-6)
                        fail_msg("shape %d, %s and %s: w[%zu] is %.17g and %.17g", i, ops[t]->name,
                                 ops[u]->name, j, p->w[j], first[u].w[j]);
                if (bits)
                    assert_memory_equal(p->b, first[u].b, (size_t)p->n_vectors * sizeof *p->b);
            }
        }
        for (int t = 0; ops[t]; t++)
            sg_logistic_free(&first[t]);
    }
    unsetenv("SG_OPS");
}

static void classes_without_rows(void **state)
{
    struct sg_logistic_settings s = {.c = 1.0};
    struct sg_logistic p;
    enum { N = 60, C = 8, K = 5 };
    (void)state;
    make_rows(N + N_TEST, C, 2, 80, 0);
    for (int i = 0; i < N; i++)
        label[i] = label[i] ? 4 : 1;
    OK(sg_logistic_fit(x, label, NULL, N, C, K, &s, &p, &err));
    assert_int_equal(p.n_vectors, 1);
    sg_logistic_logits(&p, x, N, logits);
    for (int i = 0; i < N; i++) {
        const float *z = logits + i * K, least = fminf(z[1], z[4]) - (float)SG_LOGISTIC_ABSENT;
        assert_true(z[1] == 0.0f && z[0] == least && z[2] == least && z[3] == least);
    }
    sg_logistic_free(&p);
    for (int i = 0; i < N; i++)
        weight[i] = label[i] == 4 ? 0.5 : 0.0; /* one class is left */
    OK(sg_logistic_fit(x, label, weight, N, C, K, &s, &p, &err));
    sg_logistic_logits(&p, x, N, logits);
    for (int i = 0; i < N; i++) {
        assert_int_equal(argmax(logits + i * K, K), 4);
        assert_true(logits[i * K] == -(float)SG_LOGISTIC_ABSENT && logits[i * K + 4] == 0.0f);
    }
    sg_logistic_free(&p);
}

/* A weight of 2 is the row twice, and one of 0 no row. */
static void weights_are_repetitions(void **state)
{
    struct sg_logistic_settings s = {.c = 3.0};
    struct sg_logistic weighted, repeated;
    enum { N = 90, C = 12, K = 3 };
    (void)state;
    make_rows(N, C, K, 81, 0);
    for (int i = 0; i < N; i++)
        weight[i] = i % 3;
    OK(sg_logistic_fit(x, label, weight, N, C, K, &s, &weighted, &err));
    float *y = sg_alloc(N * C, sizeof *y);
    int32_t *of = sg_alloc(N, sizeof *of);
    int n = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < i % 3; j++, n++) {
            memcpy(y + n * C, x + i * C, C * sizeof *y);
            of[n] = label[i];
        }
    OK(sg_logistic_fit(y, of, NULL, n, C, K, &s, &repeated, &err));
    for (int j = 0; j < K * C; j++)
        assert_true(fabs(weighted.w[j] - repeated.w[j]) < 1e-6);
    sg_logistic_free(&weighted);
    sg_logistic_free(&repeated);
    sg_free(y);
    sg_free(of);
}

static const double grid[] = {0.001, 0.1, 10.0, 1000.0};

/* Labels that x does not tell want much penalty, those that it tells exactly want little; and the fit is then that of the c
 * chosen. */
static void c_is_chosen(void **state)
{
    struct sg_logistic_settings s = {.c = 1.0, .n_c_grid = N_OF(grid), .c_grid = grid, .folds = 4},
                                plain = {0};
    struct sg_logistic p, q;
    enum { N = 120, C = 10, K = 3 };
    (void)state;
    make_rows(N, C, K, 82, 0);
    for (int i = 0; i < N; i++)
        label[i] = (int32_t)(mix((uint64_t)i) % K);
    OK(sg_logistic_fit(x, label, NULL, N, C, K, &s, &p, &err));
    assert_true(p.chosen_c == 0.001);
    sg_logistic_free(&p);
    for (int i = 0; i < N; i++)
        label[i] = x[i * C] > 0.5f ? 2 : x[i * C] > 0.0f;
    OK(sg_logistic_fit(x, label, NULL, N, C, K, &s, &p, &err));
    assert_true(p.chosen_c >= 10.0);
    plain.c = p.chosen_c;
    OK(sg_logistic_fit(x, label, NULL, N, C, K, &plain, &q, &err));
    assert_memory_equal(p.w, q.w, K * C * sizeof *p.w);
    sg_logistic_free(&p);
    sg_logistic_free(&q);
    for (int i = 0; i < K; i++)
        label[i] = i; /* a row a class: nothing to choose by */
    OK(sg_logistic_fit(x, label, NULL, K, C, K, &s, &p, &err));
    assert_true(p.chosen_c == 1.0);
    sg_logistic_free(&p);
}

static void what_is_refused(void **state)
{
    struct sg_logistic_settings s = {.c = 1.0}, bad;
    struct sg_logistic p = {.n_classes = -7};
    const double down[] = {1.0, 0.5}, zero[] = {0.0, 0.5};
    enum { N = 30, C = 6, K = 3 };
    (void)state;
    make_rows(N, C, K, 83, 1);
#define FIT(weight_, n_, s_) sg_logistic_fit(x, label, weight_, n_, C, K, s_, &p, &err)
    FAILS(SG_INPUT, "rows", FIT(NULL, 0, &s));
    for (int i = 0; i < 3; i++) {
        bad = (struct sg_logistic_settings){.c = (const double[]){0.0, NAN, INFINITY}[i]};
        FAILS(SG_INPUT, "above 0", FIT(NULL, N, &bad));
    }
    bad = (struct sg_logistic_settings){.c = 1.0, .n_c_grid = 2, .c_grid = down, .folds = 5};
    FAILS(SG_INPUT, "ascend", FIT(NULL, N, &bad));
    bad.c_grid = zero;
    FAILS(SG_INPUT, "above 0", FIT(NULL, N, &bad));
    bad.c_grid = grid;
    bad.folds = 1;
    FAILS(SG_INPUT, "folds", FIT(NULL, N, &bad));
    for (int i = 0; i < 3; i++) {
        double before = weight[7];
        weight[7] = (const double[]){-0.5, NAN, INFINITY}[i];
        FAILS(SG_INPUT, "row 7: a weight", FIT(weight, N, &s));
        weight[7] = before;
    }
    double none[N] = {0};
    FAILS(SG_INPUT, "add up", FIT(none, N, &s));
    for (int i = 0; i < 3; i++) {
        float before = x[11 * C + 5];
        x[11 * C + 5] = (const float[]){NAN, INFINITY, -INFINITY}[i];
        FAILS(SG_INPUT, "row 11", FIT(NULL, N, &s));
        x[11 * C + 5] = before;
    }
    label[4] = K;
    FAILS(SG_INPUT, "row 4: label 3 of 3", FIT(NULL, N, &s));
    label[4] = -1;
    FAILS(SG_INPUT, "row 4", FIT(NULL, N, &s));
    label[4] = 0;
    x[0] = 3e38f;
    FAILS(SG_FAILED, "minimum", FIT(NULL, N, &s));
    assert_int_equal(p.n_classes, -7);
}

static sg_status chosen_fit(void)
{
    struct sg_logistic_settings s = {.c = 1.0, .n_c_grid = 2, .c_grid = grid, .folds = 2};
    struct sg_logistic p;
    SG_TRY(sg_logistic_fit(x, label, NULL, 40, 6, 3, &s, &p, &err));
    sg_logistic_free(&p);
    return SG_OK;
}

static void memory_runs_out(void **state)
{
    (void)state;
    make_rows(40, 6, 3, 84, 0);
    assert_true(fail_each_allocation(chosen_fit) > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scikit_learn),  cmocka_unit_test(tables_agree),
        cmocka_unit_test(classes_without_rows), cmocka_unit_test(weights_are_repetitions),
        cmocka_unit_test(c_is_chosen),          cmocka_unit_test(what_is_refused),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
