/* What the tests of results/ that run on several ranks share. A wrong answer ends the job by MPI_Abort: a rank that merely left would make the
 * others wait for it. */
#ifndef SG_TESTS_RESULTS_MPI_CHECK_H
#define SG_TESTS_RESULTS_MPI_CHECK_H

#include "mpi/comm.h"

#include <stdio.h>

static struct sg_team world;

#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d, rank %d of %d: %s: ", __FILE__, __LINE__, world.rank, world.size,        \
                    #condition);                                                                             \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                    \
        }                                                                                                    \
    } while (0)

/* Two teams at once, the even and the odd ranks; with one rank, that one again. MPI_Comm_free(&half.comm). */
static inline struct sg_team half_of_world(void)
{
    struct sg_team half;
    MPI_Comm_split(world.comm, world.rank % 2, 0, &half.comm);
    MPI_Comm_rank(half.comm, &half.rank);
    MPI_Comm_size(half.comm, &half.size);
    return half;
}

#endif
