#include "experiments/study/study.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/study/generators.h"
#include "experiments/study/imports.h"
#include "experiments/study/paths.h"
#include "experiments/study/settings.h"
#include "experiments/study/task_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wordexp.h>

static int uses(const struct sg_study *s, enum sg_mix mix)
{
    for (int i = 0; i < s->n_mixes; i++)
        if (s->mix[i] == mix)
            return 1;
    return 0;
}

int64_t sg_study_examples_per_request(const struct sg_study *s, enum sg_method m)
{
    return m < SG_N_METHODS && sg_method_row(m)->has_probabilities ? s->verbalized_texts
                                                                   : s->examples_per_request;
}

static sg_status check_axes(const struct sg_reading *r, const struct sg_study *s, struct sg_err *err)
{
    int synthetic = uses(s, SG_MIX_SYNTHETIC) || uses(s, SG_MIX_BOTH),
        raw = uses(s, SG_MIX_RAW) || uses(s, SG_MIX_BOTH);
    if (synthetic && s->n_sizes == 0)
        return sg_schema_fail(r, "sizes", s->path, err,
                              "sizes is empty, but the mixes need synthetic examples; hint: sizes: [100, "
                              "500], or mixes: [raw]");
    if (raw && s->n_raw == 0)
        return sg_schema_fail(
            r, "raw", s->path, err,
            "raw is empty, but the mixes need raw examples; hint: raw: [100], or mixes: [synthetic]");
    return SG_OK;
}

/* What the study's methods need of a task's prompts, in one wording. */
static sg_status check_wording(const struct sg_study *s, const struct sg_task *t, const char *variant,
                               enum sg_conditioning c, const struct sg_yaml *at, struct sg_err *err)
{
    struct sg_prompts w;
    if (!sg_task_wording(t, variant, c, &w))
        return sg_yaml_fail(
            at, err, "task %s has no prompt variant \"%s\"; hint: add it to prompt_variants in the task file",
            t->name, variant);
    for (int i = 0; i < s->n_methods; i++) {
        if (c == SG_BY_NONE && sg_method_has_rounds(s->method[i]))
            return sg_yaml_fail(
                at, err,
                "method %s asks for examples of a class that a classifier gets wrong, and the LLM cannot "
                "choose "
                "the class; hint: conditioning: [label], or a study of its own for conditioning: [none]",
                sg_method_name(s->method[i]));
        const char *lacks = sg_method_lacks(s->method[i], &w);
        const char *group = lacks && strcmp(lacks, "error_driven") == 0                ? "method_prompts"
                            : lacks && strcmp(lacks, "topics") != 0 && c == SG_BY_NONE ? "unconditioned"
                                                                                       : "prompts";
        if (lacks && strcmp(variant, "default") != 0)
            return sg_yaml_fail(at, err,
                                "prompt variant \"%s\" of task %s has no %s.%s, which method %s needs; hint: "
                                "add it to the task file",
                                variant, t->name, group, lacks, sg_method_name(s->method[i]));
        if (lacks)
            return sg_yaml_fail(at, err,
                                "task %s has no %s.%s, which method %s needs; hint: add it to the task file",
                                t->name, group, lacks, sg_method_name(s->method[i]));
    }
    return SG_OK;
}

static sg_status check_rephrase(const struct sg_study *s, const struct sg_task *t, const char *variant,
                                enum sg_conditioning c, const struct sg_yaml *at, struct sg_err *err)
{
    struct sg_prompts w;
    if (!sg_task_is_rephrased(s, (int)(t - s->task)) || (sg_task_wording(t, variant, c, &w) && w.rephrase))
        return SG_OK;
    return sg_yaml_fail(
        at, err,
        "task %s has no prompts.rephrase, which rephrase: [true] needs; hint: add it to the task file",
        t->name);
}

static sg_status check_prompts(const struct sg_study *s, const struct sg_task *t, const struct sg_yaml *at,
                               struct sg_err *err)
{
    if (!uses(s, SG_MIX_SYNTHETIC) && !uses(s, SG_MIX_BOTH))
        return SG_OK;
    for (int v = 0; v < s->n_variants; v++)
        for (int c = 0; c < s->n_conditionings; c++) {
            SG_TRY(check_wording(s, t, s->variant[v], s->conditioning[c], at, err));
            SG_TRY(check_rephrase(s, t, s->variant[v], s->conditioning[c], at, err));
        }
    return SG_OK;
}

/* sst2 of experiments/tasks/sst2.yaml: a file that says another name is a copy that was not finished. */
static int is_named(const struct sg_task *t, const char *path)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t n = strlen(t->name);
    return strncmp(file, t->name, n) == 0 &&
           (strcmp(file + n, ".yaml") == 0 || strcmp(file + n, ".yml") == 0);
}

static sg_status read_task(struct sg_study *s, const char *entry, const char *dir, const struct sg_yaml *at,
                           struct sg_err *err)
{
    char *path = NULL;
    SG_TRY(sg_task_find(entry, dir, at, &path, err));
    struct sg_task *t = &s->task[s->n_tasks];
    sg_status status = sg_task_read(path, t, err);
    if (status == SG_OK) {
        s->n_tasks++;
        if (!is_named(t, path))
            status = sg_fail(err, SG_INPUT,
                             "%s: the task inside is called \"%s\"; hint: give file and task the same name",
                             path, t->name);
    }
    for (int i = 0; status == SG_OK && i < s->n_tasks - 1; i++)
        if (strcmp(s->task[i].name, t->name) == 0)
            status = sg_yaml_fail(at, err, "two tasks are called \"%s\"; hint: rename one", t->name);
    if (status == SG_OK)
        status = check_prompts(s, t, at, err);
    sg_free(path);
    return status;
}

static sg_status read_tasks(const struct sg_reading *r, struct sg_settings *all, struct sg_err *err)
{
    struct sg_study *s = &all->study;
    s->task = sg_alloc((size_t)all->n_task_names, sizeof *s->task);
    char *dir = sg_path_dir(s->path);
    sg_status status =
        s->task && dir ? SG_OK : sg_fail_memory(err, (size_t)all->n_task_names * sizeof *s->task);
    const struct sg_yaml *at = sg_schema_at(r, "tasks");
    if (at->kind == SG_YAML_LIST)
        at = at->child;
    for (int i = 0; status == SG_OK && i < all->n_task_names; i++, at = at->next)
        status = read_task(s, all->task_name[i], dir, at, err);
    sg_free(dir);
    return status;
}

int sg_study_task_of(const struct sg_study *s, const char *name)
{
    for (int t = 0; t < s->n_tasks; t++)
        if (strcmp(s->task[t].name, name) == 0)
            return t;
    return -1;
}

/* `tasks` is from the command line. */
static int is_narrowed(const struct sg_reading *r)
{
    const struct sg_yaml *tasks = sg_schema_at(r, "tasks");
    return tasks && tasks->line <= 0;
}

/* A list of tasks names tasks of the study; but not where the file has the list and `tasks` is narrowed on the command line. */
static sg_status check_task_list(const struct sg_reading *r, const struct sg_study *s, const char *key, int n,
                                 char *const *name, struct sg_err *err)
{
    const struct sg_yaml *list = sg_schema_at(r, key);
    int may_have_others = is_narrowed(r) && list && list->line > 0;
    for (int i = 0; i < n && !may_have_others; i++)
        if (sg_study_task_of(s, name[i]) < 0)
            return sg_schema_fail(
                r, key, s->path, err,
                "%s names \"%s\", which is none of the study's tasks; hint: add it to tasks, "
                "or leave it out here",
                key, name[i]);
    return SG_OK;
}

/* Tasks that fine_tune_tasks leaves out have another classifier. */
static sg_status check_fine_tune_tasks(const struct sg_reading *r, const struct sg_study *s,
                                       struct sg_err *err)
{
    SG_TRY(check_task_list(r, s, "fine_tune_tasks", s->n_fine_tune_tasks, s->fine_tune_task, err));
    if (s->n_fine_tune_tasks && s->n_classifiers != SG_N_CELL_CLASSIFIERS)
        return sg_schema_fail(
            r, "fine_tune_tasks", s->path, err,
            "fine_tune_tasks needs both classifiers: tasks that it does not name would have "
            "no cells; hint: classifiers: [fine_tune, probe]");
    return SG_OK;
}

/* Views are of cells that have raw rows to train their classifier on. */
static sg_status check_views(const struct sg_reading *r, const struct sg_study *s, struct sg_err *err)
{
    int is_mixed = 0, weighs = 0;
    for (int i = 0; i < s->n_mixes; i++)
        is_mixed |= s->mix[i] == SG_MIX_BOTH;
    for (int i = 0; i < s->n_weightings; i++)
        weighs |= s->weighting[i] != SG_WEIGHT_NONE;
    const char *key = weighs ? "weighting" : "verify";
    if (sg_study_has_views(s) && !is_mixed)
        return sg_schema_fail(
            r, key, s->path, err,
            "%s takes raw rows beside the synthetic ones: it holds for the mix raw+synthetic alone; "
            "hint: mixes: [raw+synthetic]",
            key);
    if (s->external && weighs)
        return sg_schema_fail(
            r, "weighting", s->path, err,
            "weighting: dimp weighs a row by what the model in training says of it at each step, which the "
            "program in train.external does not tell; hint: weighting: [none]");
    return SG_OK;
}

/* A chain, h = sha(h, sha(word)): a word that names a file counts by what is in it, so that another script makes other cells, wherever it
 * lies. */
static sg_status digest_external(const struct sg_reading *r, struct sg_study *s, struct sg_err *err)
{
    wordexp_t words;
    unsigned char chain[64] = {0};
    sg_status status = SG_OK;
    if (!s->external)
        return SG_OK;
    for (int g = 0; g < s->n_generators; g++) {
        const char *key = getenv(s->generator[g].api_key_env);
        if (key && strlen(key) >= 8 && strstr(s->external, key))
            return sg_schema_fail(
                r, "train.external", s->path, err,
                "train.external holds the API key of %s, which would stand in ledger and results; hint: let "
                "the program read a file of yours",
                s->generator[g].api_key_env);
    }
    if (strchr(s->external, '$') || wordexp(s->external, &words, WRDE_NOCMD | WRDE_UNDEF) != 0)
        return sg_schema_fail(r, "train.external", s->path, err,
                              "train.external cannot be split into words; hint: a program and its arguments, "
                              "quoted as in a shell, "
                              "without $, pipes or redirections");
    for (size_t i = 0; status == SG_OK && i < words.we_wordc; i++) {
        const char *text = words.we_wordv[i];
        char of_file[SG_HEX];
        if (sg_file_exists(text) && !sg_dir_exists(text)) {
            status = sg_sha256_file(text, of_file, err);
            text = of_file;
        }
        if (status == SG_OK)
            sg_sha256(text, strlen(text), chain + 32);
        sg_sha256(chain, sizeof chain, chain);
    }
    if (status == SG_OK && words.we_wordc == 0)
        status = sg_schema_fail(r, "train.external", s->path, err,
                                "train.external names no program; hint: leave it out");
    wordfree(&words);
    sg_sha256_hex(chain, 32, s->external_digest);
    return status;
}

/* Somebody must be asked, and be one of the study's. */
static sg_status check_verifier(const struct sg_reading *r, const struct sg_study *s, struct sg_err *err)
{
    int found = 0, n_without = s->n_imports; /* methods whose pools no LLM of the study writes */
    for (int i = 0; i < s->n_methods; i++)
        n_without += sg_method_is_free(s->method[i]);
    for (int g = 0; s->verify_generator && g < s->n_generators; g++)
        found |= s->generator[g].name && strcmp(s->generator[g].name, s->verify_generator) == 0;
    if (s->verify_generator && !found)
        return sg_schema_fail(r, "verify_generator", s->path, err,
                              "verify_generator names \"%s\", which is none of the study's generators%s",
                              s->verify_generator,
                              s->generator->name ? "" : "; hint: give the generators names in `generators`");
    if (sg_study_asks_llm_to_verify(s) && !s->verify_generator && s->n_generators > 1 && n_without)
        return sg_schema_fail(
            r, "verify", s->path, err,
            "verify: llm asks the generator that wrote a pool, and no LLM wrote those of free and imported "
            "methods; hint: verify_generator: %s",
            s->generator->name);
    return SG_OK;
}

/* Where a path is, in the arena: from the current folder, from the study's, from the program's data, as `find` looks for it. */
static sg_status locate_by(char *(*find)(const char *study, const char *path), const char *study,
                           const char *path, struct sg_arena *arena, char **out, struct sg_err *err)
{
    char *found = find(study, path), *kept = found ? sg_arena_strdup(arena, found) : NULL;
    sg_free(found);
    if (!kept)
        return sg_fail_memory(err, strlen(path));
    *out = kept;
    return SG_OK;
}

static sg_status locate(const char *study, const char *path, struct sg_arena *arena, char **out,
                        struct sg_err *err)
{
    return locate_by(sg_path_of_study, study, path, arena, out, err);
}

static sg_status locate_files(const char *study, struct sg_generator *g, struct sg_arena *arena,
                              struct sg_err *err)
{
    char *file = NULL;
    if (g->recording) {
        SG_TRY(locate(study, g->recording, arena, &file, err));
        g->recording = file;
    }
    if (g->model_file) {
        SG_TRY(locate(study, g->model_file, arena, &file, err));
        g->model_file = file;
    }
    return SG_OK;
}

static sg_status finish(struct sg_settings *all, const struct sg_reading *r, struct sg_arena *arena,
                        struct sg_err *err)
{
    struct sg_study *s = &all->study;
    const char *cache = sg_schema_at(r, "cache") ? NULL : getenv("SYNTHGRID_CACHE");
    if (cache && cache[0] && !(s->cache = sg_arena_strdup(arena, cache)))
        return sg_fail_memory(err, strlen(cache));
    if (!s->results) {
        size_t n = strlen(s->name) + 16;
        s->results = sg_arena_alloc(arena, n, 1);
        if (!s->results)
            return sg_fail_memory(err, n);
        snprintf(s->results, n, "results/%s", s->name);
    }
    /* As written, before paths are looked up: the same study is the same text wherever the program is
     * installed. */
    struct sg_buf b = sg_buf_make(SG_YAML_MAX_BYTES);
    sg_settings_json(all, &b);
    sg_status status = sg_buf_check(&b, "settings", err);
    s->resolved = status == SG_OK ? sg_arena_strndup(arena, b.data, b.len) : NULL;
    sg_buf_free(&b);
    if (status != SG_OK || !s->resolved)
        return status != SG_OK ? status : sg_fail_memory(err, SG_YAML_MAX_BYTES);
    SG_TRY(locate(s->path, s->data_dir, arena, &s->data_dir, err));
    SG_TRY(locate_by(sg_path_of_encoder, s->path, s->encoder, arena, &s->encoder, err));
    for (int i = 0; i < s->n_generators; i++)
        SG_TRY(locate_files(s->path, &s->generator[i], arena, err));
    return SG_OK;
}

/* File and overrides into *all, and where each row was set; no other file is read. */
static sg_status read_settings(struct sg_settings *all, struct sg_reading *r, const char *path,
                               int n_overrides, const char *const *overrides, struct sg_err *err)
{
    struct sg_study *s = &all->study;
    struct sg_arena *arena = s->arena;
    char *text = NULL;
    size_t n = 0;
    *r = (struct sg_reading){.schema = &sg_study_schema, .arena = arena, .base = all};
    char *found = sg_path_find(path); /* here, or among the studies that are installed */
    s->path = found ? sg_arena_strdup(arena, found) : NULL;
    sg_free(found);
    if (!s->path)
        return sg_fail_memory(err, strlen(path));
    path = s->path;
    SG_TRY(sg_file_read(path, SG_YAML_MAX_BYTES, &text, &n, err));
    s->text = sg_arena_strndup(arena, text, n);
    sg_free(text);
    if (!s->text)
        return sg_fail_memory(err, n);
    struct sg_yaml *root = NULL;
    SG_TRY(sg_yaml_parse(path, 1, s->text, n, arena, &root, err));
    if (!root)
        return sg_fail(err, SG_INPUT,
                       "%s: nothing in it; hint: experiments/quickstart.yaml shows what a study holds", path);
    SG_TRY(sg_schema_defaults(r, err));
    SG_TRY(sg_schema_apply(r, root, err));
    for (int i = 0; i < n_overrides; i++)
        if (!sg_generators_is_override(overrides[i]))
            SG_TRY(sg_schema_override(r, overrides[i], err));
    SG_TRY(sg_schema_complete(r, path, err));
    SG_TRY(sg_settings_check_train(r, path, &s->train, err));
    SG_TRY(sg_generators_read(r, all, n_overrides, overrides, err));
    return sg_imports_read(all, err);
}

static sg_status read_all(struct sg_settings *all, const char *path, int n_overrides,
                          const char *const *overrides, struct sg_err *err)
{
    struct sg_study *s = &all->study;
    struct sg_reading r;
    SG_TRY(read_settings(all, &r, path, n_overrides, overrides, err));
    SG_TRY(check_axes(&r, s, err));
    SG_TRY(read_tasks(&r, all, err));
    SG_TRY(check_task_list(&r, s, "rephrase_tasks", s->n_rephrase_tasks, s->rephrase_task, err));
    SG_TRY(check_fine_tune_tasks(&r, s, err));
    SG_TRY(check_views(&r, s, err));
    SG_TRY(digest_external(&r, s, err));
    SG_TRY(check_verifier(&r, s, err));
    SG_TRY(sg_imports_check(s, is_narrowed(&r), err));
    return finish(all, &r, s->arena, err);
}

static void tell_origin(const struct sg_yaml *at, const char *key, struct sg_buf *out)
{
    const char *cache = getenv("SYNTHGRID_CACHE");
    if (at && at->line > 0) {
        sg_buf_safe(out, at->source, 300);
        sg_buf_printf(out, ":%d", at->line);
    } else if (at)
        sg_buf_puts(out, "command line");
    else
        sg_buf_puts(out, strcmp(key, "cache") == 0 && cache && cache[0]
                             ? "default, but $SYNTHGRID_CACHE is set"
                             : "default");
}

static void tell_setting(const struct sg_settings *all, const struct sg_reading *r, int i, int as_json,
                         struct sg_buf *out)
{
    const struct sg_setting *row = &r->schema->row[i];
    struct sg_buf value = sg_buf_make(SG_YAML_MAX_BYTES), from = sg_buf_make(1000);
    sg_settings_value(row, all, &value);
    tell_origin(r->at[i], row->key, &from);
    if (as_json) {
        json_t *text = json_string(sg_buf_text(&from));
        char *quoted = json_dumps(text, JSON_ENCODE_ANY);
        sg_buf_printf(out, "\"%s\":{\"value\":", row->key);
        sg_buf_puts(out, sg_buf_text(&value));
        sg_buf_printf(out, ",\"from\":%s}", quoted ? quoted : "null");
        free(quoted);
        json_decref(text);
    } else {
        sg_buf_printf(out, "%-36s ", row->key);
        sg_buf_safe(out,
                    strcmp(sg_buf_text(&value), "null") == 0 ? (row->none_word ? row->none_word : "-")
                                                             : sg_buf_text(&value),
                    2000);
        sg_buf_printf(out, "%*s  %s\n", value.len < 40 ? (int)(40 - value.len) : 1, "", sg_buf_text(&from));
    }
    sg_buf_free(&value);
    sg_buf_free(&from);
}

sg_status sg_study_settings(const char *path, int n_overrides, const char *const *overrides, int as_json,
                            struct sg_buf *out, struct sg_err *err)
{
    struct sg_settings *all = sg_alloc(1, sizeof *all);
    struct sg_reading r;
    if (!all || !(all->study.arena = sg_arena_create())) {
        sg_free(all);
        return sg_fail_memory(err, sizeof *all);
    }
    sg_status status = read_settings(all, &r, path, n_overrides, overrides, err);
    int n = 0;
    sg_buf_puts(out, status == SG_OK && as_json ? "{" : "");
    for (int i = 0; status == SG_OK && i < r.schema->n; i++)
        if (!(r.schema->row[i].flags & r.schema->hidden)) {
            sg_buf_puts(out, as_json && n++ ? "," : "");
            tell_setting(all, &r, i, as_json, out);
        }
    sg_buf_puts(out, status == SG_OK && as_json ? "}\n" : "");
    sg_arena_destroy(all->study.arena);
    sg_free(all);
    return status;
}

sg_status sg_study_read(const char *path, int n_overrides, const char *const *overrides,
                        struct sg_study **out, struct sg_err *err)
{
    struct sg_settings *all = sg_alloc(1, sizeof *all);
    struct sg_study *study = sg_alloc(1, sizeof *study);
    sg_status status = all && study ? SG_OK : sg_fail_memory(err, sizeof *all);
    if (status == SG_OK) {
        all->study.arena = sg_arena_create();
        status =
            all->study.arena ? read_all(all, path, n_overrides, overrides, err) : sg_fail_memory(err, 64);
        *study = all->study;
    }
    sg_free(all);
    if (status == SG_OK)
        *out = study;
    else
        sg_study_destroy(study);
    return status;
}

int sg_study_reads_recording(const struct sg_study *s)
{
    int has_room = 0;
    for (int g = 0; g < s->n_generators; g++)
        has_room |= !s->generator[g].base_url;
    return s->generator->recording && has_room;
}

void sg_study_destroy(struct sg_study *s)
{
    if (!s)
        return;
    for (int i = 0; s->task && i < s->n_tasks; i++)
        sg_task_free(&s->task[i]);
    sg_free(s->task);
    sg_arena_destroy(s->arena);
    sg_free(s);
}
