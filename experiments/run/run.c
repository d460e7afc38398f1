#include "experiments/run/run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/buying/cache.h"
#include "experiments/buying/requests.h"
#include "experiments/run/cell_work.h"
#include "experiments/run/measure.h"
#include "experiments/run/own_data.h"
#include "experiments/run/pools_text.h"
#include "experiments/run/progress.h"
#include "experiments/run/provenance.h"
#include "experiments/run/rehearsal.h"
#include "experiments/run/resume.h"
#include "experiments/run/same_ranks.h"
#include "experiments/run/watch.h"
#include "experiments/study/generators.h"
#include "experiments/study/prices.h"
#include "model/kernels/ops.h"
#include "results/h5/store.h"
#include "results/ledger/ledger_attempts.h"
#include "results/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KIND_BUY, KIND_CELL, N_KINDS };

/* How often the dispatcher is looked after while there is something to buy: beside the 200 ms of a request it is nothing. */
static const double BUY_TURN_S = 0.003;

struct run;

struct cell_user {
    struct run *run;
    int64_t cell;
};

/* Rank 0's view; coordinator thread while the engine runs. */
struct run {
    const struct sg_run_options *options;
    const struct sg_team *world;
    struct sg_prepared *p;
    struct sg_ledger *ledger;
    struct sg_engine *engine;
    struct cell_user *cell; /* (n_cells) */
    struct sg_cells *cells; /* each rank */
    struct sg_requests *requests;
    struct sg_dispatch *dispatch;
    struct sg_cache *cache; /* NULL: none */
    int64_t
        n_cached; /* of progress.n_completions: those that the cache has already; -1: it has no file of this study */
    struct sg_endpoint *endpoint; /* (n_generators) */
    struct sg_err *away; /* (n_generators) why its batches cannot be looked after; text "": they can */
    sg_status verdict;   /* of buying by batches, */
    struct sg_err why;   /* and its sentence */
    double budget_usd;   /* < 0: none */
    double started, cache_written, shown;
    int warned; /* that status.json cannot be written */
    struct sg_resume resume;
    int64_t n_missing; /* completions when the run began */
    struct sg_progress progress;
    char *h5_path;
    struct sg_watch watch;
    int told_stop;                     /* that status.json says so */
    int is_ours;                       /* the folder: it is this study's, and the lease is ours */
    sg_status told;                    /* the end that status.json tells, */
    int has_told;                      /* if it tells one */
    struct sg_progress_keeper *keeper; /* of phases without turns; NULL: none */
};

/* ---- cells ---- */

static sg_status add_cell(struct run *r, int64_t i, struct sg_err *err)
{
    const struct sg_cell *c = &r->p->grid.cell[i];
    char status[16];
    if (r->options->buy_only)
        return SG_OK;
    SG_TRY(sg_ledger_cell_status(r->ledger, c->id, status, err));
    if (sg_resume_is_over(&r->resume, status)) {
        r->progress.n_cells_done += status[0] == 'd';
        r->progress.n_cells_failed += status[0] == 'f';
        return SG_OK;
    }
    r->cell[i] = (struct cell_user){.run = r, .cell = i};
    int64_t batch = r->p->study->train.batch, id;
    int lanes = r->p->study->train.lanes ? (int)r->p->study->train.lanes : 8;
    struct sg_item item = {.kind = KIND_CELL,
                           .cost = sg_cell_cost(r->p, c),
                           .max_ranks = sg_pow2_floor(lanes < batch ? lanes : (int)batch),
                           .user = &r->cell[i]};
    return sg_engine_add(r->engine, &item, &id, err);
}

/* Consumer i has all that it needs: what its texts are measured by is in the ledger, and the cells that waited for it queue. */
static sg_status on_complete(void *context, int64_t i, struct sg_err *err)
{
    struct run *r = context;
    r->progress.n_pools_done += i < r->p->grid.n_pools;
    SG_TRY(sg_resume_settle(&r->resume, i, err));
    for (int64_t c = 0; c < r->p->grid.n_cells; c++)
        if (r->p->grid.cell[c].pool == i)
            SG_TRY(add_cell(r, c, err));
    return SG_OK;
}

/* ---- the engine's callbacks ---- */

static sg_status cell_prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context;
    struct cell_user *u = user;
    return sg_cell_payload(u->run->cells, &u->run->p->grid.cell[u->cell], payload, err);
}

static sg_status cell_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    return sg_cell_work(context, w, result, err);
}

static sg_status cell_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)e;
    struct cell_user *u = user;
    struct run *r = u->run;
    const struct sg_cell *c = &r->p->grid.cell[u->cell];
    struct sg_cell_origin from = {.n_raw = c->raw};
    from.n_synthetic = c->pool >= 0 ? sg_pool_prefix(r->p->pool[c->pool], c->size) : 0;
    SG_TRY(sg_texts_rows(r->resume.texts, c, &from.rows, err));
    SG_TRY(sg_texts_examples(r->resume.texts, c, &from.examples, err));
    SG_TRY(sg_cell_store(r->ledger, c, &from, o, err));
    r->progress.n_cells_done += o->status == SG_OK;
    r->progress.n_cells_failed += o->status != SG_OK;
    return sg_ledger_commit(r->ledger, err);
}

/* The cache is another study's gain: that it cannot be written ends no run. */
static void write_cache(struct run *r)
{
    struct sg_err later = {0};
    if (!r->cache || r->n_cached == r->progress.n_completions)
        return;
    if (sg_cache_write(r->cache, r->ledger, &later) != SG_OK)
        fprintf(stderr, "synthgrid: warning: the cache: %s\n", later.text);
    r->n_cached = r->progress.n_completions;
}

/* The watch's: what a silent rank has in hand. */
static void say_work(void *context, const struct sg_engine_silence *s, char *text, size_t n)
{
    const struct run *r = context;
    char name[SG_ARM_NAME] = "";
    if (s->kind != KIND_CELL) {
        snprintf(text, n, "it buys completions");
        return;
    }
    const struct sg_cell *c = &r->p->grid.cell[((const struct cell_user *)s->user)->cell];
    sg_arm_name(r->p->study, &c->arm, name);
    snprintf(text, n, "it trains cell %lld: %s %s%s%s, %lld synthetic, %lld raw",
             (long long)((const struct cell_user *)s->user)->cell, r->p->study->task[c->task].name,
             sg_mix_name(c->mix), name[0] ? ", " : "", name, (long long)c->size, (long long)c->raw);
}

/* What was bought in this run, and the latest failure of all generators, which a person sees beside the numbers: a run that waits for
 * a server must not look like one that works. */
static void note_buying(struct run *r)
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
        if (!n.failure[0] || n.failed_s <= g->failed_s)
            continue;
        snprintf(g->failure, sizeof g->failure, "%s%s%.250s", name ? name : "", name ? ": " : "", n.failure);
        sg_text_whole(g->failure);
        g->failed_s = n.failed_s;
    }
    if (!r->options->batch)
        g->n_requests_left = sg_requests_n_left(r->requests);
}

static sg_status tick(void *context, const struct sg_engine *e, struct sg_err *err)
{
    struct run *r = context;
    double now = sg_now_s();
    struct sg_engine_state s = sg_engine_state(e);
    if (s.draining)
        sg_dispatch_stop(r->dispatch, "stopped as asked");
    SG_TRY(sg_dispatch_turn(r->dispatch, err));
    /* What costs is committed before the next request leaves; a kill loses no more than half a second of what is free. */
    if (sg_ledger_pending_s(r->ledger) > 0.4)
        SG_TRY(sg_ledger_commit(r->ledger, err));
    if (now - r->shown < 0.2)
        return SG_OK;
    r->shown = now;
    r->progress.elapsed_s = now - r->started;
    note_buying(r);
    r->progress.phase =
        r->options->buy_only || (s.n_running && r->progress.n_requests_left && s.rank_s_done == 0)
            ? "generating"
            : "training";
    /* Cells whose pools are not filled yet are no items yet, so the engine's own count of what is left is too low. */
    double training_s =
        s.cost_done > 0 ? (r->resume.cost - s.cost_done) * s.rank_s_done / s.cost_done / r->world->size : -1;
    r->progress.eta_s = sg_progress_eta_s(&r->progress, training_s);
    r->progress.cost_usd = sg_dispatch_spent_usd(r->dispatch);
    sg_watch_turn(&r->watch, e, say_work, r);
    r->progress.silent = r->watch.silent;
    if (r->watch.silent[0])
        r->progress.eta_s = -1; /* it may never come */
    struct sg_err later = {0};
    if (!r->progress.n_requests_left)
        write_cache(r); /* all is bought: training may take days */
    if (now - r->cache_written > 300) {
        write_cache(r);
        r->cache_written = sg_now_s();
    }
    if (!r->options->quiet)
        sg_progress_show(&r->progress, 0);
    int stops = s.draining && !r->told_stop; /* at once: mpirun may leave a second */
    r->told_stop |= s.draining;
    if (s.draining)
        r->progress.phase = "stopping";
    if (sg_progress_write(&r->progress, r->p->study->results, stops, &later) != SG_OK && !r->warned) {
        fprintf(stderr, "synthgrid: warning: %s\n", later.text);
        r->warned = 1;
    }
    return SG_OK;
}

/* ---- start ---- */

/* What other studies have bought, before anything is asked for. */
static sg_status open_cache(struct run *r, int64_t *n_missing, struct sg_err *err)
{
    int64_t n = 0;
    SG_TRY(sg_cache_open(r->p->study, &r->cache, err));
    r->n_cached = sg_cache_has_own(r->cache) ? 0 : -1;
    if (!r->cache || !*n_missing)
        return SG_OK;
    SG_TRY(sg_cache_import(r->cache, r->requests, r->ledger, &n, err));
    SG_TRY(sg_ledger_commit(r->ledger, err));
    if (n && !r->options->quiet)
        fprintf(stderr, "%lld %s in the cache (%s)\n", (long long)n,
                sg_plural(n, "completion is", "completions are"), r->p->study->cache);
    return n ? sg_requests_count(r->requests, n_missing, NULL, err) : SG_OK;
}

/* --retry-failed, --retry-refused: what was given up on is asked for again, where this run asks. */
static int retries(const struct run *r)
{
    const struct sg_run_options *o = r->options;
    return (o->retry_failed || o->retry_refused) && !o->offline &&
           (o->batch == SG_BATCH_NONE || o->batch == SG_BATCH_SUBMIT);
}

static sg_status revive(struct run *r, struct sg_err *err)
{
    int64_t n;
    if (!retries(r))
        return SG_OK;
    SG_TRY(sg_ledger_revive(r->ledger, r->options->retry_failed, r->options->retry_refused, &n, err));
    if (n && !r->options->quiet)
        fprintf(stderr, "%lld %s given up on %s asked for again\n", (long long)n,
                sg_plural(n, "request that was", "requests that were"), sg_plural(n, "is", "are"));
    return SG_OK;
}

/* A phase in which the engine takes no turns: status.json and the progress line go on all the same. */
static sg_status begin_phase(struct run *r, const char *phase, struct sg_err *err)
{
    r->progress.phase = phase;
    r->progress.eta_s = -1;
    return sg_progress_keep(&r->progress, r->p->study->results, r->started, r->options->quiet, &r->keeper,
                            err);
}

static void end_phase(struct run *r)
{
    sg_progress_keep_end(r->keeper);
    r->keeper = NULL;
}

static sg_status open_run(struct run *r, int64_t *n_missing, struct sg_err *err)
{
    struct sg_study *s = r->p->study;
    SG_TRY(sg_ledger_open(s->results, SG_LEDGER_WRITE, &r->ledger, err));
    sg_store_tidy(r->h5_path);
    SG_TRY(sg_provenance_write(r->ledger, r->p, r->world, err));
    r->is_ours = 1;
    SG_TRY(begin_phase(r, "starting", err));
    if (!r->options->quiet)
        SG_TRY(sg_own_data_tell(s, r->p->data, r->ledger, err));
    if (r->options->rehearsal)
        SG_TRY(sg_ledger_meta_set(r->ledger, "rehearsal", "a stub server wrote the texts; they mean nothing",
                                  err));
    r->resume.p = r->p;
    r->resume.ledger = r->ledger;
    r->resume.retry_failed = r->options->retry_failed;
    SG_TRY(revive(r, err));
    SG_TRY(sg_resume_enter(&r->resume, err));
    SG_TRY(sg_cell_tidy(r->p, r->ledger, err));
    SG_TRY(sg_requests_create(r->p, r->ledger, &r->requests, err));
    SG_TRY(sg_requests_count(r->requests, n_missing, NULL, err));
    if (*n_missing && sg_study_reads_recording(s)) {
        SG_TRY(sg_requests_import(r->requests, s->generator->recording, retries(r), err));
        SG_TRY(sg_requests_count(r->requests, n_missing, NULL, err));
    }
    SG_TRY(open_cache(r, n_missing, err));
    SG_TRY(sg_resume_count(&r->resume, r->options->buy_only, err));
    SG_TRY(sg_dispatch_create(&(struct sg_dispatch_settings){.n_generators = s->n_generators,
                                                             .generator = s->generator,
                                                             .ledger = r->ledger,
                                                             .budget_usd = r->budget_usd,
                                                             .n_ranks = r->world->size},
                              &r->dispatch, err));
    return sg_requests_attach(r->requests, r->dispatch, on_complete, r, err);
}

static sg_status make_run(struct run *r, struct sg_err *err)
{
    const struct sg_study *s = r->p->study;
    r->cell = sg_alloc((size_t)r->p->grid.n_cells + 1, sizeof *r->cell);
    r->h5_path = sg_path_join(s->results, "results.h5");
    if (!r->cell || !r->h5_path)
        return sg_fail_memory(err, (size_t)r->p->grid.n_cells * sizeof *r->cell);
    r->budget_usd = r->options->max_usd >= 0 ? r->options->max_usd : s->budget_usd;
    r->progress = (struct sg_progress){.study = s->name,
                                       .phase = "starting",
                                       .n_cells = r->p->grid.n_cells,
                                       .n_pools = r->p->grid.n_pools,
                                       .eta_s = -1,
                                       .n_ranks = r->world->size,
                                       .message = ""};
    return SG_OK;
}

static sg_status queue_all(struct run *r, struct sg_err *err)
{
    for (int64_t i = 0; i < r->p->grid.n_cells; i++)
        if (r->p->grid.cell[i].pool < 0)
            SG_TRY(add_cell(r, i, err));
    SG_TRY(sg_requests_start(r->requests, err));
    note_buying(r);
    return SG_OK;
}

/* ---- end ---- */

static sg_status print_tables(const struct run *r, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make((size_t)1 << 28);
    struct sg_err second = {0};
    sg_status status = SG_OK;
    if (r->options->buy_only) {
        sg_pools_text_bought(r->p, &text);
        status = sg_buf_check(&text, "the table of pools", &second);
    } else
        status = sg_report(r->h5_path, SG_REPORT_TERMINAL, &text, &second);
    if (status == SG_OK)
        fputs(sg_buf_text(&text), stdout);
    sg_buf_free(&text);
    return status == SG_OK ? SG_OK : sg_fail(err, status, "%s", second.text);
}

/* What became of this run's requests, and what those without an answer may have cost in all. Nothing: none was sent. */
static sg_status print_requests(const struct run *r, struct sg_err *err)
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
        printf("requests %s\n", sg_buf_text(&text));
    sg_buf_free(&text);
    return status;
}

/* Cells that learned nothing to compare: an exit line, on stderr where nothing else is printed. */
static sg_status print_degenerate(const struct run *r, struct sg_err *err)
{
    int64_t n, n_done;
    SG_TRY(sg_report_degenerate(r->h5_path, &n, &n_done, err));
    if (n)
        fprintf(r->options->quiet ? stderr : stdout,
                "%s%lld of %lld finished %s %s one class for all test rows, and learned nothing to compare; "
                "hint: "
                "train.min_steps, train.lr\n",
                r->options->quiet ? "synthgrid: warning: " : "one class ", (long long)n, (long long)n_done,
                sg_plural(n_done, "cell", "cells"), sg_plural(n, "predicts", "predict"));
    return SG_OK;
}

/* status.json says how it ended, before anything that takes time: mpirun leaves a second after a SIGTERM. */
static sg_status tell_end(struct run *r, sg_status status, struct sg_err *why, struct sg_err *err)
{
    struct sg_progress *g = &r->progress;
    int asked = sg_engine_stop_requested();
    if (status == SG_STOPPED && asked && !strstr(why->text, "hint:"))
        sg_fail(why, SG_STOPPED,
                "%.900s; hint: the same command goes on; synthgrid status %s shows how far it is", why->text,
                r->p->study->results);
    g->elapsed_s = sg_now_s() - r->started;
    g->eta_s = -1;
    g->silent = NULL;
    g->phase = status == SG_OK ? "done" : "stopped";
    g->message = status == SG_OK ? "" : why->text;
    r->told = status;
    r->has_told = 1;
    return sg_progress_write(g, r->p->study->results, 1, err);
}

/* The end of a run that broke, if no one has told it yet. Another run's folder is left alone. */
static void tell_failure(struct run *r, sg_status status, struct sg_err *why)
{
    struct sg_err second;
    int is_told = r->has_told && (r->told == status || status == SG_PARTIAL);
    if (status == SG_OK || is_told || !r->is_ours || !sg_ledger_is_ours(r->ledger))
        return;
    if (tell_end(r, status, why, &second) != SG_OK)
        fprintf(stderr, "synthgrid: warning: %s\n", second.text);
}

static sg_status finish(struct run *r, sg_status status, struct sg_err *err)
{
    char digest[SG_HEX] = "";
    struct sg_progress *g = &r->progress;
    struct sg_err second = {0};
    note_buying(r); /* the last answers came after the last turn */
    if (status == SG_OK && r->options->batch) {
        *err = r->why;
        status = r->verdict;
    } else if (status == SG_OK)
        status = sg_dispatch_outcome(r->dispatch, err);
    else if (status != SG_OK && status != SG_STOPPED)
        return status; /* something broke: keep the ledger and the old file as they are */
    sg_status told = status == SG_STOPPED ? tell_end(r, status, err, &second) : SG_OK;
    write_cache(r);
    sg_resume_tell(&r->resume, r->options->buy_only);
    sg_status stored = told == SG_OK ? sg_ledger_commit(r->ledger, &second) : told;
    if (stored == SG_OK)
        stored = begin_phase(r, status == SG_STOPPED ? g->phase : "writing", &second);
    if (stored == SG_OK)
        stored = sg_store_write(r->ledger, r->h5_path, digest, &second);
    end_phase(r);
    if (stored == SG_OK && r->options->digest)
        memcpy(r->options->digest, digest, SG_HEX);
    if (stored == SG_OK)
        stored = sg_dispatch_cost(r->ledger, &g->cost_usd, &second);
    if (stored == SG_OK)
        stored = tell_end(r, status, err, &second);
    if (stored != SG_OK && (status == SG_OK || status == SG_STOPPED)) {
        *err = second;
        return stored;
    }
    if (!r->options->quiet) {
        sg_progress_show(g, 1);
        if (sg_engine_stop_requested() < 2)
            SG_TRY(print_tables(r, err));
        SG_TRY(print_requests(r, err));
    }
    if (!r->options->buy_only)
        SG_TRY(print_degenerate(r, err));
    if (!r->options->quiet)
        printf("results  %s\ndigest   %s\n", r->h5_path, digest);
    if (status == SG_OK && r->options->buy_only && sg_pools_text_n_empty(r->p))
        status = sg_fail(
            err, SG_PARTIAL,
            "%lld of %lld %s %s no example, so that cells will fail; hint: what the model wrote is in "
            "/examples and /pools of %s",
            (long long)sg_pools_text_n_empty(r->p), (long long)g->n_pools,
            sg_plural(g->n_pools, "pool", "pools"), sg_plural(sg_pools_text_n_empty(r->p), "has", "have"),
            r->h5_path);
    if (status == SG_OK && g->n_cells_failed)
        status = sg_fail(
            err, SG_PARTIAL,
            "%lld of %lld %s failed; hint: synthgrid report %s says why, --retry-failed trains %s again",
            (long long)g->n_cells_failed, (long long)g->n_cells, sg_plural(g->n_cells, "cell", "cells"),
            r->p->study->results, sg_plural(g->n_cells_failed, "it", "them"));
    return status;
}

/* --offline, and completions are missing: which, and the command that gets them. */
static sg_status say_missing(struct run *r, struct sg_err *err)
{
    int64_t n, *of = sg_alloc((size_t)sg_requests_n_consumers(r->requests) + 1, sizeof *of);
    if (!of)
        return sg_fail_memory(err, (size_t)sg_requests_n_consumers(r->requests) * sizeof *of);
    struct sg_buf text = sg_buf_make((size_t)1 << 28);
    sg_status status = sg_requests_count(r->requests, &n, of, err);
    if (status == SG_OK) {
        sg_pools_text_missing(r->p, of, &text);
        status = sg_buf_check(&text, "the list of what is missing", err);
    }
    if (status == SG_OK) {
        fputs(sg_buf_text(&text), stderr);
        status =
            sg_fail(err, SG_INPUT,
                    "--offline, but %lld %s missing; hint: `synthgrid generate %s results=%s` with the same "
                    "key=value settings, where there is a network, gets %s; or set generator.recording",
                    (long long)n, sg_plural(n, "completion is", "completions are"), r->p->study->path,
                    r->p->study->results, sg_plural(n, "it", "them"));
    }
    sg_buf_free(&text);
    sg_free(of);
    return status;
}

/* Batches that nobody has collected, for status.json. */
static sg_status note_batches(struct run *r, struct sg_batches_out *out, struct sg_err *err)
{
    SG_TRY(sg_batch_count(r->ledger, out, err));
    r->progress.n_batches = out->n + out->n_abandoned;
    r->progress.n_batch_requests = out->n_requests;
    return SG_OK;
}

/* Whom the run buys from, for people; and a published price, which no other record has, for the results. */
static sg_status tell_price(struct run *r, const struct sg_endpoint *endpoint, const struct sg_generator *g,
                            struct sg_err *err)
{
    if (!g->price_source)
        return SG_OK;
    struct sg_buf text = sg_buf_make(4000);
    sg_endpoint_tell(endpoint, g, r->options->quiet, &text);
    fputs(sg_buf_text(&text), stderr);
    sg_buf_free(&text);
    char *price = sg_price_json(g), meta[120];
    sg_generator_meta(g, "price", meta);
    sg_status status = price ? sg_ledger_meta_set(r->ledger, meta, price, err) : sg_fail_memory(err, 1024);
    sg_free(price);
    return status == SG_OK ? sg_ledger_commit(r->ledger, err) : status;
}

static sg_status open_endpoint(struct run *r, int g, int64_t n_missing, struct sg_err *err)
{
    struct sg_endpoint *e = &r->endpoint[g];
    const struct sg_generator *of = &r->p->study->generator[g];
    sg_status status = sg_endpoint_open(e, of, n_missing, r->budget_usd, err);
    if (status == SG_OK)
        status = tell_price(r, e, of, err);
    if (status == SG_OK)
        status = sg_endpoint_check(e, err);
    if (status != SG_OK && of->name)
        sg_err_at(err, "generators.%s", of->name);
    return status;
}

/* Batches are looked after where they can be: an endpoint that is gone keeps nobody from those of another. */
static sg_status open_for_batches(struct run *r, int g, int64_t n_missing, int has_batches,
                                  struct sg_err *err)
{
    int is_submit = r->options->batch == SG_BATCH_SUBMIT;
    if (!sg_batch_is_spoken(&r->p->study->generator[g]) || !(has_batches || (is_submit && n_missing)))
        return SG_OK;
    sg_status status = open_endpoint(r, g, n_missing, err);
    if (status == SG_OK || status == SG_FAILED || (is_submit && n_missing))
        return status;
    r->away[g] = *err;
    if (r->options->batch == SG_BATCH_ABANDON)
        fprintf(stderr, "synthgrid: warning: no batch is cancelled: %s\n", err->text);
    return SG_OK;
}

/* The endpoints that have something to answer. */
static sg_status open_endpoints(struct run *r, struct sg_err *err)
{
    const struct sg_study *s = r->p->study;
    int64_t n_all, *of = sg_alloc((size_t)sg_requests_n_consumers(r->requests) + 1, sizeof *of);
    int has_batches[SG_MAX_GENERATORS];
    sg_status status = of ? sg_requests_count(r->requests, &n_all, of, err)
                          : sg_fail_memory(err, (size_t)sg_requests_n_consumers(r->requests) * sizeof *of);
    if (status == SG_OK)
        status = sg_batch_needs(r->ledger, s, has_batches, err);
    for (int g = 0; status == SG_OK && g < s->n_generators; g++) {
        int64_t n = 0;
        for (int64_t i = 0; i < sg_requests_n_consumers(r->requests); i++)
            n += sg_requests_generator(r->requests, i) == g ? of[i] : 0;
        if (r->options->batch)
            status = open_for_batches(r, g, n, has_batches[g], err);
        else if (n)
            status = open_endpoint(r, g, n, err);
    }
    sg_free(of);
    return status;
}

/* Reads what is there, and what is to do. */
static sg_status enter(struct run *r, struct sg_err *err)
{
    if (r->options->batch)
        SG_TRY(sg_batch_check(r->p->study, err));
    if (!r->options->rehearsal)
        SG_TRY(sg_rehearsal_refuse(r->p->study->results, err));
    SG_TRY(make_run(r, err));
    return open_run(r, &r->n_missing, err);
}

/* Collective, before anything is bought: each rank may be given a cell to train. */
static sg_status can_train(const struct run *r, struct sg_err *err)
{
    int64_t n = r->options->buy_only ? 0 : r->resume.n_to_train;
    const struct sg_ops *ops;
    char host[256] = "";
    SG_TRY(sg_mpi_check(MPI_Bcast(&n, 1, MPI_INT64_T, 0, r->world->comm), "MPI_Bcast", err));
    sg_status status = n ? sg_ops_choose(r->p->study->train.precision, &ops, err) : SG_OK;
    if (status != SG_OK) {
        gethostname(host, sizeof host - 1);
        sg_err_at(err, "train.precision on %s", host);
    }
    return sg_agree(r->world, status, err);
}

static sg_status start(struct run *r, struct sg_err *err)
{
    struct sg_batches_out out;
    SG_TRY(note_batches(r, &out, err));
    int has_work = r->n_missing || (r->options->batch && out.n + out.n_abandoned);
    if (!has_work || r->options->offline)
        sg_endpoint_take_keys(r->p->study);
    if (!has_work)
        return SG_OK;
    if (r->options->offline)
        return say_missing(r, err);
    if (!r->options->batch)
        SG_TRY(sg_batch_refuse(r->ledger, r->p->study, err));
    sg_status status = open_endpoints(r, err);
    sg_endpoint_take_keys(r->p->study);
    return status;
}

static sg_status engine_run(struct run *r, const struct sg_team *world, struct sg_sender *sender,
                            struct sg_err *err)
{
    const struct sg_kind kinds[N_KINDS] = {
        [KIND_BUY] = sg_dispatch_kind(sender),
        [KIND_CELL] = {"cell", SG_SLOT_COMPUTE, cell_prepare, cell_work, cell_done, NULL, r->cells},
    };
    struct sg_engine *engine = NULL;
    SG_TRY(sg_engine_create(world, kinds, N_KINDS, &engine, err));
    sg_status status = SG_OK;
    if (world->rank == 0) {
        r->engine = engine;
        sg_dispatch_attach(r->dispatch, engine, KIND_BUY, r->endpoint);
        r->started = r->cache_written = sg_now_s();
        status = queue_all(r, err);
        int64_t there = r->progress.n_cells_done + r->progress.n_cells_failed;
        if (status == SG_OK && !r->options->quiet && there)
            fprintf(stderr, "%lld of %lld %s there already%s\n", (long long)there,
                    (long long)r->progress.n_cells, sg_plural(r->progress.n_cells, "cell is", "cells are"),
                    there == r->progress.n_cells ? "; nothing is left to do" : "");
    }
    status = sg_agree(world, status, err);
    /* All that is missing was asked for in queue_all: a run that has nothing to buy then never will. */
    struct sg_engine_hooks hooks = {
        .tick = tick, .tick_s = r->progress.n_requests_left ? BUY_TURN_S : 0, .context = r};
    if (status == SG_OK)
        status = sg_engine_run(engine, world->rank == 0 ? &hooks : NULL, err);
    sg_engine_destroy(engine);
    return status;
}

/* `generate --batch` and its like, in place of the engine; the consumers that are complete leave their results. */
static sg_status batch_run(struct run *r, struct sg_err *err)
{
    struct sg_batch_job job = {.action = r->options->batch,
                               .wait = r->options->wait,
                               .quiet = r->options->quiet,
                               .p = r->p,
                               .requests = r->requests,
                               .ledger = r->ledger,
                               .endpoint = r->endpoint,
                               .away = r->away,
                               .budget_usd = r->budget_usd};
    struct sg_batches_out out;
    r->progress.phase = "batches"; /* which say on stderr what becomes of them */
    SG_TRY(sg_progress_keep(&r->progress, r->p->study->results, r->started, 1, &r->keeper, err));
    sg_status status = sg_batch_run(&job, &r->verdict, &r->why, err);
    end_phase(r);
    SG_TRY(status);
    SG_TRY(sg_requests_count(r->requests, &r->progress.n_requests_left, NULL, err));
    SG_TRY(sg_requests_end_complete(r->requests, on_complete, r, err));
    r->n_cached = -1; /* what was collected is for others, too */
    return note_batches(r, &out, err);
}

/* Whom this rank buys from: with rank 0's addresses, keys and prices. */
struct sellers {
    int n;
    struct sg_generator *generator; /* (n) copies of the study's */
    struct sg_sender sender;
};

static sg_status make_sellers(struct run *r, struct sellers *s, struct sg_err *err)
{
    int n = r->p->study->n_generators;
    s->n = n;
    s->generator = sg_alloc((size_t)n, sizeof *s->generator);
    s->sender.endpoint = sg_alloc((size_t)n, sizeof *s->sender.endpoint);
    r->endpoint = sg_alloc((size_t)n, sizeof *r->endpoint);
    r->away = sg_alloc((size_t)n, sizeof *r->away);
    return s->generator && s->sender.endpoint && r->endpoint && r->away
               ? SG_OK
               : sg_fail_memory(err, (size_t)n * sizeof *s->generator);
}

/* Collective. */
static sg_status share_sellers(struct run *r, struct sellers *s, struct sg_err *err)
{
    s->sender.rank = r->world->rank;
    s->sender.n_endpoints = s->n;
    for (int g = 0; g < s->n; g++) {
        s->generator[g] = r->p->study->generator[g];
        SG_TRY(sg_endpoint_share(&r->endpoint[g], &s->generator[g], r->world, err));
        s->sender.endpoint[g] = (struct sg_sender_endpoint){
            .generator = &s->generator[g],
            .api_key = r->endpoint[g].api_key,
            .connections = (s->generator[g].connections + r->world->size - 1) / r->world->size};
    }
    return SG_OK;
}

static void free_sellers(struct run *r, struct sellers *s)
{
    for (int g = 0; g < s->n; g++) {
        if (s->sender.endpoint)
            sg_client_destroy(s->sender.endpoint[g].client);
        if (r->endpoint)
            sg_endpoint_close(&r->endpoint[g]);
    }
    sg_free(s->generator);
    sg_free(s->sender.endpoint);
    sg_free(r->endpoint);
    sg_free(r->away);
}

/* Collective. */
static sg_status measure(struct run *r, struct sg_err *err)
{
    sg_status status = r->world->rank == 0 ? begin_phase(r, "diversity", err) : SG_OK;
    status = sg_agree(r->world, status, err);
    if (status == SG_OK)
        status = sg_measure_diversity(r->world, r->p, r->ledger, NULL, err);
    end_phase(r);
    return status;
}

sg_status sg_run(const struct sg_team *world, const struct sg_run_options *o, struct sg_err *err)
{
    struct run r = {.options = o, .world = world, .started = sg_now_s()};
    struct sg_prepared *p = NULL;
    struct sellers sellers = {0};
    int without = (world->rank ? SG_PREPARE_WORKER : 0) | SG_PREPARE_NO_WEIGHTS;
    if (!o->quiet && !o->rehearsal)
        sg_watch_begin(world, o->study, o->n_overrides, o->overrides, o->buy_only);
    sg_status status = sg_prepare(o->study, o->n_overrides, o->overrides, without, &p, err);
    if (status == SG_OK && o->rehearsal)
        sg_rehearsal_redirect(o->rehearsal, p->study);
    if (status == SG_OK && world->rank == 0 && o->check)
        status = o->check(o->context, p, err);
    SG_TRY_DONE(sg_agree(world, status, err));
    SG_TRY_DONE(sg_same_ranks_of_study(world, p, !o->buy_only, err));
    if (!o->buy_only)
        SG_TRY_DONE(sg_encoder_read(p->encoder, world, err));
    sg_watch_signals(world, o->rehearsal != NULL);
    SG_TRY_DONE(sg_watch_create(&r.watch, world, err));
    if (world->rank != 0)
        sg_endpoint_take_keys(p->study);
    r.p = p;
    status = sg_cells_create(p, &r.cells, err);
    if (status == SG_OK)
        status = make_sellers(&r, &sellers, err);
    if (status == SG_OK && world->rank == 0)
        status = enter(&r, err);
    SG_TRY_DONE(sg_agree(world, status, err));
    SG_TRY_DONE(can_train(&r, err));
    status = world->rank == 0 ? start(&r, err) : SG_OK;
    SG_TRY_DONE(sg_agree(world, status, err));
    SG_TRY_DONE(share_sellers(&r, &sellers, err));
    end_phase(&r);
    status = SG_OK;
    if (!o->batch)
        status = engine_run(&r, world, &sellers.sender, err);
    else if (world->rank == 0)
        status = batch_run(&r, err);
    if (status == SG_OK && !o->buy_only)
        status = measure(&r, err);
    if (world->rank == 0) {
        status = finish(&r, status, err);
        tell_failure(&r, status, err); /* before a rank is waited for that may be gone */
    }
    status = sg_agree(world, status, err);
done:
    end_phase(&r);
    tell_failure(&r, status, err);
    sg_watch_free(&r.watch);
    free_sellers(&r, &sellers);
    sg_requests_destroy(r.requests);
    sg_dispatch_destroy(r.dispatch);
    sg_cache_close(r.cache);
    sg_resume_free(&r.resume);
    sg_ledger_close(r.ledger);
    sg_cells_destroy(r.cells);
    sg_free(r.cell);
    sg_free(r.h5_path);
    sg_prepared_destroy(p);
    return status;
}
