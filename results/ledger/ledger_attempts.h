/* The ledger's record of attempts: every request that left, whatever came of it.
 *
 * A row is put when the request leaves, and is durable before that where it may cost money; it is ended by what came back.
 * One that is not settled may have been paid for: nobody knows what it cost, so it counts as spent at its worst, for good
 * (sg_ledger_unsettled; the view `sent` lists them). Those are the ones that were in flight at a kill, and those whose
 * connection broke.
 *
 *   attempts(id PRIMARY KEY, key, number, rank, origin, worst_usd, created,     known when it leaves; number counts from 1 in a run
 *            settled, kind, fate, http_status, reason, tokens_in, tokens_out, cost_usd, latency_s, request_id, model)
 *   sent(id, key, usd, created)                                                 a view: those that are not settled
 *
 * kind: answered | rate | overload | timeout | fault | adapt | refused | endpoint, NULL: nothing came back (gen/llm/limiter.h); doubled:
 * answered, but another answer of the request is the one that counts (results/ledger/merge.h).
 * fate, of the request: answered | failed (given up on after retries) | refused (given up on: the server does not take it) | again
 * (another attempt follows) | held (whose failure it is was open when the run was killed) | left (for a later run).
 * cost_usd is NULL where nothing was charged, or where the price is not known. Rank 0 only; what is put counts after sg_ledger_commit. */
#ifndef SG_RESULTS_LEDGER_LEDGER_ATTEMPTS_H
#define SG_RESULTS_LEDGER_LEDGER_ATTEMPTS_H

#include "results/ledger/ledger.h"

/* Strings borrowed; NULL and < 0 where not known. */
struct sg_ledger_attempt {
    const char *key;
    int number, rank;
    const char *origin;
    double worst_usd;

    int settled;
    const char *kind, *outcome; /* outcome: the column fate */
    int http_status;            /* 0: no answer */
    const char *reason;
    int64_t tokens_in, tokens_out;
    double cost_usd, latency_s;
    const char *request_id, *model;
};

/* One that leaves; what is below the blank line may be unknown still. *id is for its end. */
sg_status sg_ledger_attempt_put(struct sg_ledger *l, const struct sg_ledger_attempt *a, int64_t *id,
                                struct sg_err *err) SG_MUST_USE;
/* What came of it: the lower half. */
sg_status sg_ledger_attempt_end(struct sg_ledger *l, int64_t id, const struct sg_ledger_attempt *a,
                                struct sg_err *err) SG_MUST_USE;

/* Another outcome of a request whose attempt has ended. */
sg_status sg_ledger_attempt_outcome(struct sg_ledger *l, int64_t id, const char *outcome,
                                    struct sg_err *err) SG_MUST_USE;

/* Forgets the failures of completions, so that they are asked for again, and what was measured of pools that have used one: those
 * that the server refused (fate refused), and all others. *n of them. */
sg_status sg_ledger_revive(struct sg_ledger *l, int failed, int refused, int64_t *n,
                           struct sg_err *err) SG_MUST_USE;

/* The keys of all requests that were given up on as refused, once or more often. */
sg_status sg_ledger_refused_each(struct sg_ledger *l,
                                 sg_status (*each)(void *context, const char *key, struct sg_err *err),
                                 void *context, struct sg_err *err) SG_MUST_USE;

#endif
