#include "base/text.h"
#include "experiments/run/events.h"

#include <stdio.h>
#include <string.h>

/* Unless it is over. */
static sg_status add_cell(struct sg_run *r, int64_t i, struct sg_err *err)
{
    const struct sg_cell *c = &r->p->grid.cell[i];
    char status[16];
    if (r->is_ours_to_train && !r->is_ours_to_train[i])
        return SG_OK;
    SG_TRY(sg_ledger_cell_status(r->ledger, c->id, status, err));
    if (sg_resume_is_over(&r->resume, status)) {
        r->progress.n_cells_done += status[0] == 'd';
        r->progress.n_cells_failed += status[0] == 'f';
        r->n_probes_over += c->classifier == SG_PROBE;
        return SG_OK;
    }
    r->cell[i] = (struct sg_run_cell){.item.cell = c, .run = r};
    return sg_cell_items_add(&r->items, r->engine, &r->cell[i].item, err);
}

sg_status sg_run_add_cells(struct sg_run *r, int64_t consumer, struct sg_err *err)
{
    for (int64_t i = 0; !r->options->buy_only && i < r->p->grid.n_cells; i++)
        if (sg_cell_waits_for(r->p, &r->p->grid.cell[i]) == consumer)
            SG_TRY(add_cell(r, i, err));
    return SG_OK;
}

sg_status sg_run_check_failed(const struct sg_run *r, const char *last, struct sg_err *err)
{
    long long n = (long long)r->progress.n_cells_failed;
    if (r->max_failed < 0 || n <= r->max_failed)
        return SG_OK;
    return sg_fail(
        err, SG_STOPPED,
        "%lld %s failed%s, and max_failed allows %lld%s%.300s; hint: synthgrid explain %s status=failed "
        "says why, --retry-failed trains %s again, and a larger max_failed goes on",
        n, n == 1 ? "cell has" : "cells have", last ? "" : " in earlier runs", (long long)r->max_failed,
        last ? "; the last one: " : "", last ? last : "", r->p->study->results, sg_plural(n, "it", "them"));
}

/* A cell that took so long is committed before the next is handed out. Shorter ones are committed together, by the tick, since
 * to sync the disk takes as long as they do. */
static const double SHORT_S = 0.25;

sg_status sg_run_cell_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)e;
    struct sg_run_cell *u = user;
    struct sg_run *r = u->run;
    const struct sg_cell *c = u->item.cell;
    struct sg_cell_origin from = {.n_raw = c->raw, .data = &r->p->data[c->task]};
    from.n_synthetic = c->pool >= 0 ? sg_pool_prefix(r->p->pool[c->pool], c->size) : 0;
    from.host = o->rank < r->watch.n_ranks ? r->watch.host[o->rank] : NULL;
    SG_TRY(sg_texts_rows(r->resume.texts, c, &from.rows, err));
    SG_TRY(sg_texts_examples(r->resume.texts, c, &from.examples, err));
    SG_TRY(sg_texts_verdicts(r->resume.texts, c, &from.verdicts, err));
    SG_TRY(sg_cell_store(r->ledger, c, &from, o, err));
    r->progress.n_cells_done += o->status == SG_OK;
    r->progress.n_cells_failed += o->status != SG_OK;
    r->n_probes_over += c->classifier == SG_PROBE;
    r->n_probes_now += c->classifier == SG_PROBE;
    if (o->wall_s >= SHORT_S) { /* a shorter one that was resumed is tidied up by the next run */
        SG_TRY(sg_ledger_commit(r->ledger, err));
        if (o->status == SG_OK)
            sg_cell_forget_snapshot(r->p, c);
    }
    sg_event_cell_over(r, c, o);
    return o->status == SG_OK ? SG_OK : sg_run_check_failed(r, o->reason, err);
}

void sg_run_started(void *context, int kind, void *user, const int *ranks, int n_ranks)
{
    const struct sg_cell *c = sg_run_cell_of(kind, user);
    if (c)
        sg_event_cell_started(context, c, ranks, n_ranks);
}

sg_status sg_run_cell_event(void *context, void *user, const void *bytes, size_t n, struct sg_engine *e,
                            struct sg_err *err)
{
    (void)context, (void)e, (void)err;
    const struct sg_run_cell *u = user;
    int64_t step;
    if (n != sizeof step)
        return SG_OK;
    memcpy(&step, bytes, sizeof step);
    sg_event_checkpoint(u->run, u->item.cell, step);
    return SG_OK;
}

void sg_run_describe_work(void *context, const struct sg_engine_silence *s, char *text, size_t n)
{
    const struct sg_run *r = context;
    const struct sg_cell *c = sg_run_cell_of(s->kind, s->user);
    char words[240];
    sg_run_work_words(r, s->kind, s->user, words, sizeof words);
    if (c)
        snprintf(text, n, "it trains cell %.12s: %s", c->id, words);
    else
        snprintf(text, n, "it %s", words);
    sg_text_whole(text);
}
