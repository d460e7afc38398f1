/* The fast kernels for Any processor: the compiler's own default. */
#define SG_OPS      sg_ops_base
#define GEMM(name)  name##_base
#define SG_OPS_NAME "blas"
#include "model/ops_kernels.inc"
