/* How many cores this process may use. */
#ifndef SG_BASE_CORES_H
#define SG_BASE_CORES_H

enum { SG_CORE_MASK = 1024 }; /* bytes: 8192 processors, the largest Linux kernel configuration on x86 */

/* Local. Cores this rank may use: its affinity mask, cut to SLURM_CPUS_PER_TASK or OMP_NUM_THREADS where set,
 * and divided by the ranks of this node that share the same mask (sg_cores_share, by sg_mpi_start). At least 1. */
int sg_cores(void);

/* Local. The positive number that a variable begins with (OMP_NUM_THREADS may be a list), or 0. */
int sg_env_count(const char *name);

/* Local. The affinity mask as the kernel has it; zero when it does not tell. */
void sg_core_mask(unsigned char mask[SG_CORE_MASK]);

/* n processes have this one's mask, n_before of them come first: those get what is left over. */
void sg_cores_share(int n, int n_before);

#endif
