#include "experiments/study/schema.h"

#include "base/text.h"
#include "experiments/study/yaml_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 1000, MAX_NAMES = 2 * SG_SCHEMA_MAX };

static int is_known(const struct sg_schema *schema, int i)
{
    return !(schema->row[i].flags & schema->hidden);
}

static int find(const struct sg_schema *schema, const char *key)
{
    for (int i = 0; i < schema->n; i++)
        if (is_known(schema, i) && strcmp(schema->row[i].key, key) == 0)
            return i;
    return -1;
}

/* Whether `path` is a group: "train" of "train.epochs". */
static int is_group(const struct sg_schema *schema, const char *path)
{
    size_t n = strlen(path);
    for (int i = 0; i < schema->n; i++)
        if (is_known(schema, i) && strncmp(schema->row[i].key, path, n) == 0 && schema->row[i].key[n] == '.')
            return 1;
    return 0;
}

static const char *leaf_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

static void describe_number(const struct sg_setting *s, const char *what, struct sg_buf *out)
{
    char min[32], max[32];
    sg_format_double(s->min, min);
    sg_format_double(s->max, max);
    sg_buf_printf(out, "%s from %s to %s%s%s", what, min, max, s->unit ? " " : "", s->unit ? s->unit : "");
}

static void describe_choices(const struct sg_setting *s, struct sg_buf *out)
{
    for (int i = 0; s->choice(i); i++)
        sg_buf_printf(out, "%s%s", i ? ", " : "", s->choice(i));
}

void sg_setting_describe(const struct sg_setting *s, struct sg_buf *out)
{
    switch (s->type) {
    case SG_SET_TEXT:
        sg_buf_printf(out, "%s", s->unit ? s->unit : "text");
        break;
    case SG_SET_INT:
        describe_number(s, "a whole number", out);
        break;
    case SG_SET_REAL:
        describe_number(s, "a number", out);
        break;
    case SG_SET_FLAG:
        sg_buf_puts(out, "true or false");
        break;
    case SG_SET_CHOICE:
        sg_buf_puts(out, s->choice(1) ? "one of " : "");
        describe_choices(s, out);
        break;
    case SG_SET_TEXTS:
        sg_buf_printf(out, "a list [...] of %s", s->unit ? s->unit : "texts");
        break;
    case SG_SET_INTS:
        describe_number(s, "a list [...] of whole numbers", out);
        break;
    case SG_SET_CHOICES:
        sg_buf_puts(out, "a list [...] of ");
        describe_choices(s, out);
        break;
    case SG_SET_TREE:
    case SG_SET_JSON:
        sg_buf_puts(out, s->unit);
        break;
    }
    if (s->flags & SG_SET_NULL)
        sg_buf_printf(out, ", or %s", s->none_word ? s->none_word : "empty");
}

/* "train.epochs must be a whole number from 1 to 10000, not "0"". */
static sg_status fail_value(const struct sg_setting *s, const struct sg_yaml *at, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(sizeof err->text);
    sg_buf_printf(&b, "%s must be ", s->key);
    sg_setting_describe(s, &b);
    if (at->kind == SG_YAML_SCALAR && sg_yaml_is_null(at))
        sg_buf_puts(&b, ", not empty");
    else if (at->kind == SG_YAML_SCALAR) {
        sg_buf_puts(&b, ", not \"");
        sg_buf_safe(&b, at->text, 60);
        sg_buf_puts(&b, "\"");
    } else
        sg_buf_puts(&b, at->kind == SG_YAML_LIST ? (at->n ? ", not a list" : ", not an empty list")
                                                 : ", not a group");
    if (s->choice && at->kind == SG_YAML_SCALAR) {
        const char *name[MAX_NAMES];
        int n = 0;
        while (n < MAX_NAMES && (name[n] = s->choice(n)))
            n++;
        int near = sg_text_nearest(at->text, name, n);
        if (near >= 0)
            sg_buf_printf(&b, "; hint: did you mean \"%s\"?", name[near]);
    }
    sg_status status = sg_yaml_fail(at, err, "%s", sg_buf_text(&b));
    sg_buf_free(&b);
    return status;
}

/* One scalar as a number of the row. */
static sg_status read_int(const struct sg_setting *s, const struct sg_yaml *v, int64_t *out,
                          struct sg_err *err)
{
    int64_t x;
    if (v->kind != SG_YAML_SCALAR || !sg_parse_int64(v->text, &x) || (double)x < s->min || (double)x > s->max)
        return fail_value(s, v, err);
    *out = x;
    return SG_OK;
}

static sg_status read_choice(const struct sg_setting *s, const struct sg_yaml *v, int *out,
                             struct sg_err *err)
{
    for (int i = 0; v->kind == SG_YAML_SCALAR && s->choice(i); i++)
        if (strcmp(s->choice(i), v->text) == 0) {
            *out = i;
            return SG_OK;
        }
    return fail_value(s, v, err);
}

static sg_status read_text(const struct sg_setting *s, const struct sg_yaml *v, const char **out,
                           struct sg_err *err)
{
    if (v->kind != SG_YAML_SCALAR || !v->text[0] || sg_yaml_is_null(v))
        return fail_value(s, v, err);
    if (s->check)
        SG_TRY(s->check(v, s->key, v->text, err));
    *out = v->text;
    return SG_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static sg_status fail_twice(const struct sg_setting *s, const struct sg_yaml *v, struct sg_err *err)
{
    return sg_yaml_fail(v, err, "%s holds %s twice; hint: keep one", s->key, v->text);
}

/* Entries of a list that are groups. */
static int n_groups(const struct sg_setting *s, const struct sg_yaml *v)
{
    int n = 0;
    for (const struct sg_yaml *c = s->groups_offset && v->kind == SG_YAML_LIST ? v->child : NULL; c;
         c = c->next)
        n += c->kind == SG_YAML_MAP;
    return n;
}

static sg_status read_list(const struct sg_setting *s, const struct sg_yaml *v, struct sg_arena *arena,
                           void *slot, void *n_slot, struct sg_err *err)
{
    struct sg_yaml one = {.kind = SG_YAML_LIST,
                          .source = v->source,
                          .line = v->line,
                          .column = v->column,
                          .n = 1},
                   alone = *v;
    alone.next = NULL;
    one.child = &alone;
    if (v->kind == SG_YAML_SCALAR) /* sizes: 100 is sizes: [100] */
        v = &one;
    if (v->kind != SG_YAML_LIST || (v->n == 0 && !(s->flags & SG_SET_NULL)))
        return fail_value(s, v, err);
    if (v->n > MAX_LIST)
        return sg_yaml_fail(v, err, "%s holds %d entries; at most %d are allowed", s->key, v->n, MAX_LIST);
    size_t size = s->type == SG_SET_INTS    ? sizeof(int64_t)
                  : s->type == SG_SET_TEXTS ? sizeof(char *)
                                            : sizeof(int);
    void *list = sg_arena_alloc(arena, (size_t)v->n + 1, size);
    if (!list)
        return sg_fail_memory(err, (size_t)v->n * size);
    int i = 0, has_groups = n_groups(s, v) > 0;
    for (const struct sg_yaml *c = v->child; c; c = c->next) {
        int twice = 0;
        if (has_groups && c->kind == SG_YAML_MAP)
            continue;
        if (s->type == SG_SET_INTS) {
            int64_t *x = list;
            SG_TRY(read_int(s, c, &x[i], err));
            for (int k = 0; k < i; k++)
                twice |= x[k] == x[i];
        } else if (s->type == SG_SET_TEXTS) {
            const char **x = list;
            SG_TRY(read_text(s, c, &x[i], err));
            for (int k = 0; k < i; k++)
                twice |= strcmp(x[k], x[i]) == 0;
        } else {
            int *x = list;
            SG_TRY(read_choice(s, c, &x[i], err));
            for (int k = 0; k < i; k++)
                twice |= x[k] == x[i];
        }
        if (twice)
            return fail_twice(s, c, err);
        i++;
    }
    if (s->type == SG_SET_INTS)
        qsort(list, (size_t)v->n, size, by_value);
    memcpy(slot, &list, sizeof list);
    *(int *)n_slot = i;
    return SG_OK;
}

static sg_status store_null(const struct sg_setting *s, void *slot, void *n_slot)
{
    switch (s->type) {
    case SG_SET_INT:
        *(int64_t *)slot = (int64_t)s->none;
        break;
    case SG_SET_REAL:
        *(double *)slot = s->none;
        break;
    case SG_SET_FLAG:
    case SG_SET_CHOICE:
        *(int *)slot = (int)s->none;
        break;
    case SG_SET_TEXTS:
    case SG_SET_INTS:
    case SG_SET_CHOICES:
        *(int *)n_slot = 0; /* the list itself stays as it is: nobody looks at entry 0 of none */
        break;
    default:
        memset(slot, 0, sizeof(void *));
    }
    return SG_OK;
}

static sg_status read_json(const struct sg_setting *s, const struct sg_yaml *v, struct sg_arena *arena,
                           void *slot, struct sg_err *err)
{
    if (v->kind != SG_YAML_MAP)
        return fail_value(s, v, err);
    for (const struct sg_yaml *c = v->child; c; c = c->next)
        SG_TRY(s->check(c, s->key, c->key, err));
    json_t *o = sg_yaml_to_json(v);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL,
         *kept = text ? sg_arena_strndup(arena, text, strlen(text)) : NULL;
    free(text);
    json_decref(o);
    if (!kept)
        return sg_fail_memory(err, 1024);
    if (!v->n) /* nothing is said */
        kept = NULL;
    memcpy(slot, &kept, sizeof kept);
    return SG_OK;
}

static sg_status store(struct sg_reading *r, int i, const struct sg_yaml *v, struct sg_err *err)
{
    const struct sg_setting *s = &r->schema->row[i];
    void *slot = (char *)r->base + s->offset, *n_slot = (char *)r->base + s->n_offset;
    int is_null = v->kind == SG_YAML_SCALAR &&
                  (sg_yaml_is_null(v) || (s->none_word && strcmp(v->text, s->none_word) == 0) ||
                   (s->type == SG_SET_TEXT && !v->text[0]));
    if (is_null)
        return s->flags & SG_SET_NULL ? store_null(s, slot, n_slot) : fail_value(s, v, err);
    int64_t whole = 0;
    double x = 0;
    const char *text = NULL;
    switch (s->type) {
    case SG_SET_TEXT:
        SG_TRY(read_text(s, v, &text, err));
        memcpy(slot, &text, sizeof text);
        return SG_OK;
    case SG_SET_INT:
        SG_TRY(read_int(s, v, &whole, err));
        *(int64_t *)slot = whole;
        return SG_OK;
    case SG_SET_REAL:
        if (v->kind != SG_YAML_SCALAR || !sg_parse_double(v->text, &x) || x < s->min || x > s->max)
            return fail_value(s, v, err);
        *(double *)slot = x;
        return SG_OK;
    case SG_SET_FLAG: /* YAML 1.1's yes, no, on, off would be text elsewhere in the file: two words are enough
                       */
        if (v->kind != SG_YAML_SCALAR || (strcmp(v->text, "true") != 0 && strcmp(v->text, "false") != 0))
            return fail_value(s, v, err);
        *(int *)slot = v->text[0] == 't';
        return SG_OK;
    case SG_SET_CHOICE:
        return read_choice(s, v, slot, err);
    case SG_SET_TREE:
        memcpy(slot, &v, sizeof v);
        return SG_OK;
    case SG_SET_JSON:
        return read_json(s, v, r->arena, slot, err);
    default:
        if (s->groups_offset) {
            const struct sg_yaml *groups = n_groups(s, v) ? v : NULL;
            memcpy((char *)r->base + s->groups_offset, &groups, sizeof groups);
        }
        return read_list(s, v, r->arena, slot, n_slot, err);
    }
}

/* The nearest known path, written into `out`; 0 when none is near. */
static int guess(const struct sg_schema *schema, const char *path, char *out, size_t n_out)
{
    const char *leaf = leaf_of(path), *name[MAX_NAMES];
    char group[64];
    snprintf(group, sizeof group, "%.*s", (int)(leaf > path ? leaf - path - 1 : 0), path);
    int n = 0, top = !group[0];
    /* The right name in the wrong place: `epochs` for train.epochs. */
    for (int i = 0; i < schema->n; i++)
        if (is_known(schema, i) && strcmp(leaf_of(schema->row[i].key), leaf) == 0)
            return snprintf(out, n_out, "%s", schema->row[i].key) > 0;
    /* A slip of the finger: among the names of its own level, groups included. */
    char groups[SG_SCHEMA_MAX][64];
    for (int i = 0; i < schema->n; i++) {
        const char *key = schema->row[i].key, *dot = top ? strchr(key, '.') : strrchr(key, '.');
        if (!is_known(schema, i))
            continue;
        if (top) {
            snprintf(groups[i], sizeof groups[i], "%.*s", (int)(dot ? dot - key : 63), key);
            name[n++] = groups[i];
        } else if (dot && strlen(group) == (size_t)(dot - key) && strncmp(key, group, strlen(group)) == 0)
            name[n++] = dot + 1;
    }
    int near = sg_text_nearest(leaf, name, n);
    return near >= 0 && snprintf(out, n_out, "%s%s%s", group, top ? "" : ".", name[near]) > 0;
}

/* The names of the level that `path` is in: "study, tasks, train.*". */
static void list_known(const struct sg_schema *schema, const char *path, struct sg_buf *out)
{
    const char *dot = strchr(path, '.');
    size_t n = dot ? (size_t)(dot - path) : 0;
    char group[64];
    snprintf(group, sizeof group, "%.*s", (int)n, path);
    int in_group = dot && is_group(schema, group), n_shown = 0;
    const char *last = "";
    for (int i = 0; i < schema->n; i++) {
        const char *key = schema->row[i].key, *end = strchr(key, '.');
        size_t len = end ? (size_t)(end - key) : strlen(key);
        int same = end && strlen(last) > len && strncmp(last, key, len + 1) == 0;
        last = key;
        if (!is_known(schema, i) || (in_group ? strncmp(key, path, n + 1) != 0 : same))
            continue;
        sg_buf_puts(out, n_shown++ ? ", " : "");
        if (in_group)
            sg_buf_puts(out, key);
        else
            sg_buf_printf(out, "%.*s%s", (int)len, key, end ? ".*" : "");
    }
}

static sg_status fail_unknown(const struct sg_schema *schema, const char *path, const struct sg_yaml *v,
                              struct sg_err *err)
{
    for (int i = 0; i < schema->n; i++)
        if (!is_known(schema, i) && strcmp(schema->row[i].key, path) == 0)
            return sg_yaml_fail_key(v, err, "%s cannot be set here; hint: %s", path, schema->row[i].help);
    struct sg_buf b = sg_buf_make(sizeof err->text);
    char near[256];
    sg_buf_puts(&b, "unknown setting \"");
    sg_buf_safe(&b, path, 80);
    if (guess(schema, path, near, sizeof near))
        sg_buf_printf(&b, "\"; hint: did you mean \"%s\"?", near);
    else {
        sg_buf_puts(&b, "\"; hint: known here: ");
        list_known(schema, path, &b);
    }
    sg_status status = sg_yaml_fail_key(v, err, "%s", sg_buf_text(&b));
    sg_buf_free(&b);
    return status;
}

static sg_status apply(struct sg_reading *r, const char *path, const struct sg_yaml *v, int once,
                       struct sg_err *err)
{
    int i = find(r->schema, path);
    if (i >= 0) {
        if (once && r->at[i])
            return sg_yaml_fail_key(v, err, "%s is set twice; hint: keep one", path);
        SG_TRY(store(r, i, v, err));
        r->at[i] = v;
        return SG_OK;
    }
    if (path[0] && !is_group(r->schema, path))
        return fail_unknown(r->schema, path, v, err);
    if (v->kind == SG_YAML_SCALAR && sg_yaml_is_null(v))
        return SG_OK; /* `budget:` with nothing in it */
    if (v->kind != SG_YAML_MAP) {
        struct sg_buf b = sg_buf_make(sizeof err->text);
        char in[80];
        snprintf(in, sizeof in, "%s.", path);
        list_known(r->schema, path[0] ? in : "", &b);
        sg_status status = sg_yaml_fail(
            v, err, "%s%sa group of settings is wanted here, `name: value`; hint: known here: %s", path,
            path[0] ? ": " : "", sg_buf_text(&b));
        sg_buf_free(&b);
        return status;
    }
    for (const struct sg_yaml *c = v->child; c; c = c->next) {
        char *inner = sg_arena_alloc(r->arena, strlen(path) + strlen(c->key) + 2, 1);
        if (!inner)
            return sg_fail_memory(err, strlen(c->key));
        sprintf(inner, "%s%s%s", path, path[0] ? "." : "", c->key);
        SG_TRY(apply(r, inner, c, once, err));
    }
    return SG_OK;
}

sg_status sg_schema_apply(struct sg_reading *r, const struct sg_yaml *root, struct sg_err *err)
{
    return apply(r, "", root, 1, err);
}

sg_status sg_schema_apply_at(struct sg_reading *r, const char *path, const struct sg_yaml *value,
                             struct sg_err *err)
{
    return apply(r, path, value, 1, err);
}

sg_status sg_schema_override(struct sg_reading *r, const char *key_value, struct sg_err *err)
{
    const char *equals = strchr(key_value, '=');
    if (!equals || equals == key_value) {
        struct sg_buf b = sg_buf_make(sizeof err->text);
        sg_buf_safe(&b, sg_yaml_find_secret(key_value, strlen(key_value)) < 0 ? key_value : "...", 80);
        sg_status status = sg_fail(
            err, SG_INPUT, "\"%s\" is no override; hint: key=value, like train.epochs=5 or sizes=[100,500]",
            sg_buf_text(&b));
        sg_buf_free(&b);
        return status;
    }
    char *key = sg_arena_strndup(r->arena, key_value, (size_t)(equals - key_value));
    size_t n_source = key ? strlen(key) + 16 : 0;
    char *source = sg_arena_alloc(r->arena, n_source, 1);
    struct sg_yaml *v = NULL;
    if (!key || !source)
        return sg_fail_memory(err, strlen(key_value));
    struct sg_buf shown = sg_buf_make(512);
    sg_buf_safe(&shown, key, 60);
    snprintf(source, n_source, "override %s", sg_buf_text(&shown));
    sg_buf_free(&shown);
    SG_TRY(sg_yaml_parse(source, 0, equals + 1, strlen(equals + 1), r->arena, &v, err));
    if (!v) {
        v = sg_arena_alloc(r->arena, 1, sizeof *v);
        if (!v)
            return sg_fail_memory(err, sizeof *v);
        *v = (struct sg_yaml){.kind = SG_YAML_SCALAR, .source = source, .text = ""};
    }
    return apply(r, key, v, 0, err);
}

sg_status sg_schema_defaults(struct sg_reading *r, struct sg_err *err)
{
    for (int i = 0; i < r->schema->n; i++) {
        const struct sg_setting *s = &r->schema->row[i];
        struct sg_yaml *v = NULL;
        if (!s->initial) {
            (void)store_null(s, (char *)r->base + s->offset, (char *)r->base + s->n_offset);
            continue;
        }
        SG_TRY(sg_yaml_parse(s->key, 0, s->initial, strlen(s->initial), r->arena, &v, err));
        SG_TRY(store(r, i, v, err));
    }
    return SG_OK;
}

sg_status sg_schema_complete(const struct sg_reading *r, const char *source, struct sg_err *err)
{
    for (int i = 0; i < r->schema->n; i++) {
        const struct sg_setting *s = &r->schema->row[i];
        if (is_known(r->schema, i) && s->flags & SG_SET_REQUIRED && !r->at[i])
            return sg_fail(err, SG_INPUT, "%s: \"%s\" is missing; hint: %s", source, s->key, s->help);
    }
    return SG_OK;
}

const struct sg_yaml *sg_schema_at(const struct sg_reading *r, const char *key)
{
    int i = find(r->schema, key);
    return i >= 0 ? r->at[i] : NULL;
}

sg_status sg_schema_fail(const struct sg_reading *r, const char *key, const char *fallback,
                         struct sg_err *err, const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct sg_yaml *at = sg_schema_at(r, key);
    if (at)
        return sg_yaml_fail(at, err, "%s", text);
    return sg_fail(err, SG_INPUT, "%s: %s", fallback, text);
}
