/* The alphabet of shapes, used alike in code, comments and tests.
 *
 *   B examples     T tokens (of a lane, a rank's lanes or a chunk: packed, never padded)
 *   C channels     H heads     D = C/H     F feed-forward     L layers     K classes
 *   V rows of the word table in memory (a training run keeps only the rows that its texts use)
 *   n_frozen: the embeddings and the first n_frozen layers are not trained; 0: all is
 *
 * Matrices are row-major. A weight of a linear layer is (out, in) as in Hugging Face's files: Y (T,N) = X
 * (T,C) W' + b. */
#ifndef SG_MODEL_SHAPES_H
#define SG_MODEL_SHAPES_H

#include "model/config.h"
#include "model/train_settings.h"

struct sg_shape {
    int64_t V, C, H, D, F, L, K;
    int64_t n_positions, n_types; /* rows of the position and type tables */
    int64_t n_frozen;
};

static inline struct sg_shape sg_shape_of(const struct sg_config *c, int64_t n_words, int64_t n_classes)
{
    return (struct sg_shape){.V = n_words,
                             .C = c->C,
                             .H = c->H,
                             .D = c->C / c->H,
                             .F = c->F,
                             .L = c->L,
                             .K = n_classes,
                             .n_positions = c->n_positions,
                             .n_types = c->n_types};
}

/* With the layers that the settings use and freeze, where the encoder has so many (sg_train_check_layers). */
static inline struct sg_shape sg_train_shape(const struct sg_config *c, const struct sg_train_settings *s,
                                             int64_t n_words, int64_t n_classes)
{
    struct sg_shape shape = sg_shape_of(c, n_words, n_classes);
    if (s->layers > 0 && s->layers < shape.L)
        shape.L = s->layers;
    shape.n_frozen = s->freeze < shape.L ? s->freeze : shape.L;
    return shape;
}

#endif
