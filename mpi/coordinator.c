/* Rank 0's side of the engine: hands items out, takes events and results in, ends the run. All of it in the
 * service thread. */
#include "mpi/engine_impl.h"
#include "mpi/items.h"
#include "mpi/policy.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { DRAIN = 1, QUICK = 2 };
static const double TICK_S = 0.2; /* where the hooks do not say */

struct sg_coordinator {
    struct sg_engine *e;
    struct sg_engine_hooks hooks;
    struct sg_items items;
    int n_ranks;
    int n_free[SG_N_SLOTS];
    int64_t *holds[SG_N_SLOTS]; /* by rank: the item in its slot, or -1 */
    double *heard_s;            /* by rank: when its last mail came */

    int level;                  /* 0, DRAIN or QUICK */
    sg_status failed;           /* of a callback, or SG_OK */
    struct sg_err words;        /* why it failed, or stops */
    int n_told, n_ended, n_bye; /* ranks that were sent QUICK, were sent END, have said BYE */
    int ending;
    sg_status end_status;
    double begin_s, next_tick_s, end_s;

    /* scratch, n_ranks each */
    int *free_ranks;
    struct sg_policy_item *ready;
    struct sg_assignment *assigned;
};

sg_status sg_coordinator_create(struct sg_engine *e, struct sg_err *err)
{
    struct sg_coordinator *c = sg_alloc(1, sizeof *c);
    if (!c)
        return sg_fail_memory(err, sizeof *c);
    size_t n = (size_t)e->world.size;
    c->e = e;
    c->n_ranks = e->world.size;
    pthread_mutex_init(&c->items.lock, NULL);
    e->coordinator = c;
    c->free_ranks = sg_alloc(n, sizeof *c->free_ranks);
    c->ready = sg_alloc(n, sizeof *c->ready);
    c->assigned = sg_alloc(n, sizeof *c->assigned);
    c->heard_s = sg_alloc(n, sizeof *c->heard_s);
    int ok = c->free_ranks && c->ready && c->assigned && c->heard_s;
    for (int s = 0; s < SG_N_SLOTS; s++) {
        c->holds[s] = sg_alloc(n, sizeof *c->holds[s]);
        ok = ok && c->holds[s];
        c->n_free[s] = c->n_ranks;
        for (size_t r = 0; c->holds[s] && r < n; r++)
            c->holds[s][r] = -1;
    }
    return ok ? SG_OK : sg_fail_memory(err, n * sizeof *c->ready);
}

void sg_coordinator_destroy(struct sg_coordinator *c)
{
    if (!c)
        return;
    sg_items_free(&c->items);
    pthread_mutex_destroy(&c->items.lock);
    for (int s = 0; s < SG_N_SLOTS; s++)
        sg_free(c->holds[s]);
    sg_free(c->heard_s);
    sg_free(c->free_ranks);
    sg_free(c->ready);
    sg_free(c->assigned);
    sg_free(c);
}

void sg_coordinator_begin(struct sg_coordinator *c, const struct sg_engine_hooks *hooks)
{
    c->hooks = hooks ? *hooks : (struct sg_engine_hooks){0};
    c->level = c->n_told = c->n_ended = c->n_bye = c->ending = 0;
    c->failed = SG_OK;
    c->words = (struct sg_err){0};
    c->items.busy_s = 0;
    c->end_s = 0;
    c->begin_s = c->next_tick_s = sg_engine_clock();
    for (int r = 0; r < c->n_ranks; r++)
        c->heard_s[r] = c->begin_s;
}

/* What a callback returned. SG_STOPPED drains the run, anything else ends it; the first words stay. */
static void judge(struct sg_coordinator *c, sg_status status, const struct sg_err *err, const char *where)
{
    if (status == SG_OK || c->failed != SG_OK)
        return;
    int level = DRAIN;
    if (status != SG_STOPPED) {
        c->failed = status;
        level = QUICK;
    }
    if (status != SG_STOPPED || !c->words.text[0]) {
        if (err->text[0])
            c->words = *err;
        else
            sg_fail(&c->words, status, "%s failed without a reason", where);
    }
    if (level > c->level)
        c->level = level;
}

/* --- handing out --- */

static int list_free(const struct sg_coordinator *c, enum sg_slot slot)
{
    int n = 0;
    for (int r = 0; r < c->n_ranks && n < c->n_free[slot]; r++)
        if (c->holds[slot][r] < 0)
            c->free_ranks[n++] = r;
    return n;
}

/* The mail for one rank of the team. */
static struct sg_mail *work_mail(const struct sg_item_record *r, int64_t id, const int *ranks, int n_ranks,
                                 int i, const struct sg_buf *payload)
{
    struct sg_mail *mail = sg_mail_new(SG_MAIL_WORK, id);
    if (!mail)
        return NULL;
    mail->head.kind = r->item.kind;
    mail->head.slot = (int)r->slot;
    mail->head.n_ranks = n_ranks;
    mail->head.how = i == 0;
    size_t n_list = n_ranks > 1 ? (size_t)n_ranks * sizeof *ranks : 0, n_payload = i == 0 ? payload->len : 0;
    size_t skip = (n_list + 63) / 64 * 64, n_body = skip + n_payload;
    mail->head.n_body = (int64_t)n_body;
    if (!n_body)
        return mail;
    mail->body = sg_alloc(n_body, 1);
    if (!mail->body) {
        sg_mail_free(mail);
        return NULL;
    }
    if (n_list)
        memcpy(mail->body, ranks, n_list);
    if (n_payload)
        memcpy(mail->body + skip, payload->data, n_payload);
    return mail;
}

/* Prepares an item and sends it to its team: to all ranks of it, or to none. */
static sg_status start(struct sg_coordinator *c, int64_t id, const int *ranks, int n_ranks,
                       struct sg_err *err)
{
    const struct sg_item_record *r = &c->items.record[id];
    const struct sg_kind *kind = &c->e->kinds[r->item.kind];
    struct sg_buf payload = sg_buf_make(SG_BODY_MAX);
    struct sg_mail_list mails = {0};
    sg_status status = SG_OK;
    if (kind->prepare) {
        SG_TRY_DONE(kind->prepare(kind->context, r->item.user, &payload, err));
        SG_TRY_DONE(sg_buf_check(&payload, "the payload of an item", err));
        r = &c->items.record[id]; /* prepare may have added items */
    }
    for (int i = 0; i < n_ranks; i++) {
        struct sg_mail *mail = work_mail(r, id, ranks, n_ranks, i, &payload);
        if (!mail) {
            status = sg_fail_memory(err, payload.len);
            goto done;
        }
        sg_mail_push(&mails, mail);
    }
    sg_items_start(&c->items, id, ranks[0], n_ranks, sg_engine_clock());
    for (int i = 0; i < n_ranks; i++) {
        c->holds[r->slot][ranks[i]] = id;
        sg_post_send_take(&c->e->post, ranks[i], sg_mail_pop(&mails));
    }
    c->n_free[r->slot] -= n_ranks;
done:
    sg_mail_free_all(&mails);
    sg_buf_free(&payload);
    return status;
}

static void hand_out(struct sg_coordinator *c, enum sg_slot slot)
{
    if (c->level || !c->n_free[slot] || !c->items.ready[slot].n)
        return;
    int n_free = list_free(c, slot);
    /* With as many ready items as free ranks the policy takes the longest of them: more need not be shown to
     * it. */
    int n_ready = sg_items_take(&c->items, slot, n_free, c->ready);
    int64_t n_unfinished = c->items.n_state[slot][SG_ITEM_WAITING] + c->items.n_state[slot][SG_ITEM_RUNNING];
    int n = sg_policy_assign(c->ready, n_ready, c->free_ranks, n_free, c->n_ranks, n_unfinished, c->assigned);
    for (int i = 0; i < n; i++) {
        const struct sg_assignment *a = &c->assigned[i];
        struct sg_policy_item *item = &c->ready[a->item];
        struct sg_err err = {0};
        if (c->level)
            break;
        sg_status status = start(c, item->id, c->free_ranks + a->first, a->n_ranks, &err);
        judge(c, status, &err, "prepare");
        if (status == SG_OK)
            item->id = -1;
    }
    for (int i = 0; i < n_ready; i++)
        if (c->ready[i].id >= 0)
            sg_items_put_back(&c->items, c->ready[i].id);
}

/* --- taking in --- */

static void take_event(struct sg_coordinator *c, const struct sg_mail *mail)
{
    struct sg_item_record *r = &c->items.record[mail->head.item];
    const struct sg_kind *kind = &c->e->kinds[r->item.kind];
    struct sg_err err = {0};
    if (!kind->event || r->broken)
        return;
    sg_status status;
    if (mail->head.n_body && !mail->body)
        status = sg_fail_memory(&err, (unsigned long long)mail->head.n_body);
    else
        status = kind->event(kind->context, r->item.user, mail->body, (size_t)mail->head.n_body, c->e, &err);
    c->items.record[mail->head.item].broken = status != SG_OK && status != SG_STOPPED;
    judge(c, status, &err, "event");
}

static void free_ranks(struct sg_coordinator *c, const struct sg_item_record *r, int64_t id)
{
    for (int rank = r->rank, n = 0; n < r->n_ranks && rank < c->n_ranks; rank++) {
        if (c->holds[r->slot][rank] == id) {
            c->holds[r->slot][rank] = -1;
            n++;
        }
    }
    c->n_free[r->slot] += r->n_ranks;
}

static void take_result(struct sg_coordinator *c, struct sg_mail *mail)
{
    int64_t id = mail->head.item;
    const struct sg_item_record *r = &c->items.record[id];
    const struct sg_kind *kind = &c->e->kinds[r->item.kind];
    struct sg_err err = {0};
    struct sg_outcome o = {.item = id,
                           .status = (sg_status)mail->head.status,
                           .reason = mail->head.text,
                           .result = mail->body,
                           .n_result = (size_t)mail->head.n_body,
                           .wall_s = mail->head.wall_s,
                           .n_ranks = r->n_ranks,
                           .rank = r->rank};
    free_ranks(c, r, id);
    if (mail->head.n_body && !mail->body) {
        o.status = sg_fail_memory(&err, (unsigned long long)mail->head.n_body);
        o.n_result = 0;
        snprintf(mail->head.text, sizeof mail->head.text, "%s", err.text);
    }
    if (o.status == SG_STOPPED || r->broken) {
        snprintf(err.text, sizeof err.text, "%s", mail->head.text);
        if (o.status == SG_STOPPED &&
            c->level < QUICK) /* a limit that the work has met; else we stopped it ourselves */
            judge(c, SG_STOPPED, &err, "");
        sg_items_unstart(&c->items, id, sg_engine_clock());
        return;
    }
    sg_status status = SG_OK;
    if (kind->done)
        status = kind->done(kind->context, r->item.user, &o, c->e, &err);
    judge(c, status, &err, "done");
    if (status == SG_OK || status == SG_STOPPED)
        sg_items_finish(&c->items, id, o.status != SG_OK, o.wall_s, sg_engine_clock());
    else
        sg_items_unstart(&c->items, id, sg_engine_clock());
}

int sg_engine_silent(const struct sg_engine *e, double after_s, struct sg_engine_silence *out)
{
    const struct sg_coordinator *c = e->coordinator;
    double now_s = sg_engine_clock(), longest_s = after_s;
    int found = 0;
    for (int r = 1; c && r < c->n_ranks; r++)
        if (now_s - c->heard_s[r] >= longest_s) {
            longest_s = now_s - c->heard_s[r];
            int64_t item = c->holds[SG_SLOT_COMPUTE][r] >= 0 ? c->holds[SG_SLOT_COMPUTE][r]
                                                             : c->holds[SG_SLOT_NETWORK][r];
            *out = (struct sg_engine_silence){.rank = r, .silent_s = longest_s, .item = item, .kind = -1};
            found = 1;
        }
    if (found && out->item >= 0) {
        out->kind = c->items.record[out->item].item.kind;
        out->user = c->items.record[out->item].item.user;
    }
    return found;
}

void sg_coordinator_mail_take(struct sg_coordinator *c, struct sg_mail *mail)
{
    if (mail->peer >= 0 && mail->peer < c->n_ranks)
        c->heard_s[mail->peer] = sg_engine_clock();
    switch (mail->head.type) {
    case SG_MAIL_EVENT:
        take_event(c, mail);
        break;
    case SG_MAIL_RESULT:
        take_result(c, mail);
        break;
    case SG_MAIL_ASK:
        if (c->level < mail->head.how)
            c->level = mail->head.how >= QUICK ? QUICK : DRAIN;
        break;
    case SG_MAIL_BYE:
        c->n_bye++;
        break;
    default:
        break;
    }
    sg_mail_free(mail);
}

/* --- ending --- */

static int64_t n_in_state(const struct sg_items *s, enum sg_item_state state)
{
    return s->n_state[SG_SLOT_COMPUTE][state] + s->n_state[SG_SLOT_NETWORK][state];
}

static void tick(struct sg_coordinator *c)
{
    double now_s = sg_engine_clock();
    if (now_s < c->next_tick_s)
        return;
    struct sg_err err = {0};
    if (c->hooks.tick)
        judge(c, c->hooks.tick(c->hooks.context, c->e, &err), &err, "tick");
    c->next_tick_s = sg_engine_clock() + (c->hooks.tick_s > 0 ? c->hooks.tick_s : TICK_S);
}

double sg_coordinator_until_tick_s(const struct sg_coordinator *c)
{
    double left_s = c->ending ? TICK_S : c->next_tick_s - sg_engine_clock();
    return left_s > 0 ? left_s : 0;
}

/* One mail to each rank; on want of memory the rest follows at the next turn. */
static void tell(struct sg_coordinator *c, enum sg_mail_type type, int *n, sg_status status, const char *text)
{
    for (; *n < c->n_ranks; (*n)++) {
        struct sg_mail *mail = sg_mail_new(type, 0);
        if (!mail)
            return;
        mail->head.status = (int)status;
        snprintf(mail->head.text, sizeof mail->head.text, "%s", text);
        sg_post_send_take(&c->e->post, *n, mail);
    }
}

/* What all ranks will return. */
static void conclude(struct sg_coordinator *c)
{
    int64_t n_done = n_in_state(&c->items, SG_ITEM_DONE);
    c->ending = 1;
    c->end_s = sg_engine_clock();
    c->end_status = c->failed;
    if (c->failed == SG_OK && n_done < c->items.n) {
        c->end_status = SG_STOPPED;
        struct sg_err why = c->words;
        sg_fail(&c->words, SG_STOPPED, "%.900s (%lld of %lld items are done)",
                why.text[0] ? why.text : "stopped as asked", (long long)n_done, (long long)c->items.n);
    }
}

int sg_coordinator_turn(struct sg_coordinator *c)
{
    if (!c->ending) {
        tick(c);
        hand_out(c, SG_SLOT_COMPUTE);
        hand_out(c, SG_SLOT_NETWORK);
    }
    if (c->level == QUICK)
        tell(c, SG_MAIL_QUICK, &c->n_told, SG_OK, "");
    int nothing_left = c->level || (!c->items.ready[0].n && !c->items.ready[1].n);
    if (!c->ending && nothing_left && n_in_state(&c->items, SG_ITEM_RUNNING) == 0)
        conclude(c);
    if (c->ending)
        tell(c, SG_MAIL_END, &c->n_ended, c->end_status, c->end_status == SG_OK ? "" : c->words.text);
    return c->n_bye == c->n_ranks;
}

/* --- the callers' side --- */

sg_status sg_engine_add(struct sg_engine *e, const struct sg_item *item, int64_t *id, struct sg_err *err)
{
    if (!e->coordinator)
        return sg_fail(err, SG_FAILED, "sg_engine_add: rank %d called it, but only rank 0 may",
                       e->world.rank);
    if (item->kind < 0 || item->kind >= e->n_kinds)
        return sg_fail(err, SG_FAILED, "sg_engine_add: there is no kind %d", item->kind);
    return sg_items_add(&e->coordinator->items, item, e->kinds[item->kind].slot, id, err);
}

sg_status sg_engine_tell(struct sg_engine *e, int64_t item, const void *bytes, size_t n, struct sg_err *err)
{
    struct sg_coordinator *c = e->coordinator;
    if (!c || item < 0 || item >= c->items.n || c->items.record[item].state != SG_ITEM_RUNNING)
        return sg_fail(err, SG_FAILED, "sg_engine_tell: item %lld is not running", (long long)item);
    const struct sg_item_record *r = &c->items.record[item];
    struct sg_mail *mail = n <= SG_BODY_MAX ? sg_mail_new(SG_MAIL_TELL, item) : NULL;
    if (mail && n && !(mail->body = sg_alloc(n, 1))) {
        sg_mail_free(mail);
        mail = NULL;
    }
    if (!mail)
        return sg_fail_memory(err, n);
    if (n)
        memcpy(mail->body, bytes, n);
    mail->head.n_body = (int64_t)n;
    mail->head.slot = (int)r->slot;
    sg_post_send_take(&e->post, r->rank, mail);
    return SG_OK;
}

struct sg_engine_state sg_engine_state(const struct sg_engine *e)
{
    struct sg_coordinator *c = e->coordinator;
    if (!c)
        return (struct sg_engine_state){0};
    struct sg_items *s = &c->items;
    pthread_mutex_lock(&s->lock);
    double now_s = c->end_s > 0 ? c->end_s : sg_engine_clock();
    struct sg_engine_state state = {
        .n_items = s->n,
        .n_waiting = n_in_state(s, SG_ITEM_WAITING),
        .n_ready = n_in_state(s, SG_ITEM_READY),
        .n_running = n_in_state(s, SG_ITEM_RUNNING),
        .n_done = n_in_state(s, SG_ITEM_DONE),
        .n_failed = s->n_failed,
        .cost_left = s->cost_all > s->cost_over ? s->cost_all - s->cost_over : 0,
        .cost_done = s->cost_done,
        .rank_s_done = s->rank_s_done,
        .busy_s = s->busy_s + (double)s->n_busy * now_s - s->start_sum_s,
        .draining = c->level != 0,
    };
    if (c->begin_s > 0)
        state.idle_s = (now_s - c->begin_s) * c->n_ranks - state.busy_s;
    pthread_mutex_unlock(&s->lock);
    if (state.idle_s < 0)
        state.idle_s = 0;
    return state;
}
