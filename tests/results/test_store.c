/* results.h5: what the ledger holds comes back; the digest is the study's alone; damaged and foreign files
 * are refused. */
#include "base/file.h"
#include "base/mem.h"
#include "results/h5/store.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/report/report.h"

#include "fake_study.h"

#include "tests/base/check.h"

#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "results/ledger/ledger_attempts.h"
#include "scratch.h"

/* A ledger of its own with the study in it, and its results file. */
static struct sg_ledger *make(const char *name, const struct fake *f, const char *path, char digest[SG_HEX])
{
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, f, &err));
    OK(sg_store_write(l, path, digest, &err));
    return l;
}

struct seen {
    const struct sg_h5_table_spec *spec;
    int64_t n;
    union sg_value row[100][64]; /* texts copied */
};

static sg_status keep(void *context, int64_t at, const union sg_value *row, struct sg_err *e)
{
    struct seen *s = context;
    (void)e;
    assert_true(at == s->n && at < 100);
    for (int c = 0; c < s->spec->n_columns; c++) {
        s->row[at][c] = row[c];
        if (s->spec->column[c].type == SG_COL_TEXT)
            s->row[at][c].text = sg_strdup(row[c].text);
    }
    s->n++;
    return SG_OK;
}

static void forget(struct seen *s)
{
    for (int64_t i = 0; i < s->n; i++)
        for (int c = 0; c < s->spec->n_columns; c++)
            if (s->spec->column[c].type == SG_COL_TEXT)
                sg_free((void *)(uintptr_t)s->row[i][c].text);
    s->n = 0;
}

static struct seen seen;

static void look(const char *path, enum sg_h5_table_index table)
{
    hid_t file = -1;
    forget(&seen);
    seen.spec = &sg_store_tables[table];
    OK(sg_store_open(path, &file, &err));
    OK(sg_h5_table_each(file, seen.spec, path, keep, &seen, &err));
    H5Fclose(file);
}

static void the_ledger_comes_back(void **state)
{
    (void)state;
    char digest[SG_HEX], stored[SG_HEX];
    char path[300];
    snprintf(path, sizeof path, "%s", in_scratch("back.h5"));
    struct sg_ledger *l = make("back", &(struct fake){0}, path, digest);
    OK(sg_store_digest(path, stored, &err));
    assert_string_equal(stored, digest);
    OK(sg_store_verify(path, &err));

    look(path, SG_T_CELLS);
    assert_int_equal(seen.n, FAKE_CELLS);
    for (int i = 0; i < FAKE_CELLS; i++) {
        const union sg_value *row = seen.row[i];
        int done = strcmp(fake_cells[i].status, "done") == 0;
        assert_int_equal(row[SG_CELLS_cell].i, i);
        assert_string_equal(row[SG_CELLS_task].text, fake_tasks[fake_cells[i].task]);
        assert_string_equal(row[SG_CELLS_status].text, fake_cells[i].status);
        assert_int_equal(row[SG_CELLS_pool].i, fake_cells[i].pool);
        assert_int_equal(row[SG_CELLS_seed_generation].i, fake_cells[i].size ? 0 : -1);
        /* Right on the first 5 + i of 10 rows; a hole is NaN, never 0. */
        if (done)
            assert_true(fabs(row[SG_CELLS_accuracy].x - (5 + i > 10 ? 1 : 0.1 * (5 + i))) < 1e-12);
        const int numbers[] = {SG_CELLS_accuracy, SG_CELLS_macro_f1, SG_CELLS_loss,    SG_CELLS_n_test,
                               SG_CELLS_n_train,  SG_CELLS_train_s,  SG_CELLS_n_steps, SG_CELLS_train_loss};
        assert_string_equal(row[SG_CELLS_kernels].text, done ? "avx512" : "");
        assert_string_equal(row[SG_CELLS_rounding].text, done ? "fused" : "");
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            if (!done != !!isnan(row[numbers[k]].x))
                fail_msg("cell %d, column %s: %g", i, seen.spec->column[numbers[k]].name, row[numbers[k]].x);
    }
    for (int i = 0; i < FAKE_CELLS; i++) {
        double n = seen.row[i][SG_CELLS_n_classes_predicted].x;
        assert_true(strcmp(fake_cells[i].status, "done") == 0 ? n == 2 : isnan(n));
    }
    assert_string_equal(seen.row[5][SG_CELLS_reason].text, "diverged at step 2");
    assert_true(seen.row[0][SG_CELLS_train_loss].x == 0.25);
    assert_true(seen.row[4][SG_CELLS_n_train].x == 60);

    look(path, SG_T_PREDICTIONS);
    assert_int_equal(seen.n, 6 * FAKE_TEST);
    double p = 1 / (1 + exp(-2.0));
    const union sg_value *last_of_0 = seen.row[9];
    assert_int_equal(last_of_0[SG_PREDICTIONS_gold].i, 1);
    assert_int_equal(last_of_0[SG_PREDICTIONS_predicted].i, 0);
    assert_true(fabs(last_of_0[SG_PREDICTIONS_p_predicted].x - p) < 1e-6);
    assert_true(fabs(last_of_0[SG_PREDICTIONS_p_gold].x - (1 - p)) < 1e-6);
    assert_int_equal(last_of_0[SG_PREDICTIONS_first].i, 18);

    look(path, SG_T_EXAMPLES);
    assert_int_equal(seen.n, 6);
    assert_true(seen.row[0][SG_EXAMPLES_source].i == -1 && seen.row[3][SG_EXAMPLES_source].i == 3);
    assert_true(seen.row[4][SG_EXAMPLES_source].i == 1 && seen.row[5][SG_EXAMPLES_source].i == 0);
    assert_string_equal(seen.row[0][SG_EXAMPLES_text].text, "A caf\xc3\xa9, dull.");
    assert_string_equal(seen.row[0][SG_EXAMPLES_text_pair].text, "");
    assert_string_equal(seen.row[3][SG_EXAMPLES_text_pair].text, "A second text.");
    assert_string_equal(seen.row[1][SG_EXAMPLES_class].text, "positive");
    assert_string_equal(seen.row[4][SG_EXAMPLES_completion].text, "p1k1");

    look(path, SG_T_REJECTS);
    assert_int_equal(seen.n, 2); /* those that were 0 have no row */
    assert_string_equal(seen.row[0][SG_REJECTS_reason].text, "duplicate");
    assert_int_equal(seen.row[0][SG_REJECTS_count].i, 2);

    look(path, SG_T_SPEND);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.row[0][SG_SPEND_n_requests].i, 4); /* three accepted and one that was not */
    assert_int_equal(seen.row[0][SG_SPEND_tokens_in].i, 406);
    assert_true(fabs(seen.row[0][SG_SPEND_cost_usd].x - 0.010) < 1e-12);
    assert_int_equal(seen.row[1][SG_SPEND_n_failed].i, 1);
    assert_true(isnan(seen.row[1][SG_SPEND_cost_usd].x));        /* unknown is not 0 */
    assert_int_equal(seen.row[1][SG_SPEND_n_cost_unknown].i, 3); /* what failed was not charged for */

    look(path, SG_T_DIVERSITY);
    assert_true(seen.row[0][SG_DIVERSITY_vendi].x == 2.25);
    assert_true(isnan(seen.row[1][SG_DIVERSITY_vendi].x));

    look(path, SG_T_CURVES);
    assert_int_equal(seen.n, 18);
    look(path, SG_T_PER_CLASS);
    assert_int_equal(seen.n, 12);
    look(path, SG_T_CLASSES);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.row[0][SG_CLASSES_n_test].i, 5);
    look(path, SG_T_TEST_ROWS);
    assert_int_equal(seen.n, 20);
    sg_ledger_close(l);
}

static void the_digest_is_the_studys(void **state)
{
    (void)state;
    struct {
        const char *name;
        struct fake f;
        int same;
    } table[] = {
        {"d0", {0}, 1},
        {"d1", {.reversed = 1}, 1},
        {"d2", {.other_machine = 1}, 1},
        {"d3", {.reversed = 1, .other_machine = 1}, 1},
        {"d4", {.other_loss = 1}, 0},
        {"d5", {.all_planned = 1}, 0},
        {"d6", {.evil = "another model"}, 0},
        {"d7", {.one_class = 1}, 0},
    };
    char first[SG_HEX], digest[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("digest.h5"));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sg_ledger *l = make(table[i].name, &table[i].f, path, digest);
        if (i == 0)
            memcpy(first, digest, SG_HEX);
        if ((strcmp(first, digest) == 0) != table[i].same)
            fail_msg("%s: %s", table[i].name, table[i].same ? "another digest" : "the same digest");
        if (table[i].f.all_planned) { /* filled later, after a build in between: as if it had been at once */
            OK(fake_fill(l, &(struct fake){.reversed = 1}, &err));
            OK(sg_store_write(l, path, digest, &err));
            assert_string_equal(digest, first);
        }
        sg_ledger_close(l);
    }
}

/* The LLM as a classifier: what it said comes back with its metrics; it is part of the digest, but for what differs
 * between machines; a study that has dropped it has the digest that it had before. */
static void evaluations(void **state)
{
    (void)state;
    char without[SG_HEX], with[SG_HEX], digest[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("evals.h5"));
    sg_ledger_close(make("e0", &(struct fake){0}, path, without));
    struct sg_ledger *l = make("e1", &(struct fake){.evaluated = 1}, path, with);
    assert_string_not_equal(with, without);
    OK(sg_store_verify(path, &err));
    look(path, SG_T_LLM_EVAL);
    assert_int_equal(seen.n, 2);
    const union sg_value *row = seen.row[0];
    assert_string_equal(row[SG_LLM_EVAL_task].text, "sst2");
    assert_string_equal(row[SG_LLM_EVAL_status].text, "complete");
    assert_int_equal(row[SG_LLM_EVAL_shots].i, 0);
    assert_true(row[SG_LLM_EVAL_n].x == 4 && row[SG_LLM_EVAL_n_correct].x == 2 &&
                row[SG_LLM_EVAL_n_unparsable].x == 1);
    assert_true(row[SG_LLM_EVAL_accuracy].x == 0.5);
    assert_true(fabs(row[SG_LLM_EVAL_accuracy_parsed].x - 2.0 / 3) < 1e-12);
    assert_true(fabs(row[SG_LLM_EVAL_accuracy_low].x - 0.15) < 0.001); /* statsmodels: 0.1500, 0.8500 */
    assert_true(fabs(row[SG_LLM_EVAL_accuracy_high].x - 0.85) < 0.001);
    assert_true(fabs(row[SG_LLM_EVAL_macro_f1].x - (0.5 + 2.0 / 3) / 2) < 1e-12);
    assert_int_equal(row[SG_LLM_EVAL_tokens_out].i, 10);
    assert_true(fabs(row[SG_LLM_EVAL_cost_usd].x - 0.002) < 1e-12);
    assert_string_equal(seen.row[1][SG_LLM_EVAL_status].text, "planned");
    assert_true(isnan(seen.row[1][SG_LLM_EVAL_accuracy].x) && seen.row[1][SG_LLM_EVAL_n].x == 4);
    look(path, SG_T_LLM_PREDICTIONS);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.row[2][SG_LLM_PREDICTIONS_row].i, 4);
    assert_int_equal(seen.row[2][SG_LLM_PREDICTIONS_predicted].i, -1);
    assert_string_equal(seen.row[2][SG_LLM_PREDICTIONS_verdict].text, "several");
    look(path, SG_T_TEXT_STATS);
    assert_int_equal(seen.n, 6); /* not of the pool that no cell names */
    assert_int_equal(seen.row[0][SG_TEXT_STATS_pool].i, -1);
    assert_string_equal(seen.row[0][SG_TEXT_STATS_method].text, "");
    assert_true(seen.row[0][SG_TEXT_STATS_mean_words].x == 9.25 &&
                isnan(seen.row[0][SG_TEXT_STATS_chosen_share].x));
    assert_int_equal(seen.row[5][SG_TEXT_STATS_pool].i, 1);
    assert_string_equal(seen.row[5][SG_TEXT_STATS_class].text, "negative");
    assert_true(seen.row[5][SG_TEXT_STATS_chosen].i == 3 &&
                seen.row[5][SG_TEXT_STATS_chosen_share].x == 0.75);
    assert_true(isnan(seen.row[5][SG_TEXT_STATS_mean_words].x));
    OK(fake_fill(l, &(struct fake){0}, &err));
    OK(sg_store_write(l, path, digest, &err));
    assert_string_equal(digest, without);
    sg_ledger_close(l);
    sg_ledger_close(make("e2", &(struct fake){.evaluated = 1, .other_machine = 1}, path, digest));
    assert_string_equal(digest, with);

    /* A study without them has no such tables. */
    sg_ledger_close(make("e3", &(struct fake){0}, path, digest));
    OK(sg_store_verify(path, &err));
    look(path, SG_T_LLM_EVAL);
    assert_int_equal(seen.n, 0);
}

/* Contamination probes come back with their verdicts, and are part of the digest but for what differs between machines. */
static void contamination(void **state)
{
    (void)state;
    char without[SG_HEX], with[SG_HEX], digest[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("probes.h5"));
    sg_ledger_close(make("p0", &(struct fake){0}, path, without));
    struct sg_ledger *l = make("p1", &(struct fake){.probed = 1}, path, with);
    assert_string_not_equal(with, without);
    OK(sg_store_verify(path, &err));
    look(path, SG_T_CONTAMINATION);
    static const struct {
        const char *status, *verdict;
        int64_t n_rows, n, n_exact, n_unanswered;
        double p;
    } want[] = {{"complete", "likely seen", 8, 7, 1, 1, 1.0 / 128},
                {"complete", "too few rows to tell", 5, 5, 0, 0, 1.0 / 32},
                {"complete", "no sign", 7, 7, 0, 0, 64.0 / 128},
                {"planned", "", 9, -1, -1, -1, NAN}};
    assert_int_equal(seen.n, 4);
    for (int i = 0; i < 4; i++) {
        const union sg_value *row = seen.row[i];
        assert_string_equal(row[SG_CONTAMINATION_task].text, fake_tasks[i / 2]);
        assert_string_equal(row[SG_CONTAMINATION_generator].text, i % 2 ? "small" : "");
        assert_string_equal(row[SG_CONTAMINATION_status].text, want[i].status);
        assert_string_equal(row[SG_CONTAMINATION_verdict].text, want[i].verdict);
        assert_true(row[SG_CONTAMINATION_n_rows].i == want[i].n_rows &&
                    row[SG_CONTAMINATION_n].i == want[i].n &&
                    row[SG_CONTAMINATION_n_exact].i == want[i].n_exact &&
                    row[SG_CONTAMINATION_n_unanswered].i == want[i].n_unanswered);
        assert_true(isnan(want[i].p) ? isnan(row[SG_CONTAMINATION_p].x)
                                     : row[SG_CONTAMINATION_p].x == want[i].p);
    }
    assert_true(seen.row[0][SG_CONTAMINATION_difference].x == 0.25 &&
                seen.row[0][SG_CONTAMINATION_n_requests].i == 16 &&
                fabs(seen.row[0][SG_CONTAMINATION_cost_usd].x - 0.008) < 1e-12);
    look(path, SG_T_CONTAMINATION_ROWS);
    assert_int_equal(seen.n, 20);
    assert_true(isnan(seen.row[0][SG_CONTAMINATION_ROWS_general_rouge_l].x) &&
                seen.row[0][SG_CONTAMINATION_ROWS_guided_rouge_l].x == 0.5);
    assert_string_equal(seen.row[0][SG_CONTAMINATION_ROWS_general_outcome].text, "refused");
    assert_string_equal(seen.row[3][SG_CONTAMINATION_ROWS_match].text, "exact");
    OK(fake_fill(l, &(struct fake){0}, &err));
    OK(sg_store_write(l, path, digest, &err));
    assert_string_equal(digest, without);
    sg_ledger_close(l);
    sg_ledger_close(make("p2", &(struct fake){.probed = 1, .other_machine = 1}, path, digest));
    assert_string_equal(digest, with);
}

static void put_attempt(struct sg_ledger *l, const struct sg_ledger_attempt *x, int ends)
{
    int64_t id;
    OK(sg_ledger_attempt_put(l, x, &id, &err));
    if (ends)
        OK(sg_ledger_attempt_end(l, id, x, &err));
}

/* What requests came to depends on the weather: it is in the file, but no part of what equal studies have in common. */
/* Cells on further test sets: in the digest where there are any, and a study without them has the digest of old. */
static void further_test_sets(void **state)
{
    (void)state;
    char plain[SG_HEX], one[SG_HEX], two[SG_HEX], turned[SG_HEX];
    char path[300];
    snprintf(path, sizeof path, "%s", in_scratch("sets.h5"));
    sg_ledger_close(make("sets0", &(struct fake){0}, path, plain));
    look(path, SG_T_TRANSFER);
    assert_int_equal(seen.n, 0);
    sg_ledger_close(make("sets1", &(struct fake){.n_sets = 1}, path, one));
    sg_ledger_close(make("sets2t", &(struct fake){.n_sets = 2, .reversed = 1}, path, turned));
    struct sg_ledger *l = make("sets2", &(struct fake){.n_sets = 2}, path, two);
    assert_string_equal(two, turned);
    assert_string_not_equal(one, plain);
    assert_string_not_equal(two, one);
    OK(sg_store_verify(path, &err));

    look(path, SG_T_TRANSFER); /* of the five finished cells of sst2 */
    assert_int_equal(seen.n, 5 * 2);
    for (int i = 0; i < 10; i++) {
        const union sg_value *row = seen.row[i];
        int k = i % 2;
        assert_int_equal(row[SG_TRANSFER_cell].i, i / 2);
        assert_string_equal(row[SG_TRANSFER_task].text, "sst2");
        assert_int_equal(row[SG_TRANSFER_set].i, k);
        assert_string_equal(row[SG_TRANSFER_test_set].text, fake_sets[k]);
        assert_int_equal(row[SG_TRANSFER_n_test].i, FAKE_SET_ROWS);
        assert_true(fabs(row[SG_TRANSFER_accuracy].x - (k + 1) / 3.0) < 1e-12);
        assert_true(row[SG_TRANSFER_n_classes_predicted].x == 2);
    }
    look(path, SG_T_TEST_SET_ROWS);
    assert_int_equal(seen.n, 2 * FAKE_SET_ROWS);
    assert_string_equal(seen.row[3][SG_TEST_SET_ROWS_test_set].text, "medical");
    assert_string_equal(seen.row[3][SG_TEST_SET_ROWS_class].text, "negative");
    look(path, SG_T_TRANSFER_PREDICTIONS);
    assert_int_equal(seen.n, 5 * 2 * FAKE_SET_ROWS);
    const union sg_value *row = seen.row[1]; /* cell 0, legal, row 1: wrong */
    assert_true(row[SG_TRANSFER_PREDICTIONS_predicted].i == 1 && row[SG_TRANSFER_PREDICTIONS_gold].i == 0);
    assert_true(fabs(row[SG_TRANSFER_PREDICTIONS_p_gold].x - 1 / (1 + exp(2.0))) < 1e-6);

    /* A cell that lacks a set's predictions, or has them of other rows, is damage; a folder of an older program has no such tables. */
    static const char *const damage[] = {
        "UPDATE set_predictions SET n=2 WHERE cell='cell1' AND test_set='legal'",
        "DELETE FROM set_predictions WHERE cell='cell1' AND test_set='medical'",
        "UPDATE test_set_rows SET label=7 WHERE test_set='legal' AND position=1",
    };
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        assert_int_equal(sqlite3_exec(sg_ledger_handle(l), "SAVEPOINT a", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(sg_ledger_handle(l), damage[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sg_store_write(l, path, one, &err), SG_FAILED);
        if (!strstr(err.text, "the ledger is damaged"))
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(sqlite3_exec(sg_ledger_handle(l), "ROLLBACK TO a; RELEASE a", NULL, NULL, NULL),
                         SQLITE_OK);
    }
    assert_int_equal(sqlite3_exec(sg_ledger_handle(l), "DROP TABLE set_predictions; DROP TABLE test_set_rows",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    OK(sg_store_write(l, path, one, &err));
    assert_string_equal(one, plain);
    sg_ledger_close(l);
}

static void attempts_are_summed(void **state)
{
    (void)state;
    char without[SG_HEX], with[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("attempts.h5"));
    struct sg_ledger *l = make("a0", &(struct fake){0}, path, without);
    look(path, SG_T_ATTEMPTS);
    assert_int_equal(seen.n, 0);
    struct sg_ledger_attempt x = {.key = "k",
                                  .number = 1,
                                  .origin = "http://x",
                                  .worst_usd = 0.5,
                                  .settled = 1,
                                  .kind = "answered",
                                  .outcome = "answered",
                                  .http_status = 200,
                                  .tokens_in = 10,
                                  .tokens_out = 20,
                                  .cost_usd = 0.125,
                                  .latency_s = 0.25,
                                  .model = "m-1"};
    put_attempt(l, &x, 1);
    x.latency_s = 0.5;
    put_attempt(l, &x, 1);
    x.model = "m-2";
    x.cost_usd = -1;
    put_attempt(l, &x, 1);
    struct sg_ledger_attempt lost = {.key = "k",
                                     .number = 2,
                                     .worst_usd = 0.5,
                                     .tokens_in = -1,
                                     .tokens_out = -1,
                                     .cost_usd = -1,
                                     .latency_s = -1};
    put_attempt(l, &lost, 0);
    OK(sg_store_write(l, path, with, &err));
    assert_string_equal(with, without);
    OK(sg_store_verify(path, &err));
    look(path, SG_T_ATTEMPTS);
    assert_int_equal(seen.n, 3);
    const union sg_value *row = seen.row[1];
    assert_true(seen.row[0][SG_ATTEMPTS_n_unsettled].i == 1 && seen.row[0][SG_ATTEMPTS_worst_usd].x == 0.5);
    assert_string_equal(seen.row[0][SG_ATTEMPTS_kind].text, "");
    assert_string_equal(row[SG_ATTEMPTS_origin].text, "http://x");
    assert_string_equal(row[SG_ATTEMPTS_model].text, "m-1");
    assert_string_equal(row[SG_ATTEMPTS_kind].text, "answered");
    assert_true(row[SG_ATTEMPTS_n].i == 2 && row[SG_ATTEMPTS_n_unsettled].i == 0 &&
                row[SG_ATTEMPTS_http_status].i == 200);
    assert_true(row[SG_ATTEMPTS_tokens_in].i == 20 && row[SG_ATTEMPTS_tokens_out].i == 40);
    assert_true(row[SG_ATTEMPTS_cost_usd].x == 0.25 && row[SG_ATTEMPTS_worst_usd].x == 0);
    assert_true(row[SG_ATTEMPTS_latency_s].x == 0.75 && row[SG_ATTEMPTS_latency_max_s].x == 0.5);
    assert_int_equal(strlen(row[SG_ATTEMPTS_first].text), 20);
    assert_true(seen.row[2][SG_ATTEMPTS_cost_usd].x == 0);
    sg_ledger_close(l);

    /* A file from before there was such a table: nothing of equal studies is in it. */
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Ldelete(file, "attempts", H5P_DEFAULT) >= 0);
    assert_true(H5Fclose(file) >= 0);
    OK(sg_store_verify(path, &err));
}

/* Rows that are there but belong to the digest cannot be taken away unseen. */
static void evaluations_cannot_go_unseen(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", in_scratch("gone.h5"));
    sg_ledger_close(make("e4", &(struct fake){.evaluated = 1}, path, NULL));
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Ldelete(file, "llm_predictions", H5P_DEFAULT) >= 0);
    assert_true(H5Fclose(file) >= 0);
    assert_int_equal(sg_store_verify(path, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "digest"));
}

static sg_status copy_row(void *context, int64_t at, const union sg_value *row, struct sg_err *e)
{
    (void)at;
    return sg_h5_table_add(context, row, e);
}

/* A file from before the later columns that are volatile: whole, with the same digest, and they are empty in it. One that lacks
 * another column is none of ours. */
static void older_files_are_read(void **state)
{
    (void)state;
    const struct sg_h5_table_spec *now = &sg_store_tables[SG_T_CELLS];
    struct sg_column column[SG_N_CELLS];
    char digest[SG_HEX], older_digest[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("older.h5"));
    sg_ledger_close(make("older", &(struct fake){0}, path, digest));
    for (int damaged = 0; damaged <= 1; damaged++) {
        struct sg_h5_table_spec old = {.name = "cells", .description = "x", .column = column};
        struct sg_h5_table *table;
        for (int c = 0; c < now->n_columns; c++)
            if (!(now->column[c].is_later && now->column[c].is_volatile) && !(damaged && c == SG_CELLS_id))
                column[old.n_columns++] = now->column[c];
        assert_in_range(old.n_columns, 1, SG_N_CELLS - 2 - damaged);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        /* The digests are of the table's name, too: away with the new one before the old one is made. */
        assert_true(H5Lmove(file, "cells", file, "now", H5P_DEFAULT, H5P_DEFAULT) >= 0);
        struct sg_h5_table_spec source = old;
        source.name = "now";
        OK(sg_h5_table_create(file, &old, path, &table, &err));
        OK(sg_h5_table_each(file, &source, path, copy_row, table, &err));
        OK(sg_h5_table_finish(table, NULL, &err));
        assert_true(H5Ldelete(file, "now", H5P_DEFAULT) >= 0);
        assert_true(H5Fclose(file) >= 0);
        if (damaged) {
            assert_int_equal(sg_store_verify(path, &err), SG_INPUT);
            assert_non_null(strstr(err.text, "/cells"));
            break;
        }
        OK(sg_store_verify(path, &err));
        OK(sg_store_digest(path, older_digest, &err));
        assert_string_equal(older_digest, digest);
        look(path, SG_T_CELLS);
        assert_int_equal(seen.n, FAKE_CELLS);
        assert_string_equal(seen.row[0][SG_CELLS_kernels].text, "");
        assert_string_equal(seen.row[0][SG_CELLS_rounding].text, "");
        assert_string_equal(seen.row[0][SG_CELLS_host].text, "near");
        assert_string_equal(seen.row[7][SG_CELLS_id].text, "cell7");
    }
}

/* What the program of commit 2f19edd made of the made-up study (`make_results FOLDER`), before /cells had n_classes_predicted and when
 * tables without rows were still written. */
static void files_of_an_older_program(void **state)
{
    (void)state;
    static const char was[] = "dca9191ffe9c7a8531831d2e2d52b6b4b0081416285166fee12e1d4392a11e03";
    char digest[SG_HEX], *bytes = NULL, path[300];
    size_t n = 0;
    OK(sg_mkdirs(in_scratch("elder"), &err));
    OK(sg_file_read_gz("tests/results/older/results.h5.gz", 1 << 20, &bytes, &n, &err));
    snprintf(path, sizeof path, "%s", in_scratch("elder/results.h5"));
    OK(sg_file_write(path, bytes, n, &err));
    sg_free(bytes);
    OK(sg_store_verify(path, &err));
    OK(sg_store_digest(path, digest, &err));
    assert_string_equal(digest, was);
    look(path, SG_T_CELLS);
    assert_true(seen.n == FAKE_CELLS && isnan(seen.row[0][SG_CELLS_n_classes_predicted].x));
    assert_true(isnan(seen.row[0][SG_CELLS_brier].x) && !isnan(seen.row[0][SG_CELLS_accuracy].x));

    /* Its ledger gives the new column; /cells alone has another digest. */
    json_t *before = NULL, *after = NULL;
    OK(sg_store_tables_digests(path, &before, &err));
    OK(sg_file_read_gz("tests/results/older/ledger.sqlite.gz", 1 << 20, &bytes, &n, &err));
    OK(sg_file_write(in_scratch("elder/ledger.sqlite"), bytes, n, &err));
    sg_free(bytes);
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(in_scratch("elder"), SG_LEDGER_WRITE, &l, &err));
    OK(sg_store_write(l, path, digest, &err));
    sg_ledger_close(l);
    assert_string_not_equal(digest, was);
    look(path, SG_T_CELLS);
    assert_true(seen.row[0][SG_CELLS_n_classes_predicted].x == 2);
    assert_true(seen.row[0][SG_CELLS_brier].x > 0 && seen.row[0][SG_CELLS_ece].x > 0);
    OK(sg_store_tables_digests(path, &after, &err));
    const char *name;
    json_t *hex;
    json_object_foreach (before, name, hex)
        if (json_equal(hex, json_object_get(after, name)) == (strcmp(name, "cells") == 0))
            fail_msg("/%s has %s digest", name, strcmp(name, "cells") == 0 ? "the same" : "another");
    json_decref(before);
    json_decref(after);
}

/* R's readers fail on a table of no rows: none is in the file. */
static void tables_without_rows_are_left_out(void **state)
{
    (void)state;
    struct fake of[] = {{0}, {.evaluated = 1}, {.all_planned = 1}};
    char path[300];
    int n_absent = 0;
    snprintf(path, sizeof path, "%s", in_scratch("without.h5"));
    for (int i = 0; i < 4; i++) { /* the last one: a ledger of nothing */
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        struct sg_ledger *l = NULL;
        OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
        if (i < 3)
            OK(fake_fill(l, &of[i], &err));
        OK(sg_store_write(l, path, NULL, &err));
        sg_ledger_close(l);
        OK(sg_store_verify(path, &err));
        hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        for (int t = 0; t < SG_N_TABLES; t++) {
            int64_t n = -1;
            OK(sg_h5_table_count(file, &sg_store_tables[t], path, &n, &err));
            assert_int_equal(H5Lexists(file, sg_store_tables[t].name, H5P_DEFAULT) > 0, n > 0);
            n_absent += n == 0;
        }
        H5Fclose(file);
    }
    assert_true(n_absent > 2 * SG_N_TABLES);
}

/* A table that had rows cannot be taken away unseen, whichever it is; but for those that are no part of the content. */
static void a_table_that_is_gone_is_seen(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", in_scratch("taken.h5"));
    for (int t = 0; t < SG_N_TABLES; t++) {
        int64_t n = 0;
        sg_ledger_close(make("taken", &(struct fake){.evaluated = 1}, path, NULL));
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        OK(sg_h5_table_count(file, &sg_store_tables[t], path, &n, &err));
        if (n)
            assert_true(H5Ldelete(file, sg_store_tables[t].name, H5P_DEFAULT) >= 0);
        H5Fclose(file);
        int is_content = n && t != SG_T_TEXT_STATS && t != SG_T_ATTEMPTS && t != SG_T_NEAR;
        assert_int_equal(sg_store_verify(path, &err), is_content ? SG_INPUT : SG_OK);
    }
}

static void other_studies_in_the_ledger_do_not_show(void **state)
{
    (void)state;
    char digest[SG_HEX], after[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("other.h5"));
    struct sg_ledger *l = make("other", &(struct fake){0}, path, digest);
    /* What an earlier, larger study left: a retired cell with its pool, longer test data, a completion nobody
     * asks for. */
    struct sg_ledger_completion c = {
        .key = "stray", .request = "{}", .text = "x", .cost_usd = 5, .source = "live"};
    OK(sg_ledger_completion_put(l, &c, &err));
    OK(sg_ledger_cell_plan(l, "old", 99, "{\"task\":\"nyt\",\"class_names\":[\"a\"]}", "oldpool", &err));
    OK(sg_ledger_test_row_put(l, "sst2", FAKE_TEST, 0, "a row too many", NULL, &err));
    OK(fake_fill(l, &(struct fake){0}, &err));
    OK(sg_store_write(l, path, after, &err));
    assert_string_equal(digest, after);
    sg_ledger_close(l);
}

static void an_empty_study(void **state)
{
    (void)state;
    char digest[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("empty.h5"));
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(in_scratch("empty"), SG_LEDGER_WRITE, &l, &err));
    OK(sg_store_write(l, path, digest, &err));
    OK(sg_store_verify(path, &err));
    look(path, SG_T_CELLS);
    assert_int_equal(seen.n, 0);
    sg_ledger_close(l);
}

static void failures_leave_the_old_file(void **state)
{
    (void)state;
    char digest[SG_HEX], found[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("kept.h5"));
    struct sg_ledger *l = make("kept", &(struct fake){0}, path, digest);
    /* Predictions that do not fit the test rows, or settings that are no JSON: a damaged ledger. */
    const char *damage[] = {"DELETE FROM test_rows WHERE task='sst2' AND position=9",
                            "UPDATE predictions SET logits=x'00' WHERE cell='cell0'",
                            "UPDATE cells SET settings='[' WHERE id='cell7'"};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        sqlite3 *db = sg_ledger_handle(l);
        assert_int_equal(sqlite3_exec(db, "SAVEPOINT a", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, damage[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sg_store_write(l, path, found, &err), SG_FAILED);
        assert_int_equal(sqlite3_exec(db, "ROLLBACK TO a; RELEASE a", NULL, NULL, NULL), SQLITE_OK);
        OK(sg_store_digest(path, found, &err));
        assert_string_equal(found, digest);
    }
    assert_int_equal(sg_store_write(l, in_scratch("no/such/folder.h5"), NULL, &err), SG_FAILED);
    /* The n-th allocation fails, for every n until none does. */
    size_t before = sg_mem_now();
    int n = 0;
    for (int fired = 1; fired; n++) {
        sg_mem_fail_at(n * 7 + 1);
        sg_status status = sg_store_write(l, path, found, &err);
        fired = sg_mem_fail_at(0);
        assert_int_equal(status, fired ? SG_FAILED : SG_OK);
        assert_int_equal(sg_mem_now(), before);
    }
    assert_true(n > 10);
    assert_string_equal(found, digest);
    sg_ledger_close(l);
}

/* A full disk, by the limit on a file's size: at every place where it can strike. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    char digest[SG_HEX], found[SG_HEX], path[300];
    struct rlimit old, small;
    snprintf(path, sizeof path, "%s", in_scratch("full.h5"));
    struct sg_ledger *l = make("full", &(struct fake){0}, path, digest);
    char *bytes = NULL;
    size_t n = 0;
    OK(sg_file_read(path, 1 << 26, &bytes, &n, &err));
    sg_free(bytes);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    for (size_t at = 0; at < n; at += n / 13 + 1) {
        small = (struct rlimit){.rlim_cur = at, .rlim_max = old.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        sg_status status = sg_store_write(l, path, found, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(status, SG_FULL);
        OK(sg_store_verify(path, &err));
        OK(sg_store_digest(path, found, &err));
        assert_string_equal(found, digest);
    }
    OK(sg_store_write(l, path, found, &err)); /* once there is room again */
    assert_string_equal(found, digest);
    sg_ledger_close(l);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    char digest[SG_HEX], path[300];
    snprintf(path, sizeof path, "%s", in_scratch("damaged.h5"));
    sg_ledger_close(make("damaged", &(struct fake){0}, path, digest));
    char *bytes = NULL;
    size_t n = 0;
    OK(sg_file_read(path, 1 << 26, &bytes, &n, &err));
    assert_int_equal(sg_store_digest(in_scratch("nothing.h5"), digest, &err), SG_INPUT);
    const size_t cut[] = {0, 1, 17, 300, n / 2, n - 2000, n - 1};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        OK(sg_file_write(path, bytes, cut[i], &err));
        assert_int_equal(sg_store_digest(path, digest, &err), SG_INPUT);
        assert_int_equal(sg_store_verify(path, &err), SG_INPUT);
    }
    /* Texts lie in a heap that no filter protects: a changed letter shows in the digest. */
    char *at = NULL;
    for (size_t i = 0; i + 13 < n; i++)
        if (memcmp(bytes + i, "A second text", 13) == 0)
            at = bytes + i;
    assert_non_null(at);
    *at = 'B';
    OK(sg_file_write(path, bytes, n, &err));
    assert_int_equal(sg_store_verify(path, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "damaged"));
    sg_free(bytes);

    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_int_equal(sg_store_digest(path, digest, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "not results of synthgrid"));
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    OK(sg_h5_set_text(file, "format", SG_STORE_FORMAT, path, &err));
    OK(sg_h5_set_int(file, "format_version", SG_STORE_VERSION + 1, path, &err));
    H5Fclose(file);
    assert_int_equal(sg_store_digest(path, digest, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "version 2"));
}

/* Raises one number of a table, as somebody with h5py might. */
static void change_number(const char *path, const char *table, const char *column)
{
    double value[200];
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, table, H5P_DEFAULT);
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof *value), space = H5Dget_space(set);
    assert_true(H5Tinsert(type, column, 0, H5T_NATIVE_DOUBLE) >= 0);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    assert_true(n > 0 && n <= 200);
    assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    value[0] += 0.25;
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    assert_true(H5Sclose(space) >= 0 && H5Tclose(type) >= 0 && H5Dclose(set) >= 0 && H5Fclose(file) >= 0);
}

/* Numbers of the science, and of what it cost: none is shown under a digest that is not its own. */
static void a_changed_number_is_not_reported(void **state)
{
    (void)state;
    static const char *const place[][2] = {{"cells", "accuracy"},
                                           {"cells", "train_s"},
                                           {"spend", "cost_usd"},
                                           {"per_class", "f1"},
                                           {"predictions", "p_gold"}};
    char digest[SG_HEX], path[300];
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        snprintf(path, sizeof path, "%s/changed%zu.h5", scratch, i);
        char name[40];
        snprintf(name, sizeof name, "changed%zu", i);
        sg_ledger_close(make(name, &(struct fake){0}, path, digest));
        struct sg_buf b = sg_buf_make(1 << 24);
        OK(sg_report(path, "json", NULL, &b, &err));
        change_number(path, place[i][0], place[i][1]);
        sg_buf_free(&b);
        b = sg_buf_make(1 << 24);
        assert_int_equal(sg_report(path, "json", NULL, &b, &err), SG_INPUT);
        if (!strstr(err.text, place[i][0]) || !strstr(err.text, "damaged"))
            fail_msg("%s: %s", place[i][0], err.text);
        assert_int_equal(b.len, 0);
        sg_buf_free(&b);
    }
}

static int teardown(void **state)
{
    (void)state;
    forget(&seen);
    scratch_remove(scratch);
    return sg_mem_now() ? -1 : 0;
}

/* /text_stats of a file that calls it by its older name: read, and no other digest. */
static void a_table_by_its_older_name(void **state)
{
    (void)state;
    char path[300], digest[2][SG_HEX];
    struct sg_ledger *l = NULL;
    snprintf(path, sizeof path, "%s", in_scratch("renamed/results.h5"));
    OK(sg_ledger_open(in_scratch("renamed"), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){.evaluated = 1}, &err));
    OK(sg_store_write(l, path, digest[0], &err));
    sg_ledger_close(l);
    look(path, SG_T_TEXT_STATS);
    int64_t n = seen.n;
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0 && H5Lexists(file, "bias", H5P_DEFAULT) == 0);
    assert_true(H5Lmove(file, "text_stats", file, "bias", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    OK(sg_store_verify(path, &err));
    OK(sg_store_digest(path, digest[1], &err));
    assert_string_equal(digest[0], digest[1]);
    look(path, SG_T_TEXT_STATS);
    assert_true(n > 0 && seen.n == n);
}

/* What the texts were measured to be; what is missing or of another kind in the ledger is "not known". */
static void measures_of_texts(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", in_scratch("measures.h5"));
    sg_ledger_close(make("measures", &(struct fake){.evaluated = 1}, path, NULL));
    look(path, SG_T_TEXT_MEASURES);
    assert_int_equal(seen.n, 2); /* raw rows and a pool; not of one that no cell names */
    const union sg_value *raw = seen.row[0], *pool = seen.row[1];
    assert_true(raw[SG_TEXT_MEASURES_pool].i == -1 && pool[SG_TEXT_MEASURES_pool].i == 1);
    assert_true(pool[SG_TEXT_MEASURES_rephrases].i == -1 && pool[SG_TEXT_MEASURES_n].i == 4);
    assert_true(pool[SG_TEXT_MEASURES_self_bleu].x == 0.25 && isnan(pool[SG_TEXT_MEASURES_compression].x));
    assert_true(isnan(raw[SG_TEXT_MEASURES_bias].x) && pool[SG_TEXT_MEASURES_bias].x == 0.25 &&
                pool[SG_TEXT_MEASURES_bias_low].x == 0.125);
    look(path, SG_T_CUES);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.row[1][SG_CUES_view].text, "text");
    assert_true(seen.row[1][SG_CUES_accuracy].x == 0.75 && seen.row[1][SG_CUES_excess_high].x == 0.75 &&
                isnan(seen.row[0][SG_CUES_excess].x));
    look(path, SG_T_CLASS_TERMS);
    assert_int_equal(seen.n, 4);
    assert_string_equal(seen.row[2][SG_CLASS_TERMS_term].text, "tower");
    assert_string_equal(seen.row[2][SG_CLASS_TERMS_class].text, "positive");
    assert_true(seen.row[2][SG_CLASS_TERMS_z].x == 3.5 && seen.row[2][SG_CLASS_TERMS_n_in].i == 3);
    assert_string_equal(seen.row[3][SG_CLASS_TERMS_term].text, "");
    assert_string_equal(seen.row[3][SG_CLASS_TERMS_class].text, "");
    assert_true(isnan(seen.row[3][SG_CLASS_TERMS_z].x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_of_texts),
        cmocka_unit_test(a_table_by_its_older_name),
        cmocka_unit_test(the_ledger_comes_back),
        cmocka_unit_test(the_digest_is_the_studys),
        cmocka_unit_test(other_studies_in_the_ledger_do_not_show),
        cmocka_unit_test(evaluations),
        cmocka_unit_test(contamination),
        cmocka_unit_test(evaluations_cannot_go_unseen),
        cmocka_unit_test(further_test_sets),
        cmocka_unit_test(attempts_are_summed),
        cmocka_unit_test(older_files_are_read),
        cmocka_unit_test(files_of_an_older_program),
        cmocka_unit_test(tables_without_rows_are_left_out),
        cmocka_unit_test(a_table_that_is_gone_is_seen),
        cmocka_unit_test(an_empty_study),
        cmocka_unit_test(failures_leave_the_old_file),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(a_changed_number_is_not_reported),
    };
    return cmocka_run_group_tests(tests, scratch_setup, teardown);
}
