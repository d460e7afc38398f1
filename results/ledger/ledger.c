#include "results/ledger/ledger_impl.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const sql[N_SQL] = {
    [SQL_META_SET] = "INSERT INTO meta VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET value=excluded.value",
    [SQL_META_GET] = "SELECT value FROM meta WHERE name=?1",
    [SQL_COMPLETION_PUT] =
        "INSERT INTO completions VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18) ON "
        "CONFLICT(key) DO UPDATE SET"
        " request=excluded.request, status=excluded.status, reason=excluded.reason, text=excluded.text,"
        " finish_reason=excluded.finish_reason, model=excluded.model, request_id=excluded.request_id,"
        " http_status=excluded.http_status, attempts=excluded.attempts, tokens_in=excluded.tokens_in, "
        "tokens_out=excluded.tokens_out,"
        " tokens_estimated=excluded.tokens_estimated, latency_s=excluded.latency_s, "
        "cost_usd=excluded.cost_usd,"
        " source=excluded.source, rank=excluded.rank, created=excluded.created WHERE completions.status<>0",
    [SQL_COMPLETION_GET] =
        "SELECT key, request, status, reason, text, finish_reason, model, request_id, http_status, attempts, "
        "tokens_in,"
        " tokens_out, tokens_estimated, latency_s, cost_usd, source, rank FROM completions WHERE key=?1",
    [SQL_ANSWER_GET] = "SELECT status, text, finish_reason FROM completions WHERE key=?1",
    [SQL_ATTEMPT_PUT] =
        "INSERT INTO attempts(settled, kind, fate, http_status, reason, tokens_in, tokens_out, cost_usd, "
        "latency_s, request_id, model, key, number, rank, origin, worst_usd, created)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
    [SQL_ATTEMPT_END] =
        "UPDATE attempts SET settled=?1, kind=?2, fate=?3, http_status=?4, reason=?5, tokens_in=?6, "
        "tokens_out=?7, cost_usd=?8, latency_s=?9, request_id=?10, model=?11 WHERE id=?12",
    [SQL_ATTEMPT_FATE] = "UPDATE attempts SET fate=?1 WHERE id=?2",
    [SQL_POOL_PUT] =
        "INSERT OR REPLACE INTO pools(id, ordinal, settings, status, n, rejects, shortfall, digest) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [SQL_POOL_DIGEST] = "SELECT digest FROM pools WHERE id=?1",
    [SQL_POOL_CLEAR_EXAMPLES] = "DELETE FROM examples WHERE pool=?1",
    [SQL_POOL_CLEAR_ASKED] = "DELETE FROM pool_completions WHERE pool=?1",
    [SQL_EXAMPLE_PUT] =
        "INSERT INTO examples(pool, position, label, first, second, completion) VALUES(?1,?2,?3,?4,?5,?6)",
    [SQL_ASKED_PUT] = "INSERT INTO pool_completions(pool, position, completion) VALUES(?1,?2,?3)",
    [SQL_CELL_PLAN] =
        "INSERT INTO cells(id, ordinal, settings, pool, status, created) VALUES(?1,?2,?3,?4,'planned',?5)"
        " ON CONFLICT(id) DO UPDATE SET ordinal=excluded.ordinal, settings=excluded.settings, "
        "pool=excluded.pool",
    [SQL_CELL_STATUS] = "SELECT status FROM cells WHERE id=?1",
    [SQL_SAVE] = "SAVEPOINT several",
    [SQL_RELEASE] = "RELEASE several",
    /* A cell's first result, as most are, is not read again to be written. */
    [SQL_CELL_FINISH] = "UPDATE cells SET status=?2, reason=?3, created=?5, result=CASE"
                        " WHEN result IS NULL AND status<>'failed' AND ?4 GLOB '{\"*}'"
                        " THEN substr(?4, 1, length(?4) - 1) || ',\"attempts\":1}'"
                        " WHEN json_valid(?4) THEN json_set(?4, '$.attempts',"
                        " 1 + coalesce(json_extract(iif(json_valid(result), result, '{}'), '$.attempts'), "
                        "status='failed')) ELSE ?4 END WHERE id=?1",
    [SQL_CELL_TRAINED] =
        "SELECT status, json_extract(r,'$.rows_sha256'), json_extract(r,'$.examples_sha256'),"
        " json_extract(r,'$.n_synthetic'), json_extract(r,'$.weights_sha256'), json_extract(r,'$.rounding'),"
        " json_extract(r,'$.program'), json_extract(r,'$.verdicts_sha256') FROM"
        " (SELECT status, iif(json_valid(result), result, '{}') AS r FROM cells WHERE id=?1)",
    [SQL_CELL_EXAMPLES_SET] =
        "UPDATE cells SET result=json_set(result,'$.rows_sha256',?2,'$.examples_sha256',?3) WHERE id=?1",
    [SQL_CELL_RESET] = "UPDATE cells SET status='planned', reason=NULL, result=NULL WHERE id=?1",
    [SQL_EXAMPLES_FIRST] =
        "SELECT label, first, second FROM examples WHERE pool=?1 ORDER BY position LIMIT ?2",
    [SQL_DIVERSITY_CLEAR] = "DELETE FROM diversity WHERE pool=?1",
    [SQL_WAITING_CLEAR] = "DELETE FROM waiting",
    [SQL_WAITING_DROP] = "DELETE FROM waiting WHERE consumer=?1",
    [SQL_WAITING_PUT] =
        "INSERT OR REPLACE INTO waiting(consumer, what, n_have, n_wanted, n_missing, waits_for, "
        "updated) VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [SQL_CELLS_RETIRE] = "UPDATE cells SET ordinal=-1",
    [SQL_TEST_ROWS_FORGET] = "DELETE FROM test_rows",
    [SQL_TEST_SET_ROWS_FORGET] = "DELETE FROM test_set_rows",
    [SQL_TEST_SET_ROW_PUT] = "INSERT OR REPLACE INTO test_set_rows(task, test_set, position, label, first, "
                             "second) VALUES(?1,?2,?3,?4,?5,?6)",
    [SQL_SET_PREDICTIONS_PUT] =
        "INSERT OR REPLACE INTO set_predictions(cell, test_set, n, n_classes, logits) VALUES(?1,?2,?3,?4,?5)",
    [SQL_SET_PREDICTIONS_CLEAR] = "DELETE FROM set_predictions WHERE cell=?1",
    [SQL_PREDICTIONS_PUT] =
        "INSERT OR REPLACE INTO predictions(cell, n, n_classes, logits) VALUES(?1,?2,?3,?4)",
    [SQL_PREDICTIONS_CLEAR] = "DELETE FROM predictions WHERE cell=?1",
    [SQL_CURVE_PUT] = "INSERT OR REPLACE INTO curves(cell, n, loss) VALUES(?1,?2,?3)",
    [SQL_CURVE_CLEAR] = "DELETE FROM curves WHERE cell=?1",
    [SQL_TEST_ROW_PUT] =
        "INSERT OR REPLACE INTO test_rows(task, position, label, first, second) VALUES(?1,?2,?3,?4,?5)",
    [SQL_DIVERSITY_PUT] = "INSERT OR REPLACE INTO diversity(pool, result) VALUES(?1,?2)",
    [SQL_EVALUATION_PLAN] =
        "INSERT INTO evaluations VALUES(?1,?2,?3,'planned')"
        " ON CONFLICT(id) DO UPDATE SET ordinal=excluded.ordinal, settings=excluded.settings",
    [SQL_EVALUATION_FINISH] = "UPDATE evaluations SET status='complete' WHERE id=?1",
    [SQL_EVALUATIONS_RETIRE] = "UPDATE evaluations SET ordinal=-1",
    [SQL_VERDICTS_CLEAR] = "DELETE FROM evaluation_rows WHERE evaluation=?1",
    [SQL_VERDICT_PUT] = "INSERT INTO evaluation_rows VALUES(?1,?2,?3,?4,?5,?6)",
    [SQL_CONTAMINATION_PLAN] =
        "INSERT INTO contaminations VALUES(?1,?2,?3,'planned')"
        " ON CONFLICT(id) DO UPDATE SET ordinal=excluded.ordinal, settings=excluded.settings",
    [SQL_CONTAMINATION_FINISH] = "UPDATE contaminations SET status='complete' WHERE id=?1",
    [SQL_CONTAMINATIONS_RETIRE] = "UPDATE contaminations SET ordinal=-1",
    [SQL_CONTAMINATION_CLEAR] = "DELETE FROM contamination_rows WHERE contamination=?1",
    [SQL_CONTAMINATION_PUT] = "INSERT INTO contamination_rows VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [SQL_TEXT_STATS_PUT] = "INSERT OR REPLACE INTO bias VALUES(?1,?2,?3)",
    [SQL_TEXT_STATS_GET] = "SELECT result FROM bias WHERE id=?1",
    [SQL_TEXT_STATS_RETIRE] = "UPDATE bias SET ordinal=-1",
    [SQL_DIVERSITY_GET] = "SELECT result FROM diversity WHERE pool=?1",
};

/* SQLite tells of ENOSPC by a code of its own; of a quota or a limit on a file's size by the system's. */
int sg_ledger_is_full(const struct sg_ledger *l)
{
    int rc = l->db ? sqlite3_errcode(l->db) & 0xff : SQLITE_OK;
    return rc == SQLITE_FULL ||
           (rc == SQLITE_IOERR && sg_write_status(sqlite3_system_errno(l->db)) == SG_FULL);
}

sg_status sg_ledger_fail(struct sg_ledger *l, const char *what, struct sg_err *err)
{
    /* Disk full and I/O errors make SQLite end the transaction by itself (sqlite.org/lang_transaction.html,
     * section 3). */
    if (l->in_transaction && l->db && sqlite3_get_autocommit(l->db)) {
        l->in_transaction = 0;
        l->lost = 1;
    }
    return sg_fail(err, sg_ledger_is_full(l) ? SG_FULL : SG_FAILED, "%s: %s: %s", l->path, what,
                   l->db ? sqlite3_errmsg(l->db) : "out of memory");
}

sg_status sg_ledger_run(struct sg_ledger *l, const char *text, const char *what, struct sg_err *err)
{
    return sqlite3_exec(l->db, text, NULL, NULL, NULL) == SQLITE_OK ? SG_OK : sg_ledger_fail(l, what, err);
}

sg_status sg_ledger_use(struct sg_ledger *l, enum sg_ledger_sql which, sqlite3_stmt **s, struct sg_err *err)
{
    if (!l->statement[which] &&
        sqlite3_prepare_v3(l->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, &l->statement[which], NULL))
        return sg_ledger_fail(l, "a statement cannot be prepared", err);
    *s = l->statement[which];
    return SG_OK;
}

sg_status sg_ledger_begin(struct sg_ledger *l, struct sg_err *err)
{
    if (l->reading)
        return sg_fail(err, SG_FAILED, "%s: opened for reading, but written to", l->path);
    if (l->lost)
        return sg_fail(err, SG_FAILED, "%s: an earlier write failed; hint: run again to resume", l->path);
    if (l->in_transaction)
        return SG_OK;
    SG_TRY(sg_ledger_run(l, "BEGIN IMMEDIATE", "a transaction cannot begin", err));
    l->in_transaction = 1;
    l->since = sg_now_s();
    return SG_OK;
}

void sg_ledger_bind_text(sqlite3_stmt *s, int at, const char *text)
{
    if (text)
        sqlite3_bind_text64(s, at, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(s, at);
}

void sg_ledger_bind_known(sqlite3_stmt *s, int at, double x)
{
    if (x >= 0)
        sqlite3_bind_double(s, at, x);
    else
        sqlite3_bind_null(s, at);
}

sg_status sg_ledger_step(struct sg_ledger *l, sqlite3_stmt *s, const char *what, struct sg_err *err)
{
    sg_status status = sqlite3_step(s) == SQLITE_DONE ? SG_OK : sg_ledger_fail(l, what, err);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return status;
}

sg_status sg_ledger_save(struct sg_ledger *l, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_SAVE, &s, err));
    return sg_ledger_step(l, s, "a savepoint cannot be made", err);
}

sg_status sg_ledger_keep(struct sg_ledger *l, sg_status status, struct sg_err *err)
{
    sqlite3_stmt *s;
    if (status == SG_OK) {
        SG_TRY(sg_ledger_use(l, SQL_RELEASE, &s, err));
        return sg_ledger_step(l, s, "a savepoint cannot be released", err);
    }
    if (!l->lost &&
        sqlite3_exec(l->db, "ROLLBACK TO several; RELEASE several", NULL, NULL, NULL) != SQLITE_OK)
        l->lost = 1; /* half of it may be in the transaction: it must not be committed */
    return status;
}

static double boot_time_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The ledger's file that does not lie any more where it lay, or NULL; *replaced: another one lies there. A file that was unlinked or moved
 * is written to as if nothing were, and the next run would begin with none. */
static const char *misplaced(const struct sg_ledger *l, int *replaced)
{
    struct stat st;
    for (int i = 0; i < 2; i++) {
        const struct sg_ledger_file *f = &l->file[i];
        *replaced = f->path && stat(f->path, &st) == 0;
        int same = *replaced && st.st_dev == f->device && st.st_ino == f->inode;
        int gone = f->path && !*replaced && (errno == ENOENT || errno == ENOTDIR);
        if (gone || (*replaced && !same))
            return f->path; /* other errors are the file system's own trouble: SQLite tells of it */
    }
    return NULL;
}

/* Before a commit: that nobody else writes. A second is nothing to the time that a takeover waits. */
static sg_status check_lease(struct sg_ledger *l, struct sg_err *err)
{
    double now = boot_time_s();
    int replaced;
    if (now - l->checked < 1 || misplaced(l, &replaced))
        return SG_OK; /* a lock that went with its folder: what was bought goes with it, and then the commit speaks */
    sg_status status = sg_lease_check(l->lease, err);
    l->lost = status != SG_OK;
    l->checked = now;
    return status;
}

sg_status sg_ledger_commit(struct sg_ledger *l, struct sg_err *err)
{
    if (l->lost)
        return sg_fail(err, SG_FAILED, "%s: an earlier write failed; hint: run again to resume", l->path);
    if (!l->in_transaction)
        return SG_OK;
    SG_TRY(check_lease(l, err));
    sg_crash_site("ledger_commits", NULL);
    SG_TRY(sg_ledger_run(l, "COMMIT", "what was written cannot be committed", err));
    l->in_transaction = 0;
    sg_crash_site("ledger_committed", NULL);
    int replaced;
    const char *path = misplaced(l, &replaced);
    if (!path)
        return SG_OK;
    l->lost = 1;
    return sg_fail(err, SG_FAILED,
                   "%s: %s while the run was writing it; nothing more is bought or written; hint: if it was "
                   "moved, put the results "
                   "folder back (all that was bought is in it); then run again",
                   path, replaced ? "replaced by another file" : "moved or deleted");
}

void sg_ledger_trim(struct sg_ledger *l)
{
    sqlite3_db_release_memory(l->db);
}

int sg_ledger_is_ours(const struct sg_ledger *l)
{
    struct sg_err unsaid;
    return l && l->lease && sg_lease_check(l->lease, &unsaid) == SG_OK;
}

double sg_ledger_pending_s(const struct sg_ledger *l)
{
    return l->in_transaction ? sg_now_s() - l->since : 0;
}

void *sg_ledger_handle(struct sg_ledger *l)
{
    return l->db;
}

void sg_ledger_close(struct sg_ledger *l)
{
    if (!l)
        return;
    for (int i = 0; i < N_SQL; i++)
        sqlite3_finalize(l->statement[i]);
    if (l->db && (l->in_transaction || l->reading))
        sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
    if (l->db &&
        l->lost) /* the log may be another run's now, and without file locks SQLite would write it back and remove it */
        sqlite3_db_config(l->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    sqlite3_close(l->db);
    if (l->fd >= 0) /* not before SQLite's: it would give back its locks */
        close(l->fd);
    sg_lease_release(l->lease);
    sg_free(l->file[0].path);
    sg_free(l->file[1].path);
    sg_buf_free(&l->row);
    sg_free(l->path);
    sg_free(l);
}
