/* What `synthgrid plan` counts, and how it tells it: plan.c looks for what is there already, plan_estimate.c reckons, plan_text.c and
 * plan_json.c tell the same facts. */
#ifndef SG_EXPERIMENTS_RUN_PLAN_H
#define SG_EXPERIMENTS_RUN_PLAN_H

#include "base/buf.h"
#include "base/set.h"
#include "experiments/buying/batch.h"
#include "experiments/study/generators.h"
#include "experiments/study/prepare.h"
#include "mpi/simulate.h"
#include "results/ledger/ledger.h"

#include <jansson.h>

struct sg_run_options;

/* Where completions may come from without asking anybody: the ledger of an earlier run, the recording, the cache. */
struct sg_plan_sources {
    struct sg_ledger *ledger; /* NULL: none yet */
    json_t *recorded;         /* key -> [status, text, finish_reason] */
    int64_t n_recorded, n_cached;
};

struct sg_plan_counts {
    struct sg_set *seen, *lists;               /* keys of what is missing, and of the lists of topics */
    int64_t n_requests, tokens_in, tokens_out; /* of full pools, if nothing is rejected, and of evaluations */
    int64_t n_missing, missing_in, missing_out; /* of those that are not there yet */
    struct {
        int64_t n, in, out;
    } of[SG_MAX_GENERATORS]; /* the same, of each generator */
    int64_t n_classify;      /* of n_requests, those that ask for the class of a test row */
    int64_t n_contamination; /* those that ask to complete one */
    int64_t n_verify;        /* and those that ask for the class of a synthetic example */
    int64_t n_cells, n_cells_done, n_raw_only, n_probes;
    int64_t n_stale;           /* cells that were done on other texts: to be trained again */
    int64_t n_left_behind;     /* finished cells of the ledger that are no part of the study, */
    struct sg_buf left_behind; /* and a sentence of them (experiments/run/left_behind.h) */
    struct sg_batches_out batches;
    int64_t n_few;     /* cells of too few steps to learn much */
    int64_t few_steps; /* the fewest of them */
    double longest;    /* of them, the one that takes most */
    int64_t n_ranks, n_threads;
    int is_asked;                /* --ranks or --threads was given */
    double spent_usd;            /* by earlier runs */
    struct sg_lacks lacks;       /* what a run needs beside p->lacks */
    double cost;                 /* of the cells that are left */
    struct sg_policy_item *left; /* (n_left) these, as the engine has them; sg_free */
    int64_t n_left;
    struct sg_simulation *simulated; /* (n_simulated) --simulate; sg_free */
    int n_simulated;
    size_t mem_bytes;      /* a rank that is alone on its node */
    size_t node_mem_bytes; /* all n_ranks on one, which share the encoder's weights */
    struct sg_buf data;    /* what the rows lack, a line each */
};

/* Local. All that `plan` tells of a study: *p, *from and *n are the caller's to free, also after a failure, in which they may be empty. */
sg_status sg_plan_gather(const struct sg_run_options *o, struct sg_prepared **p, struct sg_plan_sources *from,
                         struct sg_plan_counts *n, struct sg_err *err) SG_MUST_USE;
void sg_plan_sources_free(struct sg_plan_sources *from);
void sg_plan_counts_free(struct sg_plan_counts *n);

/* SG_INPUT where anything is there and wrong: the first of it, and how much more there is. */
sg_status sg_plan_fail_wrong(const struct sg_prepared *p, const struct sg_plan_counts *n,
                             struct sg_err *err) SG_MUST_USE;

/* Bytes that the ranks of one node take with so many threads each. */
size_t sg_plan_memory(const struct sg_prepared *p, int n_ranks, int64_t n_threads);

/* Pools that are made of raw rows, for which nobody is asked. */
int64_t sg_plan_n_free_pools(const struct sg_prepared *p);
/* Pools that others have made. */
int64_t sg_plan_n_imported_pools(const struct sg_prepared *p);

/* What is missing costs so much; < 0: a price is unknown. */
double sg_plan_usd(const struct sg_study *s, const struct sg_plan_counts *n);

/* What the job of that many ranks and threads takes, all busy all the time: hours, and no less than its longest cell on as many cores as it can
 * use; a cell has at most SG_PLAN_LANES of them, the automatic lanes. */
enum { SG_PLAN_LANES = 8 };
double sg_plan_hours(const struct sg_study *s, const struct sg_plan_counts *n);

/* "sbatch --ntasks=4 --cpus-per-task=2 --mem-per-cpu=400M --time=01:30:00 slurm/study.sbatch STUDY": half as much time again, at least
 * ten minutes, a quarter more memory. */
void sg_plan_sbatch(const struct sg_study *s, const struct sg_plan_counts *n, struct sg_buf *out);

/* --simulate: packs what is left onto each of these numbers of ranks ("64,256"), of n->n_threads threads each. SG_INPUT for what is no list of
 * numbers from 1 to SG_PLAN_MOST_RANKS. A team of twice as many ranks is taken to be SG_POLICY_TEAM_GAIN times as fast (tests/bench/scaling tells
 * it for a network). */
enum { SG_PLAN_MOST_RANKS = 1000000 };
sg_status sg_plan_simulate(const struct sg_study *s, const char *ranks, struct sg_plan_counts *n,
                           struct sg_err *err) SG_MUST_USE;

/* What is missing beside rows and encoder: recording, model file, key, prices, limit; a model that is gone; and an estimate beyond the
 * budget. */
sg_status sg_plan_needs(const struct sg_study *s, struct sg_plan_counts *n, struct sg_err *err) SG_MUST_USE;

/* Cells: how many, how many are done on the texts that the study has now, what the others cost; memory of a rank. */
sg_status sg_plan_count_cells(struct sg_prepared *p, struct sg_plan_sources *from, struct sg_plan_counts *n,
                              struct sg_err *err) SG_MUST_USE;

void sg_plan_text(const struct sg_prepared *p, const struct sg_plan_sources *from,
                  const struct sg_plan_counts *n, struct sg_buf *out);
sg_status sg_plan_json(const struct sg_prepared *p, const struct sg_plan_counts *n, struct sg_buf *out,
                       struct sg_err *err) SG_MUST_USE;

#endif
