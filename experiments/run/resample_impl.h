/* Inside of resample.c (which cells, training, comparing) and resample_study.c (the study as it was). */
#ifndef SG_EXPERIMENTS_RUN_RESAMPLE_IMPL_H
#define SG_EXPERIMENTS_RUN_RESAMPLE_IMPL_H

#include "experiments/run/resample.h"
#include "experiments/study/prepare.h"
#include "model/mask_head.h"
#include "results/ledger/ledger.h"

/* Collective. Reads the study of the ledger (rank 0; NULL on others) with its encoder. *head: every rank's, to be destroyed before *out; NULL
 * where no method needs it. */
sg_status sg_resample_prepare(const struct sg_team *world, const struct sg_resample_options *o,
                              struct sg_ledger *l, struct sg_prepared **out, struct sg_mask_head **head,
                              struct sg_err *err) SG_MUST_USE;

#endif
