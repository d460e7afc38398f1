#include "results/measures/measures_impl.h"

#include "base/mem.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double LENGTH_TOLERANCE = 1e-3; /* as results/stats/diversity.c */

double sg_measures_decimals(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.12f", value);
    return strtod(text, NULL) + 0.0;
}

double sg_measures_digits(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.8e", value);
    return strtod(text, NULL);
}

sg_status sg_tiles_create(const struct sg_team *team, const struct sg_cloud *cloud, int64_t n_clouds, int c,
                          struct sg_tiles *out, struct sg_err *err)
{
    struct sg_tiles t = {.team = team, .c = c};
    *out = t;
    for (int64_t i = 0; i < n_clouds; i++)
        t.n += cloud[i].n;
    if (c < 1 || t.n > INT32_MAX)
        return sg_fail(err, SG_FAILED, "measures: %lld rows of %d columns are more than can be compared",
                       (long long)t.n, c);
    t.x = sg_alloc((size_t)t.n * (size_t)c + 1, sizeof *t.x);
    t.square = sg_alloc((size_t)t.n + 1, sizeof *t.square);
    t.tile = sg_alloc((size_t)t.n * SG_TILE + 1, sizeof *t.tile);
    *out = t;
    if (!t.x || !t.square || !t.tile)
        return sg_fail_memory(err, 8 * (unsigned long long)t.n * ((unsigned long long)c + SG_TILE));
    int64_t at = 0;
    for (int64_t i = 0; i < n_clouds; i++)
        for (int64_t j = 0; j < cloud[i].n; j++, at++) {
            for (int k = 0; k < c; k++) {
                double v = cloud[i].x[j * c + k];
                t.x[at * c + k] = v;
                t.square[at] += v * v;
            }
            if (!(fabs(sqrt(t.square[at]) - 1) <= LENGTH_TOLERANCE))
                return sg_fail(
                    err, SG_FAILED,
                    "measures: embedding %lld has length %g instead of 1; hint: does the encoder hold NaN?",
                    (long long)j, sqrt(t.square[at]));
        }
    return SG_OK;
}

void sg_tiles_free(struct sg_tiles *t)
{
    sg_free(t->x);
    sg_free(t->square);
    sg_free(t->tile);
}

int64_t sg_tiles_number(const struct sg_tiles *t)
{
    return (t->n + SG_TILE - 1) / SG_TILE;
}

void sg_tiles_each(const struct sg_tiles *t, sg_tile_visit visit, void *context)
{
    const double steps =
        1099511627776.0; /* 2^40 a unit: far above the error of a product, far below what tells texts apart */
    for (int64_t tile = t->team->rank; tile < sg_tiles_number(t); tile += t->team->size) {
        int64_t from = tile * SG_TILE, to = from + SG_TILE < t->n ? from + SG_TILE : t->n;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(to - from), (int)t->n, t->c, -2.0,
                    t->x + from * t->c, t->c, t->x, t->c, 0.0, t->tile, (int)t->n);
        for (int64_t i = from; i < to; i++) {
            double *row = t->tile + (i - from) * t->n;
            for (int64_t j = 0; j < t->n; j++) {
                double d2 = t->square[i] + t->square[j] + row[j];
                row[j] = d2 > 0 ? rint(d2 * steps) / steps : 0;
            }
            row[i] = 0;
        }
        visit(context, tile, from, to, t->tile);
    }
}

sg_status sg_tiles_gather(const struct sg_team *team, double *x, int64_t n, struct sg_err *err)
{
    const int64_t piece = 1 << 27;
    sg_status status = SG_OK;
    for (int64_t at = 0; at < n && status == SG_OK; at += piece)
        status =
            sg_agree(team,
                     sg_mpi_check(MPI_Allreduce(MPI_IN_PLACE, x + at, (int)(n - at < piece ? n - at : piece),
                                                MPI_DOUBLE, MPI_SUM, team->comm),
                                  "MPI_Allreduce of measures", err),
                     err);
    return status;
}

struct pairs {
    const struct sg_tiles *t;
    double *d2; /* (n (n - 1) / 2): row by row, what lies left of the diagonal */
};

static void keep_pairs(void *context, int64_t tile, int64_t from, int64_t to, double *d2)
{
    struct pairs *p = context;
    (void)tile;
    for (int64_t i = from; i < to; i++)
        for (int64_t j = 0; j < i; j++)
            p->d2[i * (i - 1) / 2 + j] = d2[(i - from) * p->t->n + j];
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

sg_status sg_bandwidth_of(const struct sg_team *team, struct sg_cloud y, int c, double *bandwidth,
                          struct sg_err *err)
{
    struct sg_tiles t;
    int64_t n_pairs = y.n > 1 ? y.n * (y.n - 1) / 2 : 0;
    sg_status status = sg_tiles_create(team, &y, 1, c, &t, err);
    struct pairs p = {&t, sg_alloc((size_t)n_pairs + 1, sizeof *p.d2)};
    if (status == SG_OK && !p.d2)
        status = sg_fail_memory(err, 8 * (unsigned long long)n_pairs);
    SG_TRY_DONE(sg_agree(team, status, err));
    sg_tiles_each(&t, keep_pairs, &p);
    SG_TRY_DONE(sg_tiles_gather(team, p.d2, n_pairs, err));
    double median = 0;
    if (n_pairs) {
        qsort(p.d2, (size_t)n_pairs, sizeof *p.d2, by_size);
        /* Of the distances, not of their squares: they differ where the number of pairs is even. */
        median = (sqrt(p.d2[(n_pairs - 1) / 2]) + sqrt(p.d2[n_pairs / 2])) / 2;
    }
    *bandwidth = median > 0 ? median : (double)NAN;
done:
    sg_free(p.d2);
    sg_tiles_free(&t);
    return status;
}

struct sums {
    const struct sg_tiles *t;
    const struct sg_cloud *cloud;
    int64_t n;
    double gamma;
    double *row; /* (rows, n): sums of the kernel over each cloud, a row's own left out */
};

static void sum_clouds(void *context, int64_t tile, int64_t from, int64_t to, double *d2)
{
    struct sums *s = context;
    (void)tile;
    for (int64_t i = from; i < to; i++) {
        const double *d = d2 + (i - from) * s->t->n;
        int64_t j = 0;
        for (int64_t a = 0; a < s->n; a++) {
            double sum = 0;
            for (int64_t end = j + s->cloud[a].n; j < end; j++)
                if (j != i)
                    sum += exp(-d[j] * s->gamma);
            s->row[i * s->n + a] = sum;
        }
    }
}

sg_status sg_cloud_distances(const struct sg_team *team, const struct sg_cloud *cloud, int64_t n, int c,
                             double bandwidth, double *distance, struct sg_err *err)
{
    struct sg_tiles t;
    sg_status status = sg_tiles_create(team, cloud, n, c, &t, err);
    struct sums s = {&t, cloud, n, 0.5 / (bandwidth * bandwidth),
                     sg_alloc((size_t)(t.n * n) + 1, sizeof *s.row)};
    double *sum = sg_alloc((size_t)(n * n) + 1, sizeof *sum);
    if (status == SG_OK && (!s.row || !sum))
        status = sg_fail_memory(err, 8 * (unsigned long long)(t.n * n));
    SG_TRY_DONE(sg_agree(team, status, err));
    if (isfinite(bandwidth))
        sg_tiles_each(&t, sum_clouds, &s);
    SG_TRY_DONE(sg_tiles_gather(team, s.row, t.n * n, err));
    int64_t i = 0;
    for (int64_t a = 0; a < n; a++)
        for (int64_t end = i + cloud[a].n; i < end; i++)
            for (int64_t b = 0; b < n; b++)
                sum[a * n + b] += s.row[i * n + b];
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = 0; b < n; b++) {
            double na = (double)cloud[a].n, nb = (double)cloud[b].n;
            /* The sum of the smaller place first, so that the matrix is symmetric to the bit. */
            double across = a < b ? sum[a * n + b] : sum[b * n + a];
            double within = a < b ? sum[a * n + a] / (na * (na - 1)) + sum[b * n + b] / (nb * (nb - 1))
                                  : sum[b * n + b] / (nb * (nb - 1)) + sum[a * n + a] / (na * (na - 1));
            int exists = na > 1 && nb > 1 && isfinite(bandwidth);
            distance[a * n + b] = !exists  ? (double)NAN
                                  : a == b ? 0
                                           : sg_measures_decimals(within - 2 * across / (na * nb));
        }
done:
    sg_free(s.row);
    sg_free(sum);
    sg_tiles_free(&t);
    return status;
}
