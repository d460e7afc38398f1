/* How the dense parameters are shared out over a team: in buckets, one a part of the backward pass, each cut
 * into one piece a rank. A rank keeps the optimiser's state of its own pieces alone (a shard).
 *
 * Everything here is a function of layout and team size. Pieces end where the optimiser's blocks do, so that
 * no block, whose sum of squares has one order, belongs to two ranks. */
#ifndef SG_MODEL_SHARDS_H
#define SG_MODEL_SHARDS_H

#include "model/params.h"

/* A run of parameters under one rule of the optimiser: of one tensor, at most SG_BLOCK floats. */
enum { SG_BLOCK = 16384 };
struct sg_block {
    int64_t offset, n; /* in the dense part */
    int decays;
    int64_t state; /* its place in this rank's m and v, or -1: it is another rank's */
};

/* Buckets: the embeddings' LayerNorm (part -1), the layers, the head (part L), in the order of the arena; of frozen
 * layers, and with them of the embeddings, there are none. The tables' rows of a step are one more, of another length
 * each time, which every rank updates. */
int sg_shards_buckets(const struct sg_layout *l); /* L + 2 where nothing is frozen, without the rows' */
/* The part of bucket 0. */
static inline int sg_shards_first(const struct sg_layout *l)
{
    return l->shape.n_frozen > 0 ? (int)l->shape.n_frozen : -1;
}
/* Floats [lo, hi) of the dense part. */
void sg_shards_range(const struct sg_layout *l, int bucket, int64_t *lo, int64_t *hi);

/* Blocks of the dense part in order, into out where it is given; returns how many. state is left at -1. */
int64_t sg_shards_blocks(const struct sg_layout *l, struct sg_block *out);

/* A bucket's pieces for a team: cut (size+1), floats from the bucket's start, each the end of a block that is
 * nearest to an equal share. */
void sg_shards_cut(const struct sg_layout *l, int bucket, int size, int64_t *cut);

#endif
