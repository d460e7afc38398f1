/* The two hash tables of a tokenizer: they stay quick for keys that were chosen to meet in one place. Those here do so
 * under hashes without a key, FNV-1a and Fibonacci hashing: with them, tokens take 170 times and merges 3000 times as
 * long as others. */
#include "model/tokenizer/vocab.h"

#include "model/tokenizer/tokenizer_parts.h"
#include "tests/model/temp.h"

#include <time.h>

enum { N = 1 << 15, N_PARTS = 15, PART = 8 };

/* Whichever of the two stands in a place, FNV-1a is the same in its low 45 bits there: 2^15 texts are, which is all that a
 * table of up to 2^16 places looks at. Found from left to right, among 2^24 texts for each place. */
static const char *const part[N_PARTS][2] = {
    {"t3nLMKuU", "+JLAjkkE"}, {"amJM5Qxw", "5+snRgAI"}, {"E2X22LQh", "a8ewmQ6U"}, {"vOnQfUPC", "Zjj5gFPJ"},
    {"iXMvI5Yh", "+ZcVlTVA"}, {"wE3vZ+kB", "Af5EP5ul"}, {"h6uPAcPy", "uSzmW+2O"}, {"B2ZiWPGU", "EsLj2sLI"},
    {"re6ocC5T", "uNTGIe1T"}, {"NLXijVZD", "rJCvwn6W"}, {"-iMIAJ-N", "VLTI2FET"}, {"Bha1lfOc", "APPshY8m"},
    {"dbD4-BP-", "e1NYJ9Sm"}, {"dKawRZh+", "WcyPcgvY"}, {"PAqrXBaX", "r2yIc60d"},
};

static void colliding_text(int i, char out[N_PARTS * PART])
{
    for (int k = 0; k < N_PARTS; k++)
        memcpy(out + k * PART, part[k][i >> k & 1], PART);
}

static uint64_t fnv_1a(const char *text, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    return h;
}

/* Processor seconds to fill a vocabulary and find all of it again. */
static double vocab_s(int collide)
{
    struct sg_vocab v = {0};
    char text[N_PARTS * PART + 1];
    clock_t begin = clock();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            memset(text, 'a', sizeof text);
            if (collide)
                colliding_text(i, text);
            else
                snprintf(text + 100, sizeof text - 100, "%020d", i);
            if (round == 0)
                assert_int_equal(sg_vocab_put(&v, text, N_PARTS * PART, i, NULL), SG_OK);
            else
                assert_int_equal(sg_vocab_find(&v, text, N_PARTS * PART), i);
        }
    assert_int_equal(v.n, N);
    sg_vocab_free(&v);
    return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* A table that meets in one place takes N / 2 times as long; a quick one takes as long as for other keys. */
enum { FEW = 30 };

static void colliding_tokens_take_no_time(void **state)
{
    (void)state;
    char text[N_PARTS * PART];
    colliding_text(0, text);
    uint64_t first = fnv_1a(text, sizeof text);
    for (int i = 1; i < N; i++) {
        colliding_text(i, text);
        assert_int_equal((fnv_1a(text, sizeof text) ^ first) << 19, 0);
    }
    double usual = vocab_s(0), hostile = vocab_s(1);
    assert_true(hostile < FEW * usual + 0.05);
}

/* The id on the left of `right`, such that bits 32 to 47 of (left 2^32 + right) K are zero. */
static int32_t colliding_left(int32_t right)
{
    const uint64_t K = 0x9e3779b97f4a7c15u;
    uint64_t inverse = 1; /* of K modulo 2^64, by Newton's iteration */
    for (int i = 0; i < 6; i++)
        inverse *= 2 - K * inverse;
    int32_t left = (int32_t)((0 - ((uint64_t)right * K >> 32)) * inverse & 0xffff);
    assert_int_equal((((uint64_t)left << 32 | (uint64_t)right) * K) >> 32 & 0xffff, 0);
    return left;
}

static double merges_s(int collide)
{
    struct sg_bpe b = {.unk_id = -1};
    assert_int_equal(sg_bpe_reserve(&b, N, NULL), SG_OK);
    assert_int_equal(b.n_slots, 1 << 16);
    clock_t begin = clock();
    for (int round = 0; round < 2; round++) /* the second gives each its rank again */
        for (int32_t i = 0; i < N; i++)
            sg_bpe_put(&b, collide ? colliding_left(i) : 7 * i % N, i, i, i);
    double took = (double)(clock() - begin) / CLOCKS_PER_SEC;
    assert_int_equal(b.n_merges, N);
    sg_bpe_free(&b);
    return took;
}

static void colliding_merges_take_no_time(void **state)
{
    (void)state;
    double usual = merges_s(0), hostile = merges_s(1);
    assert_true(hostile < FEW * usual + 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colliding_tokens_take_no_time),
        cmocka_unit_test(colliding_merges_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
