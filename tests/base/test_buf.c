#include "check.h"

#include "base/buf.h"

static void text_grows(void **state)
{
    (void)state;
    struct sg_buf b = sg_buf_make(1 << 20);
    assert_string_equal(sg_buf_text(&b), "");
    for (int i = 0; i < 1000; i++)
        sg_buf_printf(&b, "%d,", i);
    sg_buf_add(&b, "\0x", 2);
    sg_buf_puts(&b, "end");
    OK(sg_buf_check(&b, "text", &err));
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 5);
    assert_memory_equal(b.data + b.len - 10, ",999,\0xend", 10);
    assert_int_equal(b.data[b.len], 0);
    sg_buf_clear(&b);
    assert_string_equal(sg_buf_text(&b), "");
    sg_buf_free(&b);
    sg_buf_puts(&b, "usable after it was freed");
    char *taken = sg_buf_take(&b);
    assert_string_equal(taken, "usable after it was freed");
    assert_int_equal(b.len, 0);
    sg_free(taken);
    taken = sg_buf_take(&b);
    assert_string_equal(taken, "");
    sg_free(taken);
    assert_int_equal(sg_mem_now(), 0);
}

static void the_ceiling_holds_and_sticks(void **state)
{
    (void)state;
    struct sg_buf b = sg_buf_make(10);
    sg_buf_add(&b, "0123456789", 10); /* exactly full */
    OK(sg_buf_check(&b, "ten bytes", &err));
    sg_buf_add(&b, "", 0);
    OK(sg_buf_check(&b, "ten bytes", &err));
    sg_buf_puts(&b, "x");
    FAILS(SG_FAILED, "ten bytes: larger than its limit of 10 bytes", sg_buf_check(&b, "ten bytes", &err));
    assert_int_equal(b.len, 10);
    sg_buf_clear(&b);
    sg_buf_printf(&b, "%011d", 1);
    FAILS(SG_FAILED, "limit", sg_buf_check(&b, "eleven", &err));
    sg_buf_puts(&b, "a"); /* would fit, but an earlier addition is missing */
    assert_int_equal(b.len, 0);
    assert_null(sg_buf_take(&b));
    sg_buf_free(&b);

    struct sg_buf huge = sg_buf_make(SIZE_MAX);
    sg_buf_puts(&huge, "a");
    sg_buf_add(&huge, "", SIZE_MAX - 1); /* a length that would wrap round */
    FAILS(SG_FAILED, "limit", sg_buf_check(&huge, "huge", &err));
    sg_buf_free(&huge);
}

static sg_status fill(void)
{
    struct sg_buf b = sg_buf_make(1 << 20);
    for (int i = 0; i < 100; i++)
        sg_buf_puts(&b, "forty bytes, so that it has to grow often");
    sg_status status = sg_buf_check(&b, "text", &err);
    sg_buf_free(&b);
    return status;
}

static void allocations_that_fail(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(fill) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(the_ceiling_holds_and_sticks),
        cmocka_unit_test(allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
