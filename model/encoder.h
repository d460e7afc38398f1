/* The encoder and its head, forward and backward, over packed lanes.
 *
 * One pass works on a batch of lanes; a thread works on a range of them and touches only their rows. Sequence
 * of calls:
 *
 *     sg_encoder_forward(pass, lo, hi, scratch);       each thread its lanes
 *     sg_head_forward(pass, lo, hi, scratch);          logits (B,K)
 *     sg_head_backward(pass, lo, hi, n, scratch);      losses, gradients of the head
 *     for l = L-1 .. 0: sg_encoder_backward(pass, l, lo, hi, scratch); when all lanes are there: sg_weights_*
 *     sg_embedding_backward(pass, lo, hi);             gradient of the embeddings' sum, by token
 *
 * A row's activations depend on the row alone, so a thread's lanes are one block of rows to every product. Weight
 * gradients are sums over a lane's tokens. They are not computed by the lane's thread, but tile by
 * tile by whoever is free (sg_weights_tile): the products of all lanes are summed in the lanes' tree while they lie
 * in the L1 cache, so that no second gradient array exists. The last layer computes only the
 * first token's row, unless `full`.
 *
 * In training with frozen layers (sg_shape) a pass begins behind them: the caller fills a->input before the forward
 * pass (model/frozen.h), and the backward pass ends at layer n_frozen. */
#ifndef SG_MODEL_ENCODER_H
#define SG_MODEL_ENCODER_H

#include "model/kernels/ops.h"
#include "model/lanes.h"
#include "model/params.h"

/* Arrays of one set of rows: all tokens, or first tokens alone (last layer). */
struct sg_rows_acts {
    float *x, *y, *t;                 /* (rows,C) a layer's input; its middle; a product */
    float *a;                         /* (rows,F) */
    float *dx, *dout1, *dout2, *dctx; /* (rows,C) */
    float *dh;                        /* (rows,F) */
    float *dq;                        /* (B,C), first tokens only */
};

struct sg_layer_acts {
    float *q, *kv; /* q (T,3C) with keys and values beside it, or q (B,C) and kv (T,2C) in the last layer */
    float *lse;    /* (rows,H) */
    float *ctx, *xhat1, *xhat2; /* (rows,C) */
    float *rstd1, *rstd2;       /* (rows) */
    float *h;                   /* (rows,F) before GELU */
};

struct sg_acts {
    float *arena;
    size_t n_bytes;
    int training, full;
    struct sg_layer_acts *layer; /* (L) */
    float *xhat0, *rstd0;        /* embeddings' LayerNorm */
    struct sg_rows_acts all, first;
    float *input; /* (T,C) what the frozen layers give, or where all are frozen (B,C): cls. NULL: none is */
    float *dqkv;  /* (T,3C) */
    float *cls, *u, *v;      /* (B,C) head: input, tanh, after dropout */
    float *du;               /* (B,C) */
    float *logits, *dlogits; /* (B,K) */
    double *loss;            /* (B) */
    float *vectors;          /* (lanes, n_vectors) gradients of one layer's vectors, lane by lane */
    int64_t n_vectors;
};

/* Local. Room for T tokens in B sequences and that many lanes. Bytes alone: sg_acts_bytes. */
sg_status sg_acts_create(const struct sg_shape *s, int64_t T, int64_t B, int lanes, int training, int full,
                         struct sg_acts *out, struct sg_err *err) SG_MUST_USE;
size_t sg_acts_bytes(const struct sg_shape *s, int64_t T, int64_t B, int lanes, int training, int full);
void sg_acts_destroy(struct sg_acts *a);

struct sg_pass {
    const struct sg_shape *s;
    const struct sg_config *config;
    const struct sg_ops *ops;
    const struct sg_params *p;
    const struct sg_batch *b;
    struct sg_acts *a;
    struct sg_drop drop, drop_attention, drop_head; /* threshold 0: none */
};

/* scratch, here and below: sg_pass_scratch floats of the thread's own. */
void sg_encoder_forward(const struct sg_pass *p, int lo, int hi, float *scratch);
void sg_head_forward(const struct sg_pass *p, int lo, int hi, float *scratch);

/* Loss is the mean over n examples (the batch's, over all lanes of all ranks). */
void sg_head_backward(const struct sg_pass *p, int lo, int hi, int64_t n, float *scratch);
void sg_encoder_backward(const struct sg_pass *p, int layer, int lo, int hi, float *scratch);
/* Leaves the gradient of word + position + type in a->all.dx (T,C). */
void sg_embedding_backward(const struct sg_pass *p, int lo, int hi);

/* What sg_weights_tile computes: a layer's weights (layer in [0,L)), the head's (L), the embeddings'
 * LayerNorm (-1). Valid after the backward call of that part and until that of the next one. */
int64_t sg_weights_tiles(const struct sg_pass *p, int part, const struct sg_params *g);
/* Tile i of g's arrays. */
void sg_weights_tile(const struct sg_pass *p, int part, int64_t i, const struct sg_params *g, float *scratch);

/* For passes of up to T tokens, sequences of up to `longest`; n_vectors: of sg_acts, 0 in inference. */
int64_t sg_pass_scratch(const struct sg_shape *s, int64_t T, int64_t longest, int64_t n_vectors, int lanes);

#endif
