#include "fixture.h"

#include "gen/llm/adapt.h"
#include "gen/llm/provider.h"

/* A row that lacks something is found here, not by its first user. */
static void rows_are_whole(void **state)
{
    (void)state;
    char names[80];
    const struct sg_provider *p;
    int n = 0;
    sg_provider_names(names);
    for (; (p = sg_provider_at(n)); n++) {
        const struct sg_provider *stub = sg_provider_find(p->rehearsed_as);
        char said[40];
        snprintf(said, sizeof said, "%s: ", p->name);
        assert_ptr_equal(sg_provider_find(p->name), p);
        assert_non_null(strstr(names, p->name));
        assert_non_null(strstr(SG_PROVIDER_HELP, said));
        assert_non_null(p->api_key_env);
        assert_true(stub && stub->wire && !stub->classic_path); /* what a stub server speaks */
        assert_int_equal(p->in_process, p->wire == NULL);
        if (p->in_process)
            continue;
        assert_true(p->wire->read && p->chat_path && p->key_header && p->base_url_env);
        assert_true(p->base_url || p->needs_model);
    }
    assert_true(n >= 4);
    assert_null(sg_provider_find("nobody"));
}

/* What a provider lacks is known before it is asked, and is not sent. */
static void lacks(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *refused, *missing;
    } rows[] = {{"openai", "", NULL},
                {"anthropic", "seed response_format", "response_format"},
                {"llama", "response_format", "response_format"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sg_generator g = {.provider = rows[i].provider};
        struct sg_adapt adapt = {0}, none = {0};
        char text[300], names[80];
        snprintf(text, sizeof text,
                 "{\"index\":0,\"max_tokens\":4,\"messages\":[],\"model\":\"m\",\"provider\":\"%s\","
                 "\"response_format\":{},\"seed\":1,\"temperature\":1.0,\"top_p\":0.5}",
                 rows[i].provider);
        struct sg_request q = {.canonical = text};
        sg_adapt_start(&adapt, &g, &q);
        sg_adapt_text(&adapt, names);
        assert_string_equal(names, rows[i].refused);
        char *body = sg_wire_body(&q, &none);
        assert_null(strstr(body, "\"provider\""));
        assert_true(rows[i].missing ? !strstr(body, rows[i].missing)
                                    : strstr(body, "response_format") != NULL);
        assert_non_null(strstr(body, "\"top_p\":0.5"));
        sg_free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_whole), cmocka_unit_test(lacks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
