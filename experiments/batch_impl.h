/* Inside of buying by batches: batch.c (what is to be done, in which order), batch_send.c (until the provider has a batch) and
 * batch_collect.c (until the ledger has its answers). */
#ifndef SG_EXPERIMENTS_BATCH_IMPL_H
#define SG_EXPERIMENTS_BATCH_IMPL_H

#include "experiments/batch.h"
#include "gen/batch.h"
#include "results/ledger_batches.h"

struct sg_batch_desk {
    const struct sg_batch_job *job;
    const struct sg_study *study;
    struct sg_generator generator; /* at the batch API's price */
    struct sg_batch_api api;
    char *run_key;
    struct sg_adapt adapt; /* what the endpoint has refused */
    int64_t n_missing;     /* that are in no batch, after sg_batch_plan */
    int64_t n_too_dear;    /* of these, what the budget leaves out */
    int64_t n_new;         /* answers that came */
    int is_unclear;        /* the batch that is being sent may be there, though nobody said so */
    char why[400];         /* the first reason for which a request was not answered; "" */
};

/* Writes batches of what is missing and in no batch yet into the ledger, as far as the budget goes; commits. */
sg_status sg_batch_plan(struct sg_batch_desk *d, struct sg_err *err) SG_MUST_USE;

/* Brings a batch of the ledger to the provider; is_fresh: nothing of it can be there yet. */
sg_status sg_batch_send(struct sg_batch_desk *d, struct sg_ledger_batch *b, int is_fresh,
                        struct sg_err *err) SG_MUST_USE;

/* Whether the provider has a batch that the ledger knows no id of; the ledger has it then (committed). One that was made
 * twice is cancelled. */
sg_status sg_batch_adopt(struct sg_batch_desk *d, struct sg_ledger_batch *b, int *found,
                         struct sg_err *err) SG_MUST_USE;

/* Asks after a batch with an id; when it is over, the ledger has its answers, and it is settled (committed). */
sg_status sg_batch_collect(struct sg_batch_desk *d, struct sg_ledger_batch *b, int *is_over,
                           struct sg_err *err) SG_MUST_USE;

/* Waits, unless the program is to stop. */
void sg_batch_pause(const struct sg_batch_desk *d, double seconds);

#endif
