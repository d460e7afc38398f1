/* The engine's life, and the service thread of each rank, which carries all mail. */
#include "mpi/engine_impl.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Measured (facts/performance.md): probing every 200 us costs no visible arithmetic; but it costs a share of a core, and less often
 * loses no rate (`tests/bench/generate --only rate`). Rank 0 answers all others, so it probes more often than they do, and is awake when its tick is due. A rank alone
 * hears from no other, its own mail wakes it, and a signal can wait for so long. */
enum { NAP_ALONE_US = 20000, NAP_COORDINATOR_US = 500, NAP_WORKER_US = 1000 };

static long nap_us(const struct sg_engine *e)
{
    long us = e->world.size == 1 ? NAP_ALONE_US : e->coordinator ? NAP_COORDINATOR_US : NAP_WORKER_US;
    double until_tick_us = e->coordinator ? 1e6 * sg_coordinator_until_tick_s(e->coordinator) : us;
    return until_tick_us < us ? (long)until_tick_us + 1 : us;
}

static atomic_int stop_request; /* the highest asked for; lock-free, so a signal handler may write it */

void sg_engine_request_stop(int how)
{
    if (how <= 0) {
        atomic_store(&stop_request, 0);
        return;
    }
    int now = atomic_load(&stop_request);
    while (now < how && !atomic_compare_exchange_weak(&stop_request, &now, how))
        ;
}

int sg_engine_stop_requested(void)
{
    return atomic_load(&stop_request);
}

double sg_engine_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sg_status duplicate(MPI_Comm from, MPI_Comm *to, struct sg_err *err)
{
    SG_TRY(sg_mpi_check(MPI_Comm_dup(from, to), "MPI_Comm_dup", err));
    MPI_Comm_set_errhandler(*to, MPI_ERRORS_RETURN);
    return SG_OK;
}

static sg_status check_kinds(const struct sg_kind *kinds, int n_kinds, struct sg_err *err)
{
    int level = 0;
    MPI_Query_thread(&level);
    if (level < MPI_THREAD_MULTIPLE)
        return sg_fail(err, SG_FAILED,
                       "the engine needs MPI_THREAD_MULTIPLE; hint: start MPI with sg_mpi_start");
    for (int i = 0; i < n_kinds; i++) {
        if (!kinds[i].work || (kinds[i].slot != SG_SLOT_COMPUTE && kinds[i].slot != SG_SLOT_NETWORK))
            return sg_fail(err, SG_FAILED, "kind %d of the engine has no work or no slot", i);
    }
    return SG_OK;
}

/* What one rank can fail at alone; sg_engine_create agrees after it. */
static sg_status create_local(struct sg_engine *e, const struct sg_kind *kinds, int n_kinds,
                              struct sg_err *err)
{
    SG_TRY(check_kinds(kinds, n_kinds, err));
    e->kinds = sg_alloc((size_t)n_kinds, sizeof *kinds);
    if (!e->kinds)
        return sg_fail_memory(err, (unsigned long long)n_kinds * sizeof *kinds);
    if (n_kinds)
        memcpy(e->kinds, kinds, (size_t)n_kinds * sizeof *kinds);
    e->n_kinds = n_kinds;
    int *bound = NULL, flag = 0;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &flag);
    for (int s = 0; s < SG_N_SLOTS; s++)
        if ((e->bell[s] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
            return sg_fail(err, SG_FAILED, "cannot make a descriptor to wait at: %s", strerror(errno));
    e->tag_bound = flag && *bound > 0 ? *bound : 32767; /* the least that MPI promises */
    return e->world.rank == 0 ? sg_coordinator_create(e, err) : SG_OK;
}

sg_status sg_engine_create(const struct sg_team *world, const struct sg_kind *kinds, int n_kinds,
                           struct sg_engine **out, struct sg_err *err)
{
    struct sg_engine *e = sg_alloc(1, sizeof *e);
    sg_status status = e ? SG_OK : sg_fail_memory(err, sizeof *e);
    status = sg_agree(world, status, err);
    if (status != SG_OK) {
        sg_free(e);
        return status;
    }
    *e = (struct sg_engine){
        .world = {MPI_COMM_NULL, world->rank, world->size}, .teams = MPI_COMM_NULL, .self = MPI_COMM_NULL};
    for (int s = 0; s < SG_N_SLOTS; s++)
        e->bell[s] = -1;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->news, NULL);
    SG_TRY_DONE(duplicate(world->comm, &e->world.comm, err));
    SG_TRY_DONE(duplicate(world->comm, &e->teams, err));
    status = duplicate(MPI_COMM_SELF, &e->self, err);
    if (status == SG_OK)
        status = sg_post_open(&e->post, e->world.comm, world->rank, err);
    if (status == SG_OK)
        status = create_local(e, kinds, n_kinds, err);
    SG_TRY_DONE(sg_agree(world, status, err));
    *out = e;
    return SG_OK;
done:
    sg_engine_destroy(e);
    return status;
}

void sg_engine_destroy(struct sg_engine *e)
{
    if (!e)
        return;
    sg_coordinator_destroy(e->coordinator);
    for (int s = 0; s < SG_N_SLOTS; s++)
        sg_mail_free_all(&e->work[s]), sg_mail_free_all(&e->told[s]);
    for (int s = 0; s < SG_N_SLOTS; s++)
        if (e->bell[s] >= 0)
            close(e->bell[s]);
    sg_post_close(&e->post);
    if (e->self != MPI_COMM_NULL)
        MPI_Comm_free(&e->self);
    if (e->teams != MPI_COMM_NULL)
        MPI_Comm_free(&e->teams);
    if (e->world.comm != MPI_COMM_NULL)
        MPI_Comm_free(&e->world.comm);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->news);
    sg_free(e->kinds);
    sg_free(e);
}

/* Tells rank 0 of a stop that was asked for on this rank. */
static void pass_on_request(struct sg_engine *e)
{
    int how = atomic_load(&stop_request);
    if (how <= e->asked || e->ended)
        return;
    struct sg_mail *mail = sg_mail_new(SG_MAIL_ASK, 0);
    if (!mail)
        return; /* tried again at the next turn */
    mail->head.how = how;
    e->asked = how;
    sg_post_send_take(&e->post, 0, mail);
}

double sg_engine_alive_s = 5;

/* Every 5 s; more ranks than some hundreds speak less often, so that rank 0 hears at most 80 a second. */
static void give_sign(struct sg_engine *e)
{
    double every_s = e->world.size > 400 ? e->world.size / 80.0 : sg_engine_alive_s,
           now_s = sg_engine_clock();
    if (e->coordinator || e->ended || now_s - e->alive_s < every_s)
        return;
    struct sg_mail *mail = sg_mail_new(SG_MAIL_ALIVE, 0);
    if (!mail)
        return;
    e->alive_s = now_s;
    sg_post_send_take(&e->post, 0, mail);
}

static void deliver_take(struct sg_engine *e, struct sg_mail *mail)
{
    if (mail->head.type == SG_MAIL_WORK || mail->head.type == SG_MAIL_QUICK ||
        mail->head.type == SG_MAIL_END || mail->head.type == SG_MAIL_TELL)
        sg_worker_mail_take(e, mail);
    else if (e->coordinator)
        sg_coordinator_mail_take(e->coordinator, mail);
    else
        sg_mail_free(mail);
}

/* Until END has come and everything is sent; on rank 0 until all ranks have said BYE. */
static sg_status serve(struct sg_engine *e, struct sg_err *err)
{
    int over = 0;
    while (!over || !sg_post_idle(&e->post)) {
        struct sg_mail *mail = NULL;
        pass_on_request(e);
        give_sign(e);
        SG_TRY(sg_post_turn(&e->post, &mail, err));
        if (mail)
            deliver_take(e, mail);
        if (e->coordinator)
            over = sg_coordinator_turn(e->coordinator);
        else
            over = e->ended; /* only this thread sets it now */
        if (!mail && !over)
            sg_post_nap(&e->post, nap_us(e));
    }
    return SG_OK;
}

static void *service_thread(void *arg)
{
    struct sg_engine *e = arg;
    struct sg_err err = {0};
    pthread_mutex_lock(&e->lock);
    while (!e->go && !e->ended)
        pthread_cond_wait(&e->news, &e->lock);
    int go = e->go;
    pthread_mutex_unlock(&e->lock);
    if (go && serve(e, &err) != SG_OK) {
        sg_worker_hurry(e);
        sg_worker_end(e, SG_FAILED, err.text);
    }
    return NULL;
}

static void *network_thread(void *arg)
{
    sg_worker_loop(arg, SG_SLOT_NETWORK);
    return NULL;
}

/* Signals are the main thread's: handlers there interrupt what waits, and ours never see EINTR. */
static int start_thread(pthread_t *thread, void *(*body)(void *), struct sg_engine *e)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(thread, NULL, body, e);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0;
}

sg_status sg_engine_run(struct sg_engine *e, const struct sg_engine_hooks *hooks, struct sg_err *err)
{
    pthread_t service, network;
    e->go = e->ended = e->asked = 0;
    atomic_store(&e->quick, 0);
    if (e->coordinator)
        sg_coordinator_begin(e->coordinator, hooks);
    int has_service = start_thread(&service, service_thread, e);
    int has_network = start_thread(&network, network_thread, e);

    /* No rank hands out or takes work before all have their threads. */
    sg_status status = has_service && has_network ? SG_OK : sg_fail(err, SG_FAILED, "cannot start a thread");
    struct sg_team teams = {e->teams, e->world.rank, e->world.size};
    status = sg_agree(&teams, status, err);
    if (status == SG_OK) {
        pthread_mutex_lock(&e->lock);
        e->go = 1;
        pthread_cond_broadcast(&e->news);
        pthread_mutex_unlock(&e->lock);
        sg_worker_loop(e, SG_SLOT_COMPUTE);
    } else {
        sg_worker_end(e, status, err ? err->text : "");
    }
    if (has_network)
        pthread_join(network, NULL);
    if (has_service)
        pthread_join(service, NULL);
    if (e->end_status != SG_OK)
        return sg_fail(err, e->end_status, "%s", e->end_text);
    return SG_OK;
}
