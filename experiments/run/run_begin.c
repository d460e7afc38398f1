#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/events.h"
#include "experiments/run/left_behind.h"
#include "experiments/run/own_data.h"
#include "experiments/run/own_sets.h"
#include "experiments/run/pools_text.h"
#include "experiments/run/provenance.h"
#include "results/h5/store.h"
#include "results/ledger/ledger_attempts.h"

#include <stdlib.h>
#include <string.h>

/* What other studies have bought, before anything is asked for. */
static sg_status open_cache(struct sg_run *r, int64_t *missing_of, struct sg_err *err)
{
    int64_t n = 0;
    SG_TRY(sg_cache_open(r->p->study, &r->cache, err));
    r->n_cached = sg_cache_has_own(r->cache) ? 0 : -1;
    if (!r->cache || !r->n_missing)
        return SG_OK;
    SG_TRY(sg_cache_import(r->cache, r->requests, r->ledger, &n, err));
    SG_TRY(sg_ledger_commit(r->ledger, err));
    if (n && !r->options->quiet)
        sg_tell("%lld %s in the cache (%s)", (long long)n, sg_plural(n, "completion is", "completions are"),
                r->p->study->cache);
    return n ? sg_requests_count(r->requests, &r->n_missing, missing_of, err) : SG_OK;
}

/* --retry-failed, --retry-refused: what was given up on is asked for again, where this run asks. */
static int retries(const struct sg_run *r)
{
    const struct sg_run_options *o = r->options;
    return (o->retry_failed || o->retry_refused) && !o->offline && !o->n_shares &&
           (o->batch == SG_BATCH_NONE || o->batch == SG_BATCH_SUBMIT);
}

static sg_status revive(struct sg_run *r, struct sg_err *err)
{
    int64_t n;
    if (!retries(r))
        return SG_OK;
    SG_TRY(sg_ledger_revive(r->ledger, r->options->retry_failed, r->options->retry_refused, &n, err));
    if (n && !r->options->quiet)
        sg_tell("%lld %s given up on %s asked for again", (long long)n,
                sg_plural(n, "request that was", "requests that were"), sg_plural(n, "is", "are"));
    return SG_OK;
}

static sg_status tell_left_behind(const struct sg_run *r, struct sg_err *err)
{
    int64_t n = 0;
    struct sg_buf sentence = sg_buf_make(10000);
    sg_status status = r->options->quiet ? SG_OK : sg_left_behind(r->p, r->ledger, &n, &sentence, err);
    if (status == SG_OK && n)
        sg_tell("%s", sg_buf_text(&sentence));
    sg_buf_free(&sentence);
    return status;
}

/* What the ledger has of the study's cells, and whether it still fits. */
static sg_status resume(struct sg_run *r, struct sg_err *err)
{
    r->resume.p = r->p;
    r->resume.ledger = r->ledger;
    r->resume.retry_failed = r->options->retry_failed;
    SG_TRY(revive(r, err));
    SG_TRY(sg_resume_enter(&r->resume, err));
    SG_TRY(tell_left_behind(r, err));
    return sg_cell_tidy(r->p, r->ledger, err);
}

/* What is missing, when ledger, recording and cache have been asked. */
static sg_status count_missing(struct sg_run *r, struct sg_err *err)
{
    const struct sg_study *s = r->p->study;
    int64_t n;
    SG_TRY(sg_requests_create(r->p, r->ledger, &r->requests, err));
    SG_TRY(sg_requests_expect(r->requests, -1, &n, err));
    if (n && sg_study_reads_recording(s))
        SG_TRY(sg_requests_import(r->requests, s->generator->recording, retries(r), err));
    /* Millions of requests take a minute to make: not for who lacks a key. The cache may have what is missing. */
    if (!s->cache && !r->options->offline && !r->options->batch && !r->options->with_llm &&
        !r->options->n_shares)
        SG_TRY(sg_endpoints_check_keys(s, r->requests, err));
    int64_t *of = sg_alloc((size_t)sg_requests_n_consumers(r->requests) + 1, sizeof *of);
    if (!of)
        return sg_fail_memory(err, 1000);
    sg_status status = sg_requests_count(r->requests, &r->n_missing, of, err);
    if (status == SG_OK)
        status = open_cache(r, of, err);
    if (status == SG_OK)
        status = sg_run_begin_waits(r, of, err);
    sg_free(of);
    return status;
}

/* What killed runs have left half written: the lease is ours, so that nobody else is at work on them. */
static void tidy(const struct sg_run *r)
{
    char *words = sg_path_join(r->p->study->results, "words");
    sg_store_tidy(r->h5_path);
    sg_file_tidy(r->p->study->results, "status.json");
    sg_file_tidy(words, NULL);
    sg_free(words);
}

static sg_status open_ledger(struct sg_run *r, struct sg_err *err)
{
    const struct sg_run_options *o = r->options;
    struct sg_study *s = r->p->study;
    SG_TRY(sg_ledger_open(s->results, SG_LEDGER_WRITE, &r->ledger, err));
    tidy(r);
    if (!o->quiet)
        SG_TRY(sg_own_sets_tell(r->p, r->ledger, err));
    SG_TRY(sg_provenance_write(r->ledger, r->p, r->world, err));
    r->is_ours = 1;
    SG_TRY(sg_run_begin_phase(r, "starting", err));
    if (!o->quiet)
        SG_TRY(sg_own_data_tell(s, r->p->data, r->ledger, err));
    return o->opened ? o->opened(o->context, r->ledger, err) : SG_OK;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(const struct sg_cell *const *)a)->id, (*(const struct sg_cell *const *)b)->id);
}

/* --share: ids are hashes, so that each share has cells of all kinds, and all shares are alike to one cell. */
static sg_status deal(struct sg_run *r, struct sg_err *err)
{
    const struct sg_run_options *o = r->options;
    int64_t n = r->p->grid.n_cells, n_mine = 0;
    if (!o->n_shares)
        return SG_OK;
    const struct sg_cell **cell = sg_alloc((size_t)n + 1, sizeof *cell);
    r->is_ours_to_train = sg_alloc((size_t)n + 1, 1);
    if (!cell || !r->is_ours_to_train) {
        sg_free(cell);
        return sg_fail_memory(err, (size_t)n * sizeof *cell);
    }
    for (int64_t i = 0; i < n; i++)
        cell[i] = &r->p->grid.cell[i];
    qsort(cell, (size_t)n, sizeof *cell, by_id);
    for (int64_t i = o->share - 1; i < n; i += o->n_shares, n_mine++)
        r->is_ours_to_train[cell[i] - r->p->grid.cell] = 1;
    r->progress.n_cells = n_mine;
    sg_free(cell);
    return SG_OK;
}

static sg_status make(struct sg_run *r, struct sg_err *err)
{
    const struct sg_study *s = r->p->study;
    r->cell = sg_alloc((size_t)r->p->grid.n_cells + 1, sizeof *r->cell);
    r->h5_path = sg_path_join(s->results, "results.h5");
    if (!r->cell || !r->h5_path)
        return sg_fail_memory(err, (size_t)r->p->grid.n_cells * sizeof *r->cell);
    for (int64_t i = 0; i < r->p->grid.n_cells; i++)
        r->n_probes += r->p->grid.cell[i].classifier == SG_PROBE;
    r->budget_usd = r->options->max_usd >= 0 ? r->options->max_usd : s->budget_usd;
    r->max_failed = sg_max_failed(s->max_failed, r->p->grid.n_cells);
    r->progress = (struct sg_progress){.study = s->name,
                                       .phase = "starting",
                                       .n_cells = r->p->grid.n_cells,
                                       .n_pools = r->p->grid.n_pools,
                                       .eta_s = -1,
                                       .n_ranks = r->world->size,
                                       .message = ""};
    return deal(r, err);
}

/* --offline, and completions are missing: which, and the command that gets them. */
static sg_status print_missing(struct sg_run *r, struct sg_err *err)
{
    int64_t n;
    SG_TRY(sg_pools_text_tell_missing(r->p, r->requests, &n, err));
    return sg_fail(err, SG_INPUT,
                   "--offline, but %lld %s missing; hint: `synthgrid generate %s results=%s` with the same "
                   "key=value settings, where there is a network, gets %s; or set generator.recording",
                   (long long)n, sg_plural(n, "completion is", "completions are"), r->p->study->path,
                   r->p->study->results, sg_plural(n, "it", "them"));
}

/* --share, and completions are missing: each share has a folder of its own, and would buy all of them. */
static sg_status refuse_to_buy(struct sg_run *r, struct sg_err *err)
{
    int64_t n;
    SG_TRY(sg_pools_text_tell_missing(r->p, r->requests, &n, err));
    return sg_fail(err, SG_INPUT,
                   "--share trains on what is bought, and %lld %s missing, which each share would buy for "
                   "itself; hint: `synthgrid generate %s` with the same key=value settings buys, then each "
                   "share runs in a copy of its results folder",
                   (long long)n, sg_plural(n, "completion is", "completions are"), r->p->study->path);
}

sg_status sg_run_note_batches(struct sg_run *r, struct sg_batches_out *out, struct sg_err *err)
{
    SG_TRY(sg_batch_count(r->ledger, out, err));
    r->progress.n_batches = out->n + out->n_abandoned;
    r->progress.n_batch_requests = out->n_requests;
    return SG_OK;
}

sg_status sg_run_begin(struct sg_run *r, sg_requests_complete complete, struct sg_err *err)
{
    const struct sg_study *s = r->p->study;
    if (r->options->batch)
        SG_TRY(sg_batch_check(s, err));
    SG_TRY(make(r, err));
    SG_TRY(open_ledger(r, err));
    SG_TRY(resume(r, err));
    SG_TRY(count_missing(r, err));
    SG_TRY(sg_resume_count(&r->resume, r->options->buy_only, err));
    SG_TRY(sg_dispatch_create(&(struct sg_dispatch_settings){.n_generators = s->n_generators,
                                                             .generator = s->generator,
                                                             .ledger = r->ledger,
                                                             .budget_usd = r->budget_usd,
                                                             .n_ranks = r->world->size},
                              &r->dispatch, err));
    SG_TRY(sg_requests_attach(r->requests, r->dispatch, complete, r, err));
    sg_event_run_started(r);
    return SG_OK;
}

sg_status sg_run_open_endpoints(struct sg_run *r, struct sg_err *err)
{
    struct sg_batches_out out;
    SG_TRY(sg_run_note_batches(r, &out, err));
    if (!r->n_missing && !(r->options->batch && out.n + out.n_abandoned))
        return SG_OK;
    if (r->options->offline)
        return print_missing(r, err);
    if (r->options->n_shares)
        return refuse_to_buy(r, err);
    if (!r->options->batch)
        SG_TRY(sg_batch_refuse(r->ledger, r->p->study, err));
    if (r->options->with_llm)
        SG_TRY(sg_run_companion_start(r, err));
    return sg_endpoints_open(&r->endpoints,
                             &(struct sg_endpoints_settings){.study = r->p->study,
                                                             .requests = r->requests,
                                                             .ledger = r->ledger,
                                                             .budget_usd = r->budget_usd,
                                                             .batch = r->options->batch,
                                                             .quiet = r->options->quiet},
                             err);
}
