#define _GNU_SOURCE /* sched_getaffinity */
#include "base/cores.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static int cores; /* 0: not found out yet */

/* The positive number that a variable begins with (OMP_NUM_THREADS may be a list), or 0. */
int sg_env_count(const char *name)
{
    const char *text = getenv(name);
    long n = text ? strtol(text, NULL, 10) : 0;
    return n > 0 && n < 1 << 20 ? (int)n : 0;
}

static int cut_to_limits(int n)
{
    const char *const limits[] = {"SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"};
    for (int i = 0; i < 2; i++) {
        int limit = sg_env_count(limits[i]);
        if (limit && limit < n)
            n = limit;
    }
    return n > 0 ? n : 1;
}

void sg_core_mask(unsigned char mask[SG_CORE_MASK])
{
    _Alignas(cpu_set_t) unsigned char aligned[SG_CORE_MASK] = {0};
    if (sched_getaffinity(0, SG_CORE_MASK, (cpu_set_t *)(void *)aligned) != 0)
        memset(aligned, 0, SG_CORE_MASK);
    memcpy(mask, aligned, SG_CORE_MASK);
}

static int count_mask(void)
{
    unsigned char mask[SG_CORE_MASK];
    int n = 0;
    sg_core_mask(mask);
    for (int i = 0; i < SG_CORE_MASK; i++)
        n += __builtin_popcount(mask[i]);
    return n;
}

int sg_cores(void)
{
    return cores ? cores : cut_to_limits(count_mask());
}

void sg_cores_share(int n, int n_before)
{
    int all = count_mask();
    cores = cut_to_limits(all / n + (n_before < all % n));
}
