#include "base/rows.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <jansson.h>
#include <string.h>

/* A data file is text for one machine's memory; 4 GiB is far above any of the field's. */
static const size_t max_file = (size_t)4 << 30;

/* The columns that are looked for, in this order, when the caller names none. */
static const struct sg_fields usual[] = {
    {"text", NULL, "label", SG_CUT_LONGEST},
    {"sentence1", "sentence2", "label", SG_CUT_LONGEST},
    {"premise", "hypothesis", "label", SG_CUT_LONGEST},
    {"question", "passage", "label", SG_CUT_SECOND},
    {"sentence", NULL, "label", SG_CUT_LONGEST},
};
enum { N_USUAL = sizeof usual / sizeof usual[0] };

void sg_rows_free(struct sg_rows *rows)
{
    if (!rows)
        return;
    for (int64_t i = 0; i < rows->n; i++) {
        sg_free(rows->row[i].first);
        sg_free(rows->row[i].second);
        sg_free(rows->row[i].label);
    }
    sg_free(rows->row);
    *rows = (struct sg_rows){.cut = rows->cut};
}

sg_status sg_rows_add(struct sg_rows *rows, const char *first, const char *second, const char *label,
                      struct sg_err *err)
{
    struct sg_row *row = sg_grown(rows->row, rows->n, sizeof *row);
    if (!row)
        return sg_fail_memory(err, 2 * (size_t)rows->n * sizeof *row);
    rows->row = row;
    struct sg_row r = {sg_strdup(first), sg_strdup(second), sg_strdup(label), 0};
    if ((first && !r.first) || (second && !r.second) || (label && !r.label)) {
        sg_free(r.first);
        sg_free(r.second);
        sg_free(r.label);
        return sg_fail_memory(err, strlen(first));
    }
    rows->row[rows->n++] = r;
    return SG_OK;
}

/* One record of either format: names and values side by side. */
struct record {
    int n;
    const char **name, **value; /* value NULL: absent or of a type that is no text */
};

static const char *get(const struct record *r, const char *name)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->name[i], name) == 0)
            return r->value[i];
    return NULL;
}

struct reader {
    const char *path;
    struct sg_fields fields;
    int found, need_label;
    int64_t limit;
    struct sg_rows rows;
};

static sg_status find_fields(struct reader *in, const struct record *r, int64_t line, struct sg_err *err)
{
    for (int i = 0; i < N_USUAL && !in->found; i++)
        if (get(r, usual[i].first) && (!usual[i].second || get(r, usual[i].second))) {
            in->fields = usual[i];
            in->found = 1;
        }
    if (!in->found)
        return sg_fail(err, SG_INPUT,
                       "%s:%lld: no text field; hint: name the columns `text`, or `sentence1` and "
                       "`sentence2`, or `passage` "
                       "and `question`, or map them with `fields` in the task file",
                       in->path, (long long)line);
    return SG_OK;
}

static sg_status take(struct reader *in, const struct record *r, int64_t line, struct sg_err *err)
{
    if (!in->found)
        SG_TRY(find_fields(in, r, line, err));
    const char *name[3] = {in->fields.first, in->fields.second, in->fields.label}, *value[3];
    for (int i = 0; i < 3; i++) {
        value[i] = name[i] ? get(r, name[i]) : NULL;
        if (i == 2 && value[i] && !value[i][0])
            value[i] = NULL; /* an empty column of a CSV file is no label */
        if (name[i] && !value[i] && (i < 2 || in->need_label))
            return sg_fail(err, SG_INPUT, "%s:%lld: field \"%s\" is missing, empty or no text", in->path,
                           (long long)line, name[i]);
        if (value[i] && !sg_utf8_valid(value[i], strlen(value[i])))
            return sg_fail(err, SG_INPUT,
                           "%s:%lld: field \"%s\" is not valid UTF-8; hint: convert the file with iconv",
                           in->path, (long long)line, name[i]);
    }
    SG_TRY(sg_rows_add(&in->rows, value[0], value[1], value[2], err));
    in->rows.row[in->rows.n - 1].line = line;
    return SG_OK;
}

enum { MAX_COLUMNS = 256 };

static sg_status take_json(struct reader *in, const char *text, size_t n, int64_t line, struct sg_err *err)
{
    json_error_t why;
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!object)
        return sg_fail(err, SG_INPUT, "%s:%lld: not JSON: %s", in->path, (long long)line, why.text);
    sg_status status = SG_OK;
    const char *name[MAX_COLUMNS], *value[MAX_COLUMNS];
    char number[MAX_COLUMNS][32];
    struct record r = {0, name, value};
    if (!json_is_object(object))
        status =
            sg_fail(err, SG_INPUT, "%s:%lld: a row must be a JSON object {...}", in->path, (long long)line);
    const char *key;
    json_t *v;
    json_object_foreach (object, key, v) {
        if (r.n == MAX_COLUMNS)
            break;
        name[r.n] = key;
        value[r.n] = json_string_value(v);
        if (json_is_integer(v)) {
            snprintf(number[r.n], sizeof number[0], "%lld", (long long)json_integer_value(v));
            value[r.n] = number[r.n];
        } else if (json_is_boolean(v))
            value[r.n] = json_is_true(v) ? "true" : "false";
        r.n++;
    }
    if (status == SG_OK)
        status = take(in, &r, line, err);
    json_decref(object);
    return status;
}

static sg_status read_jsonl(struct reader *in, const char *text, size_t n, struct sg_err *err)
{
    int64_t line = 0;
    for (size_t at = 0; at < n && (!in->limit || in->rows.n < in->limit);) {
        const char *nl = memchr(text + at, '\n', n - at);
        size_t len = nl ? (size_t)(nl - text) - at : n - at;
        line++;
        if (strspn(text + at, " \t\r") < len)
            SG_TRY(take_json(in, text + at, len, line, err));
        at += len + 1;
    }
    return SG_OK;
}

/* RFC 4180 with the delimiter given; in a TSV a quote is an ordinary character (GLUE's files have single
 * ones). Splits one record in place, in `s`; returns what follows it, NULL on a quote that never ends. */
static char *split(char *s, char delimiter, char **field, int *n_fields, int64_t *n_lines)
{
    *n_fields = 0;
    *n_lines = 1;
    for (;;) {
        char *out = s, *start = s;
        if (*s == '"' && delimiter != '\t') {
            for (s++;; s++) {
                if (!*s)
                    return NULL;
                *n_lines += *s == '\n';
                if (*s == '"' && s[1] != '"')
                    break;
                s += *s == '"';
                *out++ = *s;
            }
            s++;
        }
        while (*s && *s != delimiter && *s != '\n' && !(*s == '\r' && s[1] == '\n'))
            *out++ = *s++;
        char stop = *s;
        if (stop == '\r')
            stop = *++s;
        s += stop != 0;
        *out = 0;
        if (*n_fields < MAX_COLUMNS)
            field[(*n_fields)++] = start;
        if (stop != delimiter)
            return s;
    }
}

static sg_status read_csv(struct reader *in, char *text, char delimiter, struct sg_err *err)
{
    char *name[MAX_COLUMNS], *value[MAX_COLUMNS];
    int n_names = 0, n_values;
    int64_t line = 1, n_lines;
    for (char *s = text; *s && (!in->limit || in->rows.n < in->limit); line += n_lines) {
        s = split(s, delimiter, n_names ? value : name, n_names ? &n_values : &n_names, &n_lines);
        if (!s)
            return sg_fail(err, SG_INPUT, "%s:%lld: a quoted field does not end", in->path, (long long)line);
        if (line == 1)
            continue;
        if (n_values == 1 && !value[0][0])
            continue; /* an empty line */
        if (n_values != n_names)
            return sg_fail(err, SG_INPUT, "%s:%lld: %d %s, but the header names %d", in->path,
                           (long long)line, n_values, sg_plural(n_values, "field", "fields"), n_names);
        struct record r = {n_names, (const char **)name, (const char **)value};
        SG_TRY(take(in, &r, line, err));
    }
    return SG_OK;
}

static int ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    if (n > 3 && strcmp(path + n - 3, ".gz") == 0)
        n -= 3;
    return n >= m && strncmp(path + n - m, end, m) == 0;
}

sg_status sg_rows_read(const char *path, const struct sg_fields *fields, int need_label, int64_t limit,
                       struct sg_rows *out, struct sg_err *err)
{
    struct reader in = {.path = path, .need_label = need_label, .limit = limit};
    if (fields && fields->first) {
        in.fields = *fields;
        in.found = 1;
        if (!in.fields.label)
            in.fields.label = "label";
    }
    char *text = NULL;
    size_t n = 0;
    SG_TRY(sg_file_read_gz(path, max_file, &text, &n, err));
    size_t bom = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    sg_status status;
    int is_csv = ends_in(path, ".csv"), is_tsv = ends_in(path, ".tsv");
    if (is_csv || is_tsv)
        status = memchr(text, 0, n) ? sg_fail(err, SG_INPUT, "%s: holds a NUL byte; not a text file", path)
                                    : read_csv(&in, text + bom, is_csv ? ',' : '\t', err);
    else
        status = read_jsonl(&in, text + bom, n - bom, err);
    sg_free(text);
    if (status == SG_OK && in.rows.n == 0)
        status = sg_fail(err, SG_INPUT, "%s: no rows in it", path);
    if (status != SG_OK) {
        sg_rows_free(&in.rows);
        return status;
    }
    in.rows.cut = in.fields.cut;
    *out = in.rows;
    return SG_OK;
}
