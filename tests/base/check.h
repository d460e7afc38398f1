/* What the tests of base/ share. */
#ifndef SG_TESTS_BASE_CHECK_H
#define SG_TESTS_BASE_CHECK_H

#include "base/err.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct sg_err err;

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) != SG_OK)                                                                                 \
            fail_msg("%s: %s", #call, err.text);                                                             \
    } while (0)

/* The call fails with this status, and its sentence holds these words. */
#define FAILS(wanted, words, call)                                                                           \
    do {                                                                                                     \
        err.text[0] = 0;                                                                                     \
        assert_int_equal(call, wanted);                                                                      \
        if (!strstr(err.text, words))                                                                        \
            fail_msg("%s: no '%s' in: %s", #call, words, err.text);                                          \
    } while (0)

#define N_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* Runs `attempt` with its first, second, ... allocation failing until it needs no more. Each failure must be
 * reported as SG_FAILED, and leave nothing behind. Returns how many allocations there were. */
static inline int fail_each_allocation(sg_status (*attempt)(void))
{
    size_t before = sg_mem_now();
    for (int n = 1;; n++) {
        sg_mem_fail_at(n);
        sg_status status = attempt();
        int fired = sg_mem_fail_at(0);
        assert_int_equal(sg_mem_now(), before);
        if (!fired) {
            assert_int_equal(status, SG_OK);
            return n - 1;
        }
        assert_int_equal(status, SG_FAILED);
        assert_non_null(strstr(err.text, "memory"));
    }
}

#endif
