/* Addresses: what the study's base URL becomes for each call, and which are refused. The exchanges themselves are in
 * client_faults.py. */
#include "fixture.h"

#include "gen/llm/http.h"

static void test_urls(void **state)
{
    static const struct {
        const char *provider, *base, *path, *url, *origin;
        int is_local;
    } row[] = {
        {"openai", "http://127.0.0.1:80/v1", "/models", "http://127.0.0.1:80/v1/models",
         "http://127.0.0.1:80/v1", 1},
        {"openai", "https://a.example/v1//", "/files", "https://a.example/v1/files", "https://a.example/v1",
         0},
        {"openai", "https://a.example", "/files", "https://a.example/files", "https://a.example/", 0},
        {"openai", "https://a.example/o?api-version=1", "/batches/b_1/cancel",
         "https://a.example/o/batches/b_1/cancel?api-version=1", "https://a.example/o", 0},
        {"openai", "https://a.example/o?v=1", "/batches?limit=2", "https://a.example/o/batches?v=1&limit=2",
         "https://a.example/o", 0},
        {"openai", "https://a.example/o#top", "/batches?limit=2", "https://a.example/o/batches?limit=2",
         "https://a.example/o", 0},
        {"anthropic", "https://a.example", "/models", "https://a.example/v1/models", "https://a.example/v1",
         0},
        {"anthropic", "https://a.example/v1/", "/models", "https://a.example/v1/models",
         "https://a.example/v1", 0},
        {"openai", "http://localhost:1/v1", "", "http://localhost:1/v1", "http://localhost:1/v1", 1},
        {"openai", "http://[::1]:1/v1", "", "http://[::1]:1/v1", "http://[::1]:1/v1", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_err err = {0};
        struct sg_generator g = {.provider = row[i].provider, .base_url = row[i].base, .api_key_env = "K"};
        struct sg_http *h = NULL;
        char *url = NULL;
        assert_int_equal(sg_http_create(&g, "sk-secret", &h, &err), SG_OK);
        assert_int_equal(sg_http_url(h, row[i].path, &url, &err), SG_OK);
        assert_string_equal(url, row[i].url);
        assert_string_equal(sg_http_origin(h), row[i].origin);
        assert_int_equal(sg_http_is_local(h), row[i].is_local);
        sg_free(url);
        sg_http_destroy(h);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *base, *key, *says;
    } row[] = {
        {"http://a.example/v1", "sk-secret", "in the clear"},
        {"http://127.0.0.1.example.org/v1", "sk-secret", "in the clear"},
        {"https://user:pw@a.example/v1", NULL, "user or password"},
        {"ftp://a.example/v1", NULL, "must begin with"},
        {"http://", NULL, "no address"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_err err = {0};
        struct sg_generator g = {.provider = "openai", .base_url = row[i].base, .api_key_env = "K"};
        struct sg_http *h = NULL;
        assert_int_equal(sg_http_create(&g, row[i].key, &h, &err), SG_INPUT);
        assert_non_null(strstr(err.text, row[i].says));
        assert_null(h);
    }
    struct sg_err err = {0};
    struct sg_generator g = {.provider = "openai", .base_url = "http://a.example/v1", .api_key_env = "K"};
    struct sg_http *h = NULL;
    assert_int_equal(sg_http_create(&g, NULL, &h, &err), SG_OK);
    sg_http_destroy(h);
}

static void test_loopback(void **state)
{
    static const struct {
        const char *url;
        int yes;
    } row[] = {{"http://127.0.0.1:80/v1", 1},
               {"http://localhost/v1", 1},
               {"https://[::1]:1", 1},
               {"http://127.8.0.9", 1},
               {"https://a.example/v1", 0},
               {"http://127.0.0.1.example.org", 0},
               {"http://", 0},
               {"", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_int_equal(sg_http_is_loopback(row[i].url), row[i].yes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_loopback)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
