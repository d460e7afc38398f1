#include "tests/base/check.h"

#include "slurm/site.h"

/* Slurm's ways to write a time, and what is none. */
static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* 0: none */
    } row[] = {
        {"90", 5400},      {"1:30", 90},          {"2:00:00", 7200}, {"1-0", 86400}, {"1-2", 93600},
        {"1-2:30", 95400}, {"1-02:30:15", 95415}, {"0:00:01", 1},    {"", 0},        {"0", 0},
        {"soon", 0},       {"1:2:3:4", 0},        {"-5", 0},         {"1-", 0},      {"1:", 0},
        {":1", 0},         {"1-2-3", 0},          {"1.5", 0},        {" 5", 0},      {"12345678901", 0},
        {"1-2:3:4:5", 0},  {"UNLIMITED", 0}};
    for (int i = 0; i < N_OF(row); i++) {
        int64_t seconds = 0;
        int good = sg_time_parse(row[i].text, &seconds);
        if (good != (row[i].seconds > 0) || (good && seconds != row[i].seconds))
            fail_msg("\"%s\": %d, %lld s", row[i].text, good, (long long)seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
