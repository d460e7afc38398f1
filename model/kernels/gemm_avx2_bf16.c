/* Products in bfloat16 for x86-64-v3: fp32 arithmetic on rounded operands. */
#if defined(__x86_64__)
#define GEMM(name) name##_avx2_bf16
#define VL         8
#define ROWS       6
#define BF16
#include "model/kernels/gemm.inc"
#else
typedef int sg_nothing_here; /* ISO C wants a declaration */
#endif
