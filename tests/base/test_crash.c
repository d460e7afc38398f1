/* Places where tests end the program: the visit that counts ends it, no other does, and each is told. */
#include "base/crash.h"

#include "base/file.h"
#include "base/mem.h"
#include "tests/base/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a process ends that visits these places with that in its environment: its signal, 0: by itself. */
static int ends(const char *crash, const char *log)
{
    int how = 0;
    pid_t child = fork(); /* the environment is read once a process */
    if (child == 0) {
        if (crash)
            setenv("SG_CRASH", crash, 1);
        if (log)
            setenv("SG_CRASH_LOG", log, 1);
        sg_crash_site("renaming", "/a/b/results.h5");
        sg_crash_site("renaming", "status.json");
        sg_crash_site("step_begins", NULL);
        sg_crash_site("step_begins", NULL);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) ? WTERMSIG(how) : 0;
}

static void the_visit_that_counts_ends_it(void **state)
{
    (void)state;
    static const struct {
        const char *crash;
        int signal;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"renaming/results.h5", SIGKILL},
        {"renaming/*.h5", SIGKILL},
        {"renaming/*.h5:2", 0},
        {"renaming:2", SIGKILL},
        {"step_begins:2", SIGKILL},
        {"step_begins:3", 0},
        {"step_begins:2:15", SIGTERM},
        {"step", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(ends(cases[i].crash, NULL), cases[i].signal);
}

static void visits_are_told(void **state)
{
    (void)state;
    char path[] = "/tmp/synthgrid-crash-XXXXXX", *text = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(ends("step_begins", path), SIGKILL);
    OK(sg_file_read(path, 10000, &text, NULL, &err));
    assert_non_null(strstr(text, " renaming/results.h5\n"));
    assert_non_null(strstr(text, " renaming/status.json\n"));
    const char *last = strstr(text, " step_begins\n");
    assert_non_null(last);
    assert_string_equal(last, " step_begins\n"); /* told before it ends, and nothing after it */
    sg_free(text);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_visit_that_counts_ends_it),
                                       cmocka_unit_test(visits_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
