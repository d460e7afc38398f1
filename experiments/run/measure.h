/* What is measured on pools: diversity of their embeddings (results/stats/diversity.h), after training; what their texts look like
 * beside the raw rows (results/stats/text_stats.h), when they are complete. */
#ifndef SG_EXPERIMENTS_RUN_MEASURE_H
#define SG_EXPERIMENTS_RUN_MEASURE_H

#include "experiments/study/prepare.h"
#include "mpi/comm.h"
#include "results/ledger/ledger.h"

/* Collective over the job. p: rank 0 complete, others from SG_PREPARE_WORKER. ledger: rank 0, NULL on
 * others. Pools that the ledger has a result for are left alone; n_measured (may be NULL) counts the others,
 * on rank 0. SG_STOPPED, after the pool in hand, when a signal asks for it; what is measured is in the ledger (uncommitted). */
sg_status sg_measure_diversity(const struct sg_team *world, const struct sg_prepared *p,
                               struct sg_ledger *ledger, int64_t *n_measured, struct sg_err *err) SG_MUST_USE;

/* Rank 0. What the ledger has of pool i's diversity goes (uncommitted), where it was measured with another encoder, max_length or
 * rounding, or, `texts` being 1, on other texts than the pool has, which is complete. */
sg_status sg_measure_diversity_forget(const struct sg_prepared *p, int64_t i, int texts,
                                      struct sg_ledger *ledger, struct sg_err *err) SG_MUST_USE;

/* Rank 0. What the texts of each task's raw rows look like, into the ledger (uncommitted), unless they are there.
 *
 * The result, a JSON object: {"task", "pool": id or "", "n_chosen": examples that the LLM chose a class for, -1, "rows": [{"label": -1
 * for all or class, "part": "text" | "text_pair", "n", "chosen", numbers of struct sg_text_stats; one that does not exist is absent}]}. */
sg_status sg_measure_raw_text_stats(const struct sg_prepared *p, struct sg_ledger *ledger,
                                    struct sg_err *err) SG_MUST_USE;

/* Rank 0. The same of a complete pool. */
sg_status sg_measure_pool_text_stats(const struct sg_prepared *p, int64_t pool, struct sg_ledger *ledger,
                                     struct sg_err *err) SG_MUST_USE;

#endif
