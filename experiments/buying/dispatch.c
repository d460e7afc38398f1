#include "experiments/buying/dispatch_impl.h"

#include "base/mem.h"
#include "experiments/buying/endpoints.h"

/* A rank's item of work. */
struct worker_slot {
    struct sg_dispatch *dispatch;
    int number, rank; /* rank: of the job, once it is ready */
    int64_t item;
    int is_ready;
};

struct sg_dispatch {
    struct sg_dispatch_settings s;
    struct sg_budget budget;
    struct sg_engine *engine;
    int kind;
    struct sg_endpoint_queue *queue; /* (s.n_generators) */
    struct worker_slot *slot;        /* (n_slots) */
    int n_slots, is_open, is_closing;
};

/* A rank without a connection has no work. */
static int count_slots(const struct sg_dispatch_settings *s)
{
    int64_t most = 0;
    for (int g = 0; g < s->n_generators; g++)
        most = s->generator[g].connections > most ? s->generator[g].connections : most;
    return most < s->n_ranks ? (int)most : s->n_ranks;
}

sg_status sg_dispatch_cost(struct sg_ledger *l, double *usd, struct sg_err *err)
{
    struct sg_ledger_totals totals;
    struct sg_ledger_unsettled unsettled;
    SG_TRY(sg_ledger_totals(l, &totals, err));
    SG_TRY(sg_ledger_unsettled(l, &unsettled, err));
    *usd = totals.paid_usd + unsettled.usd;
    return SG_OK;
}

static sg_status make_queues(struct sg_dispatch *d, struct sg_err *err)
{
    d->budget = (struct sg_budget){.budget_usd = d->s.budget_usd};
    SG_TRY(sg_dispatch_cost(d->s.ledger, &d->budget.spent_usd, err));
    for (int g = 0; g < d->s.n_generators; g++)
        SG_TRY(
            sg_queue_create(&d->queue[g], &d->s.generator[g], g, d->s.ledger, &d->budget, d->n_slots, err));
    return SG_OK;
}

sg_status sg_dispatch_create(const struct sg_dispatch_settings *s, struct sg_dispatch **out,
                             struct sg_err *err)
{
    struct sg_dispatch *d = sg_alloc(1, sizeof *d);
    if (!d)
        return sg_fail_memory(err, sizeof *d);
    d->s = *s;
    d->n_slots = count_slots(s);
    d->queue = sg_alloc((size_t)s->n_generators, sizeof *d->queue);
    d->slot = sg_alloc((size_t)d->n_slots, sizeof *d->slot);
    sg_status status =
        d->queue && d->slot ? make_queues(d, err) : sg_fail_memory(err, (size_t)d->n_slots * sizeof *d->slot);
    if (status == SG_OK)
        *out = d;
    else
        sg_dispatch_destroy(d);
    return status;
}

void sg_dispatch_destroy(struct sg_dispatch *d)
{
    if (!d)
        return;
    for (int g = 0; d->queue && g < d->s.n_generators; g++)
        sg_queue_destroy(&d->queue[g]);
    sg_free(d->queue);
    sg_free(d->slot);
    sg_free(d);
}

void sg_dispatch_listen(struct sg_dispatch *d, sg_dispatch_over over, void *context)
{
    for (int g = 0; g < d->s.n_generators; g++) {
        d->queue[g].over = over;
        d->queue[g].context = context;
    }
}

void sg_dispatch_attach(struct sg_dispatch *d, struct sg_engine *e, int kind,
                        const struct sg_endpoints *endpoints)
{
    d->engine = e;
    d->kind = kind;
    for (int g = 0; g < d->s.n_generators; g++) {
        d->queue[g].engine = e;
        d->queue[g].record.origin = endpoints->endpoint[g].origin;
    }
}

/* ---- the ranks' work ---- */

static sg_status open_slots(struct sg_dispatch *d, struct sg_err *err)
{
    for (int i = 0; i < d->n_slots; i++) {
        d->slot[i] = (struct worker_slot){.dispatch = d, .number = i};
        struct sg_item item = {.kind = d->kind, .cost = 1, .max_ranks = 1, .user = &d->slot[i]};
        SG_TRY(sg_engine_add(d->engine, &item, &d->slot[i].item, err));
    }
    d->is_open = 1;
    return SG_OK;
}

sg_status sg_dispatch_add_take(struct sg_dispatch *d, int generator, int64_t consumer, struct sg_request *q,
                               struct sg_err *err)
{
    if (!d->is_open)
        SG_TRY(open_slots(d, err));
    return sg_queue_add_take(&d->queue[generator], consumer, q, err);
}

void sg_dispatch_expect(struct sg_dispatch *d, int generator, int by)
{
    d->queue[generator].n_expected += by;
}

static void leave_queues(struct worker_slot *s)
{
    s->is_ready = 0;
    for (int g = 0; g < s->dispatch->s.n_generators; g++)
        sg_queue_slot(&s->dispatch->queue[g], s->number, s->item, s->rank, 0);
}

static sg_status close_slot(struct worker_slot *s, struct sg_err *err)
{
    leave_queues(s);
    return sg_sender_command_end(s->dispatch->engine, s->item, err);
}

static sg_status close_slots(struct sg_dispatch *d, struct sg_err *err)
{
    d->is_closing = 1;
    for (int i = 0; i < d->n_slots; i++)
        if (d->slot[i].is_ready)
            SG_TRY(close_slot(&d->slot[i], err));
    return SG_OK;
}

sg_status sg_dispatch_turn(struct sg_dispatch *d, struct sg_err *err)
{
    int64_t n_left = 0;
    if (!d->is_open || d->is_closing)
        return SG_OK;
    for (int g = 0; g < d->s.n_generators; g++)
        SG_TRY(sg_queue_turn(&d->queue[g], err));
    for (int g = 0; g < d->s.n_generators;
         g++) { /* after all turns: one may have asked for more of another */
        struct sg_limiter_state s = sg_limiter_state(d->queue[g].limiter);
        n_left += s.n_waiting + s.n_flying + (s.dead == SG_OK ? d->queue[g].n_expected : 0);
    }
    return n_left ? SG_OK : close_slots(d, err);
}

/* ---- the engine's callbacks ---- */

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)result;
    return sg_sender_work(context, w, err);
}

static sg_status take_event(struct worker_slot *slot, struct sg_sender_event *e, struct sg_err *err)
{
    struct sg_dispatch *d = slot->dispatch;
    int is_last = e->generator == d->s.n_generators - 1; /* of what a rank reports when it is ready */
    if (e->generator < 0 || e->generator >= d->s.n_generators)
        return sg_fail(err, SG_FAILED, "rank %d answers for a generator that there is not", e->rank);
    if (!e->capacity)
        return sg_queue_result(&d->queue[e->generator], slot->number, e, err);
    if (d->is_closing)
        return is_last ? close_slot(slot, err) : SG_OK;
    slot->is_ready = is_last;
    slot->rank = e->rank;
    sg_queue_slot(&d->queue[e->generator], slot->number, slot->item, e->rank, e->capacity);
    return SG_OK;
}

static sg_status on_event(void *context, void *user, const void *bytes, size_t n, struct sg_engine *engine,
                          struct sg_err *err)
{
    struct sg_sender_event e;
    (void)context, (void)engine;
    SG_TRY(sg_sender_event_read(bytes, n, &e, err));
    sg_status status = take_event(user, &e, err);
    sg_answer_free(&e.result.answer);
    return status;
}

static sg_status on_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *engine,
                         struct sg_err *err)
{
    struct worker_slot *slot = user;
    struct sg_dispatch *d = slot->dispatch;
    (void)context, (void)engine;
    leave_queues(slot);
    for (int g = 0; o->status != SG_OK && g < d->s.n_generators; g++)
        SG_TRY(sg_queue_lost(&d->queue[g], slot->number, o, err));
    return SG_OK;
}

struct sg_kind sg_dispatch_kind(struct sg_sender *sender)
{
    return (struct sg_kind){.name = "completions",
                            .slot = SG_SLOT_NETWORK,
                            .work = work,
                            .done = on_done,
                            .event = on_event,
                            .context = sender};
}

/* ---- the end ---- */

void sg_dispatch_stop_generator(struct sg_dispatch *d, int generator, const char *why)
{
    sg_limiter_stop(d->queue[generator].limiter, SG_STOPPED, why);
}

void sg_dispatch_stop(struct sg_dispatch *d, const char *why)
{
    for (int g = 0; g < d->s.n_generators; g++)
        sg_dispatch_stop_generator(d, g, why);
}

void sg_dispatch_hold(struct sg_dispatch *d, int generator, int is_held)
{
    d->queue[generator].is_held = is_held;
}

int sg_dispatch_is_closed(const struct sg_dispatch *d)
{
    return d->is_closing;
}

int sg_dispatch_is_open(const struct sg_dispatch *d, int generator)
{
    return sg_limiter_state(d->queue[generator].limiter).dead == SG_OK;
}

sg_status sg_dispatch_outcome(const struct sg_dispatch *d, struct sg_err *err)
{
    const struct sg_generator *of = NULL;
    struct sg_limiter_state worst = {.dead = SG_OK};
    for (int g = 0; g < d->s.n_generators; g++) {
        struct sg_limiter_state s = sg_limiter_state(d->queue[g].limiter);
        if (s.dead != SG_OK && (worst.dead == SG_OK || (worst.dead != SG_INPUT && s.dead == SG_INPUT))) {
            worst = s;
            of = &d->s.generator[g];
        }
    }
    if (worst.dead == SG_OK)
        return SG_OK;
    return of->name ? sg_fail(err, worst.dead, "generators.%s: %s", of->name, worst.why)
                    : sg_fail(err, worst.dead, "%s", worst.why);
}

struct sg_dispatch_count sg_dispatch_counted(const struct sg_dispatch *d, int generator)
{
    return d->queue[generator].count;
}

int64_t sg_dispatch_in_flight(const struct sg_dispatch *d, int rank)
{
    int64_t n = 0;
    for (int g = 0; g < d->s.n_generators; g++)
        for (int i = 0; i < d->queue[g].n_slots; i++)
            if (rank < 0 || d->queue[g].slot[i].rank == rank)
                n += d->queue[g].slot[i].n_flying;
    return n;
}

double sg_dispatch_spent_usd(const struct sg_dispatch *d)
{
    return d->budget.spent_usd;
}
