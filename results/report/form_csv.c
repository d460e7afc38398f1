/* RFC 4180: a head, CRLF, quotes where a field has a comma, a quote or a line end. */
#include "results/report/form.h"

#include "results/report/form_csv.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t CSV_MAX = (size_t)1 << 30;

/* Spreadsheets compute what begins with one of these (OWASP, "CSV Injection"); an apostrophe before it makes it a text there. A lone "-" is
 * our "there is none". The last four are the wide forms of the first. */
static int is_formula(const char *text)
{
    static const char *const begin[] = {
        "=", "+", "-", "@", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};
    if (strcmp(text, "-") == 0)
        return 0;
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
        if (strncmp(text, begin[i], strlen(begin[i])) == 0)
            return 1;
    return 0;
}

static void field(struct sg_buf *out, const char *text)
{
    static const struct sg_escape quote[] = {{'"', "\"\""}};
    struct sg_buf safe = sg_buf_make(CSV_MAX);
    sg_form_text(&safe, text, 0, NULL, 0);
    const char *s = sg_buf_text(&safe);
    int quoted = strpbrk(s, ",\"") != NULL;
    sg_buf_puts(out, quoted ? "\"" : "");
    sg_buf_puts(out, is_formula(s) ? "'" : "");
    sg_form_text(out, s, 0, quote, 1);
    sg_buf_puts(out, quoted ? "\"" : "");
    if (safe.failed)
        out->failed = safe.failed;
    sg_buf_free(&safe);
}

/* Nothing where there is none. */
static void number(struct sg_buf *out, double x)
{
    if (isfinite(x))
        sg_buf_printf(out, "%.12g", x);
}

/* Whether a cell is shown as more than its number: an interval, a mark, "3 of 5 done". */
static int has_words(const struct sg_doc_cell *c)
{
    char *end;
    double x = strtod(c->text, &end);
    return strcmp(c->text, "-") != 0 && (*end || end == c->text || !isfinite(x));
}

/* What a column of numbers has beside them. */
struct extra {
    int interval, words;
};

static struct extra extra_of(const struct sg_doc_table *t, int64_t c)
{
    struct extra e = {0};
    for (int64_t r = 0; r < t->n_rows && t->column[c].type == SG_DOC_NUMBER; r++) {
        const struct sg_doc_cell *cell = &t->cell[r * t->n_columns + c];
        e.interval |= isfinite(cell->low) || isfinite(cell->high);
        e.words |= has_words(cell);
    }
    return e;
}

static void head(struct sg_buf *out, const char *name, const char *what, const char *unit)
{
    char text[300];
    snprintf(text, sizeof text, "%.200s%s%s%.40s%s", name, what, unit[0] ? " [" : "", unit,
             unit[0] ? "]" : "");
    field(out, text);
}

static void draw_head(const struct sg_doc_table *t, const struct extra *extra, struct sg_buf *out)
{
    for (int64_t c = 0; c < t->n_columns; c++) {
        sg_buf_puts(out, c ? "," : "");
        head(out, t->column[c].name, "", t->column[c].unit);
        for (int k = 0; k < 2 && extra[c].interval; k++) {
            sg_buf_puts(out, ",");
            head(out, t->column[c].name, k ? " high" : " low", t->column[c].unit);
        }
        sg_buf_puts(out, extra[c].words ? "," : "");
        if (extra[c].words)
            head(out, t->column[c].name, " as shown", "");
    }
    sg_buf_puts(out, "\r\n");
}

static void draw_cell(const struct sg_doc_cell *cell, enum sg_doc_column_type type, struct extra extra,
                      struct sg_buf *out)
{
    if (type == SG_DOC_TEXT) {
        field(out, cell->text);
        return;
    }
    number(out, cell->value);
    for (int k = 0; k < 2 && extra.interval; k++) {
        sg_buf_puts(out, ",");
        number(out, k ? cell->high : cell->low);
    }
    sg_buf_puts(out, extra.words ? "," : "");
    if (extra.words)
        field(out, cell->text);
}

static void draw_table(const struct sg_doc_table *t, struct sg_buf *out)
{
    struct extra *extra = sg_alloc((size_t)t->n_columns, sizeof *extra);
    if (!extra) {
        out->failed = 1;
        return;
    }
    for (int64_t c = 0; c < t->n_columns; c++)
        extra[c] = extra_of(t, c);
    draw_head(t, extra, out);
    for (int64_t i = 0; i < t->n_cells; i++) {
        int64_t c = i % t->n_columns;
        sg_buf_puts(out, c ? "," : "");
        draw_cell(&t->cell[i], t->column[c].type, extra[c], out);
        sg_buf_puts(out, c + 1 == t->n_columns ? "\r\n" : "");
    }
    sg_free(extra);
}

void sg_form_csv_figure(const struct sg_figure *f, struct sg_buf *out)
{
    sg_buf_puts(out, "series,label,x,y,low,high\r\n");
    for (int64_t i = 0; i < f->n_points; i++) {
        const struct sg_figure_point *p = &f->point[i];
        const double x[] = {p->x, p->y, p->low, p->high};
        field(out, f->series[p->series]);
        sg_buf_puts(out, ",");
        field(out, p->label);
        for (int k = 0; k < 4; k++) {
            sg_buf_puts(out, ",");
            number(out, x[k]);
        }
        sg_buf_puts(out, "\r\n");
    }
}

static sg_status put(const char *kind, const char *name, struct sg_buf *text,
                     const struct sg_form_output *out, struct sg_err *err)
{
    char file[200];
    snprintf(file, sizeof file, "%s%s%s", kind, name, name[0] ? ".csv" : "");
    SG_TRY(sg_buf_check(text, "a CSV file", err));
    return out->put(out->context, file, text, err);
}

sg_status sg_form_csv(const struct sg_doc *doc, const struct sg_report_data *d,
                      const struct sg_form_options *o, const struct sg_form_output *out, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(CSV_MAX);
    const struct sg_doc_table *only = NULL;
    sg_status status = SG_OK;
    (void)d;
    if (o->one_file) {
        SG_TRY(sg_form_only_table(doc, &only, err));
        if (only)
            draw_table(only, &text);
        status = put("", "", &text, out, err);
    }
    for (int64_t s = 0; s < doc->n_sections && !o->one_file && status == SG_OK; s++)
        for (int64_t i = 0; i < doc->section[s].n_blocks && status == SG_OK; i++) {
            const struct sg_doc_block *b = &doc->section[s].block[i];
            sg_buf_clear(&text);
            if (b->table) {
                draw_table(b->table, &text);
                status = put("table-", b->table->name, &text, out, err);
            } else if (b->figure) {
                sg_form_csv_figure(b->figure, &text);
                status = put("figure-", b->figure->name, &text, out, err);
            }
        }
    sg_buf_free(&text);
    return status;
}
