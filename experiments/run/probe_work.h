/* A probe cell as work of one rank: embeddings (rank 0, experiments/run/vectors.h) -> logistic regression (model/logistic.h) -> result as of a
 * fine-tuned cell (experiments/run/cell_work.h), with no steps and no loss.
 *
 * Payload: int64 length of a head, the head, a JSON object {"n_train", "n_eval", "channels", "n_classes", "c": number or null for auto},
 * or {"failed": why the cell has no embeddings}; then int32 labels (n_train), float32 embeddings (n_train, C) and (n_eval, C). */
#ifndef SG_EXPERIMENTS_RUN_PROBE_WORK_H
#define SG_EXPERIMENTS_RUN_PROBE_WORK_H

#include "experiments/run/raw_models.h"

/* Rank 0. Queues the embeddings that the cell needs, and adds their items to *after. What a view needs besides: sg_view_need. */
sg_status sg_probe_need(struct sg_vectors *v, struct sg_engine *e, int kind, const struct sg_cell *c,
                        struct sg_vectors_after *after, struct sg_err *err) SG_MUST_USE;

/* Rank 0. m: for views. */
sg_status sg_probe_payload(const struct sg_vectors *v, const struct sg_raw_models *m,
                           const struct sg_prepared *p, const struct sg_cell *c, struct sg_buf *payload,
                           struct sg_err *err) SG_MUST_USE;

/* The team's one rank. */
sg_status sg_probe_work(const struct sg_prepared *p, const struct sg_work *w, struct sg_buf *result,
                        struct sg_err *err) SG_MUST_USE;

#endif
