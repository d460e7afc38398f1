/* Inside the limiter (gen/llm/limiter.h): limiter.c has the queue, the budget and what comes back, limiter_rate.c when the next may
 * leave, limiter_failures.c whose a failure is. */
#ifndef SG_GEN_LLM_LIMITER_IMPL_H
#define SG_GEN_LLM_LIMITER_IMPL_H

#include "base/rng.h"
#include "gen/llm/limiter.h"

/* So many requests that fail, one after the other, are no bad luck with single prompts. */
enum { MAX_FAILURES = 8 };

/* One that the endpoint has no room for, while it has for others, is given up on after so many times `retries`. */
enum { MAX_GOES = 2 };

struct request {
    double tokens, usd, sent_s, not_before_s;
    int64_t turn;
    int64_t sent_at,
        failed_at; /* sends before its last one, and before its first failure (-1: none) of this go */
    int attempts, n_goes;
    int is_last;              /* once more: another failure is its own */
    enum sg_attempt_kind bad; /* of the failure for which it is held, */
    enum sg_error_cause cause;
    int may_have_cost;            /* it is not asked again for what may be no better */
    int is_answered, is_too_long; /* ever; too long: so the server has said */
};

struct send {
    double time_s, tokens;
};

struct sg_limiter {
    struct sg_limiter_settings s;
    struct sg_budget none;   /* where the settings have no budget */
    struct request *request; /* (n) by id */
    int64_t n;
    int64_t *fresh,
        n_fresh; /* (n_fresh, with room for n) a heap of those that never left, by turn, then id */
    int64_t *again, n_again; /* (n_again, with room for n) those that wait for another attempt */
    int64_t n_flying;

    struct send *log; /* (cap_log) a ring: what left in the last 61 s */
    int64_t log_first, n_log, cap_log;
    double log_tokens;
    double next_request_s, next_tokens_s;  /* the even pace */
    double server_requests, server_tokens; /* its limits a minute; 0: unknown */
    double pause_s;                        /* nothing leaves before it */

    double cut_rate, cut_s;    /* requests/s after the last 429, and when it was; 0: never */
    double peak_rate;          /* how fast it was before, which sets how fast it grows */
    double window, halved_s;   /* requests in flight at most; when it was halved last */
    int64_t n_slow;            /* how often it was halved for a timeout */
    int64_t n_faults, n_trips; /* in a row, with no answer between them */
    double open_s;             /* the breaker: nothing leaves before it */

    int64_t *held, n_held; /* (n_held, with room for n) failed, with no answer since to one that left later */
    int64_t *given_up, n_given_up;            /* (n_given_up, with room for n) to be told */
    int64_t n_departed, n_answered, alive_at; /* alive_at: the last send that was answered; -1: none */
    double sum_tokens;                        /* of all */
    int64_t control;                          /* the id of the one that is on its way or waits; -1: none */
    sg_status held_dead;
    char held_endpoint_reason[600], held_reason[600]; /* of the last one */

    sg_status dead;
    char why[600];
    struct sg_rng rng;
};

/* ---- limiter_rate.c ---- */

int sg_limiter_rate_allows(struct sg_limiter *l, double now_s, double tokens);

/* One leaves. 0 without memory: it must not. */
int sg_limiter_rate_take(struct sg_limiter *l, double now_s, double tokens);

/* A 429 to one that left at sent_s. */
void sg_limiter_rate_cut(struct sg_limiter *l, double sent_s, double now_s);

/* What the server says of its limits. */
void sg_limiter_rate_heed(struct sg_limiter *l, const struct sg_server_limits *limits, double now_s);

/* ---- limiter_failures.c ---- */

/* No request was ever answered, and 8 have failed in a row: it looks as if the server were set up wrongly, and waiting mends nothing. A
 * server that has answered before is given more time to come back. */
int sg_limiter_has_never_worked(const struct sg_limiter *l);

/* Nothing leaves until it is decided whose the failures are that are held. */
int sg_limiter_holds_back(const struct sg_limiter *l);

/* Notes that it failed: what leaves from now on is evidence when it is answered. */
void sg_limiter_note_failure(const struct sg_limiter *l, struct request *t);

/* Whether one that left after its first failure was answered. */
int sg_limiter_is_alive_since(const struct sg_limiter *l, const struct request *t);

/* Given up on at once, or asked again. */
void sg_limiter_release(struct sg_limiter *l, int64_t id, int gives_up, int is_last);

/* It has failed for good, or is held until there is evidence. */
enum sg_request_outcome sg_limiter_hold(struct sg_limiter *l, int64_t id, const struct sg_attempt *a);

/* A request that left at `sent_at` is answered. */
void sg_limiter_on_evidence(struct sg_limiter *l, int64_t sent_at);

/* The endpoint answers a prompt of ours. */
void sg_limiter_on_control(struct sg_limiter *l);

/* Stops the endpoint where that needs no control, or none can be had. */
void sg_limiter_settle_held(struct sg_limiter *l);

#endif
