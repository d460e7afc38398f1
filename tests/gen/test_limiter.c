/* The limiter against a simulated server, on a clock of its own: hours in no time. */
#include "fixture.h"

#include "base/rng.h"
#include "gen/llm/limiter.h"

#include <math.h>
#include <stdlib.h>

/* ---- the world: ranks at different distances, a server that counts ---- */

enum { MAX_FLYING = 512 };

struct flight {
    int64_t id;
    double arrive_s, back_s;
    int has_arrived;
    struct sg_attempt came;
};

struct arrival {
    double time_s, tokens;
};

struct world {
    struct sg_limiter *g;
    struct sg_rng rng;
    double now_s, end_s, step_s, latency_s;
    int n_ranks, n_flying;
    struct flight flight[MAX_FLYING];
    struct arrival *log; /* what has arrived at the server, in order of arrival */
    int64_t n_log, cap_log, window_first;
    double window_tokens; /* of log[window_first, n_log): the last 60 s */
    double *tokens;       /* by id */
    int64_t n_asked, n_answered, n_failed, n_left, n_429;
    /* What the server makes of an arrival. */
    struct sg_attempt (*serve)(struct world *w, int64_t id);
    double limit_requests, limit_tokens; /* of the server; 0: none */
    int says_limits;
    double down_from_s, down_to_s;
    double bill_usd, worst_usd; /* what the server has billed; the most that a request can cost */
};

static struct sg_attempt answered(double usd)
{
    struct sg_attempt a = sg_attempt_make();
    a.kind = SG_ATTEMPT_ANSWERED;
    a.cost_usd = usd;
    return a;
}

static struct sg_attempt failed(enum sg_attempt_kind kind, int outage)
{
    struct sg_attempt a = sg_attempt_make();
    a.kind = kind;
    a.outage = outage;
    snprintf(a.reason, sizeof a.reason, "scripted");
    return a;
}

static struct world make_world(const struct sg_limiter_settings *s, int n_ranks)
{
    struct world w = {
        .g = sg_limiter_create(s), .n_ranks = n_ranks, .step_s = 0.005, .latency_s = 1, .end_s = 1e9};
    assert_non_null(w.g);
    w.rng = sg_rng_make(s->seed, 7);
    return w;
}

static void free_world(struct world *w)
{
    sg_limiter_destroy(w->g);
    sg_free(w->log);
    sg_free(w->tokens);
}

static void ask(struct world *w, int64_t n, double low, double high, double usd)
{
    struct sg_err err;
    double *tokens = sg_alloc((size_t)(w->n_asked + n), sizeof *tokens);
    assert_non_null(tokens);
    if (w->n_asked)
        memcpy(tokens, w->tokens, (size_t)w->n_asked * sizeof *tokens);
    sg_free(w->tokens);
    w->tokens = tokens;
    for (int64_t i = 0, id; i < n; i++) {
        double size = low + (high - low) * sg_rng_uniform(&w->rng);
        assert_int_equal(sg_limiter_add(w->g, 0, size, usd, &id, &err), SG_OK);
        w->tokens[w->n_asked++] = size;
    }
}

static void arrive(struct world *w, struct flight *f)
{
    if (w->n_log == w->cap_log) {
        int64_t cap = w->cap_log ? 2 * w->cap_log : 1024;
        struct arrival *log = sg_alloc((size_t)cap, sizeof *log);
        assert_non_null(log);
        if (w->n_log)
            memcpy(log, w->log, (size_t)w->n_log * sizeof *log);
        sg_free(w->log);
        w->log = log;
        w->cap_log = cap;
    }
    w->log[w->n_log++] = (struct arrival){w->now_s, w->tokens[f->id]};
    w->window_tokens += w->tokens[f->id];
    for (; w->log[w->window_first].time_s <= w->now_s - 60; w->window_first++)
        w->window_tokens -= w->log[w->window_first].tokens;
    f->has_arrived = 1;
    f->came = w->serve(w, f->id);
    w->n_429 += f->came.kind == SG_ATTEMPT_RATE;
}

/* One step of the clock. 0: nothing is left to do. */
static int step(struct world *w)
{
    int64_t id;
    w->now_s += w->step_s;
    for (int i = 0; i < w->n_flying; i++) {
        struct flight *f = &w->flight[i];
        if (!f->has_arrived && w->now_s >= f->arrive_s)
            arrive(w, f);
        if (!f->has_arrived || w->now_s < f->back_s)
            continue;
        enum sg_request_outcome outcome = sg_limiter_done(w->g, w->now_s, f->id, &f->came);
        w->n_answered += outcome == SG_OUTCOME_ANSWERED;
        w->n_failed += outcome == SG_OUTCOME_FAILED;
        w->n_left += outcome == SG_OUTCOME_LEFT;
        *f = w->flight[--w->n_flying];
        i--;
    }
    while (sg_limiter_next(w->g, w->now_s, &id)) {
        assert_true(w->n_flying < MAX_FLYING);
        double way_s =
            0.02 * (double)sg_rng_below(&w->rng, (uint64_t)w->n_ranks) + 0.2 * sg_rng_uniform(&w->rng);
        double back_s = w->now_s + way_s + w->latency_s * (0.5 + sg_rng_uniform(&w->rng));
        w->flight[w->n_flying++] = (struct flight){.id = id, .arrive_s = w->now_s + way_s, .back_s = back_s};
    }
    struct sg_limiter_state s = sg_limiter_state(w->g);
    assert_int_equal(s.n_flying, w->n_flying);
    return (s.n_waiting || s.n_flying) && w->now_s < w->end_s;
}

/* The fullest 60 s at the server. */
static void fullest(const struct world *w, double *requests, double *tokens)
{
    double sum = 0;
    *requests = *tokens = 0;
    for (int64_t first = 0, i = 0; i < w->n_log; i++) {
        sum += w->log[i].tokens;
        for (; w->log[first].time_s <= w->log[i].time_s - 60; first++)
            sum -= w->log[first].tokens;
        *requests = fmax(*requests, (double)(i - first + 1));
        *tokens = fmax(*tokens, sum);
    }
}

/* A server with a sliding window of 60 s, which says its limits or not. */
static struct sg_attempt serve_limited(struct world *w, int64_t id)
{
    double requests = (double)(w->n_log - w->window_first), tokens = w->window_tokens;
    int over = (w->limit_requests > 0 && requests > w->limit_requests) ||
               (w->limit_tokens > 0 && tokens > w->limit_tokens + 1e-6);
    if (over) { /* it did not get in */
        w->n_log--;
        w->window_tokens -= w->tokens[id];
    }
    struct sg_attempt a = over ? failed(SG_ATTEMPT_RATE, 1) : answered(0);
    if (w->now_s >= w->down_from_s && w->now_s < w->down_to_s)
        a = failed(SG_ATTEMPT_OVERLOAD, 1);
    if (w->says_limits) {
        a.limits.limit_requests = w->limit_requests;
        a.limits.limit_tokens = w->limit_tokens;
        a.limits.left_requests = fmax(w->limit_requests - requests, 0);
        a.limits.reset_requests_s = 1;
    }
    return a;
}

/* ---- rate ---- */

static void keeps_the_limits(void **state)
{
    (void)state;
    static const struct {
        int64_t requests, tokens;
        double low, high; /* tokens of a request */
        int n_ranks;
        double used; /* of the limit that binds */
    } cases[] = {
        {600, 60000, 100, 100, 1, 0.9}, {600, 60000, 100, 100, 2, 0.9}, {600, 60000, 100, 100, 8, 0.9},
        {600, 60000, 20, 80, 8, 0.9},   {600, 60000, 60, 900, 2, 0.9},  {600, 0, 50, 60, 8, 0.9},
        {0, 60000, 300, 300, 8, 0.9},   {3, 0, 50, 60, 2, 0.9},         {1, 0, 50, 60, 1, 0.9},
        {70, 0, 50, 60, 2, 0.9},        {6000, 0, 50, 60, 8, 0.9},      {0, 1000, 400, 400, 1, 0.75}};
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_limiter_settings s = {.connections = 200,
                                        .requests_per_min = cases[i].requests,
                                        .tokens_per_min = cases[i].tokens,
                                        .seed = (uint64_t)i};
        struct world w = make_world(&s, cases[i].n_ranks);
        w.serve = serve_limited;
        w.limit_requests = (double)s.requests_per_min;
        w.limit_tokens = (double)s.tokens_per_min;
        w.end_s = 2 * 3600;
        ask(&w, s.requests_per_min ? 130 * s.requests_per_min : 30000, cases[i].low, cases[i].high, 0);
        while (step(&w))
            ;
        double requests, tokens, sum = 0;
        fullest(&w, &requests, &tokens);
        for (int64_t k = 0; k < w.n_log; k++)
            sum += w.log[k].tokens;
        double used = fmax(w.limit_requests > 0 ? (double)w.n_log / (w.limit_requests * 120) : 0,
                           w.limit_tokens > 0 ? sum / (w.limit_tokens * 120) : 0);
        printf("%4lld requests, %5lld tokens a minute on %d ranks: at most %.0f and %.0f in 60 s, %.1f %% "
               "used\n",
               (long long)s.requests_per_min, (long long)s.tokens_per_min, cases[i].n_ranks, requests, tokens,
               100 * used);
        assert_true(w.n_429 == 0 && w.n_log > 100);
        assert_true(w.limit_requests <= 0 || requests <= w.limit_requests);
        assert_true(w.limit_tokens <= 0 || tokens <= w.limit_tokens);
        assert_true(used >= cases[i].used && used <= 1);
        free_world(&w);
    }
}

/* The study knows no limit; the server has one, and says so or not. */
static void finds_the_servers_limit(void **state)
{
    (void)state;
    for (int says = 0; says < 2; says++) {
        struct sg_limiter_settings s = {.connections = 64, .retries = 20, .seed = 5};
        struct world w = make_world(&s, 2);
        w.serve = serve_limited;
        w.limit_requests = 600;
        w.says_limits = says;
        w.end_s = 3600;
        ask(&w, 50000, 50, 60, 0);
        while (step(&w))
            ;
        double share_429 = (double)w.n_429 / (double)(w.n_429 + w.n_answered),
               used = (double)w.n_answered / 36000;
        printf("a limit that the server %s: %.2f %% 429s, %.0f %% used\n", says ? "says" : "keeps to itself",
               100 * share_429, 100 * used);
        assert_int_equal(sg_limiter_state(w.g).dead, SG_OK);
        assert_int_equal(w.n_failed, 0);
        assert_true(share_429 < (says ? 0.01 : 0.10) && used > (says ? 0.9 : 0.7));
        free_world(&w);
    }
}

static void waits_out_an_outage(void **state)
{
    (void)state;
    struct sg_limiter_settings s = {.connections = 64, .retries = 30, .seed = 3};
    struct world w = make_world(&s, 2);
    w.serve = serve_limited;
    w.down_from_s = 60;
    w.down_to_s = 660;
    ask(&w, 20000, 50, 60, 0);
    int64_t before = 0, during = 0;
    while (step(&w)) {
        before = w.now_s < w.down_from_s + 2 ? w.n_log : before;
        during = w.now_s < w.down_to_s ? w.n_log : during;
    }
    printf("%lld attempts in 10 minutes without a server; over after %.0f s\n", (long long)(during - before),
           w.now_s);
    assert_true(w.n_answered == 20000 && sg_limiter_state(w.g).dead == SG_OK);
    assert_true(during - before < 60); /* 64 connections with retries of a minute each would be 640 */
    assert_true(w.now_s < 660 + 60 + 20000 / 64.0 * 1.2 + 60);
    free_world(&w);
}

/* ---- single attempts ---- */

/* Lets one leave, reports it, and says what became of it. */
static enum sg_request_outcome play(struct sg_limiter *g, double now_s, struct sg_attempt a)
{
    int64_t id;
    assert_int_equal(sg_limiter_next(g, now_s, &id), 1);
    return sg_limiter_done(g, now_s, id, &a);
}

static struct sg_limiter *fresh(int64_t connections, int64_t retries, int n)
{
    struct sg_limiter_settings s = {.connections = connections, .retries = retries};
    struct sg_limiter *g = sg_limiter_create(&s);
    struct sg_err err;
    for (int64_t i = 0, id; i < n; i++)
        assert_int_equal(sg_limiter_add(g, 0, 10, 0, &id, &err), SG_OK);
    return g;
}

/* The first moment after `from_s` at which something may leave. */
static double next_leave(struct sg_limiter *g, double from_s)
{
    int64_t id;
    for (double t = from_s; t < from_s + 1000; t += 0.01)
        if (sg_limiter_next(g, t, &id))
            return t;
    return -1;
}

static void obeys_the_server(void **state)
{
    (void)state;
    struct sg_limiter *g = fresh(4, 8, 4);
    struct sg_attempt slow = failed(SG_ATTEMPT_RATE, 1);
    slow.limits.retry_after_s = 30;
    assert_int_equal(play(g, 100, slow), SG_OUTCOME_AGAIN);
    double t = next_leave(g, 100); /* the pause is everybody's */
    assert_true(t >= 130 && t < 131);
    sg_limiter_destroy(g);

    g = fresh(4, 8, 4);
    struct sg_attempt empty = answered(0);
    empty.limits.limit_requests = 60;
    empty.limits.left_requests = 0;
    empty.limits.reset_requests_s = 8;
    assert_int_equal(play(g, 100, empty), SG_OUTCOME_ANSWERED);
    t = next_leave(g, 100);
    assert_true(t >= 108 && t < 108.1);
    sg_limiter_destroy(g);

    g = fresh(4, 8, 4);
    struct sg_attempt nonsense = answered(0); /* Azure has sent this */
    nonsense.limits.limit_requests = nonsense.limits.limit_tokens = -1;
    nonsense.limits.left_requests = nonsense.limits.reset_requests_s = 0;
    assert_int_equal(play(g, 100, nonsense), SG_OUTCOME_ANSWERED);
    assert_true(next_leave(g, 100) < 100.1);
    sg_limiter_destroy(g);

    g = fresh(4, 8, 4);
    slow.limits.retry_after_s = 3600;
    assert_int_equal(play(g, 100, slow), SG_OUTCOME_LEFT);
    assert_int_equal(sg_limiter_state(g).dead, SG_STOPPED);
    assert_non_null(strstr(sg_limiter_state(g).why, "3600"));
    assert_true(next_leave(g, 100) < 0);
    sg_limiter_destroy(g);
}

/* How many leave in [from_s, to_s) and are answered at once. */
static int n_leaving(struct sg_limiter *g, double from_s, double to_s)
{
    int64_t id;
    int n = 0;
    for (double now_s = from_s; now_s < to_s; now_s += 0.01)
        for (; sg_limiter_next(g, now_s, &id); n++) {
            struct sg_attempt yes = answered(0);
            assert_int_equal(sg_limiter_done(g, now_s, id, &yes), SG_OUTCOME_ANSWERED);
        }
    return n;
}

/* A burst of 429s is one: what had left before the rate was cut does not cut it again; what leaves after it does. */
static void a_burst_cuts_once(void **state)
{
    (void)state;
    enum { SENT = 40 };
    struct sg_limiter_settings s = {
        .connections = 2 * SENT, .retries = 8, .seed = 1, .requests_per_min = 1237};
    struct sg_limiter *g = sg_limiter_create(&s);
    struct sg_attempt no = failed(SG_ATTEMPT_RATE, 1);
    int64_t id, flying[SENT];
    int n = 0;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sg_limiter_add(g, 0, 100, 0, &id, &(struct sg_err){0}), SG_OK);
    for (double now_s = 0; n < SENT; now_s += 0.001) /* 20 a second */
        if (sg_limiter_next(g, now_s, &id))
            flying[n++] = id;
    for (int i = 0; i < SENT; i++)
        assert_int_equal(sg_limiter_done(g, 2 + 0.001 * i, flying[i], &no), SG_OUTCOME_AGAIN);
    n = n_leaving(g, 2.1, 7.1); /* 70 % of 20, growing by 20 a minute: 5 x 14 + 4 */
    assert_true(n >= 68 && n <= 80);
    double late_s = 7.1;
    while (!sg_limiter_next(g, late_s, &id))
        late_s += 0.01;
    assert_int_equal(sg_limiter_done(g, late_s + 0.001, id, &no), SG_OUTCOME_AGAIN);
    n = n_leaving(g, late_s + 0.1, late_s + 5.1); /* 70 % of that */
    assert_true(n >= 45 && n <= 64);
    sg_limiter_destroy(g);
}

static void ends(void **state)
{
    (void)state;
    /* Billing: at once, and what is still in flight is kept. */
    struct sg_limiter *g = fresh(4, 8, 9);
    int64_t first, second = 0;
    assert_int_equal(sg_limiter_next(g, 1, &first) && sg_limiter_next(g, 1, &second), 1);
    struct sg_attempt broke = failed(SG_ATTEMPT_ENDPOINT, 0);
    broke.dead = SG_STOPPED;
    assert_int_equal(sg_limiter_done(g, 2, first, &broke), SG_OUTCOME_LEFT);
    assert_true(next_leave(g, 2) < 0);
    struct sg_attempt good = answered(0);
    assert_int_equal(sg_limiter_done(g, 3, second, &good), SG_OUTCOME_ANSWERED);
    struct sg_limiter_state s = sg_limiter_state(g);
    assert_true(s.dead == SG_STOPPED && !s.n_waiting && !s.n_flying && strcmp(s.why, "scripted") == 0);
    sg_limiter_destroy(g);

    /* Retries end, and nobody was answered: the endpoint's. */
    for (int outage = 0; outage < 2; outage++) {
        g = fresh(1, 2, 1);
        struct sg_attempt bad = failed(SG_ATTEMPT_FAULT, outage);
        double t = 0;
        int64_t id;
        for (int i = 0; i < 3; i++) {
            for (; !sg_limiter_next(g, t, &id); t += 0.01)
                assert_true(t < 1000);
            assert_int_equal(sg_limiter_attempts(g, id), i + 1);
            enum sg_request_outcome want = i < 2    ? SG_OUTCOME_AGAIN
                                           : outage ? SG_OUTCOME_LEFT
                                                    : SG_OUTCOME_HELD;
            assert_int_equal(sg_limiter_done(g, t, id, &bad), want);
        }
        assert_int_equal(sg_limiter_state(g).dead, SG_STOPPED);
        sg_limiter_destroy(g);
    }

    /* Eight requests that fail for good, and nothing between them: no bad luck. */
    g = fresh(1, 0, 20);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(sg_limiter_state(g).dead, SG_OK);
        assert_int_equal(play(g, i, failed(SG_ATTEMPT_REFUSED, 0)), SG_OUTCOME_HELD);
    }
    assert_int_equal(sg_limiter_state(g).dead, SG_STOPPED);
    sg_limiter_destroy(g);
}

/* A full jitter: the delays of many requests after one fault are spread from nothing to the cap. */
static void jitter(void **state)
{
    (void)state;
    double low = 1e9, high = 0, sum = 0;
    for (int i = 0; i < 200; i++) {
        struct sg_limiter_settings s = {.connections = 1, .retries = 8, .seed = (uint64_t)i};
        struct sg_limiter *g = sg_limiter_create(&s);
        struct sg_err err;
        int64_t id;
        assert_int_equal(sg_limiter_add(g, 0, 1, 0, &id, &err), SG_OK);
        assert_int_equal(play(g, 0, failed(SG_ATTEMPT_FAULT, 0)), SG_OUTCOME_AGAIN);
        double t = next_leave(g, 0);
        low = fmin(low, t);
        high = fmax(high, t);
        sum += t;
        sg_limiter_destroy(g);
    }
    assert_true(low < 0.1 && high > 0.9 && high < 1.1 && sum > 80 && sum < 120);
}

/* Those of a lower turn leave first, whenever they came; of the same turn in their order; a retry before all. */
static void takes_turns(void **state)
{
    (void)state;
    enum { N = 200 };
    struct sg_limiter *g = sg_limiter_create(&(struct sg_limiter_settings){.connections = N, .retries = 3});
    struct sg_rng rng = sg_rng_make(7, 0);
    struct sg_err err;
    int64_t id, turn[N], before = -1;
    for (int i = 0; i < N; i++) {
        turn[i] = (int64_t)(5 * sg_rng_uniform(&rng));
        assert_int_equal(sg_limiter_add(g, turn[i], 1, 0, &id, &err), SG_OK);
        assert_int_equal(id, i);
    }
    for (int i = 0; i < N / 2; i++) {
        assert_int_equal(sg_limiter_next(g, 0, &id), 1);
        assert_true(before < 0 || turn[id] > turn[before] || (turn[id] == turn[before] && id > before));
        before = id;
    }
    assert_int_equal(sg_limiter_state(g).n_waiting, N / 2);
    int64_t late, earliest;
    assert_int_equal(sg_limiter_add(g, 9, 1, 0, &late, &err), SG_OK);
    assert_int_equal(sg_limiter_add(g, 0, 1, 0, &earliest, &err), SG_OK);
    struct sg_attempt a = failed(SG_ATTEMPT_ADAPT, 0);
    assert_int_equal(sg_limiter_done(g, 1, before, &a), SG_OUTCOME_AGAIN);
    assert_int_equal(sg_limiter_next(g, 1, &id), 1);
    assert_int_equal(id, before);
    assert_int_equal(sg_limiter_next(g, 1, &id), 1);
    assert_int_equal(id, earliest);
    a = answered(0);
    assert_int_equal(sg_limiter_done(g, 1, id, &a), SG_OUTCOME_ANSWERED);
    for (int i = 0; i < N / 2; i++) {
        assert_int_equal(sg_limiter_next(g, 1, &id), 1);
        assert_int_equal(sg_limiter_done(g, 1, id, &a), SG_OUTCOME_ANSWERED);
        assert_true(turn[id] >= turn[before] && id != late);
        before = id;
    }
    assert_int_equal(sg_limiter_next(g, 1, &id), 1);
    assert_int_equal(id, late);
    assert_int_equal(sg_limiter_state(g).n_waiting, 0);
    sg_limiter_destroy(g);
}

/* ---- money ---- */

/* Every kind of luck. What cannot be known, the server bills or not. */
static struct sg_attempt serve_for_money(struct world *w, int64_t id)
{
    (void)id;
    double luck = sg_rng_uniform(&w->rng);
    struct sg_attempt a;
    if (luck < 0.1)
        return failed(SG_ATTEMPT_FAULT, 0); /* HTTP 500 */
    if (luck < 0.2) {
        a = failed(SG_ATTEMPT_FAULT, 0); /* timeout */
        a.maybe_paid = 1;
        w->bill_usd += sg_rng_below(&w->rng, 2) ? w->worst_usd : 0;
        return a;
    }
    if (luck < 0.25)
        return failed(SG_ATTEMPT_RATE, 1);
    a = answered(luck < 0.4 ? w->worst_usd : w->worst_usd * sg_rng_uniform(&w->rng));
    w->bill_usd += a.cost_usd;
    return a;
}

static void never_over_the_budget(void **state)
{
    (void)state;
    double least_used = 1;
    for (int run = 0; run < 100; run++) {
        struct sg_rng rng = sg_rng_make((uint64_t)run, 1);
        int64_t n = 200 + (int64_t)sg_rng_below(&rng, 800);
        struct sg_limiter_settings s = {
            .connections = 1 + (int64_t)sg_rng_below(&rng, 64), .retries = 30, .seed = (uint64_t)run};
        struct sg_budget budget = {0};
        s.budget = &budget;
        double worst = 0.0001 * (1 + (double)sg_rng_below(&rng, 100));
        budget.budget_usd = (double)n * worst * (0.1 + 0.3 * sg_rng_uniform(&rng));
        double bill = 0;
        int64_t n_left = n;
        for (int again = 0; n_left; again++) { /* stopped, then again with a higher limit */
            assert_true(again < 40);
            struct world w = make_world(&s, 4);
            w.serve = serve_for_money;
            w.worst_usd = worst;
            w.bill_usd = bill;
            w.step_s = 0.02;
            ask(&w, n_left, 50, 60, worst);
            while (step(&w))
                assert_true(w.bill_usd <= budget.budget_usd * (1 + 1e-12));
            struct sg_limiter_state look = sg_limiter_state(w.g);
            assert_true(w.bill_usd <= budget.spent_usd + 1e-9 &&
                        budget.spent_usd <= budget.budget_usd * (1 + 1e-12));
            assert_true(budget.reserved_usd == 0);
            n_left -= w.n_answered + w.n_failed;
            if (n_left) {
                assert_int_equal(look.dead, SG_STOPPED);
                assert_non_null(strstr(look.why, "--max-usd"));
                least_used = fmin(least_used, (budget.spent_usd + worst) / budget.budget_usd);
            }
            bill = w.bill_usd;
            free_world(&w);
            budget.budget_usd *= 1.5;
        }
    }
    printf("a stop at the limit had spent at least %.1f %% of it, but for the next request\n",
           100 * least_used);
    assert_true(least_used >= 1 - 1e-9); /* no stop while the next request would have fitted */
}

/* Two limiters with one budget, turn by turn: what each may still send is what the other has not spent. */
static void one_budget_for_two(void **state)
{
    (void)state;
    struct sg_budget budget = {.budget_usd = 10, .spent_usd = 1};
    struct sg_limiter_settings s = {.connections = 8, .budget = &budget};
    struct sg_limiter *a = sg_limiter_create(&s), *b = sg_limiter_create(&s);
    struct sg_err err;
    int64_t id, first;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sg_limiter_add(a, 0, 10, 4, &id, &err), SG_OK);
        assert_int_equal(sg_limiter_add(b, 0, 10, 3, &id, &err), SG_OK);
    }
    assert_int_equal(sg_limiter_next(a, 0, &first), 1);
    assert_int_equal(sg_limiter_next(b, 0, &id), 1);
    assert_true(budget.reserved_usd == 7 && budget.n_flying == 2);
    /* 1 spent, 7 reserved: neither fits, but what is on its way may turn out cheaper, so nobody stops. */
    assert_int_equal(sg_limiter_next(a, 1, &id), 0);
    assert_int_equal(sg_limiter_next(b, 1, &id), 0);
    assert_int_equal(sg_limiter_state(a).dead, SG_OK);
    struct sg_attempt cheap = answered(1), dear = answered(3);
    assert_int_equal(sg_limiter_done(a, 1, first, &cheap), SG_OUTCOME_ANSWERED);
    assert_int_equal(sg_limiter_next(a, 1, &id), 1); /* 2 spent, 3 + 4 reserved */
    assert_int_equal(sg_limiter_done(a, 2, id, &cheap), SG_OUTCOME_ANSWERED);
    assert_int_equal(sg_limiter_done(b, 2, 0, &dear), SG_OUTCOME_ANSWERED);
    /* 6 spent: 4 fit still, and then nothing at all. */
    assert_int_equal(sg_limiter_next(b, 2, &id), 1);
    assert_int_equal(sg_limiter_next(a, 2, &first), 0);
    assert_int_equal(sg_limiter_done(b, 3, id, &dear), SG_OUTCOME_ANSWERED);
    assert_int_equal(sg_limiter_next(a, 3, &id), 0);
    assert_int_equal(sg_limiter_next(b, 3, &id), 0);
    assert_int_equal(sg_limiter_state(a).dead, SG_STOPPED);
    assert_int_equal(sg_limiter_state(b).dead, SG_STOPPED);
    assert_true(budget.spent_usd == 9 && budget.reserved_usd == 0 && budget.n_flying == 0);
    sg_limiter_destroy(a);
    sg_limiter_destroy(b);
}

/* A server that works on four at a time, 2 s each, whoever has left: with 16 in flight the last ones wait 8 s. */
struct slots {
    double free_s[4];
};

static double done_at(struct slots *s, double now_s)
{
    int first = 0;
    for (int i = 1; i < 4; i++)
        first = s->free_s[i] < s->free_s[first] ? i : first;
    s->free_s[first] = fmax(s->free_s[first], now_s) + 2;
    return s->free_s[first];
}

/* Timeouts lower what is in flight until the server keeps up; without that, most requests time out for ever. */
static void timeouts_lower_what_flies(void **state)
{
    (void)state;
    enum { N = 200, TIMEOUT_S = 3 };
    struct sg_limiter *g =
        sg_limiter_create(&(struct sg_limiter_settings){.connections = 16, .retries = 8, .seed = 5});
    struct slots slots = {{0}};
    struct {
        int64_t id;
        double back_s;
        int late;
    } flight[16];
    struct sg_err err;
    int n_flying = 0, n_answered = 0, n_late = 0, most_at_end = 0;
    int64_t id;
    for (int i = 0; i < N; i++)
        assert_int_equal(sg_limiter_add(g, 0, 10, 0, &id, &err), SG_OK);
    double now_s = 0;
    for (; n_answered < N && now_s < 3600; now_s += 0.01) {
        while (sg_limiter_next(g, now_s, &id)) {
            double done_s = done_at(&slots, now_s);
            flight[n_flying].id = id;
            flight[n_flying].late = done_s > now_s + TIMEOUT_S;
            flight[n_flying++].back_s = fmin(done_s, now_s + TIMEOUT_S);
        }
        if (n_answered > N / 2 && n_flying > most_at_end)
            most_at_end = n_flying;
        for (int i = 0; i < n_flying;) {
            if (flight[i].back_s > now_s) {
                i++;
                continue;
            }
            struct sg_attempt a = flight[i].late ? failed(SG_ATTEMPT_TIMEOUT, 0) : answered(0);
            n_late += flight[i].late;
            n_answered += !flight[i].late;
            assert_true(sg_limiter_done(g, now_s, flight[i].id, &a) != SG_OUTCOME_FAILED);
            flight[i] = flight[--n_flying];
        }
    }
    assert_int_equal(sg_limiter_state(g).dead, SG_OK);
    printf("%d answered in %.0f s, %d timed out, at most %d in flight in the second half\n", n_answered,
           now_s, n_late, most_at_end);
    assert_int_equal(n_answered, N);
    assert_true(n_late < N / 4 && most_at_end <= 8 && now_s < 3 * N * 2 / 4);
    sg_limiter_destroy(g);
    assert_string_equal(sg_attempt_name(SG_ATTEMPT_TIMEOUT), "timeout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_limits),
        cmocka_unit_test(finds_the_servers_limit),
        cmocka_unit_test(waits_out_an_outage),
        cmocka_unit_test(obeys_the_server),
        cmocka_unit_test(a_burst_cuts_once),
        cmocka_unit_test(ends),
        cmocka_unit_test(jitter),
        cmocka_unit_test(timeouts_lower_what_flies),
        cmocka_unit_test(takes_turns),
        cmocka_unit_test(never_over_the_budget),
        cmocka_unit_test(one_budget_for_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
