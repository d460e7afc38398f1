/* Inference over many examples: chunks of sequences, a thread each. A row's result does not depend on the other rows
 * of its chunk (model/kernels/gemm.h), so chunks may be cut anywhere. */
#ifndef SG_MODEL_INFER_H
#define SG_MODEL_INFER_H

#include "model/encoder.h"
#include "model/train.h"

enum sg_infer_what {
    SG_INFER_LOGITS,    /* (n,K) */
    SG_INFER_EMBEDDING, /* (n,C) the last hidden states, pooled, of length 1 */
    SG_INFER_TOKENS,    /* (T,C) the last hidden states, text after text */
    SG_INFER_FIRST      /* (n,C) those of first tokens */
};

struct sg_infer {
    const struct sg_config *config;
    const struct sg_ops *ops;
    const struct sg_shape *shape; /* V: rows of the word table in params; L: may be fewer than params has */
    const struct sg_params *params;
    const int32_t *word_row; /* (vocabulary) id to row, or NULL: the same */
    const struct sg_tokens *tokens;
    enum sg_infer_what what;
    enum sg_pooling pooling; /* of SG_INFER_EMBEDDING */
};

/* Local. Examples [first, first + n) on `threads` threads; out: what they give, one after the other. */
sg_status sg_infer_run(const struct sg_infer *job, int64_t first, int64_t n, int threads, float *out,
                       struct sg_err *err) SG_MUST_USE;

/* What it takes for logits of rows of up to `longest` tokens, 16 on average. */
size_t sg_infer_bytes(const struct sg_shape *s, int64_t longest, int threads);

/* One thread's arrays, for those who allocate nothing later. */
struct sg_infer_worker {
    struct sg_batch batch;
    struct sg_acts acts;
    float *scratch;
};
enum { SG_INFER_CHUNK = 512 }; /* tokens, or one example */

/* Local. For chunks of up to B examples of up to `longest` tokens. Bytes alone: sg_infer_worker_bytes. */
sg_status sg_infer_worker_create(const struct sg_infer *job, int64_t longest, int64_t B,
                                 struct sg_infer_worker *w, struct sg_err *err) SG_MUST_USE;
void sg_infer_worker_destroy(struct sg_infer_worker *w);
size_t sg_infer_worker_bytes(const struct sg_shape *s, int64_t longest, int64_t B, enum sg_infer_what what);

/* Local. The n examples example[0 .. n), which fit into a chunk. */
void sg_infer_chunk(const struct sg_infer *job, struct sg_infer_worker *w, const int64_t *example, int64_t n,
                    float *out);

#endif
