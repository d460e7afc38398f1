#include "check.h"

static sg_status leaf(struct sg_err *e)
{
    return sg_fail(e, SG_INPUT, "row %d: no label", 7);
}

static sg_status middle(struct sg_err *e)
{
    SG_TRY(leaf(e));
    return SG_OK;
}

static void the_sentence_travels_up(void **state)
{
    (void)state;
    assert_int_equal(middle(&err), SG_INPUT);
    assert_string_equal(err.text, "row 7: no label");
    assert_int_equal(sg_err_at(&err, "%s:%d", "train.jsonl", 7), SG_INPUT);
    assert_string_equal(err.text, "train.jsonl:7: row 7: no label");
    assert_int_equal(leaf(NULL), SG_INPUT);
    assert_int_equal(sg_err_at(NULL, "x"), SG_FAILED);
    assert_int_equal(sg_fail(&err, SG_STOPPED, "again: %s", err.text),
                     SG_STOPPED); /* its own text as argument */
    assert_string_equal(err.text, "again: train.jsonl:7: row 7: no label");
    assert_int_equal(sg_fail_memory(&err, 12), SG_FAILED);
    assert_non_null(strstr(err.text, "12 bytes"));
}

static void long_sentences_are_cut(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    sg_fail(&err, SG_FAILED, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    sg_err_at(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text + 399, "x: x", 4);
    sg_err_at(&err, "where");
    assert_memory_equal(err.text, "where: xxx", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_sentence_travels_up),
                                       cmocka_unit_test(long_sentences_are_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
