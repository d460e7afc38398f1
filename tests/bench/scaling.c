/* How a step scales: bytes and messages counted from the plan for 2 to 64 ranks, checked against the formula, and
 * times projected for a network; started with mpirun, the exchange of a step measured on 2, 4, ... ranks here.
 *
 *     scaling [latency_us=2 bandwidth_gb=12 gflops=90 tokens=1000 rows=600 lanes=8 compute_ms=0 repeat=5]
 *     mpirun -n 2 scaling
 *
 * latency_us, bandwidth_gb (GB/s): of one rank's way to another; the defaults are those of a 100 Gb/s network.
 * compute_ms: a step of the whole batch on one rank, measured; 0: as gflops (the rate of a rank) would have it.
 * tokens, rows: of a batch, and the tables' rows that it uses. lanes: ranks beyond them have nothing to compute.
 *
 * Strong scaling keeps the batch; weak scaling has a batch for each rank (and lanes for all). Of the exchange, the
 * halving of all parts but the last two travels beside two thirds of the backward pass; the rest is waited for. */
#include "scaling_model.h"

#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    double latency_us, bandwidth_gb, gflops, tokens, rows, lanes, compute_ms, repeat;
};

static int read_options(int argc, char **argv, struct options *o)
{
    const struct {
        const char *name;
        double *to;
    } known[] = {{"latency_us", &o->latency_us},
                 {"bandwidth_gb", &o->bandwidth_gb},
                 {"gflops", &o->gflops},
                 {"tokens", &o->tokens},
                 {"rows", &o->rows},
                 {"lanes", &o->lanes},
                 {"compute_ms", &o->compute_ms},
                 {"repeat", &o->repeat}};
    for (int i = 1; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        double *to = NULL;
        for (size_t k = 0; value && k < sizeof known / sizeof *known; k++)
            if (strlen(known[k].name) == (size_t)(value - argv[i]) &&
                strncmp(known[k].name, argv[i], (size_t)(value - argv[i])) == 0)
                to = known[k].to;
        char *end = NULL;
        double x = to ? strtod(value + 1, &end) : 0.0;
        if (!to || end == value + 1 || *end || !(x >= 0.0 && x < 1e12)) {
            fprintf(stderr,
                    "scaling: %s: no such option, or no such value; hint: the file's head lists them\n",
                    argv[i]);
            return 0;
        }
        *to = x;
    }
    return 1;
}

static double seconds(const struct options *o, const struct sg_reduce_count *c)
{
    return (double)c->n_messages * o->latency_us * 1e-6 + (double)c->n_bytes / (o->bandwidth_gb * 1e9);
}

/* A step whose computing takes compute_s on each rank. */
static double step_s(const struct options *o, const struct scaling_counts *c, double compute_s)
{
    double hidden_s = fmin(seconds(o, &c->hidden), compute_s * 2.0 / 3.0 * 2.0 / 3.0);
    return compute_s + seconds(o, &c->most) - hidden_s;
}

/* Returns whether the plan fits the formula. */
static int print_table(const struct options *o, const char *name, const struct sg_layout *l)
{
    int good = 1;
    double dense = (double)(l->n_total - l->at_dense);
    double one_s = o->compute_ms > 0.0 ? o->compute_ms * 1e-3 : 6.0 * dense * o->tokens / (o->gflops * 1e9);
    printf("\n%s: %.1f million floats, a step of %.0f ms on one rank\n", name, dense * 1e-6, one_s * 1e3);
    printf("ranks  MB a rank  messages  formula  optimiser MB  exchange ms | strong ms  share | weak ms  "
           "share\n");
    for (int size = 2; size <= SCALING_MAX_RANKS; size *= 2) {
        int64_t rows = (int64_t)o->rows, weak_rows = rows * size < l->shape.V ? rows * size : l->shape.V;
        struct scaling_counts c = scaling_count(l, 16, rows, size),
                              w = scaling_count(l, 16 * size, weak_rows, size);
        int fits = c.total.n_bytes == scaling_total_bytes(&c, size) &&
                   w.total.n_bytes == scaling_total_bytes(&w, size) &&
                   c.most.n_messages <= scaling_most_messages(&c, size);
        double strong_s = step_s(o, &c, one_s / fmin(size, o->lanes)), weak_s = step_s(o, &w, one_s);
        printf("%5d  %9.2f  %8lld  %7s  %12.1f  %11.2f | %9.1f  %4.0f%% | %7.1f  %4.0f%%\n", size,
               (double)c.most.n_bytes * 1e-6, (long long)c.most.n_messages, fits ? "fits" : "DIFFERS",
               2.0 * 4.0 * dense / size * 1e-6, seconds(o, &c.most) * 1e3, strong_s * 1e3,
               100.0 * one_s / (size * strong_s), weak_s * 1e3, 100.0 * one_s / weak_s);
        good &= fits;
    }
    return good;
}

/* --- measured --- */

struct measure {
    const struct sg_layout *l;
    const struct sg_team *team;
    int64_t n_rows;
    float *g, *p;
    double *shared;
    int64_t *cut; /* (buckets + 1, size + 1) */
    struct sg_reduction *r;
    struct sg_reduce_count small;
};

static sg_status create(struct measure *m, struct sg_err *err)
{
    int n = sg_shards_buckets(m->l);
    int64_t dense = m->l->n_total - m->l->at_dense, rows = m->n_rows * m->l->shape.C, n_most[64];
    m->g = sg_alloc((size_t)(dense + rows), sizeof *m->g);
    m->p = sg_alloc((size_t)dense, sizeof *m->p);
    m->shared = sg_alloc((size_t)(16 + 2 + sg_shards_blocks(m->l, NULL)), sizeof *m->shared);
    m->cut = sg_alloc((size_t)(n + 1) * (size_t)(m->team->size + 1), sizeof *m->cut);
    if (!m->g || !m->p || !m->shared || !m->cut)
        return sg_fail_memory(err, (size_t)(2 * dense + rows) * sizeof *m->g);
    for (int b = 0; b <= n; b++) {
        int64_t *cut = m->cut + b * (m->team->size + 1);
        if (b < n)
            sg_shards_cut(m->l, b, m->team->size, cut);
        else
            sg_reduce_cut(rows, m->team->size, cut);
        n_most[b] = cut[m->team->size];
    }
    for (int64_t i = 0; i < dense + rows; i++)
        m->g[i] = (float)(i % 1000) * 1e-3f;
    return sg_reduction_create(m->team, n + 1, n_most, &m->r, err);
}

static void destroy(struct measure *m)
{
    sg_reduction_destroy(m->r);
    sg_free(m->g);
    sg_free(m->p);
    sg_free(m->shared);
    sg_free(m->cut);
}

static void start_all(struct measure *m, enum sg_reduce_job job, float *dense)
{
    for (int b = 0; b < sg_shards_buckets(m->l); b++) {
        int64_t lo, hi;
        sg_shards_range(m->l, b, &lo, &hi);
        sg_reduction_start(m->r, b, job, dense + lo, m->cut + b * (m->team->size + 1));
    }
}

/* What a step exchanges, with nothing beside it. */
static sg_status exchange(struct measure *m, struct sg_err *err)
{
    int n = sg_shards_buckets(m->l);
    start_all(m, SG_SCATTER, m->g);
    sg_reduction_start(m->r, n, SG_ALLREDUCE, m->g + (m->l->n_total - m->l->at_dense),
                       m->cut + n * (m->team->size + 1));
    SG_TRY(sg_reduction_wait(m->r, err));
    SG_TRY(sg_reduce_exact_f64(m->team, m->shared, 16 + 2 + sg_shards_blocks(m->l, NULL), &m->small, err));
    start_all(m, SG_GATHER, m->p);
    return sg_reduction_wait(m->r, err);
}

static sg_status measure_team(const struct options *o, const char *name, const struct sg_layout *l,
                              const struct sg_team *team, struct sg_err *err)
{
    sg_status status;
    struct measure m = {.l = l, .team = team, .n_rows = (int64_t)o->rows};
    double best_s = INFINITY, mpi_s = INFINITY;
    int n_repeats = (int)o->repeat;
    SG_TRY_DONE(create(&m, err));
    for (int i = 0; i < n_repeats; i++) {
        MPI_Barrier(team->comm);
        double begin_s = sg_now_s();
        SG_TRY_DONE(exchange(&m, err));
        best_s = fmin(best_s, sg_now_s() - begin_s);
        MPI_Barrier(team->comm);
        begin_s = sg_now_s();
        int n = (int)(l->n_total - l->at_dense + m.n_rows * l->shape.C);
        SG_TRY_DONE(sg_mpi_check(MPI_Allreduce(MPI_IN_PLACE, m.g, n, MPI_FLOAT, MPI_SUM, team->comm),
                                 "MPI_Allreduce", err));
        mpi_s = fmin(mpi_s, sg_now_s() - begin_s);
    }
    /* The largest of all ranks, as foretold. */
    struct sg_reduce_count big = sg_reduction_count(m.r);
    int64_t sent[2] = {big.n_bytes + m.small.n_bytes, big.n_messages + m.small.n_messages}, total[2];
    SG_TRY_DONE(sg_mpi_check(MPI_Allreduce(sent, total, 2, MPI_INT64_T, MPI_SUM, team->comm), "counts", err));
    struct scaling_counts c = scaling_count(l, 16, m.n_rows, team->size);
    int same = total[0] == c.total.n_bytes * n_repeats && total[1] == c.total.n_messages * n_repeats;
    if (team->rank == 0)
        printf("%-13s %5d  %9.2f  %8lld  %12s  %11.2f  %16.2f\n", name, team->size,
               (double)total[0] / (n_repeats * team->size) * 1e-6,
               (long long)(total[1] / n_repeats / team->size), same ? "as foretold" : "DIFFERS", best_s * 1e3,
               mpi_s * 1e3);
    if (!same)
        status = sg_fail(err, SG_FAILED, "%s: the program sent other than the plan foretells", name);
done:
    destroy(&m);
    return status;
}

static sg_status measure_all(const struct options *o, const char *name, const struct sg_layout *l,
                             const struct sg_team *world, struct sg_err *err)
{
    for (int size = 2; size <= world->size && size <= SCALING_MAX_RANKS; size *= 2) {
        struct sg_team team = {.rank = world->rank, .size = size};
        sg_status status = SG_OK;
        SG_TRY(sg_mpi_check(
            MPI_Comm_split(world->comm, world->rank < size ? 0 : MPI_UNDEFINED, world->rank, &team.comm),
            "MPI_Comm_split", err));
        if (world->rank < size) {
            status = measure_team(o, name, l, &team, err);
            MPI_Comm_free(&team.comm);
        }
        SG_TRY(sg_agree(world, status, err));
    }
    return SG_OK;
}

static sg_status run(const struct options *o, const struct sg_team *world, struct sg_err *err)
{
    static const struct {
        const char *name;
        int64_t C, L, V;
    } encoder[] = {{"MiniLM-L6", 384, 6, 30522}, {"roberta-base", 768, 12, 50265}};
    sg_status status = SG_OK;
    for (int pass = 0; pass < 2 && status == SG_OK; pass++) {
        if (pass == 1 && world->size > 1 && world->rank == 0)
            printf("\nmeasured here, the exchange alone (the best of %.0f):\n"
                   "encoder       ranks  MB a rank  messages        counts  exchange ms  MPI_Allreduce ms\n",
                   o->repeat);
        for (int i = 0; i < 2 && status == SG_OK; i++) {
            struct sg_layout l;
            struct sg_shape shape = scaling_shape(encoder[i].C, encoder[i].L, encoder[i].V);
            SG_TRY(sg_layout_create(sg_family_find("roberta"), &shape, &l, err));
            if (pass == 0 && world->rank == 0 && !print_table(o, encoder[i].name, &l))
                status = sg_fail(err, SG_FAILED, "the plan sends other than the formula says");
            if (pass == 1)
                status = measure_all(o, encoder[i].name, &l, world, err);
            else
                status = sg_agree(world, status, err);
            sg_layout_destroy(&l);
        }
    }
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {.latency_us = 2,
                        .bandwidth_gb = 12,
                        .gflops = 90,
                        .tokens = 1000,
                        .rows = 600,
                        .lanes = 8,
                        .repeat = 5};
    struct sg_team world;
    struct sg_err err = {0};
    sg_status status = sg_mpi_start(&argc, &argv, &world, &err);
    if (status == SG_OK)
        status = read_options(argc, argv, &o) ? SG_OK : SG_INPUT;
    if (status == SG_OK)
        status = run(&o, &world, &err);
    if (status != SG_OK && err.text[0])
        fprintf(stderr, "scaling: %s\n", err.text);
    sg_mpi_end();
    return (int)status;
}
