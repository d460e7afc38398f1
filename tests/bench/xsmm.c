/* libxsmm's generated kernels as a module: Debian has it as a static library only. It is made for small products. */
#include "blas.h"

#include <libxsmm.h>

sg_bench_gemm sg_bench_xsmm;

/* Row-major c = op(a) op(b) is column-major c' = op(b)' op(a)'. Kernels exist for an operand that is not turned and,
 * up to 1.17, not for most that are. */
int sg_bench_xsmm(int turn_a, int turn_b, int M, int N, int K, const float *a, const float *b, float *c)
{
    const float alpha = 1.0f, beta = 0.0f;
    int flags = (turn_b ? LIBXSMM_GEMM_FLAG_TRANS_A : 0) | (turn_a ? LIBXSMM_GEMM_FLAG_TRANS_B : 0);
    libxsmm_blasint ld_b = turn_b ? K : N, ld_a = turn_a ? M : K, ld_c = N;
    libxsmm_smmfunction kernel =
        libxsmm_smmdispatch(N, M, K, &ld_b, &ld_a, &ld_c, &alpha, &beta, &flags, NULL);
    if (!kernel)
        return 0;
    kernel(b, a, c);
    return 1;
}
