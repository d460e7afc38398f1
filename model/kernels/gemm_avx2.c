/* Products for x86-64-v3 (AVX2 with FMA). */
#if defined(__x86_64__)
#define GEMM(name) name##_avx2
#define VL         8
#define ROWS       6
#include "model/kernels/gemm.inc"
#else
typedef int sg_nothing_here; /* ISO C wants a declaration */
#endif
