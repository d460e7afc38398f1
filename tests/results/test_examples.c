/* What a report shows of pools and of the run's time: which examples, what stands beside them, and rows of cells that overlap. */
#include "results/h5/store.h"
#include "results/ledger/ledger.h"
#include "results/report/example_prompts.h"
#include "results/report/example_sample.h"
#include "results/report/section.h"

#include "base/file.h"
#include "fake_study.h"

#include "tests/base/check.h"

#include <math.h>
#include <sqlite3.h>

#include "scratch.h"

enum { N = 40 };

/* A pool and its rephrasing, N examples of two classes each; one resembles a training row, one a test row, one an earlier example, and one was rejected. */
static void put_pools(struct sg_ledger *l, size_t length)
{
    static char text[N][20200];
    struct sg_ledger_example e[N];
    const char *asked[] = {"k"};
    struct sg_ledger_completion c = {.key = "k",
                                     .request = "{\"messages\":[{\"role\":\"system\",\"content\":\"Be "
                                                "brief.\"},{\"role\":\"user\",\"content\":\"Write.\"}]}",
                                     .text = "t",
                                     .finish_reason = "stop",
                                     .source = "live"};
    OK(sg_ledger_completion_put(l, &c, &err));
    for (int i = 0; i < 2; i++) {
        char settings[300], rejects[1000] = "{\"n_attempts\":50,\"duplicate\":2,\"source\":[";
        for (int k = 0; k < N; k++) {
            memset(text[k], 'a' + k % 26, length);
            snprintf(text[k] + length, 100, " %s %d", i ? "other words" : "first words", k);
            e[k] = (struct sg_ledger_example){k % 2, text[k], NULL, "k"};
            snprintf(rejects + strlen(rejects), 20, "%s%d", k ? "," : "", i ? N - 1 - k : -1);
        }
        snprintf(rejects + strlen(rejects), 300,
                 "],\"near\":[[\"k\",0,\"raw\",14,0.875],[\"k\",2,\"test\",3,0.5],[\"k\",2,\"pool\",1,0.75],"
                 "[\"k\",-1,\"pool\",0,1.0]]}");
        snprintf(
            settings, sizeof settings,
            "{\"method\":\"zero_shot%s\",\"model\":\"/models/m.gguf\",\"n_wanted\":4,\"seed_generation\":0,"
            "\"task\":\"sst2\"}",
            i ? " rephrased" : "");
        struct sg_ledger_pool p = {.id = i ? "pool1" : "pool0",
                                   .ordinal = i,
                                   .settings = settings,
                                   .status = "complete",
                                   .rejects = rejects,
                                   .shortfall = "",
                                   .n = N,
                                   .example = e,
                                   .n_asked = 1,
                                   .asked = asked};
        OK(sg_ledger_pool_put(l, &p, &err));
    }
}

static void make(const char *name, size_t length, char path[400], struct sg_report_data *d)
{
    struct sg_ledger *l = NULL;
    snprintf(path, 400, "%s/results.h5", in_scratch(name));
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){0}, &err));
    put_pools(l, length);
    OK(sg_ledger_commit(l, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    OK(sg_report_read(path, d, &err));
}

static const char *cell(const struct sg_doc_table *t, int64_t row, const char *column)
{
    for (int64_t c = 0; c < t->n_columns; c++)
        if (strcmp(t->column[c].name, column) == 0)
            return t->cell[row * t->n_columns + c].text;
    fail_msg("no column %s", column);
    return NULL;
}

static const struct sg_doc_table *table_of(const struct sg_doc *doc, const char *name)
{
    for (int64_t i = 0; i < doc->section[0].n_blocks; i++)
        if (doc->section[0].block[i].table && strcmp(doc->section[0].block[i].table->name, name) == 0)
            return doc->section[0].block[i].table;
    fail_msg("no table %s", name);
    return NULL;
}

static struct sg_doc *write_section(const char *path, const struct sg_report_data *d, const char *section)
{
    struct sg_doc *doc = sg_doc_create("", "");
    const struct sg_section_input in = {.d = d, .file = path};
    sg_doc_section(doc, section, section);
    OK(sg_section_of(section)->write(&in, doc, &err));
    OK(sg_doc_check(doc, &err));
    return doc;
}

static void what_stands_beside_an_example(void **state)
{
    (void)state;
    char path[400];
    struct sg_report_data d = {0};
    make("beside", 100, path, &d);
    struct sg_doc *doc = write_section(path, &d, "examples");
    assert_string_equal(doc->section[0].block[0].text, "All 80 examples of 2 pools.");
    const struct sg_doc_table *t = table_of(doc, "examples");
    assert_int_equal(t->n_rows, 82);
    assert_int_equal(t->flags, SG_DOC_BROWSE);
    assert_string_equal(cell(t, 0, "outcome"), "kept, marked as near-duplicate");
    assert_string_equal(cell(t, 0, "resembles"), "0.88 training row 14");
    assert_string_equal(cell(t, 0, "written by"), "m.gguf");
    assert_string_equal(cell(t, 0, "in other words"), "");
    assert_string_equal(cell(t, 1, "outcome"), "kept");
    assert_string_equal(cell(t, 1, "class"), "positive");
    assert_string_equal(cell(t, 1, "resembles"), "");
    /* Of two, the nearer one. */
    assert_non_null(strstr(cell(t, 2, "resembles"), "0.75 example 1: bbb"));
    assert_non_null(strstr(cell(t, 2, "resembles"), " first words 1"));
    assert_string_equal(cell(t, N, "method"), "zero_shot rephrased");
    assert_non_null(strstr(cell(t, N, "in other words"), " first words 39"));
    assert_non_null(strstr(cell(t, N + 39, "in other words"), " first words 0"));
    assert_string_equal(cell(t, 80, "outcome"), "rejected: near-duplicate");
    assert_non_null(strstr(cell(t, 81, "resembles"), " other words 0"));
    t = table_of(doc, "prompts");
    assert_int_equal(t->n_rows, 4);
    assert_string_equal(cell(t, 3, "class"), "positive");
    assert_string_equal(cell(t, 3, "method"), "zero_shot rephrased");
    assert_string_equal(cell(t, 3, "prompt"), "system: Be brief. | user: Write.");
    assert_string_equal(cell(t, 3, "whole answer"), "t");
    assert_string_equal(cell(t, 3, "came from"), "live");
    t = table_of(doc, "rejected");
    assert_int_equal(t->n_rows, 2);
    assert_string_equal(cell(t, 1, "reason"), "duplicate");
    assert_string_equal(cell(t, 1, "count"), "2");
    sg_doc_destroy(doc);
    sg_report_data_free(&d);
}

/* 40 texts of 20 kB, and as many beside their sources: as many of each class as fit, the first ones. */
static void a_sample_that_fits(void **state)
{
    (void)state;
    char path[400];
    struct sg_report_data d = {0};
    struct sg_sample s = {0};
    make("sample", 20000, path, &d);
    OK(sg_sample_read(path, &d, &s, &err));
    assert_int_equal(s.n, 80);
    assert_int_equal(s.per_class, 5);
    assert_int_equal(s.n_shown, 20);
    for (int64_t i = 0; i < s.n; i++)
        assert_true(i % N >= 10 || s.example[i].is_needed);
    sg_sample_free(&s);
    struct sg_doc *doc = write_section(path, &d, "examples");
    assert_string_equal(doc->section[0].block[0].text,
                        "A sample: the first 5 of each class of each pool, 20 of 80 "
                        "examples; /examples in results.h5 has all.");
    assert_int_equal(table_of(doc, "examples")->n_rows, 22);
    sg_doc_destroy(doc);
    sg_report_data_free(&d);
}

static void requests_of_all_shapes(void **state)
{
    (void)state;
    static const char *const row[][2] = {{"{\"system\":\"S\",\"messages\":[{\"role\":\"user\",\"content\":[{"
                                          "\"type\":\"text\",\"text\":\"a\"},{\"text\":\"b\"}]}]}",
                                          "system: S | user: ab"},
                                         {"{\"messages\":[{\"content\":7},5]}", "?:  | ?: "},
                                         {"{\"prompt\":\"x\"}", "{\"prompt\":\"x\"}"},
                                         {"not json", "not json"},
                                         {"", ""}};
    for (int i = 0; i < N_OF(row); i++) {
        struct sg_buf b = sg_buf_make(1000);
        sg_prompt_text(row[i][0], &b);
        assert_string_equal(sg_buf_text(&b), row[i][1]);
        sg_buf_free(&b);
    }
}

/* A results.h5 that was sent alone, and a ledger that is none. */
static void without_a_ledger(void **state)
{
    (void)state;
    char path[400], ledger[400];
    struct sg_report_data d = {0};
    make("alone", 10, path, &d);
    snprintf(ledger, sizeof ledger, "%s/ledger.sqlite", in_scratch("alone"));
    for (int i = 0; i < 2; i++) {
        if (i)
            OK(sg_file_write(ledger, "nonsense", 8, &err));
        else
            assert_int_equal(unlink(ledger), 0);
        struct sg_doc *doc = write_section(path, &d, "examples");
        int said = 0;
        for (int64_t k = 0; k < doc->section[0].n_blocks; k++) {
            const struct sg_doc_block *b = &doc->section[0].block[k];
            assert_true(!b->table || strcmp(b->table->name, "prompts") != 0);
            said |= b->text && strstr(b->text, "not beside this file") != NULL;
        }
        assert_true(said);
        sg_doc_destroy(doc);
    }
    sg_report_data_free(&d);
}

static void a_file_that_is_no_such(void **state)
{
    (void)state;
    char path[400];
    struct sg_report_data d = {0};
    struct sg_sample s = {0};
    make("none", 10, path, &d);
    d.n_pools = 1; /* the second pool's examples belong to nobody then */
    FAILS(SG_INPUT, "damaged: row 40 of /examples", sg_sample_read(path, &d, &s, &err));
    d.n_pools = 2;
    FAILS(SG_INPUT, "nowhere", sg_sample_read("/nowhere", &d, &s, &err));
    sg_report_data_free(&d);
}

/* The cells' records, when and where: made up in the ledger, which stamps them itself. */
static void restamp(const char *name)
{
    static const struct {
        const char *id, *at, *host;
        int train_s;
    } row[] = {{"cell0", "2026-12-01T10:00:30Z", "a", 30}, {"cell1", "2026-12-01T10:01:00Z", "a", 30},
               {"cell2", "2026-12-01T10:01:10Z", "a", 60}, {"cell3", "2026-12-01T10:01:00Z", "b", 60},
               {"cell4", "2026-12-02T10:00:00Z", "b", 90}, {"cell6", "not a time", "b", 90}};
    char path[400], sql[400];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/ledger.sqlite", in_scratch(name));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (int i = 0; i < N_OF(row); i++) {
        snprintf(sql, sizeof sql,
                 "UPDATE cells SET created='%s', "
                 "result=json_set(result,'$.host','%s','$.train_s',%d,'$.eval_s',0) "
                 "WHERE id='%s'",
                 row[i].at, row[i].host, row[i].train_s, row[i].id);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    sqlite3_close(db);
}

/* Two cells of host a overlap; host b was at work a day later, which is no part of the axis. */
static void cells_over_time(void **state)
{
    (void)state;
    char path[400];
    struct sg_report_data d = {0};
    struct sg_ledger *l = NULL;
    make("time", 10, path, &d);
    restamp("time");
    OK(sg_ledger_open(in_scratch("time"), SG_LEDGER_WRITE, &l, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    struct sg_doc *doc = write_section(path, &d, "timeline");
    assert_string_equal(doc->section[0].block[0].text, "5 cells on 2 hosts in 2 min 40 s.");
    const struct sg_figure *f = doc->section[0].block[1].figure;
    assert_non_null(f);
    assert_int_equal(f->n_series, 3);
    assert_string_equal(f->series[0], "a 1");
    assert_string_equal(f->series[1], "a 2");
    assert_string_equal(f->series[2], "b 1");
    static const struct {
        int series, low, high;
    } span[] = {{0, 0, 30}, {0, 30, 60}, {1, 10, 70}, {2, 0, 60}, {2, 70, 160}};
    assert_int_equal(f->n_points, N_OF(span));
    for (int i = 0; i < N_OF(span); i++) {
        assert_int_equal(f->point[i].series, span[i].series);
        assert_true(f->point[i].low == span[i].low && f->point[i].high == span[i].high);
        assert_string_equal(f->point[i].label, "sst2");
    }
    assert_non_null(strstr(doc->section[0].block[3].text,
                           "1 pause is of more than 15 minutes without a cell, 23 h 57 min"));
    const struct sg_doc_table *t = table_of(doc, "hosts");
    assert_int_equal(t->n_rows, 2);
    assert_string_equal(cell(t, 0, "at a time"), "2");
    assert_string_equal(cell(t, 1, "training"), "150.0");
    assert_non_null(strstr(doc->section[0].block[2].text, "A host whose rows have no rank"));
    sg_doc_destroy(doc);
    sg_report_data_free(&d);
}

/* The same cells, whose ranks are known but for one of host b: a has a row a rank, b rows of cells that were at work at the same time. */
static void cells_of_ranks(void **state)
{
    (void)state;
    char path[400], sql[200];
    struct sg_report_data d = {0};
    struct sg_ledger *l = NULL;
    sqlite3 *db = NULL;
    make("ranks", 10, path, &d);
    restamp("ranks");
    snprintf(sql, sizeof sql, "%s/ledger.sqlite", in_scratch("ranks"));
    assert_int_equal(sqlite3_open(sql, &db), SQLITE_OK);
    static const struct {
        const char *id;
        int rank;
    } row[] = {{"cell0", 12}, {"cell1", 12}, {"cell2", 3}, {"cell3", 5}};
    for (int i = 0; i < N_OF(row); i++) {
        snprintf(sql, sizeof sql, "UPDATE cells SET result=json_set(result,'$.rank',%d) WHERE id='%s'",
                 row[i].rank, row[i].id);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    sqlite3_close(db);
    OK(sg_ledger_open(in_scratch("ranks"), SG_LEDGER_WRITE, &l, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    struct sg_doc *doc = write_section(path, &d, "timeline");
    const struct sg_figure *f = doc->section[0].block[1].figure;
    assert_int_equal(f->n_series, 3);
    assert_string_equal(f->series[0], "a rank 3");
    assert_string_equal(f->series[1], "a rank 12");
    assert_string_equal(f->series[2], "b 1");
    assert_int_equal(f->point[0].series, 0);
    assert_true(f->point[0].low == 10 && f->point[0].high == 70);
    assert_int_equal(f->point[1].series, 1);
    sg_doc_destroy(doc);
    sg_report_data_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_stands_beside_an_example),
                                       cmocka_unit_test(a_sample_that_fits),
                                       cmocka_unit_test(requests_of_all_shapes),
                                       cmocka_unit_test(without_a_ledger),
                                       cmocka_unit_test(a_file_that_is_no_such),
                                       cmocka_unit_test(cells_over_time),
                                       cmocka_unit_test(cells_of_ranks)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
