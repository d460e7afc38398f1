#include "model/encoder_rows.h"

#include <math.h>
#include <string.h>

/* Cross-entropy of one example, mean over n: dlogits = (softmax - onehot) / n; quality >= 0 (struct sg_examples): both times
 * quality / softmax[label], which counts as a constant. */
static double cross_entropy(int64_t K, const float *logits, int32_t label, float quality, int64_t n,
                            float *dlogits)
{
    float most = -INFINITY; /* as double gcc 12 for aarch64 ends in an internal error of its vectoriser */
    for (int64_t k = 0; k < K; k++)
        most = fmaxf(most, logits[k]);
    double largest = (double)most, sum = 0.0;
    for (int64_t k = 0; k < K; k++)
        sum += exp((double)logits[k] - largest);
    for (int64_t k = 0; k < K; k++)
        dlogits[k] = (float)((exp((double)logits[k] - largest) / sum - (k == label)) / (double)n);
    /* fmax passes over a NaN; the sum does not. */
    double loss = largest + log(sum) - (double)logits[label];
    if (quality < 0.0f)
        return loss;
    double weight = (double)quality / fmax(exp((double)logits[label] - largest) / sum, SG_LEAST_P);
    for (int64_t k = 0; k < K; k++)
        dlogits[k] = (float)((double)dlogits[k] * weight);
    return weight * loss;
}

void sg_head_backward(const struct sg_pass *p, int lo, int hi, int64_t n_batch, float *scratch)
{
    const struct sg_ops *ops = p->ops;
    const struct sg_batch *b = p->b;
    struct sg_acts *a = p->a;
    int64_t C = p->s->C, K = p->s->K, i = b->lane[lo], n = b->lane[hi] - i;
    float *du = a->du + i * C, *u = a->u + i * C;
    struct sg_rows_id in = rows_id(b, 1, i, (int)p->s->L, SITE_HEAD_IN),
                      out = rows_id(b, 1, i, (int)p->s->L, SITE_HEAD_OUT);
    for (int64_t s = i; s < i + n; s++)
        a->loss[s] =
            cross_entropy(K, a->logits + s * K, b->label[s], b->quality[s], n_batch, a->dlogits + s * K);
    /* logits = v logit_w' + b, v = dropout(u) */
    ops->linear_dx(n, K, C, a->dlogits + i * K, K, p->p->logit_w, 0, du, C, scratch);
    ops->dropout(n, C, &p->drop_head, &out, du);
    /* u = tanh(cls dense_w' + b) */
    for (int64_t j = 0; j < n * C; j++)
        du[j] *= 1.0f - u[j] * u[j];
    int ends = a->input && p->s->n_frozen == p->s->L;
    if (!ends)
        ops->linear_dx(n, C, C, du, C, p->p->dense_w, 0, a->first.dx + i * C, C, scratch);
    if (!ends && p->config->family->drops_head_input)
        ops->dropout(n, C, &p->drop_head, &in, a->first.dx + i * C);
    for (int lane = lo; lane < hi; lane++) {
        int64_t s = b->lane[lane], n_lane = b->lane[lane + 1] - s;
        float *vectors = a->vectors + lane * a->n_vectors;
        ops->column_sum(n_lane, C, a->du + s * C, C, vectors);
        ops->column_sum(n_lane, K, a->dlogits + s * K, K, vectors + C);
    }
}

/* The layer's input again, from the LayerNorm below: forward kept xhat alone. */
static void input_again(const struct sg_pass *p, int layer, int64_t t, int64_t n)
{
    int64_t C = p->s->C;
    float *x = p->a->all.x + t * C;
    if (input_of(p, layer) != p->a->all.x)
        return;
    if (layer > 0) {
        const struct sg_layer *below = &p->p->layer[layer - 1];
        p->ops->norm_again(n, C, p->a->layer[layer - 1].xhat2 + t * C, below->norm2_gain, below->norm2_shift,
                           x);
        return;
    }
    struct sg_rows_id id = rows_id(p->b, 0, t, (int)p->s->L, SITE_EMBEDDING);
    p->ops->norm_again(n, C, p->a->xhat0 + t * C, p->p->norm_gain, p->p->norm_shift, x);
    p->ops->dropout(n, C, &p->drop, &id, x);
}

/* From the gradient of the layer's result (r->dx) to that of its middle (r->dx again): the feed-forward half. */
static void feed_forward_back(const struct sg_pass *p, int layer, int lo, int hi, float *scratch)
{
    const struct sg_ops *ops = p->ops;
    const struct sg_layer *w = &p->p->layer[layer];
    struct sg_layer_acts *y = &p->a->layer[layer];
    int narrow = is_narrow(p, layer);
    const int64_t *rows = lane_rows(p->b, narrow);
    struct sg_rows_acts *r = narrow ? &p->a->first : &p->a->all;
    int64_t C = p->s->C, F = p->s->F, i = rows[lo], n = rows[hi] - i;
    /* out = LayerNorm(dropout(a down_w' + b) + y) */
    for (int lane = lo; lane < hi; lane++) {
        int64_t at = rows[lane];
        float *db = p->a->vectors + lane * p->a->n_vectors + 6 * C + F;
        struct sg_rows_id id = rows_id(p->b, narrow, at, layer, SITE_END);
        ops->residual_norm_back(rows[lane + 1] - at, C, y->xhat2 + at * C, y->rstd2 + at, w->norm2_gain,
                                &p->drop, &id, r->dx + at * C, r->dout2 + at * C, db + C, db + 2 * C, db);
    }
    /* a = gelu(h), h = y up_w' + b */
    ops->gelu_slope(p->config->activation == SG_GELU_TANH, n * F, y->h + i * F, r->a + i * F);
    ops->linear_dx(n, C, F, r->dout2 + i * C, C, w->down_w, 0, r->dh + i * F, F, scratch);
    for (int lane = lo; lane < hi; lane++)
        ops->gelu_back(rows[lane + 1] - rows[lane], F, y->h + rows[lane] * F, r->dh + rows[lane] * F,
                       p->a->vectors + lane * p->a->n_vectors + 6 * C);
    ops->linear_dx(n, F, C, r->dh + i * F, F, w->up_w, 1, r->dx + i * C, C, scratch);
    ops->norm_again(n, C, y->xhat1 + i * C, w->norm1_gain, w->norm1_shift, r->y + i * C);
}

/* Gradients of queries, keys and values from that of the context. */
static void attend_back(const struct sg_pass *p, int layer, int lo, int hi, float *scratch)
{
    struct sg_acts *acts = p->a;
    const struct sg_batch *b = p->b;
    const struct sg_layer_acts *y = &acts->layer[layer];
    int narrow = is_narrow(p, layer);
    int64_t C = p->s->C, ld_q = narrow ? C : 3 * C, ld_kv = narrow ? 2 * C : 3 * C;
    float *dq = narrow ? acts->first.dq : acts->dqkv, *dkv = narrow ? acts->dqkv : acts->dqkv + C;
    const float *dctx = narrow ? acts->first.dctx : acts->all.dctx;
    for (int64_t s = b->lane[lo]; s < b->lane[hi]; s++) {
        int64_t row = narrow ? s : b->start[s];
        float *dk = dkv + b->start[s] * ld_kv;
        struct sg_attention a = attention_of(p, layer, s);
        p->ops->attention_back(&a, y->ctx + row * C, y->lse + row * p->s->H, dctx + row * C, dq + row * ld_q,
                               ld_q, dk, dk + C, ld_kv, scratch);
    }
}

/* From the middle's gradient to that of the layer's input (all.dx): the attention half. */
static void attention_half_back(const struct sg_pass *p, int layer, int lo, int hi, float *scratch)
{
    const struct sg_ops *ops = p->ops;
    const struct sg_batch *b = p->b;
    const struct sg_layer *w = &p->p->layer[layer];
    struct sg_acts *acts = p->a;
    struct sg_layer_acts *y = &acts->layer[layer];
    int narrow = is_narrow(p, layer);
    const int64_t *rows = lane_rows(b, narrow), *token = b->lane_token;
    struct sg_rows_acts *r = narrow ? &acts->first : &acts->all;
    int64_t C = p->s->C, i = rows[lo], n = rows[hi] - i, t = token[lo], n_tokens = token[hi] - t;
    /* y = LayerNorm(dropout(ctx out_w' + b) + x) */
    for (int lane = lo; lane < hi; lane++) {
        int64_t at = rows[lane];
        float *vectors = acts->vectors + lane * acts->n_vectors;
        struct sg_rows_id id = rows_id(b, narrow, at, layer, SITE_MIDDLE);
        ops->residual_norm_back(rows[lane + 1] - at, C, y->xhat1 + at * C, y->rstd1 + at, w->norm1_gain,
                                &p->drop, &id, r->dx + at * C, r->dout1 + at * C, vectors + 4 * C,
                                vectors + 5 * C, vectors + 3 * C);
    }
    ops->linear_dx(n, C, C, r->dout1 + i * C, C, w->out_w, 0, r->dctx + i * C, C, scratch);
    attend_back(p, layer, lo, hi, scratch);
    input_again(p, layer, t, n_tokens);
    int ends = input_of(p, layer) != acts->all.x; /* nothing below it is trained */
    if (!narrow) {
        /* qkv = x query_w' + b, and x went on beside it */
        for (int lane = lo; lane < hi; lane++)
            ops->column_sum(rows[lane + 1] - rows[lane], 3 * C, acts->dqkv + rows[lane] * 3 * C, 3 * C,
                            acts->vectors + lane * acts->n_vectors);
        if (!ends)
            ops->linear_dx(n, 3 * C, C, acts->dqkv + t * 3 * C, 3 * C, w->query_w, 1, r->dx + t * C, C,
                           scratch);
        return;
    }
    for (int lane = lo; lane < hi; lane++) {
        float *vectors = acts->vectors + lane * acts->n_vectors;
        ops->column_sum(rows[lane + 1] - rows[lane], C, acts->first.dq + rows[lane] * C, C, vectors);
        ops->column_sum(token[lane + 1] - token[lane], 2 * C, acts->dqkv + token[lane] * 2 * C, 2 * C,
                        vectors + C);
    }
    if (ends)
        return;
    ops->linear_dx(n_tokens, 2 * C, C, acts->dqkv + t * 2 * C, 2 * C, w->key_w, 0, acts->all.dx + t * C, C,
                   scratch);
    ops->linear_dx(n, C, C, acts->first.dq + i * C, C, w->query_w, 1, r->dx + i * C, C, scratch);
    for (int64_t s = b->lane[lo]; s < b->lane[hi]; s++)
        ops->add(C, acts->all.dx + b->start[s] * C, r->dx + s * C);
}

void sg_encoder_backward(const struct sg_pass *p, int layer, int lo, int hi, float *scratch)
{
    feed_forward_back(p, layer, lo, hi, scratch);
    attention_half_back(p, layer, lo, hi, scratch);
}

void sg_embedding_backward(const struct sg_pass *p, int lo, int hi)
{
    int64_t C = p->s->C;
    for (int lane = lo; lane < hi; lane++) {
        int64_t t = p->b->lane_token[lane], n = p->b->lane_token[lane + 1] - t;
        float *vectors = p->a->vectors + lane * p->a->n_vectors;
        struct sg_rows_id id = rows_id(p->b, 0, t, (int)p->s->L, SITE_EMBEDDING);
        p->ops->dropout(n, C, &p->drop, &id, p->a->all.dx + t * C);
        p->ops->norm_back(n, C, p->a->xhat0 + t * C, p->a->rstd0 + t, p->p->norm_gain, p->a->all.dx + t * C,
                          vectors, vectors + C);
    }
}
