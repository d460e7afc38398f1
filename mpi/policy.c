#include "mpi/policy.h"

/* Longest first; equal costs by id, so that the order is the same whatever order the ready list has. */
static int before(const struct sg_policy_item *a, const struct sg_policy_item *b)
{
    return a->cost > b->cost || (a->cost == b->cost && a->id < b->id);
}

/* A heap in out[0..n) with the item that comes last on top: it keeps the n that come first, without other
 * memory. */
static void sift_down(const struct sg_policy_item *ready, struct sg_assignment *heap, int n, int i)
{
    for (int child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && before(&ready[heap[child].item], &ready[heap[child + 1].item]))
            child++;
        if (!before(&ready[heap[i].item], &ready[heap[child].item]))
            return;
        struct sg_assignment swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
        i = child;
    }
}

/* The n items that come first, sorted, one rank each. */
static void choose(const struct sg_policy_item *ready, int64_t n_ready, struct sg_assignment *out, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = (struct sg_assignment){.item = i, .n_ranks = 1};
    for (int i = n / 2 - 1; i >= 0; i--)
        sift_down(ready, out, n, i);
    for (int64_t i = n; i < n_ready; i++) {
        if (before(&ready[i], &ready[out[0].item])) {
            out[0].item = i;
            sift_down(ready, out, n, 0);
        }
    }
    for (int end = n - 1; end > 0; end--) {
        struct sg_assignment last = out[0];
        out[0] = out[end];
        out[end] = last;
        sift_down(ready, out, end, 0);
    }
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
                     int n_ranks_all, int64_t n_unfinished, struct sg_assignment *out)
{
    (void)free_ranks; /* neighbours in the list are the nearest that are free */
    int n = n_ready < n_free ? (int)n_ready : n_free;
    if (n <= 0)
        return 0;
    choose(ready, n_ready, out, n);

    /* Items that run now hand their busy rank to what they release; what waits beyond these will want a rank
     * that is free. */
    int64_t n_reserve = n_unfinished - (n_ranks_all - n_free);
    int64_t n_spare = (int64_t)n_free - n_ready - (n_reserve > 0 ? n_reserve : 0);
    if (n_spare > 0)
        grow_teams(ready, out, n, n_spare);
    for (int i = 0, first = 0; i < n; i++) {
        out[i].first = first;
        first += out[i].n_ranks;
    }
    return n;
}
