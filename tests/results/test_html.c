/* The page: foreign texts stay texts, whatever they hold; it asks nobody; figures with gnuplot, without it, and with one that lies. */
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"
#include "results/report/figure_impl.h"
#include "results/report/form.h"

#include "tests/base/check.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What ends elements, attributes, scripts, sections and strings of gnuplot, what a shell would run, and bytes that are no text. */
#define HOSTILE                                                                                              \
    "zq<script>alert(1)</script>zq\" onload=\"x zq' zq&lt;]]>--> `touch zq-was-here` $(touch zq-was-here) "  \
    "@{zq}^2 \\\" \n set output 'zq-was-here'\x1b[31m\xe2\x80\xae\xff"

static struct sg_buf page;

static sg_status keep(void *context, const char *name, const struct sg_buf *content, struct sg_err *e)
{
    (void)context;
    (void)e;
    assert_string_equal(name, "");
    sg_buf_clear(&page);
    sg_buf_add(&page, content->data, content->len);
    return SG_OK;
}

static void fill(struct sg_doc *doc, const char *text)
{
    const struct sg_doc_column column[] = {{text, SG_DOC_TEXT, text}, {text, SG_DOC_NUMBER, text}};
    sg_doc_warn(doc, "%s", text);
    sg_doc_section(doc, "all", text);
    sg_doc_say(doc, "%s", text);
    sg_doc_paragraph(doc, "%s", text);
    for (unsigned browse = 0; browse < 2; browse++) {
        sg_doc_table(doc, "t", text, browse ? SG_DOC_BROWSE : SG_DOC_BRIEF, 2, column);
        sg_doc_text(doc, text);
        sg_doc_number(doc, 7, "%s", text);
        sg_doc_text(doc, "");
        sg_doc_estimate(doc, 0.642, 0.611, 0.673, 100, 1, text);
    }
    sg_doc_note(doc, "%s", text);
    for (int kind = 0; kind <= SG_FIGURE_SPANS; kind++) {
        sg_doc_figure(doc, &(struct sg_figure_spec){.name = text,
                                                    .title = text,
                                                    .x_label = text,
                                                    .y_label = text,
                                                    .kind = (enum sg_figure_kind)kind,
                                                    .zero_line = 0});
        for (int s = 0; s < 2; s++) {
            sg_doc_series(doc, text);
            for (int k = 0; k < 3; k++)
                sg_doc_point(doc, k + 1, k - s, k - 1, k + 1, text);
        }
    }
}

static void draw(const char *text)
{
    struct sg_doc *doc = sg_doc_create(text, text);
    assert_non_null(doc);
    fill(doc, text);
    doc->section[0].is_answer = 1;
    OK(sg_doc_check(doc, &err));
    const struct sg_form_output out = {NULL, keep};
    OK(sg_form_of("html")->draw(doc, NULL, &(struct sg_form_options){0}, &out, &err));
    sg_doc_destroy(doc);
}

static int count(const char *words)
{
    int n = 0;
    for (const char *s = sg_buf_text(&page); (s = strstr(s, words)); s++)
        n++;
    return n;
}

static void foreign_texts_stay_texts(void **state)
{
    (void)state;
    static const char *const never[] = {"zq<",  "zq\"", "zq'",          "<b>",        "]]>",
                                        "\x1b", "-->",  "\xe2\x80\xae", " onload=\"", "<img"};
    draw(HOSTILE);
    for (int i = 0; i < N_OF(never); i++)
        if (strstr(sg_buf_text(&page), never[i]))
            fail_msg("the page holds %s", never[i]);
    assert_int_equal(count("<script"), 1);
    assert_int_equal(count("</script"), 1);
    assert_true(count("zq&lt;script&gt;alert(1)&lt;/script&gt;zq&quot; onload=&quot;x zq&#39; zq&amp;lt;") >
                12);
    assert_true(sg_utf8_valid(page.data, page.len));
    assert_int_not_equal(access("zq-was-here", F_OK), 0);
}

/* The policy names style and script by what they are, and nothing in the page leads out of it. */
static void it_asks_nobody(void **state)
{
    (void)state;
    static const char *const never[] = {
        "http:", "https:", "url(", "@import", " src=", "<link", "<iframe", " style=\"", "unsafe"};
    static const char *const part[][2] = {{"<style>", "</style>"}, {"<script>", "</script>"}};
    draw("plain");
    assert_int_equal(count("default-src 'none'"), 1);
    for (int i = 0; i < N_OF(never); i++)
        if (strstr(sg_buf_text(&page), never[i]))
            fail_msg("the page holds %s", never[i]);
    for (const char *s = sg_buf_text(&page); (s = strstr(s, "href=\"")); s++)
        assert_int_equal(s[6], '#');
    for (int i = 0; i < 2; i++) {
        const char *from = strstr(sg_buf_text(&page), part[i][0]) + strlen(part[i][0]),
                   *to = strstr(from, part[i][1]);
        unsigned char digest[32], base64[48];
        sg_sha256(from, (size_t)(to - from), digest);
        EVP_EncodeBlock(base64, digest, sizeof digest);
        assert_non_null(strstr(sg_buf_text(&page), (const char *)base64));
    }
}

/* Headings and tables for those who do not see the page; each number's value where its words are not it. */
static void what_stands_in_it(void **state)
{
    (void)state;
    draw("plain");
    assert_int_equal(count("<h1>"), 1);
    assert_true(strstr(page.data, "<section class=\"headlines\"") < strstr(page.data, "<nav"));
    assert_int_equal(count("<dd>plain</dd>"), 1);
    assert_int_equal(count("<caption>plain</caption>"), 2);
    assert_int_equal(count("<th scope=\"row\">"), 2);
    assert_int_equal(count("<td class=\"n\" data-v=\"7\">plain</td>"), 1);
    assert_int_equal(count("<td class=\"n\">64.2<span class=\"iv\"> \xc2\xb1"
                           "3.1</span><span class=\"mark\"> plain</span></td>"),
                     1);
    assert_int_equal(count("<table class=\"browse\">"), 1);
    assert_int_equal(
        count("<pre data-file=\"figure-plain.csv\">series,label,x,y,low,high\nplain,plain,1,0,-1,1\n"), 1);
}

/* Whatever a label holds, gnuplot gets none of it. */
static void gnuplot_sees_no_foreign_text(void **state)
{
    (void)state;
    struct sg_doc *doc = sg_doc_create("", "");
    fill(doc, HOSTILE);
    int n = 0;
    for (int64_t i = 0; i < doc->section[0].n_blocks; i++) {
        const struct sg_figure *f = doc->section[0].block[i].figure;
        struct sg_figure_plot p = {.f = f};
        if (!f)
            continue;
        OK(sg_figure_script(&p, &err));
        assert_null(strstr(sg_buf_text(&p.script), "zq"));
        for (size_t k = 0; k < p.script.len; k++)
            assert_true(p.script.data[k] == '\n' || (p.script.data[k] >= ' ' && p.script.data[k] < 0x7f));
        assert_true(p.n_drawn > 0 && p.n_words > 0);
        sg_figure_plot_free(&p);
        n++;
    }
    assert_int_equal(n, SG_FIGURE_SPANS + 1);
    sg_doc_destroy(doc);
}

static void every_kind_is_drawn(void **state)
{
    (void)state;
    struct sg_figure_drawer drawer = sg_figure_drawer_make();
    if (drawer.off) {
        print_message("skipped: %s\n", drawer.why);
        skip();
    }
    draw("plain");
    assert_int_equal(count("<svg class=\"plot\""), SG_FIGURE_SPANS + 1);
    assert_int_equal(count("gnuplot draws no"), 0);
    assert_true(count(">plain</text>") > 10);
    assert_true(count("<circle r=\"1\" class=\"f1\"") > 3 && count("<polygon class=\"d") > 3 &&
                count("<polygon class=\"f1\"") > 3 && count("<path class=\"k2\"") > 3);
}

/* Numbers that are none, or beyond all measure, and figures of one point. */
static void strange_numbers(void **state)
{
    (void)state;
    static const double odd[] = {0, -1, 1e-300, 1e300, -1e300, 5, NAN, INFINITY};
    struct sg_figure_drawer drawer = sg_figure_drawer_make();
    for (int kind = 0; kind <= SG_FIGURE_SPANS; kind++)
        for (int i = 0; i < N_OF(odd) * 2; i++) {
            double x = odd[i % N_OF(odd)];
            char why[300];
            struct sg_doc *doc = sg_doc_create("", "");
            struct sg_buf svg = sg_buf_make(1 << 20);
            sg_doc_section(doc, "s", "s");
            sg_doc_figure(doc, &(struct sg_figure_spec){.name = "f",
                                                        .title = "f",
                                                        .kind = (enum sg_figure_kind)kind,
                                                        .log_x = i >= N_OF(odd),
                                                        .zero_line = x});
            sg_doc_series(doc, "");
            sg_doc_point(doc, x, x, x, x, "");
            OK(sg_figure_svg(doc->section[0].block[0].figure, &drawer, &svg, why, &err));
            assert_false(strstr(why, "gnuplot draws") != NULL);
            sg_buf_free(&svg);
            sg_doc_destroy(doc);
        }
}

/* A PATH that has this gnuplot alone. */
static char *with_gnuplot(const char *script)
{
    char *folder = NULL;
    OK(sg_temp_dir(&folder, &err));
    char *file = sg_path_join(folder, "gnuplot");
    if (script) {
        OK(sg_file_write(file, script, strlen(script), &err));
        assert_int_equal(chmod(file, 0755), 0);
    }
    setenv("PATH", folder, 1);
    sg_free(file);
    return folder;
}

static void also_of(const char *folder, const char *before)
{
    char *both = sg_strf("%s:%s", folder, before);
    setenv("PATH", both, 1);
    sg_free(both);
}

static void without_gnuplot_and_with_one_that_lies(void **state)
{
    (void)state;
    static const struct {
        const char *script, *words;
        int svg;
    } row[] = {
        {NULL, "There is no gnuplot here", 0},
        {"#!/bin/sh\nexit 3\n", "gnuplot draws no figures here (gnuplot failed with exit code 3)", 0},
        {"#!/bin/sh\necho hello\n", "what it wrote is no SVG", 0},
        {"#!/bin/sh\necho '<svg><path d='\n", "what it wrote is no SVG", 0},
        {"#!/bin/sh\ncat <<'END'\n<svg onload='zq'><script>zq</script><g transform=\"translate(1,1)\" "
         "fill=\"rgb(0,0,19)\" onclick=\"zq\"><text>zq<b>zq</b></text><text>Q999999Z</text></g><path "
         "stroke='rgb(0,0,1)' "
         "d='M0\" zq='/><path stroke='url(zq)' d='M0,0'/><use xlink:href='zq' transform='translate(1,1)' "
         "color='rgb(0,0,1)'/>"
         "<image href='zq'/><polygon fill='rgb(0,0,1)' points='zq'/></svg>\nEND\n",
         "<svg class=\"plot\"", 1},
    };
    char *before = sg_strdup(getenv("PATH"));
    for (int i = 0; i < N_OF(row); i++) {
        char *folder = with_gnuplot(row[i].script);
        if (row[i].svg)
            also_of(folder, before);
        draw("plain");
        assert_int_equal(count("zq"), 0);
        assert_int_equal(count("<script"), 1);
        if (!count(row[i].words))
            fail_msg("%d: the page does not say %s", i, row[i].words);
        assert_int_equal(count("<details open>"), row[i].svg ? 0 : SG_FIGURE_SPANS + 1);
        char *file = sg_path_join(folder, "gnuplot");
        unlink(file);
        rmdir(folder);
        sg_free(file);
        sg_free(folder);
    }
    setenv("PATH", before, 1);
    sg_free(before);
}

static sg_status attempt(void)
{
    struct sg_doc *doc = sg_doc_create("a", "b");
    if (!doc)
        return sg_fail_memory(&err, 1);
    fill(doc, "plain");
    sg_status status = sg_doc_check(doc, &err);
    const struct sg_form_output out = {NULL, keep};
    if (status == SG_OK)
        status = sg_form_of("html")->draw(doc, NULL, &(struct sg_form_options){0}, &out, &err);
    sg_doc_destroy(doc);
    return status;
}

static void no_memory(void **state)
{
    (void)state;
    char *before = sg_strdup(getenv("PATH"));
    setenv("PATH", "", 1); /* as many processes as allocations would take their time */
    sg_buf_free(&page);
    page = sg_buf_make(1 << 24);
    draw("plain"); /* `page` itself has its memory now */
    assert_true(fail_each_allocation(attempt) > 50);
    setenv("PATH", before, 1);
    sg_free(before);
}

int main(void)
{
    page = sg_buf_make(1 << 24);
    const struct CMUnitTest tests[] = {cmocka_unit_test(foreign_texts_stay_texts),
                                       cmocka_unit_test(it_asks_nobody),
                                       cmocka_unit_test(what_stands_in_it),
                                       cmocka_unit_test(gnuplot_sees_no_foreign_text),
                                       cmocka_unit_test(every_kind_is_drawn),
                                       cmocka_unit_test(strange_numbers),
                                       cmocka_unit_test(without_gnuplot_and_with_one_that_lies),
                                       cmocka_unit_test(no_memory)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sg_buf_free(&page);
    return failed;
}
