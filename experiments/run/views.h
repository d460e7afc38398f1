/* Views of a pool: what a raw+synthetic cell makes of its synthetic examples by a classifier of its own raw rows, which buys nothing, or by
 * what an LLM says of each (experiments/study/evaluation.h), which is bought once a pool.
 * docs/pools.md says what they mean.
 *
 *     if (sg_arm_is_view(&c->arm)) {
 *         sg_view_need(vectors, models, engine, kind_of_vectors, kind_of_models, c, &after, err);  rank 0: what the cell waits for
 *         sg_view_take(p, vectors, models, c, n_synthetic, &view, err);                            rank 0, when it is there
 *     }
 *
 * The classifier (experiments/run/raw_models.h) is the study's probe, fitted to the cell's raw rows; cells of the same rows share it.
 * verify raw_classifier: an example stays where the classifier says its label. weighting dimp: its probability of the label goes to
 * the training (struct sg_examples, quality). verify llm: an example goes where the LLM says another class; where its answer names none, it
 * stays. */
#ifndef SG_EXPERIMENTS_RUN_VIEWS_H
#define SG_EXPERIMENTS_RUN_VIEWS_H

#include "experiments/run/raw_models.h"

#include <jansson.h>

struct sg_view {
    int64_t n_kept;
    int32_t *kept;  /* (n_kept) places in the pool, ascending */
    float *quality; /* (raw rows, then those) -1 of raw ones; NULL without weighting */
    json_t *
        told; /* for the cell's result: {"n_removed": 2, "removed": [[place, label, class that was said], ...]}; verify llm: and
                 "n_unparsable", answers that name no class */
};

/* Rank 0. Queues the classifier of the raw rows and the embeddings of the pool, where the view needs them, and adds their items to *after.
 * What an LLM says is there before the cell is queued. */
sg_status sg_view_need(struct sg_vectors *v, struct sg_raw_models *m, struct sg_engine *e,
                       int kind_of_vectors, int kind_of_models, const struct sg_cell *c,
                       struct sg_vectors_after *after, struct sg_err *err) SG_MUST_USE;

/* Rank 0. Which of the first n_synthetic examples of the cell's pool stay. SG_FAILED where what it needs is missing, with the reason. */
sg_status sg_view_take(const struct sg_prepared *p, const struct sg_vectors *v, const struct sg_raw_models *m,
                       const struct sg_cell *c, int64_t n_synthetic, struct sg_view *out,
                       struct sg_err *err) SG_MUST_USE;
void sg_view_free(struct sg_view *v); /* a zeroed one is fine */

/* p (K) becomes the softmax of logits (K), the same bits everywhere, and is returned. largest: the class with the largest logit, the first
 * of equals; may be NULL. */
struct sg_ops;
const double *sg_view_softmax(const struct sg_ops *ops, const float *logits, int K, double *p,
                              int32_t *largest);

#endif
