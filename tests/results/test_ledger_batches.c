/* Batches in the ledger: what they may cost counts until they are settled, and what was lost counts for good. */
#include "base/buf.h"
#include "base/mem.h"
#include "results/ledger/ledger_batches.h"

#include <sqlite3.h>

#include "ledger_number.h"
#include "scratch.h"

static struct sg_ledger *open_it(const char *dir)
{
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err));
    return l;
}

static double unsettled(struct sg_ledger *l)
{
    struct sg_ledger_unsettled u;
    OK(sg_ledger_unsettled(l, &u, &err));
    return u.usd;
}

static void run(struct sg_ledger *l, const char *sql)
{
    assert_int_equal(sqlite3_exec(sg_ledger_handle(l), sql, NULL, NULL, NULL), SQLITE_OK);
}

static sg_status note(void *context, const char *key, const char *request, struct sg_err *e)
{
    (void)e;
    sg_buf_printf(context, "%s=%s;", key, request);
    return SG_OK;
}

static int64_t make(struct sg_ledger *l, const char *const *keys, int n)
{
    int64_t part;
    OK(sg_ledger_batch_begin(l, "small", &part, &err));
    for (int i = 0; i < n; i++)
        OK(sg_ledger_batch_ask(l, part, keys[i], "{}", 0.25 * (i + 1), &err));
    OK(sg_ledger_commit(l, &err));
    return part;
}

static void a_life(void **state)
{
    (void)state;
    const char *dir = in_scratch("life"), *const keys[] = {"c", "a", "b", "d"};
    struct sg_ledger *l = open_it(dir);
    struct sg_ledger_batch *list;
    int64_t n;
    int holds;
    char *request;
    int64_t part = make(l, keys, 4);
    assert_true(unsettled(l) == 2.5);
    OK(sg_ledger_batches(l, &list, &n, &err));
    assert_true(n == 1 && list->part == part && list->state == SG_BATCH_UPLOADING && list->n == 4 &&
                !list->id[0]);
    list->state = SG_BATCH_OPEN;
    list->refused = 5;
    snprintf(list->id, sizeof list->id, "batch_1");
    snprintf(list->input_file, sizeof list->input_file, "file-1");
    snprintf(list->status, sizeof list->status, "validating");
    OK(sg_ledger_batch_set(l, list, &err));
    OK(sg_ledger_commit(l, &err));
    sg_free(list);
    sg_ledger_close(l);

    l = open_it(dir);
    OK(sg_ledger_batches(l, &list, &n, &err));
    assert_true(n == 1 && list->state == SG_BATCH_OPEN && list->refused == 5);
    assert_string_equal(list->id, "batch_1");
    assert_string_equal(list->input_file, "file-1");
    assert_string_equal(list->status, "validating");
    assert_string_equal(list->generator, "small");
    struct sg_buf b = sg_buf_make(1000);
    OK(sg_ledger_batch_each(l, part, note, &b, &err));
    assert_string_equal(sg_buf_text(&b), "a={};b={};c={};d={};");
    sg_buf_free(&b);
    OK(sg_ledger_batch_holds(l, "a", &holds, &err));
    assert_true(holds);
    OK(sg_ledger_batch_holds(l, "z", &holds, &err));
    assert_false(holds);
    OK(sg_ledger_batch_answered(l, part, "a", &err));
    OK(sg_ledger_batch_request(l, part, "a", &request, &err));
    assert_null(request);
    OK(sg_ledger_batch_request(l, part, "b", &request, &err));
    assert_string_equal(request, "{}");
    sg_free(request);
    OK(sg_ledger_batch_sample(l, part, &request, &err));
    assert_string_equal(request, "{}");
    sg_free(request);
    OK(sg_ledger_batch_unpaid(l, part, "d", &err)); /* the dearest */
    /* One was charged for that did not come: the dearest of b and c, which nothing was said of. */
    OK(sg_ledger_batch_settle(l, part, 1, &err));
    OK(sg_ledger_commit(l, &err));
    assert_true(unsettled(l) == 0.75);
    OK(sg_ledger_batch_holds(l, "b", &holds, &err));
    assert_false(holds);
    OK(sg_ledger_batch_sample(l, part, &request, &err));
    assert_null(request);
    struct sg_ledger_batch *none;
    OK(sg_ledger_batches(l, &none, &n, &err));
    assert_int_equal(n, 0);
    sg_free(none);
    sg_free(list);
    sg_ledger_close(l);
}

static void lost_and_abandoned(void **state)
{
    (void)state;
    const char *const keys[] = {"a", "b"};
    struct sg_ledger *l = open_it(in_scratch("lost"));
    struct sg_ledger_batch *list;
    int64_t n;
    int holds;
    int64_t first = make(l, keys, 2), second = make(l, keys, 2), third;
    assert_true(second > first && unsettled(l) == 1.5);
    OK(sg_ledger_batch_settle(l, first, -1, &err));
    assert_true(unsettled(l) == 1.5); /* all of it is lost */
    OK(sg_ledger_batches(l, &list, &n, &err));
    assert_true(n == 1 && list->part == second);
    list->state = SG_BATCH_ABANDONED;
    OK(sg_ledger_batch_set(l, list, &err));
    OK(sg_ledger_batch_holds(l, "a", &holds, &err));
    assert_false(holds);              /* may be bought again, */
    assert_true(unsettled(l) == 1.5); /* and still counts */
    third = make(l, keys, 2);
    OK(sg_ledger_batch_settle(l, second, 0, &err));
    OK(sg_ledger_batch_holds(l, "a", &holds, &err));
    assert_true(holds); /* by the third, whose requests are its own */
    OK(sg_ledger_batch_settle(l, third, 0, &err));
    OK(sg_ledger_commit(l, &err));
    assert_true(unsettled(l) == 0.75);
    assert_true(make(l, keys, 1) > third); /* numbers do not come again */
    sg_free(list);
    sg_ledger_close(l);
}

/* What asks, answers and settles is more than one statement: when a later one fails, nothing of it is in the transaction,
 * which goes on. */
static void all_or_nothing(void **state)
{
    (void)state;
    const char *dir = in_scratch("whole"), *const keys[] = {"a", "b"};
    struct sg_ledger *l = open_it(dir);
    int64_t part = make(l, keys, 2);
    run(l, "CREATE TEMP TRIGGER broken BEFORE UPDATE ON batches BEGIN SELECT RAISE(ABORT, 'scripted'); END");
    assert_int_equal(sg_ledger_batch_ask(l, part, "c", "{}", 4, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "scripted"));
    assert_int_equal(sg_ledger_batch_answered(l, part, "a", &err), SG_FAILED);
    assert_int_equal(sg_ledger_batch_settle(l, part, -1, &err), SG_FAILED);
    run(l, "DROP TRIGGER broken");
    OK(sg_ledger_meta_set(l, "goes", "on", &err));
    OK(sg_ledger_commit(l, &err));
    sg_ledger_close(l);
    l = open_it(dir);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM batch_requests"), 2);
    assert_int_equal(
        ledger_number(l, "SELECT n=2 AND n_answered=0 AND usd=0.75 AND state='uploading' FROM batches"), 1);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM attempts"), 0);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM meta WHERE name='goes'"), 1);
    sg_ledger_close(l);
}

/* A file of an earlier version has no such tables; a reader cannot make them, and a state that nobody knows is told of. */
static void other_files(void **state)
{
    (void)state;
    const char *dir = in_scratch("other");
    struct sg_ledger *l = open_it(dir);
    struct sg_ledger_batch *list;
    int64_t n, part;
    OK(sg_ledger_batch_begin(l, "small", &part, &err));
    OK(sg_ledger_commit(l, &err));
    run(l, "UPDATE batches SET state='lent'");
    assert_int_equal(sg_ledger_batches(l, &list, &n, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "in no state"));
    /* An older program's: it knew of one generator. A reader takes it as it is, a writer adds the column. */
    run(l, "UPDATE batches SET state='open'; ALTER TABLE batches DROP COLUMN generator");
    for (int i = 0; i < 3; i++) {
        sg_ledger_close(l);
        OK(sg_ledger_open(dir, i == 1 ? SG_LEDGER_WRITE : SG_LEDGER_READ, &l, &err));
        OK(sg_ledger_batches(l, &list, &n, &err));
        assert_true(n == 1 && list->state == SG_BATCH_OPEN && !list->generator[0]);
        sg_free(list);
    }
    sg_ledger_close(l);
    l = open_it(dir);
    run(l, "DROP TABLE batches; DROP TABLE batch_requests");
    sg_ledger_close(l);
    OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
    OK(sg_ledger_batches(l, &list, &n, &err));
    assert_int_equal(n, 0);
    sg_free(list);
    sg_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_life), cmocka_unit_test(lost_and_abandoned),
                                       cmocka_unit_test(all_or_nothing), cmocka_unit_test(other_files)};
    if (scratch_make() != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(scratch);
    return failed || sg_mem_now() != 0;
}
