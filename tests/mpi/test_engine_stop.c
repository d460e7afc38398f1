/* How a run ends early: drain, quick, a limit that work meets, callbacks that fail. All ranks leave with the
 * same words. */
#include "base/mem.h"
#include "mpi/engine.h"
#include "tests/mpi/check.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sg_team world;

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void same_everywhere(sg_status status, const struct sg_err *err)
{
    struct sg_err of_0 = *err;
    int status_0 = (int)status;
    MPI_Bcast(&status_0, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Bcast(of_0.text, sizeof of_0.text, MPI_CHAR, 0, MPI_COMM_WORLD);
    CHECK(status_0 == (int)status && strcmp(of_0.text, err->text) == 0);
}

/* What rank 0 sees. */
static struct {
    int n_prepared, n_events, n_done, n_ticks;
    const char *fails; /* which callback */
    sg_status fails_with;
    int from; /* from which call on */
} seen;

static sg_status call(const char *name, int n, struct sg_err *err)
{
    if (!seen.fails || strcmp(seen.fails, name) != 0 || n < seen.from)
        return SG_OK;
    return sg_fail(err, seen.fails_with, "%s has had enough", name);
}

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context, (void)user;
    sg_buf_puts(payload, "p");
    return call("prepare", ++seen.n_prepared, err);
}

static sg_status done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                      struct sg_err *err)
{
    (void)context, (void)user, (void)e;
    CHECK(o->status != SG_STOPPED);
    return call("done", ++seen.n_done, err);
}

static sg_status event(void *context, void *user, const void *bytes, size_t n, struct sg_engine *e,
                       struct sg_err *err)
{
    (void)context, (void)user, (void)e, (void)bytes, (void)n;
    return call("event", ++seen.n_events, err);
}

static sg_status tick(void *context, const struct sg_engine *e, struct sg_err *err)
{
    (void)context, (void)e;
    return call("tick", ++seen.n_ticks, err);
}

/* Short work, with an event. */
static sg_status short_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context;
    nap_ms(2);
    if (w->team.rank == 0) {
        SG_TRY(sg_work_emit(w, "event", 5, err));
        sg_buf_puts(result, "r");
    }
    return SG_OK;
}

/* Work without an end: until it is told to stop. A team agrees, because its ranks see it at different times.
 */
static sg_status endless_work(void *context, const struct sg_work *w, struct sg_buf *result,
                              struct sg_err *err)
{
    (void)context, (void)result;
    sg_status status = SG_OK;
    for (int i = 0; status == SG_OK; i++) {
        CHECK(i < 20000);
        if (w->slot == SG_SLOT_NETWORK) { /* its descriptor tells, too */
            struct pollfd wake = {.fd = sg_work_fd(w), .events = POLLIN};
            CHECK(poll(&wake, 1, 60000) == 1 && w->stopping(w));
        }
        nap_ms(1);
        status = w->stopping(w) ? sg_fail(err, SG_STOPPED, "told to stop") : SG_OK;
        if (w->team.size > 1)
            status = sg_agree(&w->team, status, err);
    }
    return status;
}

static int requester = -1, ask_how; /* the rank whose work asks for an end, by a signal */

static void on_signal(int signal_number)
{
    (void)signal_number;
    sg_engine_request_stop(ask_how);
}

static sg_status asking_work(void *context, const struct sg_work *w, struct sg_buf *result,
                             struct sg_err *err)
{
    static atomic_int n_times;
    if (world.rank == requester && atomic_fetch_add(&n_times, 1) >= 2)
        raise(SIGUSR1);
    return short_work(context, w, result, err);
}

static sg_status limit_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    if (w->item == 7)
        return sg_fail(err, SG_STOPPED, "the money is spent");
    return short_work(context, w, result, err);
}

typedef sg_status (*work_function)(void *, const struct sg_work *, struct sg_buf *, struct sg_err *);

/* More than are done before a stop is seen; all of short_work takes some 0.3 s on any number of ranks. */
static int many(void)
{
    return 150 + 100 * world.size;
}

static struct sg_engine *make(work_function compute, work_function network, int n_items, int max_ranks)
{
    struct sg_err err = {0};
    struct sg_engine *e = NULL;
    struct sg_kind kinds[2] = {{.name = "compute",
                                .slot = SG_SLOT_COMPUTE,
                                .prepare = prepare,
                                .work = compute,
                                .done = done,
                                .event = event},
                               {.name = "network",
                                .slot = SG_SLOT_NETWORK,
                                .prepare = prepare,
                                .work = network,
                                .done = done,
                                .event = event}};
    CHECK_OK(sg_engine_create(&world, kinds, 2, &e, &err), err);
    for (int i = 0; world.rank == 0 && i < n_items; i++) {
        int64_t last = i - 1; /* some wait for others */
        struct sg_item item = {.kind = i % 2,
                               .cost = i % 3,
                               .max_ranks = i % 2 ? 1 : max_ranks,
                               .n_after = i % 4 == 3,
                               .after = &last};
        CHECK_OK(sg_engine_add(e, &item, NULL, &err), err);
    }
    memset(&seen, 0, sizeof seen);
    sg_engine_request_stop(0);
    return e;
}

static sg_status run(struct sg_engine *e, struct sg_err *err)
{
    struct sg_engine_hooks hooks = {.tick = tick, .tick_s = 0.02};
    *err = (struct sg_err){0};
    double start_s = MPI_Wtime();
    sg_status status = sg_engine_run(e, &hooks, err);
    CHECK(MPI_Wtime() - start_s < 60);
    same_everywhere(status, err);
    if (world.rank == 0) {
        struct sg_engine_state s = sg_engine_state(e);
        CHECK(s.n_running == 0 && s.n_items == s.n_done + s.n_ready + s.n_waiting);
    }
    return status;
}

/* A drained run goes on where it was when it is run again. */
static void finish(struct sg_engine *e, int n_items)
{
    struct sg_err err = {0};
    sg_engine_request_stop(0);
    MPI_Barrier(MPI_COMM_WORLD);
    seen.fails = NULL;
    CHECK_OK(run(e, &err), err);
    CHECK(world.rank || (seen.n_done == n_items && sg_engine_state(e).n_done == n_items));
    sg_engine_destroy(e);
}

static void drain_by_tick(void)
{
    struct sg_err err;
    int n = many();
    struct sg_engine *e = make(short_work, short_work, n, 1);
    seen.fails = "tick";
    seen.fails_with = SG_STOPPED;
    seen.from = 2;
    CHECK(run(e, &err) == SG_STOPPED && strstr(err.text, "tick has had enough"));
    if (world.rank == 0)
        CHECK(seen.n_done > 0 && seen.n_done < n && seen.n_done == seen.n_prepared &&
              seen.n_events == seen.n_done);
    finish(e, n);
}

static void drain_by_signal(void)
{
    struct sg_err err;
    int n = many();
    for (requester = 0; requester<world.size; requester += world.size> 1 ? world.size - 1 : 1) {
        ask_how = 1;
        struct sg_engine *e = make(asking_work, short_work, n, 2);
        CHECK(run(e, &err) == SG_STOPPED && strstr(err.text, "stopped as asked"));
        if (world.rank == 0)
            CHECK(seen.n_done > 0 && seen.n_done < n && seen.n_done == seen.n_prepared);
        int was = requester;
        requester = -1;
        finish(e, n);
        requester = was;
    }
    requester = -1;
}

/* Asked for before the run: nothing is handed out. */
static void stop_before_start(void)
{
    struct sg_err err;
    struct sg_engine *e = make(short_work, short_work, 100, 1);
    sg_engine_request_stop(1);
    CHECK(run(e, &err) == SG_STOPPED);
    CHECK(seen.n_prepared <= 2 * world.size);
    finish(e, 100);
}

static void quick(void)
{
    struct sg_err err;
    for (int max_ranks = 1; max_ranks <= 4; max_ranks *= 2) {
        struct sg_engine *e = make(endless_work, endless_work, max_ranks == 1 ? 40 : 2, max_ranks);
        seen.fails = NULL;
        MPI_Barrier(MPI_COMM_WORLD);
        if (world.rank == world.size - 1) {
            ask_how = 2;
            struct itimerspec in_100_ms = {.it_value = {.tv_nsec = 100000000}};
            struct sigevent signal_event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
            timer_t timer;
            CHECK(timer_create(CLOCK_MONOTONIC, &signal_event, &timer) == 0);
            CHECK(timer_settime(timer, 0, &in_100_ms, NULL) == 0);
            CHECK(run(e, &err) == SG_STOPPED);
            timer_delete(timer);
        } else {
            CHECK(run(e, &err) == SG_STOPPED);
        }
        CHECK(strstr(err.text, "stopped as asked (0 of"));
        CHECK(seen.n_done == 0); /* what was stopped is not done */
        sg_engine_destroy(e);
    }
    sg_engine_request_stop(0);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* Work that meets a limit drains the run with its words. */
static void limit(void)
{
    struct sg_err err;
    struct sg_engine *e = make(short_work, limit_work, 200, 1);
    CHECK(run(e, &err) == SG_STOPPED && strstr(err.text, "the money is spent"));
    CHECK(seen.n_done < 200 && seen.n_done == seen.n_prepared - (world.rank == 0));
    sg_engine_destroy(e);
}

static void failing_callbacks(void)
{
    static const char *const names[] = {"prepare", "event", "done", "tick"};
    int n = many();
    for (int stopped = 0; stopped < 2; stopped++) {
        for (int i = 0; i < 4; i++) {
            struct sg_err err;
            /* beside work that would never end by itself: it is told to stop */
            struct sg_engine *e = make(short_work, stopped ? short_work : endless_work, n, 1);
            seen.fails = names[i];
            seen.fails_with = stopped ? SG_STOPPED : i % 2 ? SG_INPUT : SG_FAILED;
            seen.from = strcmp(names[i], "tick") == 0 ? 2 : 5;
            sg_status want = seen.fails_with;
            CHECK(run(e, &err) == want);
            char text[100];
            snprintf(text, sizeof text, "%s has had enough", names[i]);
            CHECK(strncmp(err.text, text, strlen(text)) == 0);
            if (stopped)
                finish(e, n);
            else
                sg_engine_destroy(e);
        }
    }
}

/* The last rank is stopped for a while, as by a scheduler that suspends it: rank 0 says which it is and what it has in hand. */
static struct sg_engine_silence longest;

static sg_status stopped_work(void *context, const struct sg_work *w, struct sg_buf *result,
                              struct sg_err *err)
{
    (void)context, (void)w, (void)result, (void)err;
    if (world.rank == world.size - 1) {
        pid_t parent = getpid(), child = fork();
        if (child == 0) {
            kill(parent, SIGSTOP);
            nap_ms(700);
            kill(parent, SIGCONT);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    } else
        nap_ms(1200);
    return SG_OK;
}

static sg_status listen_tick(void *context, const struct sg_engine *e, struct sg_err *err)
{
    struct sg_engine_silence s;
    (void)context, (void)err;
    if (sg_engine_silent(e, 0.3, &s) && s.silent_s > longest.silent_s)
        longest = s;
    return SG_OK;
}

static void silence(void)
{
    if (world.size == 1)
        return;
    struct sg_err err = {0};
    struct sg_engine *e = NULL;
    const struct sg_kind kind = {.name = "stopped", .slot = SG_SLOT_COMPUTE, .work = stopped_work};
    int users[8];
    sg_engine_heartbeat_s = 0.05;
    longest.silent_s = 0;
    CHECK_OK(sg_engine_create(&world, &kind, 1, &e, &err), err);
    for (int i = 0; world.rank == 0 && i < world.size; i++)
        CHECK_OK(
            sg_engine_add(e, &(struct sg_item){.cost = 1, .max_ranks = 1, .user = &users[i]}, NULL, &err),
            err);
    const struct sg_engine_hooks hooks = {.tick = listen_tick, .tick_s = 0.02};
    CHECK_OK(sg_engine_run(e, &hooks, &err), err);
    if (world.rank == 0)
        CHECK(longest.rank == world.size - 1 && longest.silent_s > 0.5 && longest.item >= 0 &&
              longest.kind == 0 && longest.user == &users[longest.item]);
    sg_engine_destroy(e);
    sg_engine_heartbeat_s = 5;
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {{"drain by tick", drain_by_tick},
                 {"drain by signal", drain_by_signal},
                 {"stop before start", stop_before_start},
                 {"quick", quick},
                 {"limit", limit},
                 {"silence", silence},
                 {"failing callbacks", failing_callbacks}};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        double start_s = MPI_Wtime();
        tests[i].test();
        if (world.rank == 0)
            fprintf(stderr, "%s: %.2f s\n", tests[i].name, MPI_Wtime() - start_s);
    }
    CHECK(sg_mem_now() == 0);
    sg_mpi_end();
    return 0;
}
