/* A rank's side of buying completions: it sends the requests that rank 0's dispatcher (experiments/buying/dispatch.h) commands it to,
 * and reports what came of each attempt. One item of network work a rank, for as long as there is something to buy, from all
 * generators of the study.
 *
 * Commands (rank 0 to a rank): one a request (its generator, its id, what the endpoint has refused so far, its canonical text); an
 * empty one ends the work. Events (a rank to rank 0): one a generator when the rank is ready, with its capacity, then one an attempt. */
#ifndef SG_EXPERIMENTS_BUYING_SENDER_H
#define SG_EXPERIMENTS_BUYING_SENDER_H

#include "gen/llm/client.h"
#include "mpi/engine.h"

enum { SG_SENDER_FAR = -1 };

/* What a rank's network thread keeps: of each endpoint; and all of it. */
struct sg_sender_endpoint {
    const struct sg_generator *generator;
    const char *api_key;      /* NULL: none */
    int64_t connections;      /* of this rank at most; SG_SENDER_FAR: the server is out of its reach */
    struct sg_client *client; /* made by the work for the first request; sg_client_destroy */
};
struct sg_sender {
    int n_endpoints;
    struct sg_sender_endpoint *endpoint; /* (n_endpoints) in the study's order of generators */
    int rank;                            /* in the job */
};

/* Local, network thread. Until a command ends it. SG_STOPPED only when the engine asked for it. */
sg_status sg_sender_work(struct sg_sender *s, const struct sg_work *w, struct sg_err *err) SG_MUST_USE;

/* Rank 0. Commands an item to send a request. */
sg_status sg_sender_command(struct sg_engine *e, int64_t item, int generator, int64_t id,
                            const struct sg_adapt *adapt, const char *canonical,
                            struct sg_err *err) SG_MUST_USE;

/* Rank 0. Commands an item to end. */
sg_status sg_sender_command_end(struct sg_engine *e, int64_t item, struct sg_err *err) SG_MUST_USE;

/* Rank 0. What a rank reports. */
struct sg_sender_event {
    int rank, generator;
    int64_t
        capacity; /* not 0: the rank is ready, for so many requests of it at once or SG_SENDER_FAR, and the rest is unset */
    struct sg_adapt adapt; /* what the endpoint has refused, as far as that rank knows */
    struct sg_client_result result;
};
/* sg_answer_free(&out->result.answer) when done. */
sg_status sg_sender_event_read(const void *bytes, size_t n, struct sg_sender_event *out,
                               struct sg_err *err) SG_MUST_USE;

#endif
