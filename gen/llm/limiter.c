#include "gen/llm/limiter_impl.h"

#include "base/backoff.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>

/* The official SDK obeys a server's delay up to 120 s; a longer one is surfaced instead. */
static const double max_server_delay_s = 120;

static const struct sg_backoff between_tries = {.first_s = 0.5, .factor = 2, .most_s = 60, .jitter = 1},
                               breaker = {.first_s = 1, .factor = 2, .most_s = 60, .jitter = 0.5};

/* Of a control: whoever waits for it has waited for the retries of others. */
enum { CONTROL_RETRIES = 1 };

/* A control belongs to no pool. */
static const int64_t no_turn = -1;

struct sg_limiter *sg_limiter_create(const struct sg_limiter_settings *s)
{
    struct sg_limiter *l = sg_alloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->s = *s;
    if (l->s.connections < 1)
        l->s.connections = 1;
    l->none.budget_usd = -1;
    if (!l->s.budget)
        l->s.budget = &l->none;
    l->window = (double)l->s.connections;
    l->next_request_s = l->next_tokens_s = l->pause_s = l->open_s = l->cut_s = l->halved_s = -HUGE_VAL;
    l->rng = sg_rng_make(s->seed, 0);
    l->control = l->alive_at = -1;
    return l;
}

void sg_limiter_destroy(struct sg_limiter *l)
{
    if (!l)
        return;
    sg_free(l->request);
    sg_free(l->fresh);
    sg_free(l->again);
    sg_free(l->held);
    sg_free(l->given_up);
    sg_free(l->log);
    sg_free(l);
}

/* ---- those that never left ---- */

static int is_before(const struct sg_limiter *l, const int64_t *a, const int64_t *b)
{
    int64_t x = l->request[*a].turn, y = l->request[*b].turn;
    return x < y || (x == y && *a < *b);
}

SG_HEAP(fresh, int64_t, struct sg_limiter, is_before)

/* Room in all lists is made now, so that nothing can fail later. */
static sg_status add_request(struct sg_limiter *l, int64_t turn, double tokens, double usd, int64_t *id,
                             struct sg_err *err)
{
    int64_t **const list[] = {&l->again, &l->fresh, &l->held, &l->given_up};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int64_t *more = sg_grown(*list[i], l->n, sizeof *more);
        if (!more)
            return sg_fail_memory(err, (unsigned long long)l->n * sizeof *more);
        *list[i] = more;
    }
    struct request *request = sg_grown(l->request, l->n, sizeof *request);
    if (!request)
        return sg_fail_memory(err, (unsigned long long)l->n * sizeof *request);
    l->request = request;
    l->request[l->n] = (struct request){
        .tokens = tokens, .usd = usd, .not_before_s = -HUGE_VAL, .turn = turn, .failed_at = -1};
    l->sum_tokens += tokens;
    *id = l->n++;
    return SG_OK;
}

void sg_limiter_was_given_up(struct sg_limiter *l, int64_t id)
{
    l->request[id].is_last = 1;
}

sg_status sg_limiter_add(struct sg_limiter *l, int64_t turn, double tokens, double usd, int64_t *id,
                         struct sg_err *err)
{
    SG_TRY(add_request(l, turn, tokens, usd, id, err));
    fresh_push(l->fresh, &l->n_fresh, *id, l);
    return SG_OK;
}

sg_status sg_limiter_add_control(struct sg_limiter *l, double tokens, double usd, int64_t *id,
                                 struct sg_err *err)
{
    SG_TRY(add_request(l, no_turn, tokens, usd, id, err));
    l->control = *id;
    l->again[l->n_again++] = *id;
    return SG_OK;
}

void sg_limiter_stop(struct sg_limiter *l, sg_status status, const char *why)
{
    if (l->dead != SG_OK)
        return;
    l->dead = status;
    snprintf(l->why, sizeof l->why, "%s", why);
    sg_text_whole(l->why);
}

/* ---- leaving ---- */

/* The request whose turn it is, or -1. *at: its place among those that wait again, or -1. */
static int64_t choose(const struct sg_limiter *l, double now_s, int64_t *at)
{
    int one_by_one = sg_limiter_has_never_worked(l);
    *at = -1;
    for (int64_t i = 0; i < l->n_again; i++) {
        if (l->control >= 0 && l->again[i] != l->control)
            continue;
        const struct request *t = &l->request[l->again[i]], *best = *at < 0 ? t : &l->request[l->again[*at]];
        if (t->not_before_s > now_s)
            continue;
        /* One request's tries are the sooner over if the others do not take turns with it. */
        int is_ahead = one_by_one && t->attempts != best->attempts ? t->attempts > best->attempts
                                                                   : t->not_before_s < best->not_before_s;
        if (*at < 0 || is_ahead)
            *at = i;
    }
    return *at >= 0 ? l->again[*at] : l->n_fresh && l->control < 0 ? l->fresh[0] : -1;
}

static int is_affordable(struct sg_limiter *l, double usd)
{
    const struct sg_budget *p = l->s.budget;
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
        sg_limiter_stop(l, SG_STOPPED, why);
    return 0;
}

int sg_limiter_next(struct sg_limiter *l, double now_s, int64_t *id)
{
    if (l->dead != SG_OK || (double)l->n_flying >= floor(l->window) || now_s < l->open_s ||
        (l->n_faults >= MAX_FAILURES && l->n_flying) || sg_limiter_holds_back(l))
        return 0;
    int64_t at, chosen = choose(l, now_s, &at);
    if (chosen < 0)
        return 0;
    struct request *t = &l->request[chosen];
    if (!sg_limiter_rate_allows(l, now_s, t->tokens) || !is_affordable(l, t->usd) ||
        !sg_limiter_rate_take(l, now_s, t->tokens))
        return 0;
    if (at >= 0)
        l->again[at] = l->again[--l->n_again];
    else
        fresh_pop(l->fresh, &l->n_fresh, l);
    t->attempts++;
    t->sent_s = now_s;
    t->sent_at = l->n_departed++;
    l->n_flying++;
    l->s.budget->n_flying++;
    l->s.budget->reserved_usd += t->usd;
    *id = chosen;
    return 1;
}

/* ---- coming back ---- */

static void settle(struct sg_limiter *l, const struct request *t, const struct sg_attempt *a)
{
    struct sg_budget *p = l->s.budget;
    l->n_flying--;
    p->reserved_usd -= t->usd;
    if (!--p->n_flying)
        p->reserved_usd = 0; /* what rounding has left */
    if (a->cost_usd > 0)
        p->spent_usd += a->cost_usd;
    else if (a->maybe_paid)
        p->spent_usd += t->usd;
}

static void on_answer(struct sg_limiter *l)
{
    l->n_faults = l->n_trips = 0;
    l->window = fmin(l->window + 1 / (l->window * (double)(1 + l->n_slow)), (double)l->s.connections);
}

static void on_overload(struct sg_limiter *l, const struct request *t, double now_s, int is_timeout)
{
    if (t->sent_s < l->halved_s)
        return;
    l->window = fmax(l->window / 2, 1);
    l->halved_s = now_s;
    l->n_slow += is_timeout;
}

static void on_fault(struct sg_limiter *l, double now_s)
{
    if (++l->n_faults < MAX_FAILURES || now_s < l->open_s)
        return;
    l->open_s = now_s + sg_backoff_s(&breaker, l->n_trips++, &l->rng);
}

static double delay_s(struct sg_limiter *l, const struct request *t, const struct sg_attempt *a)
{
    double own = sg_backoff_s(&between_tries, t->attempts, &l->rng);
    return a->limits.retry_after_s > own ? a->limits.retry_after_s + 0.1 * sg_rng_uniform(&l->rng) : own;
}

/* One that finds no room in `retries` + 1 tries: the endpoint has none for anybody, or it has for all but this one, which is
 * larger than its limit for a minute, as a rule. */
static enum sg_request_outcome find_no_room(struct sg_limiter *l, int64_t id, const struct sg_attempt *a)
{
    struct request *t = &l->request[id];
    char why[600];
    int is_alone = !l->n_flying && !l->n_fresh && !l->n_again && a->kind == SG_ATTEMPT_RATE;
    if (id != l->control && sg_limiter_is_alive_since(l, t) && t->n_goes + 1 < MAX_GOES) {
        sg_limiter_release(l, id, 0, 0);
        return SG_OUTCOME_AGAIN;
    }
    if (id != l->control &&
        (sg_limiter_is_alive_since(l, t) || t->is_last || (is_alone && l->s.has_controls)))
        return sg_limiter_hold(l, id, a);
    snprintf(why, sizeof why,
             "the server has not taken a request in %d %s (%.400s); hint: run again when it does",
             t->attempts, sg_plural(t->attempts, "try", "tries"), a->reason);
    sg_limiter_stop(l, SG_STOPPED, why);
    return SG_OUTCOME_LEFT;
}

static int64_t retries_of(const struct sg_limiter *l, int64_t id, const struct sg_attempt *a)
{
    return id == l->control && !a->outage && l->s.retries > CONTROL_RETRIES ? CONTROL_RETRIES : l->s.retries;
}

static enum sg_request_outcome try_again(struct sg_limiter *l, int64_t id, double now_s,
                                         const struct sg_attempt *a)
{
    struct request *t = &l->request[id];
    sg_limiter_note_failure(l, t);
    if (a->limits.retry_after_s > max_server_delay_s) {
        char why[600];
        snprintf(why, sizeof why, "the server asks to wait %.0f s (%.400s); hint: run again then",
                 a->limits.retry_after_s, a->reason);
        sg_limiter_stop(l, SG_STOPPED, why);
    }
    if (l->dead != SG_OK)
        return SG_OUTCOME_LEFT;
    if (t->attempts > retries_of(l, id, a))
        return a->outage ? find_no_room(l, id, a) : sg_limiter_hold(l, id, a);
    double wait_s = delay_s(l, t, a);
    t->not_before_s = now_s + wait_s;
    if (a->kind == SG_ATTEMPT_RATE && a->limits.retry_after_s > 0) /* the limit is everybody's */
        l->pause_s = fmax(l->pause_s, now_s + a->limits.retry_after_s);
    l->again[l->n_again++] = id;
    return SG_OUTCOME_AGAIN;
}

static enum sg_request_outcome take(struct sg_limiter *l, double now_s, int64_t id,
                                    const struct sg_attempt *a)
{
    struct request *t = &l->request[id];
    switch (a->kind) {
    case SG_ATTEMPT_ANSWERED:
        on_answer(l);
        if (id == l->control)
            sg_limiter_on_control(l);
        else {
            l->n_answered++;
            t->is_answered = 1;
            t->is_too_long = 0;
            sg_limiter_on_evidence(l, t->sent_at);
        }
        return SG_OUTCOME_ANSWERED;
    case SG_ATTEMPT_REFUSED:
        sg_limiter_note_failure(l, t);
        return sg_limiter_hold(l, id, a);
    case SG_ATTEMPT_ENDPOINT:
        sg_limiter_stop(l, a->dead, a->reason);
        return SG_OUTCOME_LEFT;
    case SG_ATTEMPT_ADAPT:
        if (l->dead != SG_OK)
            return SG_OUTCOME_LEFT;
        t->not_before_s = now_s;
        l->again[l->n_again++] = id;
        return SG_OUTCOME_AGAIN;
    case SG_ATTEMPT_RATE:
        sg_limiter_rate_cut(l, t->sent_s, now_s);
        break;
    case SG_ATTEMPT_OVERLOAD:
    case SG_ATTEMPT_TIMEOUT:
        on_overload(l, t, now_s, a->kind == SG_ATTEMPT_TIMEOUT);
        on_fault(l, now_s);
        break;
    case SG_ATTEMPT_FAULT:
        on_fault(l, now_s);
        break;
    }
    return try_again(l, id, now_s, a);
}

enum sg_request_outcome sg_limiter_done(struct sg_limiter *l, double now_s, int64_t id,
                                        const struct sg_attempt *a)
{
    settle(l, &l->request[id], a);
    sg_limiter_rate_heed(l, &a->limits, now_s);
    enum sg_request_outcome outcome = take(l, now_s, id, a);
    sg_limiter_settle_held(l);
    return outcome;
}

int sg_limiter_attempts(const struct sg_limiter *l, int64_t id)
{
    return l->request[id].attempts;
}

struct sg_limiter_state sg_limiter_state(const struct sg_limiter *l)
{
    return (struct sg_limiter_state){
        .n_waiting = l->dead == SG_OK ? l->n_fresh + l->n_again + l->n_held + l->n_given_up : 0,
        .n_flying = l->n_flying,
        .dead = l->dead,
        .why = l->why};
}
