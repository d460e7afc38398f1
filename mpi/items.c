#include "mpi/items.h"

#include "base/heap.h"
#include "base/mem.h"

#include <limits.h>
#include <math.h>

/* Room for one more; *cap doubles. */
static int grow(void **p, int64_t n, int64_t *cap, size_t size)
{
    if (n < *cap)
        return 1;
    int64_t more = *cap ? 2 * *cap : 16;
    void *new = sg_realloc(*p, (size_t)more, size);
    if (!new)
        return 0;
    *p = new;
    *cap = more;
    return 1;
}

static double ordered_cost(const struct sg_items *s, int64_t id)
{
    const struct sg_item *item = &s->record[id].item;
    return s->ordered_by ? item->cost * s->ordered_by[item->kind] : item->cost;
}

double sg_items_cost(const struct sg_items *s, int64_t id)
{
    const struct sg_item *item = &s->record[id].item;
    return s->factor ? item->cost * s->factor[item->kind] : item->cost;
}

double sg_items_left_s(const struct sg_items *s)
{
    double sum = 0;
    for (int k = 0; s->factor && k < s->n_kinds; k++)
        sum += fmax(0, s->kind_cost_all[k] - s->kind_cost_over[k]) * s->factor[k];
    return sum;
}

/* By priority, longest first, then by id: the same order as the policy's. */
static int before(const struct sg_items *s, const int64_t *a, const int64_t *b)
{
    int first_a = s->record[*a].item.priority, first_b = s->record[*b].item.priority;
    if (first_a != first_b)
        return first_a > first_b;
    double cost_a = ordered_cost(s, *a), cost_b = ordered_cost(s, *b);
    return cost_a > cost_b || (cost_a == cost_b && *a < *b);
}

SG_HEAP(heap, int64_t, struct sg_items, before)

static void ready_push(struct sg_items *s, enum sg_slot slot, int64_t id)
{
    heap_push(s->ready[slot].id, &s->ready[slot].n, id, s);
}

static int64_t ready_pop(struct sg_items *s, enum sg_slot slot)
{
    return heap_pop(s->ready[slot].id, &s->ready[slot].n, s);
}

/* After a finished item. The queue is put in order again when a kind's factor has moved by a tenth: so it seldom is. */
static void correct(struct sg_items *s, int kind, double cost, double took_s)
{
    int moved = 0;
    if (!s->speed)
        return;
    s->speed[kind].n++;
    s->speed[kind].cost += cost;
    s->speed[kind].took_s += took_s;
    s->speed_all.n++;
    s->speed_all.cost += cost;
    s->speed_all.took_s += took_s;
    for (int k = 0; k < s->n_kinds; k++) {
        s->factor[k] = sg_policy_factor(&s->speed[k], &s->speed_all);
        moved |= fabs(s->factor[k] - s->ordered_by[k]) > 0.1 * s->ordered_by[k];
    }
    if (!moved)
        return;
    for (int k = 0; k < s->n_kinds; k++)
        s->ordered_by[k] = s->factor[k];
    struct sg_ready *q = &s->ready[SG_SLOT_COMPUTE];
    for (int64_t n = 0; n < q->n;) {
        int64_t id = q->id[n];
        heap_push(q->id, &n, id, s);
    }
}

static void set_state(struct sg_items *s, int64_t id, enum sg_item_state state)
{
    struct sg_item_record *r = &s->record[id];
    s->n_state[r->slot][r->state]--;
    s->n_state[r->slot][state]++;
    r->state = state;
}

static sg_status check(const struct sg_items *s, const struct sg_item *item, enum sg_slot slot,
                       struct sg_err *err)
{
    long long id = (long long)s->n;
    if (!isfinite(item->cost) || item->cost < 0)
        return sg_fail(err, SG_FAILED, "item %lld: a cost of %g makes no sense", id, item->cost);
    if (item->max_ranks < 1 || (slot == SG_SLOT_NETWORK && item->max_ranks > 1))
        return sg_fail(err, SG_FAILED, "item %lld: max_ranks is %d", id, item->max_ranks);
    for (int64_t i = 0; i < item->n_after; i++) {
        if (item->after[i] < 0 || item->after[i] >= s->n)
            return sg_fail(err, SG_FAILED, "item %lld waits for item %lld, which does not exist", id,
                           (long long)item->after[i]);
    }
    return SG_OK;
}

/* Room in the list and in its queue. */
static int reserve(struct sg_items *s, enum sg_slot slot)
{
    struct sg_ready *q = &s->ready[slot];
    void *record = s->record, *queue = q->id;
    int ok = grow(&record, s->n, &s->cap, sizeof *s->record);
    s->record = record;
    ok = ok && grow(&queue, s->n_slot[slot], &q->cap, sizeof *q->id);
    q->id = queue;
    return ok;
}

/* Enters the new item where it waits. On failure nothing is entered. */
static int follow(struct sg_items *s, const struct sg_item *item)
{
    for (int64_t i = 0; i < item->n_after; i++) {
        struct sg_item_record *r = &s->record[item->after[i]];
        if (r->state == SG_ITEM_DONE)
            continue;
        void *followers = r->followers;
        int ok = grow(&followers, r->n_followers, &r->cap_followers, sizeof *r->followers);
        r->followers = followers;
        if (ok) {
            r->followers[r->n_followers++] = s->n;
            continue;
        }
        while (i-- > 0)
            s->record[item->after[i]].n_followers -= s->record[item->after[i]].state != SG_ITEM_DONE;
        return 0;
    }
    return 1;
}

static sg_status add_locked(struct sg_items *s, const struct sg_item *item, enum sg_slot slot,
                            struct sg_err *err)
{
    SG_TRY(check(s, item, slot, err));
    if (!reserve(s, slot) || !follow(s, item))
        return sg_fail_memory(err, sizeof *s->record);
    struct sg_item_record *r = &s->record[s->n];
    *r = (struct sg_item_record){.item = *item, .slot = slot};
    r->item.after = NULL;
    r->item.max_ranks = sg_pow2_floor(item->max_ranks);
    for (int64_t i = 0; i < item->n_after; i++)
        r->n_missing += s->record[item->after[i]].state != SG_ITEM_DONE;
    r->state = r->n_missing ? SG_ITEM_WAITING : SG_ITEM_READY;
    s->n_state[slot][r->state]++;
    s->n_slot[slot]++;
    s->n++;
    if (slot == SG_SLOT_COMPUTE)
        s->cost_all += item->cost;
    if (slot == SG_SLOT_COMPUTE && s->kind_cost_all)
        s->kind_cost_all[item->kind] += item->cost;
    if (r->state == SG_ITEM_READY)
        ready_push(s, slot, s->n - 1);
    return SG_OK;
}

sg_status sg_items_add(struct sg_items *s, const struct sg_item *item, enum sg_slot slot, int64_t *id,
                       struct sg_err *err)
{
    pthread_mutex_lock(&s->lock);
    sg_status status = add_locked(s, item, slot, err);
    if (status == SG_OK && id)
        *id = s->n - 1;
    pthread_mutex_unlock(&s->lock);
    return status;
}

void sg_items_free(struct sg_items *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        sg_free(s->record[i].followers);
        sg_free(s->record[i].needs.part);
    }
    sg_free(s->record);
    sg_free(s->ready[0].id);
    sg_free(s->ready[1].id);
}

int sg_items_take(struct sg_items *s, enum sg_slot slot, int n_max, struct sg_policy_item *out)
{
    int n = 0;
    pthread_mutex_lock(&s->lock);
    for (; n < n_max && s->ready[slot].n > 0; n++) {
        int64_t id = ready_pop(s, slot);
        const struct sg_item *item = &s->record[id].item;
        out[n] = (struct sg_policy_item){
            .id = id, .cost = sg_items_cost(s, id), .max_ranks = item->max_ranks, .priority = item->priority};
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

void sg_items_put_back(struct sg_items *s, int64_t id)
{
    pthread_mutex_lock(&s->lock);
    ready_push(s, s->record[id].slot, id);
    pthread_mutex_unlock(&s->lock);
}

void sg_items_start(struct sg_items *s, int64_t id, int rank, int n_ranks, double now_s)
{
    pthread_mutex_lock(&s->lock);
    struct sg_item_record *r = &s->record[id];
    if (r->state != SG_ITEM_RUNNING) {
        r->n_teams = 0;
        r->base_ranks = n_ranks;
        r->before_s = r->before_rank_s = 0;
    }
    set_state(s, id, SG_ITEM_RUNNING);
    r->rank = rank;
    r->n_ranks = n_ranks;
    r->start_s = now_s;
    r->broken = 0;
    r->n_teams++;
    r->wanted_ranks = 0;
    r->left_at_s = 0;
    if (r->slot == SG_SLOT_COMPUTE) {
        s->n_busy += n_ranks;
        s->start_sum_s += now_s * n_ranks;
    }
    pthread_mutex_unlock(&s->lock);
}

static void leave_ranks(struct sg_items *s, const struct sg_item_record *r, double now_s)
{
    if (r->slot != SG_SLOT_COMPUTE)
        return;
    s->n_busy -= r->n_ranks;
    s->start_sum_s -= r->start_s * r->n_ranks;
    s->busy_s += (now_s - r->start_s) * r->n_ranks;
}

void sg_items_leave(struct sg_items *s, int64_t id, double wall_s, double now_s)
{
    pthread_mutex_lock(&s->lock);
    struct sg_item_record *r = &s->record[id];
    leave_ranks(s, r, now_s);
    r->before_s += wall_s;
    r->before_rank_s += wall_s * r->n_ranks;
    r->n_ranks = 0; /* nothing is counted twice */
    pthread_mutex_unlock(&s->lock);
}

void sg_items_unstart(struct sg_items *s, int64_t id, double now_s)
{
    pthread_mutex_lock(&s->lock);
    leave_ranks(s, &s->record[id], now_s);
    set_state(s, id, SG_ITEM_READY);
    ready_push(s, s->record[id].slot, id);
    pthread_mutex_unlock(&s->lock);
}

void sg_items_finish(struct sg_items *s, int64_t id, int failed, double wall_s, double now_s)
{
    pthread_mutex_lock(&s->lock);
    struct sg_item_record *r = &s->record[id];
    leave_ranks(s, r, now_s);
    set_state(s, id, SG_ITEM_DONE);
    s->n_failed += failed;
    if (r->slot == SG_SLOT_COMPUTE) {
        s->cost_over += r->item.cost;
        if (s->kind_cost_over)
            s->kind_cost_over[r->item.kind] += r->item.cost;
        if (!failed) { /* what failed early says nothing about how fast work goes */
            s->cost_done += r->item.cost;
            s->rank_s_done += r->before_rank_s + wall_s * r->n_ranks;
        }
    }
    if (r->slot == SG_SLOT_COMPUTE && !failed)
        correct(s, r->item.kind, r->item.cost, r->before_rank_s + wall_s * r->n_ranks);
    for (int64_t i = 0; i < r->n_followers; i++) {
        struct sg_item_record *f = &s->record[r->followers[i]];
        if (--f->n_missing == 0) {
            set_state(s, r->followers[i], SG_ITEM_READY);
            ready_push(s, f->slot, r->followers[i]);
        }
    }
    sg_free(r->followers);
    sg_free(r->needs.part);
    r->needs = (struct sg_part_needs){0};
    r->followers = NULL;
    r->n_followers = r->cap_followers = 0;
    pthread_mutex_unlock(&s->lock);
}
