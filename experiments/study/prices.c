#include "experiments/study/prices.h"

#include "base/file.h"
#include "base/mem.h"
#include "experiments/study/paths.h"
#include "experiments/study/schema.h"
#include "gen/llm/provider.h"

#include <ctype.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct row {
    char *address, *as_of, *source;
    int n_models;
    char **model;
    double in, cached, out;
};

/* An entry of `retired`. */
struct ending {
    char *address, *on, *source;
    int n_models;
    char **model;
};

struct table {
    const struct sg_yaml *prices, *retired;
};

/* The file, in an arena. */
struct prices {
    struct row *row;
    struct ending *ending;
    int n_rows, n_endings;
};

/* Days since 1970 of "2026-05-27"; -1: no date. */
static long day_of(const char *text)
{
    struct tm t = {0}, again;
    int y, m, d, n = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &y, &m, &d, &n) != 3 || text[n] || n != 10 || y < 1970)
        return -1;
    t.tm_year = y - 1900;
    t.tm_mon = m - 1;
    t.tm_mday = d;
    time_t s = timegm(&t);
    /* 2026-02-30 would be taken for a day in March. */
    return gmtime_r(&s, &again) && again.tm_mon == m - 1 && again.tm_mday == d ? (long)(s / 86400) : -1;
}

static sg_status check_date(const struct sg_yaml *at, const char *key, const char *text, struct sg_err *err)
{
    return day_of(text) >= 0 ? SG_OK : sg_yaml_fail(at, err, "%s must be a date like 2026-05-27", key);
}

static sg_status check_origin(const struct sg_yaml *at, const char *key, const char *text, struct sg_err *err)
{
    if (strncmp(text, "https://", 8) == 0 && text[8] && !strpbrk(text + 8, "/?#@: "))
        return SG_OK;
    return sg_yaml_fail(at, err, "%s must be https:// and a host, like https://api.openai.com", key);
}

#define AT(field) .offset = offsetof(struct row, field)
static const struct sg_setting columns[] = {
    {"address", SG_SET_TEXT, SG_SET_REQUIRED, AT(address), .check = check_origin, .unit = "an address",
     .help = "whose prices these are"},
    {"models", SG_SET_TEXTS, SG_SET_REQUIRED, AT(model), .n_offset = offsetof(struct row, n_models),
     .unit = "patterns", .help = "names of models"},
    {"usd_per_1m_input", SG_SET_REAL, SG_SET_REQUIRED, AT(in), .min = 0, .max = 1e6, .unit = "USD",
     .help = "a million tokens in"},
    {"usd_per_1m_cached_input", SG_SET_REAL, SG_SET_NULL, AT(cached), .min = 0, .max = 1e6, .none = -1,
     .unit = "USD", .help = "a million tokens in that were cached"},
    {"usd_per_1m_output", SG_SET_REAL, SG_SET_REQUIRED, AT(out), .min = 0, .max = 1e6, .unit = "USD",
     .help = "a million tokens out"},
    {"as_of", SG_SET_TEXT, SG_SET_REQUIRED, AT(as_of), .check = check_date, .unit = "a date",
     .help = "when the source said so"},
    {"source", SG_SET_TEXT, SG_SET_REQUIRED, AT(source), .unit = "an address", .help = "who said so"},
};
static const struct sg_schema row_schema = {columns, sizeof columns / sizeof columns[0], 0};

#define END(field) .offset = offsetof(struct ending, field)
static const struct sg_setting ending_columns[] = {
    {"address", SG_SET_TEXT, SG_SET_REQUIRED, END(address), .check = check_origin, .unit = "an address",
     .help = "whose models these are"},
    {"models", SG_SET_TEXTS, SG_SET_REQUIRED, END(model), .n_offset = offsetof(struct ending, n_models),
     .unit = "patterns", .help = "names of models"},
    {"on", SG_SET_TEXT, SG_SET_REQUIRED, END(on), .check = check_date, .unit = "a date",
     .help = "from this day they are not answered for"},
    {"source", SG_SET_TEXT, SG_SET_REQUIRED, END(source), .unit = "an address", .help = "who said so"},
};
static const struct sg_schema ending_schema = {ending_columns,
                                               sizeof ending_columns / sizeof ending_columns[0], 0};

static const struct sg_setting top[] = {
    {"prices", SG_SET_TREE, SG_SET_REQUIRED, .offset = offsetof(struct table, prices),
     .unit = "a list of prices", .help = "the prices"},
    {"retired", SG_SET_TREE, SG_SET_NULL, .offset = offsetof(struct table, retired),
     .unit = "a list of models", .help = "models that are not answered for from a day on"},
};
static const struct sg_schema top_schema = {top, 2, 0};

/* Whether `address` is below https://host. */
static int is_there(const char *address, const char *origin)
{
    size_t n = strlen(origin);
    return strncasecmp(address, origin, n) == 0 && (!address[n] || address[n] == '/');
}

static int fits(char *const *pattern, int n, const char *origin, const char *address, const char *model)
{
    int known = 0;
    for (int i = 0; i < n; i++)
        known |= fnmatch(pattern[i], model, 0) == 0;
    return known && is_there(address, origin);
}

static sg_status read_row(const struct sg_schema *schema, const struct sg_yaml *at, const char *path,
                          struct sg_arena *arena, void *out, struct sg_err *err)
{
    struct sg_reading r = {.schema = schema, .arena = arena, .base = out};
    SG_TRY(sg_schema_defaults(&r, err));
    SG_TRY(sg_schema_apply(&r, at, err));
    char place[300];
    snprintf(place, sizeof place, "%.250s:%d", path, at->line);
    return sg_schema_complete(&r, place, err);
}

static sg_status read_endings(const struct sg_yaml *list, const char *path, struct sg_arena *arena,
                              struct prices *out, struct sg_err *err)
{
    if (!list)
        return SG_OK;
    if (list->kind != SG_YAML_LIST)
        return sg_yaml_fail(list, err, "retired must be a list, an entry `- address: ...` each");
    out->ending = sg_arena_alloc(arena, (size_t)list->n + 1, sizeof *out->ending);
    if (!out->ending)
        return sg_fail_memory(err, (size_t)list->n * sizeof *out->ending);
    for (const struct sg_yaml *c = list->child; c; c = c->next)
        SG_TRY(read_row(&ending_schema, c, path, arena, &out->ending[out->n_endings++], err));
    return SG_OK;
}

/* All rows of the file, in the arena. */
static sg_status read_rows(const char *path, struct sg_arena *arena, struct prices *out, struct sg_err *err)
{
    char *text = NULL;
    size_t n_text = 0;
    struct sg_yaml *root = NULL;
    struct table t = {0};
    struct sg_reading r = {.schema = &top_schema, .arena = arena, .base = &t};
    SG_TRY(sg_file_read(path, SG_YAML_MAX_BYTES, &text, &n_text, err));
    sg_status status = sg_yaml_parse(path, 1, text, n_text, arena, &root, err);
    sg_free(text);
    SG_TRY(status);
    if (root)
        SG_TRY(sg_schema_apply(&r, root, err));
    SG_TRY(sg_schema_complete(&r, path, err));
    if (t.prices->kind != SG_YAML_LIST)
        return sg_yaml_fail(t.prices, err, "prices must be a list, an entry `- address: ...` each");
    struct row *row = sg_arena_alloc(arena, (size_t)t.prices->n + 1, sizeof *row);
    if (!row)
        return sg_fail_memory(err, (size_t)t.prices->n * sizeof *row);
    out->row = row;
    for (const struct sg_yaml *c = t.prices->child; c; c = c->next)
        SG_TRY(read_row(&row_schema, c, path, arena, &row[out->n_rows++], err));
    return read_endings(t.retired, path, arena, out, err);
}

static sg_status fill_end(struct sg_generator *g, const char *address, const struct prices *p,
                          struct sg_arena *arena, struct sg_err *err)
{
    for (int i = 0; i < p->n_endings; i++) {
        const struct ending *e = &p->ending[i];
        if (!fits(e->model, e->n_models, e->address, address, g->model))
            continue;
        char *on = sg_arena_strdup(arena, e->on), *source = sg_arena_strdup(arena, e->source);
        if (!on || !source)
            return sg_fail_memory(err, strlen(e->source));
        g->retired_on = on;
        g->retired_source = source;
        return SG_OK;
    }
    return SG_OK;
}

static sg_status fill_one(struct sg_generator *g, const struct prices *p, struct sg_arena *arena,
                          struct sg_err *err)
{
    const char *asked = sg_provider_address(g),
               *address = asked ? asked : sg_provider_find(g->provider)->base_url;
    if (!address)
        return SG_OK;
    SG_TRY(fill_end(g, address, p, arena, err));
    if (g->usd_per_1m_input >= 0 || g->usd_per_1m_output >= 0)
        return SG_OK;
    const struct row *row = p->row;
    for (int i = 0; i < p->n_rows; i++)
        if (fits(row[i].model, row[i].n_models, row[i].address, address, g->model)) {
            char *as_of = sg_arena_strdup(arena, row[i].as_of),
                 *source = sg_arena_strdup(arena, row[i].source);
            if (!as_of || !source)
                return sg_fail_memory(err, strlen(row[i].source));
            g->usd_per_1m_input = row[i].in;
            g->usd_per_1m_cached_input = row[i].cached;
            g->usd_per_1m_output = row[i].out;
            g->price_as_of = as_of;
            g->price_source = source;
            return SG_OK;
        }
    return SG_OK;
}

sg_status sg_prices_fill(struct sg_study *s, const char *file, struct sg_err *err)
{
    char *path = file ? sg_strdup(file) : sg_path_find("data/prices.yaml");
    struct sg_arena *arena = sg_arena_create();
    struct prices p = {0};
    sg_status status = path && arena ? SG_OK : sg_fail_memory(err, 1024);
    if (status == SG_OK && (file || sg_file_exists(path)))
        status = read_rows(path, arena, &p, err);
    for (int g = 0; status == SG_OK && g < s->n_generators; g++)
        status = fill_one(&s->generator[g], &p, s->arena, err);
    sg_arena_destroy(arena);
    sg_free(path);
    return status;
}

/* ---- telling ---- */

void sg_price_describe(const struct sg_generator *g, struct sg_buf *out)
{
    if (!sg_generator_has_prices(g))
        return;
    sg_buf_printf(out, "%g and %g USD for a million tokens in and out", g->usd_per_1m_input,
                  g->usd_per_1m_output);
    if (g->usd_per_1m_cached_input > 0)
        sg_buf_printf(out, " (cached in: %g)", g->usd_per_1m_cached_input);
    if (g->price_source)
        sg_buf_printf(out, ", as of %s (%s)", g->price_as_of, g->price_source);
    else
        sg_buf_puts(out, ", as the study says");
}

int sg_price_warn(const struct sg_generator *g, double unix_s, struct sg_buf *out)
{
    long age = g->price_source ? (long)(unix_s / 86400) - day_of(g->price_as_of) : 0;
    if (age <= SG_PRICE_OLD_DAYS)
        return 0;
    const char *some = g->name ? "s." : "", *name = g->name ? g->name : "";
    sg_buf_printf(out,
                  "this price of %s is %ld days old and may have changed; hint: look it up, and set "
                  "generator%s%s.usd_per_1m_input and generator%s%s.usd_per_1m_output",
                  g->model, age, some, name, some, name);
    return 1;
}

enum sg_model_end sg_price_retired(const struct sg_generator *g, double unix_s, struct sg_buf *out)
{
    if (!g->retired_on)
        return SG_MODEL_STAYS;
    int is_gone = day_of(g->retired_on) <= (long)(unix_s / 86400);
    sg_buf_printf(out, "%s %s on %s (%s)%s", g->model, is_gone ? "was retired" : "will be retired",
                  g->retired_on, g->retired_source,
                  is_gone
                      ? ": its provider does not answer for it any more; hint: set generator.model to another"
                      : "");
    return is_gone ? SG_MODEL_GONE : SG_MODEL_GOES;
}

char *sg_price_json(const struct sg_generator *g)
{
    json_t *o =
        !sg_generator_has_prices(g)
            ? json_null()
            : json_pack("{s:s,s:f,s:o,s:f,s:s?,s:s?}", "model", g->model, "usd_per_1m_input",
                        g->usd_per_1m_input, "usd_per_1m_cached_input",
                        g->usd_per_1m_cached_input > 0 ? json_real(g->usd_per_1m_cached_input) : json_null(),
                        "usd_per_1m_output", g->usd_per_1m_output, "as_of", g->price_as_of, "source",
                        g->price_source);
    char *text = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    char *copy = text ? sg_strdup(text) : NULL;
    json_decref(o);
    free(text);
    return copy;
}
