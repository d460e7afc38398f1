#include "gen/llm/limiter.h"

#include "base/backoff.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>

/* Attempts need not be equally long on their way to the server: even spacing at a little less than the limit, and
 * a window that is a second longer than the server's. */
static const double share = 0.97, window_s = 61;

/* Whoever asks comes by every few milliseconds: so much lateness is caught up, so that none of the rate is lost. */
static const double slack_s = 0.25;

/* The official SDK obeys a server's delay up to 120 s; a longer one is surfaced instead. */
static const double max_server_delay_s = 120;

static const struct sg_backoff between_tries = {.first_s = 0.5, .factor = 2, .most_s = 60, .jitter = 1},
                               breaker = {.first_s = 1, .factor = 2, .most_s = 60, .jitter = 0.5};

/* So many requests that fail, one after the other, are no bad luck with single prompts. */
enum { MAX_FAILURES = 8 };

/* One that the endpoint has no room for, while it has for others, is given up on after so many times `retries`. */
enum { MAX_GOES = 2 };

/* Of a control: whoever waits for it has waited for the retries of others. */
enum { CONTROL_RETRIES = 1 };

/* A control belongs to no pool. */
static const int64_t no_turn = -1;

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

struct sg_limiter *sg_limiter_create(const struct sg_limiter_settings *s)
{
    struct sg_limiter *g = sg_alloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->s = *s;
    if (g->s.connections < 1)
        g->s.connections = 1;
    g->none.budget_usd = -1;
    if (!g->s.budget)
        g->s.budget = &g->none;
    g->window = (double)g->s.connections;
    g->next_request_s = g->next_tokens_s = g->pause_s = g->open_s = g->cut_s = g->halved_s = -HUGE_VAL;
    g->rng = sg_rng_make(s->seed, 0);
    g->control = g->alive_at = -1;
    return g;
}

void sg_limiter_destroy(struct sg_limiter *g)
{
    if (!g)
        return;
    sg_free(g->request);
    sg_free(g->fresh);
    sg_free(g->again);
    sg_free(g->held);
    sg_free(g->given_up);
    sg_free(g->log);
    sg_free(g);
}

/* ---- those that never left ---- */

static int is_before(const struct sg_limiter *g, const int64_t *a, const int64_t *b)
{
    int64_t x = g->request[*a].turn, y = g->request[*b].turn;
    return x < y || (x == y && *a < *b);
}

SG_HEAP(fresh, int64_t, struct sg_limiter, is_before)

/* Room in all lists is made now, so that nothing can fail later. */
static sg_status add_request(struct sg_limiter *g, int64_t turn, double tokens, double usd, int64_t *id,
                             struct sg_err *err)
{
    int64_t **const list[] = {&g->again, &g->fresh, &g->held, &g->given_up};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int64_t *more = sg_grown(*list[i], g->n, sizeof *more);
        if (!more)
            return sg_fail_memory(err, (unsigned long long)g->n * sizeof *more);
        *list[i] = more;
    }
    struct request *request = sg_grown(g->request, g->n, sizeof *request);
    if (!request)
        return sg_fail_memory(err, (unsigned long long)g->n * sizeof *request);
    g->request = request;
    g->request[g->n] = (struct request){
        .tokens = tokens, .usd = usd, .not_before_s = -HUGE_VAL, .turn = turn, .failed_at = -1};
    g->sum_tokens += tokens;
    *id = g->n++;
    return SG_OK;
}

void sg_limiter_was_given_up(struct sg_limiter *g, int64_t id)
{
    g->request[id].is_last = 1;
}

sg_status sg_limiter_add(struct sg_limiter *g, int64_t turn, double tokens, double usd, int64_t *id,
                         struct sg_err *err)
{
    SG_TRY(add_request(g, turn, tokens, usd, id, err));
    fresh_push(g->fresh, &g->n_fresh, *id, g);
    return SG_OK;
}

sg_status sg_limiter_add_control(struct sg_limiter *g, double tokens, double usd, int64_t *id,
                                 struct sg_err *err)
{
    SG_TRY(add_request(g, no_turn, tokens, usd, id, err));
    g->control = *id;
    g->again[g->n_again++] = *id;
    return SG_OK;
}

void sg_limiter_stop(struct sg_limiter *g, sg_status status, const char *why)
{
    if (g->dead != SG_OK)
        return;
    g->dead = status;
    snprintf(g->why, sizeof g->why, "%s", why);
    sg_text_whole(g->why);
}

/* ---- rate ---- */

static void forget_old(struct sg_limiter *g, double now_s)
{
    while (g->n_log && g->log[g->log_first].time_s <= now_s - window_s) {
        g->log_tokens -= g->log[g->log_first].tokens;
        g->log_first = (g->log_first + 1) % g->cap_log;
        g->n_log--;
    }
    if (!g->n_log)
        g->log_tokens = 0;
}

/* 0 without memory. */
static int remember(struct sg_limiter *g, double now_s, double tokens)
{
    if (g->n_log == g->cap_log) {
        int64_t cap = g->cap_log ? 2 * g->cap_log : 256;
        struct send *log = sg_alloc((size_t)cap, sizeof *log);
        if (!log)
            return 0;
        for (int64_t i = 0; i < g->n_log; i++)
            log[i] = g->log[(g->log_first + i) % g->cap_log];
        sg_free(g->log);
        g->log = log;
        g->log_first = 0;
        g->cap_log = cap;
    }
    g->log[(g->log_first + g->n_log++) % g->cap_log] = (struct send){now_s, tokens};
    g->log_tokens += tokens;
    return 1;
}

/* The lower of our limit and the server's, a minute; 0: none. */
static double lower(int64_t ours, double server)
{
    return ours > 0 && server > 0 ? fmin((double)ours, server) : ours > 0 ? (double)ours : server;
}

/* What is left of the rate after a 429: it grows by the rate before in a minute. */
static double cut_rate(const struct sg_limiter *g, double now_s)
{
    return g->cut_rate > 0 ? g->cut_rate + g->peak_rate * (now_s - g->cut_s) / 60 : HUGE_VAL;
}

static int rate_allows(struct sg_limiter *g, double now_s, double tokens)
{
    if (now_s < g->pause_s || now_s < g->next_request_s || now_s < g->next_tokens_s)
        return 0;
    forget_old(g, now_s);
    double requests = lower(g->s.requests_per_min, g->server_requests),
           per_min = lower(g->s.tokens_per_min, g->server_tokens);
    if (requests > 0 && (double)g->n_log + 1 > requests && g->n_log)
        return 0;
    /* One that is larger than the limit goes alone. */
    return per_min <= 0 || g->log_tokens + tokens <= per_min || !g->n_log;
}

/* Nothing is saved up while nobody asks. */
static double later(double due_s, double now_s, double pace_s)
{
    return (due_s < now_s - slack_s ? now_s : due_s) + pace_s;
}

static void pace(struct sg_limiter *g, double now_s, double tokens)
{
    double requests = lower(g->s.requests_per_min, g->server_requests),
           per_min = lower(g->s.tokens_per_min, g->server_tokens);
    double gap_s = fmax(requests > 0 ? 60 / (share * requests) : 0, 1 / cut_rate(g, now_s));
    g->next_request_s = later(g->next_request_s, now_s, gap_s);
    g->next_tokens_s = later(g->next_tokens_s, now_s, per_min > 0 ? 60 * tokens / (share * per_min) : 0);
}

/* How many a second left in the last 10 s, or since the first of them. */
static double recent_rate(const struct sg_limiter *g, double now_s)
{
    int64_t n = 0;
    double first_s = now_s;
    for (int64_t i = g->n_log - 1; i >= 0; i--) {
        double t = g->log[(g->log_first + i) % g->cap_log].time_s;
        if (t < now_s - 10)
            break;
        first_s = t;
        n++;
    }
    return (double)(n > 1 ? n : 1) / fmax(now_s - first_s, 1);
}

/* A header's limits are hints: nonsense (Azure has sent -1) is passed over, and a pause of hours is left to the
 * 429 that will say so. */
static void heed(double limit, double left, double reset_s, double now_s, double *server, double *pause_s)
{
    if (limit >= 1 && limit < 1e15)
        *server = limit;
    if (limit >= 1 && left >= 0 && left < 1 && reset_s > 0)
        *pause_s = fmax(*pause_s, now_s + fmin(reset_s, 60));
}

/* ---- leaving ---- */

/* No request was ever answered, and 8 have failed in a row: it looks as if the server were set up wrongly, and waiting mends nothing. A
 * server that has answered before is given more time to come back. */
static int has_never_worked(const struct sg_limiter *g)
{
    return !g->n_answered && g->n_faults >= MAX_FAILURES;
}

/* Whether those that are held are enough to decide whose failures they are: until then nothing leaves but a control. A key that has opened
 * nothing yet is not tried more often than it must be. */
static int is_full(const struct sg_limiter *g)
{
    int is_doubtful = g->n_held && !g->n_answered && g->held_dead != SG_OK &&
                      g->request[g->held[g->n_held - 1]].cause != SG_CAUSE_LENGTH;
    return g->n_held >= MAX_FAILURES || is_doubtful || (g->n_held && has_never_worked(g));
}

/* Where the address redirects, those that are on their way tell whether it does so for all. */
static int waits_for_others(const struct sg_limiter *g)
{
    return g->n_held && g->n_flying && g->request[g->held[g->n_held - 1]].cause == SG_CAUSE_ADDRESS;
}

/* The request whose turn it is, or -1. *at: its place among those that wait again, or -1. */
static int64_t choose(const struct sg_limiter *g, double now_s, int64_t *at)
{
    int one_by_one = has_never_worked(g);
    *at = -1;
    for (int64_t i = 0; i < g->n_again; i++) {
        if (g->control >= 0 && g->again[i] != g->control)
            continue;
        const struct request *t = &g->request[g->again[i]], *best = *at < 0 ? t : &g->request[g->again[*at]];
        if (t->not_before_s > now_s)
            continue;
        /* One request's tries are the sooner over if the others do not take turns with it. */
        int is_ahead = one_by_one && t->attempts != best->attempts ? t->attempts > best->attempts
                                                                   : t->not_before_s < best->not_before_s;
        if (*at < 0 || is_ahead)
            *at = i;
    }
    return *at >= 0 ? g->again[*at] : g->n_fresh && g->control < 0 ? g->fresh[0] : -1;
}

static int is_affordable(struct sg_limiter *g, double usd)
{
    const struct sg_budget *p = g->s.budget;
    if (p->budget_usd < 0 || p->spent_usd + p->reserved_usd + usd <= p->budget_usd)
        return 1;
    /* Answers cost less than what is reserved for them: what does not fit waits for those that are on their way. */
    char why[200];
    snprintf(
        why, sizeof why,
        "budget: %.4f of %.4f USD spent, and the next request could pass the limit; hint: run again with a "
        "larger --max-usd",
        p->spent_usd, p->budget_usd);
    if (!p->n_flying)
        sg_limiter_stop(g, SG_STOPPED, why);
    return 0;
}

int sg_limiter_next(struct sg_limiter *g, double now_s, int64_t *id)
{
    if (g->dead != SG_OK || (double)g->n_flying >= floor(g->window) || now_s < g->open_s ||
        (g->n_faults >= MAX_FAILURES && g->n_flying) || (is_full(g) && g->control < 0) || waits_for_others(g))
        return 0;
    int64_t at, chosen = choose(g, now_s, &at);
    if (chosen < 0)
        return 0;
    struct request *t = &g->request[chosen];
    if (!rate_allows(g, now_s, t->tokens) || !is_affordable(g, t->usd) || !remember(g, now_s, t->tokens))
        return 0;
    pace(g, now_s, t->tokens);
    if (at >= 0)
        g->again[at] = g->again[--g->n_again];
    else
        fresh_pop(g->fresh, &g->n_fresh, g);
    t->attempts++;
    t->sent_s = now_s;
    t->sent_at = g->n_departed++;
    g->n_flying++;
    g->s.budget->n_flying++;
    g->s.budget->reserved_usd += t->usd;
    *id = chosen;
    return 1;
}

/* ---- coming back ---- */

static void settle(struct sg_limiter *g, const struct request *t, const struct sg_attempt *a)
{
    struct sg_budget *p = g->s.budget;
    g->n_flying--;
    p->reserved_usd -= t->usd;
    if (!--p->n_flying)
        p->reserved_usd = 0; /* what rounding has left */
    if (a->cost_usd > 0)
        p->spent_usd += a->cost_usd;
    else if (a->maybe_paid)
        p->spent_usd += t->usd;
}

static void on_answer(struct sg_limiter *g)
{
    g->n_faults = g->n_trips = 0;
    g->window = fmin(g->window + 1 / (g->window * (double)(1 + g->n_slow)), (double)g->s.connections);
}

static void on_rate(struct sg_limiter *g, const struct request *t, double now_s)
{
    if (t->sent_s < g->cut_s)
        return;
    double rate = fmin(cut_rate(g, now_s), recent_rate(g, now_s));
    g->peak_rate = fmax(rate, 0.95 * g->peak_rate); /* a storm is forgotten sooner than it came */
    g->cut_rate = fmax(0.7 * rate, g->peak_rate / 16);
    g->cut_s = now_s;
}

static void on_overload(struct sg_limiter *g, const struct request *t, double now_s, int is_timeout)
{
    if (t->sent_s < g->halved_s)
        return;
    g->window = fmax(g->window / 2, 1);
    g->halved_s = now_s;
    g->n_slow += is_timeout;
}

static void on_fault(struct sg_limiter *g, double now_s)
{
    if (++g->n_faults < MAX_FAILURES || now_s < g->open_s)
        return;
    g->open_s = now_s + sg_backoff_s(&breaker, g->n_trips++, &g->rng);
}

static double delay_s(struct sg_limiter *g, const struct request *t, const struct sg_attempt *a)
{
    double own = sg_backoff_s(&between_tries, t->attempts, &g->rng);
    return a->limits.retry_after_s > own ? a->limits.retry_after_s + 0.1 * sg_rng_uniform(&g->rng) : own;
}

/* ---- whose failure it is ---- */

/* Given up on at once, or asked again. */
static void release(struct sg_limiter *g, int64_t id, int gives_up, int is_last)
{
    struct request *t = &g->request[id];
    if (gives_up) {
        g->given_up[g->n_given_up++] = id;
        return;
    }
    t->n_goes++;
    t->attempts = 0;
    t->failed_at = -1;
    t->is_last = is_last || t->n_goes >= MAX_GOES;
    t->not_before_s = -HUGE_VAL;
    g->again[g->n_again++] = id;
}

/* Notes that it failed: what leaves from now on is evidence when it is answered. */
static void note_failure(const struct sg_limiter *g, struct request *t)
{
    if (t->failed_at < 0)
        t->failed_at = g->n_departed;
}

/* Whether one that left after its first failure was answered. */
static int is_alive_since(const struct sg_limiter *g, const struct request *t)
{
    return t->failed_at >= 0 && g->alive_at >= t->failed_at;
}

static int was_refused(const struct request *t)
{
    return t->bad == SG_ATTEMPT_REFUSED;
}

/* What became of the requests that share a turn: a pool's. */
struct lengths {
    int64_t n, n_answered, n_too_long;
    double sum_tokens;
};

static struct lengths lengths_of(const struct sg_limiter *g, int64_t turn)
{
    struct lengths l = {0};
    for (int64_t i = 0; i < g->n; i++) {
        const struct request *t = &g->request[i];
        if (t->turn != turn)
            continue;
        l.n++;
        l.n_answered += t->is_answered;
        l.n_too_long += t->is_too_long;
        l.sum_tokens += t->tokens;
    }
    return l;
}

/* What the server calls too long is the request's own where more of the same pool are answered than are too long. Answers to another
 * pool's, which may be far shorter, say nothing of it. */
static int is_rarely_too_long(const struct sg_limiter *g, const struct request *t)
{
    struct lengths l = lengths_of(g, t->turn);
    return l.n_answered > l.n_too_long;
}

/* A request that left at `sent_at` is answered: what had failed before that is not the endpoint's. What the server has refused
 * it would refuse again; what it failed at is asked again, as it may have been away in between. */
static void on_evidence(struct sg_limiter *g, int64_t sent_at)
{
    int64_t n = 0;
    g->alive_at = sent_at > g->alive_at ? sent_at : g->alive_at;
    for (int64_t i = 0; i < g->n_held; i++) {
        int64_t id = g->held[i];
        const struct request *t = &g->request[id];
        if (sent_at < t->failed_at || (t->cause == SG_CAUSE_LENGTH && !is_rarely_too_long(g, t)))
            g->held[n++] = id;
        else
            release(g, id, was_refused(t) || t->is_last, 0);
    }
    g->n_held = n;
}

static void stop_for_held(struct sg_limiter *g)
{
    char why[600];
    long long n = (long long)(has_never_worked(g) && g->n_faults > g->n_held ? g->n_faults : g->n_held);
    if (g->held_dead != SG_OK && g->held_endpoint_reason[0]) {
        sg_limiter_stop(g, g->held_dead, g->held_endpoint_reason);
        return;
    }
    if (n == 1)
        snprintf(
            why, sizeof why,
            "1 request failed, and none was answered since, with: %.400s; hint: mend that, then run again",
            g->held_reason);
    else
        snprintf(why, sizeof why,
                 "%lld requests in a row failed, the last one with: %.400s; hint: mend that, then run again",
                 n, g->held_reason);
    sg_limiter_stop(g, SG_STOPPED, why);
}

/* Whether those that are held are longer than their pools' requests mostly are, and others were taken: then it is not the endpoint that
 * has too little room. */
static int are_too_long(const struct sg_limiter *g)
{
    int64_t n = 0;
    for (int64_t i = 0; i < g->n_held; i++) {
        const struct request *t = &g->request[g->held[i]];
        struct lengths l = lengths_of(g, t->turn);
        double mean = l.n > 1 ? l.sum_tokens / (double)l.n : g->sum_tokens / (double)g->n;
        n += t->cause == SG_CAUSE_LENGTH && t->tokens > 1.25 * mean;
    }
    return n == g->n_held && g->n_answered;
}

/* Stops the endpoint where that needs no control, or none can be had. */
static void settle_held(struct sg_limiter *g)
{
    int nothing_else = !g->n_flying && !g->n_fresh && !g->n_again;
    if (!g->n_held || g->dead != SG_OK || (!is_full(g) && g->n_flying))
        return;
    const struct request *last = &g->request[g->held[g->n_held - 1]];
    if (last->cause == SG_CAUSE_ADDRESS ? g->n_held > 1 : g->n_held >= MAX_FAILURES && !was_refused(last))
        stop_for_held(g);
    else if (!g->s.has_controls && !g->n_flying && (nothing_else || is_full(g)))
        stop_for_held(g);
}

int sg_limiter_wants_control(struct sg_limiter *g, int64_t *like)
{
    if (!g->s.has_controls || g->dead != SG_OK || g->control >= 0 || !g->n_held || g->n_flying ||
        (!is_full(g) && (g->n_fresh || g->n_again)))
        return 0;
    *like = g->held[g->n_held - 1];
    return 1;
}

/* Whether a pool is mostly too long: a control has as many bytes, but may have fewer tokens. */
static int are_pools_too_long(const struct sg_limiter *g)
{
    for (int64_t i = 0; i < g->n_held; i++) {
        const struct request *t = &g->request[g->held[i]];
        if (t->cause == SG_CAUSE_LENGTH && !is_rarely_too_long(g, t) && lengths_of(g, t->turn).n_too_long > 1)
            return 1;
    }
    return 0;
}

/* The endpoint answers a prompt of ours. */
static void on_control(struct sg_limiter *g)
{
    int64_t n = g->n_held;
    g->control = -1;
    if (are_pools_too_long(g)) {
        stop_for_held(g);
        return;
    }
    g->n_held = 0;
    for (int64_t i = 0; i < n; i++) {
        struct request *t = &g->request[g->held[i]];
        release(g, g->held[i], t->is_last || (was_refused(t) && t->may_have_cost), was_refused(t));
    }
}

/* All that are held are given up on: they are unlike the others. */
static void release_all(struct sg_limiter *g)
{
    int64_t n = g->n_held;
    g->n_held = 0;
    g->alive_at = g->n_departed;
    for (int64_t i = 0; i < n; i++)
        release(g, g->held[i], 1, 0);
}

static enum sg_request_outcome fail(struct sg_limiter *g, int64_t id, const struct sg_attempt *a)
{
    struct request *t = &g->request[id];
    enum sg_request_outcome given_up =
        a->kind == SG_ATTEMPT_REFUSED || a->kind == SG_ATTEMPT_RATE ? SG_OUTCOME_REFUSED : SG_OUTCOME_FAILED;
    if (id == g->control) {
        g->control = -1;
        if (are_too_long(g))
            release_all(g);
        else
            stop_for_held(g);
        return SG_OUTCOME_LEFT;
    }
    if (g->dead != SG_OK)
        return SG_OUTCOME_LEFT;
    if (a->cause == SG_CAUSE_CONTENT && a->kind == SG_ATTEMPT_REFUSED)
        return given_up;
    int is_long = a->kind == SG_ATTEMPT_REFUSED && a->cause == SG_CAUSE_LENGTH;
    t->is_too_long |= is_long;
    if (t->is_last || (is_alive_since(g, t) && (!is_long || is_rarely_too_long(g, t))))
        return given_up;
    t->bad = a->kind;
    t->may_have_cost = a->maybe_paid || a->cost_usd > 0;
    t->cause = a->kind == SG_ATTEMPT_REFUSED ? a->cause : SG_CAUSE_OPEN;
    g->held[g->n_held++] = id;
    g->held_dead = a->kind == SG_ATTEMPT_REFUSED ? a->dead : SG_OK;
    snprintf(g->held_endpoint_reason, sizeof g->held_endpoint_reason, "%s",
             g->held_dead != SG_OK ? a->endpoint_reason : "");
    snprintf(g->held_reason, sizeof g->held_reason, "%s", a->reason);
    return SG_OUTCOME_HELD;
}

int sg_limiter_given_up(struct sg_limiter *g, int64_t *id)
{
    if (g->dead != SG_OK || !g->n_given_up) /* then all that is held is left */
        return 0;
    *id = g->given_up[--g->n_given_up];
    return 1;
}

/* One that finds no room in `retries` + 1 tries: the endpoint has none for anybody, or it has for all but this one, which is
 * larger than its limit for a minute, as a rule. */
static enum sg_request_outcome find_no_room(struct sg_limiter *g, int64_t id, const struct sg_attempt *a)
{
    struct request *t = &g->request[id];
    char why[600];
    int is_alone = !g->n_flying && !g->n_fresh && !g->n_again && a->kind == SG_ATTEMPT_RATE;
    if (id != g->control && is_alive_since(g, t) && t->n_goes + 1 < MAX_GOES) {
        release(g, id, 0, 0);
        return SG_OUTCOME_AGAIN;
    }
    if (id != g->control && (is_alive_since(g, t) || t->is_last || (is_alone && g->s.has_controls)))
        return fail(g, id, a);
    snprintf(why, sizeof why,
             "the server has not taken a request in %d %s (%.400s); hint: run again when it does",
             t->attempts, sg_plural(t->attempts, "try", "tries"), a->reason);
    sg_limiter_stop(g, SG_STOPPED, why);
    return SG_OUTCOME_LEFT;
}

static int64_t retries_of(const struct sg_limiter *g, int64_t id, const struct sg_attempt *a)
{
    return id == g->control && !a->outage && g->s.retries > CONTROL_RETRIES ? CONTROL_RETRIES : g->s.retries;
}

static enum sg_request_outcome try_again(struct sg_limiter *g, int64_t id, double now_s,
                                         const struct sg_attempt *a)
{
    struct request *t = &g->request[id];
    note_failure(g, t);
    if (a->limits.retry_after_s > max_server_delay_s) {
        char why[600];
        snprintf(why, sizeof why, "the server asks to wait %.0f s (%.400s); hint: run again then",
                 a->limits.retry_after_s, a->reason);
        sg_limiter_stop(g, SG_STOPPED, why);
    }
    if (g->dead != SG_OK)
        return SG_OUTCOME_LEFT;
    if (t->attempts > retries_of(g, id, a))
        return a->outage ? find_no_room(g, id, a) : fail(g, id, a);
    double wait_s = delay_s(g, t, a);
    t->not_before_s = now_s + wait_s;
    if (a->kind == SG_ATTEMPT_RATE && a->limits.retry_after_s > 0) /* the limit is everybody's */
        g->pause_s = fmax(g->pause_s, now_s + a->limits.retry_after_s);
    g->again[g->n_again++] = id;
    return SG_OUTCOME_AGAIN;
}

static enum sg_request_outcome take(struct sg_limiter *g, double now_s, int64_t id,
                                    const struct sg_attempt *a)
{
    struct request *t = &g->request[id];
    switch (a->kind) {
    case SG_ATTEMPT_ANSWERED:
        on_answer(g);
        if (id == g->control)
            on_control(g);
        else {
            g->n_answered++;
            t->is_answered = 1;
            t->is_too_long = 0;
            on_evidence(g, t->sent_at);
        }
        return SG_OUTCOME_ANSWERED;
    case SG_ATTEMPT_REFUSED:
        note_failure(g, t);
        return fail(g, id, a);
    case SG_ATTEMPT_ENDPOINT:
        sg_limiter_stop(g, a->dead, a->reason);
        return SG_OUTCOME_LEFT;
    case SG_ATTEMPT_ADAPT:
        if (g->dead != SG_OK)
            return SG_OUTCOME_LEFT;
        t->not_before_s = now_s;
        g->again[g->n_again++] = id;
        return SG_OUTCOME_AGAIN;
    case SG_ATTEMPT_RATE:
        on_rate(g, t, now_s);
        break;
    case SG_ATTEMPT_OVERLOAD:
    case SG_ATTEMPT_TIMEOUT:
        on_overload(g, t, now_s, a->kind == SG_ATTEMPT_TIMEOUT);
        on_fault(g, now_s);
        break;
    case SG_ATTEMPT_FAULT:
        on_fault(g, now_s);
        break;
    }
    return try_again(g, id, now_s, a);
}

enum sg_request_outcome sg_limiter_done(struct sg_limiter *g, double now_s, int64_t id,
                                        const struct sg_attempt *a)
{
    settle(g, &g->request[id], a);
    heed(a->limits.limit_requests, a->limits.left_requests, a->limits.reset_requests_s, now_s,
         &g->server_requests, &g->pause_s);
    heed(a->limits.limit_tokens, a->limits.left_tokens, a->limits.reset_tokens_s, now_s, &g->server_tokens,
         &g->pause_s);
    enum sg_request_outcome outcome = take(g, now_s, id, a);
    settle_held(g);
    return outcome;
}

int sg_limiter_attempts(const struct sg_limiter *g, int64_t id)
{
    return g->request[id].attempts;
}

struct sg_limiter_state sg_limiter_state(const struct sg_limiter *g)
{
    return (struct sg_limiter_state){
        .n_waiting = g->dead == SG_OK ? g->n_fresh + g->n_again + g->n_held + g->n_given_up : 0,
        .n_flying = g->n_flying,
        .dead = g->dead,
        .why = g->why};
}
