#include "experiments/run/cell_items.h"

#include "base/mem.h"
#include "experiments/run/probe_work.h"
#include "experiments/run/views.h"

sg_status sg_cell_items_create(const struct sg_prepared *p, int first, struct sg_cell_items *out,
                               struct sg_err *err)
{
    struct sg_cell_items x = {.p = p, .first = first};
    sg_status status = sg_shared_rows_create(p, &x.rows, err);
    if (status == SG_OK)
        status = sg_vectors_create(p, &x.vectors, err);
    if (status == SG_OK)
        status = sg_raw_models_create(p, x.vectors, &x.models, err);
    if (status == SG_OK)
        *out = x;
    else
        sg_cell_items_destroy(&x);
    return status;
}

void sg_cell_items_destroy(struct sg_cell_items *x)
{
    sg_raw_models_destroy(x->models);
    sg_vectors_destroy(x->vectors);
    sg_shared_rows_destroy(x->rows);
    *x = (struct sg_cell_items){0};
}

static sg_status need(struct sg_cell_items *x, struct sg_engine *e, const struct sg_cell *c,
                      struct sg_vectors_after *after, struct sg_err *err)
{
    int vectors = x->first + SG_CELL_VECTORS;
    if (sg_arm_is_view(&c->arm))
        SG_TRY(sg_view_need(x->vectors, x->models, e, vectors, x->first + SG_CELL_RAW_MODELS, c, after, err));
    return c->classifier == SG_PROBE ? sg_probe_need(x->vectors, e, vectors, c, after, err) : SG_OK;
}

/* The largest team that has work for every rank. */
static int most_ranks(const struct sg_study *study)
{
    const struct sg_train_settings *s = &study->train;
    if (study->external)
        return 1;
    int64_t lanes = s->lanes ? s->lanes : 8;
    return sg_pow2_floor((int)(lanes < s->batch ? lanes : s->batch));
}

struct sg_policy_item sg_cell_as_item(const struct sg_prepared *p, const struct sg_cell *c)
{
    int is_probe = c->classifier == SG_PROBE;
    return (struct sg_policy_item){
        .cost = sg_cell_cost(p, c), .priority = is_probe, .max_ranks = is_probe ? 1 : most_ranks(p->study)};
}

sg_status sg_cell_items_add(struct sg_cell_items *x, struct sg_engine *e, struct sg_cell_item *item,
                            struct sg_err *err)
{
    struct sg_policy_item as = sg_cell_as_item(x->p, item->cell);
    struct sg_vectors_after after = {0};
    item->of = x;
    x->engine = e;
    sg_status status = need(x, e, item->cell, &after, err);
    int kind = item->cell->classifier == SG_PROBE ? SG_CELL_PROBE : SG_CELL_FINE_TUNE;
    struct sg_item i = {.kind = x->first + kind,
                        .cost = as.cost,
                        .priority = as.priority,
                        .max_ranks = as.max_ranks,
                        .n_after = after.n,
                        .after = after.item,
                        .user = item};
    if (status == SG_OK)
        status = sg_engine_add(e, &i, NULL, err);
    sg_free(after.item);
    return status;
}

/* ---- the engine's callbacks ---- */

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    const struct sg_cell_items *x = context;
    const struct sg_cell_item *item = user;
    return sg_cell_payload(x->rows, x->engine, x->vectors, x->models, x->p, item->cell, payload, err);
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    const struct sg_cell_items *x = context;
    return sg_cell_work(x->p, w, result, err);
}

static sg_status prepare_probe(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    const struct sg_cell_items *x = context;
    const struct sg_cell_item *item = user;
    return sg_probe_payload(x->rows, x->engine, x->vectors, x->models, x->p, item->cell, payload, err);
}

static sg_status work_probe(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    const struct sg_cell_items *x = context;
    return sg_probe_work(x->p, w, result, err);
}

void sg_cell_items_kinds(struct sg_cell_items *x,
                         sg_status (*done)(void *context, void *user, const struct sg_outcome *o,
                                           struct sg_engine *e, struct sg_err *err),
                         struct sg_kind kinds[SG_CELL_N_KINDS])
{
    kinds[SG_CELL_FINE_TUNE] = (struct sg_kind){.name = "cell",
                                                .slot = SG_SLOT_COMPUTE,
                                                .prepare = prepare,
                                                .work = work,
                                                .done = done,
                                                .context = x,
                                                .yields = x->p->study->external == NULL,
                                                .kept_after_s = sg_cell_kept_after_s(x->p)};
    kinds[SG_CELL_PROBE] = (struct sg_kind){.name = "probe",
                                            .slot = SG_SLOT_COMPUTE,
                                            .prepare = prepare_probe,
                                            .work = work_probe,
                                            .done = done,
                                            .context = x};
    kinds[SG_CELL_VECTORS] = sg_vectors_kind(x->vectors);
    kinds[SG_CELL_RAW_MODELS] = sg_raw_models_kind(x->models);
}
