#include "results/report/report_json.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/report/scores.h"

#include <math.h>
#include <string.h>

static json_t *text(const char *s)
{
    json_t *j = json_string(s);
    return j ? j : json_string("(text that is not UTF-8)");
}

static json_t *estimate(const struct sg_estimate *e)
{
    return json_pack("{s:o, s:o, s:o}", "mean", sg_json_real(e->mean), "low", sg_json_real(e->low), "high",
                     sg_json_real(e->high));
}

/* Of what a mean with its interval is: the numbers of the main table. Seeds that do not cross have a mean without one. */
static json_t *effect(const struct sg_score_group *of, enum sg_score score, double mean)
{
    const struct sg_effect *e = of && of->cell ? &of->effect[score] : NULL;
    return estimate(&(struct sg_estimate){
        .mean = e ? e->mean : mean, .low = e ? e->low : (double)NAN, .high = e ? e->high : (double)NAN});
}

static json_t *group(const struct sg_report_data *d, const struct sg_report_row *row, int mix,
                     const struct sg_report_group *g)
{
    static const enum sg_axis axes[] = {SG_AXIS_POOLS, SG_AXIS_DRAWS, SG_AXIS_TRAININGS};
    const struct sg_score_group *of = NULL;
    int64_t n[3] = {0};
    char sources[300] = "";
    if (g->n_done + g->n_failed + g->n_planned == 0)
        return json_null();
    if (d->scores)
        of = sg_scores_find(d->scores, row->task, mix, row->method, row->size, row->raw);
    if (of && of->cell) {
        for (int k = 0; k < 3; k++)
            n[k] = of->n[axes[k]];
        n[0] *= mix != SG_REPORT_RAW; /* an axis that does not apply has one level there */
        n[1] *= mix != SG_REPORT_SYNTHETIC || n[1] > 1;
        if (!isnan(of->effect[SG_SCORE_ACCURACY].low))
            sg_scores_sources(of, sources, sizeof sources);
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?, s:o, s:o}", "n_done", (json_int_t)g->n_done,
                     "n_failed", (json_int_t)g->n_failed, "n_planned", (json_int_t)g->n_planned,
                     "n_one_class", (json_int_t)g->n_degenerate, "n_pools", (json_int_t)n[0], "n_draws",
                     (json_int_t)n[1], "n_trainings", (json_int_t)n[2], "interval",
                     sources[0] ? sources : NULL, "accuracy", effect(of, SG_SCORE_ACCURACY, g->accuracy),
                     "macro_f1", effect(of, SG_SCORE_MACRO_F1, g->macro_f1));
}

/* null where it is not known. */
static json_t *had(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static sg_status task_rows(const struct sg_report_data *d, int64_t task, json_t *list, struct sg_err *err)
{
    static const char *const keys[SG_N_REPORT_MIXES] = {"raw_only", "synthetic", "raw_synthetic"};
    struct sg_report_row *row = NULL;
    int64_t n = 0;
    SG_TRY(sg_report_rows(d, task, &row, &n, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; i < n && status == SG_OK; i++) {
        int64_t least, most;
        sg_report_had(d, &row[i], &least, &most);
        json_t *o = json_pack("{s:o, s:I, s:o, s:o, s:I}", "method",
                              row[i].method ? text(row[i].method) : json_null(), "size",
                              (json_int_t)row[i].size, "size_had_least", had(least), "size_had_most",
                              had(most), "raw", (json_int_t)row[i].raw);
        for (int m = 0; m < SG_N_REPORT_MIXES && status == SG_OK; m++) {
            struct sg_report_group g;
            sg_report_group(d, &row[i], m, &g);
            if (json_object_set_new(o, keys[m], group(d, &row[i], m, &g)) != 0)
                status = sg_fail_memory(err, 1000);
        }
        if (json_array_append_new(list, o) != 0 && status == SG_OK)
            status = sg_fail_memory(err, 1000);
    }
    sg_free(row);
    return status;
}

static sg_status tasks(const struct sg_report_data *d, json_t *list, struct sg_err *err)
{
    for (int64_t t = 0; t < d->n_tasks; t++) {
        const struct sg_report_task *task = &d->task[t];
        json_t *rows = json_array();
        sg_status status = task_rows(d, t, rows, err);
        double n = (double)task->n_test;
        json_t *o = json_pack("{s:o, s:O, s:I, s:o, s:o, s:o}", "task", text(task->name), "classes",
                              task->classes, "n_test", (json_int_t)task->n_test, "chance_accuracy",
                              sg_json_real(1.0 / (double)task->n_classes), "largest_class",
                              sg_json_real(n > 0 ? (double)task->n_largest / n : (double)NAN), "rows", rows);
        if (json_array_append_new(list, o) != 0 && status == SG_OK)
            status = sg_fail_memory(err, 1000);
        SG_TRY(status);
    }
    return SG_OK;
}

/* Of a pool that an LLM was asked to verify. */
static json_t *verified(const struct sg_report_pool *p)
{
    const struct sg_report_verified *v = &p->verified;
    return json_pack("{s:o, s:b, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "model", text(p->verifier),
                     "is_complete", v->is_complete, "n", sg_json_real(v->n), "n_other",
                     sg_json_real(v->n_other), "n_unparsable", sg_json_real(v->n_unparsable), "n_requests",
                     (json_int_t)v->spend.n_requests, "n_failed_requests", (json_int_t)v->spend.n_failed,
                     "tokens_in", (json_int_t)v->spend.tokens_in, "tokens_out",
                     (json_int_t)v->spend.tokens_out, "cost_usd", sg_json_real(v->spend.cost_usd));
}

static json_t *pools(const struct sg_report_data *d)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        json_t *o = json_pack(
            "{s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:O, s:o, s:o, s:I, s:I, s:I, s:I, "
            "s:o, s:o, s:o, s:o}",
            "task", text(p->task), "method", text(p->method), "model", text(p->model), "seed_generation",
            (json_int_t)p->seed_generation, "seed_data", (json_int_t)p->seed_data, "status", text(p->status),
            "n_wanted", sg_json_real(p->n_wanted), "n", sg_json_real(p->n), "shortfall", text(p->shortfall),
            "n_attempts", sg_json_real(p->n_attempts), "n_rejected", sg_json_real(p->n_rejected), "rejects",
            p->rejects, "mean_similarity", sg_json_real(p->mean_similarity), "vendi", sg_json_real(p->vendi),
            "n_requests", (json_int_t)p->n_requests, "n_failed_requests", (json_int_t)p->n_failed,
            "tokens_in", (json_int_t)p->tokens_in, "tokens_out", (json_int_t)p->tokens_out, "cost_usd",
            sg_json_real(p->cost_usd), "n_near_raw", sg_json_real(p->n_near_raw), "n_near_test",
            sg_json_real(p->n_near_test), "n_near_pool", sg_json_real(p->n_near_pool));
        if (o && p->verified.is_asked)
            json_object_set_new(o, "llm_verified", verified(p));
        json_array_append_new(list, o);
    }
    return list;
}

static sg_status evaluations(const struct sg_report_data *d, json_t *list, struct sg_err *err)
{
    for (int64_t i = 0; i < d->n_evaluations; i++) {
        const struct sg_report_evaluation *e = &d->evaluation[i];
        struct sg_report_encoder encoder;
        SG_TRY(sg_report_encoder_of(d, e->task, &encoder, err));
        json_t *o = json_pack(
            "{s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "task",
            text(d->task[e->task].name), "model", text(e->model), "status", text(e->status), "shots",
            (json_int_t)e->shots, "seed", (json_int_t)e->seed, "n", sg_json_real(e->n), "accuracy",
            estimate(&(struct sg_estimate){.mean = e->accuracy, .low = e->low, .high = e->high}),
            "n_unparsable", sg_json_real(e->n_unparsable), "accuracy_parsed",
            sg_json_real(e->accuracy_parsed), "macro_f1", sg_json_real(e->macro_f1), "n_requests",
            (json_int_t)e->n_requests, "n_failed_requests", (json_int_t)e->n_failed, "tokens_in",
            (json_int_t)e->tokens_in, "tokens_out", (json_int_t)e->tokens_out, "cost_usd",
            sg_json_real(e->cost_usd), "encoder_raw_only",
            group(d, &encoder.raw_row, SG_REPORT_RAW, &encoder.raw_only), "encoder_best",
            group(d, &encoder.best_row, encoder.best_mix, &encoder.best));
        if (!o || json_array_append_new(list, o) != 0)
            return sg_fail_memory(err, 1000);
    }
    return SG_OK;
}

static json_t *contaminations(const struct sg_report_data *d)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < d->n_contaminations; i++) {
        const struct sg_report_contamination *c = &d->contamination[i];
        int known = c->verdict[0] != 0;
        json_t *o = json_pack(
            "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "task",
            text(d->task[c->task].name), "model", text(c->model), "generator",
            c->generator[0] ? text(c->generator) : json_null(), "data_set", text(c->data_set), "split",
            text(c->split), "status", text(c->status), "verdict", known ? text(c->verdict) : json_null(),
            "n_rows", (json_int_t)c->n_rows, "guided_rouge_l", sg_json_real(c->guided), "general_rouge_l",
            sg_json_real(c->general), "difference", sg_json_real(c->difference), "p", sg_json_real(c->p),
            "n_requests", (json_int_t)c->n_requests, "n_failed_requests", (json_int_t)c->n_failed,
            "tokens_in", (json_int_t)c->tokens_in, "tokens_out", (json_int_t)c->tokens_out, "cost_usd",
            sg_json_real(c->cost_usd));
        const struct {
            const char *name;
            int64_t n;
        } count[] = {{"n", c->n},
                     {"n_exact", c->n_exact},
                     {"n_near_exact", c->n_near},
                     {"n_unanswered", c->n_unanswered}};
        for (size_t k = 0; o && k < sizeof count / sizeof *count; k++)
            json_object_set_new(o, count[k].name, known ? json_integer(count[k].n) : json_null());
        json_array_append_new(list, o);
    }
    return list;
}

/* NULL (no member) where there are none. */
static json_t *spend_of(int64_t n, struct sg_report_spend x)
{
    return n ? json_pack("{s:I, s:I, s:I, s:I, s:o}", "n_requests", (json_int_t)x.n_requests,
                         "n_failed_requests", (json_int_t)x.n_failed, "tokens_in", (json_int_t)x.tokens_in,
                         "tokens_out", (json_int_t)x.tokens_out, "cost_usd", sg_json_real(x.cost_usd))
             : NULL;
}

static json_t *text_stats(const struct sg_report_data *d)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < d->n_text_stats; i++) {
        const struct sg_report_text_stats *b = &d->text_stats[i];
        const struct sg_report_pool *p = b->pool < 0 ? NULL : &d->pool[b->pool];
        int chose = b->chosen >= 0;
        json_array_append_new(
            list,
            json_pack(
                "{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "task",
                text(d->task[b->task].name), "method", p ? text(p->method) : json_null(), "seed_generation",
                p ? json_integer(p->seed_generation) : json_null(), "class",
                b->label < 0 ? json_null() : text(b->class_), "part", text(b->part), "n", (json_int_t)b->n,
                "chosen", chose ? json_integer(b->chosen) : json_null(), "chosen_share",
                chose ? estimate(&(struct sg_estimate){
                            .mean = b->chosen_share, .low = b->chosen_low, .high = b->chosen_high})
                      : json_null(),
                "mean_words", sg_json_real(b->mean_words), "n_words", (json_int_t)b->n_words, "distinct_1",
                sg_json_real(b->distinct_1), "distinct_2", sg_json_real(b->distinct_2), "opening",
                text(b->opening), "opening_share", sg_json_real(b->opening_share), "question_share",
                sg_json_real(b->question_share), "overlap", sg_json_real(b->overlap)));
    }
    return list;
}

static json_t *failed(const struct sg_report_data *d)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < d->n_cells; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        if (c->status == 'f')
            json_array_append_new(
                list, json_pack("{s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "cell",
                                (json_int_t)c->cell, "task", text(d->task[c->task].name), "method",
                                text(c->method), "mix", text(c->mix_name), "size", (json_int_t)c->size, "raw",
                                (json_int_t)c->raw, "seed_generation", (json_int_t)c->seed_generation,
                                "seed_data", (json_int_t)c->seed_data, "seed_train",
                                (json_int_t)c->seed_train, "reason", text(c->reason)));
    }
    return list;
}

sg_status sg_report_json(const struct sg_report_data *d, json_t **out, struct sg_err *err)
{
    json_t *list = json_array();
    double cost;
    int known = sg_parse_double(d->total_cost_usd, &cost);
    sg_status status = tasks(d, list, err);
    json_t *o = json_pack(
        "{s:O, s:{s:I, s:I, s:I, s:I, s:I}, s:o, s:o, s:{s:I, s:I, s:I, s:I, s:I, s:o, s:o*, s:o*}, s:o}",
        "provenance", d->provenance, "cells", "n", (json_int_t)d->n_cells, "done", (json_int_t)d->n_done,
        "failed", (json_int_t)d->n_failed, "planned", (json_int_t)d->n_planned, "one_class",
        (json_int_t)d->n_degenerate, "tasks", list, "pools", pools(d), "spend", "n_requests",
        (json_int_t)d->total_requests, "n_failed_requests", (json_int_t)d->total_failed_requests,
        "n_from_recording", (json_int_t)d->total_from_recording, "tokens_in", (json_int_t)d->total_tokens_in,
        "tokens_out", (json_int_t)d->total_tokens_out, "cost_usd", known ? sg_json_real(cost) : json_null(),
        "llm_eval", spend_of(d->n_evaluations, sg_report_evaluations_spend(d)), "contamination",
        spend_of(d->n_contaminations, sg_report_contaminations_spend(d)), "failed", failed(d));
    if (d->is_unfinished && o)
        json_object_set_new(o, "unfinished",
                            json_pack("{s:I, s:I, s:b}", "cells_so_far",
                                      (json_int_t)(d->n_done + d->n_failed), "cells", (json_int_t)d->n_cells,
                                      "a_run_is_at_work", d->runs));
    json_t *evals = json_array();
    if (status == SG_OK)
        status = evaluations(d, evals, err);
    /* A study without them has no such members. */
    if (d->n_evaluations && o)
        json_object_set(o, "llm_eval", evals);
    json_decref(evals);
    if (d->n_contaminations && o)
        json_object_set_new(o, "contamination", contaminations(d));
    if (d->n_text_stats && o)
        json_object_set_new(o, "text_stats", text_stats(d));
    if (status == SG_OK && !o)
        status = sg_fail_memory(err, 1 << 16);
    if (status == SG_OK)
        *out = o;
    else
        json_decref(o);
    return status;
}
