#include "check.h"

#include "base/hash.h"

static uint64_t hash_of(const struct sg_hash_key *key, const char *text)
{
    uint64_t h = 0;
    for (; *text; text++)
        h = sg_hash_more(key, h, (unsigned char)*text);
    return h;
}

/* The sum modulo 2^61 - 1 by doubling alone: no product that could leave 64 bits. */
static uint64_t slow_product(uint64_t a, uint64_t b)
{
    const uint64_t p = ((uint64_t)1 << 61) - 1;
    uint64_t sum = 0;
    for (a %= p; b; b >>= 1, a = 2 * a % p)
        if (b & 1)
            sum = (sum + a) % p;
    return sum;
}

static void is_the_polynomial(void **state)
{
    (void)state;
    static const uint64_t points[] = {
        0, 1, 2, 0x123456789abcdefu, ((uint64_t)1 << 61) - 2, ((uint64_t)1 << 61) - 1};
    const uint64_t p = ((uint64_t)1 << 61) - 1;
    for (int i = 0; i < N_OF(points); i++) {
        struct sg_hash_key key = {.point = points[i]};
        uint64_t h = 0, slow = 0;
        for (uint32_t k = 0; k < 200; k++) {
            uint32_t part = k % 3 ? k : UINT32_MAX - k;
            h = sg_hash_more(&key, h, part);
            slow = (slow_product(slow, points[i]) + part + 1) % p;
            assert_true(h == slow);
        }
    }
}

/* Two texts of Thue and Morse: as polynomials modulo 2^64 they meet in every odd point. */
static void tells_texts_apart(void **state)
{
    (void)state;
    char text[2][1025] = {{0}};
    for (int i = 0; i < 1024; i++) {
        int odd = __builtin_popcount((unsigned)i) & 1;
        text[0][i] = (char)('a' + odd);
        text[1][i] = (char)('b' - odd);
    }
    struct sg_hash_key key, other;
    OK(sg_hash_draw(&key, &err));
    OK(sg_hash_draw(&other, &err));
    assert_true(hash_of(&key, text[0]) != hash_of(&key, text[1]));
    assert_true(hash_of(&key, "a") != hash_of(&key, "aa"));
    assert_true(hash_of(&key, "") != hash_of(&key, "a"));
    assert_true(key.point != other.point && key.mask != other.mask);
    assert_true(hash_of(&key, text[0]) != hash_of(&other, text[0]));
}

/* 4096 places for as many keys: a place has one key, not many. */
static void spreads(void **state)
{
    (void)state;
    static int n[4096];
    struct sg_hash_key key;
    int most = 0, empty = 0;
    OK(sg_hash_draw(&key, &err));
    for (uint32_t i = 0; i < 4096; i++) {
        int now = ++n[sg_hash_place(&key, sg_hash_more(&key, 0, i)) & 4095];
        most = now > most ? now : most;
    }
    for (int i = 0; i < 4096; i++)
        empty += n[i] == 0;
    assert_true(most < 20);                    /* 4096 / 20! of all draws would have 20 */
    assert_true(empty > 1200 && empty < 1820); /* 4096 / e = 1507, give or take 20 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_polynomial),
        cmocka_unit_test(tells_texts_apart),
        cmocka_unit_test(spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
