#include "check.h"

#include "cli/options.h"

static int flag;
static const char *text;
static int64_t count;
static double number;
static const struct sg_option option[] = {
    {"json", SG_OPT_FLAG, NULL, "as JSON", .flag = &flag},
    {"model", SG_OPT_TEXT, "DIR", "a folder", .text = &text, .required = 1, .letter = 'm'},
    {"max-length", SG_OPT_COUNT, "N", "tokens", .count = &count, .min = 5, .max = 100},
    {"max-usd", SG_OPT_NUMBER, "USD", "money", .number = &number},
};
static const struct sg_usage usage = {.command = "work",
                                      .positional = "STUDY",
                                      .n_positional = 1,
                                      .overrides = "key=value",
                                      .option = option,
                                      .n_options = 4};
static const struct sg_usage plain = {.command = "plain", .option = option, .n_options = 1};

/* Splits at blanks; a '_' in a word is a blank of it. */
static int words(const char *line, char *argv[16])
{
    static char copy[500];
    snprintf(copy, sizeof copy, "%s", line);
    int n = 0;
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
        argv[n++] = w;
    return n;
}

static void what_is_understood(void **state)
{
    (void)state;
    static const struct {
        const char *line, *study, *model, *overrides;
        int flag;
        int64_t count;
    } table[] = {
        {"a.yaml --model m", "a.yaml", "m", "", 0, 0},
        {"--model=m a.yaml --json --max-length 5", "a.yaml", "m", "", 1, 5},
        {"--model a=b a.yaml --max-length=100 --max-usd 0", "a.yaml", "a=b", "", 0, 100},
        {"train.epochs=3 a.yaml sizes=[1,2] --model m generator.base_url=", "a.yaml", "m",
         "train.epochs=3 sizes=[1,2] generator.base_url= ", 0, 0},
        {"--model m --model n a.yaml", "a.yaml", "n", "", 0, 0},
        {"--model - ./A=b.yaml", "./A=b.yaml", "-", "", 0, 0},
        {"--model m -- --json", "--json", "m", "", 0, 0},
        {"--model=m=n -", "-", "m=n", "", 0, 0},
        {"-m m a.yaml", "a.yaml", "m", "", 0, 0},
        {"a.yaml --model l -m -", "a.yaml", "-", "", 0, 0},
    };
    for (int i = 0; i < N_OF(table); i++) {
        char *argv[16], overrides[200] = "";
        struct sg_args args;
        flag = 0, count = 0, text = NULL;
        int argc = words(table[i].line, argv);
        OK(sg_options_parse(&usage, argc, argv, &args, &err));
        assert_false(args.help);
        assert_int_equal(args.n_positional, 1);
        assert_string_equal(args.positional[0], table[i].study);
        assert_string_equal(text, table[i].model);
        for (int k = 0; k < args.n_overrides; k++) {
            strcat(overrides, args.override[k]);
            strcat(overrides, " ");
        }
        assert_string_equal(overrides, table[i].overrides);
        assert_int_equal(flag, table[i].flag);
        assert_int_equal(count, table[i].count);
        sg_args_free(&args);
    }
    assert_int_equal(sg_mem_now(), 0);
}

static void what_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } table[] = {
        {"", "work needs STUDY"},
        {"a.yaml", "work needs --model DIR (a folder)"},
        {"a.yaml b.yaml --model m", "\"b.yaml\" is one argument too many"},
        {"a.yaml --modle m", "did you mean --model?"},
        {"a.yaml --max_length=7", "did you mean --max-length?"},
        {"a.yaml --zzzzzzzzzzz", "`synthgrid work --help` lists them"},
        {"a.yaml --hlep", "did you mean --help?"},
        {"a.yaml -j", "two dashes"},
        {"a.yaml --model", "--model needs a value: --model DIR"},
        {"a.yaml --model --json", "--model needs a value"},
        {"a.yaml -m", "--model needs a value"},
        {"a.yaml -mm", "two dashes"},
        {"a.yaml -m=m", "two dashes"},
        {"a.yaml --model=", "DIR is empty"},
        {"a.yaml --json=yes --model m", "--json takes no value"},
        {"a.yaml --model m --max-length 4", "a whole number from 5 to 100"},
        {"a.yaml --model m --max-length 5.5", "a whole number from 5 to 100"},
        {"a.yaml --model m --max-usd -1", "0 or more"},
        {"a.yaml --model m --max-usd nan", "0 or more"},
    };
    for (int i = 0; i < N_OF(table); i++) {
        char *argv[16];
        struct sg_args args = {.n_positional = -7};
        int argc = words(table[i].line, argv);
        FAILS(SG_INPUT, table[i].words, sg_options_parse(&usage, argc, argv, &args, &err));
        assert_int_equal(args.n_positional, -7);
    }
    char *argv[16];
    struct sg_args args;
    int argc = words("train.epochs=3", argv);
    FAILS(SG_INPUT, "too many", sg_options_parse(&plain, argc, argv, &args, &err)); /* takes no overrides */
    assert_int_equal(sg_mem_now(), 0);
}

static void help_asks_for_nothing_else(void **state)
{
    (void)state;
    static const char *const lines[] = {"--help", "-h", "a b c --nonsense --help"};
    for (int i = 0; i < N_OF(lines); i++) {
        char *argv[16];
        struct sg_args args;
        int argc = words(lines[i], argv);
        OK(sg_options_parse(&usage, argc, argv, &args, &err));
        assert_true(args.help);
        sg_args_free(&args);
    }
    char out[2000] = "";
    FILE *f = tmpfile();
    sg_options_help(&usage, f);
    rewind(f);
    assert_true(fread(out, 1, sizeof out - 1, f) > 0);
    fclose(f);
    assert_non_null(strstr(out, "Usage: synthgrid work STUDY --model DIR [options] [key=value ...]"));
    for (int i = 0; i < N_OF(option); i++)
        assert_non_null(strstr(out, option[i].help));
}

static sg_status parse_something(void)
{
    char *argv[16];
    struct sg_args args;
    int argc = words("a.yaml --model m a=b", argv);
    SG_TRY(sg_options_parse(&usage, argc, argv, &args, &err));
    sg_args_free(&args);
    return SG_OK;
}

static void allocations_that_fail(void **state)
{
    (void)state;
    assert_int_equal(fail_each_allocation(parse_something), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_understood),
        cmocka_unit_test(what_is_not),
        cmocka_unit_test(help_asks_for_nothing_else),
        cmocka_unit_test(allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
