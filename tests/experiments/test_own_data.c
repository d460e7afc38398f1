/* What a study's rows lack: each finding with its count, and nothing said of rows that are fine. */
#include "base/mem.h"
#include "experiments/run/own_data.h"
#include "results/ledger/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

static char good[] = "good", bad[] = "bad", odd[] = "odd", mine[] = "mine";
static struct sg_class classes[] = {{good, good}, {bad, bad}, {odd, odd}};
static struct sg_task task = {.name = mine, .n_classes = 3, .class_ = classes};

struct text {
    const char *first, *second;
    int label;
};

static void fill(struct sg_rows *rows, int32_t **label, const struct text *text, int n)
{
    struct sg_err err = {0};
    *label = sg_alloc((size_t)n + 1, sizeof **label);
    for (int i = 0; i < n; i++) {
        assert_int_equal(sg_rows_add(rows, text[i].first, text[i].second, classes[text[i].label].name, &err),
                         SG_OK);
        (*label)[i] = text[i].label;
    }
}

/* What is said of these rows; new memory. */
static char *look(const struct text *train, int n_train, const struct text *test, int n_test,
                  struct sg_study *s)
{
    struct sg_task_data d = {0};
    struct sg_err err = {0};
    struct sg_buf out = sg_buf_make(1 << 16);
    fill(&d.train, &d.train_label, train, n_train);
    fill(&d.test, &d.test_label, test, n_test);
    s->n_tasks = 1;
    s->task = &task;
    assert_int_equal(sg_own_data_look(s, &d, &out, &err), SG_OK);
    sg_task_data_free(&d);
    return sg_buf_take(&out);
}

#define N(x) (int)(sizeof(x) / sizeof *(x))

static const struct text fine[] = {{"the lamp shines on the quiet table", NULL, 0},
                                   {"rain fell all day on the harbour", NULL, 1},
                                   {"a clock without hands hangs there", NULL, 2}},
                         fine_test[] = {{"snow covers the old road tonight", NULL, 0},
                                        {"no boat left before the morning", NULL, 1},
                                        {"the green door opens by itself", NULL, 2}};

static void nothing_is_said_of_good_rows(void **state)
{
    (void)state;
    struct sg_study s = {.seeds_data = 1};
    char *said = look(fine, N(fine), fine_test, N(fine_test), &s);
    assert_true(!said || !said[0]);
    sg_free(said);
}

static void each_finding_is_counted(void **state)
{
    (void)state;
    static const struct text train[] = {
        {"one fine film of the year and all of its songs", NULL, 0},
        {"one fine film of the year and all of its songs", NULL, 0},
        {"one fine film of the year and all of its songs", NULL, 1},
        {"  ", NULL, 0},
        {"the second half drags on without any end in sight for us", NULL, 1},
        {"the same", "but for the second", 0},
    };
    static const struct text test[] = {
        {"one fine film of the year and all of its songs", NULL, 0},
        {"the second half drags on without any end in sight for us all", NULL, 1},
        {"the same", "and not the second", 0},
        {"twice here", NULL, 0},
        {"twice here", NULL, 0},
        {"", NULL, 1},
    };
    int64_t raw[] = {3, 6};
    struct sg_study s = {.seeds_data = 3, .n_raw = 2, .raw = raw};
    char *said = look(train, N(train), test, N(test), &s);
    static const char *const words[] = {
        "mine: 1 of 6 test rows are also a training row, word for word",
        "mine: 1 of 6 training rows repeats an earlier one",
        "mine: 1 training row has the text of an earlier one under another label",
        "mine: 1 of 6 test rows repeats an earlier one",
        "mine: 1 more test row is nearly a training row",
        "mine: 1 training row has an empty text",
        "mine: 1 test row has an empty text",
        "mine: no training row of class odd",
        "mine: no test row of class odd",
        "mine: seeds.data: 3 draws of 6 raw rows are the same rows each time",
    };
    for (int i = 0; i < N(words); i++)
        if (!strstr(said, words[i]))
            fail_msg("no '%s' in:\n%s", words[i], said);
    int n_lines = 0;
    for (const char *p = said; (p = strchr(p, '\n')); p++)
        n_lines++;
    assert_int_equal(n_lines, N(words));
    sg_free(said);
}

static void the_same_file_twice(void **state)
{
    (void)state;
    struct sg_study s = {.seeds_data = 1};
    char *said = look(fine, N(fine), fine, N(fine), &s);
    assert_non_null(strstr(said, "mine: training and test rows are the same (3 of 3)"));
    sg_free(said);
}

/* Very unequal classes. */
static void unequal_classes(void **state)
{
    (void)state;
    struct text train[14];
    char room[14][60];
    for (int i = 0; i < 14; i++) {
        snprintf(room[i], sizeof room[i], "%d%c text %d of its own number %d", i, 'a' + i, 7 * i, i * i);
        train[i] = (struct text){room[i], NULL, i < 10 ? 0 : i < 12 ? 1 : 2};
    }
    static const struct text test[] = {{"a b c d", NULL, 0}, {"e f g h", NULL, 1}, {"i j k l", NULL, 2}};
    struct sg_study s = {.seeds_data = 1};
    char *said = look(train, 14, test, 3, &s);
    assert_non_null(strstr(said, "mine: the classes are unequal: 2 training rows of bad, 10 of good"));
    sg_free(said);
}

/* Many rows: exact repetition is found, near repetition is said not to have been looked for. */
static void many_rows(void **state)
{
    (void)state;
    enum { MANY = 30000 };
    struct text *train = calloc(MANY, sizeof *train);
    char(*room)[40] = calloc(MANY, sizeof *room);
    for (int i = 0; i < MANY; i++) {
        snprintf(room[i], sizeof room[i], "row number %d of many", i % (MANY - 5));
        train[i] = (struct text){room[i], NULL, i % 3};
    }
    struct sg_study s = {.seeds_data = 1};
    char *said = look(train, MANY, fine_test, N(fine_test), &s);
    assert_non_null(strstr(said, "repeat"));
    assert_non_null(
        strstr(said, "mine: 30003 rows: test rows that nearly repeat a training row were not looked for"));
    sg_free(said);
    free(train);
    free(room);
}

/* A run says it once, and again when it is something else. */
static void a_run_says_it_once(void **state)
{
    (void)state;
    struct sg_err err = {0};
    struct sg_ledger *l = NULL;
    struct sg_study s = {.seeds_data = 1, .n_tasks = 1, .task = &task};
    struct sg_task_data d = {0};
    char *before = NULL, *after = NULL;
    fill(&d.train, &d.train_label, fine, N(fine));
    fill(&d.test, &d.test_label, fine, N(fine));
    assert_int_equal(sg_ledger_open("told", SG_LEDGER_WRITE, &l, &err), SG_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sg_own_data_tell(&s, &d, l, &err), SG_OK);
    assert_int_equal(sg_ledger_meta_get(l, "run_data_told", &before, &err), SG_OK);
    assert_non_null(before);
    sg_rows_free(&d.test);
    sg_free(d.test_label);
    fill(&d.test, &d.test_label, fine_test, 2);
    assert_int_equal(sg_own_data_tell(&s, &d, l, &err), SG_OK);
    assert_int_equal(sg_ledger_meta_get(l, "run_data_told", &after, &err), SG_OK);
    assert_string_not_equal(before, after);
    sg_free(before);
    sg_free(after);
    sg_ledger_close(l);
    sg_task_data_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_of_good_rows),
        cmocka_unit_test(each_finding_is_counted),
        cmocka_unit_test(unequal_classes),
        cmocka_unit_test(the_same_file_twice),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(a_run_says_it_once),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
