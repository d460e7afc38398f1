#include "fixture.h"

#include "base/file.h"
#include "gen/recording.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/sg-recording-XXXXXX";

static struct sg_request request(int i)
{
    struct sg_request q = {.canonical = sg_strf("{\"index\":%d,\"messages\":[]}", i)};
    sg_sha256_hex(q.canonical, strlen(q.canonical), q.key);
    return q;
}

struct seen {
    int n;
};

static sg_status each(void *context, const struct sg_request *q, const struct sg_answer *a,
                      struct sg_err *err)
{
    (void)err;
    struct seen *s = context;
    struct sg_request expected = request(s->n);
    assert_string_equal(q->canonical, expected.canonical);
    assert_string_equal(a->key, expected.key);
    char text[20];
    snprintf(text, sizeof text, "text %d", s->n++);
    assert_string_equal(a->text, text);
    sg_free(expected.canonical);
    return SG_OK;
}

static void write_some(const char *path, int n)
{
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    assert_int_equal(sg_recording_create(path, &w, &err), SG_OK);
    for (int i = 0; i < n; i++) {
        struct sg_request q = request(i);
        struct sg_answer a = {.cost_usd = -1, .text = sg_strf("text %d", i)};
        memcpy(a.key, q.key, SG_HEX);
        assert_int_equal(sg_recording_add(w, &q, &a, &err), SG_OK);
        sg_answer_free(&a);
        sg_free(q.canonical);
    }
    assert_int_equal(sg_recording_finish(w, &err), SG_OK);
}

static void there_and_back(void **state)
{
    (void)state;
    static const char *const names[] = {"a.jsonl", "a.jsonl.gz"};
    for (int i = 0; i < 2; i++) {
        char *path = sg_path_join(dir, names[i]);
        write_some(path, 50);
        struct seen s = {0};
        struct sg_err err;
        assert_int_equal(sg_recording_read(path, each, &s, &err), SG_OK);
        assert_int_equal(s.n, 50);
        char *bytes;
        assert_int_equal(sg_file_read(path, 1 << 20, &bytes, NULL, &err), SG_OK);
        assert_int_equal((unsigned char)bytes[0] == 0x1f, i); /* gzip by its name alone */
        sg_free(bytes);
        sg_free(path);
    }
}

/* A line whose answer does not belong to its request, or half a line, is named. */
static void damaged(void **state)
{
    (void)state;
    char *path = sg_path_join(dir, "b.jsonl"), *text;
    size_t n;
    struct sg_err err = {0};
    write_some(path, 3);
    assert_int_equal(sg_file_read(path, 1 << 20, &text, &n, &err), SG_OK);
    char *second = strchr(text, '\n') + 1, *index = strstr(second, "index");
    struct seen s = {0};
    index[9] = index[9] == '7' ? '8' : '7';
    assert_int_equal(sg_file_write(path, text, n, &err), SG_OK);
    assert_int_equal(sg_recording_read(path, each, &s, &err), SG_INPUT);
    assert_int_equal(s.n, 1);
    assert_non_null(strstr(err.text, "b.jsonl:2"));
    s.n = 0;
    assert_int_equal(sg_file_write(path, text, (size_t)(second - text) + 20, &err), SG_OK);
    assert_int_equal(sg_recording_read(path, each, &s, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "b.jsonl:2"));
    sg_free(text);
    sg_free(path);
}

static void thrown_away(void **state)
{
    (void)state;
    char *path = sg_path_join(dir, "c.jsonl");
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    assert_int_equal(sg_recording_create(path, &w, &err), SG_OK);
    assert_int_equal(sg_recording_finish(w, NULL), SG_OK);
    assert_false(sg_file_exists(path));
    struct seen s = {0};
    assert_int_equal(sg_recording_read(path, each, &s, &err), SG_INPUT);
    assert_int_not_equal(sg_recording_create("/nowhere/at/all.jsonl", &w, &err), SG_OK);
    sg_free(path);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(damaged),
                                       cmocka_unit_test(thrown_away)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"a.jsonl", "a.jsonl.gz", "b.jsonl"};
    for (int i = 0; i < 3; i++) {
        char *path = sg_path_join(dir, names[i]);
        unlink(path);
        sg_free(path);
    }
    rmdir(dir);
    return failed;
}
