/* What the ranks of an engine send each other, and how it travels. Internal to mpi/.
 *
 * A message is a head of fixed layout and, where n_body > 0, a body that follows it under a tag of its own: the
 * head can always be taken in, so that a rank without memory for the body can still say so. One thread of
 * each rank (its service thread) does all sending and receiving; other threads put messages into the outbox. */
/* clang-format off */
/*
 *     rank 0 -> worker   WORK          kind, item, slot, n_ranks; body: if n_ranks > 1 the team's world ranks (padded to 64 bytes),
 *                                      then the payload (to the team's first rank only)
 *                        COMMAND       item, slot; body: what sg_engine_send was given
 *                        PART          item: the part's number, how, from: where in it the body belongs (mpi/parts.h); before the WORK
 *                                      that reads it
 *                        YIELD         item: its work shall hand over to another team
 *                        STOP_NOW      running work shall stop
 *                        END           status, text: the run's; the coordinator's last message
 *     worker -> rank 0   EVENT         item; body: what sg_work_emit was given
 *                        RESULT        item, status, text, wall_s; how 1: it hands over; body: the result
 *                        STOP_REQUEST  how: a signal or a call asked this rank to end the run
 *                        HEARTBEAT     the rank's service thread works; item, wall_s: what its work will still take; item -1: not known
 *                        FINISHED      a worker's last message, in answer to END
 */
/* clang-format on */
#ifndef SG_MPI_MAILBOX_H
#define SG_MPI_MAILBOX_H

#include "base/err.h"
#include "mpi/doorbell.h"

#include <limits.h>
#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum sg_message_type {
    SG_MESSAGE_WORK,
    SG_MESSAGE_COMMAND,
    SG_MESSAGE_PART,
    SG_MESSAGE_YIELD,
    SG_MESSAGE_STOP_NOW,
    SG_MESSAGE_END,
    SG_MESSAGE_EVENT, /* from here on: for the coordinator */
    SG_MESSAGE_RESULT,
    SG_MESSAGE_STOP_REQUEST,
    SG_MESSAGE_HEARTBEAT,
    SG_MESSAGE_FINISHED
};

/* The largest body: MPI counts bytes with an int, and a team's ranks travel before its payload. */
#define SG_BODY_MAX ((size_t)INT_MAX - (16u << 20))

struct sg_message_head {
    int type, kind, slot, n_ranks, status, how;
    int64_t item, n_body, from;
    double wall_s;
    char text[sizeof((struct sg_err *)0)->text]; /* last: only what is used of it is sent */
};

struct sg_message {
    struct sg_message *next;
    struct sg_message_head head;
    char *body; /* n_body bytes, 64-byte aligned; NULL with n_body > 0: there was no memory to receive it */
    int peer;   /* to, or from */
    MPI_Request request[2];
};

struct sg_message_list {
    struct sg_message *first, *last;
};

/* One rank's mailbox. */
struct sg_mailbox {
    MPI_Comm comm;
    int rank;
    pthread_mutex_t lock; /* of outbox and is_waiting */
    int is_waiting;
    struct sg_doorbell bell;
    struct sg_message_list outbox;
    struct sg_message_list local;     /* to this rank itself: never touches MPI */
    struct sg_message_list in_flight; /* sends that MPI has not finished */
    int n_in_flight;
    atomic_size_t n_bytes; /* of bodies in outbox and in_flight */
    long flight_us;        /* the next nap while something flies */
};

void sg_message_push(struct sg_message_list *list, struct sg_message *message);
struct sg_message *sg_message_pop(struct sg_message_list *list);
struct sg_message *sg_message_new(enum sg_message_type type, int64_t item); /* NULL without memory */
void sg_message_free(struct sg_message *message);
void sg_message_free_all(struct sg_message_list *list);

/* Collective. Takes the communicator for its own use (the caller frees it). SG_FAILED, on all ranks, when a descriptor cannot be made. */
sg_status sg_mailbox_open(struct sg_mailbox *mailbox, const struct sg_team *world,
                          struct sg_err *err) SG_MUST_USE;
void sg_mailbox_close(struct sg_mailbox *mailbox);

/* Any thread. Takes the message. */
void sg_mailbox_send_take(struct sg_mailbox *mailbox, int to, struct sg_message *message);

/* Service thread: sends what waits, and takes at most one message in: *out is NULL when there is none. */
sg_status sg_mailbox_poll(struct sg_mailbox *mailbox, struct sg_message **out,
                          struct sg_err *err) SG_MUST_USE;

/* Service thread: whether nothing waits and nothing flies. */
int sg_mailbox_idle(struct sg_mailbox *mailbox);

/* Service thread: sleeps until something comes into the outbox, or another rank rings; so long at most, and for look_us where a message
 * may come, or has to go, without a ring. */
void sg_mailbox_wait(struct sg_mailbox *mailbox, long look_us, long us);

#endif
