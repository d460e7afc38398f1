#include "mpi/wire.h"

#include "base/mem.h"
#include "mpi/comm.h"

#include <string.h>
#include <time.h>

enum { TAG_HEAD = 1, TAG_BODY = 2 };
enum { MAX_FLYING = 64 }; /* sends at a time: bounds what a flood of events takes from MPI */

void sg_mail_push(struct sg_mail_list *list, struct sg_mail *mail)
{
    mail->next = NULL;
    if (list->last)
        list->last->next = mail;
    else
        list->first = mail;
    list->last = mail;
}

struct sg_mail *sg_mail_pop(struct sg_mail_list *list)
{
    struct sg_mail *mail = list->first;
    if (!mail)
        return NULL;
    list->first = mail->next;
    if (!list->first)
        list->last = NULL;
    mail->next = NULL;
    return mail;
}

struct sg_mail *sg_mail_new(enum sg_mail_type type, int64_t item)
{
    struct sg_mail *mail = sg_alloc(1, sizeof *mail);
    if (!mail)
        return NULL;
    mail->head.type = type;
    mail->head.item = item;
    return mail;
}

void sg_mail_free(struct sg_mail *mail)
{
    if (!mail)
        return;
    sg_free(mail->body);
    sg_free(mail);
}

void sg_mail_free_all(struct sg_mail_list *list)
{
    struct sg_mail *mail;
    while ((mail = sg_mail_pop(list)))
        sg_mail_free(mail);
}

sg_status sg_post_open(struct sg_post *post, MPI_Comm comm, int rank, struct sg_err *err)
{
    *post = (struct sg_post){.comm = comm, .rank = rank};
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return sg_fail(err, SG_FAILED, "cannot make a lock");
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int rc = pthread_cond_init(&post->woken, &attr);
    pthread_condattr_destroy(&attr);
    if (rc != 0)
        return sg_fail(err, SG_FAILED, "cannot make a lock");
    pthread_mutex_init(&post->lock, NULL);
    return SG_OK;
}

void sg_post_close(struct sg_post *post)
{
    sg_mail_free_all(&post->outbox);
    sg_mail_free_all(&post->local);
    sg_mail_free_all(&post->flying);
    pthread_cond_destroy(&post->woken);
    pthread_mutex_destroy(&post->lock);
}

void sg_post_send_take(struct sg_post *post, int to, struct sg_mail *mail)
{
    mail->peer = to;
    pthread_mutex_lock(&post->lock);
    sg_mail_push(&post->outbox, mail);
    pthread_cond_signal(&post->woken);
    pthread_mutex_unlock(&post->lock);
}

/* Drops what has been sent. */
static sg_status land(struct sg_post *post, struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_mail_list still = {0};
    struct sg_mail *mail;
    MPI_Status unused[2]; /* MPI_STATUSES_IGNORE of MPICH 4.0 is no array to gcc 12, which warns */
    while ((mail = sg_mail_pop(&post->flying))) {
        int flag = 0;
        if (status == SG_OK)
            status = sg_mpi_check(MPI_Testall(2, mail->request, &flag, unused), "sending", err);
        if (flag) {
            sg_mail_free(mail);
            post->n_flying--;
        } else {
            sg_mail_push(&still, mail);
        }
    }
    post->flying = still;
    return status;
}

static sg_status launch(struct sg_post *post, struct sg_mail *mail, struct sg_err *err)
{
    size_t n_head = offsetof(struct sg_mail_head, text) + strlen(mail->head.text) + 1;
    int n_body = 0;
    mail->request[0] = mail->request[1] = MPI_REQUEST_NULL;
    sg_mail_push(&post->flying, mail);
    post->n_flying++;
    SG_TRY(sg_int(mail->head.n_body, &n_body, err));
    SG_TRY(sg_mpi_check(
        MPI_Isend(&mail->head, (int)n_head, MPI_BYTE, mail->peer, TAG_HEAD, post->comm, &mail->request[0]),
        "sending", err));
    if (n_body)
        SG_TRY(sg_mpi_check(
            MPI_Isend(mail->body, n_body, MPI_BYTE, mail->peer, TAG_BODY, post->comm, &mail->request[1]),
            "sending", err));
    return SG_OK;
}

static sg_status send_all(struct sg_post *post, struct sg_err *err)
{
    SG_TRY(land(post, err));
    while (post->n_flying < MAX_FLYING) {
        pthread_mutex_lock(&post->lock);
        struct sg_mail *mail = sg_mail_pop(&post->outbox);
        pthread_mutex_unlock(&post->lock);
        if (!mail)
            return SG_OK;
        if (mail->peer == post->rank)
            sg_mail_push(&post->local, mail);
        else
            SG_TRY(launch(post, mail, err));
    }
    return SG_OK;
}

static void nap_us(long us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

/* The body of a mail whose head has come. Memory may come free: waits 10 s for it. Then the body is taken as
 * nothing, which its reader sees; but a team cannot form without one of its ranks, so that ends the rank. */
static sg_status receive_body(struct sg_post *post, struct sg_mail *mail, struct sg_err *err)
{
    int n = 0, flag = 0;
    char nothing[1];
    SG_TRY(sg_int(mail->head.n_body, &n, err));
    mail->body = sg_alloc((size_t)n, 1);
    for (int i = 0; i < 1000 && !mail->body; i++) {
        nap_us(10000);
        mail->body = sg_alloc((size_t)n, 1);
    }
    if (!mail->body && mail->head.type == SG_MAIL_WORK && mail->head.n_ranks > 1)
        return sg_fail_memory(err, (unsigned long long)n);
    MPI_Request request;
    int rc = MPI_Irecv(mail->body ? mail->body : nothing, mail->body ? n : 0, MPI_BYTE, mail->peer, TAG_BODY,
                       post->comm, &request);
    while (rc == MPI_SUCCESS && !flag) { /* a blocking receive spins (facts/performance.md) */
        rc = MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
        if (rc == MPI_SUCCESS && !flag)
            nap_us(50);
    }
    if (!mail->body) /* "truncated", on purpose */
        return SG_OK;
    return sg_mpi_check(rc, "receiving", err);
}

sg_status sg_post_turn(struct sg_post *post, struct sg_mail **out, struct sg_err *err)
{
    SG_TRY(send_all(post, err));
    *out = sg_mail_pop(&post->local);
    if (*out)
        return SG_OK;
    int flag = 0, n = 0;
    MPI_Status status;
    SG_TRY(sg_mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, TAG_HEAD, post->comm, &flag, &status), "receiving", err));
    if (!flag)
        return SG_OK;
    struct sg_mail *mail = sg_mail_new(SG_MAIL_BYE, 0);
    if (!mail)
        return SG_OK; /* it stays where it is until there is memory */
    mail->peer = status.MPI_SOURCE;
    MPI_Get_count(&status, MPI_BYTE, &n);
    sg_status s = sg_mpi_check(MPI_Recv(&mail->head, sizeof mail->head, MPI_BYTE, mail->peer, TAG_HEAD,
                                        post->comm, MPI_STATUS_IGNORE),
                               "receiving", err);
    mail->head.text[sizeof mail->head.text - 1] = 0;
    if (s == SG_OK && n < (int)offsetof(struct sg_mail_head, text) + 1)
        s = sg_fail(err, SG_FAILED, "rank %d sent a message of %d bytes that is none of ours", mail->peer, n);
    if (s == SG_OK && mail->head.n_body)
        s = receive_body(post, mail, err);
    if (s == SG_OK)
        *out = mail;
    else
        sg_mail_free(mail);
    return s;
}

int sg_post_idle(struct sg_post *post)
{
    pthread_mutex_lock(&post->lock);
    int idle = !post->outbox.first && !post->local.first && !post->flying.first;
    pthread_mutex_unlock(&post->lock);
    return idle;
}

void sg_post_nap(struct sg_post *post, long us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += us * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&post->lock);
    if (!post->outbox.first || post->n_flying >= MAX_FLYING)
        pthread_cond_timedwait(&post->woken, &post->lock, &until);
    pthread_mutex_unlock(&post->lock);
}
