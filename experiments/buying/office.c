#include "experiments/buying/office.h"

#include "base/mem.h"

/* A rank's work. */
struct place {
    struct sg_office *office;
    int number, rank; /* rank: of the job, once it is ready */
    int64_t item;
    int is_ready;
};

struct sg_office {
    struct sg_office_settings s;
    struct sg_budget budget;
    struct sg_engine *engine;
    struct sg_desk **desk; /* (s.n_generators) */
    struct place *place;   /* (n_places) */
    int n_places, is_open, is_closing;
};

/* A rank without a connection has no work. */
static int count_places(const struct sg_office_settings *s)
{
    int64_t most = 0;
    for (int g = 0; g < s->n_generators; g++)
        most = s->generator[g].connections > most ? s->generator[g].connections : most;
    return most < s->n_ranks ? (int)most : s->n_ranks;
}

sg_status sg_office_cost(struct sg_ledger *l, double *usd, struct sg_err *err)
{
    struct sg_ledger_totals totals;
    struct sg_ledger_unsettled unsettled;
    SG_TRY(sg_ledger_totals(l, &totals, err));
    SG_TRY(sg_ledger_unsettled(l, &unsettled, err));
    *usd = totals.paid_usd + unsettled.usd;
    return SG_OK;
}

static sg_status open_desks(struct sg_office *o, struct sg_err *err)
{
    o->budget = (struct sg_budget){.budget_usd = o->s.budget_usd};
    SG_TRY(sg_office_cost(o->s.ledger, &o->budget.spent_usd, err));
    for (int g = 0; g < o->s.n_generators; g++)
        SG_TRY(sg_desk_create(&(struct sg_desk_settings){.generator = &o->s.generator[g],
                                                         .number = g,
                                                         .ledger = o->s.ledger,
                                                         .budget = &o->budget,
                                                         .n_seats = o->n_places,
                                                         .over = o->s.over,
                                                         .context = o->s.context},
                              &o->desk[g], err));
    return SG_OK;
}

sg_status sg_office_create(const struct sg_office_settings *s, struct sg_office **out, struct sg_err *err)
{
    struct sg_office *o = sg_alloc(1, sizeof *o);
    if (!o)
        return sg_fail_memory(err, sizeof *o);
    o->s = *s;
    o->n_places = count_places(s);
    o->desk = sg_alloc((size_t)s->n_generators, sizeof(struct sg_desk *));
    o->place = sg_alloc((size_t)o->n_places, sizeof *o->place);
    sg_status status = o->desk && o->place ? open_desks(o, err)
                                           : sg_fail_memory(err, (size_t)o->n_places * sizeof *o->place);
    if (status != SG_OK) {
        sg_office_destroy(o);
        return status;
    }
    *out = o;
    return SG_OK;
}

void sg_office_destroy(struct sg_office *o)
{
    if (!o)
        return;
    for (int g = 0; o->desk && g < o->s.n_generators; g++)
        sg_desk_destroy(o->desk[g]);
    sg_free(o->desk);
    sg_free(o->place);
    sg_free(o);
}

void sg_office_attach(struct sg_office *o, struct sg_engine *e, const struct sg_endpoint *endpoint)
{
    o->engine = e;
    for (int g = 0; g < o->s.n_generators; g++)
        sg_desk_attach(o->desk[g], e, endpoint[g].origin);
}

static sg_status open_places(struct sg_office *o, struct sg_err *err)
{
    for (int i = 0; i < o->n_places; i++) {
        o->place[i] = (struct place){.office = o, .number = i};
        struct sg_item item = {.kind = o->s.kind, .cost = 1, .max_ranks = 1, .user = &o->place[i]};
        SG_TRY(sg_engine_add(o->engine, &item, &o->place[i].item, err));
    }
    o->is_open = 1;
    return SG_OK;
}

sg_status sg_office_ask_take(struct sg_office *o, int generator, int64_t owner, struct sg_request *q,
                             struct sg_err *err)
{
    if (!o->is_open)
        SG_TRY(open_places(o, err));
    return sg_desk_ask_take(o->desk[generator], owner, q, err);
}

static void leave_desks(const struct place *p)
{
    for (int g = 0; g < p->office->s.n_generators; g++)
        sg_desk_seat(p->office->desk[g], p->number, p->item, p->rank, 0);
}

static sg_status close_place(struct place *p, struct sg_err *err)
{
    p->is_ready = 0;
    leave_desks(p);
    return sg_engine_send(p->office->engine, p->item, NULL, 0, err);
}

sg_status sg_office_turn(struct sg_office *o, struct sg_err *err)
{
    int64_t n_left = 0;
    if (!o->is_open || o->is_closing)
        return SG_OK;
    for (int g = 0; g < o->s.n_generators; g++)
        SG_TRY(sg_desk_turn(o->desk[g], err));
    for (int g = 0; g < o->s.n_generators;
         g++) { /* after all turns: one may have asked for more of another */
        struct sg_limiter_state s = sg_desk_look(o->desk[g]);
        n_left += s.n_waiting + s.n_flying;
    }
    if (n_left)
        return SG_OK;
    o->is_closing = 1;
    for (int i = 0; i < o->n_places; i++)
        if (o->place[i].is_ready)
            SG_TRY(close_place(&o->place[i], err));
    return SG_OK;
}

sg_status sg_office_event(void *user, const void *bytes, size_t n, struct sg_err *err)
{
    struct place *p = user;
    struct sg_office *o = p->office;
    struct sg_buy_event e;
    SG_TRY(sg_buy_event(bytes, n, &e, err));
    sg_status status = SG_OK;
    int is_last = e.generator == o->s.n_generators - 1; /* of what a rank says when it is ready */
    if (e.generator < 0 || e.generator >= o->s.n_generators)
        status = sg_fail(err, SG_FAILED, "rank %d answers for a generator that there is not", e.rank);
    else if (!e.room)
        status = sg_desk_result(o->desk[e.generator], p->number, &e, err);
    else if (!o->is_closing) {
        p->is_ready = is_last;
        p->rank = e.rank;
        sg_desk_seat(o->desk[e.generator], p->number, p->item, e.rank, e.room);
    } else if (is_last)
        status = close_place(p, err);
    sg_answer_free(&e.result.answer);
    return status;
}

sg_status sg_office_done(void *user, const struct sg_outcome *outcome, struct sg_err *err)
{
    struct place *p = user;
    p->is_ready = 0;
    leave_desks(p);
    for (int g = 0; outcome->status != SG_OK && g < p->office->s.n_generators; g++)
        SG_TRY(sg_desk_lost(p->office->desk[g], p->number, outcome, err));
    return SG_OK;
}

void sg_office_stop(struct sg_office *o, const char *why)
{
    for (int g = 0; g < o->s.n_generators; g++)
        sg_desk_stop(o->desk[g], why);
}

void sg_office_stop_generator(struct sg_office *o, int generator, const char *why)
{
    sg_desk_stop(o->desk[generator], why);
}

int sg_office_is_open(const struct sg_office *o, int generator)
{
    return sg_desk_look(o->desk[generator]).dead == SG_OK;
}

sg_status sg_office_verdict(const struct sg_office *o, struct sg_err *err)
{
    const struct sg_generator *of = NULL;
    struct sg_limiter_state worst = {.dead = SG_OK};
    for (int g = 0; g < o->s.n_generators; g++) {
        struct sg_limiter_state s = sg_desk_look(o->desk[g]);
        if (s.dead != SG_OK && (worst.dead == SG_OK || (worst.dead != SG_INPUT && s.dead == SG_INPUT))) {
            worst = s;
            of = &o->s.generator[g];
        }
    }
    if (worst.dead == SG_OK)
        return SG_OK;
    return of->name ? sg_fail(err, worst.dead, "generators.%s: %s", of->name, worst.why)
                    : sg_fail(err, worst.dead, "%s", worst.why);
}

struct sg_desk_count sg_office_counted(const struct sg_office *o, int generator)
{
    return sg_desk_counted(o->desk[generator]);
}

double sg_office_spent_usd(const struct sg_office *o)
{
    return o->budget.spent_usd;
}
