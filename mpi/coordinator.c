#include "mpi/coordinator_impl.h"

#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t MOST_QUEUED =
    (size_t)256 << 20; /* bytes that wait to be sent: what many ranks lack at once is copied for each */
static const double TICK_S = 0.2; /* where the hooks do not say */

static int *number_nodes(const int *first_of, int n_ranks, int *n_nodes)
{
    int *of = sg_alloc((size_t)n_ranks, sizeof *of);
    *n_nodes = 0;
    for (int r = 0; of && r < n_ranks; r++)
        of[r] = first_of[r] == r ? (*n_nodes)++ : of[first_of[r]];
    return of;
}

static int create_scratch(struct sg_coordinator *c, const struct sg_coordinator_settings *s)
{
    size_t n = (size_t)s->n_ranks, n_kinds = (size_t)s->n_kinds + 1;
    c->free_ranks = sg_alloc(n, sizeof *c->free_ranks);
    c->order = sg_alloc(n, sizeof *c->order);
    c->ready = sg_alloc(n, sizeof *c->ready);
    c->assigned = sg_alloc(n, sizeof *c->assigned);
    c->running = sg_alloc(n, sizeof *c->running);
    c->running_id = sg_alloc(n, sizeof *c->running_id);
    c->heard_s = sg_alloc(n, sizeof *c->heard_s);
    c->nodes.of = number_nodes(s->first_of_node, s->n_ranks, &c->nodes.n);
    c->nodes.n_free = sg_alloc(n, sizeof *c->nodes.n_free);
    struct sg_items *items = &c->items;
    items->n_kinds = s->n_kinds;
    items->speed = sg_alloc(n_kinds, sizeof *items->speed);
    items->factor = sg_alloc(4 * n_kinds, sizeof *items->factor);
    if (!items->factor || !items->speed)
        return 0;
    items->ordered_by = items->factor + n_kinds;
    items->kind_cost_all = items->ordered_by + n_kinds;
    items->kind_cost_over = items->kind_cost_all + n_kinds;
    for (int k = 0; k < s->n_kinds; k++)
        items->factor[k] = items->ordered_by[k] = 1;
    return c->free_ranks && c->order && c->ready && c->assigned && c->running && c->running_id &&
           c->heard_s && c->nodes.of && c->nodes.n_free;
}

sg_status sg_coordinator_create(const struct sg_coordinator_settings *s, struct sg_coordinator **out,
                                struct sg_err *err)
{
    struct sg_coordinator *c = sg_alloc(1, sizeof *c);
    if (!c)
        return sg_fail_memory(err, sizeof *c);
    size_t n = (size_t)s->n_ranks;
    c->s = *s;
    c->preparing = -1;
    pthread_mutex_init(&c->items.lock, NULL);
    int ok = create_scratch(c, s);
    for (int i = 0; i < SG_N_SLOTS; i++) {
        c->holds[i] = sg_alloc(n, sizeof *c->holds[i]);
        ok = ok && c->holds[i];
        c->n_free[i] = s->n_ranks;
        for (size_t r = 0; c->holds[i] && r < n; r++)
            c->holds[i][r] = -1;
    }
    sg_status status =
        ok ? sg_part_table_create(s->n_ranks, &c->parts, err) : sg_fail_memory(err, n * sizeof *c->ready);
    if (status == SG_OK)
        *out = c;
    else
        sg_coordinator_destroy(c);
    return status;
}

void sg_coordinator_destroy(struct sg_coordinator *c)
{
    if (!c)
        return;
    sg_items_free(&c->items);
    pthread_mutex_destroy(&c->items.lock);
    for (int s = 0; s < SG_N_SLOTS; s++)
        sg_free(c->holds[s]);
    sg_part_table_destroy(c->parts);
    sg_free(c->heard_s);
    sg_free(c->free_ranks);
    sg_free(c->order);
    sg_free(c->ready);
    sg_free(c->assigned);
    sg_free(c->running);
    sg_free(c->running_id);
    sg_free((void *)(uintptr_t)c->nodes.of);
    sg_free(c->nodes.n_free);
    sg_free(c->items.speed);
    sg_free(c->items.factor);
    sg_free(c);
}

void sg_coordinator_begin(struct sg_coordinator *c, const struct sg_engine_hooks *hooks)
{
    c->hooks = hooks ? *hooks : (struct sg_engine_hooks){0};
    c->level = c->n_stopped = c->n_ended = c->n_finished = c->ending = 0;
    c->failed = SG_OK;
    c->why = (struct sg_err){0};
    c->items.busy_s = 0;
    c->end_s = c->next_look_s = 0;
    c->n_changes = 0;
    c->begin_s = c->next_tick_s = c->turn_s = sg_now_s();
    for (int r = 0; r < c->s.n_ranks; r++)
        c->heard_s[r] = c->begin_s;
}

void sg_coordinator_note(struct sg_coordinator *c, sg_status status, const struct sg_err *err,
                         const char *where)
{
    if (status == SG_OK || c->failed != SG_OK)
        return;
    int level = DRAIN;
    if (status != SG_STOPPED) {
        c->failed = status;
        level = STOP_NOW;
    }
    if (status != SG_STOPPED || !c->why.text[0]) {
        if (err->text[0])
            c->why = *err;
        else
            sg_fail(&c->why, status, "%s failed without a reason", where);
    }
    if (level > c->level)
        c->level = level;
}

/* --- handing out --- */

static int64_t n_in_state(const struct sg_items *s, enum sg_item_state state)
{
    return s->n_state[SG_SLOT_COMPUTE][state] + s->n_state[SG_SLOT_NETWORK][state];
}

int sg_coordinator_list_free(const struct sg_coordinator *c, enum sg_slot slot)
{
    int n = 0;
    for (int r = 0; r < c->s.n_ranks && n < c->n_free[slot]; r++)
        if (c->holds[slot][r] < 0)
            c->free_ranks[n++] = r;
    return n;
}

/* The message for one rank of the team. */
static struct sg_message *work_message(const struct sg_item_record *r, int64_t id, const int *ranks,
                                       int n_ranks, int i, const struct sg_buf *payload)
{
    struct sg_message *message = sg_message_new(SG_MESSAGE_WORK, id);
    if (!message)
        return NULL;
    message->head.kind = r->item.kind;
    message->head.slot = (int)r->slot;
    message->head.n_ranks = n_ranks;
    message->head.how = i == 0;
    size_t n_list = n_ranks > 1 ? (size_t)n_ranks * sizeof *ranks : 0, n_payload = i == 0 ? payload->len : 0;
    size_t skip = (n_list + 63) / 64 * 64, n_body = skip + n_payload;
    message->head.n_body = (int64_t)n_body;
    if (!n_body)
        return message;
    message->body = sg_alloc(n_body, 1);
    if (!message->body) {
        sg_message_free(message);
        return NULL;
    }
    if (n_list)
        memcpy(message->body, ranks, n_list);
    if (n_payload)
        memcpy(message->body + skip, payload->data, n_payload);
    return message;
}

static sg_status prepare(struct sg_coordinator *c, int64_t id, struct sg_buf *payload, struct sg_err *err)
{
    struct sg_item_record *r = &c->items.record[id];
    const struct sg_kind *kind = &c->s.kinds[r->item.kind];
    r->needs.n = 0;
    if (!kind->prepare)
        return SG_OK;
    c->preparing = id;
    sg_status status =
        kind->prepare(kind->context, r->item.user, payload, err); /* may add items: r is over */
    c->preparing = -1;
    return status == SG_OK ? sg_buf_check(payload, "the payload of an item", err) : status;
}

/* What goes to the i-th rank of the team: the parts that it lacks, then the work. */
static sg_status add_messages(struct sg_coordinator *c, int64_t id, const int *ranks, int n_ranks, int i,
                              const struct sg_buf *payload, struct sg_message_list *messages,
                              struct sg_err *err)
{
    const struct sg_item_record *r = &c->items.record[id];
    struct sg_message_list mine = {0};
    sg_status status = SG_OK;
    if (r->slot == SG_SLOT_COMPUTE)
        status = sg_part_table_give(c->parts, ranks[i], &r->needs, &mine, err);
    struct sg_message *work = status == SG_OK ? work_message(r, id, ranks, n_ranks, i, payload) : NULL;
    if (status == SG_OK && !work)
        status = sg_fail_memory(err, payload->len);
    if (work)
        sg_message_push(&mine, work);
    for (struct sg_message *m; (m = sg_message_pop(&mine));) {
        m->peer = ranks[i];
        sg_message_push(messages, m);
    }
    return status;
}

sg_status sg_coordinator_start(struct sg_coordinator *c, int64_t id, const int *ranks, int n_ranks,
                               struct sg_err *err)
{
    struct sg_buf payload = sg_buf_make(SG_BODY_MAX);
    struct sg_message_list messages = {0};
    sg_status status = prepare(c, id, &payload, err);
    enum sg_slot slot = c->items.record[id].slot;
    for (int i = 0; i < n_ranks && status == SG_OK; i++)
        status = add_messages(c, id, ranks, n_ranks, i, &payload, &messages, err);
    if (status == SG_OK) {
        sg_items_start(&c->items, id, ranks[0], n_ranks, sg_now_s());
        for (int i = 0; i < n_ranks; i++)
            c->holds[slot][ranks[i]] = id;
        for (struct sg_message *m; (m = sg_message_pop(&messages));)
            sg_mailbox_send_take(c->s.mailbox, m->peer, m);
        c->n_free[slot] -= n_ranks;
        const struct sg_item_record *r = &c->items.record[id];
        if (c->hooks.started)
            c->hooks.started(c->hooks.context, r->item.kind, r->item.user, ranks, n_ranks);
    } else {
        for (int i = 0; i < n_ranks; i++) /* what was to be sent is not */
            sg_part_table_forget(c->parts, ranks[i]);
    }
    sg_message_free_all(&messages);
    sg_buf_free(&payload);
    return status;
}

sg_status sg_coordinator_need(struct sg_coordinator *c, const struct sg_engine_part *part, struct sg_err *err)
{
    struct sg_item_record *r = c->preparing >= 0 ? &c->items.record[c->preparing] : NULL;
    if (!r || r->slot != SG_SLOT_COMPUTE || part->number < 0)
        return sg_fail(err, SG_FAILED, "sg_engine_need: only in `prepare` of an item of the compute slot");
    return sg_part_needs_add(&r->needs, part, err);
}

/* For the policy. While something is asked for, what is computed with the answers may not be queued yet: then nothing is known of it. */
static double cost_left(const struct sg_coordinator *c, enum sg_slot slot)
{
    const int64_t *n = c->items.n_state[SG_SLOT_NETWORK];
    if (slot != SG_SLOT_COMPUTE || n[SG_ITEM_WAITING] + n[SG_ITEM_READY] + n[SG_ITEM_RUNNING])
        return HUGE_VAL;
    return sg_items_left_s(&c->items);
}

/* What cannot end before the run's time is over, nor be kept, is left for the next run. Of a kind of which nothing has finished an estimate
 * may be wrong by any factor: it begins. */
static int fits(const struct sg_coordinator *c, const struct sg_policy_item *item, int n_ranks, double now_s)
{
    int kind = c->items.record[item->id].item.kind;
    return c->hooks.until_s <= 0 || !c->items.speed[kind].n ||
           sg_policy_fits(item->cost, n_ranks, c->s.kinds[kind].kept_after_s, c->hooks.until_s - now_s);
}

/* The time is over. Before that a run to which nothing fits any more waits: who set the limit may say first that it is there. */
static void note_time(struct sg_coordinator *c)
{
    struct sg_err err;
    if (c->level || sg_now_s() < c->hooks.until_s)
        return;
    sg_fail(&err, SG_STOPPED, "the time of this run is over; hint: the same command goes on");
    sg_coordinator_note(c, SG_STOPPED, &err, "");
}

static void hand_out(struct sg_coordinator *c, enum sg_slot slot)
{
    if (c->level || !c->n_free[slot] || !c->items.ready[slot].n)
        return;
    int n_free = sg_coordinator_list_free(c, slot);
    /* With as many ready items as free ranks the policy takes the longest of them: more need not be shown to
     * it. */
    int n_ready = sg_items_take(&c->items, slot, n_free, c->ready);
    int64_t n_unfinished = c->items.n_state[slot][SG_ITEM_WAITING] + c->items.n_state[slot][SG_ITEM_RUNNING];
    int n = sg_policy_assign(c->ready, n_ready, c->free_ranks, n_free, c->s.n_ranks, n_unfinished,
                             cost_left(c, slot), c->assigned);
    if (slot == SG_SLOT_COMPUTE)
        sg_policy_place(c->assigned, n, c->free_ranks, n_free, &c->nodes, c->order);
    double now_s = sg_now_s();
    int unfit = 0;
    for (int i = 0; i < n; i++) {
        const struct sg_assignment *a = &c->assigned[i];
        struct sg_policy_item *item = &c->ready[a->item];
        struct sg_err err = {0};
        if (c->level || atomic_load(&c->s.mailbox->n_bytes) > MOST_QUEUED)
            break; /* the rest at a later turn */
        if (slot == SG_SLOT_COMPUTE && !fits(c, item, a->n_ranks, now_s)) {
            unfit = 1;
            continue;
        }
        sg_status status = sg_coordinator_start(c, item->id, c->free_ranks + a->first, a->n_ranks, &err);
        sg_coordinator_note(c, status, &err, "prepare");
        if (status == SG_OK)
            item->id = -1;
    }
    for (int i = 0; i < n_ready; i++)
        if (c->ready[i].id >= 0)
            sg_items_put_back(&c->items, c->ready[i].id);
    if (unfit)
        note_time(c);
}

/* --- taking in --- */

static void take_event(struct sg_coordinator *c, const struct sg_message *message)
{
    struct sg_item_record *r = &c->items.record[message->head.item];
    const struct sg_kind *kind = &c->s.kinds[r->item.kind];
    struct sg_err err = {0};
    if (!kind->event || r->broken)
        return;
    sg_status status;
    if (message->head.n_body && !message->body)
        status = sg_fail_memory(&err, (unsigned long long)message->head.n_body);
    else
        status = kind->event(kind->context, r->item.user, message->body, (size_t)message->head.n_body,
                             c->s.engine, &err);
    c->items.record[message->head.item].broken = status != SG_OK && status != SG_STOPPED;
    sg_coordinator_note(c, status, &err, "event");
}

/* failed: a rank may have lacked the memory for a part, and does not say which of them. */
static void free_ranks(struct sg_coordinator *c, const struct sg_item_record *r, int64_t id, int failed)
{
    for (int i = 0, n = 0; n < r->n_ranks && i < c->s.n_ranks; i++) {
        int rank = (r->rank + i) % c->s.n_ranks; /* most often they are neighbours */
        if (c->holds[r->slot][rank] == id) {
            c->holds[r->slot][rank] = -1;
            n++;
            if (failed && r->needs.n)
                sg_part_table_forget(c->parts, rank);
        }
    }
    c->n_free[r->slot] += r->n_ranks;
}

static void take_result(struct sg_coordinator *c, struct sg_message *message)
{
    int64_t id = message->head.item;
    const struct sg_item_record *r = &c->items.record[id];
    const struct sg_kind *kind = &c->s.kinds[r->item.kind];
    struct sg_err err = {0};
    struct sg_outcome o = {.item = id,
                           .status = (sg_status)message->head.status,
                           .reason = message->head.text,
                           .result = message->body,
                           .n_result = (size_t)message->head.n_body,
                           .wall_s = r->before_s + message->head.wall_s,
                           .rank_s = r->before_rank_s + message->head.wall_s * r->n_ranks,
                           .n_ranks = r->n_ranks,
                           .rank = r->rank,
                           .n_teams = r->n_teams};
    free_ranks(c, r, id, o.status != SG_OK && o.status != SG_STOPPED);
    if (message->head.n_body && !message->body) {
        o.status = sg_fail_memory(&err, (unsigned long long)message->head.n_body);
        o.n_result = 0;
        snprintf(message->head.text, sizeof message->head.text, "%s", err.text);
    }
    int met_limit = o.status == SG_STOPPED || o.status == SG_FULL;
    if (o.status == SG_STOPPED && message->head.how && !r->broken) {
        sg_coordinator_hand_over(c, id, message->head.wall_s);
        return;
    }
    if (o.status != SG_OK && !met_limit && r->n_teams > 1 && !r->broken) {
        c->items.record[id].stays = 1;
        sg_items_unstart(&c->items, id, sg_now_s());
        return;
    }
    if (met_limit || r->broken) {
        snprintf(err.text, sizeof err.text, "%s", message->head.text);
        if (met_limit &&
            c->level < STOP_NOW) /* a limit that the work has met; else we stopped it ourselves */
            sg_coordinator_note(c, SG_STOPPED, &err, "");
        sg_items_unstart(&c->items, id, sg_now_s());
        return;
    }
    sg_status status = SG_OK;
    if (kind->done)
        status = kind->done(kind->context, r->item.user, &o, c->s.engine, &err);
    sg_coordinator_note(c, status, &err, "done");
    if (status == SG_OK || status == SG_STOPPED)
        sg_items_finish(&c->items, id, o.status != SG_OK, message->head.wall_s, sg_now_s());
    else
        sg_items_unstart(&c->items, id, sg_now_s());
}

int sg_coordinator_silent(const struct sg_coordinator *c, double after_s, struct sg_engine_silence *out)
{
    double now_s = sg_now_s(), longest_s = after_s;
    int found = 0;
    for (int r = 1; r < c->s.n_ranks; r++)
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

int sg_coordinator_held(const struct sg_coordinator *c, int rank, enum sg_slot slot,
                        struct sg_engine_held *out)
{
    int64_t item = rank >= 0 && rank < c->s.n_ranks ? c->holds[slot][rank] : -1;
    if (item < 0)
        return 0;
    const struct sg_item_record *r = &c->items.record[item];
    *out = (struct sg_engine_held){.item = item,
                                   .kind = r->item.kind,
                                   .user = r->item.user,
                                   .for_s = sg_now_s() - r->start_s,
                                   .n_ranks = r->n_ranks,
                                   .first = r->rank};
    return 1;
}

void sg_coordinator_message_take(struct sg_coordinator *c, struct sg_message *message)
{
    if (message->peer >= 0 && message->peer < c->s.n_ranks)
        c->heard_s[message->peer] = sg_now_s();
    switch (message->head.type) {
    case SG_MESSAGE_EVENT:
        take_event(c, message);
        break;
    case SG_MESSAGE_RESULT:
        take_result(c, message);
        break;
    case SG_MESSAGE_STOP_REQUEST:
        if (c->level < message->head.how)
            c->level = message->head.how >= STOP_NOW ? STOP_NOW : DRAIN;
        break;
    case SG_MESSAGE_HEARTBEAT:
        sg_coordinator_take_progress(c, message);
        break;
    case SG_MESSAGE_FINISHED:
        c->n_finished++;
        break;
    default:
        break;
    }
    sg_message_free(message);
}

/* --- ending --- */

static void tick(struct sg_coordinator *c)
{
    double now_s = sg_now_s();
    if (now_s < c->next_tick_s)
        return;
    struct sg_err err = {0};
    if (c->hooks.tick)
        sg_coordinator_note(c, c->hooks.tick(c->hooks.context, c->s.engine, &err), &err, "tick");
    c->next_tick_s = sg_now_s() + (c->hooks.tick_s > 0 ? c->hooks.tick_s : TICK_S);
}

double sg_coordinator_until_tick_s(const struct sg_coordinator *c)
{
    double left_s = c->ending ? TICK_S : c->next_tick_s - sg_now_s();
    return left_s > 0 ? left_s : 0;
}

/* One message to each rank; on want of memory the rest follows at the next turn. */
static void send_to_all(struct sg_coordinator *c, enum sg_message_type type, int *n, sg_status status,
                        const char *text)
{
    for (; *n < c->s.n_ranks; (*n)++) {
        struct sg_message *message = sg_message_new(type, 0);
        if (!message)
            return;
        message->head.status = (int)status;
        snprintf(message->head.text, sizeof message->head.text, "%s", text);
        sg_mailbox_send_take(c->s.mailbox, *n, message);
    }
}

/* What all ranks will return. */
static void conclude(struct sg_coordinator *c)
{
    int64_t n_done = n_in_state(&c->items, SG_ITEM_DONE);
    c->ending = 1;
    c->end_s = sg_now_s();
    c->end_status = c->failed;
    if (c->failed == SG_OK && n_done < c->items.n) {
        c->end_status = SG_STOPPED;
        struct sg_err why = c->why;
        sg_fail(&c->why, SG_STOPPED, "%.900s (%lld of %lld items are done)",
                why.text[0] ? why.text : "stopped as asked", (long long)n_done, (long long)c->items.n);
    }
}

/* Time in which nobody listened here is nobody's silence: a job that was suspended as a whole. */
static void forgive(struct sg_coordinator *c)
{
    double now_s = sg_now_s(), gap_s = now_s - c->turn_s;
    for (int r = 0; r < c->s.n_ranks && gap_s > 10; r++)
        c->heard_s[r] += gap_s;
    c->turn_s = now_s;
}

int sg_coordinator_turn(struct sg_coordinator *c)
{
    forgive(c);
    if (!c->ending) {
        tick(c);
        hand_out(c, SG_SLOT_COMPUTE);
        hand_out(c, SG_SLOT_NETWORK);
        sg_coordinator_look_at_teams(c);
    }
    if (c->level == STOP_NOW)
        send_to_all(c, SG_MESSAGE_STOP_NOW, &c->n_stopped, SG_OK, "");
    int nothing_left = c->level || (!c->items.ready[0].n && !c->items.ready[1].n);
    if (!c->ending && nothing_left && n_in_state(&c->items, SG_ITEM_RUNNING) == 0)
        conclude(c);
    if (c->ending)
        send_to_all(c, SG_MESSAGE_END, &c->n_ended, c->end_status, c->end_status == SG_OK ? "" : c->why.text);
    return c->n_finished == c->s.n_ranks;
}

/* --- the callers' side --- */

sg_status sg_coordinator_add(struct sg_coordinator *c, const struct sg_item *item, int64_t *id,
                             struct sg_err *err)
{
    if (item->kind < 0 || item->kind >= c->s.n_kinds)
        return sg_fail(err, SG_FAILED, "sg_engine_add: there is no kind %d", item->kind);
    return sg_items_add(&c->items, item, c->s.kinds[item->kind].slot, id, err);
}

sg_status sg_coordinator_send(struct sg_coordinator *c, int64_t item, const void *bytes, size_t n,
                              struct sg_err *err)
{
    if (item < 0 || item >= c->items.n || c->items.record[item].state != SG_ITEM_RUNNING)
        return sg_fail(err, SG_FAILED, "sg_engine_send: item %lld is not running", (long long)item);
    const struct sg_item_record *r = &c->items.record[item];
    struct sg_message *message = n <= SG_BODY_MAX ? sg_message_new(SG_MESSAGE_COMMAND, item) : NULL;
    if (message && n && !(message->body = sg_alloc(n, 1))) {
        sg_message_free(message);
        message = NULL;
    }
    if (!message)
        return sg_fail_memory(err, n);
    if (n)
        memcpy(message->body, bytes, n);
    message->head.n_body = (int64_t)n;
    message->head.slot = (int)r->slot;
    sg_mailbox_send_take(c->s.mailbox, r->rank, message);
    return SG_OK;
}

struct sg_engine_state sg_coordinator_state(struct sg_coordinator *c)
{
    struct sg_items *s = &c->items;
    pthread_mutex_lock(&s->lock);
    double now_s = c->end_s > 0 ? c->end_s : sg_now_s();
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
        .cost_all = s->cost_all,
        .left_s = sg_items_left_s(s),
        .n_changes = c->n_changes,
        .busy_s = s->busy_s + (double)s->n_busy * now_s - s->start_sum_s,
        .draining = c->level != 0,
    };
    if (c->begin_s > 0)
        state.idle_s = (now_s - c->begin_s) * c->s.n_ranks - state.busy_s;
    pthread_mutex_unlock(&s->lock);
    if (state.idle_s < 0)
        state.idle_s = 0;
    return state;
}
