#include "model/encoder_rows.h"

#include <string.h>

/* x0 = dropout(LayerNorm(word + position + type)) */
static void embed(const struct sg_pass *p, int lo, int hi)
{
    const struct sg_batch *b = p->b;
    struct sg_acts *a = p->a;
    int64_t C = p->s->C, from = b->lane_token[lo], n = b->lane_token[hi] - from;
    for (int64_t t = from; t < from + n; t++) {
        float *e = a->xhat0 + t * C;
        memcpy(e, p->p->word + b->row[0][t] * C, (size_t)C * sizeof *e);
        p->ops->add(C, e, p->p->position + b->row[1][t] * C);
        p->ops->add(C, e, p->p->type + b->row[2][t] * C);
    }
    struct sg_rows_id id = rows_id(b, 0, from, (int)p->s->L, SITE_EMBEDDING);
    p->ops->norm(n, C, p->p->norm_gain, p->p->norm_shift, (float)p->config->eps, a->xhat0 + from * C,
                 a->rstd0 + from, a->all.x + from * C);
    p->ops->dropout(n, C, &p->drop, &id, a->all.x + from * C);
}

/* Queries, keys and values; in a narrow layer queries of first tokens alone. */
static void project(const struct sg_pass *p, int layer, int lo, int hi, float *scratch)
{
    const struct sg_ops *ops = p->ops;
    const struct sg_layer *w = &p->p->layer[layer];
    struct sg_layer_acts *y = &p->a->layer[layer];
    const struct sg_batch *b = p->b;
    int64_t C = p->s->C, t = b->lane_token[lo], n = b->lane_token[hi] - t;
    const float *in = input_of(p, layer), *x = in + t * C;
    if (!is_narrow(p, layer)) {
        ops->linear(n, 3 * C, C, x, C, w->query_w, y->q + t * 3 * C, 3 * C, scratch);
        ops->add_bias(n, 3 * C, y->q + t * 3 * C, w->query_b);
        return;
    }
    ops->linear(n, 2 * C, C, x, C, w->key_w, y->kv + t * 2 * C, 2 * C, scratch);
    ops->add_bias(n, 2 * C, y->kv + t * 2 * C, w->key_b);
    int64_t s = b->lane[lo], n_seq = b->lane[hi] - s;
    for (int64_t i = s; i < s + n_seq; i++)
        memcpy(p->a->first.x + i * C, in + b->start[i] * C, (size_t)C * sizeof(float));
    ops->linear(n_seq, C, C, p->a->first.x + s * C, C, w->query_w, y->q + s * C, C, scratch);
    ops->add_bias(n_seq, C, y->q + s * C, w->query_b);
}

/* out (rows,C): the layer's result. */
static void layer_forward(const struct sg_pass *p, int layer, int lo, int hi, float *out, float *scratch)
{
    const struct sg_ops *ops = p->ops;
    const struct sg_batch *b = p->b;
    const struct sg_layer *w = &p->p->layer[layer];
    struct sg_layer_acts *y = &p->a->layer[layer];
    int narrow = is_narrow(p, layer);
    struct sg_rows_acts *r = narrow ? &p->a->first : &p->a->all;
    int64_t C = p->s->C, F = p->s->F, H = p->s->H, i = lane_rows(b, narrow)[lo],
            n = lane_rows(b, narrow)[hi] - i;
    float eps = (float)p->config->eps;
    const float *x = narrow ? r->x : input_of(p, layer);
    struct sg_rows_id middle = rows_id(b, narrow, i, layer, SITE_MIDDLE),
                      end = rows_id(b, narrow, i, layer, SITE_END);

    project(p, layer, lo, hi, scratch);
    for (int64_t s = b->lane[lo]; s < b->lane[hi]; s++) {
        int64_t row = narrow ? s : b->start[s];
        struct sg_attention a = attention_of(p, layer, s);
        ops->attention(&a, y->ctx + row * C, y->lse + row * H, scratch);
    }
    ops->linear(n, C, C, y->ctx + i * C, C, w->out_w, r->t + i * C, C, scratch);
    ops->residual_norm(n, C, w->out_b, x + i * C, &p->drop, &middle, w->norm1_gain, w->norm1_shift, eps,
                       r->t + i * C, y->xhat1 + i * C, y->rstd1 + i, r->y + i * C);
    ops->linear(n, F, C, r->y + i * C, C, w->up_w, y->h + i * F, F, scratch);
    ops->gelu(p->config->activation == SG_GELU_TANH, n, F, w->up_b, y->h + i * F, r->a + i * F);
    ops->linear(n, C, F, r->a + i * F, F, w->down_w, r->t + i * C, C, scratch);
    ops->residual_norm(n, C, w->down_b, r->y + i * C, &p->drop, &end, w->norm2_gain, w->norm2_shift, eps,
                       r->t + i * C, y->xhat2 + i * C, y->rstd2 + i, out + i * C);
}

void sg_encoder_forward(const struct sg_pass *p, int lo, int hi, float *scratch)
{
    int begun = p->a->input != NULL;
    if (!begun)
        embed(p, lo, hi);
    for (int l = begun ? (int)p->s->n_frozen : 0; l < (int)p->s->L; l++)
        layer_forward(p, l, lo, hi, is_narrow(p, l) ? p->a->cls : p->a->all.x, scratch);
}

/* Dropout where the family has it there, dense layer, tanh, dropout, classifier. */
void sg_head_forward(const struct sg_pass *p, int lo, int hi, float *scratch)
{
    const struct sg_ops *ops = p->ops;
    struct sg_acts *a = p->a;
    int64_t C = p->s->C, K = p->s->K, i = p->b->lane[lo], n = p->b->lane[hi] - i;
    struct sg_rows_id in = rows_id(p->b, 1, i, (int)p->s->L, SITE_HEAD_IN),
                      out = rows_id(p->b, 1, i, (int)p->s->L, SITE_HEAD_OUT);
    if (p->config->family->drops_head_input)
        ops->dropout(n, C, &p->drop_head, &in, a->cls + i * C);
    ops->linear(n, C, C, a->cls + i * C, C, p->p->dense_w, a->u + i * C, C, scratch);
    ops->add_bias(n, C, a->u + i * C, p->p->dense_b);
    ops->tanh(n * C, a->u + i * C);
    memcpy(a->v + i * C, a->u + i * C, (size_t)(n * C) * sizeof(float));
    ops->dropout(n, C, &p->drop_head, &out, a->v + i * C);
    ops->linear(n, K, C, a->v + i * C, C, p->p->logit_w, a->logits + i * K, K, scratch);
    ops->add_bias(n, K, a->logits + i * K, p->p->logit_b);
}
