#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/bundle/bundle.h"
#include "experiments/bundle/bundle_imports.h"
#include "experiments/run/rehearsal.h"
#include "experiments/study/prepare.h"
#include "experiments/study/settings.h"
#include "experiments/study/task_file.h"
#include "gen/llm/provider.h"
#include "gen/llm/recording.h"
#include "results/h5/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- unpacking ---- */

/* Writes `text` to dir/a/b. */
static sg_status write_text(const char *dir, const char *a, const char *b, const char *text,
                            struct sg_err *err)
{
    char *folder = sg_path_join(dir, a), *path = folder ? sg_path_join(folder, b) : NULL;
    sg_status status = path ? sg_mkdirs(folder, err) : sg_fail_memory(err, strlen(dir));
    if (status == SG_OK)
        status = sg_file_write(path, text, strlen(text), err);
    sg_free(folder);
    sg_free(path);
    return status;
}

/* The task files, and as what they are read: a file may say where its rows are, too. */
static sg_status write_tasks(const struct sg_bundle *b, const char *dir, struct sg_task *task,
                             struct sg_err *err)
{
    for (int64_t t = 0; t < b->n_tasks; t++) {
        char *file = sg_strf("%s.yaml", b->task[t].name),
             *path = sg_strf("%s/tasks/%s.yaml", dir, b->task[t].name);
        sg_status status = file && path ? write_text(dir, "tasks", file, b->task[t].file, err)
                                        : sg_fail_memory(err, strlen(dir));
        if (status == SG_OK)
            status = sg_task_read(path, &task[t], err);
        for (int i = 0; status == SG_OK && i < task[t].n_test_sets; i++)
            if (!sg_bundle_is_inside(task[t].test_set[i].file))
                status = sg_fail(err, SG_INPUT,
                                 "%s: test_sets.%s must be the name of a file, as it came in a bundle", path,
                                 task[t].test_set[i].name);
        if (status == SG_OK &&
            (!sg_bundle_is_inside(task[t].train_file) || !sg_bundle_is_inside(task[t].test_file)))
            status =
                sg_fail(err, SG_INPUT,
                        "%s: data.train and data.test must be names of files, as it came in a bundle", path);
        sg_free(file);
        sg_free(path);
        SG_TRY(status);
    }
    return SG_OK;
}

/* The rows' files, one after the other as they come. */
struct rows_writer {
    const struct sg_bundle *b;
    const struct sg_task *task;
    const char *dir;
    char *path, *tmp; /* of the one that is open */
    FILE *file;
};

static sg_status close_rows(struct rows_writer *w, struct sg_err *err)
{
    if (!w->file)
        return SG_OK;
    int bad = ferror(w->file);
    bad |= fclose(w->file) != 0;
    w->file = NULL;
    return bad ? sg_fail(err, SG_FAILED, "%s: cannot be written; hint: is the disk full?", w->tmp)
               : sg_file_replace(w->tmp, w->path, err);
}

static sg_status open_rows(struct rows_writer *w, const char *kind, const char *task, const char *set,
                           struct sg_err *err)
{
    char *folder = sg_strf("%s/%s/%s", w->dir, kind, task),
         *path = sg_strf("%s/%s/%s/%s.jsonl", w->dir, kind, task, set);
    sg_status status = folder && path ? SG_OK : sg_fail_memory(err, strlen(w->dir));
    if (status == SG_OK && (!w->path || strcmp(w->path, path) != 0)) {
        status = close_rows(w, err);
        sg_free(w->path);
        sg_free(w->tmp);
        w->path = sg_strdup(path);
        w->tmp = sg_strf("%s.tmp.%ld", path, (long)getpid());
        if (status == SG_OK)
            status = w->path && w->tmp ? sg_mkdirs(folder, err) : sg_fail_memory(err, strlen(path));
        w->file = status == SG_OK ? fopen(w->tmp, "we") : NULL;
        if (status == SG_OK && !w->file)
            status = sg_fail(err, SG_FAILED, "%s: cannot be written", w->tmp);
    }
    sg_free(folder);
    sg_free(path);
    return status;
}

static sg_status write_row(void *context, const char *part, const json_t *o, struct sg_err *err)
{
    struct rows_writer *w = context;
    int is_imported = strcmp(part, "imported") == 0;
    if (!is_imported && strcmp(part, "row") != 0)
        return SG_OK;
    /* sg_bundle_open has checked this content, and sg_unpack_rows finds another one by its digest; but then these may be NULL. */
    const char *name = sg_json_text_or(o, "task", NULL),
               *set = sg_json_text_or(o, is_imported ? "method" : "set", NULL);
    const struct sg_task *task = NULL;
    for (int64_t t = 0; name && t < w->b->n_tasks; t++)
        if (strcmp(w->b->task[t].name, name) == 0)
            task = &w->task[t];
    if (!task || !set || !sg_settings_is_name(set))
        return sg_fail(err, SG_INPUT, "a row of no task; hint: the file changed while it was read");
    SG_TRY(open_rows(w, is_imported ? "pools" : "data", name, set, err));
    json_t *row = json_object();
    int bad = json_object_set(row, task->first, json_object_get(o, "first"));
    if (task->second)
        bad |= json_object_set(row, task->second, json_object_get(o, "second"));
    bad |= json_object_set(row, task->label, json_object_get(o, "label"));
    char *line = bad ? NULL : json_dumps(row, JSON_COMPACT);
    json_decref(row);
    if (!line)
        return sg_fail_memory(err, 1000);
    int written = fprintf(w->file, "%s\n", line);
    free(line);
    return written > 0 ? SG_OK
                       : sg_fail(err, SG_FAILED, "%s: cannot be written; hint: is the disk full?", w->tmp);
}

static sg_status unpack_rows(const struct sg_bundle *b, const char *path, const char *dir,
                             const struct sg_task *task, struct sg_err *err)
{
    char digest[SG_HEX];
    struct rows_writer w = {.b = b, .task = task, .dir = dir};
    const struct sg_sealed_reader r = {write_row, NULL, &w};
    sg_status status = sg_sealed_read(path, &r, digest, err);
    if (status == SG_OK && strcmp(digest, b->digest) != 0)
        status = sg_fail(err, SG_INPUT, "%s: the file changed while it was read", path);
    if (status == SG_OK)
        status = close_rows(&w, err);
    if (w.file) {
        fclose(w.file);
        unlink(w.tmp);
    }
    sg_free(w.path);
    sg_free(w.tmp);
    return status;
}

/* A generator's settings, for a replay that asks nobody. */
static int localize(json_t *generator)
{
    /* A name from outside would take a variable out of the environment. */
    int bad = json_object_set_new(generator, "api_key_env", json_string("OPENAI_API_KEY"));
    const char *provider = sg_json_text_or(generator, "provider", NULL);
    const struct sg_provider *found = provider ? sg_provider_find(provider) : NULL;
    if (found && found->in_process) /* such a study names its model's file, which a replay does not open */
        bad |= json_object_set_new(generator, "model_file", json_string("bundle"));
    return bad;
}

/* The settings, with where things are here. */
static char *study_text(const struct sg_bundle *b, const char *path, const char *results, const char *dir)
{
    json_t *o = json_deep_copy(b->settings), *generator = json_object_get(o, "generator");
    char *data = b->has_rows ? sg_path_join(dir, "data") : NULL;
    int bad = json_object_set_new(o, "results", json_string(results));
    bad |= json_object_set_new(generator, "recording", json_string(path));
    /* Sealed before there was the setting: one pool for all draws. */
    if (!json_object_get(o, "few_shot_rows"))
        bad |= json_object_set_new(o, "few_shot_rows", json_string("first"));
    const char *name;
    json_t *of, *several = json_object_get(o, "generators");
    if (!several)
        bad |= localize(generator);
    json_object_foreach (several, name, of)
        bad |= localize(of);
    if (b->has_rows)
        bad |= json_object_set_new(json_object_get(o, "data"), "dir", data ? json_string(data) : NULL);
    bad |= sg_bundle_imports_settle(o, dir);
    sg_free(data);
    json_t *train = json_object_get(o, "train");
    if (train && !json_object_get(train, "min_steps")) /* sealed before there was one */
        bad |= json_object_set_new(train, "min_steps", json_integer(0));
    if (train) /* a bundle starts no program: who runs it may (check_inputs) */
        bad |= json_object_set_new(train, "external", json_null());
    char *text = bad ? NULL : json_dumps(o, JSON_SORT_KEYS | JSON_INDENT(1));
    json_decref(o);
    return text;
}

sg_status sg_bundle_unpack(const struct sg_bundle *b, const char *path, const char *results, char **study,
                           struct sg_err *err)
{
    char *dir = sg_path_join(results, "bundle"), *text = dir ? study_text(b, path, results, dir) : NULL,
         *file = dir ? sg_path_join(dir, "study.yaml") : NULL;
    struct sg_task *task = sg_alloc((size_t)b->n_tasks + 1, sizeof *task);
    sg_status status =
        dir && text && file && task
            ? SG_OK
            : sg_fail(err, SG_FAILED, "out of memory, or a path that is not UTF-8: %s, %s", path, results);
    if (status == SG_OK)
        status = write_tasks(b, dir, task, err);
    if (status == SG_OK && (b->has_rows || b->n_imported))
        status = unpack_rows(b, path, dir, task, err);
    if (status == SG_OK)
        status = write_text(dir, "", "original.yaml", b->text, err);
    if (status == SG_OK)
        status = write_text(dir, "", "study.yaml", text, err);
    for (int64_t t = 0; task && t < b->n_tasks; t++)
        sg_task_free(&task[t]);
    sg_free(task);
    sg_free(dir);
    free(text);
    if (status == SG_OK)
        *study = file;
    else
        sg_free(file);
    return status;
}

/* ---- the run ---- */

struct replay {
    const struct sg_bundle *b;
    int is_same_plan; /* what is computed is what was sealed: no setting was changed */
};

/* Rank 0: that the inputs are those that were sealed. */
static sg_status check_inputs(void *context, const struct sg_prepared *p, struct sg_err *err)
{
    struct replay *r = context;
    const struct sg_bundle *b = r->b;
    const char *encoder = sg_encoder_digest(p->encoder);
    char plan[SG_HEX];
    SG_TRY(sg_rehearsal_refuse(p->study->results, err));
    const char *external = sg_json_text_or(json_object_get(b->settings, "train"), "external", NULL);
    if (external && !p->study->external) {
        struct sg_buf said = sg_buf_make(1000);
        sg_buf_safe(&said, external, 200);
        sg_fail(err, SG_INPUT,
                "the cells of this bundle were trained by another program (%s), and a bundle starts none by "
                "itself; "
                "hint: look at that program, then say train.external=\"...\" behind the bundle",
                sg_buf_text(&said));
        sg_buf_free(&said);
        return SG_INPUT;
    }
    if (strcmp(encoder, b->encoder_sha256) != 0)
        return sg_fail(
            err, SG_INPUT,
            "the encoder in %s is another one than the bundle was sealed with: its digest is %.16s..., not "
            "%.16s...; hint: train.encoder=DIR names the folder of that one",
            p->study->encoder, encoder, b->encoder_sha256);
    for (int t = 0; t < p->study->n_tasks; t++)
        for (int64_t k = 0; k < b->n_tasks; k++)
            if (strcmp(p->study->task[t].name, b->task[k].name) == 0 &&
                strcmp(p->data[t].digest, b->task[k].data_sha256) != 0)
                return sg_fail(err, SG_INPUT,
                               "the rows of task %s in %s are others than the bundle was sealed with: %lld "
                               "training and %lld test "
                               "rows of digest %.16s..., not %lld and %lld of %.16s...; hint: data.dir=DIR "
                               "(and data.train, "
                               "data.test) say where the same files are",
                               b->task[k].name, p->data[t].train_path, (long long)p->data[t].train.n,
                               (long long)p->data[t].test.n, p->data[t].digest, (long long)b->task[k].n_train,
                               (long long)b->task[k].n_test, b->task[k].data_sha256);
    for (int t = 0; t < p->study->n_tasks; t++)
        for (int64_t k = 0; k < b->n_tasks; k++)
            if (strcmp(p->study->task[t].name, b->task[k].name) == 0 &&
                strcmp(p->data[t].cell_digest, b->task[k].cell_data_sha256) != 0)
                return sg_fail(
                    err, SG_INPUT,
                    "the rows of task %s's further test sets (test_sets) are others than the bundle "
                    "was sealed with; hint: data.dir=DIR says where the same files are",
                    b->task[k].name);
    SG_TRY(sg_bundle_plan_digest(p, plan, err));
    r->is_same_plan = strcmp(plan, b->plan_sha256) == 0;
    return SG_OK;
}

/* Which tables differ, "" when none does. */
static void add_differences(const struct sg_bundle *b, const char *h5, struct sg_buf *out)
{
    json_t *found = NULL;
    const char *name;
    json_t *value;
    struct sg_err unread;
    if (sg_store_tables_digests(h5, &found, &unread) != SG_OK)
        return;
    json_object_foreach (b->tables, name, value)
        if (!json_equal(value, json_object_get(found, name))) {
            sg_buf_puts(out, out->len ? ", /" : "/");
            sg_buf_safe(out, name, 40);
        }
    json_decref(found);
}

/* Rank 0, after a run that was done. */
static sg_status compare(const struct replay *r, const char *results, const char digest[SG_HEX],
                         struct sg_err *err)
{
    const struct sg_bundle *b = r->b;
    if (!b->results_sha256[0] || !r->is_same_plan) {
        sg_tell_result("replay   not compared: %s",
                       b->results_sha256[0] ? "settings were changed, so that other results are due"
                                            : "no results were sealed");
        return SG_OK;
    }
    if (strcmp(digest, b->results_sha256) == 0) {
        sg_tell_result("replay   the results are those that were sealed");
        return SG_OK;
    }
    struct sg_buf what = sg_buf_make(400);
    char *h5 = sg_path_join(results, "results.h5");
    if (h5)
        add_differences(b, h5, &what);
    sg_status status = sg_fail(
        err, SG_FAILED,
        "the results differ from those that were sealed: digest %.16s..., not %.16s...%s%s; hint: they were "
        "computed by %.40s; a processor without fused multiply-adds rounds otherwise",
        digest, b->results_sha256, what.len ? "; in " : "", sg_buf_text(&what), b->program);
    sg_buf_free(&what);
    sg_free(h5);
    return status;
}

/* Rank 0. *study and *folder: new memory. */
static sg_status open_and_unpack(const char *path, const char *results, const char *digest,
                                 struct sg_bundle *b, char **study, char **folder, struct sg_err *err)
{
    SG_TRY(sg_bundle_open(path, b, err));
    if (digest && strcmp(digest, b->digest) != 0)
        return sg_fail(
            err, SG_INPUT,
            "%s: its seal is %s, not what --digest says; hint: it is another bundle, or was changed", path,
            b->digest);
    *folder = results ? sg_strdup(results) : sg_strf("results/%s", b->name);
    if (!*folder)
        return sg_fail_memory(err, strlen(b->name));
    return sg_bundle_unpack(b, path, *folder, study, err);
}

sg_status sg_bundle_run(const struct sg_team *world, const struct sg_run_options *o, const char *results,
                        const char *digest, struct sg_err *err)
{
    struct sg_bundle b = {0};
    struct replay r = {.b = &b};
    struct sg_run_options options = *o;
    struct sg_buf name = sg_buf_make(1 << 16);
    char *study = NULL, *folder = NULL, found[SG_HEX] = "";
    const char *overrides[256];
    sg_status status = SG_OK;
    if (world->rank == 0)
        status = open_and_unpack(o->study, results, digest, &b, &study, &folder, err);
    SG_TRY_DONE(sg_agree(world, status, err));
    if (world->rank == 0)
        sg_buf_puts(&name, study);
    SG_TRY_DONE(sg_bcast_buf(world, 0, &name, err));
    if (world->rank == 0 && !o->quiet) {
        struct sg_buf text = sg_buf_make(1 << 16);
        sg_bundle_describe(&b, &text);
        fputs(sg_buf_text(&text), stdout);
        sg_buf_free(&text);
    }
    options.study = sg_buf_text(&name);
    options.offline = 1;
    options.n_overrides = 0;
    for (int i = 0; i < o->n_overrides && i < 255; i++)
        overrides[options.n_overrides++] = o->overrides[i];
    overrides[options.n_overrides++] =
        "generator.base_url="; /* an address would be asked instead of the bundle */
    options.overrides = overrides;
    options.check = check_inputs;
    options.context = &r;
    options.digest = found;
    status = sg_run(world, &options, err);
    if (status == SG_OK && world->rank == 0)
        status = compare(&r, folder, found, err);
    status = sg_agree(world, status, err);
done:
    sg_buf_free(&name);
    sg_free(study);
    sg_free(folder);
    sg_bundle_free(&b);
    return status;
}
