#include "experiments/run/resume.h"

#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/measure.h"
#include "experiments/run/raw_models.h"
#include "experiments/run/vectors.h"
#include "results/ledger/ledger_contamination.h"
#include "results/ledger/ledger_trained.h"

#include <stdio.h>
#include <string.h>

int sg_resume_is_over(const struct sg_resume *r, const char *status)
{
    return strcmp(status, "done") == 0 || (strcmp(status, "failed") == 0 && !r->retry_failed);
}

static sg_status enter_cell(struct sg_resume *r, int64_t i, struct sg_err *err)
{
    const struct sg_prepared *p = r->p;
    const struct sg_cell *c = &p->grid.cell[i];
    int fits = 1;
    char *settings = sg_cell_settings(p, c);
    if (!settings)
        return sg_fail_memory(err, 4096);
    sg_status status = sg_ledger_cell_plan(r->ledger, c->id, i, settings,
                                           c->pool >= 0 ? sg_pool_id(p->pool[c->pool]) : NULL, err);
    sg_free(settings);
    if (status == SG_OK)
        status = sg_texts_fits_rows(r->texts, r->ledger, c, &fits, err);
    if (status != SG_OK || fits)
        return status;
    r->n_reset++;
    return sg_ledger_cell_reset(r->ledger, c->id, err);
}

static sg_status enter_evaluation(struct sg_resume *r, int64_t i, struct sg_err *err)
{
    const struct sg_evaluation *e = r->p->evaluation[i];
    char *settings = sg_evaluation_settings(e);
    if (!settings)
        return sg_fail_memory(err, 1024);
    sg_status status = sg_evaluation_is_contamination(e)
                           ? sg_ledger_contamination_plan(r->ledger, sg_evaluation_id(e), i, settings, err)
                           : sg_ledger_evaluation_plan(r->ledger, sg_evaluation_id(e), i, settings, err);
    sg_free(settings);
    return status;
}

static sg_status enter_test_sets(struct sg_resume *r, int task, struct sg_err *err)
{
    const struct sg_task_data *d = &r->p->data[task];
    for (int k = 0; k < d->n_sets; k++)
        for (int64_t i = 0; i < d->set[k].rows.n; i++) {
            const struct sg_row *x = &d->set[k].rows.row[i];
            SG_TRY(sg_ledger_test_set_row_put(r->ledger, r->p->study->task[task].name, d->set[k].name, i,
                                              d->set[k].label[i], x->first, x->second, err));
        }
    return SG_OK;
}

sg_status sg_resume_enter(struct sg_resume *r, struct sg_err *err)
{
    const struct sg_prepared *p = r->p;
    SG_TRY(sg_texts_create(p, &r->texts, err));
    SG_TRY(sg_ledger_cells_retire(r->ledger, err));
    for (int t = 0; t < p->study->n_tasks; t++)
        for (int64_t i = 0; i < p->data[t].test.n; i++) {
            const struct sg_row *x = &p->data[t].test.row[i];
            SG_TRY(sg_ledger_test_row_put(r->ledger, p->study->task[t].name, i, p->data[t].test_label[i],
                                          x->first, x->second, err));
        }
    for (int t = 0; t < p->study->n_tasks; t++)
        SG_TRY(enter_test_sets(r, t, err));
    for (int64_t i = 0; i < p->grid.n_cells; i++)
        SG_TRY(enter_cell(r, i, err));
    for (int64_t i = 0; i < p->n_evaluations; i++)
        SG_TRY(enter_evaluation(r, i, err));
    SG_TRY(sg_measure_raw_text_stats(p, r->ledger, err));
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        SG_TRY(sg_measure_diversity_forget(p, i, 0, r->ledger, err));
    SG_TRY(sg_ledger_commit(r->ledger, err));
    sg_ledger_trim(r->ledger); /* of test rows, which are not read again before results.h5 is written */
    sg_mem_trim();
    return SG_OK;
}

void sg_resume_free(struct sg_resume *r)
{
    sg_texts_destroy(r->texts);
    r->texts = NULL;
}

static void tell(struct sg_resume *r, int64_t n, int buy_only)
{
    if (n <= r->n_told)
        return;
    sg_tell_warning("%lld %s trained on other texts than the study has now (another parser, a "
                    "completion or labels that changed): %s",
                    (long long)(n - r->n_told), sg_plural(n - r->n_told, "cell was", "cells were"),
                    buy_only ? "the next run trains them again" : "trained again");
    r->n_told = n;
}

sg_status sg_resume_count(struct sg_resume *r, int buy_only, struct sg_err *err)
{
    const struct sg_prepared *p = r->p;
    int64_t n_stale = 0;
    for (int64_t i = 0; i < p->grid.n_cells; i++) {
        const struct sg_cell *c = &p->grid.cell[i];
        char before[16];
        int fits, open = !sg_cell_is_ready(p, c);
        SG_TRY(sg_ledger_cell_status(r->ledger, c->id, before, err));
        SG_TRY(sg_texts_fits_examples(r->texts, r->ledger, c, &fits, err));
        n_stale += !fits;
        if (strcmp(before, "done") != 0 || !fits)
            r->cost += sg_cell_cost(p, c);
        r->n_to_train += !fits || open || !sg_resume_is_over(r, before);
    }
    /* Embedding, and fitting what views share, are the engine's work, too. */
    r->cost += r->n_to_train ? sg_vectors_cost(p) + sg_raw_models_cost(p) : 0;
    tell(r, r->n_reset + n_stale, buy_only);
    return SG_OK;
}

sg_status sg_resume_settle(struct sg_resume *r, int64_t i, struct sg_err *err)
{
    SG_TRY(sg_texts_settle(r->texts, r->ledger, i, &r->n_reset, err));
    if (i >= r->p->grid.n_pools)
        return SG_OK;
    SG_TRY(sg_measure_diversity_forget(r->p, i, 1, r->ledger, err));
    return sg_measure_pool_text_stats(r->p, i, r->ledger, err);
}

void sg_resume_tell(struct sg_resume *r, int buy_only)
{
    tell(r, r->n_reset, buy_only);
}
