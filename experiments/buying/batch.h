/* Buying through the provider's batch API (gen/llm/batch.h): `generate --batch` sends what the study misses, `--collect` fetches it,
 * from any machine that has the results folder.
 *
 * Everything that money depends on is in the ledger before the step that it is about (results/ledger/ledger_batches.h): the requests and
 * their worst cost before the upload, the file's id before the batch is made of it, the batch's id before it is asked after, its
 * answers and its settling in one transaction. What a crash leaves between two steps is found again: a batch by its
 * metadata {run_key, part, keys}, a file by its name. run_key is the results folder's own; keys is the SHA-256 of the
 * requests' keys, so that two copies of a folder never take each other's batches for their own.
 * Answers go through the same checks as live ones, at the batch API's price. Only OpenAI's API is spoken.
 * Of several generators each has batches of its own, at its own endpoint; what is wrong with one batch, or with one endpoint,
 * does not keep the others from being sent and collected, and is told at the end. */
#ifndef SG_EXPERIMENTS_BUYING_BATCH_H
#define SG_EXPERIMENTS_BUYING_BATCH_H

#include "experiments/buying/requests.h"
#include "experiments/study/generators.h"

struct sg_endpoints;

enum sg_batch_action {
    SG_BATCH_NONE,
    SG_BATCH_SUBMIT,  /* send what is missing and not out */
    SG_BATCH_COLLECT, /* fetch what is over */
    SG_BATCH_ABANDON, /* cancel, and wait no longer */
};

struct sg_batch_job {
    enum sg_batch_action action;
    int wait, quiet;
    const struct sg_prepared *p;
    struct sg_requests *requests;
    struct sg_ledger *ledger;
    const struct sg_endpoints *endpoints; /* one without a client is not needed, or unreachable */
    double budget_usd;                    /* over all of them; < 0: none */
};

/* What is with the provider: batches that a run waits for, their requests, the most that all unsettled ones can cost. */
struct sg_batches_out {
    int64_t n, n_requests, n_abandoned;
    int64_t n_unsent; /* of n, those of which it is not known that the provider has them */
    double usd;
};
sg_status sg_batch_count(struct sg_ledger *l, struct sg_batches_out *out, struct sg_err *err) SG_MUST_USE;

/* Whether the batch API of its provider is spoken. What the others miss is left to a run. */
int sg_batch_is_spoken(const struct sg_generator *g);

/* SG_INPUT for a study that has no such generator. Before any work. */
sg_status sg_batch_check(const struct sg_study *s, struct sg_err *err) SG_MUST_USE;

/* Which generators have batches out: needs[g] of the study's. */
sg_status sg_batch_needs(struct sg_ledger *l, const struct sg_study *s, int needs[SG_MAX_GENERATORS],
                         struct sg_err *err) SG_MUST_USE;

/* SG_STOPPED, with what to do, when a run waits for batches: what it misses may be among their requests. */
sg_status sg_batch_refuse(struct sg_ledger *l, const struct sg_study *s, struct sg_err *err) SG_MUST_USE;

/* Rank 0, blocking. SG_FAILED: something broke here. Else the consumers have been moved on, and *outcome, with *why, is how the command
 * ends. SG_OK: nothing is missing. SG_STOPPED: something is, and the sentence says what to run next. SG_INPUT, or SG_STOPPED: that
 * is wrong with a batch or an endpoint. */
sg_status sg_batch_run(const struct sg_batch_job *job, sg_status *outcome, struct sg_err *why,
                       struct sg_err *err) SG_MUST_USE;

#endif
