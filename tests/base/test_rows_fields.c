/* Which columns are read: known pairs, single texts, what is refused. */
#include "rows_check.h"

#include "base/buf.h"

/* One row of each; the label is 1 but where it is named. */
static const struct {
    const char *row, *rows;
    enum sg_cut cut;
} found[] = {
    {"\"question\": \"When did it close?\", \"sentence\": \"It closed in May.\", \"label\": 1, \"idx\": 0",
     "When did it close?|It closed in May.|1\n", SG_CUT_LONGEST},
    {"\"text\": \"Is it open?\", \"text_pair\": \"It closed in May.\", \"label\": 1",
     "Is it open?|It closed in May.|1\n", SG_CUT_LONGEST},
    {"\"question1\": \"a b\", \"question2\": \"c d\", \"label\": 1", "a b|c d|1\n", SG_CUT_LONGEST},
    {"\"id\": \"5\", \"qid1\": \"1\", \"qid2\": \"2\", \"question1\": \"a b\", \"question2\": \"c d\", "
     "\"is_duplicate\": \"1\"",
     "a b|c d|1\n", SG_CUT_LONGEST},
    {"\"sentence_A\": \"a b\", \"sentence_B\": \"c d\", \"label\": 1, \"relatedness_score\": 4.5",
     "a b|c d|1\n", SG_CUT_LONGEST},
    {"\"Quality\": 1, \"#1 ID\": 7, \"#2 ID\": 8, \"#1 String\": \"a b\", \"#2 String\": \"c d\"",
     "a b|c d|1\n", SG_CUT_LONGEST},
    {"\"query\": \"a b\", \"passage\": \"c d\", \"label\": 1", "a b|c d|1\n", SG_CUT_SECOND},
    {"\"id\": \"56be\", \"title\": \"Notre Dame\", \"context\": \"It stands there.\", \"question\": \"Where "
     "is it?\", "
     "\"answers\": {\"text\": [\"there\"]}, \"label\": 1",
     "Where is it?|It stands there.|1\n", SG_CUT_SECOND},
    {"\"gold_label\": \"1\", \"sentence1_binary_parse\": \"( A man . )\", \"sentence2_binary_parse\": \"( He "
     "sits . )\", "
     "\"sentence1\": \"A man.\", \"sentence2\": \"He sits.\", \"captionID\": \"34#4\", \"label1\": "
     "\"neutral\"",
     "A man.|He sits.|1\n", SG_CUT_LONGEST},
    {"\"question\": \"is it so\", \"title\": \"It\", \"answer\": true, \"passage\": \"It is so.\"",
     "is it so|It is so.|true\n", SG_CUT_SECOND},
    {"\"question\": \"how long is it\", \"document_title\": \"Bridge\", \"answer\": \"It is two miles "
     "long.\", \"label\": 1",
     "how long is it|It is two miles long.|1\n", SG_CUT_LONGEST},
    /* a pair wins over a single text */
    {"\"text\": \"a b c\", \"sentence1\": \"d e\", \"sentence2\": \"f g\", \"label\": 1", "d e|f g|1\n",
     SG_CUT_LONGEST},
    /* what stands beside a single text */
    {"\"text\": \"A good film.\", \"label\": 1, \"label_text\": \"very good indeed\", \"idx\": 3, \"guid\": "
     "\"dev-3 a b\"",
     "A good film.|-|1\n", SG_CUT_LONGEST},
    {"\"sentence\": \"A good film.\", \"label\": 1, \"url\": \"see this page here\", \"year\": 1999, \"ok\": "
     "true, \"x\": null",
     "A good film.|-|1\n", SG_CUT_LONGEST},
    {"\"text\": \"A good film.\", \"label\": 1, \"title\": \"\", \"topic\": \"film\"", "A good film.|-|1\n",
     SG_CUT_LONGEST},
};

static void known_names(void **state)
{
    (void)state;
    for (int i = 0; i < N_OF(found); i++) {
        struct sg_rows rows = {0};
        char text[1000];
        snprintf(text, sizeof text, "{%s}\n", found[i].row);
        OK(sg_rows_read(put("k.jsonl", text), NULL, 1, 0, &rows, &err));
        check(&rows, found[i].rows);
        assert_int_equal(rows.cut, found[i].cut);
        sg_rows_free(&rows);
    }
}

static const struct {
    const char *row, *words;
} refused[] = {
    {"\"title\": \"Bridge\", \"text\": \"It closed in May.\", \"label\": 1",
     "k.jsonl: more than one column of texts, and no pair by its names (title, text); hint: --fields "
     "first=NAME"},
    {"\"text\": \"It closed in May.\", \"reply\": \"I did not know that.\", \"label\": 1",
     "(text, reply); hint: --fields"},
    {"\"sentence\": \"It closed in May.\", \"argument\": "
     "\"\\u6a4b\\u306f\\u4e94\\u6708\\u306b\\u9589\\u3058\\u305f\", \"label\": 1",
     "(sentence, argument)"},
    {"\"title\": \"Good\", \"content\": \"A good one.\", \"label\": 1", "(title, content)"},
    {"\"sentence1\": \"a b\", \"sentence2\": \"c d\", \"premise\": \"e f\", \"hypothesis\": \"g h\", "
     "\"label\": 1",
     "columns of two pairs (sentence1, sentence2, premise, hypothesis)"},
    {"\"review\": \"A good film.\", \"sentiment\": \"positive\"",
     "no text field among review, sentiment; hint: "},
    {"\"text\": \"A good film.\", \"stars\": 5",
     "field \"label\" is missing; the columns are text, stars; hint: --fields"},
};

static void refused_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < N_OF(refused); i++) {
        struct sg_rows rows = {0};
        char text[1000];
        snprintf(text, sizeof text, "{%s}\n", refused[i].row);
        FAILS(SG_INPUT, refused[i].words, sg_rows_read(put("k.jsonl", text), NULL, 1, 0, &rows, &err));
    }
}

/* A column that has few values for many rows: a class's name if the label has as many, else texts. */
static void columns_that_repeat(void **state)
{
    (void)state;
    for (int n_topics = 2; n_topics <= 4; n_topics += 2) {
        struct sg_buf b = sg_buf_make(1 << 20);
        struct sg_rows rows = {0};
        for (int i = 0; i < 40; i++)
            sg_buf_printf(
                &b, "{\"text\": \"row %d of it\", \"about\": \"the topic of number%c\", \"label\": %d}\n", i,
                'a' + i % n_topics, i % 2);
        const char *path = put("c.jsonl", sg_buf_text(&b));
        if (n_topics == 2)
            OK(sg_rows_read(path, NULL, 1, 0, &rows, &err));
        else
            FAILS(SG_INPUT, "(text, about)", sg_rows_read(path, NULL, 1, 0, &rows, &err));
        sg_rows_free(&rows);
        sg_buf_free(&b);
    }
}

static void tasks(void **state)
{
    (void)state;
    static const struct {
        struct sg_fields f;
        const char *row, *rows, *words; /* words: of the note, or of the error where rows is NULL */
    } t[] = {
        {{.first = "text", .label = "label"},
         "\"sentence\": \"good\", \"label\": 1, \"idx\": 0",
         "good|-|1\n",
         "k.jsonl: has no column `text`: texts are read from `sentence`"},
        {{.first = "text", .label = "label"},
         "\"text\": \"good\", \"title\": \"A title of it\", \"label\": 1",
         "good|-|1\n",
         NULL},
        {{.first = "question", .second = "passage", .label = "label"},
         "\"question\": \"q\", \"answer\": true, \"passage\": \"p\"",
         "q|p|true\n",
         "has no column `label`: labels are read from `answer`"},
        {{.first = "sentence1", .second = "sentence2", .label = "label"},
         "\"premise\": \"p q\", \"hypothesis\": \"h\", \"label\": 0",
         "p q|h|0\n",
         "the pair is read from `premise` and `hypothesis`"},
        {{.first = "text", .label = "label"},
         "\"question\": \"who is it\", \"sentence\": \"he is\", \"label\": 1",
         NULL,
         "pairs of `question` and `sentence`, but the task has single texts; hint: fields: {first: question, "
         "second: sentence}"},
        {{.first = NULL, .label = "label"},
         "\"text\": \"who is it\", \"text_pair\": \"he is\", \"label\": 1",
         NULL,
         "pairs of `text` and `text_pair`, but the task has single texts"},
        {{.first = "a", .second = "b", .label = "label"},
         "\"text\": \"who is it\", \"label\": 1",
         NULL,
         "single texts (`text`), but the task has pairs of `a` and `b`"},
        {{.first = "text", .label = "label"},
         "\"title\": \"a b\", \"body\": \"c d\", \"label\": 1",
         NULL,
         "more than one column of texts"},
    };
    for (int i = 0; i < N_OF(t); i++) {
        struct sg_rows rows = {0};
        struct sg_fields f = t[i].f;
        char text[1000];
        snprintf(text, sizeof text, "{%s}\n", t[i].row);
        f.is_task = 1;
        if (!t[i].rows) {
            FAILS(SG_INPUT, t[i].words, sg_rows_read(put("k.jsonl", text), &f, 1, 0, &rows, &err));
            continue;
        }
        OK(sg_rows_read(put("k.jsonl", text), &f, 1, 0, &rows, &err));
        check(&rows, t[i].rows);
        assert_true(t[i].words ? rows.notes && strstr(rows.notes, t[i].words) : !rows.notes);
        sg_rows_free(&rows);
    }
}

static void by_hand(void **state)
{
    (void)state;
    struct sg_rows rows = {0};
    const char *path = put("h.csv", "title,text,gold\nBridge,It closed in May.,no\n");
    static const struct {
        const char *fields, *rows, *words;
    } f[] = {
        {"first=title,second=text,label=gold", "Bridge|It closed in May.|no\n", NULL},
        {"label=gold,first=text", "It closed in May.|-|no\n", NULL},
        {"label=gold", NULL, "more than one column of texts"},
        {"first=text", NULL,
         "h.csv:2: field \"label\" is missing; the columns are title, text, gold; hint: "},
        {"first=body,label=gold", NULL,
         "h.csv:2: field \"body\" is missing; the columns are title, text, gold"},
        {"first=title,second=body,label=gold", NULL, "field \"body\" is missing"},
        {"second=text", NULL, "second=text without first="},
        {"first=", NULL, "is no list of columns; hint: first=NAME"},
        {"text", NULL, "\"text\" is no list of columns"},
        {"first=a,first=b", NULL, "is no list of columns"},
        {"", NULL, "is no list of columns"},
    };
    for (int i = 0; i < N_OF(f); i++) {
        struct sg_fields fields = {0};
        char *copy = NULL;
        sg_status status = sg_fields_parse(f[i].fields, &fields, &copy, &err);
        if (status == SG_OK)
            status = sg_rows_read(path, &fields, 1, 0, &rows, &err);
        assert_int_equal(status, f[i].rows ? SG_OK : SG_INPUT);
        if (f[i].rows)
            check(&rows, f[i].rows);
        else if (!strstr(err.text, f[i].words))
            fail_msg("%s: %s", f[i].fields, err.text);
        sg_rows_free(&rows);
        sg_free(copy);
    }
    struct sg_fields fields = {0};
    char *copy = NULL;
    OK(sg_fields_parse("first=a, b,second=c=d", &fields, &copy, &err)); /* commas and signs in names */
    assert_string_equal(fields.first, "a, b");
    assert_string_equal(fields.second, "c=d");
    sg_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_names), cmocka_unit_test(refused_by_name),
                                       cmocka_unit_test(columns_that_repeat), cmocka_unit_test(tasks),
                                       cmocka_unit_test(by_hand)};
    return cmocka_run_group_tests(tests, start, stop);
}
