#include "check.h"

#include "cli/labels.h"
#include "results/metrics.h"

static struct sg_rows rows_of(int n, const char *const *label)
{
    struct sg_rows rows = {0};
    for (int i = 0; i < n; i++)
        OK(sg_rows_add(&rows, "text", NULL, label[i], &err));
    return rows;
}

static void check(int n, const char *const *label, const char *wanted)
{
    struct sg_rows rows = rows_of(n, label);
    struct sg_labels l;
    int32_t index[16];
    char names[200] = "";
    OK(sg_labels_find("t.jsonl", &rows, &l, &err));
    for (int k = 0; k < l.n; k++) {
        strcat(names, l.name[k]);
        strcat(names, "|");
    }
    assert_string_equal(names, wanted);
    OK(sg_labels_index(&l, "t.jsonl", &rows, index, &err));
    for (int i = 0; i < n; i++)
        assert_string_equal(l.name[index[i]], label[i]);
    sg_labels_free(&l);
    sg_rows_free(&rows);
}

static void sorted_and_distinct(void **state)
{
    (void)state;
    static const char *const text[] = {"positive", "negative", "positive", "Zebra"};
    static const char *const number[] = {"10", "9", "-1", "10", "2"};
    static const char *const mixed[] = {"10", "9", "x"};
    static const char *const twins[] = {"1", "01", "1"};
    check(4, text, "Zebra|negative|positive|");
    check(5, number, "-1|2|9|10|");
    check(3, mixed, "10|9|x|");
    check(3, twins, "01|1|");
    assert_int_equal(sg_mem_now(), 0);
}

static void refused(void **state)
{
    (void)state;
    static const char *const same[] = {"a", "a"}, *const two[] = {"a", "b"}, *const other[] = {"b", "c"};
    struct sg_rows one = rows_of(2, same), train = rows_of(2, two), eval = rows_of(2, other), many = {0};
    struct sg_labels l = {0};
    int32_t index[2];
    FAILS(SG_INPUT, "t.jsonl: all rows have the same label \"a\"", sg_labels_find("t.jsonl", &one, &l, &err));
    OK(sg_labels_find("t.jsonl", &train, &l, &err));
    FAILS(SG_INPUT, "e.jsonl: row 2 has the label \"c\"", sg_labels_index(&l, "e.jsonl", &eval, index, &err));
    assert_non_null(strstr(err.text, "\"a\", \"b\""));
    for (int i = 0; i <= SG_MAX_CLASSES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        OK(sg_rows_add(&many, "text", NULL, name, &err));
    }
    struct sg_labels none = {0};
    FAILS(SG_INPUT, "different labels", sg_labels_find("t.jsonl", &many, &none, &err));
    sg_labels_free(&l);
    sg_rows_free(&one);
    sg_rows_free(&train);
    sg_rows_free(&eval);
    sg_rows_free(&many);
    assert_int_equal(sg_mem_now(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorted_and_distinct), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
