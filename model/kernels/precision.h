/* In which precision matrices are multiplied.
 *
 * SG_BF16: both operands of a product with weights (forward, backward and weight gradients) are rounded to bfloat16, to
 * nearest and ties to even, where they enter it; each sum is the chain that it is in fp32, of fused multiply-adds in
 * fp32, in the same order (model/kernels/gemm.h), with denormal numbers taken for zero. Weights, their gradients, the optimiser,
 * attention, LayerNorm, GELU, softmax and the sums over lanes and ranks are fp32.
 *
 * A product of two bfloat16 is exact in fp32, so that is what vdpbf16ps (AVX512-BF16) computes twice an instruction,
 * the upper half of each pair first, and what AVX2 computes with rounded operands: the same bits, at fp32's speed. */
#ifndef SG_MODEL_KERNELS_PRECISION_H
#define SG_MODEL_KERNELS_PRECISION_H

#include "base/err.h"

enum sg_precision { SG_FP32, SG_BF16 };

/* "fp32", "bf16"; NULL behind the last. */
const char *sg_precision_name(int precision);
/* SG_INPUT for another name. */
sg_status sg_precision_parse(const char *name, enum sg_precision *out, struct sg_err *err) SG_MUST_USE;

#endif
