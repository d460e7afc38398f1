#include "results/h5/h5_table.h"

#include "base/buf.h"
#include "base/mem.h"
#include "results/h5/h5_table_hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 64, CHUNK_BYTES = 1 << 18, DEFLATE_LEVEL = 1 };

/* Rows in memory: one after another, each column at its offset, texts as pointers. */
struct layout {
    size_t row_bytes, offset[MAX_COLUMNS];
    int64_t n_chunk; /* rows of a chunk, and of our block */
};

struct sg_h5_table {
    const struct sg_h5_table_spec *spec;
    const char *path;
    struct layout layout;
    hid_t file, dataset, memory_type; /* dataset -1 until there is a row */
    char *block;
    int64_t n_block, n_written;
    struct sg_h5_table_hash *hash;
};

static herr_t innermost(unsigned n, const H5E_error2_t *e, void *context)
{
    (void)n;
    snprintf(context, 200, "%s", e->desc ? e->desc : "");
    return 1; /* the first one upward is where it happened */
}

sg_status sg_h5_fail(struct sg_err *err, sg_status status, const char *path, const char *what)
{
    char words[200] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, words);
    return sg_fail(err, status, "%s: %s%s%s", path, what, words[0] ? ": " : "", words);
}

void sg_h5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static size_t size_of(enum sg_column_type t)
{
    return t == SG_COL_TEXT ? sizeof(char *) : t == SG_COL_INT || t == SG_COL_REAL ? 8 : 4;
}

static struct layout layout_of(const struct sg_h5_table_spec *s)
{
    struct layout l = {0};
    for (int c = 0; c < s->n_columns; c++) {
        size_t size = size_of(s->column[c].type);
        l.row_bytes = (l.row_bytes + size - 1) / size * size;
        l.offset[c] = l.row_bytes;
        l.row_bytes += size;
    }
    l.row_bytes = (l.row_bytes + 7) / 8 * 8;
    if (s->plain)
        l.row_bytes = size_of(s->column[0].type);
    l.n_chunk = (int64_t)(CHUNK_BYTES / l.row_bytes);
    return l;
}

/* The type of a column in the file, or in memory; the caller closes it. */
static hid_t column_type(enum sg_column_type t, int in_file)
{
    switch (t) {
    case SG_COL_TEXT:
        return sg_h5_text_type();
    case SG_COL_INT:
        return H5Tcopy(in_file ? H5T_STD_I64LE : H5T_NATIVE_INT64);
    case SG_COL_INT32:
        return H5Tcopy(in_file ? H5T_STD_I32LE : H5T_NATIVE_INT32);
    case SG_COL_REAL:
        return H5Tcopy(in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
    default:
        return H5Tcopy(in_file ? H5T_IEEE_F32LE : H5T_NATIVE_FLOAT);
    }
}

static hid_t row_type(const struct sg_h5_table_spec *s, const struct layout *l, int in_file)
{
    if (s->plain)
        return column_type(s->column[0].type, in_file);
    hid_t t = H5Tcreate(H5T_COMPOUND, l->row_bytes);
    for (int c = 0; t >= 0 && c < s->n_columns; c++) {
        hid_t member = column_type(s->column[c].type, in_file);
        int bad = member < 0 || H5Tinsert(t, s->column[c].name, l->offset[c], member) < 0;
        if (member >= 0)
            H5Tclose(member);
        if (bad) {
            H5Tclose(t);
            return -1;
        }
    }
    if (t >= 0 && in_file && H5Tpack(t) < 0) {
        H5Tclose(t);
        return -1;
    }
    return t;
}

static hid_t make_dataset(hid_t file, const struct sg_h5_table_spec *s, const struct layout *l)
{
    hsize_t zero = 0, unlimited = H5S_UNLIMITED, chunk = (hsize_t)l->n_chunk;
    hid_t space = H5Screate_simple(1, &zero, &unlimited), plist = H5Pcreate(H5P_DATASET_CREATE),
          access = H5Pcreate(H5P_DATASET_ACCESS), type = row_type(s, l, 1), dataset = -1;
    /* Chunks are written whole and never again: a cache would hold a megabyte a table. Probabilities deflate to 8/10 and took a sixth of
     * all time (tests/bench/report). */
    if (access >= 0 && H5Pset_chunk_cache(access, 0, 0, 1) >= 0 && space >= 0 && plist >= 0 && type >= 0 &&
        H5Pset_chunk(plist, 1, &chunk) >= 0 && H5Pset_shuffle(plist) >= 0 &&
        (s->plain || H5Pset_deflate(plist, DEFLATE_LEVEL) >= 0) && H5Pset_fletcher32(plist) >= 0)
        dataset = H5Dcreate2(file, s->name, type, space, H5P_DEFAULT, plist, access);
    if (access >= 0)
        H5Pclose(access);
    if (type >= 0)
        H5Tclose(type);
    if (plist >= 0)
        H5Pclose(plist);
    if (space >= 0)
        H5Sclose(space);
    return dataset;
}

static int has_texts(const struct sg_h5_table_spec *s)
{
    int has = 0;
    for (int c = 0; c < s->n_columns; c++)
        has |= s->column[c].type == SG_COL_TEXT;
    return has;
}

static void free_texts(struct sg_h5_table *t)
{
    for (int64_t i = 0; i < t->n_block && has_texts(t->spec); i++)
        for (int c = 0; c < t->spec->n_columns; c++)
            if (t->spec->column[c].type == SG_COL_TEXT) {
                char *text;
                memcpy(&text, t->block + (size_t)i * t->layout.row_bytes + t->layout.offset[c], sizeof text);
                sg_free(text);
            }
    t->n_block = 0;
}

sg_status sg_h5_table_create(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                             struct sg_h5_table **out, struct sg_err *err)
{
    if (spec->n_columns > MAX_COLUMNS)
        return sg_fail(err, SG_FAILED, "%s: table %s has too many columns", path, spec->name);
    struct sg_h5_table *t = sg_alloc(1, sizeof *t);
    if (!t)
        return sg_fail_memory(err, sizeof *t);
    *t = (struct sg_h5_table){.spec = spec,
                              .path = path,
                              .layout = layout_of(spec),
                              .file = file,
                              .dataset = -1,
                              .memory_type = -1};
    t->block = sg_alloc((size_t)t->layout.n_chunk, t->layout.row_bytes);
    t->hash = sg_h5_table_hash_create(spec);
    sg_status status = SG_OK;
    if (!t->block || !t->hash)
        status = sg_fail_memory(err, CHUNK_BYTES);
    else {
        t->memory_type = row_type(spec, &t->layout, 0);
        if (t->memory_type < 0)
            status = sg_h5_fail(err, SG_FAILED, path, spec->name);
    }
    if (status != SG_OK) {
        sg_h5_table_discard(t);
        return status;
    }
    *out = t;
    return SG_OK;
}

static sg_status flush(struct sg_h5_table *t, struct sg_err *err)
{
    if (!t->n_block)
        return SG_OK;
    if (t->dataset < 0 && (t->dataset = make_dataset(t->file, t->spec, &t->layout)) < 0)
        return sg_h5_fail(err, SG_FAILED, t->path, t->spec->name);
    hsize_t from = (hsize_t)t->n_written, n = (hsize_t)t->n_block, total = from + n;
    hid_t memory = H5Screate_simple(1, &n, NULL), space = -1;
    int bad = memory < 0 || H5Dset_extent(t->dataset, &total) < 0 || (space = H5Dget_space(t->dataset)) < 0 ||
              H5Sselect_hyperslab(space, H5S_SELECT_SET, &from, NULL, &n, NULL) < 0 ||
              H5Dwrite(t->dataset, t->memory_type, memory, space, H5P_DEFAULT, t->block) < 0;
    sg_status status = bad ? sg_h5_fail(err, SG_FAILED, t->path, t->spec->name) : SG_OK;
    if (space >= 0)
        H5Sclose(space);
    if (memory >= 0)
        H5Sclose(memory);
    t->n_written += t->n_block;
    free_texts(t);
    return status;
}

sg_status sg_h5_table_add(struct sg_h5_table *t, const union sg_value *row, struct sg_err *err)
{
    if (t->n_block == t->layout.n_chunk)
        SG_TRY(flush(t, err));
    char *at = t->block + (size_t)t->n_block * t->layout.row_bytes;
    memset(at, 0, t->layout.row_bytes);
    t->n_block++;
    for (int c = 0; c < t->spec->n_columns; c++) {
        char *p = at + t->layout.offset[c];
        switch (t->spec->column[c].type) {
        case SG_COL_TEXT: {
            char *copy = sg_strdup(row[c].text ? row[c].text : "");
            if (!copy)
                return sg_fail_memory(err, 1);
            memcpy(p, &copy, sizeof copy);
            break;
        }
        case SG_COL_INT32: {
            int32_t i = (int32_t)row[c].i;
            memcpy(p, &i, sizeof i);
            break;
        }
        case SG_COL_REAL32: {
            float x = (float)row[c].x;
            memcpy(p, &x, sizeof x);
            break;
        }
        default:
            memcpy(p, &row[c], 8);
        }
    }
    sg_h5_table_hash_add(t->hash, row);
    return SG_OK;
}

int64_t sg_h5_table_n_rows(const struct sg_h5_table *t)
{
    return t->n_written + t->n_block;
}

static sg_status describe(struct sg_h5_table *t, const char *content, const char *all, struct sg_err *err)
{
    const struct sg_h5_table_spec *s = t->spec;
    struct sg_buf names = sg_buf_make(1 << 16), text = sg_buf_make(1 << 16);
    sg_status status = SG_OK;
    SG_TRY_DONE(sg_h5_set_text(t->dataset, "description", s->description, t->path, err));
    for (int c = 0; c < s->n_columns; c++) {
        const struct sg_column *column = &s->column[c];
        sg_buf_clear(&text);
        if (column->unit[0])
            sg_buf_printf(&text, "[%s] ", column->unit);
        sg_buf_puts(&text, column->description);
        if (column->is_volatile)
            sg_buf_printf(&names, "%s%s", names.len ? " " : "", column->name);
        SG_TRY_DONE(sg_buf_check(&text, s->name, err));
        SG_TRY_DONE(sg_h5_set_text(t->dataset, column->name, sg_buf_text(&text), t->path, err));
    }
    SG_TRY_DONE(sg_buf_check(&names, s->name, err));
    SG_TRY_DONE(sg_h5_set_text(t->dataset, "volatile", sg_buf_text(&names), t->path, err));
    SG_TRY_DONE(sg_h5_set_text(t->dataset, "sha256", content, t->path, err));
    status = sg_h5_set_text(t->dataset, "sha256_all", all, t->path, err);
done:
    sg_buf_free(&names);
    sg_buf_free(&text);
    return status;
}

/* The content digest of a table without rows: of the columns of the first files, so that it stays when later ones are added. */
static sg_status digest_of_none(const struct sg_h5_table_spec *spec, char content[SG_HEX], struct sg_err *err)
{
    struct sg_column column[MAX_COLUMNS];
    struct sg_h5_table_spec first = *spec;
    char all[SG_HEX];
    first.column = column;
    first.n_columns = 0;
    for (int c = 0; c < spec->n_columns; c++)
        if (!spec->column[c].is_later || spec->column[c].is_volatile)
            column[first.n_columns++] = spec->column[c];
    struct sg_h5_table_hash *hash = sg_h5_table_hash_create(&first);
    if (!hash)
        return sg_fail_memory(err, 1 << 15);
    sg_h5_table_hash_finish(hash, content, all);
    return SG_OK;
}

sg_status sg_h5_table_finish(struct sg_h5_table *t, char content[SG_HEX], struct sg_err *err)
{
    char mine[SG_HEX], all[SG_HEX];
    int is_empty = sg_h5_table_n_rows(t) == 0;
    sg_status status = is_empty ? digest_of_none(t->spec, mine, err) : flush(t, err);
    if (status == SG_OK && !is_empty) {
        sg_h5_table_hash_finish(t->hash, mine, all);
        t->hash = NULL;
        status = describe(t, mine, all, err);
    }
    if (status == SG_OK && !is_empty) {
        hid_t dataset = t->dataset;
        t->dataset = -1;
        if (H5Dclose(dataset) < 0) /* a full disk may show only here */
            status = sg_h5_fail(err, SG_FAILED, t->path, t->spec->name);
    }
    if (status == SG_OK && content)
        memcpy(content, mine, SG_HEX);
    sg_h5_table_discard(t);
    return status;
}

void sg_h5_table_discard(struct sg_h5_table *t)
{
    if (!t)
        return;
    free_texts(t);
    if (t->dataset >= 0)
        H5Dclose(t->dataset);
    if (t->memory_type >= 0)
        H5Tclose(t->memory_type);
    sg_h5_table_hash_discard(t->hash);
    sg_free(t->block);
    sg_free(t);
}

static void value_of(enum sg_column_type t, const char *p, union sg_value *v)
{
    int32_t i;
    float x;
    switch (t) {
    case SG_COL_INT32:
        memcpy(&i, p, sizeof i);
        v->i = i;
        break;
    case SG_COL_REAL32:
        memcpy(&x, p, sizeof x);
        v->x = (double)x;
        break;
    default:
        memcpy(v, p, 8);
        if (t == SG_COL_TEXT && !v->text)
            v->text = "";
    }
}

/* Those columns of a spec that a dataset has, as a spec of their own. */
struct present {
    struct sg_h5_table_spec spec;
    struct sg_column column[MAX_COLUMNS];
    int of[MAX_COLUMNS]; /* their places in the full one */
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

/* A block of rows from the dataset, handed to `each`. */
static sg_status read_block(hid_t dataset, hid_t space, hid_t memory_type, const struct sg_h5_table_spec *s,
                            const struct present *p, const struct layout *l, hsize_t from, hsize_t n,
                            char *block, const char *path, sg_h5_table_row each, void *context,
                            struct sg_err *err)
{
    sg_status status = SG_OK;
    hid_t memory = H5Screate_simple(1, &n, NULL);
    memset(block, 0, (size_t)n * l->row_bytes); /* so that a failed read leaves no wild pointers to reclaim */
    if (memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, &from, NULL, &n, NULL) < 0 ||
        H5Dread(dataset, memory_type, memory, space, H5P_DEFAULT, block) < 0)
        status = sg_h5_fail(err, SG_INPUT, path, "damaged");
    union sg_value row[MAX_COLUMNS];
    for (int c = 0; c < s->n_columns; c++)
        row[c] = missing(s->column[c].type);
    for (hsize_t i = 0; status == SG_OK && i < n; i++) {
        for (int c = 0; c < p->spec.n_columns; c++)
            value_of(p->column[c].type, block + i * l->row_bytes + l->offset[c], &row[p->of[c]]);
        status = each(context, (int64_t)(from + i), row, err);
    }
    if (memory >= 0) {
        if (has_texts(s)) /* it looks at each element of numbers, too */
            H5Dvlen_reclaim(memory_type, memory, H5P_DEFAULT, block);
        H5Sclose(memory);
    }
    return status;
}

sg_status sg_h5_table_each(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                           sg_h5_table_row each, void *context, struct sg_err *err)
{
    sg_status status = SG_OK;
    struct present present;
    hid_t dataset;
    if (is_absent(file, spec))
        return SG_OK;
    SG_TRY(open_table(file, spec, path, &present, &dataset, err));
    struct layout l = layout_of(&present.spec);
    hid_t space = H5Dget_space(dataset), memory_type = row_type(&present.spec, &l, 0);
    char *block = sg_alloc((size_t)l.n_chunk, l.row_bytes);
    hsize_t n = 0;
    if (!block)
        status = sg_fail_memory(err, CHUNK_BYTES);
    else if (space < 0 || memory_type < 0 || H5Sget_simple_extent_dims(space, &n, NULL) != 1)
        status = sg_h5_fail(err, SG_INPUT, path, "damaged");
    for (hsize_t from = 0; status == SG_OK && from < n; from += (hsize_t)l.n_chunk) {
        hsize_t some = n - from < (hsize_t)l.n_chunk ? n - from : (hsize_t)l.n_chunk;
        status = read_block(dataset, space, memory_type, spec, &present, &l, from, some, block, path, each,
                            context, err);
    }
    sg_free(block);
    if (memory_type >= 0)
        H5Tclose(memory_type);
    if (space >= 0)
        H5Sclose(space);
    H5Dclose(dataset);
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
        SG_TRY(digest_of_none(spec, mine, err));
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
