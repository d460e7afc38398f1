#include "fixture.h"

#include <stdlib.h>

#include "gen/llm/request.h"
#include "gen/pool/messages.h"

static struct sg_answer some_answer(void)
{
    struct sg_answer a = {.status = SG_OK,
                          .http_status = 200,
                          .attempts = 2,
                          .tokens_in = 30,
                          .tokens_out = 12,
                          .tokens_estimated = 1,
                          .latency_s = 0.25,
                          .cost_usd = -1};
    memset(a.key, 'a', SG_HEX - 1);
    a.text = sg_strdup("A \"dull\" film.\nCaf\xc3\xa9 \xf0\x9f\x98\x80");
    a.finish_reason = sg_strdup("stop");
    a.model = sg_strdup("tiny");
    return a;
}

static void there_and_back(void **state)
{
    (void)state;
    struct sg_answer a = some_answer(), b = {0};
    char *json = sg_answer_to_json(&a);
    assert_non_null(json);
    struct sg_err err;
    assert_int_equal(sg_answer_from_json(json, strlen(json), &b, &err), SG_OK);
    assert_string_equal(b.key, a.key);
    assert_string_equal(b.text, a.text);
    assert_string_equal(b.finish_reason, "stop");
    assert_string_equal(b.model, "tiny");
    assert_null(b.reason);
    assert_null(b.request_id);
    assert_int_equal(b.attempts, 2);
    assert_int_equal(b.http_status, 200);
    assert_int_equal(b.tokens_in, 30);
    assert_int_equal(b.tokens_out, 12);
    assert_int_equal(b.tokens_estimated, 1);
    assert_true(b.latency_s == 0.25 && b.cost_usd == -1);
    sg_free(json);
    sg_answer_free(&a);
    sg_answer_free(&b);
    assert_null(b.text);
}

/* Damage at any byte: an error, or still an answer; never a crash or a leak. */
static void damaged(void **state)
{
    (void)state;
    struct sg_answer a = some_answer();
    char *json = sg_answer_to_json(&a);
    size_t n = strlen(json), before = sg_mem_now();
    struct sg_err err;
    for (size_t i = 0; i < n; i++) {
        struct sg_answer b = {0};
        assert_int_equal(sg_answer_from_json(json, i, &b, &err), SG_INPUT);
        char kept = json[i];
        json[i] = 'x';
        if (sg_answer_from_json(json, n, &b, &err) == SG_OK)
            sg_answer_free(&b);
        json[i] = kept;
    }
    static const char *const bad[] = {"", "[]", "null", "{}", "{\"key\":\"aa\",\"status\":0}"};
    for (int i = 0; i < N_OF(bad); i++) {
        struct sg_answer b = {0};
        assert_int_equal(sg_answer_from_json(bad[i], strlen(bad[i]), &b, &err), SG_INPUT);
        assert_null(b.text);
    }
    assert_int_equal(sg_mem_now(), before);
    sg_free(json);
    a.tokens_out = INT64_MAX; /* the sum of two would overflow */
    json = sg_answer_to_json(&a);
    struct sg_answer b = {0};
    assert_int_equal(sg_answer_from_json(json, strlen(json), &b, &err), SG_INPUT);
    sg_free(json);
    sg_answer_free(&a);
}

static void not_utf8(void **state)
{
    (void)state;
    struct sg_answer a = some_answer();
    a.text[0] = (char)0xff;
    assert_null(sg_answer_to_json(&a));
    sg_answer_free(&a);
}

/* No answer within max_tokens costs more than what is reserved, also where cached input is the dearer one. */
static void worst_cost(void **state)
{
    (void)state;
    char text[] = "{\"max_tokens\":100,\"model\":\"m\"}";
    const struct sg_request q = {.canonical = text};
    double n = (double)strlen(text);
    struct sg_generator g = {.usd_per_1m_input = 2, .usd_per_1m_cached_input = 3, .usd_per_1m_output = 5};
    assert_true(sg_request_worst_usd(&g, &q) >= sg_generator_usd_cached(&g, n, n, 100));
    g.usd_per_1m_cached_input = 1;
    assert_true(sg_request_worst_usd(&g, &q) == sg_generator_usd(&g, n, 100));
    g.usd_per_1m_input = -1;
    assert_true(sg_request_worst_usd(&g, &q) == 0);
}

/* Sorted members; what is left out by hand and what is sent besides are part of what a request is known by. */
static void canonical(void **state)
{
    (void)state;
    int omit[] = {0, 2};
    struct sg_generator g = some_generator();
    char keys[4][SG_HEX];
    for (int i = 0; i < 4; i++) {
        struct sg_request q = {0};
        struct sg_err err;
        g.omit = omit;
        g.n_omit = i & 1 ? 2 : 0;
        g.extra = i & 2 ? "{\"top_k\":20}" : NULL;
        json_t *messages = json_pack("[{ss ss}]", "role", "user", "content", "Hi");
        struct sg_sampling s = {.index = 3, .seed = 7, .max_tokens = 48, .temperature = 1};
        assert_int_equal(sg_request_make(&g, messages, NULL, &s, &q, &err), SG_OK);
        json_t *o = json_loads(q.canonical, 0, NULL);
        char *sorted = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(sorted, q.canonical);
        assert_int_equal(json_integer_value(json_object_get(o, "seed")), 7);
        assert_int_equal(json_array_size(json_object_get(o, "omit")), g.n_omit);
        assert_int_equal(json_object_get(o, "extra") != NULL, g.extra != NULL);
        memcpy(keys[i], q.key, SG_HEX);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(keys[k], keys[i]);
        free(sorted);
        json_decref(o);
        sg_free(q.canonical);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(damaged),
                                       cmocka_unit_test(not_utf8), cmocka_unit_test(worst_cost),
                                       cmocka_unit_test(canonical)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
