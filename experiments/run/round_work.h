/* What decides the next round of a pool that is made in rounds (gen/pool/rounds.h), as work of the engine: the study's probe, fitted to one
 * half of the raw rows that the pool's prompts may show and the pool so far, says the other half's classes, and the other way round.
 *
 *     sg_round_work_create(p, vectors, &w, err);                      each rank
 *     kinds[k] = sg_round_work_kind(w, done, context);                each rank
 *     sg_round_work_add(w, engine, kind_of_vectors, k, pool, err);    rank 0: when the pool waits; queues embeddings that there are none of, too
 *
 * Payload: a head {int64 raw rows, int64 examples, int64 indices of their parts of embeddings (vectors.h), int32 channels, int32 classes, double c
 * (SG_PROBE_C_AUTO: chosen)}, int32 labels of both (n_raw + n), int32 halves (n_raw).
 * Result: float32 logits (n_raw, K). The same bits whichever rank works. */
#ifndef SG_EXPERIMENTS_RUN_ROUND_WORK_H
#define SG_EXPERIMENTS_RUN_ROUND_WORK_H

#include "experiments/run/vectors.h"

/* Each rank; p and vectors are borrowed. */
struct sg_round_work;
sg_status sg_round_work_create(const struct sg_prepared *p, struct sg_vectors *vectors,
                               struct sg_round_work **out, struct sg_err *err) SG_MUST_USE;
void sg_round_work_destroy(struct sg_round_work *w); /* NULL is fine */

/* Rank 0, coordinator's thread: logits (n_raw, K) of the pool that waited, by `rank`. A fit that failed is not handed on: it ends the run, which
 * can be gone on with. */
typedef sg_status (*sg_round_work_done)(void *context, int64_t pool, const float *logits, int rank,
                                        struct sg_err *err);
struct sg_kind sg_round_work_kind(struct sg_round_work *w, sg_round_work_done done, void *context);

/* Rank 0. */
sg_status sg_round_work_add(struct sg_round_work *w, struct sg_engine *e, int kind_of_vectors, int kind,
                            int64_t pool, struct sg_err *err) SG_MUST_USE;

#endif
