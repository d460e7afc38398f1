/* Files of rows written into the scratch folder, and what is read of them: for test_rows*.c. */
#ifndef SG_TESTS_BASE_ROWS_CHECK_H
#define SG_TESTS_BASE_ROWS_CHECK_H

#include "check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rows.h"
#include "tests/results/scratch.h"

#include <string.h>

static inline const char *put_bytes(const char *name, const char *bytes, size_t n)
{
    const char *path = in_scratch(name);
    OK(sg_file_write(path, bytes, n, &err));
    return path;
}

static inline const char *put(const char *name, const char *text)
{
    return put_bytes(name, text, strlen(text));
}

/* "first|second|label" each, '-' for NULL. */
static inline void check(const struct sg_rows *rows, const char *wanted)
{
    char text[4000] = "";
    for (int64_t i = 0; i < rows->n; i++) {
        const struct sg_row *r = &rows->row[i];
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s|%s|%s\n", r->first, r->second ? r->second : "-",
                 r->label ? r->label : "-");
    }
    assert_string_equal(text, wanted);
}

static inline int start(void **state)
{
    (void)state;
    return scratch_make();
}

static inline int stop(void **state)
{
    (void)state;
    scratch_remove(scratch);
    return sg_mem_now() != 0; /* something leaked */
}

#endif
