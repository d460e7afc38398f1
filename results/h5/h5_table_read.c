#include "base/mem.h"
#include "results/h5/h5_table_hash.h"
#include "results/h5/h5_table_impl.h"

#include <math.h>
#include <string.h>

/* Those columns of a spec that a dataset has, as a spec of their own. */
struct present {
    struct sg_h5_table_spec spec;
    struct sg_column column[SG_H5_COLUMNS];
    int of[SG_H5_COLUMNS]; /* their places in the full one */
};

/* Whether a type in a file can be read as the column's. */
static int fits(hid_t type, enum sg_column_type t)
{
    static const H5T_class_t class_of[] = {[SG_COL_TEXT] = H5T_STRING,
                                           [SG_COL_INT] = H5T_INTEGER,
                                           [SG_COL_INT32] = H5T_INTEGER,
                                           [SG_COL_REAL] = H5T_FLOAT,
                                           [SG_COL_REAL32] = H5T_FLOAT};
    return H5Tget_class(type) == class_of[t] && (t != SG_COL_TEXT || H5Tis_variable_str(type) > 0);
}

/* 0 when one is missing that every file has, or has another type. p->spec borrows p->column. */
static int find_columns(hid_t dataset, const struct sg_h5_table_spec *s, struct present *p)
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    int ok = type >= 0 && space >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
             (s->plain ? fits(type, s->column[0].type) : H5Tget_class(type) == H5T_COMPOUND);
    p->spec = *s;
    p->spec.column = p->column;
    p->spec.n_columns = 0;
    for (int c = 0; ok && c < s->n_columns; c++) {
        int at = s->plain ? 0 : H5Tget_member_index(type, s->column[c].name);
        if (at < 0 && s->column[c].is_later)
            continue;
        hid_t member = s->plain || at < 0 ? -1 : H5Tget_member_type(type, (unsigned)at);
        ok = s->plain || (member >= 0 && fits(member, s->column[c].type));
        if (member >= 0)
            H5Tclose(member);
        p->of[p->spec.n_columns] = c;
        p->column[p->spec.n_columns++] = s->column[c];
    }
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return ok;
}

/* The name that the table has in this file. */
static const char *name_in(hid_t file, const struct sg_h5_table_spec *spec)
{
    return spec->older && H5Lexists(file, spec->name, H5P_DEFAULT) == 0 ? spec->older : spec->name;
}

static int is_absent(hid_t file, const struct sg_h5_table_spec *spec)
{
    return H5Lexists(file, name_in(file, spec), H5P_DEFAULT) == 0;
}

/* The dataset of a table and its columns; H5Dclose it. */
static sg_status open_table(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                            struct present *present, hid_t *out, struct sg_err *err)
{
    hid_t dataset = H5Dopen2(file, name_in(file, spec), H5P_DEFAULT);
    if (dataset >= 0 && find_columns(dataset, spec, present)) {
        *out = dataset;
        return SG_OK;
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    return sg_fail(err, SG_INPUT, "%s: the table /%s is damaged or of another version", path, spec->name);
}

/* What a column holds that the file does not have. */
static union sg_value missing(enum sg_column_type t)
{
    switch (t) {
    case SG_COL_TEXT:
        return (union sg_value){.text = ""};
    case SG_COL_INT:
    case SG_COL_INT32:
        return (union sg_value){.i = -1};
    default:
        return (union sg_value){.x = (double)NAN};
    }
}

/* A table that is read block by block. */
struct reading {
    const struct sg_h5_table_spec *spec;
    const char *path;
    struct present present;
    struct sg_h5_layout layout;
    hid_t dataset, space, memory_type;
    hsize_t n;
    char *block;
};

static void end_reading(struct reading *r)
{
    sg_free(r->block);
    if (r->memory_type >= 0)
        H5Tclose(r->memory_type);
    if (r->space >= 0)
        H5Sclose(r->space);
    if (r->dataset >= 0)
        H5Dclose(r->dataset);
}

/* *r is to be ended, failing or not. */
static sg_status begin_reading(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                               struct reading *r, struct sg_err *err)
{
    r->spec = spec;
    r->path = path;
    r->dataset = r->space = r->memory_type = -1;
    r->block = NULL;
    SG_TRY(open_table(file, spec, path, &r->present, &r->dataset, err));
    r->layout = sg_h5_layout_of(&r->present.spec);
    r->space = H5Dget_space(r->dataset);
    r->memory_type = sg_h5_row_type(&r->present.spec, &r->layout, 0);
    r->block = sg_alloc((size_t)r->layout.n_chunk, r->layout.row_bytes);
    if (!r->block)
        return sg_fail_memory(err, SG_H5_CHUNK_BYTES);
    if (r->space < 0 || r->memory_type < 0 || H5Sget_simple_extent_dims(r->space, &r->n, NULL) != 1)
        return sg_h5_fail(err, SG_INPUT, path, "damaged");
    return SG_OK;
}

/* The next rows, from `from` on, into r->block, which is to be ended with *memory, failing or not. */
static sg_status read_block(struct reading *r, hsize_t from, hsize_t *n, hid_t *memory, struct sg_err *err)
{
    *n = r->n - from < (hsize_t)r->layout.n_chunk ? r->n - from : (hsize_t)r->layout.n_chunk;
    *memory = H5Screate_simple(1, n, NULL);
    /* So that a failed read leaves no wild pointers to reclaim. */
    memset(r->block, 0, (size_t)*n * r->layout.row_bytes);
    if (*memory < 0 || H5Sselect_hyperslab(r->space, H5S_SELECT_SET, &from, NULL, n, NULL) < 0 ||
        H5Dread(r->dataset, r->memory_type, *memory, r->space, H5P_DEFAULT, r->block) < 0)
        return sg_h5_fail(err, SG_INPUT, r->path, "damaged");
    return SG_OK;
}

static void end_block(struct reading *r, hid_t memory)
{
    if (memory < 0)
        return;
    if (sg_h5_has_texts(&r->present.spec)) /* it looks at each element of numbers, too */
        H5Dvlen_reclaim(r->memory_type, memory, H5P_DEFAULT, r->block);
    H5Sclose(memory);
}

/* What is done with the n rows from `from` on, which stand in r->block. */
typedef sg_status (*of_block)(const struct reading *r, hsize_t from, hsize_t n, void *context,
                              struct sg_err *err);

/* All blocks of a reading that has begun. */
static sg_status each_block(struct reading *r, of_block each, void *context, struct sg_err *err)
{
    sg_status status = SG_OK;
    for (hsize_t from = 0, n = 0; status == SG_OK && from < r->n; from += n) {
        hid_t memory = -1;
        status = read_block(r, from, &n, &memory, err);
        if (status == SG_OK)
            status = each(r, from, n, context, err);
        end_block(r, memory);
    }
    return status;
}

struct rows {
    sg_h5_table_row each;
    void *context;
};

static sg_status rows_of_block(const struct reading *r, hsize_t from, hsize_t n, void *context,
                               struct sg_err *err)
{
    const struct rows *to = context;
    const struct present *p = &r->present;
    union sg_value row[SG_H5_COLUMNS];
    for (int c = 0; c < r->spec->n_columns; c++)
        row[c] = missing(r->spec->column[c].type);
    for (hsize_t i = 0; i < n; i++) {
        for (int c = 0; c < p->spec.n_columns; c++)
            sg_h5_value_of(p->column[c].type, r->block + i * r->layout.row_bytes + r->layout.offset[c],
                           &row[p->of[c]]);
        SG_TRY(to->each(to->context, (int64_t)(from + i), row, err));
    }
    return SG_OK;
}

sg_status sg_h5_table_each(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                           sg_h5_table_row each, void *context, struct sg_err *err)
{
    struct rows to = {each, context};
    struct reading r;
    if (is_absent(file, spec))
        return SG_OK;
    sg_status status = begin_reading(file, spec, path, &r, err);
    if (status == SG_OK)
        status = each_block(&r, rows_of_block, &to, err);
    end_reading(&r);
    return status;
}

sg_status sg_h5_table_count(hid_t file, const struct sg_h5_table_spec *spec, const char *path, int64_t *n,
                            struct sg_err *err)
{
    struct present present;
    hid_t dataset;
    *n = 0;
    if (is_absent(file, spec))
        return SG_OK;
    SG_TRY(open_table(file, spec, path, &present, &dataset, err));
    hid_t space = H5Dget_space(dataset);
    hsize_t rows = 0;
    int bad = space < 0 || H5Sget_simple_extent_dims(space, &rows, NULL) != 1;
    if (space >= 0)
        H5Sclose(space);
    H5Dclose(dataset);
    if (bad)
        return sg_h5_fail(err, SG_INPUT, path, "damaged");
    *n = (int64_t)rows;
    return SG_OK;
}

sg_status sg_h5_table_has(hid_t file, const struct sg_h5_table_spec *spec, const char *path, int *has,
                          struct sg_err *err)
{
    struct present present;
    hid_t dataset;
    memset(has, 0, (size_t)spec->n_columns * sizeof *has);
    if (is_absent(file, spec))
        return SG_OK;
    SG_TRY(open_table(file, spec, path, &present, &dataset, err));
    H5Dclose(dataset);
    for (int c = 0; c < present.spec.n_columns; c++)
        has[present.of[c]] = 1;
    return SG_OK;
}

static sg_status verify_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    (void)at, (void)err;
    sg_h5_table_hash_add(context, row);
    return SG_OK;
}

static sg_status compare(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                         const char *attribute, const char *found, struct sg_err *err)
{
    char *stored = NULL;
    hid_t dataset = H5Dopen2(file, name_in(file, spec), H5P_DEFAULT);
    sg_status status = dataset < 0 ? sg_h5_fail(err, SG_INPUT, path, spec->name)
                                   : sg_h5_get_text(dataset, attribute, &stored, path, err);
    if (status == SG_OK && strcmp(stored, found) != 0)
        status = sg_fail(err, SG_INPUT, "%s: the table /%s is damaged: its content does not fit its %s", path,
                         spec->name, attribute);
    if (dataset >= 0)
        H5Dclose(dataset);
    sg_free(stored);
    return status;
}

sg_status sg_h5_table_verify(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                             char content[SG_HEX], struct sg_err *err)
{
    char mine[SG_HEX], all[SG_HEX];
    struct present present;
    hid_t dataset;
    if (is_absent(file, spec)) {
        SG_TRY(sg_h5_digest_of_none(spec, mine, err));
        if (content)
            memcpy(content, mine, SG_HEX);
        return SG_OK;
    }
    SG_TRY(open_table(file, spec, path, &present, &dataset, err));
    H5Dclose(dataset);
    struct sg_h5_table_hash *hash = sg_h5_table_hash_create(&present.spec);
    if (!hash)
        return sg_fail_memory(err, 1 << 15);
    sg_status status = sg_h5_table_each(file, &present.spec, path, verify_row, hash, err);
    if (status != SG_OK) {
        sg_h5_table_hash_discard(hash);
        return status;
    }
    sg_h5_table_hash_finish(hash, mine, all);
    SG_TRY(compare(file, spec, path, "sha256", mine, err));
    SG_TRY(compare(file, spec, path, "sha256_all", all, err));
    if (content)
        memcpy(content, mine, SG_HEX);
    return SG_OK;
}

struct summing {
    struct sg_h5_table_sums sums;
    const atomic_int *stop;
};

static sg_status sum_block(const struct reading *r, hsize_t from, hsize_t n, void *context,
                           struct sg_err *err)
{
    (void)from;
    struct summing *s = context;
    if (s->stop && atomic_load(s->stop))
        return sg_fail(err, SG_STOPPED, "reading back was stopped");
    sg_h5_sums_add(&s->sums, r->spec, &r->layout, r->block, (int64_t)n);
    return SG_OK;
}

sg_status sg_h5_table_reread(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                             const struct sg_h5_table_written *written, const atomic_int *stop,
                             struct sg_err *err)
{
    struct summing s = {.stop = stop};
    struct reading r;
    if (!written->n_rows && is_absent(file, spec))
        return SG_OK;
    sg_status status = begin_reading(file, spec, path, &r, err);
    if (status == SG_OK)
        status = each_block(&r, sum_block, &s, err);
    if (status == SG_OK && ((int64_t)r.n != written->n_rows || r.present.spec.n_columns != spec->n_columns ||
                            memcmp(&s.sums, &written->sums, sizeof s.sums) != 0))
        status = sg_fail(err, SG_INPUT, "%s: the table /%s reads back differently", path, spec->name);
    end_reading(&r);
    if (status == SG_OK)
        status = compare(file, spec, path, "sha256", written->content, err);
    return status == SG_OK ? compare(file, spec, path, "sha256_all", written->all, err) : status;
}
