/* The engine's inside: what engine.c (life and service thread), worker.c (the two slots) and coordinator.c
 * share. */
#ifndef SG_MPI_ENGINE_IMPL_H
#define SG_MPI_ENGINE_IMPL_H

#include "mpi/engine.h"
#include "mpi/wire.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

enum { SG_N_SLOTS = 2 };

/* The largest payload, event or result: MPI counts bytes with an int, and a team's ranks travel before its
 * payload. */
#define SG_BODY_MAX ((size_t)INT_MAX - (16u << 20))

struct sg_coordinator;

struct sg_engine {
    struct sg_team world;   /* on a communicator of our own, for mail */
    MPI_Comm teams, self;   /* parent of all teams; the team of one */
    int n_kinds, tag_bound; /* tags 0..tag_bound */
    struct sg_kind *kinds;
    struct sg_post post;
    struct sg_coordinator *coordinator; /* rank 0 only */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t news;
    struct sg_mail_list work[SG_N_SLOTS], told[SG_N_SLOTS]; /* told: for the work in hand */
    int bell[SG_N_SLOTS], is_rung[SG_N_SLOTS];              /* an eventfd each: sg_work_fd */
    int go, ended; /* the service thread may begin; the run is over */
    sg_status end_status;
    char end_text[sizeof((struct sg_err *)0)->text];

    atomic_int quick; /* running work shall return */
    int asked;        /* service thread: the request that rank 0 has been told of */
    double alive_s;   /* service thread: when it last gave a sign of life */
};

/* Worker: does the slot's work until the run has ended. */
void sg_worker_loop(struct sg_engine *e, enum sg_slot slot);

/* Service thread: mail for a worker. */
void sg_worker_mail_take(struct sg_engine *e, struct sg_mail *mail);

/* Tells running work to return. */
void sg_worker_hurry(struct sg_engine *e);

/* Ends this rank's run; the first word counts. */
void sg_worker_end(struct sg_engine *e, sg_status status, const char *text);

sg_status sg_coordinator_create(struct sg_engine *e, struct sg_err *err) SG_MUST_USE;
void sg_coordinator_destroy(struct sg_coordinator *c); /* NULL is fine */
void sg_coordinator_begin(struct sg_coordinator *c, const struct sg_engine_hooks *hooks);

/* Service thread of rank 0: mail for the coordinator; and one turn of handing out. Returns whether all ranks
 * have said BYE. */
void sg_coordinator_mail_take(struct sg_coordinator *c, struct sg_mail *mail);
int sg_coordinator_turn(struct sg_coordinator *c);

/* Service thread of rank 0: how long until the next tick; 0: it is due. */
double sg_coordinator_until_tick_s(const struct sg_coordinator *c);

double sg_engine_clock(void); /* seconds, monotonic */

#endif
