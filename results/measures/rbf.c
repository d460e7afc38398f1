/* The spectrum of the RBF kernel's matrix, whose columns are made where they lie (band.h). */
#include "base/mem.h"
#include "results/measures/band.h"
#include "results/measures/measures_impl.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

struct rbf {
    int n, c;
    double gamma;       /* 1 / (2 s^2) */
    double *x, *square; /* (n, C), (n): the rows in double precision, their squared lengths */
};

static sg_status take(struct rbf *r, const float *x, struct sg_err *err)
{
    size_t n = (size_t)r->n, c = (size_t)r->c;
    r->x = sg_alloc(n * c, sizeof *r->x);
    r->square = sg_alloc(n, sizeof *r->square);
    if (!r->x || !r->square)
        return sg_fail_memory(err, 8 * (unsigned long long)n * (c + 1));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < c; k++) {
            double v = (double)x[i * c + k];
            r->x[i * c + k] = v;
            r->square[i] += v * v;
        }
    return SG_OK;
}

/* Columns of K / n. */
static void fill(void *context, int from, int width, double *out)
{
    const struct rbf *r = context;
    int h = r->n - from;
    const double *x = r->x + (size_t)from * (size_t)r->c;
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, h, width, r->c, -2.0, x, r->c, x, r->c, 0.0, out, h);
    for (int m = 0; m < width; m++)
        for (int i = 0; i < h; i++) {
            double *v = &out[(size_t)m * (size_t)h + (size_t)i],
                   d2 = *v + r->square[from + i] + r->square[from + m];
            *v = (i != m && d2 > 0 ? exp(-d2 * r->gamma) : 1) / r->n;
        }
}

/* Ascending becomes descending and rounded; what is noise is 0. */
static double finish(double *l, int n)
{
    double total = 0, entropy = 0, noise = l[n - 1] * n * DBL_EPSILON;
    for (int i = 0; i < n / 2; i++) {
        double t = l[i];
        l[i] = l[n - 1 - i];
        l[n - 1 - i] = t;
    }
    for (int i = 0; i < n; i++) {
        l[i] = l[i] < noise ? 0 : l[i];
        total += l[i];
    }
    for (int i = 0; i < n; i++)
        if (l[i] > 0)
            entropy -= l[i] / total * log(l[i] / total);
    for (int i = 0; i < n; i++)
        l[i] = rint(l[i] * 1e9) / 1e9;
    return sg_measures_digits(exp(entropy));
}

sg_status sg_rbf_spectrum(const struct sg_team *team, struct sg_cloud x, int c, double bandwidth,
                          double *eigenvalues, double *effective, struct sg_err *err)
{
    if (x.n < 1 || x.n > SG_MEASURES_SPECTRUM_MAX || c < 1 || !(bandwidth > 0 && isfinite(bandwidth)))
        return sg_fail(err, SG_FAILED,
                       "measures: no spectrum of %lld rows of %d columns, bandwidth %g; hint: 1 to %d rows",
                       (long long)x.n, c, bandwidth, SG_MEASURES_SPECTRUM_MAX);
    struct rbf r = {.n = (int)x.n, .c = c, .gamma = 0.5 / (bandwidth * bandwidth)};
    double *found = sg_alloc((size_t)x.n, sizeof *found);
    sg_status status =
        found ? take(&r, x.x, err) : sg_fail_memory(err, sizeof *found * (unsigned long long)x.n);
    status = sg_agree(team, status, err);
    if (status == SG_OK)
        status = sg_symmetric_eigenvalues(team, r.n, fill, &r, found, err);
    if (status == SG_OK) {
        double number = finish(found, r.n);
        if (eigenvalues)
            memcpy(eigenvalues, found, (size_t)r.n * sizeof *eigenvalues);
        if (effective)
            *effective = number;
    }
    sg_free(r.x);
    sg_free(r.square);
    sg_free(found);
    return status;
}
