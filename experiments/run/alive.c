#include "experiments/run/alive.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TAG_ALIVE = 1, TAG_OVER = 2 };

static const double GRACE_S = 5, OVER_S = 2; /* sg_alive_lost; sg_alive_stop */

/* What one rank knows of another that it hears. */
struct peer {
    int rank, is_sending;
    int is_over, is_told; /* has heard the other's last word, has got ours */
    double heard_s;
    MPI_Request sending;
};

struct sg_alive {
    struct sg_team world; /* on a communicator of our own */
    int n;                /* rank 0: all others; a rank: rank 0 alone */
    struct peer *peer;    /* (n) */
    char (*host)[64];     /* (n) */
    double every_s, limit_s, sent_s, seen_s, lost_s;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    int has_thread, stop, is_taken; /* is_taken: who ends the job is decided */
    char lost[400];
};

double sg_alive_limit_s(void)
{
    const char *text = getenv("SG_ALIVE_S");
    char *end = NULL;
    double s = text && *text ? strtod(text, &end) : 0;
    return end && *end == 0 && s > 0 ? s : 300;
}

/* ---- the end of the job ---- */

/* Whoever asks first does it. */
static int take(struct sg_alive *a)
{
    pthread_mutex_lock(&a->lock);
    int first = !a->is_taken;
    a->is_taken = 1;
    pthread_mutex_unlock(&a->lock);
    return first;
}

static _Noreturn void abort_job(void)
{
    MPI_Abort(MPI_COMM_WORLD, SG_STOPPED);
    _exit(SG_STOPPED);
}

_Noreturn void sg_alive_abort(struct sg_alive *a)
{
    if (a)
        (void)take(a);
    abort_job();
}

static void describe(const struct sg_alive *a, const struct peer *p, double silent_s, char *text, size_t n)
{
    snprintf(text, n,
             "rank %d on %s has given no sign of life for %.0f s, so that the job cannot go on and ends; "
             "hint: is its node up, its process stopped or "
             "out of memory? The same command goes on from what is finished",
             p->rank, a->host[p - a->peer], silent_s);
}

int sg_alive_lost(struct sg_alive *a, char *text, size_t n)
{
    if (!a)
        return 0;
    pthread_mutex_lock(&a->lock);
    int lost = a->lost[0] != 0 && !a->is_taken;
    if (lost) {
        a->is_taken = 1;
        snprintf(text, n, "%s", a->lost);
    }
    pthread_mutex_unlock(&a->lock);
    return lost;
}

/* ---- the thread ---- */

static void send_one(struct sg_alive *a, struct peer *p, int tag)
{
    int done = 1;
    if (p->is_sending)
        MPI_Test(&p->sending, &done, MPI_STATUS_IGNORE);
    p->is_sending = !done;
    if (done)
        p->is_sending = MPI_Isend(NULL, 0, MPI_BYTE, p->rank, tag, a->world.comm, &p->sending) == MPI_SUCCESS;
}

static void send_all(struct sg_alive *a, int tag)
{
    for (int i = 0; i < a->n; i++)
        send_one(a, &a->peer[i], tag);
    a->sent_s = sg_now_s();
}

static void hear(struct sg_alive *a)
{
    MPI_Status from;
    int there = 0;
    while (MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, a->world.comm, &there, &from) == MPI_SUCCESS && there) {
        if (MPI_Recv(NULL, 0, MPI_BYTE, from.MPI_SOURCE, from.MPI_TAG, a->world.comm, MPI_STATUS_IGNORE) !=
            MPI_SUCCESS)
            return;
        struct peer *p = &a->peer[a->world.rank ? 0 : from.MPI_SOURCE - 1];
        p->heard_s = sg_now_s();
        p->is_over |= from.MPI_TAG == TAG_OVER;
    }
}

/* Time in which this process did not run is nobody's silence. */
static void forgive(struct sg_alive *a, double slice_s)
{
    double now_s = sg_now_s(), gap_s = now_s - a->seen_s - slice_s;
    for (int i = 0; i < a->n && gap_s > 2; i++)
        a->peer[i].heard_s += gap_s;
    a->seen_s = now_s;
}

static void look(struct sg_alive *a)
{
    double now_s = sg_now_s(), longest_s = 0;
    const struct peer *silent = NULL;
    if (now_s - a->seen_s >
        1) /* it was this process that stood still, since `forgive`: the next turn knows */
        return;
    for (int i = 0; i < a->n; i++)
        if (!a->peer[i].is_over && now_s - a->peer[i].heard_s > longest_s) {
            longest_s = now_s - a->peer[i].heard_s;
            silent = &a->peer[i];
        }
    /* Of many ranks that miss rank 0 one speaks, if it can. */
    double limit_s = a->limit_s + (a->world.rank ? fmin(a->world.rank - 1, 10) : 0);
    if (!silent || longest_s < limit_s)
        return;
    pthread_mutex_lock(&a->lock);
    if (!a->lost[0]) {
        describe(a, silent, longest_s, a->lost, sizeof a->lost);
        a->lost_s = now_s;
    }
    pthread_mutex_unlock(&a->lock);
    if ((a->world.rank || now_s - a->lost_s > GRACE_S) && take(a)) {
        sg_tell_sentence(a->lost);
        abort_job();
    }
}

/* Sleeps; whether it goes on. */
static int sleep_on(struct sg_alive *a, double s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)(s * 1e9);
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&a->lock);
    while (!a->stop && pthread_cond_timedwait(&a->wake, &a->lock, &until) != ETIMEDOUT)
        ;
    int on = !a->stop;
    pthread_mutex_unlock(&a->lock);
    return on;
}

static void *loop(void *context)
{
    struct sg_alive *a = context;
    double slice_s = fmin(1, a->every_s / 4);
    a->seen_s = sg_now_s();
    do {
        forgive(a, slice_s);
        if (sg_now_s() - a->sent_s >= a->every_s)
            send_all(a, TAG_ALIVE);
        hear(a);
        look(a);
    } while (sleep_on(a, slice_s));
    return NULL;
}

/* ---- its life ---- */

static sg_status make(struct sg_alive *a, const struct sg_team *world, struct sg_err *err)
{
    a->n = world->rank ? 1 : world->size - 1;
    a->peer = sg_alloc((size_t)a->n, sizeof *a->peer);
    a->host = sg_alloc((size_t)world->size, sizeof *a->host); /* rank 0 gathers its own, too */
    if (!a->peer || !a->host)
        return sg_fail_memory(err, (size_t)world->size * (sizeof *a->peer + sizeof *a->host));
    for (int i = 0; i < a->n; i++)
        a->peer[i] = (struct peer){.rank = world->rank ? 0 : i + 1, .sending = MPI_REQUEST_NULL};
    a->every_s = fmax(fmin(5, sg_alive_limit_s() / 6), world->size / 80.0 * (world->size > 400));
    a->limit_s = fmax(sg_alive_limit_s(), 4 * a->every_s);
    pthread_condattr_t c;
    pthread_condattr_init(&c);
    pthread_condattr_setclock(&c, CLOCK_MONOTONIC);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, &c);
    pthread_condattr_destroy(&c);
    return SG_OK;
}

/* Rank 0 learns all hosts, the others its. */
static sg_status tell_hosts(struct sg_alive *a, const struct sg_team *world, struct sg_err *err)
{
    char mine[64] = "", first[64];
    gethostname(mine, sizeof mine - 1);
    memcpy(first, mine, sizeof first);
    SG_TRY(
        sg_mpi_check(MPI_Gather(mine, sizeof mine, MPI_BYTE, a->host, sizeof mine, MPI_BYTE, 0, world->comm),
                     "MPI_Gather", err));
    SG_TRY(sg_mpi_check(MPI_Bcast(first, sizeof first, MPI_BYTE, 0, world->comm), "MPI_Bcast", err));
    if (world->rank == 0)
        memmove(a->host, a->host + 1, (size_t)a->n * sizeof *a->host);
    else
        memcpy(a->host[0], first, sizeof first);
    return SG_OK;
}

static void release(struct sg_alive *a)
{
    if (a->world.comm != MPI_COMM_NULL)
        MPI_Comm_free(&a->world.comm);
    sg_free(a->peer);
    sg_free(a->host);
    sg_free(a);
}

static sg_status run_thread(struct sg_alive *a, struct sg_err *err)
{
    sigset_t all, before; /* signals are for the run's own threads */
    a->sent_s = -1e9;
    for (int i = 0; i < a->n; i++)
        a->peer[i].heard_s = sg_now_s();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&a->thread, NULL, loop, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    a->has_thread = rc == 0;
    return rc == 0 ? SG_OK : sg_fail(err, SG_FAILED, "a thread cannot start: %s", strerror(rc));
}

sg_status sg_alive_start(const struct sg_team *world, struct sg_alive **out, struct sg_err *err)
{
    int level = 0;
    *out = NULL;
    MPI_Query_thread(&level);
    if (world->size < 2 || level < MPI_THREAD_MULTIPLE)
        return SG_OK;
    struct sg_alive *a = sg_alloc(1, sizeof *a);
    if (a)
        a->world = (struct sg_team){MPI_COMM_NULL, world->rank, world->size};
    sg_status status = a ? make(a, world, err) : sg_fail_memory(err, sizeof *a);
    status = sg_agree(world, status, err);
    if (status == SG_OK)
        status = sg_agree(world, tell_hosts(a, world, err), err);
    if (status == SG_OK)
        status = sg_agree(world, sg_comm_duplicate(world->comm, &a->world.comm, err), err);
    if (status == SG_OK)
        status = sg_agree(world, run_thread(a, err), err);
    if (status == SG_OK)
        *out = a;
    else if (a && a->has_thread)
        sg_alive_stop(a);
    else if (a)
        release(a);
    return status;
}

/* Every sign that was sent is received before the communicator goes. */
static void say_over(struct sg_alive *a)
{
    double until_s = sg_now_s() + OVER_S;
    int n_waited = a->n, n_sent = 0;
    while (sg_now_s() < until_s && (n_waited || n_sent < a->n)) {
        n_waited = n_sent = 0;
        hear(a);
        for (int i = 0; i < a->n; i++) {
            struct peer *p = &a->peer[i];
            int done = 1;
            if (p->is_sending)
                MPI_Test(&p->sending, &done, MPI_STATUS_IGNORE);
            p->is_sending = !done;
            if (done && !p->is_told) {
                send_one(a, p, TAG_OVER);
                p->is_told = 1;
            }
            n_sent += p->is_told && !p->is_sending;
            n_waited += !p->is_over;
        }
        if (n_waited || n_sent < a->n)
            sg_sleep_us(1000);
    }
}

void sg_alive_stop(struct sg_alive *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = 1;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    say_over(a);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->wake);
    release(a);
}
