/* What works here, and what does not: the machine, the results' file system, a study, its endpoint.
 *
 *     struct sg_findings f = {0};
 *     sg_doctor_machine(world, &f, err);            all ranks
 *     sg_doctor_study(path, n, overrides, &f, err); rank 0; sends two of the study's requests to each of its endpoints */
#ifndef SG_EXPERIMENTS_RUN_DOCTOR_H
#define SG_EXPERIMENTS_RUN_DOCTOR_H

#include "mpi/comm.h"

enum sg_health { SG_HEALTH_FINE, SG_HEALTH_NOTE, SG_HEALTH_PROBLEM };
const char *sg_health_name(enum sg_health h); /* "ok", "note", "PROBLEM" */

struct sg_finding {
    const char *topic; /* one word: "mpi", "results", "endpoint" */
    enum sg_health health;
    char *text;
};

/* A node of the job, as sg_doctor_machine found it. */
struct sg_doctor_node {
    char host[64];
    int n_ranks, cores,
        n_threads; /* cores: online, within the CPU quota; threads: of all its ranks where they are automatic */
    double mem_bytes; /* available; < 0: unknown */
};

struct sg_findings {
    int n_nodes;
    struct sg_doctor_node *node;
    int64_t n;
    struct sg_finding *item;
    const char *of; /* the generator that the next findings are about; NULL: none, or the only one */
};
void sg_findings_free(struct sg_findings *f); /* leaves it empty */

/* Collective over the job; only rank 0's list is filled. MPI and its ranks, cores, what
 * training can use, memory, Slurm. */
sg_status sg_doctor_machine(const struct sg_team *world, struct sg_findings *f,
                            struct sg_err *err) SG_MUST_USE;

/* Rank 0, after sg_doctor_machine. What is wrong is a finding, not a failure: SG_OK unless this program itself cannot go on. Takes the
 * generators' keys out of the environment. Writes a small folder beside the results, and removes it. */
sg_status sg_doctor_study(const char *study, int n_overrides, const char *const *overrides,
                          struct sg_findings *f, struct sg_err *err) SG_MUST_USE;

#endif
