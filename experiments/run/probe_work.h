/* A probe cell as work of one rank: message (rank 0, experiments/run/cell_message.h) and embeddings (vectors.h) -> logistic regression
 * (model/logistic.h) -> result as of a fine-tuned cell (cell_work.h), with no steps and no loss. The message's places of raw rows are those of
 * their embeddings, and it has labels. */
#ifndef SG_EXPERIMENTS_RUN_PROBE_WORK_H
#define SG_EXPERIMENTS_RUN_PROBE_WORK_H

#include "experiments/run/raw_models.h"

/* Rank 0. Queues the embeddings that the cell needs, and adds their items to *after. What a view needs besides: sg_view_need. */
sg_status sg_probe_need(struct sg_vectors *v, struct sg_engine *e, int kind, const struct sg_cell *c,
                        struct sg_vectors_after *after, struct sg_err *err) SG_MUST_USE;

/* Rank 0, in `prepare`. m: for views. */
sg_status sg_probe_payload(struct sg_shared_rows *rows, struct sg_engine *e, struct sg_vectors *v,
                           const struct sg_raw_models *m, const struct sg_prepared *p,
                           const struct sg_cell *c, struct sg_buf *payload, struct sg_err *err) SG_MUST_USE;

/* The team's one rank. */
sg_status sg_probe_work(const struct sg_prepared *p, const struct sg_work *w, struct sg_buf *result,
                        struct sg_err *err) SG_MUST_USE;

#endif
