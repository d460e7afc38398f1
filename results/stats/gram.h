/* Private to results/: the spectrum of X'X / n with ScaLAPACK, over the ranks of a team. What it is for:
 * diversity.h. */
#ifndef SG_RESULTS_STATS_GRAM_H
#define SG_RESULTS_STATS_GRAM_H

#include "mpi/comm.h"

#include <stdint.h>

enum { SG_GRAM_C_MAX = 46340 }; /* C x C still counts in an int, ScaLAPACK's */

/* Collective over the team, arguments as in sg_diversity_of, 1 <= c <= SG_GRAM_C_MAX on all ranks, all
 * numbers finite. Rank 0 gets n, the rows of all ranks, and the eigenvalues (C), ascending; n = 0 gives
 * zeros. The other ranks get n; their eigenvalues (C) are scratch. All ranks return the same status. */
sg_status sg_gram_spectrum(const struct sg_team *team, const float *x_local, int64_t n_local, int c,
                           int64_t *n, double *eigenvalues, struct sg_err *err) SG_MUST_USE;

#endif
