#include "experiments/study/generators.h"

#include "base/json.h"
#include "base/text.h"
#include "gen/llm/http.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PREFIX[] = "generators.";

/* One entry of generators: as it is read. */
struct entry {
    const struct sg_yaml *at;
    const char *where; /* "generators.small"; "generator" for the only one */
    struct sg_settings settings;
    struct sg_reading reading;
    struct sg_schema schema;
};

/* Where the entry's row is set; NULL: nowhere. */
static const struct sg_yaml *set_at(const struct entry *e, const char *leaf)
{
    char key[120];
    snprintf(key, sizeof key, "%s.%s", e->where, leaf);
    return sg_schema_at(&e->reading, key);
}

SG_PRINTF(5, 6)
static sg_status fail_at(const struct entry *e, const char *leaf, const char *path, struct sg_err *err,
                         const char *format, ...)
{
    char key[120], text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(key, sizeof key, "%s.%s", e->where, leaf);
    return sg_schema_fail(&e->reading, key, path, err, "%s", text);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* What depends on the provider. */
static sg_status check_provider(struct entry *e, const char *path, struct sg_err *err)
{
    struct sg_generator *g = &e->settings.generator;
    const struct sg_provider *p = sg_provider_find(g->provider);
    if (!set_at(e, "api_key_env"))
        g->api_key_env = p->api_key_env;
    if (p->in_process && !g->model_file)
        return fail_at(e, "provider", path, err,
                       "%s.provider %s needs %s.model_file; hint: the path of a model in GGUF format",
                       e->where, p->name, e->where);
    if (p->in_process && g->usd_per_1m_input < 0)
        g->usd_per_1m_input = 0;
    if (p->in_process && g->usd_per_1m_output < 0)
        g->usd_per_1m_output = 0;
    if (!p->in_process && g->model_file)
        return fail_at(e, "model_file", path, err, "%s.model_file is for %s.provider: llama alone", e->where,
                       e->where);
    if (p->in_process && (g->n_omit || g->extra))
        return fail_at(e, g->extra ? "extra" : "omit", path, err,
                       "%s.omit and %s.extra are for servers; hint: %s.provider llama samples with "
                       "temperature, top_p and seed",
                       e->where, e->where, e->where);
    if (g->n_omit)
        qsort(g->omit, (size_t)g->n_omit, sizeof *g->omit, by_number);
    const char *address = sg_provider_address(g);
    if (!g->connections) /* a server on this machine has the cores of one, and few slots (llama.cpp: 4) */
        g->connections = !p->in_process && address && sg_http_is_loopback(address) ? 4 : 16;
    if (p->needs_model && !set_at(e, "model"))
        return fail_at(e, "provider", path, err,
                       "%s.provider %s needs %s.model; hint: name one of its models", e->where, p->name,
                       e->where);
    return SG_OK;
}

/* ---- several ---- */

static int is_of_generator(const struct sg_setting *s)
{
    return strncmp(s->key, "generator.", 10) == 0;
}

/* Nothing that each has of its own is said for all of them. */
static sg_status check_common(const struct sg_reading *r, const char *path, struct sg_err *err)
{
    for (int i = 0; i < r->schema->n; i++) {
        const struct sg_setting *s = &r->schema->row[i];
        const struct sg_yaml *at = r->at[i];
        if (!(s->flags & SG_SET_OWN) || !at ||
            (at->kind == SG_YAML_SCALAR && (sg_yaml_is_null(at) || !at->text[0])))
            continue;
        return sg_schema_fail(
            r, s->key, path, err,
            "%s is each generator's own where a study has several; hint: say it in each entry of "
            "generators",
            s->key);
    }
    return SG_OK;
}

static sg_status check_name(const struct sg_yaml *at, struct sg_err *err)
{
    size_t n = strlen(at->key);
    int good = isalnum((unsigned char)at->key[0]) && n <= SG_GENERATOR_NAME;
    for (size_t i = 0; i < n; i++)
        good &= isalnum((unsigned char)at->key[i]) || strchr("_-", at->key[i]) != NULL;
    return good ? SG_OK
                : sg_yaml_fail_key(
                      at, err,
                      "the name of a generator must be at most %d letters, digits, '_' and '-', and "
                      "begin with a letter or digit",
                      SG_GENERATOR_NAME);
}

/* The rows of generator.*, with keys of the entry; those that all share are known, but refused. */
static sg_status make_schema(struct entry *e, const struct sg_reading *r, struct sg_err *err)
{
    struct sg_setting *row = sg_arena_alloc(r->arena, SG_SCHEMA_MAX, sizeof *row);
    size_t n_key = strlen(e->where) + 40;
    if (!row)
        return sg_fail_memory(err, SG_SCHEMA_MAX * sizeof *row);
    e->schema = (struct sg_schema){.row = row, .hidden = SG_SET_SHARED};
    for (int i = 0; i < r->schema->n; i++) {
        const struct sg_setting *s = &r->schema->row[i];
        char *key = is_of_generator(s) ? sg_arena_alloc(r->arena, n_key, 1) : NULL;
        if (!is_of_generator(s))
            continue;
        if (!key)
            return sg_fail_memory(err, n_key);
        snprintf(key, n_key, "%s.%s", e->where, s->key + 10);
        row[e->schema.n] = *s;
        if (s->flags & SG_SET_SHARED)
            row[e->schema.n].help = "it holds for all generators; set it in generator";
        row[e->schema.n++].key = key;
    }
    return SG_OK;
}

static sg_status read_entry(struct entry *e, const struct sg_reading *r, const struct sg_settings *all,
                            const struct sg_yaml *at, struct sg_err *err)
{
    size_t n = strlen(at->key) + sizeof PREFIX;
    char *where = sg_arena_alloc(r->arena, n, 1);
    if (!where)
        return sg_fail_memory(err, n);
    snprintf(where, n, "%s%s", PREFIX, at->key);
    e->at = at;
    e->where = where;
    e->settings = *all;
    e->settings.generator.name = at->key;
    SG_TRY(make_schema(e, r, err));
    e->reading = (struct sg_reading){.schema = &e->schema, .arena = r->arena, .base = &e->settings};
    return sg_schema_apply_at(&e->reading, where, at, err);
}

int sg_generators_is_override(const char *key_value)
{
    return strncmp(key_value, PREFIX, sizeof PREFIX - 1) == 0;
}

static sg_status override(struct entry *e, int n, const char *key_value, struct sg_err *err)
{
    const char *name = key_value + sizeof PREFIX - 1;
    size_t n_name = strcspn(name, ".=");
    for (int i = 0; i < n; i++)
        if (strlen(e[i].at->key) == n_name && strncmp(e[i].at->key, name, n_name) == 0 && name[n_name] == '.')
            return sg_schema_override(&e[i].reading, key_value, err);
    char key[80];
    snprintf(key, sizeof key, "%s%.*s", PREFIX, (int)(n_name < 60 ? n_name : 60), name);
    struct sg_buf shown = sg_buf_make(400);
    sg_buf_safe(&shown, key, sizeof key);
    sg_status status =
        sg_fail(err, SG_INPUT, "override %s: the study has no such generator%s%s", sg_buf_text(&shown),
                n ? "; hint: generators." : ": it has no generators", n ? e[0].at->key : "");
    sg_buf_free(&shown);
    return status;
}

static int same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Two that would ask the same, and two of which one would get the other's key. */
static sg_status check_pair(const struct entry *a, const struct entry *b, struct sg_err *err)
{
    const struct sg_generator *x = &a->settings.generator, *y = &b->settings.generator;
    if (strcmp(x->provider, y->provider) == 0 && strcmp(x->model, y->model) == 0 &&
        x->temperature == y->temperature && x->top_p == y->top_p && sg_generator_same_more(x, y))
        return sg_yaml_fail_key(
            b->at, err,
            "%s asks the same as %s: provider, model, temperature, top_p, omit and extra are those of the "
            "other; hint: results know a model by its name, not by its address",
            b->where, a->where);
    int needs_key = !sg_provider_find(x->provider)->in_process && !sg_provider_find(y->provider)->in_process;
    int is_said = set_at(a, "api_key_env") && set_at(b, "api_key_env");
    if (needs_key && !is_said && strcmp(x->api_key_env, y->api_key_env) == 0 &&
        !same_text(x->base_url, y->base_url))
        return sg_yaml_fail_key(
            b->at, err,
            "%s and %s have different addresses, and both would be sent the key in %s; hint: set "
            "api_key_env in both (a variable that is never set, for a server that needs no key)",
            a->where, b->where, x->api_key_env);
    return SG_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sg_generator *)a)->name, ((const struct sg_generator *)b)->name);
}

static sg_status read_several(const struct sg_reading *r, struct sg_settings *all, int n_overrides,
                              const char *const *overrides, struct sg_err *err)
{
    const struct sg_yaml *tree = all->generators;
    struct sg_study *s = &all->study;
    if (tree->kind != SG_YAML_MAP || tree->n < 1 || tree->n > SG_MAX_GENERATORS)
        return sg_yaml_fail(
            tree, err,
            "generators must be a group of 1 to %d names with settings each, like small: {model: a}",
            SG_MAX_GENERATORS);
    SG_TRY(check_common(r, s->path, err));
    struct entry *e = sg_arena_alloc(r->arena, (size_t)tree->n, sizeof *e);
    s->generator = sg_arena_alloc(r->arena, (size_t)tree->n, sizeof *s->generator);
    if (!e || !s->generator)
        return sg_fail_memory(err, (size_t)tree->n * sizeof *e);
    int n = 0;
    for (const struct sg_yaml *c = tree->child; c; c = c->next) {
        SG_TRY(check_name(c, err));
        SG_TRY(read_entry(&e[n++], r, all, c, err));
    }
    for (int i = 0; i < n_overrides; i++)
        if (sg_generators_is_override(overrides[i]))
            SG_TRY(override(e, n, overrides[i], err));
    for (int i = 0; i < n; i++) {
        SG_TRY(check_provider(&e[i], s->path, err));
        for (int k = 0; k < i; k++)
            SG_TRY(check_pair(&e[k], &e[i], err));
        s->generator[i] = e[i].settings.generator;
    }
    s->n_generators = n;
    qsort(s->generator, (size_t)n, sizeof *s->generator, by_name);
    return SG_OK;
}

sg_status sg_generators_read(const struct sg_reading *r, struct sg_settings *all, int n_overrides,
                             const char *const *overrides, struct sg_err *err)
{
    struct sg_study *s = &all->study;
    if (all->generators)
        return read_several(r, all, n_overrides, overrides, err);
    for (int i = 0; i < n_overrides; i++)
        if (sg_generators_is_override(overrides[i]))
            SG_TRY(override(NULL, 0, overrides[i], err));
    struct entry only = {.where = "generator", .settings = *all, .reading = *r};
    SG_TRY(check_provider(&only, s->path, err));
    if (!(s->generator = sg_arena_alloc(r->arena, 1, sizeof *s->generator)))
        return sg_fail_memory(err, sizeof *s->generator);
    all->generator = only.settings.generator;
    s->n_generators = 1;
    s->generator[0] = all->generator;
    return SG_OK;
}

/* ---- whose a request is ---- */

/* Whether a request omits what the generator does, and has its extra members. */
static int has_more(const struct sg_generator *g, const json_t *request)
{
    const json_t *omit = json_object_get(request, "omit"), *extra = json_object_get(request, "extra");
    int same = json_array_size(omit) == (size_t)g->n_omit;
    for (int i = 0; same && i < g->n_omit; i++)
        same = same_text(json_string_value(json_array_get(omit, (size_t)i)), sg_omit_name(g->omit[i]));
    char *text = extra ? json_dumps(extra, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
    same = same && same_text(text, g->extra);
    free(text);
    return same;
}

/* In how much of what tells a study's generators from each other a request is one's; 0: it is not. */
static int likeness(const struct sg_generator *g, const char *provider, const json_t *request)
{
    const char *model = sg_json_text_or(request, "model", NULL),
               *asked = sg_json_text_or(request, "provider", NULL);
    if (!model || !asked || strcmp(g->model, model) != 0 || strcmp(provider, asked) != 0)
        return 0;
    return 1 + (sg_json_number_or(request, "temperature", 0) == g->temperature) +
           (sg_json_number_or(request, "top_p", 0) == g->top_p) + has_more(g, request);
}

int sg_generators_find(int n, const struct sg_generator *g,
                       const char *(*provider)(const struct sg_generator *g), const char *name,
                       const char *canonical)
{
    json_t *o = json_loads(canonical, 0, NULL);
    int found = -1, most = 0;
    for (int i = 0; o && i < n; i++) {
        int like = likeness(&g[i], provider(&g[i]), o);
        if (like && g[i].name && strcmp(g[i].name, name) == 0)
            like += 4;
        if (like > most) {
            most = like;
            found = i;
        }
    }
    json_decref(o);
    return found;
}
