#include "base/child.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 8192, PIECE = 1 << 16, LINE = 1 << 20 };

int sg_child_exists(const char *name)
{
    char file[PATH_BYTES];
    const char *path = getenv("PATH");
    for (const char *at = path ? path : ""; *at;) {
        size_t n = strcspn(at, ":");
        int len = snprintf(file, sizeof file, "%.*s/%s", (int)n, at, name);
        if (n && len > 0 && (size_t)len < sizeof file && access(file, X_OK) == 0)
            return 1;
        at += n + (at[n] == ':');
    }
    return 0;
}

int sg_child_is_one_of(const char *variable, const char *const names[])
{
    size_t n = strcspn(variable, "=");
    for (; *names; names++) {
        size_t len = strlen(*names), is_beginning = len && (*names)[len - 1] == '*';
        len -= is_beginning;
        if ((is_beginning ? n >= len : n == len) && strncmp(variable, *names, len) == 0)
            return 1;
    }
    return 0;
}

/* Sockets instead of pipes: a write to a program that has ended is an error then (MSG_NOSIGNAL), no signal to us. */
static int open_ends(int in[2], int out[2])
{
    in[0] = in[1] = out[0] = out[1] = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, in) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, out) != 0)
        return 0;
    int good = 1;
    for (int i = 0; i < 2; i++)
        good = good && fcntl(in[i], F_SETFD, FD_CLOEXEC) == 0 && fcntl(out[i], F_SETFD, FD_CLOEXEC) == 0;
    return good && fcntl(in[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* environment NULL: the least there is. errors: what standard error becomes; -1: it is thrown away, 2: ours. */
static int start(const char *const argv[], const char *const environment[], int in, int out, int errors,
                 pid_t *pid)
{
    char path[PATH_BYTES];
    const char *ours = getenv("PATH");
    snprintf(path, sizeof path, "PATH=%s", ours ? ours : "/usr/bin:/bin");
    const char *const least[] = {path, "LC_ALL=C.UTF-8", NULL};
    const char *const *chosen = environment ? environment : least;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    int bad = posix_spawn_file_actions_adddup2(&actions, in, 0);
    bad = bad ? bad : posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (errors < 0)
        bad = bad ? bad : posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    else if (errors != 2)
        bad = bad ? bad : posix_spawn_file_actions_adddup2(&actions, errors, 2);
    bad = bad ? bad
              : posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv,
                             (char *const *)(uintptr_t)chosen);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return bad;
}

static int again(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Who hears its lines as they come; NULL: all of its output is kept. */
struct listener {
    void (*line)(void *arg, const char *text);
    void *arg;
};

/* The whole lines of `text`, which keeps what is behind the last. */
static void hear(const struct listener *l, struct sg_buf *text)
{
    char *at = text->data, *end;
    if (!at || text->failed)
        return;
    for (; (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        l->line(l->arg, at);
    }
    text->len = strlen(at);
    memmove(text->data, at, text->len + 1);
}

/* Feeds and reads until it closes its output; 0 when time is up. */
static int talk(int *in, int *out, const char *input, size_t n, double until, struct sg_buf *text,
                const struct listener *listener)
{
    char piece[PIECE];
    while (*out >= 0) {
        double left = until - sg_now_s();
        if (left <= 0)
            return 0;
        if (*in >= 0 && n == 0)
            close_end(in);
        struct pollfd p[2] = {{.fd = *out, .events = POLLIN}, {.fd = *in, .events = POLLOUT}};
        if (poll(p, *in >= 0 ? 2 : 1, left > 60 ? 60000 : (int)(left * 1000) + 1) < 0 && errno != EINTR)
            return 0;
        if (*in >= 0 && p[1].revents) {
            ssize_t sent = send(*in, input, n, MSG_NOSIGNAL);
            if (sent > 0) {
                input += sent;
                n -= (size_t)sent;
            } else if (sent < 0 && !again())
                close_end(in);
        }
        if (p[0].revents) {
            ssize_t got = read(*out, piece, sizeof piece);
            if (got > 0) {
                sg_buf_add(text, piece, (size_t)got);
                if (listener)
                    hear(listener, text);
            } else if (got == 0 || !again())
                close_end(out);
        }
    }
    return 1;
}

/* Its status once it has ended, which it gets until then to do. */
static int wait_for(pid_t pid, double until, int *status)
{
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid)
            return 1;
        if ((ended < 0 && errno != EINTR) || sg_now_s() > until)
            return 0;
        sg_sleep_us(500);
    }
}

sg_status sg_child_ask(const char *const argv[], const char *const environment[], const char *input, size_t n,
                       double limit_s, struct sg_buf *out, int *code, struct sg_err *err)
{
    int in[2], back[2], status = 0, in_time = 0, ended = 0;
    double until = sg_now_s() + limit_s;
    pid_t pid = -1;
    int bad = open_ends(in, back) ? start(argv, environment, in[0], back[1], environment ? back[1] : -1, &pid)
                                  : errno;
    close_end(&in[0]);
    close_end(&back[1]);
    if (!bad) {
        in_time = talk(&in[1], &back[0], input, n, until, out, NULL);
        close_end(&in[1]);
        ended = in_time && wait_for(pid, until, &status);
        if (!ended) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
        }
    }
    close_end(&in[1]);
    close_end(&back[0]);
    if (bad)
        return sg_fail(err, bad == ENOENT ? SG_INPUT : SG_FAILED, "%s cannot be started: %s", argv[0],
                       strerror(bad));
    if (!ended)
        return sg_fail(err, SG_FAILED, "%s did not end within %.0f s", argv[0], limit_s);
    if (WIFSIGNALED(status))
        return sg_fail(err, SG_FAILED, "%s was ended by signal %d", argv[0], WTERMSIG(status));
    *code = WEXITSTATUS(status);
    return sg_buf_check(out, argv[0], err);
}

sg_status sg_child_run(const char *const argv[], const char *input, size_t n, double limit_s,
                       struct sg_buf *out, struct sg_err *err)
{
    int code;
    sg_status status = sg_child_ask(argv, NULL, input, n, limit_s, out, &code, err);
    return status == SG_OK && code ? sg_fail(err, SG_FAILED, "%s failed with exit code %d", argv[0], code)
                                   : status;
}

sg_status sg_child_talk(const char *const argv[], const char *const environment[], const char *input,
                        size_t n, void (*line)(void *arg, const char *text), void *arg, int *code,
                        struct sg_err *err)
{
    int in[2], back[2], status = 0;
    const struct listener listener = {line, arg};
    struct sg_buf text = sg_buf_make(LINE);
    pid_t pid = -1;
    int bad = open_ends(in, back) ? start(argv, environment, in[0], back[1], 2, &pid) : errno;
    close_end(&in[0]);
    close_end(&back[1]);
    if (!bad) {
        talk(&in[1], &back[0], input, n, HUGE_VAL, &text, &listener);
        close_end(&in[1]); /* a program that still writes ends at its next line */
        close_end(&back[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close_end(&in[1]);
    close_end(&back[0]);
    sg_buf_free(&text);
    if (bad)
        return sg_fail(err, bad == ENOENT ? SG_INPUT : SG_FAILED, "%s cannot be started: %s", argv[0],
                       strerror(bad));
    if (WIFSIGNALED(status))
        return sg_fail(err, SG_FAILED, "%s was ended by signal %d", argv[0], WTERMSIG(status));
    *code = WEXITSTATUS(status);
    return SG_OK;
}
