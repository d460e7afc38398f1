/* Diversity of a pool from the embeddings of its texts: Gram matrix and spectrum with ScaLAPACK over all ranks.
 *
 * X (n, C), rows of length 1. Mean inter-sample similarity: mean of x_i . x_j over i != j. The cosine kernel's spectrum is that of
 * X'X / n (C x C, same non-zero eigenvalues as XX' / n; PDSYRK, PDSYEV). Vendi score (Friedman & Dieng 2022): exp of the entropy of
 * the eigenvalues; effective rank: (sum l)^2 / sum l^2. */
#ifndef SG_RESULTS_DIVERSITY_H
#define SG_RESULTS_DIVERSITY_H

#include "mpi/comm.h"

#include <stdint.h>

struct sg_diversity {
    int64_t n;
    double mean_similarity; /* NaN for n < 2 */
    double vendi;
    double effective_rank;
};

/* Collective over the team. Each rank brings n_local rows (any split, 0 is fine): x_local (n_local, c), row-major. The result is the
 * same on all ranks, rounded to 9 significant digits, so that it does not depend on how many there are. spectrum (c) may be NULL:
 * eigenvalues of X'X / n, descending. */
sg_status sg_diversity_of(const struct sg_team *team, const float *x_local, int64_t n_local, int c, struct sg_diversity *out,
                          double *spectrum, struct sg_err *err) SG_MUST_USE;

#endif
