#include "mpi/mailbox.h"

#include "base/mem.h"
#include "mpi/comm.h"

#include <string.h>
#include <time.h>

enum { TAG_HEAD = 1, TAG_BODY = 2 };
/* A body comes or goes by calls of both sides. Whose head is here may be copied at once; else its sender is rung, and
 * naps follow, each twice the one before. */
enum { TESTS = 8, SHORTEST_US = 50, LONGEST_US = 400 };
enum { MAX_IN_FLIGHT = 64 }; /* sends at a time: bounds what a flood of events takes from MPI */

void sg_message_push(struct sg_message_list *list, struct sg_message *message)
{
    message->next = NULL;
    if (list->last)
        list->last->next = message;
    else
        list->first = message;
    list->last = message;
}

struct sg_message *sg_message_pop(struct sg_message_list *list)
{
    struct sg_message *message = list->first;
    if (!message)
        return NULL;
    list->first = message->next;
    if (!list->first)
        list->last = NULL;
    message->next = NULL;
    return message;
}

struct sg_message *sg_message_new(enum sg_message_type type, int64_t item)
{
    struct sg_message *message = sg_alloc(1, sizeof *message);
    if (!message)
        return NULL;
    message->head.type = type;
    message->head.item = item;
    return message;
}

void sg_message_free(struct sg_message *message)
{
    if (!message)
        return;
    sg_free(message->body);
    sg_free(message);
}

void sg_message_free_all(struct sg_message_list *list)
{
    struct sg_message *message;
    while ((message = sg_message_pop(list)))
        sg_message_free(message);
}

sg_status sg_mailbox_open(struct sg_mailbox *mailbox, const struct sg_team *world, struct sg_err *err)
{
    *mailbox = (struct sg_mailbox){.comm = world->comm, .rank = world->rank};
    pthread_mutex_init(&mailbox->lock, NULL);
    return sg_doorbell_open(&mailbox->bell, world, err);
}

void sg_mailbox_close(struct sg_mailbox *mailbox)
{
    sg_message_free_all(&mailbox->outbox);
    sg_message_free_all(&mailbox->local);
    sg_message_free_all(&mailbox->in_flight);
    sg_doorbell_close(&mailbox->bell);
    pthread_mutex_destroy(&mailbox->lock);
}

void sg_mailbox_send_take(struct sg_mailbox *mailbox, int to, struct sg_message *message)
{
    message->peer = to;
    atomic_fetch_add(&mailbox->n_bytes, (size_t)message->head.n_body);
    pthread_mutex_lock(&mailbox->lock);
    sg_message_push(&mailbox->outbox, message);
    int is_waiting = mailbox->is_waiting;
    mailbox->is_waiting = 0; /* one wakes it */
    pthread_mutex_unlock(&mailbox->lock);
    if (is_waiting)
        sg_doorbell_wake(&mailbox->bell);
}

/* Drops what has been sent. */
static sg_status drop_sent(struct sg_mailbox *mailbox, struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_message_list still = {0};
    struct sg_message *message;
    MPI_Status unused[2]; /* MPI_STATUSES_IGNORE of MPICH 4.0 is no array to gcc 12, which warns */
    while ((message = sg_message_pop(&mailbox->in_flight))) {
        int flag = 0;
        if (status == SG_OK)
            status = sg_mpi_check(MPI_Testall(2, message->request, &flag, unused), "sending", err);
        if (flag) {
            atomic_fetch_sub(&mailbox->n_bytes, (size_t)message->head.n_body);
            sg_message_free(message);
            mailbox->n_in_flight--;
        } else {
            sg_message_push(&still, message);
        }
    }
    mailbox->in_flight = still;
    return status;
}

static sg_status send_one(struct sg_mailbox *mailbox, struct sg_message *message, struct sg_err *err)
{
    size_t n_head = offsetof(struct sg_message_head, text) + strlen(message->head.text) + 1;
    int n_body = 0;
    message->request[0] = message->request[1] = MPI_REQUEST_NULL;
    mailbox->flight_us = SHORTEST_US;
    sg_message_push(&mailbox->in_flight, message);
    mailbox->n_in_flight++;
    SG_TRY(sg_int(message->head.n_body, &n_body, err));
    SG_TRY(sg_mpi_check(MPI_Isend(&message->head, (int)n_head, MPI_BYTE, message->peer, TAG_HEAD,
                                  mailbox->comm, &message->request[0]),
                        "sending", err));
    if (n_body)
        SG_TRY(sg_mpi_check(MPI_Isend(message->body, n_body, MPI_BYTE, message->peer, TAG_BODY, mailbox->comm,
                                      &message->request[1]),
                            "sending", err));
    sg_doorbell_ring(&mailbox->bell, message->peer);
    return SG_OK;
}

static sg_status send_all(struct sg_mailbox *mailbox, struct sg_err *err)
{
    SG_TRY(drop_sent(mailbox, err));
    while (mailbox->n_in_flight < MAX_IN_FLIGHT) {
        pthread_mutex_lock(&mailbox->lock);
        struct sg_message *message = sg_message_pop(&mailbox->outbox);
        pthread_mutex_unlock(&mailbox->lock);
        if (!message)
            return SG_OK;
        if (message->peer == mailbox->rank) {
            atomic_fetch_sub(&mailbox->n_bytes, (size_t)message->head.n_body);
            sg_message_push(&mailbox->local, message);
        } else {
            SG_TRY(send_one(mailbox, message, err));
        }
    }
    return SG_OK;
}

static void nap_us(long us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

/* The body of a message whose head has come. Memory may come free: waits 10 s for it. Then the body is taken as
 * nothing, which its reader sees; but a team cannot form without one of its ranks, so that ends the rank. */
static sg_status receive_body(struct sg_mailbox *mailbox, struct sg_message *message, struct sg_err *err)
{
    int n = 0, flag = 0;
    char nothing[1];
    SG_TRY(sg_int(message->head.n_body, &n, err));
    message->body = sg_alloc((size_t)n, 1);
    for (int i = 0; i < 1000 && !message->body; i++) {
        nap_us(10000);
        message->body = sg_alloc((size_t)n, 1);
    }
    if (!message->body && message->head.type == SG_MESSAGE_WORK && message->head.n_ranks > 1)
        return sg_fail_memory(err, (unsigned long long)n);
    MPI_Request request;
    int rc = MPI_Irecv(message->body ? message->body : nothing, message->body ? n : 0, MPI_BYTE,
                       message->peer, TAG_BODY, mailbox->comm, &request);
    long us = SHORTEST_US;
    for (int i = 0; rc == MPI_SUCCESS && !flag; i++) { /* a blocking receive spins */
        rc = MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
        if (rc == MPI_SUCCESS && !flag && i == TESTS)
            sg_doorbell_ring(&mailbox->bell, message->peer);
        if (rc == MPI_SUCCESS && !flag && i >= TESTS) {
            nap_us(us);
            us = us < LONGEST_US ? 2 * us : us;
        }
    }
    if (!message->body) /* "truncated", on purpose */
        return SG_OK;
    return sg_mpi_check(rc, "receiving", err);
}

sg_status sg_mailbox_poll(struct sg_mailbox *mailbox, struct sg_message **out, struct sg_err *err)
{
    SG_TRY(send_all(mailbox, err));
    *out = sg_message_pop(&mailbox->local);
    if (*out)
        return SG_OK;
    int flag = 0, n = 0;
    MPI_Status status;
    SG_TRY(
        sg_mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, TAG_HEAD, mailbox->comm, &flag, &status), "receiving", err));
    if (!flag)
        return SG_OK;
    struct sg_message *message = sg_message_new(SG_MESSAGE_FINISHED, 0);
    if (!message)
        return SG_OK; /* it stays where it is until there is memory */
    message->peer = status.MPI_SOURCE;
    MPI_Get_count(&status, MPI_BYTE, &n);
    sg_status s = sg_mpi_check(MPI_Recv(&message->head, sizeof message->head, MPI_BYTE, message->peer,
                                        TAG_HEAD, mailbox->comm, MPI_STATUS_IGNORE),
                               "receiving", err);
    message->head.text[sizeof message->head.text - 1] = 0;
    if (s == SG_OK && n < (int)offsetof(struct sg_message_head, text) + 1)
        s = sg_fail(err, SG_FAILED, "rank %d sent a message of %d bytes that is none of ours", message->peer,
                    n);
    if (s == SG_OK && message->head.n_body)
        s = receive_body(mailbox, message, err);
    sg_doorbell_message_came(&mailbox->bell);
    if (s == SG_OK)
        *out = message;
    else
        sg_message_free(message);
    return s;
}

int sg_mailbox_idle(struct sg_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    int idle = !mailbox->outbox.first && !mailbox->local.first && !mailbox->in_flight.first;
    pthread_mutex_unlock(&mailbox->lock);
    return idle;
}

void sg_mailbox_wait(struct sg_mailbox *mailbox, long look_us, long us)
{
    pthread_mutex_lock(&mailbox->lock);
    int has_work = mailbox->outbox.first && mailbox->n_in_flight < MAX_IN_FLIGHT;
    mailbox->is_waiting = !has_work;
    pthread_mutex_unlock(&mailbox->lock);
    if (has_work)
        return;
    /* What flies moves only when MPI is called. */
    if (mailbox->n_in_flight) {
        us = mailbox->flight_us < us ? mailbox->flight_us : us;
        mailbox->flight_us *= mailbox->flight_us < look_us ? 2 : 1;
    }
    sg_doorbell_wait(&mailbox->bell, look_us < us ? look_us : us, us);
    pthread_mutex_lock(&mailbox->lock);
    mailbox->is_waiting = 0;
    pthread_mutex_unlock(&mailbox->lock);
}
