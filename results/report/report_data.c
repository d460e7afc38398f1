#include "results/report/report_data.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"

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

const char *sg_report_classifier_name(int c)
{
    static const char *const name[] = {[SG_REPORT_FINE_TUNE] = "fine_tune", [SG_REPORT_PROBE] = "probe"};
    return c >= 0 && c < SG_N_REPORT_CLASSIFIERS ? name[c] : NULL;
}

int sg_report_classifier_of(const char *name)
{
    if (!name[0]) /* a file that is older than the column */
        return SG_REPORT_FINE_TUNE;
    for (int c = 0; c < SG_N_REPORT_CLASSIFIERS; c++)
        if (strcmp(name, sg_report_classifier_name(c)) == 0)
            return c;
    return -1;
}

void sg_report_show(struct sg_report_data *d, int classifier)
{
    d->classifier = classifier;
    d->n_shown_done = d->n_shown_degenerate = 0;
    for (int64_t t = 0; t < d->n_tasks; t++)
        d->task[t].n_shown = 0;
    for (int64_t i = 0; i < d->n_cells; i++) {
        struct sg_report_cell *c = &d->cell[i];
        c->mix = -1;
        c->is_hidden = c->classifier != classifier;
        for (int m = 0; m < SG_N_REPORT_MIXES && !c->is_hidden; m++)
            if (strcmp(c->mix_name, mix_names[m]) == 0)
                c->mix = m;
        d->task[c->task].n_shown += !c->is_hidden;
        d->n_shown_done += !c->is_hidden && c->status == 'd';
        d->n_shown_degenerate += !c->is_hidden && sg_report_is_degenerate(c);
    }
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
        .classifier = sg_report_classifier_of(row[SG_CELLS_classifier].text),
        .is_verified = row[SG_CELLS_verify].text[0] && strcmp(row[SG_CELLS_verify].text, "none") != 0,
        .status = row[SG_CELLS_status].text[0],
        .method = sg_strdup(row[SG_CELLS_method].text),
        .reason = sg_strdup(row[SG_CELLS_reason].text),
        .mix_name = sg_strdup(row[SG_CELLS_mix].text),
        .accuracy = row[SG_CELLS_accuracy].x,
        .macro_f1 = row[SG_CELLS_macro_f1].x,
        .n_test = row[SG_CELLS_n_test].x,
        .n_synthetic = row[SG_CELLS_n_synthetic].x,
        .n_had = row[SG_CELLS_n_synthetic].x,
        .n_classes_predicted = row[SG_CELLS_n_classes_predicted].x,
    };
    if (c->is_verified)
        c->n_had += row[SG_CELLS_n_removed].x;
    d->n_cells++;
    if (!c->method || !c->reason || !c->mix_name)
        return no_memory(err);
    if (c->classifier >= 0)
        d->n_of[c->classifier]++;
    d->n_done += c->status == 'd';
    d->n_failed += c->status == 'f';
    d->n_planned += c->status == 'p';
    return c->task < 0
               ? sg_fail(err, SG_INPUT, "damaged: cell %lld has a task without classes", (long long)at)
               : SG_OK;
}

/* /per_class says it of files that are older than the column. */
static sg_status read_per_class(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    int64_t i = row[SG_PER_CLASS_cell].i;
    if (i < 0 || i >= d->n_cells)
        return sg_fail(err, SG_INPUT, "damaged: class row %lld has no cell", (long long)at);
    d->cell[i].n_classes_gold += row[SG_PER_CLASS_n_gold].i > 0;
    d->cell[i].n_classes_found += row[SG_PER_CLASS_n_predicted].i > 0;
    return SG_OK;
}

static void count_degenerate(struct sg_report_data *d)
{
    for (int64_t i = 0; i < d->n_cells; i++) {
        struct sg_report_cell *c = &d->cell[i];
        if (c->status == 'd' && isnan(c->n_classes_predicted))
            c->n_classes_predicted = (double)c->n_classes_found;
        d->n_degenerate += sg_report_is_degenerate(c);
    }
}

static sg_status read_pool(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    void *pool = sg_grown(d->pool, at, sizeof *d->pool);
    if (!pool)
        return no_memory(err);
    d->pool = pool;
    struct sg_report_pool *p = &d->pool[at];
    json_t *settings = json_loads(row[SG_POOLS_settings].text, 0, NULL);
    *p = (struct sg_report_pool){
        .task = sg_strdup(row[SG_POOLS_task].text),
        .method = sg_strdup(row[SG_POOLS_method].text),
        .model = sg_strdup(row[SG_POOLS_model].text),
        .maker = sg_pool_maker_of(settings, row[SG_POOLS_model].text, row[SG_POOLS_status].text),
        .status = sg_strdup(row[SG_POOLS_status].text),
        .shortfall = sg_strdup(row[SG_POOLS_shortfall].text),
        .seed_generation = row[SG_POOLS_seed_generation].i,
        .seed_data = row[SG_POOLS_seed_data].i,
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
    json_decref(settings);
    d->n_pools++;
    d->has_draws |= p->seed_data > 0;
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

static sg_status read_verification(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_pool *p = NULL;
    (void)at;
    if (row[SG_VERIFICATION_pool].i < 0)
        return SG_OK;
    SG_TRY(pool_at(context, row[SG_VERIFICATION_pool].i, &p, err));
    if (p->verifier)
        return sg_fail(err, SG_INPUT, "damaged: pool %lld is verified twice",
                       (long long)row[SG_VERIFICATION_pool].i);
    p->verifier = sg_strdup(row[SG_VERIFICATION_model].text);
    p->verified = (struct sg_report_verified){
        .is_asked = 1,
        .is_complete = strcmp(row[SG_VERIFICATION_status].text, "complete") == 0,
        .n = row[SG_VERIFICATION_n].x,
        .n_other = row[SG_VERIFICATION_n_other].x,
        .n_unparsable = row[SG_VERIFICATION_n_unparsable].x,
        .spend = {row[SG_VERIFICATION_n_requests].i, row[SG_VERIFICATION_n_failed].i,
                  row[SG_VERIFICATION_tokens_in].i, row[SG_VERIFICATION_tokens_out].i,
                  row[SG_VERIFICATION_cost_usd].x}};
    return p->verifier ? SG_OK : no_memory(err);
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

static sg_status read_contamination(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    void *contamination = sg_grown(d->contamination, at, sizeof *d->contamination);
    if (!contamination)
        return no_memory(err);
    d->contamination = contamination;
    struct sg_report_contamination *c = &d->contamination[at];
    *c = (struct sg_report_contamination){
        .task = task_of(d, row[SG_CONTAMINATION_task].text),
        .model = sg_strdup(row[SG_CONTAMINATION_model].text),
        .generator = sg_strdup(row[SG_CONTAMINATION_generator].text),
        .data_set = sg_strdup(row[SG_CONTAMINATION_data_set].text),
        .split = sg_strdup(row[SG_CONTAMINATION_split].text),
        .status = sg_strdup(row[SG_CONTAMINATION_status].text),
        .verdict = sg_strdup(row[SG_CONTAMINATION_verdict].text),
        .n_rows = row[SG_CONTAMINATION_n_rows].i,
        .n = row[SG_CONTAMINATION_n].i,
        .n_exact = row[SG_CONTAMINATION_n_exact].i,
        .n_near = row[SG_CONTAMINATION_n_near_exact].i,
        .n_unanswered = row[SG_CONTAMINATION_n_unanswered].i,
        .guided = row[SG_CONTAMINATION_guided_rouge_l].x,
        .general = row[SG_CONTAMINATION_general_rouge_l].x,
        .difference = row[SG_CONTAMINATION_difference].x,
        .p = row[SG_CONTAMINATION_p].x,
        .n_requests = row[SG_CONTAMINATION_n_requests].i,
        .n_failed = row[SG_CONTAMINATION_n_failed].i,
        .tokens_in = row[SG_CONTAMINATION_tokens_in].i,
        .tokens_out = row[SG_CONTAMINATION_tokens_out].i,
        .cost_usd = row[SG_CONTAMINATION_cost_usd].x,
    };
    d->n_contaminations++;
    if (!c->model || !c->generator || !c->data_set || !c->split || !c->status || !c->verdict)
        return no_memory(err);
    return c->task < 0
               ? sg_fail(err, SG_INPUT, "damaged: contamination probe %lld has a task without classes",
                         (long long)at)
               : SG_OK;
}

static sg_status read_text_stats(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_report_data *d = context;
    void *grown = sg_grown(d->text_stats, at, sizeof *d->text_stats);
    if (!grown)
        return no_memory(err);
    d->text_stats = grown;
    struct sg_report_text_stats *b = &d->text_stats[at];
    *b = (struct sg_report_text_stats){
        .pool = row[SG_TEXT_STATS_pool].i,
        .task = task_of(d, row[SG_TEXT_STATS_task].text),
        .label = row[SG_TEXT_STATS_label].i,
        .n = row[SG_TEXT_STATS_n].i,
        .chosen = row[SG_TEXT_STATS_chosen].i,
        .n_words = row[SG_TEXT_STATS_n_words].i,
        .class_ = sg_strdup(row[SG_TEXT_STATS_class].text),
        .part = sg_strdup(row[SG_TEXT_STATS_part].text),
        .opening = sg_strdup(row[SG_TEXT_STATS_opening].text),
        .chosen_share = row[SG_TEXT_STATS_chosen_share].x,
        .chosen_low = row[SG_TEXT_STATS_chosen_low].x,
        .chosen_high = row[SG_TEXT_STATS_chosen_high].x,
        .mean_words = row[SG_TEXT_STATS_mean_words].x,
        .distinct_1 = row[SG_TEXT_STATS_distinct_1].x,
        .distinct_2 = row[SG_TEXT_STATS_distinct_2].x,
        .opening_share = row[SG_TEXT_STATS_opening_share].x,
        .question_share = row[SG_TEXT_STATS_question_share].x,
        .overlap = row[SG_TEXT_STATS_overlap].x,
    };
    d->n_text_stats++;
    if (!b->class_ || !b->part || !b->opening)
        return no_memory(err);
    return b->task < 0 || b->pool < -1 || b->pool >= d->n_pools
               ? sg_fail(err, SG_INPUT, "damaged: row %lld of /text_stats has no task or pool", (long long)at)
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
        enum sg_h5_table_index table;
        sg_h5_table_row read;
    } parts[] = {{SG_T_CLASSES, read_class},
                 {SG_T_CELLS, read_cell},
                 {SG_T_POOLS, read_pool},
                 {SG_T_REJECTS, read_reject},
                 {SG_T_DIVERSITY, read_diversity},
                 {SG_T_SPEND, read_spend},
                 {SG_T_LLM_EVAL, read_evaluation},
                 {SG_T_TEXT_STATS, read_text_stats},
                 {SG_T_PER_CLASS, read_per_class},
                 {SG_T_CONTAMINATION, read_contamination},
                 {SG_T_VERIFICATION, read_verification}};
    struct sg_report_data d = {0};
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = read_attributes(file, path, &d, err);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == SG_OK; i++)
        status = sg_h5_table_each(file, &sg_store_tables[parts[i].table], path, parts[i].read, &d, err);
    H5Fclose(file);
    count_degenerate(&d);
    if (status == SG_OK)
        sg_report_show(&d, d.n_of[SG_REPORT_PROBE] > d.n_of[SG_REPORT_FINE_TUNE] ? SG_REPORT_PROBE
                                                                                 : SG_REPORT_FINE_TUNE);
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
        char *const texts[] = {p->task, p->method, p->model, p->status, p->shortfall, p->verifier};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            sg_free(texts[k]);
        json_decref(p->rejects);
    }
    for (int64_t i = 0; i < d->n_evaluations; i++) {
        sg_free(d->evaluation[i].model);
        sg_free(d->evaluation[i].status);
    }
    sg_free(d->evaluation);
    for (int64_t i = 0; i < d->n_contaminations; i++) {
        struct sg_report_contamination *c = &d->contamination[i];
        char *const texts[] = {c->model, c->generator, c->data_set, c->split, c->status, c->verdict};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            sg_free(texts[k]);
    }
    sg_free(d->contamination);
    for (int64_t i = 0; i < d->n_text_stats; i++) {
        sg_free(d->text_stats[i].class_);
        sg_free(d->text_stats[i].part);
        sg_free(d->text_stats[i].opening);
    }
    sg_free(d->text_stats);
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

struct sg_report_spend sg_report_contaminations_spend(const struct sg_report_data *d)
{
    struct sg_report_spend x = {0};
    for (int64_t i = 0; i < d->n_contaminations; i++) {
        const struct sg_report_contamination *c = &d->contamination[i];
        x.n_requests += c->n_requests;
        x.n_failed += c->n_failed;
        x.tokens_in += c->tokens_in;
        x.tokens_out += c->tokens_out;
        x.cost_usd += c->n_requests ? c->cost_usd : 0;
    }
    return x;
}
