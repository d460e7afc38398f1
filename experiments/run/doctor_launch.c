/* How the ranks were started: their cores, the launcher, Slurm, and the limits of their processes. */
#define _GNU_SOURCE /* RLIMIT_MEMLOCK under -std=c11 */
#include "experiments/run/doctor_impl.h"

#include "base/child.h"
#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

extern int openblas_get_num_threads(void) __attribute__((weak));

/* ---- cores ---- */

static int n_bits(const unsigned char *mask)
{
    int n = 0;
    for (int i = 0; i < SG_CORE_MASK; i++)
        n += __builtin_popcount(mask[i]);
    return n;
}

/* Ranks of one node: bound to cores that are too few for them, that overlap, or that leave others idle. */
static sg_status note_node(const struct sg_rank_facts *fact, int n, int first, struct sg_findings *f,
                           struct sg_err *err)
{
    unsigned char all[SG_CORE_MASK] = {0};
    int n_here = 0, n_sum = 0, other = -1;
    for (int i = first; i < n; i++) {
        if (strcmp(fact[i].host, fact[first].host) != 0)
            continue;
        n_here++;
        n_sum += fact[i].cores;
        int shares = 0, same = memcmp(fact[i].mask, fact[first].mask, SG_CORE_MASK) == 0;
        for (int b = 0; b < SG_CORE_MASK; b++) {
            shares |= fact[i].mask[b] & all[b];
            all[b] |= fact[i].mask[b];
        }
        other = shares && !same && other < 0 ? i : other; /* the same cores are dealt out among them */
    }
    int n_all = n_bits(all), in_job = getenv("SLURM_JOB_ID") || getenv("PBS_JOBID") || getenv("LSB_JOBID");
    const char *host = fact[first].host;
    if (!n_all)
        return sg_doctor_note(f, "binding", SG_HEALTH_NOTE, err,
                              "%s does not tell which cores its processes may use", host);
    if (other >= 0)
        return sg_doctor_note(f, "binding", SG_HEALTH_PROBLEM, err,
                              "rank %d on %s is bound to cores that others there have, too: they take each "
                              "other's time; hint: mpirun "
                              "--bind-to none (synthgrid deals the cores out), or srun --cpu-bind=cores",
                              other, host);
    int is_bound = n_all < fact[first].node_cores;
    if (n_here > n_all)
        return sg_doctor_note(f, "binding", is_bound ? SG_HEALTH_PROBLEM : SG_HEALTH_NOTE, err,
                              "%d ranks on %s have %d %s together: they take turns; hint: %s", n_here, host,
                              n_all, sg_plural(n_all, "core", "cores"),
                              is_bound ? "mpirun --bind-to none, or ask for more cores (--cpus-per-task)"
                                       : "fewer ranks on a node");
    if (is_bound && !in_job)
        return sg_doctor_note(f, "binding", SG_HEALTH_NOTE, err,
                              "%d %s on %s may use %d of its %d cores; hint: mpirun --bind-to none, or "
                              "taskset and cpuset settings that leave more",
                              n_here, sg_plural(n_here, "rank", "ranks"), host, n_all,
                              fact[first].node_cores);
    return sg_doctor_note(f, "binding", SG_HEALTH_FINE, err,
                          "%d %s on %s: %d %s for %d %s, none of them shared", n_here,
                          sg_plural(n_here, "rank", "ranks"), host, n_all, sg_plural(n_all, "core", "cores"),
                          n_sum, sg_plural(n_sum, "thread", "threads"));
}

static sg_status note_binding(const struct sg_rank_facts *fact, int n, struct sg_findings *f,
                              struct sg_err *err)
{
    for (int i = 0; i < n; i++) {
        int is_first = 1;
        for (int k = 0; k < i; k++)
            is_first &= strcmp(fact[k].host, fact[i].host) != 0;
        if (is_first)
            SG_TRY(note_node(fact, n, i, f, err));
    }
    return SG_OK;
}

/* sg_mpi_start gives OpenBLAS one thread; other libraries are told by variables of theirs. */
static sg_status note_blas(struct sg_findings *f, struct sg_err *err)
{
    static const char *const variable[] = {"MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS"};
    if (openblas_get_num_threads) {
        int n = openblas_get_num_threads();
        return sg_doctor_note(f, "blas", n == 1 ? SG_HEALTH_FINE : SG_HEALTH_NOTE, err,
                              "OpenBLAS, %d %s a rank%s", n, sg_plural(n, "thread", "threads"),
                              n == 1 ? "" : "; hint: export OPENBLAS_NUM_THREADS=1");
    }
    for (int i = 0; i < 3; i++)
        if (sg_env_count(variable[i]))
            return sg_doctor_note(f, "blas", SG_HEALTH_FINE, err, "not OpenBLAS; %s=%.20s", variable[i],
                                  getenv(variable[i]));
    return sg_doctor_note(f, "blas", SG_HEALTH_NOTE, err,
                          "not OpenBLAS, and may start threads of its own in each rank; hint: export "
                          "MKL_NUM_THREADS=1 (Intel) or BLIS_NUM_THREADS=1 (BLIS)");
}

/* ---- limits ---- */

void sg_doctor_limits(struct sg_rank_facts *mine)
{
    struct rlimit r;
    mine->n_files = getrlimit(RLIMIT_NOFILE, &r) == 0 ? (double)r.rlim_cur : -1;
    mine->memlock_bytes = getrlimit(RLIMIT_MEMLOCK, &r) == 0 ? (double)r.rlim_cur : -1;
    mine->n_processes = getrlimit(RLIMIT_NPROC, &r) == 0 ? (double)r.rlim_cur : -1;
    mine->core_bytes = getrlimit(RLIMIT_CORE, &r) == 0 ? (double)r.rlim_cur : -1;
    mine->has_fabric = 0;
    DIR *d = opendir("/sys/class/infiniband");
    for (struct dirent *e; d && (e = readdir(d));)
        mine->has_fabric |= e->d_name[0] != '.';
    if (d)
        closedir(d);
}

/* The rank that has least of what stands at this offset; -1 means that it is not known. */
static const struct sg_rank_facts *least(const struct sg_rank_facts *fact, int n, size_t offset,
                                         double *value)
{
    const struct sg_rank_facts *found = &fact[0];
    *value = 1e300;
    for (int i = 0; i < n; i++) {
        double x;
        memcpy(&x, (const char *)&fact[i] + offset, sizeof x);
        if (x >= 0 && x < *value) {
            *value = x;
            found = &fact[i];
        }
    }
    return found;
}

static sg_status note_limits(const struct sg_rank_facts *fact, int n, struct sg_findings *f,
                             struct sg_err *err)
{
    enum { FILES = 1024, PROCESSES = 256 };
    double files, lock, processes;
    int fabric = 0, cores = 0;
    const struct sg_rank_facts *few = least(fact, n, offsetof(struct sg_rank_facts, n_files), &files),
                               *locked = least(fact, n, offsetof(struct sg_rank_facts, memlock_bytes), &lock),
                               *small =
                                   least(fact, n, offsetof(struct sg_rank_facts, n_processes), &processes);
    for (int i = 0; i < n; i++) {
        fabric |= fact[i].has_fabric;
        cores |= fact[i].core_bytes != 0;
    }
    if (files < FILES)
        SG_TRY(sg_doctor_note(
            f, "limits", SG_HEALTH_NOTE, err,
            "%.0f open files on %s: few for MPI and connections of one process; hint: ulimit -n 4096 "
            "before the launcher, or in the env_file of a job",
            files, few->host));
    if (fabric && lock < 1e9)
        SG_TRY(sg_doctor_note(
            f, "limits", SG_HEALTH_PROBLEM, err,
            "InfiniBand, but %.0f kB of locked memory on %s: MPI is slow, or does not start; hint: ulimit -l "
            "unlimited; under Slurm PropagateResourceLimitsExcept=MEMLOCK and an unlimited slurmd",
            lock / 1e3, locked->host));
    if (processes < PROCESSES)
        SG_TRY(
            sg_doctor_note(f, "limits", SG_HEALTH_NOTE, err,
                           "%.0f processes and threads on %s: few for all ranks there; hint: ulimit -u 4096",
                           processes, small->host));
    if (cores)
        return sg_doctor_note(f, "limits", SG_HEALTH_PROBLEM, err,
                              "a crash would leave a core dump, in which a key may stand; hint: ulimit -c 0");
    if (files < FILES || processes < PROCESSES || (fabric && lock < 1e9))
        return SG_OK;
    return sg_doctor_note(
        f, "limits", SG_HEALTH_FINE, err,
        "open files, locked memory and processes are enough; no core dumps, where a key could stand");
}

/* ---- launcher ---- */

/* What a program of Slurm's says; `out` is cleared. 0: it cannot be asked. */
static int slurm_says(const char *const argv[], struct sg_buf *out)
{
    char path[4096], conf[4096];
    const char *ours = getenv("SLURM_CONF");
    snprintf(path, sizeof path, "PATH=%.4000s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    snprintf(conf, sizeof conf, "SLURM_CONF=%.4000s", ours ? ours : "");
    const char *const environment[] = {path, ours ? conf : NULL, NULL};
    int code;
    struct sg_err ignored;
    sg_buf_clear(out);
    return sg_child_ask(argv, environment, "", 0, 10, out, &code, &ignored) == SG_OK && code == 0;
}

/* Slurm's version, and whether its srun can start ranks of MPI. */
static sg_status note_srun(struct sg_findings *f, struct sg_err *err)
{
    static const char *const version[] = {"srun", "--version", NULL}, *const list[] = {"srun", "--mpi=list",
                                                                                       NULL};
    if (!sg_child_exists("srun"))
        return SG_OK;
    char name[60];
    struct sg_buf said = sg_buf_make(1 << 16);
    int known = slurm_says(version, &said);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(sg_buf_text(&said), "\n"), sg_buf_text(&said));
    sg_status status = SG_OK;
    if (!known || !slurm_says(list, &said))
        status = sg_doctor_note(
            f, "srun", SG_HEALTH_NOTE, err,
            "%s is here, but does not work: %.200s; hint: is this a login node of the cluster?",
            known ? name : "srun", sg_buf_text(&said));
    else if (!strstr(sg_buf_text(&said), "pmix"))
        status = sg_doctor_note(
            f, "srun", SG_HEALTH_NOTE, err,
            "%s without PMIx: its srun starts ranks that do not meet; hint: mpirun inside the allocation (a "
            "site's launcher: mpirun)",
            name);
    else
        status = sg_doctor_note(f, "srun", SG_HEALTH_FINE, err, "%s, starts ranks by srun --mpi=pmix", name);
    sg_buf_free(&said);
    return status;
}

/* Whether whoever started this has started as many as MPI sees. That srun's singletons end at once is sg_mpi_start's. */
static sg_status note_launcher(int size, struct sg_findings *f, struct sg_err *err)
{
    static const char *const variable[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"};
    for (int i = 0; i < 3; i++)
        if (sg_env_count(variable[i]) > size)
            return sg_doctor_note(f, "launcher", SG_HEALTH_PROBLEM, err,
                                  "started %d processes (%s), of which MPI sees %d: the launcher is of "
                                  "another MPI than this program; "
                                  "hint: mpirun of the MPI above, `synthgrid --version` names it",
                                  sg_env_count(variable[i]), variable[i], size);
    int tasks = sg_env_count("SLURM_NTASKS");
    const char *job = getenv("SLURM_JOB_ID");
    if (job && tasks > size)
        return sg_doctor_note(
            f, "slurm", SG_HEALTH_PROBLEM, err,
            "job %.40s has %d tasks, and MPI %d %s: the others' cores are idle; hint: srun --mpi=pmix "
            "synthgrid ..., or mpirun without -n",
            job, tasks, size, sg_plural(size, "rank", "ranks"));
    if (job)
        return sg_doctor_note(f, "slurm", SG_HEALTH_FINE, err, "job %.40s, %d %s", job, tasks ? tasks : size,
                              sg_plural(tasks ? tasks : size, "task", "tasks"));
    return sg_doctor_note(f, "slurm", SG_HEALTH_NOTE, err, "not inside a job");
}

sg_status sg_doctor_check_launch(const struct sg_rank_facts *fact, int n, struct sg_findings *f,
                                 struct sg_err *err)
{
    SG_TRY(note_binding(fact, n, f, err));
    SG_TRY(note_blas(f, err));
    SG_TRY(note_limits(fact, n, f, err));
    SG_TRY(note_launcher(n, f, err));
    return note_srun(f, err);
}
