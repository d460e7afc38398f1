#include "check.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_t *o = NULL;
    assert_int_equal(sg_json_parse(text, strlen(text), "f.json", &o, &err), SG_OK);
    return o;
}

static const char all[] =
    "{\"text\": \"a\", \"int\": 7, \"real\": 1.5, \"yes\": true, \"none\": null, \"list\": []}";

static void lenient_readers_fall_back(void **state)
{
    (void)state;
    json_t *o = parse(all);
    static const char *const no_text[] = {"int", "real", "yes", "none", "list", "absent"};
    assert_string_equal(sg_json_text_or(o, "text", "x"), "a");
    for (size_t i = 0; i < sizeof no_text / sizeof no_text[0]; i++) {
        assert_string_equal(sg_json_text_or(o, no_text[i], "x"), "x");
        assert_null(sg_json_text_or(o, no_text[i], NULL));
    }
    static const char *const no_int[] = {"text", "real", "yes", "none", "list", "absent"};
    assert_int_equal(sg_json_int_or(o, "int", -1), 7);
    for (size_t i = 0; i < sizeof no_int / sizeof no_int[0]; i++)
        assert_int_equal(sg_json_int_or(o, no_int[i], -1), -1);
    assert_true(sg_json_number_or(o, "real", 0) == 1.5 && sg_json_number_or(o, "int", 0) == 7);
    static const char *const no_number[] = {"text", "yes", "none", "list", "absent"};
    for (size_t i = 0; i < sizeof no_number / sizeof no_number[0]; i++)
        assert_true(isnan(sg_json_number_or(o, no_number[i], (double)NAN)));
    json_decref(o);
    assert_string_equal(sg_json_text_or(NULL, "text", "x"), "x");
    assert_int_equal(sg_json_int_or(NULL, "int", 3), 3);
    assert_true(sg_json_number_or(NULL, "int", 3) == 3);
}

static void strict_readers_take_what_is_missing(void **state)
{
    (void)state;
    json_t *o = parse(all);
    static const char *const missing[] = {"none", "absent"};
    for (int i = 0; i < 2; i++) {
        const char *text = NULL;
        int64_t n;
        double x;
        int yes;
        assert_int_equal(sg_json_text(o, missing[i], "m", "f", &text, &err), SG_OK);
        assert_int_equal(sg_json_int(o, missing[i], 5, 0, 9, "f", &n, &err), SG_OK);
        assert_int_equal(sg_json_number(o, missing[i], 0.5, "f", &x, &err), SG_OK);
        assert_int_equal(sg_json_bool(o, missing[i], 1, "f", &yes, &err), SG_OK);
        assert_string_equal(text, "m");
        assert_true(n == 5 && x == 0.5 && yes == 1);
    }
    json_decref(o);
}

static void strict_readers_name_file_and_key(void **state)
{
    (void)state;
    json_t *o = parse(all);
    const char *text = "as it was";
    int64_t n = 42;
    double x = 42;
    int yes = 42;
    assert_int_equal(sg_json_text(o, "int", NULL, "f", &text, &err), SG_INPUT);
    assert_string_equal(err.text, "f: \"int\" must be a text");
    assert_int_equal(sg_json_int(o, "real", 5, 0, 9, "f", &n, &err), SG_INPUT);
    assert_string_equal(err.text, "f: \"real\" must be a whole number");
    assert_int_equal(sg_json_int(o, "int", 5, 0, 6, "f", &n, &err), SG_INPUT);
    assert_string_equal(err.text, "f: \"int\" is 7, but must be from 0 to 6");
    assert_int_equal(sg_json_int(o, "absent", -1, 0, 6, "f", &n, &err),
                     SG_INPUT); /* so a member can be required */
    assert_int_equal(sg_json_number(o, "yes", 5, "f", &x, &err), SG_INPUT);
    assert_string_equal(err.text, "f: \"yes\" must be a number");
    assert_int_equal(sg_json_bool(o, "text", 5, "f", &yes, &err), SG_INPUT);
    assert_string_equal(err.text, "f: \"text\" must be true or false");
    assert_string_equal(text, "as it was");
    assert_true(n == 42 && x == 42 && yes == 42);
    json_decref(o);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {{"{\"a\": 1, \"a\": 2}", "duplicate"},
                 {"[1]", "must be a JSON object"},
                 {"{", "f.json:1: not JSON"},
                 {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"}};
    json_t *o = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(sg_json_parse(cases[i].text, strlen(cases[i].text), "f.json", &o, &err), SG_INPUT);
        assert_non_null(strstr(err.text, cases[i].why));
    }
    assert_int_equal(sg_json_parse("{}\0", 3, "f.json", &o, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "NUL"));
    assert_null(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lenient_readers_fall_back),
        cmocka_unit_test(strict_readers_take_what_is_missing),
        cmocka_unit_test(strict_readers_name_file_and_key),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
