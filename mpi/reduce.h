/* The exact allreduce: the sum over the ranks of a team in one fixed binary tree, the same bits for any
 * number of ranks.
 *
 * A batch is dealt into lanes (a power of two, L). Lane sums meet in the tree
 * ((l0+l1)+(l2+l3))+((l4+l5)+(l6+l7)): rank r of R = 2^k ranks owns lanes [r L/R, (r+1) L/R) and sums its own
 * subtree; sg_reduce_exact sums across ranks in the same tree (rank r with r^1, then r^2, ...: recursive
 * halving, then doubling; Rabenseifner 2004, Thakur et al. 2005, section 4.4 for the halving/doubling
 * scheme). IEEE addition is commutative, so who holds which operand does not matter; only the tree does. */
#ifndef SG_MPI_REDUCE_H
#define SG_MPI_REDUCE_H

#include "mpi/comm.h"

#include <stdint.h>

/* What one reduction moves over the network, counted by the program (for the cost model). */
struct sg_reduce_count {
    int64_t n_messages, n_bytes; /* sent by this rank, so far */
};

/* Collective over a team of 2^k ranks. x (n floats) becomes the tree sum on every rank. scratch: n floats of
 * the caller's. n may be 0. SG_FAILED when MPI fails or the team is no power of two. */
sg_status sg_reduce_exact(const struct sg_team *team, float *x, int64_t n, float *scratch,
                          struct sg_reduce_count *count, struct sg_err *err) SG_MUST_USE;

/* The same for doubles (losses, norms); small n, recursive doubling. */
sg_status sg_reduce_exact_f64(const struct sg_team *team, double *x, int n, struct sg_err *err) SG_MUST_USE;

#endif
