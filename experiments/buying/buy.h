/* A rank's part in buying completions: it sends what rank 0's office (experiments/buying/office.h) tells it to, and says what
 * came of each attempt. One item of network work a rank, for as long as there is something to buy, from all generators
 * of the study.
 *
 * Told: one message a request (its generator, its id, what the endpoint has refused so far, its canonical text); an empty
 * one ends the work. Events: one a generator when the rank is ready, then one an attempt. */
#ifndef SG_EXPERIMENTS_BUYING_BUY_H
#define SG_EXPERIMENTS_BUYING_BUY_H

#include "gen/llm/client.h"
#include "mpi/engine.h"

/* What a rank's network thread keeps: of each generator; and all of it. */
struct sg_seller {
    const struct sg_generator *generator;
    const char *api_key;      /* NULL: none */
    int64_t connections;      /* of this rank at most */
    struct sg_client *client; /* made by the work for the first request; sg_client_destroy */
};
struct sg_buyer {
    int n_sellers;
    struct sg_seller *seller; /* (n_sellers) in the study's order of generators */
    int rank;                 /* in the job */
};

/* Local, network thread. Until it is told to end. SG_STOPPED only when the engine asked for it. */
sg_status sg_buy_work(struct sg_buyer *b, const struct sg_work *w, struct sg_err *err) SG_MUST_USE;

/* Rank 0. Tells an item to send a request. */
sg_status sg_buy_tell(struct sg_engine *e, int64_t item, int generator, int64_t id,
                      const struct sg_adapt *adapt, const char *canonical, struct sg_err *err) SG_MUST_USE;

/* Rank 0. What a rank has said. */
struct sg_buy_event {
    int rank, generator;
    int64_t room; /* > 0: the rank is ready for so many requests of it at once, and the rest is unset */
    struct sg_adapt adapt; /* what the endpoint has refused, as far as that rank knows */
    struct sg_client_result result;
};
/* sg_answer_free(&out->result.answer) when done. */
sg_status sg_buy_event(const void *bytes, size_t n, struct sg_buy_event *out, struct sg_err *err) SG_MUST_USE;

#endif
