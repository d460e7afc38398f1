/* How a batch is dealt: sg_lanes_deal is the same on every rank and decides what each computes. */
#include "model/lanes.h"

#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 200, MOST_LANES = 16, C = 24 };

struct deal {
    int64_t start[MOST + 1], index[MOST], lane_of[MOST], n;
    struct sg_tokens t;
};

static int64_t cost(const struct deal *d, int64_t i)
{
    int64_t n = d->start[d->index[i] + 1] - d->start[d->index[i]];
    return n * (6 * C + n);
}

/* Examples of these lengths, in this order. */
static void make(struct deal *d, const int64_t *length, int64_t n)
{
    *d = (struct deal){.n = n};
    for (int64_t i = 0; i < n; i++) {
        d->start[i + 1] = d->start[i] + length[i];
        d->index[i] = i;
    }
    d->t = (struct sg_tokens){.n = n, .start = d->start};
}

static void deal(struct deal *d, int64_t lanes)
{
    int64_t scratch[MOST + MOST_LANES];
    memset(scratch, 0x5a, sizeof scratch); /* what it held must not matter, nor what lane_of did */
    memset(d->lane_of, 0x5a, sizeof d->lane_of);
    sg_lanes_deal(&d->t, d->index, d->n, lanes, C, d->lane_of, scratch);
}

static int64_t load(const struct deal *d, int64_t lo, int64_t hi)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < d->n; i++)
        sum += d->lane_of[i] >= lo && d->lane_of[i] < hi ? cost(d, i) : 0;
    return sum;
}

/* Both halves of lanes [lo, hi), and theirs, differ by the costliest example among them at most: when the last one went to
 * the half that then had more, that had no more than the other. */
static void check_halves(const struct deal *d, int64_t lo, int64_t hi)
{
    if (hi - lo < 2)
        return;
    int64_t mid = (lo + hi) / 2, low = load(d, lo, mid), high = load(d, mid, hi), costliest = 0;
    for (int64_t i = 0; i < d->n; i++)
        if (d->lane_of[i] >= lo && d->lane_of[i] < hi && cost(d, i) > costliest)
            costliest = cost(d, i);
    assert_true(low - high <= costliest && high - low <= costliest);
    check_halves(d, lo, mid);
    check_halves(d, mid, hi);
}

/* Deals, and checks what holds for all batches. */
static void deal_and_check(struct deal *d, int64_t lanes)
{
    deal(d, lanes);
    for (int64_t i = 0; i < d->n; i++)
        assert_in_range(d->lane_of[i], 0, lanes - 1);
    check_halves(d, 0, lanes);
    struct deal again = *d;
    again.t.start = again.start;
    deal(&again, lanes);
    assert_memory_equal(again.lane_of, d->lane_of, sizeof again.lane_of);
}

static void random_batches(void **state)
{
    (void)state;
    struct sg_rng rng = sg_rng_make(3, 0);
    for (int round = 0; round < 300; round++) {
        int64_t length[MOST], n = 1 + (int64_t)sg_rng_below(&rng, MOST);
        for (int64_t i = 0; i < n; i++)
            length[i] = 3 + (int64_t)sg_rng_below(&rng, round % 3 ? 60 : 4); /* few lengths: many are equal */
        struct deal d;
        make(&d, length, n);
        sg_rng_shuffle(&rng, d.index, n);
        for (int64_t lanes = 1; lanes <= MOST_LANES; lanes *= 2)
            deal_and_check(&d, lanes);
    }
}

/* A rank of a team of `lanes`, of half as many, ... owns a half of a half of the lanes: the deal over fewer lanes is the deal
 * over more with neighbours put together, so what a rank computes does not depend on how many lanes it cuts its part into. */
static void fewer_lanes_are_neighbours_together(void **state)
{
    (void)state;
    struct sg_rng rng = sg_rng_make(4, 0);
    int64_t length[MOST];
    for (int64_t i = 0; i < MOST; i++)
        length[i] = 3 + (int64_t)sg_rng_below(&rng, 100);
    struct deal many, few;
    make(&many, length, MOST);
    make(&few, length, MOST);
    deal(&many, MOST_LANES);
    for (int64_t lanes = 1; lanes < MOST_LANES; lanes *= 2) {
        deal(&few, lanes);
        for (int64_t i = 0; i < MOST; i++)
            assert_int_equal(few.lane_of[i], many.lane_of[i] / (MOST_LANES / lanes));
    }
}

/* Worked out by hand from the header's rule. */
static void known_deals(void **state)
{
    (void)state;
    static const struct {
        int64_t lanes, n, length[10], lane_of[10];
    } row[] = {
        {1, 3, {5, 9, 7}, {0, 0, 0}},
        {8, 1, {5}, {0}},                           /* one example: the lowest lane of all */
        {8, 0, {0}, {0}},                           /* none: a batch of nothing */
        {8, 2, {5, 5}, {0, 4}},                     /* equal: the lower half first, in their order */
        {8, 3, {5, 5, 5}, {0, 4, 2}},               /* then to the half that has less of each half */
        {4, 4, {9, 9, 9, 9}, {0, 2, 1, 3}},         /* a lane each */
        {2, 4, {3, 9, 5, 7}, {0, 0, 1, 1}},         /* costliest first: 9 | 7, 9 | 7 5, 9 3 | 7 5 */
        {2, 5, {4, 4, 300, 4, 4}, {1, 1, 0, 1, 1}}, /* one very long row has a half for itself */
        {4, 5, {4, 4, 300, 4, 4}, {2, 3, 0, 2, 3}}, /* and leaves a lane of its half empty */
        {2,
         4,
         {300, 160, 160, 10},
         {0, 1, 1, 1}},                         /* two of 160 are more tokens than 300, but less arithmetic */
        {8, 4, {40, 10, 10, 10}, {0, 4, 6, 5}}, /* a lane each, four empty */
    };
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        struct deal d;
        make(&d, row[k].length, row[k].n);
        deal_and_check(&d, row[k].lanes);
        for (int64_t i = 0; i < row[k].n; i++)
            if (d.lane_of[i] != row[k].lane_of[i])
                fail_msg("case %zu: example %d is in lane %d, not %d", k, (int)i, (int)d.lane_of[i],
                         (int)row[k].lane_of[i]);
    }
}

/* lane_of goes by the place in the batch, lengths by the example that stands there; examples may come in any order. */
static void index_says_which_examples(void **state)
{
    (void)state;
    static const int64_t length[] = {50, 3, 9, 7, 100, 5};
    struct deal d;
    make(&d, length, 6);
    d.n = 4;
    memcpy(d.index, (int64_t[]){5, 2, 1, 3}, 4 * sizeof *d.index); /* of lengths 5, 9, 3, 7 */
    deal_and_check(&d, 2);
    assert_memory_equal(d.lane_of, ((int64_t[]){1, 0, 0, 1}), 4 * sizeof *d.lane_of);
}

/* A power of two, at most 8, that leaves a lane 48 tokens of a mean batch. */
static void lanes_for_a_batch(void **state)
{
    (void)state;
    static const struct {
        int64_t n, length, batch, lanes;
    } row[] = {
        {0, 0, 16, 1},    {1, 12, 16, 1},    {1, 500, 16, 8},  {100, 12, 4, 1},   {100, 12, 7, 1},
        {100, 12, 8, 2},  {100, 12, 15, 2},  {100, 12, 16, 4}, {100, 12, 31, 4},  {100, 12, 32, 8},
        {100, 12, 64, 8}, {100, 128, 64, 8}, {4, 12, 1000, 1}, {16, 12, 1000, 4},
    };
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        int64_t length[MOST];
        for (int64_t i = 0; i < row[k].n; i++)
            length[i] = row[k].length;
        struct deal d;
        make(&d, length, row[k].n);
        assert_int_equal(sg_lanes_auto(&d.t, row[k].batch), row[k].lanes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_batches),    cmocka_unit_test(fewer_lanes_are_neighbours_together),
        cmocka_unit_test(known_deals),       cmocka_unit_test(index_says_which_examples),
        cmocka_unit_test(lanes_for_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
