/* What a server's reply means: an answer, a reason to ask again, or the end of the endpoint (facts:
 * ecosystem.md section 3). */
#ifndef SG_GEN_REPLY_H
#define SG_GEN_REPLY_H

#include "base/buf.h"
#include "gen/request.h"

enum sg_verdict {
    SG_REPLY_ANSWER,   /* filled into the answer */
    SG_REPLY_RETRY,    /* transient */
    SG_REPLY_FAIL,     /* this request will never work */
    SG_REPLY_ENDPOINT, /* no request will: key, address, model, billing */
    SG_REPLY_ADAPT /* the server refuses a parameter that can be said in another way; sg_adapt has learned it
                    */
};

/* What an endpoint has refused so far, and how it is spoken to since. */
struct sg_adapt {
    int completion_tokens; /* max_completion_tokens instead of max_tokens */
    int no_temperature, no_top_p, no_seed, no_format;
};

/* One HTTP exchange. */
struct sg_reply {
    int curl_code; /* CURLcode */
    long http_status;
    const char *body; /* NUL-terminated */
    size_t n_body;
    int too_large;
    double retry_after_s; /* < 0: not said */
    int should_retry;     /* x-should-retry: -1 not said, 0, 1 */
    struct sg_adapt sent; /* how the endpoint was spoken to when the request left */
};

/* Local. `reason` gets one redacted sentence when the verdict is not ANSWER; *dead the status for ENDPOINT.
 * `a` gets text, tokens, model, cost on ANSWER. */
enum sg_verdict sg_reply_judge(const struct sg_generator *g, const struct sg_request *q,
                               const struct sg_reply *r, struct sg_adapt *adapt, struct sg_answer *a,
                               char reason[600], sg_status *dead);

/* Local. The body that goes over the wire for a canonical request (sg_free). */
char *sg_wire_body(const struct sg_request *q, const struct sg_adapt *adapt);

/* "message" of an error body in any of the known shapes, redacted and made printable; "" when there is none.
 */
void sg_reply_error_text(const char *body, size_t n, char *out, size_t n_out);

#endif
