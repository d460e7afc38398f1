/* results.h5 is built beside a ledger that goes on, and what is given up leaves the file before. */
#include "base/file.h"
#include "experiments/run/results_thread.h"
#include "results/h5/store.h"

#include "../results/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sg_err err;

static void ok(sg_status status)
{
    if (status != SG_OK)
        fail_msg("%s", err.text);
}

static void put_rows(struct sg_ledger *l, int64_t from, int64_t n)
{
    for (int64_t i = from; i < from + n; i++)
        ok(sg_ledger_test_row_put(l, "sst2", i, i % 2, "a text of some words", NULL, &err));
    ok(sg_ledger_commit(l, &err));
}

static struct sg_ledger *make_ledger(const char *dir, int64_t n_rows)
{
    struct sg_ledger *l = NULL;
    ok(sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err));
    ok(sg_ledger_meta_set(l, "study", "small", &err));
    put_rows(l, 0, n_rows);
    return l;
}

static void test_written_beside_a_run(void **state)
{
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s/beside/results.h5", scratch);
    char *dir = sg_path_dir(path);
    struct sg_ledger *l = make_ledger(dir, 1000);
    struct sg_results_thread *t = NULL;
    struct sg_buf verdict = sg_buf_make(1000);
    char while_running[SG_HEX], after[SG_HEX];
    double took_s = -1;
    ok(sg_results_thread_start(l, path, 0, &t, &err));
    int64_t n = 1000;
    for (; !sg_results_thread_is_over(t) && n < 20000; n += 10)
        put_rows(l, n, 10); /* the run goes on */
    while (!sg_results_thread_is_over(t))
        sg_sleep_us(1000);
    ok(sg_results_thread_end(t, &verdict, &took_s, &err));
    assert_true(took_s > 0 && n > 1000 && verdict.len == 0);
    ok(sg_store_verify(path, &err));
    ok(sg_store_digest(path, while_running, &err));
    ok(sg_store_write(l, path, after, &err));
    ok(sg_store_verify(path, &err));
    sg_ledger_close(l);
    sg_buf_free(&verdict);
    sg_free(dir);
}

static void test_given_up(void **state)
{
    (void)state;
    char path[400], before[SG_HEX], after[SG_HEX], part[420];
    snprintf(path, sizeof path, "%s/given-up/results.h5", scratch);
    char *dir = sg_path_dir(path);
    struct sg_ledger *l = make_ledger(dir, 10);
    struct sg_results_thread *t = NULL;
    struct sg_buf verdict = sg_buf_make(1000);
    double took_s;
    ok(sg_store_write(l, path, before, &err));
    put_rows(l, 10, 200000);
    ok(sg_results_thread_start(l, path, 0, &t, &err));
    assert_int_equal(sg_results_thread_end(t, &verdict, &took_s, &err), SG_STOPPED);
    ok(sg_store_digest(path, after, &err));
    assert_string_equal(before, after);
    snprintf(part, sizeof part, "%s.tmp.%ld", path, (long)getpid());
    assert_false(sg_file_exists(part));
    sg_ledger_close(l);
    sg_buf_free(&verdict);
    sg_free(dir);
}

/* That it cannot be written is told, and harms nobody. */
static void test_no_place(void **state)
{
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s/no-place", scratch);
    struct sg_ledger *l = make_ledger(path, 10);
    struct sg_results_thread *t = NULL;
    struct sg_buf verdict = sg_buf_make(1000);
    double took_s;
    snprintf(path, sizeof path, "%s/nowhere/results.h5", scratch);
    ok(sg_results_thread_start(l, path, 0, &t, &err));
    while (!sg_results_thread_is_over(t))
        sg_sleep_us(1000);
    assert_int_equal(sg_results_thread_end(t, &verdict, &took_s, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "nowhere"));
    put_rows(l, 10, 10);
    sg_ledger_close(l);
    sg_buf_free(&verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_written_beside_a_run),
                                       cmocka_unit_test(test_given_up), cmocka_unit_test(test_no_place)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
