#include "mpi/comm.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* OpenBLAS has it, other BLAS libraries need not. */
extern char *openblas_get_corename(void) __attribute__((weak));

static const char variable[] = "OPENBLAS_CORETYPE";

/* The kernels that this CPU can run and OpenBLAS has since 0.3.0; NULL: none better than Prescott's. */
static const char *core_of_cpu(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "Haswell";
#endif
    return NULL;
}

void sg_blas_recognise_cpu(char **argv)
{
    char path[4096];
    if (!openblas_get_corename || getenv(variable))
        return;
    const char *found = openblas_get_corename(), *core = core_of_cpu();
    if (!found || strcasecmp(found, "Prescott") != 0 || !core)
        return;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0 || setenv(variable, core, 1) != 0)
        return;
    path[n] = 0;
    execv(path, argv);
    unsetenv(variable); /* it goes on as it is */
}
