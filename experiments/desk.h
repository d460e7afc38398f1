/* Rank 0's desk for buying: what is asked of the LLM, by which rank, under one governor (gen/governor.h), with the
 * ledger's record of what has left but is not settled.
 *
 * Before a request that may cost money leaves, the ledger has it durably as sent, with the most that it can cost;
 * its answer, or a refusal, takes that back. What a kill or a broken connection leaves there may have been paid
 * for: it counts as spent for good, so that the budget holds over any number of runs. */
#ifndef SG_EXPERIMENTS_DESK_H
#define SG_EXPERIMENTS_DESK_H

#include "experiments/buy.h"
#include "gen/governor.h"
#include "results/ledger.h"

struct sg_desk;

struct sg_desk_settings {
    const struct sg_generator *generator;
    struct sg_ledger *ledger;
    double budget_usd; /* < 0: none; what the ledger has as spent and as unsettled counts */
    int n_ranks, kind; /* the engine's kind of sg_buy_work */
    /* A request is over: answered or given up on (`a`, to be put into the ledger), or left for a later run (a
     * NULL). `request` is its canonical text. */
    sg_status (*over)(void *context, int64_t owner, const char *request, const struct sg_answer *a, int rank,
                      struct sg_err *err);
    void *context;
};

/* All functions: rank 0, and the coordinator's thread while the engine runs. The ledger is borrowed; what it has as
 * spent and as unsettled counts. */
sg_status sg_desk_create(const struct sg_desk_settings *s, struct sg_desk **out,
                         struct sg_err *err) SG_MUST_USE;
void sg_desk_destroy(struct sg_desk *d);

/* Whom the ranks work for. Before the first request. */
void sg_desk_attach(struct sg_desk *d, struct sg_engine *e);

/* Queues a request for `owner`; takes its text. The first one opens the ranks' work. */
sg_status sg_desk_ask_take(struct sg_desk *d, int64_t owner, struct sg_request *q,
                           struct sg_err *err) SG_MUST_USE;

/* Every few milliseconds: lets go what may leave; ends the ranks' work when nothing is left. */
sg_status sg_desk_turn(struct sg_desk *d, struct sg_err *err) SG_MUST_USE;

/* The engine's callbacks of the kind; `user` is the desk's. */
sg_status sg_desk_event(void *user, const void *bytes, size_t n, struct sg_err *err) SG_MUST_USE;
sg_status sg_desk_done(void *user, const struct sg_outcome *o, struct sg_err *err) SG_MUST_USE;

/* Nothing leaves any more. */
void sg_desk_stop(struct sg_desk *d, const char *why);

struct sg_governor_state sg_desk_look(const struct sg_desk *d);
double sg_desk_spent_usd(const struct sg_desk *d);

#endif
