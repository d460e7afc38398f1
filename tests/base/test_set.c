#include "check.h"

#include "base/mem.h"
#include "base/set.h"

enum { MANY = 1000 };

static struct sg_set *make(void)
{
    struct sg_set *s = NULL;
    assert_int_equal(sg_set_create(&s, &err), SG_OK);
    return s;
}

static void holds_what_was_added(void **state)
{
    (void)state;
    struct sg_set *s = make();
    char text[16];
    assert_false(sg_set_has(s, "", 0));
    for (int round = 0; round < 2; round++) /* the second time nothing is new */
        for (int i = 0; i < MANY; i++) {
            int n = snprintf(text, sizeof text, "%d", i);
            assert_int_equal(sg_set_has(s, text, (size_t)n), round);
            assert_int_equal(sg_set_add(s, text, (size_t)n, &err), SG_OK);
            assert_true(sg_set_has(s, text, (size_t)n));
        }
    assert_int_equal(sg_set_n(s), MANY);
    assert_false(sg_set_has(s, "1000", 4));
    assert_false(sg_set_has(s, "1", 0));
    sg_set_destroy(s);
    sg_set_destroy(NULL);
}

static void keys_come_out_sorted(void **state)
{
    (void)state;
    struct sg_set *s = make();
    char hex[SG_HEX], before[SG_HEX] = "", text[16];
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(text, sizeof text, "%d", i % 700);
        sg_sha256_hex(text, (size_t)n, hex);
        assert_int_equal(sg_set_add_hex(s, hex, &err), SG_OK);
        assert_true(sg_set_has(s, text, (size_t)n));
    }
    unsigned char digest[32];
    sg_sha256("another", 7, digest);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(sg_set_has_digest(s, digest), round);
        assert_int_equal(sg_set_add_digest(s, digest, &err), SG_OK);
        assert_true(sg_set_has(s, "another", 7));
    }
    assert_int_equal(sg_set_n(s), 701);
    unsigned char *all = sg_set_sorted(s);
    assert_non_null(all);
    for (size_t i = 0; i < 701; i++) {
        sg_hex(all + 32 * i, hex);
        assert_true(strcmp(before, hex) < 0);
        memcpy(before, hex, sizeof before);
    }
    sg_free(all);
    sg_set_destroy(s);
}

static void refuses_what_is_no_digest(void **state)
{
    (void)state;
    static const char good[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct sg_set *s = make();
    char bad[SG_HEX + 1];
    assert_int_equal(sg_set_add_hex(s, "", &err), SG_FAILED);
    assert_int_equal(sg_set_add_hex(s, good + 1, &err), SG_FAILED);
    snprintf(bad, sizeof bad, "%s0", good);
    assert_int_equal(sg_set_add_hex(s, bad, &err), SG_FAILED);
    snprintf(bad, sizeof bad, "%s", good);
    bad[63] = 'G';
    assert_int_equal(sg_set_add_hex(s, bad, &err), SG_FAILED);
    assert_int_equal(sg_set_n(s), 0);
    assert_int_equal(sg_set_add_hex(s, good, &err), SG_OK);
    assert_true(sg_set_has(s, "", 0));
    sg_set_destroy(s);
}

static void lack_of_memory_loses_nothing(void **state)
{
    (void)state;
    struct sg_set *s = NULL;
    for (long n = 1; n <= 2; n++) {
        sg_mem_fail_at(n);
        assert_int_equal(sg_set_create(&s, &err), SG_FAILED);
        assert_true(sg_mem_fail_at(0));
    }
    s = make();
    char text[16];
    int n_failed = 0;
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(text, sizeof text, "%d", i);
        sg_mem_fail_at(1); /* only growing needs memory */
        if (sg_set_add(s, text, (size_t)n, &err) != SG_OK) {
            n_failed++;
            assert_int_equal(sg_set_add(s, text, (size_t)n, &err), SG_OK);
        }
        sg_mem_fail_at(0);
    }
    assert_int_equal(n_failed, 5); /* 64 to 2048 slots */
    assert_int_equal(sg_set_n(s), MANY);
    sg_mem_fail_at(1);
    assert_null(sg_set_sorted(s));
    sg_mem_fail_at(0);
    sg_set_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_was_added),
        cmocka_unit_test(keys_come_out_sorted),
        cmocka_unit_test(refuses_what_is_no_digest),
        cmocka_unit_test(lack_of_memory_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
