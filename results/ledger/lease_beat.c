#include "results/ledger/lease_beat.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double sg_lease_beat_s = 2, sg_lease_silent_s = 45;

struct sg_lease_beat {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int stop;
};

/* A beat that cannot be written is not told: the ledger, in the same folder, will say it. */
static void beat_write(int fd, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%020lld\n", (long long)n);
    if (pwrite(fd, text, (size_t)len, 0) == len)
        (void)!fsync(fd);
}

static void *beat_loop(void *context)
{
    struct sg_lease_beat *b = context;
    pthread_mutex_lock(&b->lock);
    for (int64_t n = 2; !b->stop; n++) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + (int64_t)(sg_lease_beat_s * 1e9);
        until.tv_sec += (time_t)(ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
        while (!b->stop && pthread_cond_timedwait(&b->wake, &b->lock, &until) != ETIMEDOUT)
            ;
        if (b->stop)
            break;
        pthread_mutex_unlock(&b->lock); /* a file system that hangs does not hold the run's end */
        sg_crash_site("lease_beats", NULL);
        beat_write(b->fd, n);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

sg_status sg_lease_beat_start(const char *lock, struct sg_lease_beat **out, struct sg_err *err)
{
    char *path = sg_path_join(lock, "beat");
    struct sg_lease_beat *b = sg_alloc(1, sizeof *b);
    int rc = ENOMEM;
    if (!path || !b) {
        sg_free(path);
        sg_free(b);
        return sg_fail_memory(err, sizeof *b);
    }
    b->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (b->fd < 0) {
        sg_status status = sg_fail(err, sg_write_status(errno), "%s: %s", path, strerror(errno));
        sg_free(path);
        sg_free(b);
        return status;
    }
    sg_free(path);
    beat_write(b->fd, 1);
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, &a);
    pthread_condattr_destroy(&a);
    sigset_t all, before; /* signals are for the run's own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&b->thread, NULL, beat_loop, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        close(b->fd);
        sg_free(b);
        return sg_fail(err, SG_FAILED, "the lease's thread cannot start: %s", strerror(rc));
    }
    *out = b;
    return SG_OK;
}

void sg_lease_beat_stop(struct sg_lease_beat *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->stop = 1;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->wake);
    close(b->fd);
    sg_free(b);
}

int64_t sg_lease_beat_read(const char *lock)
{
    char *path = sg_path_join(lock, "beat"), *text = NULL;
    int64_t n = -1;
    if (path && sg_file_read(path, 64, &text, NULL, NULL) == SG_OK)
        n = strtoll(text, NULL, 10);
    sg_free(text);
    sg_free(path);
    return n;
}
