/* After a setting has changed: finished cells of the ledger that are no part of the study any more. They stay, should it be set back. */
#ifndef SG_EXPERIMENTS_RUN_LEFT_BEHIND_H
#define SG_EXPERIMENTS_RUN_LEFT_BEHIND_H

#include "base/buf.h"
#include "experiments/study/prepare.h"
#include "results/ledger/ledger.h"

/* Rank 0. *n of them; where there are any, adds one sentence that says how many, and of which settings that the study has no more:
 * "12 finished cells of train.epochs 3 are in the ledger and no part of this study; they stay". */
sg_status sg_left_behind(const struct sg_prepared *p, struct sg_ledger *l, int64_t *n, struct sg_buf *out,
                         struct sg_err *err) SG_MUST_USE;

#endif
