/* A copy of a ledger that a run is writing meanwhile, without a lock and without a word to it.
 *
 * Why that holds: in a write-ahead log's life (sqlite.org/walformat.html) commits are appended to the log, checkpoints take its pages into
 * the database, and then the log begins anew, with other salts in its first 32 bytes. So within one life of the log the database changes
 * only in pages that the log has, too, and the log is only appended to: the database copied first and the log after it are what some
 * commit has left, whatever was written meanwhile. Where the log's first bytes are others at the end, the copy is made again. What was only
 * half copied of the last commit SQLite finds by its checksums, and leaves out. */
#ifndef SG_RESULTS_LEDGER_LEDGER_COPY_H
#define SG_RESULTS_LEDGER_LEDGER_COPY_H

#include "base/err.h"

/* Local. Copies the SQLite file `path` and its log to `to` and `to`-wal. fd: of `path`, for a process that has the ledger open, and that
 * closes it no sooner than the ledger: closing a descriptor gives back all of the process's locks (fcntl(2)); -1: it has not. SG_FAILED when the log began anew in each try for half a minute (a log begins anew after 4 MiB of commits). */
sg_status sg_ledger_copy(const char *path, int fd, const char *to, struct sg_err *err) SG_MUST_USE;

#endif
