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

/* --- where teams go --- */

static void teams_lie_in_one_node(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int node[10]; /* of the ranks 0, 1, ...; -1 ends */
        int busy;     /* a rank that is not free */
        int team[4];  /* sizes; 0 ends */
        int want[10]; /* the ranks, team by team, then those that nobody takes */
    } cases[] = {
        {"one node: as they stand", {0, 0, 0, 0, -1}, -1, {2, 1}, {0, 1, 2, 3}},
        {"ranks by turns", {0, 1, 0, 1, 0, 1, -1}, -1, {2, 2}, {0, 2, 1, 3, 4, 5}},
        {"the smallest node that has room",
         {0, 0, 0, 1, 1, 2, 2, 2, 2, -1},
         -1,
         {2, 1},
         {3, 4, 0, 1, 2, 5, 6, 7, 8}},
        {"larger teams first", {0, 0, 0, 0, 1, 1, -1}, -1, {2, 4}, {4, 5, 0, 1, 2, 3}},
        {"a busy rank leaves too little", {0, 0, 1, 1, -1}, 1, {2}, {2, 3, 0}},
        {"no node has room: as few as can be", {0, 1, 1, 1, 2, 2, -1}, -1, {4, 1}, {0, 1, 2, 3, 4, 5}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sg_assignment a[4];
        int free_ranks[10], scratch[10], count[10], n_free = 0, n = 0, n_nodes = 0;
        for (int r = 0; cases[c].node[r] >= 0; r++) {
            if (r != cases[c].busy)
                free_ranks[n_free++] = r;
            n_nodes = cases[c].node[r] >= n_nodes ? cases[c].node[r] + 1 : n_nodes;
        }
        for (int first = 0; n < 4 && cases[c].team[n]; first += cases[c].team[n++])
            a[n] = (struct sg_assignment){n, first, cases[c].team[n]};
        struct sg_policy_nodes nodes = {cases[c].node, n_nodes, count};
        sg_policy_place(a, n, free_ranks, n_free, &nodes, scratch);
        for (int i = 0; i < n_free; i++)
            if (free_ranks[i] != cases[c].want[i])
                fail_msg("%s: place %d is rank %d", cases[c].what, i, free_ranks[i]);
    }
}

/* Whatever nodes and teams: each rank once, teams ascending, and none over two nodes while one has room for it as it comes. */
static void any_nodes(void **state)
{
    (void)state;
    uint64_t x = 3;
    for (int round = 0; round < 500; round++) {
        int node[64], free_ranks[64], scratch[64], count[64], seen[64] = {0}, n_free = 0, n = 0, used = 0;
        struct sg_assignment a[64];
        for (int r = 0; r < 64; r++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            node[r] = (int)((x >> 40) % (1 + (uint64_t)round % 9));
            if ((x >> 50) % 3)
                free_ranks[n_free++] = r;
        }
        while (n < 64 && used < n_free) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            int k = 1 << ((x >> 50) % 4);
            k = used + k <= n_free ? k : 1;
            a[n] = (struct sg_assignment){n, used, k};
            n++;
            used += k;
        }
        n -= round % 3 == 0 && n > 0;
        struct sg_policy_nodes nodes = {node, 9, count};
        sg_policy_place(a, n, free_ranks, n_free, &nodes, scratch);
        for (int i = 0; i < n_free; i++)
            assert_int_equal(seen[free_ranks[i]]++, 0);
        for (int i = 0; i < n; i++)
            for (int k = 1; k < a[i].n_ranks; k++)
                assert_true(free_ranks[a[i].first + k] > free_ranks[a[i].first + k - 1]);
    }
}

/* --- teams that change --- */

static void teams_grow_and_go_back(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct sg_policy_running running[3];
        int n, n_free;
        int64_t n_ready;
        int want[3];
    } cases[] = {
        {"alone", {{100, 1e9, 1, 8, 1, 0}}, 1, 7, 0, {8}},
        {"powers of two", {{100, 1e9, 1, 8, 1, 0}}, 1, 4, 0, {4}},
        {"no more than it may", {{100, 1e9, 1, 4, 1, 0}}, 1, 15, 0, {4}},
        {"the longest first", {{100, 1e9, 1, 8, 1, 0}, {90, 1e9, 1, 8, 1, 0}}, 2, 1, 0, {2, 1}},
        {"shared", {{100, 1e9, 1, 8, 1, 0}, {90, 1e9, 1, 8, 1, 0}}, 2, 6, 0, {4, 4}},
        {"too little is left", {{4, 1e9, 1, 8, 1, 0}}, 1, 7, 0, {1}},
        {"changed a moment ago", {{100, 5, 1, 8, 1, 0}}, 1, 7, 0, {1}},
        {"not known", {{-1, 1e9, 1, 8, 1, 0}}, 1, 7, 0, {1}},
        {"others wait for these ranks", {{100, 1e9, 1, 8, 1, 0}}, 1, 7, 3, {1}},
        {"back", {{100, 1, 8, 8, 2, 0}}, 1, 0, 1, {2}},
        {"back, who has most to give", {{100, 1, 4, 8, 2, 0}, {50, 1, 8, 8, 1, 0}}, 2, 0, 5, {4, 1}},
        {"back, both", {{100, 1, 4, 8, 2, 0}, {50, 1, 8, 8, 1, 0}}, 2, 0, 8, {2, 1}},
        {"free ranks are enough", {{100, 1, 8, 8, 1, 0}}, 1, 3, 3, {8}},
        {"never below what it began with", {{100, 1, 4, 8, 4, 0}}, 1, 0, 9, {4}},
        {"it ends soon", {{3, 1, 8, 8, 1, 0}}, 1, 0, 9, {8}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sg_policy_running r[3];
        int heap[3], differ = 0;
        for (int i = 0; i < 3; i++)
            r[i] = cases[c].running[i];
        int n = sg_policy_change(r, cases[c].n, cases[c].n_free, cases[c].n_ready, 2, heap);
        for (int i = 0; i < cases[c].n; i++) {
            differ += r[i].want != r[i].n_ranks;
            if (r[i].want != cases[c].want[i])
                fail_msg("%s: %d gets %d ranks", cases[c].what, i, r[i].want);
        }
        assert_int_equal(n, differ);
    }
}

/* --- estimates --- */

static void estimates_are_corrected(void **state)
{
    (void)state;
    struct sg_policy_speed none = {0}, all = {10, 100, 300}, one = {1, 10, 20}, many = {1000, 10000, 20000};
    assert_true(sg_policy_factor(&none, &none) == 1);
    assert_true(sg_policy_factor(&none, &all) == 3);  /* as the others */
    assert_true(sg_policy_factor(&one, &all) == 2.5); /* half of it its own */
    assert_true(sg_policy_factor(&many, &all) < 2.01);
    struct sg_policy_speed zero = {3, 0, 5};
    assert_true(sg_policy_factor(&zero, &all) == 3);
}

static void what_fits_before_the_end(void **state)
{
    (void)state;
    assert_true(sg_policy_fits(10, 1, 0, 10) && !sg_policy_fits(10, 1, 0, 9));
    assert_true(sg_policy_fits(19, 2, 0, 10) &&
                !sg_policy_fits(19.1, 2, 0, 10));  /* a team of two, 1.9 times as fast */
    assert_true(sg_policy_fits(1000, 1, 60, 61));  /* it will be kept */
    assert_false(sg_policy_fits(1000, 1, 60, 60)); /* but not before a minute */
    assert_false(sg_policy_fits(50, 1, 60, 49));   /* it will not: it is too short */
    assert_false(sg_policy_fits(1000, 1, 0, 900));
    assert_false(sg_policy_fits(0.1, 1, 60, 0));
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
    struct sg_simulation s = simulate(items, 1000, 10000, 2);
    double together_s = s.makespan_s;
    assert_true(s.makespan_s <= s.fixed_s * (1 + 1e-9));
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

/* The last item begins on one rank; those that are free a little later join it one after the other, and each change costs what it costs. */
static void idle_ranks_join(void **state)
{
    (void)state;
    struct sg_policy_item items[] = {
        {0, 100, 8, 0}, {1, 110, 1, 0}, {2, 109, 1, 0}, {3, 108, 1, 0}, {4, 107, 1, 0}};
    struct sg_simulation s = simulate(items, 5, 4, 2);
    /* From 107 s on alone; at 108 s two, and 99 / 2 s are left; at 130 s (ten times a change later, and looking every so often) four. */
    assert_true(s.n_changes == 2 && s.fixed_s == 207 && s.largest_team == 4 && s.n_teams == 1);
    assert_true(s.makespan_s > 108 + 99 / 4.0 + 2 * SG_POLICY_CHANGE_S &&
                s.makespan_s < 108 + 99 / 2.0 + SG_POLICY_CHANGE_S - 5);
    items[0].max_ranks = 2;
    s = simulate(items, 5, 4, 2);
    assert_true(s.n_changes == 1 && s.makespan_s > 108 + 49.5 + SG_POLICY_CHANGE_S - 1e-6 &&
                s.makespan_s < 108 + 49.5 + SG_POLICY_CHANGE_S + 1e-6);
    items[0].max_ranks = 1;
    s = simulate(items, 5, 4, 2);
    assert_true(s.n_changes == 0 && s.makespan_s == 207);
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
        cmocka_unit_test(teams_lie_in_one_node),
        cmocka_unit_test(any_nodes),
        cmocka_unit_test(teams_grow_and_go_back),
        cmocka_unit_test(estimates_are_corrected),
        cmocka_unit_test(what_fits_before_the_end),
        cmocka_unit_test(makespan_bound),
        cmocka_unit_test(idle_ranks_join),
        cmocka_unit_test(teams_shorten_the_tail),
        cmocka_unit_test(what_would_outlast_the_rest_gets_a_team),
        cmocka_unit_test(any_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
