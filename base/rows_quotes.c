/* What a quote is in a table without the word of a standard.
 *
 * GLUE's TSV files hold quotes as characters, also single ones at a field's beginning (MRPC, QNLI). pandas, R and Excel write
 * TSV as RFC 4180 has CSV: a field that holds a quote, a tab or a line break is put in quotes, with those inside doubled (R's
 * write.table: with a backslash before). The whole file tells them apart: whoever writes CSV's quotes leaves no quote outside
 * them, closes each, and every record has the header's fields. Where the plain reading holds as well (each line has as many
 * tabs as the first), quotes are CSV's only where a reason for them can be seen: what stands in them needs them, or all texts
 * of a column have them. */
#include "base/mem.h"
#include "base/rows_impl.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

struct seen {
    int is_csv; /* no quote is out of place, all records are whole */
    int64_t n_quoted, n_needed,
        n_comma;           /* fields in quotes; with a quote, tab or line end inside; with a comma alone */
    int64_t n_bare_commas; /* fields without quotes that hold a comma */
    int breaks;            /* a delimiter or line end stands inside quotes */
    int n_columns;
    int64_t quoted[SG_MAX_COLUMNS], bare[SG_MAX_COLUMNS]; /* bare: texts without quotes, the header apart */
};

static int ends_field(const char *s, const char *end, struct sg_h5_table_form form)
{
    return s == end || *s == form.delimiter || *s == (form.cr ? '\r' : '\n') || (*s == '\r' && s[1] == '\n');
}

/* The quoted field at s, behind its quote: where it ends, NULL when it does not, or goes on behind the closing quote. */
static const char *look_inside(struct seen *x, const char *s, const char *end, struct sg_h5_table_form form,
                               int backslash)
{
    int needed = 0;
    const char *from = s;
    for (;; s++) {
        s = memchr(s, '"', (size_t)(end - s));
        if (!s)
            return NULL;
        int is_inner = backslash ? s > from && s[-1] == '\\' : s + 1 < end && s[1] == '"';
        if (!is_inner)
            break;
        s += !backslash;
        needed = 1;
    }
    size_t n = (size_t)(s - from);
    if (memchr(from, form.delimiter, n) || memchr(from, '\n', n) || memchr(from, '\r', n))
        x->breaks = needed = 1;
    x->n_quoted++;
    x->n_needed += needed;
    x->n_comma += !needed && memchr(from, ',', n);
    return ends_field(s + 1, end, form) ? s + 1 : NULL;
}

static int is_text(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isalpha((unsigned char)s[i]) || (unsigned char)s[i] >= 0x80)
            return !(n == 2 && memcmp(s, "NA", 2) == 0) && !(n == 3 && memcmp(s, "NaN", 3) == 0) &&
                   !(n == 4 && memcmp(s, "TRUE", 4) == 0) && !(n == 5 && memcmp(s, "FALSE", 5) == 0);
    return 0;
}

/* Reads the file as CSV, and stops where it is none. */
static void look(const char *text, size_t n, struct sg_h5_table_form form, int backslash, struct seen *x)
{
    *x = (struct seen){0};
    const char *s = text, *end = text + n;
    int n_names = 0, k = 0;
    unsigned char is_special[256] = {['"'] = 1, [','] = 1, ['\n'] = 1, ['\r'] = 1};
    is_special[(unsigned char)form.delimiter] = 1;
    while (s < end) {
        const char *from = s;
        if (*s == '"') {
            s = look_inside(x, s + 1, end, form, backslash);
            if (!s)
                return;
            if (n_names && k < SG_MAX_COLUMNS)
                x->quoted[k]++;
        } else {
            int comma = 0;
            for (;; s++) {
                while (s < end && !is_special[(unsigned char)*s])
                    s++;
                if (ends_field(s, end, form))
                    break;
                if (*s == '"')
                    return;
                comma |= *s == ',';
            }
            x->n_bare_commas += comma;
            if (n_names && k < SG_MAX_COLUMNS)
                x->bare[k] += is_text(from, (size_t)(s - from));
        }
        k++;
        if (s < end && *s == form.delimiter) {
            s++;
            if (s < end)
                continue;
            k++; /* an empty last field */
        }
        s += s < end && *s == '\r' && !form.cr;
        s += s < end;
        int is_blank = k == 1 && s - from <= 2 && *from != '"';
        if (!n_names)
            n_names = k;
        else if (k != n_names && !is_blank)
            return;
        k = 0;
    }
    x->n_columns = n_names;
    x->is_csv = 1;
}

/* Whether each line has as many delimiters as the first, whatever quotes there are. */
static int is_plain(const char *text, size_t n, struct sg_h5_table_form form)
{
    int64_t wanted = -1;
    for (const char *s = text, *end = text + n; s < end;) {
        const char *stop = memchr(s, form.cr ? '\r' : '\n', (size_t)(end - s));
        stop = stop ? stop : end;
        int64_t k = 0;
        int is_blank = stop == s || (stop == s + 1 && *s == '\r');
        for (const char *d = s; (d = memchr(d, form.delimiter, (size_t)(stop - d))); d++)
            k++;
        if (wanted < 0)
            wanted = k;
        else if (k != wanted && !is_blank)
            return 0;
        s = stop + 1;
    }
    return 1;
}

/* Whether what stands in quotes shows why. */
static int has_reason(const struct seen *x)
{
    if (x->n_needed == x->n_quoted)
        return 1;
    if (x->n_needed + x->n_comma == x->n_quoted && !x->n_bare_commas)
        return 1; /* Excel, which quotes commas in TSV too */
    int some = 0;
    for (int k = 0; k < x->n_columns && k < SG_MAX_COLUMNS; k++) {
        if (x->quoted[k] && x->bare[k])
            return 0;
        some |= x->quoted[k] > 0;
    }
    return some;
}

/* Whether the file holds the two bytes. */
static int holds(const char *text, size_t n, char a, char b)
{
    for (const char *s = text, *end = text + n; (s = memchr(s, a, (size_t)(end - s))); s++)
        if (s + 1 < end && s[1] == b)
            return 1;
    return 0;
}

/* The line of the first field that begins with a quote; 0: there is none. */
static int64_t find_opening(const char *text, size_t n, struct sg_h5_table_form form)
{
    char newline = form.cr ? '\r' : '\n';
    const char *end = text + n, *q = text;
    for (; (q = memchr(q, '"', (size_t)(end - q))); q++)
        if (q == text || q[-1] == form.delimiter || q[-1] == newline)
            break;
    int64_t line = q != NULL;
    for (const char *s = text; q && (s = memchr(s, newline, (size_t)(q - s))); s++)
        line++;
    return line;
}

static enum sg_quoting of_tsv(struct sg_rows_reader *in, const char *text, size_t n,
                              struct sg_h5_table_form form, struct seen *x)
{
    enum sg_quoting q = SG_QUOTING_DOUBLED;
    int64_t line = find_opening(text, n, form);
    if (!line)
        return SG_QUOTING_NONE;
    look(text, n, form, 0, x);
    if (!x->is_csv && holds(text, n, '\\', '"')) {
        q = SG_QUOTING_BACKSLASH;
        look(text, n, form, 1, x);
    }
    if (x->is_csv && ((!x->breaks && has_reason(x)) || !is_plain(text, n, form))) {
        sg_rows_note(&in->rows, in->path,
                     "quotes around fields are taken off (%lld %s), as pandas, R and Excel write them; hint: "
                     "data.quotes: plain (--quotes plain) keeps them",
                     (long long)x->n_quoted, sg_plural(x->n_quoted, "field", "fields"));
        return q;
    }
    sg_rows_note(
        &in->rows, in->path,
        "quotes are characters of the texts, as in GLUE's files (line %lld begins a field with one); hint: "
        "data.quotes: csv (--quotes csv) takes them off",
        (long long)(line + in->n_skipped));
    return SG_QUOTING_NONE;
}

sg_status sg_quoting_find(struct sg_rows_reader *in, const char *text, size_t n, struct sg_h5_table_form form,
                          enum sg_quoting *out, struct sg_err *err)
{
    enum sg_quotes asked = in->fields.quotes;
    int has_backslash = holds(text, n, '\\', '"');
    *out = SG_QUOTING_NONE;
    if (asked == SG_QUOTES_PLAIN || !memchr(text, '"', n))
        return SG_OK;
    *out = SG_QUOTING_DOUBLED;
    int is_found = asked == SG_QUOTES_FOUND && form.delimiter == '\t';
    if (!is_found && !has_backslash)
        return SG_OK;
    struct seen *x = sg_alloc(1, sizeof *x);
    if (!x)
        return sg_fail_memory(err, sizeof *x);
    if (is_found) {
        *out = of_tsv(in, text, n, form, x);
    } else if (look(text, n, form, 0, x), !x->is_csv) {
        look(text, n, form, 1, x);
        if (x->is_csv) {
            *out = SG_QUOTING_BACKSLASH;
            sg_rows_note(&in->rows, in->path,
                         "quotes inside quoted fields have a backslash before them, as R writes them");
        }
    }
    sg_free(x);
    return SG_OK;
}
