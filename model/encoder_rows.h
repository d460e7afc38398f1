/* What forward and backward share: which rows a lane has, and where dropout is. */
#ifndef SG_MODEL_ENCODER_ROWS_H
#define SG_MODEL_ENCODER_ROWS_H

#include "model/encoder.h"

#include <math.h>

/* Places of dropout in a layer; the site is 4 layer + place. Layer L: embeddings and head. */
enum {
    SITE_ATTENTION = 0,
    SITE_MIDDLE = 1,
    SITE_END = 2,
    SITE_EMBEDDING = 0,
    SITE_HEAD_IN = 1,
    SITE_HEAD_OUT = 2
};

static inline int is_narrow(const struct sg_pass *p, int layer)
{
    return layer == (int)p->s->L - 1 && !p->a->full;
}

/* A layer's input, all tokens. Layers share one array but for what frozen layers give, which is needed as long as a step
 * lasts. */
static inline float *input_of(const struct sg_pass *p, int layer)
{
    return p->a->input && layer == (int)p->s->n_frozen ? p->a->input : p->a->all.x;
}

/* First row of each lane: a token, or with `narrow` a sequence. Entry n_lanes is the end. */
static inline const int64_t *lane_rows(const struct sg_batch *b, int narrow)
{
    return narrow ? b->lane : b->lane_token;
}

static inline struct sg_rows_id rows_id(const struct sg_batch *b, int narrow, int64_t row, int layer,
                                        int place)
{
    return (struct sg_rows_id){.site = 4u * (uint32_t)layer + (uint32_t)place,
                               .example = (narrow ? b->seq_example : b->example) + row,
                               .token = (narrow ? b->first : b->token) + row};
}

static inline struct sg_attention attention_of(const struct sg_pass *p, int layer, int64_t seq)
{
    const struct sg_shape *s = p->s;
    const struct sg_layer_acts *y = &p->a->layer[layer];
    int narrow = is_narrow(p, layer);
    int64_t at = p->b->start[seq], C = s->C;
    struct sg_attention a = {.n_q = narrow ? 1 : p->b->start[seq + 1] - at,
                             .n_key = p->b->start[seq + 1] - at,
                             .H = s->H,
                             .D = s->D,
                             .drop = &p->drop_attention,
                             .site = 4u * (uint32_t)layer + SITE_ATTENTION,
                             .example = (uint32_t)p->b->seq_example[seq]};
    a.ld_q = narrow ? C : 3 * C;
    a.ld_kv = narrow ? 2 * C : 3 * C;
    a.q = y->q + (narrow ? seq : at) * a.ld_q;
    a.k = y->kv + at * a.ld_kv;
    a.v = a.k + C;
    a.scale = 1.0f / sqrtf((float)s->D);
    return a;
}

#endif
