#include "mpi/simulate.h"

#include "base/file.h"
#include "base/heap.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What runs: when it ends, and its ranks as a list that begins at `first`. */
struct running {
    double end_s, since_s, cost;
    int first, n_ranks, max_ranks;
};

static int ends_first(const void *none, const struct running *a, const struct running *b)
{
    (void)none;
    return a->end_s < b->end_s || (a->end_s == b->end_s && a->first < b->first);
}
SG_HEAP(running, struct running, void, ends_first)

struct simulator {
    struct sg_policy_item *item; /* sorted */
    int64_t n_items, next;
    int n_ranks, n_free;
    double gain, now_s, cost_left;
    int *free_rank; /* ascending */
    int *team_next; /* by rank: the next one of its team, or -1 */
    int *merged;
    struct running *heap;
    int64_t n_running;
    struct sg_assignment *assigned;
    int is_elastic;
    double next_change_s;
    struct sg_policy_running *team; /* scratch, as long as the heap */
    int *order;
};

/* As the engine's queue. */
static int by_queue(const void *x, const void *y)
{
    const struct sg_policy_item *a = x, *b = y;
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->cost != b->cost)
        return a->cost > b->cost ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

static int doublings(int n)
{
    int k = 0;
    while (n > 1) {
        n /= 2;
        k++;
    }
    return k;
}

static double duration(double cost, int n_ranks, double gain)
{
    return cost / pow(gain, doublings(n_ranks));
}

static void start(struct simulator *s, const struct sg_assignment *a, struct sg_simulation *out)
{
    const int *rank = s->free_rank + a->first;
    for (int i = 0; i < a->n_ranks; i++)
        s->team_next[rank[i]] = i + 1 < a->n_ranks ? rank[i + 1] : -1;
    const struct sg_policy_item *item = &s->item[s->next + a->item];
    running_push(s->heap, &s->n_running,
                 (struct running){.end_s = s->now_s + duration(item->cost, a->n_ranks, s->gain),
                                  .since_s = -HUGE_VAL, /* it has not been changed */
                                  .cost = item->cost,
                                  .first = rank[0],
                                  .n_ranks = a->n_ranks,
                                  .max_ranks = item->max_ranks},
                 NULL);
    out->n_teams += a->n_ranks > 1;
    out->largest_team = a->n_ranks > out->largest_team ? a->n_ranks : out->largest_team;
}

/* Hands out to what is free; the first ranks of the list are taken. */
static void hand_out(struct simulator *s, struct sg_simulation *out)
{
    int64_t n_ready = s->n_items - s->next;
    if (!s->n_free || !n_ready)
        return;
    n_ready = n_ready > s->n_free ? s->n_free : n_ready;
    double begin_s = sg_now_s();
    int n = sg_policy_assign(s->item + s->next, n_ready, s->free_rank, s->n_free, s->n_ranks, s->n_running,
                             s->cost_left, s->assigned);
    out->decide_s += sg_now_s() - begin_s;
    int n_taken = 0;
    for (int i = 0; i < n; i++) {
        start(s, &s->assigned[i], out);
        n_taken += s->assigned[i].n_ranks;
    }
    s->next += n;
    s->n_free -= n_taken;
    memmove(s->free_rank, s->free_rank + n_taken, (size_t)s->n_free * sizeof *s->free_rank);
}

/* The team of what ends next is free again: two ascending lists become one. */
static void end_one(struct simulator *s)
{
    struct running r = running_pop(s->heap, &s->n_running, NULL);
    int n = 0, i = 0;
    s->now_s = r.end_s;
    s->cost_left -= r.cost;
    for (int rank = r.first; rank >= 0; rank = s->team_next[rank]) {
        while (i < s->n_free && s->free_rank[i] < rank)
            s->merged[n++] = s->free_rank[i++];
        s->merged[n++] = rank;
    }
    while (i < s->n_free)
        s->merged[n++] = s->free_rank[i++];
    int *old = s->free_rank;
    s->free_rank = s->merged;
    s->merged = old;
    s->n_free = n;
}

static int ascending(const void *x, const void *y)
{
    const int *a = x, *b = y;
    return *a < *b ? -1 : *a > *b;
}

/* n free ranks join a team, whose list stays in order. */
static void join(struct simulator *s, struct running *r, int n)
{
    int k = 0, *rank = s->merged;
    for (int at = r->first; at >= 0; at = s->team_next[at])
        rank[k++] = at;
    memcpy(rank + k, s->free_rank, (size_t)n * sizeof *rank);
    k += n;
    qsort(rank, (size_t)k, sizeof *rank, ascending);
    for (int i = 0; i < k; i++)
        s->team_next[rank[i]] = i + 1 < k ? rank[i + 1] : -1;
    r->first = rank[0];
    s->n_free -= n;
    memmove(s->free_rank, s->free_rank + n, (size_t)s->n_free * sizeof *s->free_rank);
}

static const double LOOK_S =
    5 * SG_POLICY_CHANGE_S; /* the engine looks more often, which makes little difference */

static void change(struct simulator *s, struct sg_simulation *out)
{
    if (!s->is_elastic || !s->n_free || s->next < s->n_items || s->now_s < s->next_change_s)
        return;
    int n = (int)s->n_running;
    s->next_change_s = s->now_s + 0.5 * SG_POLICY_CHANGE_S;
    double begin_s = sg_now_s();
    for (int i = 0; i < n; i++) {
        const struct running *r = &s->heap[i];
        s->team[i] = (struct sg_policy_running){.left_s = r->end_s - s->now_s,
                                                .since_s = s->now_s - r->since_s,
                                                .n_ranks = r->n_ranks,
                                                .max_ranks = r->max_ranks,
                                                .base_ranks = r->n_ranks};
    }
    int n_changed = sg_policy_change(s->team, n, s->n_free, 0, SG_POLICY_CHANGE_S, s->order);
    out->decide_s += sg_now_s() - begin_s;
    for (int i = 0; i < n && n_changed; i++) {
        struct running *r = &s->heap[i];
        int more = s->team[i].want - r->n_ranks;
        if (!more)
            continue;
        double left = (r->end_s - s->now_s) * pow(s->gain, doublings(r->n_ranks));
        join(s, r, more);
        out->n_teams += r->n_ranks == 1;
        r->n_ranks = s->team[i].want;
        r->since_s = s->now_s;
        r->end_s = s->now_s + SG_POLICY_CHANGE_S + duration(left, r->n_ranks, s->gain);
        out->largest_team = r->n_ranks > out->largest_team ? r->n_ranks : out->largest_team;
        out->n_changes++;
    }
    int64_t n_heap = 0;
    while (n_changed && n_heap < n) { /* in order again */
        struct running r = s->heap[n_heap];
        running_push(s->heap, &n_heap, r, NULL);
    }
}

static double sum_of(const struct sg_policy_item *item, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += item[i].cost;
    return sum;
}

static double bound(const struct simulator *s)
{
    double most = sum_of(s->item, s->n_items) / s->n_ranks;
    int alone = 1;
    for (int64_t i = 0; i < s->n_items; i++) {
        int team = s->item[i].max_ranks < s->n_ranks ? s->item[i].max_ranks : s->n_ranks;
        double one = duration(s->item[i].cost, team, s->gain);
        most = one > most ? one : most;
        alone &= team == 1;
    }
    if (alone && s->n_items > s->n_ranks) {
        double two = s->item[s->n_ranks - 1].cost + s->item[s->n_ranks].cost;
        most = two > most && s->item[0].priority == s->item[s->n_items - 1].priority ? two : most;
    }
    return most;
}

/* One rank an item, as they come: to the rank that is free first. */
static double first_come(struct simulator *s, const struct sg_policy_item *items)
{
    double last = 0;
    s->n_running = 0;
    for (int64_t i = 0; i < s->n_items; i++) {
        double at = 0;
        if (s->n_running == s->n_ranks)
            at = running_pop(s->heap, &s->n_running, NULL).end_s;
        at += items[i].cost;
        running_push(s->heap, &s->n_running, (struct running){.end_s = at, .first = (int)(i % s->n_ranks)},
                     NULL);
        last = at > last ? at : last;
    }
    s->n_running = 0;
    return last;
}

static double waves(const struct simulator *s, const struct sg_policy_item *items)
{
    double last = 0;
    for (int r = 0; r < s->n_ranks; r++) {
        double sum = 0;
        for (int64_t i = r; i < s->n_items; i += s->n_ranks)
            sum += items[i].cost;
        last = sum > last ? sum : last;
    }
    return last;
}

static void play(struct simulator *s, struct sg_simulation *out)
{
    s->n_running = s->next = 0;
    s->now_s = s->next_change_s = 0;
    for (int r = 0; r < s->n_ranks; r++)
        s->free_rank[r] = r;
    s->n_free = s->n_ranks;
    s->cost_left = sum_of(s->item, s->n_items);
    hand_out(s, out);
    change(s, out);
    while (s->n_running) {
        double look_s = s->now_s + LOOK_S;
        if (s->is_elastic && s->n_free && s->next == s->n_items && s->heap[0].end_s > look_s) {
            s->now_s = look_s; /* what was changed a moment ago may be changed again */
        } else {
            end_one(s);
            hand_out(s, out);
        }
        change(s, out);
    }
    out->makespan_s = s->now_s;
    if (s->now_s > 0)
        out->idle_share = 1 - sum_of(s->item, s->n_items) / (s->now_s * s->n_ranks);
}

/* The policy, without and with teams that grow, and others. */
static void play_all(struct simulator *s, const struct sg_policy_item *items, struct sg_simulation *out)
{
    struct sg_simulation fixed = *out;
    out->bound_s = bound(s);
    out->first_come_s = first_come(s, items);
    out->waves_s = waves(s, items);
    play(s, &fixed);
    out->fixed_s = fixed.makespan_s;
    s->is_elastic = 1;
    play(s, out);
}

sg_status sg_simulate(const struct sg_policy_item *items, int64_t n_items, int n_ranks, double gain,
                      struct sg_simulation *out, struct sg_err *err)
{
    size_t n = (size_t)n_ranks;
    struct simulator s = {.n_items = n_items, .n_ranks = n_ranks, .gain = gain};
    *out = (struct sg_simulation){.n_items = n_items, .n_ranks = n_ranks, .largest_team = n_items ? 1 : 0};
    s.item = sg_alloc((size_t)n_items + 1, sizeof *s.item);
    s.free_rank = sg_alloc(n, sizeof *s.free_rank);
    s.team_next = sg_alloc(n, sizeof *s.team_next);
    s.merged = sg_alloc(n, sizeof *s.merged);
    s.heap = sg_alloc(n + 1, sizeof *s.heap);
    s.assigned = sg_alloc(n, sizeof *s.assigned);
    s.team = sg_alloc(n + 1, sizeof *s.team);
    s.order = sg_alloc(n + 1, sizeof *s.order);
    int ok = s.item && s.free_rank && s.team_next && s.merged && s.heap && s.assigned && s.team && s.order;
    if (ok) {
        memcpy(s.item, items, (size_t)n_items * sizeof *items);
        qsort(s.item, (size_t)n_items, sizeof *s.item, by_queue);
        play_all(&s, items, out);
    }
    sg_free(s.item);
    sg_free(s.free_rank);
    sg_free(s.team_next);
    sg_free(s.merged);
    sg_free(s.heap);
    sg_free(s.assigned);
    sg_free(s.team);
    sg_free(s.order);
    return ok ? SG_OK : sg_fail_memory(err, n * sizeof *s.heap);
}
