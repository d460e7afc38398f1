#define _XOPEN_SOURCE 700 /* nftw */

#include "results/ledger/merge_impl.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/ledger/ledger_copy.h"
#include "results/ledger/output_check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder inside, which says that all of it is ours to remove: it is made first, at once, and goes last. */
#define MARK "merging"

const char *sg_merge_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

sg_status sg_merge_do(struct sg_merging *m, const char *sql, int64_t number, int64_t *n_changed,
                      struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int bad = sqlite3_prepare_v2(m->l->db, sql, -1, &s, NULL) != SQLITE_OK;
    if (!bad) {
        if (sqlite3_bind_parameter_count(s) >= 1)
            sqlite3_bind_int64(s, 1, m->shift);
        if (sqlite3_bind_parameter_count(s) >= 2)
            sqlite3_bind_int64(s, 2, number);
        bad = sqlite3_step(s) != SQLITE_DONE;
    }
    sg_status status = bad ? sg_ledger_fail(m->l, m->from, err) : SG_OK;
    sqlite3_finalize(s);
    if (n_changed)
        *n_changed = sqlite3_changes64(m->l->db);
    return status;
}

sg_status sg_merge_each(struct sg_merging *m, const char *sql, sg_merge_row each, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(m->l->db, sql, -1, &s, NULL) != SQLITE_OK)
        return sg_ledger_fail(m->l, m->from, err);
    sg_status status = SG_OK;
    int rc = SQLITE_ROW;
    while (status == SG_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
        status = each(m, s, err);
    if (status == SG_OK && rc != SQLITE_DONE)
        status = sg_ledger_fail(m->l, m->from, err);
    sqlite3_finalize(s);
    return status;
}

/* ---- the folder in which the result is made ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind;
    if (at->level == 0 || (at->level == 1 && strcmp(path + at->base, MARK) == 0))
        return 0;
    return remove(path);
}

/* The mark last, so that a removal that is killed can be gone on with. */
static void remove_folder(const char *path)
{
    char *mark = sg_path_join(path, MARK);
    if (mark && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0) {
        rmdir(mark);
        rmdir(path);
    }
    sg_free(mark);
}

static int has_mark(const char *work)
{
    char *mark = sg_path_join(work, MARK);
    int has = mark && sg_dir_exists(mark);
    sg_free(mark);
    return has;
}

/* What an earlier merge has left goes, unless that is at work still. */
static sg_status clear(const char *work, struct sg_err *err)
{
    struct stat st;
    struct sg_lease *lease = NULL;
    if (lstat(work, &st) != 0 || rmdir(work) == 0) /* killed before the mark was made */
        return SG_OK;
    if (!S_ISDIR(st.st_mode) || !has_mark(work))
        return sg_fail(err, SG_INPUT,
                       "%s is there already, and is not what a merge leaves; hint: move it away", work);
    SG_TRY(sg_lease_take(work, &lease, err));
    remove_folder(work);
    sg_lease_release(lease);
    return lstat(work, &st) == 0 ? sg_fail(err, SG_FAILED, "%s: cannot be removed", work) : SG_OK;
}

static sg_status make(const char *work, struct sg_err *err)
{
    SG_TRY(clear(work, err));
    SG_TRY(sg_mkdirs(work, err));
    char *mark = sg_path_join(work, MARK);
    sg_status status = mark ? sg_mkdirs(mark, err) : sg_fail_memory(err, strlen(work));
    sg_free(mark);
    return status;
}

/* Whole and durable, it gets its name. */
static sg_status give_name(const char *work, const char *out, struct sg_err *err)
{
    struct stat st;
    char *mark = sg_path_join(out, MARK);
    sg_status status = mark ? SG_OK : sg_fail_memory(err, strlen(out));
    if (status == SG_OK && lstat(out, &st) == 0) /* rename would take an empty folder */
        status =
            sg_fail(err, SG_INPUT, "%s was made by somebody else meanwhile; hint: name another folder", out);
    if (status == SG_OK)
        status = sg_file_replace(work, out, err);
    if (status == SG_OK)
        rmdir(mark);
    sg_free(mark);
    return status;
}

/* ---- inputs ---- */

/* The ledger that an input names: new memory. */
static sg_status ledger_of(const char *input, char **path, struct sg_err *err)
{
    int is_folder = sg_dir_exists(input);
    char *file = is_folder ? sg_path_join(input, "ledger.sqlite") : sg_strdup(input);
    if (!file)
        return sg_fail_memory(err, strlen(input));
    if (!sg_file_exists(file)) {
        sg_free(file);
        return sg_fail(err, SG_INPUT, "%s: no %s there; hint: name results folders, or their ledger.sqlite",
                       input, is_folder ? "ledger.sqlite" : "file");
    }
    *path = file;
    return SG_OK;
}

static sg_status check_lease(const char *input, const char *path, struct sg_err *err)
{
    const char *slash = strrchr(path, '/');
    if (strcmp(slash ? slash + 1 : path, "ledger.sqlite") != 0)
        return SG_OK; /* no run writes under another name: it is somebody's copy */
    char *dir = sg_path_dir(path), *holder = dir ? sg_lease_holder(dir) : NULL;
    sg_status status = SG_OK;
    if (!dir)
        status = sg_fail_memory(err, strlen(path));
    else if (holder)
        status = sg_fail(
            err, SG_INPUT,
            "%s: a run is at work there (%s); hint: merge when it has ended; --live takes what it has "
            "committed so far, from a copy; where that run is known to be dead, remove %s/lock",
            input, holder, dir);
    sg_free(dir);
    sg_free(holder);
    return status;
}

static sg_status check_inputs(const struct sg_merge_options *o, struct sg_err *err)
{
    struct stat seen[SG_MERGE_MAX];
    if (o->n < 2 || o->n > SG_MERGE_MAX)
        return sg_fail(err, SG_INPUT, "a merge takes 2 to %d inputs", SG_MERGE_MAX);
    for (int i = 0; i < o->n; i++) {
        char *path = NULL;
        SG_TRY(ledger_of(o->input[i], &path, err));
        sg_status status = SG_OK;
        if (stat(path, &seen[i]) != 0)
            status = sg_fail(err, SG_INPUT, "%s: %s", path, strerror(errno));
        else if (!o->takes_live)
            status = check_lease(o->input[i], path, err);
        for (int k = 0; status == SG_OK && k < i; k++)
            if (seen[k].st_dev == seen[i].st_dev && seen[k].st_ino == seen[i].st_ino)
                status = sg_fail(err, SG_INPUT, "%s and %s are the same ledger; hint: name each once",
                                 o->input[k], o->input[i]);
        sg_free(path);
        SG_TRY(status);
    }
    return SG_OK;
}

static sg_status check_out(const struct sg_merge_options *o, const char *out, struct sg_err *err)
{
    struct stat st;
    if (lstat(out, &st) == 0)
        return sg_fail(err, SG_INPUT,
                       "%s is there already; hint: name a folder that does not exist, or move it away", out);
    char *above = sg_path_dir(out);
    sg_status status = above ? sg_output_check_folder("--output's folder", above, o->input, o->n, err)
                             : sg_fail_memory(err, strlen(out));
    sg_free(above);
    return status;
}

/* A copy that no run has, brought up to this program's tables; `folder` is ours. */
static sg_status copy_in(const struct sg_merging *m, const char *folder, const char *file, struct sg_err *err)
{
    struct sg_ledger *l = NULL;
    char *path = NULL;
    SG_TRY(ledger_of(m->from, &path, err));
    sg_status status = sg_mkdirs(folder, err);
    if (status == SG_OK)
        status = sg_ledger_copy(path, -1, file, err);
    if (status == SG_OK && (status = sg_ledger_open(folder, SG_LEDGER_WRITE, &l, err)) != SG_OK)
        sg_err_at(err, "%s, whose copy is", m->from);
    sg_ledger_close(l);
    sg_free(path);
    return status;
}

static sg_status attach(struct sg_merging *m, const char *file, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int bad = sqlite3_prepare_v2(m->l->db, "ATTACH ?1 AS src", -1, &s, NULL) != SQLITE_OK;
    if (!bad) {
        sg_ledger_bind_text(s, 1, file);
        bad = sqlite3_step(s) != SQLITE_DONE;
    }
    sg_status status = bad ? sg_ledger_fail(m->l, m->from, err) : SG_OK;
    sqlite3_finalize(s);
    return status;
}

static sg_status take(struct sg_merging *m, struct sg_err *err)
{
    /* The copy is ours: looked up by key, as main is. */
    SG_TRY(sg_ledger_run(m->l, "PRAGMA src.synchronous=OFF", m->from, err));
    SG_TRY(sg_ledger_run(m->l, "CREATE INDEX src.attempts_key ON attempts(key)", m->from, err));
    SG_TRY(sg_ledger_begin(m->l, err));
    SG_TRY(sg_merge_study(m, err));
    SG_TRY(sg_merge_tables(m, err));
    return sg_ledger_commit(m->l, err);
}

static sg_status take_input(struct sg_merging *m, const char *work, struct sg_err *err)
{
    char *folder = sg_path_join(work, "input"), *file = folder ? sg_path_join(folder, "ledger.sqlite") : NULL;
    sg_status status = SG_OK;
    m->from = m->o->input[m->k];
    if (!file)
        status = sg_fail_memory(err, strlen(work));
    if (status == SG_OK)
        status = copy_in(m, folder, file, err);
    if (status == SG_OK)
        status = attach(m, file, err);
    if (status == SG_OK)
        status = take(m, err);
    if (status == SG_OK)
        status = sg_ledger_run(m->l, "DETACH src", m->from, err);
    if (status == SG_OK)
        remove_folder(folder);
    sg_free(folder);
    sg_free(file);
    return status;
}

/* ---- the merge ---- */

static sg_status conflicts(const struct sg_merging *m, struct sg_err *err)
{
    int64_t n = (int64_t)json_array_size(m->found->conflicts);
    if (!n || m->o->first_wins)
        return SG_OK;
    return sg_fail(err, SG_FAILED,
                   "%lld %s, and nothing was made; hint: --prefer A takes the first input's, --prefer B the "
                   "second's, and "
                   "so on",
                   (long long)n, sg_plural(n, "conflict", "conflicts"));
}

static sg_status merge_all(struct sg_merging *m, const char *work, struct sg_err *err)
{
    /* Files of others: nothing in their schema may run what it should not. */
    sqlite3_db_config(m->l->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    /* What is not whole is not kept, so nothing is made durable before that. */
    SG_TRY(sg_ledger_run(m->l, "PRAGMA main.synchronous=OFF", "fsync cannot be switched off", err));
    SG_TRY(sg_ledger_run(m->l, "CREATE INDEX main.attempts_key ON attempts(key)", "an index", err));
    for (m->k = 0; m->k < m->o->n; m->k++)
        SG_TRY(take_input(m, work, err));
    sg_crash_site("merge_half", work);
    SG_TRY(conflicts(m, err));
    SG_TRY(sg_ledger_run(m->l, "PRAGMA main.synchronous=FULL", "fsync cannot be switched on", err));
    SG_TRY(sg_ledger_begin(m->l, err));
    if (json_array_size(m->found->conflicts))
        SG_TRY(sg_merge_settle(m, err));
    SG_TRY(sg_ledger_run(m->l, "DROP INDEX main.attempts_key", "an index", err));
    SG_TRY(sg_ledger_commit(m->l, err));
    return m->o->built ? m->o->built(m->o->context, m->l, work, err) : SG_OK;
}

/* *is_ours: the folder's lease was had, so that nobody else is at work in it. */
static sg_status merge_into(const struct sg_merge_options *o, struct sg_merge_found *found, const char *work,
                            int *is_ours, struct sg_err *err)
{
    struct sg_merging m = {.o = o, .found = found};
    found->is_same_plan = 1;
    sg_status status = sg_ledger_open(work, SG_LEDGER_WRITE, &m.l, err);
    *is_ours = status == SG_OK || status == SG_FULL; /* on a full disk nobody else is at work */
    SG_TRY(status);
    status = merge_all(&m, work, err);
    if (status == SG_OK)
        status = sg_ledger_commit(m.l, err);
    sg_ledger_close(m.l);
    for (int i = 0; i < o->n; i++)
        sg_free(m.plan[i].settings);
    return status;
}

sg_status sg_ledger_merge(const struct sg_merge_options *o, struct sg_merge_found *found, struct sg_err *err)
{
    char *out = sg_strdup(o->out), *work = NULL;
    for (size_t n = out ? strlen(out) : 0; n > 1 && out[n - 1] == '/'; n--)
        out[n - 1] = 0;
    sg_status status = out && (work = sg_strf("%s.merging", out)) ? SG_OK : sg_fail_memory(err, 1000);
    int is_ours = 0;
    SG_TRY_DONE(status);
    SG_TRY_DONE(check_inputs(o, err));
    SG_TRY_DONE(check_out(o, out, err));
    SG_TRY_DONE(make(work, err));
    SG_TRY_DONE(merge_into(o, found, work, &is_ours, err));
    SG_TRY_DONE(give_name(work, out, err));
    is_ours = 0;
done:
    if (is_ours)
        remove_folder(work);
    sg_free(out);
    sg_free(work);
    return status;
}
