/* The exact allreduce: the sum over the ranks of a team in one fixed binary tree, the same bits for any
 * number of ranks.
 *
 * A batch is dealt into lanes (a power of two, L). Lane sums meet in the tree
 * ((l0+l1)+(l2+l3))+((l4+l5)+(l6+l7)): rank r of R = 2^k ranks owns lanes [r L/R, (r+1) L/R) and sums its own
 * subtree; the reduction goes on across ranks in the same tree (rank r with r^1, then r^2, ...). IEEE
 * addition is commutative, so who holds which operand does not matter; only the tree does.
 *
 * The scheme is recursive halving, then doubling (Rabenseifner 2004; Thakur, Rabenseifner and Gropp 2005,
 * section 4.4). A bucket of n floats is cut into R pieces. In round j of the halving a rank gives half of
 * the pieces that it still holds to rank^2^j, and adds what it gets to the other half; after k rounds it
 * holds the tree's sum of one piece. The doubling goes the same way back and brings all pieces to all ranks.
 * R = 4, the pieces that each rank holds:
 *
 *     rank                     0    1    2    3
 *     after round 0 (rank^1)   0-1  2-3  0-1  2-3
 *     after round 1 (rank^2)   0    2    1    3
 *
 * Between the two the owner can do with its piece what it likes: the trainer reduces gradients, updates each
 * parameter where its gradient is, and gathers parameters.
 *
 *     sg_reduction_start(r, b, SG_SCATTER, g, cut);  while the backward pass goes on, from one thread:
 *     sg_reduction_poke(r);                          moves all buckets on without waiting; often, as MPI
 *     status = sg_reduction_wait(r, err);            moves nothing outside its calls
 *
 * Every rank of the team starts the same jobs on the same buckets in the same order. */
#ifndef SG_MPI_REDUCE_H
#define SG_MPI_REDUCE_H

#include "mpi/comm.h"

#include <stdint.h>

/* What is sent over the network, counted by the program or foretold for the cost model. */
struct sg_reduce_count {
    int64_t n_messages, n_bytes; /* sent by one rank */
};

/* The longest message of each kind. */
enum { SG_REDUCE_FLOATS = 1 << 17, SG_REDUCE_DOUBLES = 4096 };

/* The plan: pure functions of rank, team size and cuts, for any size 2^k without MPI. cut (size+1): piece i
 * of a bucket is its floats [cut[i], cut[i+1]). */

/* log2 of the size: how many rounds a halving has, and a doubling. */
int sg_reduce_rounds(int size);
/* The piece that the rank holds after the halving: its bits reversed. */
int sg_reduce_piece(int rank, int size);
/* Cuts of n floats into pieces that differ by at most one. */
void sg_reduce_cut(int64_t n, int size, int64_t *cut);

struct sg_reduce_round {
    int partner;
    int64_t send, n_send, receive, n_receive; /* floats, from the bucket's start */
};
/* Round j < sg_reduce_rounds(size). */
struct sg_reduce_round sg_reduce_halving(int rank, int size, const int64_t *cut, int j);
struct sg_reduce_round sg_reduce_doubling(int rank, int size, const int64_t *cut, int j);

enum sg_reduce_job { SG_SCATTER, SG_GATHER, SG_ALLREDUCE }; /* halving, doubling, one after the other */

/* Adds what the rank sends for that job on one bucket, and for sg_reduce_exact_f64 of n doubles. */
void sg_reduce_foretell(int rank, int size, const int64_t *cut, enum sg_reduce_job job,
                        struct sg_reduce_count *count);
void sg_reduce_foretell_f64(int size, int64_t n, struct sg_reduce_count *count);

struct sg_reduction;

/* Local. n_most (n_buckets): the most floats of each bucket. The team's communicator must stay valid; its
 * tags 1 .. n_buckets are taken. Nothing is allocated after it. SG_FAILED when the team is no power of two.
 */
sg_status sg_reduction_create(const struct sg_team *team, int n_buckets, const int64_t *n_most,
                              struct sg_reduction **out, struct sg_err *err) SG_MUST_USE;
/* Local. Waits for nothing: only after an MPI failure may there be something under way. NULL is fine. */
void sg_reduction_destroy(struct sg_reduction *r);
/* Bytes of scratch that such a reduction has. */
size_t sg_reduction_bytes(int size, int n_buckets, const int64_t *n_most);

/* Local, one thread at a time as the two below. Starts a job on an idle bucket: x is its first float, cut
 * (size+1) its pieces; both are borrowed until the bucket is done. Of a scatter, the rank's own piece of x is
 * the sum, the rest is undefined. */
void sg_reduction_start(struct sg_reduction *r, int bucket, enum sg_reduce_job job, float *x,
                        const int64_t *cut);
/* Local. Moves all started buckets on as far as they go without waiting. A failure shows in wait. */
void sg_reduction_poke(struct sg_reduction *r);
/* Collective. Until all started jobs are done. SG_FAILED when MPI has failed. */
sg_status sg_reduction_wait(struct sg_reduction *r, struct sg_err *err) SG_MUST_USE;
/* What was sent so far. */
struct sg_reduce_count sg_reduction_count(const struct sg_reduction *r);

/* Collective over a team of 2^k ranks. x (n doubles) becomes the tree sum on every rank: for losses and
 * norms, by recursive doubling. count may be NULL. */
sg_status sg_reduce_exact_f64(const struct sg_team *team, double *x, int64_t n, struct sg_reduce_count *count,
                              struct sg_err *err) SG_MUST_USE;

#endif
