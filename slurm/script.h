/* The script that a batch system gets: a readable head of its own directives and settings, then the part of slurm/ for this batch
 * system (the one in study.sbatch, pbs.sh, lsf.sh), then the part of study.sbatch for every batch system, word for word.
 *
 *     #!/bin/bash
 *     # Study quickstart by `synthgrid submit`; ...
 *     #SBATCH --job-name=quickstart
 *     ...
 *     cd '/home/me/synthgrid' || exit 2
 *     SYNTHGRID='/home/me/synthgrid/build/synthgrid'
 *     export OPENAI_API_KEY_FILE='/home/me/.openai-key'
 *     set -- 'experiments/quickstart.yaml' '--offline'
 *     # ==== Slurm ====
 *     ...
 */
#ifndef SG_SLURM_SCRIPT_H
#define SG_SLURM_SCRIPT_H

#include "base/buf.h"
#include "experiments/run/plan_job.h"
#include "slurm/site.h"

/* What is run, and how. All texts are borrowed. */
struct sg_script {
    const struct sg_scheduler *scheduler;
    const char *name;          /* of the job */
    const char *about;         /* a line of comment */
    const char *dir, *program; /* where it was submitted; absolute */
    const char *results;       /* absolute; logs go there */
    const char *path;          /* of the script itself, absolute */
    const char *command;       /* "run", "generate" */
    int n_args; /* what follows the command: STUDY, its options, key=value. Options of `run` that are only */
    const char *const *arg; /*   for the job (--with-llm COMMAND, say) are put here by whoever knows them. */
    struct sg_job_size size;
    int is_alone; /* one process, without a launcher */
    int ahead;    /* queues its successor when it begins */
    int64_t
        n_shares; /* an array, of which each task trains a share of the cells in a folder of its own below `shares`; 0: none */
    const char *shares; /* with n_shares 0: the folder whose shares this job joins; NULL: none */
    const char *partition, *account, *qos, *constraint, *mail, *launcher, *env_file;
    int n_modules, n_options, n_extra, n_keys;
    char *const *module; /* to load */
    char *const *option; /* the site's options of the batch system, each whole */
    const char *const
        *extra; /* more words for it, from the command line: "--gres=gpu:1", or "--gres", "gpu:1" */
    const struct sg_site_key *key;
};

/* A batch system. */
struct sg_scheduler {
    const char *name, *program, *title; /* "slurm", "sbatch", "Slurm" */
    const char *suffix;                 /* of the script: ".sbatch" */
    const char *directive;              /* "#SBATCH" */
    const char *part;                   /* its part of the script; NULL: in study.sbatch */
    /* Adds its directives, all but s->option and s->extra. */
    void (*head)(const struct sg_script *s, struct sg_buf *out);
    int reads_stdin; /* the script is its standard input; else its last argument */
    /* Words before the script that have it wait until job `ok` has ended well and job `any` has ended, each NULL: for none; out: (4) of the
     * caller's, text: (240). How many. */
    int (*after)(const char *ok, const char *any, const char **out, char *text);
    /* The number in what it says, cut out in place; NULL: there is none. */
    const char *(*job_id)(char *said);
    int has_phases; /* its jobs keep their number when they start again, so that another can wait for one */
};

/* By name or kind (not AUTO). NULL: no such. */
const struct sg_scheduler *sg_scheduler_of(enum sg_scheduler_kind kind);
const struct sg_scheduler *sg_scheduler_find(const char *name);

/* The first whose program is in PATH; SG_INPUT where there is none. */
sg_status sg_scheduler_detect(const struct sg_scheduler **out, struct sg_err *err) SG_MUST_USE;

/* Local, pure. Adds the script. SG_INPUT for a directive that would be more than a line. */
sg_status sg_script_write(const struct sg_script *s, struct sg_buf *out, struct sg_err *err) SG_MUST_USE;

/* Adds 'text' as the shell reads it, whatever it holds. */
void sg_script_quote(const char *text, struct sg_buf *out);

/* Of the environment of a job: the names in study.sbatch's --export, between commas; borrowed. */
const char *sg_script_exports(void);

#endif
