/* A folder of its own for a test group, as its state; and what every test of cmocka includes. */
#ifndef SG_TESTS_MODEL_TEMP_H
#define SG_TESTS_MODEL_TEMP_H

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static inline int temp_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    char *dir = malloc(4096);
    if (!dir)
        return -1;
    snprintf(dir, 4096, "%s/sg_test_XXXXXX", base ? base : "/tmp");
    *state = mkdtemp(dir);
    return *state ? 0 : -1;
}

static inline int temp_teardown(void **state)
{
    char command[4200];
    snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
    int status = system(command);
    free(*state);
    return status;
}

/* Free with sg_free. */
static inline char *temp_path(void *dir, const char *name)
{
    char *path = sg_path_join(dir, name);
    assert_non_null(path);
    return path;
}

#endif
