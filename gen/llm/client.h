/* A chat client (gen/llm/provider.h): many requests at once from one event loop (libcurl multi), or one model in this process
 * (gen/llm/llama.h), which is loaded when the first request comes.
 *
 * Runs in a rank's network thread. It sends what it is given, once, and says what came of it; when to send, and
 * whether again, is the limiter's to say (gen/llm/limiter.h), which sits on rank 0. No redirects, TLS always
 * verified, plain http only to loopback unless no key is set, answers bounded in size. */
#ifndef SG_GEN_LLM_CLIENT_H
#define SG_GEN_LLM_CLIENT_H

#include "gen/llm/reply.h"

struct sg_client;

/* Local. `api_key` may be NULL (a server that needs none); `connections`: the most requests in flight here.
 * SG_INPUT for an address that is not http(s), or http to another host with a key. */
sg_status sg_client_create(const struct sg_generator *g, const char *api_key, int64_t connections,
                           struct sg_client **out, struct sg_err *err) SG_MUST_USE;
void sg_client_destroy(struct sg_client *c);

/* Local. The base URL in use, without user-info and query: for messages and provenance. */
const char *sg_client_origin(const struct sg_client *c);

/* Local. Whether the server is on this node: a model of one's own. */
int sg_client_is_local(const struct sg_client *c);

/* Local. What the endpoint has refused so far, as far as this client knows; and what another has found out. */
const struct sg_adapt *sg_client_adapt(const struct sg_client *c);
void sg_client_learn(struct sg_client *c, const struct sg_adapt *more);

/* Local. Begins one attempt of a request (copied); SG_FAILED when all connections are busy. `id` comes back with the result. */
sg_status sg_client_send(struct sg_client *c, int64_t id, const struct sg_request *q,
                         struct sg_err *err) SG_MUST_USE;

/* Local. Moves all attempts on, for at most timeout_ms while nothing happens, and hands on those that have ended.
 * A failure of the callback ends the turn with it. */
sg_status sg_client_turn(struct sg_client *c, int timeout_ms, sg_client_each each, void *context,
                         struct sg_err *err) SG_MUST_USE;

/* Local. For a caller that waits for other things, too: a turn has something to do once poll() says POLLIN of this descriptor (-1:
 * there is none), or after *timeout_ms, which this cuts where a turn is due earlier. */
int sg_client_fd(const struct sg_client *c, int *timeout_ms);

/* Local. Drops what is in flight. */
void sg_client_abandon(struct sg_client *c);

/* Local, blocking. Is there a server, does it take the key, does it know the model (GET /models; an endpoint
 * without it is accepted)? SG_INPUT with the cure when not. */
sg_status sg_client_check(struct sg_client *c, struct sg_err *err) SG_MUST_USE;

/* Local. What the last check has seen of GET /models. */
struct sg_models {
    long http_status; /* 0: nothing was asked, or there was no answer */
    char error[400];  /* of another status than 200; "" without */
    int n, has_it;    /* listed; whether the generator's model is among them */
    char names[400];  /* the first of them, "a, b, ... (30 in all)" */
};
const struct sg_models *sg_client_models(const struct sg_client *c);

#endif
