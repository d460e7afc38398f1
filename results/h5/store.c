#include "results/h5/store.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"
#include "results/h5/h5_driver.h"
#include "results/h5/store_fill.h"
#include "results/h5/store_open.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char how_to_read[] = "import h5py, pandas\n"
                                  "cells = pandas.DataFrame(h5py.File(\"results.h5\")[\"cells\"][:])\n"
                                  "cells = cells.map(lambda x: x.decode() if isinstance(x, bytes) else x)\n";

/* Attributes of the root that belong to the content; all others say how, where and when. Settings and study
 * text do not: folders, endpoints and comments in them may differ, and the ids of the cells hold what
 * matters. */
static const char *const content_attributes[] = {"study", "encoder_sha256", "inputs"};
enum { N_CONTENT = sizeof content_attributes / sizeof *content_attributes };

sg_status sg_store_open(const char *path, hid_t *out, struct sg_err *err)
{
    sg_h5_quiet();
    if (!sg_file_exists(path))
        return sg_fail(
            err, SG_INPUT,
            "%s: no such file; hint: `synthgrid run` writes results.h5 into the study's results folder",
            path);
    char *format = NULL;
    int64_t version = 0;
    hid_t file = H5Fis_hdf5(path) > 0 ? H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT) : -1;
    if (file < 0)
        return sg_fail(err, SG_INPUT,
                       "%s: damaged, or no HDF5 file; hint: `synthgrid run` builds it again from the ledger",
                       path);
    sg_status status = sg_h5_get_text(file, "format", &format, path, err);
    /* HDF5 1.14 reads some damaged texts as others, without an error. */
    if (status == SG_INPUT || (status == SG_OK && strcmp(format, SG_STORE_FORMAT) != 0))
        status = sg_fail(
            err, SG_INPUT,
            "%s: an HDF5 file, but not results of synthgrid, or damaged; hint: `synthgrid run` builds it "
            "again from the ledger",
            path);
    if (status == SG_OK)
        status = sg_h5_get_int(file, "format_version", &version, path, err);
    if (status == SG_OK && version != SG_STORE_VERSION)
        status = sg_fail(
            err, SG_INPUT,
            "%s: results of version %lld, this program reads version %d; hint: use the program that wrote it",
            path, (long long)version, SG_STORE_VERSION);
    sg_free(format);
    if (status == SG_OK)
        *out = file;
    else
        H5Fclose(file);
    return status;
}

/* The ledger's meta and totals as attributes of the root. */
static sg_status set_provenance(struct sg_ledger *l, hid_t file, const char *path, struct sg_err *err)
{
    sqlite3 *db = sg_ledger_handle(l);
    sqlite3_stmt *s = NULL;
    struct sg_ledger_totals t;
    char written[21], cost[32];
    sg_status status = SG_OK;
    SG_TRY(sg_ledger_totals(l, &t, err));
    if (sqlite3_prepare_v2(db, "SELECT name, value FROM meta WHERE name<>'version' ORDER BY name", -1, &s,
                           NULL) != SQLITE_OK)
        return sg_fail(err, SG_FAILED, "the ledger cannot be read: %s", sqlite3_errmsg(db));
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        SG_TRY_DONE(sg_h5_set_text(file, (const char *)sqlite3_column_text(s, 0),
                                   (const char *)sqlite3_column_text(s, 1), path, err));
    if (rc != SQLITE_DONE)
        SG_TRY_DONE(sg_fail(err, SG_FAILED, "the ledger cannot be read: %s", sqlite3_errmsg(db)));
    sg_utc(written);
    if (t.n_cost_unknown)
        strcpy(cost, "unknown");
    else
        snprintf(cost, sizeof cost, "%.6f", t.cost_usd);
    SG_TRY_DONE(sg_h5_set_text(file, "written", written, path, err));
    SG_TRY_DONE(sg_h5_set_text(file, "how_to_read", how_to_read, path, err));
    SG_TRY_DONE(sg_h5_set_int(file, "total_requests", t.n_completions, path, err));
    SG_TRY_DONE(sg_h5_set_int(file, "total_failed_requests", t.n_failed_completions, path, err));
    SG_TRY_DONE(sg_h5_set_int(file, "total_from_recording", t.n_imported, path, err));
    SG_TRY_DONE(sg_h5_set_int(file, "total_tokens_in", t.tokens_in, path, err));
    SG_TRY_DONE(sg_h5_set_int(file, "total_tokens_out", t.tokens_out, path, err));
    status = sg_h5_set_text(file, "total_cost_usd", cost, path, err);
done:
    sqlite3_finalize(s);
    return status;
}

/* Whether a table enters the content digest. One that came after the first files does when it has rows, unless all of it
 * is volatile: so studies without it keep their digest. */
static sg_status is_content(hid_t file, int i, const char *path, int *yes, struct sg_err *err)
{
    const struct sg_h5_table_spec *spec = &sg_store_tables[i];
    int64_t n = 1;
    if (spec->is_later)
        SG_TRY(sg_h5_table_count(file, spec, path, &n, err));
    *yes = n > 0 && !(spec->is_later && spec->column[0].is_volatile);
    return SG_OK;
}

/* The file's content digest: the tables' digests in their order, then the content attributes (absent: empty).
 */
static sg_status digest_of(hid_t file, char table[SG_N_TABLES][SG_HEX], const char *path, char digest[SG_HEX],
                           struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 100);
    sg_status status = SG_OK;
    for (int i = 0; i < SG_N_TABLES && status == SG_OK; i++) {
        int yes = 0;
        status = is_content(file, i, path, &yes, err);
        if (yes)
            sg_sha256_add(h, table[i], SG_HEX - 1);
    }
    for (int i = 0; i < N_CONTENT && status == SG_OK; i++) {
        char *value = NULL;
        if (H5Aexists(file, content_attributes[i]) > 0)
            status = sg_h5_get_text(file, content_attributes[i], &value, path, err);
        sg_sha256_add(h, value ? value : "", value ? strlen(value) + 1 : 1);
        sg_free(value);
    }
    sg_sha256_finish_hex(h, digest);
    return status;
}

/* What was written, to be compared with what is read back. */
struct written {
    char digest[SG_HEX], hex[SG_N_TABLES][SG_HEX];
    struct sg_h5_table_written table[SG_N_TABLES];
};

static sg_status write_tables(struct sg_ledger *l, hid_t file, const char *path, struct written *w,
                              struct sg_err *err)
{
    struct sg_h5_table *table[SG_N_TABLES] = {0};
    sg_status status = SG_OK;
    for (int i = 0; i < SG_N_TABLES; i++)
        SG_TRY_DONE(sg_h5_table_create(file, &sg_store_tables[i], path, &table[i], err));
    SG_TRY_DONE(sg_store_fill(l, table, err));
    sg_crash_site("h5_half", path);
    for (int i = 0; i < SG_N_TABLES; i++) {
        struct sg_h5_table *t = table[i];
        table[i] = NULL; /* finish destroys it, failing or not */
        SG_TRY_DONE(sg_h5_table_finish(t, &w->table[i], err));
        memcpy(w->hex[i], w->table[i].content, SG_HEX);
    }
    status = digest_of(file, w->hex, path, w->digest, err);
done:
    for (int i = 0; i < SG_N_TABLES; i++)
        sg_h5_table_discard(table[i]);
    return status;
}

static sg_status write_file(struct sg_ledger *l, const char *path, struct written *written,
                            struct sg_err *err)
{
    struct sg_h5_writing w = {0};
    hid_t file = sg_h5_create(path, &w);
    if (file < 0) {
        SG_TRY(sg_h5_writing_check(&w, path, err));
        return sg_h5_fail(err, SG_FAILED, path, "cannot be built");
    }
    sg_status status = SG_OK;
    SG_TRY_DONE(sg_h5_set_text(file, "format", SG_STORE_FORMAT, path, err));
    SG_TRY_DONE(sg_h5_set_int(file, "format_version", SG_STORE_VERSION, path, err));
    SG_TRY_DONE(set_provenance(l, file, path, err));
    SG_TRY_DONE(write_tables(l, file, path, written, err));
    status = sg_h5_set_text(file, "content_sha256", written->digest, path, err);
done:
    if (H5Fclose(file) < 0 && status == SG_OK)
        status = sg_h5_fail(err, SG_FAILED, path, "cannot be built");
    /* What failed on the disk is why all else did. */
    return w.error ? sg_h5_writing_check(&w, path, err) : status;
}

/* Whether the file has its digest: that of these tables. */
static sg_status verify_digest(hid_t file, char table[SG_N_TABLES][SG_HEX], const char *path,
                               struct sg_err *err)
{
    char digest[SG_HEX], *stored = NULL;
    SG_TRY(digest_of(file, table, path, digest, err));
    sg_status status = sg_h5_get_text(file, "content_sha256", &stored, path, err);
    if (status == SG_OK && strcmp(stored, digest) != 0)
        status = sg_fail(err, SG_INPUT, "%s: damaged: its content does not fit its digest", path);
    sg_free(stored);
    return status;
}

static sg_status reread(const char *path, struct written *w, const atomic_int *stop, struct sg_err *err)
{
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = SG_OK;
    for (int i = 0; i < SG_N_TABLES && status == SG_OK; i++)
        status = sg_h5_table_reread(file, &sg_store_tables[i], path, &w->table[i], stop, err);
    if (status == SG_OK)
        status = verify_digest(file, w->hex, path, err);
    H5Fclose(file);
    return status;
}

/* SQLite's cache in its own unit (negative: KiB); 0: SQLite does not say. */
static int cache_size(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    int n = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA cache_size", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return n;
}

/* A smaller or larger cache changes no result: that it cannot be had is no error. */
static void set_cache_size(sqlite3 *db, int n)
{
    char sql[60];
    snprintf(sql, sizeof sql, "PRAGMA cache_size=%d", n);
    if (n && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        sqlite3_db_release_memory(db);
}

/* Most rows are read once and in order, so the writers' cache would hold what is behind us. */
static sg_status write_with_small_cache(struct sg_ledger *l, const char *path, struct written *w,
                                        struct sg_err *err)
{
    sqlite3 *db = sg_ledger_handle(l);
    int before = cache_size(db);
    set_cache_size(db, before ? -2048 : 0);
    sg_status status = write_file(l, path, w, err);
    set_cache_size(db, before);
    return status;
}

static int is_stopped(void *stop)
{
    return atomic_load((const atomic_int *)stop);
}

sg_status sg_store_write(struct sg_ledger *l, const char *path, char digest[SG_HEX], struct sg_err *err)
{
    return sg_store_write_unless(l, path, NULL, digest, err);
}

sg_status sg_store_write_unless(struct sg_ledger *l, const char *path, const atomic_int *stop,
                                char digest[SG_HEX], struct sg_err *err)
{
    enum { STEPS = 10000 }; /* of SQLite's virtual machine between two looks: less than a millisecond */
    struct written written = {0};
    sg_h5_quiet();
    SG_TRY(sg_ledger_commit(l, err)); /* results of what could still be lost are none */
    char *tmp = sg_strf("%s.tmp.%ld", path, (long)getpid());
    if (!tmp)
        return sg_fail_memory(err, strlen(path));
    if (stop)
        sqlite3_progress_handler(sg_ledger_handle(l), STEPS, is_stopped, (void *)(uintptr_t)stop);
    sg_status status = write_with_small_cache(l, tmp, &written, err);
    if (stop)
        sqlite3_progress_handler(sg_ledger_handle(l), 0, NULL, NULL);
    if (status == SG_OK && reread(tmp, &written, stop, err) != SG_OK) {
        sg_err_at(err, "what was just written cannot be read back");
        if (err)
            err->status = SG_FAILED; /* not the user's input: the disk or the library */
        status = SG_FAILED;
    }
    if (stop && atomic_load(stop))
        status = sg_fail(err, SG_STOPPED, "%s was being written, and it was stopped", path);
    if (status == SG_OK)
        status = sg_file_replace(tmp, path, err);
    if (status != SG_OK)
        unlink(tmp);
    else if (digest)
        memcpy(digest, written.digest, SG_HEX);
    sg_free(tmp);
    return status;
}

void sg_store_tidy(const char *path)
{
    char *folder = sg_path_dir(path);
    const char *slash = strrchr(path, '/');
    sg_file_tidy(folder, slash ? slash + 1 : path);
    sg_free(folder);
}

sg_status sg_store_digest(const char *path, char digest[SG_HEX], struct sg_err *err)
{
    hid_t file = -1;
    char *stored = NULL;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = sg_h5_get_text(file, "content_sha256", &stored, path, err);
    if (status == SG_OK && strlen(stored) != SG_HEX - 1)
        status = sg_fail(err, SG_INPUT, "%s: the attribute `content_sha256` is damaged", path);
    if (status == SG_OK)
        memcpy(digest, stored, SG_HEX);
    sg_free(stored);
    H5Fclose(file);
    return status;
}

sg_status sg_store_verify(const char *path, struct sg_err *err)
{
    hid_t file = -1;
    char hex[SG_N_TABLES][SG_HEX];
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = SG_OK;
    for (int i = 0; i < SG_N_TABLES && status == SG_OK; i++)
        status = sg_h5_table_verify(file, &sg_store_tables[i], path, hex[i], err);
    if (status == SG_OK)
        status = verify_digest(file, hex, path, err);
    H5Fclose(file);
    return status;
}

sg_status sg_store_tables_digests(const char *path, json_t **out, struct sg_err *err)
{
    hid_t file = -1;
    char hex[SG_HEX];
    json_t *o = json_object();
    sg_status status = o ? sg_store_open(path, &file, err) : sg_fail_memory(err, 100);
    for (int i = 0; i < SG_N_TABLES && status == SG_OK; i++) {
        int yes = 0;
        status = sg_h5_table_verify(file, &sg_store_tables[i], path, hex, err);
        if (status == SG_OK)
            status = is_content(file, i, path, &yes, err);
        if (yes && json_object_set_new(o, sg_store_tables[i].name, json_string(hex)) != 0)
            status = sg_fail_memory(err, 100);
    }
    if (file >= 0)
        H5Fclose(file);
    if (status == SG_OK)
        *out = o;
    else
        json_decref(o);
    return status;
}
