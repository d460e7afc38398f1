/* What a server's reply means: an answer, a reason to ask again, or the end of the endpoint (facts:
 * ecosystem.md section 3). */
#ifndef SG_GEN_LLM_REPLY_H
#define SG_GEN_LLM_REPLY_H

#include "base/buf.h"
#include "gen/llm/adapt.h"
#include "gen/llm/limiter.h"
#include "gen/llm/request.h"

#include <jansson.h>

/* What the headers of an answer say. */
struct sg_headers {
    struct sg_server_limits limits;
    int is_exact;         /* retry_after_s was said in milliseconds, which wins */
    int should_retry;     /* x-should-retry: -1 not said, 0, 1 */
    char request_id[200]; /* "" when not said */
    double date_s;        /* the server's clock, in seconds since 1970; -1: not said */
    double
        moment[3]; /* of retry-after and the two resets, where they were said as moments; -1: they were not */
};
struct sg_headers sg_headers_make(void);

/* Local. Reads one header line (not NUL-terminated). unix_s: the time, for those who send a date and do
 * not tell their own time (the header Date, before or after it). retry-after-ms is
 * preferred to retry-after, whose date may lie in the past (0); nonsense is passed over. */
void sg_headers_add(struct sg_headers *h, const char *line, size_t n, double unix_s);

/* One HTTP exchange. */
struct sg_reply {
    int curl_code;   /* CURLcode */
    const char *why; /* curl's own words for it; NULL or "": none */
    int not_sent; /* the connection was never made, to a proxy or behind it: no byte of the request has left */
    long proxy_status; /* a proxy's answer to CONNECT, 0: none */
    long http_status;
    const char *body; /* NUL-terminated */
    size_t n_body;
    int too_large;
    struct sg_headers headers;
    struct sg_adapt sent; /* how the endpoint was spoken to when the request left */
};

/* Local. What came of an attempt, with its reason. `a` gets text, tokens, model, request id, cost when ANSWERED.
 * ADAPT: the server refuses a parameter that can be left out or renamed; *adapt has learned it. */
struct sg_attempt sg_reply_classify(const struct sg_generator *g, const struct sg_request *q,
                                    const struct sg_reply *r, struct sg_adapt *adapt, struct sg_answer *a);

/* What curl says of a failure, made printable and redacted. */
void sg_reply_failure_text(const struct sg_reply *r, char out[300]);

/* The reason why a server's certificate was not accepted, for the user; 0: that is not what curl_code says. */
int sg_reply_tls_reason(const struct sg_reply *r, char out[600]);

#endif
