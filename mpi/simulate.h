/* A job's packing without the job: the policy (mpi/policy.h) against virtual ranks whose work takes what its estimate says. Teams grow when
 * ranks fall idle, and a change costs its team SG_POLICY_CHANGE_S.
 *
 * Source of the bound: no schedule ends before all work is shared out, before the longest item on its largest team, or, with more items than
 * ranks and no teams, before two of the n_ranks + 1 longest have gone one after the other (Graham 1969). */
#ifndef SG_MPI_SIMULATE_H
#define SG_MPI_SIMULATE_H

#include "base/err.h"
#include "mpi/policy.h"

struct sg_simulation {
    int64_t n_items;
    int n_ranks;
    double makespan_s;
    double bound_s;      /* nothing ends sooner, whoever decides */
    double fixed_s;      /* teams stay as they began */
    double first_come_s; /* one rank an item, in the order given, whoever is free */
    double waves_s;      /* item i on rank i mod n_ranks, decided beforehand */
    double idle_share;   /* of all ranks' time until the end */
    double decide_s;     /* what the policy took in all, of one core */
    int64_t n_teams;     /* items that more than one rank worked at */
    int largest_team;
    int64_t n_changes; /* teams that grew */
};

/* Local. items: any order; are not changed. A team of 2^k ranks is gain^k times as fast as one rank (1 to 2). SG_FAILED without memory. */
sg_status sg_simulate(const struct sg_policy_item *items, int64_t n_items, int n_ranks, double gain,
                      struct sg_simulation *out, struct sg_err *err) SG_MUST_USE;

#endif
