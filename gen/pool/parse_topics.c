#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/clean.h"
#include "gen/pool/parse_impl.h"
#include "gen/pool/preamble.h"
#include "gen/pool/reasoning.h"
#include "gen/pool/records.h"

#include <jansson.h>
#include <string.h>

static sg_status add_topic(struct sg_topics *t, const char *s, size_t n, struct sg_err *err)
{
    char *item = sg_strndup(s, n);
    if (!item)
        return sg_fail_memory(err, n);
    sg_clean_markdown(item);
    /* "Drama: films about ..." and "Drama (serious)" and "Drama - a ..." name the topic first. */
    for (char *p = item; *p; p++)
        if (p > item && (*p == ':' || *p == '(' || strncmp(p, " - ", 3) == 0 || strncmp(p, " – ", 5) == 0 ||
                         strncmp(p, " — ", 5) == 0)) {
            *p = 0;
            break;
        }
    sg_squeeze(item);
    sg_strip_quotes(item);
    size_t len = strlen(item);
    while (len && strchr(" .,;", item[len - 1]))
        item[--len] = 0;
    int keep = len >= 2 && len <= 80 && sg_count_words(item) >= 1 && sg_count_long_words(item) <= 10;
    for (int64_t i = 0; keep && i < t->n; i++)
        keep = !sg_folded_equal(t->item[i], item);
    if (!keep) {
        sg_free(item);
        return SG_OK;
    }
    char **grown = sg_realloc(t->item, (size_t)t->n + 1, sizeof *grown);
    if (!grown) {
        sg_free(item);
        return sg_fail_memory(err, ((size_t)t->n + 1) * sizeof *grown);
    }
    t->item = grown;
    t->item[t->n++] = item;
    return SG_OK;
}

/* The bytes of a comma of any script. */
static size_t comma_at(const char *s)
{
    return *s == ','                                              ? 1
           : strncmp(s, "、", 3) == 0 || strncmp(s, "，", 3) == 0 ? 3
           : strncmp(s, "،", 2) == 0                              ? 2
                                                                  : 0;
}

static int separator_in(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (comma_at(s + i))
            return 1;
    return 0;
}

/* One line: a, b, and c */
static sg_status add_separated(const char *s, size_t n, struct sg_topics *topics, struct sg_err *err)
{
    for (size_t len, comma; n; s += len + comma, n -= len + comma) {
        for (len = comma = 0; len < n && !(comma = comma_at(s + len)); len++)
            ;
        size_t skip = strspn(s, " ");
        if (sg_starts_with(s + skip, "and "))
            skip += 4;
        if (skip < len)
            SG_TRY(add_topic(topics, s + skip, len - skip, err));
    }
    return SG_OK;
}

/* A list that came as JSON, a table or tags: the first text of each record. */
static sg_status add_records(const json_t *records, struct sg_topics *topics, struct sg_err *err)
{
    size_t i;
    const json_t *record;
    json_array_foreach (records, i, record) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)record, key, value) {
            const char *s = json_string_value(value);
            if (s && s[strspn(s, " 0123456789.")]) {
                SG_TRY(add_topic(topics, s, strlen(s), err));
                break;
            }
        }
        if (topics->n >= 2 * SG_N_TOPICS)
            break;
    }
    return SG_OK;
}

static sg_status add_lines(const char *clean, int cut, struct sg_topics *topics, struct sg_err *err)
{
    int n_bulleted = 0, n_lines = 0;
    for (const char *s = clean; *s; s = sg_next_line(s)) {
        n_bulleted += sg_has_bullet(s);
        n_lines += !sg_is_blank_line(s);
    }
    sg_status status = SG_OK;
    int64_t n_taken = 0;
    for (const char *s = clean; *s && status == SG_OK && n_taken < 2 * SG_N_TOPICS; s = sg_next_line(s)) {
        size_t n = strcspn(s, "\n");
        if (sg_is_blank_line(s) || sg_is_preamble(s) || (n_bulleted && !sg_has_bullet(s)) ||
            (cut && s[n] == 0))
            continue;
        const char *body = sg_skip_bullet(s);
        if (body > s + n)
            continue;
        n -= (size_t)(body - s);
        if (n_lines == 1 && !n_bulleted && separator_in(body, n))
            status = add_separated(body, n, topics, err);
        else
            status = add_topic(topics, body, n, err);
        n_taken++;
    }
    return status;
}

sg_status sg_parse_topics(const struct sg_task *t, const char *text, const char *finish_reason,
                          struct sg_topics *topics, struct sg_err *err)
{
    if (!text || !sg_utf8_valid(text, strlen(text)))
        return SG_OK;
    int cut = finish_reason && strcmp(finish_reason, "length") == 0, only_reasons, broken;
    char *clean = sg_said_copy(t, text, &only_reasons);
    if (!clean)
        return sg_fail_memory(err, strlen(text));
    json_t *records = strlen(clean) <= SG_MAX_COMPLETION_BYTES ? sg_records_read(t, clean, &broken) : NULL;
    sg_status status = records ? add_records(records, topics, err) : add_lines(clean, cut, topics, err);
    json_decref(records);
    sg_free(clean);
    return status;
}
