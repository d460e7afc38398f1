/* A chat client for OpenAI-compatible endpoints: many requests at once from one event loop (libcurl multi).
 *
 * Runs in a rank's network thread. No redirects, TLS always verified, plain http only to loopback unless no
 * key is set, answers bounded in size, retries with full jitter and the server's own delay
 * (facts/ecosystem.md section 3). */
#ifndef SG_GEN_CLIENT_H
#define SG_GEN_CLIENT_H

#include "gen/request.h"

struct sg_client;

/* Local. `api_key` may be NULL (a server that needs none); `connections` is this rank's share. SG_INPUT for
 * an address that is not http(s), or http to another host with a key. */
sg_status sg_client_create(const struct sg_generator *g, const char *api_key, int64_t connections,
                           struct sg_client **out, struct sg_err *err) SG_MUST_USE;
void sg_client_destroy(struct sg_client *c);

/* Local. The base URL in use, without user-info and query: for messages and provenance. */
const char *sg_client_origin(const struct sg_client *c);

struct sg_client_calls {
    /* Each answer once, as it arrives; any failure of the callback ends the run with it. */
    sg_status (*answer)(void *context, const struct sg_answer *a, struct sg_err *err);
    int (*stopping)(
        void *context); /* 1: start no more requests, wait for those in flight; 2: give up at once */
    void *context;
};

/* Local, blocking. Sends all requests. SG_OK when each one was answered or given up on; SG_INPUT or
 * SG_STOPPED (with the reason) when the endpoint is unusable (key, address, billing, or down after all
 * retries): the requests not yet answered are then left alone; SG_STOPPED also when asked to stop. */
sg_status sg_client_run(struct sg_client *c, const struct sg_requests *requests,
                        const struct sg_client_calls *calls, struct sg_err *err) SG_MUST_USE;

/* Local, blocking. Is there a server, does it take the key, does it know the model (GET /models; an endpoint
 * without it is accepted)? SG_INPUT with the cure when not. */
sg_status sg_client_check(struct sg_client *c, struct sg_err *err) SG_MUST_USE;

#endif
