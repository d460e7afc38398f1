/* tests/oracle/statistics.json, made by tests/oracle/make_statistics.py, for the tests that compare with it. */
#ifndef SG_TESTS_STATISTICS_ORACLE_H
#define SG_TESTS_STATISTICS_ORACLE_H

#include "base/file.h"
#include "base/mem.h"

#include <jansson.h>
#include <math.h>

static json_t *oracle;

static json_t *oracle_of(const char *name)
{
    return json_object_get(oracle, name);
}

static double number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static double at(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

static void near(double found, double expected, double tolerance, const char *what, size_t i)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s, case %zu: %.17g instead of %.17g", what, i, found, expected);
}

static int setup(void **state)
{
    (void)state;
    char *text = NULL;
    struct sg_err err;
    if (sg_file_read("tests/oracle/statistics.json", 1 << 24, &text, NULL, &err) != SG_OK)
        return -1;
    oracle = json_loads(text, 0, NULL);
    sg_free(text);
    return oracle ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(oracle);
    return sg_mem_now() ? -1 : 0;
}

#endif
