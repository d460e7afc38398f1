#include "experiments/run/probe_work.h"
#include "experiments/run/run_impl.h"
#include "experiments/run/views.h"

#include "base/mem.h"

#include <stdio.h>

/* What a cell waits for. */
static sg_status need(struct sg_run *r, const struct sg_cell *c, struct sg_vectors_after *after,
                      struct sg_err *err)
{
    if (sg_arm_is_view(&c->arm))
        SG_TRY(
            sg_view_need(r->vectors, r->models, r->engine, SG_RUN_VECTORS, SG_RUN_RAW_MODELS, c, after, err));
    return c->classifier == SG_PROBE ? sg_probe_need(r->vectors, r->engine, SG_RUN_VECTORS, c, after, err)
                                     : SG_OK;
}

/* Before all fine-tuning: what takes seconds should not wait for what takes hours. */
static sg_status add_probe(struct sg_run *r, int64_t i, struct sg_err *err)
{
    const struct sg_cell *c = &r->p->grid.cell[i];
    struct sg_vectors_after after = {0};
    sg_status status = need(r, c, &after, err);
    struct sg_item item = {.kind = SG_RUN_PROBE,
                           .cost = sg_cell_cost(r->p, c),
                           .priority = 1,
                           .max_ranks = 1,
                           .n_after = after.n,
                           .after = after.item,
                           .user = &r->cell[i]};
    if (status == SG_OK)
        status = sg_engine_add(r->engine, &item, NULL, err);
    sg_free(after.item);
    return status;
}

/* Unless it is over. */
static sg_status add_cell(struct sg_run *r, int64_t i, struct sg_err *err)
{
    const struct sg_cell *c = &r->p->grid.cell[i];
    char status[16];
    SG_TRY(sg_ledger_cell_status(r->ledger, c->id, status, err));
    if (sg_resume_is_over(&r->resume, status)) {
        r->progress.n_cells_done += status[0] == 'd';
        r->progress.n_cells_failed += status[0] == 'f';
        r->n_probes_over += c->classifier == SG_PROBE;
        return SG_OK;
    }
    r->cell[i] = (struct sg_run_cell){.run = r, .cell = i};
    if (c->classifier == SG_PROBE)
        return add_probe(r, i, err);
    int64_t batch = r->p->study->train.batch, id;
    int lanes = r->p->study->train.lanes ? (int)r->p->study->train.lanes : 8;
    struct sg_item item = {.kind = SG_RUN_CELL,
                           .cost = sg_cell_cost(r->p, c),
                           .max_ranks = sg_pow2_floor(lanes < batch ? lanes : (int)batch),
                           .user = &r->cell[i]};
    struct sg_vectors_after after = {0};
    sg_status status_of = need(r, c, &after, err);
    item.n_after = after.n;
    item.after = after.item;
    if (status_of == SG_OK)
        status_of = sg_engine_add(r->engine, &item, &id, err);
    sg_free(after.item);
    return status_of;
}

sg_status sg_run_add_cells(struct sg_run *r, int64_t pool, struct sg_err *err)
{
    for (int64_t i = 0; !r->options->buy_only && i < r->p->grid.n_cells; i++)
        if (r->p->grid.cell[i].pool == pool)
            SG_TRY(add_cell(r, i, err));
    return SG_OK;
}

/* ---- the engine's callbacks ---- */

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context;
    struct sg_run_cell *u = user;
    return sg_cell_payload(u->run->cells, u->run->vectors, u->run->models, &u->run->p->grid.cell[u->cell],
                           payload, err);
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    const struct sg_run *r = context;
    return sg_cell_work(r->cells, w, result, err);
}

static sg_status prepare_probe(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context;
    const struct sg_run_cell *u = user;
    return sg_probe_payload(u->run->vectors, u->run->models, u->run->p, &u->run->p->grid.cell[u->cell],
                            payload, err);
}

static sg_status work_probe(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    const struct sg_run *r = context;
    return sg_probe_work(r->p, w, result, err);
}

static sg_status on_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                         struct sg_err *err)
{
    (void)context, (void)e;
    struct sg_run_cell *u = user;
    struct sg_run *r = u->run;
    const struct sg_cell *c = &r->p->grid.cell[u->cell];
    struct sg_cell_origin from = {.n_raw = c->raw, .data = &r->p->data[c->task]};
    from.n_synthetic = c->pool >= 0 ? sg_pool_prefix(r->p->pool[c->pool], c->size) : 0;
    SG_TRY(sg_texts_rows(r->resume.texts, c, &from.rows, err));
    SG_TRY(sg_texts_examples(r->resume.texts, c, &from.examples, err));
    SG_TRY(sg_cell_store(r->ledger, c, &from, o, err));
    r->progress.n_cells_done += o->status == SG_OK;
    r->progress.n_cells_failed += o->status != SG_OK;
    r->n_probes_over += c->classifier == SG_PROBE;
    r->n_probes_now += c->classifier == SG_PROBE;
    return sg_ledger_commit(r->ledger, err);
}

struct sg_kind sg_run_cell_kind(struct sg_run *r)
{
    return (struct sg_kind){.name = "cell",
                            .slot = SG_SLOT_COMPUTE,
                            .prepare = prepare,
                            .work = work,
                            .done = on_done,
                            .context = r};
}

struct sg_kind sg_run_probe_kind(struct sg_run *r)
{
    return (struct sg_kind){.name = "probe",
                            .slot = SG_SLOT_COMPUTE,
                            .prepare = prepare_probe,
                            .work = work_probe,
                            .done = on_done,
                            .context = r};
}

void sg_run_describe_work(void *context, const struct sg_engine_silence *s, char *text, size_t n)
{
    const struct sg_run *r = context;
    char name[SG_ARM_NAME] = "";
    if (s->kind == SG_RUN_BUY || s->kind == SG_RUN_VECTORS || s->kind == SG_RUN_RAW_MODELS) {
        snprintf(text, n, "%s",
                 s->kind == SG_RUN_BUY       ? "it buys completions"
                 : s->kind == SG_RUN_VECTORS ? "it embeds texts"
                                             : "it fits a classifier of raw rows");
        return;
    }
    const struct sg_cell *c = &r->p->grid.cell[((const struct sg_run_cell *)s->user)->cell];
    sg_arm_name(r->p->study, &c->arm, name);
    snprintf(text, n, "it trains cell %lld (%s): %s %s%s%s, %lld synthetic, %lld raw",
             (long long)((const struct sg_run_cell *)s->user)->cell, sg_cell_classifier_name(c->classifier),
             r->p->study->task[c->task].name, sg_mix_name(c->mix), name[0] ? ", " : "", name,
             (long long)c->size, (long long)c->raw);
}
