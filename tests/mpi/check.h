/* Checks of the MPI tests: a failed one says where and ends the whole job at once, where cmocka would leave
 * the others waiting in a collective until the time limit. */
#ifndef SG_TESTS_MPI_CHECK_H
#define SG_TESTS_MPI_CHECK_H

#include "base/err.h"

#include <mpi.h>
#include <stdio.h>

#define CHECK(what)                                                                                          \
    do {                                                                                                     \
        if (!(what)) {                                                                                       \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #what);                               \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                    \
        }                                                                                                    \
    } while (0)

#define CHECK_OK(call, err)                                                                                  \
    do {                                                                                                     \
        sg_status check_ = (call);                                                                           \
        if (check_ != SG_OK) {                                                                               \
            fprintf(stderr, "%s:%d: %s: %d %s\n", __FILE__, __LINE__, #call, (int)check_, (err).text);       \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                    \
        }                                                                                                    \
    } while (0)

#endif
