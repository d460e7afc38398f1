#include "base/file.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/events.h"
#include "experiments/run/results_thread.h"

#include <math.h>
#include <stdio.h>

double sg_results_every_s = 300;

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
    /* What is queued is known by its kind; cells whose pools are not filled yet are no items yet. */
    double unqueued = fmax(0, r->resume.cost - s->cost_all),
           training_s = s->cost_done > 0
                            ? (s->left_s + unqueued * s->rank_s_done / s->cost_done) / r->world->size
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

/* ---- results.h5 while cells run ---- */

/* It takes a core for about a microsecond a prediction: 5 % of one at most, whatever their number. */
static const double BUILD_SHARE = 0.05;

/* What the probes say, once, while cells are still fine-tuned: due when the last of them is over. */
static int verdict_is_due(struct sg_run *r)
{
    const struct sg_progress *g = &r->progress;
    if (!r->n_probes_now || r->n_probes_over < r->n_probes || r->options->quiet || r->options->events)
        return 0;
    r->n_probes_now = 0;
    return g->n_cells > g->n_cells_done + g->n_cells_failed;
}

/* It is for the eye alone: a full disk must not end the fine-tuning. */
static void take_results(struct sg_run *r, int shows)
{
    struct sg_err why = {0};
    struct sg_buf verdict = sg_buf_make((size_t)1 << 28);
    const struct sg_progress *g = &r->progress;
    double took_s;
    sg_status status = sg_results_thread_end(r->results, &verdict, &took_s, &why);
    r->results = NULL;
    r->results_due =
        sg_now_s() + (took_s / BUILD_SHARE > sg_results_every_s ? took_s / BUILD_SHARE : sg_results_every_s);
    if (status != SG_OK && status != SG_STOPPED && !r->has_warned_of_results) {
        sg_tell_warning("results.h5 of what there is cannot be written yet: %s", why.text);
        r->has_warned_of_results = 1;
    }
    int64_t n_open = g->n_cells - g->n_cells_done - g->n_cells_failed;
    if (status == SG_OK && verdict.len && shows && n_open) {
        sg_tell_progress("", 1);
        printf("%s\nThat is what the probes say; %lld %s still to be fine-tuned.\n\n", sg_buf_text(&verdict),
               (long long)n_open, sg_plural(n_open, "cell is", "cells are"));
        fflush(stdout);
    }
    sg_buf_free(&verdict);
}

/* Begins what is due: the probes' verdict, or every few minutes what has come. */
static sg_status begin_results(struct sg_run *r, struct sg_err *err)
{
    int wants_verdict = verdict_is_due(r);
    int64_t n_over = r->progress.n_cells_done + r->progress.n_cells_failed;
    r->results_due = r->results_due > 0 ? r->results_due : r->started + sg_results_every_s;
    if (!wants_verdict && (r->options->buy_only || n_over == r->n_in_results || sg_now_s() < r->results_due))
        return SG_OK;
    struct sg_err why = {0};
    r->n_in_results = n_over;
    SG_TRY(sg_ledger_commit(r->ledger, err)); /* which ends the run where it fails */
    if (sg_results_thread_start(r->ledger, r->h5_path, wants_verdict, &r->results, &why) == SG_OK)
        return SG_OK;
    r->results_due = sg_now_s() + sg_results_every_s;
    sg_tell_warning("%s", why.text);
    return SG_OK;
}

static sg_status keep_results(struct sg_run *r, struct sg_err *err)
{
    if (!r->results)
        return begin_results(r, err);
    if (sg_results_thread_is_over(r->results))
        take_results(r, 1);
    return SG_OK;
}

void sg_run_end_results(struct sg_run *r)
{
    if (r->results)
        take_results(r, 0);
}

sg_status sg_run_tick(void *context, const struct sg_engine *e, struct sg_err *err)
{
    struct sg_run *r = context;
    double now = sg_now_s();
    char lost[500];
    struct sg_engine_state s = sg_engine_state(e);
    if (sg_alive_lost(r->alive, lost, sizeof lost))
        sg_run_end_lost(r, lost);
    if (s.draining)
        sg_dispatch_stop(r->dispatch, "stopped as asked");
    sg_run_companion_turn(r);
    SG_TRY(sg_dispatch_turn(r->dispatch, err));
    /* What costs is committed before the next request leaves; a kill loses no more than half a second of what is free, such as cells that
     * take no longer. */
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
    if (!s.draining)
        return keep_results(r, err);
    if (r->results)
        (void)sg_results_thread_is_over(r->results); /* which lets go of the ledger */
    return SG_OK;
}
