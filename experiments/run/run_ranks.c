/* What each rank is doing, for status.json. */
#include "experiments/run/run_impl.h"

#include "base/file.h"
#include "base/text.h"
#include "experiments/run/cell_words.h"

#include <stdio.h>
#include <string.h>

const struct sg_cell *sg_run_cell_of(int kind, const void *user)
{
    int is_cell = kind == SG_RUN_CELLS + SG_CELL_FINE_TUNE || kind == SG_RUN_CELLS + SG_CELL_PROBE;
    return is_cell ? ((const struct sg_run_cell *)user)->item.cell : NULL;
}

void sg_run_work_words(const struct sg_run *r, int kind, const void *user, char *text, size_t n)
{
    const struct sg_cell *c = sg_run_cell_of(kind, user);
    if (!c) {
        snprintf(text, n, "%s",
                 kind == SG_RUN_BUY                          ? "buys completions"
                 : kind == SG_RUN_CELLS + SG_CELL_VECTORS    ? "embeds texts"
                 : kind == SG_RUN_CELLS + SG_CELL_RAW_MODELS ? "fits a classifier of raw rows"
                                                             : "fits a classifier for a pool's next round");
        return;
    }
    struct sg_buf b = sg_buf_make(1000);
    struct sg_cell_words w;
    sg_cell_words_of(r->p, c, &w);
    sg_cell_words_put(&w, &b);
    snprintf(text, n, "%s", sg_buf_text(&b));
    sg_text_whole(text);
    sg_buf_free(&b);
}

static void note_rank(const struct sg_run *r, const struct sg_engine *e, int rank,
                      struct sg_progress_rank *row)
{
    struct sg_engine_held h;
    *row = (struct sg_progress_rank){.rank = rank, .first = rank};
    snprintf(row->host, sizeof row->host, "%s", r->watch.host[rank]);
    row->n_in_flight = sg_dispatch_in_flight(r->dispatch, rank);
    if (!sg_engine_held(e, rank, SG_SLOT_COMPUTE, &h))
        return;
    sg_run_work_words(r, h.kind, h.user, row->work, sizeof row->work);
    const struct sg_cell *c = sg_run_cell_of(h.kind, h.user);
    if (c)
        memcpy(row->cell, c->id, sizeof row->cell);
    row->work_s = h.for_s;
    row->n_team = h.n_ranks;
    row->first = h.first;
}

void sg_run_note_ranks(struct sg_run *r, const struct sg_engine *e)
{
    struct sg_progress *g = &r->progress;
    struct sg_engine_held h;
    if (r->ranks_noted > 0 && r->shown - r->ranks_noted < sg_progress_every_s)
        return;
    r->ranks_noted = r->shown;
    g->n_busy = 0;
    for (int i = 0; i < r->world->size; i++)
        g->n_busy += sg_engine_held(e, i, SG_SLOT_COMPUTE, &h);
    g->n_in_flight = sg_dispatch_in_flight(r->dispatch, -1);
    g->n_ranks_shown = r->world->size < SG_PROGRESS_RANKS ? r->world->size : SG_PROGRESS_RANKS;
    for (int i = 0; i < g->n_ranks_shown; i++)
        note_rank(r, e, i, &r->rank_row[i]);
    g->rank = r->rank_row;
}
