#include "gen/parse_many.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/class_name.h"
#include "gen/clean.h"
#include "gen/reply.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Past the characters of `set`. A loop, since strspn and its like may read to the end of the text (as sanitizers do): the
 * square of its length, when it is called line by line. */
static char *past(char *p, const char *set)
{
    while (*p && strchr(set, *p))
        p++;
    return p;
}

/* ---- the label ---- */

/* Where the last "Label:" begins that stands at a line's start or after a blank, a bracket or decoration. */
static char *last_label(char *s)
{
    char *last = NULL;
    for (char *p = s; *p; p++)
        if ((p == s || strchr(" \n*_([\"", p[-1])) && sg_starts_with(p, "label"))
            if (*past(p + 5, " *_\"") == ':')
                last = p;
    return last;
}

/* Takes the label line off the item. *class_: -1 when it names no class. 0 in *found: there is none. */
static sg_status take_label(const struct sg_task *t, char *item, int *found, int *class_, struct sg_err *err)
{
    char *label = last_label(item);
    *class_ = -1;
    *found = label != NULL;
    if (!label)
        return SG_OK;
    char *value = strchr(label, ':') + 1;
    size_t n = strcspn(value, "\n");
    if (n > 1000) /* no class has such a name */
        n = 1000;
    char *copy = sg_strndup(value, n);
    struct sg_class_names names = {0};
    sg_status status = copy ? sg_class_names_create(t, &names, err) : sg_fail_memory(err, n);
    while (copy && !sg_utf8_valid(copy, strlen(copy)))
        copy[strlen(copy) - 1] = 0; /* cut inside a character */
    if (status == SG_OK)
        status = sg_class_names_find(&names, copy, strlen(copy), class_, err);
    sg_class_names_free(&names);
    sg_free(copy);
    while (label > item && strchr(" \n*_([\"", label[-1]))
        label--;
    *label = 0;
    return status;
}

static sg_status parse_one(const struct sg_task *t, char *item, const char *finish_reason, int wants_label,
                           struct sg_candidate *out, struct sg_err *err)
{
    int found = 1;
    *out = (struct sg_candidate){.class_ = -1};
    if (wants_label)
        SG_TRY(take_label(t, item, &found, &out->class_, err));
    /* With its label a text is whole, wherever the completion was cut. */
    const char *reason = wants_label && out->class_ >= 0 ? "stop" : finish_reason;
    SG_TRY(sg_parse_completion(t, item, reason, &out->reason, &out->x, err));
    if (!wants_label || out->reason != SG_ACCEPTED || out->class_ >= 0)
        return SG_OK;
    int cut = finish_reason && strcmp(finish_reason, "length") == 0;
    out->reason = cut ? SG_REJECT_CUT_OFF : found ? SG_REJECT_WRONG_LABEL : SG_REJECT_UNPARSABLE;
    sg_parsed_free(&out->x);
    return SG_OK;
}

/* ---- the list ---- */

/* Where the item with this number begins ("3. ", "**3)** "), its text in *text; NULL when there is none. */
static char *find_item(char *s, int64_t number, char **text)
{
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number);
    for (char *line = s; *line;) {
        char *p = past(past(line, " *_#("), "0");
        if (strncmp(p, digits, n) == 0 && p[n] && strchr(".):", p[n])) {
            *text = past(p + n + 1, "*_): ");
            return line;
        }
        while (*line && *line != '\n')
            line++;
        line += *line == '\n';
    }
    return NULL;
}

static sg_status parse_list(const struct sg_task *t, char *s, const char *finish_reason, int64_t n,
                            int wants_label, struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    char *text, *next = NULL, *next_text = NULL;
    if (n < 2 || !find_item(s, 1, &text)) {
        *n_out = 1;
        return parse_one(t, s, finish_reason, wants_label, out, err);
    }
    *n_out = 0;
    for (int64_t i = 1; i <= n; i++, text = next_text) {
        next = find_item(text, i + 1, &next_text);
        if (next)
            *next = 0;
        SG_TRY(parse_one(t, text, next ? "stop" : finish_reason, wants_label, &out[i - 1], err));
        *n_out = i;
        if (!next)
            break;
    }
    return SG_OK;
}

/* ---- JSON ---- */

/* Adds "Mark: value" on a line of its own. */
static void add_line(struct sg_buf *b, const char *mark, const json_t *value)
{
    sg_buf_printf(b, "%s%s: ", b->len ? "\n" : "", mark);
    for (const char *s = json_string_value(value); s && *s; s++)
        sg_buf_add(b, *s == '\n' || *s == '\r' ? " " : s, 1);
}

/* One object of the list as the text that a plain answer would have been; NULL when it is none or lacks a part. */
static char *as_text(const struct sg_task *t, const json_t *o, int wants_label)
{
    const json_t *first = json_object_get(o, t->first_mark);
    const json_t *second = t->second ? json_object_get(o, t->second_mark) : NULL,
                 *label = json_object_get(o, "Label");
    if (!json_is_string(first) || (t->second && !json_is_string(second)) ||
        (wants_label && !json_is_string(label)))
        return NULL;
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    if (t->second_comes_first)
        add_line(&b, t->second_mark, second);
    add_line(&b, t->first_mark, first);
    if (t->second && !t->second_comes_first)
        add_line(&b, t->second_mark, second);
    if (wants_label)
        add_line(&b, "Label", label);
    return sg_buf_take(&b);
}

/* jansson refuses what is nested deeper than 2048 levels. */
static sg_status parse_json(const struct sg_task *t, const char *s, const char *finish_reason,
                            struct sg_wanted w, struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    json_t *o = sg_reply_json(s, strlen(s), JSON_REJECT_DUPLICATES);
    const json_t *list = json_object_get(o, "examples");
    size_t n = json_array_size(list);
    sg_status status = SG_OK;
    int cut = finish_reason && strcmp(finish_reason, "length") == 0;
    *n_out = 1;
    *out = (struct sg_candidate){.class_ = -1,
                                 .reason = cut && !o    ? SG_REJECT_CUT_OFF
                                           : list && !n ? SG_REJECT_EMPTY
                                                        : SG_REJECT_UNPARSABLE};
    for (size_t i = 0; status == SG_OK && i < n && i < (size_t)w.n; i++) {
        char *text = as_text(t, json_array_get(list, i), w.label);
        out[i] = (struct sg_candidate){.class_ = -1, .reason = SG_REJECT_UNPARSABLE};
        if (text)
            status = parse_one(t, text, "stop", w.label, &out[i], err);
        sg_free(text);
        *n_out = (int64_t)i + 1;
    }
    json_decref(o);
    return status;
}

sg_status sg_parse_examples(const struct sg_task *t, const char *text, const char *finish_reason,
                            struct sg_wanted w, struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    *n_out = 1;
    /* One text without a label, and all that is no text at all. */
    if ((w.n < 2 && !w.label && !w.structured) || !text || !sg_utf8_valid(text, strlen(text))) {
        *out = (struct sg_candidate){.class_ = -1};
        return sg_parse_completion(t, text, finish_reason, &out->reason, &out->x, err);
    }
    char *clean = sg_clean_copy(text);
    if (!clean)
        return sg_fail_memory(err, strlen(text));
    sg_text_trim(clean);
    sg_status status = w.structured && *clean == '{'
                           ? parse_json(t, clean, finish_reason, w, out, n_out, err)
                           : parse_list(t, clean, finish_reason, w.n, w.label, out, n_out, err);
    if (status != SG_OK)
        for (int64_t i = 0; i < *n_out; i++)
            sg_parsed_free(&out[i].x);
    sg_free(clean);
    return status;
}
