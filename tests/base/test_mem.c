#include "check.h"

#include <unistd.h>

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

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

static void large_blocks_are_used_again(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip(); /* it wants to see blocks go */
#endif
    const size_t mb = 1 << 20;
    unsigned char *other = sg_alloc(9, mb), *a = sg_alloc(8, mb), *b = sg_alloc(3, mb);
    void *as = a, *bs = b;
    size_t peak = sg_mem_peak(), now = sg_mem_now();
    memset(a, 0xff, 8 * mb);
    memset(b, 0xff, 3 * mb);
    sg_free(a);
    sg_free(b);
    sg_free(other);
    assert_int_equal(sg_mem_now(), now - 20 * mb);

    b = sg_alloc(2, mb); /* the smallest that is large enough, zeroed */
    assert_ptr_equal(b, bs);
    for (size_t i = 0; i < 2 * mb; i++)
        assert_int_equal(b[i], 0);
    a = sg_alloc_unset(8, mb);
    assert_ptr_equal(a, as);
    assert_int_equal(a[8 * mb - 1], 0xff);
    assert_int_equal(sg_mem_now(), now - 10 * mb);
    assert_int_equal(sg_mem_peak(), peak);

    unsigned char *c = sg_alloc(3, mb); /* none of 3 to 6 MB is there */
    assert_int_equal(c[3 * mb - 1], 0);
    sg_free(a);
    sg_free(b);
    sg_free(c);
    sg_mem_trim();
    a = sg_alloc_unset(8, mb); /* from the system again */
    assert_int_equal(a[8 * mb - 1], 0);
    sg_free(a);
    sg_mem_trim();
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %zu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Ever larger blocks, one after the other, of which none fits where the last one was. */
static void what_is_kept_never_adds_to_the_peak(void **state)
{
    (void)state;
    const size_t mb = 1 << 20;
    size_t before = resident_bytes(), now = sg_mem_now(), most = 0;
    if (!before)
        skip(); /* no /proc */
    for (size_t n = 10; n < 60; n += 5) {
        char *p = sg_alloc(n, mb), *q = sg_alloc(n, mb);
        assert_true(p && q);
        memset(p, 1, n * mb);
        memset(q, 1, n * mb);
        size_t used = resident_bytes() - before;
        most = used > most ? used : most;
        sg_free(p);
        sg_free(q);
    }
    assert_int_equal(sg_mem_now(), now);
#ifndef SANITIZED
    assert_true(most < (2 * 55 + 16) * mb); /* all blocks ever: 650 MB; with those of the round before: 210 */
#endif
    sg_mem_trim();
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
        cmocka_unit_test(large_blocks_are_used_again),
        cmocka_unit_test(what_is_kept_never_adds_to_the_peak),
        cmocka_unit_test(strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
