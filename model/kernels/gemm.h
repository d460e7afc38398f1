/* Matrix products behind the kernels, once for each instruction set. Inside model/ only.
 *
 * Every element of a result is one chain of fused multiply-adds, in ascending order of the index that is summed
 * over, from zero or from what the element held. So a row's result depends on that row and the weights alone:
 * not on how many rows are multiplied at once, nor on the instruction set (where it has fused multiply-adds), nor on the
 * compiler, and lanes need no products of their own. A BLAS promises none of it.
 *
 * The scheme is that of Goto and van de Geijn (2008): a block of the left matrix is packed for the L2 cache, in strips of a tile's
 * rows (element (i,k) at a[k ROWS + i]), a panel of the right one for L1, and a micro-kernel keeps its tile of the result in registers. While a panel is
 * multiplied the next one is prefetched: weights come from memory, and a batch has few rows to hide that behind. */
#ifndef SG_MODEL_KERNELS_GEMM_H
#define SG_MODEL_KERNELS_GEMM_H

#include <stdint.h>

/* Whether the instruction set that this file is compiled for has fused multiply-adds (SG_FUSED in ops.h; else SG_PLAIN: a
 * product is rounded before it is added). */
#if defined(__FMA__) || defined(__aarch64__) || defined(__FP_FAST_FMAF)
#define SG_GEMM_FUSES 1
#else
#define SG_GEMM_FUSES 0
#endif

/* What ops.h says of linear, linear_dx and linear_dw. And for attention:
 * product: c (M,N) = a (M,K) b (K,N), element a (i,k) at a[i rs_a + k cs_a].
 * turn: out (K,ld_out) = w (N,K)', columns from N up to the next multiple of 16 are zero.
 * b of a product is read in whole vectors of 16, of which the columns from N on do not matter. */
#define SG_GEMM_DECLARE_LINEAR(isa)                                                                          \
    void sg_linear_##isa(int64_t T, int64_t N, int64_t C, const float *x, int64_t ld_x, const float *w,      \
                         float *y, int64_t ld_y, float *pack);                                               \
    void sg_linear_dx_##isa(int64_t T, int64_t N, int64_t C, const float *dy, int64_t ld_dy, const float *w, \
                            int add, float *dx, int64_t ld_dx, float *pack);                                 \
    void sg_linear_dw_##isa(int n_lanes, const int64_t *lane, int64_t N, int64_t C, const float *dy,         \
                            int64_t ld_dy, const float *x, int64_t ld_x, float *dw, int64_t ld_dw,           \
                            float *pack);
#define SG_GEMM_DECLARE(isa)                                                                                 \
    SG_GEMM_DECLARE_LINEAR(isa)                                                                              \
    void sg_product_##isa(int64_t M, int64_t N, int64_t K, const float *a, int64_t rs_a, int64_t cs_a,       \
                          const float *b, int64_t ld_b, int add, float *c, int64_t ld_c);                    \
    void sg_turn_##isa(int64_t N, int64_t K, const float *w, int64_t ld_w, float *out, int64_t ld_out);

SG_GEMM_DECLARE(base)
SG_GEMM_DECLARE(avx2)
SG_GEMM_DECLARE(avx512)
SG_GEMM_DECLARE_LINEAR(avx2_bf16)
SG_GEMM_DECLARE_LINEAR(avx512_bf16)

/* Block sizes that the size of `pack` depends on (sg_pack_floats in ops.h). */
enum {
    SG_GEMM_ROWS = 448,  /* of a block of the left matrix */
    SG_GEMM_DEPTH = 256, /* of a block and a panel */
    SG_GEMM_COLS = 32,   /* of the widest panel */
    /* Floats of a block: its last strip may have rows that are not used, and a vector is stored over its end. */
    SG_GEMM_BLOCK = (SG_GEMM_ROWS + 2) * SG_GEMM_DEPTH + 16
};

#endif
