/* Rank 0's desk for buying of one generator: what is asked of it, by which rank, under one limiter (gen/llm/limiter.h), with
 * the ledger's record of every attempt (results/ledger/ledger_attempts.h). It is a part of the office (experiments/buying/office.h), which has the
 * ranks' work: a seat is a rank's.
 *
 * Before a request that may cost money leaves, the ledger has it durably, with the most that it can cost; its answer, or
 * a refusal, settles that. What a kill or a broken connection leaves there may have been paid for: it counts as spent
 * for good, so that the budget holds over any number of runs. Where nothing costs, attempts become durable with the
 * answers, in groups. */
#ifndef SG_EXPERIMENTS_BUYING_DESK_H
#define SG_EXPERIMENTS_BUYING_DESK_H

#include "base/buf.h"
#include "experiments/buying/buy.h"
#include "gen/llm/limiter.h"
#include "results/ledger/ledger_attempts.h"

struct sg_desk;

struct sg_desk_settings {
    const struct sg_generator *generator;
    int number; /* the generator's in the study */
    struct sg_ledger *ledger;
    struct sg_budget *budget; /* borrowed until destroy */
    int n_seats;
    /* A request is over: answered or given up on (`a`, to be put into the ledger), or left for a later run (a
     * NULL). `request` is its canonical text. */
    sg_status (*over)(void *context, int64_t owner, const char *request, const struct sg_answer *a, int rank,
                      struct sg_err *err);
    void *context;
};

/* All functions: rank 0, and the coordinator's thread while the engine runs. The ledger is borrowed. */
sg_status sg_desk_create(const struct sg_desk_settings *s, struct sg_desk **out,
                         struct sg_err *err) SG_MUST_USE;
void sg_desk_destroy(struct sg_desk *d);

/* Whom the ranks work for, and whom they ask (for the record, may be NULL; borrowed). Before the first request. */
void sg_desk_attach(struct sg_desk *d, struct sg_engine *e, const char *origin);

/* Queues a request for `owner`; takes its text. */
sg_status sg_desk_ask_take(struct sg_desk *d, int64_t owner, struct sg_request *q,
                           struct sg_err *err) SG_MUST_USE;

/* A seat's item is ready on a rank of the job for so many requests at once; 0: it is over. */
void sg_desk_seat(struct sg_desk *d, int seat, int64_t item, int rank, int64_t room);

/* Every few milliseconds: lets go what may leave. */
sg_status sg_desk_turn(struct sg_desk *d, struct sg_err *err) SG_MUST_USE;

/* What a seat's rank has said of an attempt. */
sg_status sg_desk_result(struct sg_desk *d, int seat, struct sg_buy_event *e, struct sg_err *err) SG_MUST_USE;

/* A seat's rank cannot send any more. */
sg_status sg_desk_lost(struct sg_desk *d, int seat, const struct sg_outcome *o,
                       struct sg_err *err) SG_MUST_USE;

/* Nothing leaves any more. */
void sg_desk_stop(struct sg_desk *d, const char *why);

struct sg_limiter_state sg_desk_look(const struct sg_desk *d);

/* What became of the requests of this run so far. */
struct sg_desk_count {
    int64_t n_answered, n_again, n_left; /* left: to a later run */
    int64_t n_failed, n_refused;         /* given up on: after `retries`; as the server does not take it */
    int64_t n_controls;                  /* requests that were no part of the study */
    /* Of n_again: 429; no answer in time; other errors; no connection; half an answer, or none of a chat; without a parameter that was
     * refused. */
    int64_t n_rate, n_timeout, n_server, n_network, n_damaged, n_reworded;
    char failure[300]; /* what the last attempt without an answer came to; "": all were answered */
    double failed_s;   /* when that was (sg_now_s) */
};
struct sg_desk_count sg_desk_counted(const struct sg_desk *d);
/* "12 answered, 3 sent again (2 rate limit, 1 network), 1 given up (refused)" */
void sg_desk_count_text(const struct sg_desk_count *n, struct sg_buf *out);

#endif
