/* The page: one file that asks nobody for anything. Its content security policy allows the style sheet and the script of this very page by
 * their hashes, and nothing else: what a hostile text might still bring in would not run. */
#include "results/report/form.h"

#include "base/sha256.h"
#include "generated/version.h"
#include "results/report/figure.h"
#include "results/report/form_csv.h"
#include "results/report/html_impl.h"

#include <openssl/evp.h>
#include <string.h>

static const size_t PAGE_MAX = (size_t)1 << 30;

void sg_html_text(struct sg_buf *out, const char *text, size_t max_chars)
{
    static const struct sg_escape escape[] = {
        {'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    sg_form_text(out, text, max_chars, escape, 5);
}

static void element(struct sg_buf *out, const char *open, const char *text, const char *close)
{
    sg_buf_puts(out, open);
    sg_html_text(out, text, 0);
    sg_buf_puts(out, close);
}

static void add_hash(struct sg_buf *out, const char *text)
{
    unsigned char digest[32], base64[48];
    sg_sha256(text, strlen(text), digest);
    EVP_EncodeBlock(base64, digest, sizeof digest);
    sg_buf_printf(out, "'sha256-%s'", (const char *)base64);
}

static void begin(struct sg_buf *out, const struct sg_doc *doc)
{
    sg_buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
    add_hash(out, sg_embedded_page_style);
    sg_buf_puts(out, "; script-src ");
    add_hash(out, sg_embedded_page_script);
    sg_buf_puts(out, "; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" "
                     "content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" "
                     "content=\"no-referrer\">\n");
    element(out, "<title>", doc->title, "</title>\n");
    sg_buf_printf(out, "<style>%s</style></head><body>\n<header>", sg_embedded_page_style);
    element(out, "<h1>", doc->title, "</h1>\n");
    element(out, "<p class=\"subtitle\">", doc->subtitle, "</p>\n");
    for (int64_t i = 0; i < doc->n_warnings; i++)
        element(out, "<p class=\"warning\">", doc->warning[i], "</p>\n");
}

static int has_sentence(const struct sg_doc_section *s)
{
    for (int64_t i = 0; i < s->n_blocks; i++)
        if (s->block[i].kind == SG_DOC_SENTENCE)
            return 1;
    return 0;
}

/* What every answer comes to, each with a way to what it rests on. */
static void headlines(struct sg_buf *out, const struct sg_doc *doc)
{
    int n = 0;
    for (int64_t s = 0; s < doc->n_sections; s++) {
        const struct sg_doc_section *x = &doc->section[s];
        if (!x->is_answer || !has_sentence(x))
            continue;
        sg_buf_puts(out, n++ ? "" : "<section class=\"headlines\"><h2>Answers</h2><dl>\n");
        sg_buf_printf(out, "<dt><a href=\"#s-%s\">", x->name);
        element(out, "", x->title, "</a></dt>\n");
        for (int64_t i = 0; i < x->n_blocks; i++)
            if (x->block[i].kind == SG_DOC_SENTENCE)
                element(out, "<dd>", x->block[i].text, "</dd>\n");
    }
    sg_buf_puts(out, n ? "</dl></section>\n" : "");
}

static void navigation(struct sg_buf *out, const struct sg_doc *doc)
{
    sg_buf_puts(out, "<nav aria-label=\"Sections\"><ul>");
    for (int64_t s = 0; s < doc->n_sections; s++) {
        sg_buf_printf(out, "<li><a href=\"#s-%s\">", doc->section[s].name);
        element(out, "", doc->section[s].title, "</a></li>\n");
    }
    sg_buf_puts(out, "</ul></nav></header>\n<main>\n");
}

static sg_status figure(struct sg_buf *out, const struct sg_figure *f, struct sg_figure_drawer *drawer,
                        struct sg_err *err)
{
    char why[300];
    struct sg_buf csv = sg_buf_make(PAGE_MAX);
    sg_buf_printf(out, "<figure id=\"f-%s\">", f->name);
    element(out, "<figcaption>", f->title, "</figcaption>\n");
    sg_status status = sg_figure_svg(f, drawer, out, why, err);
    if (status == SG_OK && why[0])
        element(out, "<p class=\"note\">", why, "</p>\n");
    sg_form_csv_figure(f, &csv);
    sg_buf_printf(out, "<details%s><summary>Numbers (CSV)</summary><pre data-file=\"figure-%s.csv\">",
                  why[0] && f->n_points ? " open" : "", f->name);
    for (const char *line = sg_buf_text(&csv), *end; (end = strstr(line, "\r\n")); line = end + 2) {
        struct sg_buf one = sg_buf_make(PAGE_MAX);
        sg_buf_add(&one, line, (size_t)(end - line));
        element(out, "", sg_buf_text(&one), "\n");
        out->failed = one.failed ? one.failed : out->failed;
        sg_buf_free(&one);
    }
    sg_buf_puts(out, "</pre></details></figure>\n");
    if (csv.failed)
        out->failed = csv.failed;
    sg_buf_free(&csv);
    return status;
}

static sg_status section(struct sg_buf *out, const struct sg_doc_section *s, struct sg_figure_drawer *drawer,
                         struct sg_err *err)
{
    static const struct {
        const char *open;
    } text[] = {[SG_DOC_SENTENCE] = {"<p class=\"answer\">"},
                [SG_DOC_PARAGRAPH] = {"<p>"},
                [SG_DOC_NOTE] = {"<p class=\"note\">"}};
    sg_buf_printf(out, "<section id=\"s-%s\">", s->name);
    element(out, "<h2>", s->title, "</h2>\n");
    for (int64_t i = 0; i < s->n_blocks; i++) {
        const struct sg_doc_block *b = &s->block[i];
        if (b->table)
            sg_html_table(out, b->table, s->title);
        else if (b->figure)
            SG_TRY(figure(out, b->figure, drawer, err));
        else
            element(out, text[b->kind].open, b->text, "</p>\n");
    }
    sg_buf_puts(out, "</section>\n");
    return SG_OK;
}

sg_status sg_form_html(const struct sg_doc *doc, const struct sg_report_data *d,
                       const struct sg_form_options *o, const struct sg_form_output *out, struct sg_err *err)
{
    struct sg_buf page = sg_buf_make(PAGE_MAX);
    struct sg_figure_drawer drawer = sg_figure_drawer_make();
    sg_status status = SG_OK;
    (void)d;
    (void)o;
    begin(&page, doc);
    headlines(&page, doc);
    navigation(&page, doc);
    for (int64_t s = 0; s < doc->n_sections && status == SG_OK; s++)
        status = section(&page, &doc->section[s], &drawer, err);
    sg_buf_printf(&page,
                  "</main>\n<footer>Made by synthgrid %s. This file asks nobody for anything; tables can be "
                  "sorted by their heads.</footer>\n<script>%s</script></body></html>\n",
                  SG_VERSION, sg_embedded_page_script);
    if (status == SG_OK)
        status = sg_buf_check(&page, "the page", err);
    if (status == SG_OK)
        status = out->put(out->context, "", &page, err);
    sg_buf_free(&page);
    return status;
}
