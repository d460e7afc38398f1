#include "results/report_data.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/store_open.h"
#include "results/store_tables.h"

#include <math.h>
#include <string.h>

static const char *const mix_names[SG_N_REPORT_MIXES] = {"raw", "synthetic", "raw+synthetic"};

/* Names from outside, as valid UTF-8 without control characters: JSON takes nothing else. */
static json_t *json_of(const char *text)
{
    json_t *j = json_string(text);
    return j ? j : json_string("(text that is not UTF-8)");
}

static sg_status no_memory(struct sg_err *err)
{
    return sg_fail_memory(err, 1000);
}

static int64_t task_of(const struct sg_report_data *d, const char *name)
{
    for (int64_t t = 0; t < d->n_tasks; t++)
        if (strcmp(d->task[t].name, name) == 0)
            return t;
    return -1;
}

/* /classes: the tasks, in the order of their first cells. */
static sg_status read_class(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    (void)at;
    int64_t t = task_of(d, row[SG_CLASSES_task].text);
    if (t < 0) {
        void *task = sg_grown(d->task, d->n_tasks, sizeof *d->task);
        if (!task)
            return no_memory(err);
        d->task = task;
        t = d->n_tasks;
        d->task[t] =
            (struct sg_report_task){.name = sg_strdup(row[SG_CLASSES_task].text), .classes = json_array()};
        d->n_tasks++;
        if (!d->task[t].name || !d->task[t].classes)
            return no_memory(err);
    }
    struct sg_report_task *task = &d->task[t];
    int64_t n = row[SG_CLASSES_n_test].i;
    task->n_classes++;
    task->n_test += n;
    task->n_largest = n > task->n_largest ? n : task->n_largest;
    return json_array_append_new(task->classes, json_of(row[SG_CLASSES_class].text)) == 0 ? SG_OK
                                                                                          : no_memory(err);
}

static sg_status read_cell(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    void *cell = sg_grown(d->cell, at, sizeof *d->cell);
    if (!cell)
        return no_memory(err);
    d->cell = cell;
    struct sg_report_cell *c = &d->cell[at];
    *c = (struct sg_report_cell){
        .cell = row[SG_CELLS_cell].i,
        .task = task_of(d, row[SG_CELLS_task].text),
        .size = row[SG_CELLS_size].i,
        .raw = row[SG_CELLS_raw].i,
        .seed_generation = row[SG_CELLS_seed_generation].i,
        .seed_data = row[SG_CELLS_seed_data].i,
        .seed_train = row[SG_CELLS_seed_train].i,
        .mix = -1,
        .status = row[SG_CELLS_status].text[0],
        .method = sg_strdup(row[SG_CELLS_method].text),
        .reason = sg_strdup(row[SG_CELLS_reason].text),
        .mix_name = sg_strdup(row[SG_CELLS_mix].text),
        .accuracy = row[SG_CELLS_accuracy].x,
        .macro_f1 = row[SG_CELLS_macro_f1].x,
        .n_test = row[SG_CELLS_n_test].x,
    };
    d->n_cells++;
    if (!c->method || !c->reason || !c->mix_name)
        return no_memory(err);
    for (int m = 0; m < SG_N_REPORT_MIXES; m++)
        if (strcmp(c->mix_name, mix_names[m]) == 0)
            c->mix = m;
    d->n_done += c->status == 'd';
    d->n_failed += c->status == 'f';
    d->n_planned += c->status == 'p';
    return c->task < 0
               ? sg_fail(err, SG_INPUT, "damaged: cell %lld has a task without classes", (long long)at)
               : SG_OK;
}

static sg_status read_pool(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    void *pool = sg_grown(d->pool, at, sizeof *d->pool);
    if (!pool)
        return no_memory(err);
    d->pool = pool;
    struct sg_report_pool *p = &d->pool[at];
    *p = (struct sg_report_pool){
        .task = sg_strdup(row[SG_POOLS_task].text),
        .method = sg_strdup(row[SG_POOLS_method].text),
        .model = sg_strdup(row[SG_POOLS_model].text),
        .status = sg_strdup(row[SG_POOLS_status].text),
        .shortfall = sg_strdup(row[SG_POOLS_shortfall].text),
        .seed_generation = row[SG_POOLS_seed_generation].i,
        .n_wanted = row[SG_POOLS_n_wanted].x,
        .n = row[SG_POOLS_n].x,
        .n_attempts = row[SG_POOLS_n_attempts].x,
        .n_rejected = row[SG_POOLS_n_rejected].x,
        .n_near_raw = row[SG_POOLS_n_near_raw].x,
        .n_near_test = row[SG_POOLS_n_near_test].x,
        .n_near_pool = row[SG_POOLS_n_near_pool].x,
        .rejects = json_object(),
        .mean_similarity = NAN,
        .vendi = NAN,
        .cost_usd = NAN,
    };
    d->n_pools++;
    return p->task && p->method && p->model && p->status && p->shortfall && p->rejects ? SG_OK
                                                                                       : no_memory(err);
}

/* The pool that a row of another table names. */
static sg_status pool_at(struct sg_report_data *d, int64_t i, struct sg_report_pool **out, struct sg_err *err)
{
    if (i < 0 || i >= d->n_pools)
        return sg_fail(err, SG_INPUT, "damaged: there is no pool %lld", (long long)i);
    *out = &d->pool[i];
    return SG_OK;
}

static sg_status read_reject(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_pool *p = NULL;
    (void)at;
    SG_TRY(pool_at(context, row[SG_REJECTS_pool].i, &p, err));
    struct sg_buf reason = sg_buf_make(1000);
    sg_buf_safe(&reason, row[SG_REJECTS_reason].text, 40);
    int bad = json_object_set_new(p->rejects, sg_buf_text(&reason), json_integer(row[SG_REJECTS_count].i));
    sg_buf_free(&reason);
    return bad ? no_memory(err) : SG_OK;
}

static sg_status read_diversity(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_pool *p = NULL;
    (void)at;
    SG_TRY(pool_at(context, row[SG_DIVERSITY_pool].i, &p, err));
    p->mean_similarity = row[SG_DIVERSITY_mean_similarity].x;
    p->vendi = row[SG_DIVERSITY_vendi].x;
    return SG_OK;
}

static sg_status read_spend(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_pool *p = NULL;
    (void)at;
    SG_TRY(pool_at(context, row[SG_SPEND_pool].i, &p, err));
    p->n_requests = row[SG_SPEND_n_requests].i;
    p->n_failed = row[SG_SPEND_n_failed].i;
    p->tokens_in = row[SG_SPEND_tokens_in].i;
    p->tokens_out = row[SG_SPEND_tokens_out].i;
    p->n_tokens_estimated = row[SG_SPEND_n_tokens_estimated].i;
    p->n_recorded = row[SG_SPEND_n_recorded].i;
    p->cost_usd = row[SG_SPEND_cost_usd].x;
    return SG_OK;
}

static sg_status read_evaluation(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    void *evaluation = sg_grown(d->evaluation, at, sizeof *d->evaluation);
    if (!evaluation)
        return no_memory(err);
    d->evaluation = evaluation;
    struct sg_report_evaluation *e = &d->evaluation[at];
    *e = (struct sg_report_evaluation){
        .task = task_of(d, row[SG_LLM_EVAL_task].text),
        .shots = row[SG_LLM_EVAL_shots].i,
        .seed = row[SG_LLM_EVAL_seed].i,
        .model = sg_strdup(row[SG_LLM_EVAL_model].text),
        .status = sg_strdup(row[SG_LLM_EVAL_status].text),
        .n = row[SG_LLM_EVAL_n].x,
        .accuracy = row[SG_LLM_EVAL_accuracy].x,
        .low = row[SG_LLM_EVAL_accuracy_low].x,
        .high = row[SG_LLM_EVAL_accuracy_high].x,
        .n_unparsable = row[SG_LLM_EVAL_n_unparsable].x,
        .accuracy_parsed = row[SG_LLM_EVAL_accuracy_parsed].x,
        .macro_f1 = row[SG_LLM_EVAL_macro_f1].x,
        .n_requests = row[SG_LLM_EVAL_n_requests].i,
        .n_failed = row[SG_LLM_EVAL_n_failed].i,
        .tokens_in = row[SG_LLM_EVAL_tokens_in].i,
        .tokens_out = row[SG_LLM_EVAL_tokens_out].i,
        .cost_usd = row[SG_LLM_EVAL_cost_usd].x,
    };
    d->n_evaluations++;
    if (!e->model || !e->status)
        return no_memory(err);
    return e->task < 0
               ? sg_fail(err, SG_INPUT, "damaged: evaluation %lld has a task without classes", (long long)at)
               : SG_OK;
}

static sg_status read_bias(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    void *bias = sg_grown(d->bias, at, sizeof *d->bias);
    if (!bias)
        return no_memory(err);
    d->bias = bias;
    struct sg_report_bias *b = &d->bias[at];
    *b = (struct sg_report_bias){
        .pool = row[SG_BIAS_pool].i,
        .task = task_of(d, row[SG_BIAS_task].text),
        .label = row[SG_BIAS_label].i,
        .n = row[SG_BIAS_n].i,
        .chosen = row[SG_BIAS_chosen].i,
        .n_words = row[SG_BIAS_n_words].i,
        .class_ = sg_strdup(row[SG_BIAS_class].text),
        .part = sg_strdup(row[SG_BIAS_part].text),
        .opening = sg_strdup(row[SG_BIAS_opening].text),
        .chosen_share = row[SG_BIAS_chosen_share].x,
        .chosen_low = row[SG_BIAS_chosen_low].x,
        .chosen_high = row[SG_BIAS_chosen_high].x,
        .mean_words = row[SG_BIAS_mean_words].x,
        .distinct_1 = row[SG_BIAS_distinct_1].x,
        .distinct_2 = row[SG_BIAS_distinct_2].x,
        .opening_share = row[SG_BIAS_opening_share].x,
        .question_share = row[SG_BIAS_question_share].x,
        .overlap = row[SG_BIAS_overlap].x,
    };
    d->n_bias++;
    if (!b->class_ || !b->part || !b->opening)
        return no_memory(err);
    return b->task < 0 || b->pool < -1 || b->pool >= d->n_pools
               ? sg_fail(err, SG_INPUT, "damaged: bias row %lld has no task or pool", (long long)at)
               : SG_OK;
}

static sg_status read_attributes(hid_t file, const char *path, struct sg_report_data *d, struct sg_err *err)
{
    static const char *const names[] = {"study",   "program",     "encoder_sha256", "content_sha256",
                                        "written", "run_host",    "run_ranks",      "run_cpu",
                                        "run_git", "run_created", "run_updated",    "rehearsal"};
    d->provenance = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = NULL;
        if (H5Aexists(file, names[i]) <= 0)
            continue;
        SG_TRY(sg_h5_get_text(file, names[i], &text, path, err));
        int bad = json_object_set_new(d->provenance, names[i], json_of(text));
        sg_free(text);
        if (bad)
            return no_memory(err);
    }
    SG_TRY(sg_h5_get_int(file, "total_requests", &d->total_requests, path, err));
    SG_TRY(sg_h5_get_int(file, "total_failed_requests", &d->total_failed_requests, path, err));
    SG_TRY(sg_h5_get_int(file, "total_from_recording", &d->total_from_recording, path, err));
    SG_TRY(sg_h5_get_int(file, "total_tokens_in", &d->total_tokens_in, path, err));
    SG_TRY(sg_h5_get_int(file, "total_tokens_out", &d->total_tokens_out, path, err));
    return sg_h5_get_text(file, "total_cost_usd", &d->total_cost_usd, path, err);
}

sg_status sg_report_read(const char *path, struct sg_report_data *out, struct sg_err *err)
{
    static const struct {
        enum sg_table_index table;
        sg_table_row read;
    } parts[] = {{SG_T_CLASSES, read_class},       {SG_T_CELLS, read_cell},
                 {SG_T_POOLS, read_pool},          {SG_T_REJECTS, read_reject},
                 {SG_T_DIVERSITY, read_diversity}, {SG_T_SPEND, read_spend},
                 {SG_T_LLM_EVAL, read_evaluation}, {SG_T_BIAS, read_bias}};
    struct sg_report_data d = {0};
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = read_attributes(file, path, &d, err);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == SG_OK; i++)
        status = sg_table_each(file, &sg_store_tables[parts[i].table], path, parts[i].read, &d, err);
    H5Fclose(file);
    if (status == SG_OK)
        *out = d;
    else
        sg_report_data_free(&d);
    return status;
}

void sg_report_data_free(struct sg_report_data *d)
{
    for (int64_t i = 0; i < d->n_cells; i++) {
        sg_free(d->cell[i].method);
        sg_free(d->cell[i].reason);
        sg_free(d->cell[i].mix_name);
    }
    for (int64_t i = 0; i < d->n_tasks; i++) {
        sg_free(d->task[i].name);
        json_decref(d->task[i].classes);
    }
    for (int64_t i = 0; i < d->n_pools; i++) {
        struct sg_report_pool *p = &d->pool[i];
        char *const texts[] = {p->task, p->method, p->model, p->status, p->shortfall};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            sg_free(texts[k]);
        json_decref(p->rejects);
    }
    for (int64_t i = 0; i < d->n_evaluations; i++) {
        sg_free(d->evaluation[i].model);
        sg_free(d->evaluation[i].status);
    }
    sg_free(d->evaluation);
    for (int64_t i = 0; i < d->n_bias; i++) {
        sg_free(d->bias[i].class_);
        sg_free(d->bias[i].part);
        sg_free(d->bias[i].opening);
    }
    sg_free(d->bias);
    sg_free(d->cell);
    sg_free(d->task);
    sg_free(d->pool);
    sg_free(d->total_cost_usd);
    json_decref(d->provenance);
    *d = (struct sg_report_data){0};
}

struct sg_report_spend sg_report_evaluations_spend(const struct sg_report_data *d)
{
    struct sg_report_spend x = {0};
    for (int64_t i = 0; i < d->n_evaluations; i++) {
        const struct sg_report_evaluation *e = &d->evaluation[i];
        x.n_requests += e->n_requests;
        x.n_failed += e->n_failed;
        x.tokens_in += e->tokens_in;
        x.tokens_out += e->tokens_out;
        x.cost_usd += e->n_requests ? e->cost_usd : 0;
    }
    return x;
}

static int belongs(const struct sg_report_cell *c, const struct sg_report_row *row, int mix)
{
    if (c->task != row->task || c->mix != mix)
        return 0;
    if (mix != SG_REPORT_RAW && (!row->method || c->size != row->size || strcmp(c->method, row->method) != 0))
        return 0;
    return mix == SG_REPORT_SYNTHETIC || c->raw == row->raw;
}

sg_status sg_report_group(const struct sg_report_data *d, const struct sg_report_row *row, int mix,
                          struct sg_report_group *out, struct sg_err *err)
{
    struct sg_report_group g = {0};
    g.accuracy = g.macro_f1 = sg_mean_ci(NULL, 0);
    double *x = sg_alloc((size_t)d->n_cells * 2 + 1, sizeof *x), *f1 = x + d->n_cells, n_test = 0;
    if (!x)
        return sg_fail_memory(err, (size_t)d->n_cells * 2 * sizeof *x);
    for (int64_t i = 0; i < d->n_cells; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        if (!belongs(c, row, mix))
            continue;
        g.n_failed += c->status == 'f';
        g.n_planned += c->status == 'p';
        if (c->status == 'd') {
            n_test = c->n_test;
            f1[g.n_done] = c->macro_f1;
            x[g.n_done++] = c->accuracy;
        }
    }
    if (g.n_done && !g.n_failed && !g.n_planned) {
        g.by_rows = g.n_done == 1;
        g.macro_f1 = sg_mean_ci(f1, g.n_done);
        g.accuracy = g.by_rows ? sg_wilson_ci((int64_t)llround(x[0] * n_test), (int64_t)n_test)
                               : sg_mean_ci(x, g.n_done);
    }
    sg_free(x);
    *out = g;
    return SG_OK;
}

/* Adds x to the ascending, distinct list. */
static void insert(int64_t *list, int64_t *n, int64_t x)
{
    int64_t at = *n;
    for (int64_t i = 0; i < *n; i++)
        if (list[i] == x)
            return;
    for (; at > 0 && list[at - 1] > x; at--)
        list[at] = list[at - 1];
    list[at] = x;
    ++*n;
}

sg_status sg_report_rows(const struct sg_report_data *d, int64_t task, struct sg_report_row **rows,
                         int64_t *n, struct sg_err *err)
{
    int64_t n_raw = 0, n_kinds = 0;
    int64_t *raw = sg_alloc((size_t)d->n_cells + 1, sizeof *raw);
    struct sg_report_row *kind = sg_alloc((size_t)d->n_cells + 1, sizeof *kind), *row = NULL;
    for (int64_t i = 0; raw && kind && i < d->n_cells; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        if (c->task != task)
            continue;
        if (c->mix != SG_REPORT_SYNTHETIC)
            insert(raw, &n_raw, c->raw);
        int known = c->mix == SG_REPORT_RAW;
        for (int64_t k = 0; k < n_kinds && !known; k++)
            known = kind[k].size == c->size && strcmp(kind[k].method, c->method) == 0;
        if (!known)
            kind[n_kinds++] = (struct sg_report_row){.task = task, .method = c->method, .size = c->size};
    }
    if (raw && n_raw == 0)
        raw[n_raw++] = 0;
    if (kind && n_kinds == 0)
        kind[n_kinds++] = (struct sg_report_row){.task = task};
    if (raw && kind)
        row = sg_alloc((size_t)(n_kinds * n_raw), sizeof *row);
    for (int64_t k = 0; row && k < n_kinds; k++)
        for (int64_t r = 0; r < n_raw; r++) {
            row[k * n_raw + r] = kind[k];
            row[k * n_raw + r].raw = raw[r];
        }
    sg_free(raw);
    sg_free(kind);
    if (!row)
        return no_memory(err);
    *rows = row;
    *n = n_kinds * n_raw;
    return SG_OK;
}

sg_status sg_report_encoder_of(const struct sg_report_data *d, int64_t task, struct sg_report_encoder *out,
                               struct sg_err *err)
{
    struct sg_report_encoder e = {.best_mix = -1};
    struct sg_report_row *row = NULL;
    int64_t n = 0, most_raw = -1;
    SG_TRY(sg_report_rows(d, task, &row, &n, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; i < n && status == SG_OK; i++)
        for (int m = 0; m < SG_N_REPORT_MIXES && status == SG_OK; m++) {
            struct sg_report_group g;
            status = sg_report_group(d, &row[i], m, &g, err);
            if (status != SG_OK || isnan(g.accuracy.mean))
                continue;
            if (m == SG_REPORT_RAW && row[i].raw > most_raw) {
                e.raw_only = g;
                most_raw = row[i].raw;
            }
            if (e.best_mix < 0 || g.accuracy.mean > e.best.accuracy.mean) {
                e.best = g;
                e.best_row = row[i];
                e.best_mix = m;
            }
        }
    sg_free(row);
    if (status == SG_OK)
        *out = e;
    return status;
}
