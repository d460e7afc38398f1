/* Cells of a finished study trained again, and their weights compared with those that the ledger has (`synthgrid verify DIR --sample P%`).
 *
 * The same bits come of a cell on any number of ranks and threads, so that a digest that differs means: the ledger was changed, the
 * program or the processor's rounding is another one, or something broke. Nothing is written into the folder, and nobody is asked.
 *
 * Which cells: done ones are ordered by SHA-256 of their id, and the first share of them, rounded up, is taken. So it is the same set
 * anywhere, and a smaller share's set is part of a larger one's.
 *
 * The study is read from its file with all settings as the ledger has them, so that a file that was edited meanwhile does no harm; its
 * examples come from the ledger's completions. What such a study needs besides must be there: rows, task files and encoder are compared
 * by the digests that the ledger has. */
#ifndef SG_EXPERIMENTS_RUN_RESAMPLE_H
#define SG_EXPERIMENTS_RUN_RESAMPLE_H

#include "base/err.h"
#include "mpi/comm.h"

#include <jansson.h>
#include <stdint.h>

struct sg_ledger;

struct sg_resample_options {
    const char *folder; /* with a ledger */
    double share;       /* of the done cells: above 0, at most 1 */
    const char *study;  /* its file; NULL: where the ledger says that it was */
    int n_overrides;
    const char *const *overrides; /* where things are now: data.dir=..., train.encoder=... */
    json_t *misfits;              /* rank 0: gets a sentence for each cell that differs */
    int64_t n_done, n_trained,
        n_same; /* rank 0: gets the done cells, those that were trained again, and of them those that did not differ */
};

/* Collective. SG_INPUT where study file, rows or encoder are missing, or are others; SG_STOPPED at a signal. */
sg_status sg_resample(const struct sg_team *world, struct sg_resample_options *o,
                      struct sg_err *err) SG_MUST_USE;

/* Local. The settings in a ledger (sg_study.resolved) as overrides that pin them: an array of texts "key=value". */
sg_status sg_resample_settings(const char *settings, json_t **out, struct sg_err *err) SG_MUST_USE;

#endif
