/* results/export: what is written reads back, value by value; hostile texts stay in their fields; an old file; what fails leaves nothing. */
#include "results/export/export.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "results/export/words.h"
#include "results/h5/store.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"

#include "fake_study.h"

#include "tests/base/check.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "scratch.h"

/* As it stands in JSON: a formula, a quote, separators, ESC, a bidirectional mark, a fence, the end of a head. */
static const char evil[] = "=1+1,\\\"x\\\"\\r\\n---\\n\\u001b[31m|<b>`````\\u202e'0': \\\\{{";

static void make(const char *name, const struct fake *f)
{
    struct sg_ledger *l = NULL;
    char path[600];
    snprintf(path, sizeof path, "%s/results.h5", in_scratch(name));
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, f, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
}

static sg_status export_as(const char *study, const struct sg_export_options *o, char **missing)
{
    struct sg_report_source s = {0};
    SG_TRY(sg_report_source_open(study, &s, &err));
    sg_status status = sg_store_verify(s.file, &err);
    if (status == SG_OK)
        status = sg_export(&s, o, missing, &err);
    sg_report_source_close(&s);
    return status;
}

static void export_to(const char *study, const char *format, const char *out)
{
    char *missing = NULL;
    OK(export_as(
        study,
        &(struct sg_export_options){.format = sg_export_format_of(format), .output = out, .ledger = study},
        &missing));
    sg_free(missing);
}

/* Not inlined: gcc 12 would take what it returns for a pointer to its own variable. */
static __attribute__((noinline)) char *read_text(const char *folder, const char *name, size_t *n)
{
    char *path = sg_path_join(folder, name), *text = NULL;
    OK(sg_file_read(path, 1 << 24, &text, n, &err));
    sg_free(path);
    return text;
}

/* A strict reader of RFC 4180: the field at *s, into `field`; *s behind its comma or line end; whether it was the line's last. */
static int next_field(const char **s, struct sg_buf *field)
{
    sg_buf_clear(field);
    if (**s == '"') {
        for (++*s;; ++*s) {
            assert_true(**s);
            if (**s == '"' && (*s)[1] == '"')
                ++*s;
            else if (**s == '"')
                break;
            sg_buf_add(field, *s, 1);
        }
        ++*s;
    } else
        for (; **s && !strchr(",\r\n", **s); ++*s) {
            assert_true(**s != '"');
            sg_buf_add(field, *s, 1);
        }
    if (**s == ',') {
        ++*s;
        return 0;
    }
    assert_true((*s)[0] == '\r' && (*s)[1] == '\n');
    *s += 2;
    return 1;
}

struct walk {
    const struct sg_h5_table_spec *spec;
    const char *at;
    const int *has;
    int64_t n;
};

static int same_value(const struct sg_column *c, const union sg_value *v, const char *text)
{
    int64_t i;
    switch (c->type) {
    case SG_COL_TEXT:
        return strcmp(v->text, text) == 0;
    case SG_COL_INT:
    case SG_COL_INT32:
        return sg_parse_int64(text, &i) && i == v->i;
    case SG_COL_REAL32:
        return isnan(v->x) ? !text[0] : text[0] && strtof(text, NULL) == (float)v->x;
    default:
        return isnan(v->x) ? !text[0] : text[0] && strtod(text, NULL) == v->x;
    }
}

static sg_status compare_row(void *context, int64_t at, const union sg_value *row, struct sg_err *e)
{
    struct walk *w = context;
    struct sg_buf field = sg_buf_make(1 << 20);
    int last = 0;
    (void)e;
    for (int c = 0; c < w->spec->n_columns; c++) {
        if (!w->has[c])
            continue;
        assert_false(last);
        last = next_field(&w->at, &field);
        if (!same_value(&w->spec->column[c], &row[c], sg_buf_text(&field)))
            fail_msg("/%s, row %lld, %s: %s", w->spec->name, (long long)at, w->spec->column[c].name,
                     sg_buf_text(&field));
    }
    assert_true(last);
    sg_buf_free(&field);
    w->n++;
    return SG_OK;
}

/* All tables of `h5` against the CSV files in `folder`; returns how many there are. */
static int compare_tables(const char *h5, const char *folder)
{
    hid_t file = -1;
    int n = 0;
    OK(sg_store_open(h5, &file, &err));
    for (int i = 0; i < SG_N_TABLES; i++) {
        const struct sg_h5_table_spec *spec = &sg_store_tables[i];
        char name[100], *path;
        int has[64];
        int64_t rows;
        OK(sg_h5_table_count(file, spec, h5, &rows, &err));
        OK(sg_h5_table_has(file, spec, h5, has, &err));
        snprintf(name, sizeof name, "%s.csv", spec->name);
        path = sg_path_join(folder, name);
        assert_int_equal(sg_file_exists(path), rows > 0);
        sg_free(path);
        if (!rows)
            continue;
        char *text = read_text(folder, name, NULL);
        struct walk w = {.spec = spec, .at = strstr(text, "\r\n") + 2, .has = has};
        OK(sg_h5_table_each(file, spec, h5, compare_row, &w, &err));
        assert_int_equal(w.n, rows);
        assert_true(!*w.at);
        sg_free(text);
        n++;
    }
    H5Fclose(file);
    return n;
}

static void every_value_of_every_table_reads_back(void **state)
{
    (void)state;
    char h5[600], *columns;
    make("evil", &(struct fake){.evil = evil, .evaluated = 1, .n_sets = 2});
    export_to(in_scratch("evil"), "csv", in_scratch("evil-csv"));
    snprintf(h5, sizeof h5, "%s/results.h5", in_scratch("evil"));
    assert_int_equal(compare_tables(h5, in_scratch("evil-csv")), 21);
    columns = read_text(in_scratch("evil-csv"), "columns.csv", NULL);
    assert_non_null(strstr(columns, "\r\ncells,accuracy,float64,1,"));
    assert_non_null(strstr(columns, "\r\npredictions,p_gold,float32,1,probability of the row's class,0\r\n"));
    assert_non_null(strstr(columns, "\r\ncells,train_s,float64,s,wall time of training,1\r\n"));
    sg_free(columns);

    char *missing = NULL;
    struct sg_export_options o = {
        .format = sg_export_format_of("csv"), .output = in_scratch("one.csv"), .table = "examples"};
    OK(export_as(in_scratch("evil"), &o, &missing));
    char *whole = read_text(in_scratch("evil-csv"), "examples.csv", NULL),
         *alone = read_text(scratch, "one.csv", NULL);
    assert_string_equal(whole, alone);
    sg_free(whole);
    sg_free(alone);
    sg_free(missing);
}

static void unpack(const char *from, const char *to)
{
    char *bytes = NULL;
    size_t n = 0;
    OK(sg_file_read_gz(from, 1 << 24, &bytes, &n, &err));
    OK(sg_file_write(to, bytes, n, &err));
    sg_free(bytes);
}

enum { FLOATS = 64 };

/* Probabilities between a tenth and an eighth: where floats lie closest beside their decimals, and take nine digits. */
static void make_floats(const char *name)
{
    struct sg_ledger *l = NULL;
    char path[600];
    float logits[2 * FLOATS] = {0};
    snprintf(path, sizeof path, "%s/results.h5", in_scratch(name));
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    for (int r = 0; r < FLOATS; r++) {
        OK(sg_ledger_test_row_put(l, "t", r, r % 2, "a row", NULL, &err));
        logits[2 * r] = 2 + (float)r / 640;
    }
    OK(sg_ledger_cell_plan(
        l, "cell", 0,
        "{\"class_names\":[\"a\",\"b\"],\"method\":\"\",\"mix\":\"raw\",\"raw\":4,\"seed_data\":0,"
        "\"seed_generation\":-1,\"seed_train\":0,\"size\":0,\"task\":\"t\"}",
        NULL, &err));
    OK(sg_ledger_cell_finish(l,
                             &(struct sg_ledger_cell){.id = "cell",
                                                      .status = "done",
                                                      .result = "{}",
                                                      .n_eval = FLOATS,
                                                      .n_classes = 2,
                                                      .logits = logits},
                             &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
}

static void real_numbers_read_back(void **state)
{
    (void)state;
    make_floats("floats");
    export_to(in_scratch("floats"), "csv", in_scratch("floats-csv"));
    char path[600];
    snprintf(path, sizeof path, "%s/results.h5", in_scratch("floats"));
    assert_int_equal(compare_tables(path, in_scratch("floats-csv")), 6);
    unpack("tests/oracle/old/results.h5.gz", in_scratch("real.h5"));
    export_to(in_scratch("real.h5"), "csv", in_scratch("real-csv"));
    assert_true(compare_tables(in_scratch("real.h5"), in_scratch("real-csv")) > 8);
}

/* What an older file does not know is left out, and no -1 stands for it. */
static void columns_that_an_older_file_lacks_are_left_out(void **state)
{
    (void)state;
    char *text;
    unpack("tests/results/older/results.h5.gz", in_scratch("older.h5"));
    export_to(in_scratch("older.h5"), "csv", in_scratch("older-csv"));
    assert_true(compare_tables(in_scratch("older.h5"), in_scratch("older-csv")) > 8);
    text = read_text(in_scratch("older-csv"), "pools.csv", NULL);
    assert_int_equal(strncmp(text, "pool,task,method,", 17), 0);
    assert_null(strstr(text, "seed_data"));
    sg_free(text);
    export_to(in_scratch("older.h5"), "croissant", in_scratch("older-croissant"));
    text = read_text(in_scratch("older-croissant"), "croissant.json", NULL);
    assert_non_null(strstr(text, "pools/n_wanted"));
    assert_null(strstr(text, "pools/seed_data"));
    sg_free(text);
}

/* The line's object, *s behind it. */
static json_t *next_line(const char **s)
{
    const char *end = strchr(*s, '\n');
    assert_non_null(end);
    json_t *o = json_loadb(*s, (size_t)(end - *s), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    *s = end + 1;
    return o;
}

static void pools_are_lines_of_json_under_a_card(void **state)
{
    (void)state;
    static const char *const words[] = {
        ("- config_name: \"sst2-zero_shot\"\n  data_files:\n  - split: train\n    path:\n"
         "    - \"data/sst2/zero_shot-g0.jsonl\"\n"),
        "          '0': \"=1+1,\\\"x\\\"\\u000D\\u000A---\\u000A\\u001B[31m|<b>`````\\u202E'0': \\\\{{\"\n",
        "          '1': \"positive\"\n",
        "license: \"unknown\"\n",
        "## Licence\n\nUnknown.",
        "\\|\\<b\\>\\`\\`\\`\\`\\`?'0'",
        "class positive: 1 of 2 after 7 attempts",
        "`sst2-zero_shot`, its first example:\n\n```text\n{}\n```\n"};
    const char *out = in_scratch("evil-hf");
    export_to(in_scratch("evil"), "hf", out);
    char *card = read_text(out, "README.md", NULL),
         *lines = read_text(out, "data/rte/few_shot_3-g0.jsonl", NULL);
    for (int i = 0; i < N_OF(words); i++)
        if (!strstr(card, words[i]))
            fail_msg("no '%s' in: %s", words[i], card);
    for (const char *s = card; *s; s++)
        assert_true((unsigned char)*s >= 0x20 || *s == '\n');
    assert_null(strstr(card, "\xe2\x80\xae"));
    assert_null(strstr(card + 4, "\n---\n\n---"));
    const char *at = lines;
    json_t *first = next_line(&at), *second = next_line(&at), *third = next_line(&at);
    assert_true(!*at);
    assert_string_equal(json_string_value(json_object_get(first, "text")), evil);
    assert_string_equal(json_string_value(json_object_get(second, "text")), "Fine \xf0\x9f\x99\x82");
    assert_string_equal(json_string_value(json_object_get(second, "text_pair")), "Yes.");
    assert_string_equal(json_string_value(json_object_get(second, "class")), "positive");
    assert_int_equal(json_integer_value(json_object_get(second, "label")), 1);
    assert_int_equal(json_integer_value(json_object_get(second, "source")), 1);
    assert_true(json_is_null(json_object_get(second, "seed_data")));
    assert_int_equal(json_integer_value(json_object_get(third, "position")), 2);
    assert_string_equal(json_string_value(json_object_get(third, "completion")), "p1k2");
    json_decref(first);
    json_decref(second);
    json_decref(third);
    sg_free(lines);
    lines = read_text(out, "data/sst2/zero_shot-g0.jsonl", NULL);
    assert_null(strstr(lines, "text_pair")); /* a task of single texts */
    assert_non_null(strstr(lines, "\"source\":null"));
    sg_free(lines);
    sg_free(card);

    make("planned", &(struct fake){.all_planned = 1});
    export_to(in_scratch("planned"), "hf", in_scratch("planned-hf"));
    card = read_text(in_scratch("planned-hf"), "README.md", NULL);
    assert_non_null(strstr(card, "no synthetic examples"));
    assert_null(strstr(card, "config_name"));
    assert_non_null(
        strstr(card, "**The study was not finished when this was exported: 0 of 8 cells were.**"));
    sg_free(card);
}

static void metadata_name_every_file_and_its_digest(void **state)
{
    (void)state;
    const char *out = in_scratch("croissant"), *source = in_scratch("evil");
    char *missing = NULL;
    struct sg_export_options o = {.format = sg_export_format_of("croissant"), .output = out};
    OK(export_as(source, &o, &missing));
    assert_non_null(strstr(missing, "--creator --url --license"));
    assert_int_equal(
        strncmp(missing, "The study was not finished when this was exported: 7 of 8 cells were.\n", 70), 0);
    sg_free(missing);
    char *text = read_text(out, "croissant.json", NULL);
    json_t *j = json_loads(text, 0, NULL), *f;
    size_t i, n_jsonl = 0, n_csv = 0;
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "conformsTo")),
                        "http://mlcommons.org/croissant/1.1");
    assert_null(json_object_get(j, "creator"));
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "license"), "name")), "unknown");
    json_array_foreach (json_object_get(j, "distribution"), i, f) {
        const char *name = json_string_value(json_object_get(f, "contentUrl"));
        char *path = sg_path_join(out, name), hex[SG_HEX], size[40], *bytes = NULL;
        size_t n;
        OK(sg_sha256_file(path, hex, &err));
        OK(sg_file_read(path, 1 << 24, &bytes, &n, &err));
        snprintf(size, sizeof size, "%zu B", n);
        assert_string_equal(json_string_value(json_object_get(f, "sha256")), hex);
        assert_string_equal(json_string_value(json_object_get(f, "contentSize")), size);
        n_jsonl += strstr(name, ".jsonl") != NULL;
        n_csv += strstr(name, ".csv") != NULL;
        sg_free(bytes);
        sg_free(path);
    }
    assert_int_equal(n_jsonl, 2);
    assert_int_equal(n_csv, 22);
    assert_int_equal(json_array_size(json_object_get(j, "recordSet")), 23);
    json_decref(j);
    sg_free(text);

    o.output = in_scratch("published");
    o.license = "cc-by-4.0", o.creator = "A \"group\"", o.url = "https://example.org/x";
    missing = NULL;
    OK(export_as(source, &o, &missing));
    assert_string_equal(missing, "The study was not finished when this was exported: 7 of 8 cells were.");
    sg_free(missing);
    text = read_text(in_scratch("published"), "croissant.json", NULL);
    assert_non_null(strstr(text, "\"name\": \"A \\\"group\\\"\""));
    assert_non_null(strstr(text, "\"license\": \"cc-by-4.0\""));
    sg_free(text);
}

static int n_entries(const char *path)
{
    int n = -2;
    DIR *d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* With some of the allocations failing, more of the first ones: each try reads and syncs files. */
static void fail_allocations(const char *format, double growth)
{
    struct sg_report_source source = {0};
    size_t before;
    int n_failed = 0;
    OK(sg_report_source_open(in_scratch("evil"), &source, &err));
    before = sg_mem_now();
    for (double at = 1;; at = at * growth + 1) {
        char *missing = NULL, *out = sg_strdup(in_scratch("out/whole"));
        struct sg_export_options o = {.format = sg_export_format_of(format), .output = out};
        sg_mem_fail_at((long)at);
        sg_status status = sg_export(&source, &o, &missing, &err);
        int fired = sg_mem_fail_at(0);
        sg_free(missing);
        sg_free(out);
        assert_int_equal(sg_mem_now(), before);
        assert_int_equal(n_entries(in_scratch("out")), !fired);
        if (!fired) {
            assert_int_equal(status, SG_OK);
            break;
        }
        assert_int_equal(status, SG_FAILED);
        assert_non_null(strstr(err.text, "memory"));
        n_failed++;
    }
    assert_true(n_failed >= 10);
    sg_report_source_close(&source);
    scratch_remove(in_scratch("out/whole"));
}

static void what_fails_leaves_nothing(void **state)
{
    (void)state;
    char *missing = NULL, h5[600];
    struct sg_export_options o = {.format = sg_export_format_of("csv"), .output = in_scratch("there")};
    OK(sg_mkdirs(in_scratch("there"), &err));
    char *evil_study = sg_strdup(in_scratch("evil")); /* in_scratch has eight buffers */
    FAILS(SG_INPUT, "there: exists", export_as(evil_study, &o, &missing));
    assert_int_equal(n_entries(o.output), 0);
    assert_int_equal(symlink("/no/such/place", in_scratch("dangling")), 0);
    o.output = in_scratch("dangling");
    FAILS(SG_INPUT, "dangling: exists", export_as(evil_study, &o, &missing));
    OK(sg_mkdirs(in_scratch("out"), &err));
    char *out = sg_strdup(in_scratch("out/x"));
    o.output = out;
    o.table = "measures";
    FAILS(SG_INPUT, "hint: one of cells, pools, rejects,", export_as(evil_study, &o, &missing));
    o.table = "../cells";
    FAILS(SG_INPUT, "has no rows of it", export_as(evil_study, &o, &missing));
    o.table = NULL, o.license = "mit";
    FAILS(SG_INPUT, "--format csv has no use for --license", export_as(evil_study, &o, &missing));
    o.format = sg_export_format_of("hf"), o.license = NULL, o.table = "cells";
    FAILS(SG_INPUT, "--format hf has no use for --table", export_as(evil_study, &o, &missing));
    o.format = sg_export_format_of("croissant"), o.table = NULL, o.url = "ftp://x";
    FAILS(SG_INPUT, "no web address", export_as(evil_study, &o, &missing));
    o.url = NULL;
    FAILS(SG_INPUT, "no such file", export_as(in_scratch("nothing.h5"), &o, &missing));
    assert_null(sg_export_format_of("xls"));

    /* A damaged file. */
    char *bytes = NULL;
    size_t n;
    snprintf(h5, sizeof h5, "%s/results.h5", in_scratch("evil"));
    OK(sg_file_read(h5, 1 << 24, &bytes, &n, &err));
    OK(sg_file_write(in_scratch("cut.h5"), bytes, n / 2, &err));
    sg_free(bytes);
    FAILS(SG_INPUT, "damaged", export_as(in_scratch("cut.h5"), &o, &missing));
    assert_int_equal(n_entries(in_scratch("out")), 0);
    sg_free(out);
    sg_free(evil_study);
    fail_allocations("hf", 1.1);
    fail_allocations("croissant", 1.8);
}

static void foreign_words(void **state)
{
    (void)state;
    static const struct {
        void (*add)(struct sg_buf *, const char *);
        const char *text, *words;
    } table[] = {
        {sg_words_utf8, "a\xff\xc3\xa9\xed\xa0\x80z",
         "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"},
        {sg_words_yaml, "a: #\t\xe2\x80\xa8\xef\xbb\xbf\xf3\xa0\x80\x81\xff",
         "\"a: #\\u0009\\u2028\\uFEFF\\U000E0001\xef\xbf\xbd\""},
        {sg_words_fenced, "a\n````\nb", "`````text\na\n````\nb\n`````\n"},
        {sg_words_name, "../a b/\xc3\xa9.x", "_._a_b___.x"},
        {sg_words_name, "", "_"},
    };
    for (int i = 0; i < N_OF(table); i++) {
        struct sg_buf b = sg_buf_make(1000);
        table[i].add(&b, table[i].text);
        assert_string_equal(sg_buf_text(&b), table[i].words);
        sg_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_words),
        cmocka_unit_test(every_value_of_every_table_reads_back),
        cmocka_unit_test(real_numbers_read_back),
        cmocka_unit_test(columns_that_an_older_file_lacks_are_left_out),
        cmocka_unit_test(pools_are_lines_of_json_under_a_card),
        cmocka_unit_test(metadata_name_every_file_and_its_digest),
        cmocka_unit_test(what_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
