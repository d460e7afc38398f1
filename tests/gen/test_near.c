#include "fixture.h"

#include "gen/pool/near.h"

#include <math.h>
#include <stdlib.h>

static struct sg_near *new_near(double threshold)
{
    struct sg_near *n = NULL;
    struct sg_err err;
    assert_int_equal(sg_near_create(threshold, &n, &err), SG_OK);
    return n;
}

static struct sg_near_match find(struct sg_near *n, const char *first, const char *second)
{
    struct sg_near_match m;
    struct sg_err err;
    assert_int_equal(sg_near_find(n, first, second, &m, &err), SG_OK);
    return m;
}

static void add(struct sg_near *n, enum sg_near_kind kind, int64_t index, const char *first,
                const char *second)
{
    struct sg_err err;
    assert_int_equal(sg_near_add(n, kind, index, first, second, &err), SG_OK);
}

static void similarity_is_jaccard(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        double x; /* 0: under the threshold of 0.5 */
    } cases[] = {
        {"one two three four five six", "one two three four five six", 1},
        {"One, two -- THREE four 'five' six!", "one two three four five six", 1},
        {"one two three four five six", "one two three four five seven", 3 / 5.0},
        {"one two three four five six", "one two three four five six seven", 4 / 5.0},
        {"a b c a b c a b c", "a b c a b c", 1}, /* sets, not lists */
        {"one two three four five six", "six five four three two one", 0},
        {"short text", "Short text.", 1},
        {"short text", "short texts", 0},
        {"", "", 1},
        {"", "word", 0},
        {"one", "one two three", 0},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_near *n = new_near(SG_NEAR_MIN);
        assert_int_equal(find(n, cases[i].b, NULL).kind, SG_NEAR_NONE); /* nothing in it yet */
        add(n, SG_NEAR_RAW, 7, cases[i].a, NULL);
        struct sg_near_match m = find(n, cases[i].b, NULL);
        assert_int_equal(m.kind, cases[i].x > 0 ? SG_NEAR_RAW : SG_NEAR_NONE);
        assert_true(fabs(m.similarity - cases[i].x) < 1e-12);
        assert_int_equal(m.index, cases[i].x > 0 ? 7 : 0);
        sg_near_destroy(n);
    }
}

static void both_texts_of_a_pair_count(void **state)
{
    (void)state;
    struct sg_near *n = new_near(0.8);
    add(n, SG_NEAR_TEST, 0, "is the sky blue", "the sky is blue on most days of the year in this place");
    assert_int_equal(
        find(n, "is the sky blue", "the sky is blue on most days of the year in this place").kind,
        SG_NEAR_TEST);
    assert_int_equal(find(n, "is the sky blue", "of something else this passage tells us quite a lot").kind,
                     SG_NEAR_NONE);
    sg_near_destroy(n);
}

/* n words, of which `same` are those of text t. */
static void make_text(char *out, unsigned t, int n, int same, unsigned other)
{
    for (int i = 0; i < n; i++)
        out += sprintf(out, "w%u ", i < same ? t * 1000 + (unsigned)i : other * 1000 + 500 + (unsigned)i);
}

static void most_similar_of_many(void **state)
{
    (void)state;
    struct sg_rows raw = {0};
    char text[2000];
    for (unsigned t = 0; t < 1500; t++) {
        make_text(text, t, 40, 40, 0);
        add_row(&raw, text, NULL, "bad");
    }
    const double thresholds[] = {0.5, 0.7, 0.8};
    for (int i = 0; i < N_OF(thresholds); i++) {
        struct sg_near *n = new_near(thresholds[i]);
        sg_near_expect(n, (int64_t[]){0, 100, 20000}[i]); /* it is but a hint */
        sg_near_add_rows(n, SG_NEAR_RAW, &raw);
        int n_found = 0, n_wanted = 0;
        for (unsigned t = 0; t < 1500; t += 3) {
            if (t == 750)
                sg_near_rest(n); /* and hashed anew */
            for (int same = 22; same <= 40; same += 3) {
                make_text(text, t, 40, same, 5000 + t);
                struct sg_near_match m = find(n, text, NULL);
                int both = same - 2; /* of 38 shingles each */
                double x = (double)both / (76 - both);
                n_wanted += x >= thresholds[i];
                n_found += m.kind == SG_NEAR_RAW;
                if (m.kind) {
                    assert_int_equal(m.index, t);
                    assert_true(fabs(m.similarity - x) < 1e-12);
                }
            }
        }
        /* Misses are 2e-4 at the threshold and fewer above; the permutations are fixed, so this cannot flicker. */
        assert_true(n_wanted > 500);
        assert_int_equal(n_found, n_wanted);
        /* The same pair, where two are equal the one that came first. */
        make_text(text, 12, 40, 40, 0);
        add(n, SG_NEAR_POOL, 99, text, NULL);
        assert_int_equal(find(n, text, NULL).kind, SG_NEAR_RAW);
        assert_int_equal(find(n, text, NULL).index, 12);
        sg_near_destroy(n);
    }
    sg_rows_free(&raw);
}

/* What a hostile server may send: one long word, no words, odd code points, thousands of times the same. */
static void hostile_texts(void **state)
{
    (void)state;
    struct sg_near *n = new_near(0.8);
    char *longest = malloc(8001);
    memset(longest, 'x', 8000);
    longest[8000] = 0;
    add(n, SG_NEAR_RAW, 0, longest, NULL);
    for (int i = 0; i < 8000; i += 2)
        longest[i] = ' ';
    add(n, SG_NEAR_RAW, 1, longest, longest);
    add(n, SG_NEAR_RAW, 2, "\xef\xbf\xbd\xf0\x9f\x98\x80 \xcc\x81", NULL);
    for (int i = 0; i < 300; i++)
        add(n, SG_NEAR_POOL, i, longest, longest);
    assert_int_equal(find(n, longest, longest).index, 1);
    free(longest);
    sg_near_destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(similarity_is_jaccard), cmocka_unit_test(both_texts_of_a_pair_count),
        cmocka_unit_test(most_similar_of_many), cmocka_unit_test(hostile_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
