#include "experiments/buying/desk.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/set.h"
#include "base/text.h"
#include "gen/llm/control.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* So many names of models are kept: a router may know hundreds, and a hostile server any number. */
enum { MAX_MODELS = 16, MAX_MODEL_NAME = 80 };

struct ask {
    struct sg_request request; /* canonical NULL: over */
    double worst_usd;
    int64_t owner, attempt; /* attempt: the row in the ledger of the one in flight, 0: none */
    struct seat *seat;      /* where it is in flight; NULL: nowhere */
    struct failure *held;   /* the failure of which it is not known yet whose it is; NULL: none */
    int is_control;
};

struct failure {
    struct sg_answer answer; /* as it would be stored */
    enum sg_attempt_kind kind;
    int64_t attempt; /* the row in the ledger */
};

/* A rank's work. */
struct seat {
    int64_t item, room, n_flying; /* room 0: not ready yet, or over */
    int rank;                     /* of the job, once it is ready */
};

struct sg_desk {
    struct sg_desk_settings s;
    struct sg_limiter *limiter;
    struct sg_engine *engine;
    const char *origin;
    struct sg_desk_count count;
    struct sg_adapt adapt;
    char models[MAX_MODELS * MAX_MODEL_NAME]; /* who has answered so far, blanks between them */
    int n_models;
    struct sg_set *refused; /* keys that earlier runs have given up on */
    struct ask *ask;        /* (n) by the limiter's id */
    int64_t n;
    struct seat *seat; /* (s.n_seats) */
    int64_t *leaving;  /* (connections) scratch */
    int is_swept, told_timeout;
};

/* What earlier runs of this ledger have noted: another model may have come in between. */
static sg_status recall_models(struct sg_desk *d, struct sg_err *err)
{
    char meta[120], *names = NULL;
    sg_generator_meta(d->s.generator, "models", meta);
    SG_TRY(sg_ledger_meta_get(d->s.ledger, meta, &names, err));
    snprintf(d->models, sizeof d->models, "%s", names ? names : "");
    for (char *p = d->models; *p; p++)
        if (!isgraph((unsigned char)*p) &&
            *p != ' ') /* they are printed: a ledger from elsewhere is not believed */
            *p = '_';
    for (const char *p = d->models; *p; p += strcspn(p, " "), p += *p == ' ')
        d->n_models++;
    sg_free(names);
    return SG_OK;
}

static sg_status recall_refused(void *context, const char *key, struct sg_err *err)
{
    struct sg_desk *d = context;
    return sg_set_add(d->refused, key, strlen(key), err);
}

sg_status sg_desk_create(const struct sg_desk_settings *s, struct sg_desk **out, struct sg_err *err)
{
    const struct sg_generator *g = s->generator;
    struct sg_desk *d = sg_alloc(1, sizeof *d);
    if (!d)
        return sg_fail_memory(err, sizeof *d);
    d->s = *s;
    d->seat = sg_alloc((size_t)s->n_seats, sizeof *d->seat);
    d->leaving = sg_alloc((size_t)g->connections, sizeof *d->leaving);
    d->limiter = sg_limiter_create(&(struct sg_limiter_settings){.connections = g->connections,
                                                                 .requests_per_min = g->requests_per_min,
                                                                 .tokens_per_min = g->tokens_per_min,
                                                                 .retries = g->retries,
                                                                 .budget = s->budget,
                                                                 .has_controls = 1,
                                                                 .seed = (uint64_t)(sg_now_s() * 1e9)});
    if (!d->seat || !d->leaving || !d->limiter) {
        sg_desk_destroy(d);
        return sg_fail_memory(err, (size_t)g->connections * sizeof *d->leaving);
    }
    sg_status status = recall_models(d, err);
    if (status == SG_OK)
        status = sg_set_create(&d->refused, err);
    if (status == SG_OK)
        status = sg_ledger_refused_each(s->ledger, recall_refused, d, err);
    if (status == SG_OK)
        *out = d;
    else
        sg_desk_destroy(d);
    return status;
}

static void forget_failure(struct ask *a)
{
    if (a->held)
        sg_answer_free(&a->held->answer);
    sg_free(a->held);
    a->held = NULL;
}

void sg_desk_destroy(struct sg_desk *d)
{
    if (!d)
        return;
    for (int64_t i = 0; i < d->n; i++) {
        sg_free(d->ask[i].request.canonical);
        forget_failure(&d->ask[i]);
    }
    sg_limiter_destroy(d->limiter);
    sg_set_destroy(d->refused);
    sg_free(d->ask);
    sg_free(d->seat);
    sg_free(d->leaving);
    sg_free(d);
}

void sg_desk_attach(struct sg_desk *d, struct sg_engine *e, const char *origin)
{
    d->engine = e;
    d->origin = origin;
}

static sg_status make_room(struct sg_desk *d, struct sg_err *err)
{
    struct ask *more = sg_grown(d->ask, d->n, sizeof *more);
    if (!more)
        return sg_fail_memory(err, (size_t)d->n * sizeof *more);
    d->ask = more;
    return SG_OK;
}

sg_status sg_desk_ask_take(struct sg_desk *d, int64_t owner, struct sg_request *q, struct sg_err *err)
{
    SG_TRY(make_room(d, err));
    int64_t id;
    double usd = sg_request_worst_usd(d->s.generator, q);
    /* An owner's second round (topics, what was rejected) leaves ahead of later owners' first: its cells can train while theirs
     * are bought. */
    SG_TRY(sg_limiter_add(d->limiter, owner, sg_request_tokens(q), usd, &id, err));
    if (sg_set_has(d->refused, q->key, SG_HEX - 1))
        sg_limiter_was_given_up(d->limiter, id);
    d->ask[d->n++] = (struct ask){.request = *q, .worst_usd = usd, .owner = owner};
    q->canonical = NULL;
    return SG_OK;
}

/* ---- leaving ---- */

/* The rank that has most room; NULL: none has any. */
static struct seat *roomiest(struct sg_desk *d)
{
    struct seat *best = NULL;
    for (int i = 0; i < d->s.n_seats; i++) {
        struct seat *s = &d->seat[i];
        if (s->room > s->n_flying && (!best || s->room - s->n_flying > best->room - best->n_flying))
            best = s;
    }
    return best;
}

static void count_again(struct sg_desk_count *n, enum sg_attempt_kind kind, int http_status)
{
    n->n_again++;
    if (kind == SG_ATTEMPT_ADAPT)
        n->n_reworded++;
    else if (kind == SG_ATTEMPT_TIMEOUT)
        n->n_timeout++;
    else if (http_status == 429)
        n->n_rate++;
    else if (http_status >= 400)
        n->n_server++;
    else if (http_status == 0)
        n->n_network++;
    else
        n->n_damaged++;
}

/* One that was held leaves again. */
static sg_status take_up(struct sg_desk *d, struct ask *a, struct sg_err *err)
{
    if (!a->held)
        return SG_OK;
    count_again(&d->count, a->held->kind, a->held->answer.http_status);
    sg_status status =
        sg_ledger_attempt_fate(d->s.ledger, a->held->attempt, sg_request_outcome_name(SG_OUTCOME_AGAIN), err);
    forget_failure(a);
    return status;
}

static sg_status note_leaving(struct sg_desk *d, struct ask *a, int number, struct sg_err *err)
{
    struct sg_ledger_attempt x = {.key = a->request.key,
                                  .number = number,
                                  .rank = a->seat->rank,
                                  .origin = d->origin,
                                  .worst_usd = a->worst_usd,
                                  .tokens_in = -1,
                                  .tokens_out = -1,
                                  .cost_usd = -1,
                                  .latency_s = -1};
    return sg_ledger_attempt_put(d->s.ledger, &x, &a->attempt, err);
}

static sg_status let_go(struct sg_desk *d, struct sg_err *err)
{
    const struct sg_generator *g = d->s.generator;
    int may_cost = g->usd_per_1m_input != 0 || g->usd_per_1m_output != 0;
    int64_t n = 0, id;
    struct seat *seat;
    double now = sg_now_s();
    while (n < g->connections && (seat = roomiest(d)) && sg_limiter_next(d->limiter, now, &id)) {
        struct ask *a = &d->ask[id];
        SG_TRY(take_up(d, a, err));
        a->seat = seat;
        seat->n_flying++;
        d->leaving[n++] = id;
        SG_TRY(note_leaving(d, a, sg_limiter_attempts(d->limiter, id), err));
    }
    if (n && may_cost)
        SG_TRY(sg_ledger_commit(d->s.ledger, err));
    for (int64_t i = 0; i < n; i++) {
        const struct ask *a = &d->ask[d->leaving[i]];
        SG_TRY(sg_buy_tell(d->engine, a->seat->item, d->s.number, d->leaving[i], &d->adapt,
                           a->request.canonical, err));
    }
    return SG_OK;
}

static sg_status end_request(struct sg_desk *d, struct ask *a, const struct sg_answer *answer, int rank,
                             struct sg_err *err)
{
    struct sg_request q = a->request;
    a->request.canonical = NULL;
    sg_status status =
        a->is_control ? SG_OK : d->s.over(d->s.context, a->owner, q.canonical, answer, rank, err);
    sg_free(q.canonical);
    return status;
}

/* The failure of a held request was the endpoint's (outcome LEFT), or its own. */
static sg_status end_held(struct sg_desk *d, struct ask *a, enum sg_request_outcome outcome,
                          struct sg_err *err)
{
    struct failure f = *a->held;
    int is_left = outcome == SG_OUTCOME_LEFT;
    sg_free(a->held);
    a->held = NULL;
    d->count.n_left += is_left;
    d->count.n_refused += !is_left;
    sg_status status = sg_ledger_attempt_fate(d->s.ledger, f.attempt, sg_request_outcome_name(outcome), err);
    if (status == SG_OK)
        status = end_request(d, a, is_left ? NULL : &f.answer, -1, err);
    sg_answer_free(&f.answer);
    return status;
}

/* An endpoint that is dead: what waits is left to a later run. */
static sg_status sweep(struct sg_desk *d, struct sg_err *err)
{
    d->is_swept = 1;
    for (int64_t i = 0; i < d->n; i++)
        if (d->ask[i].held)
            SG_TRY(end_held(d, &d->ask[i], SG_OUTCOME_LEFT, err));
        else if (d->ask[i].request.canonical && !d->ask[i].seat)
            SG_TRY(end_request(d, &d->ask[i], NULL, -1, err));
    return SG_OK;
}

/* What it says nobody looks at: of the study's requests it is alike in all but the prompt. */
static sg_status ask_control(struct sg_desk *d, int64_t like, struct sg_err *err)
{
    struct sg_request q = {0};
    int64_t id;
    SG_TRY(make_room(d, err));
    SG_TRY(sg_control_make(d->ask[like].request.canonical, (uint64_t)(sg_now_s() * 1e6), &q, err));
    double usd = sg_request_worst_usd(d->s.generator, &q);
    sg_status status = sg_limiter_add_control(d->limiter, sg_request_tokens(&q), usd, &id, err);
    if (status != SG_OK) {
        sg_free(q.canonical);
        return status;
    }
    d->ask[d->n++] = (struct ask){.request = q, .worst_usd = usd, .owner = -1, .is_control = 1};
    d->count.n_controls++;
    return SG_OK;
}

sg_status sg_desk_turn(struct sg_desk *d, struct sg_err *err)
{
    int64_t like;
    if (sg_limiter_wants_control(d->limiter, &like))
        SG_TRY(ask_control(d, like, err));
    SG_TRY(let_go(d, err));
    struct sg_limiter_state s = sg_limiter_state(d->limiter);
    return s.dead != SG_OK && !d->is_swept ? sweep(d, err) : SG_OK;
}

void sg_desk_seat(struct sg_desk *d, int seat, int64_t item, int rank, int64_t room)
{
    d->seat[seat].item = item;
    d->seat[seat].rank = rank;
    d->seat[seat].room = room;
}

/* ---- coming back ---- */

/* What the endpoint has refused goes into the results: their requests were not what the study says. */
static sg_status note_adapt(struct sg_desk *d, const struct sg_adapt *news, struct sg_err *err)
{
    char names[80], meta[120];
    if (!(news->refused & ~d->adapt.refused))
        return SG_OK;
    d->adapt.refused |= news->refused;
    sg_adapt_text(&d->adapt, names);
    sg_generator_meta(d->s.generator, "refused", meta);
    return sg_ledger_meta_set(d->s.ledger, meta, names, err);
}

static void count_outcome(struct sg_desk_count *n, enum sg_request_outcome outcome, enum sg_attempt_kind kind,
                          int http_status)
{
    n->n_answered += outcome == SG_OUTCOME_ANSWERED;
    n->n_failed += outcome == SG_OUTCOME_FAILED;
    n->n_refused += outcome == SG_OUTCOME_REFUSED;
    n->n_left += outcome == SG_OUTCOME_LEFT;
    if (outcome == SG_OUTCOME_AGAIN)
        count_again(n, kind, http_status);
}

/* What came of an attempt. One that may have been paid for stays unsettled. */
static sg_status note_end(struct sg_desk *d, struct ask *a, const struct sg_attempt *attempt,
                          const struct sg_answer *answer, enum sg_request_outcome outcome, struct sg_err *err)
{
    int answered = attempt->kind == SG_ATTEMPT_ANSWERED, counted = answered || attempt->cost_usd >= 0;
    struct sg_ledger_attempt x = {.settled = !attempt->maybe_paid,
                                  .kind = sg_attempt_name(attempt->kind),
                                  .fate = sg_request_outcome_name(outcome),
                                  .http_status = answer->http_status,
                                  .reason = answered ? NULL : attempt->reason,
                                  .tokens_in = counted ? answer->tokens_in : -1,
                                  .tokens_out = counted ? answer->tokens_out : -1,
                                  .cost_usd = counted ? answer->cost_usd : -1,
                                  .latency_s = answer->latency_s,
                                  .request_id = answer->request_id,
                                  .model = answer->model};
    int64_t id = a->attempt;
    a->attempt = 0;
    if (!a->is_control)
        count_outcome(&d->count, outcome, attempt->kind, answer->http_status);
    if (!answered && !a->is_control && attempt->kind != SG_ATTEMPT_ADAPT) {
        snprintf(d->count.failure, sizeof d->count.failure, "%.299s", attempt->reason);
        sg_text_whole(d->count.failure);
        d->count.failed_s = sg_now_s();
    }
    return sg_ledger_attempt_end(d->s.ledger, id, &x, err);
}

/* A server that is asked for more than it has room for lets all of it wait, for ever: nothing but this line would tell. */
static void tell_first_timeout(struct sg_desk *d, const struct sg_attempt *attempt)
{
    int64_t n_flying = 1; /* it was one of them */
    if (d->told_timeout || attempt->kind != SG_ATTEMPT_TIMEOUT)
        return;
    d->told_timeout = 1;
    for (int i = 0; i < d->s.n_seats; i++)
        n_flying += d->seat[i].n_flying;
    const char *name = d->s.generator->name;
    fprintf(
        stderr,
        "synthgrid: warning: %s%s%sa request has timed out (%s), with %lld in flight; fewer are sent at a "
        "time from "
        "now on; hint: generator.connections no larger than what the server works on at once, or a longer "
        "generator.timeout_s\n",
        name ? "generators." : "", name ? name : "", name ? ": " : "", attempt->reason, (long long)n_flying);
}

static int has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return 1;
    return 0;
}

/* A server whose answers name another model than before has been given a new one, or routes: pools would be mixed
 * without a word. */
static sg_status note_model(struct sg_desk *d, const char *model, struct sg_err *err)
{
    char name[MAX_MODEL_NAME], meta[120];
    snprintf(name, sizeof name, "%s", model ? model : "");
    for (char *p = name; *p; p++)
        if (!isgraph((unsigned char)*p)) /* a blank would be two names, and a terminal is spared the rest */
            *p = '_';
    if (!name[0] || d->n_models >= MAX_MODELS || has_word(d->models, name))
        return SG_OK;
    if (d->n_models)
        fprintf(stderr,
                "synthgrid: warning: the server's answers now name the model %s, before it was %s; "
                "the ledger has which one wrote what (completions.model)\n",
                name, d->models);
    size_t n = strlen(d->models);
    snprintf(d->models + n, sizeof d->models - n, "%s%s", n ? " " : "", name);
    d->n_models++;
    sg_generator_meta(d->s.generator, "models", meta);
    return sg_ledger_meta_set(d->s.ledger, meta, d->models, err);
}

/* Keeps a failure until it is known whose it is; takes the answer. */
static sg_status hold(struct ask *a, int64_t row, enum sg_attempt_kind kind, struct sg_answer *answer,
                      struct sg_err *err)
{
    a->held = sg_alloc(1, sizeof *a->held);
    if (!a->held)
        return sg_fail_memory(err, sizeof *a->held);
    *a->held = (struct failure){.answer = *answer, .kind = kind, .attempt = row};
    *answer = (struct sg_answer){0};
    return SG_OK;
}

/* Those that were held, and are given up on since others were answered. */
static sg_status end_given_up(struct sg_desk *d, struct sg_err *err)
{
    int64_t id;
    while (sg_limiter_given_up(d->limiter, &id))
        SG_TRY(end_held(d, &d->ask[id], SG_OUTCOME_REFUSED, err));
    return SG_OK;
}

/* Nobody looks for it: it is kept for what it has cost. */
static sg_status store_control(struct sg_desk *d, const struct ask *a, const struct sg_answer *answer,
                               int rank, struct sg_err *err)
{
    struct sg_ledger_completion c = {.key = a->request.key,
                                     .request = a->request.canonical,
                                     .status = (int)answer->status,
                                     .text = answer->text,
                                     .finish_reason = answer->finish_reason,
                                     .model = answer->model,
                                     .request_id = answer->request_id,
                                     .http_status = answer->http_status,
                                     .attempts = sg_limiter_attempts(d->limiter, a - d->ask),
                                     .tokens_in = answer->tokens_in,
                                     .tokens_out = answer->tokens_out,
                                     .tokens_estimated = answer->tokens_estimated,
                                     .latency_s = answer->latency_s,
                                     .cost_usd = answer->cost_usd,
                                     .source = "control",
                                     .rank = rank};
    return sg_ledger_completion_put(d->s.ledger, &c, err);
}

static sg_status end_attempt(struct sg_desk *d, int64_t id, int rank, const struct sg_attempt *attempt,
                             struct sg_answer *answer, struct sg_err *err)
{
    struct ask *a = &d->ask[id];
    int64_t row = a->attempt;
    tell_first_timeout(d, attempt);
    enum sg_request_outcome outcome = sg_limiter_done(d->limiter, sg_now_s(), id, attempt);
    SG_TRY(note_end(d, a, attempt, answer, outcome, err));
    if (outcome == SG_OUTCOME_AGAIN)
        return SG_OK;
    if (outcome == SG_OUTCOME_LEFT)
        return end_request(d, a, NULL, rank, err);
    if (outcome == SG_OUTCOME_ANSWERED)
        SG_TRY(note_model(d, answer->model, err));
    if (outcome == SG_OUTCOME_ANSWERED && a->is_control)
        SG_TRY(store_control(d, a, answer, rank, err));
    answer->attempts = sg_limiter_attempts(d->limiter, id);
    if (outcome != SG_OUTCOME_ANSWERED)
        sg_answer_fail(answer, attempt->reason);
    if (outcome == SG_OUTCOME_HELD)
        return hold(a, row, attempt->kind, answer, err);
    return end_request(d, a, answer, rank, err);
}

static sg_status take_result(struct sg_desk *d, int64_t id, int rank, const struct sg_attempt *attempt,
                             struct sg_answer *answer, struct sg_err *err)
{
    d->ask[id].seat->n_flying--;
    d->ask[id].seat = NULL;
    SG_TRY(end_attempt(d, id, rank, attempt, answer, err));
    return end_given_up(d, err);
}

sg_status sg_desk_result(struct sg_desk *d, int seat, struct sg_buy_event *e, struct sg_err *err)
{
    int64_t id = e->result.id;
    if (id < 0 || id >= d->n || d->ask[id].seat != &d->seat[seat])
        return sg_fail(err, SG_FAILED, "rank %d answers a request that it does not have", e->rank);
    SG_TRY(note_adapt(d, &e->adapt, err));
    return take_result(d, id, e->rank, &e->result.attempt, &e->result.answer, err);
}

sg_status sg_desk_lost(struct sg_desk *d, int seat, const struct sg_outcome *o, struct sg_err *err)
{
    /* What it had in flight may have been paid for. */
    sg_limiter_stop(d->limiter, o->status == SG_INPUT ? SG_INPUT : SG_STOPPED, o->reason);
    struct sg_attempt lost = sg_attempt_make();
    lost.maybe_paid = 1;
    snprintf(lost.reason, sizeof lost.reason, "rank %d ended with it in flight: %.500s", o->rank, o->reason);
    struct sg_answer none = {0};
    for (int64_t i = 0; i < d->n; i++)
        if (d->ask[i].seat == &d->seat[seat])
            SG_TRY(take_result(d, i, o->rank, &lost, &none, err));
    return SG_OK;
}

void sg_desk_stop(struct sg_desk *d, const char *why)
{
    sg_limiter_stop(d->limiter, SG_STOPPED, why);
}

struct sg_limiter_state sg_desk_look(const struct sg_desk *d)
{
    return sg_limiter_state(d->limiter);
}

struct sg_desk_count sg_desk_counted(const struct sg_desk *d)
{
    return d->count;
}

void sg_desk_count_text(const struct sg_desk_count *n, struct sg_buf *out)
{
    const struct {
        int64_t n;
        const char *why;
    } again[] = {{n->n_rate, "rate limit"}, {n->n_timeout, "timeout"}, {n->n_server, "server error"},
                 {n->n_network, "network"}, {n->n_damaged, "damaged"}, {n->n_reworded, "reworded"}};
    const char *between = " (";
    sg_buf_printf(out, "%lld answered", (long long)n->n_answered);
    if (n->n_again) {
        sg_buf_printf(out, ", %lld sent again", (long long)n->n_again);
        for (size_t i = 0; i < sizeof again / sizeof again[0]; i++)
            if (again[i].n) {
                sg_buf_printf(out, "%s%lld %s", between, (long long)again[i].n, again[i].why);
                between = ", ";
            }
        sg_buf_puts(out, ")");
    }
    if (n->n_controls)
        sg_buf_printf(out, ", %lld %s", (long long)n->n_controls,
                      sg_plural(n->n_controls, "control", "controls"));
    if (n->n_failed)
        sg_buf_printf(out, ", %lld given up (failed)", (long long)n->n_failed);
    if (n->n_refused)
        sg_buf_printf(out, ", %lld given up (refused)", (long long)n->n_refused);
    if (n->n_left)
        sg_buf_printf(out, ", %lld left to a later run", (long long)n->n_left);
}
