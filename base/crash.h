/* Named places where a test ends or stops this very process, to see what a kill there leaves behind (tests/e2e/crashes.py). Without the
 * variables below, which tests alone set, a visit costs a look at one number.
 *
 *     SG_CRASH=SITE[:N[:SIGNAL]]   the N-th visit (1) of this process to a site that the pattern fits (fnmatch: "renaming/results.h5",
 *                                  "renaming/?*.run", "cell_begins"; a name alone fits whatever it is visited with) sends itself
 *                                  SIGKILL (9), or the signal of that number
 *     SG_CRASH_RANK=R              that rank alone; otherwise each for itself
 *     SG_CRASH_LOG=FILE            each visit is a line there: seconds of the monotonic clock, process, site; written at once
 *
 *     sg_crash_site("renaming", path);
 *
 * Sites (a list: `grep -rn sg_crash_site`): run_begins; lease_enters, lease_taken, lease_beats, lease_released; ledger_commits,
 * ledger_committed; renaming, renamed (with the file's name: all that sg_file_write and sg_file_replace put in place); answer_came
 * (the rank that asked has it), answer_recorded (in rank 0's open transaction); step_begins, cell_begins, cell_over (in the open
 * transaction; both with the number of the engine's item); snapshot_half; h5_half, embeddings_half; cache_half; export_half, export_renaming; merge_half. */
#ifndef SG_BASE_CRASH_H
#define SG_BASE_CRASH_H

/* Any thread, any rank. what: a path, of which the last part counts, an id, or NULL. */
void sg_crash_site(const char *site, const char *what);

#endif
