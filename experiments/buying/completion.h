/* A completion on its way into the ledger, and from the ledger into a recording. Rank 0. */
#ifndef SG_EXPERIMENTS_BUYING_COMPLETION_H
#define SG_EXPERIMENTS_BUYING_COMPLETION_H

#include "gen/llm/recording.h"
#include "results/ledger/ledger.h"

/* Puts an answer into the ledger (uncommitted). request: its canonical text; source: as in results/ledger/ledger.h; rank: that
 * bought it, -1: none. */
sg_status sg_completion_put(struct sg_ledger *l, const char *request, const struct sg_answer *answer,
                            const char *source, int rank, struct sg_err *err) SG_MUST_USE;

/* The way back: adds a completion of the ledger to a recording. */
sg_status sg_completion_record(struct sg_recording_writer *w, const struct sg_ledger_completion *c,
                               struct sg_err *err) SG_MUST_USE;

#endif
