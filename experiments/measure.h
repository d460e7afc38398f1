/* What is measured on pools after training: diversity of their embeddings (results/diversity.h). */
#ifndef SG_EXPERIMENTS_MEASURE_H
#define SG_EXPERIMENTS_MEASURE_H

#include "experiments/prepare.h"
#include "mpi/comm.h"

/* Collective over the job. p: rank 0 complete, others from sg_prepare(worker = 1). ledger: rank 0, NULL on
 * others. Pools that the ledger has a result for are left alone; n_measured (may be NULL) counts the others,
 * on rank 0. */
sg_status sg_measure_diversity(const struct sg_team *world, const struct sg_prepared *p,
                               struct sg_ledger *ledger, int64_t *n_measured, struct sg_err *err) SG_MUST_USE;

#endif
