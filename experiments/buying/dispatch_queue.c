#include "experiments/buying/dispatch_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/set.h"
#include "base/tell.h"
#include "gen/llm/control.h"
#include "results/ledger/ledger_attempts.h"

#include <stdio.h>
#include <string.h>

struct sg_queued_request {
    struct sg_request request; /* canonical NULL: over */
    double worst_usd;
    int64_t consumer, row;     /* row: of the attempt in flight, in the ledger; 0: none */
    struct sg_slot_load *slot; /* where it is in flight; NULL: nowhere */
    struct failure *held;      /* the failure of which it is not known yet whose it is; NULL: none */
    int is_control;
};

struct failure {
    struct sg_answer answer; /* as it would be stored */
    enum sg_attempt_kind kind;
    int64_t row;
};

static sg_status recall_refused(void *context, const char *key, struct sg_err *err)
{
    struct sg_endpoint_queue *q = context;
    return sg_set_add(q->refused, key, strlen(key), err);
}

sg_status sg_queue_create(struct sg_endpoint_queue *q, const struct sg_generator *g, int number,
                          struct sg_ledger *l, struct sg_budget *budget, int n_slots, struct sg_err *err)
{
    q->record = (struct sg_dispatch_record){.ledger = l, .generator = g};
    q->generator = g;
    q->number = number;
    q->n_slots = n_slots;
    q->slot = sg_alloc((size_t)n_slots, sizeof *q->slot);
    q->leaving = sg_alloc((size_t)g->connections, sizeof *q->leaving);
    q->limiter = sg_limiter_create(&(struct sg_limiter_settings){.connections = g->connections,
                                                                 .requests_per_min = g->requests_per_min,
                                                                 .tokens_per_min = g->tokens_per_min,
                                                                 .retries = g->retries,
                                                                 .budget = budget,
                                                                 .has_controls = 1,
                                                                 .seed = (uint64_t)(sg_now_s() * 1e9)});
    if (!q->slot || !q->leaving || !q->limiter)
        return sg_fail_memory(err, (size_t)g->connections * sizeof *q->leaving);
    SG_TRY(sg_record_recall(&q->record, err));
    SG_TRY(sg_set_create(&q->refused, err));
    return sg_ledger_refused_each(l, recall_refused, q, err);
}

static void forget_failure(struct sg_queued_request *r)
{
    if (r->held)
        sg_answer_free(&r->held->answer);
    sg_free(r->held);
    r->held = NULL;
}

void sg_queue_destroy(struct sg_endpoint_queue *q)
{
    for (int64_t i = 0; i < q->n; i++) {
        sg_free(q->item[i].request.canonical);
        forget_failure(&q->item[i]);
    }
    sg_limiter_destroy(q->limiter);
    sg_set_destroy(q->refused);
    sg_free(q->item);
    sg_free(q->slot);
    sg_free(q->leaving);
}

static sg_status grow(struct sg_endpoint_queue *q, struct sg_err *err)
{
    struct sg_queued_request *more = sg_grown(q->item, q->n, sizeof *more);
    if (!more)
        return sg_fail_memory(err, (size_t)q->n * sizeof *more);
    q->item = more;
    return SG_OK;
}

sg_status sg_queue_add_take(struct sg_endpoint_queue *q, int64_t consumer, struct sg_request *request,
                            struct sg_err *err)
{
    SG_TRY(grow(q, err));
    int64_t id;
    double usd = sg_request_worst_usd(q->generator, request);
    /* A consumer's second window (topics, what was rejected) leaves ahead of later consumers' first: its cells can train while theirs
     * are bought. */
    SG_TRY(sg_limiter_add(q->limiter, consumer, sg_request_tokens(request), usd, &id, err));
    if (sg_set_has(q->refused, request->key, SG_HEX - 1))
        sg_limiter_was_given_up(q->limiter, id);
    q->item[q->n++] = (struct sg_queued_request){.request = *request, .worst_usd = usd, .consumer = consumer};
    request->canonical = NULL;
    return SG_OK;
}

void sg_queue_slot(struct sg_endpoint_queue *q, int slot, int64_t item, int rank, int64_t capacity)
{
    q->slot[slot].item = item;
    q->slot[slot].rank = rank;
    q->slot[slot].capacity = capacity;
}

/* ---- leaving ---- */

/* The slot with the most free capacity; NULL: none has any. */
static struct sg_slot_load *freest(struct sg_endpoint_queue *q)
{
    struct sg_slot_load *best = NULL;
    for (int i = 0; i < q->n_slots; i++) {
        struct sg_slot_load *s = &q->slot[i];
        if (s->capacity > s->n_flying &&
            (!best || s->capacity - s->n_flying > best->capacity - best->n_flying))
            best = s;
    }
    return best;
}

/* One that was held leaves again. */
static sg_status end_hold(struct sg_endpoint_queue *q, struct sg_queued_request *r, struct sg_err *err)
{
    if (!r->held)
        return SG_OK;
    sg_dispatch_count_again(&q->count, r->held->kind, r->held->answer.http_status);
    sg_status status = sg_ledger_attempt_outcome(q->record.ledger, r->held->row,
                                                 sg_request_outcome_name(SG_OUTCOME_AGAIN), err);
    forget_failure(r);
    return status;
}

/* What the limiter lets leave, each to the freest slot; what may cost is durable before any of it is sent. */
static sg_status send_all(struct sg_endpoint_queue *q, struct sg_err *err)
{
    const struct sg_generator *g = q->generator;
    int may_cost = g->usd_per_1m_input != 0 || g->usd_per_1m_output != 0;
    int64_t n = 0, id;
    struct sg_slot_load *slot;
    double now = sg_now_s();
    while (n < g->connections && (slot = freest(q)) && sg_limiter_next(q->limiter, now, &id)) {
        struct sg_queued_request *r = &q->item[id];
        SG_TRY(end_hold(q, r, err));
        r->slot = slot;
        slot->n_flying++;
        q->leaving[n++] = id;
        SG_TRY(sg_record_send(&q->record, &r->request, sg_limiter_attempts(q->limiter, id), slot->rank,
                              r->worst_usd, &r->row, err));
    }
    if (n && may_cost)
        SG_TRY(sg_ledger_commit(q->record.ledger, err));
    for (int64_t i = 0; i < n; i++) {
        const struct sg_queued_request *r = &q->item[q->leaving[i]];
        SG_TRY(sg_sender_command(q->engine, r->slot->item, q->number, q->leaving[i], &q->record.adapt,
                                 r->request.canonical, err));
    }
    return SG_OK;
}

/* Nobody looks at its answer: of the study's requests it is alike in all but the prompt. */
static sg_status add_control(struct sg_endpoint_queue *q, int64_t like, struct sg_err *err)
{
    struct sg_request request = {0};
    int64_t id;
    SG_TRY(grow(q, err));
    SG_TRY(sg_control_make(q->item[like].request.canonical, (uint64_t)(sg_now_s() * 1e6), &request, err));
    double usd = sg_request_worst_usd(q->generator, &request);
    sg_status status = sg_limiter_add_control(q->limiter, sg_request_tokens(&request), usd, &id, err);
    if (status != SG_OK) {
        sg_free(request.canonical);
        return status;
    }
    q->item[q->n++] =
        (struct sg_queued_request){.request = request, .worst_usd = usd, .consumer = -1, .is_control = 1};
    q->count.n_controls++;
    return SG_OK;
}

/* ---- over ---- */

/* answer NULL: it is left to a later run. */
static sg_status end_request(struct sg_endpoint_queue *q, struct sg_queued_request *r,
                             const struct sg_answer *answer, int rank, struct sg_err *err)
{
    struct sg_request request = r->request;
    sg_status status = SG_OK;
    r->request.canonical = NULL;
    if (answer)
        status = sg_record_completion(&q->record, request.canonical, answer, rank, r->is_control, err);
    if (answer && !r->is_control) {
        q->count.tokens_in += answer->tokens_in;
        q->count.tokens_out += answer->tokens_out;
    }
    if (status == SG_OK && !r->is_control)
        status = q->over(q->context, r->consumer, request.canonical, answer, err);
    sg_free(request.canonical);
    return status;
}

/* The failure of a held request was the endpoint's (outcome LEFT), or its own. */
static sg_status end_held(struct sg_endpoint_queue *q, struct sg_queued_request *r,
                          enum sg_request_outcome outcome, struct sg_err *err)
{
    struct failure f = *r->held;
    int is_left = outcome == SG_OUTCOME_LEFT;
    sg_free(r->held);
    r->held = NULL;
    q->count.n_left += is_left;
    q->count.n_refused += !is_left;
    sg_status status =
        sg_ledger_attempt_outcome(q->record.ledger, f.row, sg_request_outcome_name(outcome), err);
    if (status == SG_OK)
        status = end_request(q, r, is_left ? NULL : &f.answer, -1, err);
    sg_answer_free(&f.answer);
    return status;
}

/* An endpoint that is dead: what waits is left to a later run. */
static sg_status leave_all(struct sg_endpoint_queue *q, struct sg_err *err)
{
    q->is_swept = 1;
    for (int64_t i = 0; i < q->n; i++)
        if (q->item[i].held)
            SG_TRY(end_held(q, &q->item[i], SG_OUTCOME_LEFT, err));
        else if (q->item[i].request.canonical && !q->item[i].slot)
            SG_TRY(end_request(q, &q->item[i], NULL, -1, err));
    return SG_OK;
}

sg_status sg_queue_turn(struct sg_endpoint_queue *q, struct sg_err *err)
{
    int64_t like;
    if (!q->is_held && sg_limiter_wants_control(q->limiter, &like))
        SG_TRY(add_control(q, like, err));
    if (!q->is_held)
        SG_TRY(send_all(q, err));
    struct sg_limiter_state s = sg_limiter_state(q->limiter);
    return s.dead != SG_OK && !q->is_swept ? leave_all(q, err) : SG_OK;
}

/* Keeps a failure until it is known whose it is; takes the answer. */
static sg_status hold(struct sg_queued_request *r, int64_t row, enum sg_attempt_kind kind,
                      struct sg_answer *answer, struct sg_err *err)
{
    r->held = sg_alloc(1, sizeof *r->held);
    if (!r->held)
        return sg_fail_memory(err, sizeof *r->held);
    *r->held = (struct failure){.answer = *answer, .kind = kind, .row = row};
    *answer = (struct sg_answer){0};
    return SG_OK;
}

/* Those that were held, and are given up on since others were answered. */
static sg_status end_given_up(struct sg_endpoint_queue *q, struct sg_err *err)
{
    int64_t id;
    while (sg_limiter_given_up(q->limiter, &id))
        SG_TRY(end_held(q, &q->item[id], SG_OUTCOME_REFUSED, err));
    return SG_OK;
}

/* ---- coming back ---- */

/* A server that is asked for more than it has room for lets all of it wait, for ever: nothing but this line would tell. */
static void warn_of_timeouts(struct sg_endpoint_queue *q, const struct sg_attempt *attempt)
{
    int64_t n_flying = 1; /* it was one of them */
    if (q->has_warned_of_timeouts || attempt->kind != SG_ATTEMPT_TIMEOUT)
        return;
    q->has_warned_of_timeouts = 1;
    for (int i = 0; i < q->n_slots; i++)
        n_flying += q->slot[i].n_flying;
    const char *name = q->generator->name;
    sg_tell_warning(
        "%s%s%sa request has timed out (%s), with %lld in flight; fewer are sent at a "
        "time from "
        "now on; hint: generator.connections no larger than what the server works on at once, or a longer "
        "generator.timeout_s",
        name ? "generators." : "", name ? name : "", name ? ": " : "", attempt->reason, (long long)n_flying);
}

static sg_status end_attempt(struct sg_endpoint_queue *q, int64_t id, int rank,
                             const struct sg_attempt *attempt, struct sg_answer *answer, struct sg_err *err)
{
    struct sg_queued_request *r = &q->item[id];
    int64_t row = r->row;
    r->row = 0;
    warn_of_timeouts(q, attempt);
    enum sg_request_outcome outcome = sg_limiter_done(q->limiter, sg_now_s(), id, attempt);
    if (!r->is_control)
        sg_dispatch_count_end(&q->count, outcome, attempt, answer->http_status);
    SG_TRY(sg_record_end(&q->record, row, attempt, answer, outcome, err));
    if (outcome == SG_OUTCOME_AGAIN)
        return SG_OK;
    if (outcome == SG_OUTCOME_LEFT)
        return end_request(q, r, NULL, rank, err);
    answer->attempts = sg_limiter_attempts(q->limiter, id);
    if (outcome == SG_OUTCOME_ANSWERED)
        SG_TRY(sg_record_model(&q->record, answer->model, err));
    else
        sg_answer_fail(answer, attempt->reason);
    if (outcome == SG_OUTCOME_HELD)
        return hold(r, row, attempt->kind, answer, err);
    return end_request(q, r, answer, rank, err);
}

static sg_status take_result(struct sg_endpoint_queue *q, int64_t id, int rank,
                             const struct sg_attempt *attempt, struct sg_answer *answer, struct sg_err *err)
{
    q->item[id].slot->n_flying--;
    q->item[id].slot = NULL;
    SG_TRY(end_attempt(q, id, rank, attempt, answer, err));
    return end_given_up(q, err);
}

sg_status sg_queue_result(struct sg_endpoint_queue *q, int slot, struct sg_sender_event *e,
                          struct sg_err *err)
{
    int64_t id = e->result.id;
    if (id < 0 || id >= q->n || q->item[id].slot != &q->slot[slot])
        return sg_fail(err, SG_FAILED, "rank %d answers a request that it does not have", e->rank);
    SG_TRY(sg_record_adapt(&q->record, &e->adapt, err));
    return take_result(q, id, e->rank, &e->result.attempt, &e->result.answer, err);
}

sg_status sg_queue_lost(struct sg_endpoint_queue *q, int slot, const struct sg_outcome *o, struct sg_err *err)
{
    /* What it had in flight may have been paid for. */
    sg_limiter_stop(q->limiter, o->status == SG_INPUT ? SG_INPUT : SG_STOPPED, o->reason);
    struct sg_attempt lost = sg_attempt_make();
    lost.maybe_paid = 1;
    snprintf(lost.reason, sizeof lost.reason, "rank %d ended with it in flight: %.500s", o->rank, o->reason);
    struct sg_answer none = {0};
    for (int64_t i = 0; i < q->n; i++)
        if (q->item[i].slot == &q->slot[slot])
            SG_TRY(take_result(q, i, o->rank, &lost, &none, err));
    return SG_OK;
}
