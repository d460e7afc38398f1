#include "slurm/site.h"

#include "base/file.h"
#include "base/mem.h"
#include "experiments/study/schema.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the table fills: the site, and the group that is read by hand. */
struct reading {
    struct sg_site site;
    const struct sg_yaml *keys;
};

int sg_time_parse(const char *text, int64_t *seconds)
{
    int64_t part[4], days = 0;
    int n = 0, has_days = strchr(text, '-') != NULL;
    for (const char *s = text; n < 4;) {
        size_t len = strspn(s, "0123456789");
        if (len == 0 || len > 9)
            return 0;
        part[n++] = strtoll(s, NULL, 10);
        s += len;
        if (!*s)
            break;
        if (*s != (has_days && n == 1 ? '-' : ':'))
            return 0;
        s++;
        if (n == 4)
            return 0;
    }
    if (has_days) {
        days = part[0];
        memmove(part, part + 1, sizeof part - sizeof *part);
        n--;
    }
    if (n < 1 || n > 3)
        return 0;
    if (has_days || n == 3) /* hours[:minutes[:seconds]] */
        *seconds = days * 86400 + part[0] * 3600 + (n > 1 ? part[1] * 60 : 0) + (n > 2 ? part[2] : 0);
    else
        *seconds = part[0] * 60 + (n > 1 ? part[1] : 0);
    return *seconds > 0;
}

static const char *scheduler_choice(int i)
{
    static const char *const name[SG_N_SCHEDULERS] = {"auto", "slurm", "pbs", "lsf"};
    return i < SG_N_SCHEDULERS ? name[i] : NULL;
}

/* They become lines of a script. */
static sg_status check_line(const struct sg_yaml *at, const char *key, const char *text, struct sg_err *err)
{
    for (const char *p = text; *p; p++)
        if (iscntrl((unsigned char)*p))
            return sg_yaml_fail(at, err, "%s must be one line", key);
    return SG_OK;
}

static sg_status check_time(const struct sg_yaml *at, const char *key, const char *text, struct sg_err *err)
{
    int64_t seconds;
    if (sg_time_parse(text, &seconds))
        return SG_OK;
    return sg_yaml_fail(at, err, "%s must be a time like 24:00:00, 2-00:00:00 or 90 (minutes)", key);
}

#define TEXT(name, field, text)                                                                              \
    {                                                                                                        \
        name, SG_SET_TEXT, SG_SET_NULL, .offset = offsetof(struct reading, site.field), .check = check_line, \
                                        .unit = "a text", .help = text                                       \
    }
#define TEXTS(name, field, n, text)                                                                          \
    {                                                                                                        \
        name, SG_SET_TEXTS, SG_SET_NULL, .offset = offsetof(struct reading, site.field),                     \
                                         .n_offset = offsetof(struct reading, site.n), .check = check_line,  \
                                         .help = text                                                        \
    }

static const struct sg_setting table[] = {
    {"scheduler", SG_SET_CHOICE, 0, .offset = offsetof(struct reading, site.scheduler),
     .choice = scheduler_choice, .initial = "auto",
     .help = "auto: whichever of sbatch, qsub and bsub is there"},
    TEXT("partition", partition, "the partition, or queue"),
    TEXT("account", account, "who is charged"),
    TEXT("qos", qos, "quality of service (Slurm)"),
    TEXT("constraint", constraint, "features that the nodes must have (Slurm)"),
    TEXT("mail", mail, "address that hears of the job's end and failure"),
    TEXT("generate_partition", generate_partition,
         "a partition with a network: `submit` buys there first, as with --generate-on"),
    TEXTS("modules", module, n_modules, "loaded on the node before anything else"),
    TEXT("env_file", env_file, "a file of shell lines that is read on the node"),
    TEXT("launcher", launcher, "srun, mpirun, or a whole command"),
    TEXTS("options", option, n_options, "further options of sbatch, qsub or bsub, each a text of its own"),
    {"key_file", SG_SET_TREE, SG_SET_NULL, .offset = offsetof(struct reading, keys),
     .unit = "a group, VARIABLE: FILE",
     .help = "where API keys are: the name in generator.api_key_env, and a file that only you can read"},
    {"limits.time", SG_SET_TEXT, SG_SET_NULL, .offset = offsetof(struct reading, site.max_time),
     .check = check_time, .unit = "a time like 24:00:00", .help = "the longest job"},
    {"limits.cores", SG_SET_INT, SG_SET_NULL, .offset = offsetof(struct reading, site.max_cores), .min = 1,
     .max = 65536, .unit = "cores", .help = "of a node"},
    {"limits.mem_gb", SG_SET_REAL, SG_SET_NULL, .offset = offsetof(struct reading, site.max_mem_gb),
     .min = 0.1, .max = 1e6, .unit = "GB", .help = "of a node, as much as jobs may have"},
    {"limits.nodes", SG_SET_INT, SG_SET_NULL, .offset = offsetof(struct reading, site.max_nodes), .min = 1,
     .max = 1e6, .unit = "nodes", .help = "the most of one job"},
};
enum { N_TABLE = sizeof table / sizeof table[0] };
static const struct sg_schema schema = {table, N_TABLE, 0};

/* "~/x" in full, in the arena; as it is otherwise. NULL without memory. */
static char *home_path(struct sg_arena *arena, const char *path)
{
    const char *home = getenv("HOME");
    if (strncmp(path, "~/", 2) != 0 || !home)
        return sg_arena_strdup(arena, path);
    char *full = sg_path_join(home, path + 2), *kept = full ? sg_arena_strdup(arena, full) : NULL;
    sg_free(full);
    return kept;
}

static sg_status read_keys(const struct sg_yaml *keys, struct sg_site *s, struct sg_err *err)
{
    if (!keys)
        return SG_OK;
    if (keys->kind != SG_YAML_MAP)
        return sg_yaml_fail(keys, err, "key_file must be a group like {OPENAI_API_KEY: ~/.openai-key}");
    if (!(s->key = sg_arena_alloc(s->arena, (size_t)keys->n + 1, sizeof *s->key)))
        return sg_fail_memory(err, (size_t)keys->n * sizeof *s->key);
    for (const struct sg_yaml *k = keys->child; k; k = k->next) {
        int good = !isdigit((unsigned char)k->key[0]) && strlen(k->key) <= 128;
        for (const char *p = k->key; *p; p++)
            good &= isalnum((unsigned char)*p) || *p == '_';
        if (!good)
            return sg_yaml_fail_key(k, err, "key_file: must be the name of a variable, like OPENAI_API_KEY");
        if (k->kind != SG_YAML_SCALAR || sg_yaml_is_null(k))
            return sg_yaml_fail(k, err, "key_file.%s must be a file's path", k->key);
        SG_TRY(check_line(k, "key_file", k->text, err));
        s->key[s->n_keys].variable = k->key;
        if (!(s->key[s->n_keys++].path = home_path(s->arena, k->text)))
            return sg_fail_memory(err, strlen(k->text));
    }
    return SG_OK;
}

static sg_status complete(struct reading *r, struct sg_err *err)
{
    struct sg_site *s = &r->site;
    if (s->max_time)
        (void)sg_time_parse(s->max_time, &s->max_time_s);
    if (s->env_file && !(s->env_file = home_path(s->arena, s->env_file)))
        return sg_fail_memory(err, 1);
    return read_keys(r->keys, s, err);
}

/* The file's place: what was said, or where one may be. NULL: nowhere. *is_named: it must be there. */
static char *find_file(const char *path, int *is_named)
{
    const char *variable = getenv("SYNTHGRID_SITE"), *config = getenv("XDG_CONFIG_HOME"),
               *home = getenv("HOME");
    *is_named = 1;
    if (path)
        return sg_strdup(path);
    if (variable && variable[0])
        return sg_strdup(variable);
    *is_named = 0;
    if (config && config[0])
        return sg_path_join(config, "synthgrid/site.yaml");
    return home && home[0] ? sg_path_join(home, ".config/synthgrid/site.yaml") : NULL;
}

static sg_status read(const char *file, struct reading *r, struct sg_err *err)
{
    struct sg_arena *arena = r->site.arena;
    struct sg_reading into = {.schema = &schema, .arena = arena, .base = r};
    struct sg_yaml *root = NULL;
    char *text = NULL;
    size_t n = 0;
    SG_TRY(sg_schema_defaults(&into, err));
    if (file) {
        SG_TRY(sg_file_read(file, SG_YAML_MAX_BYTES, &text, &n, err));
        sg_status status = sg_yaml_parse(file, 1, text, n, arena, &root, err);
        sg_free(text);
        if (status == SG_OK && root)
            status = sg_schema_apply(&into, root, err);
        SG_TRY(status);
        if (!(r->site.path = sg_arena_strdup(arena, file)))
            return sg_fail_memory(err, strlen(file));
    }
    return complete(r, err);
}

sg_status sg_site_read(const char *path, struct sg_site **out, struct sg_err *err)
{
    int is_named;
    char *file = find_file(path, &is_named);
    struct sg_arena *arena = sg_arena_create();
    struct reading *r = arena ? sg_arena_alloc(arena, 1, sizeof *r) : NULL;
    sg_status status = SG_OK;
    if (!r || (is_named && !file))
        status = sg_fail_memory(err, sizeof *r);
    if (status == SG_OK) {
        r->site.arena = arena;
        status = read(file && (is_named || sg_file_exists(file)) ? file : NULL, r, err);
    }
    sg_free(file);
    if (status == SG_OK)
        *out = &r->site;
    else
        sg_arena_destroy(arena);
    return status;
}

void sg_site_destroy(struct sg_site *s)
{
    if (s)
        sg_arena_destroy(s->arena);
}
