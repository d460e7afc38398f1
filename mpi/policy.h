/* Who works on what: a pure function of the queue and of the free ranks, driven by the engine and by a
 * simulator.
 *
 * Longest first within a priority (Graham 1969: within 4/3 of the best makespan). An item that would take longer than all that is left,
 * shared out evenly, gets a team at once, as large as brings it below that: whoever waits for the tail finds it at one rank, and the job
 * as long as it. Others get one rank each while there are at least as many of them as free ranks; at the tail, when nothing else waits or
 * could become ready, larger teams, because then a rank without work is worth nothing. Teams are powers of two, at most the item's
 * max_ranks. */
#ifndef SG_MPI_POLICY_H
#define SG_MPI_POLICY_H

#include <stdint.h>

struct sg_policy_item {
    int64_t id;
    double cost;
    int max_ranks;
    int priority; /* higher first, whatever the cost */
};

struct sg_assignment {
    int64_t item;       /* index into the ready list */
    int first, n_ranks; /* free[first .. first+n_ranks) */
};

/* How many times as fast a team is taken to be that has twice as many ranks (tests/bench/scaling tells it for a network). */
#define SG_POLICY_TEAM_GAIN 1.9

/* ready: any order; where there are more than n_free, the n_free longest of them give the same answer.
 * free_ranks: ascending. n_unfinished: items waiting or running now (their ranks come free later, and they
 * may release more work): as many free ranks are kept from teams as these items outnumber the busy ranks. A
 * team takes neighbours in free_ranks. cost_left: of all items of this kind of rank that are not done, those that run included; HUGE_VAL where
 * there may be more than is known.
 * Writes at most n_free assignments; returns how many. Deterministic. */
int sg_policy_assign(const struct sg_policy_item *ready, int64_t n_ready, const int *free_ranks, int n_free,
                     int n_ranks_all, int64_t n_unfinished, double cost_left, struct sg_assignment *out);

#endif
