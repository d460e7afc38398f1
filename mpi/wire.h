/* What the ranks of an engine say to each other, and how it travels. Internal to mpi/.
 *
 * A mail is a head of fixed layout and, where n_body > 0, a body that follows it under a tag of its own: the
 * head can always be taken in, so that a rank without memory for the body can still say so. One thread of
 * each rank (its service thread) does all sending and receiving; other threads put mail into the outbox.
 *
 *     rank 0 -> worker   WORK   kind, item, slot, n_ranks; body: the team's world ranks if n_ranks > 1
 * (padded to 64 bytes), then the payload (to the team's first rank only) QUICK  running work shall stop END
 * status, text: the run's; the last word of the coordinator TELL   item, slot; body: what sg_engine_tell was given
 * worker -> rank 0   EVENT  item; body: what
 * sg_work_emit was given RESULT item, status, text, wall_s; body: the result ASK    how: a signal or a call
 * asked this rank to end the run ALIVE  nothing: the rank's service thread works BYE    the last word of a worker, in answer to END */
#ifndef SG_MPI_WIRE_H
#define SG_MPI_WIRE_H

#include "base/err.h"

#include <mpi.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum sg_mail_type {
    SG_MAIL_WORK,
    SG_MAIL_QUICK,
    SG_MAIL_END,
    SG_MAIL_TELL,
    SG_MAIL_EVENT,
    SG_MAIL_RESULT,
    SG_MAIL_ASK,
    SG_MAIL_ALIVE,
    SG_MAIL_BYE
};

struct sg_mail_head {
    int type, kind, slot, n_ranks, status, how;
    int64_t item, n_body;
    double wall_s;
    char text[sizeof((struct sg_err *)0)->text]; /* last: only what is used of it is sent */
};

struct sg_mail {
    struct sg_mail *next;
    struct sg_mail_head head;
    char *body; /* n_body bytes, 64-byte aligned; NULL with n_body > 0: there was no memory to receive it */
    int peer;   /* to, or from */
    MPI_Request request[2];
};

struct sg_mail_list {
    struct sg_mail *first, *last;
};

/* One rank's post office. */
struct sg_post {
    MPI_Comm comm;
    int rank;
    pthread_mutex_t lock; /* of outbox */
    pthread_cond_t woken; /* something came into the outbox */
    struct sg_mail_list outbox;
    struct sg_mail_list local;  /* to this rank itself: never touches MPI */
    struct sg_mail_list flying; /* sends that MPI has not finished */
    int n_flying;
};

void sg_mail_push(struct sg_mail_list *list, struct sg_mail *mail);
struct sg_mail *sg_mail_pop(struct sg_mail_list *list);
struct sg_mail *sg_mail_new(enum sg_mail_type type, int64_t item); /* NULL without memory */
void sg_mail_free(struct sg_mail *mail);
void sg_mail_free_all(struct sg_mail_list *list);

/* Takes comm for its own use (the caller frees it). SG_FAILED when a lock cannot be made. */
sg_status sg_post_open(struct sg_post *post, MPI_Comm comm, int rank, struct sg_err *err) SG_MUST_USE;
void sg_post_close(struct sg_post *post);

/* Any thread. Takes the mail. */
void sg_post_send_take(struct sg_post *post, int to, struct sg_mail *mail);

/* Service thread: sends what waits, and takes at most one mail in: *out is NULL when there is none. */
sg_status sg_post_turn(struct sg_post *post, struct sg_mail **out, struct sg_err *err) SG_MUST_USE;

/* Service thread: whether nothing waits and nothing flies. */
int sg_post_idle(struct sg_post *post);

/* Service thread: sleeps so long, or until something comes into the outbox. */
void sg_post_nap(struct sg_post *post, long us);

#endif
