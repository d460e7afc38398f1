#include "rows_check.h"

#include <zlib.h>

/* What the rows should be: "first|second|label" each, '-' for NULL. */
struct good {
    const char *name, *text, *rows;
    enum sg_cut cut;
};

static const struct good good[] = {
    {"a.jsonl", "{\"text\": \"caf\\u00e9\", \"label\": \"x\"}\n\n  \n{\"label\": 1, \"text\": \"\"}",
     "caf\xc3\xa9|-|x\n|-|1\n", SG_CUT_LONGEST},
    {"b.jsonl", "\xef\xbb\xbf{\"text\": \"bom\", \"label\": true}\r\n", "bom|-|true\n", SG_CUT_LONGEST},
    {"c.jsonl", "{\"sentence1\": \"p\", \"sentence2\": \"h\", \"label\": -1, \"idx\": 7}\n", "p|h|-1\n",
     SG_CUT_LONGEST},
    {"d.jsonl", "{\"passage\": \"long\", \"question\": \"q\", \"label\": false}\n", "q|long|false\n",
     SG_CUT_SECOND},
    {"e.jsonl", "{\"premise\": \"p\", \"hypothesis\": \"h\", \"label\": \"n\"}\n", "p|h|n\n", SG_CUT_LONGEST},
    {"f.jsonl", "{\"sentence\": \"s\", \"label\": \"n\"}\n", "s|-|n\n", SG_CUT_LONGEST},
    /* what JSON has not, in a column that is not used */
    {"n.jsonl",
     "{\"text\": \"a\", \"x\": NaN, \"label\": \"p\"}\n{\"text\": \"b\", \"x\": [1e400, {\"y\": -Infinity}], "
     "\"label\": "
     "\"q\"}\n{\"x\": 123456789012345678901234567890, \"text\": \"c\", \"z\": \"\\ud83d\", \"label\": "
     "\"r\"}\n",
     "a|-|p\nb|-|q\nc|-|r\n", SG_CUT_LONGEST},
    {"u.jsonl", "{\"text\": \"a\", \"x\": \"\xff\", \"label\": \"p\"}\n", "a|-|p\n", SG_CUT_LONGEST},
    /* numbers and booleans as labels */
    {"l.jsonl",
     "{\"text\":\"a\",\"label\":\"y\"}\n{\"text\":\"b\",\"label\":1.0}\n{\"text\":\"c\",\"label\":-0}\n{"
     "\"text\":\"d\","
     "\"label\":2e0}\n{\"text\":\"e\",\"label\":-1}\n{\"text\":\"f\",\"label\":\"1.0\"}\n",
     "a|-|y\nb|-|1\nc|-|0\nd|-|2\ne|-|-1\nf|-|1.0\n", SG_CUT_LONGEST},
    /* names that are written with escapes; escapes in texts */
    {"k.jsonl", "{\"te\\u0078t\": \"a\\n\\\"b\\\" \\\\ \\ud83d\\ude00\", \"l\\u0061bel\": \"x\"}\n",
     "a\n\"b\" \\ \U0001f600|-|x\n", SG_CUT_LONGEST},
    /* lists of objects, on one line or many; objects that jq printed; old line ends */
    {"a.json", "[{\"text\": \"a\", \"label\": 1}, {\"text\": \"b\", \"label\": 2}]", "a|-|1\nb|-|2\n",
     SG_CUT_LONGEST},
    {"b.jsonl",
     "[\n  {\n    \"text\": \"good film\",\n    \"label\": \"pos\"\n  },\n  {\n    \"text\": \"bad\",\n    "
     "\"label\": "
     "\"neg\"\n  }\n]\n",
     "good film|-|pos\nbad|-|neg\n", SG_CUT_LONGEST},
    {"j.json", "{\n  \"text\": \"a\",\n  \"label\": 1\n}\n{\n  \"text\": \"b\",\n  \"label\": 2\n}\n",
     "a|-|1\nb|-|2\n", SG_CUT_LONGEST},
    {"r.jsonl", "{\"text\": \"a\", \"label\": 1}\r{\"text\": \"b\", \"label\": 2}\r", "a|-|1\nb|-|2\n",
     SG_CUT_LONGEST},
    {"t.csv", "[\n{\"text\": \"a\", \"label\": 1}]\n", "a|-|1\n",
     SG_CUT_LONGEST}, /* whatever the name says */
    {"a.csv", "text,label\nplain,x\n\"quoted, with \"\"quotes\"\"\",y\n\"two\nlines\",z\n",
     "plain|-|x\nquoted, with \"quotes\"|-|y\ntwo\nlines|-|z\n", SG_CUT_LONGEST},
    {"b.csv", "\xef\xbb\xbflabel,text\r\nx,windows\r\n\r\ny,\r\n", "windows|-|x\n|-|y\n", SG_CUT_LONGEST},
    {"c.csv", "label,text\nx,no newline at the end", "no newline at the end|-|x\n", SG_CUT_LONGEST},
    {"a.tsv", "sentence1\tsentence2\tlabel\n\"an open quote\tb\t1\n", "\"an open quote|b|1\n",
     SG_CUT_LONGEST},
};

static void files_that_are_fine(void **state)
{
    (void)state;
    for (int i = 0; i < N_OF(good); i++) {
        struct sg_rows rows = {0};
        OK(sg_rows_read(put(good[i].name, good[i].text), NULL, 1, 0, &rows, &err));
        check(&rows, good[i].rows);
        assert_int_equal(rows.cut, good[i].cut);
        sg_rows_free(&rows);
        assert_int_equal(rows.n, 0);
    }
}

static void gzip_limit_and_named_fields(void **state)
{
    (void)state;
    struct sg_rows rows = {0};
    gzFile f = gzopen(in_scratch("z.csv.gz"), "wb");
    gzputs(f, "body,topic,text\none,a,-\ntwo,b,-\nthree,c,-\n");
    gzclose(f);
    const struct sg_fields fields = {
        .first = "body", .second = "text", .label = "topic", .cut = SG_CUT_SECOND};
    OK(sg_rows_read(in_scratch("z.csv.gz"), &fields, 1, 2, &rows, &err));
    check(&rows, "one|-|a\ntwo|-|b\n");
    assert_int_equal(rows.cut, SG_CUT_SECOND);
    sg_rows_free(&rows);
    /* Without labels, where none are needed; an empty column is none. */
    OK(sg_rows_read(put("n.csv", "text,label\na,\nb,x\n"), NULL, 0, 0, &rows, &err));
    check(&rows, "a|-|-\nb|-|x\n");
    sg_rows_free(&rows);
    OK(sg_rows_read(put("n.jsonl", "{\"text\": \"a\"}\n"), NULL, 0, 0, &rows, &err));
    check(&rows, "a|-|-\n");
    sg_rows_free(&rows);
}

static const struct {
    const char *name, *text, *words;
} bad[] = {
    {"a.jsonl", "", "no rows"},
    {"a.jsonl", "\n \n", "no rows"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \"cut", "a.jsonl:2: not JSON"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": \"x\"} {}\n", "a.jsonl:1: not JSON"},
    {"a.jsonl", "[\"text\"]\n", "a.jsonl:1: a row must be a JSON object"},
    {"a.jsonl", "{\"text\": \"a\", \"text\": \"b\", \"label\": \"x\"}\n", "a.jsonl:1: not JSON: duplicate"},
    {"a.jsonl", "{\"text\": \"nul \\u0000\", \"label\": \"x\"}\n",
     "a.jsonl:1: field \"text\" holds the character \\u0000, which no text has; hint: take it out"},
    {"a.jsonl", "{\"text\": \"\xff\", \"label\": \"x\"}\n", "a.jsonl:1: not JSON"},
    {"a.jsonl", "{\"txt\": \"a\", \"label\": \"x\"}\n",
     "a.jsonl:1: no text field among txt, label; hint: name the columns"},
    {"a.jsonl", "{\"text\": 5, \"label\": \"x\"}\n\n{\"text\": null, \"label\": \"x\"}\n",
     "a.jsonl:3: field \"text\""},
    {"a.jsonl", "{\"text\": \"a\"}\n", "a.jsonl:1: field \"label\""},
    {"a.jsonl", "{\"text\": \"a\", \"label\": \"\"}\n", "field \"label\" is missing, empty"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": 0.5}\n",
     "a.jsonl:1: field \"label\" is 0.5: a score, not a class"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": 1e400}\n", "a.jsonl:1: field \"label\" is 1e400: a score"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": [0, 2]}\n",
     "a.jsonl:1: field \"label\" is a list: rows with several labels"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": {\"x\": 1}}\n", "a.jsonl:1: field \"label\" is an object"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": null}\n", "a.jsonl:1: field \"label\" is missing"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": NaN}\n", "a.jsonl:1: field \"label\" is missing"},
    {"a.jsonl", "{\"text\": NaN, \"label\": 1}\n", "a.jsonl:1: field \"text\" is missing, empty or no text"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": 1, \"x\": nope}\n", "a.jsonl:1: not JSON"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": 1, \"x\": [1}\n", "a.jsonl:1: not JSON"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": 1,}\n", "a.jsonl:1: not JSON"},
    {"a.jsonl", "{\"text\": \"a\" \"label\": 1}\n", "a.jsonl:1: not JSON"},
    {"a.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\",\n{\"text\": \"c\", \"label\": 1}\n",
     "a.jsonl:3: not JSON"},
    {"a.json", "[{\"text\": \"a\", \"label\": 1}", "a.json:1: not JSON: the list does not end"},
    {"a.json", "[\n{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 1}]",
     "a.json:2: not JSON: a comma or the end of the list expected"},
    {"a.json", "[{\"text\": \"a\", \"label\": 1}]\nmore", "a.json:1: not JSON"},
    {"a.json", "[]", "a.json: no rows"},
    {"a.json", "{\"data\": [{\"text\": \"a\", \"label\": 1}]}",
     "a.json:1: no text field: the rows are inside \"data\"; hint: take them out: jq -c '.data[]'"},
    {"a.jsonl",
     "{\"sentence1\": \"a\", \"sentence2\": \"b\", \"label\": \"x\"}\n{\"sentence1\": \"a\", \"label\": "
     "\"x\"}\n",
     "a.jsonl:2: field \"sentence2\""},
    {"a.csv", "", "no rows"},
    {"a.csv", "text,label\n", "no rows"},
    {"a.csv", "text,label\na,x,more\n", "a.csv:2: 3 fields, but the header names 2"},
    {"a.csv", "text,label\n\"two\nlines\",x\nonly one\n", "a.csv:4: 1 field,"},
    {"a.csv", "text,label\n\"open,x\nb,y\n", "a.csv:2: a quoted field does not end"},
    {"a.csv", "text,label\ncaf\xe9,x\n",
     "a.csv:2: field \"text\" is not valid UTF-8; hint: convert the file with iconv"},
    {"a.csv", "text,label\na,\n", "a.csv:2: field \"label\""},
    {"a.tsv", "text,label\na,x\n", "no text field"},
};

static void files_that_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < N_OF(bad); i++) {
        struct sg_rows rows = {.n = -7};
        FAILS(SG_INPUT, bad[i].words, sg_rows_read(put(bad[i].name, bad[i].text), NULL, 1, 0, &rows, &err));
        assert_int_equal(rows.n, -7); /* untouched */
    }
    struct sg_rows rows;
    FAILS(SG_INPUT, "No such file", sg_rows_read(in_scratch("none.csv"), NULL, 1, 0, &rows, &err));
    OK(sg_file_write(in_scratch("nul.csv"), "text,label\na\0b,x\n", 17, &err));
    FAILS(SG_INPUT, "NUL byte", sg_rows_read(in_scratch("nul.csv"), NULL, 1, 0, &rows, &err));
}

/* Nothing that is nested keeps the stack: it is refused before. */
static void nested(void **state)
{
    (void)state;
    struct sg_rows rows = {0};
    char *deep = sg_alloc(200100, 1);
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    char *text = sg_strf("{\"text\": \"a\", \"label\": 1, \"x\": %s}\n", deep);
    FAILS(SG_INPUT, "d.jsonl:1: not JSON", sg_rows_read(put("d.jsonl", text), NULL, 1, 0, &rows, &err));
    sg_free(text);
    sg_free(deep);
}

static void labels_that_are_none(void **state)
{
    (void)state;
    struct sg_rows rows = {0};
    OK(sg_rows_read(
        put("m.jsonl",
            "{\"premise\": \"a\", \"hypothesis\": \"b\", \"gold_label\": \"-\"}\n{\"premise\": \"c\", "
            "\"hypothesis\": \"d\", \"gold_label\": 2}\n{\"premise\": \"e\", \"hypothesis\": \"f\", "
            "\"gold_label\": -1}\n{\"premise\": \"g\", \"hypothesis\": \"h\", \"gold_label\": \"-1.0\"}\n"),
        NULL, 1, 0, &rows, &err));
    OK(sg_rows_drop_all_none("m.jsonl", &rows, &err));
    assert_non_null(strstr(rows.notes, "m.jsonl: 3 of 4 rows have the label -1.0, no gold label"));
    check(&rows, "c|d|2\n");
    sg_rows_free(&rows);
    OK(sg_rows_read(
        put("b.jsonl", "{\"text\": \"a\", \"label\": \" x\"}\n{\"text\": \"b\", \"label\": \"x\\n\"}\n"),
        NULL, 1, 0, &rows, &err));
    check(&rows, "a|-|x\nb|-|x\n");
    sg_rows_free(&rows);
    static const char *const plain[][2] = {{"1.0", "1"},       {"-1.00", "-1"}, {"True", "true"},
                                           {"FALSE", "false"}, {"1.5", "1.5"},  {"v1.0", "v1.0"},
                                           {"1.", "1."},       {"", ""},        {"-0.0", "0"},
                                           {"01.0", "01"},     {".0", ".0"},    {"truer", "truer"}};
    char out[SG_LABEL_PLAIN];
    for (int i = 0; i < N_OF(plain); i++)
        assert_string_equal(sg_label_plain(plain[i][0], out), plain[i][1]);
}

static const char *attempted;

static sg_status attempt(void)
{
    struct sg_rows rows = {0};
    sg_status status = sg_rows_read(attempted, NULL, 1, 0, &rows, &err);
    sg_rows_free(&rows);
    return status;
}

/* What has been read goes back to the system: the texts and the place of an error stay. */
static void large_ones(void **state)
{
    (void)state;
    enum { N = 40000 };
    FILE *f = fopen(in_scratch("large.jsonl"), "w");
    assert_non_null(f);
    for (int i = 0; i < N; i++)
        fprintf(f, "{\"text\": \"row %d %0120d\", \"label\": \"%d\"}\n", i, i, i % 3);
    fprintf(f, "[]\n");
    fclose(f);
    struct sg_rows rows = {0};
    char wanted[200];
    FAILS(SG_INPUT, "large.jsonl:40001: a row must be",
          sg_rows_read(in_scratch("large.jsonl"), NULL, 1, 0, &rows, &err));
    OK(sg_rows_read(in_scratch("large.jsonl"), NULL, 1, N, &rows, &err));
    assert_int_equal(rows.n, N);
    for (int i = 0; i < N; i++) {
        snprintf(wanted, sizeof wanted, "row %d %0120d", i, i);
        assert_string_equal(rows.row[i].first, wanted);
        assert_int_equal(rows.row[i].line, i + 1);
    }
    sg_rows_free(&rows);
}

static void allocations_that_fail(void **state)
{
    (void)state;
    char csv[512], jsonl[512];
    snprintf(csv, sizeof csv, "%s", put("f.csv", good[6].text));
    snprintf(jsonl, sizeof jsonl, "%s", put("f.jsonl", good[2].text));
    attempted = csv;
    assert_true(fail_each_allocation(attempt) >= 8);
    attempted = jsonl;
    assert_true(fail_each_allocation(attempt) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_fine),   cmocka_unit_test(gzip_limit_and_named_fields),
        cmocka_unit_test(files_that_are_not),    cmocka_unit_test(nested),
        cmocka_unit_test(labels_that_are_none),  cmocka_unit_test(large_ones),
        cmocka_unit_test(allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
