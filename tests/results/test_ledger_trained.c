/* What the ledger keeps of the texts that a cell was trained on. */
#include "base/file.h"
#include "base/mem.h"
#include "results/ledger/ledger_trained.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger_number.h"
#include "scratch.h"

static void finish(struct sg_ledger *l, const char *id, const char *status, const char *result)
{
    float x[2] = {1, 2};
    const struct sg_ledger_set_predictions set[2] = {{"legal", 1, x}, {"medical", 1, x}};
    struct sg_ledger_cell c = {.id = id, .status = status, .result = result};
    if (strcmp(status, "done") == 0) {
        c.n_eval = 1;
        c.n_classes = 2;
        c.logits = x;
        c.n_loss = 1;
        c.loss = x;
        c.n_sets = 2;
        c.set = set;
    }
    OK(sg_ledger_cell_plan(l, id, 0, "{}", "p1", &err));
    OK(sg_ledger_cell_finish(l, &c, &err));
}

static void what_a_cell_was_trained_on(void **state)
{
    (void)state;
    static const struct {
        const char *id, *status, *result, *rows, *examples;
        int64_t n_synthetic;
    } row[] = {
        {"whole", "done", "{\"examples_sha256\":\"e\",\"n_synthetic\":4,\"rows_sha256\":\"r\"}", "r", "e", 4},
        {"raw", "done", "{\"examples_sha256\":\"\",\"n_synthetic\":0,\"rows_sha256\":\"r\"}", "r", "", 0},
        {"old", "done", "{\"n_synthetic\":3}", "", "", 3},
        {"old failed", "failed", "{}", "", "", -1},
        {"empty", "failed", "", "", "", -1},
        {"no JSON", "failed", "{\"rows_sha256\":", "", "", -1},
    };
    struct sg_ledger *l = NULL;
    struct sg_ledger_trained x;
    OK(sg_ledger_open(in_scratch("trained"), SG_LEDGER_WRITE, &l, &err));
    OK(sg_ledger_cell_trained(l, "nowhere", &x, &err));
    assert_string_equal(x.status, "");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        finish(l, row[i].id, row[i].status, row[i].result);
        OK(sg_ledger_cell_trained(l, row[i].id, &x, &err));
        assert_string_equal(x.status, row[i].status);
        assert_string_equal(x.rows, row[i].rows);
        assert_string_equal(x.examples, row[i].examples);
        assert_int_equal(x.n_synthetic, row[i].n_synthetic);
    }
    OK(sg_ledger_cell_trained_set(l, "old", "r2", "e2", &err));
    OK(sg_ledger_cell_trained(l, "old", &x, &err));
    assert_string_equal(x.rows, "r2");
    assert_string_equal(x.examples, "e2");
    assert_int_equal(x.n_synthetic, 3);

    /* Planned again: nothing of it is left, and of others all. */
    OK(sg_ledger_cell_reset(l, "whole", &err));
    OK(sg_ledger_cell_trained(l, "whole", &x, &err));
    assert_string_equal(x.status, "planned");
    assert_string_equal(x.rows, "");
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM predictions"), 2);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM set_predictions"), 4);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM set_predictions WHERE cell='whole'"), 0);
    finish(l, "raw", "failed", "{}"); /* trained again, in vain */
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM set_predictions"), 2);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM predictions"), 1);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM curves WHERE cell='whole'"), 0);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM cells WHERE result IS NULL AND reason IS NULL"),
                     1);
    sg_ledger_close(l);
}

/* The ledger's copy of a pool has the digest that its examples have. */
static void examples_of_a_pool(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    static const struct sg_ledger_example example[3] = {
        {0, "one", NULL, "k1"}, {1, "two", "pair", "k2"}, {1, "three", "", "k3"}};
    const struct sg_ledger_pool p = {
        .id = "p", .settings = "{}", .status = "complete", .n = 3, .example = example};
    char digest[5][SG_HEX], expected[SG_HEX];
    OK(sg_ledger_open(in_scratch("examples"), SG_LEDGER_WRITE, &l, &err));
    OK(sg_ledger_pool_put(l, &p, &err));
    for (int n = 0; n <= 4; n++)
        OK(sg_ledger_examples_digest(l, "p", n, digest[n], &err));
    for (int n = 0; n <= 3; n++) {
        struct sg_sha256_stream *h = sg_sha256_create();
        for (int i = 0; i < n; i++)
            sg_example_digest_add(h, example[i].label, example[i].first, example[i].second);
        sg_sha256_finish_hex(h, expected);
        assert_string_equal(digest[n], expected);
    }
    assert_string_equal(digest[4], ""); /* it has not so many */
    OK(sg_ledger_diversity_put(l, "p", "{}", &err));
    OK(sg_ledger_diversity_clear(l, "p", &err));
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM diversity"), 0);
    sg_ledger_close(l);

    /* Label, text and its place each count; an absent second text is no empty one. */
    static const struct sg_ledger_example other[] = {
        {0, "a", NULL, ""}, {1, "a", NULL, ""}, {0, "a", "", ""}, {0, "", "a", ""}, {0, "ab", NULL, ""}};
    char seen[5][SG_HEX];
    for (int i = 0; i < 5; i++) {
        struct sg_sha256_stream *h = sg_sha256_create();
        sg_example_digest_add(h, other[i].label, other[i].first, other[i].second);
        sg_sha256_finish_hex(h, seen[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(seen[i], seen[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_cell_was_trained_on),
                                       cmocka_unit_test(examples_of_a_pool)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
