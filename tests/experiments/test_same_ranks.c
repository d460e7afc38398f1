#include "scratch.h"

#include "experiments/run/same_ranks.h"

static void test_differ(void **state)
{
    (void)state;
    static const struct {
        const char *mine, *theirs, *expected;
    } row[] = {
        {"", "", ""},
        {"a\t1\n", "a\t1\n", ""},
        {"a\t1\nb\t2\n", "b\t2\na\t1\n", ""},
        {"a\t1\n", "a\t2\n", "a"},
        {"a\t1\n", "a\t11\n", "a"},
        {"a\t11\n", "a\t1\n", "a"},
        {"a\t1\nb\t2\nc\t3\n", "a\t1\nb\t9\nc\t8\n", "b, c"},
        {"a\t1\n", "a\t1\nvocab.txt\t3\n", "vocab.txt"},
        {"a\t1\nvocab.txt\t3\n", "a\t1\n", "vocab.txt"},
        {"the program (x)\t1\n", "the program (y)\t2\n", "the program (x), the program (y)"},
        {"a b\t1\n", "a\tb\t1\n", "a b, a"},
        {"aa\t1\na\t2\n", "a\t2\naa\t1\n", ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sg_buf b = sg_buf_make(1000);
        sg_same_ranks_differ(row[i].mine, row[i].theirs, &b);
        assert_string_equal(sg_buf_text(&b), row[i].expected);
        sg_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
