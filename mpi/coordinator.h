/* Rank 0's side of the engine: hands items out, takes events and results in, ends the run. Internal to mpi/. All of it in the service
 * thread, but for create, destroy, begin, add and state. */
#ifndef SG_MPI_COORDINATOR_H
#define SG_MPI_COORDINATOR_H

#include "mpi/engine.h"
#include "mpi/mailbox.h"

struct sg_coordinator;

struct sg_coordinator_settings {
    int n_ranks, n_kinds;
    const struct sg_kind *kinds; /* borrowed */
    const int *first_of_node;    /* by rank: the lowest rank of its node; borrowed by create alone */
    struct sg_mailbox *mailbox;  /* borrowed */
    struct sg_engine *engine;    /* what callbacks are given */
};
sg_status sg_coordinator_create(const struct sg_coordinator_settings *s, struct sg_coordinator **out,
                                struct sg_err *err) SG_MUST_USE;
void sg_coordinator_destroy(struct sg_coordinator *c); /* NULL is fine */

/* A run begins. */
void sg_coordinator_begin(struct sg_coordinator *c, const struct sg_engine_hooks *hooks);

/* A message for the coordinator. */
void sg_coordinator_message_take(struct sg_coordinator *c, struct sg_message *message);

/* One turn of handing out. Returns whether all ranks have said FINISHED. */
int sg_coordinator_turn(struct sg_coordinator *c);

/* How long until the next tick; 0: it is due. */
double sg_coordinator_until_tick_s(const struct sg_coordinator *c);

/* As sg_engine_add, _send, _need, _silent, _held, _state. */
sg_status sg_coordinator_add(struct sg_coordinator *c, const struct sg_item *item, int64_t *id,
                             struct sg_err *err) SG_MUST_USE;
sg_status sg_coordinator_send(struct sg_coordinator *c, int64_t item, const void *bytes, size_t n,
                              struct sg_err *err) SG_MUST_USE;
sg_status sg_coordinator_need(struct sg_coordinator *c, const struct sg_engine_part *part,
                              struct sg_err *err) SG_MUST_USE;
int sg_coordinator_silent(const struct sg_coordinator *c, double after_s, struct sg_engine_silence *out);
int sg_coordinator_held(const struct sg_coordinator *c, int rank, enum sg_slot slot,
                        struct sg_engine_held *out);
struct sg_engine_state sg_coordinator_state(struct sg_coordinator *c);

#endif
