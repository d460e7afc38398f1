#include "results/h5/store_check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Takes the text. */
static sg_status note(json_t *misfits, char *text, struct sg_err *err)
{
    json_t *s = text ? json_string(text) : NULL; /* NULL, too, for what is no UTF-8 */
    if (text && !s)
        s = json_string("a misfit whose text is no UTF-8");
    sg_free(text);
    return s && json_array_append_new(misfits, s) == 0 ? SG_OK : sg_fail_memory(err, 200);
}

/* Of a call that says SG_INPUT for a damaged file: a misfit. Other failures are failures. */
static sg_status note_failed(json_t *misfits, sg_status found, const struct sg_err *why, struct sg_err *err)
{
    if (found == SG_OK)
        return SG_OK;
    if (found != SG_INPUT)
        return sg_fail(err, found, "%s", why->text);
    return note(misfits, sg_strdup(why->text), err);
}

sg_status sg_store_check_file(const char *path, json_t *misfits, struct sg_err *err)
{
    hid_t file = -1;
    size_t before = json_array_size(misfits);
    struct sg_err why = {0};
    sg_status found = sg_store_open(path, &file, &why);
    if (found != SG_OK)
        return note_failed(misfits, found, &why, err);
    sg_status status = SG_OK;
    for (int i = 0; i < SG_N_TABLES && status == SG_OK; i++) {
        why = (struct sg_err){0};
        found = sg_h5_table_verify(file, &sg_store_tables[i], path, NULL, &why);
        /* HDF5's own words name no table. */
        status = found == SG_INPUT ? note(misfits, sg_strf("/%s: %s", sg_store_tables[i].name, why.text), err)
                                   : note_failed(misfits, found, &why, err);
    }
    H5Fclose(file);
    /* A table that was taken away, and the attributes that count, show in the digest of all. */
    if (status == SG_OK && json_array_size(misfits) == before) {
        why = (struct sg_err){0};
        found = sg_store_verify(path, &why);
        status = note_failed(misfits, found, &why, err);
    }
    return status;
}

/* ---- the row that differs ---- */

/* What is kept of a table's rows: a hash of each, of what counts in the content digest. */
struct rows {
    const struct sg_h5_table_spec *spec;
    uint64_t *hash;
    int64_t n, room;
};

/* FNV-1a: a difference is known already, this only finds its place. */
static uint64_t more(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return h;
}

static uint64_t hash_of(const struct sg_h5_table_spec *spec, const union sg_value *row)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int i = 0; i < spec->n_columns; i++) {
        const struct sg_column *c = &spec->column[i];
        if (c->is_volatile)
            continue;
        if (c->type == SG_COL_TEXT)
            h = more(h, row[i].text, strlen(row[i].text) + 1);
        else if (c->type == SG_COL_INT || c->type == SG_COL_INT32)
            h = more(h, &row[i].i, sizeof row[i].i);
        else if (isnan(row[i].x)) /* many bit patterns, one meaning */
            h = more(h, "NaN", 4);
        else
            h = more(h, &row[i].x, sizeof row[i].x);
    }
    return h;
}

static sg_status keep_hash(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct rows *r = context;
    (void)at;
    if (r->n == r->room) {
        int64_t room = r->room ? 2 * r->room : 1024;
        uint64_t *grown = sg_realloc(r->hash, (size_t)room, sizeof *grown);
        if (!grown)
            return sg_fail_memory(err, (size_t)room * sizeof *grown);
        r->hash = grown;
        r->room = room;
    }
    r->hash[r->n++] = hash_of(r->spec, row);
    return SG_OK;
}

struct label {
    const struct sg_h5_table_spec *spec;
    int64_t at;
    struct sg_buf *out;
};

static void put_value(const struct sg_column *c, const union sg_value *v, struct sg_buf *out)
{
    sg_buf_printf(out, "%s ", c->name);
    if (c->type == SG_COL_TEXT)
        sg_buf_safe(out, v->text, 80);
    else if (c->type == SG_COL_INT || c->type == SG_COL_INT32)
        sg_buf_printf(out, "%lld", (long long)v->i);
    else
        sg_buf_printf(out, "%g", v->x);
}

/* By its first two columns, which say of which cell or pool it is, and by its id. */
static sg_status put_label(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct label *l = context;
    (void)err;
    if (at != l->at)
        return SG_OK;
    for (int i = 0, n = 0; i < l->spec->n_columns; i++)
        if (i < 2 || strcmp(l->spec->column[i].name, "id") == 0) {
            sg_buf_puts(l->out, n++ ? ", " : "");
            put_value(&l->spec->column[i], &row[i], l->out);
        }
    return SG_OK;
}

static sg_status hashes_of(const char *path, struct rows *r, struct sg_err *err)
{
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = sg_h5_table_each(file, r->spec, path, keep_hash, r, err);
    H5Fclose(file);
    return status;
}

static sg_status label_of(const char *path, const struct sg_h5_table_spec *spec, int64_t at,
                          struct sg_buf *out, struct sg_err *err)
{
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = sg_h5_table_each(file, spec, path, put_label, &(struct label){spec, at, out}, err);
    H5Fclose(file);
    return status;
}

/* "" where the rows are the same, in what counts. */
static sg_status put_difference(const char *path, const char *made, const struct sg_h5_table_spec *spec,
                                struct sg_buf *out, struct sg_err *err)
{
    struct rows file = {.spec = spec}, ledger = {.spec = spec};
    sg_status status = hashes_of(path, &file, err);
    if (status == SG_OK)
        status = hashes_of(made, &ledger, err);
    int64_t at = 0, n = file.n < ledger.n ? file.n : ledger.n;
    while (status == SG_OK && at < n && file.hash[at] == ledger.hash[at])
        at++;
    if (status == SG_OK && file.n != ledger.n)
        sg_buf_printf(out, "; %lld rows, not %lld", (long long)file.n, (long long)ledger.n);
    if (status == SG_OK && (at < file.n || at < ledger.n)) {
        sg_buf_printf(out, "; first in row %lld (", (long long)at);
        status = label_of(at < file.n ? path : made, spec, at, out, err);
        sg_buf_puts(out, ")");
    }
    sg_free(file.hash);
    sg_free(ledger.hash);
    return status;
}

static sg_status compare(const json_t *file, const json_t *ledger, const char *path, const char *made,
                         json_t *misfits, struct sg_err *err)
{
    for (int i = 0; i < SG_N_TABLES; i++) {
        const char *name = sg_store_tables[i].name;
        const json_t *a = json_object_get(file, name), *b = json_object_get(ledger, name);
        if (a == b || (a && b && json_equal(a, b)))
            continue;
        struct sg_buf where = sg_buf_make(2000);
        sg_status status = put_difference(path, made, &sg_store_tables[i], &where, err);
        if (status == SG_OK)
            status = note(
                misfits,
                sg_strf("%s: the table /%s holds something else than the ledger%s; hint: `synthgrid run` "
                        "builds the file again",
                        path, name, sg_buf_text(&where)),
                err);
        sg_buf_free(&where);
        SG_TRY(status);
    }
    return SG_OK;
}

sg_status sg_store_check_ledger(const char *path, struct sg_ledger *l, json_t *misfits, struct sg_err *err)
{
    char *folder = NULL, *made = NULL;
    json_t *a = NULL, *b = NULL;
    sg_status status = SG_OK;
    SG_TRY_DONE(sg_temp_dir(&folder, err));
    if (!(made = sg_path_join(folder, "results.h5"))) {
        status = sg_fail_memory(err, strlen(folder));
        goto done;
    }
    SG_TRY_DONE(sg_store_write(l, made, NULL, err));
    SG_TRY_DONE(sg_store_tables_digests(path, &a, err));
    SG_TRY_DONE(sg_store_tables_digests(made, &b, err));
    status = compare(a, b, path, made, misfits, err);
done:
    if (made)
        unlink(made);
    if (folder)
        rmdir(folder);
    json_decref(a);
    json_decref(b);
    sg_free(made);
    sg_free(folder);
    return status;
}

/* ---- what is missing ---- */

struct tally {
    int table, at; /* at: column of the status */
    const char *whole;
    int64_t n, n_whole, n_short;
    json_t *remarks;
};

static sg_status note_short(struct tally *t, const union sg_value *row, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 14);
    sg_buf_printf(&b, "pool %lld (", (long long)row[SG_POOLS_pool].i);
    sg_buf_safe(&b, row[SG_POOLS_task].text, 80);
    sg_buf_puts(&b, ", ");
    sg_buf_safe(&b, row[SG_POOLS_method].text, 200);
    sg_buf_printf(&b, ") has %.0f of %.0f examples: ", row[SG_POOLS_n].x, row[SG_POOLS_n_wanted].x);
    sg_buf_safe(&b, row[SG_POOLS_shortfall].text, 300);
    t->n_short++;
    return note(t->remarks, sg_buf_take(&b), err);
}

static sg_status count(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct tally *t = context;
    (void)at;
    t->n++;
    t->n_whole += strcmp(row[t->at].text, t->whole) == 0;
    if (t->table == SG_T_POOLS && strcmp(row[t->at].text, "short") == 0 && row[SG_POOLS_shortfall].text[0])
        return note_short(t, row, err);
    return SG_OK;
}

sg_status sg_store_check_complete(const char *path, json_t *misfits, json_t *remarks, struct sg_err *err)
{
    static const struct {
        int table, column;
        const char *name, *whole;
    } part[] = {{SG_T_CELLS, SG_CELLS_status, "cells", "done"},
                {SG_T_POOLS, SG_POOLS_status, "pools", "complete"},
                {SG_T_LLM_EVAL, SG_LLM_EVAL_status, "evaluations of the LLM", "complete"},
                {SG_T_CONTAMINATION, SG_CONTAMINATION_status, "contamination probes", "complete"},
                {SG_T_VERIFICATION, SG_VERIFICATION_status, "verifications by an LLM", "complete"}};
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = SG_OK;
    for (size_t i = 0; i < sizeof part / sizeof part[0] && status == SG_OK; i++) {
        struct tally t = {
            .table = part[i].table, .at = part[i].column, .whole = part[i].whole, .remarks = remarks};
        status = sg_h5_table_each(file, &sg_store_tables[part[i].table], path, count, &t, err);
        if (status == SG_OK && t.n_whole + t.n_short < t.n)
            status =
                note(misfits,
                     sg_strf("%s: %lld of %lld are %s%s", part[i].name, (long long)t.n_whole, (long long)t.n,
                             part[i].whole, t.n_short ? ", or short for a reason that is told" : ""),
                     err);
    }
    H5Fclose(file);
    return status;
}
