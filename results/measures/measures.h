/* What the embeddings of a pool say beside the task's raw rows, over the ranks of a team. docs/measures.md explains each number.
 *
 * In: clouds, which are rows of length 1 (n, C), single precision, the same and whole on all ranks. X: the pool's, Y: raw rows.
 * Kernel: k(x, y) = exp(-|x - y|^2 / (2 s^2)), s: the bandwidth, the same for all that is compared with one another.
 *
 * Work is dealt in tiles of rows whose shape does not depend on the team, and sums are taken in the order of the tiles: the same bits on any
 * number of ranks. The spectrum (band.h) is rounded as in results/stats/diversity.h. Squared distances are rounded to 2^-40, so
 * that equal texts are at distance 0 and a neighbour is a neighbour on any machine. All functions: collective over the team, the same status on
 * all ranks, outputs untouched on failure. SG_FAILED when a row's length is not 1 (NaN included) or memory is short. */
#ifndef SG_RESULTS_MEASURES_MEASURES_H
#define SG_RESULTS_MEASURES_MEASURES_H

#include "mpi/comm.h"

#include <stdint.h>

/* Counts in what a result depends on: another number for other numbers. */
enum { SG_MEASURES_VERSION = 1 };
enum {
    SG_MEASURES_NEIGHBOURS = 5,      /* k of precision, recall, density and coverage (Naeem et al. 2020, 4) */
    SG_MEASURES_PERMUTATIONS = 499,  /* the least p is 1 / 500 */
    SG_MEASURES_SPECTRUM_MAX = 46340 /* n x n still counts in an int: 8.6 GB in all */
};

struct sg_cloud {
    const float *x; /* (n, C) */
    int64_t n;
};

/* X(name, type, unit, flags, description), as a column of results/h5/store_tables.h, of one pool. NaN where it does not exist: n < 2
 * (similarity_raw, dcscore, rbf_vendi: n < 1) on either side that is looked at, n <= k for what takes neighbours' balls, no bandwidth. */
#define SG_MEASURES(X)                                                                                       \
    X(similarity_raw, REAL, "1", SG_COL_LATER, "mean cosine between an example and a raw row")               \
    X(rbf_vendi, REAL, "examples", SG_COL_LATER,                                                             \
      "Vendi score under the RBF kernel: effective number of different examples")                            \
    X(dcscore, REAL, "examples", SG_COL_LATER,                                                               \
      "DCScore: examples told apart from one another, summed softmax of similarity")                         \
    X(mmd2, REAL, "1", SG_COL_LATER,                                                                         \
      "unbiased squared maximum mean discrepancy to the raw rows, RBF kernel; about 0 for equals")           \
    X(mmd_p, REAL, "1", SG_COL_LATER, "p of the permutation test that both are from one distribution")       \
    X(frechet, REAL, "1", SG_COL_LATER, "Frechet distance of Gaussians fitted to it and to the raw rows")    \
    X(precision, REAL, "1", SG_COL_LATER, "examples inside the ball of a raw row's 5 neighbours")            \
    X(recall, REAL, "1", SG_COL_LATER, "raw rows inside the ball of an example's 5 neighbours")              \
    X(density, REAL, "1", SG_COL_LATER, "balls of raw rows that an example lies in, over 5")                 \
    X(coverage, REAL, "1", SG_COL_LATER, "raw rows with an example inside the ball of their 5 neighbours")   \
    X(c2st, REAL, "1", SG_COL_LATER,                                                                         \
      "accuracy of telling it from raw rows by the nearest other row; 0.5 for equals")                       \
    X(c2st_p, REAL, "1", SG_COL_LATER, "p of the permutation test that it is chance")

struct sg_measures {
    int64_t n, n_raw;
    double bandwidth;
#define SG_X_FIELD(name, ...) double name;
    SG_MEASURES(SG_X_FIELD)
#undef SG_X_FIELD
};

/* The median distance between two different rows; NaN for n < 2, and where it is 0. */
sg_status sg_bandwidth_of(const struct sg_team *team, struct sg_cloud y, int c, double *bandwidth,
                          struct sg_err *err) SG_MUST_USE;

/* All of the above, of x against y. */
sg_status sg_measures_of(const struct sg_team *team, struct sg_cloud x, struct sg_cloud y, int c,
                         double bandwidth, struct sg_measures *out, struct sg_err *err) SG_MUST_USE;

/* mmd2, mmd_p (and what else comes of the same pass) alone: with no spectrum and no Gaussians. */
sg_status sg_measures_of_pairs(const struct sg_team *team, struct sg_cloud x, struct sg_cloud y, int c,
                               double bandwidth, struct sg_measures *out, struct sg_err *err) SG_MUST_USE;

/* distance (n, n): mmd2 between each two of n clouds, 0 from each to itself. */
sg_status sg_cloud_distances(const struct sg_team *team, const struct sg_cloud *cloud, int64_t n, int c,
                             double bandwidth, double *distance, struct sg_err *err) SG_MUST_USE;

/* The spectrum of K / n, K (n, n) the kernel's matrix, 1 <= n <= SG_MEASURES_SPECTRUM_MAX: eigenvalues (n), descending, to 9 decimals; they
 * sum to 1. effective (may be NULL): exp of their entropy, to 9 digits. Half of K is spread over the ranks: 4 n^2 bytes in all. */
sg_status sg_rbf_spectrum(const struct sg_team *team, struct sg_cloud x, int c, double bandwidth,
                          double *eigenvalues, double *effective, struct sg_err *err) SG_MUST_USE;

/* The Frechet distance: |mx - my|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2), A and B the covariances. The last term is the sum of the singular
 * values of Fx Fy', where A = Fx' Fx and B = Fy' Fy: that loses no digits to the roots of small eigenvalues. NaN for n < 2. Local. */
sg_status sg_frechet_distance(struct sg_cloud x, struct sg_cloud y, int c, double *out,
                              struct sg_err *err) SG_MUST_USE;

#endif
