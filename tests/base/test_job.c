/* A longer piece of work of another program: its last words, how it ends, what it has of ours. */
#include "base/job.h"

#include "base/file.h"
#include "tests/base/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const environment[] = {"PATH=/usr/bin:/bin", "SG_TEST_OWN=1", NULL};

static sg_status run(const char *script, int (*stopping)(void *), struct sg_buf *last)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct sg_job job = {.argv = argv, .environment = environment, .stopping = stopping};
    *last = sg_buf_make(2 * SG_JOB_LAST_WORDS);
    return sg_job_run(&job, last, &err);
}

static void the_end_of_what_it_says_is_kept(void **state)
{
    (void)state;
    struct sg_buf last;
    OK(run("echo out; echo err >&2", NULL, &last));
    assert_string_equal(sg_buf_text(&last), "out\nerr\n");
    sg_buf_free(&last);
    OK(run("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done", NULL, &last));
    assert_int_equal(last.len, SG_JOB_LAST_WORDS);
    assert_non_null(strstr(sg_buf_text(&last), "line 2998\nline 2999\n"));
    assert_null(strstr(sg_buf_text(&last), "line 2000\n"));
    sg_buf_free(&last);
}

static void failures_are_told(void **state)
{
    (void)state;
    struct sg_buf last;
    FAILS(SG_FAILED, "exit code 3", run("exit 3", NULL, &last));
    FAILS(SG_FAILED, "signal 9", run("kill -9 $$", NULL, &last));
    const char *const argv[] = {"sg-there-is-no-such-program", NULL};
    struct sg_job job = {.argv = argv, .environment = environment};
    FAILS(SG_INPUT, "cannot be started: No such file", sg_job_run(&job, &last, &err));
}

static void it_has_nothing_of_ours(void **state)
{
    (void)state;
    setenv("SG_TEST_API_KEY", "sk-secret", 1);
    int fd = open("/dev/zero", O_RDONLY); /* not closed on exec */
    assert_true(fd > 2);
    struct sg_buf last;
    OK(run("env; ls /proc/self/fd; read x || echo nothing to read", NULL, &last));
    close(fd);
    char own[16];
    snprintf(own, sizeof own, "\n%d\n", fd);
    assert_null(strstr(sg_buf_text(&last), "secret"));
    assert_non_null(strstr(sg_buf_text(&last), "SG_TEST_OWN=1\n"));
    if (fd > 3) /* ls has one of its own */
        assert_null(strstr(sg_buf_text(&last), own));
    assert_non_null(strstr(sg_buf_text(&last), "nothing to read\n"));
    sg_buf_free(&last);
}

static int at_once(void *context)
{
    (void)context;
    return 1;
}

static void it_ends_when_asked_with_all_that_it_has_started(void **state)
{
    (void)state;
    struct sg_buf last;
    double begin_s = sg_now_s();
    FAILS(SG_STOPPED, "stopped", run("sleep 1000 & echo $!; wait", at_once, &last));
    assert_true(sg_now_s() - begin_s < 100);
    sg_buf_free(&last);
    OK(run("sleep 1000 >/dev/null 2>&1 & echo $!", NULL, &last)); /* ends, and leaves one behind */
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/0", strtol(sg_buf_text(&last), NULL, 10));
    for (int i = 0; i < 1000 && access(path, F_OK) == 0; i++)
        sg_sleep_us(10000);
    assert_int_not_equal(access(path, F_OK), 0);
    sg_buf_free(&last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_what_it_says_is_kept),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(it_has_nothing_of_ours),
        cmocka_unit_test(it_ends_when_asked_with_all_that_it_has_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
