/* Inside of the ledger: shared by ledger_open.c (file, schema), ledger.c (transactions) and the other ledger_*.c (what is in it). */
#ifndef SG_RESULTS_LEDGER_LEDGER_IMPL_H
#define SG_RESULTS_LEDGER_LEDGER_IMPL_H

#include "base/buf.h"
#include "results/ledger/lease.h"
#include "results/ledger/ledger.h"

#include <sqlite3.h>
#include <sys/stat.h>

enum sg_ledger_sql {
    SQL_META_SET,
    SQL_META_GET,
    SQL_COMPLETION_PUT,
    SQL_COMPLETION_GET,
    SQL_ANSWER_GET,
    SQL_ATTEMPT_PUT,
    SQL_ATTEMPT_END,
    SQL_ATTEMPT_FATE,
    SQL_POOL_PUT,
    SQL_POOL_DIGEST,
    SQL_POOL_CLEAR_EXAMPLES,
    SQL_POOL_CLEAR_ASKED,
    SQL_EXAMPLE_PUT,
    SQL_ASKED_PUT,
    SQL_CELL_PLAN,
    SQL_CELL_STATUS,
    SQL_SAVE,
    SQL_RELEASE,
    SQL_CELL_FINISH,
    SQL_CELL_TRAINED,
    SQL_CELL_EXAMPLES_SET,
    SQL_CELL_RESET,
    SQL_EXAMPLES_FIRST,
    SQL_DIVERSITY_CLEAR,
    SQL_CELLS_RETIRE,
    SQL_TEST_ROWS_FORGET,
    SQL_TEST_SET_ROWS_FORGET,
    SQL_TEST_SET_ROW_PUT,
    SQL_SET_PREDICTIONS_PUT,
    SQL_SET_PREDICTIONS_CLEAR,
    SQL_PREDICTIONS_PUT,
    SQL_PREDICTIONS_CLEAR,
    SQL_CURVE_PUT,
    SQL_CURVE_CLEAR,
    SQL_TEST_ROW_PUT,
    SQL_EVALUATION_PLAN,
    SQL_EVALUATION_FINISH,
    SQL_EVALUATIONS_RETIRE,
    SQL_VERDICTS_CLEAR,
    SQL_VERDICT_PUT,
    SQL_CONTAMINATION_PLAN,
    SQL_CONTAMINATION_FINISH,
    SQL_CONTAMINATIONS_RETIRE,
    SQL_CONTAMINATION_CLEAR,
    SQL_CONTAMINATION_PUT,
    SQL_TEXT_STATS_PUT,
    SQL_TEXT_STATS_GET,
    SQL_TEXT_STATS_RETIRE,
    SQL_DIVERSITY_PUT,
    SQL_DIVERSITY_GET,
    SQL_WAITING_CLEAR,
    SQL_WAITING_PUT,
    SQL_WAITING_DROP,
    N_SQL
};

struct sg_ledger {
    sqlite3 *db;
    struct sg_lease *lease; /* NULL in a reader */
    char *path;             /* of the SQLite file */
    int fd;                 /* of the same, of who writes it, for sg_ledger_open_held; -1: none */
    int reading, version;   /* version: of the file; a reader may see an older one */
    int in_transaction;
    int lost; /* SQLite had to roll back by itself: what was pending is gone, so nothing may be committed any
                 more */
    struct sg_ledger_file {
        char *path;
        dev_t device;
        ino_t inode;
    } file[2]; /* the SQLite file and its log, as they were opened; a reader has none */
    double
        checked; /* when the lease was last found to be ours: seconds of CLOCK_BOOTTIME, which counts a suspended host's sleep */
    double since; /* sg_now_s of the oldest uncommitted write */
    sqlite3_stmt *statement[N_SQL];
    struct sg_buf row; /* the strings of sg_ledger_completion_get and sg_ledger_answer_get */
};

/* "<path>: <what>: <SQLite's words>"; notices a transaction that SQLite has rolled back. */
sg_status sg_ledger_fail(struct sg_ledger *l, const char *what, struct sg_err *err);
/* Whether the last call of SQLite failed since there is no room on the disk. */
int sg_ledger_is_full(const struct sg_ledger *l);

/* Runs statements that give no rows. */
sg_status sg_ledger_run(struct sg_ledger *l, const char *text, const char *what,
                        struct sg_err *err) SG_MUST_USE;

/* A statement ready for binding. */
sg_status sg_ledger_use(struct sg_ledger *l, enum sg_ledger_sql which, sqlite3_stmt **s,
                        struct sg_err *err) SG_MUST_USE;

/* One parameter of it, borrowed until it is run; NULL where the text is NULL, or the number below 0: not known. */
void sg_ledger_bind_text(sqlite3_stmt *s, int at, const char *text);
void sg_ledger_bind_known(sqlite3_stmt *s, int at, double x);

/* Opens the transaction when none is open: before every write. */
sg_status sg_ledger_begin(struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;

/* Runs a statement that gives no rows, and frees its bindings. */
sg_status sg_ledger_step(struct sg_ledger *l, sqlite3_stmt *s, const char *what,
                         struct sg_err *err) SG_MUST_USE;

/* Several writes, all or none: save, ..., then keep with the status so far, which it returns (or its own
 * failure). */
sg_status sg_ledger_save(struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;
sg_status sg_ledger_keep(struct sg_ledger *l, sg_status status, struct sg_err *err) SG_MUST_USE;

#endif
