/* results/h5/store_check.c: each damaged table is named, what the ledger does not say, and what is missing. */
#include "results/h5/store_check.h"

#include "base/file.h"
#include "base/mem.h"
#include "results/h5/store.h"
#include "results/h5/store_tables.h"

#include "fake_study.h"

#include "tests/base/check.h"

#include <hdf5.h>
#include <sqlite3.h>
#include <string.h>

#include "scratch.h"

static const char *says(const json_t *misfits, size_t i)
{
    const char *text = json_string_value(json_array_get(misfits, i));
    return text ? text : "";
}

/* Where the first chunk of a table lies, in the middle; 0: the file has no such table. */
static size_t inside(const char *path, const char *table)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    haddr_t at = 0;
    hsize_t n = 0, offset = 0;
    if (H5Lexists(file, table, H5P_DEFAULT) > 0) {
        unsigned mask = 0;
        hid_t set = H5Dopen2(file, table, H5P_DEFAULT), space = H5Dget_space(set);
        assert_true(H5Dget_chunk_info(set, space, 0, &offset, &mask, &at, &n) >= 0 && n > 1);
        H5Sclose(space);
        H5Dclose(set);
    }
    H5Fclose(file);
    return (size_t)at + (size_t)n / 2;
}

static void a_damaged_byte_of_each_table_is_named(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    char path[300], word[100], *bytes = NULL;
    size_t n = 0;
    int n_damaged = 0;
    snprintf(path, sizeof path, "%s", in_scratch("check.h5"));
    OK(sg_ledger_open(in_scratch("check"), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){.evaluated = 1, .probed = 1}, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    OK(sg_file_read(path, 1 << 26, &bytes, &n, &err));
    for (int i = 0; i < SG_N_TABLES; i++) {
        size_t at = inside(path, sg_store_tables[i].name);
        if (!at)
            continue;
        bytes[at] ^= 1;
        OK(sg_file_write(path, bytes, n, &err));
        json_t *misfits = json_array();
        OK(sg_store_check_file(path, misfits, &err));
        snprintf(word, sizeof word, "/%s: ", sg_store_tables[i].name);
        if (json_array_size(misfits) != 1)
            fprintf(stderr, "%s: %zu misfits\n", word, json_array_size(misfits));
        assert_int_equal(json_array_size(misfits), 1);
        assert_non_null(strstr(says(misfits, 0), word));
        json_decref(misfits);
        bytes[at] ^= 1;
        OK(sg_file_write(path, bytes, n, &err));
        n_damaged++;
    }
    assert_true(n_damaged >= 14);
    json_t *none = json_array();
    OK(sg_store_check_file(path, none, &err));
    assert_int_equal(json_array_size(none), 0);
    OK(sg_file_write(path, bytes, n / 2, &err));
    OK(sg_store_check_file(path, none, &err));
    assert_int_equal(json_array_size(none), 1);
    json_decref(none);
    sg_free(bytes);
}

static void what_the_ledger_does_not_say_is_named(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL, *other = NULL;
    char path[300];
    snprintf(path, sizeof path, "%s", in_scratch("ledger.h5"));
    OK(sg_ledger_open(in_scratch("ledger"), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){0}, &err));
    OK(sg_store_write(l, path, NULL, &err));
    json_t *misfits = json_array();
    OK(sg_store_check_ledger(path, l, misfits, &err));
    assert_int_equal(json_array_size(misfits), 0);
    OK(sg_ledger_open(in_scratch("other"), SG_LEDGER_WRITE, &other, &err));
    OK(fake_fill(other, &(struct fake){.other_loss = 1}, &err));
    OK(sg_store_check_ledger(path, other, misfits, &err));
    assert_true(json_array_size(misfits) >= 1);
    int curves = 0;
    for (size_t i = 0; i < json_array_size(misfits); i++)
        curves |= strstr(says(misfits, i),
                         "/curves holds something else than the ledger; first in row 2 (cell 0, ") != NULL;
    assert_true(curves);
    sg_ledger_close(other);
    /* A cell that is gone, and a prediction that is another one. */
    static const struct {
        const char *sql, *says;
    } change[] = {
        {"UPDATE predictions SET logits=zeroblob(length(logits)) WHERE cell='cell6'",
         "/predictions holds something else than the ledger; first in row 50 (cell 6, "},
        {"DELETE FROM cells WHERE id='cell3'",
         "/cells holds something else than the ledger; 8 rows, not 7; first in row 3 (cell 3, task sst2, id "
         "cell3)"}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sqlite3_exec(sg_ledger_handle(l), change[i].sql, NULL, NULL, NULL), SQLITE_OK);
        json_array_clear(misfits);
        OK(sg_store_check_ledger(path, l, misfits, &err));
        int is_named = 0;
        for (size_t k = 0; k < json_array_size(misfits); k++)
            is_named |= strstr(says(misfits, k), change[i].says) != NULL;
        if (!is_named)
            fail_msg("%s; %s; %s", says(misfits, 0), says(misfits, 1), says(misfits, 2));
    }
    json_decref(misfits);
    sg_ledger_close(l);
}

/* Of 8 cells one failed and one is planned; of 2 pools one is short, and says why. */
static void what_is_missing_is_counted(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    char path[300];
    snprintf(path, sizeof path, "%s", in_scratch("missing.h5"));
    OK(sg_ledger_open(in_scratch("missing"), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){.evaluated = 1, .probed = 1}, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    json_t *misfits = json_array(), *remarks = json_array();
    OK(sg_store_check_complete(path, misfits, remarks, &err));
    assert_int_equal(json_array_size(misfits), 3);
    assert_string_equal(says(misfits, 0), "cells: 6 of 8 are done");
    assert_string_equal(says(misfits, 1), "evaluations of the LLM: 1 of 2 are complete");
    assert_string_equal(says(misfits, 2), "contamination probes: 3 of 4 are complete");
    assert_int_equal(json_array_size(remarks), 1);
    assert_string_equal(says(remarks, 0), "pool 1 (rte, few_shot_3) has 3 of 4 examples: "
                                          "class positive: 1 of 2 after 7 attempts");
    /* One that does not say why, and one without any example, are missing. */
    static const char *const other[] = {"UPDATE pools SET shortfall='' WHERE id='pool1'",
                                        "UPDATE pools SET status='failed' WHERE id='pool1'"};
    for (int i = 0; i < 2; i++) {
        OK(sg_ledger_open(in_scratch("missing"), SG_LEDGER_WRITE, &l, &err));
        assert_int_equal(sqlite3_exec(sg_ledger_handle(l), other[i], NULL, NULL, NULL), SQLITE_OK);
        OK(sg_store_write(l, path, NULL, &err));
        sg_ledger_close(l);
        json_array_clear(misfits);
        json_array_clear(remarks);
        OK(sg_store_check_complete(path, misfits, remarks, &err));
        assert_int_equal(json_array_size(misfits), 4);
        assert_string_equal(says(misfits, 1), "pools: 1 of 2 are complete");
        assert_int_equal(json_array_size(remarks), 0);
    }
    json_decref(misfits);
    json_decref(remarks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_byte_of_each_table_is_named),
        cmocka_unit_test(what_the_ledger_does_not_say_is_named),
        cmocka_unit_test(what_is_missing_is_counted),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
