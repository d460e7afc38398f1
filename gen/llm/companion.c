#define _GNU_SOURCE /* pipe2 */
#include "gen/llm/companion.h"

#include "base/buf.h"
#include "base/cores.h"
#include "base/file.h"
#include "base/launcher.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/http.h"
#include "gen/llm/unix_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LINE_BYTES = 2000 };

struct sg_companion {
    pid_t keeper, group; /* group: the server's; 0: not known */
    int alive; /* the end of the keeper's standard input: when it closes, the keeper ends the server */
    int says;  /* the end of its standard output */
    char *url, *folder;
    enum sg_companion_state state;
    int n_deaths;
    char line[LINE_BYTES], why[LINE_BYTES];
    size_t n_line;
};

static const char socket_mark[] = "{socket}", port_mark[] = "{port}", socket_name[] = "llm.sock";

enum sg_companion_place sg_companion_place(const char *command)
{
    return strstr(command, socket_mark) ? SG_COMPANION_SOCKET
           : strstr(command, port_mark) ? SG_COMPANION_PORT
                                        : SG_COMPANION_GIVEN;
}

/* ---- where it listens ---- */

/* A path goes into a shell's command as it is. */
static int is_plain(const char *path)
{
    return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")] == 0;
}

/* In $TMPDIR, unless its path is too long for a socket. */
static sg_status make_folder(char **folder, struct sg_err *err)
{
    char near[] = "/tmp/synthgrid-XXXXXX";
    if (sg_temp_dir(folder, err) == SG_OK) {
        if (is_plain(*folder) && strlen(*folder) + 1 + strlen(socket_name) <= SG_UNIX_PATH_MAX)
            return SG_OK;
        rmdir(*folder);
        sg_free(*folder);
        *folder = NULL;
    }
    if (!mkdtemp(near))
        return sg_fail(err, SG_FAILED, "a folder in /tmp for the LLM server's socket: %s", strerror(errno));
    *folder = sg_strdup(near);
    return *folder ? SG_OK : sg_fail_memory(err, sizeof near);
}

/* Another program may take it before the server does: that one says so then. */
static sg_status free_port(int *port, struct sg_err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &n) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    *port = ntohs(at.sin_port);
    return ok ? SG_OK : sg_fail(err, SG_FAILED, "a free port for the LLM server: %s", strerror(why));
}

/* The command with each mark replaced, in new memory; NULL without. */
static char *replaced(const char *command, const char *mark, const char *text)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 20);
    for (const char *at; (at = strstr(command, mark)); command = at + strlen(mark)) {
        sg_buf_add(&b, command, (size_t)(at - command));
        sg_buf_puts(&b, text);
    }
    sg_buf_puts(&b, command);
    char *all = b.failed ? NULL : sg_buf_take(&b);
    sg_buf_free(&b);
    return all;
}

/* Else it would never be found healthy. */
static sg_status check_address(const char *address, struct sg_err *err)
{
    struct sg_generator g = {.provider = "openai", .base_url = address, .api_key_env = "", .model = ""};
    struct sg_http *http = NULL;
    SG_TRY(sg_http_create(&g, NULL, &http, err));
    sg_http_destroy(http);
    return SG_OK;
}

static sg_status choose_place(const struct sg_companion_settings *s, struct sg_companion *c, char **command,
                              struct sg_err *err)
{
    char text[200];
    int port;
    if (strstr(s->command, socket_mark) && strstr(s->command, port_mark))
        return sg_fail(err, SG_INPUT,
                       "--with-llm: the command has both {socket} and {port}; hint: {socket} alone, which no "
                       "other user of this node can reach");
    switch (sg_companion_place(s->command)) {
    case SG_COMPANION_SOCKET:
        SG_TRY(make_folder(&c->folder, err));
        snprintf(text, sizeof text, "%s/%s", c->folder, socket_name);
        *command = replaced(s->command, socket_mark, text);
        c->url = sg_strf("unix://%s", text);
        break;
    case SG_COMPANION_PORT:
        SG_TRY(free_port(&port, err));
        snprintf(text, sizeof text, "%d", port);
        *command = replaced(s->command, port_mark, text);
        c->url = sg_strf("http://127.0.0.1:%d/v1", port);
        break;
    case SG_COMPANION_GIVEN:
        SG_TRY(check_address(s->address, err));
        *command = sg_strdup(s->command);
        c->url = sg_strdup(s->address);
        break;
    }
    return *command && c->url ? SG_OK : sg_fail_memory(err, strlen(s->command));
}

/* ---- its environment ---- */

/* Of n characters: what holds paths, in which /opt/sk-learn-1.3 is no key. */
static int has_paths(const char *name, size_t n)
{
    static const char *const end[] = {"PATH", "HOME", "DIR", "ROOT", "PREFIX", "PWD", "VIRTUAL_ENV"};
    for (size_t i = 0; i < sizeof end / sizeof end[0]; i++) {
        size_t n_end = strlen(end[i]);
        if (n >= n_end && strncmp(name + n - n_end, end[i], n_end) == 0)
            return 1;
    }
    return 0;
}

/* Copies of a key count as it does: `export MY_KEY=$OPENAI_API_KEY`. */
static int shows_key(const char *value, int is_path, const struct sg_companion_settings *s)
{
    for (int i = 0; i < s->n_hidden; i++) {
        const char *key = getenv(s->hidden[i]);
        if (key && strlen(key) >= 8 && strstr(value, key))
            return 1;
    }
    if (is_path)
        return sg_secret_is_in(value);
    char *copy = sg_strdup(value);
    if (copy)
        sg_redact(copy);
    int yes = !copy || strcmp(copy, value) != 0;
    sg_free(copy);
    return yes;
}

/* The variable that holds a key, or names its file (base/secret.h). */
static int is_key(const char *name, size_t n, const char *hidden)
{
    size_t n_hidden = strlen(hidden);
    return strncmp(name, hidden, n_hidden) == 0 &&
           (n == n_hidden || (n == n_hidden + 5 && strncmp(name + n_hidden, "_FILE", 5) == 0));
}

static int is_for_server(const char *variable, const struct sg_companion_settings *s)
{
    size_t n = strcspn(variable, "=");
    if (sg_launcher_is_of_rank(variable))
        return 0;
    for (int i = 0; i < s->n_hidden; i++)
        if (is_key(variable, n, s->hidden[i]))
            return 0;
    return variable[n] == '=' && !shows_key(variable + n + 1, has_paths(variable, n), s);
}

/* (n + NULL) borrowed strings in new memory; NULL without. */
static char **make_environment(const struct sg_companion_settings *s)
{
    size_t n = 0, n_kept = 0;
    while (environ[n])
        n++;
    char **kept = sg_alloc(n + 1, sizeof *kept);
    for (size_t i = 0; kept && i < n; i++)
        if (is_for_server(environ[i], s))
            kept[n_kept++] = environ[i];
    return kept;
}

/* ---- start ---- */

static char *hex_of(const unsigned char *cores)
{
    struct sg_buf b = sg_buf_make(2 * SG_CORE_MASK + 1);
    int n = cores ? SG_CORE_MASK : 0;
    while (n && !cores[n - 1])
        n--;
    for (int i = 0; i < n; i++)
        sg_buf_printf(&b, "%02x", cores[i]);
    return sg_buf_take(&b);
}

/* A process group and session of its own: what a terminal or launcher sends to the job is for the run, which still has answers to fetch.
 * /proc/self is the child's there, and the file the same. */
static int spawn(char *const *argv, char *const *environment, int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    posix_spawnattr_setsigmask(&attributes, &none);
    int bad = posix_spawn_file_actions_adddup2(&actions, in, 0);
    bad = bad ? bad : posix_spawn_file_actions_adddup2(&actions, out, 1);
    bad = bad ? bad : posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    bad = bad ? bad : posix_spawn(pid, "/proc/self/exe", &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return bad;
}

static sg_status start_keeper(struct sg_companion *c, char *const *argv, char *const *environment,
                              struct sg_err *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int bad = pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 ? 0 : errno;
    bad = bad ? bad : spawn(argv, environment, in[0], out[1], &c->keeper);
    c->alive = in[1];
    c->says = out[0];
    if (in[0] >= 0)
        close(in[0]);
    if (out[1] >= 0)
        close(out[1]);
    if (bad)
        return sg_fail(err, SG_FAILED, "the LLM server's keeper cannot be started: %s", strerror(bad));
    fcntl(c->says, F_SETFL, O_NONBLOCK);
    return SG_OK;
}

sg_status sg_companion_start(const struct sg_companion_settings *s, struct sg_companion **out,
                             struct sg_err *err)
{
    struct sg_companion *c = sg_alloc(1, sizeof *c);
    char *command = NULL, *cores = hex_of(s->cores), **environment = make_environment(s), restarts[20];
    if (c)
        c->alive = c->says = -1;
    snprintf(restarts, sizeof restarts, "%d", s->n_restarts);
    sg_status status =
        c && cores && environment ? choose_place(s, c, &command, err) : sg_fail_memory(err, sizeof *c);
    if (status == SG_OK) {
        char *argv[SG_KEEPER_N + 1] = {[0] = (char *)"synthgrid",
                                       [1] = (char *)SG_COMPANION_KEEPER,
                                       [SG_KEEPER_URL] = c->url,
                                       [SG_KEEPER_LOG] = (char *)s->log,
                                       [SG_KEEPER_FOLDER] = c->folder ? c->folder : (char *)"",
                                       [SG_KEEPER_RESTARTS] = restarts,
                                       [SG_KEEPER_CORES] = cores,
                                       [SG_KEEPER_COMMAND] = command};
        status = start_keeper(c, argv, environment, err);
    }
    if (status == SG_OK)
        *out = c;
    else
        sg_companion_end(c, 0);
    sg_free(environment);
    sg_free(cores);
    sg_free(command);
    return status;
}

/* ---- while it runs ---- */

static void take_line(struct sg_companion *c)
{
    if (c->line[0] == SG_COMPANION_SAYS_STARTED)
        c->group = (pid_t)strtol(c->line + 1, NULL, 10);
    else if (c->line[0] == SG_COMPANION_SAYS_READY)
        c->state = SG_COMPANION_READY;
    else if (c->line[0] == SG_COMPANION_SAYS_DIED || c->line[0] == SG_COMPANION_SAYS_GONE) {
        c->state = c->line[0] == SG_COMPANION_SAYS_GONE ? SG_COMPANION_GONE : SG_COMPANION_LOADING;
        c->n_deaths++;
        c->group = 0;
        snprintf(c->why, sizeof c->why, "%s", c->line + 1);
        sg_redact(c->why);
    }
}

enum sg_companion_state sg_companion_turn(struct sg_companion *c)
{
    char piece[512];
    ssize_t n = 0;
    while (c->says >= 0 && c->state != SG_COMPANION_GONE && (n = read(c->says, piece, sizeof piece)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (piece[i] != '\n' && c->n_line + 1 < sizeof c->line) {
                c->line[c->n_line++] = piece[i];
                continue;
            }
            c->line[c->n_line] = 0;
            c->n_line = 0;
            take_line(c);
        }
    int has_ended = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    if (c->says >= 0 && c->state != SG_COMPANION_GONE && has_ended) {
        snprintf(c->why, sizeof c->why, "lost its keeper, a process of synthgrid, which was killed");
        c->n_deaths++;
        c->state = SG_COMPANION_GONE;
        if (c->group > 1)
            kill(-c->group, SIGKILL);
    }
    return c->state;
}

const char *sg_companion_why(const struct sg_companion *c)
{
    return c->why;
}

int sg_companion_n_deaths(const struct sg_companion *c)
{
    return c->n_deaths;
}

const char *sg_companion_url(const struct sg_companion *c)
{
    return c->url;
}

/* ---- the end ---- */

void sg_companion_dismiss(struct sg_companion *c)
{
    if (c->alive >= 0)
        close(c->alive);
    c->alive = -1;
}

void sg_companion_end(struct sg_companion *c, double patience_s)
{
    if (!c)
        return;
    sg_companion_dismiss(c);
    if (c->says >= 0)
        close(c->says);
    double until = sg_now_s() + patience_s;
    while (c->keeper > 0 && waitpid(c->keeper, NULL, WNOHANG) == 0 && sg_now_s() < until)
        sg_sleep_us(5000);
    if (c->folder && c->keeper <= 0)
        rmdir(c->folder);
    sg_free(c->url);
    sg_free(c->folder);
    sg_free(c);
}
