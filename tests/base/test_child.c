/* Another program: what it gets, what it leaves, how it may fail. */
#include "base/child.h"

#include "base/file.h"
#include "tests/base/check.h"

#include <stdlib.h>

static sg_status run(const char *const argv[], const char *input, double limit_s, struct sg_buf *out)
{
    return sg_child_run(argv, input, strlen(input), limit_s, out, &err);
}

static void text_goes_in_and_comes_out(void **state)
{
    (void)state;
    static const char *const cat[] = {"cat", NULL}, *const none[] = {"true", NULL};
    struct sg_buf out = sg_buf_make(1 << 24);
    OK(run(cat, "a\nb", 60, &out));
    assert_string_equal(sg_buf_text(&out), "a\nb");
    size_t n = 5000000; /* more than any pipe holds, both ways at once */
    char *big = malloc(n + 1);
    assert_non_null(big);
    memset(big, 'x', n);
    big[n] = 0;
    sg_buf_clear(&out);
    OK(run(cat, big, 60, &out));
    assert_int_equal(out.len, n);
    assert_memory_equal(out.data, big, n);
    sg_buf_clear(&out);
    OK(run(none, big, 60, &out)); /* reads nothing: no signal kills us */
    assert_int_equal(out.len, 0);
    struct sg_buf little = sg_buf_make(1000);
    FAILS(SG_FAILED, "cat", run(cat, big, 60, &little));
    sg_buf_free(&little);
    free(big);
    sg_buf_free(&out);
}

static void its_environment_has_no_keys(void **state)
{
    (void)state;
    static const char *const env[] = {"env", NULL};
    setenv("SG_TEST_API_KEY", "sk-secret", 1);
    struct sg_buf out = sg_buf_make(1 << 16);
    OK(run(env, "", 60, &out));
    assert_null(strstr(sg_buf_text(&out), "secret"));
    assert_non_null(strstr(sg_buf_text(&out), "LC_ALL=C.UTF-8\n"));
    int n = 0;
    for (const char *s = sg_buf_text(&out); (s = strchr(s, '\n')); s++)
        n++;
    assert_int_equal(n, 2);
    sg_buf_free(&out);
}

/* Another environment, the exit code, and both outputs. */
static void it_can_be_asked(void **state)
{
    (void)state;
    static const char *const argv[] = {"sh", "-c", "echo $A; cat; echo bad >&2; exit 7", NULL},
                             *const environment[] = {"PATH=/usr/bin:/bin", "A=one two", NULL};
    int code = 0;
    struct sg_buf out = sg_buf_make(1 << 16);
    OK(sg_child_ask(argv, environment, "text\n", 5, 60, &out, &code, &err));
    assert_string_equal(sg_buf_text(&out), "one two\ntext\nbad\n");
    assert_int_equal(code, 7);
    sg_buf_free(&out);
}

static void variables_are_chosen_by_names_and_beginnings(void **state)
{
    (void)state;
    static const char *const names[] = {"PATH", "HF_*", NULL}, *const none[] = {NULL};
    assert_true(sg_child_is_one_of("PATH=/bin", names) && sg_child_is_one_of("PATH", names));
    assert_true(sg_child_is_one_of("HF_HOME=x", names) && sg_child_is_one_of("HF_=", names));
    assert_false(sg_child_is_one_of("PATHS=/bin", names) || sg_child_is_one_of("PAT=PATH", names));
    assert_false(sg_child_is_one_of("HF=HF_HOME", names) || sg_child_is_one_of("", names));
    assert_false(sg_child_is_one_of("PATH=/bin", none));
}

static void failures_are_told(void **state)
{
    (void)state;
    static const char *const missing[] = {"sg-there-is-no-such-program", NULL},
                             *const bad[] = {"false", NULL},
                             *const killed[] = {"sh", "-c", "kill -9 $$", NULL},
                             *const slow[] = {"sleep", "60", NULL},
                             /* Closes its output, and stays. */
                                 *const quiet[] = {"sh", "-c", "exec >&-; sleep 60", NULL};
    struct sg_buf out = sg_buf_make(1 << 16);
    FAILS(SG_INPUT, "cannot be started", run(missing, "", 60, &out));
    FAILS(SG_FAILED, "exit code 1", run(bad, "", 60, &out));
    FAILS(SG_FAILED, "signal 9", run(killed, "", 60, &out));
    double from = sg_now_s();
    FAILS(SG_FAILED, "did not end within", run(slow, "x", 0.2, &out));
    FAILS(SG_FAILED, "did not end within", run(quiet, "x", 0.2, &out));
    assert_true(sg_now_s() - from < 30);
    sg_buf_free(&out);
    assert_true(sg_child_exists("sh"));
    assert_false(sg_child_exists("sg-there-is-no-such-program"));
}

struct heard {
    int n;
    char text[200];
};

static void hear(void *arg, const char *text)
{
    struct heard *h = arg;
    h->n++;
    snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "[%s]", text);
}

/* Lines as they come, an environment of the caller's, and the exit code. */
static void lines_are_heard(void **state)
{
    (void)state;
    static const char *const shell[] = {"sh", NULL}, *const missing[] = {"sg-there-is-no-such-program", NULL};
    char path[4096], name[] = "SG_TEST_NAME=x y";
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
    const char *const environment[] = {path, name, NULL};
    static const char script[] = "echo one; printf 'two'; printf '\\n\\n'; echo "
                                 "\"$SG_TEST_NAME$SG_TEST_API_KEY\"; printf rest; exit 3";
    struct heard h = {0};
    int code = -1;
    setenv("SG_TEST_API_KEY", "sk-secret", 1);
    OK(sg_child_talk(shell, environment, script, strlen(script), hear, &h, &code, &err));
    assert_string_equal(h.text, "[one][two][][x y]");
    assert_int_equal(h.n, 4);
    assert_int_equal(code, 3);
    FAILS(SG_INPUT, "cannot be started", sg_child_talk(missing, environment, "", 0, hear, &h, &code, &err));
    FAILS(SG_FAILED, "signal 9", sg_child_talk(shell, environment, "kill -9 $$", 10, hear, &h, &code, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_goes_in_and_comes_out),
                                       cmocka_unit_test(its_environment_has_no_keys),
                                       cmocka_unit_test(variables_are_chosen_by_names_and_beginnings),
                                       cmocka_unit_test(it_can_be_asked),
                                       cmocka_unit_test(failures_are_told),
                                       cmocka_unit_test(lines_are_heard)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
