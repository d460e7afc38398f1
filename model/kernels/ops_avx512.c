/* The fast kernels for x86-64-v4 (Skylake-X, Zen 4 and later). */
#if defined(__x86_64__)
#define SG_OPS          sg_ops_avx512
#define GEMM(name)      name##_avx512
#define SG_OPS_NAME     "avx512"
#define SG_OPS_BF16     sg_ops_avx512_bf16
#define GEMM_BF16(name) name##_avx512_bf16
#include "model/kernels/ops_kernels.inc"
#else
typedef int sg_nothing_here; /* ISO C wants a declaration */
#endif
