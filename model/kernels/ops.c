#include "model/kernels/ops.h"

#include "base/rng.h"
#include "model/kernels/gemm.h"

#include <stdlib.h>
#include <string.h>

extern const struct sg_ops sg_ops_base, sg_ops_avx2, sg_ops_avx512, sg_ops_ref_bf16, sg_ops_avx2_bf16,
    sg_ops_avx512_bf16;

const struct sg_ops *const *sg_ops_all(enum sg_precision precision)
{
    static const struct sg_ops *fp32[5] = {&sg_ops_ref, &sg_ops_base}, *bf16[4] = {&sg_ops_ref_bf16};
#if defined(__x86_64__)
    int n = 2, n_bf16 = 1;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
        fp32[n++] = &sg_ops_avx2;
        bf16[n_bf16++] = &sg_ops_avx2_bf16;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        fp32[n++] = &sg_ops_avx512;
        if (__builtin_cpu_supports("avx512bf16"))
            bf16[n_bf16++] = &sg_ops_avx512_bf16;
    }
#endif
    return precision == SG_BF16 ? bf16 : fp32;
}

const struct sg_ops *sg_ops_best(enum sg_precision precision)
{
    const struct sg_ops *const *list = sg_ops_all(precision);
    const char *name = getenv("SG_OPS");
    for (int i = 0; name && list[i]; i++)
        if (strcmp(name, list[i]->name) == 0)
            return list[i];
    if (!list[1] || (name && strcmp(name, sg_ops_base.name) == 0))
        return NULL;
    while (list[1])
        list++;
    return *list;
}

const char *sg_rounding_name(enum sg_rounding r)
{
    static const char *const name[] = {[SG_FUSED] = "fused",
                                       [SG_PLAIN] = "plain",
                                       [SG_REFERENCE] = "reference",
                                       [SG_FUSED_BF16] = "bf16",
                                       [SG_REFERENCE_BF16] = "reference-bf16"};
    return name[r];
}

const char *sg_precision_name(int precision)
{
    static const char *const name[] = {[SG_FP32] = "fp32", [SG_BF16] = "bf16"};
    return precision <= SG_BF16 ? name[precision] : NULL;
}

sg_status sg_precision_parse(const char *name, enum sg_precision *out, struct sg_err *err)
{
    for (int i = 0; sg_precision_name(i); i++)
        if (strcmp(name, sg_precision_name(i)) == 0) {
            *out = (enum sg_precision)i;
            return SG_OK;
        }
    return sg_fail(err, SG_INPUT, "not a precision: \"%.40s\"; hint: fp32 or bf16", name);
}

sg_status sg_ops_choose(enum sg_precision precision, const struct sg_ops **out, struct sg_err *err)
{
    *out = sg_ops_best(precision);
    if (!*out)
        return sg_fail(
            err, SG_INPUT,
            "this processor cannot multiply in %s: that takes AVX2 with FMA, and AVX512-BF16 to be "
            "faster than fp32; hint: precision fp32",
            sg_precision_name((int)precision));
    return sg_ops_check(*out, err);
}

/* Scores and their gradients; keys and values turned; queries, keys, values and outputs where D is no multiple of 16. */
int64_t sg_attention_scratch(int64_t n, int64_t D)
{
    int64_t rows = n < SG_ATTENTION_ROWS ? n : SG_ATTENTION_ROWS, n16 = (n + 15) / 16 * 16,
            D16 = (D + 15) / 16 * 16;
    return 2 * rows * n16 + 2 * D * n16 + 4 * n * D16;
}

int64_t sg_pack_floats(int64_t T)
{
    int64_t block = SG_GEMM_DEPTH * SG_GEMM_COLS + SG_GEMM_BLOCK;
    /* Strips of up to 14 rows of dw, the last ones narrower, and a panel of x. */
    int64_t strips = T * (SG_DW_ROWS + 16 + SG_GEMM_COLS);
    return block > strips ? block : strips;
}

struct sg_drop sg_drop_make(double p, uint64_t seed, int64_t step)
{
    struct sg_drop d = {.scale = 1.0f};
    d.threshold = (uint32_t)(p * 65536.0 + 0.5);
    if (d.threshold > 65535)
        d.threshold = 65535;
    d.scale = 65536.0f / (float)(65536u - d.threshold);
    uint32_t counter[4] = {(uint32_t)step, (uint32_t)((uint64_t)step >> 32), 0x64726F70u, 0};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, word[4];
    sg_philox(counter, key, word);
    d.key[0] = word[0];
    d.key[1] = word[1];
    return d;
}
