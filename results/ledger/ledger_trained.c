#include "results/ledger/ledger_trained.h"

#include "results/ledger/ledger_impl.h"

#include <stdio.h>
#include <string.h>

static void copy_column(sqlite3_stmt *s, int i, char *out, size_t n)
{
    const char *text = (const char *)sqlite3_column_text(s, i);
    snprintf(out, n, "%s", text ? text : "");
}

sg_status sg_ledger_cell_trained(struct sg_ledger *l, const char *id, struct sg_ledger_trained *out,
                                 struct sg_err *err)
{
    sqlite3_stmt *s;
    struct sg_ledger_trained t = {.n_synthetic = -1};
    SG_TRY(sg_ledger_use(l, SQL_CELL_TRAINED, &s, err));
    sg_ledger_bind_text(s, 1, id);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        copy_column(s, 0, t.status, sizeof t.status);
        copy_column(s, 1, t.rows, sizeof t.rows);
        copy_column(s, 2, t.examples, sizeof t.examples);
        if (sqlite3_column_type(s, 3) == SQLITE_INTEGER)
            t.n_synthetic = sqlite3_column_int64(s, 3);
        copy_column(s, 4, t.weights, sizeof t.weights);
        copy_column(s, 5, t.rounding, sizeof t.rounding);
        copy_column(s, 6, t.program, sizeof t.program);
        copy_column(s, 7, t.verdicts, sizeof t.verdicts);
    }
    sg_status status = rc == SQLITE_ROW || rc == SQLITE_DONE ? SG_OK : sg_ledger_fail(l, "a cell", err);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    if (status == SG_OK)
        *out = t;
    return status;
}

sg_status sg_ledger_cell_trained_set(struct sg_ledger *l, const char *id, const char *rows,
                                     const char *examples, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_CELL_EXAMPLES_SET, &s, err));
    sg_ledger_bind_text(s, 1, id);
    sg_ledger_bind_text(s, 2, rows);
    sg_ledger_bind_text(s, 3, examples);
    return sg_ledger_step(l, s, "what a cell was trained on", err);
}

static sg_status run_for(struct sg_ledger *l, enum sg_ledger_sql which, const char *id, const char *what,
                         struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, which, &s, err));
    sg_ledger_bind_text(s, 1, id);
    return sg_ledger_step(l, s, what, err);
}

static sg_status reset(struct sg_ledger *l, const char *id, struct sg_err *err)
{
    SG_TRY(run_for(l, SQL_CELL_RESET, id, "a cell that is planned again", err));
    SG_TRY(run_for(l, SQL_PREDICTIONS_CLEAR, id, "an earlier result", err));
    SG_TRY(run_for(l, SQL_SET_PREDICTIONS_CLEAR, id, "an earlier result", err));
    return run_for(l, SQL_CURVE_CLEAR, id, "an earlier result", err);
}

sg_status sg_ledger_cell_reset(struct sg_ledger *l, const char *id, struct sg_err *err)
{
    SG_TRY(sg_ledger_save(l, err));
    return sg_ledger_keep(l, reset(l, id, err), err);
}

sg_status sg_ledger_examples_digest(struct sg_ledger *l, const char *pool, int64_t n, char hex[SG_HEX],
                                    struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, SQL_EXAMPLES_FIRST, &s, err));
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    sg_ledger_bind_text(s, 1, pool);
    sqlite3_bind_int64(s, 2, n);
    int64_t n_found = 0;
    int rc;
    for (; (rc = sqlite3_step(s)) == SQLITE_ROW; n_found++)
        sg_example_digest_add(h, sqlite3_column_int64(s, 0), (const char *)sqlite3_column_text(s, 1),
                              (const char *)sqlite3_column_text(s, 2));
    sg_status status = rc == SQLITE_DONE ? SG_OK : sg_ledger_fail(l, "a pool's examples", err);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    sg_sha256_finish_hex(h, hex);
    if (n_found < n)
        hex[0] = 0;
    return status;
}

sg_status sg_ledger_diversity_clear(struct sg_ledger *l, const char *pool, struct sg_err *err)
{
    SG_TRY(sg_ledger_begin(l, err));
    return run_for(l, SQL_DIVERSITY_CLEAR, pool, "a pool's diversity", err);
}
