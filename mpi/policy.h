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

/* Where the ranks are. */
struct sg_policy_nodes {
    const int *of; /* by rank: the number of its node, in [0, n) */
    int n;
    int *n_free; /* (n) scratch */
};

/* Afterwards: orders free_ranks (n_free of them, ascending) anew, so that each team's part of it, first .. first + n_ranks, lies in one node
 * where that is possible: larger teams choose first, each the node with the fewest free ranks that has enough; else the nodes with
 * the most. A team's ranks are ascending, and so is what nobody takes. scratch: (n_free). */
void sg_policy_place(const struct sg_assignment *a, int n, int *free_ranks, int n_free,
                     const struct sg_policy_nodes *nodes, int *scratch);

/* An item that runs, and whose team may become another one between two of its steps. */
struct sg_policy_running {
    double left_s;          /* as its team is now; < 0: not known, it stays */
    double since_s;         /* since its team is what it is */
    int n_ranks, max_ranks; /* now; at most */
    int base_ranks;         /* what it began with, to which it goes back */
    int want;               /* out: n_ranks, or what its team should become */
};

/* What the change of a team costs it: a new communicator, tokenizing, the optimiser's state gathered and dealt out anew. Measured:
 * docs/cluster.md, "Teams that grow". */
#define SG_POLICY_CHANGE_S 2.0

/* Teams of what runs, grown or shrunk. More ready items than free ranks: grown teams go back, those with the most ranks to give first, until
 * there are enough. Nothing ready, and ranks free: the team that would take longest doubles, again and again, as long as ranks are left
 * and the first doubling saves more than twice change_s; not one that was changed within ten times change_s. What ends within twice change_s stays
 * as it is. Fills running[].want, returns how many differ from n_ranks. heap: (n) scratch. */
int sg_policy_change(struct sg_policy_running *running, int n, int n_free, int64_t n_ready, double change_s,
                     int *heap);

/* What finished items of a kind were estimated at, and what they took: seconds times ranks. */
struct sg_policy_speed {
    int64_t n;
    double cost, took_s;
};

/* By how much estimates of the kind are to be multiplied. Few finished items count for little: as if one more of mean cost had taken what all
 * kinds together say (all; 1 where nothing has finished). */
double sg_policy_factor(const struct sg_policy_speed *kind, const struct sg_policy_speed *all);

/* Whether an item that takes cost seconds of one rank should begin on n_ranks with time_s left: it ends before that, or it
 * takes longer than kept_after_s (0: never) and can be gone on from, which is so much time at least. */
int sg_policy_fits(double cost, int n_ranks, double kept_after_s, double time_s);

#endif
