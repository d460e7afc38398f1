#include "gen/pool/records.h"

#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/clean.h"
#include "gen/pool/delimited.h"
#include "gen/pool/label.h"
#include "gen/pool/preamble.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_VALUES = 20000, MAX_RECORDS = 200, MAX_DEPTH = 6, MAX_KEY = 60 };

/* ---- names ---- */

/* A key as it is compared: small letters and digits, no numbers at its end ("Review_1" is "review"). */
static void key_of(const char *s, char out[MAX_KEY])
{
    size_t n = 0;
    for (; *s && n < MAX_KEY - 1; s++)
        if (isalnum((unsigned char)*s) || (unsigned char)*s >= 0x80)
            out[n++] = (char)tolower((unsigned char)*s);
    out[n] = 0;
}

static void without_number(char *key)
{
    size_t n = strlen(key);
    while (n > 1 && isdigit((unsigned char)key[n - 1]))
        key[--n] = 0;
}

static int is_key_of(const char *key, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(key, *list) == 0)
            return 1;
    return 0;
}

enum role { OTHER, FIRST, SECOND, TEXT, LABEL, MAYBE_LABEL, ABOUT };

static int is_named(const char *key, const char *name)
{
    char own[MAX_KEY];
    if (!name)
        return 0;
    key_of(name, own);
    return strcmp(key, own) == 0;
}

/* What the key of a member says that it is. */
static enum role role_of(const struct sg_task *t, const char *name)
{
    static const char *const text[] = {"text",
                                       "sentence",
                                       "content",
                                       "review",
                                       "example",
                                       "message",
                                       "generatedtext",
                                       "output",
                                       "response",
                                       "generated",
                                       "result",
                                       "body",
                                       "tweet",
                                       "post",
                                       "comment",
                                       "headline",
                                       "answer",
                                       "statement",
                                       "reviewtext",
                                       "utterance",
                                       "input",
                                       "completion",
                                       "paraphrase",
                                       "rephrased",
                                       "rephrasedtext",
                                       "generatedsentence",
                                       "generatedreview",
                                       "sample",
                                       "moviereview",
                                       "filmreview",
                                       "quote",
                                       "rewritten",
                                       "final",
                                       "finalanswer",
                                       NULL};
    static const char *const label[] = {
        "label",  "class",        "sentiment",  "emotion",   "classification",   "sentimentlabel",
        "labels", "emotionlabel", "classlabel", "goldlabel", "overallsentiment", NULL};
    static const char *const maybe[] = {"category",     "rating",     "stars",    "polarity", "mood",
                                        "relationship", "entailment", "relation", "tag",      "tone",
                                        "target",       "type",       "topic",    NULL};
    static const char *const about[] = {
        "reasoning",  "explanation", "note",       "notes",       "thought",        "thoughts",
        "thinking",   "analysis",    "rationale",  "id",          "index",          "title",
        "language",   "score",       "confidence", "number",      "wordcount",      "source",
        "genre",      "metadata",    "comments",   "keywords",    "movie",          "film",
        "product",    "author",      "date",       "instruction", "prompt",         "justification",
        "scratchpad", "plan",        "draft",      "description", "chainofthought", "stepbystep",
        NULL};
    char key[MAX_KEY];
    key_of(name, key);
    if (is_named(key, t->first_mark) || is_named(key, t->first))
        return FIRST;
    if (is_named(key, t->second_mark) || is_named(key, t->second))
        return SECOND;
    if (is_named(key, t->label))
        return LABEL;
    without_number(key);
    if (is_named(key, t->first_mark))
        return FIRST;
    if (is_named(key, t->second_mark))
        return SECOND;
    return is_key_of(key, text)    ? TEXT
           : is_key_of(key, label) ? LABEL
           : is_key_of(key, maybe) ? MAYBE_LABEL
           : is_key_of(key, about) ? ABOUT
                                   : OTHER;
}

/* ---- picking ---- */

static int has_words(const char *s)
{
    return s && sg_count_words(s) > 0;
}

/* The text among members whose names say nothing: the only one, or the only one that is longer than a few words. */
static void offer(const char **best, int *several, const char *value)
{
    enum { FEW = 3 };
    int is_long = sg_count_long_words(value) > FEW, was_long = *best && sg_count_long_words(*best) > FEW;
    if (!*best || (is_long && !was_long)) {
        *best = value;
        *several = 0;
    } else if (is_long == was_long) {
        *several = 1;
    }
}

/* Whether a label names the class asked for in more words than its name: "very negative". The class whose name stands in it, when
 * there is one only; -1. */
static int class_within(const struct sg_task *t, const char *s)
{
    int found = -1;
    struct sg_buf b = sg_buf_make(1 << 16), name = sg_buf_make(1 << 16);
    sg_buf_puts(&b, " ");
    sg_buf_folded(&b, s);
    sg_buf_puts(&b, " ");
    for (int k = 0; k < t->n_classes && found > -2; k++)
        for (int r = 0; r < 2; r++) {
            sg_buf_clear(&name);
            sg_buf_puts(&name, " ");
            sg_buf_folded(&name, r ? t->class_[k].readable : t->class_[k].name);
            sg_buf_puts(&name, " ");
            if (name.len > 2 && strstr(sg_buf_text(&b), sg_buf_text(&name)))
                found = found == -1 || found == k ? k : -2;
        }
    sg_buf_free(&b);
    sg_buf_free(&name);
    return found;
}

struct sg_record sg_record_pick(const struct sg_task *t, const json_t *record)
{
    struct sg_record out = {.class_ = -1};
    const char *key, *text = NULL, *other = NULL;
    json_t *value;
    int texts = 0, others = 0;
    json_object_foreach ((json_t *)(uintptr_t)record, key, value) {
        const char *s = json_string_value(value);
        enum role role = role_of(t, key);
        if (!s)
            continue;
        int class_ = role == FIRST || role == SECOND ? -1 : sg_label_of(t, s, strlen(s));
        int named =
            class_ >= 0 && (role == MAYBE_LABEL || s[strspn(s, "0123456789")]); /* an id is no class */
        if (role == LABEL || named) {
            if (!out.label || (out.class_ < 0 && class_ >= 0)) {
                out.label = s;
                out.class_ = class_;
            }
        } else if (role == FIRST && !has_words(out.first)) {
            out.first = s;
        } else if (role == SECOND && !has_words(out.second)) {
            out.second = s;
        } else if (role == TEXT && has_words(s)) {
            offer(&text, &texts, s);
        } else if (role == OTHER && has_words(s)) {
            offer(&other, &others, s);
        }
    }
    /* A text whose name says nothing: of a pair, where the other one's does. */
    const char *rest = text && !texts ? text : !text && other && !others ? other : NULL;
    if (!t->second && !out.first)
        out.first = rest;
    else if (t->second && !out.first && out.second)
        out.first = rest;
    else if (t->second && out.first && !out.second)
        out.second = rest;
    if (out.label && out.class_ < 0) {
        out.class_ = class_within(t, out.label);
        if (out.class_ < 0)
            out.class_ = -1;
    }
    return out;
}

/* ---- from any JSON to a list of records ---- */

struct list {
    const struct sg_task *t;
    json_t *records;
};

static void add_value(const struct sg_task *t, json_t *record, const char *key, const json_t *value,
                      int depth);

static void add_members(const struct sg_task *t, json_t *record, const json_t *o, int depth)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)o, key, value)
        add_value(t, record, key, value, depth + 1);
}

/* Adds a member to a record as a string, numbers where they may be labels; those of an object inside go to the same record. */
static void add_value(const struct sg_task *t, json_t *record, const char *key, const json_t *value,
                      int depth)
{
    char number[40];
    enum role role = role_of(t, key);
    int may_label = role == LABEL || role == MAYBE_LABEL || role == TEXT;
    if (depth > MAX_DEPTH || json_object_get(record, key))
        return;
    if (json_is_string(value))
        json_object_set(record, key, (json_t *)(uintptr_t)value);
    else if (json_is_integer(value) && may_label && role != TEXT) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        json_object_set_new(record, key, json_string(number));
    } else if (json_is_boolean(value) && may_label)
        json_object_set_new(record, key, json_string(json_is_true(value) ? "true" : "false"));
    else if (json_is_object(value))
        add_members(t, record, value, depth);
    else if (json_is_array(value) && json_array_size(value) == 1)
        add_value(t, record, key, json_array_get(value, 0), depth + 1);
}

static void expand(struct list *x, const char *key, const json_t *value, int depth);

static void add_record(struct list *x, json_t *record)
{
    if (json_array_size(x->records) < MAX_RECORDS)
        json_array_append(x->records, record);
    json_decref(record);
}

/* The label that the name of a list or an object gives what is in it: {"negative": ["..."]}. */
static void label_records(struct list *x, size_t from, const char *key)
{
    if (!key || sg_label_of(x->t, key, strlen(key)) < 0)
        return;
    for (size_t i = from; i < json_array_size(x->records); i++) {
        json_t *record = json_array_get(x->records, i);
        if (!json_object_get(record, "label"))
            json_object_set_new(record, "label", json_string(key));
    }
}

/* Whether the members of o are examples each: lists or objects alone; or texts under one name with numbers, or under names of
 * classes. */
static int holds_examples(const struct list *x, const json_t *o)
{
    const char *key;
    json_t *value;
    size_t nested = 0, arrays = 0, strings = 0, named = 0;
    char first[MAX_KEY] = "", own[MAX_KEY];
    int same = 1;
    json_object_foreach ((json_t *)(uintptr_t)o, key, value) {
        nested += json_is_object(value) && json_object_size(value) > 0;
        arrays += json_is_array(value) &&
                  (json_array_size(value) != 1 || !json_is_string(json_array_get(value, 0)));
        if (!json_is_string(value))
            continue;
        strings++;
        named += sg_label_of(x->t, key, strlen(key)) >= 0;
        key_of(key, own);
        without_number(own);
        if (isdigit((unsigned char)own[0]))
            own[0] = 0;
        if (strings == 1)
            memcpy(first, own, sizeof own);
        same &= strcmp(first, own) == 0;
    }
    size_t n = json_object_size(o);
    if (arrays == 1)
        return 1;
    if (nested + arrays == n && n > 0 && (n > 1 || arrays))
        return 1;
    if (strings && named == strings)
        return 1;
    return !x->t->second && strings > 1 && strings == n && same;
}

static void expand_members(struct list *x, const json_t *o, int depth)
{
    const char *key;
    json_t *value;
    int lists = 0;
    json_object_foreach ((json_t *)(uintptr_t)o, key, value)
        lists += json_is_array(value);
    json_object_foreach ((json_t *)(uintptr_t)o, key, value)
        if (!lists || json_is_array(value))
            expand(x, key, value, depth + 1);
}

static void expand(struct list *x, const char *key, const json_t *value, int depth)
{
    size_t from = json_array_size(x->records), i;
    json_t *member;
    if (depth > MAX_DEPTH)
        return;
    if (json_is_array(value)) {
        json_array_foreach ((json_t *)(uintptr_t)value, i, member)
            expand(x, NULL, member, depth + 1);
    } else if (json_is_object(value) && holds_examples(x, value)) {
        expand_members(x, value, depth);
    } else if (json_is_object(value)) {
        json_t *record = json_object();
        add_members(x->t, record, value, depth);
        add_record(x, record);
    } else if (json_is_string(value)) {
        json_t *record = json_object();
        json_object_set(record, x->t->second ? "" : "text", (json_t *)(uintptr_t)value);
        add_record(x, record);
    } else {
        add_record(x, json_pack("{s:s}", "", "")); /* a number is an example that is none */
    }
    label_records(x, from, key);
}

static json_t *records_of(const struct sg_task *t, const json_t *value)
{
    struct list x = {t, json_array()};
    if (x.records)
        expand(&x, NULL, value, 0);
    return x.records;
}

/* ---- JSON ---- */

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
        if (json_array_size(all) > MAX_RECORDS)
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

static json_t *read_json(const struct sg_task *t, const char *s, int *broken)
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
    json_t *records = records_of(t, value);
    json_decref(value);
    return records;
}

/* ---- Markdown tables ---- */

enum { MAX_COLUMNS = 20 };

/* The cells of the line at s, trimmed, as new strings of an array; an empty array when it is no row. */
static json_t *cells_of(const char *s)
{
    json_t *cells = json_array();
    size_t end = strcspn(s, "\n");
    s += strspn(s, " ");
    if (*s != '|')
        return cells;
    const char *stop = s + strcspn(s, "\n");
    (void)end;
    for (s++; s < stop && json_array_size(cells) < MAX_COLUMNS;) {
        struct sg_buf b = sg_buf_make((size_t)1 << 20);
        for (; s < stop && *s != '|'; s++) {
            if (*s == '\\' && s + 1 < stop && s[1] == '|')
                s++;
            sg_buf_add(&b, s, 1);
        }
        char *cell = sg_buf_take(&b);
        if (cell) {
            sg_squeeze(cell);
            if (s < stop || *cell)
                json_array_append_new(cells, json_string(*cell == ' ' ? cell + 1 : cell));
        }
        sg_free(cell);
        s++;
    }
    return cells;
}

static int is_rule(const char *s)
{
    size_t n = strcspn(s, "\n"), dashes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strchr("|-: ", s[i]))
            return 0;
        dashes += s[i] == '-';
    }
    return dashes >= 2;
}

static const char *next_line(const char *s)
{
    s += strcspn(s, "\n");
    return *s ? s + 1 : s;
}

/* A row as a record; without names of columns they are numbers. Takes cells. */
static json_t *row_record(json_t *cells, const json_t *names)
{
    json_t *record = json_object();
    for (size_t i = 0; i < json_array_size(cells); i++) {
        char number[24];
        snprintf(number, sizeof number, "#%c", (char)('a' + (int)i));
        const char *name = json_string_value(json_array_get(names, i));
        name = name && *name && !json_object_get(record, name) ? name : number;
        json_object_set(record, name, json_array_get(cells, i));
    }
    json_decref(cells);
    return record;
}

static json_t *read_table(const char *s)
{
    json_t *records = NULL, *names = NULL;
    for (; *s; s = next_line(s)) {
        if (s[strspn(s, " ")] != '|') {
            if (records)
                break; /* the first table alone */
            continue;
        }
        if (is_rule(s))
            continue;
        json_t *cells = cells_of(s);
        if (!records && json_array_size(cells) < 2 && !is_rule(next_line(s))) {
            json_decref(cells);
            break;
        }
        records = records ? records : json_array();
        if (!names && is_rule(next_line(s)))
            names = cells;
        else if (json_array_size(records) < MAX_RECORDS)
            json_array_append_new(records, row_record(cells, names));
        else
            json_decref(cells);
    }
    json_decref(names);
    return records;
}

/* ---- tags ---- */

/* The name of the tag that opens at s; its bytes with the brackets, 0: none. */
static size_t tag_at(const char *s, char name[MAX_KEY], const char **attributes)
{
    size_t n = 0;
    if (*s != '<' || !isalpha((unsigned char)s[1]))
        return 0;
    for (s++; (isalnum((unsigned char)s[n]) || strchr("_-.:", s[n])) && s[n] && n < MAX_KEY - 1; n++)
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
        char name[MAX_KEY];
        size_t n = 0;
        s += strspn(s, " ");
        for (; (isalnum((unsigned char)*s) || *s == '_' || *s == '-') && n < MAX_KEY - 1; s++)
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
    while (s < end && n_elements < MAX_RECORDS) {
        char name[MAX_KEY];
        const char *attributes;
        size_t n_close = 0;
        while (s < end && strchr(" \n*-.)0123456789", *s)) /* list signs, too */
            s++;
        size_t n = s < end ? tag_at(s, name, &attributes) : 0;
        if (!n || is_markup(name))
            break;
        const char *close = find_close(s + n, name, &n_close);
        if (!close || close > end) {
            enum role role = role_of(t, name);
            if (depth || (role != FIRST && role != SECOND && role != TEXT))
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
static json_t *read_tags(const struct sg_task *t, const char *s)
{
    for (const char *line = s; *line; line = next_line(line)) {
        const char *p = sg_skip_bullet(line);
        if (*p == '<') {
            json_t *found = read_elements(t, p, p + strlen(p), 0);
            json_t *records = found ? records_of(t, found) : NULL;
            json_decref(found);
            return records;
        }
        size_t lead = sg_lead_length(t, p);
        if (lead && p[lead + strspn(p + lead, " ")] == '<') {
            line = p + lead + strspn(p + lead, " ");
            json_t *found = read_elements(t, line, line + strlen(line), 0);
            json_t *records = found ? records_of(t, found) : NULL;
            json_decref(found);
            return records;
        }
        if (*p != '\n' && !sg_is_preamble(p) && !sg_is_heading(t, p) &&
            !(p[strcspn(p, "\n")] && p[strcspn(p, "\n") - 1] == ':'))
            return NULL;
    }
    return NULL;
}

enum sg_column_kind sg_column_kind_of(const struct sg_task *t, const char *name)
{
    enum role role = role_of(t, name);
    return role == OTHER                                     ? SG_COLUMN_OTHER
           : role == FIRST || role == SECOND || role == TEXT ? SG_COLUMN_TEXT
                                                             : SG_COLUMN_BESIDE;
}

static json_t *read_delimited(const struct sg_task *t, const char *s)
{
    json_t *rows = sg_delimited_read(t, s), *records = rows ? records_of(t, rows) : NULL;
    json_decref(rows);
    return records;
}

json_t *sg_records_read(const struct sg_task *t, const char *s, int *broken)
{
    const char *sign = strpbrk(s, "{[|<");
    *broken = 0;
    if (!sign)
        return read_delimited(t, s);
    json_t *records = read_json(t, s, broken);
    if (!records && !*broken && strchr(sign, '<'))
        records = read_tags(t, s);
    if (!records && !*broken && strchr(sign, '|'))
        records = read_table(s);
    if (!records && !*broken)
        records = read_delimited(t, s);
    return records;
}
