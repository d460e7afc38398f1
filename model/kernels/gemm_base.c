/* Products for any processor: four floats a vector (SSE, NEON). */
#define GEMM(name) name##_base
#define VL         4
#define ROWS       6
#include "model/kernels/gemm.inc"
