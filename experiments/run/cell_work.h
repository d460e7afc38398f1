/* A cell as work for a team: message (rank 0, experiments/run/cell_message.h) -> training (team) -> result (rank 0).
 *
 * The team has the settings from the study, which is the same on all ranks, and the rows as parts of the engine (shared_rows.h). Result:
 * int64 length of a JSON object's text, n_steps, n_eval, n_classes K, and how many examples a view has removed; the text, with spaces behind
 * it to a multiple of 8 bytes; float32 loss (n_steps) and logits (n_eval, K). The text is what the ledger keeps, but for what rank 0 knows of
 * the cell: it is not read there.
 *
 * What such work emits: an int64, the steps that its snapshot has now.
 *
 * A cell that trains for longer than a minute is put into its snapshot file, so that a run that is stopped or
 * killed does not lose it. The file goes when the cell is done, and when a run begins whose study does not have
 * the cell. */
#ifndef SG_EXPERIMENTS_RUN_CELL_WORK_H
#define SG_EXPERIMENTS_RUN_CELL_WORK_H

#include "experiments/run/shared_rows.h"
#include "results/ledger/ledger.h"

#include <jansson.h>

/* Why a cell fails whose pool came to nothing. */
#define SG_CELL_EMPTY_POOL "nothing to train on: the pool has no examples"

/* Rank 0, in `prepare`. vectors, models: for views (experiments/run/views.h). */
struct sg_vectors;
struct sg_raw_models;
sg_status sg_cell_payload(struct sg_shared_rows *rows, struct sg_engine *e, const struct sg_vectors *vectors,
                          const struct sg_raw_models *models, const struct sg_prepared *p,
                          const struct sg_cell *c, struct sg_buf *payload, struct sg_err *err) SG_MUST_USE;

/* Rank 0, when the cell's result is committed: not before, since a disk may be full, or the run be killed. One that is out of this node's sight
 * stays until a run begins there (sg_cell_tidy). */
void sg_cell_forget_snapshot(const struct sg_prepared *p, const struct sg_cell *c);

/* Rank 0, before any cell is trained. Removes the snapshot files that nothing will go on from: of cells that are done, or
 * not in this study. What cannot be removed stays. */
sg_status sg_cell_tidy(const struct sg_prepared *p, struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;

/* A cell that has trained for so long can be gone on from; 0: none can. */
double sg_cell_kept_after_s(const struct sg_prepared *p);

/* Collective over w->team; the encoder is the same on each rank. */
sg_status sg_cell_work(const struct sg_prepared *p, const struct sg_work *w, struct sg_buf *result,
                       struct sg_err *err) SG_MUST_USE;

/* The team's rank 0: what sg_cell_store reads. more: members that are added to the header; may be NULL. Where there were no steps (a
 * probe), it says nothing of lanes and tokens. */
sg_status sg_cell_result(const struct sg_encoder *encoder, const struct sg_work *w,
                         const struct sg_train_result *r, json_t *more, struct sg_buf *result,
                         struct sg_err *err) SG_MUST_USE;

/* Such a result, borrowed from its bytes, 8-byte aligned. SG_FAILED: it is damaged. */
struct sg_cell_found {
    const char *text;
    int64_t n_text, n_steps, n_eval, n_classes, n_removed;
    const float *loss, *logits;
};
sg_status sg_cell_result_take(const void *bytes, size_t n, struct sg_cell_found *out,
                              struct sg_err *err) SG_MUST_USE;

/* What a cell was trained on. */
struct sg_cell_origin {
    int64_t n_raw, n_synthetic;
    const struct sg_task_data *data; /* of its task: which of the rows that it predicts are of which set */
    const char *rows, *examples,
        *verdicts;    /* digests (experiments/run/texts.h); verdicts: "" but with verify: llm */
    const char *host; /* of the team's first rank, as rank 0 knows it; NULL: it does not */
};
/* Rank 0. Puts a done or failed cell into the ledger (uncommitted). */
sg_status sg_cell_store(struct sg_ledger *l, const struct sg_cell *c, const struct sg_cell_origin *from,
                        const struct sg_outcome *o, struct sg_err *err) SG_MUST_USE;

#endif
