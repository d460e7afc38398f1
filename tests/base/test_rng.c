#include "check.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

/* Random123 1.09, tests/kat_vectors: philox4x32 with 10 rounds. */
static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void known_answers(void **state)
{
    (void)state;
    for (int i = 0; i < N_OF(known); i++) {
        uint32_t out[4];
        sg_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void a_stream_is_philox_over_its_block_number(void **state)
{
    (void)state;
    uint64_t seed = 0x299f31d0a4093822, stream = 0x0370734413198a2e;
    struct sg_rng r = sg_rng_make(seed, stream);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t counter[4] = {block, 0, 0x13198a2e, 0x03707344}, key[2] = {0xa4093822, 0x299f31d0}, out[4];
        sg_philox(counter, key, out);
        for (int i = 0; i < 4; i++)
            assert_int_equal(sg_rng_u32(&r), out[i]);
    }
    struct sg_rng a = sg_rng_make(1, 0), b = sg_rng_make(1, 1), c = sg_rng_make(2, 0), d = sg_rng_make(1, 0);
    uint64_t x = sg_rng_u64(&a);
    assert_true(x != sg_rng_u64(&b) && x != sg_rng_u64(&c) && x == sg_rng_u64(&d));
}

/* Bounds of five standard errors: the draws are fixed, so this either holds for ever or never. */
static void distributions(void **state)
{
    (void)state;
    enum { N = 200000, K = 7 };
    struct sg_rng r = sg_rng_make(20240719, 3);
    double sum = 0, squares = 0, low = 1, high = 0;
    for (int i = 0; i < N; i++) {
        double u = sg_rng_uniform(&r);
        sum += u;
        low = fmin(low, u);
        high = fmax(high, u);
    }
    assert_true(low >= 0 && high < 1 && low < 1e-4 && high > 1 - 1e-4);
    assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    sum = 0;
    for (int i = 0; i < N; i++) {
        double z = sg_rng_normal(&r);
        assert_true(isfinite(z));
        sum += z;
        squares += z * z;
    }
    assert_true(fabs(sum / N) < 5 / sqrt(N));
    assert_true(fabs(squares / N - 1) < 5 * sqrt(2.0 / N));
    int count[K] = {0};
    for (int i = 0; i < N; i++)
        count[sg_rng_below(&r, K)]++;
    for (int k = 0; k < K; k++)
        assert_true(fabs(count[k] - (double)N / K) < 5 * sqrt((double)N / K));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sg_rng_below(&r, 1), 0);
        assert_true(sg_rng_below(&r, UINT64_MAX) < UINT64_MAX);
    }
}

static void shuffles(void **state)
{
    (void)state;
    /* All 6 orders of 3 things come equally often. */
    int count[6] = {0};
    struct sg_rng r = sg_rng_make(5, 0);
    for (int i = 0; i < 60000; i++) {
        int64_t x[3] = {0, 1, 2};
        sg_rng_shuffle(&r, x, 3);
        assert_int_equal((1 << x[0]) | (1 << x[1]) | (1 << x[2]), 7);
        count[2 * x[0] + (x[1] > x[2])]++;
    }
    for (int k = 0; k < 6; k++)
        assert_true(abs(count[k] - 10000) < 500);
    int64_t one = 42;
    sg_rng_shuffle(&r, &one, 1);
    sg_rng_shuffle(&r, NULL, 0);
    assert_int_equal(one, 42);
}

static void seeds_of_text(void **state)
{
    (void)state;
    /* The first 8 bytes of SHA-256("abc"), big end first. */
    assert_true(sg_seed_of("%s", "abc") == 0xba7816bf8f01cfea);
    assert_true(sg_seed_of("pool %d", 1) != sg_seed_of("pool %d", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(a_stream_is_philox_over_its_block_number),
        cmocka_unit_test(distributions), cmocka_unit_test(shuffles),
        cmocka_unit_test(seeds_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
