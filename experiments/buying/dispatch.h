/* Rank 0's dispatcher: who may send which request, under which limit. Of each endpoint (a generator of the study) there is a queue
 * with a limiter of its own (gen/llm/limiter.h); one budget holds over all of them; and each rank has one worker slot, an item of the
 * engine's work (experiments/buying/sender.h), that sends for all of them.
 *
 *     sg_dispatch_create(&settings, &d, err);
 *     sg_dispatch_listen(d, over, context);                  who hears of requests that are over
 *     kinds[KIND_BUY] = sg_dispatch_kind(sender);            every rank
 *     sg_dispatch_attach(d, engine, KIND_BUY, endpoints);
 *     sg_dispatch_add_take(d, generator, consumer, &request, err);
 *     sg_dispatch_turn(d, err);                              every few milliseconds
 *
 * The ledger has every attempt (results/ledger/ledger_attempts.h) and every completion. Before a request that may cost money leaves,
 * the ledger has it durably, with the most that it can cost; its answer, or a refusal, settles that. What a kill or a broken
 * connection leaves there may have been paid for: it counts as spent for good, so that the budget holds over any number of runs.
 * Where nothing costs, attempts become durable with the answers, in groups.
 *
 * An endpoint that is dead (its key is refused, its model is gone) ends its own queue alone: the others go on.
 *
 * Rank 0, and the coordinator's thread while the engine runs. */
#ifndef SG_EXPERIMENTS_BUYING_DISPATCH_H
#define SG_EXPERIMENTS_BUYING_DISPATCH_H

#include "base/buf.h"
#include "experiments/buying/sender.h"
#include "results/ledger/ledger.h"

struct sg_dispatch;
struct sg_endpoints;

/* Strings, generators and ledger are borrowed until destroy. */
struct sg_dispatch_settings {
    int n_generators;
    const struct sg_generator *generator; /* (n_generators) */
    struct sg_ledger *ledger;
    double budget_usd; /* < 0: none; what the ledger has as spent and as unsettled counts */
    int n_ranks;
};
sg_status sg_dispatch_create(const struct sg_dispatch_settings *s, struct sg_dispatch **out,
                             struct sg_err *err) SG_MUST_USE;
void sg_dispatch_destroy(struct sg_dispatch *d);

/* A request of a consumer is over. a: it was answered or given up on, and the ledger has that (uncommitted); NULL: it is left to a later
 * run. request: its canonical text. */
typedef sg_status (*sg_dispatch_over)(void *context, int64_t consumer, const char *request,
                                      const struct sg_answer *a, struct sg_err *err);
void sg_dispatch_listen(struct sg_dispatch *d, sg_dispatch_over over, void *context);

/* Every rank. The engine's kind of the ranks' work; rank 0's callbacks of it are the dispatcher's. */
struct sg_kind sg_dispatch_kind(struct sg_sender *sender);

/* The engine that has the kind as number `kind`, and the endpoints that are asked (borrowed). Before the first request. */
void sg_dispatch_attach(struct sg_dispatch *d, struct sg_engine *e, int kind,
                        const struct sg_endpoints *endpoints);

/* Queues a request of a consumer with a generator; takes its text. Requests of a lower consumer leave first. The first one opens the
 * ranks' work. */
sg_status sg_dispatch_add_take(struct sg_dispatch *d, int generator, int64_t consumer, struct sg_request *q,
                               struct sg_err *err) SG_MUST_USE;

/* More requests of a generator will come (by: 1), or did (-1), though it has none now: the ranks' work goes on while it is open. */
void sg_dispatch_expect(struct sg_dispatch *d, int generator, int by);

/* Every few milliseconds: sends what may leave; ends the ranks' work when nothing is left. */
sg_status sg_dispatch_turn(struct sg_dispatch *d, struct sg_err *err) SG_MUST_USE;

/* Nothing leaves any more: of any generator, of one. */
void sg_dispatch_stop(struct sg_dispatch *d, const char *why);
void sg_dispatch_stop_generator(struct sg_dispatch *d, int generator, const char *why);

/* Nothing leaves to a generator until it is no longer held; what is in flight comes back. */
void sg_dispatch_hold(struct sg_dispatch *d, int generator, int is_held);

/* Whether the ranks' work is over: nothing was left to send, and nothing will be. */
int sg_dispatch_is_closed(const struct sg_dispatch *d);

/* Whether a generator still takes requests. */
int sg_dispatch_is_open(const struct sg_dispatch *d, int generator);

/* SG_OK while all endpoints live, else why one is dead: a reason for which the user must act comes first. */
sg_status sg_dispatch_outcome(const struct sg_dispatch *d, struct sg_err *err) SG_MUST_USE;

/* What became of the requests of this run so far. */
struct sg_dispatch_count {
    int64_t n_answered, n_again, n_left; /* left: to a later run */
    int64_t n_failed, n_refused;         /* given up on: after `retries`; as the server does not take it */
    int64_t n_controls;                  /* requests that were no part of the study */
    int64_t tokens_in, tokens_out;
    /* Of n_again: 429; no answer in time; other errors; no connection; half an answer, or none of a chat; without a parameter that was
     * refused. */
    int64_t n_rate, n_timeout, n_server, n_network, n_damaged, n_reworded;
    char failure[300]; /* what the last attempt without an answer came to; "": all were answered */
    double failed_s;   /* when that was (sg_now_s) */
};
struct sg_dispatch_count sg_dispatch_counted(const struct sg_dispatch *d, int generator);
/* "12 answered, 3 sent again (2 rate limit, 1 network), 1 given up (refused)" */
void sg_dispatch_count_text(const struct sg_dispatch_count *n, struct sg_buf *out);

/* Requests that have left and have not come back, over all generators: of one of the job's ranks; of all (-1). */
int64_t sg_dispatch_in_flight(const struct sg_dispatch *d, int rank);

/* What was spent, or may have been. */
double sg_dispatch_spent_usd(const struct sg_dispatch *d);
/* The same as the ledger has it, once it is committed. */
sg_status sg_dispatch_cost(struct sg_ledger *l, double *usd, struct sg_err *err) SG_MUST_USE;

#endif
