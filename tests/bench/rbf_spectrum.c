/* What tests/bench/rbf measures: the RBF kernel's spectrum of n rows, and the maximum mean discrepancy of their halves with its permutation test.
 *
 *     mpirun -n 2 rbf_spectrum DIR n C bandwidth
 *
 * In: DIR/rows.f32 (n, C), rows of length 1. Out: DIR/eigenvalues.f64 (n), descending, and one JSON object: seconds of both parts, CPU seconds and
 * the peak resident set of all ranks, vendi, mmd2, p. */
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "mpi/blas.h"
#include "results/measures/measures.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static sg_status measure(const struct sg_team *world, const char *dir, int64_t n, int c, double bandwidth,
                         struct sg_err *err)
{
    char path[1100], *rows = NULL;
    size_t n_bytes = 0;
    double *eigenvalues = sg_alloc((size_t)n, sizeof *eigenvalues), vendi = 0;
    struct sg_measures m = {0};
    snprintf(path, sizeof path, "%s/rows.f32", dir);
    sg_status status = eigenvalues ? sg_file_read(path, SIZE_MAX / 2, &rows, &n_bytes, err)
                                   : sg_fail_memory(err, 8 * (size_t)n);
    if (status == SG_OK && n_bytes != (size_t)n * (size_t)c * sizeof(float))
        status = sg_fail(err, SG_INPUT, "%s: not %lld rows of %d numbers", path, (long long)n, c);
    SG_TRY_DONE(sg_agree(world, status, err));
    const float *x = (const float *)(void *)rows;
    double began = MPI_Wtime(), of[2] = {cpu_s(), 0}, spectrum_s;
    SG_TRY_DONE(sg_rbf_spectrum(world, (struct sg_cloud){x, n}, c, bandwidth, eigenvalues, &vendi, err));
    spectrum_s = MPI_Wtime() - began;
    SG_TRY_DONE(sg_measures_of_pairs(world, (struct sg_cloud){x, n / 2},
                                     (struct sg_cloud){x + n / 2 * c, n - n / 2}, c, bandwidth, &m, err));
    double all_s = MPI_Wtime() - began;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    of[0] = cpu_s() - of[0];
    of[1] = (double)u.ru_maxrss * 1024;
    MPI_Allreduce(MPI_IN_PLACE, of, 2, MPI_DOUBLE, MPI_SUM, world->comm);
    if (world->rank == 0) {
        snprintf(path, sizeof path, "%s/eigenvalues.f64", dir);
        SG_TRY_DONE(sg_file_write(path, eigenvalues, (size_t)n * sizeof *eigenvalues, err));
        printf("{\"spectrum_s\": %.6f, \"mmd_s\": %.6f, \"cpu_s\": %.6f, \"bytes\": %.0f, \"vendi\": %.17g, "
               "\"mmd2\": %.17g, "
               "\"p\": %.17g}\n",
               spectrum_s, all_s - spectrum_s, of[0], of[1], vendi, m.mmd2, m.mmd_p);
    }
done:
    sg_free(rows);
    sg_free(eigenvalues);
    return status;
}

int main(int argc, char **argv)
{
    struct sg_team world;
    struct sg_err err = {0};
    int64_t n = 0, c = 0;
    sg_blas_recognise_cpu(argv);
    sg_status status = sg_mpi_start(&argc, &argv, &world, &err);
    if (status == SG_OK &&
        (argc != 5 || !sg_parse_int64(argv[2], &n) || !sg_parse_int64(argv[3], &c) || n < 4))
        status = sg_fail(&err, SG_INPUT, "rbf_spectrum DIR n C bandwidth");
    if (status == SG_OK)
        status = measure(&world, argv[1], n, (int)c, strtod(argv[4], NULL), &err);
    if (status != SG_OK)
        fprintf(stderr, "%s\n", err.text);
    sg_mpi_end();
    return status;
}
