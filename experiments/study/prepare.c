#include "experiments/study/prepare.h"

#include "base/file.h"
#include "base/hub.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/study/imports.h"
#include "experiments/study/paths.h"
#include "experiments/study/prices.h"
#include "model/mask_head.h"

#include <jansson.h>
#include <string.h>

static sg_status read_shots(struct sg_prepared *p, int task, int64_t draw, int assume, struct sg_err *err)
{
    struct sg_rows *shots = &p->shots[task * p->n_draws + draw];
    const struct sg_study *s = p->study;
    const struct sg_task_data *d = &p->data[task];
    int64_t n = s->n_raw ? s->raw[0] : d->train.n;
    if (assume && n > d->train.n)
        n = d->train.n;
    int64_t *index = sg_alloc((size_t)n, sizeof *index);
    if (!index)
        return sg_fail_memory(err, (size_t)n * sizeof *index);
    sg_status status = sg_raw_draw(d, s->task[task].n_classes, n, draw, index, err);
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        const struct sg_row *r = &d->train.row[index[i]];
        status = sg_rows_add(shots, r->first, r->second, r->label, err);
    }
    sg_free(index);
    return status;
}

const struct sg_rows *sg_prepared_shots(const struct sg_prepared *p, int task, int64_t draw)
{
    return &p->shots[task * p->n_draws + draw];
}

/* The rows that near-duplicates are looked for in; they are hashed when the first pool asks. */
static sg_status make_near(struct sg_prepared *p, int task, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    SG_TRY(sg_near_create(s->filter_near > 0 ? s->filter_near : SG_NEAR_MARK, &p->near[task], err));
    sg_near_add_rows(p->near[task], SG_NEAR_RAW, &p->data[task].train);
    if (s->filter_leakage)
        sg_near_add_rows(p->near[task], SG_NEAR_TEST, &p->data[task].held_out);
    return SG_OK;
}

/* What no example may repeat. */
static sg_status make_texts(struct sg_prepared *p, int task, struct sg_err *err)
{
    const struct sg_rows *test = p->study->filter_leakage ? &p->data[task].held_out : NULL;
    for (int64_t d = 0; d < p->n_draws; d++)
        SG_TRY(sg_folded_create(sg_prepared_shots(p, task, d), &p->raw_folded[task * p->n_draws + d], err));
    return sg_folded_create(test, &p->test_folded[task], err);
}

int sg_study_needs_words(const struct sg_study *s)
{
    int has_pools = 0, needs = 0;
    for (int i = 0; i < s->n_mixes; i++)
        has_pools |= s->mix[i] != SG_MIX_RAW;
    for (int i = 0; i < s->n_methods; i++)
        needs |= sg_method_needs_words(s->method[i]);
    return has_pools && needs;
}

/* The rows of pools that others have made, where mixes use them; with `assume` what is missing or wrong is listed, and the pool is empty. */
static sg_status read_imports(struct sg_prepared *p, int task, int assume, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    int has_pools = 0;
    for (int i = 0; i < s->n_mixes; i++)
        has_pools |= s->mix[i] != SG_MIX_RAW;
    for (int i = 0; has_pools && i < s->n_imports; i++) {
        struct sg_imported *x = &p->imported[task * s->n_imports + i];
        struct sg_err why = {0};
        if (!sg_import_is_of(s, i, task))
            continue;
        sg_status status = sg_import_read(s, i, task, x, &why);
        if (status == SG_INPUT && assume) {
            SG_TRY(sg_lacks_add(&p->lacks, "rows", 1, err, "%s", why.text));
            continue;
        }
        if (status != SG_OK) {
            *err = why;
            return status;
        }
        for (const char *n = x->rows.notes; n && *n; n += strcspn(n, "\n"), n += *n == '\n')
            sg_tell_warning("%.*s", (int)strcspn(n, "\n"), n);
    }
    return SG_OK;
}

static sg_status make_pool(struct sg_prepared *p, int64_t i, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    const struct sg_pool_key *k = &p->grid.pool[i];
    struct sg_pool_spec spec = {
        .task = &s->task[k->task],
        .method = (enum sg_method)k->arm.method,
        .generator = &s->generator[k->arm.generator],
        .seed = k->seed_generation,
        .variant = s->variant[k->arm.variant],
        .conditioning = (enum sg_conditioning)k->arm.conditioning,
        .n_examples = sg_study_examples_per_request(s, (enum sg_method)k->arm.method),
        .below = s->verbalized_below,
        .n_topics = s->tree_topics,
        .n_subtopics = s->tree_subtopics,
        .structured = s->structured_output,
        .n = s->size[s->n_sizes - 1],
        .raw = sg_prepared_shots(p, k->task, k->seed_data > 0 ? k->seed_data : 0),
        .raw_draw = k->seed_data > 0 ? k->seed_data : 0,
        .test = s->filter_leakage ? &p->data[k->task].held_out : NULL,
        .raw_folded = p->raw_folded[k->task * p->n_draws + (k->seed_data > 0 ? k->seed_data : 0)],
        .test_folded = p->test_folded[k->task],
        .check_duplicates = s->filter_duplicates,
        .rounds = {s->error_rounds, s->size[0], p->classifier},
        .near = p->near[k->task],
        .near_filter = s->filter_near,
        .encoder_digest = sg_encoder_digest(p->encoder),
        .near_digest = p->data[k->task].cell_digest,
        .imported =
            k->arm.method == SG_IMPORTED ? &p->imported[k->task * s->n_imports + k->arm.import] : NULL,
        .source = k->source < 0 ? NULL : p->pool[k->source],
    };
    return sg_pool_create(&spec, &p->pool[i], err);
}

static sg_status make_ids(struct sg_prepared *p, struct sg_err *err)
{
    const char **pool_id = sg_alloc((size_t)p->grid.n_pools + 1, sizeof *pool_id);
    const char **verification_id = sg_alloc((size_t)p->grid.n_pools + 1, sizeof *verification_id);
    const char **digest = sg_alloc((size_t)p->study->n_tasks, sizeof *digest);
    int has_memory = pool_id && verification_id && digest;
    if (has_memory) {
        for (int64_t i = 0; i < p->grid.n_pools; i++) {
            int64_t e = p->verification[i];
            pool_id[i] = sg_pool_id(p->pool[i]);
            verification_id[i] = e < 0 ? NULL : sg_evaluation_id(p->evaluation[e]);
        }
        for (int t = 0; t < p->study->n_tasks; t++)
            digest[t] = p->data[t].cell_digest;
        sg_grid_ids(p->study, &p->grid, pool_id, verification_id, digest, sg_encoder_digest(p->encoder));
    }
    sg_status status = has_memory ? SG_OK : sg_fail_memory(err, 1024);
    sg_free(pool_id);
    sg_free(verification_id);
    sg_free(digest);
    return status;
}

/* About 4.5 bytes of English a token, and the special ones. */
static double mean_length(const struct sg_rows *rows, double most)
{
    double sum = 0;
    for (int64_t i = 0; i < rows->n; i++) {
        const struct sg_row *r = &rows->row[i];
        double n =
            (double)(strlen(r->first) + (r->second ? strlen(r->second) : 0)) / 4.5 + (r->second ? 3 : 2);
        sum += n < most ? n : most;
    }
    return rows->n ? sum / (double)rows->n : 0;
}

/* As sg_raw_draw refuses them. */
static sg_status check_raw(struct sg_prepared *p, int task, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    const struct sg_task_data *d = &p->data[task];
    if (!s->n_raw || s->raw[s->n_raw - 1] <= d->train.n)
        return SG_OK;
    return sg_lacks_add(
        &p->lacks, "rows", 1, err,
        "raw asks for %lld examples, but %s has %lld %s; hint: smaller numbers in raw, or more data",
        (long long)s->raw[s->n_raw - 1], d->train_path, (long long)d->train.n,
        sg_plural(d->train.n, "row", "rows"));
}

static sg_status make_evaluations(struct sg_prepared *p, struct sg_err *err)
{
    struct sg_evaluation_source from = {p->study, p->data, p->shots, p->n_draws, &p->grid, p->pool};
    SG_TRY(sg_evaluations_create(&from, &p->evaluation, &p->n_evaluations, err));
    p->verification = sg_alloc((size_t)p->grid.n_pools + 1, sizeof *p->verification);
    if (!p->verification)
        return sg_fail_memory(err, (size_t)p->grid.n_pools * sizeof *p->verification);
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        p->verification[i] = -1;
    for (int64_t i = 0; i < p->n_evaluations; i++)
        if (sg_evaluation_pool(p->evaluation[i]) >= 0)
            p->verification[sg_evaluation_pool(p->evaluation[i])] = i;
    return SG_OK;
}

const struct sg_evaluation *sg_cell_verification(const struct sg_prepared *p, const struct sg_cell *c)
{
    return c->arm.verify == SG_VERIFY_LLM ? p->evaluation[p->verification[c->pool]] : NULL;
}

int64_t sg_cell_waits_for(const struct sg_prepared *p, const struct sg_cell *c)
{
    return c->arm.verify == SG_VERIFY_LLM ? p->grid.n_pools + p->verification[c->pool] : c->pool;
}

int sg_cell_is_ready(const struct sg_prepared *p, const struct sg_cell *c)
{
    const struct sg_evaluation *e = sg_cell_verification(p, c);
    return (c->pool < 0 || sg_pool_complete(p->pool[c->pool])) && (!e || sg_evaluation_complete(e));
}

static sg_status fill(struct sg_prepared *p, int assume, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    p->data = sg_alloc((size_t)s->n_tasks, sizeof *p->data);
    p->n_draws = sg_study_draws(s);
    p->shots = sg_alloc((size_t)(s->n_tasks * p->n_draws), sizeof *p->shots);
    p->near = sg_alloc((size_t)s->n_tasks, sizeof(struct sg_near *));
    p->raw_folded = sg_alloc((size_t)(s->n_tasks * p->n_draws), sizeof(struct sg_folded *));
    p->test_folded = sg_alloc((size_t)s->n_tasks, sizeof(struct sg_folded *));
    p->length = sg_alloc((size_t)s->n_tasks, sizeof *p->length);
    p->imported = sg_alloc((size_t)(s->n_tasks * s->n_imports) + 1, sizeof *p->imported);
    if (!p->data || !p->shots || !p->near || !p->length || !p->imported || !p->raw_folded || !p->test_folded)
        return sg_fail_memory(err, (size_t)s->n_tasks * sizeof *p->data);
    for (int t = 0; t < s->n_tasks; t++) {
        SG_TRY(assume ? sg_task_data_assume(s, t, &p->data[t], &p->lacks, err)
                      : sg_task_data_read(s, t, &p->data[t], err));
        if (assume)
            SG_TRY(check_raw(p, t, err));
        double most = (double)sg_encoder_max_length(p->encoder);
        most = (double)s->train.max_length < most ? (double)s->train.max_length : most;
        p->length[t] =
            (struct sg_row_lengths){mean_length(&p->data[t].train, most), mean_length(&p->data[t].test, most),
                                    mean_length(&p->data[t].held_out, most)};
        sg_task_data_tell(&p->data[t]);
        for (int64_t d = 0; d < p->n_draws; d++)
            SG_TRY(read_shots(p, t, d, assume, err));
        SG_TRY(make_near(p, t, err));
        SG_TRY(make_texts(p, t, err));
        SG_TRY(read_imports(p, t, assume, err));
    }
    p->classifier =
        s->probe.c == SG_PROBE_C_AUTO
            ? sg_strf("probe of %s, %s pooling, %lld tokens, C chosen", sg_encoder_digest(p->encoder),
                      sg_pooling_name(s->probe.pooling), (long long)s->train.max_length)
            : sg_strf("probe of %s, %s pooling, %lld tokens, C %.17g", sg_encoder_digest(p->encoder),
                      sg_pooling_name(s->probe.pooling), (long long)s->train.max_length, s->probe.c);
    if (!p->classifier)
        return sg_fail_memory(err, 1024);
    SG_TRY(sg_grid_expand(s, &p->grid, err));
    p->pool = sg_alloc((size_t)p->grid.n_pools + 1, sizeof(struct sg_pool *));
    if (!p->pool)
        return sg_fail_memory(err, (size_t)p->grid.n_pools * sizeof(struct sg_pool *));
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        SG_TRY(make_pool(p, i, err));
    SG_TRY(make_evaluations(p, err));
    return make_ids(p, err);
}

/* An encoder whose folder has no masked-LM head cannot fill gaps. */
static sg_status check_head(struct sg_prepared *p, int assume, struct sg_err *err)
{
    struct sg_err why = {0};
    sg_status status = sg_study_needs_words(p->study) ? sg_mask_head_check(p->encoder, &why) : SG_OK;
    if (status == SG_INPUT && assume)
        return sg_lacks_add(&p->lacks, "encoder", 1, err, "%s", why.text);
    if (status != SG_OK)
        *err = why;
    return status;
}

/* An encoder that is not there: `dir` is as the study says it. */
static sg_status fail_no_encoder(const char *dir, struct sg_err *err)
{
    struct sg_hub_name name;
    if (!sg_hub_name_parse(dir, &name))
        return sg_fail(
            err, SG_INPUT,
            "train.encoder: no folder %s; hint: ./setup fetches data/encoders/minilm-l6, or name a folder in "
            "Hugging Face format, or a model on the Hub (owner/name) that `synthgrid fetch model` has "
            "fetched",
            dir);
    return sg_path_fail_hub("train.encoder", dir, err);
}

/* The encoder, or what stands for it. */
static sg_status load(struct sg_prepared *p, int without, struct sg_err *err)
{
    const char *dir = p->study->encoder;
    int assume = without & SG_PREPARE_ASSUME, is_there = sg_dir_exists(dir);
    struct sg_err why = {0};
    sg_status status = SG_OK;
    if (!is_there)
        status = fail_no_encoder(dir, &why);
    else
        status = without & SG_PREPARE_NO_WEIGHTS ? sg_encoder_identify(dir, &p->encoder, &why)
                                                 : sg_encoder_load(dir, &p->encoder, &why);
    if (status != SG_OK && !assume)
        *err = why;
    if (status == SG_OK)
        return check_head(p, assume, err);
    if (!assume)
        return status;
    SG_TRY(sg_lacks_add(&p->lacks, "encoder", is_there, err, "%s", why.text));
    return sg_encoder_assume(dir, &p->encoder, p->assumed, err);
}

/* Of an encoder that is not there its shape is a guess, and only told. */
static sg_status check_layers(struct sg_prepared *p, struct sg_err *err)
{
    struct sg_err why = {0};
    sg_status status = sg_train_check_layers(p->encoder, &p->study->train, &why);
    if (status == SG_OK || !p->assumed[0])
        *err = status == SG_OK ? *err : why;
    else
        status = sg_lacks_add(&p->lacks, "encoder", 0, err, "%s", why.text);
    return status;
}

sg_status sg_prepare(const char *study, int n_overrides, const char *const *overrides, int without,
                     struct sg_prepared **out, struct sg_err *err)
{
    *out = NULL;
    int worker = without & SG_PREPARE_WORKER;
    struct sg_prepared *p = sg_alloc(1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, sizeof *p);
    sg_status status = sg_study_read(study, n_overrides, overrides, &p->study, err);
    if (status == SG_OK && !worker)
        status = sg_prices_fill(p->study, NULL, err);
    if (status == SG_OK)
        status = load(p, without, err);
    if (status == SG_OK)
        status = check_layers(p, err);
    if (status == SG_OK) /* once, for ids, results and all who train */
        p->study->train.lr = sg_train_lr(p->encoder, &p->study->train);
    if (status == SG_OK && !worker)
        status = fill(p, without & SG_PREPARE_ASSUME, err);
    if (status != SG_OK) {
        sg_prepared_destroy(p);
        return status;
    }
    *out = p;
    return SG_OK;
}

void sg_prepared_destroy(struct sg_prepared *p)
{
    if (!p)
        return;
    for (int64_t i = 0; p->pool && i < p->grid.n_pools; i++)
        sg_pool_destroy(p->pool[i]);
    sg_free(p->pool);
    sg_evaluations_destroy(p->evaluation, p->n_evaluations);
    sg_free(p->verification);
    sg_grid_free(&p->grid);
    for (int t = 0; p->study && t < p->study->n_tasks; t++) {
        if (p->data)
            sg_task_data_free(&p->data[t]);
        for (int64_t d = 0; p->shots && d < p->n_draws; d++)
            sg_rows_free(&p->shots[t * p->n_draws + d]);
        for (int64_t d = 0; p->raw_folded && d < p->n_draws; d++)
            sg_folded_destroy(p->raw_folded[t * p->n_draws + d]);
        if (p->test_folded)
            sg_folded_destroy(p->test_folded[t]);
        if (p->near)
            sg_near_destroy(p->near[t]);
        for (int i = 0; p->imported && i < p->study->n_imports; i++)
            sg_imported_free(&p->imported[t * p->study->n_imports + i]);
    }
    sg_free(p->imported);
    sg_free(p->data);
    sg_free(p->length);
    sg_lacks_free(&p->lacks);
    sg_free(p->shots);
    sg_free(p->classifier);
    sg_free(p->near);
    sg_free(p->raw_folded);
    sg_free(p->test_folded);
    sg_encoder_destroy(p->encoder);
    sg_study_destroy(p->study);
    sg_free(p);
}

static char *dump(json_t *o)
{
    char *text = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(o);
    char *copy = text ? sg_strdup(text) : NULL;
    free(text);
    return copy;
}

/* A study of one generator says of it only what it is. */
static void name_generator(json_t *o, const struct sg_generator *g)
{
    if (g->name)
        json_object_set_new(o, "generator", json_string(g->name));
}

char *sg_cell_settings(const struct sg_prepared *p, const struct sg_cell *c)
{
    const struct sg_study *s = p->study;
    const struct sg_task *t = &s->task[c->task];
    json_t *names = json_array();
    for (int k = 0; k < t->n_classes; k++)
        json_array_append_new(names, json_string(t->class_[k].name));
    char arm[SG_ARM_NAME];
    sg_arm_name(s, &c->arm, arm);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:s, s:s, s:s}", "task", t->name, "method",
                  arm, "mix", sg_mix_name(c->mix), "size", (json_int_t)c->size, "raw", (json_int_t)c->raw,
                  "seed_generation", (json_int_t)c->seed_generation, "seed_data", (json_int_t)c->seed_data,
                  "seed_train", (json_int_t)c->seed_train, "class_names", names, "encoder", s->encoder,
                  "encoder_sha256", sg_encoder_digest(p->encoder), "data_sha256", p->data[c->task].digest);
    if (o && c->classifier == SG_PROBE) {
        json_object_set_new(o, "classifier", json_string(sg_cell_classifier_name(c->classifier)));
        json_object_set_new(o, "pooling", json_string(sg_pooling_name(s->probe.pooling)));
        json_object_set_new(o, "c", s->probe.c == SG_PROBE_C_AUTO ? json_null() : json_real(s->probe.c));
        json_object_set_new(o, "max_length", json_integer(s->train.max_length));
    } else if (o && sg_train_settings_describe(&s->train, o)) {
        json_decref(o);
        o = NULL;
    }
    if (o && s->external && c->classifier == SG_FINE_TUNE) {
        json_object_set_new(o, "external", json_string(s->external));
        json_object_set_new(o, "external_sha256", json_string(s->external_digest));
    }
    if (o && sg_arm_is_view(&c->arm)) {
        json_object_set_new(o, "weighting", json_string(sg_weighting_name(c->arm.weighting)));
        json_object_set_new(o, "verify", json_string(sg_verify_name(c->arm.verify)));
    }
    if (o && c->arm.verify == SG_VERIFY_LLM)
        json_object_set_new(o, "verification", json_string(sg_evaluation_id(sg_cell_verification(p, c))));
    if (o && sg_arm_needs_raw_model(&c->arm)) {
        json_object_set_new(o, "view_pooling", json_string(sg_pooling_name(s->probe.pooling)));
        json_object_set_new(o, "view_c", s->probe.c == SG_PROBE_C_AUTO ? json_null() : json_real(s->probe.c));
    }
    if (o && c->pool >= 0 && !sg_method_is_free((enum sg_method)c->arm.method))
        name_generator(o, &s->generator[c->arm.generator]);
    return dump(o);
}

/* No LLM has made it: there is none to name. */
static json_t *free_pool_settings(const struct sg_prepared *p, const struct sg_pool_key *k, json_t *names)
{
    const struct sg_study *s = p->study;
    if (k->arm.method == SG_IMPORTED) {
        const struct sg_import *x = &s->import[k->arm.import];
        const struct sg_imported *rows = &p->imported[k->task * s->n_imports + k->arm.import];
        return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:s, s:s, s:s, s:I, s:I}", "task",
                         s->task[k->task].name, "method", x->name, "recipe",
                         sg_method_row((enum sg_method)SG_IMPORTED)->recipe, "seed_generation", (json_int_t)0,
                         "seed_data", (json_int_t)-1, "n_wanted", (json_int_t)s->size[s->n_sizes - 1],
                         "class_names", names, "pool_file", x->pool, "file_sha256", rows->file_sha256,
                         "rows_sha256", rows->digest, "n_rows", (json_int_t)rows->rows.n, "n_files",
                         (json_int_t)rows->n_files);
    }
    const struct sg_method_row *m = sg_method_row((enum sg_method)k->arm.method);
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "task", s->task[k->task].name, "method",
                          m->name, "recipe", m->recipe, "seed_generation", (json_int_t)k->seed_generation,
                          "seed_data", (json_int_t)k->seed_data, "n_wanted",
                          (json_int_t)s->size[s->n_sizes - 1], "class_names", names);
    if (o && m->gaps)
        json_object_set_new(o, "encoder_sha256", json_string(sg_encoder_digest(p->encoder)));
    return o;
}

char *sg_pool_settings(const struct sg_prepared *p, int64_t i)
{
    const struct sg_study *s = p->study;
    const struct sg_pool_key *k = &p->grid.pool[i];
    const struct sg_generator *g = &s->generator[k->arm.generator];
    const struct sg_task *t = &s->task[k->task];
    json_t *names = json_array();
    for (int c = 0; c < t->n_classes; c++)
        json_array_append_new(names, json_string(t->class_[c].name));
    if (sg_method_is_free((enum sg_method)k->arm.method))
        return dump(free_pool_settings(p, k, names));
    char arm[SG_ARM_NAME];
    sg_arm_name(s, &k->arm, arm);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:I, s:I, s:I, s:I, s:s, s:o, s:s, s:s, s:I}", "task",
                  t->name, "method", arm, "provider", g->provider, "model", g->model, "temperature",
                  g->temperature, "top_p", g->top_p, "max_tokens", (json_int_t)sg_pool_max_tokens(p->pool[i]),
                  "seed_generation", (json_int_t)k->seed_generation, "seed_data", (json_int_t)k->seed_data,
                  "n_wanted", (json_int_t)s->size[s->n_sizes - 1], "task_sha256", t->digest, "class_names",
                  names, "conditioning", sg_conditioning_name((enum sg_conditioning)k->arm.conditioning),
                  "prompt_variant", s->variant[k->arm.variant], "examples_per_request",
                  (json_int_t)sg_study_examples_per_request(s, (enum sg_method)k->arm.method));
    if (o && sg_pool_has_probabilities(p->pool[i]) && s->verbalized_below > 0)
        json_object_set_new(o, "below", json_real(s->verbalized_below));
    if (o && k->source < 0 && sg_method_row((enum sg_method)k->arm.method)->has_tree) {
        json_object_set_new(o, "topics", json_integer(s->tree_topics));
        json_object_set_new(o, "subtopics", json_integer(s->tree_subtopics));
    }
    if (o) {
        name_generator(o, g);
        sg_generator_put_more(g, o);
    }
    if (o && sg_method_has_rounds((enum sg_method)k->arm.method)) {
        json_object_set_new(o, "rounds", json_integer(s->error_rounds));
        json_object_set_new(o, "rounds_of", json_integer(s->size[0]));
        json_object_set_new(o, "classifier", json_string(p->classifier));
    }
    if (o && k->source >= 0)
        json_object_set_new(o, "source", json_string(sg_pool_id(p->pool[k->source])));
    return dump(o);
}

/* Some 60 passes over the rows of the solver, each forward and backward; auto: 5 folds of 5 values of C. */
static double probe_cost(const struct sg_prepared *p, const struct sg_cell *c)
{
    double values = (double)sg_encoder_channels(p->encoder) * p->study->task[c->task].n_classes,
           fits = p->study->probe.c == SG_PROBE_C_AUTO ? 26 : 1;
    return values * (60 * 4 * fits * (double)(c->raw + c->size) + 2 * (double)p->data[c->task].held_out.n) /
           SG_CORE_FLOPS * 10; /* of small matrices in double precision */
}

double sg_cell_cost(const struct sg_prepared *p, const struct sg_cell *c)
{
    const struct sg_train_settings *g = &p->study->train;
    const struct sg_row_lengths *tokens = &p->length[c->task];
    int64_t n = c->raw + c->size;
    if (c->classifier == SG_PROBE)
        return probe_cost(p, c);
    double passes = (double)sg_train_n_steps(g, n) * (double)(g->batch < n ? g->batch : n);
    double flops = passes * sg_train_flops(p->encoder, g, tokens->train) +
                   (double)p->data[c->task].held_out.n * sg_infer_flops(p->encoder, g, tokens->held_out);
    if (g->freeze)
        flops += sg_frozen_passes(p->encoder, g, n, tokens->train, passes) *
                 sg_frozen_flops(p->encoder, g, tokens->train);
    return flops / SG_CORE_FLOPS / (g->precision == SG_BF16 ? SG_BF16_FACTOR : 1);
}

struct sg_train_rows sg_cell_most_rows(const struct sg_prepared *p)
{
    struct sg_train_rows most = {0};
    for (int64_t i = 0; i < p->grid.n_cells; i++) {
        const struct sg_cell *c = &p->grid.cell[i];
        struct sg_train_rows rows = {c->raw + c->size, p->length[c->task].train};
        if ((double)rows.n * rows.mean_tokens > (double)most.n * most.mean_tokens)
            most = rows;
    }
    return most;
}
