/* When a request may leave: rate, money and failures, decided in one place for all ranks of a run.
 *
 * Rank 0 has it; ranks send what it lets go and report what came of it, so no rank needs an idea of any limit.
 * A plain struct with an explicit clock (seconds of any origin that never run backwards): a test plays days in
 * no time.
 *
 *     sg_limiter_add(l, turn, tokens, usd, &id, err);         a request waits
 *     while (sg_limiter_next(l, now, &id)) send(id);           it leaves; its worst cost is reserved
 *     what = sg_limiter_done(l, now, id, &report);             every attempt that left, once
 *
 * Rate: attempts leave evenly at 97 % of the limit, and what has left in the last 61 s never passes it, so no 60 s
 * window at the server does, unless an attempt is more than a second on its way there. A request counts with its
 * prompt and all of max_tokens, as OpenAI counts it. A server's own limits (headers) lower the study's.
 * A 429 cuts the rate to 70 % of what it was, an overload or a timeout halves the requests in flight; both grow again steadily
 * (AIMD; after n timeouts n + 1 times as slowly, as each of them costs minutes), and what left before a cut does not cut again. Delays: the server's own, else full jitter (AWS,
 * "Exponential backoff and jitter"). Circuit breaker: 8 failures in a row, and a single request probes, after pauses
 * of 1, 2, 4, ... 60 s, until one is answered.
 * Money: the most that an attempt can cost is reserved before it leaves; spent + reserved never passes the budget.
 * An attempt that may have been paid for (the connection broke after it left) stays spent at that. Limiters of several
 * endpoints may share one budget, and then its budget holds over all of them.
 * Failures: one request is not the endpoint. A failure is held until there is evidence of whose it is. When a request that was
 * sent after it is answered, it is the request's own, which is given up. When 8 are held, or nothing else is left to be asked, a
 * control (a request with a prompt of ours, as long) decides: with an answer to it those that are held are asked once more; without,
 * the endpoint is dead, and they are left to a later run. */
#ifndef SG_GEN_LLM_LIMITER_H
#define SG_GEN_LLM_LIMITER_H

#include "gen/llm/attempt.h"

/* Money of a run. Whoever makes it sets budget and what is spent already; limiters keep the rest. */
struct sg_budget {
    double budget_usd; /* < 0: none */
    double spent_usd, reserved_usd;
    int64_t n_flying; /* attempts that something is reserved for */
};

struct sg_limiter_settings {
    int64_t connections;                      /* most requests in flight */
    int64_t requests_per_min, tokens_per_min; /* 0: no limit of our own */
    int64_t retries;                          /* of one request, for passing failures */
    struct sg_budget *budget;                 /* borrowed until destroy; NULL: no budget */
    uint64_t seed;                            /* of the jitter */
    int has_controls;                         /* the caller asks them (sg_limiter_wants_control) */
};

struct sg_limiter;

/* NULL without memory. */
struct sg_limiter *sg_limiter_create(const struct sg_limiter_settings *s);
void sg_limiter_destroy(struct sg_limiter *l);

/* A request that waits to be sent: what it counts in tokens, and the most that one attempt can cost. Those of a lower turn
 * leave first, however late they come; of the same turn, in the order in which they came; one that waits for another attempt
 * before all. Ids count from 0. One that comes when the endpoint is dead is left at once. */
sg_status sg_limiter_add(struct sg_limiter *l, int64_t turn, double tokens, double usd, int64_t *id,
                         struct sg_err *err) SG_MUST_USE;

/* An earlier run has given this request up: when it fails again, it is given up on again. */
void sg_limiter_was_given_up(struct sg_limiter *l, int64_t id);

/* 1: request *id leaves now. 0: nothing may leave yet. */
int sg_limiter_next(struct sg_limiter *l, double now_s, int64_t *id);

enum sg_request_outcome sg_limiter_done(struct sg_limiter *l, double now_s, int64_t id,
                                        const struct sg_attempt *a);

/* 1: held request *id is given up on, REFUSED; store its failure. 0: there is no such, and none any more once the endpoint is dead: what
 * is held then is left. To be asked after each sg_limiter_done. */
int sg_limiter_given_up(struct sg_limiter *l, int64_t *id);

/* 1: a control is to be added now. It is to ask as *like does (parameters, longest answer), but with a prompt of its own. */
int sg_limiter_wants_control(struct sg_limiter *l, int64_t *like);
/* Adds it; it leaves before all others. Its outcomes are ANSWERED, AGAIN and LEFT. */
sg_status sg_limiter_add_control(struct sg_limiter *l, double tokens, double usd, int64_t *id,
                                 struct sg_err *err) SG_MUST_USE;

/* Attempts of a request so far. */
int sg_limiter_attempts(const struct sg_limiter *l, int64_t id);

/* Nothing leaves any more; what is in flight is still reported. The first reason stays. */
void sg_limiter_stop(struct sg_limiter *l, sg_status status, const char *why);

struct sg_limiter_state {
    int64_t n_waiting, n_flying; /* waiting, or held: 0 once the endpoint is dead */
    sg_status dead;  /* SG_OK while requests may leave; SG_STOPPED: at a limit; SG_INPUT: the user must act */
    const char *why; /* "" while alive */
};
struct sg_limiter_state sg_limiter_state(const struct sg_limiter *l);

#endif
