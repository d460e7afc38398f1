/* What `run --json` and `generate --json` print: one JSON object a line on standard output, as it happens. docs/watching.md has the events
 * and their members, which are only added to.
 *
 * Rank 0: the coordinator's thread while the engine runs, else the main one. All do nothing where options->events is not set. A reader
 * that does not read holds the run up once its pipe is full; one that is gone is an error at the end, as for all that is printed. */
#ifndef SG_EXPERIMENTS_RUN_EVENTS_H
#define SG_EXPERIMENTS_RUN_EVENTS_H

#include "experiments/run/run_impl.h"

/* Everything is read, and the folder is ours. */
void sg_event_run_started(const struct sg_run *r);
/* The command's last word; status is its exit code. */
void sg_event_run_ended(const struct sg_run *r, sg_status status, const char *why);

/* r->progress.phase, if it is another one than was told last. */
void sg_event_phase(struct sg_run *r);
/* The run was told to stop, or has met a limit: what runs ends. */
void sg_event_stopping(const struct sg_run *r);

void sg_event_cell_started(const struct sg_run *r, const struct sg_cell *c, const int *ranks, int n_ranks);
/* Done or failed, as the outcome says. */
void sg_event_cell_over(const struct sg_run *r, const struct sg_cell *c, const struct sg_outcome *o);
/* The cell's training is on disk up to this step. */
void sg_event_checkpoint(const struct sg_run *r, const struct sg_cell *c, int64_t step);

/* Consumer i (experiments/buying/requests.h) has all its answers. */
void sg_event_filled(const struct sg_run *r, int64_t i);
/* Of a generator: those since the last time, if there are any. */
void sg_event_failures(struct sg_run *r, int generator, const struct sg_dispatch_count *n);

#endif
