/* Products for x86-64-v4 (AVX-512). */
#if defined(__x86_64__)
#define GEMM(name) name##_avx512
#define VL         16
#define ROWS       14
#include "model/kernels/gemm.inc"
#else
typedef int sg_nothing_here; /* ISO C wants a declaration */
#endif
