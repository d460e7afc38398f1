#include "experiments/study/yaml.h"

#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

static sg_status fail_at(const char *source, int line, int column, struct sg_err *err, const char *format,
                         va_list args)
{
    char text[sizeof err->text];
    vsnprintf(text, sizeof text, format, args);
    if (line)
        return sg_fail(err, SG_INPUT, "%s:%d:%d: %s", source, line, column, text);
    return sg_fail(err, SG_INPUT, "%s: %s", source, text);
}

sg_status sg_yaml_fail(const struct sg_yaml *at, struct sg_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sg_status status = fail_at(at->source, at->line, at->column, err, format, args);
    va_end(args);
    return status;
}

sg_status sg_yaml_fail_key(const struct sg_yaml *at, struct sg_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sg_status status = fail_at(at->source, at->key_line, at->key_column, err, format, args);
    va_end(args);
    return status;
}

int sg_yaml_is_null(const struct sg_yaml *node)
{
    return node->kind == SG_YAML_SCALAR && !node->quoted &&
           (!node->text[0] || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

/* How the usual services' keys begin, and how many characters more make it a key and not a word. */
static const struct {
    const char *begin;
    size_t tail;
} secrets[] = {{"sk-", 8}, {"gsk_", 16}, {"xai-", 16}, {"hf_", 16}, {"AIza", 16}};

static const char secret_hint[] =
    "this looks like an API key; hint: keys stay out of files: put it into an environment "
    "variable and write the variable's name (generator.api_key_env: OPENAI_API_KEY)";
static const char alias_hint[] =
    "anchors and aliases (&name, *name) are not supported; hint: quote a text that begins with "
    "* or &, or write the value twice";

long sg_yaml_find_secret(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i && (isalnum((unsigned char)text[i - 1]) || text[i - 1] == '-' || text[i - 1] == '_'))
            continue; /* inside a word: "task-specific" */
        for (size_t s = 0; s < sizeof secrets / sizeof secrets[0]; s++) {
            size_t len = strlen(secrets[s].begin), k = i + len;
            if (n - i < len || memcmp(text + i, secrets[s].begin, len) != 0)
                continue;
            while (k < n && (isalnum((unsigned char)text[k]) || text[k] == '-' || text[k] == '_'))
                k++;
            if (k - i - len >= secrets[s].tail)
                return (long)i;
        }
    }
    return -1;
}

/* The parser's state: a stack of open lists and maps. */
struct builder {
    const char *source;
    int has_lines;
    struct sg_arena *arena;
    struct sg_yaml *root;
    int n_nodes, depth, n_documents;
    struct {
        struct sg_yaml *node, **tail;
        struct sg_yaml *key; /* MAP: a key that waits for its value */
    } open[SG_YAML_MAX_DEPTH];
};

static struct sg_yaml here(const struct builder *b, yaml_mark_t mark)
{
    struct sg_yaml at = {.source = b->source};
    if (b->has_lines) {
        at.line = (int)mark.line + 1;
        at.column = (int)mark.column + 1;
    }
    return at;
}

static sg_status check_key(const struct sg_yaml *map, const struct sg_yaml *key, struct sg_err *err)
{
    for (const struct sg_yaml *c = map->child; c; c = c->next)
        if (strcmp(c->key, key->text) == 0) {
            if (c->key_line)
                return sg_yaml_fail(key, err, "\"%s\" stands twice, first in line %d; hint: keep one of them",
                                    key->text, c->key_line);
            return sg_yaml_fail(key, err, "\"%s\" stands twice; hint: keep one of them", key->text);
        }
    return SG_OK;
}

/* Hangs a node into what is open; pushes it when it opens a level itself. */
static sg_status attach(struct builder *b, const struct sg_yaml *made, struct sg_err *err)
{
    if (++b->n_nodes > SG_YAML_MAX_NODES)
        return sg_yaml_fail(made, err, "more than %d values in one file", SG_YAML_MAX_NODES);
    struct sg_yaml *node = sg_arena_alloc(b->arena, 1, sizeof *node);
    if (!node)
        return sg_fail_memory(err, sizeof *node);
    *node = *made;
    if (b->depth == 0)
        b->root = node;
    else {
        struct sg_yaml *parent = b->open[b->depth - 1].node, **key = &b->open[b->depth - 1].key;
        if (parent->kind == SG_YAML_MAP && !*key) {
            if (node->kind != SG_YAML_SCALAR || !node->text)
                return sg_yaml_fail(node, err, "a key must be plain text, not a list or a group");
            SG_TRY(check_key(parent, node, err));
            *key = node;
            return SG_OK;
        }
        if (*key) {
            node->key = (*key)->text;
            node->key_line = (*key)->line;
            node->key_column = (*key)->column;
            *key = NULL;
        }
        *b->open[b->depth - 1].tail = node;
        b->open[b->depth - 1].tail = &node->next;
        parent->n++;
    }
    if (node->kind == SG_YAML_SCALAR)
        return SG_OK;
    if (b->depth == SG_YAML_MAX_DEPTH)
        return sg_yaml_fail(node, err, "more than %d levels inside one another", SG_YAML_MAX_DEPTH);
    b->open[b->depth].node = node;
    b->open[b->depth].tail = &node->child;
    b->open[b->depth++].key = NULL;
    return SG_OK;
}

static sg_status take_scalar(struct builder *b, const yaml_event_t *e, struct sg_yaml *made,
                             struct sg_err *err)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    if (memchr(text, 0, n))
        return sg_yaml_fail(made, err, "the text holds a NUL character");
    if (sg_yaml_find_secret(text, n) >= 0)
        return sg_yaml_fail(made, err, "%s", secret_hint);
    made->kind = SG_YAML_SCALAR;
    made->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    made->text = sg_arena_strndup(b->arena, text, n);
    if (!made->text)
        return sg_fail_memory(err, n);
    return attach(b, made, err);
}

static sg_status take_event(struct builder *b, const yaml_event_t *e, struct sg_err *err)
{
    struct sg_yaml at = here(b, e->start_mark);
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return sg_yaml_fail(&at, err, "%s", alias_hint);
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        at.kind = SG_YAML_LIST;
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        at.kind = SG_YAML_MAP;
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return SG_OK;
    case YAML_DOCUMENT_START_EVENT:
        return b->n_documents++
                   ? sg_yaml_fail(&at, err, "a second document begins here; hint: one document a file")
                   : SG_OK;
    default:
        return SG_OK;
    }
    if (anchor)
        return sg_yaml_fail(&at, err, "%s", alias_hint);
    if (tag)
        return sg_yaml_fail(&at, err,
                            "tags (!name) are not supported; hint: quote a text that begins with !");
    return e->type == YAML_SCALAR_EVENT ? take_scalar(b, e, &at, err) : attach(b, &at, err);
}

static sg_status fail_parse(const struct builder *b, const yaml_parser_t *p, struct sg_err *err)
{
    if (p->error == YAML_MEMORY_ERROR)
        return sg_fail_memory(err, SG_YAML_MAX_BYTES);
    struct sg_yaml at = here(b, p->problem_mark);
    const char *problem = p->problem ? p->problem : "damaged";
    if (p->error == YAML_READER_ERROR) { /* it knows no mark, only a byte offset */
        at.line = 0;
        return sg_yaml_fail(&at, err, "not YAML: %s at byte %zu; hint: save the file as UTF-8", problem,
                            p->problem_offset);
    }
    return sg_yaml_fail(&at, err, "not YAML: %s%s%s%s; hint: check indentation, brackets and quotes", problem,
                        p->context ? " (" : "", p->context ? p->context : "", p->context ? ")" : "");
}

/* Comments are no nodes, but the text is kept: so the whole of it is looked at. */
static sg_status check_secret(const struct builder *b, const char *text, size_t n, struct sg_err *err)
{
    long at = sg_yaml_find_secret(text, n);
    if (at < 0)
        return SG_OK;
    yaml_mark_t mark = {0};
    for (long i = 0; i < at; i++) {
        mark.column = text[i] == '\n' ? 0 : mark.column + 1;
        mark.line += text[i] == '\n';
    }
    struct sg_yaml where = here(b, mark);
    return sg_yaml_fail(&where, err, "%s", secret_hint);
}

sg_status sg_yaml_parse(const char *source, int has_lines, const char *text, size_t n, struct sg_arena *arena,
                        struct sg_yaml **root, struct sg_err *err)
{
    struct builder b = {.source = sg_arena_strdup(arena, source), .has_lines = has_lines, .arena = arena};
    if (!b.source)
        return sg_fail_memory(err, strlen(source));
    if (n > SG_YAML_MAX_BYTES)
        return sg_fail(err, SG_INPUT, "%s: larger than the limit of %d bytes", source, SG_YAML_MAX_BYTES);
    SG_TRY(check_secret(&b, text, n, err));
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return sg_fail_memory(err, sizeof parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    sg_status status = SG_OK;
    for (int ended = 0; status == SG_OK && !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = fail_parse(&b, &parser, err);
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        status = take_event(&b, &event, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (status == SG_OK)
        *root = b.root;
    return status;
}
