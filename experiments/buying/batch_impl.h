/* Inside of buying by batches: batch.c (what is to be done, in which order), batch_endpoints.c (whom it is asked of, and what went
 * wrong), batch_send.c (until the provider has a batch) and batch_collect.c (until the ledger has its answers). */
#ifndef SG_EXPERIMENTS_BUYING_BATCH_IMPL_H
#define SG_EXPERIMENTS_BUYING_BATCH_IMPL_H

#include "experiments/buying/batch.h"
#include "gen/llm/batch.h"
#include "results/ledger/ledger_batches.h"

struct sg_batches;

/* Where one generator's batches are sent to and fetched from. */
struct sg_batch_endpoint {
    struct sg_batches *batches;
    struct sg_generator generator; /* at the batch API's price */
    const char *origin;
    struct sg_http *http;
    struct sg_batch_api api;
    struct sg_adapt adapt; /* what the endpoint has refused */
    int is_open;           /* it can be asked */
    int is_away;           /* nobody answered: in this round it is not asked again */
    int is_refused;        /* a batch was: no other is sent */
    int is_unclear;        /* the batch that is being sent may be there, though nobody said so */
};

/* A batch that could not be sent or collected. */
struct sg_batch_failure {
    int64_t batch;     /* its number; 0: all of a generator's */
    struct sg_err why; /* SG_STOPPED: it is tried again in the next round */
};

struct sg_batches {
    const struct sg_batch_job *job;
    const struct sg_study *study;
    char *run_key;
    int64_t n_too_dear; /* of what is in no batch, what the budget leaves out; after sg_batch_plan */
    int64_t n_new;      /* answers that came */
    char why[400];      /* the first reason for which a request was not answered; "" */
    struct sg_batch_failure *failure;
    int64_t n_failures;
    struct sg_batch_endpoint endpoint[SG_MAX_GENERATORS]; /* of the study's generators */
};

/* ---- batch_endpoints.c ---- */

/* Opens the endpoints that could be reached; the others are failures. close also after a failure. */
sg_status sg_batches_open(struct sg_batches *all, const struct sg_batch_job *job,
                          struct sg_err *err) SG_MUST_USE;
void sg_batches_close(struct sg_batches *all);

/* The endpoint of a batch's generator; NULL: no generator of the study asks for the like. */
sg_status sg_batch_endpoint_of(struct sg_batches *all, const struct sg_ledger_batch *b,
                               struct sg_batch_endpoint **out, struct sg_err *err) SG_MUST_USE;

/* Keeps what went wrong with a batch, so that the others go on; e NULL: it has none. What no other batch would escape (our own
 * disk or memory, the end of the program) is not kept, but returned. */
sg_status sg_batch_keep_failure(struct sg_batches *all, struct sg_batch_endpoint *e, int64_t batch,
                                const struct sg_err *why, struct sg_err *err) SG_MUST_USE;

/* Whether a batch is not to be tried again. */
int sg_batch_has_failed(const struct sg_batches *all, int64_t batch);

/* The first failure that may be over in another round; NULL: none. And forgets all such, for that round. */
const struct sg_err *sg_batch_passing_failure(const struct sg_batches *all);
void sg_batch_new_round(struct sg_batches *all);

/* SG_OK: there was no failure. Else the worst, and the others as warnings. */
sg_status sg_batch_outcome(const struct sg_batches *all, struct sg_err *err) SG_MUST_USE;

/* ---- batch_send.c ---- */

/* Writes batches of what is missing and in no batch yet into the ledger, of each endpoint that is open, as far as the budget goes;
 * commits. */
sg_status sg_batch_plan(struct sg_batches *all, struct sg_err *err) SG_MUST_USE;

/* Brings a batch of the ledger to the provider; is_fresh: nothing of it can be there yet. */
sg_status sg_batch_send(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int is_fresh,
                        struct sg_err *err) SG_MUST_USE;

/* Whether the provider has a batch that the ledger knows no id of; the ledger has it then (committed). One that was made
 * twice is cancelled. */
sg_status sg_batch_adopt(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int *found,
                         struct sg_err *err) SG_MUST_USE;

/* ---- batch_collect.c ---- */

/* Asks after a batch with an id; when it is over, the ledger has its answers, and it is settled (committed). */
sg_status sg_batch_collect(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int *is_over,
                           struct sg_err *err) SG_MUST_USE;

/* Waits, unless the program is to stop. */
void sg_batch_pause(double seconds);
int sg_batch_is_stopping(void);

#endif
