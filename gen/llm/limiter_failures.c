#include "gen/llm/limiter_impl.h"

#include <math.h>
#include <stdio.h>

int sg_limiter_has_never_worked(const struct sg_limiter *l)
{
    return !l->n_answered && l->n_faults >= MAX_FAILURES;
}

/* Whether those that are held are enough to decide whose failures they are: until then nothing leaves but a control. A key that has opened
 * nothing yet is not tried more often than it must be. */
static int is_full(const struct sg_limiter *l)
{
    int is_doubtful = l->n_held && !l->n_answered && l->held_dead != SG_OK &&
                      l->request[l->held[l->n_held - 1]].cause != SG_CAUSE_LENGTH;
    return l->n_held >= MAX_FAILURES || is_doubtful || (l->n_held && sg_limiter_has_never_worked(l));
}

/* Where the address redirects, those that are on their way tell whether it does so for all. */
static int waits_for_others(const struct sg_limiter *l)
{
    return l->n_held && l->n_flying && l->request[l->held[l->n_held - 1]].cause == SG_CAUSE_ADDRESS;
}

int sg_limiter_holds_back(const struct sg_limiter *l)
{
    return (is_full(l) && l->control < 0) || waits_for_others(l);
}

void sg_limiter_release(struct sg_limiter *l, int64_t id, int gives_up, int is_last)
{
    struct request *t = &l->request[id];
    if (gives_up) {
        l->given_up[l->n_given_up++] = id;
        return;
    }
    t->n_goes++;
    t->attempts = 0;
    t->failed_at = -1;
    t->is_last = is_last || t->n_goes >= MAX_GOES;
    t->not_before_s = -HUGE_VAL;
    l->again[l->n_again++] = id;
}

void sg_limiter_note_failure(const struct sg_limiter *l, struct request *t)
{
    if (t->failed_at < 0)
        t->failed_at = l->n_departed;
}

int sg_limiter_is_alive_since(const struct sg_limiter *l, const struct request *t)
{
    return t->failed_at >= 0 && l->alive_at >= t->failed_at;
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

static struct lengths lengths_of(const struct sg_limiter *l, int64_t turn)
{
    struct lengths all = {0};
    for (int64_t i = 0; i < l->n; i++) {
        const struct request *t = &l->request[i];
        if (t->turn != turn)
            continue;
        all.n++;
        all.n_answered += t->is_answered;
        all.n_too_long += t->is_too_long;
        all.sum_tokens += t->tokens;
    }
    return all;
}

/* What the server calls too long is the request's own where more of the same pool are answered than are too long. Answers to another
 * pool's, which may be far shorter, say nothing of it. */
static int is_rarely_too_long(const struct sg_limiter *l, const struct request *t)
{
    struct lengths all = lengths_of(l, t->turn);
    return all.n_answered > all.n_too_long;
}

/* A request that left at `sent_at` is answered: what had failed before that is not the endpoint's. What the server has refused
 * it would refuse again; what it failed at is asked again, as it may have been away in between. */
void sg_limiter_on_evidence(struct sg_limiter *l, int64_t sent_at)
{
    int64_t n = 0;
    l->alive_at = sent_at > l->alive_at ? sent_at : l->alive_at;
    for (int64_t i = 0; i < l->n_held; i++) {
        int64_t id = l->held[i];
        const struct request *t = &l->request[id];
        if (sent_at < t->failed_at || (t->cause == SG_CAUSE_LENGTH && !is_rarely_too_long(l, t)))
            l->held[n++] = id;
        else
            sg_limiter_release(l, id, was_refused(t) || t->is_last, 0);
    }
    l->n_held = n;
}

static void stop_for_held(struct sg_limiter *l)
{
    char why[600];
    long long n =
        (long long)(sg_limiter_has_never_worked(l) && l->n_faults > l->n_held ? l->n_faults : l->n_held);
    if (l->held_dead != SG_OK && l->held_endpoint_reason[0]) {
        sg_limiter_stop(l, l->held_dead, l->held_endpoint_reason);
        return;
    }
    if (n == 1)
        snprintf(
            why, sizeof why,
            "1 request failed, and none was answered since, with: %.400s; hint: mend that, then run again",
            l->held_reason);
    else
        snprintf(why, sizeof why,
                 "%lld requests in a row failed, the last one with: %.400s; hint: mend that, then run again",
                 n, l->held_reason);
    sg_limiter_stop(l, SG_STOPPED, why);
}

/* Whether those that are held are longer than their pools' requests mostly are, and others were taken: then it is not the endpoint that
 * has too little room. */
static int are_too_long(const struct sg_limiter *l)
{
    int64_t n = 0;
    for (int64_t i = 0; i < l->n_held; i++) {
        const struct request *t = &l->request[l->held[i]];
        struct lengths all = lengths_of(l, t->turn);
        double mean = all.n > 1 ? all.sum_tokens / (double)all.n : l->sum_tokens / (double)l->n;
        n += t->cause == SG_CAUSE_LENGTH && t->tokens > 1.25 * mean;
    }
    return n == l->n_held && l->n_answered;
}

void sg_limiter_settle_held(struct sg_limiter *l)
{
    int nothing_else = !l->n_flying && !l->n_fresh && !l->n_again;
    if (!l->n_held || l->dead != SG_OK || (!is_full(l) && l->n_flying))
        return;
    const struct request *last = &l->request[l->held[l->n_held - 1]];
    if (last->cause == SG_CAUSE_ADDRESS ? l->n_held > 1 : l->n_held >= MAX_FAILURES && !was_refused(last))
        stop_for_held(l);
    else if (!l->s.has_controls && !l->n_flying && (nothing_else || is_full(l)))
        stop_for_held(l);
}

int sg_limiter_wants_control(struct sg_limiter *l, int64_t *like)
{
    if (!l->s.has_controls || l->dead != SG_OK || l->control >= 0 || !l->n_held || l->n_flying ||
        (!is_full(l) && (l->n_fresh || l->n_again)))
        return 0;
    *like = l->held[l->n_held - 1];
    return 1;
}

/* Whether a pool is mostly too long: a control has as many bytes, but may have fewer tokens. */
static int are_pools_too_long(const struct sg_limiter *l)
{
    for (int64_t i = 0; i < l->n_held; i++) {
        const struct request *t = &l->request[l->held[i]];
        if (t->cause == SG_CAUSE_LENGTH && !is_rarely_too_long(l, t) && lengths_of(l, t->turn).n_too_long > 1)
            return 1;
    }
    return 0;
}

void sg_limiter_on_control(struct sg_limiter *l)
{
    int64_t n = l->n_held;
    l->control = -1;
    if (are_pools_too_long(l)) {
        stop_for_held(l);
        return;
    }
    l->n_held = 0;
    for (int64_t i = 0; i < n; i++) {
        struct request *t = &l->request[l->held[i]];
        sg_limiter_release(l, l->held[i], t->is_last || (was_refused(t) && t->may_have_cost), was_refused(t));
    }
}

/* All that are held are given up on: they are unlike the others. */
static void release_all(struct sg_limiter *l)
{
    int64_t n = l->n_held;
    l->n_held = 0;
    l->alive_at = l->n_departed;
    for (int64_t i = 0; i < n; i++)
        sg_limiter_release(l, l->held[i], 1, 0);
}

enum sg_request_outcome sg_limiter_hold(struct sg_limiter *l, int64_t id, const struct sg_attempt *a)
{
    struct request *t = &l->request[id];
    enum sg_request_outcome given_up =
        a->kind == SG_ATTEMPT_REFUSED || a->kind == SG_ATTEMPT_RATE ? SG_OUTCOME_REFUSED : SG_OUTCOME_FAILED;
    if (id == l->control) {
        l->control = -1;
        if (are_too_long(l))
            release_all(l);
        else
            stop_for_held(l);
        return SG_OUTCOME_LEFT;
    }
    if (l->dead != SG_OK)
        return SG_OUTCOME_LEFT;
    if (a->cause == SG_CAUSE_CONTENT && a->kind == SG_ATTEMPT_REFUSED)
        return given_up;
    int is_long = a->kind == SG_ATTEMPT_REFUSED && a->cause == SG_CAUSE_LENGTH;
    t->is_too_long |= is_long;
    if (t->is_last || (sg_limiter_is_alive_since(l, t) && (!is_long || is_rarely_too_long(l, t))))
        return given_up;
    t->bad = a->kind;
    t->may_have_cost = a->maybe_paid || a->cost_usd > 0;
    t->cause = a->kind == SG_ATTEMPT_REFUSED ? a->cause : SG_CAUSE_OPEN;
    l->held[l->n_held++] = id;
    l->held_dead = a->kind == SG_ATTEMPT_REFUSED ? a->dead : SG_OK;
    snprintf(l->held_endpoint_reason, sizeof l->held_endpoint_reason, "%s",
             l->held_dead != SG_OK ? a->endpoint_reason : "");
    snprintf(l->held_reason, sizeof l->held_reason, "%s", a->reason);
    return SG_OUTCOME_HELD;
}

int sg_limiter_given_up(struct sg_limiter *l, int64_t *id)
{
    if (l->dead != SG_OK || !l->n_given_up) /* then all that is held is left */
        return 0;
    *id = l->given_up[--l->n_given_up];
    return 1;
}
