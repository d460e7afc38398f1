/* What a server's reply means: an answer, a reason to ask again, or the end of the endpoint. docs/faults.md
 * has the cases. */
#ifndef SG_GEN_LLM_REPLY_H
#define SG_GEN_LLM_REPLY_H

#include "gen/llm/adapt.h"
#include "gen/llm/attempt.h"
#include "gen/llm/headers.h"
#include "gen/llm/request.h"

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
    struct sg_adapt sent; /* what was refused when the request was written */
};

/* Local. What came of an attempt, with its reason: its answer, as the provider's wire format has it, or its error. `a` gets text,
 * tokens, model, request id, cost when ANSWERED. ADAPT: the server refuses a parameter that can be left out or renamed; *adapt has
 * learned it. */
struct sg_attempt sg_reply_classify(const struct sg_generator *g, const struct sg_request *q,
                                    const struct sg_reply *r, struct sg_adapt *adapt, struct sg_answer *a);

/* What curl says of a failure, made printable and redacted. */
void sg_reply_failure_text(const struct sg_reply *r, char out[300]);

/* The reason why a server's certificate was not accepted, for the user; 0: that is not what curl_code says. */
int sg_reply_tls_reason(const struct sg_reply *r, char out[600]);

#endif
