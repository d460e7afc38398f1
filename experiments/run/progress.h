/* How far a run is, for people: a bar with ETA on a terminal, a line after 5, 15, 30, 60 s and then each minute otherwise; and status.json for
 * `synthgrid status`. */
#ifndef SG_EXPERIMENTS_RUN_PROGRESS_H
#define SG_EXPERIMENTS_RUN_PROGRESS_H

#include "base/err.h"
#include "base/sha256.h"

#include <jansson.h>
#include <stdint.h>

/* What one rank does. */
struct sg_progress_rank {
    int rank, n_team, first; /* n_team: ranks that work at it together, 0: idle; first: the first of them */
    char host[64], work[240], cell[SG_HEX]; /* in words; the cell's id, "": no cell */
    double work_s;                          /* so long */
    int64_t n_in_flight;                    /* requests */
};
enum { SG_PROGRESS_RANKS = 32 }; /* so many are shown: the file stays small, whatever the job */

struct sg_progress {
    const char *study,
        *phase; /* phase: "starting", "generating", "batches", "training", "diversity", "writing", "stopping"; at
                                  its end "done" or "stopped" */
    int64_t n_cells, n_cells_done, n_cells_failed, n_pools, n_pools_done;
    int64_t n_completions,
        n_requests_left;                 /* answers bought in this run; known to be missing still, at most */
    int64_t n_given_up;                  /* requests of this run that are recorded as failed */
    int64_t n_batches, n_batch_requests; /* with the provider's batch API, not collected yet */
    int64_t tokens_in, tokens_out;
    double cost_usd;                     /* < 0: unknown */
    double elapsed_s, eta_s;             /* eta < 0: not known yet */
    int n_ranks, n_busy;                 /* n_busy: that compute something */
    int64_t n_in_flight;                 /* requests, of all ranks */
    int n_ranks_shown;                   /* 0: nothing is known of them now */
    const struct sg_progress_rank *rank; /* (n_ranks_shown) the first ones, borrowed */
    const char *silent;                  /* NULL, "", or the sentence of a rank that gives no sign of life */
    const char *message;                 /* why it stopped, or "" */
    const char *signal;                  /* what asked for the stop: "TERM", "INT"; NULL or "": no signal */
    char failure
        [300]; /* the last attempt without an answer, "" before there was one; until failed_s (sg_now_s) it is news */
    double failed_s;
};

/* What is left of a run in which training and buying overlap: the longer of training_s (of what training is left) and of what there is
 * to buy, at the pace so far. < 0: not known, as training_s may be. */
double sg_progress_eta_s(const struct sg_progress *p, double training_s);

/* Rank 0. stderr; `last` 1 ends the line. Call as often as you like: it paces itself. */
void sg_progress_show(const struct sg_progress *p, int last);

/* Rank 0. Replaces <dir>/status.json, in which the message is one line of UTF-8, whatever bytes it has; not more often than every 2 s unless `last`. */
sg_status sg_progress_write(const struct sg_progress *p, const char *dir, int last,
                            struct sg_err *err) SG_MUST_USE;

/* Rank 0. A phase in which no turns come: a thread shows and writes `p`, of which it keeps a copy (and borrows the texts), with the time
 * since `started` (sg_now_s), until the end is called; the caller does neither meanwhile. quiet: nothing on stderr. Where a file cannot be
 * written, whoever writes it next says so. */
struct sg_progress_keeper;
sg_status sg_progress_keep(const struct sg_progress *p, const char *dir, double started, int quiet,
                           struct sg_progress_keeper **out, struct sg_err *err) SG_MUST_USE;
void sg_progress_keep_end(struct sg_progress_keeper *k); /* NULL is fine */

extern double sg_progress_every_s; /* of status.json; for tests */

/* The digest of all members of such a file but `sha256`, which holds it: what is shown is what a run wrote. 0: no memory, or NULL. */
int sg_progress_seal(const json_t *status, char seal[SG_HEX]);

#endif
