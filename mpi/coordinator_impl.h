/* Inside of the coordinator: coordinator.c (handing out, taking in, the end), coordinator_teams.c (teams of what runs that change). */
#ifndef SG_MPI_COORDINATOR_IMPL_H
#define SG_MPI_COORDINATOR_IMPL_H

#include "mpi/coordinator.h"
#include "mpi/items.h"
#include "mpi/parts.h"
#include "mpi/policy.h"

enum { DRAIN = 1, STOP_NOW = 2 };

struct sg_coordinator {
    struct sg_coordinator_settings s;
    struct sg_engine_hooks hooks;
    struct sg_items items;
    int n_free[SG_N_SLOTS];
    int64_t *holds[SG_N_SLOTS]; /* by rank: the item in its slot, or -1 */
    double *heard_s;            /* by rank: when its last message came */
    struct sg_part_table *parts;
    int64_t preparing; /* the item whose `prepare` runs, or -1 */

    int level;                          /* 0, DRAIN or STOP_NOW */
    sg_status failed;                   /* of a callback, or SG_OK */
    struct sg_err why;                  /* why it failed, or stops */
    int n_stopped, n_ended, n_finished; /* ranks that were sent STOP_NOW, were sent END, have said BYE */
    int ending;
    sg_status end_status;
    double begin_s, next_tick_s, end_s, turn_s; /* turn_s: of the last turn */

    struct sg_policy_nodes nodes;
    double next_look_s;
    int64_t n_changes;

    /* scratch, n_ranks each */
    int *free_ranks, *order;
    struct sg_policy_item *ready;
    struct sg_assignment *assigned;
    struct sg_policy_running *running;
    int64_t *running_id;
};

/* ---- coordinator.c ---- */

/* What a callback returned. SG_STOPPED drains the run, anything else ends it; the first words stay. */
void sg_coordinator_note(struct sg_coordinator *c, sg_status status, const struct sg_err *err,
                         const char *where);

/* Lists the ranks whose slot is free in c->free_ranks, ascending; returns how many. */
int sg_coordinator_list_free(const struct sg_coordinator *c, enum sg_slot slot);

/* Prepares an item and sends it to its team: to all ranks of it, or to none. */
sg_status sg_coordinator_start(struct sg_coordinator *c, int64_t id, const int *ranks, int n_ranks,
                               struct sg_err *err) SG_MUST_USE;

/* ---- coordinator_teams.c ---- */

/* In each turn: where the policy wants another team for what runs, its work is told. */
void sg_coordinator_look_at_teams(struct sg_coordinator *c);

/* A team has handed its item over, and its ranks are free. However the run stands, the item goes on at once: while it stops, on one rank,
 * which puts it away. */
void sg_coordinator_hand_over(struct sg_coordinator *c, int64_t id, double wall_s);

/* What the first rank of an item's team says that it will still take. */
void sg_coordinator_take_progress(struct sg_coordinator *c, const struct sg_message *message);

#endif
