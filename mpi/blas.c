#include "mpi/blas.h"

#include <stdint.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* Each library has its own, and none of the others': what is not linked is NULL. */
#define SG_ITS_OWN __attribute__((weak))
extern char *openblas_get_corename(void) SG_ITS_OWN;
extern char *openblas_get_config(void) SG_ITS_OWN;
extern void openblas_set_num_threads(int n) SG_ITS_OWN;
extern const char *bli_info_get_version_str(void) SG_ITS_OWN;
extern void bli_thread_set_num_threads(int64_t n)
    SG_ITS_OWN; /* dim_t: 64 bits on 64-bit systems (BLIS, bli_type_defs.h) */
extern void MKL_Get_Version_String(char *text, int n) SG_ITS_OWN;
extern void MKL_Set_Num_Threads(int n) SG_ITS_OWN;
extern void flexiblas_set_num_threads(int n) SG_ITS_OWN;
extern int flexiblas_current_backend(char *name, size_t n) SG_ITS_OWN;

void sg_blas_use_one_thread(void)
{
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
    if (bli_thread_set_num_threads)
        bli_thread_set_num_threads(1);
    if (MKL_Set_Num_Threads)
        MKL_Set_Num_Threads(1);
    if (flexiblas_set_num_threads)
        flexiblas_set_num_threads(1);
}

void sg_blas_version(struct sg_buf *b)
{
    char text[200] = "";
    if (flexiblas_current_backend && flexiblas_current_backend(text, sizeof text - 1) > 0)
        sg_buf_printf(b, "BLAS FlexiBLAS, %s\n", text);
    else if (openblas_get_config)
        sg_buf_printf(b, "BLAS %s\n", openblas_get_config());
    else if (bli_info_get_version_str)
        sg_buf_printf(b, "BLAS BLIS %s\n", bli_info_get_version_str());
    else if (MKL_Get_Version_String) {
        MKL_Get_Version_String(text, sizeof text - 1);
        sg_buf_printf(b, "BLAS %s\n", text);
    } else
        sg_buf_puts(b, "BLAS of the system\n");
}

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
