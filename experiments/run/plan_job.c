#include "experiments/run/plan_job.h"

#include "base/secret.h"
#include "base/text.h"

/* Where nothing is known of a node: as slurm/study.sbatch has it. */
enum { USUAL_THREADS = 4, USUAL_RANKS = 4 };

/* Jobs without a limit of the site's: long enough for most, short enough for most partitions. */
enum { USUAL_LIMIT_S = 24 * 3600 };

/* The program itself: 42 MB with its libraries and the rows of one sample task (measured); real tasks and an MPI over a fabric take more. */
enum { PROGRAM_MB = 300 };

int64_t sg_job_minutes(double hours)
{
    int64_t minutes = hours < 1e6 ? (int64_t)(hours * 60 * 1.5) + 1 : (int64_t)9e7;
    return minutes < 10 ? 10 : minutes;
}

int64_t sg_job_mem_mb(double rank_bytes, int64_t n_threads)
{
    int64_t mb = (int64_t)((rank_bytes * 1.25 / 1e6 + PROGRAM_MB) / (double)n_threads) + 1;
    return (mb + 99) / 100 * 100;
}

sg_status sg_job_facts_read(const struct sg_run_options *o, struct sg_job_facts *f, struct sg_err *err)
{
    *f = (struct sg_job_facts){0};
    struct sg_plan_sources from;
    sg_status status = sg_plan_gather(o, &f->p, &from, &f->n, err);
    if (status == SG_OK)
        status = sg_plan_fail_wrong(f->p, &f->n, err);
    sg_plan_sources_free(&from);
    for (int i = 0; f->p && i < f->p->study->n_generators; i++) {
        const char *unused;
        struct sg_err ignored;
        (void)!sg_secret_take(f->p->study->generator[i].api_key_env, &unused, &ignored);
    }
    return status;
}

void sg_job_facts_free(struct sg_job_facts *f)
{
    sg_plan_counts_free(&f->n);
    sg_prepared_destroy(f->p);
    *f = (struct sg_job_facts){0};
}

static double memory(const struct sg_job_facts *f, int64_t n_ranks, int64_t n_threads)
{
    return f->memory ? f->memory(f, n_ranks, n_threads)
                     : (double)sg_plan_memory(f->p, (int)n_ranks, n_threads);
}

static sg_status over(const char *what, int64_t is, int64_t most, const struct sg_job_limits *l,
                      const char *of, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT, "%s %lld: %s allows %lld %s", what, (long long)is, l->source,
                   (long long)most, of);
}

/* What a person has said, completed by what follows from it. */
static sg_status take_wish(const struct sg_job_wish *w, struct sg_job_size *s, struct sg_err *err)
{
    *s = (struct sg_job_size){w->n_nodes, w->n_per_node, w->n_ranks, w->n_threads, w->mem_mb, w->time_s};
    if (!s->n_nodes && s->n_per_node && s->n_ranks)
        s->n_nodes = (s->n_ranks + s->n_per_node - 1) / s->n_per_node;
    if (s->n_per_node && !s->n_nodes)
        s->n_nodes = 1;
    if (s->n_nodes && s->n_per_node && s->n_ranks > s->n_nodes * s->n_per_node)
        return sg_fail(err, SG_INPUT, "--ntasks %lld: more than %lld %s with %lld each",
                       (long long)s->n_ranks, (long long)s->n_nodes, sg_plural(s->n_nodes, "node", "nodes"),
                       (long long)s->n_per_node);
    if (s->n_nodes && s->n_ranks && s->n_ranks < s->n_nodes)
        return sg_fail(err, SG_INPUT, "--nodes %lld: more nodes than ranks (%lld)", (long long)s->n_nodes,
                       (long long)s->n_ranks);
    if (s->n_nodes && s->n_per_node && !s->n_ranks)
        s->n_ranks = s->n_nodes * s->n_per_node;
    return SG_OK;
}

static void choose_threads(const struct sg_study *study, const struct sg_job_limits *l, struct sg_job_size *s)
{
    int64_t lanes = study->train.lanes ? study->train.lanes : SG_PLAN_LANES,
            most = l->cores ? l->cores : USUAL_THREADS;
    if (l->cores && s->n_per_node)
        most = l->cores / s->n_per_node > 1 ? l->cores / s->n_per_node : 1;
    s->n_threads = study->train.threads ? study->train.threads : lanes < most ? lanes : most;
}

/* One node full, or as many nodes as were asked for. */
static void choose_ranks(const struct sg_job_facts *f, const struct sg_job_limits *l, struct sg_job_size *s)
{
    int64_t left = f->n.n_cells - f->n.n_cells_done, n_nodes = s->n_nodes ? s->n_nodes : 1,
            n = l->cores ? l->cores / s->n_threads : USUAL_RANKS;
    n = n > 1 ? n : 1;
    while (n > 1 && l->mem_bytes && memory(f, n, s->n_threads) * 1.25 > l->mem_bytes)
        n--;
    s->n_ranks = n * n_nodes;
    if (s->n_ranks > left)
        s->n_ranks = left > n_nodes ? left : n_nodes;
}

static sg_status check_limits(const struct sg_job_limits *l, const struct sg_job_size *s, struct sg_err *err)
{
    int64_t cores = s->n_threads * (s->n_per_node ? s->n_per_node : 1);
    if (l->cores && cores > l->cores)
        return over(s->n_per_node > 1 ? "--ntasks-per-node x --cpus-per-task" : "--cpus-per-task", cores,
                    l->cores, l, "cores a node", err);
    if (l->n_nodes && s->n_nodes > l->n_nodes)
        return over("--nodes", s->n_nodes, l->n_nodes, l, "nodes", err);
    if (l->time_s && s->time_s > l->time_s)
        return over("--time in seconds", s->time_s, l->time_s, l, "seconds", err);
    if (l->mem_bytes && s->mem_mb > 0 && (double)(s->mem_mb * cores) * 1e6 > l->mem_bytes)
        return over("memory of a node in MB", s->mem_mb * cores, (int64_t)(l->mem_bytes / 1e6), l,
                    "MB a node; hint: fewer ranks on a node, a smaller train.batch or train.max_length", err);
    return SG_OK;
}

sg_status sg_job_choose(const struct sg_job_facts *f, const struct sg_job_wish *wish,
                        const struct sg_job_limits *limits, struct sg_job_size *out, struct sg_err *err)
{
    const struct sg_study *study = f->p->study;
    struct sg_job_size s;
    SG_TRY(take_wish(wish, &s, err));
    if (!s.n_threads)
        choose_threads(study, limits, &s);
    if (!s.n_ranks)
        choose_ranks(f, limits, &s);
    if (!s.mem_mb)
        s.mem_mb = sg_job_mem_mb(memory(f, 1, s.n_threads), s.n_threads);
    if (!s.time_s) {
        struct sg_plan_counts n = f->n;
        n.n_ranks = s.n_ranks;
        n.n_threads = s.n_threads;
        int64_t most = limits->time_s ? limits->time_s : USUAL_LIMIT_S;
        s.time_s = 60 * sg_job_minutes(sg_plan_hours(study, &n));
        s.time_s = s.time_s < most ? s.time_s : most;
    }
    SG_TRY(check_limits(limits, &s, err));
    *out = s;
    return SG_OK;
}
