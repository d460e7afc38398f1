#include "base/crash.h"

#include "base/file.h"
#include "base/launcher.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    int is_on, log_fd, signal;
    char pattern[200];
    atomic_int left; /* visits to come, the one that counts included */
} crash;

static void read_environment(void)
{
    const char *log = getenv("SG_CRASH_LOG"), *said = getenv("SG_CRASH"), *rank = getenv("SG_CRASH_RANK");
    crash.log_fd = log && log[0] ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (said && said[0] && (!rank || strtol(rank, NULL, 10) == sg_launcher_rank())) {
        size_t n = strcspn(said, ":");
        char *end = NULL;
        snprintf(crash.pattern, sizeof crash.pattern, "%.*s", (int)n, said);
        long nth = said[n] ? strtol(said + n + 1, &end, 10) : 1;
        crash.signal = end && *end == ':' ? (int)strtol(end + 1, NULL, 10) : SIGKILL;
        atomic_store(&crash.left, nth > 0 ? (int)nth : 1);
    }
    crash.is_on = crash.log_fd >= 0 || crash.pattern[0];
}

void sg_crash_site(const char *site, const char *what)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char visit[300], line[400];
    pthread_once(&once, read_environment);
    if (!crash.is_on)
        return;
    const char *slash = what ? strrchr(what, '/') : NULL;
    snprintf(visit, sizeof visit, "%s%s%s", site, what ? "/" : "", slash ? slash + 1 : what ? what : "");
    if (crash.log_fd >= 0) {
        int n = snprintf(line, sizeof line, "%.6f %ld %s\n", sg_now_s(), (long)getpid(), visit);
        (void)!write(crash.log_fd, line, (size_t)n);
    }
    if ((fnmatch(crash.pattern, visit, 0) == 0 || strcmp(crash.pattern, site) == 0) &&
        atomic_fetch_sub(&crash.left, 1) == 1)
        raise(crash.signal); /* to this thread: it does not go on while others are told to stop */
}
