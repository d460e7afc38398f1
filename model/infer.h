/* Inference over many examples: chunks of sequences, a thread each. A row's result does not depend on the other rows
 * of its chunk (model/kernels/gemm.h), so chunks may be cut anywhere. */
#ifndef SG_MODEL_INFER_H
#define SG_MODEL_INFER_H

#include "model/encoder.h"

struct sg_infer {
    const struct sg_config *config;
    const struct sg_ops *ops;
    const struct sg_shape *shape; /* V: rows of the word table in params */
    const struct sg_params *params;
    const int32_t *word_row; /* (vocabulary) id to row, or NULL: the same */
    const struct sg_tokens *tokens;
    int embed; /* 0: logits (n,K); 1: unit-length mean of the last hidden states (n,C) */
};

/* Local. Examples [first, first + n) on `threads` threads; out (n, K or C). */
sg_status sg_infer_run(const struct sg_infer *job, int64_t first, int64_t n, int threads, float *out,
                       struct sg_err *err) SG_MUST_USE;

/* What it takes for logits of rows of up to `longest` tokens, 16 on average. */
size_t sg_infer_bytes(const struct sg_shape *s, int64_t longest, int threads);

#endif
