#include "base/file.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/events.h"
#include "results/h5/store.h"

#include <stdio.h>

void sg_run_write_cache(struct sg_run *r)
{
    struct sg_err later = {0};
    if (!r->cache || r->n_cached == r->progress.n_completions)
        return;
    if (sg_cache_write(r->cache, r->ledger, &later) != SG_OK)
        sg_tell_warning("the cache: %s", later.text);
    r->n_cached = r->progress.n_completions;
}

void sg_run_note_buying(struct sg_run *r)
{
    struct sg_progress *g = &r->progress;
    g->n_completions = g->n_given_up = g->tokens_in = g->tokens_out = 0;
    for (int i = 0; i < r->p->study->n_generators; i++) {
        struct sg_dispatch_count n = sg_dispatch_counted(r->dispatch, i);
        const char *name = r->p->study->generator[i].name;
        g->n_completions += n.n_answered;
        g->n_given_up += n.n_failed + n.n_refused;
        g->tokens_in += n.tokens_in;
        g->tokens_out += n.tokens_out;
        sg_event_failures(r, i, &n);
        if (!n.failure[0] || n.failed_s <= g->failed_s)
            continue;
        snprintf(g->failure, sizeof g->failure, "%s%s%.250s", name ? name : "", name ? ": " : "", n.failure);
        sg_text_whole(g->failure);
        g->failed_s = n.failed_s;
    }
    if (!r->options->batch)
        g->n_requests_left = sg_requests_n_left(r->requests);
}

sg_status sg_run_begin_phase(struct sg_run *r, const char *phase, struct sg_err *err)
{
    r->progress.phase = phase;
    r->progress.eta_s = -1;
    sg_event_phase(r);
    r->progress.n_ranks_shown = r->progress.n_busy = 0;
    r->progress.n_in_flight = 0;
    return sg_progress_keep(&r->progress, r->p->study->results, r->started, r->options->quiet, &r->keeper,
                            err);
}

void sg_run_end_phase(struct sg_run *r)
{
    sg_progress_keep_end(r->keeper);
    r->keeper = NULL;
}

/* What is shown of a run that goes on. */
static void note_progress(struct sg_run *r, const struct sg_engine *e, const struct sg_engine_state *s)
{
    struct sg_progress *g = &r->progress;
    sg_run_note_buying(r);
    sg_run_note_ranks(r, e);
    g->elapsed_s = r->shown - r->started;
    g->cost_usd = sg_dispatch_spent_usd(r->dispatch);
    g->phase = s->draining ? "stopping"
               : r->options->buy_only || (s->n_running && g->n_requests_left && s->rank_s_done == 0)
                   ? "generating"
                   : "training";
    /* Cells whose pools are not filled yet are no items yet, so the engine's own count of what is left is too low. */
    double training_s = s->cost_done > 0
                            ? (r->resume.cost - s->cost_done) * s->rank_s_done / s->cost_done / r->world->size
                            : -1;
    sg_watch_turn(&r->watch, e, sg_run_describe_work, r);
    g->silent = r->watch.silent;
    g->eta_s = r->watch.silent[0] ? -1 : sg_progress_eta_s(g, training_s); /* it may never come */
}

static void show_progress(struct sg_run *r, int is_stopping)
{
    struct sg_err later = {0};
    int is_news = is_stopping && !r->shows_stop; /* at once: mpirun may leave a second */
    r->shows_stop |= is_stopping;
    if (is_news)
        sg_event_stopping(r);
    sg_event_phase(r);
    if (!r->options->quiet)
        sg_progress_show(&r->progress, 0);
    if (sg_progress_write(&r->progress, r->p->study->results, is_news, &later) == SG_OK || r->has_warned)
        return;
    sg_tell_warning("%s", later.text);
    r->has_warned = 1;
}

/* When all is bought, since training may take days; else every 5 minutes. */
static void keep_cache(struct sg_run *r)
{
    int is_due = r->shown - r->cache_written > 300;
    if (r->progress.n_requests_left && !is_due)
        return;
    sg_run_write_cache(r);
    if (is_due)
        r->cache_written = sg_now_s();
}

/* Building results.h5 keeps the coordinator from its work for some seconds a million predictions. */
enum { VERDICT_PREDICTIONS = 500000 };

/* What the probes say, once, while cells are still fine-tuned: results.h5 of what there is, and the verdict on standard output. */
static sg_status first_verdict(struct sg_run *r, struct sg_err *err)
{
    const struct sg_prepared *p = r->p;
    int64_t n_predictions = 0,
            n_open = r->progress.n_cells - r->progress.n_cells_done - r->progress.n_cells_failed;
    if (!r->n_probes_now || r->n_probes_over < r->n_probes || r->options->quiet || r->options->events)
        return SG_OK;
    r->n_probes_now = 0;
    for (int64_t i = 0; i < p->grid.n_cells; i++)
        n_predictions += p->data[p->grid.cell[i].task].held_out.n;
    if (!n_open || n_predictions > VERDICT_PREDICTIONS)
        return SG_OK;
    struct sg_err why = {0};
    SG_TRY(sg_ledger_commit(r->ledger, err));
    sg_tell_progress("", 1);
    /* It is for the eye alone: a full disk must not end the fine-tuning. */
    if (sg_store_write(r->ledger, r->h5_path, NULL, &why) != SG_OK ||
        sg_run_print_verdict(r, &why) != SG_OK) {
        sg_tell_warning("what the probes say cannot be shown yet: %s", why.text);
        return SG_OK;
    }
    printf("\nThat is what the probes say; %lld %s still to be fine-tuned.\n\n", (long long)n_open,
           sg_plural(n_open, "cell is", "cells are"));
    fflush(stdout);
    return SG_OK;
}

sg_status sg_run_tick(void *context, const struct sg_engine *e, struct sg_err *err)
{
    struct sg_run *r = context;
    double now = sg_now_s();
    struct sg_engine_state s = sg_engine_state(e);
    if (s.draining)
        sg_dispatch_stop(r->dispatch, "stopped as asked");
    sg_run_companion_turn(r);
    SG_TRY(sg_dispatch_turn(r->dispatch, err));
    /* What costs is committed before the next request leaves; a kill loses no more than half a second of what is free. */
    if (sg_ledger_pending_s(r->ledger) > 0.4)
        SG_TRY(sg_ledger_commit(r->ledger, err));
    if (now - r->shown < 0.2)
        return SG_OK;
    r->shown = now;
    note_progress(r, e, &s);
    if (!s.draining)
        SG_TRY(sg_run_note_waits(r, err));
    keep_cache(r);
    show_progress(r, s.draining);
    return s.draining ? SG_OK : first_verdict(r, err);
}
