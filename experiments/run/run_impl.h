/* Inside of a run: run.c (the order of things), run_begin.c (what there is, and what is to do), run_cells.c (cells as the engine's
 * work), run_turn.c (what is done and shown while the engine runs), run_ranks.c (what each rank does), run_waits.c (what cells wait for), run_companion.c (its LLM server),
 * run_end.c (how it ends). */
#ifndef SG_EXPERIMENTS_RUN_RUN_IMPL_H
#define SG_EXPERIMENTS_RUN_RUN_IMPL_H

#include "base/cores.h"
#include "experiments/buying/cache.h"
#include "experiments/buying/endpoints.h"
#include "experiments/buying/requests.h"
#include "experiments/run/alive.h"
#include "experiments/run/cell_items.h"
#include "experiments/run/fill_words.h"
#include "experiments/run/progress.h"
#include "experiments/run/resume.h"
#include "experiments/run/round_work.h"
#include "experiments/run/run.h"
#include "experiments/run/watch.h"
#include "gen/llm/companion.h"

/* The engine's kinds of work. */
enum {
    SG_RUN_BUY,
    SG_RUN_CELLS /* the first of cell_items.h */,
    SG_RUN_ROUNDS = SG_RUN_CELLS + SG_CELL_N_KINDS,
    SG_RUN_N_KINDS
};

struct sg_run;

/* What the engine hands back with a cell. */
struct sg_run_cell {
    struct sg_cell_item item;
    struct sg_run *run;
};

/* Rank 0's view, but where it says otherwise; the coordinator's thread while the engine runs. */
struct sg_run {
    const struct sg_run_options *options; /* these, all ranks */
    const struct sg_team *world;
    struct sg_prepared *p;
    struct sg_endpoints endpoints;
    struct sg_watch watch;
    struct sg_alive *alive;       /* of every rank */
    struct sg_cell_items items;   /* of every rank, */
    struct sg_round_work *rounds; /* and this */
    struct sg_mask_head *head;    /* of every rank, where free pools need it; else NULL */

    struct sg_ledger *ledger;
    struct sg_engine *engine;
    struct sg_run_cell *cell; /* (n_cells) */
    int64_t n_probes, n_probes_over,
        n_probes_now; /* probe cells; those that are over; of them, by this run */
    struct sg_requests *requests;
    struct sg_dispatch *dispatch;
    struct sg_cache *cache; /* NULL: none */
    int64_t
        n_cached; /* of progress.n_completions: those that the cache has already; -1: it has no file of this study */
    sg_status batch_outcome;                     /* of buying by batches, */
    struct sg_err batch_why;                     /* and its sentence */
    double budget_usd;                           /* < 0: none */
    int64_t max_failed;                          /* cells; < 0: any */
    double began, started, cache_written, shown; /* began: the command; started: the engine */
    struct sg_run_waited *waited; /* (consumers) what the ledger has of what they wait for (run_waits.c) */
    double waits_noted;
    struct sg_resume resume;
    int64_t n_missing;      /* completions when the run began */
    char *is_ours_to_train; /* (n_cells); NULL: all are */
    char *h5_path;

    struct sg_results_thread *results; /* that writes results.h5 while cells run; NULL: none does */
    double results_due;                /* when the next one does; 0: not known yet */
    int64_t n_in_results;              /* cells that were over for the last one */
    int has_warned_of_results;         /* that results.h5 cannot be written meanwhile */

    struct sg_companion *companion; /* NULL: none was started */
    int asks_companion[SG_MAX_GENERATORS],
        companion_is_over;                       /* which generators ask it; it is no concern any more */
    unsigned char companion_cores[SG_CORE_MASK]; /* of all ranks of this node */
    char *companion_log;

    struct sg_progress progress;
    struct sg_progress_rank rank_row[SG_PROGRESS_RANKS];
    double ranks_noted;                       /* when: as often as status.json is written */
    struct sg_progress_keeper *keeper;        /* of phases without turns; NULL: none */
    int has_warned;                           /* that status.json cannot be written */
    const char *told_phase;                   /* of events: the last one, */
    int64_t told_failures[SG_MAX_GENERATORS]; /* attempts without an answer, */
    char digest[SG_HEX];                      /* and the content digest of results.h5, once it is written */
    int shows_stop;                           /* status.json says that the run stops */
    int is_ours;                              /* the folder: it is this study's, and the lease is ours */
    sg_status end;                            /* the end that status.json has, */
    int has_end;                              /* if it has one */
};

/* ---- run_begin.c ---- */

/* Reads what is there, and what is to do: ledger, recording, cache; whoever buys is made. */
sg_status sg_run_begin(struct sg_run *r, sg_requests_complete complete, struct sg_err *err) SG_MUST_USE;

/* Opens the endpoints that have something to answer; or says why nothing can be bought that is missing. */
sg_status sg_run_open_endpoints(struct sg_run *r, struct sg_err *err) SG_MUST_USE;

/* Batches that nobody has collected, for status.json. */
sg_status sg_run_note_batches(struct sg_run *r, struct sg_batches_out *out, struct sg_err *err) SG_MUST_USE;

/* ---- run_cells.c ---- */

/* Queues the cells that waited for a consumer (sg_cell_waits_for; -1: for none) and are not over; counts those that are. */
sg_status sg_run_add_cells(struct sg_run *r, int64_t consumer, struct sg_err *err) SG_MUST_USE;

/* SG_STOPPED where more cells have failed than the study allows; last: why one did, NULL: in earlier runs. */
sg_status sg_run_check_failed(const struct sg_run *r, const char *last, struct sg_err *err) SG_MUST_USE;

/* What a cell's work has come to, into the ledger: `done` of cell_items.h; user: a struct sg_run_cell. */
sg_status sg_run_cell_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err) SG_MUST_USE;

/* The engine's `started` and a cell's `event` (experiments/run/cell_work.h): told as events. context of the former: the run. */
void sg_run_started(void *context, int kind, void *user, const int *ranks, int n_ranks);
sg_status sg_run_cell_event(void *context, void *user, const void *bytes, size_t n, struct sg_engine *e,
                            struct sg_err *err) SG_MUST_USE;

/* For sg_watch_turn: what a silent rank has in hand. context: the run. */
void sg_run_describe_work(void *context, const struct sg_engine_silence *s, char *text, size_t n);

/* ---- run_ranks.c ---- */

/* The cell that an item of the engine's is; NULL: it is none. */
const struct sg_cell *sg_run_cell_of(int kind, const void *user);

/* What such an item is, in words: of a cell experiments/run/cell_words.h. */
void sg_run_work_words(const struct sg_run *r, int kind, const void *user, char *text, size_t n);

/* What the first ranks do, and how many do something, into r->progress; at the pace of status.json. */
void sg_run_note_ranks(struct sg_run *r, const struct sg_engine *e);

/* ---- run_waits.c ---- */

/* What consumers (experiments/buying/requests.h) lack, for who asks the ledger: when the run begins, n_missing (consumers); commits. In
 * turns, at the pace of status.json; consumer i is complete (uncommitted). */
sg_status sg_run_begin_waits(struct sg_run *r, const int64_t *n_missing, struct sg_err *err) SG_MUST_USE;
sg_status sg_run_note_waits(struct sg_run *r, struct sg_err *err) SG_MUST_USE;
sg_status sg_run_waits_no_more(struct sg_run *r, int64_t i, struct sg_err *err) SG_MUST_USE;

/* ---- run_turn.c ---- */

/* results.h5 is written so often while cells run, 300 s, where there is something new; seldom enough to take 5 % of a core. For tests. */
extern double sg_results_every_s;

/* A phase in which the engine takes no turns: status.json and the progress line go on all the same. */
sg_status sg_run_begin_phase(struct sg_run *r, const char *phase, struct sg_err *err) SG_MUST_USE;
void sg_run_end_phase(struct sg_run *r);

/* What was bought in this run, and the latest failure of all generators, which a person sees beside the numbers: a run that waits for
 * a server must not look like one that works. */
void sg_run_note_buying(struct sg_run *r);

/* The cache is another study's gain: that it cannot be written ends no run. */
void sg_run_write_cache(struct sg_run *r);

/* Whoever writes results.h5 meanwhile is stopped, before others use HDF5. */
void sg_run_end_results(struct sg_run *r);

/* The engine's tick; context: the run. */
sg_status sg_run_tick(void *context, const struct sg_engine *e, struct sg_err *err) SG_MUST_USE;

/* ---- run_companion.c: options->with_llm ---- */

/* Collective over all ranks. The cores that its server may use: a launcher may have bound rank 0 to one. */
sg_status sg_run_companion_cores(struct sg_run *r, struct sg_err *err) SG_MUST_USE;

/* Where something is missing that it is to answer, starts the server, waits until it is healthy, and points its generators there. SG_INPUT
 * where it dies before that, SG_STOPPED where the run is asked to stop. */
sg_status sg_run_companion_start(struct sg_run *r, struct sg_err *err) SG_MUST_USE;

/* In each turn: nothing leaves while it is started again; when it has died too often, its generators are over; when all is bought, it is
 * ended. */
void sg_run_companion_turn(struct sg_run *r);

void sg_run_companion_end(struct sg_run *r);

/* ---- run_end.c ---- */

/* The verdict of results.h5 on standard output: a row a task, and a few sentences. */
sg_status sg_run_print_verdict(const struct sg_run *r, struct sg_err *err) SG_MUST_USE;

/* results.h5, status.json, the closing lines; how the command ends, given how the work did. */
sg_status sg_run_finish(struct sg_run *r, sg_status status, struct sg_err *err) SG_MUST_USE;

/* Ends the job, as a rank is lost: commits, says so in status.json and on stderr, gives the lease back. Does not return. */
_Noreturn void sg_run_end_lost(struct sg_run *r, const char *text);

/* The end of a run that broke, if status.json does not have it yet. Another run's folder is left alone. */
void sg_run_write_failure(struct sg_run *r, sg_status status, struct sg_err *why);

#endif
