#include "check.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/mem.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

static char dir[] = "/tmp/sg-lines-XXXXXX";
static char path[64];

static void put(const char *mode, const char *bytes, size_t n)
{
    gzFile f = gzopen(path, mode);
    assert_non_null(f);
    for (size_t at = 0; at < n; at += 1 << 20) {
        unsigned k = n - at < 1 << 20 ? (unsigned)(n - at) : 1u << 20;
        assert_int_equal(gzwrite(f, bytes + at, k), k);
    }
    assert_int_equal(gzclose(f), Z_OK);
}

/* Reads all; the lines joined by '|'. */
static sg_status read_all(char **joined)
{
    struct sg_lines *l = NULL;
    const char *text;
    size_t n;
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    int64_t n_lines = 0;
    sg_status status = sg_lines_open(path, &l, &err);
    while (status == SG_OK && (status = sg_lines_next(l, &text, &n, &err)) == SG_OK && text) {
        assert_int_equal(text[n], 0);
        assert_int_equal(sg_lines_number(l), ++n_lines);
        sg_buf_add(&b, text, n);
        sg_buf_puts(&b, "|");
    }
    sg_lines_close(l);
    if (joined)
        *joined = sg_strdup(sg_buf_text(&b));
    sg_buf_free(&b);
    return status;
}

static void splits(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", ""}, {"a", "a|"}, {"a\n", "a|"}, {"\n", "|"}, {"a\n\nb", "a||b|"}, {"a\r\nb\n", "a\r|b|"},
    };
    for (int gz = 0; gz < 2; gz++)
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            char *joined;
            put(gz ? "wb" : "wbT", texts[i][0], strlen(texts[i][0]));
            assert_int_equal(sg_file_is_gzip(path), gz);
            assert_int_equal(read_all(&joined), SG_OK);
            assert_string_equal(joined, texts[i][1]);
            sg_free(joined);
        }
}

/* Lines around and far over the size of a block, in two members of gzip. */
static void long_lines(void **state)
{
    (void)state;
    static const size_t length[] = {65534, 65535, 65536, 65537, 300000, 1, 262144};
    struct sg_buf b = sg_buf_make(1 << 24), expected = sg_buf_make(1 << 24);
    for (size_t i = 0; i < sizeof length / sizeof length[0]; i++)
        for (int part = 0; part < 2; part++) {
            for (size_t k = 0; k < length[i]; k++)
                sg_buf_add(part ? &expected : &b, &"abcdefghijklmnopqrstuvwxyz"[(k * k + i) % 26], 1);
            sg_buf_puts(part ? &expected : &b, part ? "|" : "\n");
        }
    for (int gz = 0; gz < 2; gz++) {
        char *joined;
        put(gz ? "wb" : "wbT", b.data, b.len / 2);
        put(gz ? "ab" : "abT", b.data + b.len / 2, b.len - b.len / 2);
        assert_int_equal(read_all(&joined), SG_OK);
        assert_string_equal(joined, expected.data);
        sg_free(joined);
    }
    sg_buf_free(&b);
    sg_buf_free(&expected);
}

/* In place of memmove in sg_lines (the linker's --wrap). */
void *__real_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
static size_t n_moved;
void *__wrap_memmove(void *to, const void *from, size_t n)
{
    n_moved += n;
    return __real_memmove(to, from, n);
}

/* The longest line there may be is not moved at every block that is read of it; nor are lines that fill what there is room for. */
static void moves_little(void **state)
{
    (void)state;
    size_t n = SG_LINES_MAX_LINE, size[] = {n - 1, (4 << 16) - 1, 1000};
    char *text = sg_alloc(n + 5, 1);
    for (int i = 0; i < 3; i++) {
        memset(text, 'x', n);
        memcpy(text, "one\n", 5);
        for (size_t at = 4 + size[i]; at < n; at += size[i] + 1)
            text[at] = '\n';
        put("wbT", text, n);
        n_moved = 0;
        assert_int_equal(read_all(NULL), SG_OK);
        if (n_moved > 2 * n)
            fail_msg("lines of %zu bytes: %zu bytes were moved of a file of %zu", size[i], n_moved, n);
    }
    sg_free(text);
}

static void refuses(const char *what)
{
    assert_int_equal(read_all(NULL), SG_INPUT);
    assert_non_null(strstr(err.text, path));
    if (!strstr(err.text, what))
        fail_msg("\"%s\" is not in: %s", what, err.text);
}

static void damaged(void **state)
{
    (void)state;
    char text[100000], *bytes;
    size_t n;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 50 == 49 ? '\n' : (char)('a' + i * i % 23);
    put("wb", text, sizeof text);
    assert_int_equal(sg_file_read(path, 1 << 20, &bytes, &n, &err), SG_OK);
    assert_int_equal(sg_file_write(path, bytes, n / 2, &err), SG_OK);
    refuses("cut-off");
    assert_int_equal(sg_file_write(path, bytes, n - 4, &err), SG_OK);
    refuses("cut-off");
    bytes[n - 6] ^= 1; /* its checksum */
    assert_int_equal(sg_file_write(path, bytes, n, &err), SG_OK);
    refuses("damaged");
    sg_free(bytes);
    unlink(path);
    refuses("No such file");
    assert_false(sg_file_is_gzip(path));
}

/* 20 MiB in 20 kB, as lines and as one. */
static void bombs(void **state)
{
    (void)state;
    size_t n = (size_t)20 << 20, before = sg_mem_now();
    char *text = sg_alloc(n, 1);
    put("wb", text, n);
    refuses("MiB of text in");
    memset(text, '\n', n);
    put("wb", text, n);
    refuses("MiB of text in");
    sg_free(text);
    assert_int_equal(sg_mem_now(), before);
    put("wbT", "x", 1);
    assert_int_equal(truncate(path, (off_t)SG_LINES_MAX_LINE + 100), 0); /* sparse: NUL bytes in no blocks */
    refuses(":1: a line of more than 64 MiB");
    put("wbT", "one\n", 4);
    assert_int_equal(truncate(path, (off_t)SG_LINES_MAX_LINE + 100), 0);
    refuses(":2: a line of more than 64 MiB");
}

static sg_status read_one(void)
{
    struct sg_lines *l = NULL;
    const char *line;
    size_t n;
    sg_status status = sg_lines_open(path, &l, &err);
    if (status == SG_OK)
        status = sg_lines_next(l, &line, &n, &err);
    sg_lines_close(l);
    return status;
}

static void no_memory(void **state)
{
    (void)state;
    char text[300000];
    memset(text, 'x', sizeof text);
    put("wbT", text, sizeof text);
    assert_true(fail_each_allocation(read_one) >= 4);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/f", dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits), cmocka_unit_test(long_lines), cmocka_unit_test(damaged),
        cmocka_unit_test(bombs),  cmocka_unit_test(no_memory),  cmocka_unit_test(moves_little),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(dir);
    return failed;
}
