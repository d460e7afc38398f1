/* The document: what sections write is what forms find; foreign names, bytes that are no UTF-8, misuse, no memory. */
#include "results/report/doc.h"
#include "results/report/form.h"

#include "tests/base/check.h"

#include <math.h>

static const struct sg_doc_column two[] = {{"method", SG_DOC_TEXT, ""}, {"accuracy", SG_DOC_NUMBER, "%"}};

static void fill(struct sg_doc *doc)
{
    sg_doc_warn(doc, "unfinished: %d", 3);
    sg_doc_section(doc, "method", "Which method?");
    sg_doc_say(doc, "%s is best.", "few_shot_3");
    sg_doc_table(doc, "method sst2", "Methods", SG_DOC_BRIEF, 2, two);
    sg_doc_text(doc, "few_shot_3");
    sg_doc_estimate(doc, 0.642, 0.611, 0.673, 100, 1, "=");
    sg_doc_text(doc, "zero\xff_shot\xe2\x80");
    sg_doc_estimate(doc, 0.642, 0.501, 0.763, 100, 1, "");
    sg_doc_textf(doc, "%s", "none");
    sg_doc_estimate(doc, NAN, NAN, NAN, 100, 1, NULL);
    sg_doc_text(doc, "no sign of nothing");
    sg_doc_estimate(doc, -0.0004, -0.0334, 0.0326, 100, 1, NULL);
    sg_doc_note(doc, "a note");
    sg_doc_figure(
        doc, &(struct sg_figure_spec){.name = "f", .title = "F", .kind = SG_FIGURE_BARS, .zero_line = 0});
    sg_doc_series(doc, "one");
    sg_doc_point(doc, 1, 2, NAN, NAN, "label");
    sg_doc_paragraph(doc, "and %s", "so on");
}

static void what_is_written_is_there(void **state)
{
    (void)state;
    struct sg_doc *doc = sg_doc_create("Study s", "1 cell");
    fill(doc);
    OK(sg_doc_check(doc, &err));
    assert_string_equal(doc->warning[0], "unfinished: 3");
    assert_int_equal(doc->n_sections, 1);
    const struct sg_doc_section *s = &doc->section[0];
    assert_int_equal(s->n_blocks, 5);
    assert_string_equal(s->block[0].text, "few_shot_3 is best.");
    const struct sg_doc_table *t = s->block[1].table;
    assert_string_equal(t->name, "method-sst2");
    assert_int_equal(t->n_rows, 4);
    assert_string_equal(t->cell[1].text, "64.2 \xc2\xb1"
                                         "3.1 =");
    assert_int_equal(t->cell[1].mark_at, 10);
    assert_true(fabs(t->cell[1].low - 61.1) < 1e-9 && fabs(t->cell[1].high - 67.3) < 1e-9);
    assert_string_equal(t->cell[2].text, "zero\xef\xbf\xbd_shot\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(t->cell[3].text, "64.2 [50.1, 76.3]");
    assert_int_equal(t->cell[3].mark_at, -1);
    assert_string_equal(t->cell[5].text, "-");
    assert_true(isnan(t->cell[5].value) && isnan(t->cell[4].value));
    assert_string_equal(t->cell[7].text, "0.0 \xc2\xb1"
                                         "3.3");
    assert_string_equal(s->block[3].figure->series[0], "one");
    assert_true(s->block[3].figure->point[0].y == 2 && s->block[3].figure->point[0].series == 0);
    assert_string_equal(s->block[4].text, "and so on");
    sg_doc_destroy(doc);
}

/* A task may be called anything: its tables' names are files. */
static void names_are_files(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"../../etc/passwd", "etc-passwd"},
                                           {"\xe4\xb8\xad", "table"},
                                           {"a b", "a-b"},
                                           {"A.B", "a-b-2"},
                                           {"", "table-2"}};
    struct sg_doc *doc = sg_doc_create("", "");
    sg_doc_section(doc, "s", "S");
    for (int i = 0; i < N_OF(names); i++) {
        sg_doc_table(doc, names[i][0], "", 0, 1, two);
        assert_string_equal(doc->section[0].block[i].table->name, names[i][1]);
    }
    char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    sg_doc_table(doc, huge, huge, 0, 1, two);
    sg_doc_text(doc, huge);
    OK(sg_doc_check(doc, &err));
    assert_true(strlen(doc->section[0].block[N_OF(names)].table->name) == 60);
    assert_string_equal(doc->section[0].block[N_OF(names)].table->cell[0].text, huge);
    sg_doc_destroy(doc);
}

static void misuse_is_found(void **state)
{
    (void)state;
    static const char *const words[] = {"before the first section", "in no table", "in no figure",
                                        "first series", "no rows of 2"};
    for (int i = 0; i < N_OF(words); i++) {
        struct sg_doc *doc = sg_doc_create("", "");
        if (i)
            sg_doc_section(doc, "s", "S");
        if (i == 0)
            sg_doc_say(doc, "too early");
        if (i == 1)
            sg_doc_int(doc, 7);
        if (i == 2)
            sg_doc_series(doc, "x");
        if (i == 3) {
            sg_doc_figure(doc, &(struct sg_figure_spec){.name = "f", .title = "F"});
            sg_doc_point(doc, 1, 1, 1, 1, NULL);
        }
        if (i == 4) {
            sg_doc_table(doc, "t", "T", 0, 2, two);
            for (int k = 0; k < 3; k++)
                sg_doc_int(doc, k);
        }
        FAILS(SG_FAILED, words[i], sg_doc_check(doc, &err));
        sg_doc_destroy(doc);
    }
}

static sg_status attempt(void)
{
    struct sg_doc *doc = sg_doc_create("Study s", "1 cell");
    if (!doc)
        return sg_fail_memory(&err, 1);
    fill(doc);
    sg_status status = sg_doc_check(doc, &err);
    sg_doc_destroy(doc);
    return status;
}

static void no_memory(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(attempt) > 10);
}

static void texts_that_a_form_shares(void **state)
{
    (void)state;
    static const struct sg_escape escape[] = {{'<', "&lt;"}, {'&', "&amp;"}};
    struct sg_buf b = sg_buf_make(1000);
    sg_form_text(&b, "a<b>&\x1b[31m\xe2\x80\xae\xd8\x9c\xf3\xa0\x81\x81", 0, escape, 2);
    assert_string_equal(sg_buf_text(&b), "a&lt;b>&amp;?[31m???");
    sg_buf_clear(&b);
    sg_form_text(&b, "&&&&&", 3, escape, 2);
    assert_string_equal(sg_buf_text(&b), "&amp;&amp;&amp;...");
    sg_buf_free(&b);
    for (int i = 0; i < sg_n_forms; i++)
        assert_ptr_equal(sg_form_of(sg_forms[i].name), &sg_forms[i]);
    assert_null(sg_form_of("pdf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_written_is_there),
                                       cmocka_unit_test(names_are_files), cmocka_unit_test(misuse_is_found),
                                       cmocka_unit_test(no_memory),
                                       cmocka_unit_test(texts_that_a_form_shares)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
