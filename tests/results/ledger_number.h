/* What a query of a ledger says; for its tests. */
#ifndef SG_TESTS_RESULTS_LEDGER_NUMBER_H
#define SG_TESTS_RESULTS_LEDGER_NUMBER_H

#include "results/ledger/ledger.h"
#include "tests/base/check.h"

#include <sqlite3.h>

/* The first number of its first row. */
static inline int64_t ledger_number(struct sg_ledger *l, const char *query)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(sg_ledger_handle(l), query, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t x = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return x;
}

#endif
