#include "results/report/html_impl.h"

#include "base/mem.h"
#include "results/report/form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A browser's columns: one of few and short texts is chosen from a list, one of long texts takes a row of its own. */
enum { MAX_CHOICES = 24, CHIP_CHARS = 60 };
struct look {
    int is_long, is_choice;
};

static const char *text_at(const struct sg_doc_table *t, int64_t row, int64_t column)
{
    return t->cell[row * t->n_columns + column].text;
}

static struct look look_of(const struct sg_doc_table *t, int64_t column)
{
    const char *seen[MAX_CHOICES];
    int n = 0;
    struct look look = {.is_choice = 1};
    for (int64_t r = 0; r < t->n_rows; r++) {
        const char *text = text_at(t, r, column);
        int known = !text[0];
        look.is_long |= strlen(text) > CHIP_CHARS;
        for (int k = 0; k < n && !known; k++)
            known = strcmp(seen[k], text) == 0;
        if (known)
            continue;
        if (n == MAX_CHOICES || look.is_long) {
            look.is_choice = 0;
            continue;
        }
        seen[n++] = text;
    }
    look.is_choice = look.is_choice && !look.is_long && n > 1 && n < t->n_rows;
    return look;
}

static void head(struct sg_buf *out, const struct sg_doc_table *t, const struct look *look)
{
    sg_buf_puts(out, "<thead><tr>");
    for (int64_t c = 0; c < t->n_columns; c++) {
        sg_buf_printf(out, "<th scope=\"col\"%s%s>", t->column[c].type == SG_DOC_NUMBER ? " class=\"n\"" : "",
                      look && look[c].is_choice ? " data-filter" : "");
        sg_html_text(out, t->column[c].name, 0);
        if (t->column[c].unit[0]) {
            sg_buf_puts(out, " <span class=\"unit\">");
            sg_html_text(out, t->column[c].unit, 0);
            sg_buf_puts(out, "</span>");
        }
        sg_buf_puts(out, "</th>");
    }
    sg_buf_puts(out, "</tr></thead>");
}

/* What the page sorts by is the number that is shown, unless that is in words. */
static void number_attribute(struct sg_buf *out, const struct sg_doc_cell *c)
{
    char *end;
    double shown = strtod(c->text, &end);
    if (isfinite(c->value) && (end == c->text || fabs(shown - c->value) > 1e-12 + 1e-9 * fabs(c->value)))
        sg_buf_printf(out, " data-v=\"%.9g\"", c->value);
}

/* "64.2 ±3.1 =": the interval is dimmed, the mark is bold. */
static void number_text(struct sg_buf *out, const struct sg_doc_cell *c)
{
    size_t n = strlen(c->text), value = strcspn(c->text, " "), mark = c->mark_at < 0 ? n : (size_t)c->mark_at;
    if (!isfinite(c->low) || !isfinite(c->high) || value >= mark)
        value = mark;
    const struct {
        size_t from, to;
        const char *class_;
    } part[] = {{0, value, NULL}, {value, mark, "iv"}, {mark, n, "mark"}};
    for (int i = 0; i < 3; i++) {
        char *text = sg_strndup(c->text + part[i].from, part[i].to - part[i].from);
        if (!text) {
            out->failed = 1;
            return;
        }
        if (part[i].class_ && text[0])
            sg_buf_printf(out, "<span class=\"%s\">", part[i].class_);
        sg_html_text(out, text, 0);
        sg_buf_puts(out, part[i].class_ && text[0] ? "</span>" : "");
        sg_free(text);
    }
}

static void cell(struct sg_buf *out, const struct sg_doc_table *t, int64_t r, int64_t c)
{
    const struct sg_doc_cell *x = &t->cell[r * t->n_columns + c];
    if (t->column[c].type == SG_DOC_NUMBER) {
        sg_buf_puts(out, "<td class=\"n\"");
        number_attribute(out, x);
        sg_buf_puts(out, ">");
        number_text(out, x);
        sg_buf_puts(out, "</td>");
        return;
    }
    sg_buf_puts(out, c ? "<td>" : "<th scope=\"row\">");
    sg_html_text(out, x->text, 0);
    sg_buf_puts(out, c ? "</td>" : "</th>");
}

static void browse_cell(struct sg_buf *out, const struct sg_doc_table *t, int64_t r, int64_t c,
                        const struct look *look)
{
    const char *text = text_at(t, r, c);
    sg_buf_printf(out, "<td%s", look[c].is_long ? " class=\"long\"" : "");
    if (text[0]) {
        sg_buf_puts(out, " data-l=\"");
        sg_html_text(out, t->column[c].name, 0);
        sg_buf_puts(out, "\"");
    }
    sg_buf_puts(out, ">");
    sg_html_text(out, text, 0);
    sg_buf_puts(out, "</td>");
}

void sg_html_table(struct sg_buf *out, const struct sg_doc_table *t, const char *above)
{
    int browse = (t->flags & SG_DOC_BROWSE) != 0;
    struct look *look = browse ? sg_alloc((size_t)t->n_columns, sizeof *look) : NULL;
    if (browse && !look) {
        out->failed = 1;
        return;
    }
    for (int64_t c = 0; c < t->n_columns && browse; c++)
        look[c] = look_of(t, c);
    sg_buf_printf(out, "<div class=\"table\" id=\"t-%s\">", t->name);
    if (strcmp(t->title, above) != 0) {
        sg_buf_puts(out, "<h3>");
        sg_html_text(out, t->title, 0);
        sg_buf_puts(out, "</h3>");
    }
    sg_buf_puts(out, "<div class=\"box\" tabindex=\"0\" role=\"region\" aria-label=\"");
    sg_html_text(out, t->title, 0);
    sg_buf_printf(out, "\"><table%s><caption>", browse ? " class=\"browse\"" : "");
    sg_html_text(out, t->title, 0);
    sg_buf_puts(out, "</caption>");
    head(out, t, look);
    sg_buf_puts(out, "<tbody>\n");
    for (int64_t r = 0; r < t->n_rows; r++) {
        sg_buf_puts(out, "<tr>");
        for (int64_t c = 0; c < t->n_columns; c++)
            if (browse)
                browse_cell(out, t, r, c, look);
            else
                cell(out, t, r, c);
        sg_buf_puts(out, "</tr>\n");
    }
    sg_buf_puts(out, "</tbody></table></div></div>\n");
    sg_free(look);
}
