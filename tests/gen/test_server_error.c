#include "fixture.h"

#include "gen/llm/server_error.h"

/* Every shape that servers use, as they were seen. */
static void shapes(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message, *code, *type, *param, *loc;
    } row[] = {
        {"{\"error\":{\"message\":\"no\",\"code\":\"c\",\"type\":\"t\",\"param\":\"p\"}}", "no", "c", "t",
         "p", ""},
        {"[{\"error\":{\"code\":400,\"message\":\"Unknown name\",\"status\":\"INVALID_ARGUMENT\"}}]",
         "Unknown name", "400", "", "", ""},
        {"{\"error\":\"plain\"}", "plain", "", "", "", ""},
        {"{\"status\":429,\"error\":\"TOO MANY\",\"message\":\"slow down\"}", "slow down", "", "", "", ""},
        {"{\"message\":\"m\"}", "m", "", "", "", ""},
        {"{\"detail\":\"Unexpected fields in the request: {'seed'}\"}",
         "Unexpected fields in the request: {'seed'}", "", "", "", ""},
        {"{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"messages\",0,\"role\"],\"msg\":\"Field "
         "required\"},{\"loc\":[\"body\",\"top_p\"],\"msg\":\"Too big\"}]}",
         "role: Field required; top_p: Too big", "", "missing", "", " body messages role body top_p "},
        {"{\"object\":\"error\",\"message\":{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\","
         "\"seed\"],\"msg\":"
         "\"Extra inputs are not "
         "permitted\"}]},\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}",
         "seed: Extra inputs are not permitted", "", "extra_forbidden", "", " body seed "},
        {"{\"errors\":[{\"message\":\"one\"},\"two\",{}]}", "one; two", "", "", "", ""},
        {"{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"detail\":\"seed is odd\"}", "seed is odd", "",
         "about:blank", "", ""},
        {"{\"error\":{\"message\":\"Provider returned error\",\"code\":400,\"metadata\":{\"raw\":\"`seed` is "
         "unsupported\"}}}",
         "Provider returned error: `seed` is unsupported", "400", "", "", ""},
        {"Internal Server Error\n", "Internal Server Error", "", "", "", ""},
        {"<!DOCTYPE html>\n<html><head><TITLE lang=en>\n 502 Bad Gateway </title></head></html>",
         "502 Bad Gateway", "", "", "", ""},
        {"<html><body><h1>Nope</h1></body></html>", "Nope", "", "", "", ""},
        {"<html><body>no title</body></html>", "", "", "", "", ""},
        {"<title", "", "", "", "", ""},
        {"<html><title></title><h1>x", "x", "", "", "", ""},
        {"", "", "", "", "", ""},
        {"{}", "", "", "", "", ""},
        {"[]", "", "", "", "", ""},
        {"{\"error\":{\"error\":{\"error\":null}}}", "", "", "", "", ""},
        {"{\"error\":{\"message\":\"cut", "{\"error\":{\"message\":\"cut", "", "", "", ""},
    };
    for (int i = 0; i < N_OF(row); i++) {
        struct sg_server_error e;
        sg_server_error_read(row[i].body, strlen(row[i].body), &e);
        assert_string_equal(e.message, row[i].message);
        assert_string_equal(e.code, row[i].code);
        assert_string_equal(e.type, row[i].type);
        assert_string_equal(e.param, row[i].param);
        assert_string_equal(e.loc, row[i].loc);
    }
}

/* Long, deep and hostile ones stay within their bounds. */
static void bounds(void **state)
{
    (void)state;
    enum { N = 100000 };
    char *body = sg_alloc(N + 100, 1);
    struct sg_server_error e;
    for (int i = 0; i < 5000; i++)
        strcpy(body + 9 * i, "{\"error\":");
    sg_server_error_read(body, strlen(body), &e); /* jansson refuses it: read as text */
    assert_true(strlen(e.message) > 0 && strlen(e.message) < sizeof e.message);
    char *p = body + sprintf(body, "{\"detail\":[");
    for (int i = 0; i < 2000; i++)
        p += sprintf(p, "{\"loc\":[\"body\",\"seed\"],\"msg\":\"bad\"},");
    sprintf(p, "0]}");
    sg_server_error_read(body, strlen(body), &e);
    assert_true(strncmp(e.message, "seed: bad; seed: bad", 20) == 0 && strlen(e.loc) < sizeof e.loc);
    p = body + sprintf(body, "<title>");
    memset(p, 'a', N);
    p[N] = 0;
    sg_server_error_read(body, strlen(body), &e);
    assert_true(e.message[0] == 'a');
    sg_free(body);
    static const char odd[] = "a \x1b[31m b\xff";
    sg_server_error_read(odd, sizeof odd - 1, &e);
    assert_null(strchr(e.message, '\x1b'));
    static const char nul[] = "a\0b";
    sg_server_error_read(nul, sizeof nul - 1, &e);
    assert_string_equal(e.message, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shapes), cmocka_unit_test(bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
