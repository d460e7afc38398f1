/* A rank's side of the engine: its two slots, what they work at, and what they are sent. Internal to mpi/. */
#ifndef SG_MPI_WORKER_H
#define SG_MPI_WORKER_H

#include "mpi/engine.h"
#include "mpi/mailbox.h"
#include "mpi/parts.h"

#include <pthread.h>
#include <stdatomic.h>

struct sg_worker {
    const struct sg_kind *kinds; /* borrowed */
    struct sg_mailbox *mailbox;  /* borrowed */
    MPI_Comm teams, self;        /* parent of all teams; the team of one */
    int tag_bound;               /* tags 0..tag_bound */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t news;
    struct sg_message_list work[SG_N_SLOTS], commands[SG_N_SLOTS]; /* commands: for the work in hand */
    int wake_fd[SG_N_SLOTS], is_notified[SG_N_SLOTS];              /* an eventfd each: sg_work_fd */
    int go, ended; /* the service thread may begin; the run is over */
    sg_status end_status;
    char end_text[sizeof((struct sg_err *)0)->text];

    struct sg_part_store parts; /* the compute slot's thread */
    atomic_int stop_now;        /* running work shall return */
    atomic_int_fast64_t yield;  /* the COMPUTE item whose work shall hand over; -1: none */

    /* The compute slot's thread: what work has left for its item's next team. */
    struct {
        int64_t item;
        void *state;
        size_t n;
    } left;

    /* Under the lock. Of the COMPUTE item in hand, as its work has said the first time and the last time; item -1: it has not. */
    struct sg_worker_progress {
        int64_t item;
        double first, first_s, done, done_s;
    } progress;
};

/* Collective over world (duplicates communicators), and agreed on. close also after a failure. */
sg_status sg_worker_open(struct sg_worker *w, const struct sg_team *world, const struct sg_kind *kinds,
                         struct sg_mailbox *mailbox, struct sg_err *err) SG_MUST_USE;
void sg_worker_close(struct sg_worker *w);

/* Before the threads of a run. */
void sg_worker_begin(struct sg_worker *w);

/* All ranks have their threads. wait_go: service thread, whether they have; 0: the run is over before it began. */
void sg_worker_go(struct sg_worker *w);
int sg_worker_wait_go(struct sg_worker *w);

/* Does the slot's work until the run has ended. */
void sg_worker_loop(struct sg_worker *w, enum sg_slot slot);

/* Service thread: a message for a worker (sg_message_is_for_worker). */
void sg_worker_message_take(struct sg_worker *w, struct sg_message *message);

/* Service thread. How long the COMPUTE item in hand will take at the speed that it has had; *begun_s: tells its work from that before. < 0: not
 * known. */
double sg_worker_left_s(struct sg_worker *w, int64_t *item, double *begun_s);

/* Tells running work to return. */
void sg_worker_stop_now(struct sg_worker *w);

/* Ends this rank's run; the first call counts. */
void sg_worker_end(struct sg_worker *w, sg_status status, const char *text);

#endif
