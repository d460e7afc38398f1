#define _GNU_SOURCE /* sched_setaffinity, pipe2 */
#include "gen/llm/companion_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/unix_address.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { LAST_LINES = 4, WORDS_CHARS = 600, DRAIN_PIECES = 64 };

static const int64_t LOG_BYTES = (int64_t)4 << 20;
static const double GRACE_S = 10;

/* ---- what it writes ---- */

void sg_kept_open_log(struct sg_kept_server *s)
{
    const char *path = s->log_path;
    char *old = sg_strf("%s.1", path);
    if (s->log >= 0)
        close(s->log);
    if (old && s->n_log)
        (void)!rename(path, old);
    sg_free(old);
    s->log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    off_t n = s->log >= 0 ? lseek(s->log, 0, SEEK_END) : 0;
    s->n_log = n > 0 ? n : 0;
}

static void write_log(struct sg_kept_server *s, const char *bytes, size_t n)
{
    if (s->n_log + (int64_t)n > LOG_BYTES)
        sg_kept_open_log(s);
    if (s->log >= 0)
        (void)!write(s->log, bytes, n);
    s->n_log += (int64_t)n;
}

static void keep_tail(struct sg_kept_server *s, const char *bytes, size_t n)
{
    if (n > sizeof s->tail) {
        bytes += n - sizeof s->tail;
        n = sizeof s->tail;
    }
    size_t n_kept = s->n_tail + n > sizeof s->tail ? sizeof s->tail - n : s->n_tail;
    memmove(s->tail, s->tail + s->n_tail - n_kept, n_kept);
    memcpy(s->tail + n_kept, bytes, n);
    s->n_tail = n_kept + n;
}

/* What never ends must not keep us from all else. */
void sg_kept_drain(struct sg_kept_server *s)
{
    char piece[8192];
    ssize_t n;
    for (int i = 0; i < DRAIN_PIECES && s->out >= 0 && (n = read(s->out, piece, sizeof piece)) != -1; i++) {
        if (n == 0) {
            close(s->out);
            s->out = -1;
            return;
        }
        write_log(s, piece, (size_t)n);
        keep_tail(s, piece, (size_t)n);
    }
}

/* Half a key would not be found any more: redacted before it is cut. */
void sg_kept_last_words(const struct sg_kept_server *s, struct sg_buf *out)
{
    const char *end = s->tail + s->n_tail;
    while (end > s->tail && isspace((unsigned char)end[-1]))
        end--;
    const char *from = end;
    for (int n = 0; from > s->tail; from--)
        if (from[-1] == '\n' && ++n == LAST_LINES)
            break;
    struct sg_buf text = sg_buf_make(4 * SG_KEPT_TAIL);
    for (const char *at = from; at < end; at++)
        if (*at == '\n')
            sg_buf_puts(&text, " | ");
        else if (*at && *at != '\r')
            sg_buf_add(&text, at, 1);
    if (text.data)
        sg_redact(text.data);
    sg_buf_foreign(out, sg_buf_text(&text) + (text.len > WORDS_CHARS ? text.len - WORDS_CHARS : 0),
                   WORDS_CHARS);
    sg_buf_free(&text);
}

/* ---- its processes ---- */

/* In the child. What ends a run in good order (SIGINT, SIGHUP, SIGUSR1, SIGUSR2 of a batch system to all processes of a job) must leave it its
 * server until then. */
static _Noreturn void become_server(const struct sg_kept_server *s, int out, pid_t keeper)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGUSR1, SIGUSR2},
                     usual[] = {SIGTERM, SIGPIPE, SIGXFSZ, SIGCHLD};
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != keeper)
        _exit(1);
    setsid();
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        signal(usual[i], SIG_DFL);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    if (nothing > 2)
        close(nothing);
    if (s->has_cores) /* where the kernel refuses, it has those of rank 0 */
        (void)!sched_setaffinity(0, SG_CORE_MASK, (const cpu_set_t *)(const void *)s->cores);
    execl("/bin/sh", "sh", "-c", s->command, (char *)NULL);
    _exit(127);
}

/* What a server leaves that was killed; the next one could not listen there. */
static void remove_stale_socket(const struct sg_kept_server *s)
{
    const char *path = sg_unix_address_path(s->url);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!path || strlen(path) > SG_UNIX_PATH_MAX)
        return;
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

int sg_kept_start(struct sg_kept_server *s)
{
    int out[2];
    char line[120], stamp[21];
    if (pipe2(out, O_CLOEXEC) != 0)
        return errno;
    remove_stale_socket(s);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    sg_utc(stamp);
    int n = snprintf(line, sizeof line, "--- %s synthgrid starts the LLM server\n", stamp);
    write_log(s, line, (size_t)n);
    s->n_tail = 0;
    pid_t keeper = getpid(), pid = fork();
    if (pid == 0)
        become_server(s, out[1], keeper);
    int why = errno;
    close(out[1]);
    s->out = out[0];
    s->pid = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : why;
}

/* The parent of a process as the kernel has it; 0: it has gone. */
static pid_t parent_of(const char *pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC), parent = 0;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *name_end = strrchr(text, ')'); /* a name may hold anything */
    return name_end && sscanf(name_end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* SIGKILL to all children: what the server has started becomes ours as its parents die, whatever group or session it is in. */
static void kill_children(void)
{
    DIR *d = opendir("/proc");
    pid_t me = getpid();
    for (struct dirent *e; d && (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0]) && parent_of(e->d_name) == me)
            kill((pid_t)atoi(e->d_name), SIGKILL);
    if (d)
        closedir(d);
}

void sg_kept_sweep(struct sg_kept_server *s)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
        sg_kept_drain(s);
        if (pid == 0) {
            kill_children();
            sg_sleep_us(2000);
        }
    }
    sg_kept_drain(s);
    if (s->out >= 0)
        close(s->out);
    s->out = -1;
}

void sg_kept_end(struct sg_kept_server *s)
{
    double until = sg_now_s() + GRACE_S;
    siginfo_t info = {0};
    if (s->pid) {
        kill(-s->pid, SIGTERM);
        while (waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid &&
               sg_now_s() < until) {
            sg_kept_drain(s);
            sg_sleep_us(5000);
        }
        kill(-s->pid, SIGKILL);
    }
    sg_kept_sweep(s);
}
