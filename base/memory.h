/* What this machine has left for a process: not what is "free" (Linux fills that with file pages), but what can be had, within the
 * limits of the control groups that it is in (Slurm jobs, containers). */
#ifndef SG_BASE_MEMORY_H
#define SG_BASE_MEMORY_H

/* Local. Bytes: the least of MemAvailable (/proc/meminfo) and, for this process's memory cgroup and all above it, version 2 or 1, of the limit less
 * what is used and cannot be dropped (inactive file pages can). < 0: unknown. root: "" ; tests: a folder with proc/ and sys/. */
double sg_mem_available(const char *root);

/* Local. Cores that the cgroups' CPU quota (version 2's cpu.max, version 1's cpu.cfs_quota_us) leaves, rounded up; 0: no limit. */
int sg_cpu_quota(const char *root);

#endif
