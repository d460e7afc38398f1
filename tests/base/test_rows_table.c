/* CSV and TSV: which quotes are quotes, where lines end, what separates fields. */
#include "rows_check.h"

#include "base/buf.h"

static const struct {
    const char *name, *text, *rows, *note; /* note: words of it; NULL: there is none */
} files[] = {
    /* pandas: what needs quotes has them */
    {"pandas.tsv",
     "text\tlabel\n\"He said \"\"go\"\" and left\"\ta\n\"tab\there\"\tb\n\"line\nbreak\"\ta\nplain\tb\n",
     "He said \"go\" and left|-|a\ntab\there|-|b\nline\nbreak|-|a\nplain|-|b\n",
     "quotes around fields are taken off (3 fields)"},
    {"quotes.tsv",
     "text\tlabel\n\"He said \"\"go\"\" and left\"\ta\n\"She whispered \"\"no, never\"\"\"\tb\n",
     "He said \"go\" and left|-|a\nShe whispered \"no, never\"|-|b\n", "taken off (2 fields)"},
    {"crlf.tsv", "text\tlabel\r\n\"a \"\"b\"\"\"\tx\r\n\"two\r\nlines\"\ty\r\n",
     "a \"b\"|-|x\ntwo\r\nlines|-|y\n", "taken off"},
    {"cr.tsv", "text\tlabel\r\"a \"\"b\"\"\"\tx\rc\ty\r", "a \"b\"|-|x\nc|-|y\n", "taken off (1 field)"},
    /* R: all texts have quotes, numbers and NA not; those inside have a backslash before them */
    {"r.tsv", "\"text\"\t\"label\"\t\"n\"\n\"one film\"\t\"a\"\t1\n\"two films\"\t\"b\"\tNA\n",
     "one film|-|a\ntwo films|-|b\n", "taken off (7 fields)"},
    {"r-escape.tsv", "\"text\"\t\"label\"\n\"He said \\\"go\\\" and left\"\t\"a\"\nNA\t\"b\"\n",
     "He said \"go\" and left|-|a\nNA|-|b\n", "taken off"},
    {"r-escape.csv", "\"text\",\"label\"\n\"He said \\\"go\\\", and left\",\"a\"\n\"x\",\"b\"\n",
     "He said \"go\", and left|-|a\nx|-|b\n", "a backslash before them"},
    /* Excel: commas are quoted too */
    {"excel.tsv", "text\tlabel\n\"Well, no\"\ta\nyes\tb\n\"A \"\"good\"\" one\"\ta\n",
     "Well, no|-|a\nyes|-|b\nA \"good\" one|-|a\n", "taken off (2 fields)"},
    /* GLUE: MRPC and QNLI hold quotes that do not close, or that stand inside */
    {"mrpc.tsv",
     "\xef\xbb\xbfQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t702876\t702977\t\"The foodservice pie "
     "business does not fit our "
     "strategy .\tThe pie business \"does not fit \" .\n0\t2108705\t2108831\tYucaipa owned it .\t\" It was "
     "sold , he said\n",
     "\"The foodservice pie business does not fit our strategy .|The pie business \"does not fit \" .|1\n"
     "Yucaipa owned it .|\" It was sold , he said|0\n",
     "quotes are characters of the texts, as in GLUE's files (line 2"},
    {"qnli.tsv",
     "index\tquestion\tsentence\tlabel\n0\tWho said \"no\"?\tHe did.\tentailment\n1\t\"Who\" was it?\tA "
     "man.\tnot_entailment\n",
     "Who said \"no\"?|He did.|entailment\n\"Who\" was it?|A man.|not_entailment\n", "quotes are characters"},
    /* two open quotes in one column look like one field over two lines; each line is whole without */
    {"open.tsv", "text\tlabel\n\"It begins .\ta\nIt ends . \"\tb\n", "\"It begins .|-|a\nIt ends . \"|-|b\n",
     "quotes are characters"},
    /* a few whole quotations among texts that have commas and none */
    {"some.tsv", "text\tlabel\n\"great film\"\ta\nnot, I think\tb\n\"no, really\"\ta\n",
     "\"great film\"|-|a\nnot, I think|-|b\n\"no, really\"|-|a\n", "quotes are characters"},
    {"inside.tsv", "text\tlabel\n5\" pipe\ta\nsay \"no\"\tb\n", "5\" pipe|-|a\nsay \"no\"|-|b\n", NULL},
    /* CSV is CSV */
    {"a.csv", "text,label\n\"a, \"\"b\"\"\",x\n5\" pipe,y\n", "a, \"b\"|-|x\n5\" pipe|-|y\n", NULL},
    {"json.csv", "text,label\n\"{\"\"a\"\": \"\"\\\"\"\"\"}\",x\n", "{\"a\": \"\\\"\"}|-|x\n", NULL},
    {"cr.csv", "text,label\rgood film,pos\rbad film,neg\r", "good film|-|pos\nbad film|-|neg\n", NULL},
    {"empty-last.csv", "label,text\nx,a\ny,\n", "a|-|x\n|-|y\n", NULL},
    /* Excel where the comma is the decimal sign; Excel's own first line */
    {"europe.csv", "text;label\n\"good; very\";pos\nbad, very;neg\n", "good; very|-|pos\nbad, very|-|neg\n",
     "fields are separated by semicolons"},
    {"sep.csv", "sep=;\r\ntext;label\r\ngood;pos\r\n", "good|-|pos\n", NULL},
    {"tabs.csv", "text\tlabel\nbad, very\tneg\n", "bad, very|-|neg\n", "separated by tabs"},
    {"emotion.txt", "text;label\ni feel fine, really;joy\n", "i feel fine, really|-|joy\n", NULL},
    {"snli.txt", "gold_label\tsentence1\tsentence2\nneutral\tA man.\tA tall man.\n",
     "A man.|A tall man.|neutral\n", NULL},
    {"UPPER.CSV", "text,label\na,x\n", "a|-|x\n", NULL},
    /* blanks around a label are none of it; a class may be called None, and a number with a zero behind its point is whole */
    {"b.csv", "text,label\na,x \nb, x\nc,None\nd,1.00\ne,2e1\n",
     "a|-|x\nb|-|x\nc|-|None\nd|-|1.00\ne|-|2e1\n", NULL},
};

static void read_as_they_are(void **state)
{
    (void)state;
    for (int i = 0; i < N_OF(files); i++) {
        struct sg_rows rows = {0};
        OK(sg_rows_read(put(files[i].name, files[i].text), NULL, 1, 0, &rows, &err));
        check(&rows, files[i].rows);
        if (files[i].note ? !rows.notes || !strstr(rows.notes, files[i].note) : rows.notes != NULL)
            fail_msg("%s: %s", files[i].name, rows.notes ? rows.notes : "no note");
        sg_rows_free(&rows);
    }
}

static void as_asked_for(void **state)
{
    (void)state;
    static const struct {
        enum sg_quotes quotes;
        const char *name, *text, *rows;
    } asked[] = {
        {SG_QUOTES_PLAIN, "a.tsv", "text\tlabel\n\"a \"\"b\"\"\"\tx\n", "\"a \"\"b\"\"\"|-|x\n"},
        {SG_QUOTES_PLAIN, "a.csv", "text,label\n\"a,x\n\"b\",y\n", "\"a|-|x\n\"b\"|-|y\n"},
        {SG_QUOTES_CSV, "a.tsv", "text\tlabel\n\"great film\"\tx\nno, I think\ty\n",
         "great film|-|x\nno, I think|-|y\n"},
        {SG_QUOTES_CSV, "b.tsv", "text\tlabel\n\"say \\\"no\\\"\"\tx\n", "say \"no\"|-|x\n"},
    };
    for (int i = 0; i < N_OF(asked); i++) {
        struct sg_rows rows = {0};
        const struct sg_fields f = {.quotes = asked[i].quotes};
        OK(sg_rows_read(put(asked[i].name, asked[i].text), &f, 1, 0, &rows, &err));
        check(&rows, asked[i].rows);
        sg_rows_free(&rows);
    }
}

static void line_numbers(void **state)
{
    (void)state;
    struct sg_rows rows = {0};
    OK(sg_rows_read(put("n.csv", "text,label\n\"two\nlines\",x\n\nb,y\n\"three\n\nlines\",z\nc,x\n"), NULL, 1,
                    0, &rows, &err));
    static const int line[] = {2, 5, 6, 9};
    assert_int_equal(rows.n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rows.row[i].line, line[i]);
    sg_rows_free(&rows);
}

/* More rows than the columns are found by: the same as a short file has, and the error of a late one names its line. */
static void long_files(void **state)
{
    (void)state;
    struct sg_rows rows = {0};
    struct sg_buf b = sg_buf_make(1 << 20);
    sg_buf_puts(&b, "text,label\n");
    for (int i = 0; i < 1000; i++)
        sg_buf_printf(&b, "\"row %d, it says\",%d\n", i, i % 2);
    OK(sg_rows_read(put("long.csv", sg_buf_text(&b)), NULL, 1, 0, &rows, &err));
    assert_int_equal(rows.n, 1000);
    assert_string_equal(rows.row[999].first, "row 999, it says");
    assert_int_equal(rows.row[999].line, 1001);
    sg_rows_free(&rows);
    OK(sg_rows_read(in_scratch("long.csv"), NULL, 1, 300, &rows, &err));
    assert_int_equal(rows.n, 300);
    sg_rows_free(&rows);
    sg_buf_puts(&b, "only one\n");
    FAILS(SG_INPUT, "long.csv:1002: 1 field, but",
          sg_rows_read(put("long.csv", sg_buf_text(&b)), NULL, 1, 0, &rows, &err));
    sg_buf_free(&b);
}

static void what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *words;
    } bad[] = {
        {"r.csv", "\"text\",\"label\"\n\"1\",\"a b\",\"x\"\n\"2\",\"c\",\"y\"\n",
         "r.csv:2: 3 fields, but the header names 2; hint: does the first field hold R's row names?"},
        {"a.csv", "text,label\n\"open,x\nb,y\n",
         "a.csv:2: a quoted field does not end; hint: where quotes are characters"},
        {"a.csv", "good film,pos\nbad film,neg\n", "no text field among good film, pos; hint: "},
        {"n.csv", "text,label\na,1\nb,0.5\n", "n.csv:3: field \"label\" is \"0.5\", a score, not a class"},
        {"n.csv", "text,label\na,-2.25e-1\n", "n.csv:2: field \"label\" is \"-2.25e-1\", a score"},
        {"n.csv", "text,label\na,\"[0, 2]\"\n", "field \"label\" is \"[0, 2]\", a list: rows with several"},
        {"n.tsv", "text\tlabel\na\t['joy']\n", "field \"label\" is \"['joy']\", a list"},
        {"n.csv", "text,label\na,NA\n", "field \"label\" is \"NA\", how R and pandas write a missing value"},
        {"n.csv", "text,label\na, nan\n", "field \"label\" is \"nan\", how R"},
        {"n.csv", "text,label\na,  \n", "n.csv:2: field \"label\" is missing, empty or no text"},
        {"d.csv", "text,label,text\na,x,b\n",
         "d.csv: columns 1 and 3 are both called \"text\"; hint: rename"},
        {"d.tsv", "label\ttext\tlabel\nx\ta\ty\n", "columns 1 and 3 are both called \"label\""},
        {"a.csv", "good film,pos\nbad film,neg\n", "a table's first line names its columns"},
    };
    for (int i = 0; i < N_OF(bad); i++) {
        struct sg_rows rows = {0};
        FAILS(SG_INPUT, bad[i].words, sg_rows_read(put(bad[i].name, bad[i].text), NULL, 1, 0, &rows, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(read_as_they_are), cmocka_unit_test(as_asked_for),
                                       cmocka_unit_test(line_numbers), cmocka_unit_test(long_files),
                                       cmocka_unit_test(what_is_wrong)};
    return cmocka_run_group_tests(tests, start, stop);
}
