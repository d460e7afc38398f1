/* Ranks that work together must be the same program with the same encoder on processors that round alike: each reads its own copy at
 * the study's path, and one that finds other files there, or is another build, would train other weights without a word. */
#ifndef SG_EXPERIMENTS_RUN_SAME_RANKS_H
#define SG_EXPERIMENTS_RUN_SAME_RANKS_H

#include "base/buf.h"
#include "experiments/study/prepare.h"
#include "model/train.h"
#include "mpi/comm.h"

/* What a rank is, a line "what<TAB>value" each: its build and the encoder's files. Add lines of your own. */
void sg_same_ranks_describe(const struct sg_encoder *e, struct sg_buf *out);
/* Collective. A line for how this processor rounds; none where one of the ranks cannot compute in that precision, which is told elsewhere. */
sg_status sg_same_ranks_rounding(const struct sg_team *world, enum sg_precision precision, struct sg_buf *out,
                                 struct sg_err *err) SG_MUST_USE;

/* Collective. SG_INPUT on all ranks, naming the ranks whose lines are not rank 0's, their hosts and what differs. */
sg_status sg_same_ranks(const struct sg_team *world, const struct sg_buf *mine,
                        struct sg_err *err) SG_MUST_USE;

/* Collective, before any work of a study: that all ranks read the same settings, and are the same. trains: how they round counts. */
sg_status sg_same_ranks_of_study(const struct sg_team *world, const struct sg_prepared *p, int trains,
                                 struct sg_err *err) SG_MUST_USE;

/* Local, pure. Adds to `out`, ", " between them, the lines' names whose values differ, or that one side lacks. */
void sg_same_ranks_differ(const char *mine, const char *theirs, struct sg_buf *out);

#endif
