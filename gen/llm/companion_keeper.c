#include "gen/llm/companion_impl.h"

#include "base/file.h"
#include "base/text.h"
#include "gen/llm/http.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

enum { TURN_MS = 50 };

static const double PROBE_S = 3, PAUSE_S = 0.25;

struct keeper {
    char **argv;
    struct sg_kept_server server;
    struct sg_generator generator;
    struct sg_http *http; /* NULL: its folder is not there, or not private */
    int is_ready, was_ready, n_deaths, is_over;
    double start_s, probe_s; /* when to do so next */
};

static volatile sig_atomic_t is_told; /* SIGTERM */

static void on_term(int signal_number)
{
    (void)signal_number;
    is_told = 1;
}

static void read_cores(const char *hex, struct sg_kept_server *s)
{
    unsigned byte;
    s->has_cores = hex[0] != 0;
    for (size_t i = 0; i < SG_CORE_MASK && hex[0] && hex[1] && sscanf(hex, "%2x", &byte) == 1; i++, hex += 2)
        s->cores[i] = (unsigned char)byte;
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
    sg_kept_drain(&kept->server);
    return input_has_ended(0) ||
           (kept->server.pid &&
            waitid(P_PID, (id_t)kept->server.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == kept->server.pid);
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
    if (status >= 400 && status < 500) {
        status = get(k, "/models", 0);
        if (status == 401 || status == 403)
            return 1;
    }
    return status >= 200 && status < 300;
}

/* ---- what the run is told ---- */

static void say(char letter, const char *text)
{
    char line[2000];
    int n = snprintf(line, sizeof line, "%c%.1900s\n", letter, text);
    (void)!write(1, line, (size_t)n);
}

static void on_death(struct keeper *k, int status)
{
    struct sg_buf text = sg_buf_make(4000);
    sg_kept_sweep(&k->server);
    k->server.pid = 0;
    k->n_deaths++;
    k->is_over = !k->was_ready || k->n_deaths > atoi(k->argv[SG_KEEPER_RESTARTS]);
    if (WIFSIGNALED(status))
        sg_buf_printf(&text, "ended by signal %d", WTERMSIG(status));
    else
        sg_buf_printf(&text, "ended with exit code %d", WEXITSTATUS(status));
    if (k->server.n_tail)
        sg_buf_puts(&text, ": ");
    sg_kept_last_words(&k->server, &text);
    say(k->is_over ? SG_COMPANION_SAYS_GONE : SG_COMPANION_SAYS_DIED, sg_buf_text(&text));
    sg_buf_free(&text);
    k->start_s = sg_now_s() + 0.5 * k->n_deaths;
}

static void start(struct keeper *k)
{
    char group[30];
    int why = sg_kept_start(&k->server);
    k->is_ready = 0;
    k->probe_s = sg_now_s();
    if (why) {
        say(SG_COMPANION_SAYS_GONE, strerror(why));
        k->is_over = 1;
        return;
    }
    snprintf(group, sizeof group, "%lld", (long long)k->server.pid);
    say(SG_COMPANION_SAYS_STARTED, group);
}

static void turn(struct keeper *k)
{
    int status;
    struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = k->server.out, .events = POLLIN}};
    poll(p, k->server.out >= 0 ? 2 : 1, TURN_MS);
    sg_kept_drain(&k->server);
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == k->server.pid) {
            on_death(k, status);
            return;
        }
    double now = sg_now_s();
    if (!k->server.pid && now >= k->start_s)
        start(k);
    if (!k->server.pid || k->is_ready || now < k->probe_s)
        return;
    k->is_ready = is_healthy(k);
    k->was_ready |= k->is_ready;
    k->probe_s = sg_now_s() + PAUSE_S;
    if (k->is_ready)
        say(SG_COMPANION_SAYS_READY, "");
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
        .server = {.command = argv[SG_KEEPER_COMMAND],
                   .url = argv[SG_KEEPER_URL],
                   .log_path = argv[SG_KEEPER_LOG],
                   .out = -1,
                   .log = -1},
        .generator = {.provider = "openai", .base_url = argv[SG_KEEPER_URL], .api_key_env = "", .model = ""}};
    kept = &k;
    read_cores(argv[SG_KEEPER_CORES], &k.server);
    close_inherited();
    take_signals();
    sg_kept_open_log(&k.server);
    /* Whoever answers there now is not the server that is to be started. */
    if (!argv[SG_KEEPER_FOLDER][0] && is_healthy(&k)) {
        say(SG_COMPANION_SAYS_GONE, "was not started: another server answers at its address already");
        k.is_over = 1;
    }
    while (!k.is_over && !input_has_ended(0))
        turn(&k);
    sg_kept_end(&k.server);
    if (k.server.log >= 0)
        close(k.server.log);
    sg_http_destroy(k.http);
    remove_folder(argv[SG_KEEPER_FOLDER]);
    return SG_OK;
}
