#include "experiments/run/doctor_impl.h"

#include "base/mem.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/kernels/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Facts of the first rank whose products in bfloat16 are this. */
static const struct sg_rank_facts *with_bf16(const struct sg_rank_facts *fact, int n, const char *kernels)
{
    for (int i = 0; i < n; i++)
        if (strcmp(fact[i].bf16, kernels) == 0)
            return &fact[i];
    return NULL;
}

/* A study can ask for bf16 where all ranks have it. */
static sg_status note_training(const struct sg_rank_facts *fact, int n, struct sg_findings *f,
                               struct sg_err *err)
{
    char bf16[160];
    int same = 1, most = fact[0].cores;
    const struct sg_rank_facts *none = with_bf16(fact, n, "");
    for (int i = 0; i < n; i++) {
        same &= strcmp(fact[0].kernels, fact[i].kernels) == 0;
        most = fact[i].cores > most ? fact[i].cores : most;
    }
    if (none)
        snprintf(bf16, sizeof bf16, "not possible%s%s: it takes AVX2 with FMA", n > 1 ? " on " : "",
                 n > 1 ? none->host : "");
    else if (with_bf16(fact, n, "avx2"))
        snprintf(bf16, sizeof bf16, "by AVX2%s, not faster than fp32 there",
                 with_bf16(fact, n, "avx512") ? " on some ranks" : "");
    else
        snprintf(bf16, sizeof bf16, "by %s, faster than fp32",
                 strcmp(fact[0].bf16, "avx512") == 0 ? "AVX512-BF16" : fact[0].bf16);
    return sg_doctor_note(f, "training", SG_HEALTH_FINE, err,
                          "up to %d %s a rank; fp32 by kernels %s%s; train.precision=bf16 %s", most,
                          sg_plural(most, "thread", "threads"), fact[0].kernels,
                          same ? "" : " on rank 0, others elsewhere (the results are the same)", bf16);
}

static sg_status note_ranks(const struct sg_rank_facts *fact, int n, struct sg_findings *f,
                            struct sg_err *err)
{
    int n_nodes = 0, least = fact[0].cores, most = fact[0].cores;
    for (int i = 0; i < n; i++) {
        int first = 1;
        for (int k = 0; k < i; k++)
            first &= strcmp(fact[k].host, fact[i].host) != 0;
        n_nodes += first;
        least = fact[i].cores < least ? fact[i].cores : least;
        most = fact[i].cores > most ? fact[i].cores : most;
    }
    char cores[40];
    snprintf(cores, sizeof cores, least == most ? "%d" : "%d to %d", least, most);
    SG_TRY(sg_doctor_note(f, "ranks", SG_HEALTH_FINE, err, "%d on %d %s, %s %s each", n, n_nodes,
                          sg_plural(n_nodes, "node", "nodes"), cores, sg_plural(most, "core", "cores")));
    if (n == 1)
        return sg_doctor_note(
            f, "ranks", SG_HEALTH_NOTE, err,
            "one process alone; hint: `mpirun -n 2 synthgrid doctor` shows whether ranks meet");
    return SG_OK;
}

static sg_status note_mpi(int size, struct sg_findings *f, struct sg_err *err)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING] = "?";
    int n = 0, level = 0;
    MPI_Get_library_version(library, &n);
    library[strcspn(library, ",\n")] = 0;
    MPI_Query_thread(&level);
    return sg_doctor_note(f, "mpi", level == MPI_THREAD_MULTIPLE ? SG_HEALTH_FINE : SG_HEALTH_PROBLEM, err,
                          "%s, %d %s, threads %s", library, size, sg_plural(size, "rank", "ranks"),
                          level == MPI_THREAD_MULTIPLE ? "may all send"
                                                       : "may not all send: this MPI was built without "
                                                         "MPI_THREAD_MULTIPLE, which synthgrid needs");
}

/* The nodes and their ranks, for what a study takes of them. */
static sg_status keep_nodes(const struct sg_rank_facts *fact, int n, struct sg_findings *f,
                            struct sg_err *err)
{
    if (!(f->node = sg_alloc((size_t)n, sizeof *f->node)))
        return sg_fail_memory(err, (size_t)n * sizeof *f->node);
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < f->n_nodes && strcmp(f->node[k].host, fact[i].host) != 0)
            k++;
        if (k == f->n_nodes) {
            struct sg_doctor_node *node = &f->node[f->n_nodes++];
            snprintf(node->host, sizeof node->host, "%s", fact[i].host);
            node->cores = fact[i].node_cores;
            node->mem_bytes = fact[i].mem_bytes;
        }
        f->node[k].n_ranks++;
        f->node[k].n_threads += fact[i].cores;
        if (fact[i].mem_bytes < f->node[k].mem_bytes)
            f->node[k].mem_bytes = fact[i].mem_bytes;
    }
    return SG_OK;
}

static sg_status note_memory(struct sg_findings *f, struct sg_err *err)
{
    const struct sg_doctor_node *least = &f->node[0];
    for (int k = 1; k < f->n_nodes; k++)
        if (f->node[k].mem_bytes < least->mem_bytes)
            least = &f->node[k];
    if (least->mem_bytes < 0)
        return sg_doctor_note(f, "memory", SG_HEALTH_NOTE, err, "how much is available on %s is not known",
                              least->host);
    return sg_doctor_note(
        f, "memory", least->mem_bytes < 0.5e9 ? SG_HEALTH_PROBLEM : SG_HEALTH_FINE, err,
        "%.1f GB available on %s%s, within the limits of its job or container; `synthgrid plan STUDY` says "
        "what a rank needs",
        least->mem_bytes / 1e9, least->host, f->n_nodes > 1 ? ", the node that has least" : "");
}

/* ranks x memory and ranks x threads of a study, against what each node has. */
sg_status sg_doctor_check_room(const struct sg_prepared *p, struct sg_findings *f, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    int classes = 2;
    for (int t = 0; t < s->n_tasks; t++)
        classes = s->task[t].n_classes > classes ? s->task[t].n_classes : classes;
    for (int k = 0; k < f->n_nodes; k++) {
        const struct sg_doctor_node *node = &f->node[k];
        double all =
            (double)sg_train_memory(p->encoder, &s->train, classes, sg_cell_most_rows(p), node->n_ranks);
        int64_t wanted = s->train.threads ? s->train.threads * node->n_ranks : node->n_threads;
        if (node->mem_bytes >= 0)
            SG_TRY(sg_doctor_note(
                f, "memory", all > node->mem_bytes ? SG_HEALTH_PROBLEM : SG_HEALTH_FINE, err,
                "%d %s of this study on %s take %.1f GB, and %.1f GB are available%s", node->n_ranks,
                sg_plural(node->n_ranks, "rank", "ranks"), node->host, all / 1e9, node->mem_bytes / 1e9,
                all > node->mem_bytes ? "; hint: fewer ranks with more threads each, a smaller train.batch "
                                        "or train.max_length, or a smaller encoder"
                                      : ""));
        SG_TRY(sg_doctor_note(f, "threads", wanted > node->cores ? SG_HEALTH_NOTE : SG_HEALTH_FINE, err,
                              "%d %s with %lld %s together on %s, which has %d %s%s", node->n_ranks,
                              sg_plural(node->n_ranks, "rank", "ranks"), (long long)wanted,
                              sg_plural(wanted, "thread", "threads"), node->host, node->cores,
                              sg_plural(node->cores, "core", "cores"),
                              wanted <= node->cores ? ""
                              : s->train.threads
                                  ? ": they take each other's time; hint: train.threads=auto, or fewer ranks"
                                  : ": they take each other's time; hint: fewer ranks on a node"));
    }
    return SG_OK;
}

sg_status sg_doctor_machine(const struct sg_team *world, struct sg_findings *f, struct sg_err *err)
{
    struct sg_rank_facts mine = {.cores = sg_cores()}, *all = NULL;
    sg_status status = SG_OK;
    gethostname(mine.host, sizeof mine.host - 1);
    const struct sg_ops *bf16 = sg_ops_best(SG_BF16);
    snprintf(mine.kernels, sizeof mine.kernels, "%s", sg_ops_best(SG_FP32)->name);
    snprintf(mine.bf16, sizeof mine.bf16, "%s", bf16 ? bf16->name : "");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int quota = sg_cpu_quota("");
    mine.node_cores = quota && quota < online ? quota : (int32_t)online;
    mine.mem_bytes = sg_mem_available("");
    sg_core_mask(mine.mask);
    sg_doctor_limits(&mine);
    if (world->rank == 0 && !(all = sg_alloc((size_t)world->size, sizeof *all)))
        status = sg_fail_memory(err, (size_t)world->size * sizeof *all);
    SG_TRY(sg_agree(world, status, err));
    int rc = MPI_Gather(&mine, (int)sizeof mine, MPI_BYTE, all, (int)sizeof mine, MPI_BYTE, 0, world->comm);
    status = sg_mpi_check(rc, "MPI_Gather", err);
    if (status == SG_OK && world->rank == 0) {
        status = note_mpi(world->size, f, err);
        if (status == SG_OK)
            status = note_ranks(all, world->size, f, err);
        if (status == SG_OK)
            status = note_training(all, world->size, f, err);
        if (status == SG_OK)
            status = keep_nodes(all, world->size, f, err);
        if (status == SG_OK)
            status = note_memory(f, err);
        if (status == SG_OK)
            status = sg_doctor_check_launch(all, world->size, f, err);
    }
    sg_free(all);
    return sg_agree(world, status, err);
}
