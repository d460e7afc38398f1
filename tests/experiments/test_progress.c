#include "scratch.h"

#include "base/file.h"
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

/* A row a rank, in the sealed part of the file; names may be any bytes. */
static void test_rows_of_ranks(void **state)
{
    (void)state;
    static const struct sg_progress_rank row[] = {
        {.rank = 0, .n_team = 2, .host = "n\xff", .work = "sst2 zero_shot", .cell = "abc", .work_s = 1.5},
        {.rank = 1, .n_team = 2, .host = "n2", .n_in_flight = 7}};
    struct sg_progress p = {.study = "small",
                            .phase = "training",
                            .message = "",
                            .n_ranks = 10000,
                            .n_busy = 9000,
                            .n_in_flight = 7,
                            .n_ranks_shown = 2,
                            .rank = row};
    struct sg_err err = {0};
    char seal[SG_HEX];
    if (sg_progress_write(&p, ".", 1, &err) != SG_OK)
        fail_msg("%s", err.text);
    json_t *o = json_load_file("status.json", 0, NULL), *list = json_object_get(o, "ranks"),
           *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(json_integer_value(json_object_get(o, "n_ranks_busy")), 9000);
    assert_int_equal(json_integer_value(json_object_get(o, "n_in_flight")), 7);
    assert_string_equal(json_string_value(json_object_get(first, "host")), "n?");
    assert_string_equal(json_string_value(json_object_get(first, "cell")), "abc");
    assert_true(json_number_value(json_object_get(first, "work_s")) == 1.5);
    assert_int_equal(json_integer_value(json_object_get(second, "team")), 0);
    assert_int_equal(json_integer_value(json_object_get(second, "n_in_flight")), 7);
    assert_true(sg_progress_seal(o, seal));
    assert_string_equal(seal, json_string_value(json_object_get(o, "sha256")));
    json_object_set_new(first, "work", json_string("nothing"));
    assert_true(sg_progress_seal(o, seal));
    assert_string_not_equal(seal, json_string_value(json_object_get(o, "sha256")));
    json_decref(o);
}

static double written_elapsed_s(char phase[20])
{
    json_t *o = json_load_file("status.json", 0, NULL);
    snprintf(phase, 20, "%s", json_string_value(json_object_get(o, "phase")));
    double s = json_number_value(json_object_get(o, "elapsed_s"));
    json_decref(o);
    return s;
}

/* A phase in which the caller is busy: its time goes on in status.json, and stands still after its end. */
static void test_phase_without_turns(void **state)
{
    (void)state;
    struct sg_progress p = {.study = "small", .phase = "diversity", .eta_s = -1, .message = ""};
    struct sg_progress_keeper *k = NULL;
    struct sg_err err = {0};
    char phase[20];
    double before, after = -1;
    sg_progress_every_s = 0.01;
    if (sg_progress_write(&p, ".", 1, &err) != SG_OK ||
        sg_progress_keep(&p, ".", sg_now_s() - 100, 1, &k, &err) != SG_OK)
        fail_msg("%s", err.text);
    while ((before = written_elapsed_s(phase)) < 100)
        sg_sleep_us(1000);
    while ((after = written_elapsed_s(phase)) <= before)
        sg_sleep_us(1000);
    assert_string_equal(phase, "diversity");
    sg_progress_keep_end(k);
    sg_progress_keep_end(NULL);
    after = written_elapsed_s(phase);
    sg_sleep_us(150000);
    assert_true(written_elapsed_s(phase) == after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_message_of_any_bytes),
                                       cmocka_unit_test(test_no_folder), cmocka_unit_test(test_rows_of_ranks),
                                       cmocka_unit_test(test_time_left),
                                       cmocka_unit_test(test_phase_without_turns)};
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
