#include "check.h"

#include "base/backoff.h"

#include <math.h>

static void doubles_up_to_the_ceiling(void **state)
{
    (void)state;
    static const struct sg_backoff b = {.first_s = 0.5, .factor = 2, .most_s = 60, .jitter = 1};
    static const double s[] = {0.5, 1, 2, 4, 8, 16, 32, 60, 60};
    for (int i = 0; i < (int)(sizeof s / sizeof s[0]); i++)
        assert_true(sg_backoff_s(&b, i, NULL) == s[i]); /* no numbers to draw: no jitter */
    assert_true(sg_backoff_s(&b, INT64_MAX, NULL) == 60);
}

/* The delays of many fill what jitter leaves them, from the least to the longest. */
static void jitter(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.5, 1};
    for (int k = 0; k < 3; k++) {
        struct sg_backoff b = {.first_s = 1, .factor = 2, .most_s = 60, .jitter = shares[k]};
        struct sg_rng r = sg_rng_make(1, (uint64_t)k);
        double least = 8 * (1 - shares[k]), low = HUGE_VAL, high = 0;
        for (int i = 0; i < 2000; i++) {
            double s = sg_backoff_s(&b, 3, &r);
            low = fmin(low, s);
            high = fmax(high, s);
        }
        assert_true(low >= least && low <= least + 0.05 * 8 && high <= 8 && high >= 0.95 * 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(doubles_up_to_the_ceiling), cmocka_unit_test(jitter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
