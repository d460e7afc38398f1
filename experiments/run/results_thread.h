/* results.h5 while cells run: built in a thread of its own, from a private copy of the ledger (sg_ledger_open_held), so that the coordinator
 * hands out work meanwhile, whatever the number of predictions.
 *
 *     struct sg_results_thread *t;
 *     sg_results_thread_start(ledger, "results/study/results.h5", 1, &t, err);
 *     ... now and then: if (sg_results_thread_is_over(t)) ...
 *     status = sg_results_thread_end(t, &verdict, &took_s, err);
 *
 * HDF5 is not thread-safe: nobody else uses it between start and end. Rank 0 only, the thread that writes the ledger. */
#ifndef SG_EXPERIMENTS_RUN_RESULTS_THREAD_H
#define SG_EXPERIMENTS_RUN_RESULTS_THREAD_H

#include "base/buf.h"
#include "base/err.h"
#include "results/ledger/ledger.h"

struct sg_results_thread;

/* Commits; what the ledger has is written to `path` (copied), and with wants_verdict its verdict is made as well (sg_report). The ledger may be
 * written meanwhile, but not closed. SG_FAILED where no thread can be had. */
sg_status sg_results_thread_start(struct sg_ledger *l, const char *path, int wants_verdict,
                                  struct sg_results_thread **out, struct sg_err *err) SG_MUST_USE;

/* The ledger's log, which is kept from the database while it is copied, is let go when that is done. */
int sg_results_thread_is_over(struct sg_results_thread *t);

/* Waits for it, and destroys it; what is not over yet is given up: SG_STOPPED, within a fraction of a second once the copy of the ledger is
 * made. Appends the verdict, where it was wanted. *took_s: how long it was at work. On failure `path` is as it was. */
sg_status sg_results_thread_end(struct sg_results_thread *t, struct sg_buf *verdict, double *took_s,
                                struct sg_err *err) SG_MUST_USE;

#endif
