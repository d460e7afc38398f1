/* Start and end of MPI, and how many cores a rank may use. */
#include "base/cores.h"
#include "base/launcher.h"
#include "base/mem.h"
#include "base/text.h"
#include "mpi/blas.h"
#include "mpi/comm.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Divides the cores of a mask among the ranks of this node that have the same one. The first ranks get what
 * is left over. */
static sg_status find_cores(const struct sg_team *world, struct sg_err *err)
{
    unsigned char mask[SG_CORE_MASK];
    sg_core_mask(mask);
    MPI_Comm node;
    SG_TRY(sg_mpi_check(
        MPI_Comm_split_type(world->comm, MPI_COMM_TYPE_SHARED, world->rank, MPI_INFO_NULL, &node),
        "MPI_Comm_split_type", err));
    int rank = 0, size = 1;
    MPI_Comm_rank(node, &rank);
    MPI_Comm_size(node, &size);
    unsigned char *all = sg_alloc((size_t)size, SG_CORE_MASK);
    sg_status status = all ? SG_OK : sg_fail_memory(err, (unsigned long long)size * SG_CORE_MASK);
    status = sg_agree(world, status, err);
    if (status == SG_OK)
        status = sg_mpi_check(MPI_Allgather(mask, SG_CORE_MASK, MPI_BYTE, all, SG_CORE_MASK, MPI_BYTE, node),
                              "MPI_Allgather", err);
    if (status == SG_OK) {
        int n_same = 0, n_before = 0;
        for (int r = 0; r < size; r++) {
            int same = memcmp(all + (size_t)r * SG_CORE_MASK, mask, SG_CORE_MASK) == 0;
            n_same += same;
            n_before += same && r < rank;
        }
        sg_cores_share(n_same, n_before);
    }
    sg_free(all);
    MPI_Comm_free(&node);
    return status;
}

/* How many processes srun started beside this one, when they do not know of each other; else 1. Variables are
 * read before MPI_Init, which sets some of them itself. mpirun says so in the first two (Open MPI, MPICH); a
 * process that it started knows its world, whatever the allocation is. */
static int n_singletons(void)
{
    if (getenv("OMPI_COMM_WORLD_SIZE") || getenv("MPI_LOCALNRANKS"))
        return 1;
    if (!getenv("SLURM_PROCID") && !getenv("SLURM_STEP_ID"))
        return 1; /* a shell in salloc: one process, whatever it asked for */
    int n = sg_env_count("SLURM_STEP_NUM_TASKS");
    if (!n)
        n = sg_env_count("SLURM_NTASKS");
    return n > 1 ? n : 1;
}

/* A process that no launcher started is alone. Open MPI would still start a daemon for it, listen on TCP and open the fabric, and hwloc
 * look for X servers on ports 6000 to 6009; but what says --offline opens no socket (tests/e2e/offline.py looks with strace). A user's
 * own setting stays. Under a launcher that is none of these, ranks of one node still find each other. */
static void need_no_network(void)
{
    setenv("HWLOC_COMPONENTS", "-gl", 0);
    if (sg_launcher_started())
        return;
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    setenv("OMPI_MCA_pml", "ob1", 0);
    setenv("OMPI_MCA_btl", "self,vader", 0); /* Open MPI 5 knows its sm by this name, too */
    setenv("OMPI_MCA_if", "^posix_ipv4,linux_ipv6",
           0); /* who asks for the interfaces' names opens a socket to do so */
}

sg_status sg_mpi_start(int *argc, char ***argv, struct sg_team *world, struct sg_err *err)
{
    int n_tasks = n_singletons(), provided = 0;
    need_no_network();
    SG_TRY(sg_mpi_check(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread", err));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    struct sg_team w = {.comm = MPI_COMM_WORLD};
    MPI_Comm_rank(w.comm, &w.rank);
    MPI_Comm_size(w.comm, &w.size);
    if (provided < MPI_THREAD_MULTIPLE)
        return sg_fail(
            err, SG_FAILED,
            "this MPI does not offer MPI_THREAD_MULTIPLE; hint: use Open MPI 4 or later, or an MPICH built "
            "with --enable-threads=multiple");
    if (w.size == 1 && n_tasks > 1)
        return sg_fail(
            err, SG_INPUT,
            "Slurm has %d tasks for this, but MPI sees this process alone, so that each task would do (and "
            "buy) the "
            "whole study; hint: srun --mpi=pmix, or mpirun inside the allocation (mpirun -n 1 for one rank)",
            n_tasks);
    SG_TRY(find_cores(&w, err));

    /* One lane is one thread, and a lane's bits must not depend on how many threads a GEMM uses. The OpenMP
     * flavour of OpenBLAS takes omp_get_max_threads() outside of an active parallel region, so both are 1
     * here, and parallel regions ask for num_threads(sg_cores()) themselves. */
    sg_blas_use_one_thread();
    omp_set_num_threads(1);
    *world = w;
    return SG_OK;
}

void sg_mpi_end(void)
{
    int begun = 0, ended = 0;
    MPI_Initialized(&begun);
    MPI_Finalized(&ended);
    if (begun && !ended)
        MPI_Finalize();
}
