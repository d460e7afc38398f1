/* What launchers tell the processes that they start, in environment variables: mpirun of Open MPI, MPICH, Intel MPI and MVAPICH, srun, aprun, PALS,
 * Flux and jsrun, before MPI has started. */
#ifndef SG_BASE_LAUNCHER_H
#define SG_BASE_LAUNCHER_H

#include <stdint.h>

/* Local. This process's number and how many there are; 0 and 1 where nobody says. Also a shell in salloc has a size. */
int64_t sg_launcher_rank(void);
int64_t sg_launcher_size(void);

/* Local. This process's number on its node, as text; "0" where nobody says. Valid until the environment changes. */
const char *sg_launcher_local_rank(void);

/* Local. Whether a launcher has started this process. A shell in an allocation is not started by one. */
int sg_launcher_started(void);

/* Whether a variable, NAME or NAME=value, makes a process take itself for a rank, or tells how many ranks there are. What is of the job is not one of them:
 * SLURM_JOB_ID, SLURM_TMPDIR, SLURM_GPUS_ON_NODE, CUDA_VISIBLE_DEVICES. */
int sg_launcher_is_of_rank(const char *variable);

#endif
