/* Rank 0's office for buying: a desk (experiments/buying/desk.h) for each generator of the study, each with limits of its own; one
 * budget, so that the budget holds over all of them; and the ranks' work, which the desks share.
 *
 * An endpoint that is dead (its key is refused, its model is gone) ends its own desk alone: the others go on. */
#ifndef SG_EXPERIMENTS_BUYING_OFFICE_H
#define SG_EXPERIMENTS_BUYING_OFFICE_H

#include "experiments/buying/desk.h"
#include "experiments/buying/endpoint.h"

struct sg_office;

struct sg_office_settings {
    int n_generators;
    const struct sg_generator *generator; /* (n_generators) borrowed */
    struct sg_ledger *ledger;
    double budget_usd; /* < 0: none; what the ledger has as spent and as unsettled counts */
    int n_ranks, kind; /* the engine's kind of sg_buy_work */
    /* As in struct sg_desk_settings. */
    sg_status (*over)(void *context, int64_t owner, const char *request, const struct sg_answer *a, int rank,
                      struct sg_err *err);
    void *context;
};

/* All functions: rank 0, and the coordinator's thread while the engine runs. The ledger is borrowed. */
sg_status sg_office_create(const struct sg_office_settings *s, struct sg_office **out,
                           struct sg_err *err) SG_MUST_USE;
void sg_office_destroy(struct sg_office *o);

/* Whom the ranks work for, and whom they ask (n_generators, borrowed). Before the first request. */
void sg_office_attach(struct sg_office *o, struct sg_engine *e, const struct sg_endpoint *endpoint);

/* Queues a request of `owner` to a generator; takes its text. The first one opens the ranks' work. */
sg_status sg_office_ask_take(struct sg_office *o, int generator, int64_t owner, struct sg_request *q,
                             struct sg_err *err) SG_MUST_USE;

/* Every few milliseconds: lets go what may leave; ends the ranks' work when nothing is left. */
sg_status sg_office_turn(struct sg_office *o, struct sg_err *err) SG_MUST_USE;

/* The engine's callbacks of the kind; `user` is the office's. */
sg_status sg_office_event(void *user, const void *bytes, size_t n, struct sg_err *err) SG_MUST_USE;
sg_status sg_office_done(void *user, const struct sg_outcome *outcome, struct sg_err *err) SG_MUST_USE;

/* Nothing leaves any more. */
void sg_office_stop(struct sg_office *o, const char *why);

/* Of one generator: nothing leaves any more. */
void sg_office_stop_generator(struct sg_office *o, int generator, const char *why);

/* Whether a generator still takes requests. */
int sg_office_is_open(const struct sg_office *o, int generator);

/* SG_OK while all endpoints live, else why one is dead: a reason for which the user must act comes first. */
sg_status sg_office_verdict(const struct sg_office *o, struct sg_err *err) SG_MUST_USE;

/* What became of a generator's requests in this run so far. */
struct sg_desk_count sg_office_counted(const struct sg_office *o, int generator);

double sg_office_spent_usd(const struct sg_office *o);

/* The same as the ledger has it, once it is committed: what was paid, and what may have been. */
sg_status sg_office_cost(struct sg_ledger *l, double *usd, struct sg_err *err) SG_MUST_USE;

#endif
