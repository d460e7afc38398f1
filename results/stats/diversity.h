/* Diversity of a pool from the embeddings of its texts: Gram matrix and spectrum with ScaLAPACK over all
 * ranks.
 *
 * X (n, C), rows of length 1. Mean inter-sample similarity: mean of x_i . x_j over i != j. The cosine
 * kernel's spectrum is that of X'X / n (C x C, same non-zero eigenvalues as XX' / n; PDSYRK, PDSYEV). Vendi
 * score (Friedman & Dieng 2022): exp of the entropy of the eigenvalues; effective rank: (sum l)^2 / sum l^2.
 * Both take the eigenvalues as shares of their sum, which is 1 but for the rounding of the rows to single
 * precision.
 *
 * The work is spread over a near-square grid of the team's ranks, no larger than X'X has blocks; ranks
 * outside it only send their rows. Memory a rank: its share of X'X (8 bytes a number), and some thousand rows
 * on their way, whatever n is. */
#ifndef SG_RESULTS_STATS_DIVERSITY_H
#define SG_RESULTS_STATS_DIVERSITY_H

#include "mpi/comm.h"

#include <stdint.h>

struct sg_diversity {
    int64_t n;
    double mean_similarity; /* NaN for n < 2 */
    double vendi;           /* 1 (all the same) to min(n, C); NaN for n = 0 */
    double effective_rank;  /* the same */
};

/* Collective over the team, on one thread of the process at a time (BLACS keeps global state). Each rank
 * brings n_local rows (any split, 0 is fine): x_local (n_local, c), row-major, c the same on all. The result
 * is the same on all ranks, rounded so that it does not depend on how many there are: vendi and
 * effective_rank to 9 significant digits, what lies between -1 and 1 (mean_similarity, spectrum) to 9
 * decimals. spectrum (c) may be NULL: eigenvalues of X'X / n, descending; zeros for n = 0. SG_FAILED, on all
 * ranks, when a row's length is not 1 (NaN included) or memory is short; out and spectrum are then untouched.
 */
sg_status sg_diversity_of(const struct sg_team *team, const float *x_local, int64_t n_local, int c,
                          struct sg_diversity *out, double *spectrum, struct sg_err *err) SG_MUST_USE;

#endif
