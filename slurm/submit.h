/* `synthgrid submit`: a study's job of a batch system, made of what `plan` knows, what the site says and what the person asks for.
 *
 * The script is written into the results folder (run.sbatch; generate.sbatch where completions are bought first) and given to sbatch, qsub
 * or bsub, without a shell; nothing is asked of the batch system but that. No API key is in the script, in what it is given or in its
 * records: the job reads it from its file (base/secret.h). */
#ifndef SG_SLURM_SUBMIT_H
#define SG_SLURM_SUBMIT_H

#include "experiments/run/plan_job.h"
#include "slurm/site.h"

struct sg_scheduler;

/* All texts are borrowed; NULL: as the site says, or not at all. */
struct sg_submit_options {
    const char *study;
    int n_overrides;
    const char *const *overrides;
    const char *site;      /* --site */
    const char *scheduler; /* its name */
    struct sg_job_wish wish;
    const char *partition, *account, *qos, *constraint;
    const char *generate_on; /* a partition: buy there first, and train offline */
    int64_t
        n_shares; /* an array of so many tasks, each of which trains a share of the cells, and a job that joins them; 0: one job */
    int ahead;
    int offline;
    int force;            /* also where rows or the encoder are missing here */
    const char *with_llm; /* the command of an LLM server beside the job that buys (docs/servers.md) */
    int n_passed; /* options that go to `run` as they are, each a word: "--retry-failed", "--max-usd", "5" */
    const char *const *passed;
    int n_extra; /* words for the batch system */
    const char *const *extra;
};

struct sg_submit_job {
    char *script, *path, *log; /* its text; where it is written; where the job writes: sg_free */
    char id[80];               /* "" until it is submitted */
};

struct sg_submitted {
    const struct sg_scheduler *scheduler;
    struct sg_job_size size;
    int64_t n_cells_left, n_missing; /* cells; completions */
    double core_h;
    int64_t n_shares; /* as many as Slurm and the cells allow */
    int has_generate;
    struct sg_submit_job generate, shares, run; /* shares: where n_shares > 0; run joins them then */
};

/* Local. Makes the scripts and writes nothing. SG_INPUT for what the study, the site or the options have wrong, for a key file that others
 * can read, and, unless forced, for rows or an encoder that is missing; other things that are missing are warned of. Free *out also after
 * a failure. */
sg_status sg_submit_make(const struct sg_submit_options *o, struct sg_submitted *out,
                         struct sg_err *err) SG_MUST_USE;

/* Local. Writes the scripts into the results folder and submits them. SG_FAILED with the batch system's own words; one of two that was
 * submitted already is named then. */
sg_status sg_submit_send(struct sg_submitted *s, struct sg_err *err) SG_MUST_USE;
void sg_submitted_free(struct sg_submitted *s); /* leaves it empty */

#endif
