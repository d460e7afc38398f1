#include "base/launcher.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define N_OF(list) (sizeof(list) / sizeof(list)[0])

/* Of these the first that is set counts. */
static const char *const size_variable[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"};
static const char *const rank_variable[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
static const char *const local_rank_variable[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                                  "PMI_LOCAL_RANK", "SLURM_LOCALID"};

/* Whoever has one of these was started as a process of several, or as the only one. */
static const char *const launched_variable[] = {"OMPI_COMM_WORLD_SIZE",
                                                "PMIX_RANK",
                                                "PMIX_NAMESPACE",
                                                "PMI_RANK",
                                                "PMI_SIZE",
                                                "PMI_FD",
                                                "MPI_LOCALNRANKS",
                                                "SLURM_PROCID",
                                                "SLURM_STEP_ID",
                                                "ALPS_APP_PE",
                                                "FLUX_TASK_RANK",
                                                "JSM_NAMESPACE_RANK"};

/* How the names begin that tell of ranks. Open MPI's and MPICH's own settings are among them. */
static const char *const of_rank[] = {
    "OMPI_",        "OPAL_",         "PRTE_",        "PMI", /* PMI_, PMI2_, PMIX_ */
    "HYDRA_",       "HYDI_",         "I_MPI_",       "MPI_LOCAL",   "MV2_",          "MPIRUN_",
    "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_GTIDS", "SLURM_STEP",    "SLURM_TASK",
    "SLURM_NTASKS", "SLURM_NPROCS",  "SLURM_MPI_",   "SLURM_PMI",   "SLURM_SRUN_",   "SLURM_LAUNCH_",
    "ALPS_",        "PALS_",         "FLUX_TASK_",   "FLUX_PMI_",   "FLUX_JOB_SIZE", "JSM_"};

static const char *text_of(const char *const *variable, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *text = getenv(variable[i]);
        if (text && *text)
            return text;
    }
    return NULL;
}

static int64_t number_of(const char *const *variable, size_t n, int64_t otherwise)
{
    int64_t value;
    for (size_t i = 0; i < n; i++) {
        const char *text = getenv(variable[i]);
        if (text && sg_parse_int64(text, &value))
            return value;
    }
    return otherwise;
}

int64_t sg_launcher_rank(void)
{
    return number_of(rank_variable, N_OF(rank_variable), 0);
}

int64_t sg_launcher_size(void)
{
    return number_of(size_variable, N_OF(size_variable), 1);
}

const char *sg_launcher_local_rank(void)
{
    const char *text = text_of(local_rank_variable, N_OF(local_rank_variable));
    return text ? text : "0";
}

int sg_launcher_started(void)
{
    for (size_t i = 0; i < N_OF(launched_variable); i++)
        if (getenv(launched_variable[i]))
            return 1;
    return 0;
}

int sg_launcher_is_of_rank(const char *variable)
{
    for (size_t i = 0; i < N_OF(of_rank); i++)
        if (strncmp(variable, of_rank[i], strlen(of_rank[i])) == 0)
            return 1;
    return 0;
}
