#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/bundle/bundle.h"
#include "experiments/bundle/bundle_imports.h"
#include "experiments/study/settings.h"
#include "experiments/study/task_file.h"
#include "gen/llm/recording.h"

#include <string.h>

enum { MAX_TASKS = 1000 };
static const int64_t MAX_COUNT = (int64_t)1 << 40; /* sums of some of them do not overflow */

/* What a bundle's lines are checked against: the parts stand in one order. */
enum stage { AT_HEADER, AT_STUDY, AT_TASKS, AT_ROWS, AT_IMPORTS, AT_COMPLETIONS, AT_RESULTS };

struct opening {
    struct sg_bundle *b;
    enum stage stage;
    int64_t n_rows, task; /* of the task whose rows come, and which one it is */
};

void sg_bundle_free(struct sg_bundle *b)
{
    for (int64_t t = 0; t < b->n_tasks; t++) {
        sg_free(b->task[t].name);
        sg_free(b->task[t].file);
        for (int64_t k = 0; k < b->task[t].n_sets; k++)
            sg_free(b->task[t].set[k].name);
        sg_free(b->task[t].set);
    }
    sg_free(b->task);
    sg_free(b->name);
    sg_free(b->text);
    sg_free(b->program);
    sg_free(b->why);
    json_decref(b->settings);
    json_decref(b->tables);
    *b = (struct sg_bundle){0};
}

/* ---- fields ---- */

static sg_status wrong(const char *name, const char *what, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT, "\"%s\" must be %s", name, what);
}

static sg_status take_text(const json_t *o, const char *name, char **out, struct sg_err *err)
{
    const char *text = sg_json_text_or(o, name, NULL);
    if (!text)
        return wrong(name, "a text", err);
    sg_free(*out);
    *out = sg_strdup(text);
    return *out ? SG_OK : sg_fail_memory(err, strlen(text));
}

static sg_status take_name(const json_t *o, char **out, struct sg_err *err)
{
    SG_TRY(take_text(o, "name", out, err));
    return sg_settings_is_name(*out)
               ? SG_OK
               : wrong("name",
                       "a name of at most 64 letters, digits, '.', '_' and '-' that begins with "
                       "a letter or digit",
                       err);
}

static sg_status take_digest(const json_t *o, const char *name, char hex[SG_HEX], struct sg_err *err)
{
    const char *text = sg_json_text_or(o, name, NULL);
    if (!text || strlen(text) != SG_HEX - 1 || strspn(text, "0123456789abcdef") != SG_HEX - 1)
        return wrong(name, "a SHA-256 (64 hex digits)", err);
    memcpy(hex, text, SG_HEX);
    return SG_OK;
}

static sg_status take_count(const json_t *o, const char *name, int64_t *out, struct sg_err *err)
{
    int64_t n = sg_json_int_or(o, name, -1);
    if (n < 0 || n > MAX_COUNT)
        return wrong(name, "a number that counts something", err);
    *out = n;
    return SG_OK;
}

/* ---- the study ---- */

static const json_t *setting(const json_t *settings, const char *group, const char *name)
{
    return json_object_get(json_object_get(settings, group), name);
}

/* A path or file name that the settings may say: a text that stays inside, or null where that is the default. */
static sg_status check_path(const json_t *settings, const char *group, const char *name, int may_be_null,
                            struct sg_err *err)
{
    const json_t *v = setting(settings, group, name);
    if ((may_be_null && json_is_null(v)) || (json_is_string(v) && sg_bundle_is_inside(json_string_value(v))))
        return SG_OK;
    return sg_fail(err, SG_INPUT,
                   "its setting %s.%s is no path below the current folder, which a bundle must not name",
                   group, name);
}

/* Of any of its generators. */
static int names_address(const json_t *settings)
{
    const char *name;
    json_t *of;
    int found = !json_is_null(setting(settings, "generator", "base_url"));
    json_object_foreach (json_object_get(settings, "generators"), name, of)
        found |= !json_is_null(json_object_get(of, "base_url"));
    return found;
}

/* What would make the study reach out: an address, a recording, a folder to write to, files elsewhere. */
static sg_status check_settings(const struct sg_bundle *b, struct sg_err *err)
{
    const json_t *s = b->settings, *study = json_object_get(s, "study");
    if (!json_is_object(s) || !json_is_object(json_object_get(s, "data")) ||
        !json_is_object(json_object_get(s, "generator")) || !json_is_object(json_object_get(s, "train")))
        return wrong("settings", "the settings of a study, as JSON in a text", err);
    if (!json_is_string(study) || strcmp(json_string_value(study), b->name) != 0)
        return sg_fail(err, SG_INPUT, "its settings are those of another study");
    const char *foreign = sg_settings_foreign(s);
    if (foreign) {
        struct sg_buf name = sg_buf_make(1000);
        sg_buf_safe(&name, foreign, 60);
        sg_status status = sg_fail(err, SG_INPUT,
                                   "a setting \"%s\", which no bundle has (results, caches and files are "
                                   "those of who runs it)",
                                   sg_buf_text(&name));
        sg_buf_free(&name);
        return status;
    }
    if (names_address(s) || !json_is_null(setting(s, "generator", "recording")))
        return sg_fail(err, SG_INPUT, "its settings name an address or a recording, which a bundle must not");
    SG_TRY(sg_bundle_imports_check(s, err));
    SG_TRY(check_path(s, "data", "dir", 0, err));
    SG_TRY(check_path(s, "data", "train", 1, err));
    SG_TRY(check_path(s, "data", "test", 1, err));
    return check_path(s, "train", "encoder", 0, err);
}

static sg_status take_study(struct opening *o, const json_t *part, struct sg_err *err)
{
    struct sg_bundle *b = o->b;
    const char *settings = sg_json_text_or(part, "settings", NULL);
    if (o->stage != AT_HEADER)
        return sg_fail(err, SG_INPUT, "a second study");
    o->stage = AT_STUDY;
    SG_TRY(take_name(part, &b->name, err));
    SG_TRY(take_text(part, "text", &b->text, err));
    SG_TRY(take_text(part, "program", &b->program, err));
    SG_TRY(take_digest(part, "encoder_sha256", b->encoder_sha256, err));
    if (strlen(b->text) > SG_YAML_MAX_BYTES || (settings && strlen(settings) > SG_YAML_MAX_BYTES))
        return sg_fail(err, SG_INPUT, "a study of more than %d bytes", SG_YAML_MAX_BYTES);
    b->settings = settings ? json_loads(settings, JSON_REJECT_DUPLICATES, NULL) : NULL;
    return check_settings(b, err);
}

/* ---- tasks and rows ---- */

/* "test_sets" and what comes with them; a task without has neither. */
static sg_status take_sets(const json_t *part, struct sg_bundle_task *t, struct sg_err *err)
{
    const json_t *sets = json_object_get(part, "test_sets"), *x;
    size_t i, n = json_array_size(sets);
    memcpy(t->cell_data_sha256, t->data_sha256, SG_HEX);
    if (!sets)
        return SG_OK;
    if (!n || n > SG_TASK_MAX_TEST_SETS)
        return wrong("test_sets", "a list of test sets", err);
    SG_TRY(take_digest(part, "cell_data_sha256", t->cell_data_sha256, err));
    t->set = sg_alloc(n, sizeof *t->set);
    if (!t->set)
        return sg_fail_memory(err, n * sizeof *t->set);
    json_array_foreach (sets, i, x) {
        struct sg_bundle_set *set = &t->set[t->n_sets++];
        SG_TRY(take_name(x, &set->name, err));
        SG_TRY(take_count(x, "n", &set->n, err));
        for (int64_t k = -2; k < t->n_sets - 1; k++)
            if (strcmp(k == -2 ? "train" : k == -1 ? "test" : t->set[k].name, set->name) == 0)
                return sg_fail(err, SG_INPUT, "two sets of rows of one name");
    }
    return SG_OK;
}

/* Of all its sets. */
static int64_t rows_of(const struct sg_bundle_task *t)
{
    int64_t n = t->n_train + t->n_test;
    for (int64_t k = 0; k < t->n_sets; k++)
        n += t->set[k].n;
    return n;
}

/* Which set the i-th row of a task is of. */
static const char *set_at(const struct sg_bundle_task *t, int64_t i)
{
    int64_t end = t->n_train + t->n_test, k = 0;
    if (i < end)
        return i < t->n_train ? "train" : "test";
    for (; k < t->n_sets - 1 && i >= end + t->set[k].n; k++)
        end += t->set[k].n;
    return t->set[k].name;
}

static sg_status take_task(struct opening *o, const json_t *part, struct sg_err *err)
{
    struct sg_bundle *b = o->b;
    if (o->stage != AT_STUDY && o->stage != AT_TASKS)
        return sg_fail(err, SG_INPUT, "a task at the wrong place");
    o->stage = AT_TASKS;
    if (b->n_tasks == MAX_TASKS)
        return sg_fail(err, SG_INPUT, "more than %d tasks", MAX_TASKS);
    struct sg_bundle_task *list = sg_grown(b->task, b->n_tasks, sizeof *list);
    if (!list)
        return sg_fail_memory(err, (size_t)b->n_tasks * sizeof *list);
    b->task = list;
    struct sg_bundle_task *t = &list[b->n_tasks++];
    *t = (struct sg_bundle_task){0};
    SG_TRY(take_name(part, &t->name, err));
    size_t n = strlen(t->name);
    if ((n > 4 && strcmp(t->name + n - 4, ".yml") == 0) || (n > 5 && strcmp(t->name + n - 5, ".yaml") == 0))
        return sg_fail(err, SG_INPUT,
                       "task \"%s\" would be read as a path; hint: rename it in the study, and seal again",
                       t->name);
    SG_TRY(take_text(part, "file", &t->file, err));
    SG_TRY(take_digest(part, "data_sha256", t->data_sha256, err));
    SG_TRY(take_count(part, "n_train", &t->n_train, err));
    SG_TRY(take_count(part, "n_test", &t->n_test, err));
    SG_TRY(take_sets(part, t, err));
    if (strlen(t->file) > SG_YAML_MAX_BYTES)
        return sg_fail(err, SG_INPUT, "a task file of more than %d bytes", SG_YAML_MAX_BYTES);
    const json_t *name = json_array_get(json_object_get(b->settings, "tasks"), (size_t)b->n_tasks - 1);
    if (!json_is_string(name) || strcmp(json_string_value(name), t->name) != 0)
        return sg_fail(err, SG_INPUT, "task %lld of the study is not \"%s\"", (long long)b->n_tasks, t->name);
    return SG_OK;
}

static sg_status end_tasks(const struct opening *o, struct sg_err *err)
{
    const json_t *names = json_object_get(o->b->settings, "tasks");
    if (o->stage == AT_TASKS && json_array_size(names) != (size_t)o->b->n_tasks)
        return sg_fail(err, SG_INPUT, "the study has %zu %s, but only %lld %s here", json_array_size(names),
                       sg_plural((int64_t)json_array_size(names), "task", "tasks"), (long long)o->b->n_tasks,
                       sg_plural(o->b->n_tasks, "is", "are"));
    return SG_OK;
}

/* Rows come task by task, training rows first, and all of them. */
static sg_status take_row(struct opening *o, const json_t *part, struct sg_err *err)
{
    struct sg_bundle *b = o->b;
    if (o->stage != AT_TASKS && o->stage != AT_ROWS)
        return sg_fail(err, SG_INPUT, "a row at the wrong place");
    SG_TRY(end_tasks(o, err));
    o->stage = AT_ROWS;
    b->has_rows = 1;
    while (o->task < b->n_tasks && o->n_rows == rows_of(&b->task[o->task])) {
        o->task++;
        o->n_rows = 0;
    }
    if (o->task == b->n_tasks)
        return sg_fail(err, SG_INPUT, "more rows than the tasks have");
    const struct sg_bundle_task *t = &b->task[o->task];
    const char *set = set_at(t, o->n_rows);
    const char *said_task = sg_json_text_or(part, "task", NULL),
               *said_set = sg_json_text_or(part, "set", NULL);
    const json_t *second = json_object_get(part, "second");
    if (!said_task || strcmp(said_task, t->name) != 0 || !said_set || strcmp(said_set, set) != 0)
        return sg_fail(err, SG_INPUT, "a row that is none of task %s's %s rows, which come here", t->name,
                       set);
    if (!json_is_string(json_object_get(part, "first")) || !json_is_string(json_object_get(part, "label")) ||
        (!json_is_string(second) && !json_is_null(second)))
        return sg_fail(err, SG_INPUT, "a row lacks a text or a label, or has one of the wrong kind");
    o->n_rows++;
    return SG_OK;
}

static sg_status end_rows(struct opening *o, struct sg_err *err)
{
    struct sg_bundle *b = o->b;
    if (o->stage == AT_HEADER || o->stage == AT_STUDY)
        return sg_fail(err, SG_INPUT, "the study and its tasks must come first");
    SG_TRY(end_tasks(o, err));
    if (o->stage == AT_TASKS || o->stage == AT_ROWS) {
        while (b->has_rows && o->task < b->n_tasks && o->n_rows == rows_of(&b->task[o->task])) {
            o->task++;
            o->n_rows = 0;
        }
        if (b->has_rows && o->task < b->n_tasks)
            return sg_fail(err, SG_INPUT, "rows of task %s are missing", b->task[o->task].name);
        o->stage = AT_COMPLETIONS;
    }
    if (o->stage == AT_IMPORTS)
        o->stage = AT_COMPLETIONS;
    return SG_OK;
}

/* Rows of pools that others have made. */
static sg_status take_imported(struct opening *o, const json_t *part, struct sg_err *err)
{
    struct sg_bundle *b = o->b;
    const char *task = sg_json_text_or(part, "task", NULL);
    int known = 0;
    if (o->stage == AT_TASKS || o->stage == AT_ROWS) {
        SG_TRY(end_rows(o, err));
        o->stage = AT_IMPORTS;
    }
    if (o->stage != AT_IMPORTS)
        return sg_fail(err, SG_INPUT, "a row of a pool at the wrong place");
    for (int64_t t = 0; task && t < b->n_tasks; t++)
        known |= strcmp(b->task[t].name, task) == 0;
    if (!known)
        return sg_fail(err, SG_INPUT, "a row of a pool of no task");
    b->n_imported++;
    return sg_bundle_import_row(b->settings, part, err);
}

/* ---- completions and results ---- */

static sg_status take_completion(void *context, const struct sg_request *q, const struct sg_answer *a,
                                 struct sg_err *err)
{
    struct opening *o = context;
    (void)q;
    SG_TRY(end_rows(o, err));
    if (o->stage != AT_COMPLETIONS)
        return sg_fail(err, SG_INPUT, "a completion behind the results");
    o->b->n_completions++;
    o->b->n_failed += a->status != SG_OK;
    return SG_OK;
}

static sg_status take_results(struct opening *o, const json_t *part, struct sg_err *err)
{
    struct sg_bundle *b = o->b;
    int64_t n = 0, n_failed = 0;
    SG_TRY(end_rows(o, err));
    if (o->stage == AT_RESULTS)
        return sg_fail(err, SG_INPUT, "results a second time");
    o->stage = AT_RESULTS;
    SG_TRY(take_count(part, "completions", &n, err));
    SG_TRY(take_count(part, "failed", &n_failed, err));
    if (n != b->n_completions || n_failed != b->n_failed)
        return sg_fail(err, SG_INPUT, "%lld %s here (%lld of them failed), but %lld (%lld) were sealed",
                       (long long)b->n_completions,
                       sg_plural(b->n_completions, "completion is", "completions are"),
                       (long long)b->n_failed, (long long)n, (long long)n_failed);
    SG_TRY(take_count(part, "cells", &b->n_cells, err));
    SG_TRY(take_count(part, "pools", &b->n_pools, err));
    SG_TRY(take_digest(part, "plan_sha256", b->plan_sha256, err));
    SG_TRY(take_text(part, "why", &b->why, err));
    const json_t *cost = json_object_get(part, "cost_usd");
    json_t *tables = json_object_get(part, "tables");
    if (!json_is_number(cost) && !json_is_null(cost))
        return wrong("cost_usd", "a number or null", err);
    b->cost_usd = json_is_null(cost) ? -1 : json_number_value(cost);
    if (json_is_null(tables) && json_is_null(json_object_get(part, "content_sha256")))
        return SG_OK;
    if (!json_is_object(tables))
        return wrong("tables", "a group of digests", err);
    b->tables = json_incref(tables);
    return take_digest(part, "content_sha256", b->results_sha256, err);
}

static sg_status take_part(void *context, const char *part, const json_t *object, struct sg_err *err)
{
    struct opening *o = context;
    if (strcmp(part, "study") == 0)
        return take_study(o, object, err);
    if (strcmp(part, "task") == 0)
        return take_task(o, object, err);
    if (strcmp(part, "row") == 0)
        return take_row(o, object, err);
    if (strcmp(part, "imported") == 0)
        return take_imported(o, object, err);
    if (strcmp(part, "results") == 0)
        return take_results(o, object, err);
    if ((strcmp(part, "header") == 0 && o->stage == AT_HEADER) ||
        (strcmp(part, "end") == 0 && o->stage == AT_RESULTS))
        return SG_OK;
    struct sg_buf b = sg_buf_make(1000);
    sg_buf_safe(&b, part, 40);
    sg_status status =
        sg_fail(err, SG_INPUT, "an unknown part \"%s\", or one at the wrong place", sg_buf_text(&b));
    sg_buf_free(&b);
    return status;
}

sg_status sg_bundle_open(const char *path, struct sg_bundle *out, struct sg_err *err)
{
    struct sg_bundle b = {0};
    struct opening o = {.b = &b};
    const struct sg_sealed_reader r = {take_part, take_completion, &o};
    sg_status status = sg_sealed_read(path, &r, b.digest, err);
    if (status == SG_OK && o.stage != AT_RESULTS)
        status = sg_fail(err, SG_INPUT, "%s: no bundle of a study: its results are missing", path);
    if (status == SG_OK)
        *out = b;
    else
        sg_bundle_free(&b);
    return status;
}

void sg_bundle_describe(const struct sg_bundle *b, struct sg_buf *out)
{
    sg_buf_printf(out, "study    %s: %lld %s, %lld %s, %lld %s; sealed by ", b->name, (long long)b->n_tasks,
                  sg_plural(b->n_tasks, "task", "tasks"), (long long)b->n_cells,
                  sg_plural(b->n_cells, "cell", "cells"), (long long)b->n_pools,
                  sg_plural(b->n_pools, "pool", "pools"));
    sg_buf_safe(out, b->program, 60);
    sg_buf_printf(out, "\nanswers  %lld %s, %lld of them failed; they cost ", (long long)b->n_completions,
                  sg_plural(b->n_completions, "completion", "completions"), (long long)b->n_failed);
    if (b->cost_usd < 0)
        sg_buf_puts(out, "an unknown price\n");
    else
        sg_buf_printf(out, "%.4f USD\n", b->cost_usd);
    sg_buf_printf(out, "data     %s\n",
                  b->has_rows ? "all rows are in it"
                              : "not in it, but their digests: a replay needs the same files");
    if (b->n_imported)
        sg_buf_printf(out, "imports  %lld %s of pools that others have made\n", (long long)b->n_imported,
                      sg_plural(b->n_imported, "row", "rows"));
    sg_buf_printf(out, "encoder  not in it; its digest is %s\n", b->encoder_sha256);
    if (b->results_sha256[0])
        sg_buf_printf(out, "results  sealed, digest %s\n", b->results_sha256);
    else {
        sg_buf_puts(out, "results  not sealed: ");
        sg_buf_safe(out, b->why, 200);
        sg_buf_puts(out, "\n");
    }
    sg_buf_printf(out, "seal     %s\n", b->digest);
}
