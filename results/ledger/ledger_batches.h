/* The ledger's record of batches: what is with a provider's batch API, and what it may cost.
 *
 * A batch is written down, with all its requests, before anything of it leaves; it counts as spent at its worst until it is
 * settled (sg_ledger_unsettled). States, in their order:
 *   uploading   its requests are chosen; the provider may have its file already
 *   uploaded    input_file is known; the provider may have the batch already
 *   open        id is known: it is to be collected
 *   abandoned   no run waits for it any more; what it answers is still taken, and what it costs counts
 *   settled     over: its answers are in the ledger, its requests are forgotten
 * All functions: rank 0 only; what is put counts after sg_ledger_commit. One that fails leaves nothing of itself. */
#ifndef SG_RESULTS_LEDGER_LEDGER_BATCHES_H
#define SG_RESULTS_LEDGER_LEDGER_BATCHES_H

#include "results/ledger/ledger.h"

enum sg_batch_state {
    SG_BATCH_UPLOADING,
    SG_BATCH_UPLOADED,
    SG_BATCH_OPEN,
    SG_BATCH_ABANDONED,
    SG_BATCH_SETTLED
};

struct sg_ledger_batch {
    int64_t part; /* counts from 1 */
    enum sg_batch_state state;
    char id[128], input_file[128], status[32]; /* as the provider names them; "" until it has */
    char generator[32]; /* its name in `generators:`; "": of `generator:`, or an older program's */
    int64_t refused;    /* struct sg_adapt: how its requests are worded */
    int64_t n, n_answered;
    double usd; /* the most that it can still cost */
};

/* Enters a batch without requests, in state uploading. generator: its name, "" where it has none. */
sg_status sg_ledger_batch_begin(struct sg_ledger *l, const char *generator, int64_t *part,
                                struct sg_err *err) SG_MUST_USE;

/* Adds a request that costs at most usd. */
sg_status sg_ledger_batch_ask(struct sg_ledger *l, int64_t part, const char *key, const char *request,
                              double usd, struct sg_err *err) SG_MUST_USE;

/* Whether a batch that somebody waits for holds the request. */
sg_status sg_ledger_batch_holds(struct sg_ledger *l, const char *key, int *holds,
                                struct sg_err *err) SG_MUST_USE;

/* Renews state, id, input_file, status and refused. */
sg_status sg_ledger_batch_set(struct sg_ledger *l, const struct sg_ledger_batch *b,
                              struct sg_err *err) SG_MUST_USE;

/* Those that are not settled, by part; *list is new memory (sg_free). A reader may ask, too. */
sg_status sg_ledger_batches(struct sg_ledger *l, struct sg_ledger_batch **list, int64_t *n,
                            struct sg_err *err) SG_MUST_USE;

/* The requests of a batch that are not answered, by key. */
sg_status sg_ledger_batch_each(struct sg_ledger *l, int64_t part,
                               sg_status (*each)(void *context, const char *key, const char *request,
                                                 struct sg_err *err),
                               void *context, struct sg_err *err) SG_MUST_USE;

/* The request's canonical text in new memory; NULL when the batch holds none of this key that is not answered. */
sg_status sg_ledger_batch_request(struct sg_ledger *l, int64_t part, const char *key, char **request,
                                  struct sg_err *err) SG_MUST_USE;

/* One of its requests, the same in new memory: all are asked of one generator. NULL: it holds none. */
sg_status sg_ledger_batch_sample(struct sg_ledger *l, int64_t part, char **request,
                                 struct sg_err *err) SG_MUST_USE;

/* It is answered, or failed for good: the batch holds it no longer. */
sg_status sg_ledger_batch_answered(struct sg_ledger *l, int64_t part, const char *key,
                                   struct sg_err *err) SG_MUST_USE;

/* The provider says that it did not answer it, so it costs nothing. */
sg_status sg_ledger_batch_unpaid(struct sg_ledger *l, int64_t part, const char *key,
                                 struct sg_err *err) SG_MUST_USE;

/* The batch is over. Of the requests of which nothing was said, n_lost were charged for (the dearest, as nobody knows
 * which; < 0: all): they count as spent, like what left and never came back (results/ledger/ledger_attempts.h). */
sg_status sg_ledger_batch_settle(struct sg_ledger *l, int64_t part, int64_t n_lost,
                                 struct sg_err *err) SG_MUST_USE;

#endif
