/* What the parts of doctor share; used by doctor*.c alone. */
#ifndef SG_EXPERIMENTS_RUN_DOCTOR_IMPL_H
#define SG_EXPERIMENTS_RUN_DOCTOR_IMPL_H

#include "base/cores.h"
#include "experiments/run/doctor.h"
#include "experiments/study/prepare.h"

/* What each rank tells of itself. */
struct sg_rank_facts {
    char host[64], kernels[24], bf16[24];                   /* "": none */
    int32_t cores, node_cores;                              /* of the rank; of its node */
    double mem_bytes;                                       /* available there */
    double n_files, memlock_bytes, n_processes, core_bytes; /* its limits; -1: not known */
    int32_t has_fabric;                                     /* InfiniBand */
    unsigned char mask[SG_CORE_MASK];                       /* the cores that it may use */
};

/* Fills in this process's limits. */
void sg_doctor_limits(struct sg_rank_facts *mine);

/* Cores that ranks share, BLAS threads, limits, launcher, Slurm. Rank 0. */
sg_status sg_doctor_check_launch(const struct sg_rank_facts *fact, int n, struct sg_findings *f,
                                 struct sg_err *err) SG_MUST_USE;

/* Kind of file system, locks, and how long a durable write took; dir: a folder there that may be written. */
sg_status sg_doctor_check_files(const char *dir, double commit_s, struct sg_findings *f,
                                struct sg_err *err) SG_MUST_USE;

/* Adds a finding, with the generator's name in front where there are several, and without keys. */
sg_status sg_doctor_note(struct sg_findings *f, const char *topic, enum sg_health health, struct sg_err *err,
                         const char *format, ...) SG_PRINTF(5, 6);

/* ranks x memory and ranks x threads of a study, against what each node has. */
sg_status sg_doctor_check_room(const struct sg_prepared *p, struct sg_findings *f,
                               struct sg_err *err) SG_MUST_USE;

/* The endpoint of generator i: key, price, two of the study's requests. */
sg_status sg_doctor_check_endpoint(const struct sg_prepared *all, int i, struct sg_findings *f,
                                   struct sg_err *err) SG_MUST_USE;

#endif
