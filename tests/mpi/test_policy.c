/* The policy alone, and in a simulator with 10,000 virtual ranks. */
#include "base/mem.h"
#include "mpi/simulate.h"

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
    assert_int_equal(sg_policy_assign(ready, 5, ranks, 3, 3, 0, 1e9, out), 3);
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
    assert_int_equal(sg_policy_assign(ready, 0, ranks, 1, 1, 0, 1e9, out), 0);
    assert_int_equal(sg_policy_assign(ready, 1, ranks, 0, 1, 0, 1e9, out), 0);
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
                                 cases[c].n_unfinished, 1e9, out);
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
        int n_a = sg_policy_assign(a, n, ranks, 16, 16, 0, 100, out_a);
        assert_int_equal(sg_policy_assign(b, n, ranks, 16, 16, 0, 100, out_b), n_a);
        for (int i = 0; i < n_a; i++) {
            assert_int_equal(a[out_a[i].item].id, b[out_b[i].item].id);
            assert_int_equal(out_a[i].n_ranks, out_b[i].n_ranks);
        }
    }
}

/* --- the simulator (mpi/simulate.h) --- */

static struct sg_simulation simulate(const struct sg_policy_item *items, int64_t n_items, int n_ranks,
                                     double gain)
{
    struct sg_simulation out;
    struct sg_err err = {0};
    assert_int_equal(sg_simulate(items, n_items, n_ranks, gain, &out, &err), SG_OK);
    assert_int_equal(out.n_items, n_items);
    assert_true(out.makespan_s >= out.bound_s * (1 - 1e-9));
    return out;
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
        struct sg_simulation s = simulate(items, cases[c].n_items, n_ranks, 2);
        assert_true(s.bound_s >= (sum / n_ranks > longest ? sum / n_ranks : longest));
        assert_true(s.makespan_s <= 4.0 / 3 * s.bound_s);
        assert_true(s.first_come_s >= s.makespan_s && s.waves_s >= s.makespan_s);
        sg_free(items);
    }
}

static void teams_shorten_the_tail(void **state)
{
    (void)state;
    double sum, longest;
    struct sg_policy_item *items = grid(1000, 1, &sum, &longest);
    double alone_s = simulate(items, 1000, 10000, 2).makespan_s;
    for (int64_t i = 0; i < 1000; i++)
        items[i].max_ranks = 16;
    double together_s = simulate(items, 1000, 10000, 2).makespan_s;
    assert_true(alone_s >= longest * (1 - 1e-9));
    assert_true(together_s <= alone_s / 4);
    sg_free(items);
}

/* One item of ten times the others' cost, and more of these than ranks: alone it would end last. */
static void what_would_outlast_the_rest_gets_a_team(void **state)
{
    (void)state;
    struct sg_policy_item ready[8] = {{0, 100, 8, 0}};
    struct sg_assignment out[8];
    for (int i = 1; i < 8; i++)
        ready[i] = (struct sg_policy_item){i, 10, 8, 0};
    double left = 100 + 20 * 10; /* 12 more wait */
    int n = sg_policy_assign(ready, 8, ranks, 8, 8, 12, left, out);
    assert_int_equal(n, 5); /* 300 / 8 = 37.5: a team of 4 takes 28, and 4 others find a rank */
    assert_int_equal(ready[out[0].item].id, 0);
    assert_int_equal(out[0].n_ranks, 4);
    for (int i = 1; i < n; i++) {
        assert_int_equal(out[i].n_ranks, 1);
        assert_int_equal(out[i].first, 3 + i);
    }
    ready[0].max_ranks = 2;
    assert_int_equal(sg_policy_assign(ready, 8, ranks, 8, 8, 12, left, out), 7);
    assert_int_equal(out[0].n_ranks, 2);
    ready[0].max_ranks = 8;
    assert_int_equal(sg_policy_assign(ready, 8, ranks, 3, 8, 12, left, out), 2); /* what is free */
    assert_int_equal(out[0].n_ranks, 2);

    double sum, longest;
    struct sg_policy_item *items = grid(450, 8, &sum, &longest);
    items[7].cost = 5 * longest;
    struct sg_simulation s = simulate(items, 450, 128, SG_POLICY_TEAM_GAIN);
    assert_true(s.n_teams > 0 && s.makespan_s < 0.5 * items[7].cost &&
                s.first_come_s > items[7].cost * (1 - 1e-9));
    sg_free(items);
}

/* Whatever the items, all are done once, and a team has no more ranks than it may. */
static void any_items(void **state)
{
    (void)state;
    uint64_t x = 7;
    for (int round = 0; round < 300; round++) {
        struct sg_policy_item items[60];
        int64_t n = 0;
        int n_ranks = 1 + round % 37, most = 1;
        double sum = 0;
        for (; n < round % 60; n++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            items[n] =
                (struct sg_policy_item){n, (double)(x >> 60), 1 << ((x >> 50) % 5), (int)((x >> 40) % 2)};
            most = items[n].max_ranks > most ? items[n].max_ranks : most;
            sum += items[n].cost;
        }
        struct sg_simulation s = simulate(items, n, n_ranks, 1.5);
        assert_true(s.largest_team <= most && s.largest_team <= n_ranks &&
                    s.makespan_s <= sum * (1 + 1e-9) + 1e-9);
    }
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
        cmocka_unit_test(what_would_outlast_the_rest_gets_a_team),
        cmocka_unit_test(any_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
