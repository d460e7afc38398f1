#include "results/measures/band.h"

#include "base/cores.h"
#include "base/file.h"
#include "base/mem.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>

/* LAPACK's; the lengths of character arguments come last. */
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dlarft_(const char *direct, const char *storev, const int *n, const int *k, const double *v,
             const int *ldv, const double *tau, double *t, const int *ldt, size_t len_direct,
             size_t len_storev);
void dsbtrd_(const char *vect, const char *uplo, const int *n, const int *kd, double *ab, const int *ldab,
             double *d, double *e, double *q, const int *ldq, double *work, int *info, size_t len_vect,
             size_t len_uplo);
void dsterf_(const int *n, double *d, double *e, int *info);

/* Columns of a block, and so the width of the band. Wider: fewer passes over the matrix, but the second stage, on one rank, grows with it. */
enum { WIDTH = 48, N_QUERY = 64 * WIDTH };

/* Block j begins at row and column j WIDTH. After step j the panel below its diagonal block is R: the band. Until then columns are behind: the
 * update of step j - 1 reaches a block when step j first needs it, so that a block passes through the cache once a step. */
struct band {
    const struct sg_team *team;
    int n, n_blocks;
    double **column;       /* (n_blocks): block c, (width, n - c WIDTH) column-major; NULL: another rank's */
    int top, n_reflectors; /* of the last step, as these, which have its rows: from `top` on */
    double *left, *right;  /* [X V] and [V X]: (2 WIDTH, n) */
    double *v;             /* (k, m): of this step, of m rows and k reflectors */
    double *y;             /* (threads, k, m): A V */
    int n_threads, info;
    double *t, *s, *tau, *work;
    double *ab, *diagonal, *off; /* (n, WIDTH + 1), (n), (n) */
};

static int width_of(const struct band *b, int block)
{
    return b->n - block * WIDTH < WIDTH ? b->n - block * WIDTH : WIDTH;
}

static sg_status allocate(struct band *b, struct sg_err *err)
{
    size_t n = (size_t)b->n, panel = n * WIDTH, bytes = 0, threads = (size_t)b->n_threads;
    b->column = sg_alloc((size_t)b->n_blocks, sizeof *b->column);
    b->left = sg_alloc(2 * panel, sizeof *b->left);
    b->right = sg_alloc(2 * panel, sizeof *b->right);
    b->v = sg_alloc(panel, sizeof *b->v);
    b->y = sg_alloc(panel * threads, sizeof *b->y);
    b->t = sg_alloc((size_t)WIDTH * WIDTH, sizeof *b->t);
    b->s = sg_alloc((size_t)WIDTH * WIDTH, sizeof *b->s);
    b->tau = sg_alloc(WIDTH, sizeof *b->tau);
    b->work = sg_alloc(n > N_QUERY ? n : N_QUERY, sizeof *b->work);
    b->ab = sg_alloc(n * (WIDTH + 1), sizeof *b->ab);
    b->diagonal = sg_alloc(n, sizeof *b->diagonal);
    b->off = sg_alloc(n, sizeof *b->off);
    int ok = b->column && b->left && b->right && b->v && b->y && b->t && b->s && b->tau && b->work && b->ab &&
             b->diagonal && b->off;
    for (int c = b->team->rank; ok && c < b->n_blocks; c += b->team->size) {
        size_t size = (size_t)width_of(b, c) * (size_t)(b->n - c * WIDTH);
        b->column[c] = sg_alloc(size, sizeof **b->column);
        bytes += size * sizeof **b->column;
        ok = b->column[c] != NULL;
    }
    return ok ? SG_OK : sg_fail_memory(err, 8 * (unsigned long long)panel * (6 + threads) + bytes);
}

static void release(struct band *b)
{
    for (int c = 0; b->column && c < b->n_blocks; c++)
        sg_free(b->column[c]);
    sg_free(b->column);
    sg_free(b->left);
    sg_free(b->right);
    sg_free(b->v);
    sg_free(b->y);
    sg_free(b->t);
    sg_free(b->s);
    sg_free(b->tau);
    sg_free(b->work);
    sg_free(b->ab);
    sg_free(b->diagonal);
    sg_free(b->off);
}

/* A -= X V' + V X' in block c, of the last step. */
static void update(const struct band *b, int c)
{
    int from = c * WIDTH, h = b->n - from, k = b->n_reflectors, below = from - b->top;
    if (k)
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, h, width_of(b, c), 2 * k, -1.0, b->left + below,
                    b->n, b->right + below, b->n, 1.0, b->column[c], h);
}

/* What block c has of Y = A V: of V in its rows, and what its transpose has in them. V and Y begin at row `top` and have m rows. */
static void multiply(const struct band *b, int c, int top, int m, int k, double *y)
{
    int from = c * WIDTH, h = b->n - from, w = width_of(b, c), below = from - top;
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, h, k, w, 1.0, b->column[c], h, b->v + below, m,
                1.0, y + below, m);
    if (h > w)
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, w, k, h - w, 1.0, b->column[c] + w, h,
                    b->v + below + w, m, 1.0, y + below, m);
}

/* The panel of block j becomes Q R: R stays, V goes to b->v, explicit, the scales of its reflectors to tau. */
static void factor(struct band *b, int j, int m, int k)
{
    int h = b->n - j * WIDTH, n_work = N_QUERY, width = WIDTH, info = 0;
    double *panel = b->column[j] + WIDTH;
    dgeqrf_(&m, &width, panel, &h, b->tau, b->work, &n_work, &info);
    b->info = b->info ? b->info : info;
    for (int i = 0; i < k; i++) {
        double *v = b->v + (size_t)i * (size_t)m;
        memset(v, 0, (size_t)i * sizeof *v);
        v[i] = 1;
        memcpy(v + i + 1, panel + (size_t)i * (size_t)h + i + 1, (size_t)(m - i - 1) * sizeof *v);
    }
}

/* From V and Y = A V to X = W - V S / 2, W = Y T, S = T' V' W: then Q'AQ = A - X V' - V X'. */
static void find_x(struct band *b, int m, int k)
{
    size_t n = (size_t)b->n, rows = (size_t)m;
    double *w = b->y;
    int width = WIDTH;
    dlarft_("F", "C", &m, &k, b->v, &m, b->tau, b->t, &width, 1, 1);
    cblas_dtrmm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, m, k, 1.0, b->t, WIDTH, w,
                m);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k, k, m, 1.0, b->v, m, w, m, 0.0, b->s, WIDTH);
    cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, k, k, 1.0, b->t, WIDTH, b->s,
                WIDTH);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, k, k, -0.5, b->v, m, b->s, WIDTH, 1.0, w, m);
    for (size_t i = 0; i < (size_t)k; i++) {
        const double *x = w + i * rows, *v = b->v + i * rows;
        memcpy(b->left + i * n, x, rows * sizeof *x);
        memcpy(b->left + ((size_t)k + i) * n, v, rows * sizeof *v);
        memcpy(b->right + i * n, v, rows * sizeof *v);
        memcpy(b->right + ((size_t)k + i) * n, x, rows * sizeof *x);
    }
}

/* Brings this rank's blocks behind j up to date and sums Y over the ranks. */
static sg_status pass(struct band *b, int j, int top, int m, int k, struct sg_err *err)
{
    int first = b->team->rank, n_y = m * k;
    while (first <= j)
        first += b->team->size;
    memset(b->y, 0, (size_t)n_y * (size_t)b->n_threads * sizeof *b->y);
#pragma omp parallel num_threads(b->n_threads)
    {
        double *y = b->y + (size_t)omp_get_thread_num() * (size_t)n_y;
#pragma omp for schedule(static, 1)
        for (int c = first; c < b->n_blocks; c += b->team->size) {
            update(b, c);
            multiply(b, c, top, m, k, y);
        }
    }
    for (int t = 1; t < b->n_threads; t++)
        cblas_daxpy(n_y, 1.0, b->y + (size_t)t * (size_t)n_y, 1, b->y, 1);
    return sg_mpi_check(MPI_Allreduce(MPI_IN_PLACE, b->y, n_y, MPI_DOUBLE, MPI_SUM, b->team->comm),
                        "MPI_Allreduce of a product", err);
}

static sg_status step(struct band *b, int j, struct sg_err *err)
{
    int top = (j + 1) * WIDTH, m = b->n - top, k = m < WIDTH ? m : WIDTH;
    if (b->column[j]) {
        update(b, j);
        factor(b, j, m, k);
    }
    int from = j % b->team->size;
    SG_TRY(sg_mpi_check(MPI_Bcast(b->v, m * k, MPI_DOUBLE, from, b->team->comm), "MPI_Bcast of reflectors",
                        err));
    SG_TRY(
        sg_mpi_check(MPI_Bcast(b->tau, k, MPI_DOUBLE, from, b->team->comm), "MPI_Bcast of reflectors", err));
    SG_TRY(pass(b, j, top, m, k, err));
    find_x(b, m, k);
    b->top = top;
    b->n_reflectors = k;
    return SG_OK;
}

/* The band of this rank's columns: ab[i - j + j (WIDTH + 1)] is row i of column j. */
static void keep_band(struct band *b)
{
    for (int c = b->team->rank; c < b->n_blocks; c += b->team->size) {
        int h = b->n - c * WIDTH;
        for (int i = 0; i < width_of(b, c); i++) {
            int n_kept = h - i < WIDTH + 1 ? h - i : WIDTH + 1;
            memcpy(b->ab + (size_t)(c * WIDTH + i) * (WIDTH + 1), b->column[c] + (size_t)i * (size_t)h + i,
                   (size_t)n_kept * sizeof *b->ab);
        }
    }
}

/* The second stage, on one rank. */
static sg_status diagonalise(struct band *b, struct sg_err *err)
{
    int band = b->n - 1 < WIDTH ? b->n - 1 : WIDTH, ld = WIDTH + 1, one = 1, info[2] = {0};
    double none = 0;
    dsbtrd_("N", "L", &b->n, &band, b->ab, &ld, b->diagonal, b->off, &none, &one, b->work, &info[0], 1, 1);
    if (!info[0])
        dsterf_(&b->n, b->diagonal, b->off, &info[1]);
    return info[0] || info[1]
               ? sg_fail(err, SG_FAILED, "measures: no spectrum of a %d x %d matrix (info %d, %d)", b->n,
                         b->n, info[0], info[1])
               : SG_OK;
}

/* The others wait here for the second stage: asleep, for a blocking broadcast spins. */
static sg_status share(const struct band *b, int root, double *eigenvalues, struct sg_err *err)
{
    MPI_Request request;
    int done = 0, rc = MPI_Ibcast(b->diagonal, b->n, MPI_DOUBLE, root, b->team->comm, &request);
    while (rc == MPI_SUCCESS && !done) {
        rc = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (rc == MPI_SUCCESS && !done)
            sg_sleep_us(500);
    }
    memcpy(eigenvalues, b->diagonal, (size_t)b->n * sizeof *eigenvalues);
    return sg_mpi_check(rc, "MPI_Ibcast of the spectrum", err);
}

static sg_status reduce(struct band *b, struct sg_err *err)
{
    sg_status status = SG_OK;
    for (int j = 0; j < b->n_blocks - 1 && status == SG_OK; j++)
        status = step(b, j, err);
    if (b->column[b->n_blocks - 1])
        update(b, b->n_blocks - 1);
    if (status == SG_OK && b->info)
        status = sg_fail(err, SG_FAILED, "measures: DGEQRF refuses a panel (info %d)", b->info);
    return status;
}

static sg_status solve(struct band *b, sg_band_fill fill, void *context, double *eigenvalues,
                       struct sg_err *err)
{
    int root = b->team->size - 1, is_root = b->team->rank == root,
        n_band = 0; /* rank 0 has other things to do */
    sg_status status = allocate(b, err);
    if (status == SG_OK)
        status = sg_int((int64_t)b->n * (WIDTH + 1), &n_band, err);
    SG_TRY(sg_agree(b->team, status, err));
#pragma omp parallel for schedule(dynamic) num_threads(b->n_threads)
    for (int c = b->team->rank; c < b->n_blocks; c += b->team->size)
        fill(context, c * WIDTH, width_of(b, c), b->column[c]);
    SG_TRY(sg_agree(b->team, reduce(b, err), err));
    keep_band(b);
    /* Into what the steps no longer need: MPICH 4.0.2, Debian 12's, crashes on MPI_IN_PLACE of a root that is not rank 0. */
    status = sg_mpi_check(MPI_Reduce(b->ab, b->left, n_band, MPI_DOUBLE, MPI_SUM, root, b->team->comm),
                          "MPI_Reduce of a band", err);
    if (status == SG_OK && is_root)
        memcpy(b->ab, b->left, (size_t)n_band * sizeof *b->ab);
    if (status == SG_OK && is_root)
        status = diagonalise(b, err);
    sg_status shared = share(b, root, eigenvalues, err);
    return sg_agree(b->team, status == SG_OK ? shared : status, err);
}

sg_status sg_symmetric_eigenvalues(const struct sg_team *team, int n, sg_band_fill fill, void *context,
                                   double *eigenvalues, struct sg_err *err)
{
    struct band b = {.team = team, .n = n, .n_blocks = (n + WIDTH - 1) / WIDTH, .n_threads = sg_cores()};
    sg_status status = solve(&b, fill, context, eigenvalues, err);
    release(&b);
    return status;
}
