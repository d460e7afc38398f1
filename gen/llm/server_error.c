#include "gen/llm/server_error.h"

#include "base/json.h"
#include "base/secret.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The longest list of models that is known has some 30,000. */
enum { MAX_VALUES = 200000 };

/* Deeper than any error, and so many of a list. */
enum { MAX_DEPTH = 8, MAX_LISTED = 8 };

json_t *sg_reply_json(const char *body, size_t n, size_t flags)
{
    int64_t n_values = 0;
    int quoted = 0;
    for (size_t i = 0; i < n; i++) {
        if (quoted && body[i] == '\\')
            i++;
        else if (body[i] == '"')
            quoted = !quoted;
        else if (!quoted)
            n_values += body[i] == ',' || body[i] == '[' || body[i] == '{';
    }
    return n_values <= MAX_VALUES ? json_loadb(body, n, flags, NULL) : NULL;
}

/* Adds text, as far as there is room. */
static void add(char *to, size_t size, const char *text)
{
    size_t n = strlen(to);
    snprintf(to + n, size - n, "%s", text);
}

/* A field as text, where an inner object had none: servers send codes as strings, as integers, or not at all. */
static void take_field(const json_t *o, const char *name, char *out, size_t size)
{
    const json_t *v = json_object_get(o, name);
    if (out[0])
        return;
    if (json_is_string(v))
        snprintf(out, size, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(out, size, "%lld", (long long)json_integer_value(v));
}

/* pydantic says where: ["body", "seed"]. */
static void take_loc(const json_t *o, struct sg_server_error *e)
{
    const json_t *loc = json_object_get(o, "loc"), *part;
    const char *last = NULL;
    size_t i;
    json_array_foreach (loc, i, part)
        if (json_is_string(part)) {
            last = json_string_value(part);
            add(e->loc, sizeof e->loc, e->loc[0] ? "" : " ");
            add(e->loc, sizeof e->loc, last);
            add(e->loc, sizeof e->loc, " ");
        }
    if (last) {
        add(e->text, sizeof e->text, last);
        add(e->text, sizeof e->text, ": ");
    }
}

static int gather(const json_t *v, int depth, struct sg_server_error *e);

static int gather_list(const json_t *list, int depth, struct sg_server_error *e)
{
    const json_t *item;
    int n = 0;
    size_t i;
    json_array_foreach (list, i, item) {
        size_t before = strlen(e->text);
        if (i == MAX_LISTED)
            break;
        add(e->text, sizeof e->text, n ? "; " : "");
        if (gather(item, depth + 1, e))
            n++;
        else
            e->text[before] = 0;
    }
    return n > 0;
}

static int gather_object(const json_t *o, int depth, struct sg_server_error *e)
{
    /* What tells most comes first; an `error` that is a word alone ("Bad Request") after what explains it. */
    static const char *const member[] = {"message", "detail",        "details",           "errors", "msg",
                                         "error",   "error_message", "error_description", "title",  "reason",
                                         NULL};
    const json_t *error = json_object_get(o, "error");
    take_loc(o, e);
    int found = (json_is_object(error) || json_is_array(error)) && gather(error, depth + 1, e);
    for (const char *const *name = member; !found && *name; name++)
        found = gather(json_object_get(o, *name), depth + 1, e);
    /* OpenRouter: what the provider behind it has said. */
    const char *raw = sg_json_text_or(json_object_get(o, "metadata"), "raw", NULL);
    if (raw) {
        add(e->text, sizeof e->text, found ? ": " : "");
        add(e->text, sizeof e->text, raw);
        found = 1;
    }
    take_field(o, "code", e->code, sizeof e->code);
    take_field(o, "type", e->type, sizeof e->type);
    take_field(o, "param", e->param, sizeof e->param);
    return found;
}

/* Adds what v says; 0: nothing. */
static int gather(const json_t *v, int depth, struct sg_server_error *e)
{
    if (depth > MAX_DEPTH)
        return 0;
    if (json_is_string(v) && json_string_length(v)) {
        add(e->text, sizeof e->text, json_string_value(v));
        return 1;
    }
    return json_is_array(v) ? gather_list(v, depth, e) : json_is_object(v) ? gather_object(v, depth, e) : 0;
}

/* What stands between <name ...> and the next tag, blanks trimmed; 0: there is none. */
static int inside(const char *page, const char *name, char *out, size_t size)
{
    char open[20];
    size_t n = (size_t)snprintf(open, sizeof open, "<%s", name);
    for (const char *p = page; (p = strchr(p, '<')); p++)
        if (strncasecmp(p, open, n) == 0 && (p[n] == '>' || isspace((unsigned char)p[n]))) {
            const char *from = strchr(p, '>');
            size_t len = from ? strcspn(from + 1, "<") : 0;
            snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), from ? from + 1 : "");
            char *trimmed = sg_text_trim(out);
            memmove(out, trimmed, strlen(trimmed) + 1);
            return out[0] != 0;
        }
    return 0;
}

/* No JSON: a page's title, or the text as it is. */
static void read_page(const char *body, size_t n, struct sg_server_error *e)
{
    char start[16384]; /* a page's title is near its beginning */
    size_t k = n < sizeof start - 1 ? n : sizeof start - 1;
    memcpy(start, body, k);
    start[k] = 0; /* an earlier NUL ends it, too */
    char *text = sg_text_trim(start);
    if (*text != '<')
        snprintf(e->text, sizeof e->text, "%s", text);
    else if (!inside(text, "title", e->text, sizeof e->text) && !inside(text, "h1", e->text, sizeof e->text))
        e->text[0] = 0;
}

void sg_server_error_read(const char *body, size_t n, struct sg_server_error *out)
{
    json_t *o = sg_reply_json(body, n, 0);
    *out = (struct sg_server_error){0};
    out->is_json = json_is_object(o) || json_is_array(o);
    if (out->is_json)
        gather(o, 0, out);
    else
        read_page(body, n, out);
    json_decref(o);
    sg_text_whole(out->text);
    struct sg_buf b = sg_buf_make(4096);
    if (out->text[0])
        sg_buf_foreign(&b, out->text, 300);
    snprintf(out->message, sizeof out->message, "%s", sg_buf_text(&b));
    sg_text_whole(out->message);
    sg_buf_free(&b);
}

void sg_reply_error_text(const char *body, size_t n, char *out, size_t n_out)
{
    struct sg_server_error e;
    sg_server_error_read(body, n, &e);
    snprintf(out, n_out, "%s", e.message);
    sg_text_whole(out);
}
