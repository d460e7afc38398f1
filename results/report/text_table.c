#include "results/report/text_table.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { FOREIGN_MAX = 60 };
static const size_t SHEET_MAX = (size_t)1 << 26;

struct sg_text_table sg_text_table_make(const char *align, const char *const *heads)
{
    struct sg_text_table s = {
        .n_columns = (int)strlen(align), .align = align, .text = sg_buf_make(SHEET_MAX)};
    for (int c = 0; c < s.n_columns; c++)
        sg_text_table_own(&s, "%s", heads[c]);
    return s;
}

void sg_text_table_own(struct sg_text_table *s, const char *format, ...)
{
    char cell[400];
    va_list args;
    va_start(args, format);
    vsnprintf(cell, sizeof cell, format, args);
    va_end(args);
    sg_buf_add(&s->text, cell, strlen(cell) + 1);
}

void sg_text_table_foreign(struct sg_text_table *s, const char *text)
{
    sg_buf_safe(&s->text, text, FOREIGN_MAX);
    sg_buf_add(&s->text, "", 1);
}

void sg_text_table_free(struct sg_text_table *s)
{
    sg_buf_free(&s->text);
}

/* Columns of a terminal that a text takes. */
static size_t width_of(const char *text)
{
    size_t n = strlen(text), width = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        i += (size_t)sg_utf8_decode(text + i, n - i, &c);
        int w = utf8proc_charwidth((utf8proc_int32_t)c);
        width += w > 0 ? (size_t)w : 0;
    }
    return width;
}

/* A backslash before ASCII punctuation takes its meaning away (CommonMark 0.31, section 2.4). An underscore
 * inside a word has none (section 6.2), so that zero_shot stays readable in the source. */
static void add_markdown(struct sg_buf *out, const char *text)
{
    for (const char *s = text; *s; s++) {
        int inside = s > text && isalnum((unsigned char)s[-1]) && isalnum((unsigned char)s[1]);
        if (strchr("\\`*{}[]<>|~&$#", *s) || (*s == '_' && !inside))
            sg_buf_puts(out, "\\");
        sg_buf_add(out, s, 1);
    }
}

void sg_add_foreign(struct sg_buf *out, enum sg_report_form form, const char *text, size_t max_chars)
{
    if (form != SG_REPORT_MARKDOWN) {
        sg_buf_safe(out, text, max_chars);
        return;
    }
    struct sg_buf safe = sg_buf_make(SHEET_MAX);
    sg_buf_safe(&safe, text, max_chars);
    add_markdown(out, sg_buf_text(&safe));
    if (safe.failed)
        out->failed = safe.failed;
    sg_buf_free(&safe);
}

static void pad(struct sg_buf *out, size_t n)
{
    while (n--)
        sg_buf_puts(out, " ");
}

static void draw_terminal(const struct sg_text_table *s, const size_t *width, struct sg_buf *out)
{
    const char *cell = s->text.data, *end = s->text.data + s->text.len;
    for (int row = 0; cell < end; row++) {
        size_t owed = 0; /* blanks before the next text: none at a line's end */
        sg_buf_puts(out, "  ");
        for (int c = 0; c < s->n_columns && cell < end; c++, cell += strlen(cell) + 1) {
            size_t blanks = width[c] - width_of(cell);
            if (cell[0]) {
                pad(out, owed + (s->align[c] == '>' ? blanks : 0));
                sg_buf_puts(out, cell);
                owed = 2 + (s->align[c] == '>' ? 0 : blanks);
            } else
                owed += width[c] + 2;
        }
        sg_buf_puts(out, "\n");
        if (row == 0) {
            sg_buf_puts(out, "  ");
            for (int c = 0; c < s->n_columns; c++) {
                for (size_t i = 0; i < width[c]; i++)
                    sg_buf_puts(out, "-");
                sg_buf_puts(out, c + 1 < s->n_columns ? "  " : "\n");
            }
        }
    }
}

static void draw_markdown(const struct sg_text_table *s, struct sg_buf *out)
{
    const char *cell = s->text.data, *end = s->text.data + s->text.len;
    for (int row = 0; cell < end; row++) {
        for (int c = 0; c < s->n_columns && cell < end; c++, cell += strlen(cell) + 1) {
            sg_buf_puts(out, c ? " | " : "| ");
            add_markdown(out, cell);
        }
        sg_buf_puts(out, " |\n");
        for (int c = 0; row == 0 && c < s->n_columns; c++)
            sg_buf_printf(out, "%s%s%s", c ? "" : "|", s->align[c] == '>' ? "---:|" : ":---|",
                          c + 1 < s->n_columns ? "" : "\n");
    }
}

void sg_text_table_draw(const struct sg_text_table *s, enum sg_report_form form, struct sg_buf *out)
{
    if (s->text.failed) {
        out->failed = s->text.failed;
        return;
    }
    if (form == SG_REPORT_MARKDOWN) {
        draw_markdown(s, out);
        return;
    }
    size_t *width = sg_alloc((size_t)s->n_columns, sizeof *width);
    if (!width) {
        out->failed = 1;
        return;
    }
    const char *cell = s->text.data, *end = s->text.data + s->text.len;
    for (int c = 0; cell < end; c = (c + 1) % s->n_columns, cell += strlen(cell) + 1)
        if (width_of(cell) > width[c])
            width[c] = width_of(cell);
    draw_terminal(s, width, out);
    sg_free(width);
}
