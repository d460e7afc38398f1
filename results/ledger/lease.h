/* The lease of a results folder: at most one run writes there.
 *
 * <dir>/lock is a folder that holds two files: `holder` (JSON: host, boot, pid_namespace, pid, started, job, restart, token,
 * since) and `beat` (results/ledger/lease_beat.h). It is made complete under a name of its own and renamed to `lock`; renaming onto a folder
 * that is not empty fails, on NFS too, so exactly one wins and nobody ever sees a lock without its holder. Whether a holder is gone:
 *   - an earlier start of the same requeued Slurm job, on whatever node: gone;
 *   - same host, boot and pid namespace: as its process is;
 *   - anything else (another host, another container): gone when its beat stands still for 45 s, alive at its first change.
 * File locks have no say in it. A run that was silent for so long all the same (suspended, a hung file system) finds out before it
 * writes again: sg_lease_check. A holder without a beat (of an older program) elsewhere is refused with its name; when its host is lost,
 * a person removes the folder. */
#ifndef SG_RESULTS_LEDGER_LEASE_H
#define SG_RESULTS_LEDGER_LEASE_H

#include "base/err.h"

struct sg_lease;

/* Local. SG_INPUT with the holder's name when somebody else (or this very process) holds it. The folder must exist. May wait for
 * a holder's sign of life, and says so on stderr; a thread gives this one's own. */
sg_status sg_lease_take(const char *dir, struct sg_lease **out, struct sg_err *err) SG_MUST_USE;

/* Local. Gives it back, unless it was taken over meanwhile. NULL is fine. */
void sg_lease_release(struct sg_lease *lease);

/* Local. SG_FAILED when it is not ours any more: taken over, or removed by a person. Reads one small file. */
sg_status sg_lease_check(const struct sg_lease *lease, struct sg_err *err) SG_MUST_USE;

/* Local. "host node7, process 4711, job 99, since 2026-11-23T18:50:00Z" in new memory, or NULL when it is known at once that nobody
 * alive holds it. */
char *sg_lease_holder(const char *dir);

#endif
