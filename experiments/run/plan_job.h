/* The job that a study takes of a batch system: ranks, cores, memory and time, of which a person may have said any, a site may limit all,
 * and `plan` knows the rest.
 *
 *     struct sg_job_facts facts;
 *     SG_TRY(sg_job_facts_read(&run_options, &facts, err));
 *     SG_TRY(sg_job_choose(&facts, &wish, &limits, &size, err));
 *     ... sg_job_facts_free(&facts);
 *
 * What is chosen: as many threads a rank as it can use (its lanes, or train.threads) and a node has cores; as many ranks as one node has
 * cores and memory for, and no more than cells are left; half as much time as the estimate more, ten minutes at least, and a quarter more
 * memory, and 300 MB for the program itself. Longer is no need: a job that is out of time goes on when it is its turn again. */
#ifndef SG_EXPERIMENTS_RUN_PLAN_JOB_H
#define SG_EXPERIMENTS_RUN_PLAN_JOB_H

#include "experiments/run/plan.h"
#include "experiments/run/run.h"

enum { SG_JOB_NO_MEM = -1 };

/* What a person asks for; 0: is chosen. */
struct sg_job_wish {
    int64_t n_nodes, n_per_node, n_ranks, n_threads;
    int64_t mem_mb; /* a core; SG_JOB_NO_MEM: nothing is asked for */
    int64_t time_s;
};

/* What a site has; 0: not known. */
struct sg_job_limits {
    int64_t cores, n_nodes; /* of a node; that a job may take */
    double mem_bytes;       /* of a node */
    int64_t time_s;
    const char *source; /* for messages: the file that says so */
};

/* A job. n_nodes and n_per_node 0: the batch system places the ranks. */
struct sg_job_size {
    int64_t n_nodes, n_per_node, n_ranks, n_threads, mem_mb, time_s;
};

/* What is known of the study. */
struct sg_job_facts {
    struct sg_prepared *p;
    struct sg_plan_counts n;
    /* Bytes that so many ranks of a node take; NULL: as training does. For tests. */
    double (*memory)(const struct sg_job_facts *f, int64_t n_ranks, int64_t n_threads);
};

/* Local. As `plan` finds it; what is missing is in f->p->lacks and f->n.lacks, what is wrong is SG_INPUT. Takes the generators' keys out
 * of the environment. Free it also after a failure. */
sg_status sg_job_facts_read(const struct sg_run_options *o, struct sg_job_facts *f,
                            struct sg_err *err) SG_MUST_USE;
void sg_job_facts_free(struct sg_job_facts *f); /* leaves it empty */

/* Local. SG_INPUT where wishes contradict each other or the limits. */
sg_status sg_job_choose(const struct sg_job_facts *f, const struct sg_job_wish *wish,
                        const struct sg_job_limits *limits, struct sg_job_size *out,
                        struct sg_err *err) SG_MUST_USE;

/* Time and memory a core that a job of so many hours and bytes a rank asks for: the margins above. */
int64_t sg_job_minutes(double hours);
int64_t sg_job_mem_mb(double rank_bytes, int64_t n_threads);

#endif
