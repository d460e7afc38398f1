#include "base/mem.h"
#include "model/kernels/ops.h"

#include <string.h>

enum { MOST_ROWS = 14, MOST_COLS = 33 }; /* one more than the widest panel of gemm.inc */

static const float factor = 1.0f + 0x1p-12f;         /* its square is 1 + 2^-11 + 2^-24, */
static const float rounded_square = 1.0f + 0x1p-11f; /* rounded: a tie, to even */
static const float lost = 0x1p-24f;
static const float denormal = 0x1p-130f;

/* By their bits: where denormal numbers count as zero, they are equal to it. */
static int is_all(int64_t n, const float *y, float want)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(y + i, &want, sizeof want) != 0)
            return 0;
    return 1;
}

/* square - rounded_square, where the product is rounded once with the sum or before it; then a product that is denormal. */
static int multiplies(const struct sg_ops *ops, int64_t T, int64_t N, float *pack)
{
    float x[2 * MOST_ROWS], w[2 * MOST_COLS], y[MOST_ROWS * MOST_COLS];
    for (int64_t t = 0; t < T; t++) {
        x[2 * t] = -rounded_square;
        x[2 * t + 1] = factor;
    }
    for (int64_t n = 0; n < N; n++) {
        w[2 * n] = 1.0f;
        w[2 * n + 1] = factor;
    }
    ops->linear(T, N, 2, x, 2, w, y, N, pack);
    if (!is_all(T * N, y, ops->rounding == SG_PLAIN ? 0.0f : lost))
        return 0;
    for (int64_t t = 0; t < T; t++) {
        x[2 * t] = denormal;
        x[2 * t + 1] = 0.0f;
    }
    ops->linear(T, N, 2, x, 2, w, y, N, pack);
    return is_all(T * N, y, denormal);
}

/* xhat gain + shift: never in one step. */
static int scales(const struct sg_ops *ops)
{
    float xhat[MOST_COLS], shift[MOST_COLS], y[MOST_COLS];
    for (int c = 0; c < MOST_COLS; c++) {
        xhat[c] = factor;
        shift[c] = -rounded_square;
    }
    ops->norm_again(1, MOST_COLS, xhat, xhat, shift, y);
    return is_all(MOST_COLS, y, 0.0f);
}

static int multiplies_all(const struct sg_ops *ops, float *pack)
{
    static const int64_t cols[] = {1, 4, 5, 8, 9, 16, 17, 32, 33};
    for (int64_t T = 1; T <= MOST_ROWS; T++)
        for (size_t k = 0; k < sizeof cols / sizeof cols[0]; k++)
            if (!multiplies(ops, T, cols[k], pack))
                return 0;
    return 1;
}

/* The table of fp32 that a table of bf16 shares attention with: products of two bfloat16 are exact, nothing to see there. */
static const struct sg_ops *of_fp32(const struct sg_ops *ops)
{
    if (ops->rounding != SG_FUSED_BF16 && ops->rounding != SG_REFERENCE_BF16)
        return ops;
    const struct sg_ops *const *all = sg_ops_all(SG_FP32);
    while (strcmp((*all)->name, ops->name) != 0)
        all++;
    return *all;
}

sg_status sg_ops_check(const struct sg_ops *ops, struct sg_err *err)
{
    float *pack = sg_alloc((size_t)sg_pack_floats(MOST_ROWS), sizeof *pack);
    if (!pack)
        return sg_fail_memory(err, (unsigned long long)sg_pack_floats(MOST_ROWS) * sizeof *pack);
    int ok = scales(ops) && multiplies_all(of_fp32(ops), pack);
    sg_free(pack);
    if (ok)
        return SG_OK;
    return sg_fail(
        err, SG_FAILED,
        "the kernels \"%s\" of this build do not round as they should: results would depend on ranks and "
        "threads; hint: build with gcc or clang and without flags that change arithmetic (-Ofast, "
        "-ffast-math), also in libraries that the program loads; tests/model/test_ops shows which kernels",
        ops->name);
}
