/* Every table of kernels against `ref`, and `ref` against finite differences, over shapes that no vector
 * length divides.
 *
 * Tolerance 2e-5 of the largest value: float32 sums in another order. Products, masks and AdamW must be equal to the
 * bit, and tables with fused multiply-adds to each other in everything. */
#include "base/mem.h"
#include "base/rng.h"
#include "model/kernels/ops.h"
#include "model/kernels/vmath.h"
#include "model/kernels/vmath_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sg_rng rng;

static float *noise(int64_t n)
{
    float *x = sg_alloc((size_t)n + 1, sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)sg_rng_normal(&rng);
    return x;
}

static float *copy(const float *x, int64_t n)
{
    float *y = sg_alloc((size_t)n + 1, sizeof *y);
    memcpy(y, x, (size_t)n * sizeof *y);
    return y;
}

static void near(const char *what, const struct sg_ops *ops, const float *have, const float *want, int64_t n)
{
    float most = 1e-3f;
    for (int64_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(want[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(have[i] - want[i]) <= 2e-5f * most))
            fail_msg("%s of %s: [%lld] is %g, not %g", what, ops->name, (long long)i, (double)have[i],
                     (double)want[i]);
}

/* Calls f on ref and on each other table with the same noise; f returns n values to be compared in memory of
 * its own. */
typedef float *(*kernel)(const struct sg_ops *ops, int64_t a, int64_t b, int64_t c, int64_t *n);

static int is_fused(const struct sg_ops *ops)
{
    return ops->rounding == SG_FUSED || ops->rounding == SG_FUSED_BF16;
}

static void equal(const char *what, const struct sg_ops *ops, const float *have, const float *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(have + i, want + i, sizeof *have) != 0 && !(isnan(have[i]) && isnan(want[i])))
            fail_msg("%s of %s: [%lld] of %lld is %.9g, not %.9g to the bit", what, ops->name, (long long)i,
                     (long long)n, (double)have[i], (double)want[i]);
}

enum exact {
    NEAR,
    FUSED,
    EXACT
}; /* equal to ref: nearly; to the bit where fused multiply-adds exist; to the bit */

static void compare_in(enum sg_precision precision, const char *what, kernel f, int64_t a, int64_t b,
                       int64_t c, enum exact exact)
{
    struct sg_rng start = rng;
    const struct sg_ops *const *all = sg_ops_all(precision);
    int64_t n;
    float *want = f(all[0], a, b, c, &n), *fused = NULL;
    for (const struct sg_ops *const *o = all + 1; *o; o++) {
        rng = start;
        float *have = f(*o, a, b, c, &n);
        if (exact != EXACT)
            near(what, *o, have, want, n);
        if (exact == EXACT || (exact == FUSED && is_fused(*o)))
            equal(what, *o, have, want, n);
        if (fused)
            equal(what, *o, have, fused, n);
        if (!fused && is_fused(*o))
            fused = have;
        else
            sg_free(have);
    }
    sg_free(want);
    sg_free(fused);
}

static void compare(const char *what, kernel f, int64_t a, int64_t b, int64_t c, enum exact exact)
{
    compare_in(SG_FP32, what, f, a, b, c, exact);
}

static float magnitude = 1.0f; /* of the operands of products */

static float *scaled_noise(int64_t n)
{
    float *x = noise(n);
    for (int64_t i = 0; i < n; i++)
        x[i] *= magnitude;
    return x;
}

static float *products(const struct sg_ops *ops, int64_t T, int64_t N, int64_t C, int64_t *n)
{
    float *x = scaled_noise(T * (C + 3)), *w = scaled_noise(N * C), *dy = scaled_noise(T * N),
          *pack = noise(sg_pack_floats(T));
    *n = T * N + 2 * T * (C + 3) + 4 * N * (C + 1);
    float *out = scaled_noise(*n), *dw = out + T * (N + 2 * (C + 3));
    static const int lanes[] = {0, 1, 8, 64};
    int64_t lane[65];
    ops->linear(T, N, C, x, C + 3, w, out, N, pack);
    ops->linear_dx(T, N, C, dy, N, w, 1, out + T * N, C + 3, pack);
    ops->linear_dx(T, N, C, dy, N, w, 0, out + T * (N + C + 3), C + 3, pack);
    for (int k = 0; k < 4; k++, dw += N * (C + 1)) {
        for (int l = 0; l <= lanes[k]; l++) /* some of them empty when there are few rows */
            lane[l] = lanes[k] ? T * l * l / (lanes[k] * lanes[k]) : 0;
        for (int64_t at = 0; at < N; at += SG_DW_ROWS)
            ops->linear_dw(lanes[k], lane, N - at < SG_DW_ROWS ? N - at : SG_DW_ROWS, C, dy + at, N, x, C + 3,
                           dw + at * (C + 1), C + 1, pack);
    }
    sg_free(x);
    sg_free(w);
    sg_free(dy);
    sg_free(pack);
    return out;
}

static float *sums(const struct sg_ops *ops, int64_t T, int64_t N, int64_t unused, int64_t *n)
{
    (void)unused;
    float *b = noise(N), *out = noise(*n = T * N + N);
    ops->add_bias(T, N, out, b);
    ops->column_sum(T, N, out, N, out + T * N);
    sg_free(b);
    return out;
}

static float *gelus(const struct sg_ops *ops, int64_t T, int64_t F, int64_t approximate, int64_t *n)
{
    *n = 5 * T * F + F;
    float *out = noise(*n), *b = noise(F), *h = out, *a = out + T * F, *dh = a + T * F, *again = dh + T * F;
    for (int64_t i = 0; i < T * F; i++)
        h[i] *= 4.0f;
    ops->gelu((int)approximate, T, F, b, h, a);
    memcpy(again, h, (size_t)(T * F) * sizeof *h);
    ops->gelu_slope((int)approximate, T * F, h, again + T * F);
    ops->gelu_back(T, F, h, dh, out + *n - F);
    ops->tanh(T * F, again);
    sg_free(b);
    return out;
}

static int32_t ids[512];

static float *norms(const struct sg_ops *ops, int64_t T, int64_t C, int64_t percent, int64_t *n)
{
    struct sg_drop d = sg_drop_make((double)percent / 100.0, 7, 3);
    struct sg_rows_id id = {.site = 9, .example = ids, .token = ids + 100};
    float *g = noise(C), *s = noise(C), *b = noise(C), *x = noise(T * C), *r = noise(T * C);
    *n = 8 * T * C + 2 * T + 5 * C;
    float *out = noise(*n), *at = out + 2 * T, *sums = at + 8 * T * C;
    float *xhat = at, *y = at + T * C, *dy = y + T * C, *dx = dy + T * C, *again = dx + T * C,
          *plain = again + T * C;
    ops->residual_norm(T, C, b, r, &d, &id, g, s, 1e-5f, x, xhat, out, y);
    ops->norm_again(T, C, xhat, g, s, again);
    ops->residual_norm_back(T, C, xhat, out, g, &d, &id, dy, dx, sums, sums + C, sums + 2 * C);
    ops->norm(T, C, g, s, 1e-12f, plain, out + T, plain + T * C);
    ops->norm_back(T, C, plain, out + T, g, plain + 2 * T * C, sums + 3 * C, sums + 4 * C);
    ops->dropout(T, C, &d, &id, again);
    float *all[] = {g, s, b, x, r};
    for (int i = 0; i < 5; i++)
        sg_free(all[i]);
    return out;
}

static float *masks(const struct sg_ops *ops, int64_t T, int64_t C, int64_t percent, int64_t *n)
{
    struct sg_drop d = sg_drop_make((double)percent / 100.0, 11, 5);
    struct sg_rows_id id = {.site = 2, .example = ids + 3, .token = ids};
    float *out = noise(*n = T * C);
    ops->dropout(T, C, &d, &id, out);
    return out;
}

static int64_t head_size; /* of attends */

static float *attends(const struct sg_ops *ops, int64_t n_q, int64_t n_key, int64_t percent, int64_t *n)
{
    int64_t H = 3, D = head_size, C = H * D;
    struct sg_drop d = sg_drop_make((double)percent / 100.0, 1, 2);
    float *qkv = noise(n_key * 3 * C), *dout = noise(n_q * C),
          *scratch = noise(sg_attention_scratch(n_key, D));
    *n = n_q * (C + H) + 3 * n_key * C;
    float *out = noise(*n), *lse = out + n_q * C, *dqkv = lse + n_q * H;
    struct sg_attention a = {.n_q = n_q,
                             .n_key = n_key,
                             .H = H,
                             .D = D,
                             .q = qkv,
                             .k = qkv + C,
                             .v = qkv + 2 * C,
                             .ld_q = 3 * C,
                             .ld_kv = 3 * C,
                             .scale = 0.35f,
                             .drop = &d,
                             .site = 4,
                             .example = 13};
    memset(dqkv, 0, (size_t)(3 * n_key * C) * sizeof *dqkv);
    ops->attention(&a, out, lse, scratch);
    ops->attention_back(&a, out, lse, dout, dqkv, 3 * C, dqkv + C, dqkv + 2 * C, 3 * C, scratch);
    sg_free(qkv);
    sg_free(dout);
    sg_free(scratch);
    return out;
}

static struct sg_adam step_of(int64_t t)
{
    float root = (float)(1.0 / sqrt(1.0 - pow(0.999, (double)t + 1.0)));
    return (struct sg_adam){.keep = 1.0f - 1e-4f * (float)(t + 1),
                            .take1 = 0.1f,
                            .beta2 = 0.999f,
                            .take2 = 0.001f,
                            .rate = 3e-3f * (float)(t + 1),
                            .inverse_root = root,
                            .eps = 1e-8f,
                            .clip = 0.7f};
}

static float *adams(const struct sg_ops *ops, int64_t N, int64_t n_idle, int64_t unused, int64_t *n)
{
    (void)unused;
    struct sg_adam s[40];
    float *g = noise(N), *out = noise(*n = 4 * N), *m = out + N, *v = m + N, *p = v + N;
    memset(m, 0, (size_t)(2 * N) * sizeof *m);
    for (int t = 0; t < 40; t++)
        s[t] = step_of(t);
    ops->adam(N, &s[0], out, m, v, g);
    ops->adam_idle(N, s + 1, n_idle, out, m, v);
    ops->decay(N, s, n_idle, p);
    sg_free(g);
    return out;
}

static void tables_equal_ref(void **state)
{
    (void)state;
    for (int i = 0; i < 512; i++)
        ids[i] = (i * 37) % 512;
    static const int64_t size[] = {1, 2, 3, 17, 64, 131};
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            compare("products", products, size[i], size[j], size[(i + j) % 6], FUSED);
            compare("sums", sums, size[i], size[j], 0, NEAR);
            compare("gelu", gelus, size[i], size[j], 0, NEAR);
            compare("gelu (tanh)", gelus, size[i], size[j], 1, NEAR);
            compare("norms", norms, size[i], size[j] + 1, 0, NEAR);
            compare("norms with dropout", norms, size[i], size[j] + 1, 10, NEAR);
            compare("dropout", masks, size[i], 3 * size[j], 50, EXACT);
            compare("adam", adams, size[i] * size[j], (i * j) % 39, 0, EXACT);
        }
    compare("large products", products, 130, 270, 300, FUSED);
    compare("large products", products, 500, 33, 260, FUSED);
    static const int64_t length[] = {1, 2, 15, 128, 129, 300};
    static const int64_t head[] = {8, 20, 32, 40};
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 4; j++) {
            head_size = head[j];
            compare("attention", attends, length[i], length[i], 0, NEAR);
            compare("attention with dropout", attends, length[i], length[i], 10, NEAR);
            compare("attention of the first token", attends, 1, length[i], 10, NEAR);
        }
}

/* Products in bfloat16, by AVX2 and by vdpbf16ps, equal ref's to the bit: also where chains go through denormal
 * numbers, or hold infinities and NaN. */
static void bf16_products_equal_ref(void **state)
{
    (void)state;
    static const int64_t size[] = {1, 2, 3, 17, 64, 131};
    static const float scale[] = {1.0f, 1.5e-19f, 3e-38f, 1e19f};
    if (!sg_ops_best(SG_BF16)) {
        print_message("this processor has no products in bfloat16\n");
        skip();
    }
    for (int k = 0; k < 4; k++) {
        magnitude = scale[k];
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++)
                compare_in(SG_BF16, "products", products, size[i], size[j], size[(i + j) % 6], EXACT);
        if (k < 2)
            compare_in(SG_BF16, "large products", products, 130, 17, 1030, EXACT);
    }
    magnitude = 1.0f;
}

/* Operands are rounded to nearest, ties to even, and nothing else is: x w with w = 1 is x as bfloat16. */
static void bf16_rounds_operands(void **state)
{
    (void)state;
    static const float table[][2] = {{1.0f, 1.0f},
                                     {0x1.01p0f, 0x1.00p0f}, /* ties */
                                     {0x1.03p0f, 0x1.04p0f},
                                     {0x1.010002p0f, 0x1.02p0f},
                                     {-0x1.03p-90f, -0x1.04p-90f},
                                     {0x1.fffffep127f, INFINITY},
                                     {INFINITY, INFINITY},
                                     {0x1p-126f, 0x1p-126f},
                                     {0x1.fffffcp-127f, 0.0f}, /* denormal; would round to a normal number */
                                     {0x1p-140f, 0.0f}};
    enum { N = sizeof table / sizeof *table };
    const struct sg_ops *const *o = sg_ops_all(SG_BF16);
    float one = 1.0f, nan = NAN, y[N], x[N], *pack = noise(sg_pack_floats(N));
    for (; *o; o++) {
        for (int i = 0; i < N; i++)
            x[i] = table[i][0];
        (*o)->linear(N, 1, 1, x, 1, &one, y, 1, pack);
        for (int i = 0; i < N; i++)
            if (!(y[i] == table[i][1]))
                fail_msg("%s: %a became %a, not %a", (*o)->name, (double)x[i], (double)y[i],
                         (double)table[i][1]);
        (*o)->linear(1, 1, 1, &nan, 1, &one, y, 1, pack);
        assert_true(isnan(y[0]));
    }
    sg_free(pack);
}

/* sum over out of f(x) weights; central differences with h = 1e-3 in double-summed ref: error near h^2 and
 * 1e-7 / h. */
static double attention_value(struct sg_attention *a, const float *weight, float *scratch)
{
    static float out[40 * 24], lse[40 * 3];
    double sum = 0.0;
    sg_ops_ref.attention(a, out, lse, scratch);
    for (int64_t i = 0; i < a->n_q * 24; i++)
        sum += (double)out[i] * (double)weight[i];
    return sum;
}

static void attention_has_its_gradient(void **state)
{
    (void)state;
    int64_t n = 12, C = 24;
    struct sg_drop d = sg_drop_make(0.2, 1, 2);
    float *qkv = noise(n * 3 * C), *dout = noise(n * C), *scratch = noise(sg_attention_scratch(n, 8));
    float *out = noise(n * C), *lse = noise(n * 3), *dqkv = noise(3 * n * C);
    struct sg_attention a = {.n_q = n,
                             .n_key = n,
                             .H = 3,
                             .D = 8,
                             .q = qkv,
                             .k = qkv + C,
                             .v = qkv + 2 * C,
                             .ld_q = 3 * C,
                             .ld_kv = 3 * C,
                             .scale = 0.35f,
                             .drop = &d};
    sg_ops_ref.attention(&a, out, lse, scratch);
    sg_ops_ref.attention_back(&a, out, lse, dout, dqkv, 3 * C, dqkv + C, dqkv + 2 * C, 3 * C, scratch);
    for (int64_t i = 0; i < 3 * n * C; i += 7) {
        float x = qkv[i], h = 1e-2f;
        qkv[i] = x + h;
        double up = attention_value(&a, dout, scratch);
        qkv[i] = x - h;
        double down = attention_value(&a, dout, scratch);
        qkv[i] = x;
        assert_float_equal((up - down) / (2.0 * (double)h), (double)dqkv[i], 2e-3);
    }
    float *all[] = {qkv, dout, scratch, out, lse, dqkv};
    for (int i = 0; i < 6; i++)
        sg_free(all[i]);
}

static double norm_value(const float *x, const float *g, const float *s, const float *weight)
{
    float copy_of[48], rstd[2], y[48];
    double sum = 0.0;
    memcpy(copy_of, x, sizeof copy_of);
    sg_ops_ref.norm(2, 24, g, s, 1e-5f, copy_of, rstd, y);
    for (int i = 0; i < 48; i++)
        sum += (double)y[i] * (double)weight[i];
    return sum;
}

static void norm_and_gelu_have_their_gradients(void **state)
{
    (void)state;
    float *x = noise(48), *g = noise(24), *s = noise(24), *dy = noise(48), *y = noise(48), dgain[24],
          dshift[24], rstd[2];
    float *xhat = copy(x, 48), *dx = copy(dy, 48), h = 1e-2f;
    sg_ops_ref.norm(2, 24, g, s, 1e-5f, xhat, rstd, y);
    sg_ops_ref.norm_back(2, 24, xhat, rstd, g, dx, dgain, dshift);
    for (int i = 0; i < 48; i++) {
        float old = x[i];
        x[i] = old + h;
        double up = norm_value(x, g, s, dy);
        x[i] = old - h;
        double down = norm_value(x, g, s, dy);
        x[i] = old;
        assert_float_equal((up - down) / (2.0 * (double)h), (double)dx[i], 3e-3);
    }
    for (int approximate = 0; approximate < 2; approximate++)
        for (float t = -6.0f; t < 6.0f; t += 0.37f) {
            float at[3] = {t, t + h, t - h}, a[3], zero[3] = {0};
            sg_ops_ref.gelu(approximate, 1, 3, zero, at, a);
            sg_ops_ref.gelu_slope(approximate, 1, at, zero);
            assert_float_equal((a[1] - a[2]) / (2.0f * h), at[0], 1e-4);
        }
    float *all[] = {x, g, s, dy, y, xhat, dx};
    for (int i = 0; i < 7; i++)
        sg_free(all[i]);
}

static void vector_functions_are_as_exact_as_stated(void **state)
{
    (void)state;
    for (double x = -87.0; x < 88.0; x += 0.00137) {
        double want = exp((double)(float)x);
        assert_true(fabs((double)sg_exp((float)x) - want) <= 2e-7 * want);
    }
    assert_true(sg_exp(-1000.0f) < 2e-38f && isfinite(sg_exp(1000.0f)));
    for (double t = -12.0; t < 12.0; t += 0.00071) {
        float x = (float)t, density;
        double want = 0.5 * erfc(-(double)x / sqrt(2.0)), have = (double)sg_normal(x, &density);
        assert_true(fabs(have - want) <= 2e-7);
        assert_true(x < -9.0f || x > 0.0f || fabs(have - want) <= 8e-6 * want);
        assert_true(fabs((double)density - exp(-0.5 * (double)x * (double)x) / sqrt(2.0 * M_PI)) <= 1e-7);
        assert_true(fabs((double)sg_tanh(x) - tanh((double)x)) <= 3e-7 * fabs(tanh((double)x)));
    }
    assert_true(isnan(sg_tanh(NAN)));
}

static void double_functions_are_as_exact_as_stated(void **state)
{
    (void)state;
    for (double x = -708.0; x < 709.0; x += 0.00713) {
        double want = exp(x), of = want * (1.0 + 0.37 * (x - floor(x)));
        assert_true(fabs(sg_exp_double(x) - want) <= 5e-16 * want);
        assert_true(fabs(sg_log_double(of) - log(of)) <= 5e-16 * fabs(log(of)));
    }
    for (double x = 0.5; x < 2.0; x += 0.0000137)
        assert_true(fabs(sg_log_double(x) - log(x)) <= 5e-16 * fabs(log(x)));
    assert_true(sg_exp_double(0.0) == 1.0 && sg_log_double(1.0) == 0.0);
    assert_true(sg_exp_double(-INFINITY) < 1e-307 && isfinite(sg_exp_double(INFINITY)));
}

/* What is in double has the same bits in every table, ref too, and does not write beside its arrays. */
static void doubles_are_the_same(void **state)
{
    static const int64_t shape[][3] = {{1, 1, 1},    {3, 1, 7},   {8, 1, 8},   {17, 1, 72},
                                       {25, 2, 40},  {9, 3, 383}, {12, 4, 9},  {13, 6, 16},
                                       {30, 26, 64}, {5, 7, 130}, {64, 9, 33}, {16, 1, 384}};
    const struct sg_ops *const *list = sg_ops_all(SG_FP32);
    (void)state;
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        int64_t T = shape[s][0], N = shape[s][1], C = shape[s][2], n_y = T * N + 1, n_w = N * C + 1;
        float *x = noise(T * C);
        double *w = sg_alloc((size_t)n_w, sizeof *w), *first = NULL;
        for (int64_t i = 0; i < n_w; i++)
            w[i] = sg_rng_normal(&rng);
        for (int k = 0; list[k]; k++) {
            int64_t n = 3 * n_y + n_w;
            double *all = sg_alloc((size_t)n, sizeof *all), *dw = all + n_y, *e = dw + n_w, *l = e + n_y;
            all[T * N] = e[T * N] = l[T * N] = 7.0;
            memcpy(dw, w, (size_t)n_w * sizeof *dw);
            list[k]->scores(T, N, C, x, w, all);
            list[k]->scores_back(T, N, C, all, x, dw);
            memcpy(e, all, (size_t)(T * N) * sizeof *e);
            list[k]->exp(T * N, e);
            memcpy(l, e, (size_t)(T * N) * sizeof *l);
            list[k]->log(T * N, l);
            for (int64_t i = 0; i < T * N; i++) /* k = 0 is ref: that it means what it should */
                assert_true(fabs(l[i] - all[i]) < 1e-13 * (1.0 + fabs(all[i])));
            if (!first)
                first = all;
            else {
                for (int64_t i = 0; i < n; i++)
                    if (memcmp(first + i, all + i, sizeof *all) != 0)
                        fail_msg("shape %zu: [%lld] of %s is %.17g, not %.17g", s, (long long)i,
                                 list[k]->name, all[i], first[i]);
                sg_free(all);
            }
        }
        sg_free(first);
        sg_free(w);
        sg_free(x);
    }
}

/* Mean and spread of masks are those of dropout, and no two rows share one. */
static void masks_are_dropout(void **state)
{
    (void)state;
    enum { N = 1 << 16 };
    struct sg_drop d = sg_drop_make(0.1, 42, 17);
    float *x = sg_alloc(2 * N, sizeof *x);
    int32_t example[2] = {0, 1}, token[2] = {5, 5};
    struct sg_rows_id id = {.site = 1, .example = example, .token = token};
    for (int i = 0; i < 2 * N; i++)
        x[i] = 1.0f;
    sg_ops_best(SG_FP32)->dropout(2, N, &d, &id, x);
    int zeros = 0, same = 0;
    for (int i = 0; i < N; i++) {
        zeros += x[i] == 0.0f;
        same += (x[i] == 0.0f) == (x[N + i] == 0.0f);
        assert_true(x[i] == 0.0f || fabsf(x[i] - 1.0f / 0.9f) < 1e-4f);
    }
    assert_true(abs(zeros - N / 10) < 400);         /* 5 sigma = 5 sqrt(N 0.09) = 384 */
    assert_true(abs(same - (int)(0.82 * N)) < 500); /* independent: 0.9^2 + 0.1^2 */
    sg_free(x);
}

/* As on a processor without AVX2. */
static void base_has_no_bf16(void **state)
{
    (void)state;
    const struct sg_ops *ops;
    struct sg_err err = {0};
    assert_int_equal(setenv("SG_OPS", "base", 1), 0);
    assert_null(sg_ops_best(SG_BF16));
    assert_int_equal(sg_ops_choose(SG_BF16, &ops, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "AVX2"));
    assert_int_equal(sg_ops_choose(SG_FP32, &ops, &err), SG_OK);
    assert_string_equal(ops->name, "base");
    assert_int_equal(unsetenv("SG_OPS"), 0);
}

/* What compilers have made of a kernel: products of a single row in two steps (gcc 14 with -ffp-contract=fast), */
static void linear_plain_row(int64_t T, int64_t N, int64_t C, const float *x, int64_t ld_x, const float *w,
                             float *y, int64_t ld_y, float *pack)
{
    sg_ops_ref.linear(T, N, C, x, ld_x, w, y, ld_y, pack);
    for (int64_t n = 0; n < N && T == 1; n++) {
        y[n] = 0.0f;
        for (int64_t c = 0; c < C; c++)
            y[n] += x[c] * w[n * C + c];
    }
}

/* of the last column in two steps, */
static void linear_plain_edge(int64_t T, int64_t N, int64_t C, const float *x, int64_t ld_x, const float *w,
                              float *y, int64_t ld_y, float *pack)
{
    sg_ops_ref.linear(T, N, C, x, ld_x, w, y, ld_y, pack);
    for (int64_t t = 0; t < T && N == 33; t++) {
        y[t * ld_y + N - 1] = 0.0f;
        for (int64_t c = 0; c < C; c++)
            y[t * ld_y + N - 1] += x[t * ld_x + c] * w[(N - 1) * C + c];
    }
}

/* and in one step what was written as two. */
static void norm_again_fused(int64_t T, int64_t C, const float *xhat, const float *gain, const float *shift,
                             float *y)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < C; c++)
            y[t * C + c] = fmaf(xhat[t * C + c], gain[c], shift[c]);
}

static void refused(const struct sg_ops *ops)
{
    struct sg_err err = {0};
    assert_int_equal(sg_ops_check(ops, &err), SG_FAILED);
    assert_non_null(strstr(err.text, ops->name));
}

static void rounding_is_checked(void **state)
{
    (void)state;
    struct sg_err err = {0};
    for (int precision = SG_FP32; precision <= SG_BF16; precision++)
        for (const struct sg_ops *const *o = sg_ops_all((enum sg_precision)precision); *o; o++) {
            if (sg_ops_check(*o, &err) != SG_OK)
                fail_msg("%s", err.text);
            struct sg_ops other = **o;
            other.rounding = other.rounding == SG_PLAIN ? SG_FUSED : SG_PLAIN;
            if (precision == SG_FP32)
                refused(&other);
            other = **o;
            other.norm_again = norm_again_fused;
            refused(&other);
        }
    struct sg_ops row = sg_ops_ref, edge = sg_ops_ref;
    row.linear = linear_plain_row;
    edge.linear = linear_plain_edge;
    refused(&row);
    refused(&edge);
#if defined(__x86_64__) /* as a library made with -ffast-math sets it when it is loaded */
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040);
    for (const struct sg_ops *const *o = sg_ops_all(SG_FP32); *o; o++)
        refused(*o);
    __builtin_ia32_ldmxcsr(before);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_checked),
        cmocka_unit_test(base_has_no_bf16),
        cmocka_unit_test(tables_equal_ref),
        cmocka_unit_test(bf16_products_equal_ref),
        cmocka_unit_test(bf16_rounds_operands),
        cmocka_unit_test(attention_has_its_gradient),
        cmocka_unit_test(norm_and_gelu_have_their_gradients),
        cmocka_unit_test(vector_functions_are_as_exact_as_stated),
        cmocka_unit_test(double_functions_are_as_exact_as_stated),
        cmocka_unit_test(doubles_are_the_same),
        cmocka_unit_test(masks_are_dropout),
    };
    rng = sg_rng_make(1, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
