#include "results/stats/diversity.h"

#include "base/mem.h"
#include "results/stats/gram.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Embeddings are single precision: a row's length is off by 1e-7 or so; more than this is a fault of whoever
 * made it (NaN too). */
static const double LENGTH_TOLERANCE = 1e-3;

static sg_status check_rows(const float *x, int64_t n_local, int c, struct sg_err *err)
{
    if (n_local < 0 || c < 1 || c > SG_GRAM_C_MAX || (n_local > 0 && !x))
        return sg_fail(err, SG_FAILED, "diversity: %lld rows of %d columns; hint: 1 to %d columns",
                       (long long)n_local, c, SG_GRAM_C_MAX);
    for (int64_t i = 0; i < n_local; i++) {
        double square = 0;
        for (int k = 0; k < c; k++)
            square += (double)x[i * c + k] * x[i * c + k];
        if (!(fabs(sqrt(square) - 1) <= LENGTH_TOLERANCE))
            return sg_fail(
                err, SG_FAILED,
                "diversity: embedding %lld has length %g instead of 1; hint: does the encoder hold NaN?",
                (long long)i, sqrt(square));
    }
    return SG_OK;
}

/* Digits beyond these are the rounding of another order of summation. */
static double significant(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.8e", value);
    return strtod(text, NULL);
}

static double decimals(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.9f", value);
    return strtod(text, NULL) + 0.0; /* never -0 */
}

/* On rank 0. l (C): eigenvalues, ascending as PDSYEV leaves them, become descending, and the measures follow
 * from them. sum (C + 1): column sums of X, then the sum of the squared row lengths. */
static void measure(double *l, const double *sum, int c, struct sg_diversity *out)
{
    double n = (double)out->n, total = 0, square = 0, entropy = 0, sum_square = 0;
    for (int k = 0; k < c / 2; k++) {
        double t = l[k];
        l[k] = l[c - 1 - k];
        l[c - 1 - k] = t;
    }
    /* What is zero but for rounding (all beyond the n-th, for one) is set to zero: -l log l would make 4e-16
     * of 1e-17. */
    double noise = l[0] * c * DBL_EPSILON;
    for (int k = 0; k < c; k++) {
        if (l[k] < noise)
            l[k] = 0;
        total += l[k];
        square += l[k] * l[k];
    }
    /* l / total: rows in single precision are not quite of length 1. */
    for (int k = 0; k < c; k++)
        if (l[k] > 0)
            entropy -= l[k] / total * log(l[k] / total);
    out->vendi = significant(exp(entropy));
    out->effective_rank = significant(total * total / square);
    for (int k = 0; k < c; k++) {
        l[k] = decimals(l[k]);
        sum_square += sum[k] * sum[k];
    }
    /* The sum of x_i . x_j over i != j is |sum of x|^2 - sum of |x_i|^2. */
    if (out->n > 1)
        out->mean_similarity = decimals((sum_square - sum[c]) / (n * (n - 1)));
}

/* Rank 0 gets the sums over all ranks. */
static sg_status reduce_sums(const struct sg_team *team, const float *x, int64_t n_local, int c, double *sum,
                             struct sg_err *err)
{
    for (int64_t i = 0; i < n_local; i++)
        for (int k = 0; k < c; k++) {
            double v = x[i * c + k];
            sum[k] += v;
            sum[c] += v * v;
        }
    const void *mine = team->rank ? sum : MPI_IN_PLACE;
    return sg_mpi_check(MPI_Reduce(mine, sum, c + 1, MPI_DOUBLE, MPI_SUM, 0, team->comm),
                        "MPI_Reduce of embeddings", err);
}

/* Rank 0's results to all. */
static sg_status share(const struct sg_team *team, struct sg_diversity *d, double *eigenvalues, int c,
                       struct sg_err *err)
{
    double results[3] = {d->mean_similarity, d->vendi, d->effective_rank};
    SG_TRY(sg_mpi_check(MPI_Bcast(results, 3, MPI_DOUBLE, 0, team->comm), "MPI_Bcast of the diversity", err));
    SG_TRY(
        sg_mpi_check(MPI_Bcast(eigenvalues, c, MPI_DOUBLE, 0, team->comm), "MPI_Bcast of the spectrum", err));
    d->mean_similarity = results[0];
    d->vendi = results[1];
    d->effective_rank = results[2];
    return SG_OK;
}

sg_status sg_diversity_of(const struct sg_team *team, const float *x_local, int64_t n_local, int c,
                          struct sg_diversity *out, double *spectrum, struct sg_err *err)
{
    SG_TRY(sg_agree(team, check_rows(x_local, n_local, c, err), err));

    struct sg_diversity found = {0, NAN, NAN, NAN};
    double *eigenvalues = sg_alloc((size_t)c, sizeof *eigenvalues),
           *sum = sg_alloc((size_t)c + 1, sizeof *sum);
    sg_status status = eigenvalues && sum ? SG_OK : sg_fail_memory(err, 16 * (unsigned long long)c);
    SG_TRY_DONE(sg_agree(team, status, err));
    SG_TRY_DONE(sg_agree(team, reduce_sums(team, x_local, n_local, c, sum, err), err));
    SG_TRY_DONE(sg_gram_spectrum(team, x_local, n_local, c, &found.n, eigenvalues, err));
    if (found.n > 0) {
        if (team->rank == 0)
            measure(eigenvalues, sum, c, &found);
        SG_TRY_DONE(sg_agree(team, share(team, &found, eigenvalues, c, err), err));
    }
    *out = found;
    if (spectrum)
        memcpy(spectrum, eigenvalues, (size_t)c * sizeof *spectrum);
done:
    sg_free(eigenvalues);
    sg_free(sum);
    return status;
}
