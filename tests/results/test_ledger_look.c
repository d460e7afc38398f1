/* What the ledger says of one cell: what it waits for, its row, its predictions, its pool and what that has cost, how often it was tried. */
#include "base/mem.h"
#include "results/ledger/ledger_attempts.h"
#include "results/ledger/ledger_look.h"
#include "results/ledger/ledger_trained.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger_number.h"
#include "scratch.h"

static struct sg_ledger *begin(const char *name)
{
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    return l;
}

static void what_cells_wait_for(void **state)
{
    (void)state;
    struct sg_ledger *l = begin("waiting");
    struct sg_ledger_waited w;
    struct sg_ledger_waiting x = {.consumer = "p1",
                                  .what = "sst2 zero_shot",
                                  .n_have = 3,
                                  .n_wanted = 10,
                                  .n_missing = 7,
                                  .waits_for = ""};
    size_t before = sg_mem_now();
    OK(sg_ledger_waiting_get(l, "p1", &w, &err));
    assert_int_equal(w.found, 0);
    OK(sg_ledger_waiting_put(l, &x, &err));
    x = (struct sg_ledger_waiting){"p2", "sst2 rephrased", 0, 10, -1, "p1"};
    OK(sg_ledger_waiting_put(l, &x, &err));
    OK(sg_ledger_waiting_get(l, "p1", &w, &err));
    assert_true(w.found && w.n_have == 3 && w.n_wanted == 10 && w.n_missing == 7);
    assert_string_equal(w.what, "sst2 zero_shot");
    assert_string_equal(w.waits_for, "");
    assert_int_equal(strlen(w.updated), 20);
    sg_ledger_waited_free(&w);
    OK(sg_ledger_waiting_drop(l, "p1", &err));
    OK(sg_ledger_waiting_get(l, "p1", &w, &err));
    assert_int_equal(w.found, 0);
    OK(sg_ledger_waiting_get(l, "p2", &w, &err));
    assert_true(w.found && w.n_missing == -1);
    assert_string_equal(w.waits_for, "p1");
    sg_ledger_waited_free(&w);
    OK(sg_ledger_waiting_clear(l, &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM waiting"), 0);
    assert_int_equal(sg_mem_now(), before);
    sg_ledger_close(l);
}

static void finish(struct sg_ledger *l, const char *id, const char *status, const char *result, int64_t n,
                   const float *logits)
{
    struct sg_ledger_cell c = {.id = id,
                               .status = status,
                               .reason = "why",
                               .result = result,
                               .n_eval = n,
                               .n_classes = 2,
                               .logits = logits};
    OK(sg_ledger_cell_finish(l, &c, &err));
}

/* Tried again after a failure it counts on; planned anew it begins anew; no JSON stays what it is. */
static void attempts_are_counted(void **state)
{
    (void)state;
    static const char query[] = "SELECT json_extract(result,'$.attempts') FROM cells WHERE id='a'";
    struct sg_ledger *l = begin("tries");
    OK(sg_ledger_cell_plan(l, "a", 0, "{}", NULL, &err));
    finish(l, "a", "failed", "{}", 0, NULL);
    assert_int_equal(ledger_number(l, query), 1);
    finish(l, "a", "failed", "{\"rank\":1}", 0, NULL);
    assert_int_equal(ledger_number(l, query), 2);
    finish(l, "a", "done", "{\"rank\":1}", 0, NULL);
    assert_int_equal(ledger_number(l, query), 3);
    assert_int_equal(ledger_number(l, "SELECT json_extract(result,'$.rank') FROM cells"), 1);
    OK(sg_ledger_cell_reset(l, "a", &err));
    finish(l, "a", "done", "{}", 0, NULL);
    assert_int_equal(ledger_number(l, query), 1);
    assert_int_equal(
        sqlite3_exec(sg_ledger_handle(l), "UPDATE cells SET status='failed', result='{}'", NULL, NULL, NULL),
        SQLITE_OK); /* of an older program */
    finish(l, "a", "done", "{}", 0, NULL);
    assert_int_equal(ledger_number(l, query), 2);
    finish(l, "a", "failed", "{\"rank\":", 0, NULL);
    assert_int_equal(ledger_number(l, "SELECT result='{\"rank\":' FROM cells"), 1);
    sg_ledger_close(l);
}

static sg_status note(void *context, const struct sg_ledger_cell_row *c, struct sg_err *e)
{
    char *said = context;
    (void)e;
    snprintf(said + strlen(said), 20, "%s%lld%s ", c->id, (long long)c->ordinal, c->pool ? c->pool : "-");
    return strcmp(c->id, "stop") == 0 ? SG_STOPPED : SG_OK;
}

static void cells_and_predictions(void **state)
{
    (void)state;
    static const float logits[] = {1, 0, 0, 1, 2, 0};
    struct sg_ledger *l = begin("cells");
    struct sg_ledger_predicted p;
    char said[200] = "";
    size_t before = sg_mem_now();
    OK(sg_ledger_cell_plan(l, "old", 0, "{}", NULL, &err));
    OK(sg_ledger_cells_retire(l, &err));
    OK(sg_ledger_cell_plan(l, "b", 1, "{}", "p1", &err));
    OK(sg_ledger_cell_plan(l, "z", 0, "{}", NULL, &err));
    OK(sg_ledger_cells_each(l, note, said, &err));
    assert_string_equal(said, "z0- b1p1 old-1- ");
    OK(sg_ledger_cell_plan(l, "stop", 2, "{}", NULL, &err));
    assert_int_equal(sg_ledger_cells_each(l, note, said, &err), SG_STOPPED);
    finish(l, "b", "done", "{}", 3, logits);
    for (int i = 0; i < 3; i++) {
        OK(sg_ledger_predicted(l, "b", "sst2", &p, &err)); /* rows are missing */
        assert_int_equal(p.n, 0);
        OK(sg_ledger_test_row_put(l, "sst2", i, i == 1, "x", NULL, &err));
    }
    OK(sg_ledger_predicted(l, "b", "sst2", &p, &err));
    assert_true(p.n == 3 && p.n_classes == 2 && p.gold[0] == 0 && p.gold[1] == 1 && p.logits[4] == 2);
    sg_free(p.gold);
    static const char *const damage[] = {"UPDATE predictions SET n=4",
                                         "UPDATE predictions SET n=3, logits=x'00'",
                                         "UPDATE predictions SET n=-3", "DELETE FROM predictions",
                                         "UPDATE test_rows SET label=7 WHERE position=1"};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        finish(l, "b", "done", "{}", 3, logits);
        assert_int_equal(sqlite3_exec(sg_ledger_handle(l), damage[i], NULL, NULL, NULL), SQLITE_OK);
        OK(sg_ledger_predicted(l, "b", "sst2", &p, &err));
        assert_int_equal(p.n, 0);
    }
    assert_int_equal(sg_mem_now(), before);
    sg_ledger_close(l);
}

static void put_answer(struct sg_ledger *l, const char *key, int status, double usd, const char *source)
{
    struct sg_ledger_completion c = {.key = key,
                                     .request = "{}",
                                     .status = status,
                                     .text = "x",
                                     .tokens_in = 10,
                                     .tokens_out = 3,
                                     .cost_usd = usd,
                                     .source = source};
    OK(sg_ledger_completion_put(l, &c, &err));
}

static void what_a_pool_has_cost(void **state)
{
    (void)state;
    struct sg_ledger *l = begin("cost");
    struct sg_ledger_pool_seen p;
    size_t before = sg_mem_now();
    put_answer(l, "k1", 0, 0.5, "live a");
    put_answer(l, "k2", 1, -1, "live a");
    put_answer(l, "k3", 0, 0.25, "recording r");
    put_answer(l, "other", 0, 9, "live a");
    static const char *const asked[] = {"k1", "k2", "k3"};
    static const struct sg_ledger_example example[] = {{0, "x", NULL, "k1"}, {1, "y", NULL, "k3"}};
    struct sg_ledger_pool x = {.id = "p1",
                               .settings = "{}",
                               .status = "short",
                               .rejects = "{}",
                               .shortfall = "tired",
                               .n = 2,
                               .example = example,
                               .n_asked = 3,
                               .asked = asked};
    OK(sg_ledger_pool_put(l, &x, &err));
    OK(sg_ledger_cell_plan(l, "a", 0, "{}", "p1", &err));
    OK(sg_ledger_cell_plan(l, "b", 1, "{}", "p1", &err));
    OK(sg_ledger_cell_plan(l, "c", 2, "{}", NULL, &err));
    OK(sg_ledger_pool_see(l, "p1", &p, &err));
    assert_true(p.found && p.n == 2 && p.n_requests == 3 && p.n_failed == 1 && p.n_imported == 1);
    assert_true(p.tokens_in == 30 && p.tokens_out == 9 && p.usd == 0.75 && !p.n_cost_unknown &&
                p.n_cells == 2);
    assert_string_equal(p.status, "short");
    assert_string_equal(p.shortfall, "tired");
    sg_ledger_pool_seen_free(&p);
    OK(sg_ledger_pool_see(l, "nowhere", &p, &err));
    assert_true(!p.found && !p.n_requests && !p.n_cells && !p.status);
    sg_ledger_pool_seen_free(&p);
    assert_int_equal(sg_mem_now(), before);
    sg_ledger_close(l);
}

static void the_last_failure(void **state)
{
    (void)state;
    struct sg_ledger *l = begin("failure");
    char *reason, *when, status[16];
    int64_t id;
    OK(sg_ledger_last_failure(l, &reason, &when, &err));
    assert_true(!reason && !when);
    for (int i = 0; i < 3; i++) {
        struct sg_ledger_attempt a = {.key = "k",
                                      .number = 1,
                                      .origin = "http://x",
                                      .settled = 1,
                                      .kind = i == 2 ? "answered" : "overload",
                                      .outcome = "again",
                                      .reason = i == 1 ? "503 later" : "503 first"};
        OK(sg_ledger_attempt_put(l, &a, &id, &err));
    }
    OK(sg_ledger_last_failure(l, &reason, &when, &err));
    assert_string_equal(reason, "503 later");
    assert_int_equal(strlen(when), 20);
    sg_free(reason);
    sg_free(when);
    OK(sg_ledger_evaluation_status(l, "e", status, &err));
    assert_string_equal(status, "");
    OK(sg_ledger_evaluation_plan(l, "e", 0, "{}", &err));
    OK(sg_ledger_evaluation_status(l, "e", status, &err));
    assert_string_equal(status, "planned");
    sg_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cells_wait_for), cmocka_unit_test(attempts_are_counted),
        cmocka_unit_test(cells_and_predictions), cmocka_unit_test(what_a_pool_has_cost),
        cmocka_unit_test(the_last_failure)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
