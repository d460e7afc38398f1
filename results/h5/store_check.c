#include "results/h5/store_check.h"

#include "base/file.h"
#include "base/mem.h"
#include "results/h5/store.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"

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

static sg_status compare(const json_t *file, const json_t *ledger, const char *path, json_t *misfits,
                         struct sg_err *err)
{
    for (int i = 0; i < SG_N_TABLES; i++) {
        const char *name = sg_store_tables[i].name;
        const json_t *a = json_object_get(file, name), *b = json_object_get(ledger, name);
        if (a == b || (a && b && json_equal(a, b)))
            continue;
        SG_TRY(note(misfits,
                    sg_strf("%s: the table /%s holds something else than the ledger; hint: `synthgrid run` "
                            "builds the file again",
                            path, name),
                    err));
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
    status = compare(a, b, path, misfits, err);
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

struct tally {
    int at; /* column of the status */
    const char *whole;
    int64_t n, n_whole;
};

static sg_status count(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct tally *t = context;
    (void)at, (void)err;
    t->n++;
    t->n_whole += strcmp(row[t->at].text, t->whole) == 0;
    return SG_OK;
}

sg_status sg_store_check_complete(const char *path, json_t *misfits, struct sg_err *err)
{
    static const struct {
        int table, column;
        const char *name, *whole;
    } part[] = {{SG_T_CELLS, SG_CELLS_status, "cells", "done"},
                {SG_T_POOLS, SG_POOLS_status, "pools", "complete"},
                {SG_T_LLM_EVAL, SG_LLM_EVAL_status, "evaluations of the LLM", "complete"},
                {SG_T_CONTAMINATION, SG_CONTAMINATION_status, "contamination probes", "complete"}};
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = SG_OK;
    for (size_t i = 0; i < sizeof part / sizeof part[0] && status == SG_OK; i++) {
        struct tally t = {.at = part[i].column, .whole = part[i].whole};
        status = sg_h5_table_each(file, &sg_store_tables[part[i].table], path, count, &t, err);
        if (status == SG_OK && t.n_whole < t.n)
            status = note(misfits,
                          sg_strf("%s: %lld of %lld are %s", part[i].name, (long long)t.n_whole,
                                  (long long)t.n, part[i].whole),
                          err);
    }
    H5Fclose(file);
    return status;
}
