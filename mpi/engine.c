/* The engine's life, and the service thread of each rank, which carries all messages. */
#include "mpi/engine.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "mpi/coordinator.h"
#include "mpi/policy.h"
#include "mpi/worker.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct sg_engine {
    struct sg_team world; /* on a communicator of our own, for messages */
    struct sg_kind *kinds;
    struct sg_mailbox mailbox;
    int has_mailbox, has_worker; /* that they are open */
    struct sg_worker worker;
    struct sg_coordinator *coordinator; /* rank 0 only */
    int requested;                      /* service thread: the request to stop that rank 0 has been sent */
    double heartbeat_s;                 /* service thread: when it last sent one, */
    double told_begin_s;                /* and of which work it said what is left of it */
};

/* Where ranks cannot ring each other (mpi/doorbell.h) they look. Measured: probing every 200 us costs no visible arithmetic; but it costs a
 * share of a core, and less often loses no rate (`tests/bench/generate --only rate`). Rank 0 answers all others, so it looks more often than
 * they do. In any case it is awake when its tick is due, and a signal can wait for NAP_US. */
enum { NAP_US = 50000, LOOK_COORDINATOR_US = 500, LOOK_WORKER_US = 1000 };

static void nap(struct sg_engine *e)
{
    long look_us = e->world.size == 1 ? NAP_US
                   : e->coordinator   ? LOOK_COORDINATOR_US
                                      : LOOK_WORKER_US,
         us = NAP_US;
    double until_tick_us = e->coordinator ? 1e6 * sg_coordinator_until_tick_s(e->coordinator) : NAP_US;
    if (until_tick_us < us)
        us = (long)until_tick_us + 1;
    sg_mailbox_wait(&e->mailbox, look_us < us ? look_us : us, us);
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

/* Collective. Rank 0: by rank, the lowest rank of its node. */
static sg_status learn_nodes(const struct sg_engine *e, int *first_of, struct sg_err *err)
{
    MPI_Comm node = MPI_COMM_NULL;
    int first = e->world.rank;
    SG_TRY(sg_mpi_check(MPI_Comm_split_type(e->world.comm, MPI_COMM_TYPE_SHARED, first, MPI_INFO_NULL, &node),
                        "MPI_Comm_split_type", err));
    sg_status status = sg_mpi_check(MPI_Bcast(&first, 1, MPI_INT, 0, node), "MPI_Bcast", err);
    MPI_Comm_free(&node);
    if (status == SG_OK)
        status = sg_mpi_check(MPI_Gather(&first, 1, MPI_INT, first_of, 1, MPI_INT, 0, e->world.comm),
                              "MPI_Gather", err);
    return status;
}

/* What one rank can fail at alone; sg_engine_create agrees after it. */
static sg_status create_local(struct sg_engine *e, const struct sg_kind *kinds, int n_kinds,
                              const int *first_of, struct sg_err *err)
{
    SG_TRY(check_kinds(kinds, n_kinds, err));
    const char *change = getenv("SG_TEAM_CHANGE_S");
    if (change && !(sg_parse_double(change, &sg_engine_change_s) && sg_engine_change_s > 0))
        return sg_fail(err, SG_INPUT, "SG_TEAM_CHANGE_S: \"%.40s\" is no number of seconds", change);
    e->kinds = sg_alloc((size_t)n_kinds, sizeof *kinds);
    if (!e->kinds)
        return sg_fail_memory(err, (unsigned long long)n_kinds * sizeof *kinds);
    if (n_kinds)
        memcpy(e->kinds, kinds, (size_t)n_kinds * sizeof *kinds);
    if (e->world.rank != 0)
        return SG_OK;
    struct sg_coordinator_settings s = {.n_ranks = e->world.size,
                                        .n_kinds = n_kinds,
                                        .kinds = e->kinds,
                                        .first_of_node = first_of,
                                        .mailbox = &e->mailbox,
                                        .engine = e};
    return sg_coordinator_create(&s, &e->coordinator, err);
}

sg_status sg_engine_create(const struct sg_team *world, const struct sg_kind *kinds, int n_kinds,
                           struct sg_engine **out, struct sg_err *err)
{
    struct sg_engine *e = sg_alloc(1, sizeof *e);
    int *first_of = sg_alloc((size_t)world->size, sizeof *first_of);
    sg_status status = e && first_of ? SG_OK : sg_fail_memory(err, sizeof *e);
    status = sg_agree(world, status, err);
    if (status != SG_OK) {
        sg_free(e);
        sg_free(first_of);
        return status;
    }
    e->world = (struct sg_team){MPI_COMM_NULL, world->rank, world->size};
    SG_TRY_DONE(sg_comm_duplicate(world->comm, &e->world.comm, err));
    SG_TRY_DONE(learn_nodes(e, first_of, err));
    status = create_local(e, kinds, n_kinds, first_of, err);
    SG_TRY_DONE(sg_agree(world, status, err));
    e->has_mailbox = 1;
    SG_TRY_DONE(sg_mailbox_open(&e->mailbox, &e->world, err));
    e->has_worker = 1;
    SG_TRY_DONE(sg_worker_open(&e->worker, world, e->kinds, &e->mailbox, err));
    *out = e;
    e = NULL;
done:
    sg_free(first_of);
    sg_engine_destroy(e);
    return status;
}

void sg_engine_destroy(struct sg_engine *e)
{
    if (!e)
        return;
    sg_coordinator_destroy(e->coordinator);
    if (e->has_worker)
        sg_worker_close(&e->worker);
    if (e->has_mailbox)
        sg_mailbox_close(&e->mailbox);
    if (e->world.comm != MPI_COMM_NULL)
        MPI_Comm_free(&e->world.comm);
    sg_free(e->kinds);
    sg_free(e);
}

/* Tells rank 0 of a stop that was asked for on this rank. */
static void forward_stop_request(struct sg_engine *e)
{
    int how = atomic_load(&stop_request);
    if (how <= e->requested || e->worker.ended)
        return;
    struct sg_message *message = sg_message_new(SG_MESSAGE_STOP_REQUEST, 0);
    if (!message)
        return; /* tried again at the next turn */
    message->head.how = how;
    e->requested = how;
    sg_mailbox_send_take(&e->mailbox, 0, message);
}

double sg_engine_heartbeat_s = 5, sg_engine_change_s = SG_POLICY_CHANGE_S;

/* Every 5 s; more ranks than some hundreds speak less often, so that rank 0 hears at most 80 a second. But of new work the first word comes
 * sooner: ranks without work may wait to join it. */
static void send_heartbeat(struct sg_engine *e)
{
    double every_s = e->world.size > 400 ? e->world.size / 80.0 : sg_engine_heartbeat_s, now_s = sg_now_s();
    if (e->world.size == 1 || e->worker.ended || now_s - e->heartbeat_s < fmin(every_s, 0.2))
        return;
    int64_t item;
    double begun_s, left_s = sg_worker_left_s(&e->worker, &item, &begun_s);
    int is_news = left_s >= 0 && begun_s != e->told_begin_s && now_s - begun_s > fmin(1, every_s);
    if (now_s - e->heartbeat_s < every_s && !is_news)
        return;
    struct sg_message *message = sg_message_new(SG_MESSAGE_HEARTBEAT, left_s >= 0 ? item : -1);
    if (!message)
        return;
    message->head.wall_s = left_s;
    e->heartbeat_s = now_s;
    if (left_s >= 0)
        e->told_begin_s = begun_s;
    sg_mailbox_send_take(&e->mailbox, 0, message);
}

static void deliver_take(struct sg_engine *e, struct sg_message *message)
{
    if (message->head.type < SG_MESSAGE_EVENT)
        sg_worker_message_take(&e->worker, message);
    else if (e->coordinator)
        sg_coordinator_message_take(e->coordinator, message);
    else
        sg_message_free(message);
}

/* Until END has come and everything is sent; on rank 0 until all ranks have said BYE. */
static sg_status serve(struct sg_engine *e, struct sg_err *err)
{
    int over = 0;
    while (!over || !sg_mailbox_idle(&e->mailbox)) {
        struct sg_message *message = NULL;
        forward_stop_request(e);
        send_heartbeat(e);
        SG_TRY(sg_mailbox_poll(&e->mailbox, &message, err));
        if (message)
            deliver_take(e, message);
        if (e->coordinator)
            over = sg_coordinator_turn(e->coordinator);
        else
            over = e->worker.ended; /* only this thread sets it now */
        if (!message && !over)
            nap(e);
    }
    return SG_OK;
}

static void *service_thread(void *arg)
{
    struct sg_engine *e = arg;
    struct sg_err err = {0};
    if (sg_worker_wait_go(&e->worker) && serve(e, &err) != SG_OK) {
        sg_worker_stop_now(&e->worker);
        sg_worker_end(&e->worker, SG_FAILED, err.text);
    }
    return NULL;
}

static void *network_thread(void *arg)
{
    struct sg_engine *e = arg;
    sg_worker_loop(&e->worker, SG_SLOT_NETWORK);
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
    e->requested = 0;
    sg_worker_begin(&e->worker);
    if (e->coordinator)
        sg_coordinator_begin(e->coordinator, hooks);
    int has_service = start_thread(&service, service_thread, e);
    int has_network = start_thread(&network, network_thread, e);

    /* No rank hands out or takes work before all have their threads. */
    sg_status status = has_service && has_network ? SG_OK : sg_fail(err, SG_FAILED, "cannot start a thread");
    struct sg_team teams = {e->worker.teams, e->world.rank, e->world.size};
    status = sg_agree(&teams, status, err);
    if (status == SG_OK) {
        sg_worker_go(&e->worker);
        sg_worker_loop(&e->worker, SG_SLOT_COMPUTE);
    } else {
        sg_worker_end(&e->worker, status, err ? err->text : "");
    }
    if (has_network)
        pthread_join(network, NULL);
    if (has_service)
        pthread_join(service, NULL);
    if (e->worker.end_status != SG_OK)
        return sg_fail(err, e->worker.end_status, "%s", e->worker.end_text);
    return SG_OK;
}

sg_status sg_engine_add(struct sg_engine *e, const struct sg_item *item, int64_t *id, struct sg_err *err)
{
    if (!e->coordinator)
        return sg_fail(err, SG_FAILED, "sg_engine_add: rank %d called it, but only rank 0 may",
                       e->world.rank);
    return sg_coordinator_add(e->coordinator, item, id, err);
}

sg_status sg_engine_send(struct sg_engine *e, int64_t item, const void *bytes, size_t n, struct sg_err *err)
{
    if (!e->coordinator)
        return sg_fail(err, SG_FAILED, "sg_engine_send: rank %d called it, but only rank 0 may",
                       e->world.rank);
    return sg_coordinator_send(e->coordinator, item, bytes, n, err);
}

sg_status sg_engine_need(struct sg_engine *e, const struct sg_engine_part *part, struct sg_err *err)
{
    if (!e || !e->coordinator)
        return sg_fail(err, SG_FAILED, "sg_engine_need: only rank 0 may call it, and only in `prepare`");
    return sg_coordinator_need(e->coordinator, part, err);
}

struct sg_engine_state sg_engine_state(const struct sg_engine *e)
{
    return e->coordinator ? sg_coordinator_state(e->coordinator) : (struct sg_engine_state){0};
}

int sg_engine_held(const struct sg_engine *e, int rank, enum sg_slot slot, struct sg_engine_held *out)
{
    return e->coordinator ? sg_coordinator_held(e->coordinator, rank, slot, out) : 0;
}

int sg_engine_silent(const struct sg_engine *e, double after_s, struct sg_engine_silence *out)
{
    return e->coordinator ? sg_coordinator_silent(e->coordinator, after_s, out) : 0;
}
