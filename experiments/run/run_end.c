#include "base/file.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/pools_text.h"
#include "experiments/run/run_impl.h"
#include "results/h5/store.h"
#include "results/report/report.h"

#include <stdio.h>
#include <string.h>

sg_status sg_run_print_verdict(const struct sg_run *r, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make((size_t)1 << 28);
    sg_status status = sg_report(r->h5_path, "terminal", &(struct sg_form_options){.brief = 1}, &text, err);
    if (status == SG_OK)
        fputs(sg_buf_text(&text), stdout);
    sg_buf_free(&text);
    return status;
}

static sg_status print_tables(const struct sg_run *r, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make((size_t)1 << 28);
    if (!r->options->buy_only)
        return sg_run_print_verdict(r, err);
    sg_pools_text_bought(r->p, &text);
    sg_status status = sg_buf_check(&text, "the table of pools", err);
    if (status == SG_OK)
        fputs(sg_buf_text(&text), stdout);
    sg_buf_free(&text);
    return status;
}

/* What became of this run's requests, and what those without an answer may have cost in all. Nothing: none was sent. */
static sg_status print_requests(const struct sg_run *r, struct sg_err *err)
{
    const struct sg_study *s = r->p->study;
    struct sg_ledger_unsettled u;
    struct sg_buf text = sg_buf_make(40000);
    int64_t n_failed = 0, n_refused = 0;
    SG_TRY(sg_ledger_unsettled(r->ledger, &u, err));
    for (int g = 0; g < s->n_generators; g++) {
        struct sg_dispatch_count n = sg_dispatch_counted(r->dispatch, g);
        if (!n.n_answered && !n.n_again && !n.n_failed && !n.n_refused && !n.n_left)
            continue;
        sg_buf_puts(&text, text.len ? "; " : "");
        if (s->generator[g].name)
            sg_buf_printf(&text, "%s: ", s->generator[g].name);
        sg_dispatch_count_text(&n, &text);
        n_failed += n.n_failed;
        n_refused += n.n_refused;
    }
    if (!text.len) {
        sg_buf_free(&text);
        return SG_OK;
    }
    if (u.usd > 0)
        sg_buf_printf(&text,
                      "; up to %.4f USD were spent on %lld without an answer (ledger.sqlite, `attempts`)",
                      u.usd, (long long)u.n);
    if (n_failed || n_refused)
        sg_buf_printf(&text, "; %s%s%s asks again for what was given up on",
                      n_refused ? "--retry-refused" : "", n_failed && n_refused ? " or " : "",
                      n_failed ? "--retry-failed" : "");
    sg_status status = sg_buf_check(&text, "the line of requests", err);
    if (status == SG_OK)
        sg_tell_result("requests %s", sg_buf_text(&text));
    sg_buf_free(&text);
    return status;
}

/* Fine-tuned cells that learned nothing to compare: an exit line, on stderr where nothing else is printed. */
static sg_status print_degenerate(const struct sg_run *r, struct sg_err *err)
{
    int64_t n, n_done;
    SG_TRY(sg_report_degenerate(r->h5_path, &n, &n_done, err));
    if (!n)
        return SG_OK;
    char text[300];
    snprintf(text, sizeof text,
             "%lld of %lld finished fine-tuned %s %s one class for all test rows, and learned nothing to "
             "compare; hint: "
             "train.min_steps, train.lr",
             (long long)n, (long long)n_done, sg_plural(n_done, "cell", "cells"),
             sg_plural(n, "predicts", "predict"));
    if (r->options->quiet || r->options->events)
        sg_tell_warning("%s", text);
    else
        sg_tell_result("one class %s", text);
    return SG_OK;
}

/* status.json says how it ended, before anything that takes time: mpirun leaves a second after a SIGTERM. */
static sg_status write_end(struct sg_run *r, sg_status status, struct sg_err *why, struct sg_err *err)
{
    struct sg_progress *g = &r->progress;
    int asked = sg_engine_stop_requested();
    g->n_ranks_shown = g->n_busy = 0;
    g->n_in_flight = 0;
    if (status == SG_STOPPED && asked && !strstr(why->text, "hint:"))
        sg_fail(why, SG_STOPPED,
                "%.900s; hint: the same command goes on; synthgrid status %s shows how far it is", why->text,
                r->p->study->results);
    g->elapsed_s = sg_now_s() - r->started;
    g->eta_s = -1;
    g->silent = NULL;
    g->phase = status == SG_OK ? "done" : "stopped";
    g->message = status == SG_OK ? "" : why->text;
    g->signal = status == SG_STOPPED && asked ? sg_watch_signal() : "";
    r->end = status;
    r->has_end = 1;
    return sg_progress_write(g, r->p->study->results, 1, err);
}

_Noreturn void sg_run_end_lost(struct sg_run *r, const char *text)
{
    struct sg_err why, second = {0};
    sg_fail(&why, SG_STOPPED, "%s", text);
    if (sg_ledger_commit(r->ledger, &second) != SG_OK || write_end(r, SG_STOPPED, &why, &second) != SG_OK)
        sg_tell_warning("%s", second.text);
    sg_run_companion_end(r);
    sg_run_end_results(r); /* whose thread reads the ledger */
    sg_ledger_close(r->ledger);
    sg_tell_sentence(why.text);
    sg_alive_abort(r->alive);
}

void sg_run_write_failure(struct sg_run *r, sg_status status, struct sg_err *why)
{
    struct sg_err second;
    int is_written = r->has_end && (r->end == status || status == SG_PARTIAL);
    if (status == SG_OK || is_written || !r->is_ours || !sg_ledger_is_ours(r->ledger))
        return;
    if (write_end(r, status, why, &second) != SG_OK)
        sg_tell_warning("%s", second.text);
}

/* results.h5, and the end in status.json. */
static sg_status write_results(struct sg_run *r, sg_status status, struct sg_err *why, char digest[SG_HEX],
                               struct sg_err *err)
{
    struct sg_progress *g = &r->progress;
    sg_run_write_cache(r);
    sg_resume_tell(&r->resume, r->options->buy_only);
    SG_TRY(sg_ledger_commit(r->ledger, err));
    SG_TRY(sg_run_begin_phase(r, status == SG_STOPPED ? g->phase : "writing", err));
    sg_status written = sg_store_write(r->ledger, r->h5_path, digest, err);
    sg_run_end_phase(r);
    SG_TRY(written);
    if (r->options->digest)
        memcpy(r->options->digest, digest, SG_HEX);
    SG_TRY(sg_dispatch_cost(r->ledger, &g->cost_usd, err));
    return write_end(r, status, why, err);
}

/* What one may type now. The results folder stands there: what was set on the command line is not in the file. */
static void print_next(const struct sg_run *r)
{
    const struct sg_study *s = r->p->study;
    sg_tell_result("next     synthgrid report %s  all answers; --format html --output report.html makes a "
                   "page with figures",
                   s->results);
    if (s->n_fine_tune_tasks)
        sg_tell_result(
            "         synthgrid run %s results=%s fine_tune_tasks=[]%s  fine-tunes the other tasks, too",
            s->path, s->results, r->options->n_overrides ? " and the same key=value settings" : "");
    sg_tell_result("         synthgrid init --help  a study of your own rows");
}

/* Lines and tables for people. */
static sg_status print_all(struct sg_run *r, const char *digest, struct sg_err *err)
{
    int quiet = r->options->quiet || r->options->events; /* of standard output */
    if (!r->options->quiet)
        sg_progress_show(&r->progress, 1);
    if (!quiet) {
        if (sg_engine_stop_requested() < 2 && !r->options->n_shares)
            SG_TRY(print_tables(r, err));
        SG_TRY(print_requests(r, err));
    }
    if (!r->options->buy_only)
        SG_TRY(print_degenerate(r, err));
    if (!quiet)
        sg_tell_result("results  %s\ndigest   %s", r->h5_path, digest);
    if (r->options->n_shares && !r->options->events)
        sg_tell_result("share    %lld of %lld: %lld of %lld cells are done; `synthgrid merge` joins the "
                       "shares, and a run in what it makes "
                       "measures the pools",
                       (long long)r->options->share, (long long)r->options->n_shares,
                       (long long)r->progress.n_cells_done, (long long)r->p->grid.n_cells);
    else if (!r->options->n_shares && !quiet && !r->options->buy_only && r->end == SG_OK)
        print_next(r);
    return SG_OK;
}

/* SG_PARTIAL where pools stayed empty, or cells failed. */
static sg_status check_whole(const struct sg_run *r, struct sg_err *err)
{
    const struct sg_progress *g = &r->progress;
    int64_t n_empty = r->options->buy_only ? sg_pools_text_n_empty(r->p) : 0;
    if (g->n_cells_failed)
        return sg_fail(
            err, SG_PARTIAL,
            "%lld of %lld %s failed; hint: synthgrid report %s says why, --retry-failed trains %s again",
            (long long)g->n_cells_failed, (long long)g->n_cells, sg_plural(g->n_cells, "cell", "cells"),
            r->p->study->results, sg_plural(g->n_cells_failed, "it", "them"));
    if (n_empty)
        return sg_fail(
            err, SG_PARTIAL,
            "%lld of %lld %s %s no example, so that cells will fail; hint: what the model wrote is in "
            "/examples and /pools of %s",
            (long long)n_empty, (long long)g->n_pools, sg_plural(g->n_pools, "pool", "pools"),
            sg_plural(n_empty, "has", "have"), r->h5_path);
    return SG_OK;
}

sg_status sg_run_finish(struct sg_run *r, sg_status status, struct sg_err *err)
{
    char *digest = r->digest;
    struct sg_err second = {0};
    sg_run_note_buying(r); /* the last answers came after the last turn */
    if (status != SG_OK && status != SG_STOPPED)
        return status; /* something broke: keep the ledger and the old file as they are */
    if (status == SG_OK && r->options->batch) {
        *err = r->batch_why;
        status = r->batch_outcome;
    } else if (status == SG_OK)
        status = sg_dispatch_outcome(r->dispatch, err);
    sg_status written = status == SG_STOPPED ? write_end(r, status, err, &second) : SG_OK;
    if (written == SG_OK)
        written = write_results(r, status, err, digest, &second);
    if (written != SG_OK && (status == SG_OK || status == SG_STOPPED)) {
        *err = second;
        return written;
    }
    SG_TRY(print_all(r, digest, err));
    return status == SG_OK ? check_whole(r, err) : status;
}
