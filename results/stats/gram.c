#include "results/stats/gram.h"

#include "base/mem.h"
#include "results/stats/scalapack.h"

#include <stdbool.h>
#include <string.h>

/* BLOCK is ScaLAPACK's block edge. Rows travel in rounds of PANEL, which bounds the memory for any n and
 * keeps MPI's counts an int; PANEL is a multiple of BLOCK, so that every round begins at process row 0. */
enum { BLOCK = 32, PANEL = 4096 };

struct gram {
    const struct sg_team *team;
    const float *x;     /* (n_local, C), the caller's */
    int c;              /* C */
    int64_t *first_row; /* (size + 1): the global number of each rank's first row */
    int n_prow, n_pcol; /* the process grid; ranks from n_prow * n_pcol on are outside */
    int prow, pcol;     /* this rank's place in it; -1 outside */
    int handle, context;
    int n_cols_local; /* columns of X that this rank holds, of X'X too */
    int *count;       /* (4, size): counts and displacements to send, then to receive */
    float *sent, *received;
    double *panel; /* rows of one round, block-cyclic, column-major */
    int desc_panel[SG_DESC];
    double *product; /* X'X / n, block-cyclic, lower triangle */
    int desc_product[SG_DESC];
    double *work;
    int n_work;
    double *eigenvalues; /* (C), the caller's */
};

static int int_min(int a, int b)
{
    return a < b ? a : b;
}

/* How many of the first n rows (columns) belong to process p of n_p; with n the index of a row of p's, its
 * local index. */
static int owned(int n, int p, int n_p)
{
    const int block = BLOCK, first = 0;
    return n > 0 ? numroc_(&n, &block, &p, &first, &n_p) : 0;
}

/* The grid: near-square, as large as the team allows and no larger than there are blocks of X'X. */
static void choose_grid(struct gram *g)
{
    int n_blocks = (g->c + BLOCK - 1) / BLOCK, side = 1;
    while ((side + 1) * (side + 1) <= g->team->size)
        side++;
    g->n_prow = int_min(side, n_blocks);
    g->n_pcol = int_min(g->team->size / g->n_prow, n_blocks);
    bool inside = g->team->rank < g->n_prow * g->n_pcol;
    g->prow = inside ? g->team->rank / g->n_pcol : -1;
    g->pcol = inside ? g->team->rank % g->n_pcol : -1;
}

static sg_status allocate(struct gram *g, int64_t n, struct sg_err *err)
{
    const int n_round = n < PANEL ? (int)n : PANEL;
    size_t c = (size_t)g->c, size = (size_t)g->team->size;
    int64_t n_mine = g->first_row[g->team->rank + 1] - g->first_row[g->team->rank];
    bool inside = g->prow >= 0;
    int n_rows_panel = inside ? owned(n_round, g->prow, g->n_prow) : 0;
    int n_rows_product = inside ? owned(g->c, g->prow, g->n_prow) : 0;
    g->n_cols_local = inside ? owned(g->c, g->pcol, g->n_pcol) : 0;
    size_t n_sent = (size_t)(n_mine < PANEL ? n_mine : PANEL) * c,
           n_panel = (size_t)n_rows_panel * (size_t)g->n_cols_local;
    size_t n_product = (size_t)n_rows_product * (size_t)g->n_cols_local;

    g->count = sg_alloc(4 * size, sizeof *g->count);
    g->sent = sg_alloc(n_sent, sizeof *g->sent);
    g->received = sg_alloc(n_panel, sizeof *g->received);
    g->panel = sg_alloc(n_panel, sizeof *g->panel);
    g->product = sg_alloc(n_product, sizeof *g->product);
    if (!g->count || !g->sent || !g->received || !g->panel || !g->product)
        return sg_fail_memory(err, 4 * n_sent + 12 * n_panel + 8 * n_product);
    return SG_OK;
}

/* Collective over the grid: PDSYEV's question for its workspace communicates (PDLAMCH). */
static sg_status plan(struct gram *g, int64_t n, struct sg_err *err)
{
    if (g->prow < 0)
        return SG_OK;
    const int n_round = n < PANEL ? (int)n : PANEL, block = BLOCK, first = 0, one = 1, query = -1;
    int lld_panel = owned(n_round, g->prow, g->n_prow), lld_product = owned(g->c, g->prow, g->n_prow),
        info[3] = {0};
    double n_work = 0;
    lld_panel += lld_panel == 0; /* also an empty array has a leading dimension */
    lld_product += lld_product == 0;
    descinit_(g->desc_panel, &n_round, &g->c, &block, &block, &first, &first, &g->context, &lld_panel,
              &info[0]);
    descinit_(g->desc_product, &g->c, &g->c, &block, &block, &first, &first, &g->context, &lld_product,
              &info[1]);
    pdsyev_("N", "L", &g->c, g->product, &one, &one, g->desc_product, g->eigenvalues, g->product, &one, &one,
            g->desc_product, &n_work, &query, &info[2], 1, 1);
    if (info[0] || info[1] || info[2])
        return sg_fail(err, SG_FAILED,
                       "diversity: ScaLAPACK refuses a %d x %d matrix on a %d x %d grid (info %d, %d, %d)",
                       g->c, g->c, g->n_prow, g->n_pcol, info[0], info[1], info[2]);
    g->n_work = (int)n_work;
    g->work = sg_alloc((size_t)g->n_work, sizeof *g->work);
    return g->work ? SG_OK : sg_fail_memory(err, 8 * (unsigned long long)g->n_work);
}

/* The rows of rank r within [from, to), as offsets from `from`. */
static void rows_of(const struct gram *g, int r, int64_t from, int64_t to, int *begin, int *end)
{
    int64_t a = g->first_row[r] - from, b = g->first_row[r + 1] - from, n = to - from;
    *begin = (int)(a < 0 ? 0 : a > n ? n : a);
    *end = (int)(b < 0 ? 0 : b > n ? n : b);
}

/* Rows [from, to) of X go from who brought them to who owns them: to each process of the grid, row by row,
 * its columns. */
static sg_status exchange(struct gram *g, int64_t from, int64_t to, struct sg_err *err)
{
    int size = g->team->size, begin, end, n_sent = 0, n_received = 0;
    int *send = g->count, *send_at = send + size, *receive = send_at + size, *receive_at = receive + size;

    rows_of(g, g->team->rank, from, to, &begin, &end);
    for (int r = 0; r < size; r++) {
        send_at[r] = n_sent;
        if (r < g->n_prow * g->n_pcol) {
            int prow = r / g->n_pcol, pcol = r % g->n_pcol;
            for (int i = begin; i < end; i++) {
                if (i / BLOCK % g->n_prow != prow)
                    continue;
                const float *row = g->x + (from + i - g->first_row[g->team->rank]) * g->c;
                for (int k = pcol * BLOCK; k < g->c; k += g->n_pcol * BLOCK) {
                    int width = int_min(BLOCK, g->c - k);
                    memcpy(g->sent + n_sent, row + k, (size_t)width * sizeof *row);
                    n_sent += width;
                }
            }
        }
        send[r] = n_sent - send_at[r];
    }
    for (int r = 0; r < size; r++) {
        receive_at[r] = n_received;
        if (g->prow >= 0) {
            rows_of(g, r, from, to, &begin, &end);
            n_received +=
                (owned(end, g->prow, g->n_prow) - owned(begin, g->prow, g->n_prow)) * g->n_cols_local;
        }
        receive[r] = n_received - receive_at[r];
    }
    SG_TRY(sg_mpi_check(MPI_Alltoallv(g->sent, send, send_at, MPI_FLOAT, g->received, receive, receive_at,
                                      MPI_FLOAT, g->team->comm),
                        "MPI_Alltoallv of embeddings", err));
    /* Ranks hold the rows in order, so what has arrived is in order too, whoever sent it. */
    int n_rows = g->n_cols_local ? n_received / g->n_cols_local : 0, lld = g->desc_panel[SG_DESC - 1];
    for (int i = 0; i < n_rows; i++)
        for (int k = 0; k < g->n_cols_local; k++)
            g->panel[(size_t)k * (size_t)lld + (size_t)i] =
                g->received[(size_t)i * (size_t)g->n_cols_local + (size_t)k];
    return SG_OK;
}

/* Fills the lower triangle of X'X / n. */
static sg_status multiply(struct gram *g, int64_t n, struct sg_err *err)
{
    const int one = 1;
    const double alpha = 1.0 / (double)n;
    for (int64_t from = 0; from < n; from += PANEL) {
        int64_t to = n - from < PANEL ? n : from + PANEL;
        SG_TRY(sg_agree(g->team, exchange(g, from, to, err), err));
        int n_rows = (int)(to - from);
        double beta = from ? 1 : 0;
        if (g->prow >= 0)
            pdsyrk_("L", "T", &g->c, &n_rows, &alpha, g->panel, &one, &one, g->desc_panel, &beta, g->product,
                    &one, &one, g->desc_product);
    }
    return SG_OK;
}

static sg_status diagonalise(struct gram *g, struct sg_err *err)
{
    const int one = 1;
    int info = 0;
    if (g->prow >= 0)
        pdsyev_("N", "L", &g->c, g->product, &one, &one, g->desc_product, g->eigenvalues, g->product, &one,
                &one, g->desc_product, g->work, &g->n_work, &info, 1, 1);
    return info ? sg_fail(err, SG_FAILED, "diversity: PDSYEV finds no spectrum of a %d x %d matrix (info %d)",
                          g->c, g->c, info)
                : SG_OK;
}

/* Collective. Where each rank's rows begin, and with it how many rows there are. */
static sg_status number_rows(struct gram *g, int64_t n_local, struct sg_err *err)
{
    int size = g->team->size;
    g->first_row = sg_alloc((size_t)size + 1, sizeof *g->first_row);
    SG_TRY(sg_agree(g->team, g->first_row ? SG_OK : sg_fail_memory(err, 8 * ((unsigned long long)size + 1)),
                    err));
    sg_status status =
        sg_mpi_check(MPI_Allgather(&n_local, 1, MPI_INT64_T, g->first_row + 1, 1, MPI_INT64_T, g->team->comm),
                     "MPI_Allgather of row counts", err);
    for (int r = 0; r < size; r++)
        g->first_row[r + 1] += g->first_row[r];
    return sg_agree(g->team, status, err);
}

static void create_grid(struct gram *g)
{
    choose_grid(g);
    g->handle = Csys2blacs_handle(g->team->comm);
    g->context = g->handle;
    Cblacs_gridinit(&g->context, "Row", g->n_prow, g->n_pcol);
}

static void destroy_grid(struct gram *g)
{
    if (g->prow >= 0)
        Cblacs_gridexit(g->context);
    Cfree_blacs_system_handle(g->handle);
}

/* All memory is got first, so that nothing local can fail between the collectives. */
static sg_status solve(struct gram *g, int64_t n, struct sg_err *err)
{
    SG_TRY(sg_agree(g->team, allocate(g, n, err), err));
    SG_TRY(sg_agree(g->team, plan(g, n, err), err));
    SG_TRY(multiply(g, n, err));
    return sg_agree(g->team, diagonalise(g, err), err);
}

sg_status sg_gram_spectrum(const struct sg_team *team, const float *x_local, int64_t n_local, int c,
                           int64_t *n, double *eigenvalues, struct sg_err *err)
{
    struct gram g = {.team = team, .x = x_local, .c = c, .eigenvalues = eigenvalues};
    sg_status status = number_rows(&g, n_local, err);
    if (status == SG_OK) {
        *n = g.first_row[team->size];
        memset(eigenvalues, 0, (size_t)c * sizeof *eigenvalues);
    }
    if (status == SG_OK && *n > 0) {
        create_grid(&g);
        status = solve(&g, *n, err);
        destroy_grid(&g);
    }
    sg_free(g.first_row);
    sg_free(g.count);
    sg_free(g.sent);
    sg_free(g.received);
    sg_free(g.panel);
    sg_free(g.product);
    sg_free(g.work);
    return status;
}
