#include "fixture.h"

#include "gen/pool/prompt.h"
#include "gen/pool/template.h"

static struct sg_request ask(const struct sg_prompter *p, int class_, int64_t draw,
                             const struct sg_topics *topics)
{
    struct sg_request q = {0};
    struct sg_err err;
    assert_int_equal(sg_prompter_draw(p, &(struct sg_draw){class_, draw, topics, NULL}, &q, &err), SG_OK);
    return q;
}

static struct sg_prompter *prompter(const struct sg_task *t, enum sg_method m, const struct sg_generator *g,
                                    int64_t seed, const struct sg_rows *raw)
{
    struct sg_prompter_spec spec = {.task = t, .method = m, .generator = g, .seed = seed, .raw = raw};
    struct sg_prompter *p = NULL;
    struct sg_err err;
    assert_int_equal(sg_prompter_create(&spec, &p, &err), SG_OK);
    return p;
}

static void templates(void **state)
{
    (void)state;
    const struct sg_template_values v = {.class_ = "calm", .first = "one", .second = "two", .n = 20};
    static const struct {
        const char *pattern, *text; /* text NULL: must fail */
    } rows[] = {{"plain", "plain"},
                {"", ""},
                {"a {class} b", "a calm b"},
                {"{first}/{text}/{second}/{n}", "one/one/two/20"},
                {"{{class}} {{}}", "{class} {}"},
                {"{class}{class}", "calmcalm"},
                {"{topic}", NULL},
                {"{nothing}", NULL},
                {"open {class", NULL},
                {"close }", NULL},
                {"{}", NULL}};
    for (int i = 0; i < N_OF(rows); i++) {
        struct sg_buf b = sg_buf_make(1000);
        struct sg_err err = {0};
        sg_status status = sg_template_fill(&b, rows[i].pattern, &v, &err);
        assert_int_equal(status, rows[i].text ? SG_OK : SG_INPUT);
        if (rows[i].text)
            assert_string_equal(sg_buf_text(&b), rows[i].text);
        sg_buf_free(&b);
    }
}

/* The canonical text decides where an answer lies in every ledger and recording: it must never change by
 * accident. */
static void keys_are_stable(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_prompter *p = prompter(&t, SG_ZERO_SHOT, &g, 0, NULL);
    struct sg_request q = ask(p, 1, 3, NULL);
    assert_string_equal(q.canonical,
                        "{\"index\":3,\"max_tokens\":48,\"messages\":[{\"content\":\"You are a "
                        "critic.\",\"role\":\"system\"},"
                        "{\"content\":\"Write a positive "
                        "review.\",\"role\":\"user\"}],\"model\":\"tiny\",\"provider\":\"openai\","
                        "\"seed\":154362521,\"temperature\":1.0,\"top_p\":0.94999999999999996}");
    assert_string_equal(q.key, "f62a8861e9a3214fff7875eadda4be01fd40a0d628de1628487885b141374075");
    sg_free(q.canonical);
    sg_prompter_destroy(p);
}

static void what_changes_a_key(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator(), warm = g, elsewhere = g;
    warm.temperature = 0.5;
    elsewhere.base_url = "https://other.example/v1";
    elsewhere.connections = 99;
    struct sg_prompter *p = prompter(&t, SG_ZERO_SHOT, &g, 0, NULL),
                       *same = prompter(&t, SG_ZERO_SHOT, &elsewhere, 0, NULL),
                       *seed = prompter(&t, SG_ZERO_SHOT, &g, 1, NULL),
                       *other = prompter(&t, SG_ZERO_SHOT, &warm, 0, NULL);
    struct sg_request q[] = {ask(p, 0, 0, NULL),     ask(same, 0, 0, NULL), ask(seed, 0, 0, NULL),
                             ask(other, 0, 0, NULL), ask(p, 1, 0, NULL),    ask(p, 0, 1, NULL)};
    assert_string_equal(q[0].key, q[1].key);
    for (int i = 2; i < N_OF(q); i++)
        assert_string_not_equal(q[0].key, q[i].key);
    for (int i = 0; i < N_OF(q); i++)
        sg_free(q[i].canonical);
    sg_prompter_destroy(p);
    sg_prompter_destroy(same);
    sg_prompter_destroy(seed);
    sg_prompter_destroy(other);
}

static void shots_prefer_the_class(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    for (int i = 0; i < 12; i++)
        add_row(&raw, "text", NULL, i < 3 ? "good" : "bad");
    struct sg_prompter *p = prompter(&t, SG_FEW_SHOT_5, &g, 0, &raw);
    int n_draws_equal = 0;
    for (int64_t a = 0; a < 200; a++) {
        int64_t shot[SG_MAX_SHOTS], again[SG_MAX_SHOTS];
        assert_int_equal(sg_prompter_shots(p, 1, a, shot), 5);
        assert_int_equal(sg_prompter_shots(p, 1, a, again), 5);
        assert_memory_equal(shot, again, 5 * sizeof *shot);
        for (int i = 0; i < 5; i++) {
            assert_in_range(shot[i], 0, 11);
            assert_true(i < 2 ? shot[i] >= 3 : shot[i] < 3); /* others first, then all three of its own */
            for (int j = 0; j < i; j++)
                assert_int_not_equal(shot[i], shot[j]);
        }
        assert_int_equal(sg_prompter_shots(p, 0, a, shot), 5);
        for (int i = 0; i < 5; i++)
            assert_true(shot[i] >= 3);
        int64_t next[SG_MAX_SHOTS];
        sg_prompter_shots(p, 0, a + 1, next);
        n_draws_equal += memcmp(shot, next, 5 * sizeof *shot) == 0;
    }
    assert_true(n_draws_equal < 5); /* drawn afresh each time */
    sg_prompter_destroy(p);
    sg_rows_free(&raw);
}

static void fewer_rows_than_shots(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(1);
    struct sg_prompter *p = prompter(&t, SG_FEW_SHOT_5, &g, 0, &raw);
    int64_t shot[SG_MAX_SHOTS];
    assert_int_equal(sg_prompter_shots(p, 0, 0, shot), 2);
    assert_int_equal(shot[0], 1);
    assert_int_equal(shot[1], 0);
    struct sg_request q = ask(p, 0, 0, NULL);
    assert_non_null(strstr(
        q.canonical,
        "positive: raw good text 0\\n\\nnegative: raw bad text 0\\n\\nWrite one more negative review."));
    sg_free(q.canonical);
    sg_prompter_destroy(p);
    sg_rows_free(&raw);
}

static void examples_as_a_dialogue(void **state)
{
    (void)state;
    struct sg_task t = quiz_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    add_row(&raw, "is it", "A \"fact\".", "true");
    struct sg_prompter *p = prompter(&t, SG_ONE_SHOT, &g, 0, &raw);
    struct sg_request q = ask(p, 0, 0, NULL);
    assert_non_null(strstr(
        q.canonical, "{\"content\":\"A question with the answer yes.\",\"role\":\"user\"},"
                     "{\"content\":\"Passage: A \\\"fact\\\".\\nQuestion: is it\",\"role\":\"assistant\"},"
                     "{\"content\":\"A question with the answer no.\",\"role\":\"user\"}]"));
    sg_free(q.canonical);
    sg_prompter_destroy(p);
    sg_rows_free(&raw);
}

static void topics(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_prompter *p = prompter(&t, SG_ZERO_SHOT_TOPIC, &g, 0, NULL);
    struct sg_request q = {0}, next = {0};
    struct sg_err err;
    assert_int_equal(sg_prompter_topics(p, 0, &q, &err), SG_OK);
    assert_int_equal(sg_prompter_topics(p, 1, &next, &err), SG_OK);
    assert_non_null(strstr(q.canonical, "List 20 things."));
    assert_null(strstr(q.canonical, "critic"));
    assert_string_not_equal(q.key, next.key);
    sg_free(q.canonical);
    sg_free(next.canonical);
    char *names[] = {TEXT("sea"), TEXT("sky"), TEXT("stone")};
    struct sg_topics list = {3, names};
    int seen[3] = {0};
    for (int64_t a = 0; a < 100; a++) {
        q = ask(p, 0, a, &list);
        for (int i = 0; i < 3; i++)
            seen[i] += strstr(q.canonical, names[i]) != NULL;
        sg_free(q.canonical);
    }
    assert_int_equal(seen[0] + seen[1] + seen[2], 100);
    for (int i = 0; i < 3; i++)
        assert_true(seen[i] > 15);
    assert_int_equal(sg_prompter_draw(p, &(struct sg_draw){.draw = 0}, &q, &err),
                     SG_INPUT); /* no topic to put in */
    sg_prompter_destroy(p);
}

/* What is asked where the LLM chooses the class, in other words, for several examples, or by a schema: requests of their own,
 * and what is left at its default does not show in a request. */
static void arms(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_variant formal = {.name = TEXT("formal"),
                                .prompt = {.few_shot = TEXT("Sir, a {class} one:\n{examples}")}};
    t.unconditioned = (struct sg_prompts){.few_shot = TEXT("One of {classes}:\n{examples}"),
                                          .example = TEXT("{text}\nLabel: {class}")};
    t.n_variants = 1;
    t.variant = &formal;
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(4);
    const struct sg_prompter_spec base = {
        .task = &t, .method = SG_FEW_SHOT_3, .generator = &g, .raw = &raw, .n_examples = 1};
    struct sg_prompter_spec spec[5] = {base, base, base, base, base};
    spec[1].conditioning = SG_BY_NONE;
    spec[2].variant = "formal";
    spec[3].n_examples = 4;
    spec[4].structured = 1;
    static const struct {
        const char *has, *lacks;
    } want[5] = {{"\"max_tokens\":48", "response_format"},
                 {"One of negative; positive:", "positive: "},
                 {"Sir, a positive one:", "Write one more"},
                 {"\\n\\nDo this 4 times, each time differently. Number them: 1. to 4.", "Sir"},
                 {"\"response_format\":{\"json_schema\":{\"name\":\"examples\",\"schema\":{"
                  "\"additionalProperties\":false,"
                  "\"properties\":{\"examples\":{\"items\":{\"additionalProperties\":false,\"properties\":{"
                  "\"Review\":{\"type\":"
                  "\"string\"}},\"required\":[\"Review\"]",
                  "Label"}};
    char key[5][SG_HEX];
    for (int i = 0; i < 5; i++) {
        struct sg_prompter *p = NULL;
        struct sg_request q = {0};
        struct sg_err err;
        assert_int_equal(sg_prompter_create(&spec[i], &p, &err), SG_OK);
        assert_int_equal(
            sg_prompter_draw(p, &(struct sg_draw){.class_ = spec[i].conditioning == SG_BY_NONE ? -1 : 1}, &q,
                             &err),
            SG_OK);
        if (!strstr(q.canonical, want[i].has) || strstr(q.canonical, want[i].lacks))
            fail_msg("request %d: %s", i, q.canonical);
        memcpy(key[i], q.key, SG_HEX);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(key[k], key[i]);
        if (spec[i].conditioning == SG_BY_NONE) {
            int64_t shot[SG_MAX_SHOTS];
            int n_good = 0;
            for (int64_t a = 0; a < 20; a++)
                for (int n = sg_prompter_shots(p, -1, a, shot); n--;)
                    n_good += shot[n] % 2;
            assert_in_range(n_good, 15, 45); /* of 60: from both classes */
        }
        sg_free(q.canonical);
        sg_prompter_destroy(p);
    }
    sg_rows_free(&raw);
}

static void bad_specs(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows none = {0}, foreign = {0};
    add_row(&foreign, "x", NULL, "neither");
    struct sg_prompter *p = NULL;
    struct sg_err err;
    struct sg_prompter_spec spec = {
        .task = &t, .method = SG_ONE_SHOT, .generator = &g, .seed = 0, .raw = &none};
    assert_int_equal(sg_prompter_create(&spec, &p, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "one_shot"));
    spec.raw = &foreign;
    assert_int_equal(sg_prompter_create(&spec, &p, &err), SG_INPUT);
    assert_null(p);
    sg_rows_free(&foreign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(templates),
                                       cmocka_unit_test(keys_are_stable),
                                       cmocka_unit_test(what_changes_a_key),
                                       cmocka_unit_test(shots_prefer_the_class),
                                       cmocka_unit_test(fewer_rows_than_shots),
                                       cmocka_unit_test(examples_as_a_dialogue),
                                       cmocka_unit_test(topics),
                                       cmocka_unit_test(arms),
                                       cmocka_unit_test(bad_specs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
