/* How a rank's service thread sleeps, and who wakes it. Internal to mpi/.
 *
 * MPI has no descriptor to wait at, so a rank that waits for messages has to look again and again: measured, half of what rank 0 does beside
 * cells that take milliseconds. Ranks of one node have a second way: after a message a rank sends a byte to the other's socket, and whoever
 * can be rung by all that send to it sleeps until then. The sockets are Unix datagram sockets with abstract names of 16 random bytes, which
 * leave no file and go with the process. (An open file of the other's /proc would do as well, as in mpi/node_memory.h, but not where a process
 * that holds a key has shut its own.) The bytes say nothing: whoever else sends some, wakes a thread for nothing. Between nodes, and
 * where there is no such socket, ranks look as often as ever. */
#ifndef SG_MPI_DOORBELL_H
#define SG_MPI_DOORBELL_H

#include "mpi/comm.h"

enum { SG_BELL_NAME = 33 };
struct sg_bell_name {
    char text[SG_BELL_NAME]; /* "": it has no socket */
};

struct sg_doorbell {
    int socket, own;           /* own: an eventfd, for other threads of this rank; -1: none */
    struct sg_bell_name *name; /* by rank: "": cannot be rung */
    int n_ranks;
    int is_rung_by_all; /* each rank that sends messages to this one can ring it */
    int n_expected;     /* rings whose message has not come */
    int n_looks;        /* that are still short because of those */
};

/* Collective. SG_FAILED where there is no descriptor for the own threads. close: one of zeros is fine. */
sg_status sg_doorbell_open(struct sg_doorbell *bell, const struct sg_team *world,
                           struct sg_err *err) SG_MUST_USE;
void sg_doorbell_close(struct sg_doorbell *bell);

/* Service thread: that a message was sent to the rank. */
void sg_doorbell_ring(struct sg_doorbell *bell, int rank);

/* Any thread of this rank: ends the wait that is going on, or the next one. */
void sg_doorbell_wake(struct sg_doorbell *bell);

/* Service thread: that a message of another rank has come in. */
void sg_doorbell_message_came(struct sg_doorbell *bell);

/* Service thread: sleeps until someone rings or wakes, or until the time is over: long_us where all ring, else look_us. */
void sg_doorbell_wait(struct sg_doorbell *bell, long look_us, long long_us);

#endif
