/* What one attempt of a request came to: made by the client or by a batch's line, told to the limiter, written into the ledger. */
#ifndef SG_GEN_LLM_ATTEMPT_H
#define SG_GEN_LLM_ATTEMPT_H

#include "base/err.h"
#include "gen/llm/request.h"

enum sg_attempt_kind {
    SG_ATTEMPT_ANSWERED,
    SG_ATTEMPT_RATE,     /* 429: too much in too short a time */
    SG_ATTEMPT_OVERLOAD, /* the server has no room: 503, 529, slow_down */
    SG_ATTEMPT_TIMEOUT,  /* no answer within generator.timeout_s, or within a gateway's own: 408, 504, 524 */
    SG_ATTEMPT_FAULT,    /* network, other 5xx, an answer that is none */
    SG_ATTEMPT_ADAPT,    /* again, at once, in other words */
    SG_ATTEMPT_REFUSED,  /* this request will never work */
    SG_ATTEMPT_ENDPOINT, /* no request will */
};

/* "answered", "rate", "overload", "timeout", "fault", "adapt", "refused", "endpoint" */
const char *sg_attempt_name(enum sg_attempt_kind k);

/* What a failure is about, as far as it says. */
enum sg_error_cause {
    SG_CAUSE_OPEN,    /* anything */
    SG_CAUSE_CONTENT, /* what the prompt says: given up at once, whatever becomes of others */
    SG_CAUSE_LENGTH,  /* how long the request is */
    SG_CAUSE_ADDRESS  /* the address redirects: two without an answer between them are enough */
};

/* What a server says of its limits, each < 0 where it does not. */
struct sg_server_limits {
    double retry_after_s;
    double limit_requests, limit_tokens;     /* a minute */
    double left_requests, left_tokens;       /* of these */
    double reset_requests_s, reset_tokens_s; /* until they are whole again */
};

/* Nothing is said. */
struct sg_server_limits sg_server_limits_make(void);

/* What one attempt came to. Plain data: it travels between ranks as it is. */
struct sg_attempt {
    enum sg_attempt_kind kind;
    int outage;      /* says nothing about the request: nobody was there, or there was no room */
    int maybe_paid;  /* it left, and whether the provider charges for it is not known; 0 when ANSWERED */
    double cost_usd; /* of an answer, or of one that is none but says what it is charged with; < 0: unknown */
    struct sg_server_limits limits;
    enum sg_error_cause cause; /* of REFUSED */
    sg_status dead;            /* of ENDPOINT; and of REFUSED, when it turns out to be the endpoint's */
    char reason[600];          /* one redacted sentence unless ANSWERED */
    char endpoint_reason
        [600]; /* how the run ends when a REFUSED turns out to be the endpoint's; "": in general words */
};

/* An attempt of which nothing is known yet. */
struct sg_attempt sg_attempt_make(void);

/* What an attempt makes of its request. */
enum sg_request_outcome {
    SG_OUTCOME_ANSWERED, /* store the answer */
    SG_OUTCOME_FAILED,   /* store the failure: given up on after `retries` */
    SG_OUTCOME_REFUSED,  /* likewise: given up on, as the server does not take it */
    SG_OUTCOME_AGAIN,    /* waits for another attempt */
    SG_OUTCOME_HELD, /* failed, and whose failure it is will show: it leaves again, or is named by sg_limiter_given_up, or is
                         left when the endpoint is dead */
    SG_OUTCOME_LEFT /* nothing is known about it: it stays to be asked by a later run */
};
/* "answered", "failed", "refused", "again", "held", "left" */
const char *sg_request_outcome_name(enum sg_request_outcome o);

/* What came of a request that a client was given. */
struct sg_client_result {
    int64_t id;
    int http_major; /* of the answer: 1, 2, 3; 0: there was none */
    struct sg_attempt attempt;
    struct sg_answer
        answer; /* key, http_status, latency_s; the rest when it was answered. Freed by the client. */
};
typedef sg_status (*sg_client_each)(void *context, struct sg_client_result *r, struct sg_err *err);

#endif
