/* The alphabet of shapes, used alike in code, comments and tests.
 *
 *   B examples     T tokens (of a lane, a rank's lanes or a chunk: packed, never padded)
 *   C channels     H heads     D = C/H     F feed-forward     L layers     K classes
 *   V rows of the word table in memory (a training run keeps only the rows that its texts use)
 *
 * Matrices are row-major. A weight of a linear layer is (out, in) as in Hugging Face's files: Y (T,N) = X
 * (T,C) W' + b. */
#ifndef SG_MODEL_SHAPES_H
#define SG_MODEL_SHAPES_H

#include "model/config.h"

struct sg_shape {
    int64_t V, C, H, D, F, L, K;
    int64_t n_positions, n_types; /* rows of the position and type tables */
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

#endif
