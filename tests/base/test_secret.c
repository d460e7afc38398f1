#include "check.h"

#include "base/secret.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static const char *kept;

static int environment_holds(const char *text)
{
    for (char **e = environ; *e; e++)
        if (strstr(*e, text))
            return 1;
    return 0;
}

static void a_key_is_taken_once_and_wiped(void **state)
{
    (void)state;
    const char *key = NULL, *again = NULL;
    static char entry[] = "SG_TEST_KEY=correct-horse-battery-staple";
    putenv(entry); /* the environment now holds these very bytes */
    OK(sg_secret_take("SG_TEST_KEY", &key, &err));
    assert_string_equal(key, "correct-horse-battery-staple");
    assert_null(getenv("SG_TEST_KEY"));
    assert_false(environment_holds("battery"));
    for (size_t i = strlen("SG_TEST_KEY="); i < sizeof entry; i++)
        assert_int_equal(entry[i], 0); /* overwritten, not only unlinked */
    OK(sg_secret_take("SG_TEST_KEY", &again, &err));
    assert_ptr_equal(key, again);
    OK(sg_secret_take("SG_NEVER_SET", &key, &err));
    assert_null(key);
}

static void what_is_no_key(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " qqq", "two words", "line\n", "caf\xc3\xa9"};
    for (int i = 0; i < N_OF(bad); i++) {
        const char *key = "untouched";
        setenv("SG_BAD_KEY", bad[i], 1);
        FAILS(SG_INPUT, "SG_BAD_KEY", sg_secret_take("SG_BAD_KEY", &key, &err));
        assert_null(key);
        if (bad[i][0])
            assert_null(strstr(err.text, bad[i])); /* not even then in a message */
    }
}

/* The key in a file that a variable names: in the environment stands a path alone. */
static void a_key_may_be_in_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/sg-key-XXXXXX";
    const char *key = NULL, *again = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && dprintf(fd, "staple-battery-horse\n\n") > 0 && close(fd) == 0);
    setenv("SG_FILED_KEY_FILE", path, 1);
    static const mode_t open_to_others[] = {0644, 0640, 0660, 0601};
    for (int i = 0; i < N_OF(open_to_others); i++) {
        char cure[80];
        snprintf(cure, sizeof cure, "hint: chmod 600 %s", path);
        chmod(path, open_to_others[i]);
        FAILS(SG_INPUT, cure, sg_secret_take("SG_FILED_KEY", &key, &err));
        FAILS(SG_INPUT, cure, sg_secret_file_check(path, &err));
        assert_null(key);
    }
    chmod(path, 0400);
    OK(sg_secret_take("SG_FILED_KEY", &key, &err));
    assert_string_equal(key, "staple-battery-horse");
    unlink(path);
    OK(sg_secret_take("SG_FILED_KEY", &again, &err)); /* it is known now */
    assert_ptr_equal(key, again);
    char text[] = "no staple-battery-horse here";
    sg_redact(text);
    assert_string_equal(text, "no ******************** here");

    /* The variable itself wins; what is in no file, or is none, is told with the variable's name. */
    setenv("SG_OTHER_KEY", "of-the-variable", 1);
    setenv("SG_OTHER_KEY_FILE", "/no/such/file", 1);
    OK(sg_secret_take("SG_OTHER_KEY", &key, &err));
    assert_string_equal(key, "of-the-variable");
    setenv("SG_THIRD_KEY_FILE", "/no/such/file", 1);
    FAILS(SG_INPUT, "SG_THIRD_KEY_FILE: /no/such/file: No such file",
          sg_secret_take("SG_THIRD_KEY", &key, &err));
    setenv("SG_THIRD_KEY_FILE", "/tmp", 1);
    FAILS(SG_INPUT, "/tmp: not a file with a key", sg_secret_take("SG_THIRD_KEY", &key, &err));
    setenv("SG_THIRD_KEY_FILE", "", 1);
    OK(sg_secret_take("SG_THIRD_KEY", &key, &err));
    assert_null(key);
}

/* A file of what is no key: refused, and not repeated. */
static void what_is_no_key_in_a_file(void **state)
{
    (void)state;
    static char long_one[9000];
    memset(long_one, 'k', sizeof long_one - 1);
    const char *const bad[] = {"", "\n", "two words", "one\ntwo\n", long_one};
    for (int i = 0; i < N_OF(bad); i++) {
        char path[] = "/tmp/sg-key-XXXXXX";
        const char *key = NULL;
        int fd = mkstemp(path);
        assert_true(fd >= 0 && write(fd, bad[i], strlen(bad[i])) == (ssize_t)strlen(bad[i]) &&
                    close(fd) == 0);
        setenv("SG_BAD_FILED_KEY_FILE", path, 1);
        FAILS(SG_INPUT, "SG_BAD_FILED_KEY_FILE: ", sg_secret_take("SG_BAD_FILED_KEY", &key, &err));
        assert_null(key);
        assert_null(strstr(err.text, "two"));
        unlink(path);
    }
}

static void texts_are_redacted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } table[] = {
        {"bad key correct-horse-battery-staple.", "bad key ****************************."},
        {"by-MPI-0123456789 by-MPI-0123456789", "***************** *****************"},
        {"Incorrect API key provided: sk-proj-a1B2c3D4.", "Incorrect API key provided: sk-**************"},
        {"Authorization: Bearer abcdef0123456789", "Authorization: Bearer ****************"},
        {"Authorization: Bearer sk-abcdef0123456789", "Authorization: Bearer sk-****************"},
        /* What people write stays. */
        {"a task-oriented, risk-averse desk-mounted thing",
         "a task-oriented, risk-averse desk-mounted thing"},
        {"Bearer certificates are not sk-ill", "Bearer certificates are not sk-ill"},
        {"EMPTY is a word, and so is none", "EMPTY is a word, and so is none"},
        {"", ""},
    };
    OK(sg_secret_remember("by-MPI-0123456789", &kept, &err));
    for (int i = 0; i < 40; i++) /* the same key again takes no further place */
        OK(sg_secret_remember("by-MPI-0123456789", &kept, &err));
    OK(sg_secret_remember("EMPTY", &kept, &err)); /* what people set for servers without keys */
    for (int i = 0; i < N_OF(table); i++) {
        char text[200];
        snprintf(text, sizeof text, "%s", table[i].text);
        sg_redact(text);
        assert_string_equal(text, table[i].wanted);
    }
}

static void too_many_keys(void **state)
{
    (void)state;
    sg_status status = SG_OK;
    char key[32];
    for (int i = 0; i < 100 && status == SG_OK; i++) {
        snprintf(key, sizeof key, "key-number-%d", i);
        status = sg_secret_remember(key, &kept, &err);
    }
    assert_int_equal(status, SG_INPUT);
}

static void wiping_forgets_all(void **state)
{
    (void)state;
    sg_secret_wipe();
    assert_int_equal(sg_mem_now(), 0);
    char text[] = "correct-horse-battery-staple";
    sg_redact(text);
    assert_string_equal(text, "correct-horse-battery-staple");
}

static sg_status remember_one(void)
{
    sg_status status = sg_secret_remember("a-key-to-remember", &kept, &err);
    sg_secret_wipe();
    return status;
}

static void allocations_that_fail(void **state)
{
    (void)state;
    assert_int_equal(fail_each_allocation(remember_one), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_taken_once_and_wiped),
        cmocka_unit_test(what_is_no_key),
        cmocka_unit_test(a_key_may_be_in_a_file),
        cmocka_unit_test(what_is_no_key_in_a_file),
        cmocka_unit_test(texts_are_redacted),
        cmocka_unit_test(too_many_keys),
        cmocka_unit_test(wiping_forgets_all),
        cmocka_unit_test(allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
