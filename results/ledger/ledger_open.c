#include "base/tell.h"
#include "results/ledger/ledger_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "results/ledger/ledger_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x53474c31, /* "SGL1": tells a ledger from other SQLite files */
    VERSION = 2,
};
static const size_t ROW_MAX = (size_t)256 << 20;

#define ATTEMPTS                                                                                             \
    "CREATE TABLE attempts(id INTEGER PRIMARY KEY, key TEXT NOT NULL, number INTEGER NOT NULL,"              \
    " rank INTEGER NOT NULL, origin TEXT, worst_usd REAL NOT NULL, created TEXT, settled INTEGER NOT NULL,"  \
    " kind TEXT, fate TEXT, http_status INTEGER, reason TEXT, tokens_in INTEGER, tokens_out INTEGER,"        \
    " cost_usd REAL, latency_s REAL, request_id TEXT, model TEXT);"                                          \
    "CREATE VIEW sent AS SELECT id, key, worst_usd AS usd, created FROM attempts WHERE NOT settled;"

/* As drawn in ledger.h and ledger_attempts.h. */
static const char schema[] =
    "BEGIN; PRAGMA application_id=0x53474c31;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE completions(key TEXT PRIMARY KEY, request TEXT, status INTEGER NOT NULL, reason TEXT,"
    " text TEXT, finish_reason TEXT, model TEXT, request_id TEXT, http_status INTEGER, attempts INTEGER,"
    " tokens_in INTEGER, tokens_out INTEGER, tokens_estimated INTEGER, latency_s REAL, cost_usd REAL,"
    " source TEXT, rank INTEGER, created TEXT);"
    "CREATE TABLE pools(id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, settings TEXT NOT NULL,"
    " status TEXT NOT NULL, n INTEGER NOT NULL, rejects TEXT, shortfall TEXT);"
    "CREATE TABLE examples(pool TEXT, position INTEGER, label INTEGER NOT NULL, first TEXT NOT NULL,"
    " second TEXT, completion TEXT, PRIMARY KEY(pool, position)) WITHOUT ROWID;"
    "CREATE TABLE pool_completions(pool TEXT, position INTEGER, completion TEXT NOT NULL,"
    " PRIMARY KEY(pool, position)) WITHOUT ROWID;"
    "CREATE TABLE cells(id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, settings TEXT NOT NULL, pool TEXT,"
    " status TEXT NOT NULL, reason TEXT, result TEXT, created TEXT);"
    "CREATE TABLE predictions(cell TEXT PRIMARY KEY, n INTEGER NOT NULL, n_classes INTEGER NOT NULL,"
    " logits BLOB NOT NULL);"
    "CREATE TABLE curves(cell TEXT PRIMARY KEY, n INTEGER NOT NULL, loss BLOB NOT NULL);"
    "CREATE TABLE test_rows(task TEXT, position INTEGER, label INTEGER NOT NULL, first TEXT NOT NULL,"
    " second TEXT, PRIMARY KEY(task, position)) WITHOUT ROWID;"
    "CREATE TABLE diversity(pool TEXT PRIMARY KEY, result TEXT NOT NULL) WITHOUT ROWID;" ATTEMPTS
    "INSERT INTO meta VALUES('version', '2'); COMMIT";

/* Version 1 has, or in its first files lacks, a table of what left and was not settled, and nothing of other attempts. */
static const char from_version_1[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS sent(id INTEGER PRIMARY KEY, key TEXT NOT NULL, usd REAL NOT NULL, created "
    "TEXT);"
    "ALTER TABLE sent RENAME TO sent_1;" ATTEMPTS
    "INSERT INTO attempts(key, number, rank, worst_usd, created, settled)"
    " SELECT key, 0, -1, usd, created, 0 FROM sent_1 ORDER BY id;"
    "DROP TABLE sent_1;"
    "UPDATE meta SET value='2' WHERE name='version'; COMMIT";

/* Of later versions, which the older ones can do without. */
static const char later_schema[] =
    "BEGIN;"
    "CREATE TABLE IF NOT EXISTS evaluations(id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, settings TEXT NOT "
    "NULL,"
    " status TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS evaluation_rows(evaluation TEXT, row INTEGER, gold INTEGER NOT NULL,"
    " predicted INTEGER NOT NULL, verdict TEXT NOT NULL, completion TEXT NOT NULL, PRIMARY KEY(evaluation, "
    "row))"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS contaminations(id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, settings TEXT "
    "NOT NULL,"
    " status TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS contamination_rows(contamination TEXT, row INTEGER, match TEXT NOT NULL,"
    " general REAL, general_outcome TEXT NOT NULL, general_completion TEXT NOT NULL,"
    " guided REAL, guided_outcome TEXT NOT NULL, guided_completion TEXT NOT NULL,"
    " PRIMARY KEY(contamination, row)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS batches(part INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, id TEXT,"
    " input_file TEXT, status TEXT, n INTEGER NOT NULL, n_answered INTEGER NOT NULL, usd REAL NOT NULL,"
    " refused INTEGER NOT NULL, created TEXT);"
    "CREATE TABLE IF NOT EXISTS batch_requests(part INTEGER, key TEXT, request TEXT NOT NULL, usd REAL NOT "
    "NULL,"
    " PRIMARY KEY(part, key)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS batch_requests_key ON batch_requests(key);"
    "CREATE TABLE IF NOT EXISTS test_set_rows(task TEXT, test_set TEXT, position INTEGER, label INTEGER NOT "
    "NULL,"
    " first TEXT NOT NULL, second TEXT, PRIMARY KEY(task, test_set, position)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS set_predictions(cell TEXT, test_set TEXT, n INTEGER NOT NULL,"
    " n_classes INTEGER NOT NULL, logits BLOB NOT NULL, PRIMARY KEY(cell, test_set));"
    "CREATE TABLE IF NOT EXISTS waiting(consumer TEXT PRIMARY KEY, what TEXT NOT NULL, n_have INTEGER NOT "
    "NULL,"
    " n_wanted INTEGER NOT NULL, n_missing INTEGER NOT NULL, waits_for TEXT NOT NULL, updated TEXT) "
    "WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS bias(id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, result TEXT NOT NULL) "
    "WITHOUT ROWID; COMMIT";

/* Columns of later versions. A program that does not know one leaves it NULL. */
static const struct {
    const char *has, *add;
} later_columns[] = {
    {"SELECT 1 FROM pragma_table_info('pools') WHERE name='digest'",
     "ALTER TABLE pools ADD COLUMN digest TEXT"},
    {"SELECT 1 FROM pragma_table_info('batches') WHERE name='generator'",
     "ALTER TABLE batches ADD COLUMN generator TEXT"},
};

/* The lock service of a file system (NFS before 4: lockd, statd) is gone or full: SQLite calls that "busy", as if another held the lock
 * (os_unix.c, sqliteErrorFromPosixError). Asked for with a lock of our own: on the lease's file, as closing a descriptor of the ledger
 * would give back all locks that this process has on it (fcntl(2)); on the ledger where there is no lease, and so nobody's lock. */
static int lock_service_is_gone(const char *dir, const char *ledger)
{
    struct flock f = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    char *holder = sg_path_join(dir, "lock/holder");
    int fd = open(holder && sg_file_exists(holder) ? holder : ledger, O_RDONLY | O_CLOEXEC);
    int gone = fd >= 0 && fcntl(fd, F_SETLK, &f) != 0 && errno == ENOLCK;
    if (fd >= 0)
        close(fd);
    sg_free(holder);
    return gone;
}

/* Whether the file system has no (working) locks: fcntl fails with anything but "held by another". */
static int no_locks(const struct sg_ledger *l, const char *dir)
{
    int code = sqlite3_extended_errcode(l->db);
    return code == SQLITE_IOERR_LOCK || code == SQLITE_IOERR_RDLOCK ||
           code == SQLITE_IOERR_CHECKRESERVEDLOCK || code == SQLITE_IOERR_UNLOCK ||
           ((code & 0xff) == SQLITE_BUSY && lock_service_is_gone(dir, l->path));
}

static sg_status open_fail(struct sg_ledger *l, const char *dir, struct sg_err *err)
{
    int rc = sqlite3_errcode(l->db);
    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        if (l->lease) /* a run that writes would have it: the lease is ours */
            return sg_fail(err, SG_INPUT,
                           "%s: another program has it open, which is no run; hint: close it (sqlite3, a "
                           "database browser, a backup): `fuser %s` tells its process",
                           l->path, l->path);
        char *who = sg_lease_holder(dir);
        sg_status status =
            sg_fail(err, SG_INPUT,
                    "%s: another process is writing it (%s); hint: look at %s/status.json or results.h5",
                    l->path, who ? who : "it left no name", dir);
        sg_free(who);
        return status;
    }
    if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
        return sg_fail(err, SG_INPUT,
                       "%s: damaged, or no ledger (%s); hint: restore it from a copy, or use another folder",
                       l->path, sqlite3_errmsg(l->db));
    return sg_fail(err,
                   sg_ledger_is_full(l)                                                  ? SG_FULL
                   : rc == SQLITE_CANTOPEN || rc == SQLITE_PERM || rc == SQLITE_READONLY ? SG_INPUT
                                                                                         : SG_FAILED,
                   "%s: %s", l->path, sqlite3_errmsg(l->db));
}

/* The first number or text of a query. 0 when there is none, or on an error (told by the connection). */
static int ask(sqlite3 *db, const char *text, int64_t *number, char *word, size_t n_word)
{
    sqlite3_stmt *s = NULL;
    int found = sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    if (found && number)
        *number = sqlite3_column_int64(s, 0);
    if (found && word) {
        const char *value = (const char *)sqlite3_column_text(s, 0);
        strncpy(word, value ? value : "", n_word - 1);
        word[n_word - 1] = 0;
    }
    return sqlite3_finalize(s) == SQLITE_OK && found;
}

/* Whose file is it? `*fresh`: nobody's yet. */
static sg_status check_identity(struct sg_ledger *l, const char *dir, int *fresh, struct sg_err *err)
{
    int64_t id = 0, n_tables = 0, version = 0;
    if (!ask(l->db, "PRAGMA application_id", &id, NULL, 0) ||
        !ask(l->db, "SELECT count(*) FROM sqlite_master", &n_tables, NULL, 0))
        return open_fail(l, dir, err);
    *fresh = id == 0 && n_tables == 0;
    if (*fresh)
        return SG_OK;
    if (id != APPLICATION_ID)
        return sg_fail(err, SG_INPUT,
                       "%s: an SQLite file, but no synthgrid ledger; hint: use another results folder",
                       l->path);
    if (!ask(l->db, "SELECT CAST(value AS INTEGER) FROM meta WHERE name='version'", &version, NULL, 0) ||
        version < 1)
        return sg_fail(err, SG_INPUT,
                       "%s: damaged: it does not say which version it is; hint: restore it from a copy",
                       l->path);
    if (version > VERSION)
        return sg_fail(err, SG_INPUT,
                       "%s: written by a newer synthgrid (ledger version %lld, this program knows %d); hint: "
                       "use that program",
                       l->path, (long long)version, VERSION);
    l->version = (int)version;
    return SG_OK;
}

static sg_status connect(struct sg_ledger *l, const char *file, int flags, const char *vfs, const char *dir,
                         struct sg_err *err)
{
    sqlite3_close(l->db);
    l->db = NULL;
    if (sqlite3_open_v2(file, &l->db, flags | SQLITE_OPEN_FULLMUTEX, vfs) != SQLITE_OK)
        return l->db ? open_fail(l, dir, err) : sg_fail_memory(err, 100000);
    sqlite3_extended_result_codes(l->db, 1);
    return SG_OK;
}

/* Set before the first access, so that the WAL index is kept in our own memory instead of shared memory
 * (sqlite.org/wal.html, section 8), which a network file system does not have; the schema is read to try the
 * locks. */
static int take_hold(sqlite3 *db)
{
    return sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT", NULL, NULL, NULL) ==
           SQLITE_OK;
}

/* Completions are looked up by key, in no order of the file: SQLite's 2 MB cannot hold the index of 100,000. */
static const char cache_size[] = "PRAGMA cache_size=-16384";

/* Where the files lie that are written to from now on. */
static sg_status note_place(struct sg_ledger *l, struct sg_err *err)
{
    struct stat st;
    for (int i = 0; i < 2; i++) {
        char *path = sg_strf("%s%s", l->path, i ? "-wal" : "");
        if (!path)
            return sg_fail_memory(err, strlen(l->path) + 5);
        if (stat(path, &st) == 0)
            l->file[i] = (struct sg_ledger_file){path, st.st_dev, st.st_ino};
        else
            sg_free(path); /* the log is made by the first write */
    }
    return SG_OK;
}

/* What this program's ledgers have beyond those of older ones. */
static sg_status bring_up_to_date(struct sg_ledger *l, struct sg_err *err)
{
    if (l->version == 1)
        SG_TRY(sg_ledger_run(l, from_version_1, "it cannot be brought to version 2", err));
    l->version = VERSION;
    SG_TRY(sg_ledger_run(l, later_schema, "its tables cannot be made", err));
    for (size_t i = 0; i < sizeof later_columns / sizeof later_columns[0]; i++)
        if (!ask(l->db, later_columns[i].has, NULL, NULL, 0))
            SG_TRY(sg_ledger_run(l, later_columns[i].add, "its tables cannot be made", err));
    return SG_OK;
}

static sg_status open_writer(struct sg_ledger *l, const char *dir, struct sg_err *err)
{
    SG_TRY(sg_mkdirs(dir, err));
    SG_TRY(sg_lease_take(dir, &l->lease, err));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, fresh = 0;
    SG_TRY(connect(l, l->path, flags, NULL, dir, err));
    if (!take_hold(l->db)) {
        if (!no_locks(l, dir))
            return open_fail(l, dir, err);
        if ((sqlite3_errcode(l->db) & 0xff) == SQLITE_BUSY)
            sg_tell_warning("%s: the file system's lock service does not answer (ENOLCK: rpc.statd or lockd "
                            "is not running "
                            "on this node or on its server); the run's lease alone keeps other runs out",
                            l->path);
        SG_TRY(connect(l, l->path, flags, "unix-none", dir, err)); /* the lease keeps others out */
        if (!take_hold(l->db))
            return open_fail(l, dir, err);
    }
    SG_TRY(check_identity(l, dir, &fresh, err));
    char word[64] = "";
    if (!ask(l->db, "PRAGMA journal_mode=WAL", NULL, word, sizeof word) || strcmp(word, "wal") != 0)
        return sg_fail(err, sg_ledger_is_full(l) ? SG_FULL : SG_FAILED,
                       "%s: SQLite cannot use a write-ahead log here (%s)", l->path, sqlite3_errmsg(l->db));
    SG_TRY(sg_ledger_run(l, "PRAGMA synchronous=FULL", "fsync cannot be switched on", err));
    SG_TRY(sg_ledger_run(l, cache_size, "its cache cannot be set", err));
    if (fresh)
        SG_TRY(sg_ledger_run(l, schema, "its tables cannot be made", err));
    else if (!ask(l->db, "PRAGMA quick_check(1)", NULL, word, sizeof word))
        return open_fail(l, dir, err);
    else if (strcmp(word, "ok") != 0)
        return sg_fail(err, SG_INPUT, "%s: damaged (%s); hint: restore it from a copy, or use another folder",
                       l->path, word);
    SG_TRY(bring_up_to_date(l, err));
    l->fd =
        open(l->path, O_RDONLY | O_CLOEXEC); /* for sg_ledger_open_held, which says that it is not there */
    return note_place(l, err);
}

/* "file:<path>?immutable=1" with the path escaped (sqlite.org/uri.html). */
static char *immutable_uri(const char *path)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    sg_buf_puts(&b, "file:");
    for (const unsigned char *s = (const unsigned char *)path; *s; s++)
        if (strchr("%?#", *s))
            sg_buf_printf(&b, "%%%02x", *s);
        else
            sg_buf_add(&b, s, 1);
    sg_buf_puts(&b, "?immutable=1");
    return sg_buf_take(&b);
}

/* One view of the file for all that is read, and no locks at each look. */
static sg_status hold_view(struct sg_ledger *l, struct sg_err *err)
{
    SG_TRY(sg_ledger_run(l, "PRAGMA query_only=1", "it cannot be kept as it is", err));
    SG_TRY(sg_ledger_run(l, cache_size, "its cache cannot be set", err));
    return sg_ledger_run(l, "BEGIN", "reading cannot begin", err);
}

static int wal_exists(const char *path)
{
    char *wal = sg_strf("%s-wal", path);
    int exists = wal && sg_file_exists(wal);
    sg_free(wal);
    return exists;
}

/* A file that nobody writes, after an orderly end: it needs neither locks nor a log. */
static sg_status open_still(struct sg_ledger *l, const char *dir, int *fresh, struct sg_err *err)
{
    char *uri = immutable_uri(l->path);
    sg_status status = uri ? connect(l, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL, dir, err)
                           : sg_fail_memory(err, 1000);
    if (status == SG_OK)
        status = check_identity(l, dir, fresh, err);
    sg_free(uri);
    return status;
}

static sg_status no_ledger(const struct sg_ledger *l, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT,
                   "%s: no ledger there; hint: `synthgrid run` makes one in the study's results folder",
                   l->path);
}

static sg_status is_empty(const struct sg_ledger *l, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT, "%s: the ledger is empty; hint: `synthgrid run` fills it", l->path);
}

/* holder: whose lease it is, NULL: nobody's. */
static sg_status open_reader(struct sg_ledger *l, const char *dir, const char *holder, struct sg_err *err)
{
    l->reading = 1;
    if (!sg_file_exists(l->path))
        return no_ledger(l, err);
    int fresh = 0;
    /* Where we may write, so that SQLite takes its -wal and -shm away again when we close; nothing else is written. But not from a run
     * that goes on: where locks hold within a node only (Lustre's localflock), SQLite would take it for a dead one. */
    SG_TRY(connect(l, l->path, holder ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, NULL, dir, err));
    sg_status status = check_identity(l, dir, &fresh, err);
    int code = sqlite3_errcode(l->db);
    if (status != SG_OK && no_locks(l, dir)) {
        if (holder)
            status = sg_fail(err, SG_INPUT,
                             "%s: a run is writing it (%s); hint: look at %s/status.json or results.h5",
                             l->path, holder, dir);
        else if (
            wal_exists(
                l->path)) { /* a run was killed: its log is read without shared memory, as a writer does */
            SG_TRY(connect(l, l->path, SQLITE_OPEN_READWRITE, "unix-none", dir, err));
            SG_TRY(sg_ledger_run(l, "PRAGMA locking_mode=EXCLUSIVE", "its log cannot be read", err));
            status = check_identity(l, dir, &fresh, err);
        } else
            status = open_still(l, dir, &fresh, err);
    } else if (status != SG_OK && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) &&
               !wal_exists(l->path))
        status = open_still(l, dir, &fresh,
                            err); /* a folder that we may not write to: SQLite cannot make its lock files */
    if (status == SG_OK && fresh)
        status = is_empty(l, err);
    return status == SG_OK ? hold_view(l, err) : status;
}

/* A full $TMPDIR is other programs' trouble, and MPI's: a run that goes on fills no more than half of what is free there. */
static sg_status check_room(const struct sg_ledger *l, const char *file, struct sg_err *err)
{
    char *dir = sg_path_dir(file), *log = sg_strf("%s-wal", l->path);
    struct statvfs free;
    struct stat st;
    double bytes = 0;
    bytes += stat(l->path, &st) == 0 ? (double)st.st_size : 0;
    bytes += log && stat(log, &st) == 0 ? (double)st.st_size : 0;
    int is_full =
        dir && statvfs(dir, &free) == 0 && (double)free.f_bavail * (double)free.f_frsize < 2 * bytes;
    sg_status status = is_full ? sg_fail(err, SG_FAILED,
                                         "%s has too little room for a copy of the ledger, of %.0f MB; hint: "
                                         "TMPDIR names another place",
                                         dir, bytes / 1e6)
                               : SG_OK;
    sg_free(dir);
    sg_free(log);
    return status;
}

/* The copy `file` is ours alone: its log is read without shared memory, and it may be brought up to date. */
static sg_status open_file_copy(struct sg_ledger *l, int fd, const char *file, const char *dir,
                                struct sg_err *err)
{
    int fresh = 0;
    if (fd >= 0)
        SG_TRY(check_room(l, file, err));
    SG_TRY(sg_ledger_copy(l->path, fd, file, err));
    SG_TRY(connect(l, file, SQLITE_OPEN_READWRITE, NULL, dir, err));
    SG_TRY(sg_ledger_run(l, "PRAGMA locking_mode=EXCLUSIVE", "its copy cannot be read", err));
    SG_TRY(check_identity(l, dir, &fresh, err));
    if (fresh)
        return is_empty(l, err);
    SG_TRY(bring_up_to_date(l, err));
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    return hold_view(l, err);
}

/* Its files have no name any more once they are open: nothing is left behind, however this program ends. fd: as sg_ledger_copy has it. */
static sg_status open_copy(struct sg_ledger *l, int fd, const char *dir, struct sg_err *err)
{
    static const char *const end[] = {"", "-wal", "-journal"};
    char *folder = NULL;
    l->reading = 1;
    if (!sg_file_exists(l->path))
        return no_ledger(l, err);
    SG_TRY(sg_temp_dir(&folder, err));
    char *file = sg_path_join(folder, "ledger.sqlite");
    sg_status status = file ? open_file_copy(l, fd, file, dir, err) : sg_fail_memory(err, strlen(folder));
    for (size_t i = 0; file && i < sizeof end / sizeof end[0]; i++) {
        char *path = sg_strf("%s%s", file, end[i]);
        if (path)
            unlink(path);
        sg_free(path);
    }
    rmdir(folder);
    sg_free(file);
    sg_free(folder);
    return status;
}

sg_status sg_ledger_open(const char *dir, enum sg_ledger_mode mode, struct sg_ledger **out,
                         struct sg_err *err)
{
    struct sg_ledger *l = sg_alloc(1, sizeof *l);
    if (!l)
        return sg_fail_memory(err, sizeof *l);
    l->fd = -1;
    l->row = sg_buf_make(ROW_MAX);
    l->path = sg_path_join(dir, "ledger.sqlite");
    sg_status status = SG_OK;
    if (!l->path)
        status = sg_fail_memory(err, strlen(dir));
    else if (mode == SG_LEDGER_WRITE)
        status = open_writer(l, dir, err);
    else if (mode == SG_LEDGER_COPY)
        status = open_copy(l, -1, dir, err);
    else {
        char *holder = sg_lease_holder(dir);
        status = open_reader(l, dir, holder, err);
        sg_free(holder);
    }
    if (status != SG_OK) {
        sg_ledger_close(l);
        return status;
    }
    *out = l;
    return SG_OK;
}

/* ---- a copy of one's own ---- */

sg_status sg_ledger_hold(struct sg_ledger *l, struct sg_err *err)
{
    SG_TRY(sg_ledger_commit(l, err));
    sqlite3_wal_autocheckpoint(l->db, 0);
    return SG_OK;
}

void sg_ledger_let_go(struct sg_ledger *l)
{
    enum { PAGES = 1000 }; /* SQLite's own */
    sqlite3_wal_autocheckpoint(l->db, PAGES);
}

sg_status sg_ledger_open_held(const struct sg_ledger *l, struct sg_ledger **out, struct sg_err *err)
{
    if (l->fd < 0)
        return sg_fail(err, SG_FAILED, "%s: cannot be opened a second time", l->path);
    char *dir = sg_path_dir(l->path);
    struct sg_ledger *copy = sg_alloc(1, sizeof *copy);
    sg_status status = dir && copy ? SG_OK : sg_fail_memory(err, sizeof *copy);
    if (copy)
        copy->fd = -1;
    if (status == SG_OK) {
        copy->row = sg_buf_make(ROW_MAX);
        copy->path = sg_strdup(l->path);
        status = copy->path ? open_copy(copy, l->fd, dir, err) : sg_fail_memory(err, strlen(l->path));
    }
    sg_free(dir);
    if (status == SG_OK)
        *out = copy;
    else
        sg_ledger_close(copy);
    return status;
}
