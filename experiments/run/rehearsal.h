/* A study's rehearsal: the whole of it against the stub server (experiments/run/stub.h), with no money, no key and nobody asked.
 *
 *     sg_rehearsal_begin(&o, starts_stub, &r, err);      before MPI starts
 *     ... sg_mpi_start, sg_agree on what begin returned ...
 *     status = sg_rehearsal_run(world, r, err);
 *     sg_rehearsal_end(r);
 *
 * It is `sg_run` of the same study with another endpoint, key and folder, and so rehearses what a run does: files, grid,
 * prompts, ranks, the budget at the study's prices, results. What it cannot show is what the model will write. */
#ifndef SG_EXPERIMENTS_RUN_REHEARSAL_H
#define SG_EXPERIMENTS_RUN_REHEARSAL_H

#include "base/err.h"
#include "mpi/comm.h"

struct sg_prepared;

struct sg_rehearsal;

struct sg_rehearsal_options {
    const char *study;
    int n_overrides;
    const char *const *overrides;
    const char *results;       /* NULL: the study's, with "-rehearsal" behind it */
    const char *faults;        /* the stub's, a file; NULL: none */
    double latency_s, max_usd; /* max_usd < 0: the study's budget.usd */
    int keep_pace; /* keep the study's limits on requests and tokens, and let the stub insist on them */
    int buy_only;  /* train nothing */
};

/* Local. Reads the study, takes its keys out of the environment, unused, and where `starts_stubs` is set (one rank of the
 * job) starts a stub for each of its generators. The strings of `o` are borrowed until the end, its array of overrides is not. */
sg_status sg_rehearsal_begin(const struct sg_rehearsal_options *o, int starts_stubs,
                             struct sg_rehearsal **out, struct sg_err *err) SG_MUST_USE;

/* Collective over all ranks of the job, which share a node (else SG_INPUT). Empties the folder of an earlier rehearsal, runs,
 * and prints what was asked for and what it would have cost. Statuses as of sg_run. */
sg_status sg_rehearsal_run(const struct sg_team *world, struct sg_rehearsal *r,
                           struct sg_err *err) SG_MUST_USE;

/* Local. The stubs end. NULL is fine. */
void sg_rehearsal_end(struct sg_rehearsal *r);

/* ---- its folder: marked by a file, so that it is never taken for a study's, nor a study's for it ---- */

/* Local. Makes `dir` an empty, marked folder. SG_INPUT when it holds anything that no rehearsal put there, or one is under way. */
sg_status sg_rehearsal_folder(const char *dir, struct sg_err *err) SG_MUST_USE;

/* Local. SG_INPUT when `dir` is marked: what it holds was never bought. */
sg_status sg_rehearsal_refuse(const char *dir, struct sg_err *err) SG_MUST_USE;

/* The same as a check of struct sg_run_options: a study's own results must not go there. */
sg_status sg_rehearsal_check(void *unused, const struct sg_prepared *p, struct sg_err *err) SG_MUST_USE;

#endif
