/* A cell's message to its team: which rows it takes, by number (experiments/run/shared_rows.h, vectors.h); no text and no embedding. Both
 * classifiers have it.
 *
 * int64 length of a head, the head, a JSON object {"task", "pool", "raw": n_raw, "synthetic": n, "seed", "view", "snapshot":
 * "<results>/<id>.run"} (the last two where there are any), or {"failed": why it cannot be trained}; then int32 places of the raw rows (n_raw);
 * with "kept": int32 which of the pool's examples (n), else its first; with "weighs": float32 (n_raw + n), see struct sg_examples; with
 * "labelled": int32 labels (n_raw + n). */
#ifndef SG_EXPERIMENTS_RUN_CELL_MESSAGE_H
#define SG_EXPERIMENTS_RUN_CELL_MESSAGE_H

#include "experiments/run/shared_rows.h"
#include "experiments/run/views.h"

#include <jansson.h>

struct sg_cell_message {
    int task;
    int64_t pool, n_raw, n_synthetic;
    json_t *head;
    int32_t *raw;   /* (n_raw) places */
    int32_t *kept;  /* (n_synthetic) of the pool's examples; NULL: the first */
    float *quality; /* (n_raw + n_synthetic), or NULL */
    int32_t *label; /* (n_raw + n_synthetic), or NULL */
};
static inline int64_t sg_cell_message_rows(const struct sg_cell_message *m)
{
    return m->n_raw + m->n_synthetic;
}
static inline int64_t sg_cell_message_example(const struct sg_cell_message *m, int64_t i)
{
    return m->kept ? m->kept[i] : i;
}
void sg_cell_message_free(struct sg_cell_message *m); /* a zeroed one is fine */

/* Rank 0. The cell's rows; `raw` are row numbers of the training file, not places yet. labelled: with labels. A cell that cannot be
 * trained, as its pool is empty or its view cannot be taken, is SG_FAILED. */
sg_status sg_cell_message_make(struct sg_shared_rows *rows, const struct sg_vectors *vectors,
                               const struct sg_raw_models *models, const struct sg_prepared *p,
                               const struct sg_cell *c, int labelled, struct sg_cell_message *out,
                               struct sg_err *err) SG_MUST_USE;

/* Rank 0. The message, or why there is none. */
sg_status sg_cell_message_put(const struct sg_cell_message *m, struct sg_buf *payload,
                              struct sg_err *err) SG_MUST_USE;
sg_status sg_cell_message_put_failure(const char *why, struct sg_buf *payload,
                                      struct sg_err *err) SG_MUST_USE;

/* The team. SG_FAILED: why it cannot be trained, or the message is damaged. On failure *out is empty. */
sg_status sg_cell_message_take(const struct sg_prepared *p, const struct sg_work *w,
                               struct sg_cell_message *out, struct sg_err *err) SG_MUST_USE;

#endif
