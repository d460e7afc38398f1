#include "fixture.h"

#include "gen/pool/make.h"

#include <jansson.h>

static struct sg_request_list none;

/* A free pool asks nobody. */
static sg_status nobody(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    (void)context, (void)key, (void)out, (void)err;
    fail_msg("a free pool looked for a completion");
    return SG_FAILED;
}

static struct sg_pool *filled(const struct sg_pool_spec *spec)
{
    struct sg_pool *p = NULL;
    struct sg_err err = {0};
    if (sg_pool_create(spec, &p, &err) != SG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sg_pool_advance(p, nobody, NULL, &none, &err), SG_OK);
    assert_true(sg_pool_complete(p));
    assert_int_equal(none.n, 0);
    return p;
}

static struct sg_pool_spec eda_spec(const struct sg_task *t, const struct sg_generator *g,
                                    const struct sg_rows *raw, int64_t n)
{
    return (struct sg_pool_spec){
        .task = t, .method = SG_EDA, .generator = g, .n = n, .raw = raw, .check_duplicates = 1};
}

/* ---- the same as tests/oracle/make_eda.py has worked out ---- */

static char *text_at(const json_t *list, size_t i)
{
    return (char *)(uintptr_t)json_string_value(json_array_get(list, i));
}

static void check_set(const json_t *set)
{
    struct sg_class class_[3] = {{0}};
    struct sg_rows rows = {0};
    struct sg_err err = {0};
    const json_t *classes = json_object_get(set, "classes"), *x;
    struct sg_task t = {.name = TEXT(json_string_value(json_object_get(set, "task"))),
                        .n_classes = (int)json_array_size(classes),
                        .class_ = class_};
    size_t i;
    for (int k = 0; k < t.n_classes; k++)
        class_[k].name = text_at(classes, (size_t)k);
    json_array_foreach (json_object_get(set, "rows"), i, x)
        add_row(&rows, text_at(x, 0), text_at(x, 1), text_at(x, 2));
    struct sg_maker_spec spec = {.task = &t,
                                 .method = SG_EDA,
                                 .seed = json_integer_value(json_object_get(set, "seed")),
                                 .rows = &rows,
                                 .raw_draw = json_integer_value(json_object_get(set, "raw_draw"))};
    struct sg_maker *m = NULL;
    assert_int_equal(sg_maker_create(&spec, &m, &err), SG_OK);
    assert_true(json_array_size(json_object_get(set, "draws")) >= 80);
    json_array_foreach (json_object_get(set, "draws"), i, x) {
        struct sg_draw d = {.class_ = sg_task_class(&t, text_at(x, 0)),
                            .draw = json_integer_value(json_array_get(x, 1))};
        struct sg_made made = {0};
        assert_int_equal(sg_method_row(SG_EDA)->make(m, &d, &made, &err), SG_OK);
        assert_int_equal(made.state, SG_MADE);
        assert_string_equal(made.reason ? sg_reject_name(made.reason) : "accepted", text_at(x, 2));
        assert_string_equal(made.x.first, text_at(x, 3));
        assert_int_equal(!made.x.second, !text_at(x, 4));
        if (made.x.second)
            assert_string_equal(made.x.second, text_at(x, 4));
        sg_parsed_free(&made.x);
    }
    sg_maker_destroy(m);
    sg_rows_free(&rows);
}

static void eda_is_the_oracles(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/oracle/eda.json", 0, NULL);
    size_t i;
    const json_t *set;
    assert_int_equal(json_array_size(all), 3);
    json_array_foreach (all, i, set)
        check_set(set);
    json_decref(all);
}

/* ---- pools ---- */

static void add_texts(struct sg_rows *rows, int n)
{
    static const char *const noun[] = {"plot", "cast", "score", "camera", "script"},
                             *const bad[] = {"dull", "slow", "weak", "loud", "flat"},
                             *const good[] = {"bright", "quick", "strong", "calm", "deep"};
    for (int i = 0; i < 2 * n; i++) {
        char text[100];
        int k = i / 2;
        snprintf(text, sizeof text, "The %s of film number %d is %s, and the %s is no less so.", noun[k % 5],
                 k, (i % 2 ? good : bad)[k / 5 % 5], noun[(k + 2) % 5]);
        add_row(rows, text, NULL, i % 2 ? "good" : "bad");
    }
}

static void same_prefix(const struct sg_pool *a, const struct sg_pool *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        struct sg_pool_example x = sg_pool_get(a, j), y = sg_pool_get(b, j);
        assert_int_equal(x.label, y.label);
        assert_string_equal(x.first, y.first);
        assert_string_equal(x.key, "");
    }
}

static void pools_are_filled_for_free(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    add_texts(&raw, 10);
    struct sg_pool_spec spec = eda_spec(&t, &g, &raw, 200);
    struct sg_pool *large = filled(&spec);
    spec.n = 31;
    struct sg_pool *small = filled(&spec);
    assert_int_equal(sg_pool_n(large), 200);
    assert_int_equal(sg_pool_n(small), 31);
    assert_string_equal(sg_pool_shortfall(large), "");
    assert_string_equal(sg_pool_id(small), sg_pool_id(large));
    same_prefix(small, large, 31);
    for (int64_t j = 0; j < 200; j++)
        assert_int_equal(sg_pool_get(large, j).label, j % 2);
    /* What came out as it was, or twice, is counted, and others were made. */
    const int64_t *rejects = sg_pool_rejects(large);
    assert_true(rejects[SG_REJECT_ECHO] > 0);
    assert_true(rejects[SG_REJECT_DUPLICATE] > 0);
    assert_int_equal(sg_pool_n_draws(large), 200 + rejects[SG_REJECT_ECHO] + rejects[SG_REJECT_DUPLICATE]);
    int64_t n = -1, in = -1, out = -1;
    sg_pool_estimate(large, &n, &in, &out);
    assert_int_equal(n + in + out + sg_pool_max_tokens(large), 0);
    sg_pool_destroy(large);
    sg_pool_destroy(small);
    sg_rows_free(&raw);
}

static void test_rows_do_not_leak(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0}, test = {0};
    add_texts(&raw, 10);
    struct sg_pool_spec spec = eda_spec(&t, &g, &raw, 20);
    struct sg_pool *p = filled(&spec);
    add_row(&test, sg_pool_get(p, 4).first, NULL, "bad");
    spec.test = &test;
    struct sg_pool *checked = filled(&spec);
    assert_int_equal(sg_pool_rejects(checked)[SG_REJECT_LEAKAGE], 1);
    assert_int_equal(sg_pool_n(checked), 20);
    for (int64_t j = 0; j < 20; j++)
        assert_string_not_equal(sg_pool_get(checked, j).first, test.row[0].first);
    sg_pool_destroy(p);
    sg_pool_destroy(checked);
    sg_rows_free(&raw);
    sg_rows_free(&test);
}

static void filters_hold(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    struct sg_near *near = NULL;
    struct sg_err err;
    add_texts(&raw, 10);
    assert_int_equal(sg_near_create(0.5, &near, &err), SG_OK);
    sg_near_add_rows(near, SG_NEAR_RAW, &raw);
    struct sg_pool_spec spec = eda_spec(&t, &g, &raw, 20);
    spec.near = near;
    spec.near_filter = 0.5;
    spec.near_digest = "0";
    struct sg_pool *p = filled(&spec);
    /* One word in twelve is changed: nearly all of it resembles its row, and the pool says so instead of going on for ever. */
    assert_true(sg_pool_rejects(p)[SG_REJECT_NEAR_RAW] > 20);
    assert_true(sg_pool_n_draws(p) <= 2 * (4 * 10 + 16));
    assert_true(sg_pool_shortfall(p)[0]);
    sg_pool_destroy(p);
    sg_near_destroy(near);
    sg_rows_free(&raw);
}

/* A class without raw rows stays empty, and the others do not wait for it. */
static void classes_without_rows_are_short(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    struct sg_pool *p = NULL;
    struct sg_err err;
    struct sg_pool_spec spec = eda_spec(&t, &g, &raw, 6);
    assert_int_equal(sg_pool_create(&spec, &p, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "method eda of task mood is made of raw rows, but there are none"));
    add_row(&raw, "A film that nobody should miss, I think.", NULL, "good");
    p = filled(&spec);
    assert_int_equal(sg_pool_n(p), 3);
    assert_string_equal(sg_pool_shortfall(p), "class bad: 0 of 3 after 0 attempts");
    sg_pool_destroy(p);
    raw.row[0].label[0] = 'x';
    assert_int_equal(sg_pool_create(&spec, &p, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "has a label that is not among its classes"));
    sg_rows_free(&raw);
}

static void differs(const struct sg_pool_spec *a, const struct sg_pool_spec *b, int yes)
{
    struct sg_pool *p = filled(a), *q = filled(b);
    assert_int_equal(strcmp(sg_pool_id(p), sg_pool_id(q)) != 0, yes);
    assert_int_equal(strcmp(sg_pool_get(p, 0).first, sg_pool_get(q, 0).first) != 0 ||
                         strcmp(sg_pool_get(p, 1).first, sg_pool_get(q, 1).first) != 0,
                     yes);
    sg_pool_destroy(p);
    sg_pool_destroy(q);
}

/* What it is made of counts, and what an LLM would be told does not. */
static void ids_are_of_what_counts(void **state)
{
    (void)state;
    struct sg_task t = mood_task(), reworded = mood_task(), renamed = mood_task();
    struct sg_generator g = some_generator(), other = some_generator();
    struct sg_rows raw = {0}, fewer = {0};
    add_texts(&raw, 10);
    add_texts(&fewer, 9);
    other.model = "large";
    other.temperature = 0.5;
    strcpy(reworded.digest, "4567");
    renamed.name = TEXT("temper");
    struct sg_pool_spec a = eda_spec(&t, &g, &raw, 20), b = a;
    b.generator = &other;
    b.task = &reworded;
    b.n_examples = 5;
    differs(&a, &b, 0);
    b = a;
    b.seed = 1;
    differs(&a, &b, 1);
    b = a;
    b.raw_draw = 1;
    differs(&a, &b, 1);
    b = a;
    b.raw = &fewer;
    struct sg_pool *p = filled(&a), *q = filled(&b);
    assert_string_not_equal(sg_pool_id(p), sg_pool_id(q));
    sg_pool_destroy(p);
    sg_pool_destroy(q);
    b = a;
    b.task = &renamed;
    differs(&a, &b, 1);
    sg_rows_free(&raw);
    sg_rows_free(&fewer);
}

/* ---- words of a masked-LM head ---- */

/* A head that knows a word for every gap but the third of a text, by what stands before it. */
static json_t *words_for(const json_t *ask)
{
    static const char *const word[] = {"sea", "north", "harbour", "glass", "autumn"};
    const json_t *piece = json_object_get(ask, "piece"), *u;
    json_t *words = json_array();
    size_t g;
    json_array_foreach (json_object_get(ask, "u"), g, u) {
        const char *before = json_string_value(json_array_get(piece, g));
        assert_true(json_real_value(u) >= 0 && json_real_value(u) < 1);
        size_t k = (strlen(before) + (size_t)(json_real_value(u) * 5)) % 5;
        json_array_append_new(words, g == 2 ? json_null() : json_string(word[k]));
    }
    return words;
}

/* Asks for `max` draws at a time, whose words come in the order asked or the other way round. */
static struct sg_pool *filled_by_head(const struct sg_pool_spec *spec, int64_t max, int backwards)
{
    struct sg_pool *p = NULL;
    struct sg_err err = {0};
    if (sg_pool_create(spec, &p, &err) != SG_OK)
        fail_msg("%s", err.text);
    for (int turn = 0; sg_pool_needs_words(p); turn++) {
        json_t *list = json_array();
        assert_true(turn < 1000);
        assert_int_equal(sg_pool_advance(p, nobody, NULL, &none, &err), SG_OK);
        assert_int_equal(sg_pool_ask_words(p, max, list, &err), SG_OK);
        size_t n = json_array_size(list);
        assert_int_equal(n > 0, sg_pool_needs_words(p));
        assert_true((int64_t)n <= max);
        for (size_t i = 0; i < n; i++) {
            const json_t *o = json_array_get(list, backwards ? n - 1 - i : i);
            json_t *words = words_for(o);
            assert_int_equal(sg_pool_put_words(p, (int)json_integer_value(json_object_get(o, "class")),
                                               json_integer_value(json_object_get(o, "draw")), words, &err),
                             SG_OK);
            json_decref(words);
        }
        json_decref(list);
    }
    assert_true(sg_pool_complete(p));
    return p;
}

static void pools_wait_for_words(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    struct sg_err err;
    add_texts(&raw, 10);
    const enum sg_method method[] = {SG_MLM_INSERT, SG_MLM_REPLACE};
    for (int m = 0; m < 2; m++) {
        struct sg_pool_spec spec = eda_spec(&t, &g, &raw, 60);
        spec.method = method[m];
        spec.encoder_digest = "e";
        struct sg_pool *a = filled_by_head(&spec, 1000, 0), *b = filled_by_head(&spec, 7, 1);
        spec.n = 21;
        struct sg_pool *c = filled_by_head(&spec, 1, 0);
        assert_int_equal(sg_pool_n(a), 60);
        same_prefix(b, a, 60);
        same_prefix(c, a, 21);
        spec.encoder_digest = "f";
        struct sg_pool *other = NULL;
        assert_int_equal(sg_pool_create(&spec, &other, &err), SG_OK);
        assert_string_not_equal(sg_pool_id(other), sg_pool_id(a));
        json_t *words = json_array();
        assert_int_equal(sg_pool_put_words(other, 2, 0, words, &err), SG_INPUT);
        assert_int_equal(sg_pool_put_words(other, 0, 1 << 20, words, &err), SG_INPUT);
        json_decref(words);
        sg_pool_destroy(other);
        sg_pool_destroy(a);
        sg_pool_destroy(b);
        sg_pool_destroy(c);
    }
    sg_rows_free(&raw);
}

/* The pieces around the gaps are the row, and what is made of the words is the row with them. */
static void gaps_are_a_share_of_the_words(void **state)
{
    (void)state;
    struct sg_task t = quiz_task();
    struct sg_rows rows = {0};
    struct sg_err err;
    add_row(&rows, "Is (the) sea blue?",
            "The sea is blue in the north, grey in the south, and green where the rivers bring sand and "
            "where the wind has stirred it up for days on end.",
            "true"); /* 4 and 30 words: 1 and 5 gaps */
    for (int m = SG_MLM_INSERT; m <= SG_MLM_REPLACE; m++) {
        struct sg_maker_spec spec = {.task = &t, .method = (enum sg_method)m, .rows = &rows};
        struct sg_maker *maker = NULL;
        int seen[2] = {0};
        assert_int_equal(sg_maker_create(&spec, &maker, &err), SG_OK);
        for (int d = 0; d < 40; d++) {
            struct sg_draw draw = {.class_ = 1, .draw = d};
            struct sg_made made = {0};
            char with_gaps[400] = "", with_words[400] = "";
            json_t *list = json_array();
            assert_int_equal(sg_method_row(spec.method)->make(maker, &draw, &made, &err), SG_OK);
            assert_int_equal(made.state, SG_MADE_LATER);
            assert_int_equal(sg_maker_ask(maker, &draw, list, &err), SG_OK);
            const json_t *o = json_array_get(list, 0), *piece = json_object_get(o, "piece"),
                         *nots = json_object_get(o, "not");
            json_t *words = words_for(o);
            size_t n = json_array_size(words);
            int side = n != 1;
            seen[side]++;
            assert_int_equal(n, side ? 5 : 1);
            for (size_t g = 0; g <= n; g++) {
                const char *text = text_at(piece, g), *not_ = g < n ? text_at(nots, g) : "",
                           *word = g < n ? text_at(words, g) : "";
                if (g < n)
                    assert_int_equal(not_ == NULL, m == SG_MLM_INSERT);
                /* An inserted word has brought its blank, which a word that is not known leaves out again. */
                int lone = m == SG_MLM_INSERT && g > 0;
                strcat(with_gaps, text + lone);
                strcat(with_words, text + (lone && !text_at(words, g - 1)));
                strcat(with_gaps, not_ ? not_ : "");
                strcat(with_words, word ? word : not_ ? not_ : "");
            }
            assert_string_equal(with_gaps, side ? rows.row[0].second : rows.row[0].first);
            assert_int_equal(sg_maker_put_words(maker, &draw, words, &err), SG_OK);
            assert_int_equal(sg_method_row(spec.method)->make(maker, &draw, &made, &err), SG_OK);
            assert_int_equal(made.state, SG_MADE);
            assert_string_equal(side ? made.x.second : made.x.first, with_words);
            assert_string_equal(side ? made.x.first : made.x.second,
                                side ? rows.row[0].first : rows.row[0].second);
            sg_parsed_free(&made.x);
            json_decref(words);
            json_decref(list);
        }
        assert_true(seen[0] > 10 && seen[1] > 10);
        sg_maker_destroy(maker);
    }
    sg_rows_free(&rows);
}

/* A head that knows no word leaves the rows as they are, which are no examples. */
static void no_words_no_examples(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_rows rows = {0};
    struct sg_maker *maker = NULL;
    struct sg_err err;
    struct sg_made made = {0};
    struct sg_draw d = {.class_ = 1}, empty = {.class_ = 0};
    add_row(&rows, "a fine film", NULL, "good");
    add_row(&rows, " ", NULL, "bad");
    struct sg_maker_spec spec = {.task = &t, .method = SG_MLM_REPLACE, .rows = &rows};
    assert_int_equal(sg_maker_create(&spec, &maker, &err), SG_OK);
    json_t *words = json_pack("[n]"), *no_words = json_array();
    assert_int_equal(sg_maker_put_words(maker, &d, words, &err), SG_OK);
    assert_int_equal(sg_method_row(SG_MLM_REPLACE)->make(maker, &d, &made, &err), SG_OK);
    assert_int_equal(made.reason, SG_REJECT_ECHO);
    sg_parsed_free(&made.x);
    assert_int_equal(sg_maker_put_words(maker, &empty, no_words, &err), SG_OK);
    assert_int_equal(sg_method_row(SG_MLM_REPLACE)->make(maker, &empty, &made, &err), SG_OK);
    assert_int_equal(made.reason, SG_REJECT_ECHO);
    sg_parsed_free(&made.x);
    json_decref(words);
    json_decref(no_words);
    sg_maker_destroy(maker);
    sg_rows_free(&rows);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    add_texts(&raw, 3);
    struct sg_pool_spec spec = eda_spec(&t, &g, &raw, 8);
    for (long k = 1;; k++) {
        struct sg_pool *p = NULL;
        struct sg_err err;
        sg_mem_fail_at(k);
        sg_status status = sg_pool_create(&spec, &p, &err);
        if (status == SG_OK)
            status = sg_pool_advance(p, nobody, NULL, &none, &err);
        int fired = sg_mem_fail_at(0);
        assert_int_equal(status == SG_OK, !fired);
        sg_pool_destroy(p);
        if (!fired)
            break;
    }
    sg_rows_free(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eda_is_the_oracles),
        cmocka_unit_test(pools_are_filled_for_free),
        cmocka_unit_test(test_rows_do_not_leak),
        cmocka_unit_test(filters_hold),
        cmocka_unit_test(classes_without_rows_are_short),
        cmocka_unit_test(ids_are_of_what_counts),
        cmocka_unit_test(pools_wait_for_words),
        cmocka_unit_test(gaps_are_a_share_of_the_words),
        cmocka_unit_test(no_words_no_examples),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
