/* Requests as work for a rank's network thread: payload (rank 0) -> answers, each sent to rank 0 as it
 * arrives.
 *
 * Payload: a JSON array of canonical requests (strings). Events: int32 rank, then the answer's JSON
 * (gen/request.h). */
#ifndef SG_EXPERIMENTS_BUY_H
#define SG_EXPERIMENTS_BUY_H

#include "gen/client.h"
#include "mpi/engine.h"

/* What a rank's network thread keeps between items. */
struct sg_buyer {
    const struct sg_generator *generator;
    const char *api_key;      /* NULL: none */
    int64_t connections;      /* this rank's share */
    int rank;                 /* in the job */
    struct sg_client *client; /* made at the first item */
};

/* Rank 0. */
sg_status sg_buy_payload(const struct sg_requests *r, struct sg_buf *payload, struct sg_err *err) SG_MUST_USE;

/* Local. SG_STOPPED only when the engine asked for it; an endpoint that is down or out of money is SG_FAILED. */
sg_status sg_buy_work(struct sg_buyer *b, const struct sg_work *w, struct sg_err *err) SG_MUST_USE;

/* Rank 0. An event's rank and answer (sg_answer_free). */
sg_status sg_buy_event(const void *bytes, size_t n, int *rank, struct sg_answer *out,
                       struct sg_err *err) SG_MUST_USE;

#endif
