#include "experiments/run/watch.h"

#include "base/cores.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/run/alive.h"
#include "experiments/study/study.h"
#include "generated/version.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A rank speaks every 5 s (mpi/engine.c): six times not heard. The end of the job is decided in alive.c. */
static const double SILENT_S = 30;

void sg_watch_begin(const struct sg_team *world, const char *study, int n_overrides,
                    const char *const *overrides, int buy_only)
{
    struct sg_study *s = NULL;
    struct sg_err unsaid;
    if (world->rank != 0 || sg_study_read(study, n_overrides, overrides, &s, &unsaid) != SG_OK)
        return;
    struct sg_buf b = sg_buf_make(8192);
    sg_buf_puts(&b, "synthgrid " SG_VERSION ": ");
    sg_buf_puts(&b, buy_only ? "buys for " : "runs ");
    sg_buf_safe(&b, study, 400);
    int64_t n_threads = buy_only ? 1 : s->train.threads ? s->train.threads : sg_cores();
    sg_buf_printf(&b, " on %d %s x %lld %s, results in ", world->size,
                  sg_plural(world->size, "rank", "ranks"), (long long)n_threads,
                  sg_plural(n_threads, "thread", "threads"));
    sg_buf_safe(&b, s->results, 400);
    sg_tell("%s", sg_buf_text(&b));
    sg_buf_free(&b);
    sg_study_destroy(s);
}

/* ---- signals ---- */

static volatile sig_atomic_t speaks; /* rank 0, while the run goes on */
static const char
    drains[] = "\nsynthgrid: stopping after what runs; again to drop it\n",
    goes_on[] = "\nsynthgrid: stopping now; what is finished is kept, and the same command goes on from it\n",
    *dropped = goes_on;

static volatile sig_atomic_t last_signal;

static void on_signal(int signal_number)
{
    static volatile sig_atomic_t n;
    n = n + 1;
    last_signal = signal_number;
    int quick = signal_number == SIGTERM || n > 1;
    sg_engine_request_stop(quick ? 2 : 1);
    if (speaks && n <= 2) {
        const char *text = quick ? dropped : drains;
        (void)!write(STDERR_FILENO, text, strlen(text)); /* async-signal-safe since POSIX.1-2016 */
    }
}

double sg_watch_until_s(void)
{
    const char *text = getenv("SG_END_TIME");
    int64_t end = 0;
    if (!text)
        text = getenv("SLURM_JOB_END_TIME");
    if (!text || !sg_parse_int64(text, &end))
        return 0;
    double left_s = difftime((time_t)end, time(NULL));
    return left_s > 0 ? sg_now_s() + left_s - fmin(75, left_s / 20) : 0;
}

static void handle(int signal_number)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&a.sa_mask);
    sigaction(signal_number, &a, NULL);
}

void sg_watch_early_signals(void)
{
    handle(SIGUSR1);
    handle(SIGUSR2);
}

void sg_watch_signals(const struct sg_team *world, const char *when_dropped)
{
    const int stop[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP};
    speaks = world->rank == 0;
    dropped = when_dropped ? when_dropped : goes_on;
    for (size_t i = 0; i < sizeof stop / sizeof stop[0]; i++)
        handle(stop[i]);
    if (speaks && last_signal)
        (void)!write(STDERR_FILENO, drains, strlen(drains));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write over the file size limit then fails with EFBIG */
}

const char *sg_watch_signal(void)
{
    switch (last_signal) {
    case 0:
        return "";
    case SIGINT:
        return "INT";
    case SIGTERM:
        return "TERM";
    case SIGHUP:
        return "HUP";
    case SIGUSR1:
        return "USR1";
    default:
        return "USR2";
    }
}

/* ---- silent ranks ---- */

sg_status sg_watch_create(struct sg_watch *w, const struct sg_team *world, struct sg_err *err)
{
    char host[64] = "";
    *w = (struct sg_watch){.n_ranks = world->size, .told = -1};
    gethostname(host, sizeof host - 1);
    if (world->rank == 0)
        w->host = sg_alloc((size_t)world->size, sizeof *w->host);
    sg_status status =
        world->rank != 0 || w->host ? SG_OK : sg_fail_memory(err, (size_t)world->size * sizeof *w->host);
    SG_TRY(sg_agree(world, status, err));
    return sg_mpi_check(
        MPI_Gather(host, sizeof host, MPI_BYTE, w->host, sizeof host, MPI_BYTE, 0, world->comm), "MPI_Gather",
        err);
}

void sg_watch_free(struct sg_watch *w)
{
    speaks =
        0; /* Open MPI 5 ends the other ranks by SIGTERM as soon as one has ended with another code than 0 */
    sg_free(w->host);
    *w = (struct sg_watch){0};
}

void sg_watch_turn(struct sg_watch *w, const struct sg_engine *e,
                   void (*what)(void *context, const struct sg_engine_silence *s, char *text, size_t n),
                   void *context)
{
    struct sg_engine_silence s;
    char work[200] = "nothing in hand";
    w->silent[0] = 0;
    if (!sg_engine_silent(e, SILENT_S, &s)) {
        w->told = -1;
        return;
    }
    if (s.item >= 0)
        what(context, &s, work, sizeof work);
    snprintf(w->silent, sizeof w->silent,
             "rank %d on %s has given no sign of life for %.0f s (%s); hint: is its node up, its process "
             "stopped or out of memory? "
             "If it stays so, the job ends after %.0f s, and the same command goes on",
             s.rank, w->host[s.rank], s.silent_s, work, sg_alive_limit_s());
    if (w->told != s.rank)
        sg_tell_warning("%s", w->silent);
    w->told = s.rank;
}
