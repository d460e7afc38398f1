#define _XOPEN_SOURCE 700 /* nftw */

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/bundle/bundle.h"
#include "experiments/bundle/bundle_imports.h"
#include "experiments/buying/completion.h"
#include "experiments/buying/requests.h"
#include "experiments/run/pools_text.h"
#include "experiments/run/rehearsal.h"
#include "experiments/study/imports.h"
#include "gen/llm/recording.h"
#include "generated/version.h"
#include "results/h5/store.h"
#include "results/ledger/output_check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sealing {
    const struct sg_seal_options *options; /* its file: a temporary one beside */
    const char *target;
    struct sg_prepared *p;
    struct sg_ledger *ledger;
    struct sg_requests *requests;
    struct sg_recording_writer *writer;
    struct sg_bundle *b; /* what goes in, and is told in the end */
};

int sg_bundle_is_inside(const char *text)
{
    if (!text[0] || text[0] == '/')
        return 0;
    for (const char *p = text; *p; p += strspn(p, "/")) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return 0;
        p += n;
    }
    return 1;
}

sg_status sg_bundle_plan_digest(const struct sg_prepared *p, char hex[SG_HEX], struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int64_t i = 0; i < p->grid.n_cells; i++)
        sg_sha256_add(h, p->grid.cell[i].id, SG_HEX);
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        sg_sha256_add(h, sg_pool_id(p->pool[i]), SG_HEX);
    for (int64_t i = 0; i < p->n_evaluations; i++)
        sg_sha256_add(h, sg_evaluation_id(p->evaluation[i]), SG_HEX);
    sg_sha256_finish_hex(h, hex);
    return SG_OK;
}

/* ---- parts ---- */

/* The settings as they go in: nothing that only means something here. */
static json_t *settings_to_seal(const struct sg_study *s, int with_data)
{
    json_t *o = json_loads(s->resolved, 0, NULL), *tasks = json_array();
    json_t *data = json_object_get(o, "data"), *generator = json_object_get(o, "generator"),
           *train = json_object_get(o, "train");
    for (int t = 0; t < s->n_tasks; t++)
        json_array_append_new(tasks, json_string(s->task[t].name));
    int bad = json_object_set_new(o, "tasks", tasks);
    bad |= json_object_set_new(generator, "base_url", json_null());
    const char *name;
    json_t *of;
    json_object_foreach (json_object_get(o, "generators"), name, of)
        bad |= json_object_set_new(of, "base_url", json_null());
    bad |= json_object_set_new(generator, "recording", json_null());
    bad |= sg_bundle_imports_settle(o, NULL);
    if (s->train.lr >= 0) /* what auto comes to is the program's to say, and may change */
        bad |= json_object_set_new(train, "lr", json_real(s->train.lr));
    const char *dir = sg_json_text_or(data, "dir", NULL), *encoder = sg_json_text_or(train, "encoder", NULL);
    if (with_data) {
        bad |= json_object_set_new(data, "train", json_string("train.jsonl"));
        bad |= json_object_set_new(data, "test", json_string("test.jsonl"));
    }
    if (with_data || !dir || !sg_bundle_is_inside(dir))
        bad |= json_object_set_new(data, "dir", json_string("data"));
    if (encoder && !sg_bundle_is_inside(encoder)) {
        /* Its last name says which one it was; the digest, whether it is found. */
        char *copy = sg_strdup(encoder);
        size_t n = copy ? strlen(copy) : 0;
        while (n && copy[n - 1] == '/')
            copy[--n] = 0;
        const char *slash = copy ? strrchr(copy, '/') : NULL, *last = slash ? slash + 1 : "";
        char *kept =
            copy ? sg_path_join("data/encoders", sg_bundle_is_inside(last) ? last : "encoder") : NULL;
        bad |= json_object_set_new(train, "encoder", kept ? json_string(kept) : NULL);
        sg_free(kept);
        sg_free(copy);
    }
    if (bad) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static sg_status put_study(struct sealing *s, struct sg_err *err)
{
    const struct sg_study *study = s->p->study;
    s->b->settings = settings_to_seal(study, s->options->with_data);
    char *settings = s->b->settings ? json_dumps(s->b->settings, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!settings)
        return sg_fail_memory(err, 1 << 16);
    if (!sg_utf8_valid(study->text, strlen(study->text))) {
        free(settings);
        return sg_fail(err, SG_INPUT, "%s: not UTF-8; hint: convert it with iconv", study->path);
    }
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "part", "study", "name", study->name,
                          "settings", settings, "text", study->text, "program", "synthgrid " SG_VERSION,
                          "git", SG_GIT, "encoder_sha256", sg_encoder_digest(s->p->encoder));
    free(settings);
    return sg_sealed_put(s->writer, o, err);
}

static sg_status put_task(struct sealing *s, int t, struct sg_err *err)
{
    const struct sg_task *task = &s->p->study->task[t];
    const struct sg_task_data *d = &s->p->data[t];
    if (!sg_utf8_valid(task->text, strlen(task->text)))
        return sg_fail(err, SG_INPUT, "task %s: its file is not UTF-8; hint: convert it with iconv",
                       task->name);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "part", "task", "name", task->name, "file",
                          task->text, "data_sha256", d->digest, "n_train", (json_int_t)d->train.n, "n_test",
                          (json_int_t)d->test.n);
    if (d->n_sets) {
        json_t *sets = json_array();
        for (int i = 0; i < d->n_sets; i++)
            json_array_append_new(
                sets, json_pack("{s:s, s:I}", "name", d->set[i].name, "n", (json_int_t)d->set[i].rows.n));
        json_object_set_new(o, "test_sets", sets);
        json_object_set_new(o, "cell_data_sha256", json_string(d->cell_digest));
    }
    return sg_sealed_put(s->writer, o, err);
}

static sg_status put_rows(struct sealing *s, int t, const char *set, const struct sg_rows *rows,
                          struct sg_err *err)
{
    for (int64_t i = 0; i < rows->n; i++) {
        const struct sg_row *r = &rows->row[i];
        SG_TRY(sg_sealed_put(s->writer,
                             json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s}", "part", "row", "task",
                                       s->p->study->task[t].name, "set", set, "first", r->first, "second",
                                       r->second, "label", r->label),
                             err));
    }
    return SG_OK;
}

static sg_status put_imported(void *context, json_t *part, struct sg_err *err)
{
    struct sealing *s = context;
    return sg_sealed_put(s->writer, part, err);
}

static sg_status put_completion(void *context, const struct sg_ledger_completion *c, struct sg_err *err)
{
    struct sealing *s = context;
    struct sg_bundle *b = s->b;
    b->n_completions++;
    b->n_failed += c->status != SG_OK;
    /* What failed has no price, and was not charged for. */
    if (c->status == SG_OK)
        b->cost_usd = c->cost_usd < 0 || b->cost_usd < 0 ? -1 : b->cost_usd + c->cost_usd;
    return sg_completion_record(s->writer, c, err);
}

/* ---- results ---- */

/* The reason why results are no whole ones; "" when they are. */
static sg_status check_cells(const struct sealing *s, char why[200], struct sg_err *err)
{
    const struct sg_prepared *p = s->p;
    char status[16], *settings = NULL;
    int64_t n_open = 0, n_unmeasured = 0;
    SG_TRY(sg_ledger_meta_get(s->ledger, "settings", &settings, err));
    int is_last = settings && strcmp(settings, p->study->resolved) == 0;
    sg_free(settings);
    for (int64_t i = 0; i < p->grid.n_cells; i++) {
        SG_TRY(sg_ledger_cell_status(s->ledger, p->grid.cell[i].id, status, err));
        n_open += strcmp(status, "done") != 0;
    }
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        char *diversity = NULL;
        SG_TRY(sg_ledger_diversity_get(s->ledger, sg_pool_id(p->pool[i]), &diversity, err));
        n_unmeasured += !diversity && sg_pool_n(p->pool[i]) > 0;
        sg_free(diversity);
    }
    why[0] = 0;
    if (n_open)
        snprintf(why, 200, "%lld of %lld %s %s not done", (long long)n_open, (long long)p->grid.n_cells,
                 sg_plural(p->grid.n_cells, "cell", "cells"), sg_plural(n_open, "is", "are"));
    else if (!is_last)
        snprintf(why, 200, "the last run in this folder had other settings");
    else if (n_unmeasured)
        snprintf(why, 200, "the last run did not end");
    return SG_OK;
}

/* Built anew from the ledger: results.h5 may be older. */
static sg_status digest_results(struct sealing *s, struct sg_err *err)
{
    char *path = sg_strf("%s.tmp.%ld.h5", s->options->file, (long)getpid());
    if (!path)
        return sg_fail_memory(err, 100);
    sg_status status = sg_store_write(s->ledger, path, s->b->results_sha256, err);
    if (status == SG_OK)
        status = sg_store_tables_digests(path, &s->b->tables, err);
    unlink(path);
    sg_free(path);
    return status;
}

static sg_status put_results(struct sealing *s, struct sg_err *err)
{
    struct sg_bundle *b = s->b;
    char why[200];
    SG_TRY(sg_bundle_plan_digest(s->p, b->plan_sha256, err));
    SG_TRY(check_cells(s, why, err));
    if (!why[0])
        SG_TRY(digest_results(s, err));
    b->why = sg_strdup(why);
    int there = b->tables != NULL;
    return sg_sealed_put(s->writer,
                         json_pack("{s:s, s:I, s:I, s:o, s:I, s:I, s:s, s:s?, s:O?, s:s}", "part", "results",
                                   "completions", (json_int_t)b->n_completions, "failed",
                                   (json_int_t)b->n_failed, "cost_usd",
                                   b->cost_usd < 0 ? json_null() : json_real(b->cost_usd), "cells",
                                   (json_int_t)s->p->grid.n_cells, "pools", (json_int_t)s->p->grid.n_pools,
                                   "plan_sha256", b->plan_sha256, "content_sha256",
                                   there ? b->results_sha256 : NULL, "tables", b->tables, "why", why),
                         err);
}

/* ---- all ---- */

static sg_status check_bought(struct sealing *s, struct sg_err *err)
{
    int64_t n;
    SG_TRY(sg_pools_text_tell_missing(s->p, s->requests, &n, err));
    if (!n)
        return SG_OK;
    return sg_fail(err, SG_INPUT,
                   "%lld %s missing in %s, and a bundle has all of them; hint: `synthgrid run` or "
                   "`synthgrid generate` with the same settings gets %s",
                   (long long)n, sg_plural(n, "completion is", "completions are"), s->p->study->results,
                   sg_plural(n, "it", "them"));
}

static sg_status put_all(struct sealing *s, struct sg_err *err)
{
    const struct sg_prepared *p = s->p;
    SG_TRY(put_study(s, err));
    for (int t = 0; t < p->study->n_tasks; t++)
        SG_TRY(put_task(s, t, err));
    for (int t = 0; s->options->with_data && t < p->study->n_tasks; t++) {
        SG_TRY(put_rows(s, t, "train", &p->data[t].train, err));
        SG_TRY(put_rows(s, t, "test", &p->data[t].test, err));
        for (int k = 0; k < p->data[t].n_sets; k++)
            SG_TRY(put_rows(s, t, p->data[t].set[k].name, &p->data[t].set[k].rows, err));
    }
    SG_TRY(sg_bundle_imports_each(p, put_imported, s, err));
    SG_TRY(sg_requests_each(s->requests, put_completion, s, err));
    return put_results(s, err);
}

/* The seal is not written over the study, its tasks and rows, the encoder, or what was imported. */
static sg_status check_output(const struct sealing *s, struct sg_err *err)
{
    const struct sg_study *study = s->p->study;
    const char *inputs[] = {study->path, study->encoder, study->generator->recording};
    SG_TRY(sg_output_check("FILE", s->target, inputs, 3, err));
    for (int t = 0; t < study->n_tasks; t++) {
        char *folder = sg_path_join(study->data_dir, study->task[t].name);
        sg_status status = folder ? sg_output_check("FILE", s->target, (const char *[]){folder}, 1, err)
                                  : sg_fail_memory(err, strlen(study->data_dir));
        sg_free(folder);
        SG_TRY(status);
    }
    for (int i = 0; i < study->n_tasks * study->n_imports; i++) {
        char *path = sg_import_path(study, i % study->n_imports, i / study->n_imports);
        sg_status status = path ? sg_output_check("FILE", s->target, (const char *[]){path}, 1, err)
                                : sg_fail_memory(err, 4096);
        sg_free(path);
        SG_TRY(status);
    }
    unsigned char head[2] = {0x1f,
                             0x8b}; /* gzip (RFC 1952): an older bundle may be replaced, a task file not */
    FILE *f = sg_file_exists(s->target) ? fopen(s->target, "rb") : NULL;
    size_t n = f ? fread(head, 1, 2, f) : 0;
    if (f)
        fclose(f);
    return n && (head[0] != 0x1f || head[1] != 0x8b)
               ? sg_fail(err, SG_INPUT, "%s: is there, and no bundle; hint: name another file", s->target)
               : SG_OK;
}

static sg_status seal(struct sealing *s, struct sg_err *err)
{
    const struct sg_seal_options *o = s->options;
    SG_TRY(sg_prepare(o->study, o->n_overrides, o->overrides, SG_PREPARE_NO_WEIGHTS, &s->p, err));
    SG_TRY(sg_rehearsal_refuse(s->p->study->results, err));
    SG_TRY(check_output(s, err));
    SG_TRY(sg_ledger_open(s->p->study->results, SG_LEDGER_READ, &s->ledger, err));
    SG_TRY(sg_requests_create(s->p, s->ledger, &s->requests, err));
    SG_TRY(check_bought(s, err));
    SG_TRY(sg_sealed_create(o->file, &s->writer, err));
    sg_status status = put_all(s, err);
    char digest[SG_HEX];
    sg_status finished = sg_sealed_finish(s->writer, digest, status == SG_OK ? err : NULL);
    return status == SG_OK ? finished : status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* What was written is read as anybody will read it, and unpacked as `run` does: a bundle that it would refuse is none. */
static sg_status try_replay(const char *file, const char *scratch, const struct sg_prepared *p,
                            struct sg_bundle *out, struct sg_err *err)
{
    char *path = NULL;
    struct sg_study *study = NULL;
    SG_TRY(sg_bundle_open(file, out, err));
    sg_status status = sg_bundle_unpack(out, file, scratch, &path, err);
    if (status == SG_OK)
        status = sg_study_read(path, 0, NULL, &study, err);
    for (int t = 0; status == SG_OK && out->has_rows && t < study->n_tasks; t++) {
        struct sg_task_data data = {0};
        status = sg_task_data_read(study, t, &data, err);
        if (status == SG_OK && strcmp(data.cell_digest, out->task[t].cell_data_sha256) != 0)
            status = sg_fail(err, SG_INPUT, "the rows of task %s do not come out as they went in",
                             study->task[t].name);
        sg_task_data_free(&data);
    }
    for (int i = 0; status == SG_OK && out->n_imported && i < study->n_tasks * study->n_imports; i++) {
        struct sg_imported x = {0};
        if (!p->imported[i].rows.n)
            continue;
        status = sg_import_read(study, i % study->n_imports, i / study->n_imports, &x, err);
        if (status == SG_OK && strcmp(x.digest, p->imported[i].digest) != 0)
            status = sg_fail(err, SG_INPUT, "the pool of method %s does not come out as it went in",
                             study->import[i % study->n_imports].name);
        sg_imported_free(&x);
    }
    sg_study_destroy(study);
    sg_free(path);
    nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (status == SG_OK)
        return SG_OK;
    sg_bundle_free(out);
    *out = (struct sg_bundle){0};
    return sg_err_at(err, "no bundle is written, as `run` would refuse it");
}

sg_status sg_bundle_seal(const struct sg_seal_options *o, struct sg_bundle *out, struct sg_err *err)
{
    struct sg_bundle b = {0};
    char *tmp = sg_strf("%s.tmp.%ld", o->file, (long)getpid()),
         *scratch = sg_strf("%s.try.%ld", o->file, (long)getpid());
    struct sg_seal_options into = *o;
    into.file = tmp;
    struct sealing s = {.options = &into, .target = o->file, .b = &b};
    sg_status status = tmp && scratch ? seal(&s, err) : sg_fail_memory(err, strlen(o->file));
    sg_requests_destroy(s.requests);
    sg_ledger_close(s.ledger);
    sg_bundle_free(&b);
    if (status == SG_OK)
        status = try_replay(tmp, scratch, s.p, out, err);
    sg_prepared_destroy(s.p);
    if (status == SG_OK)
        status = sg_file_replace(tmp, o->file, err);
    if (status != SG_OK && tmp)
        unlink(tmp);
    sg_free(tmp);
    sg_free(scratch);
    return status;
}
