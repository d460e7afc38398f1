#include "gen/pool/label.h"
#include "gen/pool/records_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

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
    enum sg_role role = sg_role_of(t, key);
    int may_label = role == SG_ROLE_LABEL || role == SG_ROLE_MAYBE_LABEL || role == SG_ROLE_TEXT;
    if (depth > SG_MAX_DEPTH || json_object_get(record, key))
        return;
    if (json_is_string(value))
        json_object_set(record, key, (json_t *)(uintptr_t)value);
    else if (json_is_integer(value) && may_label && role != SG_ROLE_TEXT) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        json_object_set_new(record, key, json_string(number));
    } else if (json_is_number(value) && role == SG_ROLE_PROBABILITY) {
        snprintf(number, sizeof number, "%.17g", json_number_value(value));
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
    if (json_array_size(x->records) < SG_MAX_RECORDS)
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
    char first[SG_MAX_KEY] = "", own[SG_MAX_KEY];
    int same = 1;
    json_object_foreach ((json_t *)(uintptr_t)o, key, value) {
        nested += json_is_object(value) && json_object_size(value) > 0;
        arrays += json_is_array(value) &&
                  (json_array_size(value) != 1 || !json_is_string(json_array_get(value, 0)));
        if (!json_is_string(value))
            continue;
        strings++;
        named += sg_label_of(x->t, key, strlen(key)) >= 0;
        sg_key_of(key, own);
        sg_key_without_number(own);
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
    if (depth > SG_MAX_DEPTH)
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

json_t *sg_records_of(const struct sg_task *t, const json_t *value)
{
    struct list x = {t, json_array()};
    if (x.records)
        expand(&x, NULL, value, 0);
    return x.records;
}
