#include "base/mem.h"
#include "experiments/run/plan.h"
#include "experiments/study/prices.h"

#include <stdlib.h>
#include <string.h>

static json_t *price_json(const struct sg_generator *g)
{
    char *price = sg_price_json(g);
    json_t *o = price ? json_loads(price, JSON_DECODE_ANY, NULL) : NULL;
    sg_free(price);
    return o;
}

static json_t *generators_json(const struct sg_study *s, const struct sg_plan_counts *n)
{
    json_t *list = json_array();
    for (int g = 0; g < s->n_generators; g++) {
        double usd = sg_generator_usd(&s->generator[g], (double)n->of[g].in, (double)n->of[g].out);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:o,s:o}", "name", s->generator[g].name, "model",
                            s->generator[g].model, "n_requests_missing", (json_int_t)n->of[g].n,
                            "tokens_in_missing", (json_int_t)n->of[g].in, "tokens_out_missing",
                            (json_int_t)n->of[g].out, "cost_usd_missing",
                            usd < 0 ? json_null() : json_real(usd), "price", price_json(&s->generator[g])));
    }
    return list;
}

static json_t *sets_json(const struct sg_task_data *d)
{
    json_t *list = json_array();
    for (int i = 0; i < d->n_sets; i++)
        json_array_append_new(list, json_pack("{s:s,s:I,s:s,s:b}", "name", d->set[i].name, "n",
                                              (json_int_t)d->set[i].rows.n, "file", d->set[i].path,
                                              "is_assumed", d->set[i].is_assumed));
    return list;
}

static json_t *simulations_json(const struct sg_plan_counts *n)
{
    json_t *list = json_array();
    for (int i = 0; i < n->n_simulated; i++) {
        const struct sg_simulation *s = &n->simulated[i];
        json_array_append_new(list, json_pack("{s:i,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:i,s:I}", "n_ranks",
                                              s->n_ranks, "n_cells", (json_int_t)s->n_items, "end_s",
                                              s->makespan_s, "bound_s", s->bound_s, "fixed_teams_s",
                                              s->fixed_s, "first_come_s", s->first_come_s, "static_waves_s",
                                              s->waves_s, "idle_share", s->idle_share, "decide_s",
                                              s->decide_s, "n_teams", (json_int_t)s->n_teams, "largest_team",
                                              s->largest_team, "n_grown", (json_int_t)s->n_changes));
    }
    return list;
}

static void add_job(const struct sg_prepared *p, const struct sg_plan_counts *n, json_t *o)
{
    const struct sg_study *s = p->study;
    const struct sg_lacks *list[] = {&p->lacks, &n->lacks};
    json_t *missing = json_array(), *tasks = json_array();
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < list[k]->n; i++)
            json_array_append_new(missing,
                                  json_pack("{s:s,s:s,s:b}", "what", list[k]->item[i].what, "text",
                                            list[k]->item[i].text, "is_wrong", list[k]->item[i].is_wrong));
    for (int t = 0; t < s->n_tasks; t++)
        json_array_append_new(
            tasks, json_pack("{s:s,s:I,s:b,s:I,s:b,s:f,s:f,s:o}", "name", s->task[t].name, "n_train",
                             (json_int_t)p->data[t].train.n, "train_is_assumed", p->data[t].train_is_assumed,
                             "n_test", (json_int_t)p->data[t].test.n, "test_is_assumed",
                             p->data[t].test_is_assumed, "tokens_train", p->length[t].train, "tokens_test",
                             p->length[t].test, "test_sets", sets_json(&p->data[t])));
    struct sg_buf sbatch = sg_buf_make(8192);
    sg_plan_sbatch(s, n, &sbatch);
    json_object_update_new(
        o, json_pack("{s:o,s:o,s:s?,s:I,s:I,s:f,s:f,s:I,s:s,s:f,s:f,s:o}", "missing", missing, "tasks", tasks,
                     "encoder_assumed", p->assumed[0] ? p->assumed : NULL, "n_ranks", (json_int_t)n->n_ranks,
                     "n_threads", (json_int_t)n->n_threads, "hours", sg_plan_hours(s, n), "core_flops",
                     SG_CORE_FLOPS, "mem_bytes_per_node", (json_int_t)n->node_mem_bytes, "sbatch",
                     sg_buf_text(&sbatch), "bf16_factor",
                     s->train.precision == SG_BF16 ? SG_BF16_FACTOR : 1.0, "spent_usd", n->spent_usd,
                     "budget_usd", s->budget_usd < 0 ? json_null() : json_real(s->budget_usd)));
    sg_buf_free(&sbatch);
}

sg_status sg_plan_json(const struct sg_prepared *p, const struct sg_plan_counts *n, struct sg_buf *out,
                       struct sg_err *err)
{
    const struct sg_study *s = p->study;
    double cost = sg_plan_usd(s, n);
    json_t *o = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:f,s:I,s:s}", "study", s->name,
        "n_cells_stale", (json_int_t)n->n_stale, "n_few_shot_draws", (json_int_t)p->n_draws, "n_cells",
        (json_int_t)n->n_cells, "n_cells_done", (json_int_t)n->n_cells_done, "n_pools",
        (json_int_t)p->grid.n_pools, "n_evaluations", (json_int_t)p->n_evaluations, "n_requests",
        (json_int_t)n->n_requests, "tokens_in", (json_int_t)n->tokens_in, "tokens_out",
        (json_int_t)n->tokens_out, "n_requests_missing", (json_int_t)n->n_missing, "tokens_in_missing",
        (json_int_t)n->missing_in, "tokens_out_missing", (json_int_t)n->missing_out, "cost_usd_missing",
        cost < 0 ? json_null() : json_real(cost), "n_batches",
        (json_int_t)(n->batches.n + n->batches.n_abandoned), "n_batch_requests",
        (json_int_t)n->batches.n_requests, "core_s", n->cost, "mem_bytes_per_rank", (json_int_t)n->mem_bytes,
        "results", s->results);
    json_t *data = json_array();
    for (const char *line = sg_buf_text(&n->data); *line; line += strcspn(line, "\n") + 1)
        json_array_append_new(data, json_stringn(line, strcspn(line, "\n")));
    if (o)
        json_object_set_new(o, "data", data);
    if (o)
        json_object_update_new(o, json_pack("{s:s,s:{s:I,s:I,s:I}}", "raw_draw",
                                            s->raw_draw == SG_RAW_BALANCED ? "balanced" : "proportional",
                                            "seeds", "generation", (json_int_t)s->seeds_generation, "data",
                                            (json_int_t)s->seeds_data, "train", (json_int_t)s->seeds_train));
    if (o)
        json_object_set_new(o, "settings", json_loads(s->resolved, 0, NULL));
    if (o)
        json_object_update_new(o, json_pack("{s:I,s:I,s:I}", "n_cells_few_steps", (json_int_t)n->n_few,
                                            "n_requests_contamination", (json_int_t)n->n_contamination,
                                            "n_requests_verify", (json_int_t)n->n_verify));
    if (o)
        json_object_update_new(o, json_pack("{s:I,s:I}", "n_cells_probe", (json_int_t)n->n_probes,
                                            "n_cells_fine_tuned", (json_int_t)(n->n_cells - n->n_probes)));
    if (o)
        json_object_set_new(o, "n_free_pools", json_integer(sg_plan_n_free_pools(p)));
    if (o)
        json_object_set_new(o, "n_imported_pools", json_integer(sg_plan_n_imported_pools(p)));
    if (o)
        json_object_update_new(o, json_pack("{s:I,s:s}", "n_cells_left_behind", (json_int_t)n->n_left_behind,
                                            "left_behind", sg_buf_text((struct sg_buf *)&n->left_behind)));
    if (o)
        add_job(p, n, o);
    if (o && n->n_simulated)
        json_object_set_new(o, "simulations", simulations_json(n));
    if (o && s->generator->name)
        json_object_set_new(o, "generators", generators_json(s, n));
    else if (o)
        json_object_set_new(o, "price", price_json(s->generator));
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!text)
        return sg_fail_memory(err, 1024);
    sg_buf_printf(out, "%s\n", text);
    free(text);
    return SG_OK;
}
