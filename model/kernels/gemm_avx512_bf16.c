/* Products in bfloat16 by vdpbf16ps (AVX512-BF16: Cooper Lake, Sapphire Rapids, Zen 4 and later). */
#if defined(__x86_64__)
#define GEMM(name) name##_avx512_bf16
#define VL         16
#define ROWS       14
#define BF16
#define BF16_PAIRS
#include "model/kernels/gemm.inc"
#else
typedef int sg_nothing_here; /* ISO C wants a declaration */
#endif
