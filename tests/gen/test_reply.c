#include "fixture.h"

#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/reply.h"

#include <curl/curl.h>
#include <math.h>

static const struct sg_request question = {
    .key = "k",
    .canonical = TEXT(
        "{\"index\":0,\"max_tokens\":48,\"messages\":[],\"model\":\"m\",\"provider\":\"openai\",\"seed\":1,"
        "\"temperature\":1.0,\"top_p\":1.0}")};

static struct sg_attempt classify(const char *provider, long http, const char *body, struct sg_answer *a)
{
    struct sg_generator g = some_generator();
    g.provider = provider;
    struct sg_adapt none = {0};
    struct sg_reply r = {
        .http_status = http, .body = body, .n_body = strlen(body), .headers = sg_headers_make()};
    return sg_reply_classify(&g, &question, &r, &none, a);
}

static void classifications(void **state)
{
    (void)state;
    static const struct {
        long http;
        const char *body;
        enum sg_attempt_kind kind;
        sg_status dead;
        const char *says;
    } cases[] = {
        {401, "{\"error\":{\"message\":\"no\"}}", SG_ATTEMPT_REFUSED, SG_INPUT, "HTTP 401: no"},
        {401, "{\"error\":{\"message\":\"no\",\"code\":\"invalid_api_key\"}}", SG_ATTEMPT_ENDPOINT, SG_INPUT,
         "OPENAI_API_KEY"},
        {403, "", SG_ATTEMPT_REFUSED, SG_INPUT, "HTTP 403"},
        {404, "<html>", SG_ATTEMPT_REFUSED, SG_INPUT, "HTTP 404"},
        {307, "", SG_ATTEMPT_REFUSED, SG_INPUT, "HTTP 307"},
        {429, "{\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}", SG_ATTEMPT_RATE, SG_OK,
         "slow"},
        {429, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}",
         SG_ATTEMPT_ENDPOINT, SG_STOPPED, "money"},
        {429, "{\"status\":429,\"error\":\"INSUFFICIENT QUOTA\",\"message\":\"too many at once\"}",
         SG_ATTEMPT_RATE, SG_OK, "too many"},
        {402, "{}", SG_ATTEMPT_REFUSED, SG_STOPPED, "HTTP 402"},
        {402, "{\"error\":{\"message\":\"Insufficient credits\"}}", SG_ATTEMPT_ENDPOINT, SG_STOPPED, "money"},
        {500, "", SG_ATTEMPT_FAULT, SG_OK, "HTTP 500"},
        {503, "[{\"error\":{\"code\":503,\"message\":\"loading\"}}]", SG_ATTEMPT_OVERLOAD, SG_OK, "loading"},
        {529, "{\"error\":\"overloaded\"}", SG_ATTEMPT_OVERLOAD, SG_OK, "overloaded"},
        {408, "", SG_ATTEMPT_TIMEOUT, SG_OK, ""},
        {504, "", SG_ATTEMPT_TIMEOUT, SG_OK, "504"},
        {400, "{\"error\":{\"message\":\"context too long\",\"code\":400}}", SG_ATTEMPT_REFUSED, SG_OK,
         "context too long"},
        {503, "{\"error\":{\"code\":\"slow_down\"}}", SG_ATTEMPT_OVERLOAD, SG_OK, "503"},
        {429, "{\"error\":{\"code\":\"slow_down\"}}", SG_ATTEMPT_OVERLOAD, SG_OK, "429"},
        {429, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}",
         SG_ATTEMPT_RATE, SG_OK, "slow"},
        {400,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit "
         "balance is "
         "too low to access the API\"}}",
         SG_ATTEMPT_ENDPOINT, SG_STOPPED, "money"},
        {400, "{\"error\":{\"message\":\"Invalid model name\",\"param\":\"model\"}}", SG_ATTEMPT_ENDPOINT,
         SG_INPUT, "generator.model"},
        {422, "", SG_ATTEMPT_REFUSED, SG_OK, ""},
        {200, "<html>", SG_ATTEMPT_FAULT, SG_OK, "no JSON"},
        {200, "{\"choices\":[{\"message\":{\"con", SG_ATTEMPT_FAULT, SG_OK, "cut off"},
        {200, "{\"choices\":[]}", SG_ATTEMPT_FAULT, SG_OK, "another shape"},
        {200, "[1]", SG_ATTEMPT_FAULT, SG_OK, "another shape"},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_answer a = {0};
        struct sg_attempt t = classify("openai", cases[i].http, cases[i].body, &a);
        assert_int_equal(t.kind, cases[i].kind);
        assert_int_equal(t.dead, cases[i].dead);
        assert_non_null(strstr(t.reason, cases[i].says));
        sg_answer_free(&a);
    }
}

static void answers(void **state)
{
    (void)state;
    struct sg_answer a = {0};
    assert_int_equal(
        classify(
            "openai", 200,
            "{\"id\":\"c1\",\"model\":\"m-2\",\"new\":[1],\"choices\":[{\"finish_reason\":\"stop\","
            "\"message\":{\"content\":"
            "\"hi\",\"reasoning_content\":\"hm\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}",
            &a)
            .kind,
        SG_ATTEMPT_ANSWERED);
    assert_string_equal(a.text, "hi");
    assert_string_equal(a.finish_reason, "stop");
    assert_string_equal(a.model, "m-2");
    assert_string_equal(a.request_id, "c1");
    assert_true(a.tokens_in == 7 && a.tokens_out == 2 && !a.tokens_estimated && a.cost_usd < 0);
    sg_answer_free(&a);

    assert_int_equal(classify("openai", 200,
                              "{\"choices\":[{\"message\":{\"content\":\"a\\u0000b\"}}],\"usage\":null}", &a)
                         .kind,
                     SG_ATTEMPT_ANSWERED);
    assert_string_equal(a.text, "a b");
    assert_true(a.tokens_estimated && a.tokens_in > 0);
    sg_answer_free(&a);

    assert_int_equal(
        classify(
            "openai", 200,
            "\xef\xbb\xbf{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\",\"text\":\"hm\"},{"
            "\"type\":\"text\",\"text\":\"a \"},{\"type\":\"text\",\"text\":\"film\"}]}}]}",
            &a)
            .kind,
        SG_ATTEMPT_ANSWERED);
    assert_string_equal(a.text, "a film");
    sg_answer_free(&a);

    assert_int_equal(
        classify(
            "openai", 200,
            "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"},\"finish_reason\":\"stop\"}]}",
            &a)
            .kind,
        SG_ATTEMPT_ANSWERED);
    assert_null(a.text);
    assert_string_equal(a.finish_reason, "refusal");
    sg_answer_free(&a);

    /* All of it went into thoughts. */
    static const char *const thoughts[][2] = {
        {"openai", "{\"choices\":[{\"message\":{\"content\":null,\"reasoning_content\":\"Let me "
                   "think\"},\"finish_reason\":"
                   "\"length\"}]}"},
        {"openai", "{\"choices\":[{\"message\":{\"content\":\" "
                   "\\n\",\"reasoning\":\"hm\"},\"finish_reason\":\"stop\"}]}"},
        {"openai", "{\"choices\":[{\"message\":{\"content\":\"\",\"reasoning_details\":[{}]},\"finish_"
                   "reason\":\"stop\"}]}"},
        {"anthropic",
         "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"}],\"stop_reason\":\"max_tokens\"}"},
        {"openai", "{\"choices\":[{\"message\":{\"content\":null,\"reasoning\":\"hm\"},\"finish_reason\":"
                   "\"length\"}],\"usage\":{"
                   "\"prompt_tokens\":9,\"completion_tokens\":48}}"}};
    for (int i = 0; i < N_OF(thoughts); i++) {
        assert_int_equal(classify(thoughts[i][0], 200, thoughts[i][1], &a).kind, SG_ATTEMPT_ANSWERED);
        assert_string_equal(a.finish_reason, "reasoning");
        sg_answer_free(&a);
    }
    assert_int_equal(
        classify("openai", 200,
                 "{\"choices\":[{\"message\":{\"content\":null,\"reasoning_content\":\"\"},\"finish_reason\":"
                 "\"length\"}]}",
                 &a)
            .kind,
        SG_ATTEMPT_ANSWERED);
    assert_string_equal(a.finish_reason, "length");
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
    struct sg_reply r = {
        .http_status = 400, .body = refused, .n_body = strlen(refused), .headers = sg_headers_make()};
    assert_int_equal(sg_reply_classify(&g, &question, &r, &adapt, &a).kind, SG_ATTEMPT_ADAPT);
    char names[80];
    sg_adapt_text(&adapt, names);
    assert_string_equal(names, "max_tokens");
    r.sent = before; /* a second one that was on its way */
    assert_int_equal(sg_reply_classify(&g, &question, &r, &adapt, &a).kind, SG_ATTEMPT_ADAPT);
    r.sent = adapt; /* it was sent in the new form, and refused all the same */
    assert_int_equal(sg_reply_classify(&g, &question, &r, &adapt, &a).kind, SG_ATTEMPT_REFUSED);
    r.body = heat;
    r.n_body = strlen(heat);
    assert_int_equal(sg_reply_classify(&g, &question, &r, &adapt, &a).kind, SG_ATTEMPT_ADAPT);
    sg_adapt_text(&adapt, names);
    struct sg_adapt back = {.refused = 1U << 3};
    sg_adapt_read(&back, names);
    assert_int_equal(back.refused, adapt.refused);
    sg_adapt_read(&back, " temperature nonsense  temp");
    sg_adapt_text(&back, names);
    assert_string_equal(names, "temperature");
    sg_adapt_read(&back, "");
    assert_int_equal(back.refused, 0);
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
        enum sg_attempt_kind kind;
        int outage, maybe_paid, not_sent;
        long proxy_status;
    } cases[] = {{CURLE_COULDNT_CONNECT, SG_ATTEMPT_FAULT, 1, 0, 0, 0},
                 {CURLE_COULDNT_RESOLVE_HOST, SG_ATTEMPT_FAULT, 1, 0, 0, 0},
                 {CURLE_SSL_CONNECT_ERROR, SG_ATTEMPT_FAULT, 0, 0, 0, 0},
                 {CURLE_OPERATION_TIMEDOUT, SG_ATTEMPT_TIMEOUT, 0, 1, 0, 0},
                 {CURLE_PARTIAL_FILE, SG_ATTEMPT_FAULT, 0, 1, 0, 0},
                 {CURLE_PEER_FAILED_VERIFICATION, SG_ATTEMPT_ENDPOINT, 0, 0, 0, 0},
                 {CURLE_SSL_CACERT_BADFILE, SG_ATTEMPT_ENDPOINT, 0, 0, 0, 0},
                 {CURLE_URL_MALFORMAT, SG_ATTEMPT_ENDPOINT, 0, 0, 0, 0},
                 {CURLE_UNSUPPORTED_PROTOCOL, SG_ATTEMPT_FAULT, 0, 1, 0, 0}, /* an answer that is no HTTP */
                 {CURLE_RECV_ERROR, SG_ATTEMPT_FAULT, 0, 1, 0, 0},
                 {CURLE_RECV_ERROR, SG_ATTEMPT_FAULT, 1, 0, 1, 0}, /* a proxy has hung up */
                 {CURLE_OPERATION_TIMEDOUT, SG_ATTEMPT_FAULT, 1, 0, 1, 0},
                 {CURLE_RECV_ERROR, SG_ATTEMPT_ENDPOINT, 0, 0, 1, 407}};
    struct sg_generator g = some_generator();
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_adapt adapt = {0};
        struct sg_answer a = {0};
        struct sg_reply r = {.curl_code = cases[i].code,
                             .body = "",
                             .not_sent = cases[i].not_sent,
                             .proxy_status = cases[i].proxy_status,
                             .headers = sg_headers_make()};
        struct sg_attempt t = sg_reply_classify(&g, &question, &r, &adapt, &a);
        assert_int_equal(t.kind, cases[i].kind);
        assert_int_equal(t.outage, cases[i].outage);
        assert_int_equal(t.maybe_paid, cases[i].maybe_paid);
        assert_true(strlen(t.reason) > 5);
    }
}

/* curl's words name the cause; bytes of the server and keys in them do not come through. */
static void causes(void **state)
{
    (void)state;
    char why[600], text[300];
    struct sg_reply r = {.curl_code = CURLE_PEER_FAILED_VERIFICATION,
                         .why = "SSL certificate problem: certificate has expired"};
    assert_true(sg_reply_tls_reason(&r, why));
    assert_non_null(strstr(why, "has expired"));
    assert_non_null(strstr(why, "generator.ca_file"));
    r.curl_code = CURLE_SSL_CACERT_BADFILE;
    assert_true(sg_reply_tls_reason(&r, why));
    assert_non_null(strstr(why, "generator.ca_file"));
    r.curl_code = CURLE_RECV_ERROR;
    assert_false(sg_reply_tls_reason(&r, why));
    r.why = "odd \033[31m Bearer 0123456789abcdef";
    sg_reply_failure_text(&r, text);
    assert_null(strchr(text, '\033'));
    assert_null(strstr(text, "0123456789abcdef"));
    r.why = "";
    sg_reply_failure_text(&r, text);
    assert_string_equal(text, curl_easy_strerror(CURLE_RECV_ERROR));
}

/* How servers say that they do not know a parameter, and what is no such thing. */
static void unknown_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *body, *learned;
    } cases[] = {
        {"[{\"error\":{\"code\":400,\"message\":\"Invalid JSON payload received. Unknown name \\\"seed\\\": "
         "Cannot "
         "find field.\",\"status\":\"INVALID_ARGUMENT\"}}]",
         "seed"},
        {"{\"error\":{\"message\":\"Unrecognized request argument supplied: top_p\"}}", "top_p"},
        {"{\"error\":{\"message\":\"Unrecognized request argument supplied: response_format\"}}",
         ""}, /* not sent */
        {"{\"error\":{\"message\":\"`temperature` is not supported by this model\"}}", "temperature"},
        {"{\"error\":{\"message\":\"Unknown name \\\"index\\\"\"}}", ""},
        {"{\"error\":{\"message\":\"'seed' must be below 10\"}}", ""},
        {"{\"error\":{\"message\":\"not supported: seeds\"}}", ""},
    };
    struct sg_generator g = some_generator();
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_adapt adapt = {0};
        struct sg_answer a = {0};
        struct sg_reply r = {.http_status = 400,
                             .body = cases[i].body,
                             .n_body = strlen(cases[i].body),
                             .headers = sg_headers_make()};
        char names[80];
        assert_int_equal(sg_reply_classify(&g, &question, &r, &adapt, &a).kind,
                         cases[i].learned[0] ? SG_ATTEMPT_ADAPT : SG_ATTEMPT_REFUSED);
        sg_adapt_text(&adapt, names);
        assert_string_equal(names, cases[i].learned);
    }
}

/* What is no answer but says what it is charged with costs that; its request is known to the provider by its id. */
static void charged_for_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *body;
        int maybe_paid;
        double usd;
    } cases[] = {
        {"openai", "{\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":50}}", 0, 4e-4},
        {"anthropic", "{\"content\":null,\"usage\":{\"input_tokens\":100,\"output_tokens\":50}}", 0, 4e-4},
        {"openai", "{\"choices\":[],\"usage\":{\"prompt_tokens\":100}}", 1, -1},
        {"openai", "{\"choices\":[],\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":50}}", 1, -1},
        {"openai", "{\"choices\":[]}", 1, -1},
        {"openai", "[]", 1, -1},
        {"openai", "{\"choices\":[", 1, -1},
    };
    for (int i = 0; i < N_OF(cases); i++)
        for (int priced = 0; priced <= 1; priced++) {
            struct sg_generator g = some_generator();
            g.provider = cases[i].provider;
            g.usd_per_1m_input = priced ? 2 : -1;
            g.usd_per_1m_output = priced ? 4 : -1;
            struct sg_adapt none = {0};
            struct sg_answer a = {0};
            struct sg_reply r = {.http_status = 200,
                                 .body = cases[i].body,
                                 .n_body = strlen(cases[i].body),
                                 .headers = sg_headers_make()};
            snprintf(r.headers.request_id, sizeof r.headers.request_id, "req-1");
            struct sg_attempt t = sg_reply_classify(&g, &question, &r, &none, &a);
            assert_int_equal(t.kind, SG_ATTEMPT_FAULT);
            assert_int_equal(t.maybe_paid, priced ? cases[i].maybe_paid : 1);
            assert_true(fabs(t.cost_usd - (priced ? cases[i].usd : -1)) < 1e-12);
            assert_string_equal(a.request_id, "req-1");
            sg_answer_free(&a);
        }
}

/* What a gateway swallowed may have been written all the same, and so may an answer that came in pieces; a refusal
 * costs nothing. */
static void money(void **state)
{
    (void)state;
    static const struct {
        long http;
        int maybe_paid;
    } cases[] = {{200, 1}, {408, 1}, {502, 1}, {504, 1}, {524, 1},
                 {429, 0}, {500, 0}, {503, 0}, {529, 0}, {400, 0}};
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_answer a = {0};
        assert_int_equal(classify("openai", cases[i].http, "<html>", &a).maybe_paid, cases[i].maybe_paid);
    }
    struct sg_generator g = some_generator();
    g.usd_per_1m_input = 1;
    g.usd_per_1m_output = 1000;
    struct sg_adapt none = {0};
    static const char body[] = "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}";
    struct sg_reply r = {
        .http_status = 200, .body = body, .n_body = strlen(body), .headers = sg_headers_make()};
    struct sg_answer a = {0};
    struct sg_attempt t = sg_reply_classify(&g, &question, &r, &none, &a);
    assert_true(a.tokens_estimated && t.cost_usd == sg_request_worst_usd(&g, &question) &&
                t.cost_usd > 0.048);
    sg_answer_free(&a);
}

/* Tokens that the usage tells as cached cost what the table says for them; OpenAI counts them within the prompt's,
 * Anthropic beside it. */
static void cached_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *body;
        double cached_usd, usd; /* the table's price; what the answer costs */
        int64_t in;
    } cases[] = {
        {"openai",
         "{\"choices\":[{\"message\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":100,\"completion_"
         "tokens\":10,"
         "\"prompt_tokens_details\":{\"cached_tokens\":60}}}",
         0.5, (40 * 2 + 60 * 0.5 + 10 * 4) / 1e6, 100},
        {"openai",
         "{\"choices\":[{\"message\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":100,\"completion_"
         "tokens\":10,"
         "\"prompt_tokens_details\":{\"cached_tokens\":60}}}",
         -1, (100 * 2 + 10 * 4) / 1e6, 100},
        {"openai",
         "{\"choices\":[{\"message\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":100,\"completion_"
         "tokens\":10,"
         "\"prompt_tokens_details\":null}}",
         0.5, (100 * 2 + 10 * 4) / 1e6, 100},
        {"anthropic",
         "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"usage\":{\"input_tokens\":30,\"cache_creation_"
         "input_tokens\":10,"
         "\"cache_read_input_tokens\":60,\"output_tokens\":10}}",
         0.5, (40 * 2 + 60 * 0.5 + 10 * 4) / 1e6, 100},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_generator g = some_generator();
        struct sg_adapt none = {0};
        struct sg_answer a = {0};
        struct sg_reply r = {.http_status = 200,
                             .body = cases[i].body,
                             .n_body = strlen(cases[i].body),
                             .headers = sg_headers_make()};
        g.provider = cases[i].provider;
        g.usd_per_1m_input = 2;
        g.usd_per_1m_output = 4;
        g.usd_per_1m_cached_input = cases[i].cached_usd;
        assert_int_equal(sg_reply_classify(&g, &question, &r, &none, &a).kind, SG_ATTEMPT_ANSWERED);
        assert_int_equal(a.tokens_in, cases[i].in);
        assert_true(a.cost_usd > cases[i].usd * (1 - 1e-12) && a.cost_usd < cases[i].usd * (1 + 1e-12));
        sg_answer_free(&a);
    }
}

static void anthropic(void **state)
{
    (void)state;
    struct sg_answer a = {0};
    assert_int_equal(
        classify(
            "anthropic", 200,
            "{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"c-1\",\"content\":[{\"type\":\"thinking\","
            "\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"A fine\"},{\"type\":\"text\",\"text\":\" "
            "film.\"}],"
            "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":3,"
            "\"output_tokens\":4}}",
            &a)
            .kind,
        SG_ATTEMPT_ANSWERED);
    assert_string_equal(a.text, "A fine film.");
    assert_string_equal(a.finish_reason, "stop");
    assert_string_equal(a.model, "c-1");
    assert_string_equal(a.request_id, "msg_1");
    assert_true(a.tokens_in == 10 && a.tokens_out == 4 && !a.tokens_estimated);
    sg_answer_free(&a);
    static const struct {
        const char *said, *kept;
    } ends[] = {{"max_tokens", "length"}, {"stop_sequence", "stop"}, {"refusal", "refusal"}};
    for (int i = 0; i < N_OF(ends); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"content\":[],\"stop_reason\":\"%s\"}", ends[i].said);
        assert_int_equal(classify("anthropic", 200, body, &a).kind, SG_ATTEMPT_ANSWERED);
        assert_string_equal(a.finish_reason, ends[i].kept);
        assert_true(!a.text && a.tokens_estimated);
        sg_answer_free(&a);
    }
    /* Counts that cannot be are estimated; their sum must not run over. */
    assert_int_equal(
        classify(
            "anthropic", 200,
            "{\"content\":[],\"usage\":{\"input_tokens\":9223372036854775807,\"cache_read_input_tokens\":"
            "9223372036854775807,\"cache_creation_input_tokens\":-5,\"output_tokens\":4}}",
            &a)
            .kind,
        SG_ATTEMPT_ANSWERED);
    assert_true(a.tokens_in >= 0 && a.tokens_in < 1000 && a.tokens_out == 4 && a.tokens_estimated);
    sg_answer_free(&a);
    assert_int_equal(classify("anthropic", 529,
                              "{\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", &a)
                         .kind,
                     SG_ATTEMPT_OVERLOAD);
    assert_int_equal(classify("anthropic", 200, "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", &a).kind,
                     SG_ATTEMPT_FAULT);

    const struct sg_request q = {
        .canonical = TEXT(
            "{\"index\":0,\"max_tokens\":48,\"messages\":[{\"content\":\"Be brief.\",\"role\":\"system\"},{"
            "\"content\":\"Hi\",\"role\":\"user\"}],\"model\":\"m\",\"provider\":\"anthropic\",\"seed\":1,"
            "\"response_format\":{\"type\":\"json_schema\"},\"temperature\":0.5,\"top_p\":1.0}")};
    struct sg_adapt adapt = {0};
    struct sg_generator g = some_generator();
    sg_adapt_start(&adapt, &g, &question);
    assert_true(!adapt.refused);
    g.provider = "anthropic";
    sg_adapt_start(&adapt, &g, &q);
    char *wire = sg_wire_body(&q, &adapt);
    assert_string_equal(
        wire, "{\"max_tokens\":48,\"messages\":[{\"content\":\"Hi\",\"role\":\"user\"}],\"model\":\"m\","
              "\"system\":\"Be brief.\",\"temperature\":0.5}");
    sg_free(wire);
    char left_out[80];
    sg_adapt_text(&adapt, left_out);
    assert_string_equal(left_out, "seed response_format");
}

static struct sg_headers heard(const char *const *lines)
{
    struct sg_headers h = sg_headers_make();
    for (; *lines; lines++)
        sg_headers_add(&h, *lines, strlen(*lines), 1000000000); /* 2001-09-09 01:46:40 */
    return h;
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *lines[3];
        double wait_s;
    } waits[] = {{{"Retry-After: 7\r\n"}, 7},
                 {{"retry-after: 0.25"}, 0.25},
                 {{"retry-after: Sun, 09 Sep 2001 01:47:10 GMT\r\n"}, 30},
                 {{"retry-after: Mon, 01 Jan 2001 00:00:00 GMT"}, 0},
                 {{"retry-after: 30", "retry-after-ms: 300"}, 0.3},
                 {{"retry-after-ms: 300", "retry-after: 30"}, 0.3},
                 {{"retry-after-ms: nan", "retry-after: 30"}, 30},
                 {{"retry-after: nan"}, -1},
                 {{"retry-after: -1"}, -1},
                 {{"retry-after: soon"}, -1},
                 {{"retry-after: 1e9"}, 1e9},
                 {{"x-retry-after: 5"}, -1}};
    for (int i = 0; i < N_OF(waits); i++)
        assert_true(heard(waits[i].lines).limits.retry_after_s == waits[i].wait_s);
    static const struct {
        const char *said;
        double s;
    } resets[] = {{"1s", 1},
                  {"6m0s", 360},
                  {"12ms", 0.012},
                  {"1h2m3s", 3723},
                  {"8.64s", 8.64},
                  {"20", 20},
                  {"-1", -1},
                  {"", -1},
                  {"1x", -1},
                  {"s", -1},
                  {"2001-09-09T01:47:40Z", 60}};
    for (int i = 0; i < N_OF(resets); i++) {
        char line[80];
        snprintf(line, sizeof line, "x-ratelimit-reset-requests: %s", resets[i].said);
        double s = heard((const char *const[]){line, NULL}).limits.reset_requests_s;
        assert_true(s > resets[i].s - 1e-9 && s < resets[i].s + 1e-9);
    }
    struct sg_headers h =
        heard((const char *const[]){"x-ratelimit-limit-requests: 600", "x-ratelimit-limit-tokens: 60000",
                                    "X-RateLimit-Remaining-Requests: 0", "x-ratelimit-remaining-tokens: -1",
                                    "x-request-id: r1", "request-id: r2", "x-should-retry: false", NULL});
    assert_true(h.limits.limit_requests == 600 && h.limits.limit_tokens == 60000 &&
                h.limits.left_requests == 0 && h.limits.left_tokens == -1);
    assert_true(h.should_retry == 0);
    assert_string_equal(h.request_id, "r1");
    h = heard((const char *const[]){"anthropic-ratelimit-requests-limit: 50",
                                    "anthropic-ratelimit-tokens-remaining: 9", "request-id: r2", NULL});
    assert_true(h.limits.limit_requests == 50 && h.limits.left_tokens == 9);
    assert_string_equal(h.request_id, "r2");
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
    assert_int_equal(classify("openai", 200, echo, &a).kind, SG_ATTEMPT_ANSWERED);
    assert_null(strstr(a.text, "canary"));
    sg_answer_free(&a);
    sg_secret_wipe();
}

/* A message that is longer than what is kept of it is cut behind a whole character, and hides a key at the cut. */
static void long_messages(void **state)
{
    (void)state;
    const char *kept;
    struct sg_err err;
    assert_int_equal(sg_secret_remember("0123canary4567890123456789abcdef", &kept, &err), SG_OK);
    for (int n = 270; n < 300; n++) {
        char body[2000], text[300];
        snprintf(body, sizeof body, "{\"error\":{\"message\":\"%0*d0123canary4567890123456789abcdef\"}}", n,
                 7);
        sg_reply_error_text(body, strlen(body), text, sizeof text);
        assert_null(strstr(text, "0123c"));
    }
    for (int n = 0; n < 4; n++) {
        char body[2000];
        snprintf(body, sizeof body, "{\"error\":{\"message\":\"%.*s", n, "abc");
        for (int i = 0; i < 290; i++)
            strcat(body, "\u8f93");
        strcat(body, "\"}}");
        struct sg_answer a = {0};
        struct sg_attempt t = classify("openai", 400, body, &a);
        assert_int_equal(t.kind, SG_ATTEMPT_REFUSED);
        assert_true(strlen(t.reason) > 300 && sg_utf8_valid(t.reason, strlen(t.reason)));
        sg_answer_free(&a);
        t = classify("openai", 401, body, &a);
        assert_true(sg_utf8_valid(t.reason, strlen(t.reason)));
        sg_answer_free(&a);
    }
    sg_secret_wipe();
}

/* A server's JSON does not fill a node's memory. */
static void many_values(void **state)
{
    (void)state;
    enum { N = 250000 };
    char *body = sg_alloc(3 * N + 100, 1),
         *p = body + sprintf(body, "{\"choices\":[{\"message\":{\"content\":\"");
    for (int i = 0; i < N; i++)
        p += sprintf(p, "{},");
    sprintf(p, "\"}}]}"); /* inside of a text they are none */
    struct sg_answer a = {0};
    assert_int_equal(classify("openai", 200, body, &a).kind, SG_ATTEMPT_ANSWERED);
    assert_int_equal(strlen(a.text), 3 * N);
    sg_answer_free(&a);
    p = body + sprintf(body, "{\"choices\":[{\"message\":{\"content\":\"A.\"}}],\"more\":[");
    for (int i = 0; i < N; i++)
        p += sprintf(p, "{},");
    sprintf(p, "0]}");
    struct sg_attempt t = classify("openai", 200, body, &a);
    assert_int_equal(t.kind, SG_ATTEMPT_FAULT);
    assert_true(t.maybe_paid);
    sg_answer_free(&a);
    sg_free(body);
}

/* A date is as far away as the server's own clock says, whichever header comes first; ours is a day behind here. */
static void by_the_servers_clock(void **state)
{
    (void)state;
    static const char *const date = "Date: Sun, 06 Nov 1994 08:49:37 GMT",
                             *const lines[] = {"Retry-After: Sun, 06 Nov 1994 08:49:40 GMT",
                                               "anthropic-ratelimit-requests-reset: 1994-11-06T08:49:41Z",
                                               "anthropic-ratelimit-tokens-reset: 1994-11-06T08:49:42Z"};
    double unix_s = 784111777 - 86400.0;
    for (int order = 0; order < 3; order++) { /* 2: no Date */
        struct sg_headers h = sg_headers_make();
        if (order == 0)
            sg_headers_add(&h, date, strlen(date), unix_s);
        for (int i = 0; i < 3; i++)
            sg_headers_add(&h, lines[i], strlen(lines[i]), unix_s);
        if (order == 1)
            sg_headers_add(&h, date, strlen(date), unix_s);
        double off = order == 2 ? 86400 : 0;
        assert_true(h.limits.retry_after_s == off + 3 && h.limits.reset_requests_s == off + 4 &&
                    h.limits.reset_tokens_s == off + 5);
    }
    struct sg_headers h = sg_headers_make();
    sg_headers_add(&h, lines[0], strlen(lines[0]), unix_s);
    sg_headers_add(&h, "Retry-After: 7", 14, unix_s); /* the last one counts */
    sg_headers_add(&h, date, strlen(date), unix_s);
    assert_true(h.limits.retry_after_s == 7);
}

/* The usage tells of an answer that is called whole, unless the count is our own. */
static void cut_by_the_limit(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *finish, *usage;
        int tokens, is_cut;
    } cases[] = {{"openai", "stop", "completion_tokens", 16, 1},
                 {"openai", "stop", "completion_tokens", 15, 0},
                 {"anthropic", "end_turn", "output_tokens", 16, 1},
                 {"anthropic", "end_turn", "output_tokens", 3, 0},
                 {"openai", "stop", "tokens", 16, 0},
                 {"openai", "eos", "completion_tokens", 17, 1},
                 {"openai", "content_filter", "completion_tokens", 16, -1}};
    struct sg_request q = {.canonical = (char[]){"{\"max_tokens\":16,\"messages\":[]}"}};
    for (int i = 0; i < N_OF(cases); i++) {
        char body[400];
        int is_anthropic = cases[i].provider[0] == 'a';
        snprintf(
            body, sizeof body,
            is_anthropic
                ? "{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"%s\",\"usage\":{"
                  "\"input_tokens\":7,\"%s\":%d}}"
                : "{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"%s\"}],\"usage\":{"
                  "\"prompt_tokens\":7,\"%s\":%d}}",
            cases[i].finish, cases[i].usage, cases[i].tokens);
        struct sg_generator g = {
            .provider = cases[i].provider, .model = "m", .api_key_env = "K", .max_tokens = 16};
        struct sg_reply r = {
            .http_status = 200, .body = body, .n_body = strlen(body), .headers = sg_headers_make()};
        struct sg_adapt none = {0};
        struct sg_answer a = {0};
        assert_int_equal(sg_reply_classify(&g, &q, &r, &none, &a).kind, SG_ATTEMPT_ANSWERED);
        assert_string_equal(a.finish_reason, cases[i].is_cut > 0                        ? "length"
                                             : strcmp(cases[i].finish, "end_turn") == 0 ? "stop"
                                                                                        : cases[i].finish);
        sg_answer_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_the_servers_clock),
                                       cmocka_unit_test(cut_by_the_limit),
                                       cmocka_unit_test(classifications),
                                       cmocka_unit_test(answers),
                                       cmocka_unit_test(parameters),
                                       cmocka_unit_test(connection_errors),
                                       cmocka_unit_test(causes),
                                       cmocka_unit_test(unknown_parameters),
                                       cmocka_unit_test(hostile_messages),
                                       cmocka_unit_test(long_messages),
                                       cmocka_unit_test(many_values),
                                       cmocka_unit_test(money),
                                       cmocka_unit_test(charged_for_nothing),
                                       cmocka_unit_test(cached_tokens),
                                       cmocka_unit_test(anthropic),
                                       cmocka_unit_test(headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
