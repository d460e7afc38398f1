/* Every form of one document: texts that try to get out of their place, lines that fit the terminal, numbers as they are, and a LaTeX file
 * that compiles (where there is a pdflatex). */
#include "base/file.h"
#include "base/text.h"
#include "results/report/form.h"
#include "results/report/terminal_table.h"

#include "tests/base/check.h"

#include <jansson.h>
#include <math.h>

#include "scratch.h"

static const char *const evil[] = {"<script>alert(1)</script>",
                                   "\\input{/etc/passwd}",
                                   "a|b|c",
                                   "\x1b[31mred\x1b]0;t\x07",
                                   "\xe2\x80\xae"
                                   "dlrow",
                                   "`*x*` _y_ [z](http://e) ~~s~~",
                                   "=HYPERLINK(\"x\")",
                                   "+1",
                                   "@SUM(A1)",
                                   "-2+3",
                                   "\xef\xbc\x9d"
                                   "1",
                                   "a,\"b\"\r\nc",
                                   "\xff\xfe broken",
                                   "# $ % & ~ ^ { } \\",
                                   "1. a list",
                                   "\xe4\xb8\xad\xe6\x96\x87 caf\xc3\xa9 \xf0\x9f\x99\x82",
                                   "",
                                   "&amp;&lt;",
                                   "\xf3\xa0\x81\x81tags"};

/* Each evil text wherever a text can stand. */
static struct sg_doc *evil_doc(void)
{
    static char lengthy[20001];
    memset(lengthy, 'x', sizeof lengthy - 1);
    struct sg_doc *doc = sg_doc_create(evil[0], evil[1]);
    for (int i = 0; i <= N_OF(evil); i++) {
        const char *text = i < N_OF(evil) ? evil[i] : lengthy;
        const struct sg_doc_column column[] = {{text, SG_DOC_TEXT, ""}, {"n", SG_DOC_NUMBER, text}};
        sg_doc_warn(doc, "%s", text);
        sg_doc_section(doc, "s", text);
        sg_doc_say(doc, "%s", text);
        sg_doc_paragraph(doc, "%s", text);
        sg_doc_table(doc, text, text, i % 2 ? SG_DOC_BRIEF : 0, 2, column);
        sg_doc_text(doc, text);
        sg_doc_number(doc, 1, "%s", text);
        sg_doc_text(doc, "-");
        sg_doc_estimate(doc, 0.5, 0.25, 0.75, 100, 1, "*");
        sg_doc_note(doc, "%s", text);
        sg_doc_figure(doc, &(struct sg_figure_spec){
                               .name = text, .title = text, .x_label = text, .kind = SG_FIGURE_BARS});
        sg_doc_series(doc, text);
        sg_doc_point(doc, 1, 2, NAN, NAN, text);
    }
    OK(sg_doc_check(doc, &err));
    return doc;
}

struct files {
    int n;
    struct sg_buf all; /* one behind the other */
    const char *folder;
};

static sg_status put(void *context, const char *name, const struct sg_buf *content, struct sg_err *e)
{
    struct files *f = context;
    assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(name));
    f->n++;
    sg_buf_add(&f->all, sg_buf_text(content), content->len);
    if (f->folder && name[0]) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", f->folder, name);
        return sg_file_write(path, sg_buf_text(content), content->len, e);
    }
    return SG_OK;
}

static struct files draw(const struct sg_doc *doc, const char *form, const struct sg_form_options *o,
                         const char *folder)
{
    struct sg_report_data d = {.provenance = json_object(), .total_cost_usd = (char *)(uintptr_t) "0"};
    struct files f = {.all = sg_buf_make((size_t)1 << 26), .folder = folder};
    const struct sg_form_output out = {.context = &f, .put = put};
    OK(sg_form_of(form)->draw(doc, &d, o, &out, &err));
    json_decref(d.provenance);
    return f;
}

/* No byte that a terminal, a browser or an editor would obey, and nothing that is no UTF-8. */
static void is_plain(const struct sg_buf *b, const char *form)
{
    static const char *const marks[] = {"\xe2\x80\xae", "\xf3\xa0\x81\x81", "\x1b", "\x07"};
    assert_true(sg_utf8_valid(sg_buf_text(b), b->len));
    for (int i = 0; i < N_OF(marks); i++)
        if (strstr(sg_buf_text(b), marks[i]))
            fail_msg("%s lets mark %d pass", form, i);
}

static void lacks(const struct sg_buf *b, const char *words, const char *form)
{
    const char *at = strstr(sg_buf_text(b), words);
    if (at)
        fail_msg("%s has '%s': %.80s", form, words, at > sg_buf_text(b) + 20 ? at - 20 : at);
}

static void holds(const struct sg_buf *b, const char *words, const char *form)
{
    if (!strstr(sg_buf_text(b), words))
        fail_msg("%s lacks '%s'", form, words);
}

static void hostile_texts(void **state)
{
    (void)state;
    struct sg_doc *doc = evil_doc();
    const struct sg_form_options all = {.all = 1};
    for (int i = 0; i < sg_n_forms; i++) {
        const char *form = sg_forms[i].name;
        struct files f = draw(doc, form, &all, NULL);
        if (strcmp(form, "json") == 0) {
            json_t *o = json_loads(sg_buf_text(&f.all), 0, NULL);
            assert_non_null(o);
            assert_int_equal(json_array_size(json_object_get(o, "sections")), N_OF(evil) + 1);
            json_decref(o);
        } else
            is_plain(&f.all, form);
        if (strcmp(form, "markdown") == 0) {
            lacks(&f.all, "<script>", form);
            lacks(&f.all, " a|b", form);
            lacks(&f.all, "[z](", form);
            lacks(&f.all, "\n1. a list", form);
            holds(&f.all, "a\\|b\\|c", form);
        }
        if (strcmp(form, "latex") == 0) {
            lacks(&f.all, "\\input{/", form);
            lacks(&f.all, "# $", form);
            holds(&f.all, "\\textbackslash{}input\\{/etc/passwd\\}", form);
            holds(&f.all, "caf\\'{e}", form);
            holds(&f.all, "{[}U+4E2D{]}", form);
            for (size_t k = 0; k < f.all.len; k++)
                assert_true((unsigned char)f.all.data[k] < 0x80);
        }
        if (strcmp(form, "csv") == 0) {
            static const char *const begins[] = {"=HYPER", "+1", "@SUM", "-2+3", "\xef\xbc\x9d"};
            for (int k = 0; k < N_OF(begins); k++) {
                char words[40];
                snprintf(words, sizeof words, "\n%s", begins[k]);
                lacks(&f.all, words, form);
                snprintf(words, sizeof words, ",%s", begins[k]);
                lacks(&f.all, words, form);
            }
            holds(&f.all, "\n\"'=HYPERLINK(\"\"x\"\")\",", form);
            holds(&f.all,
                  "\n-,50,25,75,50.0 \xc2\xb1"
                  "25.0 *\r\n",
                  form);
            holds(&f.all, "\n\"a,\"\"b\"\"? c\",1,,,\"a,\"\"b\"\"? c\"\r\n", form);
        }
        if (strcmp(form, "html") == 0)
            lacks(&f.all, "<script>alert", form);
        sg_buf_free(&f.all);
    }
    sg_doc_destroy(doc);
}

/* No line is wider than the terminal, and no number is cut. */
static void lines_fit(void **state)
{
    (void)state;
    static const int widths[] = {40, 60, 80, 100, 200};
    struct sg_doc *doc = evil_doc();
    static const struct sg_doc_column many[] = {{"method", SG_DOC_TEXT, ""},
                                                {"raw only", SG_DOC_NUMBER, "%"},
                                                {"synthetic", SG_DOC_NUMBER, "%"},
                                                {"raw+synthetic", SG_DOC_NUMBER, "%"},
                                                {"a long reason", SG_DOC_TEXT, ""}};
    sg_doc_table(doc, "many", "Many", 0, 5, many);
    for (int r = 0; r < 3; r++) {
        sg_doc_text(doc, "few_shot_3");
        for (int c = 0; c < 3; c++)
            sg_doc_estimate(doc, 0.61, 0.42, 0.83, 100, 1, r ? "*" : "");
        sg_doc_text(doc,
                    "words that go on and on, longer than any terminal is wide, until they end at their end");
    }
    for (int i = 0; i < N_OF(widths); i++)
        for (int all = 0; all < 2; all++) {
            struct files f =
                draw(doc, "terminal", &(struct sg_form_options){.all = all, .width = widths[i]}, NULL);
            if (all)
                holds(&f.all, "61.0 [42.0, 83.0] *", "terminal");
            for (char *line = f.all.data, *end; line && *line; line = end + 1) {
                end = strchr(line, '\n');
                *end = 0;
                if (sg_terminal_width(line) > (size_t)widths[i])
                    fail_msg("width %d: '%s'", widths[i], line);
            }
            sg_buf_free(&f.all);
        }
    sg_doc_destroy(doc);
}

static void latex_compiles(void **state)
{
    (void)state;
    char command[1500];
    if (system("command -v pdflatex > /dev/null 2>&1") != 0) {
        print_message("no pdflatex (Debian: texlive-latex-base)\n");
        skip();
    }
    struct sg_doc *doc = evil_doc();
    const char *folder = in_scratch("latex");
    OK(sg_mkdirs(folder, &err));
    struct files f = draw(doc, "latex", &(struct sg_form_options){0}, folder);
    assert_int_equal(f.n, N_OF(evil) + 2);
    snprintf(command, sizeof command,
             "cd %s && pdflatex -interaction=nonstopmode -halt-on-error -no-shell-escape report.tex > log "
             "2>&1 || { tail -20 log; exit 1; }",
             folder);
    assert_int_equal(system(command), 0);
    sg_buf_free(&f.all);
    sg_doc_destroy(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_texts), cmocka_unit_test(lines_fit),
                                       cmocka_unit_test(latex_compiles)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
