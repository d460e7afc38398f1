#define _GNU_SOURCE /* execvpe, pipe2 */

#include "base/job.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const double GRACE_S = 5; /* from SIGTERM to SIGKILL */
enum { LOOK_MS = 100, PIECE = 4096, MOST_FILES = 65536, MOST_PIECES = 64 };

/* Between fork and exec: nothing here takes a lock. The errno of what failed goes through `told`. */
static void become(const struct sg_job *job, pid_t parent, int n_files, int out, int told)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < 32; s++)
        signal(s, SIG_DFL);
    int in = open("/dev/null", O_RDONLY);
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && in >= 0 &&
        dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
        for (int fd = 3; fd < n_files; fd++)
            if (fd != told)
                close(fd);
        execvpe(job->argv[0], (char *const *)(uintptr_t)job->argv,
                (char *const *)(uintptr_t)job->environment);
    }
    int why = errno;
    ssize_t sent = write(told, &why, sizeof why);
    _exit(sent == (ssize_t)sizeof why ? 127 : 126);
}

/* Its output to *out; errno where it cannot be started. */
static int start(const struct sg_job *job, pid_t *pid, int *out)
{
    int output[2], told[2], why = 0;
    if (pipe2(output, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(told, O_CLOEXEC) != 0) {
        why = errno;
        close(output[0]);
        close(output[1]);
        return why;
    }
    pid_t parent = getpid();
    long most = sysconf(_SC_OPEN_MAX);
    int n_files = most > 0 && most < MOST_FILES ? (int)most : MOST_FILES;
    *pid = fork();
    if (*pid == 0)
        become(job, parent, n_files, output[1], told[1]);
    why = *pid < 0 ? errno : 0;
    close(output[1]);
    close(told[1]);
    ssize_t n;
    do
        n = why ? 0 : read(told[0], &why, sizeof why);
    while (n < 0 && errno == EINTR);
    close(told[0]);
    if (why) {
        close(output[0]);
        if (*pid > 0)
            waitpid(*pid, NULL, 0);
        return why;
    }
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    *out = output[0];
    return 0;
}

/* The end of the text is kept. */
static void keep(struct sg_buf *b, const char *text, size_t n)
{
    if (n > SG_JOB_LAST_WORDS) {
        text += n - SG_JOB_LAST_WORDS;
        n = SG_JOB_LAST_WORDS;
    }
    if (b->len + n > SG_JOB_LAST_WORDS) {
        size_t less = b->len + n - SG_JOB_LAST_WORDS;
        memmove(b->data, b->data + less, b->len - less);
        b->len -= less;
    }
    sg_buf_add(b, text, n);
}

/* What it has written so far, or a part of it: who writes without an end is asked to stop all the same. 0 once nothing more will come. */
static int listen_to(int out, struct sg_buf *last_words)
{
    char piece[PIECE];
    for (int i = 0; i < MOST_PIECES; i++) {
        ssize_t n = read(out, piece, sizeof piece);
        if (n > 0)
            keep(last_words, piece, (size_t)n);
        else if (n == 0)
            return 0;
        else if (errno != EINTR)
            return errno == EAGAIN || errno == EWOULDBLOCK;
    }
    return 1;
}

sg_status sg_job_run(const struct sg_job *job, struct sg_buf *last_words, struct sg_err *err)
{
    pid_t pid = -1;
    int out = -1, status = 0, stopped = 0, talks = 1;
    int why = start(job, &pid, &out);
    if (why)
        return sg_fail(err, SG_INPUT, "%s cannot be started: %s", job->argv[0], strerror(why));
    double until = 0;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            break;
        if (!stopped && job->stopping && job->stopping(job->context)) {
            stopped = 1;
            until = sg_now_s() + GRACE_S;
            kill(-pid, SIGTERM);
        }
        if (stopped && sg_now_s() > until)
            kill(-pid, SIGKILL);
        struct pollfd p = {.fd = talks ? out : -1, .events = POLLIN};
        poll(&p, 1, LOOK_MS);
        if (talks)
            talks = listen_to(out, last_words);
    }
    kill(-pid, SIGKILL); /* what it has left running */
    if (talks)
        listen_to(out, last_words);
    close(out);
    if (stopped)
        return sg_fail(err, SG_STOPPED, "stopped as asked");
    if (WIFSIGNALED(status))
        return sg_fail(err, SG_FAILED, "%s was ended by signal %d", job->argv[0], WTERMSIG(status));
    return WEXITSTATUS(status)
               ? sg_fail(err, SG_FAILED, "%s ended with exit code %d", job->argv[0], WEXITSTATUS(status))
               : sg_buf_check(last_words, job->argv[0], err);
}
