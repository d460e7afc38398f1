#include "check.h"

#include "base/text.h"

#include <float.h>
#include <math.h>

static void utf8_validity(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "plain",
                                       "caf\xc3\xa9",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xf0\x9f\x98\x80 ok"};
    static const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "\xc3",             /* cut off */
        "\xc3(",            /* no continuation */
        "\xc0\x80",         /* overlong */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "ok\xe2\x82",
    };
    for (int i = 0; i < N_OF(good); i++)
        assert_true(sg_utf8_valid(good[i], strlen(good[i])));
    for (int i = 0; i < N_OF(bad); i++)
        assert_false(sg_utf8_valid(bad[i], strlen(bad[i])));
    assert_true(sg_utf8_valid("a\0b", 3));
}

static void utf8_there_and_back(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c += c < 0x900 || (c > 0xf000 && c < 0x10100) ? 1 : 977) {
        if (c >= 0xd800 && c < 0xe000)
            continue;
        char bytes[5] = {0};
        int n = sg_utf8_encode(c, bytes);
        uint32_t back = 0;
        assert_true(sg_utf8_valid(bytes, (size_t)n));
        assert_int_equal(sg_utf8_decode(bytes, (size_t)n, &back), n);
        assert_int_equal(back, c);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } row[] = {
        {0, "0 s"},
        {0.4, "0 s"},
        {11.5, "12 s"},
        {59.4, "59 s"},
        {59.6, "1 min 00 s"},
        {185, "3 min 05 s"},
        {3599.5, "1 h 00 min"},
        {3779, "1 h 02 min"},
        {360000, "100 h 00 min"},
        {-3, "0 s"},
        {(double)NAN, "0 s"},
        {(double)INFINITY, "0 s"},
        {999999999.0, "277777 h 46 min"},
        {1e9, "0 s"},
    };
    for (int i = 0; i < N_OF(row); i++) {
        char text[24];
        sg_format_duration(row[i].seconds, text);
        assert_string_equal(text, row[i].text);
    }
}

static void counted_nouns(void **state)
{
    (void)state;
    static const int64_t many[] = {-1, 0, 2, 11, INT64_MAX};
    assert_string_equal(sg_plural(1, "batch is", "batches are"), "batch is");
    for (int i = 0; i < N_OF(many); i++)
        assert_string_equal(sg_plural(many[i], "batch is", "batches are"), "batches are");
}

static void nearest_words(void **state)
{
    (void)state;
    static const char *const words[] = {"plan", "run", "status", "report", "train", "predict", "tokenize"};
    static const struct {
        const char *word;
        int nearest;
    } table[] = {{"traim", 4}, {"Status", 2}, {"predct", 5}, {"tokenise", 6},
                 {"rnu", 1},   {"train", 4},  {"zzzzzz", -1}};
    for (int i = 0; i < N_OF(table); i++)
        assert_int_equal(sg_text_nearest(table[i].word, words, N_OF(words)), table[i].nearest);
    char endless[5000]; /* a word of any length has no near one, and costs no time */
    memset(endless, 'r', sizeof endless);
    endless[sizeof endless - 1] = 0;
    assert_int_equal(sg_text_nearest(endless, words, N_OF(words)), -1);
    assert_int_equal(sg_text_nearest("train", NULL, 0), -1);
}

static void numbers(void **state)
{
    (void)state;
    static const char *const no_int[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "0x10", "1e3", "9223372036854775808", "one"};
    static const char *const no_double[] = {"",   "-",     "nan", "inf", "1e999", " 1",
                                            "1 ", "0x1p3", "1,5", "1-2", "e5"};
    int64_t n = 77;
    double x = 77;
    for (int i = 0; i < N_OF(no_int); i++)
        assert_false(sg_parse_int64(no_int[i], &n));
    for (int i = 0; i < N_OF(no_double); i++)
        assert_false(sg_parse_double(no_double[i], &x));
    assert_true(n == 77 && x == 77);
    assert_true(sg_parse_int64("-9223372036854775808", &n) && n == INT64_MIN);
    assert_true(sg_parse_int64("0042", &n) && n == 42);
    assert_true(sg_parse_double("5.0e-5", &x) && x == 5e-5);
    assert_true(sg_parse_double("-.5", &x) && x == -0.5);

    static const double doubles[] = {0, 1, 0.25, 5e-5, 1.0 / 3, 0.1, DBL_MAX, DBL_MIN, -1e-300};
    char text[32];
    for (int i = 0; i < N_OF(doubles); i++) {
        sg_format_double(doubles[i], text);
        assert_true(sg_parse_double(text, &x) && x == doubles[i]);
    }
    sg_format_double(5e-5, text);
    assert_string_equal(text, "5e-05");
    sg_format_double(0.1, text);
    assert_string_equal(text, "0.1");
}

static void safe_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max;
        const char *wanted;
    } table[] = {
        {"caf\xc3\xa9", 100, "caf\xc3\xa9"},
        {"two\nlines\tand a tab", 100, "two lines and a tab"},
        {"\x1b[31mred\x1b[0m\x7f\a", 100, "?[31mred?[0m??"},
        {"\xc2\x9b"
         "31m",
         100, "?31m"}, /* the one-byte CSI, as UTF-8 */
        {"a\xe2\x80\xae"
         "b\xe2\x81\xa6\xef\xbb\xbf",
         100, "a?b??"},
        {"0123456789", 4, "0123..."},
        {"\xc3\xa9\xc3\xa9\xc3\xa9", 2, "\xc3\xa9\xc3\xa9..."},
        {"cut in two: \xe2\x82", 100, "cut in two: ??"},
        {"", 0, ""},
    };
    for (int i = 0; i < N_OF(table); i++) {
        struct sg_buf b = sg_buf_make(1000);
        sg_buf_safe(&b, table[i].text, table[i].max);
        assert_string_equal(sg_buf_text(&b), table[i].wanted);
        sg_buf_free(&b);
    }
}

static void whole(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"", ""},
                                          {"ab", "ab"},
                                          {"a\xc3\xa9", "a\xc3\xa9"},
                                          {"a\xc3", "a"},
                                          {"a\xe2\x82\xac", "a\xe2\x82\xac"},
                                          {"a\xe2\x82", "a"},
                                          {"\xe2", ""},
                                          {"a\xf0\x9f\x98\x80", "a\xf0\x9f\x98\x80"},
                                          {"a\xf0\x9f\x98", "a"},
                                          {"\xc3\xa9\xf0\x9f", "\xc3\xa9"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char s[20];
        snprintf(s, sizeof s, "%s", rows[i][0]);
        sg_text_whole(s);
        assert_string_equal(s, rows[i][1]);
    }
}

static void trimmed(void **state)
{
    (void)state;
    static const char *const table[][2] = {{"", ""}, {" \t\r\n", ""}, {"  a b \n", "a b"}, {"a", "a"}};
    for (int i = 0; i < N_OF(table); i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", table[i][0]);
        assert_string_equal(sg_text_trim(text), table[i][1]);
    }
}

static void blanks(void **state)
{
    (void)state;
    assert_true(sg_text_is_blank(NULL) && sg_text_is_blank("") && sg_text_is_blank(" \t\r\n"));
    assert_false(sg_text_is_blank("a") || sg_text_is_blank("  .") || sg_text_is_blank("\xc2\xa0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_validity), cmocka_unit_test(utf8_there_and_back),
        cmocka_unit_test(nearest_words), cmocka_unit_test(numbers),
        cmocka_unit_test(safe_text),     cmocka_unit_test(trimmed),
        cmocka_unit_test(durations),     cmocka_unit_test(whole),
        cmocka_unit_test(counted_nouns), cmocka_unit_test(blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
