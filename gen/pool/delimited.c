#include "gen/pool/delimited.h"

#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/clean.h"
#include "gen/pool/label.h"

#include <string.h>

enum { MAX_FIELDS = 8, MAX_ROWS = 200 };

/* The fields of the record at s, in `field` (sg_free each); where the next record begins. *n: 0 when quotes do not close, or there
 * are too many. quoted[i]: it stood in quotes. */
static const char *read_fields(const char *s, char delimiter, char *field[MAX_FIELDS], int quoted[MAX_FIELDS],
                               int *n)
{
    *n = 0;
    for (int ok = 1;; s++) {
        struct sg_buf b = sg_buf_make((size_t)1 << 20);
        s += strspn(s, " ");
        int is_quoted = *s == '"';
        if (is_quoted) {
            for (s++; *s && !(*s == '"' && s[1] != '"'); s++) {
                s += *s == '"';
                sg_buf_add(&b, s, 1);
            }
            ok &= *s == '"';
            s += *s == '"';
            s += strspn(s, " ");
            ok &= *s == delimiter || *s == '\n' || !*s;
        }
        for (; *s && *s != delimiter && *s != '\n'; s++)
            sg_buf_add(&b, s, 1);
        char *text = sg_buf_take(&b);
        ok &= text != NULL && *n < MAX_FIELDS;
        if (ok) {
            sg_squeeze(text);
            quoted[*n] = is_quoted;
            field[(*n)++] = text;
        } else {
            sg_free(text);
        }
        if (*s == delimiter)
            continue;
        for (int i = 0; !ok && i < *n; i++)
            sg_free(field[i]);
        *n = ok ? *n : 0;
        return *s ? s + 1 : s;
    }
}

static void free_fields(char *field[MAX_FIELDS], int n)
{
    for (int i = 0; i < n; i++)
        sg_free(field[i]);
}

/* Whether these are names of columns: all known, a text among them. */
static int is_header(const struct sg_task *t, char *const field[MAX_FIELDS], int n)
{
    int n_texts = 0;
    for (int i = 0; i < n; i++) {
        enum sg_column_kind kind = strlen(field[i]) < 30 ? sg_column_kind_of(t, field[i]) : SG_COLUMN_OTHER;
        if (kind == SG_COLUMN_OTHER)
            return 0;
        n_texts += kind == SG_COLUMN_TEXT;
    }
    return n > 1 && n_texts > 0;
}

static json_t *rows_below(const char *s, char delimiter, char *const name[MAX_FIELDS], int n_names)
{
    json_t *rows = json_array();
    while (*s && json_array_size(rows) < MAX_ROWS) {
        char *field[MAX_FIELDS];
        int quoted[MAX_FIELDS], n;
        if (*s == '\n' || *s == ' ') {
            s++;
            continue;
        }
        s = read_fields(s, delimiter, field, quoted, &n);
        json_t *row = json_object();
        for (int i = 0; n == n_names && i < n; i++)
            json_object_set_new(row, name[i], json_string(field[i]));
        json_array_append_new(rows, row);
        free_fields(field, n);
    }
    return rows;
}

/* A row of a text and a class: the text in quotes, or the class beside the delimiter without a blank, as nobody writes a
 * sentence. NULL: it is none. */
static json_t *labelled_row(const struct sg_task *t, const char *line, size_t n_line,
                            char *const field[MAX_FIELDS], const int quoted[MAX_FIELDS], int n)
{
    if (n < 2)
        return NULL;
    int at = sg_label_of(t, field[n - 1], strlen(field[n - 1])) >= 0 ? n - 1
             : sg_label_of(t, field[0], strlen(field[0])) >= 0       ? 0
                                                                     : -1;
    if (at < 0)
        return NULL;
    json_t *row = NULL;
    if (n == 2 && quoted[1 - at] && *field[1 - at]) {
        row = json_object();
        json_object_set_new(row, t->first_mark, json_string(field[1 - at]));
    } else if (!quoted[0] && !quoted[n - 1]) {
        /* commas of the text's own may stand in it */
        const char *from = line, *to = line + n_line;
        size_t label = strlen(field[at]);
        if (at == 0) {
            from += strspn(from, " ") + label;
            from = *from == ',' || *from == ';' ? from + 1 : NULL;
        } else {
            while (to > line && to[-1] == ' ')
                to--;
            to -= label;
            to = to > line && (to[-1] == ',' || to[-1] == ';') &&
                         sg_ends_sentence(line, (size_t)(to - 1 - line))
                     ? to - 1
                     : NULL;
        }
        if (!from || !to || from >= to || *from == ' ')
            return NULL;
        row = json_object();
        json_object_set_new(row, t->first_mark, json_stringn(from, (size_t)(to - from)));
    }
    if (row)
        json_object_set_new(row, "label", json_string(field[at]));
    return row;
}

/* Rows alone: each line is one. */
static json_t *rows_alone(const struct sg_task *t, const char *s, char delimiter)
{
    json_t *rows = json_array();
    while (*s && json_array_size(rows) < MAX_ROWS) {
        char *field[MAX_FIELDS];
        int quoted[MAX_FIELDS], n;
        const char *line = s;
        s = read_fields(s, delimiter, field, quoted, &n);
        size_t n_line = (size_t)(s - line) - (s > line && s[-1] == '\n');
        if (n == 1 && !*field[0]) {
            free_fields(field, n);
            continue;
        }
        json_t *row = labelled_row(t, line, n_line, field, quoted, n);
        free_fields(field, n);
        if (!row) {
            json_decref(rows);
            return NULL;
        }
        json_array_append_new(rows, row);
    }
    if (json_array_size(rows))
        return rows;
    json_decref(rows);
    return NULL;
}

/* Whether a delimiter stands before something that is no blank, as in no sentence: most texts are told apart so. */
static int stands_close(const char *s, char delimiter)
{
    for (; (s = strchr(s, delimiter)); s++)
        if (s[1] && !strchr(" \n0123456789", s[1]))
            return 1;
    return 0;
}

json_t *sg_delimited_read(const struct sg_task *t, const char *s)
{
    static const char delimiters[] = ",;";
    for (const char *d = delimiters; *d; d++) {
        const char *first = s + strspn(s, " \n");
        if (!strchr(first, *d) || (*first != '"' && !stands_close(first, *d)))
            continue;
        char *field[MAX_FIELDS];
        int quoted[MAX_FIELDS], n;
        const char *next = read_fields(first, *d, field, quoted, &n);
        json_t *rows = n && *next && is_header(t, field, n) ? rows_below(next, *d, field, n) : NULL;
        free_fields(field, n);
        if (!rows && !t->second)
            rows = rows_alone(t, first, *d);
        if (rows && json_array_size(rows))
            return rows;
        json_decref(rows);
    }
    return NULL;
}
