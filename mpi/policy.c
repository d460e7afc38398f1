#include "mpi/policy.h"

#include "base/heap.h"

/* By priority, then longest first; equal costs by id, so that the order is the same whatever order the ready list has. */
static int before(const struct sg_policy_item *a, const struct sg_policy_item *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return a->cost > b->cost || (a->cost == b->cost && a->id < b->id);
}

static int comes_last(const struct sg_policy_item *ready, const struct sg_assignment *a,
                      const struct sg_assignment *b)
{
    return before(&ready[b->item], &ready[a->item]);
}

SG_HEAP(heap, struct sg_assignment, struct sg_policy_item, comes_last)

/* The n items that come first, sorted, one rank each. A heap in out with the one that comes last on top keeps them, without other
 * memory. */
static void choose(const struct sg_policy_item *ready, int64_t n_ready, struct sg_assignment *out, int n)
{
    int64_t n_kept = 0;
    for (int64_t i = 0; i < n_ready; i++) {
        struct sg_assignment a = {.item = i, .n_ranks = 1};
        if (n_kept < n)
            heap_push(out, &n_kept, a, ready);
        else if (before(&ready[i], &ready[out[0].item]))
            heap_replace(out, n, a, ready);
    }
    while (n_kept > 0) {
        struct sg_assignment last = heap_pop(out, &n_kept, ready);
        out[n_kept] = last;
    }
}

/* Teams for what would otherwise outlast the rest; the items that find no rank then are left out. */
static int form_teams(const struct sg_policy_item *ready, struct sg_assignment *out, int n, int n_free,
                      double share)
{
    int n_taken = 0;
    for (int i = 0; i < n; i++) {
        const struct sg_policy_item *item = &ready[out[i].item];
        double s = item->cost;
        if (n_taken == n_free)
            return i;
        while (s > share && 2 * (int64_t)out[i].n_ranks <= item->max_ranks &&
               n_taken + 2 * (int64_t)out[i].n_ranks <= n_free) {
            out[i].n_ranks *= 2;
            s /= SG_POLICY_TEAM_GAIN;
        }
        n_taken += out[i].n_ranks;
    }
    return n;
}

/* Doubles, again and again, the team that would take longest, as long as ranks are left. */
static void grow_teams(const struct sg_policy_item *ready, struct sg_assignment *out, int n, int64_t n_spare)
{
    for (;;) {
        int best = -1;
        double best_s = 0;
        for (int i = 0; i < n; i++) {
            const struct sg_policy_item *item = &ready[out[i].item];
            double s = item->cost / out[i].n_ranks;
            if (2 * (int64_t)out[i].n_ranks <= item->max_ranks && out[i].n_ranks <= n_spare &&
                (best < 0 || s > best_s)) {
                best = i;
                best_s = s;
            }
        }
        if (best < 0)
            return;
        n_spare -= out[best].n_ranks;
        out[best].n_ranks *= 2;
    }
}

int sg_policy_assign(const struct sg_policy_item *ready, int64_t n_ready, const int *free_ranks, int n_free,
                     int n_ranks_all, int64_t n_unfinished, double cost_left, struct sg_assignment *out)
{
    (void)free_ranks; /* neighbours in the list are the nearest that are free */
    int n = n_ready < n_free ? (int)n_ready : n_free;
    if (n <= 0)
        return 0;
    choose(ready, n_ready, out, n);
    n = form_teams(ready, out, n, n_free, cost_left / n_ranks_all);
    int64_t n_left_out = n_ready - n, n_taken = 0;
    for (int i = 0; i < n; i++)
        n_taken += out[i].n_ranks;

    /* Items that run now hand their busy rank to what they release; what waits beyond these will want a rank
     * that is free. */
    int64_t n_reserve = n_unfinished - (n_ranks_all - n_free);
    int64_t n_spare = (int64_t)n_free - n_taken - n_left_out - (n_reserve > 0 ? n_reserve : 0);
    if (n_spare > 0)
        grow_teams(ready, out, n, n_spare);
    for (int i = 0, first = 0; i < n; i++) {
        out[i].first = first;
        first += out[i].n_ranks;
    }
    return n;
}
