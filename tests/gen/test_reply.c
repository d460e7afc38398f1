#include "fixture.h"

#include "base/secret.h"
#include "gen/reply.h"

#include <curl/curl.h>

static const struct sg_request question = {
    .key = "k",
    .canonical = TEXT(
        "{\"index\":0,\"max_tokens\":48,\"messages\":[],\"model\":\"m\",\"provider\":\"openai\",\"seed\":1,"
        "\"temperature\":1.0,\"top_p\":1.0}")};

static enum sg_verdict judge(long http, const char *body, struct sg_adapt *adapt, struct sg_answer *a,
                             char reason[600], sg_status *dead)
{
    struct sg_generator g = some_generator();
    struct sg_adapt none = {0};
    struct sg_reply r = {
        .http_status = http, .body = body, .n_body = strlen(body), .retry_after_s = -1, .should_retry = -1};
    return sg_reply_judge(&g, &question, &r, adapt ? adapt : &none, a, reason, dead);
}

static void verdicts(void **state)
{
    (void)state;
    static const struct {
        long http;
        const char *body;
        enum sg_verdict verdict;
        sg_status dead;
        const char *says;
    } cases[] = {
        {401, "{\"error\":{\"message\":\"no\"}}", SG_REPLY_ENDPOINT, SG_INPUT, "OPENAI_API_KEY"},
        {403, "", SG_REPLY_ENDPOINT, SG_INPUT, "OPENAI_API_KEY"},
        {404, "<html>", SG_REPLY_ENDPOINT, SG_INPUT, "generator.model"},
        {307, "", SG_REPLY_ENDPOINT, SG_INPUT, "redirect"},
        {429, "{\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}", SG_REPLY_RETRY, SG_OK,
         "slow"},
        {429, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}",
         SG_REPLY_ENDPOINT, SG_STOPPED, "money"},
        {429, "{\"status\":429,\"error\":\"INSUFFICIENT QUOTA\",\"message\":\"too many at once\"}",
         SG_REPLY_RETRY, SG_OK, "too many"},
        {402, "{}", SG_REPLY_ENDPOINT, SG_STOPPED, "money"},
        {500, "", SG_REPLY_RETRY, SG_OK, "HTTP 500"},
        {503, "[{\"error\":{\"code\":503,\"message\":\"loading\"}}]", SG_REPLY_RETRY, SG_OK, "loading"},
        {529, "{\"error\":\"overloaded\"}", SG_REPLY_RETRY, SG_OK, "overloaded"},
        {408, "", SG_REPLY_RETRY, SG_OK, ""},
        {400, "{\"error\":{\"message\":\"context too long\",\"code\":400}}", SG_REPLY_FAIL, SG_OK,
         "context too long"},
        {422, "", SG_REPLY_FAIL, SG_OK, ""},
        {200, "<html>", SG_REPLY_RETRY, SG_OK, "no JSON"},
        {200, "{\"choices\":[{\"message\":{\"con", SG_REPLY_RETRY, SG_OK, "cut off"},
        {200, "{\"choices\":[]}", SG_REPLY_RETRY, SG_OK, "another shape"},
        {200, "[1]", SG_REPLY_RETRY, SG_OK, "another shape"},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_answer a = {0};
        char reason[600];
        sg_status dead = SG_OK;
        assert_int_equal(judge(cases[i].http, cases[i].body, NULL, &a, reason, &dead), cases[i].verdict);
        assert_int_equal(dead, cases[i].dead);
        assert_non_null(strstr(reason, cases[i].says));
        sg_answer_free(&a);
    }
}

static void answers(void **state)
{
    (void)state;
    struct sg_answer a = {0};
    char reason[600];
    sg_status dead;
    assert_int_equal(
        judge(
            200,
            "{\"id\":\"c1\",\"model\":\"m-2\",\"new\":[1],\"choices\":[{\"finish_reason\":\"stop\","
            "\"message\":{\"content\":"
            "\"hi\",\"reasoning_content\":\"hm\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}",
            NULL, &a, reason, &dead),
        SG_REPLY_ANSWER);
    assert_string_equal(a.text, "hi");
    assert_string_equal(a.finish_reason, "stop");
    assert_string_equal(a.model, "m-2");
    assert_string_equal(a.request_id, "c1");
    assert_true(a.tokens_in == 7 && a.tokens_out == 2 && !a.tokens_estimated && a.cost_usd < 0);
    sg_answer_free(&a);

    assert_int_equal(judge(200, "{\"choices\":[{\"message\":{\"content\":\"a\\u0000b\"}}],\"usage\":null}",
                           NULL, &a, reason, &dead),
                     SG_REPLY_ANSWER);
    assert_string_equal(a.text, "a b");
    assert_true(a.tokens_estimated && a.tokens_in > 0);
    sg_answer_free(&a);

    assert_int_equal(
        judge(
            200,
            "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"},\"finish_reason\":\"stop\"}]}",
            NULL, &a, reason, &dead),
        SG_REPLY_ANSWER);
    assert_null(a.text);
    assert_string_equal(a.finish_reason, "refusal");
    sg_answer_free(&a);
}

/* A refused parameter is said in another way from then on; requests that left before are sent again as well.
 */
static void parameters(void **state)
{
    (void)state;
    static const char refused[] = "{\"error\":{\"param\":\"max_tokens\",\"code\":\"unsupported_parameter\","
                                  "\"message\":\"use another\"}}";
    static const char heat[] =
        "{\"error\":{\"message\":\"Unsupported value: 'temperature' must be 1\",\"code\":null}}";
    struct sg_adapt adapt = {0}, before = adapt;
    struct sg_generator g = some_generator();
    struct sg_answer a = {0};
    char reason[600];
    sg_status dead = SG_OK;
    struct sg_reply r = {.http_status = 400,
                         .body = refused,
                         .n_body = strlen(refused),
                         .retry_after_s = -1,
                         .should_retry = -1};
    assert_int_equal(sg_reply_judge(&g, &question, &r, &adapt, &a, reason, &dead), SG_REPLY_ADAPT);
    assert_int_equal(adapt.completion_tokens, 1);
    r.sent = before; /* a second one that was on its way */
    assert_int_equal(sg_reply_judge(&g, &question, &r, &adapt, &a, reason, &dead), SG_REPLY_ADAPT);
    r.sent = adapt; /* it was sent in the new form, and refused all the same */
    assert_int_equal(sg_reply_judge(&g, &question, &r, &adapt, &a, reason, &dead), SG_REPLY_FAIL);
    r.body = heat;
    r.n_body = strlen(heat);
    assert_int_equal(sg_reply_judge(&g, &question, &r, &adapt, &a, reason, &dead), SG_REPLY_ADAPT);
    char *wire = sg_wire_body(&question, &adapt);
    assert_string_equal(
        wire, "{\"max_completion_tokens\":48,\"messages\":[],\"model\":\"m\",\"seed\":1,\"top_p\":1.0}");
    sg_free(wire);
    wire = sg_wire_body(&question, &before);
    assert_string_equal(
        wire,
        "{\"max_tokens\":48,\"messages\":[],\"model\":\"m\",\"seed\":1,\"temperature\":1.0,\"top_p\":1.0}");
    sg_free(wire);
}

static void connection_errors(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum sg_verdict verdict;
    } cases[] = {{CURLE_COULDNT_CONNECT, SG_REPLY_RETRY},
                 {CURLE_OPERATION_TIMEDOUT, SG_REPLY_RETRY},
                 {CURLE_PARTIAL_FILE, SG_REPLY_RETRY},
                 {CURLE_PEER_FAILED_VERIFICATION, SG_REPLY_ENDPOINT},
                 {CURLE_UNSUPPORTED_PROTOCOL, SG_REPLY_ENDPOINT}};
    struct sg_generator g = some_generator();
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_adapt adapt = {0};
        struct sg_answer a = {0};
        char reason[600];
        sg_status dead = SG_OK;
        struct sg_reply r = {.curl_code = cases[i].code, .body = "", .retry_after_s = -1, .should_retry = -1};
        assert_int_equal(sg_reply_judge(&g, &question, &r, &adapt, &a, reason, &dead), cases[i].verdict);
        assert_true(strlen(reason) > 5);
    }
}

/* Servers repeat the key in their messages, and put escape codes into them. */
static void hostile_messages(void **state)
{
    (void)state;
    const char *kept;
    struct sg_err err;
    assert_int_equal(sg_secret_remember("sk-canary-0123456789", &kept, &err), SG_OK);
    static const char body[] =
        "{\"error\":{\"message\":\"bad key sk-canary-0123456789 \\u001b[31m and sk-other-99887766554433\"}}";
    char text[300];
    sg_reply_error_text(body, strlen(body), text, sizeof text);
    assert_non_null(strstr(text, "bad key"));
    assert_null(strstr(text, "canary"));
    assert_null(strstr(text, "99887766554433"));
    assert_null(strchr(text, '\x1b'));
    static const char echo[] =
        "{\"choices\":[{\"message\":{\"content\":\"your key: sk-canary-0123456789\"}}]}";
    struct sg_answer a = {0};
    char reason[600];
    sg_status dead;
    assert_int_equal(judge(200, echo, NULL, &a, reason, &dead), SG_REPLY_ANSWER);
    assert_null(strstr(a.text, "canary"));
    sg_answer_free(&a);
    sg_secret_wipe();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verdicts), cmocka_unit_test(answers),
                                       cmocka_unit_test(parameters), cmocka_unit_test(connection_errors),
                                       cmocka_unit_test(hostile_messages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
