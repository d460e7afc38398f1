/* What a study's rows lack, as a person who made them should know: told by `plan` and `doctor`, and by `run` once. Nothing is changed. */
#ifndef SG_EXPERIMENTS_RUN_OWN_DATA_H
#define SG_EXPERIMENTS_RUN_OWN_DATA_H

#include "experiments/study/study.h"

/* Local. Adds a line a finding, each beginning with the task's name: training and test file are the same rows; test rows that are training
 * rows, word for word or nearly; empty texts; repeated rows, and one text under two labels; classes without rows, or with very unequal numbers; seeds.data draws that
 * are all of the rows; the same of further test sets (experiments/run/own_sets.h). data: (n_tasks). Exact repetition is looked for in any number of rows, near repetition (gen/pool/near.h) up to
 * SG_OWN_DATA_NEAR of them. */
enum { SG_OWN_DATA_NEAR = 20000 };
sg_status sg_own_data_look(const struct sg_study *s, const struct sg_task_data *data, struct sg_buf *out,
                           struct sg_err *err) SG_MUST_USE;

/* Rank 0. The same on stderr, where the ledger does not know that it was said already. */
struct sg_ledger;
sg_status sg_own_data_tell(const struct sg_study *s, const struct sg_task_data *data, struct sg_ledger *l,
                           struct sg_err *err) SG_MUST_USE;

#endif
