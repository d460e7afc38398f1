/* One study from start to results.h5; and the plan of it. */
#ifndef SG_EXPERIMENTS_RUN_RUN_H
#define SG_EXPERIMENTS_RUN_RUN_H

#include "base/buf.h"
#include "experiments/buying/batch.h"
#include "mpi/comm.h"

struct sg_ledger;
struct sg_prepared;
struct sg_study;

struct sg_run_options {
    int64_t n_ranks,
        n_threads; /* `plan` alone: the job that it reckons for; 0: one rank, as many threads as train.threads or this
                                   machine's cores */
    const char *study;
    int n_overrides;
    const char *const *overrides;
    double max_usd; /* < 0: the study's budget.usd */
    const char *
        with_llm; /* the command of an LLM server to be started beside rank 0 (gen/llm/companion.h); NULL: none */
    int offline;                /* open no socket; say what is missing before any work */
    int buy_only;               /* `generate`: fill the pools and train nothing */
    enum sg_batch_action batch; /* with buy_only: buy through the provider's batch API */
    int wait;                   /* until its batches are over */
    const char *simulate; /* `plan`: numbers of ranks, like "64,256", to pack the cells onto; NULL: none */
    int retry_failed;     /* train cells again that failed in an earlier run, and ask again what did */
    int retry_refused;    /* ask again what the server has refused in an earlier run */
    int64_t share,
        n_shares; /* n_shares > 0: of the cells in the order of their ids each n_shares-th, from number `share` (1 to n_shares) on.
                                Pools are not measured: who merges the shares does that. SG_INPUT where completions are missing: each share would buy them. */
    int quiet;    /* no progress, no closing table */
    int events; /* what happens as JSON on standard output (experiments/run/events.h), in place of all else there */
    /* A run that is begun anew each time: what its end at once is answered with, where a signal asks for it, in place of that the same
     * command goes on; its caller says what runs. Static text; NULL: a study's own run, which goes on. */
    const char *when_dropped;
    /* What else belongs to the run, each NULL: nothing. The study is read (every rank, may change it); all inputs are (rank 0, before any
     * work); the ledger is open (rank 0, may put into it). */
    sg_status (*prepared)(void *context, struct sg_study *s, struct sg_err *err);
    sg_status (*check)(void *context, const struct sg_prepared *p, struct sg_err *err);
    sg_status (*opened)(void *context, struct sg_ledger *l, struct sg_err *err);
    void *context;
    char *digest; /* (SG_HEX) rank 0: gets the content digest of results.h5; NULL: not wanted */
};

/* Collective over all ranks. Resumes what <results>/ledger.sqlite has; ends with <results>/results.h5 and
 * status.json. SG_OK; SG_PARTIAL when cells failed (buy_only: pools stayed empty); SG_STOPPED at a limit or signal; SG_INPUT before any work
 * for what the user has to change. */
sg_status sg_run(const struct sg_team *world, const struct sg_run_options *o, struct sg_err *err) SG_MUST_USE;

/* Local. Appends the grid, requests, tokens, cost, hours, memory, what the ledger (and recording) already has, and all that is missing; as
 * text or JSON. What is missing is estimated; SG_INPUT, with the plan written, for what is there and wrong. */
sg_status sg_plan(const struct sg_run_options *o, int json, struct sg_buf *out,
                  struct sg_err *err) SG_MUST_USE;

#endif
