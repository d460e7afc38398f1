/* What a server's reply means: an answer, a reason to ask again, or the end of the endpoint (facts:
 * ecosystem.md section 3). */
#ifndef SG_GEN_REPLY_H
#define SG_GEN_REPLY_H

#include "base/buf.h"
#include "gen/governor.h"
#include "gen/request.h"

#include <jansson.h>

/* What an endpoint has refused so far, and how it is spoken to since. */
struct sg_adapt {
    unsigned
        refused; /* parameters, a bit each; max_tokens is said as max_completion_tokens then, the others are left out */
};

/* Local. Counts a parameter as refused; one that is not among those that can be left out is passed over. */
void sg_adapt_refuse(struct sg_adapt *adapt, const char *parameter);

/* The refused parameters by name, "" when there is none; for people and for the results. */
void sg_adapt_text(const struct sg_adapt *adapt, char out[80]);

/* Back from these names; one that is unknown is passed over. */
void sg_adapt_read(struct sg_adapt *adapt, const char *names);

/* What the headers of an answer say. */
struct sg_headers {
    struct sg_server_limits said;
    int is_exact;         /* retry_after_s was said in milliseconds, which wins */
    int should_retry;     /* x-should-retry: -1 not said, 0, 1 */
    char request_id[200]; /* "" when not said */
};
struct sg_headers sg_headers_make(void);

/* Local. Reads one header line (not NUL-terminated). unix_s: the time, for those who send a date. retry-after-ms is
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
struct sg_attempt sg_reply_judge(const struct sg_generator *g, const struct sg_request *q,
                                 const struct sg_reply *r, struct sg_adapt *adapt, struct sg_answer *a);

/* Local. *adapt learns what the API of g's provider does not have at all, as far as q would say it. */
void sg_adapt_meet(struct sg_adapt *adapt, const struct sg_generator *g, const struct sg_request *q);

/* Local. The body that goes over the wire for a canonical request, in the words of its provider (sg_free). */
char *sg_wire_body(const struct sg_request *q, const struct sg_adapt *adapt);

/* What curl says of a failure, made printable and redacted. */
void sg_reply_failure_text(const struct sg_reply *r, char out[300]);

/* The reason why a server's certificate was not accepted, for the user; 0: that is not what curl_code says. */
int sg_reply_tls_reason(const struct sg_reply *r, char out[600]);

/* Local. A server's JSON, as jansson's json_loadb; NULL also for what has more values than any answer: they take up to a hundred
 * times their length in memory. */
json_t *sg_reply_json(const char *body, size_t n, size_t flags);

/* "message" of an error body in any of the known shapes, redacted and made printable; "" when there is none.
 */
void sg_reply_error_text(const char *body, size_t n, char *out, size_t n_out);

#endif
