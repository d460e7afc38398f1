/* The coordinator's list of items: what waits for what, what is ready, and the counts. Internal to mpi/. Rank
 * 0 only.
 *
 * Every function takes the lock itself; records are read without it by the coordinator's thread, which alone
 * changes them during a run. */
#ifndef SG_MPI_ITEMS_H
#define SG_MPI_ITEMS_H

#include "mpi/engine.h"
#include "mpi/parts.h"
#include "mpi/policy.h"

#include <pthread.h>

enum sg_item_state { SG_ITEM_WAITING, SG_ITEM_READY, SG_ITEM_RUNNING, SG_ITEM_DONE };

struct sg_item_record {
    struct sg_item item; /* `after` is not kept: followers is its inverse */
    enum sg_slot slot;
    enum sg_item_state state;
    int64_t n_missing; /* items that it still waits for */
    int64_t *followers, n_followers, cap_followers;
    int n_ranks, rank;          /* while it runs */
    int broken;                 /* one of its callbacks failed: no more of them */
    struct sg_part_needs needs; /* while it runs */
    double start_s;             /* of its team that is now */

    /* Its teams, one after the other, since it was handed out as a whole. */
    int n_teams, base_ranks;        /* base_ranks: the first one's */
    double before_s, before_rank_s; /* what those before took, and these times their ranks */
    int wanted_ranks;               /* what its team shall become, and its work has been told; 0: it stays */
    int stays;                      /* some team of it failed: it gets no other */
    double left_s,
        left_at_s; /* what it said that its team will still take, and when; left_at_s 0: it has not */
};

/* Ready items of one slot, the next one on top. Has room for all items of the slot, so that releasing never
 * fails. */
struct sg_ready {
    int64_t *id, n, cap;
};

struct sg_items {
    pthread_mutex_t lock;
    struct sg_item_record *record;
    int64_t n, cap;
    struct sg_ready ready[2];
    int64_t n_slot[2], n_state[2][4]; /* by slot and enum sg_item_state */
    int64_t n_failed;
    double cost_all, cost_over, cost_done, rank_s_done; /* of COMPUTE items; over: done or failed */
    double busy_s, start_sum_s; /* sums over COMPUTE items that have ended, and that run */
    int64_t n_busy;             /* ranks in COMPUTE items */

    /* Estimates corrected by what finished; by kind, n_kinds of them, the caller's. NULL: as they are. */
    int n_kinds;
    struct sg_policy_speed *speed, speed_all;
    double *factor, *ordered_by;            /* of now; that by which the queue is ordered */
    double *kind_cost_all, *kind_cost_over; /* of COMPUTE items; over: done or failed */
};

sg_status sg_items_add(struct sg_items *s, const struct sg_item *item, enum sg_slot slot, int64_t *id,
                       struct sg_err *err) SG_MUST_USE;
void sg_items_free(struct sg_items *s);

/* What an item takes of one rank, in seconds, as far as is known. */
double sg_items_cost(const struct sg_items *s, int64_t id);

/* Rank-seconds of COMPUTE items that are not done. */
double sg_items_left_s(const struct sg_items *s);

/* Takes up to n_max ready items out, longest first; returns how many. Each must be started or put back. */
int sg_items_take(struct sg_items *s, enum sg_slot slot, int n_max, struct sg_policy_item *out);
void sg_items_put_back(struct sg_items *s, int64_t id);
void sg_items_start(struct sg_items *s, int64_t id, int rank, int n_ranks, double now_s);

/* A running item's team has left it: it is to be started again at once, or unstarted. */
void sg_items_leave(struct sg_items *s, int64_t id, double wall_s, double now_s);

/* Running -> ready again: the work was stopped. */
void sg_items_unstart(struct sg_items *s, int64_t id, double now_s);

/* Running -> done, and its followers are released. */
void sg_items_finish(struct sg_items *s, int64_t id, int failed, double wall_s, double now_s);

#endif
