/* The fast kernels for any processor: what the compiler takes for granted. */
#define SG_OPS      sg_ops_base
#define GEMM(name)  name##_base
#define SG_OPS_NAME "base"
#include "model/kernels/ops_kernels.inc"
