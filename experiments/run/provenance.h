/* Where a result comes from: study text, program, libraries, machine, inputs' digests; as meta rows of the
 * ledger and so as attributes of results.h5. Names that begin with "run_" describe this very run (time, host,
 * ranks) and stay out of the content digest. */
#ifndef SG_EXPERIMENTS_RUN_PROVENANCE_H
#define SG_EXPERIMENTS_RUN_PROVENANCE_H

#include "experiments/study/prepare.h"
#include "mpi/comm.h"
#include "results/ledger/ledger.h"

/* Rank 0. */
sg_status sg_provenance_write(struct sg_ledger *l, const struct sg_prepared *p, const struct sg_team *world,
                              struct sg_err *err) SG_MUST_USE;

#endif
