/* Memory that the ranks of a node share: one of them fills it, then all read it.
 *
 *     sg_status fill(void *context, void *data, struct sg_err *err);        reads n_bytes from the disk
 *     SG_TRY(sg_node_memory_make(world, n_bytes, fill, &file, &weights, err));
 *     ... weights.data ...
 *     sg_node_memory_free(&weights);
 *
 * It is an anonymous file (memfd_create) of the node's first rank, which the others open through /proc/PID/fd and map; then it is sealed,
 * so that nobody can write, grow or cut it. Why neither of the two that are nearer:
 *   - A mapping of the file itself: who overwrites or truncates it while a run goes on, for hours, changes its numbers, or kills its ranks
 *     with SIGBUS. And only a file that holds float32 at aligned places could be used as it is.
 *   - MPI_Win_allocate_shared: its memory is a file in /dev/shm or in the session's folder, often too small (64 MB in a container),
 *     and left behind by a job that is killed. An anonymous file has no name, goes with the last process, and its pages are
 *     reserved before they are filled (fallocate), so that too little memory is an error, not a SIGBUS.
 * Where a rank cannot have it (a system without memfd_create, ranks that do not see each other's /proc, a limit on file sizes), it fills a
 * copy of its own. A rank that is alone on its node has that anyway: in large pages. */
#ifndef SG_MPI_NODE_MEMORY_H
#define SG_MPI_NODE_MEMORY_H

#include "mpi/comm.h"

struct sg_node_memory {
    const void *data; /* read-only where it is shared; 64-byte aligned */
    size_t n_bytes;
    int n_ranks; /* that share it; 1: a copy of its own */
};

/* Writes n_bytes to data, which are zero before. Local: it may be called on one rank of the node, or on each. */
typedef sg_status sg_node_fill(void *context, void *data, struct sg_err *err);

/* Collective over the team. On failure *out is untouched, on all ranks. */
sg_status sg_node_memory_make(const struct sg_team *team, size_t n_bytes, sg_node_fill *fill, void *context,
                              struct sg_node_memory *out, struct sg_err *err) SG_MUST_USE;

/* Local. The memory itself goes with the last rank that has it. */
void sg_node_memory_free(struct sg_node_memory *m);

/* Local: the same for a rank without others. */
sg_status sg_node_memory_alone(size_t n_bytes, sg_node_fill *fill, void *context, struct sg_node_memory *out,
                               struct sg_err *err) SG_MUST_USE;

#endif
