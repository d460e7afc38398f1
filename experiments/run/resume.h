/* What a run finds in its ledger, and whether it still holds: an interrupted study goes on, an edited one begins with what it shares
 * with the earlier one, and nothing is kept beside texts that it does not come from.
 *
 * Everything that is kept has all that it depends on in its key, or beside it:
 *   completions   key: the whole request
 *   pools         made again from the completions by every run that has them; the ledger's copy is replaced
 *   text stats    made again with the pool; of raw rows by the task's rows and what their labels are read as
 *   diversity     by pool, and beside it: encoder, max_length, rounding and the digest of the texts
 *   cells         id: data, pool, encoder, settings, seeds; beside it: digests of the rows and examples (experiments/run/texts.h)
 *   evaluations   made again from the completions; test rows are put anew by every run
 *   results.h5    built again from the ledger
 *
 * Rank 0. */
#ifndef SG_EXPERIMENTS_RUN_RESUME_H
#define SG_EXPERIMENTS_RUN_RESUME_H

#include "experiments/run/texts.h"
#include "results/ledger/ledger.h"

struct sg_resume {
    const struct sg_prepared *p;
    struct sg_ledger *ledger;
    struct sg_texts *texts;
    int retry_failed;   /* cells that failed in an earlier run are not over */
    int64_t n_reset;    /* cells that were finished, and are planned again */
    int64_t n_told;     /* of them, those that people have been told of */
    int64_t n_to_train; /* cells that are not over; those of pools that are not complete count */
    double cost;        /* of all cells that are not done (sg_cell_cost) */
};

/* The study as the ledger is to see it: test rows, planned cells and evaluations; commits. Fields p, ledger and retry_failed are the
 * caller's. Cells whose rows have changed are planned again. */
sg_status sg_resume_enter(struct sg_resume *r, struct sg_err *err) SG_MUST_USE;
void sg_resume_free(struct sg_resume *r);

/* When every pool has been advanced as far as the ledger goes: fills n_to_train and cost, and tells on standard error how many cells
 * will be trained again, if any. buy_only: by a later run. */
sg_status sg_resume_count(struct sg_resume *r, int buy_only, struct sg_err *err) SG_MUST_USE;

/* Whether a cell of this status is not to be trained. */
int sg_resume_is_over(const struct sg_resume *r, const char *status);

/* Consumer i (experiments/buying/requests.h) is complete, and the ledger is about to get what it has come to: what the ledger has of
 * other texts goes, and a pool's texts are measured (uncommitted). */
sg_status sg_resume_settle(struct sg_resume *r, int64_t i, struct sg_err *err) SG_MUST_USE;

/* Tells of those that were found since sg_resume_count. */
void sg_resume_tell(struct sg_resume *r, int buy_only);

#endif
