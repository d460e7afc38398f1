/* Rows from CSV and TSV: RFC 4180 with the delimiter given, or without quoting (base/rows_quotes.c tells which). */
#include "base/mem.h"
#include "base/rows_impl.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

struct table {
    struct sg_rows_reader *in;
    enum sg_quoting quoting;
    struct sg_h5_table_form form;
    char *s, *end; /* end: the NUL */
    int64_t line;
    int n; /* fields of the record */
    char *field[SG_MAX_COLUMNS];
};

/* Where the line at s ends. */
static char *line_end(const struct table *t, char *s)
{
    char *nl = memchr(s, t->form.cr ? '\r' : '\n', (size_t)(t->end - s));
    return nl ? nl : t->end;
}

/* A line without quotes: splits it in place. */
static void split_plain(struct table *t, char *stop)
{
    char *s = t->s, *last = stop > s && stop[-1] == '\r' && !t->form.cr ? stop - 1 : stop;
    t->s = stop < t->end ? stop + 1 : stop;
    t->n = 0;
    *last = 0;
    for (char *d; s; s = d) {
        d = memchr(s, t->form.delimiter, (size_t)(last - s));
        if (t->n < SG_MAX_COLUMNS)
            t->field[t->n] = s;
        t->n++;
        if (d)
            *d++ = 0;
    }
}

/* Moves the text from `from` to `to` down to *out, and counts its lines. */
static void move_down(struct table *t, char **out, const char *from, const char *to)
{
    size_t n = (size_t)(to - from);
    memmove(*out, from, n);
    for (const char *p = *out, *end = p + n; (p = memchr(p, t->form.cr ? '\r' : '\n', (size_t)(end - p)));
         p++)
        t->line++;
    *out += n;
}

/* The quoted field at *s, which is behind its quote, to *out; 0 when it does not end. */
static int unquote(struct table *t, char **s, char **out)
{
    int backslash = t->quoting == SG_QUOTING_BACKSLASH;
    for (char *p = *s, *q;; p = q + 1) {
        q = memchr(p, '"', (size_t)(t->end - p));
        if (!q)
            return 0;
        int is_inner = backslash ? q > p && q[-1] == '\\' : q[1] == '"';
        move_down(t, out, p, is_inner && backslash ? q - 1 : q);
        if (!is_inner) {
            *s = q + 1;
            return 1;
        }
        *(*out)++ = '"';
        q += !backslash;
    }
}

static int split_quoted(struct table *t)
{
    char newline = t->form.cr ? '\r' : '\n', *s = t->s;
    t->n = 0;
    for (;;) {
        char *out = s, *start = s;
        if (*s == '"' && (s++, !unquote(t, &s, &out)))
            return 0;
        while (s < t->end && *s != t->form.delimiter && *s != newline && !(*s == '\r' && s[1] == '\n'))
            *out++ = *s++;
        char stop = *s;
        if (stop == '\r' && !t->form.cr)
            stop = *++s;
        s += s < t->end;
        *out = 0;
        if (t->n < SG_MAX_COLUMNS)
            t->field[t->n] = start;
        t->n++;
        if (stop != t->form.delimiter) {
            t->s = s;
            return 1;
        }
    }
}

/* The next record into t->field; *line is where it begins. */
static sg_status next_record(struct table *t, int64_t *line, struct sg_err *err)
{
    *line = t->line;
    char *stop = line_end(t, t->s);
    int is_plain = t->quoting == SG_QUOTING_NONE || !memchr(t->s, '"', (size_t)(stop - t->s));
    if (is_plain)
        split_plain(t, stop);
    else if (!split_quoted(t))
        return sg_fail(
            err, SG_INPUT,
            "%s:%lld: a quoted field does not end; hint: where quotes are characters of the texts, "
            "--quotes plain (data.quotes: plain)",
            t->in->path, (long long)*line);
    t->line++;
    return SG_OK;
}

static int is_blank(const struct table *t) /* an empty line */
{
    return t->n == 1 && !t->field[0][0];
}

static sg_status check_width(const struct table *t, int n_names, int64_t line, struct sg_err *err)
{
    if (t->n == n_names)
        return SG_OK;
    return sg_fail(err, SG_INPUT, "%s:%lld: %d %s, but the header names %d%s", t->in->path, (long long)line,
                   t->n, sg_plural(t->n, "field", "fields"), n_names,
                   t->n == n_names + 1 && line == t->in->n_skipped + 2
                       ? "; hint: does the first field hold R's row names? write.table(row.names = FALSE)"
                       : "");
}

static int is_number(const char *s)
{
    double x;
    return sg_parse_double(s, &x) || strcmp(s, "NA") == 0 || strcmp(s, "NaN") == 0;
}

static void see(struct table *t, char *const *name, int n_names)
{
    for (int i = 0; i < n_names && i < t->n; i++) {
        const char *v = t->field[i];
        char plain[SG_LABEL_PLAIN];
        const char *flag = sg_label_plain(v, plain);
        enum sg_cell kind = !*v || strcmp(v, "NA") == 0                               ? SG_CELL_NONE
                            : strcmp(flag, "true") == 0 || strcmp(flag, "false") == 0 ? SG_CELL_FLAG
                            : is_number(v)                                            ? SG_CELL_NUMBER
                                                                                      : SG_CELL_TEXT;
        sg_columns_see(&t->in->columns, name[i], strlen(name[i]), kind, v, strlen(v));
    }
    t->in->columns.n_rows++;
}

/* What a label's cell holds that is none, in words; NULL: a label. Where a task names the classes, they decide. */
static const char *no_label(const struct sg_fields *f, const char *v)
{
    static const char *const missing[] = {"NA", "NaN", "nan", "<NA>", "NULL", "null", "#N/A", "N/A", "n/a"};
    double x;
    size_t n = strlen(v);
    if (f->is_task)
        return NULL;
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        if (strcmp(v, missing[i]) == 0)
            return "how R and pandas write a missing value; hint: take such rows out, or call the class "
                   "otherwise";
    if (n > 1 && v[0] == '[' && v[n - 1] == ']')
        return "a list: rows with several labels (multi-label) are not read; hint: one label a row";
    if (strspn(v, "+-.0123456789eE") == n && strpbrk(v, ".eE") && sg_parse_double(v, &x) && nearbyint(x) != x)
        return "a score, not a class; hint: write classes as words or whole numbers";
    return NULL;
}

static sg_status take(struct table *t, const int column[3], int64_t line, struct sg_err *err)
{
    const struct sg_fields *f = &t->in->fields;
    const char *const name[3] = {f->first, f->second, f->label};
    const char *value[3];
    for (int i = 0; i < 3; i++) {
        value[i] = column[i] >= 0 ? t->field[column[i]] : NULL;
        if (i == 2 && value[i]) {
            sg_text_trim(t->field[column[i]]);
            const char *what = t->in->need_label && !f->may_lack ? no_label(f, value[i]) : NULL;
            if (what)
                return sg_fail(err, SG_INPUT, "%s:%lld: field \"%s\" is \"%.40s\", %s", t->in->path,
                               (long long)line, name[i], value[i], what);
        }
        if (i == 2 && value[i] && !value[i][0])
            value[i] = NULL; /* an empty column is no label */
        if (name[i] && !value[i] && i < 2 && f->may_lack)
            value[i] = "";
        if (name[i] && !value[i] && !f->may_lack && (i < 2 || t->in->need_label))
            return sg_rows_fail_field(t->in, line, name[i], err);
        if (value[i] && !sg_utf8_valid(value[i], strlen(value[i])))
            return sg_rows_fail_utf8(t->in, line, name[i], err);
    }
    SG_TRY(sg_rows_add(&t->in->rows, value[0], value[1], value[2], err));
    t->in->rows.row[t->in->rows.n - 1].line = line;
    return SG_OK;
}

/* Which column is called so: -1 none. Two of one name are refused: which one is meant, nobody can know. */
static sg_status column_of(const struct table *t, char *const *name, int n_names, const char *wanted,
                           int *out, struct sg_err *err)
{
    *out = -1;
    for (int i = 0; wanted && i < n_names; i++) {
        if (strcmp(name[i], wanted) != 0)
            continue;
        if (*out >= 0)
            return sg_fail(err, SG_INPUT,
                           "%s: columns %d and %d are both called \"%s\"; hint: rename one of them",
                           t->in->path, *out + 1, i + 1, wanted);
        *out = i;
    }
    return SG_OK;
}

/* The first records: split in place, they cannot be read again, so that their fields are kept. */
struct first_rows {
    int n;
    int64_t line[SG_SAMPLE_ROWS];
    char **field; /* (SG_SAMPLE_ROWS, n_names) */
};

static sg_status read_first(struct table *t, char *const *name, int n_names, struct first_rows *f,
                            struct sg_err *err)
{
    int64_t most = t->in->limit && t->in->limit < SG_SAMPLE_ROWS ? t->in->limit : SG_SAMPLE_ROWS, line;
    while (t->s < t->end && f->n < most) {
        SG_TRY(next_record(t, &line, err));
        if (is_blank(t))
            continue;
        SG_TRY(check_width(t, n_names, line, err));
        see(t, name, n_names);
        memcpy(f->field + f->n * n_names, t->field, (size_t)n_names * sizeof *t->field);
        f->line[f->n++] = line;
    }
    return SG_OK;
}

static sg_status take_all(struct table *t, char *const *name, int n_names, struct first_rows *f,
                          struct sg_err *err)
{
    /* What is wrong with the first rows is told after what is wrong with the columns: that explains it. */
    struct sg_err later = {0};
    sg_status status = read_first(t, name, n_names, f, &later);
    if (f->n == 0)
        return status == SG_OK ? SG_OK : sg_fail(err, status, "%s", later.text);
    SG_TRY(sg_rows_find_fields(t->in, 1, f->line[0], err));
    const struct sg_fields *found = &t->in->fields;
    const char *const wanted[3] = {found->first, found->second, found->label};
    int column[3];
    for (int i = 0; i < 3; i++)
        SG_TRY(column_of(t, name, n_names, wanted[i], &column[i], err));
    for (int i = 0; i < f->n; i++) {
        memcpy(t->field, f->field + i * n_names, (size_t)n_names * sizeof *t->field);
        SG_TRY(take(t, column, f->line[i], err));
    }
    if (status != SG_OK)
        return sg_fail(err, status, "%s", later.text);
    for (int64_t line; t->s < t->end && !sg_rows_done(t->in);) {
        SG_TRY(next_record(t, &line, err));
        if (is_blank(t))
            continue;
        SG_TRY(check_width(t, n_names, line, err));
        SG_TRY(take(t, column, line, err));
    }
    return SG_OK;
}

sg_status sg_rows_read_table(struct sg_rows_reader *in, char *text, size_t n, char delimiter,
                             struct sg_err *err)
{
    if (memchr(text, 0, n))
        return sg_fail(err, SG_INPUT, "%s: holds a NUL byte; not a text file", in->path);
    struct sg_h5_table_form form = {delimiter, !memchr(text, '\n', n) && memchr(text, '\r', n)};
    struct table t = {.in = in, .form = form, .s = text, .end = text + n, .line = 1 + in->n_skipped};
    if (n == 0)
        return SG_OK;
    SG_TRY(sg_quoting_find(in, text, n, form, &t.quoting, err));
    int64_t line;
    SG_TRY(next_record(&t, &line, err));
    if (t.n > SG_MAX_COLUMNS)
        return sg_fail(err, SG_INPUT, "%s: %d columns; at most %d are read", in->path, t.n, SG_MAX_COLUMNS);
    int n_names = t.n;
    char *name[SG_MAX_COLUMNS];
    memcpy(name, t.field, (size_t)n_names * sizeof *name);
    struct first_rows *first = sg_alloc(1, sizeof *first);
    if (first)
        first->field = sg_alloc((size_t)SG_SAMPLE_ROWS * (size_t)n_names, sizeof *first->field);
    sg_status status = first && first->field
                           ? take_all(&t, name, n_names, first, err)
                           : sg_fail_memory(err, (size_t)SG_SAMPLE_ROWS * (size_t)n_names * sizeof(char *));
    sg_free(first ? first->field : NULL);
    sg_free(first);
    return status;
}
