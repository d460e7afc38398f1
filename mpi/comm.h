/* What every MPI part needs: start and end, teams, one door out for errors, counts that fit an int.
 *
 * A local error never crosses a collective: where one rank of a team can fail, the phase ends in sg_agree,
 * and all ranks leave with the same status and the same words. */
#ifndef SG_MPI_COMM_H
#define SG_MPI_COMM_H

#include "base/buf.h"
#include "base/err.h"

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

/* The ranks that do one piece of work together. comm is valid for the call it is handed to. */
struct sg_team {
    MPI_Comm comm;
    int rank, size; /* in comm */
};

/* Collective over all ranks of the job, once. MPI_Init_thread(MULTIPLE), errors as return codes. The BLAS and
 * plain OpenMP regions get one thread; a region that wants this rank's cores says `num_threads(sg_cores())`.
 * SG_INPUT when SLURM_NTASKS says that this is one of several singletons (srun without --mpi=pmix): each of
 * them would buy the whole study. On failure too, call sg_mpi_end. */
sg_status sg_mpi_start(int *argc, char ***argv, struct sg_team *world, struct sg_err *err) SG_MUST_USE;

/* Collective. Nothing to do where MPI was not started. */
void sg_mpi_end(void);

/* Collective over the team. All ranks get the status of the lowest rank that is not SG_OK, with its sentence,
 * led by "rank r: " (the rank in the whole job) when the team is larger than 1. `status` is this rank's own,
 * with `err` filled when it is not SG_OK. */
sg_status sg_agree(const struct sg_team *team, sg_status status, struct sg_err *err) SG_MUST_USE;

/* Collective. Waits for all ranks as MPI_Barrier does, but asleep: an idle rank must not take a core from a
 * working one. */
sg_status sg_wait_all(const struct sg_team *world, struct sg_err *err) SG_MUST_USE;

/* Collective. Root's bytes to all: others' buffer is cleared and filled. Any length (in pieces of less than
 * 2^31). */
sg_status sg_bcast_buf(const struct sg_team *team, int root, struct sg_buf *b,
                       struct sg_err *err) SG_MUST_USE;

/* Local. n (not negative) as int for MPI and BLAS, or SG_FAILED. */
sg_status sg_int(int64_t n, int *out, struct sg_err *err) SG_MUST_USE;

/* Local. SG_OK, or SG_FAILED with MPI's own text. */
sg_status sg_mpi_check(int rc, const char *what, struct sg_err *err) SG_MUST_USE;

/* Collective over `from`. A communicator with the same ranks (MPI_Comm_free), whose errors are return codes. */
sg_status sg_comm_duplicate(MPI_Comm from, MPI_Comm *to, struct sg_err *err) SG_MUST_USE;

/* Local. The largest power of two <= n (n >= 1). */
int sg_pow2_floor(int n);

#endif
