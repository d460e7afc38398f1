#include "results/report/doc.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* No study that a person could read comes near it. */
static const size_t DOC_MAX = (size_t)1 << 30;
enum { CHUNK = 1 << 16, NAME_MAX_CHARS = 60 };

struct chunk {
    struct chunk *next;
    size_t used, size;
    char data[];
};

static void fail(struct sg_doc *doc, sg_status status, const char *what)
{
    if (doc->status == SG_OK)
        doc->status = sg_fail(&doc->err, status, "the report: %s", what);
}

/* Room for n bytes that lives as long as the document; NULL after an error. */
static char *room(struct sg_doc *doc, size_t n)
{
    struct chunk *c = doc->texts;
    if (doc->status != SG_OK)
        return NULL;
    if (n > DOC_MAX - doc->n_bytes) {
        fail(doc, SG_FAILED, "more than 1 GiB of texts; hint: --section NAME shows a part of it");
        return NULL;
    }
    doc->n_bytes += n;
    if (!c || c->size - c->used < n) {
        size_t size = n > CHUNK ? n : CHUNK;
        c = sg_alloc(1, sizeof *c + size);
        if (!c) {
            fail(doc, SG_FAILED, "out of memory");
            return NULL;
        }
        c->size = size;
        c->next = doc->texts;
        doc->texts = c;
    }
    c->used += n;
    return c->data + c->used - n;
}

/* Bytes of the character at s, of n that are left; 0: it is none. */
static size_t character(const char *s, size_t n)
{
    for (size_t len = 1; len <= 4 && len <= n; len++)
        if (sg_utf8_valid(s, len))
            return len;
    return 0;
}

/* A copy that is UTF-8. */
static char *copy(struct sg_doc *doc, const char *text)
{
    size_t n = strlen(text), n_bad = 0, len;
    int valid = sg_utf8_valid(text, n);
    for (size_t i = 0; i < n && !valid; i += len ? len : 1)
        n_bad += !(len = character(text + i, n - i));
    char *out = room(doc, n + 2 * n_bad + 1), *at = out;
    if (!out)
        return NULL;
    if (valid)
        return memcpy(out, text, n + 1);
    for (size_t i = 0; i < n; i += len ? len : 1) {
        len = character(text + i, n - i);
        memcpy(at, len ? text + i : "\xef\xbf\xbd", len ? len : 3);
        at += len ? len : 3;
    }
    *at = 0;
    return out;
}

static char *format_copy(struct sg_doc *doc, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : sg_alloc((size_t)n + 1, 1), *out = NULL;
    if (text) {
        vsnprintf(text, (size_t)n + 1, format, again);
        out = copy(doc, text);
    } else
        fail(doc, SG_FAILED, "out of memory");
    va_end(again);
    sg_free(text);
    return out;
}

/* Room for one more in a list of the document; NULL after an error. */
static void *grown(struct sg_doc *doc, void *list, int64_t n, size_t size)
{
    void *p = doc->status == SG_OK ? sg_grown(list, n, size) : NULL;
    if (!p)
        fail(doc, SG_FAILED, "out of memory");
    return p;
}

struct sg_doc *sg_doc_create(const char *title, const char *subtitle)
{
    struct sg_doc *doc = sg_alloc(1, sizeof *doc);
    if (!doc)
        return NULL;
    doc->title = copy(doc, title);
    doc->subtitle = copy(doc, subtitle);
    if (doc->status != SG_OK) {
        sg_doc_destroy(doc);
        return NULL;
    }
    return doc;
}

static void free_block(struct sg_doc_block *b)
{
    if (b->table) {
        sg_free(b->table->column);
        sg_free(b->table->cell);
    }
    if (b->figure) {
        sg_free(b->figure->series);
        sg_free(b->figure->point);
    }
    sg_free(b->table);
    sg_free(b->figure);
}

void sg_doc_destroy(struct sg_doc *doc)
{
    if (!doc)
        return;
    for (int64_t s = 0; s < doc->n_sections; s++) {
        for (int64_t b = 0; b < doc->section[s].n_blocks; b++)
            free_block(&doc->section[s].block[b]);
        sg_free(doc->section[s].block);
    }
    sg_free(doc->section);
    sg_free(doc->warning);
    for (struct chunk *c = doc->texts, *next; c; c = next) {
        next = c->next;
        sg_free(c);
    }
    sg_free(doc);
}

sg_status sg_doc_check(const struct sg_doc *doc, struct sg_err *err)
{
    if (doc->status != SG_OK)
        return sg_fail(err, doc->status, "%s", doc->err.text);
    for (int64_t s = 0; s < doc->n_sections; s++)
        for (int64_t b = 0; b < doc->section[s].n_blocks; b++) {
            const struct sg_doc_table *t = doc->section[s].block[b].table;
            if (t && t->n_cells != t->n_rows * t->n_columns)
                return sg_fail(err, SG_FAILED, "the report: table %s: %lld cells are no rows of %lld",
                               t->name, (long long)t->n_cells, (long long)t->n_columns);
        }
    return SG_OK;
}

void sg_doc_warn(struct sg_doc *doc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_copy(doc, format, args);
    va_end(args);
    char **list = grown(doc, doc->warning, doc->n_warnings, sizeof *list);
    if (!list)
        return;
    doc->warning = list;
    list[doc->n_warnings++] = text;
}

void sg_doc_section(struct sg_doc *doc, const char *name, const char *title)
{
    struct sg_doc_section s = {.name = copy(doc, name), .title = copy(doc, title)},
                          *list = grown(doc, doc->section, doc->n_sections, sizeof *list);
    if (!list)
        return;
    doc->section = list;
    list[doc->n_sections++] = s;
}

/* A block at the end of the last section; NULL after an error. */
static struct sg_doc_block *add_block(struct sg_doc *doc, enum sg_doc_kind kind)
{
    if (doc->status == SG_OK && !doc->n_sections)
        fail(doc, SG_FAILED, "a block before the first section");
    if (doc->status != SG_OK)
        return NULL;
    struct sg_doc_section *s = &doc->section[doc->n_sections - 1];
    struct sg_doc_block *list = grown(doc, s->block, s->n_blocks, sizeof *list);
    if (!list)
        return NULL;
    s->block = list;
    list[s->n_blocks] = (struct sg_doc_block){.kind = kind};
    return &list[s->n_blocks++];
}

static void add_text(struct sg_doc *doc, enum sg_doc_kind kind, const char *format, va_list args)
{
    char *text = format_copy(doc, format, args);
    struct sg_doc_block *b = add_block(doc, kind);
    if (b)
        b->text = text;
}

void sg_doc_say(struct sg_doc *doc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_text(doc, SG_DOC_SENTENCE, format, args);
    va_end(args);
}

void sg_doc_paragraph(struct sg_doc *doc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_text(doc, SG_DOC_PARAGRAPH, format, args);
    va_end(args);
}

void sg_doc_note(struct sg_doc *doc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_text(doc, SG_DOC_NOTE, format, args);
    va_end(args);
}

static int is_taken(const struct sg_doc *doc, const char *name, enum sg_doc_kind kind)
{
    for (int64_t s = 0; s < doc->n_sections; s++)
        for (int64_t i = 0; i < doc->section[s].n_blocks; i++) {
            const struct sg_doc_block *b = &doc->section[s].block[i];
            if (b->kind == kind && strcmp(b->table ? b->table->name : b->figure->name, name) == 0)
                return 1;
        }
    return 0;
}

/* "Methods on ../SST 2" is "methods-on-sst-2", and the second such name "methods-on-sst-2-2". */
static char *file_name(struct sg_doc *doc, const char *text, enum sg_doc_kind kind)
{
    char base[NAME_MAX_CHARS + 1], name[NAME_MAX_CHARS + 24];
    size_t n = 0;
    for (const char *s = text; *s && n < NAME_MAX_CHARS; s++) {
        int c = tolower((unsigned char)*s);
        if (isalnum(c) && c < 0x80)
            base[n++] = (char)c;
        else if (n && base[n - 1] != '-')
            base[n++] = '-';
    }
    while (n && base[n - 1] == '-')
        n--;
    base[n] = 0;
    snprintf(name, sizeof name, "%s", n ? base : "table");
    for (int64_t k = 2; is_taken(doc, name, kind); k++)
        snprintf(name, sizeof name, "%s-%lld", n ? base : "table", (long long)k);
    return copy(doc, name);
}

void sg_doc_table(struct sg_doc *doc, const char *name, const char *title, unsigned flags, int64_t n_columns,
                  const struct sg_doc_column *column)
{
    if (doc->status != SG_OK)
        return;
    struct sg_doc_table *t = sg_alloc(1, sizeof *t);
    if (t)
        t->column = sg_alloc((size_t)n_columns, sizeof *t->column);
    if (t && t->column) {
        t->name = file_name(doc, name, SG_DOC_TABLE);
        t->title = copy(doc, title);
        t->flags = flags;
        t->n_columns = n_columns;
        for (int64_t c = 0; c < n_columns; c++) {
            t->column[c].name = copy(doc, column[c].name);
            t->column[c].unit = copy(doc, column[c].unit ? column[c].unit : "");
            t->column[c].type = column[c].type;
        }
    } else
        fail(doc, SG_FAILED, "out of memory");
    struct sg_doc_block *b = add_block(doc, SG_DOC_TABLE);
    if (b)
        b->table = t;
    else
        free_block(&(struct sg_doc_block){.table = t});
}

/* The block that is being written, of this kind; NULL, and an error, where it is another. */
static struct sg_doc_block *last_block(struct sg_doc *doc, enum sg_doc_kind kind, const char *otherwise)
{
    if (doc->status != SG_OK)
        return NULL;
    struct sg_doc_section *s = doc->n_sections ? &doc->section[doc->n_sections - 1] : NULL;
    struct sg_doc_block *b = s && s->n_blocks ? &s->block[s->n_blocks - 1] : NULL;
    if (b && b->kind == kind)
        return b;
    fail(doc, SG_FAILED, otherwise);
    return NULL;
}

static void add_cell(struct sg_doc *doc, const struct sg_doc_cell *cell)
{
    struct sg_doc_block *b = last_block(doc, SG_DOC_TABLE, "a cell that is in no table");
    struct sg_doc_cell *list = b ? grown(doc, b->table->cell, b->table->n_cells, sizeof *list) : NULL;
    if (!list)
        return;
    struct sg_doc_table *t = b->table;
    t->cell = list;
    list[t->n_cells++] = *cell;
    t->n_rows = (t->n_cells + t->n_columns - 1) / t->n_columns;
}

static struct sg_doc_cell cell_of(char *text, double value)
{
    return (struct sg_doc_cell){.text = text, .mark_at = -1, .value = value, .low = NAN, .high = NAN};
}

void sg_doc_text(struct sg_doc *doc, const char *text)
{
    struct sg_doc_cell c = cell_of(copy(doc, text), NAN);
    add_cell(doc, &c);
}

void sg_doc_textf(struct sg_doc *doc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct sg_doc_cell c = cell_of(format_copy(doc, format, args), NAN);
    va_end(args);
    add_cell(doc, &c);
}

void sg_doc_int(struct sg_doc *doc, int64_t value)
{
    sg_doc_number(doc, (double)value, "%lld", (long long)value);
}

/* So small that its decimals are all 0: a zero, which has no sign. */
static double plain_zero(double x, int decimals)
{
    return fabs(x) < 0.5 * pow(10, -decimals) ? 0 : x;
}

void sg_doc_real(struct sg_doc *doc, double value, int decimals)
{
    if (isfinite(value))
        sg_doc_number(doc, value, "%.*f", decimals, plain_zero(value, decimals));
    else
        sg_doc_number(doc, NAN, "-");
}

void sg_doc_number(struct sg_doc *doc, double value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct sg_doc_cell c = cell_of(format_copy(doc, format, args), value);
    va_end(args);
    add_cell(doc, &c);
}

void sg_doc_estimate(struct sg_doc *doc, double value, double low, double high, double scale, int decimals,
                     const char *mark)
{
    /* Room for %f of any double. */
    char text[1100], above[400], below[400];
    double x = value * scale, a = low * scale, b = high * scale;
    int n = isfinite(x) ? snprintf(text, sizeof text, "%.*f", decimals, plain_zero(x, decimals))
                        : snprintf(text, sizeof text, "-");
    if (isfinite(x) && isfinite(a) && isfinite(b)) {
        snprintf(above, sizeof above, "%.*f", decimals, b - x);
        snprintf(below, sizeof below, "%.*f", decimals, x - a);
        if (strcmp(above, below) == 0)
            snprintf(text + n, sizeof text - (size_t)n, " \xc2\xb1%s", above);
        else
            snprintf(text + n, sizeof text - (size_t)n, " [%.*f, %.*f]", decimals, a, decimals, b);
    }
    int64_t mark_at = (int64_t)strlen(text);
    if (mark && mark[0])
        sg_doc_number(doc, x, "%s %s", text, mark);
    else
        sg_doc_number(doc, x, "%s", text);
    struct sg_doc_block *t = last_block(doc, SG_DOC_TABLE, "a cell that is in no table");
    if (!t)
        return;
    struct sg_doc_cell *c = &t->table->cell[t->table->n_cells - 1];
    c->low = a;
    c->high = b;
    c->mark_at = mark && mark[0] ? mark_at : -1;
}

void sg_doc_figure(struct sg_doc *doc, const struct sg_figure_spec *spec)
{
    if (doc->status != SG_OK)
        return;
    struct sg_figure *f = sg_alloc(1, sizeof *f);
    if (f) {
        f->name = file_name(doc, spec->name, SG_DOC_FIGURE);
        f->title = copy(doc, spec->title);
        f->x_label = copy(doc, spec->x_label ? spec->x_label : "");
        f->y_label = copy(doc, spec->y_label ? spec->y_label : "");
        f->kind = spec->kind;
        f->log_x = spec->log_x;
        f->zero_line = spec->zero_line;
    } else
        fail(doc, SG_FAILED, "out of memory");
    struct sg_doc_block *b = add_block(doc, SG_DOC_FIGURE);
    if (b)
        b->figure = f;
    else
        sg_free(f);
}

void sg_doc_series(struct sg_doc *doc, const char *name)
{
    struct sg_doc_block *b = last_block(doc, SG_DOC_FIGURE, "a series that is in no figure");
    char *text = copy(doc, name), **list;
    if (!b || !(list = grown(doc, b->figure->series, b->figure->n_series, sizeof *list)))
        return;
    b->figure->series = list;
    list[b->figure->n_series++] = text;
}

void sg_doc_point(struct sg_doc *doc, double x, double y, double low, double high, const char *label)
{
    struct sg_doc_block *b = last_block(doc, SG_DOC_FIGURE, "a point that is in no figure");
    if (b && !b->figure->n_series)
        fail(doc, SG_FAILED, "a point before the first series of its figure");
    char *text = copy(doc, label ? label : "");
    struct sg_figure_point *list = b ? grown(doc, b->figure->point, b->figure->n_points, sizeof *list) : NULL;
    if (!list)
        return;
    b->figure->point = list;
    list[b->figure->n_points++] = (struct sg_figure_point){
        .series = b->figure->n_series - 1, .x = x, .y = y, .low = low, .high = high, .label = text};
}
