/* The policy alone, and in a simulator with 10,000 virtual ranks. */
#include "base/mem.h"
#include "mpi/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static const int ranks[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void longest_first_ties_by_id(void **state)
{
    (void)state;
    struct sg_policy_item ready[] = {{7, 1, 1, 0}, {3, 5, 1, 0}, {9, 5, 1, 0}, {1, 2, 1, 0}, {2, 5, 1, 0}};
    struct sg_assignment out[3];
    assert_int_equal(sg_policy_assign(ready, 5, ranks, 3, 3, 0, out), 3);
    const int64_t want[] = {2, 3, 9};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ready[out[i].item].id, want[i]);
        assert_int_equal(out[i].first, i);
        assert_int_equal(out[i].n_ranks, 1);
    }
}

static void nothing_to_do(void **state)
{
    (void)state;
    struct sg_policy_item ready[] = {{0, 1, 4, 0}};
    struct sg_assignment out[1];
    assert_int_equal(sg_policy_assign(ready, 0, ranks, 1, 1, 0, out), 0);
    assert_int_equal(sg_policy_assign(ready, 1, ranks, 0, 1, 0, out), 0);
}

static void teams(void **state)
{
    (void)state;
    static const struct {
        int n_ready, n_free, n_all;
        int64_t n_unfinished;
        int max_ranks, want[4];
    } cases[] = {
        {1, 8, 8, 0, 8, {8}},                                  /* the last item gets all */
        {1, 8, 8, 0, 4, {4}},                                  /* but not more than it has work for */
        {1, 7, 7, 0, 8, {4}},                                  /* powers of two */
        {2, 8, 8, 0, 8, {4, 4}},                               /* shared */
        {3, 8, 8, 0, 8, {4, 2, 2}},                            /* the longest gets more (costs 10, 9, 8) */
        {4, 4, 4, 0, 8, {1, 1, 1, 1}},                         /* as many items as ranks */
        {4, 4, 8, 0, 8, {1, 1, 1, 1}}, {1, 4, 4, 100, 8, {1}}, /* others wait and will want these ranks */
        {1, 8, 8, 3, 8, {4}},                                  /* three will: room for four */
        {1, 4, 8, 4, 8, {4}},                                  /* what runs brings its own ranks */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sg_policy_item ready[4];
        struct sg_assignment out[16];
        for (int i = 0; i < cases[c].n_ready; i++)
            ready[i] = (struct sg_policy_item){i, 10 - i, cases[c].max_ranks, 0};
        int n = sg_policy_assign(ready, cases[c].n_ready, ranks, cases[c].n_free, cases[c].n_all,
                                 cases[c].n_unfinished, out);
        assert_int_equal(n, cases[c].n_ready);
        for (int i = 0, first = 0; i < n; i++) {
            assert_int_equal(ready[out[i].item].id, i);
            assert_int_equal(out[i].n_ranks, cases[c].want[i]);
            assert_int_equal(out[i].first, first);
            first += out[i].n_ranks;
            assert_true(first <= cases[c].n_free);
        }
    }
}

static void same_for_any_order(void **state)
{
    (void)state;
    struct sg_policy_item a[50], b[50];
    struct sg_assignment out_a[16], out_b[16];
    for (int i = 0; i < 50; i++)
        a[i] = (struct sg_policy_item){i, (i * 7) % 5, 4, 0};
    for (int n = 1; n <= 50; n += 7) {
        for (int i = 0; i < n; i++)
            b[i] = a[n - 1 - i];
        int n_a = sg_policy_assign(a, n, ranks, 16, 16, 0, out_a);
        assert_int_equal(sg_policy_assign(b, n, ranks, 16, 16, 0, out_b), n_a);
        for (int i = 0; i < n_a; i++) {
            assert_int_equal(a[out_a[i].item].id, b[out_b[i].item].id);
            assert_int_equal(out_a[i].n_ranks, out_b[i].n_ranks);
        }
    }
}

/* --- the simulator: virtual ranks, perfect speed-up, work that is known beforehand --- */

struct running {
    double end_s;
    int first_rank, n_ranks;
};

static int later_cost(const void *x, const void *y)
{
    const struct sg_policy_item *a = x, *b = y;
    return a->cost < b->cost ? 1 : a->cost > b->cost ? -1 : a->id < b->id ? -1 : 1;
}

/* A binary heap of what runs, the first to end on top. */
static void push(struct running *heap, int n, struct running r)
{
    for (; n > 0 && heap[(n - 1) / 2].end_s > r.end_s; n = (n - 1) / 2)
        heap[n] = heap[(n - 1) / 2];
    heap[n] = r;
}

static struct running pop(struct running *heap, int n)
{
    struct running top = heap[0], last = heap[n - 1];
    int i = 0;
    for (int child = 1; child < n - 1; child = 2 * i + 1) {
        if (child + 1 < n - 1 && heap[child + 1].end_s < heap[child].end_s)
            child++;
        if (heap[child].end_s >= last.end_s)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

/* Makespan. items are sorted; like the engine, shows the policy at most as many as ranks are free. */
static double simulate(struct sg_policy_item *items, int64_t n_items, int n_ranks)
{
    int *free_ranks = sg_alloc((size_t)n_ranks, sizeof *free_ranks);
    struct running *heap = sg_alloc((size_t)n_ranks + 1, sizeof *heap);
    int *team_of =
        sg_alloc((size_t)n_ranks, sizeof *team_of); /* the first rank of the team that has this rank, or -1 */
    struct sg_assignment *out = sg_alloc((size_t)n_ranks, sizeof *out);
    assert_true(free_ranks && heap && team_of && out);
    int n_free = n_ranks, n_running = 0;
    double now_s = 0;
    int64_t next = 0, n_done = 0;
    qsort(items, (size_t)n_items, sizeof *items, later_cost);
    for (int r = 0; r < n_ranks; r++) {
        free_ranks[r] = r;
        team_of[r] = -1;
    }
    while (n_done < n_items) {
        int64_t n_ready = n_items - next;
        if (n_ready > n_free)
            n_ready = n_free;
        int n = sg_policy_assign(items + next, n_ready, free_ranks, n_free, n_ranks, n_running, out);
        assert_int_equal(n, n_ready);
        for (int i = 0; i < n; i++) {
            int first = free_ranks[out[i].first];
            for (int k = 0; k < out[i].n_ranks; k++) {
                int r = free_ranks[out[i].first + k];
                assert_int_equal(team_of[r], -1); /* nobody works twice */
                team_of[r] = first;
            }
            double end_s = now_s + items[next + out[i].item].cost / out[i].n_ranks;
            push(heap, n_running++, (struct running){end_s, first, out[i].n_ranks});
        }
        next += n;
        struct running r = pop(heap, n_running--);
        now_s = r.end_s;
        n_done++;
        for (int k = r.first_rank, left = r.n_ranks; left > 0; k++) {
            if (team_of[k] == r.first_rank) {
                team_of[k] = -1;
                left--;
            }
        }
        n_free = 0;
        for (int k = 0; k < n_ranks && next < n_items; k++)
            if (team_of[k] < 0)
                free_ranks[n_free++] = k;
    }
    sg_free(free_ranks);
    sg_free(heap);
    sg_free(team_of);
    sg_free(out);
    return now_s;
}

/* Costs like a grid's: most cells short, a few ten times as long. */
static struct sg_policy_item *grid(int64_t n, int max_ranks, double *sum, double *longest)
{
    struct sg_policy_item *items = sg_alloc((size_t)n, sizeof *items);
    assert_non_null(items);
    uint64_t x = 1;
    *sum = *longest = 0;
    for (int64_t i = 0; i < n; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        double u = (double)(x >> 11) / 9007199254740992.0;
        items[i] = (struct sg_policy_item){i, 10 + 100 * u * u * u, max_ranks, 0};
        *sum += items[i].cost;
        if (items[i].cost > *longest)
            *longest = items[i].cost;
    }
    return items;
}

static void makespan_bound(void **state)
{
    (void)state;
    static const struct {
        int64_t n_items;
        int n_ranks;
    } cases[] = {{30000, 10000}, {10001, 10000}, {25000, 10000}, {600, 16}, {17, 16}, {5, 7}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double sum, longest;
        struct sg_policy_item *items = grid(cases[c].n_items, 1, &sum, &longest);
        int n_ranks = cases[c].n_ranks;
        double bound_s = sum / n_ranks > longest ? sum / n_ranks : longest;
        double makespan_s = simulate(items, cases[c].n_items, n_ranks);
        /* one more bound: of n+1 longest items two share a rank */
        if (cases[c].n_items > n_ranks) {
            double two = items[n_ranks - 1].cost + items[n_ranks].cost;
            bound_s = two > bound_s ? two : bound_s;
        }
        assert_true(makespan_s >= bound_s * (1 - 1e-9));
        assert_true(makespan_s <= 4.0 / 3 * bound_s);
        sg_free(items);
    }
}

static void teams_shorten_the_tail(void **state)
{
    (void)state;
    double sum, longest;
    struct sg_policy_item *items = grid(1000, 1, &sum, &longest);
    double alone_s = simulate(items, 1000, 10000);
    for (int64_t i = 0; i < 1000; i++)
        items[i].max_ranks = 16;
    double together_s = simulate(items, 1000, 10000);
    assert_true(alone_s >= longest * (1 - 1e-9));
    assert_true(together_s <= alone_s / 4);
    sg_free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_first_ties_by_id),
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(teams),
        cmocka_unit_test(same_for_any_order),
        cmocka_unit_test(makespan_bound),
        cmocka_unit_test(teams_shorten_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
