#include "experiments/run/stub.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/study/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* Python takes a fraction of a second to start, more on a loaded machine or a slow file system. */
static const double START_S = 60;

enum { MAX_ARGUMENTS = 32 };

struct sg_stub {
    pid_t pid;
    int alive; /* the end of its standard input that we hold: when it closes, the stub ends */
    char url[100];
};

/* The program of that name on $PATH, as execvp would find it, in new memory; NULL: none. Looked for before the fork, as a
 * child may allocate nothing. */
static char *find_program(const char *name)
{
    const char *path = getenv("PATH");
    for (const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        size_t n = strcspn(p, ":");
        char folder[4096];
        if (n && n < sizeof folder) { /* an empty entry means the current folder: not for us */
            memcpy(folder, p, n);
            folder[n] = 0;
            char *file = sg_path_join(folder, name);
            if (!file || (sg_file_exists(file) && access(file, X_OK) == 0))
                return file;
            sg_free(file);
        }
        p += n + (p[n] == ':');
    }
    return NULL;
}

/* In the child: nothing that allocates or locks. */
static _Noreturn void become_stub(char *const *argv, char *const *environment, const int in_out[2],
                                  pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(1);
    setsid(); /* Ctrl-C and what a launcher sends to the job are for synthgrid, which still has answers to fetch */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in_out[0], STDIN_FILENO) < 0 || dup2(in_out[1], STDOUT_FILENO) < 0)
        _exit(1);
    long n = sysconf(_SC_OPEN_MAX); /* a launcher's sockets, for one */
    for (int fd = 3; fd < (n > 0 && n < 65536 ? n : 65536); fd++)
        close(fd);
    execve(argv[0], argv, environment);
    _exit(127);
}

static sg_status spawn(struct sg_stub *s, char *const *argv, int *out, struct sg_err *err)
{
    char *const environment[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8",
                                 (char *)"PYTHONUNBUFFERED=1", NULL};
    int to[2], from[2];
    if (pipe(to) != 0)
        return sg_fail(err, SG_FAILED, "a pipe: %s", strerror(errno));
    if (pipe(from) != 0) {
        close(to[0]);
        close(to[1]);
        return sg_fail(err, SG_FAILED, "a pipe: %s", strerror(errno));
    }
    fcntl(to[1], F_SETFD, FD_CLOEXEC);
    fcntl(from[0], F_SETFD, FD_CLOEXEC);
    const int in_out[2] = {to[0], from[1]};
    pid_t parent = getpid();
    s->pid = fork();
    int why = errno;
    if (s->pid == 0)
        become_stub(argv, environment, in_out, parent);
    close(to[0]);
    close(from[1]);
    s->alive = to[1];
    *out = from[0];
    return s->pid > 0 ? SG_OK : sg_fail(err, SG_FAILED, "fork: %s", strerror(why));
}

/* The line with its address. */
static sg_status hear(struct sg_stub *s, int out, struct sg_err *err)
{
    size_t n = 0;
    double until = sg_now_s() + START_S;
    struct pollfd p = {.fd = out, .events = POLLIN};
    while (n + 1 < sizeof s->url && !memchr(s->url, '\n', n)) {
        double left = until - sg_now_s();
        if (left <= 0)
            return sg_fail(err, SG_FAILED, "the stub server does not start within %.0f s", START_S);
        int ready = poll(&p, 1, (int)(left * 1000) + 1);
        if (ready < 0 && errno != EINTR)
            return sg_fail(err, SG_FAILED, "poll: %s", strerror(errno));
        if (ready <= 0)
            continue;
        ssize_t got = read(out, s->url + n, sizeof s->url - 1 - n);
        if (got == 0)
            return sg_fail(
                err, SG_INPUT,
                "the stub server ended before it could listen; hint: what it said is above; it needs "
                "Python 3.9 or newer");
        n += got > 0 ? (size_t)got : 0;
    }
    s->url[strcspn(s->url, "\n")] = 0;
    return strncmp(s->url, "http://127.0.0.1:", 17) == 0
               ? SG_OK
               : sg_fail(err, SG_FAILED, "the stub server says no address, but: %s", s->url);
}

static void add_number(char **argv, int *n, char text[40], const char *name, double value)
{
    snprintf(text, 40, "%.12g", value);
    argv[(*n)++] = (char *)name;
    argv[(*n)++] = text;
}

static sg_status start(const struct sg_stub_settings *s, char *python, char *program, struct sg_stub *stub,
                       struct sg_err *err)
{
    char text[5][40], script[4200] = "", log[4200];
    char *argv[MAX_ARGUMENTS] = {python,  (char *)"-E",          (char *)"-s",    (char *)"-B",
                                 program, (char *)"--until-eof", (char *)"--vary"};
    int n = 7;
    if (snprintf(log, sizeof log, "--log=%s", s->log) >= (int)sizeof log ||
        (s->faults && snprintf(script, sizeof script, "--script=%s", s->faults) >= (int)sizeof script))
        return sg_fail(err, SG_INPUT, "a path of the rehearsal is too long");
    argv[n++] = log;
    if (s->faults)
        argv[n++] = script;
    add_number(argv, &n, text[0], "--latency", s->latency_s);
    add_number(argv, &n, text[1], "--limit-requests", (double)s->requests_per_min);
    add_number(argv, &n, text[2], "--limit-tokens", (double)s->tokens_per_min);
    add_number(argv, &n, text[3], "--price", s->usd_per_1m_input > 0 ? s->usd_per_1m_input : 0);
    snprintf(text[4], sizeof text[4], "%.12g", s->usd_per_1m_output > 0 ? s->usd_per_1m_output : 0);
    argv[n++] = text[4];
    argv[n] = NULL;
    int out = -1;
    SG_TRY(spawn(stub, argv, &out, err));
    sg_status status = hear(stub, out, err);
    close(out);
    return status;
}

sg_status sg_stub_start(const struct sg_stub_settings *s, struct sg_stub **out, struct sg_err *err)
{
    if (s->faults && access(s->faults, R_OK) != 0)
        return sg_fail(err, SG_INPUT, "%s: %s", s->faults, strerror(errno));
    struct sg_stub *stub = sg_alloc(1, sizeof *stub);
    char *python = find_program("python3"), *program = sg_path_helper("stub/llm_stub.py");
    sg_status status = stub && program ? SG_OK : sg_fail_memory(err, sizeof *stub);
    if (stub)
        stub->alive = -1;
    if (status == SG_OK && !python)
        status = sg_fail(
            err, SG_INPUT,
            "the stub server needs python3, which is not on $PATH; hint: install it, or load its module");
    if (status == SG_OK && access(program, R_OK) != 0)
        status = sg_fail(err, SG_INPUT, "%s: %s; hint: it is installed by `cmake --install`", program,
                         strerror(errno));
    if (status == SG_OK)
        status = start(s, python, program, stub, err);
    if (status == SG_OK)
        *out = stub;
    else
        sg_stub_stop(stub);
    sg_free(python);
    sg_free(program);
    return status;
}

const char *sg_stub_url(const struct sg_stub *s)
{
    return s->url;
}

void sg_stub_stop(struct sg_stub *s)
{
    if (!s)
        return;
    if (s->alive >= 0)
        close(s->alive);
    if (s->pid > 0) {
        kill(s->pid, SIGKILL); /* it has nothing to lose: its log is written a line at a time */
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    sg_free(s);
}

sg_status sg_stub_bill_add(const char *log, struct sg_stub_bill *bill, struct sg_err *err)
{
    struct sg_stub_bill b = *bill;
    struct sg_lines *l = NULL;
    const char *text;
    size_t n;
    if (!sg_file_exists(log)) /* nobody asked */
        return SG_OK;
    SG_TRY(sg_lines_open(log, &l, err));
    sg_status status;
    while ((status = sg_lines_next(l, &text, &n, err)) == SG_OK && text) {
        json_t *o = json_loadb(text, n, 0, NULL);
        json_int_t code = sg_json_int_or(o, "status", 0);
        b.n_requests++;
        b.n_answered += code == 200;
        b.n_429 += code == 429;
        b.n_other += code != 200 && code != 429;
        json_decref(o);
    }
    sg_lines_close(l);
    if (status == SG_OK)
        *bill = b;
    return status;
}
