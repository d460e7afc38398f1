#include "base/build.h"
#include "base/sha256.h"
#include "tests/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As binutils reads it, where they are installed. */
static void is_what_readelf_reads(void **state)
{
    (void)state;
    char line[300], expected[200] = "";
    FILE *f = popen("readelf -n /proc/$PPID/exe 2>/dev/null", "r");
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, "Build ID:"))
            sscanf(strstr(line, "Build ID:"), "Build ID: %199s", expected);
    if (f)
        pclose(f);
    assert_true(strlen(sg_build_id()) >= 16);
    assert_int_equal(strspn(sg_build_id(), "0123456789abcdef"), strlen(sg_build_id()));
    if (expected[0])
        assert_string_equal(sg_build_id(), expected);
    assert_ptr_equal(sg_build_id(), sg_build_id());
}

static void name_holds_it(void **state)
{
    (void)state;
    char begin[20];
    snprintf(begin, sizeof begin, "build %.12s)", sg_build_id());
    assert_non_null(strstr(sg_build_name(), begin));
    assert_int_equal(strncmp(sg_build_name(), "synthgrid ", 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_what_readelf_reads),
                                       cmocka_unit_test(name_holds_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
