#include "base/rows.h"

#include "base/file.h"
#include "base/magic.h"
#include "base/mem.h"
#include "base/rows_impl.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A data file is text for one machine's memory; 4 GiB is far above any of the field's. */
static const size_t max_file = (size_t)4 << 30;

const char *sg_quotes_name(enum sg_quotes q)
{
    static const char *const name[SG_N_QUOTES] = {"auto", "plain", "csv"};
    return name[q];
}

void sg_row_free(struct sg_row *r)
{
    sg_free(r->first);
    sg_free(r->second);
    sg_free(r->label);
}

void sg_rows_free(struct sg_rows *rows)
{
    if (!rows)
        return;
    for (int64_t i = 0; i < rows->n; i++)
        sg_row_free(&rows->row[i]);
    sg_free(rows->row);
    sg_free(rows->notes);
    *rows = (struct sg_rows){.cut = rows->cut};
}

sg_status sg_rows_push(struct sg_rows *rows, struct sg_row r, struct sg_err *err)
{
    struct sg_row *row = sg_grown(rows->row, rows->n, sizeof *row);
    if (!row) {
        sg_row_free(&r);
        return sg_fail_memory(err, 2 * (size_t)rows->n * sizeof *row);
    }
    rows->row = row;
    rows->row[rows->n++] = r;
    return SG_OK;
}

sg_status sg_rows_add(struct sg_rows *rows, const char *first, const char *second, const char *label,
                      struct sg_err *err)
{
    struct sg_row r = {sg_strdup(first), sg_strdup(second), sg_strdup(label), 0};
    if ((first && !r.first) || (second && !r.second) || (label && !r.label)) {
        sg_row_free(&r);
        return sg_fail_memory(err, strlen(first));
    }
    return sg_rows_push(rows, r, err);
}

void sg_rows_note(struct sg_rows *rows, const char *path, const char *format, ...)
{
    char what[900];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    char *all = sg_strf("%s%s%s: %s", rows->notes ? rows->notes : "", rows->notes ? "\n" : "", path, what);
    if (!all)
        return;
    sg_free(rows->notes);
    rows->notes = all;
}

sg_status sg_rows_fail_field(const struct sg_rows_reader *in, int64_t line, const char *name,
                             struct sg_err *err)
{
    return sg_fail(
        err, SG_INPUT,
        "%s:%lld: field \"%s\" is missing, empty or no text; hint: fill it in, or take the row out", in->path,
        (long long)line, name);
}

sg_status sg_rows_fail_utf8(const struct sg_rows_reader *in, int64_t line, const char *name,
                            struct sg_err *err)
{
    return sg_fail(
        err, SG_INPUT,
        "%s:%lld: field \"%s\" is not valid UTF-8; hint: convert the file with iconv, like iconv -f "
        "WINDOWS-1252 -t UTF-8",
        in->path, (long long)line, name);
}

/* ---- which format ---- */

static int ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    if (n > 3 && strcasecmp(path + n - 3, ".gz") == 0)
        n -= 3;
    return n >= m && strncasecmp(path + n - m, end, m) == 0;
}

/* How many fields the header has with this delimiter, looking past quoted ones. */
static int count_fields(const char *text, char delimiter)
{
    int n = 1, quoted = 0;
    for (const char *s = text; *s && (quoted || (*s != '\n' && *s != '\r')); s++) {
        quoted ^= *s == '"';
        n += !quoted && *s == delimiter;
    }
    return n;
}

/* Excel writes ";" where a comma is the decimal sign. */
static char find_delimiter(const char *path, const char *text)
{
    if (ends_in(path, ".tsv") || ends_in(path, ".tab"))
        return '\t';
    static const char others[] = ";\t";
    int n_commas = count_fields(text, ',');
    if (ends_in(path, ".csv") && n_commas > 1 && count_fields(text, ';') < n_commas)
        return ',';
    char best = ',';
    int n_best = n_commas;
    for (const char *d = others; *d; d++) {
        int n = count_fields(text, *d);
        if (n > n_best || (n == n_best && n > 1 && *d == '\t')) {
            best = *d;
            n_best = n;
        }
    }
    return best;
}

static sg_status read_text(struct sg_rows_reader *in, char *text, size_t n, struct sg_err *err)
{
    static const char *const table[] = {".csv", ".tsv", ".tab", ".txt"};
    int is_table = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        is_table |= ends_in(in->path, table[i]);
    const char *begin = text + strspn(text, " \t\r\n");
    const char *inner = *begin ? begin + 1 + strspn(begin + 1, " \t\r\n") : begin;
    if ((*begin == '{' && *inner == '"') || (*begin == '[' && *inner == '{'))
        is_table = 0; /* whatever the name says */
    if (!is_table)
        return sg_rows_read_json(in, text, n, err);
    if (strncasecmp(text, "sep=", 4) == 0 && text[4] &&
        strchr("\r\n", text[5])) { /* Excel's own first line */
        size_t skip = 5 + (text[5] == '\r' && text[6] == '\n') + (text[5] != 0);
        in->n_skipped = 1;
        return sg_rows_read_table(in, text + skip, n - skip, text[4], err);
    }
    char delimiter = find_delimiter(in->path, text);
    if (delimiter != ',' && ends_in(in->path, ".csv"))
        sg_rows_note(&in->rows, in->path, "fields are separated by %s, as the first line is",
                     delimiter == ';' ? "semicolons" : "tabs");
    return sg_rows_read_table(in, text, n, delimiter, err);
}

sg_status sg_rows_read(const char *path, const struct sg_fields *fields, int need_label, int64_t limit,
                       struct sg_rows *out, struct sg_err *err)
{
    struct sg_rows_reader *in = sg_alloc(1, sizeof *in);
    if (!in)
        return sg_fail_memory(err, sizeof *in);
    *in = (struct sg_rows_reader){.path = path, .need_label = need_label, .limit = limit};
    if (fields)
        in->fields = *fields;
    char *text = NULL;
    size_t n = 0;
    sg_status status = sg_file_read_gz(path, max_file, &text, &n, err);
    if (status == SG_OK)
        status = sg_magic_check(path, text, n, err);
    size_t bom = n >= 3 && text && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (status == SG_OK)
        status = read_text(in, text + bom, n - bom, err);
    sg_free(text);
    if (status == SG_OK && in->rows.n == 0)
        status = sg_fail(err, SG_INPUT, "%s: no rows in it", path);
    if (status == SG_OK) {
        in->rows.cut = in->fields.cut;
        *out = in->rows;
    } else {
        sg_rows_free(&in->rows);
    }
    sg_columns_free(&in->columns);
    sg_free(in);
    return status;
}

/* ---- labels ---- */

const char *sg_label_plain(const char *label, char out[SG_LABEL_PLAIN])
{
    size_t n = strlen(label);
    if (n + 1 > SG_LABEL_PLAIN)
        return label;
    if (strcasecmp(label, "true") == 0 || strcasecmp(label, "false") == 0) {
        for (size_t i = 0; i <= n; i++)
            out[i] = (char)tolower((unsigned char)label[i]);
        return out;
    }
    size_t sign = label[0] == '-', whole = strspn(label + sign, "0123456789") + sign;
    if (whole > sign && label[whole] == '.' && label[whole + 1] &&
        strspn(label + whole + 1, "0") == n - whole - 1) {
        memcpy(out, label, whole);
        out[whole] = 0;
        return strcmp(out, "-0") == 0 ? "0" : out;
    }
    return label;
}
