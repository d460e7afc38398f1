/* Cells as items of an engine, and what they wait for: fine-tuned cells (experiments/run/cell_work.h), probes (probe_work.h), the embeddings
 * (vectors.h) and classifiers of raw rows (raw_models.h) that they share.
 *
 *     sg_cell_items_create(p, FIRST, &items, err);           each rank
 *     sg_cell_items_kinds(&items, done, &kinds[FIRST]);      each rank: SG_CELL_N_KINDS of them
 *     mine->item.cell = &p->grid.cell[i];
 *     sg_cell_items_add(&items, engine, &mine->item, err);   rank 0: the cell, and what it waits for that was not queued
 */
#ifndef SG_EXPERIMENTS_RUN_CELL_ITEMS_H
#define SG_EXPERIMENTS_RUN_CELL_ITEMS_H

#include "experiments/run/cell_work.h"
#include "experiments/run/raw_models.h"
#include "mpi/policy.h"

/* The kinds, from the first on. */
enum { SG_CELL_FINE_TUNE, SG_CELL_PROBE, SG_CELL_VECTORS, SG_CELL_RAW_MODELS, SG_CELL_N_KINDS };

struct sg_cell_items {
    const struct sg_prepared *p; /* borrowed */
    int first;                   /* the engine's number of SG_CELL_FINE_TUNE */
    struct sg_engine *engine;    /* rank 0: where cells were added */
    struct sg_shared_rows *rows;
    struct sg_vectors *vectors;
    struct sg_raw_models *models;
};

/* What `done` gets as `user`: the first member of the caller's own. */
struct sg_cell_item {
    struct sg_cell_items *of; /* set by sg_cell_items_add */
    const struct sg_cell *cell;
};

/* Local, each rank. A zeroed one is fine to destroy. */
sg_status sg_cell_items_create(const struct sg_prepared *p, int first, struct sg_cell_items *out,
                               struct sg_err *err) SG_MUST_USE;
void sg_cell_items_destroy(struct sg_cell_items *x);

/* done: of fine-tuned cells and probes (mpi/engine.h); its context is x. */
void sg_cell_items_kinds(struct sg_cell_items *x,
                         sg_status (*done)(void *context, void *user, const struct sg_outcome *o,
                                           struct sg_engine *e, struct sg_err *err),
                         struct sg_kind kinds[SG_CELL_N_KINDS]);

/* Rank 0. Probes go before all fine-tuning: what takes seconds should not wait for what takes hours. */
sg_status sg_cell_items_add(struct sg_cell_items *x, struct sg_engine *e, struct sg_cell_item *item,
                            struct sg_err *err) SG_MUST_USE;

/* Local. The cell as the policy sees it (its id is the caller's to give): its cost in seconds of a core, its largest team. */
struct sg_policy_item sg_cell_as_item(const struct sg_prepared *p, const struct sg_cell *c);

#endif
