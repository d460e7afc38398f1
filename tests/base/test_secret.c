#include "check.h"

#include "base/secret.h"

#include <stdlib.h>
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
        cmocka_unit_test(texts_are_redacted),
        cmocka_unit_test(too_many_keys),
        cmocka_unit_test(wiping_forgets_all),
        cmocka_unit_test(allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
