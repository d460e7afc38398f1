/* Whether the job's processes still run: a thread of each sends signs of life, whatever the others do, from the beginning of a run to its end.
 *
 * All ranks speak to rank 0, and rank 0 to all, every 5 s (with more than 400 ranks less often, so that rank 0 hears 80 a second). A process that is stopped
 * (SIGSTOP), swapped out, or on a node that is gone is silent; one that waits for a disk, or computes for hours, is not. When one has been silent for
 * sg_alive_limit_s the job cannot go on, as the others wait for it in MPI, and would for ever:
 *   - rank 0 hears nothing of a rank: the run is asked first (sg_alive_lost), as it can commit and say so in status.json; where it does not come to it within
 *     5 s, the thread ends the job;
 *   - a rank hears nothing of rank 0: its thread ends the job. What rank 0 had not committed is lost: less than half a second of what costs nothing.
 * The job ends by MPI_Abort with exit code 3, and the launcher's SIGKILL reaches who is stopped. Time in which this process did not run itself does not
 * count: a job that is suspended as a whole (scontrol suspend) goes on as if nothing had been. */
#ifndef SG_EXPERIMENTS_RUN_ALIVE_H
#define SG_EXPERIMENTS_RUN_ALIVE_H

#include "mpi/comm.h"

struct sg_alive;

/* Seconds; 300. SG_ALIVE_S in the environment shortens it, for tests. */
double sg_alive_limit_s(void);

/* Collective. One rank alone has nobody to hear: *out is NULL. Needs MPI_THREAD_MULTIPLE; without it there is no thread, either. */
sg_status sg_alive_start(const struct sg_team *world, struct sg_alive **out, struct sg_err *err) SG_MUST_USE;

/* Rank 0, any thread. 1: a rank is lost, and text says which, on what host. The run has 5 s to bring its things in order and to call
 * sg_alive_abort. NULL is fine. */
int sg_alive_lost(struct sg_alive *a, char *text, size_t n);

/* Any rank and thread: ends the job with exit code 3. Does not return. */
_Noreturn void sg_alive_abort(struct sg_alive *a);

/* All ranks, each when its run is over: no sign is missed from then on. Waits for the others', up to 2 s. NULL is fine. */
void sg_alive_stop(struct sg_alive *a);

#endif
