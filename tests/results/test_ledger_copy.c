/* A ledger is read while a run writes it: each copy is what some commit has left, and the run does not notice. */
#include "base/file.h"
#include "results/ledger/ledger.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ledger_number.h"
#include "scratch.h"

/* Commit i enters row i of "t", and says so in row 0 of "u", whose page lies elsewhere: of a copy that mixes two states, one is ahead of
 * the other. A log that begins anew every 100 pages does so many times while a copy is made. */
static int write_without_end(const char *dir, int ready)
{
    struct sg_ledger *l = NULL;
    char i_text[24], text[1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    if (sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err) != SG_OK ||
        sqlite3_exec(sg_ledger_handle(l), "PRAGMA wal_autocheckpoint=100; PRAGMA synchronous=OFF", NULL, NULL,
                     NULL) != SQLITE_OK)
        return 1;
    for (int64_t i = 1;; i++) {
        snprintf(i_text, sizeof i_text, "%lld", (long long)i);
        if (sg_ledger_meta_set(l, "n", i_text, &err) != SG_OK ||
            sg_ledger_test_row_put(l, "t", i % 4000, i, text, NULL, &err) != SG_OK ||
            sg_ledger_commit(l, &err) != SG_OK)
            return 1;
        if (i == 4000 && write(ready, "", 1) != 1)
            return 1;
        if (i > 4000)
            sg_sleep_us(2000);
    }
}

static pid_t begin_writer(const char *dir)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(write_without_end(dir, ready[1]));
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end_writer(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it has noticed nothing */
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

static void copies_of_a_ledger_that_is_written(void **state)
{
    (void)state;
    const char *dir = in_scratch("written");
    pid_t child = begin_writer(dir);
    int64_t before = 0;
    struct sg_ledger *l = NULL;
    FAILS(SG_INPUT, "another process is writing", sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
    for (int i = 0; i < 60; i++) {
        sg_status status = sg_ledger_open(dir, SG_LEDGER_COPY, &l, &err);
        if (status == SG_FAILED && strstr(err.text, "faster than it can be copied")) {
            print_message("%d copies; then this machine had too much else to do for one\n", i);
            break;
        }
        OK(status);
        int64_t n = ledger_number(l, "SELECT CAST(value AS INTEGER) FROM meta WHERE name='n'");
        assert_int_equal(n, ledger_number(l, "SELECT max(label) FROM test_rows"));
        assert_int_equal(ledger_number(l, "SELECT count(*) FROM test_rows"), 4000);
        assert_int_equal(
            ledger_number(l, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
        assert_true(n >= before);
        before = n;
        assert_int_equal(sg_ledger_meta_set(l, "n", "0", &err), SG_FAILED);
        sg_ledger_close(l);
    }
    end_writer(child);
}

/* What a thread of its own process reads of a ledger that is written on. */
struct reading {
    struct sg_ledger *l;
    int64_t n_before, n_read;
    const char *wrong;
    atomic_int is_over;
};

static void *read_held(void *context)
{
    struct reading *r = context;
    struct sg_err why = {0};
    for (int i = 0; i < 5 && !r->wrong; i++) {
        struct sg_ledger *copy = NULL;
        if (sg_ledger_open_held(r->l, &copy, &why) != SG_OK) {
            r->wrong = "it cannot be opened";
            break;
        }
        int64_t n = ledger_number(copy, "SELECT CAST(value AS INTEGER) FROM meta WHERE name='n'");
        if (n < r->n_before || n != ledger_number(copy, "SELECT max(label) FROM test_rows") ||
            ledger_number(copy, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'") !=
                1)
            r->wrong = "it is no commit's";
        r->n_read = n;
        sg_ledger_close(copy);
    }
    atomic_store(&r->is_over, 1);
    return NULL;
}

static void put_row(struct sg_ledger *l, int64_t i)
{
    char text[1000], n[24];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    snprintf(n, sizeof n, "%lld", (long long)i);
    OK(sg_ledger_meta_set(l, "n", n, &err));
    OK(sg_ledger_test_row_put(l, "t", i % 2000, i, text, NULL, &err));
    OK(sg_ledger_commit(l, &err));
}

/* Asked by another process: SQLite's lock on the file (its PENDING_BYTE and the bytes behind it). */
static int is_locked(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};
        int fd = open(path, O_RDWR);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void copies_of_ones_own(void **state)
{
    (void)state;
    struct reading r = {.n_before = 2000};
    pthread_t thread;
    OK(sg_ledger_open(in_scratch("own"), SG_LEDGER_WRITE, &r.l, &err));
    assert_int_equal(sqlite3_exec(sg_ledger_handle(r.l), "PRAGMA synchronous=OFF", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int64_t i = 1; i <= 2000; i++)
        put_row(r.l, i);
    OK(sg_ledger_hold(r.l, &err));
    assert_int_equal(pthread_create(&thread, NULL, read_held, &r), 0);
    for (int64_t i = 2001; i < 6000 && !atomic_load(&r.is_over); i++) {
        put_row(r.l, i);
        sg_sleep_us(1000); /* the log grows meanwhile, and each copy has all of it */
    }
    pthread_join(thread, NULL);
    sg_ledger_let_go(r.l);
    assert_null(r.wrong);
    assert_true(r.n_read > 2000); /* it was written on meanwhile */
    assert_true(is_locked(in_scratch("own/ledger.sqlite")));
    sg_ledger_close(r.l);
}

/* A log of a killed run stays as it is, though the copy has all of it. */
static void copies_of_a_killed_one(void **state)
{
    (void)state;
    const char *dir = in_scratch("killed");
    struct stat before, after;
    struct sg_ledger *l = NULL;
    end_writer(begin_writer(dir));
    assert_int_equal(stat(in_scratch("killed/ledger.sqlite-wal"), &before), 0);
    OK(sg_ledger_open(dir, SG_LEDGER_COPY, &l, &err));
    int64_t n = ledger_number(l, "SELECT max(label) FROM test_rows");
    sg_ledger_close(l);
    assert_int_equal(stat(in_scratch("killed/ledger.sqlite-wal"), &after), 0);
    assert_true(before.st_size == after.st_size && before.st_ino == after.st_ino);
    OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
    assert_int_equal(ledger_number(l, "SELECT max(label) FROM test_rows"), n);
    sg_ledger_close(l);
}

/* One of before there were digests of pools, evaluations and attempts. */
static void copies_of_older_ones(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t n = 0;
    struct sg_ledger *l = NULL;
    FAILS(SG_INPUT, "no ledger there", sg_ledger_open(in_scratch("older"), SG_LEDGER_COPY, &l, &err));
    OK(sg_mkdirs(in_scratch("older"), &err));
    OK(sg_file_read_gz("tests/results/older/ledger.sqlite.gz", 1 << 24, &bytes, &n, &err));
    OK(sg_file_write(in_scratch("older/ledger.sqlite"), bytes, n, &err));
    OK(sg_ledger_open(in_scratch("older"), SG_LEDGER_COPY, &l, &err));
    assert_true(ledger_number(l, "SELECT count(*) FROM cells") > 0);
    assert_int_equal(ledger_number(l, "SELECT count(*) FROM attempts"), 0);
    sg_ledger_close(l);
    char *now = NULL;
    size_t n_now = 0;
    OK(sg_file_read(in_scratch("older/ledger.sqlite"), 1 << 24, &now, &n_now, &err));
    assert_true(n == n_now && memcmp(bytes, now, n) == 0);
    sg_free(bytes);
    sg_free(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_a_ledger_that_is_written), cmocka_unit_test(copies_of_a_killed_one),
        cmocka_unit_test(copies_of_ones_own), cmocka_unit_test(copies_of_older_ones)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
