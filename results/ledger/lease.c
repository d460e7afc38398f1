#include "results/ledger/lease.h"

#include "base/buf.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/tell.h"
#include "base/text.h"
#include "results/ledger/lease_beat.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { HOLDER_MAX = 1 << 16 };

struct sg_lease {
    char *lock;
    char token[33];
    struct sg_lease_beat *beat;
};

static void host_name(char out[256])
{
    if (gethostname(out, 256) != 0)
        snprintf(out, 256, "unknown");
    out[255] = 0;
}

/* Distinguishes two boots of one host; "" where the kernel does not say. */
static void boot_id(char out[64])
{
    out[0] = 0;
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (!f)
        return;
    if (!fgets(out, 64, f))
        out[0] = 0;
    fclose(f);
    out[strcspn(out, "\n")] = 0;
}

/* Tells containers of one host from each other: a pid means something within its namespace alone. "" where the kernel does not say. */
static void pid_namespace(char out[64])
{
    ssize_t n = readlink("/proc/self/ns/pid", out, 63);
    out[n > 0 ? n : 0] = 0;
}

/* Start time of a process in clock ticks since boot, field 22 of /proc/PID/stat (proc(5)); 0 when unknown, -1 for one that
 * has ended and only waits for its parent (a zombie: after a SIGKILL it may linger under pid 1 of a container).
 * Tells a process from a later one that was given the same pid. */
static int64_t process_start(int64_t pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    char *s = strrchr(line, ')'); /* the name before it may hold anything */
    if (s && strlen(s) > 2 && (s[2] == 'Z' || s[2] == 'X'))
        return -1;
    for (int field = 2; s && field < 22; field++)
        s = strchr(s + 1, ' ');
    return s ? strtoll(s + 1, NULL, 10) : 0;
}

static json_t *holder_read(const char *lock)
{
    char *path = sg_path_join(lock, "holder"), *text = NULL;
    json_t *j = NULL;
    if (path && sg_file_read(path, HOLDER_MAX, &text, NULL, NULL) == SG_OK)
        j = json_loads(text, 0, NULL);
    sg_free(text);
    sg_free(path);
    return j;
}

static json_t *holder_make(const char *token)
{
    char host[256], boot[64], space[64], since[21];
    host_name(host);
    boot_id(boot);
    pid_namespace(space);
    sg_utc(since);
    const char *job = getenv("SLURM_JOB_ID"), *restart = getenv("SLURM_RESTART_COUNT");
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:s, s:s}", "host", host, "boot", boot,
                     "pid_namespace", space, "pid", (json_int_t)getpid(), "started",
                     (json_int_t)process_start(getpid()), "job", job ? job : "", "restart",
                     (json_int_t)(restart ? strtoll(restart, NULL, 10) : 0), "token", token, "since", since);
}

enum state { GONE, ALIVE, UNKNOWN };

/* What is known of a holder at once, as seen by `me`. */
static enum state state_of(const json_t *holder, const json_t *me)
{
    const char *job = sg_json_text_or(holder, "job", "");
    if (job[0] && strcmp(job, sg_json_text_or(me, "job", "")) == 0 &&
        sg_json_int_or(holder, "restart", 0) < sg_json_int_or(me, "restart", 0))
        return GONE; /* Slurm ends a job's processes before it starts the job again, on whatever node */
    if (strcmp(sg_json_text_or(holder, "host", ""), sg_json_text_or(me, "host", "")) != 0)
        return UNKNOWN;
    const char *boot = sg_json_text_or(holder, "boot", ""),
               *space = sg_json_text_or(holder, "pid_namespace", "");
    int rebooted =
        boot[0] && sg_json_text_or(me, "boot", "")[0] && strcmp(boot, sg_json_text_or(me, "boot", "")) != 0;
    /* Virtual machines and containers share names: there neither the boot nor the pid tells anything of a holder elsewhere. */
    if (space[0] && (rebooted || strcmp(space, sg_json_text_or(me, "pid_namespace", "")) != 0))
        return UNKNOWN;
    if (rebooted)
        return GONE; /* written by a program that did not know of namespaces, and has no beat */
    int64_t pid = sg_json_int_or(holder, "pid", 0), started = sg_json_int_or(holder, "started", 0);
    if (pid <= 0)
        return UNKNOWN;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return GONE;
    int64_t now = process_start(pid);
    return started && now && now != started ? GONE : ALIVE;
}

/* Whether the holder is gone. One of whom nothing is known has its time to give a sign of life: this then takes up to
 * sg_lease_silent_s. */
static int gone(const char *lock, const json_t *holder, const json_t *me)
{
    enum state state = state_of(holder, me);
    int64_t before = sg_lease_beat_read(lock);
    if (state != UNKNOWN || before < 0)
        return state == GONE;
    sg_tell(
        "%s: held by a run on host %.100s that cannot be seen from here; waits up to %.0f s for a sign of it",
        lock, sg_json_text_or(holder, "host", ""), sg_lease_silent_s);
    double until = sg_now_s() + sg_lease_silent_s;
    while (sg_now_s() < until) {
        sg_sleep_us((int64_t)(1e5 * sg_lease_beat_s));
        if (sg_lease_beat_read(lock) != before)
            return 0; /* it lives, or has given the lease back: whoever asks looks again */
    }
    return 1;
}

static char *describe(const json_t *holder)
{
    struct sg_buf b = sg_buf_make(4096);
    sg_buf_puts(&b, "host ");
    sg_buf_safe(&b, sg_json_text_or(holder, "host", ""), 100);
    sg_buf_printf(&b, ", process %lld", (long long)sg_json_int_or(holder, "pid", 0));
    if (sg_json_text_or(holder, "job", "")[0]) {
        sg_buf_puts(&b, ", job ");
        sg_buf_safe(&b, sg_json_text_or(holder, "job", ""), 40);
    }
    sg_buf_puts(&b, ", since ");
    sg_buf_safe(&b, sg_json_text_or(holder, "since", ""), 40);
    return sg_buf_take(&b);
}

static void remove_lock(const char *folder)
{
    static const char *const in_it[] = {"holder", "beat"};
    for (int i = 0; i < 2; i++) {
        char *path = sg_path_join(folder, in_it[i]);
        if (path)
            unlink(path);
        sg_free(path);
    }
    rmdir(folder);
}

/* A name beside the lock that nobody else uses. */
static char *private_name(const char *lock, const char *what, const char *token)
{
    return sg_strf("%s.%s.%s", lock, what, token);
}

/* Takes a dead holder's lock away. Two runs may both have found it dead: the slower one could carry off the
 * faster one's new lock, so it looks at what it has in hand, and puts back what is not the dead one's. */
static void clear_dead(const char *lock, const json_t *dead, const char *token)
{
    char *aside = private_name(lock, "dead", token);
    if (aside && rename(lock, aside) == 0) {
        json_t *holder = holder_read(aside);
        if (strcmp(sg_json_text_or(holder, "token", ""), sg_json_text_or(dead, "token", "")) == 0 ||
            rename(aside, lock) != 0)
            remove_lock(aside);
        json_decref(holder);
    }
    sg_free(aside);
}

static sg_status refuse(const char *dir, const char *lock, const json_t *holder, struct sg_err *err)
{
    char *who = holder ? describe(holder) : NULL;
    sg_status status = sg_fail(
        err, SG_INPUT,
        "%s: another run is writing there (%s); hint: wait for it or use another folder; if that run is "
        "certainly gone, remove the folder %s",
        dir, who ? who : "it does not say which", lock);
    sg_free(who);
    return status;
}

/* Renames the finished folder `mine` to the lock, clearing dead holders out of the way. */
static sg_status enter(const char *dir, const char *lock, const char *mine, const json_t *me,
                       struct sg_err *err)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        if (rename(mine, lock) == 0)
            return SG_OK;
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT && errno != ENOTDIR)
            return sg_fail(err, SG_FAILED, "%s: the run's lock cannot be made: %s", lock, strerror(errno));
        json_t *holder = holder_read(lock);
        if (holder && strcmp(sg_json_text_or(holder, "token", ""), sg_json_text_or(me, "token", "")) == 0) {
            json_decref(holder); /* NFS: the rename was done, its answer lost */
            return SG_OK;
        }
        if (holder && gone(lock, holder, me))
            clear_dead(lock, holder, sg_json_text_or(me, "token", ""));
        else if ((holder && sg_dir_exists(lock)) || sg_file_exists(lock) || attempt == 9) {
            sg_status status = refuse(dir, lock, holder, err);
            json_decref(holder);
            return status;
        } else
            sg_sleep_us(20000); /* it is just being given back */
        json_decref(holder);
    }
    return refuse(dir, lock, NULL, err);
}

/* What a process has left beside the lock that was killed while it took it, or a dead holder's away: where it is known to be gone. One that
 * was killed before it had written its name is as old as that: an hour by the file system's own clock, which `now` was seen at. */
static void tidy(const char *dir, const json_t *me, time_t now)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (strncmp(e->d_name, "lock.new.", 9) != 0 && strncmp(e->d_name, "lock.dead.", 10) != 0)
            continue;
        char *path = sg_path_join(dir, e->d_name);
        json_t *holder = path ? holder_read(path) : NULL;
        int is_old = path && stat(path, &st) == 0 && st.st_mtime < now - 3600;
        if (path && (holder ? state_of(holder, me) == GONE : is_old)) {
            sg_file_tidy(path, "holder");
            remove_lock(path);
        }
        json_decref(holder);
        sg_free(path);
    }
    if (d)
        closedir(d);
}

sg_status sg_lease_take(const char *dir, struct sg_lease **out, struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_lease *l = sg_alloc(1, sizeof *l);
    if (!l)
        return sg_fail_memory(err, sizeof *l);
    char host[256], stamp[21];
    host_name(host);
    sg_utc(stamp);
    static int n_taken; /* one process may take several leases within a second */
    snprintf(l->token, sizeof l->token, "%016llx%016llx",
             (unsigned long long)sg_seed_of("%s %s %ld", host, stamp, (long)getpid()),
             (unsigned long long)sg_seed_of("%.9f %d %p", sg_now_s(), n_taken++, (void *)l));
    l->lock = sg_path_join(dir, "lock");
    char *mine = l->lock ? private_name(l->lock, "new", l->token) : NULL;
    char *file = mine ? sg_path_join(mine, "holder") : NULL;
    json_t *me = holder_make(l->token);
    char *text = me ? json_dumps(me, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!file || !text) {
        status = sg_fail_memory(err, 1000);
        goto done;
    }
    SG_TRY_DONE(sg_mkdirs(mine, err));
    SG_TRY_DONE(sg_file_write(file, text, strlen(text), err));
    SG_TRY_DONE(sg_lease_beat_start(mine, &l->beat, err));
    sg_crash_site("lease_enters", NULL);
    status = enter(dir, l->lock, mine, me, err);
    sg_crash_site("lease_taken", NULL);
    struct stat st;
    if (status == SG_OK && stat(l->lock, &st) == 0)
        tidy(dir, me, st.st_mtime);
done:
    if (status != SG_OK) {
        sg_lease_beat_stop(l->beat);
        if (mine)
            remove_lock(mine);
    }
    free(text); /* jansson's own heap */
    json_decref(me);
    sg_free(file);
    sg_free(mine);
    if (status == SG_OK)
        *out = l;
    else {
        sg_free(l->lock);
        sg_free(l);
    }
    return status;
}

void sg_lease_release(struct sg_lease *lease)
{
    if (!lease)
        return;
    sg_lease_beat_stop(lease->beat);
    json_t *holder = holder_read(lease->lock);
    if (holder && strcmp(sg_json_text_or(holder, "token", ""), lease->token) == 0)
        remove_lock(lease->lock);
    sg_crash_site("lease_released", NULL);
    json_decref(holder);
    sg_free(lease->lock);
    sg_free(lease);
}

sg_status sg_lease_check(const struct sg_lease *lease, struct sg_err *err)
{
    json_t *holder = holder_read(lease->lock);
    char *path = sg_path_join(lease->lock, "holder");
    sg_status status = SG_OK;
    struct stat st;
    if (holder && strcmp(sg_json_text_or(holder, "token", ""), lease->token) != 0) {
        char *who = describe(holder);
        status = sg_fail(err, SG_FAILED,
                         "%s: another run has taken the results folder over (%s), as this one gave no sign "
                         "of life (it was "
                         "suspended, or its file system hung); nothing more is written; hint: run again when "
                         "that one is over",
                         lease->lock, who ? who : "it does not say which");
        sg_free(who);
    } else if (!holder && path && stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
        status = sg_fail(err, SG_FAILED,
                         "%s: the run's lock was removed while it runs: another run could write there, too; "
                         "nothing more is "
                         "written; hint: run again to resume",
                         lease->lock);
    json_decref(holder);
    sg_free(path);
    return status;
}

char *sg_lease_holder(const char *dir)
{
    char *lock = sg_path_join(dir, "lock");
    json_t *holder = lock ? holder_read(lock) : NULL, *me = holder_make("");
    char *who = holder && me && state_of(holder, me) != GONE ? describe(holder) : NULL;
    json_decref(holder);
    json_decref(me);
    sg_free(lock);
    return who;
}
