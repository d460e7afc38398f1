#include "scratch.h"

#include "experiments/run/progress.h"

#include <jansson.h>

/* Linux's paths are bytes, and the sentence of an error may hold one; JSON is UTF-8. */
static void test_message_of_any_bytes(void **state)
{
    (void)state;
    static const char *const row[][2] = {
        {"", ""},
        {"caf\xc3\xa9: no such file", "caf\xc3\xa9: no such file"},
        {"caf\xe9/results: no such file", "caf?/results: no such file"},
        {"cut in a character \xe2\x82", "cut in a character ??"},
        {"two\nlines \x1b[31m", "two lines ?[31m"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_progress p = {
            .study = "small", .phase = "stopped", .n_cells = 7, .eta_s = -1, .message = row[i][0]};
        struct sg_err err = {0};
        if (sg_progress_write(&p, ".", 1, &err) != SG_OK)
            fail_msg("%s", err.text);
        json_t *o = json_load_file("status.json", 0, NULL);
        assert_string_equal(json_string_value(json_object_get(o, "message")), row[i][1]);
        assert_string_equal(json_string_value(json_object_get(o, "phase")), "stopped");
        assert_int_equal(json_integer_value(json_object_get(o, "n_cells")), 7);
        json_decref(o);
    }
}

/* That the folder cannot be written is said, and of which file. */
static void test_no_folder(void **state)
{
    (void)state;
    struct sg_progress p = {.study = "small", .phase = "done", .message = ""};
    struct sg_err err = {0};
    assert_int_equal(sg_progress_write(&p, "nowhere", 1, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "nowhere/status.json"));
}

/* With a slow server it is what is left to buy that counts. */
static void test_time_left(void **state)
{
    (void)state;
    static const struct {
        int64_t n_bought, n_left;
        double training_s, left_s;
    } row[] = {{0, 0, 7, 7},    {0, 0, -1, -1},  {0, 5, 7, -1}, {10, 5, 7, 30},
               {10, 5, -1, 30}, {10, 5, 99, 99}, {10, 0, 7, 7}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_progress p = {
            .n_completions = row[i].n_bought, .n_requests_left = row[i].n_left, .elapsed_s = 60};
        assert_true(sg_progress_eta_s(&p, row[i].training_s) == row[i].left_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_message_of_any_bytes),
                                       cmocka_unit_test(test_no_folder), cmocka_unit_test(test_time_left)};
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
