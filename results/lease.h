/* The lease of a results folder: at most one run writes there.
 *
 * <dir>/lock is a folder that holds one file, `holder` (JSON: host, boot, pid, started, job, restart, token,
 * since). It is made complete under a name of its own and renamed to `lock`; renaming onto a folder that is
 * not empty fails, on NFS too, so exactly one wins and nobody ever sees a lock without its holder. A holder
 * that is provably gone loses it: same host and the process is dead (or its pid belongs to a younger process,
 * or the host was booted since), or an earlier start of the same requeued Slurm job. Anything else is refused
 * with the holder's name; when the host is lost, a person removes the folder. */
#ifndef SG_RESULTS_LEASE_H
#define SG_RESULTS_LEASE_H

#include "base/err.h"

struct sg_lease;

/* Local. SG_INPUT with the holder's name when somebody else (or this very process) holds it. The folder must
 * exist. */
sg_status sg_lease_take(const char *dir, struct sg_lease **out, struct sg_err *err) SG_MUST_USE;

/* Local. Gives it back, unless it was taken over meanwhile. NULL is fine. */
void sg_lease_release(struct sg_lease *lease);

/* Local. "host node7, process 4711, job 99, since 2026-11-23T18:50:00Z" in new memory, or NULL when nobody
 * alive holds it. */
char *sg_lease_holder(const char *dir);

#endif
