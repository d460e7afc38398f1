/* Libraries with a single-threaded sgemm, opened while the program runs: several define cblas_sgemm, so they cannot be
 * linked together, and none has to be there. */
#ifndef SG_BENCH_BLAS_H
#define SG_BENCH_BLAS_H

#include <stdint.h>

/* c (M,N) = op(a) op(b), rows one after the other; op(a) is (M,K), a itself (K,M) where turn_a; op(b) is (K,N). Returns 0
 * where the library has no kernel for the shape. */
typedef int sg_bench_gemm(int turn_a, int turn_b, int M, int N, int K, const float *a, const float *b,
                          float *c);

struct sg_bench_blas {
    const char *name;
    sg_bench_gemm *gemm;
};

/* Those that could be opened, OpenBLAS (or what stands in for it) first; returns how many. */
enum { SG_BENCH_MAX_BLAS = 4 };
int sg_bench_blas_open(struct sg_bench_blas found[SG_BENCH_MAX_BLAS]);

#endif
