#include "check.h"

#include "base/file.h"
#include "tests/results/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

static void put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static int n_files(void)
{
    DIR *d = opendir(scratch);
    int n = -2;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void written_and_read(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    OK(sg_file_write(in_scratch("a"), "first\0x", 7, &err));
    OK(sg_file_write(in_scratch("a"), "second", 6, &err));
    OK(sg_file_read(in_scratch("a"), 6, &text, &n, &err));
    assert_string_equal(text, "second");
    assert_int_equal(n, 6);
    sg_free(text);
    OK(sg_file_write(in_scratch("empty"), "", 0, &err));
    OK(sg_file_read(in_scratch("empty"), 0, &text, &n, &err));
    assert_string_equal(text, "");
    sg_free(text);
    assert_int_equal(n_files(), 2); /* no temporary file is left */
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    char *text = (char *)"untouched";
    FAILS(SG_INPUT, "limit of 5 bytes", sg_file_read(in_scratch("a"), 5, &text, NULL, &err));
    FAILS(SG_INPUT, "none: No such file", sg_file_read(in_scratch("none"), 5, &text, NULL, &err));
    FAILS(SG_INPUT, "Is a directory", sg_file_read(scratch, 5, &text, NULL, &err));
    assert_string_equal(text, "untouched");
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    int before = n_files();
    FAILS(SG_FAILED, "No such file", sg_file_write(in_scratch("no/folder"), "x", 1, &err));
    OK(sg_mkdirs(in_scratch("folder"), &err));
    put(in_scratch("folder/kept"), "kept", 4);
    FAILS(SG_FAILED, "folder", sg_file_write(in_scratch("folder"), "x", 1, &err)); /* a folder stands there */
    assert_true(sg_file_exists(in_scratch("folder/kept")));
    FAILS(SG_FAILED, "missing", sg_file_replace(in_scratch("missing"), in_scratch("a"), &err));
    assert_true(sg_file_exists(in_scratch("a")));
    assert_int_equal(n_files(), before + 1);
}

static void gzip(void **state)
{
    (void)state;
    /* Two members one after the other, as `cat a.gz b.gz` makes them. */
    static char big[300000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('a' + i % 23);
    for (int i = 0; i < 2; i++) {
        gzFile f = gzopen(in_scratch("z.gz"), i ? "ab" : "wb");
        assert_int_equal(gzwrite(f, big, sizeof big), (int)sizeof big);
        gzclose(f);
    }
    char *text = NULL, *raw = NULL;
    size_t n = 0;
    OK(sg_file_read_gz(in_scratch("z.gz"), 2 * sizeof big, &text, &n, &err));
    assert_int_equal(n, 2 * sizeof big);
    assert_memory_equal(text + sizeof big, big, sizeof big);
    sg_free(text);
    FAILS(SG_INPUT, "inflates to more",
          sg_file_read_gz(in_scratch("z.gz"), 2 * sizeof big - 1, &text, &n, &err));
    OK(sg_file_read(in_scratch("z.gz"), 1 << 20, &raw, &n, &err));
    for (size_t cut = 2; cut < n; cut += n / 9) {
        put(in_scratch("cut.gz"), raw, cut);
        if (cut != n / 2)
            FAILS(SG_INPUT, "gzip data", sg_file_read_gz(in_scratch("cut.gz"), 1 << 20, &text, NULL, &err));
    }
    raw[n / 4] ^= 0x55;
    put(in_scratch("bad.gz"), raw, n);
    FAILS(SG_INPUT, "gzip data", sg_file_read_gz(in_scratch("bad.gz"), 1 << 20, &text, NULL, &err));
    sg_free(raw);
    put(in_scratch("plain"), "plain", 5);
    OK(sg_file_read_gz(in_scratch("plain"), 5, &text, NULL, &err));
    assert_string_equal(text, "plain");
    sg_free(text);
}

static void folders(void **state)
{
    (void)state;
    OK(sg_mkdirs(in_scratch("p/q/r/"), &err));
    OK(sg_mkdirs(in_scratch("p/q/r"), &err));
    OK(sg_mkdirs("/", &err));
    assert_true(sg_dir_exists(in_scratch("p/q/r")));
    assert_false(sg_file_exists(in_scratch("p/q/r")));
    put(in_scratch("p/file"), "", 0);
    FAILS(SG_FAILED, "is no folder", sg_mkdirs(in_scratch("p/file"), &err));
    FAILS(SG_FAILED, "Not a directory", sg_mkdirs(in_scratch("p/file/below"), &err));
    FAILS(SG_FAILED, "without a name", sg_mkdirs("", &err));
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *joined, *dir;
    } table[] = {
        {"a", "b", "a/b", "a"}, {"a/", "b", "a/b", "a"},   {"a", "/b", "/b", "/"},
        {"", "b", "b", "."},    {NULL, "b/c", "b/c", "b"},
    };
    for (int i = 0; i < N_OF(table); i++) {
        char *joined = sg_path_join(table[i].a, table[i].b), *dir = sg_path_dir(joined);
        assert_string_equal(joined, table[i].joined);
        assert_string_equal(dir, table[i].dir);
        sg_free(joined);
        sg_free(dir);
    }
}

static void what_is_left_is_removed(void **state)
{
    (void)state;
    static const char *const name[] = {"s.json.tmp.12", "other.tmp.7", "s.json", "s.json.tmp.",
                                       "s.json.tmp.1x", "s.jsontmp.1", ".tmp.3"};
    static const int of_one[] = {0, 1, 1, 1, 1, 1, 1}, of_any[] = {0, 0, 1, 1, 1, 1, 1};
    const char *folder = in_scratch("left");
    OK(sg_mkdirs(folder, &err));
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < N_OF(name); i++) {
            char *path = sg_path_join(folder, name[i]);
            put(path, "x", 1);
            sg_free(path);
        }
        sg_file_tidy(folder, pass ? NULL : "s.json");
        for (int i = 0; i < N_OF(name); i++) {
            char *path = sg_path_join(folder, name[i]);
            assert_int_equal(sg_file_exists(path), pass ? of_any[i] : of_one[i]);
            sg_free(path);
        }
    }
    sg_file_tidy(in_scratch("nowhere"), NULL);
    char *path = sg_strf("rm -r %s", folder);
    assert_int_equal(system(path), 0);
    sg_free(path);
}

static void clocks(void **state)
{
    (void)state;
    double start = sg_now_s();
    sg_sleep_us(2000);
    assert_true(sg_now_s() - start >= 0.002);
    char stamp[21];
    sg_utc(stamp);
    assert_int_equal(strlen(stamp), 20);
    assert_true(stamp[4] == '-' && stamp[10] == 'T' && stamp[19] == 'Z');
}

static sg_status write_and_read(void)
{
    char *text = NULL;
    SG_TRY(sg_file_write(in_scratch("oom"), "abc", 3, &err));
    SG_TRY(sg_file_read_gz(in_scratch("z.gz"), 1 << 20, &text, NULL, &err));
    sg_free(text);
    return SG_OK;
}

static void allocations_that_fail(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(write_and_read) >= 4);
    remove(in_scratch("oom"));
}

static int start(void **state)
{
    (void)state;
    return scratch_make();
}

static int stop(void **state)
{
    (void)state;
    scratch_remove(scratch);
    return sg_mem_now() != 0; /* something leaked */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(what_cannot_be_written),
        cmocka_unit_test(gzip),
        cmocka_unit_test(folders),
        cmocka_unit_test(paths),
        cmocka_unit_test(what_is_left_is_removed),
        cmocka_unit_test(clocks),
        cmocka_unit_test(allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
