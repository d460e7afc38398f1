/* The fast kernels for x86-64-v3 (Haswell and later). */
#if defined(__x86_64__)
#define SG_OPS          sg_ops_avx2
#define GEMM(name)      name##_avx2
#define SG_OPS_NAME     "avx2"
#define SG_OPS_BF16     sg_ops_avx2_bf16
#define GEMM_BF16(name) name##_avx2_bf16
#include "model/kernels/ops_kernels.inc"
#else
typedef int sg_nothing_here; /* ISO C wants a declaration */
#endif
