#include "mpi/policy.h"

#include "base/heap.h"

#include <math.h>
#include <string.h>

/* ---- where a team goes ---- */

/* The smallest node with room for all of k ranks; else the one with the most free ranks. */
static int choose_node(const struct sg_policy_nodes *nodes, int k)
{
    int best = -1;
    for (int i = 0; i < nodes->n; i++) {
        int n = nodes->n_free[i], m = best < 0 ? 0 : nodes->n_free[best];
        if (n > 0 && (best < 0 || (n >= k ? m < k || n < m : n > m)))
            best = i;
    }
    return best;
}

/* The next team, or -1: larger ones first, equal ones as they stand. `after` is the one before. */
static int next_team(const struct sg_assignment *a, int n, int after)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        int comes =
            after < 0 || a[i].n_ranks < a[after].n_ranks || (a[i].n_ranks == a[after].n_ranks && i > after);
        if (comes && a[i].n_ranks > 1 && (best < 0 || a[i].n_ranks > a[best].n_ranks))
            best = i;
    }
    return best;
}

/* Moves up to k of the node's ranks out of the list to `to`; returns how many. */
static int take_ranks(int *list, int *n_list, const int *node_of, int node, int k, int *to)
{
    int n = 0, kept = 0;
    for (int i = 0; i < *n_list; i++) {
        if (n < k && node_of[list[i]] == node)
            to[n++] = list[i];
        else
            list[kept++] = list[i];
    }
    *n_list = kept;
    return n;
}

static void sort_ranks(int *x, int n)
{
    for (int i = 1; i < n; i++) {
        int j = i, rank = x[i];
        for (; j > 0 && x[j - 1] > rank; j--)
            x[j] = x[j - 1];
        x[j] = rank;
    }
}

void sg_policy_place(const struct sg_assignment *a, int n, int *free_ranks, int n_free,
                     const struct sg_policy_nodes *nodes, int *scratch)
{
    int team = next_team(a, n, -1), n_list = n_free, n_taken = 0;
    if (nodes->n < 2 || team < 0)
        return;
    memset(nodes->n_free, 0, (size_t)nodes->n * sizeof *nodes->n_free);
    for (int i = 0; i < n_free; i++)
        nodes->n_free[nodes->of[free_ranks[i]]]++;
    for (; team >= 0; team = next_team(a, n, team)) {
        int *to = scratch + a[team].first, got = 0;
        while (got < a[team].n_ranks) {
            int node = choose_node(nodes, a[team].n_ranks - got),
                k = take_ranks(free_ranks, &n_list, nodes->of, node, a[team].n_ranks - got, to + got);
            nodes->n_free[node] -= k;
            got += k;
        }
        sort_ranks(to, got);
    }
    int at = 0;
    for (int i = 0; i < n; i++) {
        if (a[i].n_ranks == 1)
            scratch[a[i].first] = free_ranks[at++];
        n_taken += a[i].n_ranks;
    }
    memcpy(scratch + n_taken, free_ranks + at, (size_t)(n_list - at) * sizeof *scratch);
    memcpy(free_ranks, scratch, (size_t)n_free * sizeof *free_ranks);
}

/* ---- teams that grow and shrink ---- */

static double left_with(const struct sg_policy_running *r, int n_ranks)
{
    double s = r->left_s;
    for (int n = r->n_ranks; n < n_ranks; n *= 2)
        s /= SG_POLICY_TEAM_GAIN;
    return s;
}

/* What would take longest, as wanted, comes first. */
static int takes_longer(const struct sg_policy_running *r, const int *a, const int *b)
{
    double s = left_with(&r[*a], r[*a].want), t = left_with(&r[*b], r[*b].want);
    return s > t || (s == t && *a < *b);
}
SG_HEAP(longest, int, struct sg_policy_running, takes_longer)

static int grow(struct sg_policy_running *running, int n, int n_spare, double change_s, int *heap)
{
    int64_t n_heap = 0;
    int n_changed = 0;
    for (int i = 0; i < n; i++) {
        const struct sg_policy_running *r = &running[i];
        int pays = r->left_s - left_with(r, 2 * r->n_ranks) > 2 * change_s;
        if (pays && r->since_s >= 10 * change_s && 2 * (int64_t)r->n_ranks <= r->max_ranks &&
            r->n_ranks <= n_spare)
            longest_push(heap, &n_heap, i, running);
    }
    while (n_heap > 0 && n_spare > 0) {
        int i = longest_pop(heap, &n_heap, running);
        struct sg_policy_running *r = &running[i];
        if (r->want > n_spare)
            continue;
        n_changed += r->want == r->n_ranks;
        n_spare -= r->want;
        r->want *= 2;
        if (2 * (int64_t)r->want <= r->max_ranks)
            longest_push(heap, &n_heap, i, running);
    }
    return n_changed;
}

static int shrink(struct sg_policy_running *running, int n, int64_t n_lacking, double change_s)
{
    int n_changed = 0;
    while (n_lacking > 0) {
        struct sg_policy_running *best = NULL;
        for (int i = 0; i < n; i++) {
            struct sg_policy_running *r = &running[i];
            if (r->want == r->n_ranks && r->n_ranks > r->base_ranks && r->left_s > 2 * change_s &&
                (!best || r->n_ranks - r->base_ranks > best->n_ranks - best->base_ranks))
                best = r;
        }
        if (!best)
            break;
        best->want = best->base_ranks;
        n_lacking -= best->n_ranks - best->base_ranks;
        n_changed++;
    }
    return n_changed;
}

int sg_policy_change(struct sg_policy_running *running, int n, int n_free, int64_t n_ready, double change_s,
                     int *heap)
{
    for (int i = 0; i < n; i++)
        running[i].want = running[i].n_ranks;
    if (n_ready > n_free)
        return shrink(running, n, n_ready - n_free, change_s);
    return n_ready == 0 && n_free > 0 ? grow(running, n, n_free, change_s, heap) : 0;
}

/* ---- estimates ---- */

double sg_policy_factor(const struct sg_policy_speed *kind, const struct sg_policy_speed *all)
{
    double of_all = all->cost > 0 && all->took_s > 0 ? all->took_s / all->cost : 1;
    if (kind->n < 1 || !(kind->cost > 0))
        return of_all;
    double one = kind->cost / (double)kind->n;
    return (kind->took_s + one * of_all) / (kind->cost + one);
}

int sg_policy_fits(double cost, int n_ranks, double kept_after_s, double time_s)
{
    double s = cost;
    for (int n = 1; n < n_ranks; n *= 2)
        s /= SG_POLICY_TEAM_GAIN;
    return s <= time_s || (kept_after_s > 0 && s > kept_after_s && time_s > kept_after_s);
}
