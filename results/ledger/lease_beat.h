/* Inside of the lease: the holder's sign of life. <lock>/beat holds a number that a thread of the holder raises every
 * SG_LEASE_BEAT_S seconds and syncs, so that whoever cannot look at the holder's process (another host, or another container on this
 * one) sees that it lives. Only changes of the number count: no clock of another host is read, nor one of the file system. */
#ifndef SG_RESULTS_LEDGER_LEASE_BEAT_H
#define SG_RESULTS_LEDGER_LEASE_BEAT_H

#include "base/err.h"

#include <stdint.h>

struct sg_lease_beat;

/* Local. Makes <lock>/beat in an own folder that is renamed later, and raises it from then on; the file is held open, so that a lock
 * that somebody else has made meanwhile is never touched. */
sg_status sg_lease_beat_start(const char *lock, struct sg_lease_beat **out, struct sg_err *err) SG_MUST_USE;
void sg_lease_beat_stop(struct sg_lease_beat *beat);

/* The number now; -1: there is none (a holder of a program before 0.1.0 had it has no beat). */
int64_t sg_lease_beat_read(const char *lock);

/* How often the number is raised, and how long it must not have been for its holder to count as gone: NFS shows a synced write within
 * its attribute cache's 60 s at the worst, and an opened file at once (nfs(5), close-to-open). Tests shorten both. */
extern double sg_lease_beat_s, sg_lease_silent_s;

#endif
