/* What reaches standard error: through a pipe, and on a pseudo terminal. */
#define _XOPEN_SOURCE 700
#include "check.h"

#include "base/secret.h"
#include "base/tell.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char seen[20000];

static void open_pair(int terminal, int pair[2])
{
    if (!terminal) {
        assert_int_equal(pipe(pair), 0);
        return;
    }
    pair[0] = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(pair[0] >= 0 && grantpt(pair[0]) == 0 && unlockpt(pair[0]) == 0);
    pair[1] = open(ptsname(pair[0]), O_RDWR | O_NOCTTY);
    struct termios mode;
    assert_true(pair[1] >= 0 && tcgetattr(pair[1], &mode) == 0);
    mode.c_oflag &= ~(tcflag_t)OPOST; /* "\n" as it is */
    assert_int_equal(tcsetattr(pair[1], TCSANOW, &mode), 0);
}

/* What `said` writes in a process of its own. */
static const char *capture(int terminal, void (*said)(void))
{
    int pair[2];
    open_pair(terminal, pair);
    pid_t child = fork();
    if (child == 0) {
        setenv("TERM", "xterm", 1);
        dup2(pair[1], STDERR_FILENO);
        said();
        _exit(0);
    }
    size_t n = 0;
    ssize_t got;
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child); /* all of it fits into the pipe */
    close(pair[1]);
    while (n < sizeof seen - 1 && (got = read(pair[0], seen + n, sizeof seen - 1 - n)) > 0)
        n += (size_t)got;
    seen[n] = 0;
    close(pair[0]);
    return seen;
}

static void all_kinds(void)
{
    sg_tell_progress("1 of 3", 0);
    sg_tell("batch %d", 7);
    sg_tell_progress("2 of 3", 0);
    sg_tell_warning("slow: %s", "\033[2J\nsecond");
    sg_tell_text("one\n\ntwo");
    sg_tell_progress("3 of 3", 1);
    sg_tell_sentence("over");
}

static void lines_of_a_pipe(void **state)
{
    (void)state;
    assert_string_equal(capture(0, all_kinds), "1 of 3\nbatch 7\n2 of 3\nsynthgrid: warning: slow: ?[2J "
                                               "second\none\n\ntwo\n3 of 3\nsynthgrid: over\n");
}

static void the_progress_line_stays_last(void **state)
{
    (void)state;
    assert_string_equal(capture(1, all_kinds), "\r\033[K1 of 3"
                                               "\r\033[Kbatch 7\n1 of 3"
                                               "\r\033[K2 of 3"
                                               "\r\033[Ksynthgrid: warning: slow: ?[2J second\n2 of 3"
                                               "\r\033[Kone\n\ntwo\n2 of 3"
                                               "\r\033[K3 of 3\n"
                                               "synthgrid: over\n");
}

static void a_key(void)
{
    const char *kept;
    struct sg_err why;
    if (sg_secret_remember("hunter2-hunter2", &kept, &why) != SG_OK)
        return;
    sg_tell("with hunter2-hunter2");
    sg_tell_text("and hunter2-hunter2\nso");
    sg_tell_progress("of hunter2-hunter2", 0);
}

static void no_key(void **state)
{
    (void)state;
    for (int terminal = 0; terminal < 2; terminal++) {
        const char *text = capture(terminal, a_key);
        assert_non_null(strstr(text, "with ***"));
        assert_null(strstr(text, "hunter2"));
    }
}

static void long_line(void)
{
    char text[6001];
    memset(text, 'x', 6000);
    text[6000] = 0;
    sg_tell("%s", text);
}

static void is_cut(void **state)
{
    (void)state;
    size_t n = strlen(capture(0, long_line));
    assert_true(n > 3900 && n < 4100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_of_a_pipe),
                                       cmocka_unit_test(the_progress_line_stays_last),
                                       cmocka_unit_test(no_key), cmocka_unit_test(is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
