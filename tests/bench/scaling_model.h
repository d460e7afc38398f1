/* What one optimiser step of a team sends, counted from the plan of the reduction: for any number of ranks, without
 * MPI. */
#ifndef SG_TESTS_BENCH_SCALING_MODEL_H
#define SG_TESTS_BENCH_SCALING_MODEL_H

#include "model/shards.h"
#include "mpi/reduce.h"

enum { SCALING_MAX_RANKS = 64 };

struct scaling_counts {
    int64_t n_floats, n_doubles; /* of the gradient with the tables' rows; of losses and squares */
    int n_buckets;
    struct sg_reduce_count most;   /* of the rank that sends most */
    struct sg_reduce_count total;  /* of all ranks */
    struct sg_reduce_count hidden; /* of `most`: what can travel while the backward pass goes on */
};

static inline void scaling_add(struct sg_reduce_count *to, const struct sg_reduce_count *x)
{
    to->n_messages += x->n_messages;
    to->n_bytes += x->n_bytes;
}

/* n_rows: rows of the tables that a batch uses. */
static inline struct scaling_counts scaling_count(const struct sg_layout *l, int64_t batch, int64_t n_rows,
                                                  int size)
{
    int64_t cut[SCALING_MAX_RANKS + 1], rows = n_rows * l->shape.C;
    int n = sg_shards_buckets(l);
    struct scaling_counts c = {.n_floats = l->n_total - l->at_dense + rows,
                               .n_doubles = batch + 2 + sg_shards_blocks(l, NULL),
                               .n_buckets = n + 1};
    for (int rank = 0; rank < size; rank++) {
        struct sg_reduce_count sent = {0}, hidden = {0};
        for (int b = 0; b < n; b++) {
            sg_shards_cut(l, b, size, cut);
            /* The last two parts of the backward pass, the first layer and the embeddings, have nothing beside
             * them. */
            sg_reduce_foretell(rank, size, cut, SG_SCATTER, b > 1 ? &hidden : &sent);
            sg_reduce_foretell(rank, size, cut, SG_GATHER, &sent);
        }
        sg_reduce_cut(rows, size, cut);
        sg_reduce_foretell(rank, size, cut, SG_ALLREDUCE, &sent);
        sg_reduce_foretell_f64(size, c.n_doubles, &sent);
        scaling_add(&sent, &hidden);
        scaling_add(&c.total, &sent);
        if (sent.n_bytes > c.most.n_bytes) {
            c.most = sent;
            c.hidden = hidden;
        }
    }
    return c;
}

/* The closed formula. A rank sends n (R-1)/R floats in the halving and as many in the doubling; with uneven pieces
 * that is the mean, so it holds for the sum over the ranks. Doubles go whole in each of the log2 R rounds. */
static inline int64_t scaling_total_bytes(const struct scaling_counts *c, int size)
{
    return 4 * 2 * (size - 1) * c->n_floats + 8 * size * sg_reduce_rounds(size) * c->n_doubles;
}

/* At most one message a bucket and round, there and back, and one more for each full piece; the doubles have one a
 * round and full piece. */
static inline int64_t scaling_most_messages(const struct scaling_counts *c, int size)
{
    int64_t k = sg_reduce_rounds(size),
            pieces = c->most.n_bytes / (int64_t)(SG_REDUCE_FLOATS * sizeof(float));
    return 2 * k * c->n_buckets + pieces + k * (1 + c->n_doubles / SG_REDUCE_DOUBLES);
}

static inline struct sg_shape scaling_shape(int64_t C, int64_t L, int64_t V)
{
    return (struct sg_shape){
        .V = V, .C = C, .H = 12, .D = C / 12, .F = 4 * C, .L = L, .K = 2, .n_positions = 512, .n_types = 2};
}

#endif
