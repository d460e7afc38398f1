/* Chunks that are filtered here are what HDF5 reads, whatever is in them; and what reads back differently is noticed. */
#include "results/h5/h5_chunk.h"
#include "results/h5/h5_table.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ROW_BYTES = 12, N_CHUNK = 4096, N_ROWS = N_CHUNK + 1234 };

static struct sg_err err;

static uint32_t noise(uint64_t i)
{
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(x >> 32);
}

/* What a byte of a row is. */
static unsigned char nothing(uint64_t row, int b)
{
    (void)row, (void)b;
    return 0;
}
static unsigned char counts(uint64_t row, int b)
{
    return (unsigned char)(row >> 8 * (b % 4));
}
static unsigned char any(uint64_t row, int b)
{
    return (unsigned char)noise(row * ROW_BYTES + (uint64_t)b);
}
static unsigned char few(uint64_t row, int b)
{
    return any(row, b) % 5;
}
static unsigned char each_its_own(uint64_t row, int b)
{
    unsigned char (*const of[])(uint64_t, int) = {nothing, any, counts, few, any, nothing};
    return of[b % 6](row, b);
}
static unsigned char all_ones(uint64_t row, int b) /* Fletcher's sums are 0xffff, never 0 */
{
    (void)row, (void)b;
    return 0xff;
}

static const struct {
    unsigned char (*byte)(uint64_t row, int b);
    double most; /* bytes in the file, of those of whole chunks */
} contents[] = {{nothing, 0.01}, {counts, 0.03},       {any, 1.001},
                {few, 0.35},     {each_its_own, 0.45}, {all_ones, 0.01}};

static hid_t make_dataset(hid_t file, hid_t type, int deflates)
{
    hsize_t n = N_ROWS, unlimited = H5S_UNLIMITED, chunk = N_CHUNK;
    hid_t space = H5Screate_simple(1, &n, &unlimited), plist = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_chunk(plist, 1, &chunk) >= 0 && H5Pset_shuffle(plist) >= 0);
    assert_true(!deflates || H5Pset_deflate(plist, 1) >= 0);
    assert_true(H5Pset_fletcher32(plist) >= 0);
    hid_t dataset = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    assert_true(dataset >= 0 && H5Pclose(plist) >= 0 && H5Sclose(space) >= 0);
    return dataset;
}

static void hdf5_reads_them(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/chunks.h5", scratch);
    unsigned char *rows = sg_alloc(N_ROWS, ROW_BYTES), *found = sg_alloc(N_ROWS, ROW_BYTES);
    hid_t type = H5Tcreate(H5T_OPAQUE, ROW_BYTES);
    for (size_t i = 0; i < 2 * sizeof contents / sizeof *contents; i++) {
        int deflates = i % 2 == 0;
        for (uint64_t row = 0; row < N_ROWS; row++)
            for (int b = 0; b < ROW_BYTES; b++)
                rows[row * ROW_BYTES + (uint64_t)b] = contents[i / 2].byte(row, b);
        hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        hid_t dataset = make_dataset(file, type, deflates);
        struct sg_h5_chunk *c = sg_h5_chunk_create(ROW_BYTES, N_CHUNK, deflates);
        assert_non_null(c);
        sg_h5_chunk_filter(c, rows, N_CHUNK);
        assert_true(sg_h5_chunk_write(c, dataset, 0) >= 0);
        sg_h5_chunk_filter(c, rows + (size_t)N_CHUNK * ROW_BYTES, N_ROWS - N_CHUNK);
        assert_true(sg_h5_chunk_write(c, dataset, N_CHUNK) >= 0);
        sg_h5_chunk_destroy(c);
        assert_true(H5Dclose(dataset) >= 0 && H5Fclose(file) >= 0);
        file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        dataset = H5Dopen2(file, "x", H5P_DEFAULT);
        assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
        assert_memory_equal(found, rows, (size_t)N_ROWS * ROW_BYTES);
        double share = (double)H5Dget_storage_size(dataset) / (2.0 * N_CHUNK * ROW_BYTES);
        if (share > (deflates ? contents[i / 2].most : 1.001))
            fail_msg("content %zu takes %.3f of its bytes", i, share);
        assert_true(H5Dclose(dataset) >= 0 && H5Fclose(file) >= 0);
    }
    H5Tclose(type);
    sg_free(rows);
    sg_free(found);
}

static const struct sg_column columns[] = {{"a", SG_COL_INT, "", "a number", 0, 0},
                                           {"text", SG_COL_TEXT, "", "a text", 0, 0}};
/* Of numbers alone, and with texts. */
static const struct sg_h5_table_spec specs[] = {
    {.name = "numbers", .description = "numbers", .column = columns, .n_columns = 1},
    {.name = "texts", .description = "texts", .column = columns, .n_columns = 2}};

static hid_t make_table(const struct sg_h5_table_spec *spec, const char *path, int64_t changed,
                        struct sg_h5_table_written *written)
{
    struct sg_h5_table *t;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_int_equal(sg_h5_table_create(file, spec, path, &t, &err), SG_OK);
    for (int64_t i = 0; i < 40000; i++) {
        union sg_value row[2] = {{.i = i == changed && spec->n_columns == 1 ? -1 : i},
                                 {.text = i == changed ? "tame"
                                          : i % 3      ? "same"
                                                       : ""}};
        assert_int_equal(sg_h5_table_add(t, row, &err), SG_OK);
    }
    assert_int_equal(sg_h5_table_finish(t, written, &err), SG_OK);
    return file;
}

static void what_reads_back_differently_is_noticed(void **state)
{
    (void)state;
    char path[300];
    struct sg_h5_table_written written, other;
    snprintf(path, sizeof path, "%s/table.h5", scratch);
    for (int i = 0; i < 2; i++) {
        hid_t file = make_table(&specs[i], path, -1, &written);
        assert_int_equal(written.n_rows, 40000);
        assert_int_equal(sg_h5_table_reread(file, &specs[i], path, &written, NULL, &err), SG_OK);
        char right = written.content[0];
        written.content[0] = right == '0' ? '1' : '0'; /* the attribute's */
        assert_int_equal(sg_h5_table_reread(file, &specs[i], path, &written, NULL, &err), SG_INPUT);
        written.content[0] = right;
        assert_true(H5Fclose(file) >= 0);
        file = make_table(&specs[i], path, 39998, &other);
        memcpy(written.content, other.content, SG_HEX);
        memcpy(written.all, other.all, SG_HEX);
        assert_int_equal(sg_h5_table_reread(file, &specs[i], path, &other, NULL, &err), SG_OK);
        assert_int_equal(sg_h5_table_reread(file, &specs[i], path, &written, NULL, &err), SG_INPUT);
        assert_non_null(strstr(err.text, "reads back differently"));
        assert_true(H5Ldelete(file, specs[i].name, H5P_DEFAULT) >= 0);
        assert_int_equal(sg_h5_table_reread(file, &specs[i], path, &other, NULL, &err), SG_INPUT);
        assert_true(H5Fclose(file) >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hdf5_reads_them),
                                       cmocka_unit_test(what_reads_back_differently_is_noticed)};
    sg_h5_quiet();
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
