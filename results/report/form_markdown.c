/* GitHub Markdown. */
#include "results/report/form.h"

#include "results/report/form_markdown.h"

#include <ctype.h>
#include <string.h>

static const size_t MARKDOWN_MAX = (size_t)1 << 28;
enum { MAX_TEXT = 300 };

/* A backslash before ASCII punctuation takes its meaning away (CommonMark 0.31, section 2.4). An underscore
 * inside a word has none (section 6.2), so that zero_shot stays readable in the source. What begins a list or a heading does so at the
 * beginning alone. */
static void add(struct sg_buf *out, const char *text, size_t max_chars, int is_line)
{
    struct sg_buf safe = sg_buf_make(MARKDOWN_MAX);
    sg_form_text(&safe, text, max_chars, NULL, 0);
    const char *from = sg_buf_text(&safe);
    size_t digits = strspn(from, "0123456789");
    for (const char *s = from; *s; s++) {
        int inside = s > from && isalnum((unsigned char)s[-1]) && isalnum((unsigned char)s[1]);
        int begins = is_line &&
                     ((s == from && strchr("-+=", *s)) || (digits && s == from + digits && strchr(".)", *s)));
        if (strchr("\\`*{}[]<>|~&$#", *s) || (*s == '_' && !inside) || begins)
            sg_buf_puts(out, "\\");
        sg_buf_add(out, s, 1);
    }
    if (safe.failed)
        out->failed = safe.failed;
    sg_buf_free(&safe);
}

void sg_form_markdown_text(struct sg_buf *out, const char *text, size_t max_chars)
{
    add(out, text, max_chars, 0);
}

static void paragraph(struct sg_buf *out, const char *before, const char *text, const char *behind)
{
    sg_buf_puts(out, before);
    add(out, text, 0, 1);
    sg_buf_puts(out, behind);
}

static void draw_table(const struct sg_doc_table *t, struct sg_buf *out)
{
    for (int64_t c = 0; c < t->n_columns; c++) {
        struct sg_buf name = sg_buf_make(MARKDOWN_MAX);
        sg_form_head(&name, t, c, NULL, 0);
        sg_buf_puts(out, c ? " | " : "| ");
        add(out, sg_buf_text(&name), MAX_TEXT, 0);
        sg_buf_free(&name);
    }
    sg_buf_puts(out, " |\n|");
    for (int64_t c = 0; c < t->n_columns; c++)
        sg_buf_puts(out, t->column[c].type == SG_DOC_NUMBER ? "---:|" : ":---|");
    for (int64_t i = 0; i < t->n_cells; i++) {
        sg_buf_puts(out, i % t->n_columns ? " | " : "\n| ");
        add(out, t->cell[i].text, MAX_TEXT, 0);
        sg_buf_puts(out, i % t->n_columns == t->n_columns - 1 ? " |" : "");
    }
    sg_buf_puts(out, "\n\n");
}

static void draw_block(const struct sg_doc_section *s, const struct sg_doc_block *b, struct sg_buf *out)
{
    switch (b->kind) {
    case SG_DOC_SENTENCE:
        paragraph(out, "**", b->text, "**\n\n");
        break;
    case SG_DOC_PARAGRAPH:
    case SG_DOC_NOTE:
        paragraph(out, "", b->text, "\n\n");
        break;
    case SG_DOC_TABLE:
        if (strcmp(b->table->title, s->title) != 0)
            paragraph(out, "### ", b->table->title, "\n\n");
        if (b->table->flags & SG_DOC_BROWSE)
            sg_buf_printf(out, "%lld rows, which `--format html` and `--format csv` hold.\n\n",
                          (long long)b->table->n_rows);
        else
            draw_table(b->table, out);
        break;
    case SG_DOC_FIGURE:
        paragraph(out, "Figure of `--format html`: ", b->figure->title, "\n\n");
        break;
    }
}

static void draw_answers(const struct sg_doc *doc, struct sg_buf *out)
{
    int n = 0;
    for (int64_t s = 0; s < doc->n_sections; s++)
        for (int64_t i = 0; i < doc->section[s].n_blocks && doc->section[s].is_answer; i++)
            if (doc->section[s].block[i].kind == SG_DOC_SENTENCE) {
                sg_buf_puts(out, n++ ? "" : "## Answers\n\n");
                paragraph(out, "- ", doc->section[s].block[i].text, "\n");
            }
    sg_buf_puts(out, n ? "\n" : "");
}

sg_status sg_form_markdown(const struct sg_doc *doc, const struct sg_report_data *d,
                           const struct sg_form_options *o, const struct sg_form_output *out,
                           struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(MARKDOWN_MAX);
    (void)d;
    paragraph(&text, "# ", doc->title, "\n\n");
    paragraph(&text, "", doc->subtitle, ".\n\n");
    for (int64_t i = 0; i < doc->n_warnings; i++)
        paragraph(&text, "**", doc->warning[i], "**\n\n");
    if (!o->section)
        draw_answers(doc, &text);
    for (int64_t s = 0; s < doc->n_sections; s++) {
        paragraph(&text, "## ", doc->section[s].title, "\n\n");
        for (int64_t i = 0; i < doc->section[s].n_blocks; i++)
            draw_block(&doc->section[s], &doc->section[s].block[i], &text);
    }
    while (text.len > 1 && text.data[text.len - 2] == '\n')
        text.data[--text.len] = 0;
    sg_status status = sg_buf_check(&text, "the report", err);
    if (status == SG_OK)
        status = out->put(out->context, "", &text, err);
    sg_buf_free(&text);
    return status;
}
