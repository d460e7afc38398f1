/* The kernels behind the encoder: one table, `ref` is plain C and the specification, the fast ones override
 * it.
 *
 *     const struct sg_ops *ops = sg_ops_best(SG_FP32);             chosen by the processor, once
 *     ops->linear(T, N, C, x, C, w, y, N);
 *
 * Every function is single-threaded, allocates nothing, and its result depends on its arguments alone. Rows
 * are packed unless a leading dimension is given. Arrays do not overlap unless said. Threads: the caller
 * gives each its own rows. */
#ifndef SG_MODEL_KERNELS_OPS_H
#define SG_MODEL_KERNELS_OPS_H

#include "base/err.h"
#include "model/kernels/precision.h"

#include <stddef.h>
#include <stdint.h>

/* Dropout. Element e of a row is kept iff its 16 random bits are >= threshold, and then multiplied by `scale`
 * = 65536 / (65536 - threshold). With r = e % 128, its bits are half (r / 16) % 2 (0: the low one) of word r
 * / 32 of Philox block 16 (e / 128) + r % 16: a vector of 16 counters gives 128 neighbours. Counter: (block,
 * item, example, site). */
struct sg_drop {
    uint32_t key[2];    /* of seed and step */
    uint32_t threshold; /* 0: no dropout */
    float scale;
};

/* Rows' identity, so that a mask does not depend on where a row lies. */
struct sg_rows_id {
    uint32_t site;          /* layer and place in it */
    const int32_t *example; /* (T) position in the batch */
    const int32_t *token;   /* (T) position in the sequence */
};

/* Attention of one sequence, all heads: n queries' worth of context from n_key keys; n_q is n_key, or 1 where
 * only the first token is read. Heads lie side by side in a row. */
struct sg_attention {
    int64_t n_q, n_key, H, D;
    const float *q, *k, *v; /* (n_q,C) with row stride ld_q; (n_key,C) with row stride ld_kv */
    int64_t ld_q, ld_kv;
    float scale; /* 1 / sqrt(D) */
    const struct sg_drop *drop;
    uint32_t site, example; /* masks: item = head, element = query n16 + key, n16: n_key rounded up to 16s */
};

/* One AdamW step (Loshchilov and Hutter 2019) with PyTorch's order of operations:
 * p *= keep; m += (g - m) take1; v = v beta2 + g g take2; p -= rate m / (sqrt(v) / root + eps); g is
 * multiplied by clip first. */
struct sg_adam {
    float keep; /* 1 - lr weight_decay, where the tensor decays */
    float take1, beta2, take2, rate, inverse_root, eps, clip;
};

/* Tables of one kind give the same bits: fused multiply-adds or not; sums in double (but for those of products); and
 * the first and the last with products in bfloat16. */
enum sg_rounding { SG_FUSED, SG_PLAIN, SG_REFERENCE, SG_FUSED_BF16, SG_REFERENCE_BF16 };
const char *
sg_rounding_name(enum sg_rounding r); /* "fused", "plain", "reference", "bf16", "reference-bf16" */

struct sg_ops {
    const char *name;
    enum sg_rounding rounding;

    /* Products. Every element is one chain of fused multiply-adds in ascending order of the summed index, so a row's
     * result does not depend on how many rows there are (model/kernels/gemm.h). pack: sg_pack_floats floats of the
     * thread's own. */
    /* y (T,N) = x (T,C) w (N,C)' */
    void (*linear)(int64_t T, int64_t N, int64_t C, const float *x, int64_t ld_x, const float *w, float *y,
                   int64_t ld_y, float *pack);
    /* dx (T,C) = dy (T,N) w (N,C), or += with add 1 */
    void (*linear_dx)(int64_t T, int64_t N, int64_t C, const float *dy, int64_t ld_dy, const float *w,
                      int add, float *dx, int64_t ld_dx, float *pack);
    /* dw (N,C) = dy' x, summed over lanes in their tree; lane l has the rows lane[l] .. lane[l + 1] of dy and x. An
     * empty lane adds nothing, no rows at all give zeros. N <= SG_DW_ROWS, n_lanes <= SG_MAX_LANES. */
    void (*linear_dw)(int n_lanes, const int64_t *lane, int64_t N, int64_t C, const float *dy, int64_t ld_dy,
                      const float *x, int64_t ld_x, float *dw, int64_t ld_dw, float *pack);

    void (*add)(int64_t n, float *y, const float *x);                 /* y += x */
    void (*add_bias)(int64_t T, int64_t N, float *y, const float *b); /* y (T,N) += b (N) */
    void (*column_sum)(int64_t T, int64_t N, const float *y, int64_t ld_y,
                       float *sum); /* sum (N), rows in order */

    /* h (T,F) += b; a (T,F) = gelu(h). approximate: the tanh form. */
    void (*gelu)(int approximate, int64_t T, int64_t F, const float *b, float *h, float *a);
    /* a = gelu(h) again; h becomes gelu'(h). */
    void (*gelu_slope)(int approximate, int64_t n, float *h, float *a);
    /* dh (T,F) *= slope; db (F) = column sums of it. */
    void (*gelu_back)(int64_t T, int64_t F, const float *slope, float *dh, float *db);
    void (*tanh)(int64_t n, float *x); /* in place */

    /* x (T,C), rows multiplied by their masks; x = dropout(x). */
    void (*dropout)(int64_t T, int64_t C, const struct sg_drop *drop, const struct sg_rows_id *id, float *x);

    /* x becomes xhat = (x - mean) rstd; y = xhat gain + shift. rstd (T). */
    void (*norm)(int64_t T, int64_t C, const float *gain, const float *shift, float eps, float *x,
                 float *rstd, float *y);
    /* x = dropout(x + b) + residual; then as norm, xhat into its own array. */
    void (*residual_norm)(int64_t T, int64_t C, const float *b, const float *residual,
                          const struct sg_drop *drop, const struct sg_rows_id *id, const float *gain,
                          const float *shift, float eps, const float *x, float *xhat, float *rstd, float *y);
    /* y = xhat gain + shift */
    void (*norm_again)(int64_t T, int64_t C, const float *xhat, const float *gain, const float *shift,
                       float *y);
    /* dy becomes dx; dgain, dshift (C). */
    void (*norm_back)(int64_t T, int64_t C, const float *xhat, const float *rstd, const float *gain,
                      float *dy, float *dgain, float *dshift);
    /* dy becomes the residual's gradient; dx (T,C) that of x before bias and dropout; dgain, dshift, db (C).
     */
    void (*residual_norm_back)(int64_t T, int64_t C, const float *xhat, const float *rstd, const float *gain,
                               const struct sg_drop *drop, const struct sg_rows_id *id, float *dy, float *dx,
                               float *dgain, float *dshift, float *db);

    /* out (n_q,C) = dropout(softmax(q k' scale)) v, head by head; lse (n_q,H): log of the sum of exp of the
     * scores. */
    void (*attention)(const struct sg_attention *a, float *out, float *lse, float *scratch);
    /* dq (row stride ld_dq), dk, dv (ld_dkv), all overwritten, from out, lse and dout (n_q,C). */
    void (*attention_back)(const struct sg_attention *a, const float *out, const float *lse,
                           const float *dout, float *dq, int64_t ld_dq, float *dk, float *dv, int64_t ld_dkv,
                           float *scratch);

    /* One step; g NULL: a gradient of zero (the same bits as an array of zeros). */
    void (*adam)(int64_t n, const struct sg_adam *s, float *p, float *m, float *v, const float *g);
    /* n_steps of them, one after the other, with g zero: for rows that were not in the batches since. */
    void (*adam_idle)(int64_t n, const struct sg_adam *s, int64_t n_steps, float *p, float *m, float *v);
    /* The same for rows without state (m = v = 0): decay alone. */
    void (*decay)(int64_t n, const struct sg_adam *s, int64_t n_steps, float *p);
    double (*sum_squares)(int64_t n, const float *x);

    /* Logistic regression (model/logistic.h), in double and with no operation fused: the same bits from every table. Sums over
     * channels are taken in 8 parts, those over rows in their order. */
    /* y (T,N) = x (T,C) w (N,C)' */
    void (*scores)(int64_t T, int64_t N, int64_t C, const float *x, const double *w, double *y);
    /* dw (N,C) += dy (T,N)' x (T,C) */
    void (*scores_back)(int64_t T, int64_t N, int64_t C, const double *dy, const float *x, double *dw);
    void (*exp)(int64_t n, double *x); /* in place, as the next */
    void (*log)(int64_t n, double *x); /* of normal numbers above 0 */
};

/* Floats of scratch for attention over sequences of up to n tokens with heads of D (forward and backward). */
int64_t sg_attention_scratch(int64_t n, int64_t D);
enum { SG_ATTENTION_ROWS = 128 }; /* queries at a time: their scores stay in the cache */

/* Floats that products need to pack up to T rows. */
int64_t sg_pack_floats(int64_t T);
enum { SG_DW_ROWS = 256, SG_MAX_LANES = 1024 };

extern const struct sg_ops sg_ops_ref;

/* The last of sg_ops_all, or the one that the environment's SG_OPS names: for tests and comparisons. A name
 * that is not in the list counts as none. NULL for SG_BF16 where `ref` alone could do it, or where SG_OPS is "base": as on
 * a processor without AVX2. */
const struct sg_ops *sg_ops_best(enum sg_precision precision);

/* The same for those who cannot go on without: SG_INPUT instead of NULL; and what sg_ops_check says of it. */
sg_status sg_ops_choose(enum sg_precision precision, const struct sg_ops **out,
                        struct sg_err *err) SG_MUST_USE;

/* Whether the table rounds as its `rounding` says: products in every shape of tile, a row at a time and up to 14 at once,
 * and what is no product. SG_FAILED where a compiler or its flags have made something else of it, or denormal numbers are
 * taken for zero: a weight would depend on threads and ranks. Takes less than a millisecond. Of a table of SG_BF16 attention
 * is looked at: a product of two bfloat16 is exact. */
sg_status sg_ops_check(const struct sg_ops *ops, struct sg_err *err) SG_MUST_USE;

/* Every table that this processor can run, ref first; NULL ends the list: for tests. The two precisions' tables of one
 * name differ in their products alone. */
const struct sg_ops *const *sg_ops_all(enum sg_precision precision);

/* p in [0, 1). key: of seed and step. */
struct sg_drop sg_drop_make(double p, uint64_t seed, int64_t step);

#endif
