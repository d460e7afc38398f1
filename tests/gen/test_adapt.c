#include "fixture.h"

#include "gen/llm/adapt.h"

#define REQUEST(temperature, top_p, more)                                                                    \
    TEXT("{\"index\":0,\"max_tokens\":48,\"messages\":[],\"model\":\"m\"," more                              \
         "\"provider\":\"openai\",\"response_format\":{\"type\":\"json_schema\"},\"seed\":1,"                \
         "\"temperature\":" temperature ",\"top_p\":" top_p "}")

static const struct sg_request question = {.key = "k", .canonical = REQUEST("1.0", "1.0", "")};

static const char *learned(const struct sg_request *q, long http, const char *body)
{
    static char names[80];
    struct sg_adapt none = {0}, adapt = {0};
    struct sg_server_error e;
    sg_server_error_read(body, strlen(body), &e);
    int n = sg_adapt_learn(&adapt, &none, q, http, &e);
    sg_adapt_text(&adapt, names);
    assert_int_equal(n != 0, names[0] != 0);
    return names;
}

/* What servers say of a parameter that they do not take, and what teaches nothing. */
static void lessons(void **state)
{
    (void)state;
    static const struct {
        long http;
        const char *body, *names;
    } row[] = {
        /* Anthropic, 2026 */
        {400,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"`temperature` may "
         "no longer be "
         "set with this model.\"}}",
         "temperature"},
        {400,
         "{\"error\":{\"message\":\"`temperature` and `top_p` cannot both be specified for this model. "
         "Please use only "
         "one.\"}}",
         "top_p"},
        /* Mistral */
        {422,
         "{\"object\":\"error\",\"message\":{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\","
         "\"seed\"],"
         "\"msg\":\"Extra inputs are not permitted\",\"input\":7}]},\"type\":\"invalid_request_error\"}",
         "seed"},
        /* gateways */
        {400, "{\"message\":\"temperature and top_p cannot both be specified\"}", "top_p"},
        {400, "{\"detail\":\"Specify either temperature or top_p, not both\"}", "top_p"},
        {400,
         "{\"message\":\"Malformed input request: #: extraneous key [seed] is not permitted, please reformat "
         "your input "
         "and try again.\"}",
         "seed"},
        /* OpenAI's reasoning models */
        {400,
         "{\"error\":{\"message\":\"Unsupported value: 'temperature' does not support 0.7 with this model. "
         "Only the "
         "default (1) value is "
         "supported.\",\"type\":\"invalid_request_error\",\"param\":\"temperature\",\"code\":"
         "\"unsupported_value\"}}",
         "temperature"},
        {400,
         "{\"error\":{\"message\":\"Unsupported parameter: 'max_tokens' is not supported with this model. "
         "Use "
         "'max_completion_tokens' instead.\",\"param\":\"max_tokens\",\"code\":\"unsupported_parameter\"}}",
         "max_tokens"},
        {400, "{\"error\":\"max_tokens is not allowed here, use max_completion_tokens instead\"}",
         "max_tokens"},
        {400, "{\"error\":{\"message\":\"Unsupported: please use max_completion_tokens instead\"}}",
         "max_tokens"},
        {400, "{\"error\":{\"message\":\"Unrecognized request arguments supplied: response_format, seed\"}}",
         "response_format"},
        {400, "{\"error\":{\"message\":\"Unrecognized request arguments supplied: seed, top_p\"}}",
         "top_p seed"},
        /* Gemini, Groq, Go's decoder, Moonshot, TGI, LiteLLM, transformers serve, OpenRouter */
        {400,
         "[{\"error\":{\"message\":\"Invalid JSON payload received. Unknown name \\\"seed\\\": Cannot find "
         "field.\"}}]",
         "seed"},
        {400, "{\"error\":{\"message\":\"'seed' : property 'seed' is unsupported\"}}", "seed"},
        {400, "json: unknown field \"seed\"", "seed"},
        {400, "{\"error\":{\"message\":\"invalid temperature: only 1 is allowed for this model\"}}",
         "temperature"},
        {422,
         "{\"error\":\"Input validation error: `top_p` must be > 0.0 and < "
         "1.0\",\"error_type\":\"validation\"}",
         "top_p"},
        {400,
         "{\"error\":{\"message\":\"litellm.UnsupportedParamsError: x does not support parameters: ['seed', "
         "'top_p'], for "
         "model=m. To drop these, set `litellm.drop_params=True`\",\"param\":null,\"code\":\"400\"}}",
         "top_p seed"},
        {422, "{\"detail\":\"Unexpected fields in the request: {'seed'}\"}", "seed"},
        {400,
         "{\"error\":{\"message\":\"Provider returned "
         "error\",\"code\":400,\"metadata\":{\"raw\":\"{\\\"error\\\": "
         "{\\\"message\\\": \\\"temperature is not supported\\\"}}\"}}}",
         "temperature"},
        {400, "{\"error\":{\"message\":\"Unsupported parameter: 'temperature'. Use 'top_p' instead.\"}}",
         "temperature"},
        {501, "{\"error\":{\"message\":\"`seed` is not implemented\"}}", "seed"},
        /* the shape of answers is ours: whatever is said of it */
        {400, "{\"error\":{\"message\":\"This response_format type is unavailable now\"}}",
         "response_format"},
        {400,
         "{\"error\":{\"message\":\"Invalid schema for response_format 'examples': 'minItems' is not "
         "permitted.\","
         "\"param\":\"response_format\"}}",
         "response_format"},
        {422,
         "{\"detail\":[{\"loc\":[\"body\",\"response_format\",\"type\"],\"msg\":\"Input should be "
         "'text'\"}]}",
         "response_format"},
        {422, "Failed to deserialize the JSON body: response_format: unknown variant `json_schema`",
         "response_format"},
        {400, "{\"error\":{\"message\":\"failed to parse grammar\"}}", "response_format"},
        {500,
         "{\"error\":{\"message\":\"[{'type': 'literal_error', 'loc': ('body', 'response_format', "
         "'type')}]\"}}",
         "response_format"},
        /* a value that the user has chosen, another parameter, the prompt, another status */
        {400,
         "{\"error\":{\"message\":\"Invalid 'temperature': decimal above maximum value. Expected a value <= "
         "2, but got 3 "
         "instead.\",\"param\":\"temperature\",\"code\":\"decimal_above_max_value\"}}",
         ""},
        {422,
         "{\"detail\":[{\"type\":\"less_than_equal\",\"loc\":[\"body\",\"temperature\"],\"msg\":\"Input "
         "should be less "
         "than or equal to 1\"}]}",
         ""},
        {400,
         "{\"error\":{\"message\":\"max_tokens is too large: 5000. This model supports at most 4096 "
         "completion tokens, "
         "which cannot be raised; see max_completion_tokens.\",\"param\":\"max_tokens\"}}",
         ""},
        {400, "{\"error\":{\"message\":\"'seed' must be below 10\"}}", ""},
        {400, "{\"error\":{\"message\":\"Unknown name \\\"index\\\"\"}}", ""},
        {400, "{\"error\":{\"message\":\"not supported: seeds\"}}", ""},
        {400, "{\"error\":{\"message\":\"Your prompt about the temperature was flagged: not allowed\"}}", ""},
        {400, "{\"error\":{\"message\":\"context too long\"}}", ""},
        {403, "{\"error\":{\"message\":\"`temperature` is not allowed\"}}", ""},
        {500, "temperature is not supported", ""},
        {500, "Internal Server Error", ""},
    };
    for (int i = 0; i < N_OF(row); i++) {
        const char *names = learned(&question, row[i].http, row[i].body);
        if (strcmp(names, row[i].names) != 0)
            fail_msg("row %d: learned \"%s\", not \"%s\": %s", i, names, row[i].names, row[i].body);
    }
}

/* Of two that do not go together, the one that says nothing is left out. */
static void one_of_two(void **state)
{
    (void)state;
    static const char both[] = "{\"message\":\"temperature and top_p cannot both be specified\"}";
    const struct sg_request narrow = {.canonical = REQUEST("1.0", "0.9", "")},
                            odd = {.canonical = REQUEST("0.7", "0.9", "")};
    assert_string_equal(learned(&narrow, 400, both), "temperature");
    assert_string_equal(learned(&odd, 400, both), "top_p");
    static const char below[] = "{\"error\":\"`top_p` must be > 0.0 and < 1.0\"}";
    assert_string_equal(learned(&odd, 422, below), "");
}

/* What is left out by hand is on no wire, and is not learned; extra members are there. */
static void by_hand(void **state)
{
    (void)state;
    static const char unknown[] = "{\"error\":{\"message\":\"Unknown name \\\"seed\\\"\"}}";
    const struct sg_request q = {.canonical = REQUEST("1.0", "1.0", "\"omit\":[\"seed\",\"top_p\"],")};
    assert_string_equal(learned(&q, 400, unknown), "");
    struct sg_adapt none = {0};
    char *wire = sg_wire_body(&q, &none);
    assert_string_equal(wire,
                        "{\"max_tokens\":48,\"messages\":[],\"model\":\"m\",\"response_format\":{\"type\":"
                        "\"json_schema\"},\"temperature\":1.0}");
    sg_free(wire);
    const struct sg_request more = {.canonical = TEXT("{\"extra\":{\"chat_template_kwargs\":{\"enable_"
                                                      "thinking\":false},\"provider\":{\"order\":[\"a\"]}},"
                                                      "\"index\":0,\"max_tokens\":48,\"messages\":[],"
                                                      "\"model\":\"m\",\"provider\":\"openai\",\"seed\":1}")};
    wire = sg_wire_body(&more, &none);
    assert_string_equal(
        wire, "{\"chat_template_kwargs\":{\"enable_thinking\":false},\"max_tokens\":48,\"messages\":[],"
              "\"model\":\"m\",\"provider\":{\"order\":[\"a\"]},\"seed\":1}");
    sg_free(wire);
}

static void names(void **state)
{
    (void)state;
    struct sg_adapt a = {0}, none = {0};
    sg_adapt_refuse(&a, "seed");
    sg_adapt_refuse(&a, "logit_bias");
    assert_true(sg_adapt_has(&a, "seed") && !sg_adapt_has(&a, "top_p") && !sg_adapt_has(&a, "logit_bias"));
    struct sg_server_error e;
    char found[80];
    static const char body[] = "{\"error\":{\"message\":\"'temperature' must be below 1\"}}";
    sg_server_error_read(body, strlen(body), &e);
    sg_adapt_named(&none, &question, &e, found);
    assert_string_equal(found, "temperature");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lessons), cmocka_unit_test(one_of_two),
                                       cmocka_unit_test(by_hand), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
