/* Addresses: what the study's base URL becomes for each call, and which are refused. The exchanges themselves are in
 * client_faults.py. */
#include "fixture.h"

#include "gen/llm/http.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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
               {"unix:///run/llm.sock", 1},
               {"https://a.example/v1", 0},
               {"http://127.0.0.1.example.org", 0},
               {"http://", 0},
               {"", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_int_equal(sg_http_is_loopback(row[i].url), row[i].yes);
}

static const char *folder; /* of this test, 0700 */

/* What becomes of unix://<folder>/<name> with provider p. */
static sg_status create_unix(const char *p, const char *name, struct sg_http **h, struct sg_err *err)
{
    static char url[300];
    static struct sg_generator g; /* the client borrows it */
    snprintf(url, sizeof url, "unix://%s/%s", folder, name);
    g = (struct sg_generator){.provider = p, .base_url = url, .api_key_env = "K"};
    *h = NULL;
    return sg_http_create(&g, "sk-secret", h, err);
}

static void test_unix_urls(void **state)
{
    static const char *const row[][2] = {{"openai", "http://localhost/v1/models"},
                                         {"anthropic", "http://localhost/v1/models"},
                                         {"azure", "http://localhost/openai/v1/models"}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_err err = {0};
        struct sg_http *h;
        char *url = NULL, origin[200];
        snprintf(origin, sizeof origin, "unix://%s/llm.sock", folder);
        assert_int_equal(create_unix(row[i][0], "llm.sock", &h, &err), SG_OK);
        assert_int_equal(sg_http_url(h, "/models", &url, &err), SG_OK);
        assert_string_equal(url, row[i][1]);
        assert_string_equal(sg_http_origin(h), origin);
        assert_string_equal(sg_http_socket(h), origin + 7);
        assert_int_equal(sg_http_is_local(h), 1);
        sg_free(url);
        sg_http_destroy(h);
    }
}

/* The folder decides who may come near; each refusal says the command that mends it. */
static void test_unix_refused(void **state)
{
    static const struct {
        int mode;
        const char *name, *says;
    } row[] = {
        {0700, "llm.sock", NULL},
        {0500, "llm.sock", NULL},
        {0710, "llm.sock", "hint: `chmod 700 "},
        {0701, "llm.sock", "hint: `chmod 700 "},
        {0777, "llm.sock", "open to other users"},
        {0700, "away/llm.sock", "hint: `mkdir -m 700 "},
        {0700, "file", "is no socket"},
        {0700, "", "by its whole path"},
        {0700, "a\nb", "no tab or newline"},
        {0700,
         "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
         "9"
         "0123456789",
         "more than 107 bytes"},
    };
    char file[200];
    (void)state;
    snprintf(file, sizeof file, "%s/file", folder);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_err err = {0};
        struct sg_http *h;
        assert_int_equal(chmod(folder, (mode_t)row[i].mode), 0);
        assert_int_equal(create_unix("openai", row[i].name, &h, &err), row[i].says ? SG_INPUT : SG_OK);
        if (row[i].says && !strstr(err.text, row[i].says))
            fail_msg("\"%s\" has no \"%s\"", err.text, row[i].says);
        sg_http_destroy(h);
    }
    assert_int_equal(chmod(folder, 0700), 0);
    unlink(file);
    static const char *const wrong[] = {"unix://llm.sock", "unix:///", "unix://"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sg_err err = {0};
        struct sg_generator g = {.provider = "openai", .base_url = wrong[i], .api_key_env = "K"};
        struct sg_http *h = NULL;
        assert_int_equal(sg_http_create(&g, NULL, &h, &err), SG_INPUT);
        assert_non_null(strstr(err.text, "by its whole path"));
    }
    /* Somebody else's folder, however private it is. */
    struct stat st;
    if (geteuid() != 0 && stat("/root", &st) == 0) {
        struct sg_err err = {0};
        struct sg_generator g = {
            .provider = "openai", .base_url = "unix:///root/llm.sock", .api_key_env = "K"};
        struct sg_http *h = NULL;
        assert_int_equal(sg_http_create(&g, NULL, &h, &err), SG_INPUT);
        assert_non_null(strstr(err.text, "not a folder of yours"));
    }
}

/* The longest path that the kernel takes is taken here, and asked. */
static void test_unix_call(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[120] = "";
    size_t n = 107 - strlen(folder) - 1;
    (void)state;
    memset(name, 'x', n);
    memcpy(at.sun_path, folder, strlen(folder));
    at.sun_path[strlen(folder)] = '/';
    memcpy(at.sun_path + strlen(folder) + 1, name, n);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    struct sg_err err = {0};
    struct sg_http *h;
    struct sg_http_reply r;
    struct sg_http_call call = {.method = "GET", .path = "/models", .timeout_s = 0.2};
    assert_int_equal(create_unix("openai", name, &h, &err), SG_OK);
    assert_int_equal(sg_http_call(h, &call, &r, &err), SG_OK);
    assert_true(r.curl_code != 0 && r.not_sent); /* bound, but nobody listens */
    sg_http_reply_free(&r);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(sg_http_call(h, &call, &r, &err), SG_OK);
    assert_true(r.curl_code != 0 && !r.not_sent); /* it left, and nobody answered */
    sg_http_reply_free(&r);
    sg_http_destroy(h);
    close(fd);
    unlink(at.sun_path);
}

int main(void)
{
    char path[] = "/tmp/test_http-XXXXXX";
    folder = mkdtemp(path);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls),         cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_loopback),     cmocka_unit_test(test_unix_urls),
                                       cmocka_unit_test(test_unix_refused), cmocka_unit_test(test_unix_call)};
    int n_failed = folder ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    if (folder)
        rmdir(folder);
    return n_failed;
}
