#include "check.h"

#include "cli/labels.h"
#include "results/stats/metrics.h"

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

/* Numbers and booleans that are otherwise written are the same label; two of them in the training rows are refused. */
static void written_otherwise(void **state)
{
    (void)state;
    static const char *const trained[] = {"0.0", "1.0", "true"}, *const measured[] = {"1", "0", "True"},
                             *const both[] = {"1", "1.0"};
    struct sg_rows train = rows_of(3, trained), eval = rows_of(3, measured), two = rows_of(2, both);
    struct sg_labels l;
    int32_t index[3];
    OK(sg_labels_find("t.jsonl", &train, &l, &err));
    OK(sg_labels_index(&l, "e.jsonl", &eval, index, &err));
    assert_int_equal(index[0], 1);
    assert_int_equal(index[1], 0);
    assert_int_equal(index[2], 2);
    sg_labels_free(&l);
    FAILS(SG_INPUT, "t.jsonl: labels \"1\" and \"1.0\" are one; hint: write them alike",
          sg_labels_find("t.jsonl", &two, &l, &err));
    sg_rows_free(&train);
    sg_rows_free(&eval);
    sg_rows_free(&two);
}

static void alike(void **state)
{
    (void)state;
    static const char *const twins[] = {"joy", "Joy", "fear"}, *const others[] = {"joy", "fear", "a"};
    for (int i = 0; i < 2; i++) {
        struct sg_rows rows = rows_of(3, i ? others : twins);
        struct sg_labels l;
        OK(sg_labels_find("t.jsonl", &rows, &l, &err));
        sg_labels_note_alike(&l, "t.jsonl", &rows);
        if (i)
            assert_null(rows.notes);
        else
            assert_non_null(strstr(rows.notes, "labels \"Joy\" and \"joy\" differ in case alone"));
        sg_labels_free(&l);
        sg_rows_free(&rows);
    }
}

/* What -1 and "-" are beside other labels. */
static void no_gold_label(void **state)
{
    (void)state;
    static const struct {
        const char *label[6];
        int n_left; /* 0: refused */
        const char *note;
    } rows[] = {
        {{"0", "1", "2", "-1", "0"}, 4, "1 of 5 rows have the label -1, no gold label, and are left out"},
        {{"0.0", "1.0", "2.0", "-1.0"}, 3, "have the label -1.0"},
        {{"entailment", "neutral", "-"}, 2, "have the label -"},
        {{"yes", "no", "-1"}, 2, "left out"},
        {{"-1", "1"}, 2, NULL},
        {{"+", "-"}, 2, NULL},
        {{"+1", "-1", "+1"}, 3, NULL},
        {{"-1", "0", "1"}, 3, "label -1 is read as a class beside the others"},
        {{"-2", "-1", "0", "1", "2"}, 5, NULL},
        {{"-1", "5", "9"}, 3, NULL},
        {{"-1", "-1"}, 0, "t.jsonl: all 2 rows have the label -1, which says that there is none"},
        {{"-", "-"}, 0, "all 2 rows have the label -,"},
    };
    for (int i = 0; i < N_OF(rows); i++) {
        int n = 0;
        while (rows[i].label[n])
            n++;
        struct sg_rows r = rows_of(n, rows[i].label);
        if (!rows[i].n_left) {
            FAILS(SG_INPUT, rows[i].note, sg_labels_drop_none(NULL, "t.jsonl", &r, &err));
        } else {
            OK(sg_labels_drop_none(NULL, "t.jsonl", &r, &err));
            if (r.n != rows[i].n_left ||
                (rows[i].note ? !r.notes || !strstr(r.notes, rows[i].note) : r.notes != NULL))
                fail_msg("case %d: %d rows, %s", i, (int)r.n, r.notes ? r.notes : "no note");
        }
        sg_rows_free(&r);
    }
    /* Rows to measure on follow the training rows. */
    static const char *const trained[] = {"-1", "1"}, *const measured[] = {"1", "-1"};
    struct sg_rows train = rows_of(2, trained), eval = rows_of(2, measured);
    struct sg_labels l;
    OK(sg_labels_find("t.jsonl", &train, &l, &err));
    OK(sg_labels_drop_none(&l, "e.jsonl", &eval, &err));
    assert_int_equal(eval.n, 2);
    sg_labels_free(&l);
    sg_rows_free(&train);
    sg_rows_free(&eval);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorted_and_distinct),
                                       cmocka_unit_test(written_otherwise), cmocka_unit_test(alike),
                                       cmocka_unit_test(no_gold_label), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
