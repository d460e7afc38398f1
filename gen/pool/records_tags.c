#include "gen/pool/clean.h"
#include "gen/pool/preamble.h"
#include "gen/pool/records_impl.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* The name of the tag that opens at s; its bytes with the brackets, 0: none. */
static size_t tag_at(const char *s, char name[SG_MAX_KEY], const char **attributes)
{
    size_t n = 0;
    if (*s != '<' || !isalpha((unsigned char)s[1]))
        return 0;
    for (s++; (isalnum((unsigned char)s[n]) || strchr("_-.:", s[n])) && s[n] && n < SG_MAX_KEY - 1; n++)
        name[n] = s[n];
    name[n] = 0;
    size_t to = n;
    *attributes = s + n;
    while (s[to] && to < n + 200 && !strchr("<>\n", s[to]))
        to++;
    return s[to] == '>' && (to == n || s[n] == ' ') ? to + 2 : 0;
}

static int is_markup(const char *name)
{
    static const char *const html[] = {"b",    "i",   "em",         "strong", "p",   "br",  "u",    "span",
                                       "div",  "q",   "blockquote", "s",      "sup", "sub", "a",    "ul",
                                       "ol",   "li",  "h1",         "h2",     "h3",  "h4",  "html", "body",
                                       "code", "pre", "small",      "tt",     "del", "ins", "mark", "cite",
                                       "hr",   "img", "font",       "center", NULL};
    for (int i = 0; html[i]; i++)
        if (strcasecmp(name, html[i]) == 0)
            return 1;
    return 0;
}

/* Where </name> stands behind s; NULL: nowhere. */
static const char *find_close(const char *s, const char *name, size_t *n)
{
    size_t len = strlen(name);
    for (; (s = strstr(s, "</")); s += 2)
        if (strncasecmp(s + 2, name, len) == 0 && s[2 + len] == '>') {
            *n = len + 3;
            return s;
        }
    return NULL;
}

/* label="negative" of an opening tag. */
static void add_attributes(json_t *o, const char *s)
{
    while (*s == ' ') {
        char name[SG_MAX_KEY];
        size_t n = 0;
        s += strspn(s, " ");
        for (; (isalnum((unsigned char)*s) || *s == '_' || *s == '-') && n < SG_MAX_KEY - 1; s++)
            name[n++] = *s;
        name[n] = 0;
        if (!n || *s != '=' || (s[1] != '"' && s[1] != '\''))
            return;
        size_t len = strcspn(s + 2, s[1] == '"' ? "\">\n" : "'>\n");
        if (s[2 + len] != s[1])
            return;
        json_object_set_new(o, name, json_stringn(s + 2, len));
        s += len + 3;
    }
}

static json_t *read_elements(const struct sg_task *t, const char *s, const char *end, int depth);

/* What stands between an element's tags: its elements, or the text. */
static json_t *content_of(const struct sg_task *t, const char *from, const char *to, const char *attributes,
                          const char *name, int depth)
{
    json_t *inside = depth < 3 ? read_elements(t, from, to, depth + 1) : NULL;
    json_t *value =
        inside && json_array_size(inside) ? json_incref(inside) : json_stringn(from, (size_t)(to - from));
    json_decref(inside);
    json_t *with = json_object();
    add_attributes(with, attributes);
    if (!json_object_size(with)) {
        json_decref(with);
        return value;
    }
    json_object_set_new(with, name, value);
    return with;
}

/* The elements that stand one after another, as an array of objects: a new one begins where a name comes again. NULL when what
 * stands there is none. */
static json_t *read_elements(const struct sg_task *t, const char *s, const char *end, int depth)
{
    json_t *all = json_array(), *now = json_object();
    size_t n_elements = 0;
    while (s < end && n_elements < SG_MAX_RECORDS) {
        char name[SG_MAX_KEY];
        const char *attributes;
        size_t n_close = 0;
        while (s < end && strchr(" \n*-.)0123456789", *s)) /* list signs, too */
            s++;
        size_t n = s < end ? tag_at(s, name, &attributes) : 0;
        if (!n || is_markup(name))
            break;
        const char *close = find_close(s + n, name, &n_close);
        if (!close || close > end) {
            enum sg_role role = sg_role_of(t, name);
            if (depth || (role != SG_ROLE_FIRST && role != SG_ROLE_SECOND && role != SG_ROLE_TEXT))
                break;
            close = end; /* cut, or left open */
        }
        if (json_object_get(now, name)) {
            json_array_append_new(all, now);
            now = json_object();
        }
        json_object_set_new(now, name, content_of(t, s + n, close, attributes, name, depth));
        n_elements++;
        s = close + n_close;
    }
    json_array_append_new(all, now);
    const char *rest = s + strspn(s, " ");
    /* s[-1]: it is behind an element */
    if (n_elements && (depth ? s >= end : rest >= end || *rest == '\n' || s[-1] == '\n'))
        return all;
    json_decref(all);
    return NULL;
}

/* Tags at the beginning, or behind lines that are no text. */
json_t *sg_records_from_tags(const struct sg_task *t, const char *s)
{
    for (const char *line = s; *line; line = sg_next_line(line)) {
        const char *p = sg_skip_bullet(line);
        if (*p == '<') {
            json_t *found = read_elements(t, p, p + strlen(p), 0);
            json_t *records = found ? sg_records_of(t, found) : NULL;
            json_decref(found);
            return records;
        }
        size_t lead = sg_lead_length(t, p);
        if (lead && p[lead + strspn(p + lead, " ")] == '<') {
            line = p + lead + strspn(p + lead, " ");
            json_t *found = read_elements(t, line, line + strlen(line), 0);
            json_t *records = found ? sg_records_of(t, found) : NULL;
            json_decref(found);
            return records;
        }
        if (*p != '\n' && !sg_is_preamble(p) && !sg_is_heading(t, p) &&
            !(p[strcspn(p, "\n")] && p[strcspn(p, "\n") - 1] == ':'))
            return NULL;
    }
    return NULL;
}
