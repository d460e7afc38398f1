#include "base/buf.h"
#include "gen/pool/records_impl.h"

#include <ctype.h>
#include <string.h>

enum { MAX_VALUES = 20000 };

/* Copies a string that begins at s[i] with the quote q as JSON writes it; returns where it ends. */
static size_t copy_string(struct sg_buf *b, const char *s, size_t i, char q)
{
    sg_buf_puts(b, "\"");
    for (i++; s[i]; i++) {
        if (s[i] == '\\' && s[i + 1]) {
            if (s[i + 1] == '\'')
                sg_buf_puts(b, "'");
            else
                sg_buf_add(b, s + i, 2);
            i++;
        } else if (s[i] == q) {
            /* An apostrophe inside ends nothing: what ends a string is followed by a sign of JSON. */
            size_t next = i + 1 + strspn(s + i + 1, " \n");
            if (q == '"' || !s[next] || strchr(",:}]", s[next])) {
                i++;
                break;
            }
            sg_buf_puts(b, "'");
        } else if (s[i] == '\n') {
            sg_buf_puts(b, "\\n");
        } else if (s[i] == '"') {
            sg_buf_puts(b, "\\\"");
        } else {
            sg_buf_add(b, s + i, 1);
        }
    }
    sg_buf_puts(b, "\"");
    return i;
}

/* What models write for JSON, as JSON. */
static void repair(const char *s, struct sg_buf *b)
{
    static const char *const word[][2] = {{"True", "true"}, {"False", "false"}, {"None", "null"}};
    for (size_t i = 0; s[i];) {
        if (s[i] == '"' || s[i] == '\'') {
            i = copy_string(b, s, i, s[i]);
            continue;
        }
        if (s[i] == ',') {
            size_t next = i + 1 + strspn(s + i + 1, " \n");
            if (s[next] == '}' || s[next] == ']') {
                i = next;
                continue;
            }
        }
        size_t found = 0;
        for (int k = 0; k < 3 && !found; k++)
            if (strncmp(s + i, word[k][0], strlen(word[k][0])) == 0) {
                sg_buf_puts(b, word[k][1]);
                found = strlen(word[k][0]);
            }
        if (!found)
            sg_buf_add(b, s + i, 1);
        i += found ? found : 1;
    }
}

/* All values that stand at s one after another, with blanks and commas between them; NULL when the first is none. */
static json_t *load(const char *s)
{
    json_t *all = json_array();
    size_t n_values = 0;
    for (const char *p = s; *p; p++)
        n_values += *p == ',' || *p == '[' || *p == '{';
    for (size_t left = strlen(s); all && n_values <= MAX_VALUES && (*s == '{' || *s == '[');) {
        json_error_t e;
        json_t *o = json_loadb(s, left, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &e);
        if (!o)
            break;
        json_array_append_new(all, o);
        size_t used = (size_t)e.position;
        while (used < left && strchr(" \n,;", s[used]))
            used++;
        s += used;
        left -= used;
        if (json_array_size(all) > SG_MAX_RECORDS)
            break;
    }
    if (json_array_size(all))
        return all;
    json_decref(all);
    return NULL;
}

/* Where JSON begins: an object anywhere, a list at a line's beginning or behind a colon. */
static const char *find_json(const char *s)
{
    int begins = 1; /* only blanks since the line or the colon */
    for (; *s; s++) {
        const char *next = s + 1;
        if (*s == '{' || (*s == '[' && begins)) {
            while (*next == ' ' || *next == '\n')
                next++;
            /* Keys without quotes, and JSON inside of a string, too: what cannot be read is no text. */
            const char *word = next;
            while (isalnum((unsigned char)*word) || *word == '_')
                word++;
            if (*s == '{' && word > next && *word == ':' && word[1 + strspn(word + 1, " ")] == '"')
                return s;
            if (*s == '{' && next[0] == '\\' && next[1] == '"')
                return s;
            if (*next == '"' || *next == '\'' || (*next == '{' && *s == '[') || (*s == '{' && *next == '}') ||
                (*s == '[' && *next == ']' && begins))
                return s;
        }
        if (*s == '\n' || *s == ':')
            begins = 1;
        else if (*s != ' ' && *s != '*' && *s != '`')
            begins = 0;
    }
    return NULL;
}

json_t *sg_records_from_json(const struct sg_task *t, const char *s, int *broken)
{
    const char *at = find_json(s);
    if (!at)
        return NULL;
    json_t *value = load(at);
    if (!value) {
        struct sg_buf b = sg_buf_make((size_t)1 << 20);
        repair(at, &b);
        value = load(sg_buf_text(&b));
        sg_buf_free(&b);
    }
    if (!value) {
        /* "[' ..." and a brace amid a text may be the text's own. */
        *broken = *at == '{' ? at == s || strchr(at, ':') != NULL
                             : at[1 + strspn(at + 1, " \n")] == '{' || at[1] == '"';
        return NULL;
    }
    json_t *records = sg_records_of(t, value);
    json_decref(value);
    return records;
}

/* The object at s alone, as it is or repaired. *end: behind it. */
static json_t *load_object(const char *s, const char **end)
{
    json_error_t e;
    json_t *o = json_loadb(s, strlen(s), JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &e);
    *end = o ? s + e.position : s + 1;
    const char *close = o ? NULL : strchr(s, '}'), *open = strpbrk(s + 1, "{");
    if (!close || (open && open < close))
        return o;
    struct sg_buf b = sg_buf_make((size_t)1 << 20), whole = sg_buf_make((size_t)1 << 20);
    sg_buf_add(&whole, s, (size_t)(close + 1 - s));
    repair(sg_buf_text(&whole), &b);
    o = json_loadb(sg_buf_text(&b), b.len, JSON_REJECT_DUPLICATES, &e);
    sg_buf_free(&whole);
    sg_buf_free(&b);
    *end = o ? close + 1 : s + 1;
    return o;
}

json_t *sg_records_salvage(const struct sg_task *t, const char *s)
{
    json_t *all = json_array(), *records = NULL;
    for (int tries = 0; (s = strchr(s, '{')) && tries < 2 * SG_MAX_RECORDS; tries++) {
        json_t *o = load_object(s, &s);
        if (json_object_size(o))
            json_array_append(all, o);
        json_decref(o);
    }
    if (json_array_size(all))
        records = sg_records_of(t, all);
    json_decref(all);
    if (json_array_size(records))
        return records;
    json_decref(records);
    return NULL;
}
