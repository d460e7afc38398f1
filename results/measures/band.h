/* Private to results/: eigenvalues of a symmetric matrix that is spread over the ranks of a team.
 *
 * In two stages: dense to band, band to tridiagonal (C. Bischof, B. Lang, X. Sun, "A framework for symmetric band reduction", ACM TOMS 26, 2000;
 * LAPACK's DSYEV_2STAGE, for one process). ScaLAPACK's PDSYEV goes to tridiagonal at once, and half of its arithmetic is a matrix times a vector
 * that reads the matrix for each column; here it is read and written once for a block of columns (tests/bench/rbf).
 *
 * The lower half alone is kept, whole columns dealt out by blocks: 4 n^2 bytes in all, and some hundred columns on each rank. */
#ifndef SG_RESULTS_MEASURES_BAND_H
#define SG_RESULTS_MEASURES_BAND_H

#include "mpi/comm.h"

#include <stdint.h>

/* Columns [from, from + width) of the matrix, rows `from` to n - 1, column-major without gaps: out (width, n - from). Of the rows above the
 * diagonal those of the same columns count, too. Called once for each block of this rank's, by several threads. */
typedef void (*sg_band_fill)(void *context, int from, int width, double *out);

/* Collective. eigenvalues (n) of all ranks: ascending, within rounding the same for any team. n >= 1; the same status on all ranks. */
sg_status sg_symmetric_eigenvalues(const struct sg_team *team, int n, sg_band_fill fill, void *context,
                                   double *eigenvalues, struct sg_err *err) SG_MUST_USE;

#endif
