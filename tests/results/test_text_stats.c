/* Counts that were made by hand, and texts at the edges. */
#include "base/mem.h"
#include "results/stats/text_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct sg_err err;

static void assert_near(double x, double y)
{
    if (!(fabs(x - y) < 1e-12))
        fail_msg("%.17g is not %.17g", x, y);
}

static void counted_by_hand(void **state)
{
    (void)state;
    static const char *const question[] = {"is the tower in rome", "is the tower old", "who built the tower",
                                           "is the tower in france"};
    static const char *const passage[] = {"the tower in rome is old", "rome", "the the", "in france"};
    struct sg_text_stats b;
    assert_int_equal(sg_text_stats_of(question, passage, 4, &b, &err), SG_OK);
    assert_int_equal(b.n, 4);
    assert_near(b.mean_words, 18.0 / 4);
    assert_int_equal(b.n_words, 18);
    /* is the tower in rome old who built france */
    assert_near(b.distinct_1, 9.0 / 18);
    /* is the, the tower, tower in, in rome, tower old, who built, built the, in france: 8 of 14 */
    assert_near(b.distinct_2, 8.0 / 14);
    assert_string_equal(b.opening, "is the tower");
    assert_near(b.opening_share, 0.75);
    assert_near(b.question_share, 0.75);
    /* 5 of 5; 0 of 4; 1 of 4; 2 of 5 */
    assert_near(b.overlap, (1 + 0 + 0.25 + 0.4) / 4);
    assert_int_equal(sg_text_stats_of(question, NULL, 4, &b, &err), SG_OK);
    assert_true(isnan(b.overlap));
}

static void edges(void **state)
{
    (void)state;
    static const char *const empty[] = {"", ""}, *const some[] = {"", "isnt it", "isnt it", "a b"};
    struct sg_text_stats b;
    assert_int_equal(sg_text_stats_of(NULL, NULL, 0, &b, &err), SG_OK);
    assert_true(b.n == 0 && isnan(b.mean_words) && isnan(b.distinct_1) && isnan(b.opening_share) &&
                isnan(b.question_share));
    assert_int_equal(sg_text_stats_of(empty, empty, 2, &b, &err), SG_OK);
    assert_true(b.mean_words == 0 && isnan(b.distinct_1) && isnan(b.distinct_2) && isnan(b.overlap));
    assert_int_equal(sg_text_stats_of(some, NULL, 4, &b, &err), SG_OK);
    assert_string_equal(b.opening, "isnt it");
    assert_near(b.opening_share, 0.5);
    assert_near(b.question_share, 0); /* "isnt" is no "is" */
    /* The first by the alphabet where several are as common. */
    assert_int_equal(sg_text_stats_of((const char *const[]){"b", "a"}, NULL, 2, &b, &err), SG_OK);
    assert_string_equal(b.opening, "a");
}

/* Variety is of the first 500 words: more of the same text change nothing. */
static void window(void **state)
{
    (void)state;
    enum { N = 300 };
    char text[N][16];
    const char *list[N];
    struct sg_text_stats few, many;
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "w%d x%d", i % 50, i % 7);
        list[i] = text[i];
    }
    assert_int_equal(sg_text_stats_of(list, NULL, 250, &few, &err), SG_OK);
    assert_int_equal(sg_text_stats_of(list, NULL, N, &many, &err), SG_OK);
    assert_int_equal(few.n_words, SG_TEXT_STATS_WORDS);
    assert_int_equal(many.n_words, SG_TEXT_STATS_WORDS);
    assert_near(few.distinct_1, 57.0 / 500);
    assert_near(many.distinct_1, few.distinct_1);
    assert_near(many.distinct_2, few.distinct_2);
}

/* An opening is cut between characters. */
static void long_openings(void **state)
{
    (void)state;
    char text[400] = "a";
    const char *list[] = {text};
    for (int i = 0; i < 66; i++)
        strcat(text, "\xe2\x82\xac"); /* 3 bytes each */
    struct sg_text_stats b;
    assert_int_equal(sg_text_stats_of(list, NULL, 1, &b, &err), SG_OK);
    assert_int_equal(strlen(b.opening), 97);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counted_by_hand), cmocka_unit_test(edges),
                                       cmocka_unit_test(window), cmocka_unit_test(long_openings)};
    int bad = cmocka_run_group_tests(tests, NULL, NULL);
    return bad || sg_mem_now() ? 1 : 0;
}
