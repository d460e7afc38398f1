/* Terms of classes and cues: against numpy, scipy, scikit-learn and statsmodels (tests/oracle/texts.json); pools with a known effect and without. */
#include "results/stats/class_terms.h"
#include "results/stats/cues.h"
#include "results/stats/text_measures.h"

#include "tests/results/texts_oracle.h"

enum { TERMS = 8 };

static void terms_as_by_numpy(void **state)
{
    (void)state;
    const json_t *list = json_object_get(oracle, "terms"), *x, *of_class, *t;
    size_t i, k, j;
    assert_int_equal(json_array_size(list), 3);
    json_array_foreach (list, i, x) {
        int64_t n;
        const char **text = texts_of(x, &n);
        int32_t *label = labels_of(x);
        struct sg_words w;
        struct sg_class_term term[3 * TERMS];
        int n_found[3];
        OK(sg_words_of(text, n, &w, &err));
        OK(sg_words_once(&w, &err));
        OK(sg_class_terms(&w, label, 3, TERMS, term, n_found, &err));
        json_array_foreach (json_object_get(x, "want"), k, of_class) {
            assert_int_equal(n_found[k], TERMS);
            json_array_foreach (of_class, j, t) {
                const struct sg_class_term *is = &term[k * TERMS + j];
                const char *name = json_string_value(json_object_get(t, "term"));
                assert_int_equal(is->term.n, strlen(name));
                assert_memory_equal(is->term.at, name, is->term.n);
                assert_close("z", is->z, number_of(t, "z"));
                assert_close("log_odds", is->log_odds, number_of(t, "log_odds"));
                assert_close("p", is->p, number_of(t, "p"));
                assert_int_equal(is->n_in, (int64_t)number_of(t, "n_in"));
                assert_int_equal(is->n_out, (int64_t)number_of(t, "n_out"));
            }
        }
        sg_words_free(&w);
        sg_free(text);
        sg_free(label);
    }
}

static void cues_as_by_sklearn(void **state)
{
    (void)state;
    const json_t *list = json_object_get(oracle, "cues"), *x;
    size_t i;
    assert_int_equal(json_array_size(list), 3);
    json_array_foreach (list, i, x) {
        int fold[120];
        int64_t n, right;
        const char **text = texts_of(x, &n);
        int32_t *label = labels_of(x);
        struct sg_cue_texts c = {n, text, NULL, label, 3};
        assert_int_equal(n, 120);
        for (size_t j = 0; j < 120; j++)
            fold[j] = (int)json_integer_value(json_array_get(json_object_get(x, "fold"), j));
        OK(sg_cue_right(&c, SG_CUE_FIRST, fold, &right, &err));
        assert_int_equal(right, (int64_t)number_of(x, "right"));
        OK(sg_cue_right(&c, SG_CUE_LENGTH, fold, &right, &err));
        assert_int_equal(right, (int64_t)number_of(x, "right_length"));
        OK(sg_cue_right(&c, SG_CUE_SECOND, fold, &right, &err));
        assert_int_equal(right, -1);
        sg_free(text);
        sg_free(label);
    }
}

static void newcombe_as_by_statsmodels(void **state)
{
    (void)state;
    const json_t *list = json_object_get(oracle, "newcombe"), *x;
    size_t i;
    json_array_foreach (list, i, x) {
        double v[4];
        for (size_t k = 0; k < 4; k++)
            v[k] = json_number_value(json_array_get(json_object_get(x, "x"), k));
        struct sg_estimate e =
            sg_newcombe_ci(v[0], (int64_t)v[1], v[2], (int64_t)v[3], number_of(x, "level"));
        assert_close("low", e.low, number_of(x, "low"));
        assert_close("high", e.high, number_of(x, "high"));
        assert_close("difference", e.mean, v[0] / v[1] - v[2] / v[3]);
    }
    assert_int_equal(i, 5);
    assert_true(isnan(sg_newcombe_ci(0, 0, 1, 2, 0.95).mean));
}

/* How many terms of a pool have p < 0.05; the first term of class 0 into `first`. */
static int n_guilty(const struct made_pool *m, int n, char *first, double *z)
{
    struct sg_words w;
    struct sg_class_term term[2 * TERMS];
    int n_found[2], guilty = 0;
    OK(sg_words_of(m->text, n, &w, &err));
    OK(sg_words_once(&w, &err));
    OK(sg_class_terms(&w, m->label, 2, TERMS, term, n_found, &err));
    snprintf(first, 20, "%.*s", (int)term[0].term.n, term[0].term.at);
    *z = term[0].z;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < n_found[k]; i++)
            guilty += term[k * TERMS + i].p < 0.05;
    sg_words_free(&w);
    return guilty;
}

static struct sg_bias bias_of(const struct made_pool *pool, const struct made_pool *raw, int n)
{
    struct sg_cue_texts a = {n, pool->text, NULL, pool->label, 2}, b = {n, raw->text, NULL, raw->label, 2};
    struct sg_bias out;
    OK(sg_bias_of(&a, &b, &out, &err));
    return out;
}

/* A word that gives one class away is found, 20 times of 20. */
static void known_effect(void **state)
{
    (void)state;
    static struct made_pool pool, raw;
    for (uint64_t s = 0; s < 20; s++) {
        char first[20];
        double z;
        make_pool(&pool, MADE_MOST, 100 + s, 1);
        make_pool(&raw, MADE_MOST, 200 + s, 0);
        assert_int_equal(n_guilty(&pool, MADE_MOST, first, &z), 1);
        assert_string_equal(first, "giveaway");
        assert_true(z > 5);
        struct sg_bias b = bias_of(&pool, &raw, MADE_MOST);
        assert_true(b.chance == 0.5 && b.cue[SG_CUE_FIRST].pool.mean > 0.97 &&
                    b.cue[SG_CUE_FIRST].raw.mean < 0.65);
        assert_true(b.score > 0.3 && b.low > 0.2 && b.high < 0.6 &&
                    b.score == b.cue[SG_CUE_FIRST].excess.mean);
        assert_true(b.cue[SG_CUE_SECOND].n == 0 && isnan(b.cue[SG_CUE_SECOND].pool.mean));
    }
}

/* Without one nothing is claimed, 20 times of 20; and in 400 small and larger pools, in at most 5 of 100. */
static void no_effect(void **state)
{
    (void)state;
    static struct made_pool pool, raw;
    static const int size[] = {20, 40, 100, MADE_MOST};
    int n_claims = 0, n_terms = 0;
    for (uint64_t s = 0; s < 400; s++) {
        int n = s < 20 ? MADE_MOST : size[s % 4];
        char first[20];
        double z;
        make_pool(&pool, n, 1000 + s, 0);
        make_pool(&raw, n, 2000 + s, 0);
        int guilty = n_guilty(&pool, n, first, &z) > 0;
        struct sg_bias b = bias_of(&pool, &raw, n);
        int claim = b.low > 0;
        assert_true(b.low <= b.score && b.score <= b.high);
        assert_false(s < 20 && (guilty || claim));
        n_claims += claim;
        n_terms += guilty;
    }
    print_message("no effect: %d of 400 scores above 0, %d of 400 pools with a term\n", n_claims, n_terms);
    assert_true(n_claims <= 20 && n_terms <= 20);
}

/* A length that gives the class away; the second text of a pair; the same pool twice. */
static void views(void **state)
{
    (void)state;
    enum { N = 60 };
    const char *first[N], *second[N], *plain[N];
    int32_t label[N];
    for (int i = 0; i < N; i++) {
        label[i] = i % 2;
        first[i] = i % 4 < 2 ? "a b c" : "a b d";
        second[i] = label[i] ? "x y" : "x z";
        plain[i] = label[i] ? "w w w" : "w w";
    }
    struct sg_cue_texts pair = {N, first, second, label, 2}, lengths = {N, plain, NULL, label, 2};
    struct sg_bias b;
    OK(sg_bias_of(&pair, NULL, &b, &err));
    assert_true(b.cue[SG_CUE_SECOND].pool.mean == 1 && b.cue[SG_CUE_FIRST].pool.mean < 0.75 &&
                isnan(b.score));
    assert_true(b.cue[SG_CUE_LENGTH].pool.mean < 0.75 && isnan(b.cue[SG_CUE_SECOND].raw.mean));
    OK(sg_bias_of(&lengths, NULL, &b, &err));
    assert_true(b.cue[SG_CUE_LENGTH].pool.mean == 1);
    OK(sg_bias_of(&pair, &pair, &b, &err));
    assert_true(b.score == 0 && b.low < 0 && b.high > 0);
    pair.n = SG_CUE_LEAST - 1;
    OK(sg_bias_of(&pair, &pair, &b, &err));
    assert_true(b.cue[SG_CUE_FIRST].n == 0 && isnan(b.cue[SG_CUE_FIRST].pool.mean) && isnan(b.score));
    pair.n = N;
    pair.n_classes = N / SG_CUE_LEAST_OF_CLASS + 1; /* too many for so few examples */
    OK(sg_bias_of(&pair, NULL, &b, &err));
    assert_int_equal(b.cue[SG_CUE_FIRST].n, 0);
}

static void words_are_numbered(void **state)
{
    (void)state;
    static const char *const text[] = {"b a b", "", "a c"};
    static const int32_t all[] = {0, 1, 0, 1, 2}, once[] = {0, 1, 1, 2};
    struct sg_words w;
    OK(sg_words_of(text, 3, &w, &err));
    assert_true(w.n_words == 5 && w.n_terms == 3 && w.start[1] == 3 && w.start[2] == 3 && w.start[3] == 5);
    assert_memory_equal(w.word, all, sizeof all);
    OK(sg_words_once(&w, &err));
    assert_true(w.n_words == 4 && w.start[1] == 2 && w.start[3] == 4);
    assert_memory_equal(w.word, once, sizeof once);
    sg_words_free(&w);
}

/* No text at all; a class without texts. */
static void empty_terms(void **state)
{
    (void)state;
    static const char *const text[] = {"a", "a"};
    static const int32_t label[] = {0, 0};
    struct sg_words w;
    struct sg_class_term term[2 * TERMS];
    int n_found[2];
    for (int n = 0; n <= 2; n += 2) {
        OK(sg_words_of(text, n, &w, &err));
        OK(sg_class_terms(&w, label, 2, TERMS, term, n_found, &err));
        assert_true(n_found[0] == (n > 0) && n_found[1] == 0);
        sg_words_free(&w);
    }
    assert_true(isfinite(term[0].z) && term[0].p == 1);
}

static sg_status attempt(void)
{
    static const char *const text[] = {"a b c", "b c d", "a", "x"};
    const char *many[40];
    int32_t label[40];
    for (int i = 0; i < 40; i++) {
        many[i] = text[i % 4];
        label[i] = i % 2;
    }
    struct sg_cue_texts c = {40, many, many, label, 2};
    struct sg_bias b;
    return sg_bias_of(&c, &c, &b, &err);
}

static sg_status attempt_terms(void)
{
    static const char *const text[] = {"a b c", "b c d"};
    static const int32_t label[] = {0, 1};
    struct sg_words w;
    struct sg_class_term term[2 * TERMS];
    int n_found[2];
    SG_TRY(sg_words_of(text, 2, &w, &err));
    sg_status status = sg_words_once(&w, &err);
    if (status == SG_OK)
        status = sg_class_terms(&w, label, 2, TERMS, term, n_found, &err);
    sg_words_free(&w);
    return status;
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(attempt) > 20);
    assert_true(fail_each_allocation(attempt_terms) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_are_numbered),
                                       cmocka_unit_test(terms_as_by_numpy),
                                       cmocka_unit_test(cues_as_by_sklearn),
                                       cmocka_unit_test(newcombe_as_by_statsmodels),
                                       cmocka_unit_test(known_effect),
                                       cmocka_unit_test(no_effect),
                                       cmocka_unit_test(views),
                                       cmocka_unit_test(empty_terms),
                                       cmocka_unit_test(without_memory)};
    int bad = read_oracle() || cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(oracle);
    return bad || sg_mem_now() ? 1 : 0;
}
