/* Further test sets of a study's tasks: what their rows lack, and what becomes of finished cells when one comes, goes or changes. */
#ifndef SG_EXPERIMENTS_RUN_OWN_SETS_H
#define SG_EXPERIMENTS_RUN_OWN_SETS_H

#include "experiments/study/prepare.h"
#include "results/ledger/ledger.h"

/* Local. Adds a line a finding, each beginning with the task's name: rows of a set that are training rows or rows of the test file, word for word;
 * empty texts; classes without a row. Nothing of files that are missing. */
sg_status sg_own_sets_look(const struct sg_task *task, const struct sg_task_data *d, struct sg_buf *out,
                           struct sg_err *err) SG_MUST_USE;

/* Rank 0. Adds a line a task whose sets are others than in the last run of this ledger, where cells are trained again for that: a cell's
 * weights are not kept, so what it would predict for another set is not known. Before sg_provenance_write. */
sg_status sg_own_sets_changed(const struct sg_prepared *p, struct sg_ledger *l, struct sg_buf *out,
                              struct sg_err *err) SG_MUST_USE;

/* The same on stderr. */
sg_status sg_own_sets_tell(const struct sg_prepared *p, struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;

#endif
