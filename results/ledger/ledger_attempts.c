#include "results/ledger/ledger_attempts.h"

#include "base/file.h"
#include "results/ledger/ledger_impl.h"

static void bind_count(sqlite3_stmt *s, int at, int64_t n)
{
    if (n >= 0)
        sqlite3_bind_int64(s, at, n);
    else
        sqlite3_bind_null(s, at);
}

/* Parameters 1 to 11: what came of it. */
static void bind_end(sqlite3_stmt *s, const struct sg_ledger_attempt *a)
{
    int at = 1;
    sqlite3_bind_int(s, at++, a->settled);
    sg_ledger_bind_text(s, at++, a->kind);
    sg_ledger_bind_text(s, at++, a->outcome);
    sqlite3_bind_int(s, at++, a->http_status);
    sg_ledger_bind_text(s, at++, a->reason);
    bind_count(s, at++, a->tokens_in);
    bind_count(s, at++, a->tokens_out);
    sg_ledger_bind_known(s, at++, a->cost_usd);
    sg_ledger_bind_known(s, at++, a->latency_s);
    sg_ledger_bind_text(s, at++, a->request_id);
    sg_ledger_bind_text(s, at, a->model);
}

sg_status sg_ledger_attempt_put(struct sg_ledger *l, const struct sg_ledger_attempt *a, int64_t *id,
                                struct sg_err *err)
{
    sqlite3_stmt *s;
    char created[21];
    sg_utc(created);
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_ATTEMPT_PUT, &s, err));
    bind_end(s, a);
    sg_ledger_bind_text(s, 12, a->key);
    sqlite3_bind_int(s, 13, a->number);
    sqlite3_bind_int(s, 14, a->rank);
    sg_ledger_bind_text(s, 15, a->origin);
    sqlite3_bind_double(s, 16, a->worst_usd);
    sg_ledger_bind_text(s, 17, created);
    SG_TRY(sg_ledger_step(l, s, "a request that leaves", err));
    *id = sqlite3_last_insert_rowid(l->db);
    return SG_OK;
}

sg_status sg_ledger_attempt_end(struct sg_ledger *l, int64_t id, const struct sg_ledger_attempt *a,
                                struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_ATTEMPT_END, &s, err));
    bind_end(s, a);
    sqlite3_bind_int64(s, 12, id);
    SG_TRY(sg_ledger_step(l, s, "what came of a request", err));
    return sqlite3_changes(l->db) == 1
               ? SG_OK
               : sg_fail(err, SG_FAILED, "%s: a request ended that never left", l->path);
}

sg_status sg_ledger_attempt_outcome(struct sg_ledger *l, int64_t id, const char *outcome, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_ATTEMPT_FATE, &s, err));
    sg_ledger_bind_text(s, 1, outcome);
    sqlite3_bind_int64(s, 2, id);
    return sg_ledger_step(l, s, "what became of a request", err);
}

sg_status sg_ledger_revive(struct sg_ledger *l, int failed, int refused, int64_t *n, struct sg_err *err)
{
#define WAS_REFUSED "key IN (SELECT key FROM attempts WHERE fate='refused')"
#define REVIVED                                                                                              \
    "(SELECT key FROM completions WHERE status<>0 AND ((?1 AND NOT " WAS_REFUSED ") OR (?2 AND " WAS_REFUSED \
    ")))"
    static const char *const sql[] = {
        "DELETE FROM diversity WHERE pool IN (SELECT pool FROM pool_completions WHERE completion IN " REVIVED
        ")",
        "DELETE FROM completions WHERE key IN " REVIVED};
    SG_TRY(sg_ledger_save(l, err));
    sg_status status = SG_OK;
    for (size_t i = 0; status == SG_OK && i < sizeof sql / sizeof *sql; i++) {
        sqlite3_stmt *s = NULL;
        if (sqlite3_prepare_v2(l->db, sql[i], -1, &s, NULL) != SQLITE_OK)
            status = sg_ledger_fail(l, "the completions that failed", err);
        if (status == SG_OK) {
            sqlite3_bind_int(s, 1, failed);
            sqlite3_bind_int(s, 2, refused);
            status = sg_ledger_step(l, s, "the completions that failed", err);
        }
        sqlite3_finalize(s);
    }
    int64_t changed = sqlite3_changes(l->db);
    SG_TRY(sg_ledger_keep(l, status, err));
    *n = changed;
    return SG_OK;
}

sg_status sg_ledger_refused_each(struct sg_ledger *l,
                                 sg_status (*each)(void *context, const char *key, struct sg_err *err),
                                 void *context, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    sg_status status = SG_OK;
    int rc;
    if (sqlite3_prepare_v2(l->db, "SELECT key FROM attempts WHERE fate='refused'", -1, &s, NULL) != SQLITE_OK)
        return sg_ledger_fail(l, "what was refused", err);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && status == SG_OK)
        status = each(context, (const char *)sqlite3_column_text(s, 0), err);
    if (status == SG_OK && rc != SQLITE_DONE)
        status = sg_ledger_fail(l, "what was refused", err);
    sqlite3_finalize(s);
    return status;
}
