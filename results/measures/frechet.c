#include "base/mem.h"
#include "results/measures/measures_impl.h"

#include <math.h>
#include <string.h>

/* LAPACK's own names: not every BLAS comes with LAPACKE. */
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork,
             int *info, size_t len_jobz);
void dgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b, const int *ldb,
            const double *beta, double *c, const int *ldc, size_t len_transa, size_t len_transb);

/* A Gaussian: mean (C), and F (n, C), column-major, with F'F its covariance. */
struct gauss {
    double *mean, *factor;
    int n;
    double trace;
};

/* F is R of the centred rows' QR decomposition where there are more rows than columns, or else the rows. */
static sg_status reduce(struct gauss *g, int n_rows, int c, struct sg_err *err)
{
    int info = 0, n_work = -1;
    double best = 0;
    dgeqrf_(&n_rows, &c, g->factor, &n_rows, g->mean, &best, &n_work, &info);
    n_work = best < INT32_MAX ? (int)best : 0;
    double *work = sg_alloc((size_t)n_work + (size_t)c, sizeof *work);
    if (!work)
        return sg_fail_memory(err, 8 * (unsigned long long)n_work);
    dgeqrf_(&n_rows, &c, g->factor, &n_rows, work + n_work, work, &n_work, &info);
    sg_free(work);
    if (info)
        return sg_fail(err, SG_FAILED, "measures: DGEQRF refuses %d x %d rows (info %d)", n_rows, c, info);
    for (int k = 0; k < c; k++) {
        memmove(g->factor + (size_t)k * (size_t)c, g->factor + (size_t)k * (size_t)n_rows,
                (size_t)c * sizeof *g->factor);
        for (int i = k + 1; i < c; i++)
            g->factor[(size_t)k * (size_t)c + (size_t)i] = 0;
    }
    g->n = c;
    return SG_OK;
}

static sg_status fit(struct sg_cloud x, int c, struct gauss *g, struct sg_err *err)
{
    int n = 0;
    SG_TRY(sg_int(x.n, &n, err));
    g->n = n;
    g->mean = sg_alloc((size_t)c, sizeof *g->mean);
    g->factor = sg_alloc((size_t)n * (size_t)c, sizeof *g->factor);
    if (!g->mean || !g->factor)
        return sg_fail_memory(err, 8 * (unsigned long long)n * (unsigned long long)c);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c; k++)
            g->mean[k] += x.x[(int64_t)i * c + k];
    for (int k = 0; k < c; k++)
        g->mean[k] /= n;
    double scale = 1 / sqrt((double)n - 1);
    for (int k = 0; k < c; k++)
        for (int i = 0; i < n; i++) {
            double v = (x.x[(int64_t)i * c + k] - g->mean[k]) * scale;
            g->factor[(size_t)k * (size_t)n + (size_t)i] = v;
            g->trace += v * v;
        }
    return n > c ? reduce(g, n, c, err) : SG_OK;
}

/* The sum of the singular values of Fx Fy'. */
static sg_status nuclear(const struct gauss *a, const struct gauss *b, int c, double *out, struct sg_err *err)
{
    int least = a->n < b->n ? a->n : b->n, info = 0, n_work = -1, one = 1;
    double zero = 0, unit = 1, best = 0, none = 0;
    double *product = sg_alloc((size_t)a->n * (size_t)b->n, sizeof *product),
           *s = sg_alloc((size_t)least, sizeof *s), *work = NULL;
    int *iwork = sg_alloc(8 * (size_t)least, sizeof *iwork);
    sg_status status = product && s && iwork
                           ? SG_OK
                           : sg_fail_memory(err, 8 * (unsigned long long)a->n * (unsigned long long)b->n);
    if (status == SG_OK) {
        dgemm_("N", "T", &a->n, &b->n, &c, &unit, a->factor, &a->n, b->factor, &b->n, &zero, product, &a->n,
               1, 1);
        dgesdd_("N", &a->n, &b->n, product, &a->n, s, &none, &one, &none, &one, &best, &n_work, iwork, &info,
                1);
        n_work = best < INT32_MAX ? (int)best : 0;
        work = sg_alloc((size_t)n_work + 1, sizeof *work);
        if (!work)
            status = sg_fail_memory(err, 8 * (unsigned long long)n_work);
    }
    if (status == SG_OK) {
        dgesdd_("N", &a->n, &b->n, product, &a->n, s, &none, &one, &none, &one, work, &n_work, iwork, &info,
                1);
        if (info)
            status = sg_fail(err, SG_FAILED, "measures: DGESDD finds no singular values of %d x %d (info %d)",
                             a->n, b->n, info);
    }
    if (status == SG_OK) {
        *out = 0;
        for (int i = 0; i < least; i++)
            *out += s[i];
    }
    sg_free(product);
    sg_free(s);
    sg_free(work);
    sg_free(iwork);
    return status;
}

sg_status sg_frechet_distance(struct sg_cloud x, struct sg_cloud y, int c, double *out, struct sg_err *err)
{
    struct gauss a = {0}, b = {0};
    sg_status status = SG_OK;
    double apart = 0, common = 0;
    if (x.n < 2 || y.n < 2) {
        *out = NAN;
        return SG_OK;
    }
    SG_TRY_DONE(fit(x, c, &a, err));
    SG_TRY_DONE(fit(y, c, &b, err));
    SG_TRY_DONE(nuclear(&a, &b, c, &common, err));
    for (int k = 0; k < c; k++)
        apart += (a.mean[k] - b.mean[k]) * (a.mean[k] - b.mean[k]);
    *out = sg_measures_decimals(apart + a.trace + b.trace - 2 * common);
done:
    sg_free(a.mean);
    sg_free(a.factor);
    sg_free(b.mean);
    sg_free(b.factor);
    return status;
}
