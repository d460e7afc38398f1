/* The fast kernels for x86-64-v4 (Skylake-X, Zen 4 and later). */
#if defined(__x86_64__)
#define SG_OPS      sg_ops_avx512
#define GEMM(name)  name##_avx512
#define SG_OPS_NAME "avx512"
#include "model/ops_kernels.inc"
#else
typedef int sg_nothing_here; /* ISO C wants a declaration */
#endif
