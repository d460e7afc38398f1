#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "experiments/buying/cache.h"
#include "gen/llm/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/sg-cache-XXXXXX", study_name[] = "s", results[] = "/nowhere",
            nowhere[] = "/nowhere/at/all";

/* A study, as far as its cache goes. */
static struct sg_study study(char *cache)
{
    return (struct sg_study){.name = study_name, .results = results, .cache = cache};
}

static struct sg_request request(int i)
{
    struct sg_request q = {.canonical = sg_strf("{\"index\":%d,\"messages\":[]}", i)};
    sg_sha256_hex(q.canonical, strlen(q.canonical), q.key);
    return q;
}

/* Requests first .. last, answered "<who> <i>"; a negative `who` has failed. */
static void put_file(const char *name, int first, int last, int who)
{
    char *path = sg_path_join(dir, name);
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    assert_int_equal(sg_recording_create_private(path, &w, &err), SG_OK);
    for (int i = first; i <= last; i++) {
        struct sg_request q = request(i);
        struct sg_answer a = {.status = who < 0 ? SG_FAILED : SG_OK, .text = sg_strf("%d %d", who, i)};
        memcpy(a.key, q.key, SG_HEX);
        assert_int_equal(sg_recording_add(w, &q, &a, &err), SG_OK);
        sg_answer_free(&a);
        sg_free(q.canonical);
    }
    assert_int_equal(sg_recording_finish(w, &err), SG_OK);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    sg_free(path);
}

static void want(struct sg_cache *c, int first, int last)
{
    struct sg_request_list list = {0};
    struct sg_err err;
    for (int i = first; i <= last; i++) {
        struct sg_request q = request(i);
        assert_int_equal(sg_request_list_add_take(&list, &q, &err), SG_OK);
    }
    assert_int_equal(sg_cache_want(c, &list, &err), SG_OK);
    sg_request_list_free(&list);
}

static sg_status note(void *context, const char *source, const struct sg_request *q,
                      const struct sg_answer *a, struct sg_err *err)
{
    struct sg_buf *b = context;
    assert_string_equal(q->key, a->key);
    sg_buf_printf(b, "%s: %s\n", source, a->text);
    return strcmp(a->text, "2 13") == 0 ? sg_fail(err, SG_STOPPED, "enough") : SG_OK;
}

static int64_t fetched(struct sg_cache *c, struct sg_buf *b)
{
    int64_t n;
    struct sg_err err;
    sg_buf_clear(b);
    assert_int_equal(sg_cache_fetch(c, note, b, &n, &err), SG_OK);
    return n;
}

static void answers_are_found_once(void **state)
{
    (void)state;
    struct sg_study s = study(dir);
    struct sg_cache *c = NULL;
    struct sg_err err;
    struct sg_buf b = sg_buf_make(1 << 16);
    put_file("a.jsonl.gz", 1, 3, 1);
    put_file("b.jsonl.gz", 3, 5, 2);
    put_file("c.jsonl.gz", 7, 7, -1);
    assert_int_equal(sg_cache_open(&s, &c, &err), SG_OK);
    assert_int_equal(fetched(c, &b), 0); /* nothing is wanted */
    want(c, 3, 9);
    want(c, 3, 4); /* twice: found once; the first file wins */
    assert_int_equal(fetched(c, &b), 3);
    assert_non_null(strstr(b.data, "cache a.jsonl.gz: 1 3\n"));
    assert_non_null(strstr(b.data, "cache b.jsonl.gz: 2 4\n"));
    assert_non_null(strstr(b.data, "cache b.jsonl.gz: 2 5\n"));
    assert_null(strstr(b.data, "2 3"));
    assert_int_equal(fetched(c, &b), 0); /* forgotten */
    want(c, 1, 2);
    assert_int_equal(fetched(c, &b), 2);
    sg_cache_close(c);
    sg_buf_free(&b);
}

/* A file that is cut off gives nothing, not even of its first lines; another's failure ends the fetch. */
static void damage_and_failures(void **state)
{
    (void)state;
    struct sg_study s = study(dir);
    struct sg_cache *c = NULL;
    struct sg_err err = {0};
    struct sg_buf b = sg_buf_make(1 << 16);
    char *path = sg_path_join(dir, "d.jsonl.gz"), *bytes;
    size_t n;
    int64_t n_found;
    put_file("d.jsonl.gz", 11, 12, 2);
    assert_int_equal(sg_file_read(path, 1 << 20, &bytes, &n, &err), SG_OK);
    assert_int_equal(sg_file_write(path, bytes, n - 4, &err), SG_OK);
    put_file("e.jsonl.gz", 13, 13, 2);
    assert_int_equal(sg_cache_open(&s, &c, &err), SG_OK);
    want(c, 11, 12);
    assert_int_equal(fetched(c, &b), 0);
    want(c, 13, 13);
    assert_int_equal(sg_cache_fetch(c, note, &b, &n_found, &err), SG_STOPPED);
    assert_non_null(strstr(err.text, "enough"));
    sg_cache_close(c);
    sg_free(bytes);
    sg_free(path);
    sg_buf_free(&b);
}

static void no_cache(void **state)
{
    (void)state;
    struct sg_study s = study(NULL), empty = study(nowhere);
    struct sg_cache *c = NULL;
    struct sg_err err;
    struct sg_buf b = sg_buf_make(1 << 16);
    assert_int_equal(sg_cache_open(&s, &c, &err), SG_OK);
    assert_null(c);
    want(c, 1, 1);
    assert_int_equal(fetched(c, &b), 0);
    assert_int_equal(sg_cache_has_own(c), 1);
    sg_cache_close(c);
    assert_int_equal(sg_cache_open(&empty, &c, &err), SG_OK); /* a folder that is not there yet */
    want(c, 1, 1);
    assert_int_equal(fetched(c, &b), 0);
    assert_int_equal(sg_cache_has_own(c), 0);
    sg_cache_close(c);
    sg_buf_free(&b);
}

static int clean(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static int make(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_found_once),
        cmocka_unit_test(damage_and_failures),
        cmocka_unit_test(no_cache),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
