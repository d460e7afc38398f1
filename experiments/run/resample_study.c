#include "experiments/run/resample_impl.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/same_ranks.h"
#include "model/kernels/ops.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- its settings ---- */

static sg_status add_setting(json_t *list, const char *key, const json_t *value, struct sg_err *err)
{
    char *text = json_is_null(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    char *setting = sg_strf("%s=%s", key, text ? text : "");
    json_t *item = setting ? json_string(setting) : NULL;
    int bad = !item || (!text && !json_is_null(value)) || json_array_append_new(list, item) != 0;
    free(text);
    sg_free(setting);
    return bad ? sg_fail_memory(err, 1000) : SG_OK;
}

/* JSON is YAML: each value is written as it stands. generator.extra is one value, whatever is in it. */
static sg_status flatten(const json_t *o, const char *above, json_t *list, struct sg_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)o, name, value) {
        char *key = sg_strf("%s%s%s", above, above[0] ? "." : "", name);
        if (!key)
            return sg_fail_memory(err, 1000);
        int is_group = json_is_object(value) && (strcmp(name, "extra") != 0 || !above[0]);
        sg_status status = is_group ? flatten(value, key, list, err) : add_setting(list, key, value, err);
        sg_free(key);
        SG_TRY(status);
    }
    return SG_OK;
}

/* Of a list of tasks, those that the run had. One of which none is left is not pinned: the file's own holds, of which `tasks` may have fewer. */
static void narrow(json_t *o, const char *key)
{
    json_t *list = json_object_get(o, key), *tasks = json_object_get(o, "tasks");
    size_t before = json_array_size(list);
    for (size_t i = before; i-- > 0;) {
        int has = 0;
        for (size_t t = 0; t < json_array_size(tasks) && !has; t++)
            has = json_equal(json_array_get(list, i), json_array_get(tasks, t));
        if (!has)
            json_array_remove(list, i);
    }
    if (before && !json_array_size(list))
        json_object_del(o, key);
}

sg_status sg_resample_settings(const char *settings, json_t **out, struct sg_err *err)
{
    json_t *o = NULL, *list = json_array();
    sg_status status = list ? sg_json_parse(settings, strlen(settings), "the ledger's settings", &o, err)
                            : sg_fail_memory(err, 100);
    json_t *train = json_object_get(o, "train");
    int bad = 0;
    if (status == SG_OK) {
        narrow(o, "rephrase_tasks");
        narrow(o, "fine_tune_tasks");
    }
    /* Settings that there were not yet: what a study did without them. */
    if (status == SG_OK && !json_object_get(o, "few_shot_rows"))
        bad |= json_object_set_new(o, "few_shot_rows", json_string("first"));
    if (train && !json_object_get(train, "min_steps"))
        bad |= json_object_set_new(train, "min_steps", json_integer(0));
    if (status == SG_OK)
        status = bad ? sg_fail_memory(err, 100) : flatten(o, "", list, err);
    json_decref(o);
    if (status == SG_OK)
        *out = list;
    else
        json_decref(list);
    return status;
}

/* What all ranks read: {"study": path, "settings": [...]}. */
static sg_status describe(const struct sg_resample_options *o, struct sg_ledger *l, struct sg_buf *out,
                          struct sg_err *err)
{
    char *file = NULL, *settings = NULL, *text = NULL;
    json_t *list = NULL, *all = NULL;
    sg_status status;
    SG_TRY_DONE(sg_ledger_meta_get(l, "study_file", &file, err));
    SG_TRY_DONE(sg_ledger_meta_get(l, "settings", &settings, err));
    if (!settings || !file) {
        status = sg_fail(err, SG_INPUT, "%s: the ledger does not say of which study it is", o->folder);
        goto done;
    }
    SG_TRY_DONE(sg_resample_settings(settings, &list, err));
    for (int i = 0; i < o->n_overrides && status == SG_OK; i++)
        if (json_array_append_new(list, json_string(o->overrides[i])) != 0)
            status = sg_fail(err, SG_INPUT, "an override is no UTF-8");
    const char *path = o->study ? o->study : file;
    if (status == SG_OK && !sg_file_exists(path))
        status = sg_fail(
            err, SG_INPUT,
            "%s: the study file that %s was run with is not there; hint: go to the folder where `synthgrid "
            "run` was started, or name the file with --study FILE",
            path, o->folder);
    if (status != SG_OK)
        goto done;
    all = json_pack("{s:s,s:O}", "study", path, "settings", list);
    text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    status = text ? SG_OK : sg_fail(err, SG_INPUT, "%s: the path of the study file is no UTF-8", path);
    if (status == SG_OK) {
        sg_buf_puts(out, text);
        status = sg_buf_check(out, "the settings", err);
    }
done:
    json_decref(list);
    json_decref(all);
    free(text);
    sg_free(file);
    sg_free(settings);
    return status;
}

/* Rank 0 has all, the others study and encoder. */
static sg_status read_study(const struct sg_buf *text, int is_rank_0, struct sg_prepared **out,
                            struct sg_err *err)
{
    json_t *o = NULL;
    SG_TRY(sg_json_parse(text->data, text->len, "the settings", &o, err));
    const json_t *list = json_object_get(o, "settings");
    size_t n = json_array_size(list);
    const char **setting = sg_alloc(n + 1, sizeof *setting);
    sg_status status = setting ? SG_OK : sg_fail_memory(err, n * sizeof *setting);
    for (size_t i = 0; setting && i < n; i++)
        setting[i] = json_string_value(json_array_get(list, i));
    if (status == SG_OK)
        status = sg_prepare(sg_json_text_or(o, "study", ""), (int)n, setting,
                            (is_rank_0 ? 0 : SG_PREPARE_WORKER) | SG_PREPARE_NO_WEIGHTS, out, err);
    sg_free(setting);
    json_decref(o);
    return status;
}

/* ---- whether it is the same ---- */

static sg_status check_encoder(const struct sg_prepared *p, struct sg_ledger *l, struct sg_err *err)
{
    char *then = NULL;
    const char *now = sg_encoder_digest(p->encoder);
    SG_TRY(sg_ledger_meta_get(l, "encoder_sha256", &then, err));
    sg_status status =
        !then || strcmp(then, now) == 0
            ? SG_OK
            : sg_fail(err, SG_INPUT,
                      "the encoder in %s is another one than the cells were trained with: its digest is "
                      "%.16s..., not %.16s...; hint: train.encoder=DIR names the folder of that one",
                      p->study->encoder, now, then);
    sg_free(then);
    return status;
}

static sg_status check_task(const struct sg_prepared *p, int t, const json_t *then, struct sg_err *err)
{
    const char *name = p->study->task[t].name, *rows = sg_json_text_or(then, "data_sha256", NULL);
    if (rows && strcmp(rows, p->data[t].digest) != 0)
        return sg_fail(err, SG_INPUT,
                       "the rows of task %s (%s) are others than the cells were trained with: their digest "
                       "is %.16s..., not "
                       "%.16s...; hint: data.dir=DIR names the folder of those",
                       name, p->data[t].train_path, p->data[t].digest, rows);
    return SG_OK;
}

static sg_status check_rows(const struct sg_prepared *p, struct sg_ledger *l, struct sg_err *err)
{
    char *text = NULL;
    json_t *inputs = NULL;
    SG_TRY(sg_ledger_meta_get(l, "inputs", &text, err));
    if (!text)
        return SG_OK;
    sg_status status = sg_json_parse(text, strlen(text), "the ledger's inputs", &inputs, err);
    for (int t = 0; status == SG_OK && t < p->study->n_tasks; t++)
        status = check_task(p, t, json_object_get(inputs, p->study->task[t].name), err);
    json_decref(inputs);
    sg_free(text);
    return status;
}

/* Collective. Each rank may be given a cell to train. */
static sg_status can_train(const struct sg_team *world, const struct sg_prepared *p, struct sg_err *err)
{
    const struct sg_ops *ops;
    char host[256] = "";
    sg_status status = sg_ops_choose(p->study->train.precision, &ops, err);
    if (status != SG_OK) {
        gethostname(host, sizeof host - 1);
        sg_err_at(err, "train.precision on %s", host);
    }
    return sg_agree(world, status, err);
}

static sg_status prepare(const struct sg_team *world, const struct sg_resample_options *o,
                         struct sg_ledger *l, struct sg_buf *text, struct sg_prepared **p,
                         struct sg_mask_head **head, struct sg_err *err)
{
    sg_status status = world->rank == 0 ? describe(o, l, text, err) : SG_OK;
    SG_TRY(sg_agree(world, status, err));
    SG_TRY(sg_bcast_buf(world, 0, text, err));
    status = read_study(text, world->rank == 0, p, err);
    if (status == SG_OK && world->rank == 0)
        status = check_encoder(*p, l, err);
    if (status == SG_OK && world->rank == 0)
        status = check_rows(*p, l, err);
    if (status != SG_OK)
        sg_err_at(err, "--sample trains with the study's own rows and encoder");
    SG_TRY(sg_agree(world, status, err));
    SG_TRY(sg_same_ranks_of_study(world, *p, 1, err));
    SG_TRY(can_train(world, *p, err));
    if (sg_study_needs_words((*p)->study))
        SG_TRY(sg_agree(world, sg_mask_head_load((*p)->encoder, head, err), err));
    SG_TRY(sg_encoder_read((*p)->encoder, world, err));
    /* So that no cell leaves a snapshot there, or goes on from one, and no pool its words. */
    (*p)->study->results = NULL;
    return SG_OK;
}

sg_status sg_resample_prepare(const struct sg_team *world, const struct sg_resample_options *o,
                              struct sg_ledger *l, struct sg_prepared **out, struct sg_mask_head **head,
                              struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(1 << 24);
    struct sg_prepared *p = NULL;
    struct sg_mask_head *h = NULL;
    sg_status status = prepare(world, o, l, &text, &p, &h, err);
    sg_buf_free(&text);
    if (status == SG_OK) {
        *out = p;
        *head = h;
    } else {
        sg_mask_head_destroy(h);
        sg_prepared_destroy(p);
    }
    return status;
}
