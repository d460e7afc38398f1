#include "check.h"

static void blocks_are_aligned_zeroed_and_counted(void **state)
{
    (void)state;
    size_t before = sg_mem_now();
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *p = sg_alloc(n, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_int_equal(sg_mem_now(), before + 3 * n);
        for (size_t i = 0; i < 3 * n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 3 * n);
        sg_free(p);
    }
    assert_int_equal(sg_mem_now(), before);
    assert_true(sg_mem_peak() >= 3 * 294);
    sg_free(NULL);
}

static void realloc_keeps_and_zeroes(void **state)
{
    (void)state;
    char *p = sg_realloc(NULL, 4, 1);
    memcpy(p, "abcd", 4);
    p = sg_realloc(p, 1000, 1);
    assert_memory_equal(p, "abcd", 4);
    for (int i = 4; i < 1000; i++)
        assert_int_equal(p[i], 0);
    p = sg_realloc(p, 2, 1);
    assert_memory_equal(p, "ab", 2);
    sg_mem_fail_at(1);
    assert_null(sg_realloc(p, 1 << 20, 1));
    assert_true(sg_mem_fail_at(0));
    assert_memory_equal(p, "ab", 2); /* the old block is still there */
    sg_free(p);
}

static void lists_grow_one_by_one(void **state)
{
    (void)state;
    int64_t *list = NULL;
    for (int64_t n = 0; n < 1000; n++) {
        int64_t *more = sg_grown(list, n, sizeof *more);
        assert_non_null(more);
        list = more;
        list[n] = n;
    }
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(list[i], i);
    assert_ptr_equal(sg_grown(list, 1000, sizeof *list), list); /* there is room up to 1024 */
    sg_mem_fail_at(1);
    assert_null(sg_grown(list, 1024, sizeof *list));
    assert_true(sg_mem_fail_at(0));
    assert_int_equal(list[999], 999);
    sg_free(list);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    assert_null(sg_alloc(SIZE_MAX, 2));
    assert_null(sg_alloc(SIZE_MAX / 8, 9));
    assert_null(sg_alloc(SIZE_MAX - 64, 1));
    assert_null(sg_alloc(SIZE_MAX / 4, 1)); /* no overflow, but no such memory */
}

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    sg_mem_fail_at(3);
    for (int i = 1; i <= 5; i++) {
        void *p = sg_alloc(1, 1);
        assert_int_equal(p == NULL, i == 3);
        sg_free(p);
    }
    assert_true(sg_mem_fail_at(0));
    assert_false(sg_mem_fail_at(100));
    assert_false(sg_mem_fail_at(0));
}

static void strings(void **state)
{
    (void)state;
    assert_null(sg_strdup(NULL));
    char *a = sg_strdup("grid"), *b = sg_strndup("synthgrid", 5), *c = sg_strf("%s-%d", a, 7);
    assert_string_equal(a, "grid");
    assert_string_equal(b, "synth");
    assert_string_equal(c, "grid-7");
    sg_free(a);
    sg_free(b);
    sg_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_zeroed_and_counted),
        cmocka_unit_test(realloc_keeps_and_zeroes),
        cmocka_unit_test(lists_grow_one_by_one),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
