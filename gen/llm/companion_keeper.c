#define _GNU_SOURCE /* sched_setaffinity, pipe2 */
#include "gen/llm/companion.h"

#include "base/buf.h"
#include "base/cores.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/http.h"
#include "gen/llm/unix_address.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

enum { TAIL_BYTES = 4096, LAST_LINES = 4, WORDS_CHARS = 600, TURN_MS = 50 };

static const int64_t LOG_BYTES = (int64_t)4 << 20;
static const double GRACE_S = 10, PROBE_S = 3, PAUSE_S = 0.25;

struct keeper {
    _Alignas(cpu_set_t) unsigned char cores[SG_CORE_MASK];
    char **argv;
    struct sg_generator generator;
    struct sg_http *http; /* NULL: its folder is not there, or not private */
    pid_t server;         /* 0: none runs */
    int out, log;         /* what it writes, -1: closed; where that goes, -1: nowhere */
    int64_t n_log;
    char tail[TAIL_BYTES];
    size_t n_tail;
    int is_ready, was_ready, n_deaths, is_over;
    double start_s, probe_s; /* when to do so next */
};

static volatile sig_atomic_t is_told; /* SIGTERM */

static void on_term(int signal_number)
{
    (void)signal_number;
    is_told = 1;
}

/* ---- what it writes ---- */

/* A log that cannot be written is no reason to stop reading: the server would wait for ever. */
static void open_log(struct keeper *k)
{
    const char *path = k->argv[SG_KEEPER_LOG];
    char *old = sg_strf("%s.1", path);
    if (k->log >= 0)
        close(k->log);
    if (old && k->n_log)
        (void)!rename(path, old);
    sg_free(old);
    k->log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    off_t n = k->log >= 0 ? lseek(k->log, 0, SEEK_END) : 0;
    k->n_log = n > 0 ? n : 0;
}

static void write_log(struct keeper *k, const char *bytes, size_t n)
{
    if (k->n_log + (int64_t)n > LOG_BYTES)
        open_log(k);
    if (k->log >= 0)
        (void)!write(k->log, bytes, n);
    k->n_log += (int64_t)n;
}

static void keep_tail(struct keeper *k, const char *bytes, size_t n)
{
    if (n > sizeof k->tail) {
        bytes += n - sizeof k->tail;
        n = sizeof k->tail;
    }
    size_t n_kept = k->n_tail + n > sizeof k->tail ? sizeof k->tail - n : k->n_tail;
    memmove(k->tail, k->tail + k->n_tail - n_kept, n_kept);
    memcpy(k->tail + n_kept, bytes, n);
    k->n_tail = n_kept + n;
}

/* All that is there now. */
static void drain(struct keeper *k)
{
    char piece[8192];
    ssize_t n;
    while (k->out >= 0 && (n = read(k->out, piece, sizeof piece)) != -1) {
        if (n == 0) {
            close(k->out);
            k->out = -1;
            return;
        }
        write_log(k, piece, (size_t)n);
        keep_tail(k, piece, (size_t)n);
    }
}

/* The last lines, with " | " between them; the end of what is too long. Half a key would not be found any more: redacted before it is cut. */
static void last_words(const struct keeper *k, struct sg_buf *out)
{
    const char *end = k->tail + k->n_tail;
    while (end > k->tail && isspace((unsigned char)end[-1]))
        end--;
    const char *from = end;
    for (int n = 0; from > k->tail; from--)
        if (from[-1] == '\n' && ++n == LAST_LINES)
            break;
    struct sg_buf text = sg_buf_make(4 * TAIL_BYTES);
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

static void read_cores(struct keeper *k)
{
    const char *hex = k->argv[SG_KEEPER_CORES];
    unsigned byte;
    for (size_t i = 0; i < SG_CORE_MASK && hex[0] && hex[1] && sscanf(hex, "%2x", &byte) == 1; i++, hex += 2)
        k->cores[i] = (unsigned char)byte;
}

/* In the child. What ends a run in good order (SIGINT, SIGHUP, SIGUSR1, SIGUSR2 of a batch system to all processes of a job) must leave it its
 * server until then. */
static _Noreturn void become_server(const struct keeper *k, int out, pid_t keeper)
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
    if (k->argv[SG_KEEPER_CORES][0]) /* where the kernel refuses, it has those of rank 0 */
        (void)!sched_setaffinity(0, SG_CORE_MASK, (const cpu_set_t *)(const void *)k->cores);
    execl("/bin/sh", "sh", "-c", k->argv[SG_KEEPER_COMMAND], (char *)NULL);
    _exit(127);
}

static void say(char letter, const char *text)
{
    char line[2000];
    int n = snprintf(line, sizeof line, "%c%.1900s\n", letter, text);
    (void)!write(1, line, (size_t)n);
}

/* What a server leaves that was killed; the next one could not listen there. */
static void remove_stale_socket(const struct keeper *k)
{
    const char *path = sg_unix_address_path(k->argv[SG_KEEPER_URL]);
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

/* 0, or why it cannot. */
static int start_server(struct keeper *k)
{
    int out[2];
    char line[120], stamp[21];
    if (pipe2(out, O_CLOEXEC) != 0)
        return errno;
    remove_stale_socket(k);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    sg_utc(stamp);
    int n = snprintf(line, sizeof line, "--- %s synthgrid starts the LLM server\n", stamp);
    write_log(k, line, (size_t)n);
    k->n_tail = 0;
    pid_t keeper = getpid(), pid = fork();
    if (pid == 0)
        become_server(k, out[1], keeper);
    int why = errno;
    close(out[1]);
    k->out = out[0];
    k->server = pid > 0 ? pid : 0;
    k->is_ready = 0;
    k->probe_s = sg_now_s();
    if (pid > 0) {
        snprintf(line, sizeof line, "%lld", (long long)pid);
        say(SG_COMPANION_SAYS_STARTED, line);
    }
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

/* Until nothing is left of the server. */
static void sweep(struct keeper *k)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
        drain(k);
        if (pid == 0) {
            kill_children();
            sg_sleep_us(2000);
        }
    }
    drain(k);
    if (k->out >= 0)
        close(k->out);
    k->out = -1;
}

/* ---- its health ---- */

static struct keeper *kept; /* for libcurl's question whether to go on */

static int input_has_ended(int timeout_ms)
{
    struct pollfd p = {.fd = 0, .events = POLLIN};
    return is_told || (poll(&p, 1, timeout_ms) > 0 && p.revents);
}

/* A dead child stays a zombie until it is waited for. */
static int is_pointless(void)
{
    siginfo_t info = {0};
    drain(kept);
    return input_has_ended(0) ||
           (kept->server && waitid(P_PID, (id_t)kept->server, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == kept->server);
}

/* The status of a GET; 0: no answer. */
static long get(struct keeper *k, const char *path, int at_root)
{
    struct sg_http_call call = {
        .method = "GET", .path = path, .at_root = at_root, .timeout_s = PROBE_S, .stopping = is_pointless};
    struct sg_http_reply r;
    struct sg_err ignored;
    if (sg_http_call(k->http, &call, &r, &ignored) != SG_OK)
        return 0;
    long status = r.curl_code == 0 ? r.http_status : 0;
    sg_http_reply_free(&r);
    return status;
}

/* vLLM, SGLang and llama.cpp have /health, which says 503 or nothing while they load. Who has none (Ollama) is ready when it lists its
 * models, or minds that we have no key. */
static int is_healthy(struct keeper *k)
{
    struct sg_err ignored;
    if (!k->http && sg_http_create(&k->generator, NULL, &k->http, &ignored) != SG_OK)
        return 0;
    long status = get(k, "/health", 1);
    if (status >= 400 && status < 500)
        status = get(k, "/models", 0);
    else
        return status >= 200 && status < 300;
    return status >= 200 && status < 500;
}

/* ---- what the run is told ---- */

static void on_death(struct keeper *k, int status)
{
    struct sg_buf text = sg_buf_make(4000);
    sweep(k);
    k->server = 0;
    k->n_deaths++;
    k->is_over = !k->was_ready || k->n_deaths > atoi(k->argv[SG_KEEPER_RESTARTS]);
    if (WIFSIGNALED(status))
        sg_buf_printf(&text, "ended by signal %d", WTERMSIG(status));
    else
        sg_buf_printf(&text, "ended with exit code %d", WEXITSTATUS(status));
    if (k->n_tail)
        sg_buf_puts(&text, ": ");
    last_words(k, &text);
    say(k->is_over ? SG_COMPANION_SAYS_GONE : SG_COMPANION_SAYS_DIED, sg_buf_text(&text));
    sg_buf_free(&text);
    k->start_s = sg_now_s() + 0.5 * k->n_deaths;
}

static void turn(struct keeper *k)
{
    int status;
    struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = k->out, .events = POLLIN}};
    poll(p, k->out >= 0 ? 2 : 1, TURN_MS);
    drain(k);
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == k->server) {
            on_death(k, status);
            return;
        }
    double now = sg_now_s();
    int why = !k->server && now >= k->start_s ? start_server(k) : 0;
    if (why) {
        say(SG_COMPANION_SAYS_GONE, strerror(why));
        k->is_over = 1;
    }
    if (!k->server || k->is_ready || now < k->probe_s)
        return;
    k->is_ready = is_healthy(k);
    k->was_ready |= k->is_ready;
    k->probe_s = sg_now_s() + PAUSE_S;
    if (k->is_ready)
        say(SG_COMPANION_SAYS_READY, "");
}

/* SIGTERM to its group, and time to leave in good order; then SIGKILL to all that is left. */
static void end_server(struct keeper *k)
{
    double until = sg_now_s() + GRACE_S;
    siginfo_t info = {0};
    if (k->server) {
        kill(-k->server, SIGTERM);
        while (waitid(P_PID, (id_t)k->server, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid &&
               sg_now_s() < until) {
            drain(k);
            sg_sleep_us(5000);
        }
        kill(-k->server, SIGKILL);
    }
    sweep(k);
}

static void remove_folder(const char *path)
{
    DIR *d = path[0] ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    if (d) {
        closedir(d);
        rmdir(path);
    }
}

/* A launcher's sockets, for one. */
static void close_inherited(void)
{
    long n = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < (n > 0 && n < 65536 ? n : 65536); fd++)
        close(fd);
}

static void take_signals(void)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
#ifdef __linux__
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what the server leaves behind is ours */
#endif
}

int sg_companion_keep(int argc, char **argv)
{
    if (argc != SG_KEEPER_N)
        return SG_INPUT;
    struct keeper k = {
        .argv = argv,
        .generator = {.provider = "openai", .base_url = argv[SG_KEEPER_URL], .api_key_env = "", .model = ""},
        .out = -1,
        .log = -1};
    kept = &k;
    read_cores(&k);
    close_inherited();
    take_signals();
    open_log(&k);
    /* Whoever answers there now is not the server that is to be started. */
    if (!argv[SG_KEEPER_FOLDER][0] && is_healthy(&k)) {
        say(SG_COMPANION_SAYS_GONE, "was not started: another server answers at its address already");
        k.is_over = 1;
    }
    while (!k.is_over && !input_has_ended(0))
        turn(&k);
    end_server(&k);
    if (k.log >= 0)
        close(k.log);
    sg_http_destroy(k.http);
    remove_folder(argv[SG_KEEPER_FOLDER]);
    return SG_OK;
}
