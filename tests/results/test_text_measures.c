/* Against nltk, numpy, scipy and zlib (tests/oracle/texts.json); texts at the edges; what must not matter. */
#include "results/stats/text_measures.h"

#include "tests/results/texts_oracle.h"

static struct sg_text_measures measured(const char *const *text, int64_t n)
{
    struct sg_text_measures m;
    OK(sg_text_measures_of(text, n, &m, &err));
    return m;
}

static void as_others_have_it(void **state)
{
    (void)state;
    const json_t *list = json_object_get(oracle, "measures"), *x;
    size_t i;
    assert_int_equal(json_array_size(list), 4);
    json_array_foreach (list, i, x) {
        int64_t n;
        const char **text = texts_of(x, &n);
        const json_t *want = json_object_get(x, "want");
        struct sg_text_measures m = measured(text, n);
        assert_close("distinct_1", m.distinct[0], number_of(want, "distinct_1"));
        assert_close("distinct_2", m.distinct[1], number_of(want, "distinct_2"));
        assert_close("distinct_3", m.distinct[2], number_of(want, "distinct_3"));
        assert_close("vocabulary", m.vocabulary, number_of(want, "vocabulary"));
        assert_close("self_bleu", m.self_bleu, number_of(want, "self_bleu"));
        assert_close("mean_words", m.mean_words, number_of(want, "mean_words"));
        assert_close("sd_words", m.sd_words, number_of(want, "sd_words"));
        assert_close("words_q10", m.words_q10, number_of(want, "words_q10"));
        assert_close("words_median", m.words_median, number_of(want, "words_median"));
        assert_close("words_q90", m.words_q90, number_of(want, "words_q90"));
        /* Other zlibs (zlib-ng) find other matches. */
        if (!(fabs(m.compression / number_of(want, "compression") - 1) < 0.03))
            fail_msg("compression: %.9g, not %.9g", m.compression, number_of(want, "compression"));
        sg_free(text);
    }
}

static void edges(void **state)
{
    (void)state;
    static const char *const none[] = {"", ""}, *const one[] = {"a b"},
                             *const same[] = {"a b c d e", "a b c d e"};
    struct sg_text_measures m = measured(NULL, 0);
    assert_true(m.n == 0 && isnan(m.mean_words) && isnan(m.distinct[0]) && isnan(m.self_bleu) &&
                isnan(m.compression) && isnan(m.vocabulary));
    m = measured(none, 2);
    assert_true(m.n_all_words == 0 && m.mean_words == 0 && m.sd_words == 0 && isnan(m.distinct[0]) &&
                m.self_bleu == 0);
    assert_true(m.n_bytes == 2 && m.compression < 1);
    m = measured(one, 1);
    assert_true(m.distinct[0] == 1 && m.distinct[1] == 1 && isnan(m.distinct[2]) && isnan(m.self_bleu) &&
                isnan(m.sd_words));
    m = measured(same, 2);
    assert_true(m.self_bleu == 1 && m.distinct[1] == 0.5 && m.words_q90 == 5 && m.n_bleu == 2);
}

/* Ten times the pool: what is taken from a fixed amount of text stays. */
static void sizes_compare(void **state)
{
    (void)state;
    enum { N = 3000, BYTES = 64 };
    char(*bytes)[BYTES] = sg_alloc(N, BYTES);
    const char **text = sg_alloc(N, sizeof *text);
    struct sg_rng r = sg_rng_make(7, 0);
    for (int i = 0; i < N; i++) {
        text[i] = bytes[i];
        char *p = bytes[i];
        for (int j = 0; j < 8; j++)
            p += snprintf(p, 8, "%sw%d", j ? " " : "", (int)sg_rng_below(&r, 100));
    }
    struct sg_text_measures few = measured(text, 300), many = measured(text, N);
    assert_true(few.distinct[1] == many.distinct[1] && few.self_bleu == many.self_bleu &&
                many.n_bleu == SG_BLEU_TEXTS);
    assert_true(fabs(few.vocabulary - many.vocabulary) < 1);
    assert_true(fabs(few.compression / many.compression - 1) < 0.01);
    assert_int_equal(many.n_bytes % SG_COMPRESS_BLOCK, 0);
    sg_free(text);
    sg_free(bytes);
}

static void negation_words(void **state)
{
    (void)state;
    assert_true(sg_has_negation("it isnt so") && sg_has_negation("no") && sg_has_negation("is it not"));
    assert_false(sg_has_negation("a knot") || sg_has_negation("nots no1") || sg_has_negation("") ||
                 sg_has_negation("note that nothingness is"));
}

static void rounding(void **state)
{
    (void)state;
    assert_true(sg_round9(0.12345678949) == 0.123456789 && isnan(sg_round9(NAN)) && sg_round9(0) == 0);
    assert_true(sg_round9(-123456789.4) == -123456789.0);
}

static sg_status attempt(void)
{
    static const char *const text[] = {"a b c", "b c d"};
    struct sg_text_measures m;
    return sg_text_measures_of(text, 2, &m, &err);
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(attempt) > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_others_have_it), cmocka_unit_test(edges),
                                       cmocka_unit_test(sizes_compare),     cmocka_unit_test(negation_words),
                                       cmocka_unit_test(rounding),          cmocka_unit_test(without_memory)};
    int bad = read_oracle() || cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(oracle);
    return bad || sg_mem_now() ? 1 : 0;
}
