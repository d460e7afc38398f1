#include "experiments/run/run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/events.h"
#include "experiments/run/measure.h"
#include "experiments/run/same_ranks.h"
#include "model/kernels/ops.h"

#include <unistd.h>

/* How often the dispatcher is looked after while there is something to buy: beside the 200 ms of a request it is nothing. */
static const double BUY_TURN_S = 0.003;

/* All pools are full: nobody looks for near-duplicates any more. */
static void rest(const struct sg_prepared *p)
{
    for (int t = 0; t < p->study->n_tasks; t++)
        sg_near_rest(p->near[t]);
    sg_mem_trim();
}

/* Consumer i has all that it needs: what its texts are measured by is in the ledger, and the cells that waited for it queue. */
static sg_status on_complete(void *context, int64_t i, struct sg_err *err)
{
    struct sg_run *r = context;
    r->progress.n_pools_done += i < r->p->grid.n_pools;
    if (i < r->p->grid.n_pools && r->progress.n_pools_done == r->p->grid.n_pools)
        rest(r->p);
    sg_event_filled(r, i);
    SG_TRY(sg_run_waits_no_more(r, i, err));
    SG_TRY(sg_resume_settle(&r->resume, i, err));
    return sg_run_add_cells(r, i, err);
}

/* Consumer i is a pool whose next round waits for a classifier. */
static sg_status on_fit(void *context, int64_t i, struct sg_err *err)
{
    struct sg_run *r = context;
    return sg_round_work_add(r->rounds, r->engine, SG_RUN_CELLS + SG_CELL_VECTORS, SG_RUN_ROUNDS, i, err);
}

/* Where answers come by batches: the pool moves on as far as the ledger has them. */
static sg_status look_again(struct sg_run *r, int64_t pool, struct sg_err *err)
{
    struct sg_request_list some = {.max = 1};
    sg_status status = sg_requests_advance(r->requests, pool, &some, err);
    sg_request_list_free(&some);
    return status == SG_OK && sg_requests_fit_key(r->requests, pool)[0] ? on_fit(r, pool, err) : status;
}

/* It is there, and the pool's next requests are made. */
static sg_status on_fitted(void *context, int64_t pool, const float *logits, int rank, struct sg_err *err)
{
    struct sg_run *r = context;
    SG_TRY(sg_requests_put_fit(r->requests, pool, logits, rank, err));
    return r->options->batch ? look_again(r, pool, err) : sg_requests_go_on(r->requests, pool, err);
}

static sg_status queue_all(struct sg_run *r, struct sg_err *err)
{
    SG_TRY(sg_run_add_cells(r, -1, err));
    SG_TRY(sg_requests_start(r->requests, err));
    sg_run_note_buying(r);
    SG_TRY(sg_run_check_failed(r, NULL, err));
    int64_t there = r->progress.n_cells_done + r->progress.n_cells_failed;
    if (!r->options->quiet && there)
        sg_tell("%lld of %lld %s there already%s", (long long)there, (long long)r->progress.n_cells,
                sg_plural(r->progress.n_cells, "cell is", "cells are"),
                there == r->progress.n_cells ? "; nothing is left to do" : "");
    return SG_OK;
}

/* Collective, before anything is bought: each rank may be given a cell to train. */
static sg_status can_train(const struct sg_run *r, struct sg_err *err)
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

/* Collective. */
static sg_status engine_create(struct sg_run *r, struct sg_engine **out, struct sg_err *err)
{
    struct sg_kind kinds[SG_RUN_N_KINDS] = {[SG_RUN_BUY] = sg_dispatch_kind(&r->endpoints.sender)};
    sg_cell_items_kinds(&r->items, sg_run_cell_done, &kinds[SG_RUN_CELLS]);
    kinds[SG_RUN_CELLS + SG_CELL_FINE_TUNE].event = sg_run_cell_event;
    kinds[SG_RUN_ROUNDS] = sg_round_work_kind(r->rounds, on_fitted, r);
    SG_TRY(sg_engine_create(r->world, kinds, SG_RUN_N_KINDS, out, err));
    r->engine = *out;
    return SG_OK;
}

/* Collective. */
static sg_status engine_run(struct sg_run *r, struct sg_err *err)
{
    const struct sg_team *world = r->world;
    struct sg_engine *engine = NULL;
    SG_TRY(engine_create(r, &engine, err));
    sg_status status = SG_OK;
    if (world->rank == 0) {
        sg_dispatch_attach(r->dispatch, engine, SG_RUN_BUY, &r->endpoints);
        sg_requests_attach_fits(r->requests, on_fit, r);
        r->started = r->cache_written = sg_now_s();
        status = queue_all(r, err);
    }
    status = sg_agree(world, status, err);
    /* All that is missing was asked for in queue_all: a run that has nothing to buy then never will. */
    struct sg_engine_hooks hooks = {.tick = sg_run_tick,
                                    .tick_s = r->progress.n_requests_left ? BUY_TURN_S : 0,
                                    .started = r->options->events ? sg_run_started : NULL,
                                    .context = r,
                                    .until_s = sg_watch_until_s()};
    if (status == SG_OK)
        status = sg_engine_run(engine, world->rank == 0 ? &hooks : NULL, err);
    if (world->rank == 0)
        sg_run_end_results(r);
    if (status == SG_OK) /* short cells are committed by turns, and there are no more */
        status = sg_agree(world, world->rank == 0 ? sg_ledger_commit(r->ledger, err) : SG_OK, err);
    sg_engine_destroy(engine);
    return status;
}

/* Collective. The classifiers that the next batches wait for. */
static sg_status fit_for_batches(struct sg_run *r, struct sg_engine *engine, struct sg_err *err)
{
    sg_status status = r->world->rank == 0 ? sg_run_begin_phase(r, "classifiers", err) : SG_OK;
    for (int64_t i = 0; r->world->rank == 0 && status == SG_OK && i < r->p->grid.n_pools; i++)
        status = look_again(r, i, err);
    status = sg_agree(r->world, status, err);
    if (status == SG_OK)
        status = sg_engine_run(engine, NULL, err);
    sg_run_end_phase(r);
    return status;
}

/* `generate --batch` and its like, in place of the engine; the consumers that are complete leave their results. */
static sg_status batch_run(struct sg_run *r, struct sg_err *err)
{
    struct sg_batch_job job = {.action = r->options->batch,
                               .wait = r->options->wait,
                               .quiet = r->options->quiet,
                               .p = r->p,
                               .requests = r->requests,
                               .ledger = r->ledger,
                               .endpoints = &r->endpoints,
                               .budget_usd = r->budget_usd};
    r->progress.phase = "batches"; /* which say on stderr what becomes of them */
    SG_TRY(sg_progress_keep(&r->progress, r->p->study->results, r->started, 1, &r->keeper, err));
    sg_status status = sg_batch_run(&job, &r->batch_outcome, &r->batch_why, err);
    sg_run_end_phase(r);
    return status;
}

/* What the batches have come to. */
static sg_status batch_end(struct sg_run *r, struct sg_err *err)
{
    struct sg_batches_out out;
    SG_TRY(sg_requests_count(r->requests, &r->progress.n_requests_left, NULL, err));
    SG_TRY(sg_requests_end_complete(r->requests, on_complete, r, err));
    r->n_cached = -1; /* what was collected is for others, too */
    return sg_run_note_batches(r, &out, err);
}

/* Whether the batches that were waited for have filled a round. */
static int has_next_round(const struct sg_run *r)
{
    int waits = 0;
    for (int64_t i = 0; i < r->p->grid.n_pools; i++)
        waits |= sg_requests_fit_key(r->requests, i)[0] != 0;
    return waits && r->options->wait && r->options->batch == SG_BATCH_SUBMIT &&
           r->batch_outcome == SG_STOPPED && !sg_engine_stop_requested();
}

/* Collective. A round of a pool is a batch. */
static sg_status rounds_by_batches(struct sg_run *r, struct sg_engine *engine, struct sg_err *err)
{
    for (int again = 1; again;) {
        if (engine)
            SG_TRY(fit_for_batches(r, engine, err));
        sg_status status = r->world->rank == 0 ? batch_run(r, err) : SG_OK;
        SG_TRY(sg_agree(r->world, status, err));
        again = r->world->rank == 0 && has_next_round(r);
        SG_TRY(sg_mpi_check(MPI_Bcast(&again, 1, MPI_INT, 0, r->world->comm), "MPI_Bcast", err));
    }
    return SG_OK;
}

/* Collective. */
static sg_status batches_run(struct sg_run *r, struct sg_err *err)
{
    struct sg_engine *engine = NULL;
    if (r->options->batch == SG_BATCH_SUBMIT && sg_study_has_rounds(r->p->study))
        SG_TRY(engine_create(r, &engine, err));
    sg_status status = rounds_by_batches(r, engine, err);
    sg_engine_destroy(engine);
    return status == SG_OK && r->world->rank == 0 ? batch_end(r, err) : status;
}

/* Collective. */
static sg_status measure(struct sg_run *r, struct sg_err *err)
{
    sg_status status = r->world->rank == 0 ? sg_run_begin_phase(r, "diversity", err) : SG_OK;
    status = sg_agree(r->world, status, err);
    if (status == SG_OK)
        status = sg_measure_embeddings(r->world, r->p, r->items.vectors, r->ledger, NULL, err);
    sg_run_end_phase(r);
    return status;
}

/* Collective. The study is read, and all ranks have the same of it. */
static sg_status prepare(struct sg_run *r, struct sg_err *err)
{
    const struct sg_run_options *o = r->options;
    int without = (r->world->rank ? SG_PREPARE_WORKER : 0) | SG_PREPARE_NO_WEIGHTS;
    sg_status status = sg_prepare(o->study, o->n_overrides, o->overrides, without, &r->p, err);
    if (status == SG_OK && o->prepared)
        status = o->prepared(o->context, r->p->study, err);
    if (status == SG_OK && r->world->rank == 0 && o->check)
        status = o->check(o->context, r->p, err);
    SG_TRY(sg_agree(r->world, status, err));
    /* What is bought may depend on what a classifier says, whichever rank fits it. */
    int takes_encoder = !o->buy_only || sg_study_has_rounds(r->p->study);
    SG_TRY(sg_same_ranks_of_study(r->world, r->p, takes_encoder, err));
    if (!takes_encoder)
        return SG_OK;
    if (!o->buy_only && sg_study_needs_words(r->p->study))
        SG_TRY(sg_agree(r->world, sg_mask_head_load(r->p->encoder, &r->head, err), err));
    return sg_encoder_read(r->p->encoder, r->world, err);
}

/* Collective. What there is, and what is to do; whom to buy from. */
static sg_status begin(struct sg_run *r, struct sg_err *err)
{
    int is_rank_0 = r->world->rank == 0;
    if (!is_rank_0)
        sg_endpoints_take_keys(r->p->study);
    sg_status status = sg_cell_items_create(r->p, SG_RUN_CELLS, &r->items, err);
    if (status == SG_OK)
        status = sg_round_work_create(r->p, r->items.vectors, &r->rounds, err);
    if (status == SG_OK)
        status = sg_endpoints_create(r->p->study, &r->endpoints, err);
    if (status == SG_OK && is_rank_0)
        status = sg_run_begin(r, on_complete, err);
    SG_TRY(sg_agree(r->world, status, err));
    SG_TRY(can_train(r, err));
    if (r->options->with_llm)
        SG_TRY(sg_run_companion_cores(r, err));
    if (is_rank_0) {
        status = sg_run_open_endpoints(r, err);
        sg_endpoints_take_keys(r->p->study);
    }
    if (r->options->with_llm) /* which may load for a long time */
        SG_TRY(sg_wait_all(r->world, err));
    SG_TRY(sg_agree(r->world, status, err));
    SG_TRY(sg_endpoints_share(&r->endpoints, r->world, err));
    sg_run_end_phase(r);
    return SG_OK;
}

/* Collective. Free pools that take the encoder are there before their cells are handed out. */
static sg_status fill_words(struct sg_run *r, struct sg_err *err)
{
    sg_status status = r->world->rank == 0 ? sg_run_begin_phase(r, "free pools", err) : SG_OK;
    status = sg_agree(r->world, status, err);
    if (status == SG_OK)
        status = sg_fill_words(r->world, r->p, r->head, err);
    sg_run_end_phase(r);
    return status;
}

/* Collective. Buying, training, measuring. */
static sg_status work(struct sg_run *r, struct sg_err *err)
{
    sg_status status = SG_OK;
    if (r->head)
        SG_TRY(fill_words(r, err));
    status = r->options->batch ? batches_run(r, err) : engine_run(r, err);
    sg_mem_trim(); /* of cells' arrays: measuring and writing results.h5 take memory that is not ours to count */
    return status == SG_OK && !r->options->buy_only && !r->options->n_shares ? measure(r, err) : status;
}

static void free_all(struct sg_run *r)
{
    sg_alive_stop(r->alive);
    sg_watch_free(&r->watch);
    sg_run_companion_end(r);
    sg_endpoints_close(&r->endpoints);
    sg_requests_destroy(r->requests);
    sg_dispatch_destroy(r->dispatch);
    sg_cache_close(r->cache);
    sg_resume_free(&r->resume);
    sg_ledger_close(r->ledger);
    sg_round_work_destroy(r->rounds);
    sg_cell_items_destroy(&r->items);
    sg_mask_head_destroy(r->head);
    sg_free(r->waited);
    sg_free(r->cell);
    sg_free(r->is_ours_to_train);
    sg_free(r->h5_path);
    sg_prepared_destroy(r->p);
}

sg_status sg_run(const struct sg_team *world, const struct sg_run_options *o, struct sg_err *err)
{
    struct sg_run r = {.options = o, .world = world, .began = sg_now_s(), .started = sg_now_s()};
    if (!o->quiet && !o->when_dropped)
        sg_watch_begin(world, o->study, o->n_overrides, o->overrides, o->buy_only);
    sg_status status = SG_OK;
    SG_TRY_DONE(sg_alive_start(world, &r.alive, err));
    SG_TRY_DONE(prepare(&r, err));
    sg_watch_signals(world, o->when_dropped);
    SG_TRY_DONE(sg_watch_create(&r.watch, world, err));
    SG_TRY_DONE(begin(&r, err));
    status = work(&r, err);
    if (world->rank == 0) {
        status = sg_run_finish(&r, status, err);
        sg_run_write_failure(&r, status, err); /* before a rank is waited for that may be gone */
    }
    status = sg_agree(world, status, err);
done:
    sg_run_end_phase(&r);
    sg_run_write_failure(&r, status, err);
    if (r.has_end)
        sg_event_run_ended(&r, status, err->text);
    if (world->rank == 0 && !o->quiet)
        sg_tell_progress("", 1);
    free_all(&r);
    return status;
}
