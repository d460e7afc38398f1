/* The embeddings that a study's probe cells share: each row of a task's files and each example of a pool once, by all ranks, as work of
 * the engine. Rank 0 keeps them for the run, n x C floats.
 *
 *     sg_vectors_create(p, &v, err);
 *     kinds[k] = sg_vectors_kind(v);                    each rank
 *     sg_vectors_need(v, engine, k, part, &after, err); rank 0: queues what it takes, once
 *     sg_vectors_get(v, part, i)                        when these items are done: rank 0
 *     sg_vectors_share(v, engine, part, n, err)         then, in `prepare`: the team shall have the first n
 *     sg_vectors_shared(w, part, C, &n)                 in `work`
 *
 * Parts: a task's held-out rows (as cells predict them); its training rows, of which those have an embedding that a draw of the study
 * takes or that are measured (experiments/run/measure.h); the rows that prompts of a draw show (sg_prepared_shots); a pool: its examples at
 * the time, more when it is needed again and has grown. */
#ifndef SG_EXPERIMENTS_RUN_VECTORS_H
#define SG_EXPERIMENTS_RUN_VECTORS_H

#include "experiments/run/shared_rows.h"

#include <jansson.h>

enum sg_vectors_of { SG_VECTORS_TRAIN, SG_VECTORS_HELD_OUT, SG_VECTORS_POOL, SG_VECTORS_SHOTS };
struct sg_vectors_part {
    enum sg_vectors_of of;
    int64_t index; /* of the task, or of the pool; SHOTS: task x n_draws + draw */
};

/* Those of a cell: of its task, and of its pool. */
static inline struct sg_vectors_part sg_vectors_train(const struct sg_cell *c)
{
    return (struct sg_vectors_part){SG_VECTORS_TRAIN, c->task};
}
static inline struct sg_vectors_part sg_vectors_held_out(const struct sg_cell *c)
{
    return (struct sg_vectors_part){SG_VECTORS_HELD_OUT, c->task};
}
static inline struct sg_vectors_part sg_vectors_pool(const struct sg_cell *c)
{
    return (struct sg_vectors_part){SG_VECTORS_POOL, c->pool};
}

/* Each rank; p is borrowed. */
struct sg_vectors;
sg_status sg_vectors_create(const struct sg_prepared *p, struct sg_vectors **out,
                            struct sg_err *err) SG_MUST_USE;
void sg_vectors_destroy(struct sg_vectors *v); /* NULL is fine */

struct sg_kind sg_vectors_kind(struct sg_vectors *v);

/* The items that a cell waits for. */
struct sg_vectors_after {
    int64_t *item, n;
};

/* Adds n items. */
sg_status sg_vectors_after_add(struct sg_vectors_after *after, const int64_t *item, int64_t n,
                               struct sg_err *err) SG_MUST_USE;

/* Rank 0. Queues the part's embedding with this kind unless it was, and adds its items to *after (sg_free(after->item)). */
sg_status sg_vectors_need(struct sg_vectors *v, struct sg_engine *e, int kind, struct sg_vectors_part part,
                          struct sg_vectors_after *after, struct sg_err *err) SG_MUST_USE;

/* Rank 0. (C) of a row: index into the file's rows or the pool's examples. NULL: it has none, or its work has failed. */
const float *sg_vectors_get(const struct sg_vectors *v, struct sg_vectors_part part, int64_t i);

/* Rank 0. The place in the part of such a row, where ranks have its embedding; -1: it has none, or its work has failed. */
int64_t sg_vectors_place(const struct sg_vectors *v, struct sg_vectors_part part, int64_t i);

/* Rank 0, in `prepare`: the team gets the first n embeddings of the part (mpi/engine.h); n < 0: all of them. */
sg_status sg_vectors_share(struct sg_vectors *v, struct sg_engine *e, struct sg_vectors_part part, int64_t n,
                           struct sg_err *err) SG_MUST_USE;

/* The team, in `work`: (n,C), borrowed until it returns; n may be more than was asked for. NULL: they are not there. */
const float *sg_vectors_shared(const struct sg_work *w, struct sg_vectors_part part, int C, int64_t *n);

/* Copies the rows at these places of such a part, one after the other. SG_FAILED where there are none. */
sg_status sg_vectors_gather(const float *part, int64_t n_part, int C, const int32_t *place, int64_t n,
                            float *x, struct sg_err *err) SG_MUST_USE;

/* Why work fails that lacks a part which was sent, */
#define SG_VECTORS_DID_NOT_ARRIVE                                                                            \
    "embeddings that it needs did not arrive: there was no memory for them; hint: fewer ranks on the node"
/* and why a cell fails that gets NULL. */
#define SG_VECTORS_LACK                                                                                      \
    "some of its texts could not be embedded: the rank that was to do it had not the memory, or ended"

/* A text as messages have it, [first, second?]; and the embeddings of texts [from, to) of a list of them: x (to - from,C) of the caller's. Local. */
json_t *sg_vectors_text(const char *first, const char *second);
sg_status sg_vectors_embed(const struct sg_prepared *p, const json_t *texts, int64_t from, int64_t to,
                           enum sg_cut cut, enum sg_pooling pooling, float *x,
                           struct sg_err *err) SG_MUST_USE;

/* What embedding all parts takes, in seconds as sg_cell_cost has them: 0 without probes and views. Of pools, what is wanted counts. */
double sg_vectors_cost(const struct sg_prepared *p);

#endif
