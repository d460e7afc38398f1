/* Who holds a results folder: seen by process, or by its beat where the process cannot be seen; and what a run does whose folder or
 * lease went away under it. File systems without locks are made by an fcntl of our own. */
#define _GNU_SOURCE 1
#include "base/file.h"
#include "base/mem.h"
#include "results/ledger/lease.h"
#include "results/ledger/lease_beat.h"
#include "results/ledger/ledger.h"

#include "tests/base/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "scratch.h"

/* What file locks fail with; 0: they work. SQLite and we call it, in their two names (glibc 2.28, fcntl64). */
static int lock_errno;

static int locked(const char *name, int fd, int command, void *argument)
{
    if (lock_errno && (command == F_SETLK || command == F_GETLK)) {
        errno = lock_errno;
        return -1;
    }
    int (*real)(int, int, ...) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return locked("fcntl", fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return locked("fcntl64", fd, command, argument);
}

static void write_text(const char *path, const char *text)
{
    OK(sg_file_write(path, text, strlen(text), &err));
}

static struct sg_ledger *open_it(const char *dir)
{
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err));
    return l;
}

static void put(struct sg_ledger *l, const char *key)
{
    const struct sg_ledger_completion c = {
        .key = key, .request = "{}", .text = "t", .source = "live http://x"};
    OK(sg_ledger_completion_put(l, &c, &err));
}

/* A child that raises the beat of `lock` every 20 ms until it is killed. */
static pid_t beating(const char *lock)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child)
        return child;
    sg_lease_beat_s = 0.02;
    struct sg_lease_beat *b;
    if (sg_lease_beat_start(lock, &b, &err) == SG_OK)
        pause();
    _exit(1);
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Holders that cannot be seen from here: with a beat they live, whatever their pid says, and without one for long enough they are
 * gone. */
static void a_beat_decides(void **state)
{
    (void)state;
    char host[256], space[400], boot[400], far[400];
    gethostname(host, sizeof host);
    /* pid 999999999 is nobody's, and ours is alive: neither may count. */
    snprintf(space, sizeof space, "{\"host\":\"%s\",\"pid\":999999999,\"pid_namespace\":\"pid:[1]\"}", host);
    snprintf(boot, sizeof boot,
             "{\"host\":\"%s\",\"pid\":%ld,\"boot\":\"another\",\"pid_namespace\":\"pid:[1]\"}", host,
             (long)getpid());
    snprintf(far, sizeof far, "{\"host\":\"elsewhere\",\"pid\":%ld,\"pid_namespace\":\"pid:[1]\"}",
             (long)getpid());
    const char *const holder[] = {space, boot, far};
    for (int i = 0; i < 3; i++)
        for (int alive = 1; alive >= 0; alive--) {
            char dir[300], lock[320], file[340];
            snprintf(dir, sizeof dir, "%s/beat%d", scratch, i);
            snprintf(lock, sizeof lock, "%s/lock", dir);
            snprintf(file, sizeof file, "%s/holder", lock);
            OK(sg_mkdirs(lock, &err));
            write_text(file, holder[i]);
            snprintf(file, sizeof file, "%s/beat", lock);
            write_text(file, "7\n");
            pid_t child = alive ? beating(lock) : 0;
            struct sg_ledger *l = NULL;
            sg_status status = sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err);
            if (child)
                end(child);
            if ((status == SG_OK) == alive)
                fail_msg("holder %d, alive %d: %s", i, alive, status == SG_OK ? "taken" : err.text);
            sg_ledger_close(l);
        }
}

/* A living run in another PID namespace of this host, as in a container that has the host's name. */
static void a_container_is_not_taken_over(void **state)
{
    (void)state;
    const char *dir = in_scratch("container");
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char c = 'y';
        if (unshare(CLONE_NEWPID) != 0)
            c = 'n';
        pid_t inside = c == 'y' ? fork() : 0;
        if (inside == 0) {
            struct sg_ledger *l = NULL;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (c == 'y' && sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err) != SG_OK)
                c = 'e';
            (void)!write(ready[1], &c, 1);
            pause();
            _exit(0);
        }
        waitpid(inside, NULL, 0);
        _exit(0);
    }
    char c = 0;
    assert_int_equal(read(ready[0], &c, 1), 1);
    if (c == 'n') {
        end(child);
        print_message("not tried: no right to make a PID namespace\n");
        skip();
    }
    assert_int_equal(c, 'y');
    struct sg_ledger *l = NULL;
    assert_int_equal(sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "another run is writing there"));
    /* Without file locks, too. */
    lock_errno = ENOSYS;
    assert_int_equal(sg_ledger_open(dir, SG_LEDGER_WRITE, &l, &err), SG_INPUT);
    lock_errno = 0;
    end(child);
    sg_ledger_close(open_it(dir)); /* its beat stands still now */
}

/* A run that was silent for too long finds another's lease, and writes no more. */
static void a_lost_lease_is_noticed(void **state)
{
    (void)state;
    const char *dir = in_scratch("lost"), *holder = in_scratch("lost/lock/holder");
    struct sg_ledger *l = open_it(dir), *reader = NULL;
    put(l, "before");
    OK(sg_ledger_commit(l, &err));
    write_text(holder, "{\"host\":\"node9\",\"pid\":5,\"token\":\"another\"}");
    put(l, "after");
    sg_sleep_us(1100000); /* it looks once a second */
    assert_int_equal(sg_ledger_commit(l, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "another run has taken the results folder over (host node9"));
    assert_int_equal(sg_ledger_commit(l, &err), SG_FAILED);
    sg_ledger_close(l);
    assert_true(sg_file_exists(holder)); /* it is not ours to give back */
    unlink(holder);
    OK(sg_ledger_open(dir, SG_LEDGER_READ, &reader, &err));
    struct sg_ledger_completion c;
    int found;
    OK(sg_ledger_completion_get(reader, "before", &found, &c, &err));
    assert_int_equal(found, 1);
    OK(sg_ledger_completion_get(reader, "after", &found, &c, &err));
    assert_int_equal(found, 0);
    sg_ledger_close(reader);

    struct sg_lease *lease = NULL;
    OK(sg_mkdirs(in_scratch("removed"), &err));
    OK(sg_lease_take(in_scratch("removed"), &lease, &err));
    OK(sg_lease_check(lease, &err));
    unlink(in_scratch("removed/lock/holder"));
    assert_int_equal(sg_lease_check(lease, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "lock was removed"));
    sg_lease_release(lease);
}

/* Without file locks nothing but the lease keeps two writers apart: whoever has lost it leaves the other's log alone when it closes. */
static void a_lost_lease_spares_the_others_log(void **state)
{
    (void)state;
    const char *dir = in_scratch("overtaken");
    lock_errno = ENOSYS;
    struct sg_ledger *l = open_it(dir), *reader = NULL;
    put(l, "before");
    OK(sg_ledger_commit(l, &err));
    assert_int_equal(rename(in_scratch("overtaken/lock"), in_scratch("overtaken/suspended")), 0);
    pid_t child = fork(); /* it goes on while the first one closes: its log is not written back yet */
    if (child == 0) {
        struct sg_ledger *other = open_it(dir);
        put(other, "theirs");
        (void)!sg_ledger_commit(other, &err);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    put(l, "after");
    sg_sleep_us(1100000); /* it looks once a second */
    assert_int_equal(sg_ledger_commit(l, &err), SG_FAILED);
    sg_ledger_close(l);
    OK(sg_ledger_open(dir, SG_LEDGER_READ, &reader, &err));
    static const char *const key[] = {"before", "theirs", "after"};
    for (int i = 0; i < 3; i++) {
        struct sg_ledger_completion c;
        int found;
        OK(sg_ledger_completion_get(reader, key[i], &found, &c, &err));
        assert_int_equal(found, i < 2);
    }
    sg_ledger_close(reader);
    lock_errno = 0;
}

/* The folder under a run: moved (what was bought goes along), deleted, replaced by another; or the file in it, or its log. */
static void a_folder_that_goes_is_noticed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *command, *words;
    } table[] = {
        {"moved", "mv moved moved.away", "moved or deleted"},
        {"deleted", "rm -r deleted", "moved or deleted"},
        {"replaced", "mv replaced replaced.away && cp -r replaced.away replaced", "replaced by another file"},
        {"file", "rm file/ledger.sqlite", "moved or deleted"},
        {"log", "rm log/ledger.sqlite-wal", "moved or deleted"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *dir = in_scratch(table[i].name);
        struct sg_ledger *l = open_it(dir);
        put(l, "first");
        OK(sg_ledger_commit(l, &err));
        char *command = sg_strf("cd %s && %s", scratch, table[i].command);
        assert_int_equal(system(command), 0);
        sg_free(command);
        put(l, "second");
        sg_sleep_us(i == 0 ? 1100000 : 0); /* the lock has gone along */
        assert_int_equal(sg_ledger_commit(l, &err), SG_FAILED);
        if (!strstr(err.text, table[i].words))
            fail_msg("%s: no '%s' in: %s", table[i].name, table[i].words, err.text);
        assert_int_equal(sg_ledger_commit(l, &err), SG_FAILED); /* and stays so */
        sg_ledger_close(l);
    }
    struct sg_ledger *l = NULL;
    struct sg_ledger_completion c;
    int found;
    OK(sg_ledger_open(in_scratch("moved.away"), SG_LEDGER_READ, &l, &err));
    OK(sg_ledger_completion_get(l, "second", &found, &c, &err));
    assert_int_equal(found, 1);
    sg_ledger_close(l);
}

/* Locks that are not there (ENOSYS), and a lock service that is gone (ENOLCK): a run goes on under its lease. */
static void file_systems_without_locks(void **state)
{
    (void)state;
    static const int kinds[] = {ENOSYS, ENOLCK};
    for (int i = 0; i < 2; i++) {
        char dir[300];
        snprintf(dir, sizeof dir, "%s/unlocked%d", scratch, i);
        lock_errno = kinds[i];
        struct sg_ledger *l = open_it(dir), *second = NULL;
        put(l, "k");
        OK(sg_ledger_commit(l, &err));
        assert_int_equal(sg_ledger_open(dir, SG_LEDGER_WRITE, &second, &err), SG_INPUT);
        assert_non_null(strstr(err.text, "another run is writing there"));
        sg_ledger_close(l);
        OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
        sg_ledger_close(l);
        pid_t child = fork(); /* killed: its log is there to be read */
        if (child == 0) {
            l = open_it(dir);
            put(l, "killed");
            (void)!sg_ledger_commit(l, &err);
            raise(SIGKILL);
        }
        waitpid(child, NULL, 0);
        struct sg_ledger_completion c;
        int found;
        OK(sg_ledger_open(dir, SG_LEDGER_READ, &l, &err));
        OK(sg_ledger_completion_get(l, "killed", &found, &c, &err));
        assert_int_equal(found, 1);
        sg_ledger_close(l);
        lock_errno = 0;
    }
}

static int make(void **state)
{
    (void)state;
    sg_lease_beat_s = 0.05;
    sg_lease_silent_s = 0.6;
    return scratch_make();
}

static int clear(void **state)
{
    (void)state;
    scratch_remove(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_beat_decides),
        cmocka_unit_test(a_container_is_not_taken_over),
        cmocka_unit_test(a_lost_lease_is_noticed),
        cmocka_unit_test(a_lost_lease_spares_the_others_log),
        cmocka_unit_test(a_folder_that_goes_is_noticed),
        cmocka_unit_test(file_systems_without_locks),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
