/* Rounds of asking. What an asker (experiments/buying/asking.h) needs at once is its round; it goes on when all of that is over. Requests are
 * made as they leave: of each generator so many are queued at the office that its connections are busy, and what more a round needs is
 * made when there is room, of earlier askers first. What several askers miss alike is asked for once.
 *
 * Rank 0, and the coordinator's thread while the engine runs. */
#ifndef SG_EXPERIMENTS_BUYING_ROUNDS_H
#define SG_EXPERIMENTS_BUYING_ROUNDS_H

#include "experiments/buying/asking.h"
#include "experiments/buying/office.h"

struct sg_rounds;

struct sg_rounds_settings {
    struct sg_asking *asking; /* these are borrowed until destroy */
    struct sg_office *office;
    struct sg_ledger *ledger;
    const struct sg_generator *generator; /* (n_generators) the study's */
    int64_t *n_left; /* kept at the number of requests that are known to be missing still */
    /* Asker i is complete: once for each, and it may step others. */
    sg_status (*complete)(void *context, int64_t i, struct sg_err *err);
    void *context;
};

sg_status sg_rounds_create(const struct sg_rounds_settings *s, struct sg_rounds **out,
                           struct sg_err *err) SG_MUST_USE;
void sg_rounds_destroy(struct sg_rounds *r);

/* Moves an asker on: from the ledger, then it is complete, or what it misses is queued as far as there is room. */
sg_status sg_rounds_step(struct sg_rounds *r, int64_t i, struct sg_err *err) SG_MUST_USE;

/* A request that asker i queued is over; its answer, if any, is in the ledger. request: its canonical text. */
sg_status sg_rounds_over(struct sg_rounds *r, int64_t i, const char *request, struct sg_err *err) SG_MUST_USE;

#endif
