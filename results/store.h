/* results.h5: built from the ledger, whole or not at all. The tree is drawn here by whoever changes it. */
#ifndef SG_RESULTS_STORE_H
#define SG_RESULTS_STORE_H

#include "base/err.h"
#include "base/sha256.h"
#include "results/ledger.h"

/* Rank 0 only. Builds <path>.tmp.<pid> with everything the ledger holds, checks every return code, reopens
 * and compares it with the ledger (row counts, digests), fsyncs, renames. digest (may be NULL) gets the
 * content digest: SHA-256 over all datasets and attributes but those marked `volatile` (times, hosts, ranks,
 * memory): equal for equal studies on any number of ranks, killed or not. */
sg_status sg_store_write(struct sg_ledger *l, const char *path, char digest[SG_HEX],
                         struct sg_err *err) SG_MUST_USE;

/* The digest that is stored in a file. SG_INPUT for a file that is none of ours. */
sg_status sg_store_digest(const char *path, char digest[SG_HEX], struct sg_err *err) SG_MUST_USE;

#endif
