/* The spectrum of the RBF kernel's matrix with ScaLAPACK: K is made where it lies, block-cyclic on a near-square grid. */
#include "base/mem.h"
#include "results/measures/measures_impl.h"
#include "results/stats/scalapack.h"

#include <cblas.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* Rows and columns of a block. Measured at n = 4,000 on 2 ranks (tests/bench/measures.c). */
enum { BLOCK = 64 };

struct rbf {
    const struct sg_team *team;
    struct sg_cloud x;
    int n, c;
    double gamma;                   /* 1 / (2 s^2) */
    int n_prow, n_pcol, prow, pcol; /* the process grid; prow, pcol -1 outside */
    int handle, context;
    int n_rows, n_cols, desc[SG_DESC]; /* of K, on this rank */
    double *k;                         /* (n_cols, n_rows): column-major */
    double *rows, *row_square;         /* (n_rows, C), (n_rows): the rows of X that K's rows are of */
    double *block, *block_square;      /* (BLOCK, C), (BLOCK): the same of a block of columns */
    double *eigenvalues, *work;
    int n_work;
};

static int owned(int n, int p, int n_p)
{
    const int block = BLOCK, first = 0;
    return numroc_(&n, &block, &p, &first, &n_p);
}

static void create_grid(struct rbf *r)
{
    int n_blocks = (r->n + BLOCK - 1) / BLOCK, side = 1;
    while ((side + 1) * (side + 1) <= r->team->size)
        side++;
    r->n_prow = side < n_blocks ? side : n_blocks;
    r->n_pcol = r->team->size / r->n_prow < n_blocks ? r->team->size / r->n_prow : n_blocks;
    int inside = r->team->rank < r->n_prow * r->n_pcol;
    r->prow = inside ? r->team->rank / r->n_pcol : -1;
    r->pcol = inside ? r->team->rank % r->n_pcol : -1;
    r->handle = Csys2blacs_handle(r->team->comm);
    r->context = r->handle;
    Cblacs_gridinit(&r->context, "Row", r->n_prow, r->n_pcol);
}

/* Row i of this rank is row `global` of K. */
static int global(int i, int p, int n_p)
{
    return (i / BLOCK * n_p + p) * BLOCK + i % BLOCK;
}

static double take(const struct rbf *r, int i, double *out)
{
    double square = 0;
    for (int k = 0; k < r->c; k++) {
        out[k] = r->x.x[(int64_t)i * r->c + k];
        square += out[k] * out[k];
    }
    return square;
}

static sg_status allocate(struct rbf *r, struct sg_err *err)
{
    r->eigenvalues = sg_alloc((size_t)r->n, sizeof *r->eigenvalues);
    size_t n = 0;
    if (r->prow >= 0) {
        size_t c = (size_t)r->c;
        r->n_rows = owned(r->n, r->prow, r->n_prow);
        r->n_cols = owned(r->n, r->pcol, r->n_pcol);
        n = (size_t)r->n_rows * (size_t)r->n_cols;
        r->k = sg_alloc(n + 1, sizeof *r->k);
        r->rows = sg_alloc((size_t)r->n_rows * c + 1, sizeof *r->rows);
        r->row_square = sg_alloc((size_t)r->n_rows + 1, sizeof *r->row_square);
        r->block = sg_alloc(BLOCK * c, sizeof *r->block);
        r->block_square = sg_alloc(BLOCK, sizeof *r->block_square);
        if (!r->k || !r->rows || !r->row_square || !r->block || !r->block_square)
            return sg_fail_memory(err, 8 * (unsigned long long)n);
    }
    return r->eigenvalues ? SG_OK : sg_fail_memory(err, 8 * (unsigned long long)r->n);
}

static void fill(struct rbf *r)
{
    for (int i = 0; i < r->n_rows; i++)
        r->row_square[i] = take(r, global(i, r->prow, r->n_prow), r->rows + (size_t)i * (size_t)r->c);
    for (int j = 0; j < r->n_cols; j += BLOCK) {
        int width = r->n_cols - j < BLOCK ? r->n_cols - j : BLOCK;
        for (int i = 0; i < width; i++)
            r->block_square[i] =
                take(r, global(j + i, r->pcol, r->n_pcol), r->block + (size_t)i * (size_t)r->c);
        double *k = r->k + (size_t)j * (size_t)r->n_rows;
        if (r->n_rows)
            cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, r->n_rows, width, r->c, -2.0, r->rows, r->c,
                        r->block, r->c, 0.0, k, r->n_rows);
        for (int m = 0; m < width; m++)
            for (int i = 0; i < r->n_rows; i++) {
                double *v = &k[(size_t)m * (size_t)r->n_rows + (size_t)i],
                       d2 = *v + r->row_square[i] + r->block_square[m];
                *v = (d2 > 0 ? exp(-d2 * r->gamma) : 1) / r->n;
            }
    }
    sg_free(r->rows);
    r->rows = NULL; /* the workspace may have its place */
}

/* Collective over the grid: PDSYEV's question for its workspace communicates. It answers with a double, which may be more than an int holds. */
static sg_status plan(struct rbf *r, struct sg_err *err)
{
    if (r->prow < 0)
        return SG_OK;
    const int block = BLOCK, first = 0, one = 1, query = -1;
    int lld = r->n_rows ? r->n_rows : 1, info = 0;
    double n_work = 0;
    descinit_(r->desc, &r->n, &r->n, &block, &block, &first, &first, &r->context, &lld, &info);
    if (!info)
        pdsyev_("N", "L", &r->n, r->k, &one, &one, r->desc, r->eigenvalues, r->k, &one, &one, r->desc,
                &n_work, &query, &info, 1, 1);
    if (info || !(n_work >= 0 && n_work < INT_MAX))
        return sg_fail(
            err, SG_FAILED,
            "measures: ScaLAPACK refuses a %d x %d matrix on a %d x %d grid (info %d, workspace %g)", r->n,
            r->n, r->n_prow, r->n_pcol, info, n_work);
    r->n_work = (int)n_work;
    r->work = sg_alloc((size_t)r->n_work + 1, sizeof *r->work);
    return r->work ? SG_OK : sg_fail_memory(err, 8 * (unsigned long long)r->n_work);
}

static sg_status diagonalise(struct rbf *r, struct sg_err *err)
{
    const int one = 1;
    int info = 0;
    if (r->prow >= 0)
        pdsyev_("N", "L", &r->n, r->k, &one, &one, r->desc, r->eigenvalues, r->k, &one, &one, r->desc,
                r->work, &r->n_work, &info, 1, 1);
    return info ? sg_fail(err, SG_FAILED, "measures: PDSYEV finds no spectrum of a %d x %d matrix (info %d)",
                          r->n, r->n, info)
                : SG_OK;
}

/* Ascending, as PDSYEV leaves them, become descending and rounded; what is noise is 0. */
static double finish(struct rbf *r)
{
    double *l = r->eigenvalues, total = 0, entropy = 0, noise = l[r->n - 1] * r->n * DBL_EPSILON;
    for (int i = 0; i < r->n / 2; i++) {
        double t = l[i];
        l[i] = l[r->n - 1 - i];
        l[r->n - 1 - i] = t;
    }
    for (int i = 0; i < r->n; i++) {
        l[i] = l[i] < noise ? 0 : l[i];
        total += l[i];
    }
    for (int i = 0; i < r->n; i++)
        if (l[i] > 0)
            entropy -= l[i] / total * log(l[i] / total);
    for (int i = 0; i < r->n; i++)
        l[i] = rint(l[i] * 1e9) / 1e9;
    return sg_measures_digits(exp(entropy));
}

static sg_status solve(struct rbf *r, struct sg_err *err)
{
    SG_TRY(sg_agree(r->team, allocate(r, err), err));
    fill(r);
    SG_TRY(sg_agree(r->team, plan(r, err), err));
    return sg_agree(r->team, diagonalise(r, err), err);
}

sg_status sg_rbf_spectrum(const struct sg_team *team, struct sg_cloud x, int c, double bandwidth,
                          double *eigenvalues, double *effective, struct sg_err *err)
{
    if (x.n < 1 || x.n > SG_MEASURES_SPECTRUM_MAX || c < 1 || !(bandwidth > 0 && isfinite(bandwidth)))
        return sg_fail(err, SG_FAILED,
                       "measures: no spectrum of %lld rows of %d columns, bandwidth %g; hint: 1 to %d rows",
                       (long long)x.n, c, bandwidth, SG_MEASURES_SPECTRUM_MAX);
    struct rbf r = {
        .team = team, .x = x, .n = (int)x.n, .c = c, .gamma = 0.5 / (bandwidth * bandwidth), .n_work = 0};
    create_grid(&r);
    sg_status status = solve(&r, err);
    if (r.prow >= 0)
        Cblacs_gridexit(r.context);
    Cfree_blacs_system_handle(r.handle);
    if (status == SG_OK) {
        double number = team->rank == 0 ? finish(&r) : 0;
        status = sg_mpi_check(MPI_Bcast(&number, 1, MPI_DOUBLE, 0, team->comm), "MPI_Bcast", err);
        if (status == SG_OK)
            status = sg_mpi_check(MPI_Bcast(r.eigenvalues, r.n, MPI_DOUBLE, 0, team->comm),
                                  "MPI_Bcast of the spectrum", err);
        status = sg_agree(team, status, err);
        if (status == SG_OK && eigenvalues)
            memcpy(eigenvalues, r.eigenvalues, (size_t)r.n * sizeof *eigenvalues);
        if (status == SG_OK && effective)
            *effective = number;
    }
    sg_free(r.k);
    sg_free(r.rows);
    sg_free(r.row_square);
    sg_free(r.block);
    sg_free(r.block_square);
    sg_free(r.eigenvalues);
    sg_free(r.work);
    return status;
}
