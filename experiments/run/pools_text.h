/* What a study has of its pools and evaluations, told to people. */
#ifndef SG_EXPERIMENTS_RUN_POOLS_TEXT_H
#define SG_EXPERIMENTS_RUN_POOLS_TEXT_H

#include "base/buf.h"
#include "experiments/buying/requests.h"
#include "experiments/study/prepare.h"

/* Rank 0. Both append to `out` (its reader checks it); the pools are as far as they were last advanced.
 *
 * A table of all pools: examples there and wanted, answers that were rejected, and what a class is short of; then of the
 * evaluations: rows answered and asked about, answers that name no class. */
void sg_pools_text_bought(const struct sg_prepared *p, struct sg_buf *out);

/* One line for each pool that is not full: n_missing[i] (grid.n_pools, then n_evaluations) completions, those that it asks for next; rejected
 * answers, or a list of topics that is still to come, make more of them. */
void sg_pools_text_missing(const struct sg_prepared *p, const int64_t *n_missing, struct sg_buf *out);

/* Counts what is missing (*n); where anything is, these lines are told. */
sg_status sg_pools_text_tell_missing(const struct sg_prepared *p, struct sg_requests *r, int64_t *n,
                                     struct sg_err *err) SG_MUST_USE;

/* Pools that have no example at all although they asked for all that they may. */
int64_t sg_pools_text_n_empty(const struct sg_prepared *p);

#endif
