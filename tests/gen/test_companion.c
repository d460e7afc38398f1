/* The keeper and what it keeps: shell commands in place of servers, and one line of Python that answers. This program is its own keeper. */
#include "fixture.h"

#include "base/file.h"
#include "gen/llm/companion.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWERS                                                                                              \
    "echo pid $$; exec python3 -S -c 'import http.server as h; H = h.SimpleHTTPRequestHandler; H.do_GET = "  \
    "lambda s: "                                                                                             \
    "(s.send_response(200), s.end_headers()); h.HTTPServer((\"127.0.0.1\", {port}), H).serve_forever()'"

static char folder[] = "/tmp/test_companion-XXXXXX", log_path[64];

static struct sg_companion *start(const char *command, int n_restarts)
{
    static const char *const hidden[] = {"TEST_KEY", "NEVER_SET"};
    struct sg_companion_settings s = {
        .command = command, .log = log_path, .n_restarts = n_restarts, .n_hidden = 2, .hidden = hidden};
    struct sg_companion *c = NULL;
    struct sg_err err = {0};
    if (sg_companion_start(&s, &c, &err) != SG_OK)
        fail_msg("%s", err.text);
    return c;
}

static enum sg_companion_state until_not_loading(struct sg_companion *c)
{
    enum sg_companion_state state = SG_COMPANION_LOADING;
    for (double late_s = sg_now_s() + 30;
         (state = sg_companion_turn(c)) == SG_COMPANION_LOADING && sg_now_s() < late_s;)
        sg_sleep_us(2000);
    return state;
}

static char *read_log(void)
{
    char *text = NULL;
    struct sg_err err = {0};
    assert_int_equal(sg_file_read(log_path, 1 << 24, &text, NULL, &err), SG_OK);
    return text;
}

/* Processes whose command line has this word, this one not. */
static int n_with(const char *word)
{
    int n = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; (e = readdir(d));) {
        char path[300], line[4096];
        snprintf(path, sizeof path, "/proc/%.200s/cmdline", e->d_name);
        FILE *f = atoi(e->d_name) > 0 && atoi(e->d_name) != getpid() ? fopen(path, "rb") : NULL;
        size_t n_line = f ? fread(line, 1, sizeof line - 1, f) : 0;
        if (f)
            fclose(f);
        for (size_t i = 0; i < n_line; i++)
            line[i] = line[i] ? line[i] : ' ';
        line[n_line] = 0;
        n += strstr(line, word) != NULL;
    }
    closedir(d);
    return n;
}

static void gone_with(const char *command, const char *why)
{
    unlink(log_path);
    struct sg_companion *c = start(command, 0);
    assert_int_equal(until_not_loading(c), SG_COMPANION_GONE);
    if (!strstr(sg_companion_why(c), why))
        fail_msg("%s: \"%s\" has no \"%s\"", command, sg_companion_why(c), why);
    assert_int_equal(sg_companion_n_deaths(c), 1);
    sg_companion_end(c, 20);
}

static void test_last_words(void **state)
{
    (void)state;
    gone_with("exit 3; {port}", "ended with exit code 3");
    gone_with("kill -9 $$; {port}", "ended by signal 9");
    gone_with("echo 1; echo 2; echo 3; echo 4; echo 5 >&2; echo; exit 1; {port}",
              "exit code 1: 2 | 3 | 4 | 5");
    gone_with("printf 'a\\033[31mb\\001'; exit 1; {port}", "a?[31mb?");
    gone_with("echo my key is sk-0123456789abcdefghij; exit 1; {port}", "my key is sk-*******");
    gone_with("head -c 100000 /dev/zero | tr '\\0' x; echo; echo last; exit 1; {port}", "x | last");
    gone_with("no-such-command-here {socket}", "not found");
}

static void test_place(void **state)
{
    struct sg_err err = {0};
    struct sg_companion *c = NULL;
    (void)state;
    assert_int_equal(sg_companion_place("vllm --uds {socket}"), SG_COMPANION_SOCKET);
    assert_int_equal(sg_companion_place("x --port {port} --json '{\"a\": {}}'"), SG_COMPANION_PORT);
    assert_int_equal(sg_companion_place("x --json '{\"socket\": 1}'"), SG_COMPANION_GIVEN);
    struct sg_companion_settings s = {.command = "a {socket} {port}", .log = log_path};
    assert_int_equal(sg_companion_start(&s, &c, &err), SG_INPUT);
    s = (struct sg_companion_settings){
        .command = "a", .address = "unix:///nowhere/llm.sock", .log = log_path};
    assert_int_equal(sg_companion_start(&s, &c, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "mkdir -m 700"));
    assert_null(c);
    /* A folder of its own, gone with it; a long or odd $TMPDIR is left alone. */
    for (int i = 0; i < 2; i++) {
        char odd[200], mode[40];
        struct stat st;
        snprintf(odd, sizeof odd, "%s/%s", folder, i ? "it's odd" : "plain");
        mkdir(odd, 0700);
        setenv("TMPDIR", odd, 1);
        unlink(log_path);
        c = start("stat -c mode-%a $(dirname {socket}); echo {socket} {socket}; exit 1", 0);
        const char *url = sg_companion_url(c);
        assert_int_equal(strncmp(url, "unix:///", 8), 0);
        assert_int_equal(strncmp(url + 7, odd, strlen(odd)) == 0, !i);
        until_not_loading(c);
        char *text = read_log(), twice[300];
        snprintf(twice, sizeof twice, "%s %s\n", url + 7, url + 7);
        snprintf(mode, sizeof mode, "mode-700\n");
        assert_true(strstr(text, twice) && strstr(text, mode));
        snprintf(twice, sizeof twice, "%.*s", (int)(strrchr(url, '/') - url - 7), url + 7);
        sg_free(text);
        sg_companion_end(c, 20);
        assert_int_not_equal(stat(twice, &st), 0);
        rmdir(odd);
    }
    unsetenv("TMPDIR");
}

static void test_environment(void **state)
{
    (void)state;
    setenv("TEST_KEY", "k-0123456789", 1);
    setenv("TEST_COPY", "Bearer:k-0123456789", 1);
    setenv("TEST_LOOKS", "sk-abcdefghij0123456789", 1);
    setenv("OMPI_COMM_WORLD_RANK", "1", 1);
    setenv("TEST_KEY_FILE", "/somewhere", 1);
    setenv("TEST_KEYS", "none", 1);
    setenv("TEST_FINE", "hf_value", 1);
    static const char *const of_rank[] = {"SLURM_PROCID",         "SLURM_LOCALID",  "SLURM_STEP_ID",
                                          "SLURM_STEP_NUM_TASKS", "SLURM_TASK_PID", "SLURM_NTASKS",
                                          "SLURM_MPI_TYPE",       "PMI2_FD",        "MV2_COMM_WORLD_RANK",
                                          "ALPS_APP_PE",          "PALS_RANKID",    "FLUX_TASK_RANK",
                                          "JSM_NAMESPACE_RANK"},
                             *const kept[] = {"SLURM_JOB_ID",         "SLURM_TMPDIR",
                                              "SLURM_GPUS_ON_NODE",   "SLURM_CPUS_PER_TASK",
                                              "CUDA_VISIBLE_DEVICES", "FLUX_URI"};
    static const int n_of_rank = sizeof of_rank / sizeof of_rank[0], n_kept = sizeof kept / sizeof kept[0];
    char more[4096];
    for (int i = 0; i < n_of_rank + n_kept; i++)
        setenv(i < n_of_rank ? of_rank[i] : kept[i - n_of_rank], "7", 1);
    /* A word of a path is no key, and a key in one is. */
    snprintf(more, sizeof more, "%.4000s:/opt/sk-learn-1.3-20240101/bin", getenv("PATH"));
    setenv("PATH", more, 1);
    setenv("TEST_PATH", "/home/k-0123456789/bin", 1);
    gone_with("env; exit 1; {port}", "exit code 1");
    char *text = read_log();
    for (int i = 0; i < n_of_rank + n_kept; i++) {
        snprintf(more, sizeof more, "\n%s=", i < n_of_rank ? of_rank[i] : kept[i - n_of_rank]);
        if ((strstr(text, more) != NULL) != (i >= n_of_rank))
            fail_msg("%s is %s", more + 1, i < n_of_rank ? "there" : "missing");
        *strchr(more, '=') = 0;
        unsetenv(more + 1);
    }
    /* The log redacts what it shows. */
    assert_non_null(strstr(text, "/opt/sk-"));
    assert_null(strstr(text, "TEST_PATH"));
    assert_non_null(strstr(text, "TEST_FINE=hf_value\n"));
    assert_non_null(strstr(text, "TEST_KEYS=none\n"));
    assert_null(strstr(text, "TEST_KEY="));
    assert_null(strstr(text, "TEST_KEY_FILE"));
    assert_null(strstr(text, "TEST_COPY"));
    assert_null(strstr(text, "TEST_LOOKS"));
    assert_null(strstr(text, "OMPI_COMM"));
    sg_free(text);
}

/* Endless talk fills two files of 4 MiB, and keeps nobody waiting. */
static void test_log_is_bounded(void **state)
{
    struct stat st, old;
    char path[80];
    (void)state;
    gone_with("yes a line of a server that talks | head -c 20000000; exit 1; {port}", "exit code 1");
    snprintf(path, sizeof path, "%s.1", log_path);
    assert_int_equal(stat(log_path, &st), 0);
    assert_int_equal(stat(path, &old), 0);
    assert_true(st.st_size <= 4 << 20 && old.st_size <= 4 << 20 && old.st_size > 3 << 20);
    assert_int_equal(st.st_mode & 0777, 0600);
    unlink(path);
}

/* Also what has left its group and session. */
static void test_nothing_is_left(void **state)
{
    char sleeper[40], command[200];
    (void)state;
    snprintf(sleeper, sizeof sleeper, "sleep 4242.%d1", (int)getpid());
    snprintf(command, sizeof command, "setsid %s & %s & sleep 0.2; exit 1; {port}", sleeper, sleeper);
    gone_with(command, "exit code 1");
    assert_int_equal(n_with(sleeper), 0);
    sleeper[strlen(sleeper) - 1] = '2';
    snprintf(command, sizeof command, "setsid %s & %s; {port}", sleeper, sleeper);
    struct sg_companion *c = start(command, 0);
    for (double late_s = sg_now_s() + 20; n_with(sleeper) < 4 && sg_now_s() < late_s;)
        sg_sleep_us(5000);
    assert_int_equal(n_with(sleeper), 4); /* the keeper and the shell have it in their command */
    sg_companion_end(c, 20);
    assert_int_equal(n_with(sleeper), 0);
}

static void test_ready_and_again(void **state)
{
    (void)state;
    unlink(log_path);
    struct sg_companion *c = start(ANSWERS, 1);
    assert_int_equal(until_not_loading(c), SG_COMPANION_READY);
    assert_int_equal(sg_companion_n_deaths(c), 0);
    assert_string_equal(sg_companion_why(c), "");
    for (int n = 1; n <= 2; n++) { /* the second death is one too many */
        char *text = read_log();
        const char *last = text;
        for (const char *at = text; (at = strstr(at, "pid ")); at++)
            last = at + 4;
        assert_int_equal(kill((pid_t)atoi(last), SIGKILL), 0);
        sg_free(text);
        for (double late_s = sg_now_s() + 20; sg_companion_n_deaths(c) < n && sg_now_s() < late_s;) {
            sg_companion_turn(c);
            sg_sleep_us(2000);
        }
        assert_int_equal(sg_companion_n_deaths(c), n);
        assert_int_equal(until_not_loading(c), n == 1 ? SG_COMPANION_READY : SG_COMPANION_GONE);
    }
    sg_companion_end(c, 20);
}

/* Something that answers and knows neither place is not it; what minds that we have no key is. */
static void test_not_found_is_not_ready(void **state)
{
    (void)state;
    unlink(log_path);
    struct sg_companion *c = start(
        "exec python3 -S -c 'import http.server as h; H = h.SimpleHTTPRequestHandler; n = [404] * 4 + [200]; "
        "H.do_GET = lambda s: (s.send_response(n.pop(0)), s.end_headers()); "
        "h.HTTPServer((\"127.0.0.1\", {port}), H).serve_forever()'",
        0);
    assert_int_equal(until_not_loading(c), SG_COMPANION_READY);
    sg_companion_end(c, 20);
    char *text = read_log();
    assert_non_null(strstr(text, "GET /v1/models HTTP/1.1\" 404"));
    assert_non_null(strstr(text, "GET /health HTTP/1.1\" 200"));
    sg_free(text);
    unlink(log_path);
    c = start(
        "exec python3 -S -c 'import http.server as h; H = h.SimpleHTTPRequestHandler; "
        "H.do_GET = lambda s: (s.send_response(401 if \"models\" in s.path else 404), s.end_headers()); "
        "h.HTTPServer((\"127.0.0.1\", {port}), H).serve_forever()'",
        0);
    assert_int_equal(until_not_loading(c), SG_COMPANION_READY);
    sg_companion_end(c, 20);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], SG_COMPANION_KEEPER) == 0)
        return sg_companion_keep(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder))
        return 1;
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_last_words),
                                       cmocka_unit_test(test_place),
                                       cmocka_unit_test(test_environment),
                                       cmocka_unit_test(test_log_is_bounded),
                                       cmocka_unit_test(test_nothing_is_left),
                                       cmocka_unit_test(test_ready_and_again),
                                       cmocka_unit_test(test_not_found_is_not_ready)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(log_path);
    rmdir(folder);
    return n_failed;
}
