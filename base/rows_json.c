/* Rows from JSON: objects one after another, each from a line of its own (JSON Lines, or what jq prints), or in one list.
 *
 * Objects are walked, not built: columns that are not used are skipped over, so that what Python writes and JSON has not (NaN,
 * Infinity), numbers beyond a double and halves of surrogate pairs harm nobody there. */
#include "base/mem.h"
#include "base/rows_impl.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 200 };

struct place {
    const char *s, *end;
    int64_t line;
};

/* ---- walking: NULL where it is no JSON ---- */

static const char *skip_blanks(const char *s, const char *end)
{
    while (s < end && (*s == ' ' || *s == '\n' || *s == '\t' || *s == '\r'))
        s++;
    return s;
}

/* Past the closing quote of the string that begins at s. */
static const char *skip_string(const char *s, const char *end)
{
    for (s++; s < end; s++) {
        if (*s == '"')
            return s + 1;
        if ((unsigned char)*s < 0x20)
            return NULL;
        s += *s == '\\';
    }
    return NULL;
}

static const char *skip_word(const char *s, const char *end)
{
    static const char *const word[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
        size_t n = strlen(word[i]);
        if ((size_t)(end - s) >= n && memcmp(s, word[i], n) == 0)
            return s + n;
    }
    const char *from = s;
    s += s < end && *s == '-';
    if (s == end || *s < '0' || *s > '9')
        return NULL;
    while (s < end && ((*s >= '0' && *s <= '9') || (*s && strchr("+-.eE", *s))))
        s++;
    return s > from ? s : NULL;
}

static const char *skip_value(const char *s, const char *end, int depth)
{
    if (s == end || depth > MAX_DEPTH)
        return NULL;
    if (*s == '"')
        return skip_string(s, end);
    if (*s != '{' && *s != '[')
        return skip_word(s, end);
    char close = *s == '{' ? '}' : ']';
    s = skip_blanks(s + 1, end);
    if (s < end && *s == close)
        return s + 1;
    for (;;) {
        if (close == '}') {
            s = s < end && *s == '"' ? skip_string(s, end) : NULL;
            s = s ? skip_blanks(s, end) : NULL;
            if (!s || s == end || *s != ':')
                return NULL;
            s = skip_blanks(s + 1, end);
        }
        s = skip_value(s, end, depth + 1);
        s = s ? skip_blanks(s, end) : NULL;
        if (!s || s == end || (*s != ',' && *s != close))
            return NULL;
        if (*s++ == close)
            return s;
        s = skip_blanks(s, end);
    }
}

/* ---- one object ---- */

struct member {
    const char *name, *value; /* the name without its quotes, as it is written; the value with them */
    size_t n_name, n_value;
};

/* Takes the next member of the object that *s is in; 0 at its end, -1 where it is no JSON. *s is behind '{' at first. */
static int next_member(const char **s, const char *end, int is_first, struct member *m)
{
    const char *p = skip_blanks(*s, end);
    if (p < end && *p == '}') {
        *s = p + 1;
        return 0;
    }
    if (!is_first) {
        if (p == end || *p != ',')
            return -1;
        p = skip_blanks(p + 1, end);
    }
    const char *behind = p < end && *p == '"' ? skip_string(p, end) : NULL;
    if (!behind)
        return -1;
    m->name = p + 1;
    m->n_name = (size_t)(behind - p) - 2;
    p = skip_blanks(behind, end);
    if (p == end || *p != ':')
        return -1;
    m->value = skip_blanks(p + 1, end);
    *s = skip_value(m->value, end, 1);
    if (!*s)
        return -1;
    m->n_value = (size_t)(*s - m->value);
    return 1;
}

/* Jansson has the better words, and knows the line. */
static sg_status fail_json(const struct sg_rows_reader *in, const struct place *at, struct sg_err *err)
{
    json_error_t why = {.line = 1};
    json_t *o =
        json_loadb(at->s, (size_t)(at->end - at->s), JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &why);
    json_decref(o);
    return sg_fail(err, SG_INPUT, "%s:%lld: not JSON: %s", in->path,
                   (long long)(o ? at->line : at->line + (why.line > 0 ? why.line - 1 : 0)),
                   o ? "nested too deep, or more than one value a line" : why.text);
}

/* Of a text with \u0000, which ends texts here: the row has none, where rows may lack one; that is noted of the first. */
static sg_status take_nul(struct sg_rows_reader *in, int64_t line, const char *name, struct sg_err *err)
{
    static const char what[] = "holds the character \\u0000";
    if (!in->fields.may_lack)
        return sg_fail(err, SG_INPUT, "%s:%lld: field \"%s\" %s, which no text has; hint: take it out",
                       in->path, (long long)line, name, what);
    if (!in->rows.notes || !strstr(in->rows.notes, what))
        sg_rows_note(&in->rows, in->path,
                     "field \"%s\" of line %lld %s: it counts as empty, as others like it do", name,
                     (long long)line, what);
    return SG_OK;
}

/* New memory: the string that is written at s, quotes and all; NULL of one that counts as none. */
static sg_status decode(struct sg_rows_reader *in, int64_t line, const char *name, const char *s, size_t n,
                        char **out, struct sg_err *err)
{
    if (!memchr(s, '\\', n)) {
        if (!sg_utf8_valid(s + 1, n - 2))
            return sg_fail(
                err, SG_INPUT,
                "%s:%lld: not JSON: field \"%s\" is not valid UTF-8; hint: convert the file with iconv",
                in->path, (long long)line, name);
        *out = sg_strndup(s + 1, n - 2);
        return *out ? SG_OK : sg_fail_memory(err, n);
    }
    json_error_t why;
    json_t *v = json_loadb(s, n, JSON_DECODE_ANY, &why);
    if (!v && json_error_code(&why) == json_error_null_character)
        return take_nul(in, line, name, err);
    if (!v)
        return sg_fail(err, SG_INPUT, "%s:%lld: not JSON: field \"%s\": %s", in->path, (long long)line, name,
                       why.text);
    *out = sg_strdup(json_string_value(v));
    json_decref(v);
    return *out ? SG_OK : sg_fail_memory(err, n);
}

/* A whole number or a boolean. */
static int is_whole(const char *s, size_t n)
{
    return *s == 't' || *s == 'f' ||
           ((*s == '-' || (*s >= '0' && *s <= '9')) && s[1] != 'I' && !memchr(s, '.', n) &&
            !memchr(s, 'e', n) && !memchr(s, 'E', n));
}

/* A label that is no string; *out stays NULL where there is none. */
static sg_status label_of(const struct sg_rows_reader *in, int64_t line, const char *s, size_t n, char **out,
                          struct sg_err *err)
{
    const char *name = in->fields.label;
    if (*s == '[')
        return sg_fail(
            err, SG_INPUT,
            "%s:%lld: field \"%s\" is a list: rows with several labels (multi-label) are not read; hint: "
            "one label a row",
            in->path, (long long)line, name);
    if (*s == '{')
        return sg_fail(err, SG_INPUT,
                       "%s:%lld: field \"%s\" is an object, not a label; hint: one text or number a row",
                       in->path, (long long)line, name);
    if (*s == 'n' || *s == 'N' || *s == 'I' || (*s == '-' && s[1] == 'I')) /* null, NaN, Infinity */
        return SG_OK;
    char number[64];
    if (is_whole(s, n)) {
        int is_zero = n == 2 && memcmp(s, "-0", 2) == 0;
        *out = sg_strndup(s + is_zero, n - (size_t)is_zero);
        return *out ? SG_OK : sg_fail_memory(err, n);
    }
    snprintf(number, sizeof number, "%.*s", n < sizeof number ? (int)n : 0, s);
    double x = strtod(number, NULL);
    if (!number[0] || fabs(x) > 1e15 || nearbyint(x) != x)
        return sg_fail(
            err, SG_INPUT,
            "%s:%lld: field \"%s\" is %.40s: a score, not a class; hint: write classes as texts or whole "
            "numbers",
            in->path, (long long)line, name, number[0] ? number : "a long number");
    snprintf(number, sizeof number, "%.0f", x + 0.0);
    *out = sg_strdup(strcmp(number, "-0") == 0 ? "0" : number);
    return *out ? SG_OK : sg_fail_memory(err, n);
}

/* The texts of the row whose members stand at value[]. */
static sg_status take_values(struct sg_rows_reader *in, const struct member value[3], int64_t line,
                             struct sg_row *row, struct sg_err *err)
{
    const char *const name[3] = {in->fields.first, in->fields.second, in->fields.label};
    char **const out[3] = {&row->first, &row->second, &row->label};
    for (int i = 0; i < 3; i++) {
        const char *s = value[i].value;
        if (name[i] && s && *s == '"')
            SG_TRY(decode(in, line, name[i], s, value[i].n_value, out[i], err));
        else if (i == 2 && name[i] && s)
            SG_TRY(label_of(in, line, s, value[i].n_value, out[i], err));
        else if (name[i] && s && is_whole(s, value[i].n_value) &&
                 !(*out[i] = sg_strndup(s, value[i].n_value))) /* a text that is a number */
            return sg_fail_memory(err, value[i].n_value);
        if (i == 2 && *out[i])
            sg_text_trim(*out[i]);
        if (i == 2 && *out[i] && !**out[i]) {
            sg_free(*out[i]); /* an empty label is none */
            *out[i] = NULL;
        }
        if (name[i] && !*out[i] && i < 2 && in->fields.may_lack && !(*out[i] = sg_strdup("")))
            return sg_fail_memory(err, 1);
        if (name[i] && !*out[i] && !in->fields.may_lack && (i < 2 || in->need_label))
            return sg_rows_fail_field(in, line, name[i], err);
    }
    return SG_OK;
}

/* Whether a member's name, which may be written with escapes, is `name`. */
static int is_named(const struct member *m, const char *name, size_t n)
{
    if (m->n_name == n && memcmp(m->name, name, n) == 0)
        return 1;
    if (m->n_name <= n || !memchr(m->name, '\\', m->n_name))
        return 0;
    json_t *v = json_loadb(m->name - 1, m->n_name + 2, JSON_DECODE_ANY, NULL);
    int same = v && strcmp(json_string_value(v), name) == 0;
    json_decref(v);
    return same;
}

static sg_status take(struct sg_rows_reader *in, struct place *at, struct sg_err *err)
{
    const char *const name[3] = {in->fields.first, in->fields.second, in->fields.label};
    size_t n_name[3];
    struct member m, value[3] = {{0}};
    int more, is_first = 1;
    for (int i = 0; i < 3; i++)
        n_name[i] = name[i] ? strlen(name[i]) : 0;
    const char *s = at->s + 1;
    for (; (more = next_member(&s, at->end, is_first, &m)) == 1; is_first = 0)
        for (int i = 0; i < 3; i++)
            if (name[i] && is_named(&m, name[i], n_name[i])) {
                if (value[i].value)
                    return sg_fail(err, SG_INPUT, "%s:%lld: not JSON: duplicate field \"%s\"", in->path,
                                   (long long)at->line, name[i]);
                value[i] = m;
            }
    if (more < 0)
        return fail_json(in, at, err);
    struct sg_row row = {.line = at->line};
    sg_status status = take_values(in, value, at->line, &row, err);
    if (status != SG_OK) {
        sg_free(row.first);
        sg_free(row.second);
        sg_free(row.label);
        return status;
    }
    at->s = s;
    return sg_rows_push(&in->rows, row, err);
}

/* ---- the columns of the first rows ---- */

static enum sg_cell kind_of(char c)
{
    return c == '"'                           ? SG_CELL_TEXT
           : c == 't' || c == 'f'             ? SG_CELL_FLAG
           : c == '[' || c == '{'             ? SG_CELL_LIST
           : c == 'n' || c == 'N' || c == 'I' ? SG_CELL_NONE
                                              : SG_CELL_NUMBER;
}

/* A name as it is, where it is written with escapes. */
static void see(struct sg_columns *c, const struct member *m)
{
    enum sg_cell kind = kind_of(*m->value);
    size_t quotes = kind == SG_CELL_TEXT;
    json_t *v = memchr(m->name, '\\', m->n_name)
                    ? json_loadb(m->name - 1, m->n_name + 2, JSON_DECODE_ANY, NULL)
                    : NULL;
    const char *plain = json_string_value(v);
    sg_columns_see(c, plain ? plain : m->name, plain ? strlen(plain) : m->n_name, kind, m->value + quotes,
                   m->n_value - 2 * quotes);
    json_decref(v);
}

/* Of the object at s; where it ends, NULL where it is broken. */
static const char *sample(struct sg_columns *c, const char *s, const char *end)
{
    struct member m;
    int more, is_first = 1;
    for (s++; (more = next_member(&s, end, is_first, &m)) == 1; is_first = 0)
        see(c, &m);
    c->n_rows++;
    return more == 0 ? s : NULL;
}

/* ---- the file ---- */

/* Past blanks, counting lines; \r alone ends one too. */
static void to_next(struct place *at)
{
    for (; at->s < at->end && (*at->s == ' ' || *at->s == '\n' || *at->s == '\t' || *at->s == '\r'); at->s++)
        at->line += *at->s == '\n' || (*at->s == '\r' && !(at->s + 1 < at->end && at->s[1] == '\n'));
}

/* From the end of one object to the next one; *over at the end of the list or file. */
static sg_status between(const struct sg_rows_reader *in, struct place *at, int is_list, int *over,
                         struct sg_err *err)
{
    int64_t line = at->line;
    const char *behind = at->s;
    to_next(at);
    int comma = is_list && at->s < at->end && *at->s == ',';
    int closed = is_list && at->s < at->end && *at->s == ']';
    *over = at->s == at->end || closed;
    at->s += comma || closed;
    if (comma || closed)
        to_next(at);
    if ((is_list && !comma && !closed) || (closed && at->s < at->end) ||
        (!is_list && !*over && at->line == line))
        return sg_fail(err, SG_INPUT, "%s:%lld: not JSON: %s near '%.*s'", in->path, (long long)line,
                       is_list ? at->s < at->end ? "a comma or the end of the list expected"
                                                 : "the list does not end"
                               : "the end of the line expected",
                       (int)(at->end - behind < 20 ? at->end - behind : 20), behind);
    return SG_OK;
}

/* The lines that an object spans. */
static int64_t count_lines(const char *s, const char *end)
{
    int64_t n = 0;
    while ((s = memchr(s, '\n', (size_t)(end - s)))) {
        n++;
        s++;
    }
    return n;
}

sg_status sg_rows_read_json(struct sg_rows_reader *in, char *text, size_t n, struct sg_err *err)
{
    enum { PART = 1 << 20 };
    char *kept = text; /* what is before has been read */
    struct place at = {text, text + n, 1 + in->n_skipped};
    to_next(&at);
    int is_list = at.s < at.end && *at.s == '[', over = 0;
    at.s += is_list;
    to_next(&at);
    if (is_list && at.s < at.end && *at.s == ']')
        return SG_OK;
    const char *look = at.s;
    while (look && look < at.end && *look == '{' && in->columns.n_rows < SG_SAMPLE_ROWS) {
        look = sample(&in->columns, look, at.end);
        look = look ? skip_blanks(look, at.end) : NULL;
        if (look && is_list && look < at.end && *look == ',')
            look = skip_blanks(look + 1, at.end);
    }
    int is_known = 0;
    while (!over && at.s < at.end && !sg_rows_done(in)) {
        if (*at.s != '{')
            return skip_value(at.s, at.end, 0)
                       ? sg_fail(err, SG_INPUT, "%s:%lld: a row must be a JSON object {...}", in->path,
                                 (long long)at.line)
                       : fail_json(in, &at, err);
        if (!is_known && !skip_value(at.s, at.end, 0))
            return fail_json(in, &at, err);
        if (!is_known)
            SG_TRY(sg_rows_find_fields(in, 0, at.line, err));
        is_known = 1;
        const char *begin = at.s;
        SG_TRY(take(in, &at, err));
        at.line += count_lines(begin, at.s);
        SG_TRY(between(in, &at, is_list, &over, err));
        if (at.s - kept > PART) {
            char *read = text + (at.s - text);
            sg_mem_forget(kept, read);
            kept = read;
        }
    }
    return SG_OK;
}
