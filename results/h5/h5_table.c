#include "results/h5/h5_table_impl.h"

#include "base/buf.h"
#include "base/mem.h"
#include "results/h5/h5_chunk.h"
#include "results/h5/h5_table_hash.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFLATE_LEVEL = 1 };

struct sg_h5_table {
    const struct sg_h5_table_spec *spec;
    const char *path;
    struct sg_h5_layout layout;
    hid_t file, dataset, memory_type; /* dataset -1 until there is a row */
    char *block;
    int64_t n_block, n_written;
    struct sg_h5_table_hash *hash;
    struct sg_h5_table_sums sums;
    /* Numbers, which are most of a file: a full block is hashed and filtered by a thread while the next one is filled. NULL: rows are hashed as they
     * come, and HDF5 filters. */
    struct sg_h5_chunk *chunk;
    char *behind; /* the block of the thread */
    int64_t n_behind;
    pthread_t thread;
    int is_direct, is_threaded; /* the latter: to be joined */
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

struct sg_h5_layout sg_h5_layout_of(const struct sg_h5_table_spec *s)
{
    struct sg_h5_layout l = {0};
    size_t n_bytes = 0;
    for (int c = 0; c < s->n_columns; c++) {
        size_t size = size_of(s->column[c].type);
        n_bytes += size;
        l.row_bytes = (l.row_bytes + size - 1) / size * size;
        l.offset[c] = l.row_bytes;
        l.row_bytes += size;
    }
    l.row_bytes = (l.row_bytes + 7) / 8 * 8;
    if (s->plain)
        l.row_bytes = size_of(s->column[0].type);
    l.has_gaps = l.row_bytes != n_bytes;
    l.n_chunk = (int64_t)(SG_H5_CHUNK_BYTES / l.row_bytes);
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

hid_t sg_h5_row_type(const struct sg_h5_table_spec *s, const struct sg_h5_layout *l, int in_file)
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

static hid_t make_dataset(hid_t file, const struct sg_h5_table_spec *s, const struct sg_h5_layout *l)
{
    hsize_t zero = 0, unlimited = H5S_UNLIMITED, chunk = (hsize_t)l->n_chunk;
    hid_t space = H5Screate_simple(1, &zero, &unlimited), plist = H5Pcreate(H5P_DATASET_CREATE),
          access = H5Pcreate(H5P_DATASET_ACCESS), type = sg_h5_row_type(s, l, 1), dataset = -1;
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

int sg_h5_has_texts(const struct sg_h5_table_spec *s)
{
    int has = 0;
    for (int c = 0; c < s->n_columns; c++)
        has |= s->column[c].type == SG_COL_TEXT;
    return has;
}

static char no_text[] = ""; /* of every row that has none; it is not freed */

static void free_texts(struct sg_h5_table *t)
{
    for (int64_t i = 0; i < t->n_block && sg_h5_has_texts(t->spec); i++)
        for (int c = 0; c < t->spec->n_columns; c++)
            if (t->spec->column[c].type == SG_COL_TEXT) {
                char *text;
                memcpy(&text, t->block + (size_t)i * t->layout.row_bytes + t->layout.offset[c], sizeof text);
                if (text != no_text)
                    sg_free(text);
            }
    t->n_block = 0;
}

static void add_bytes(struct sg_h5_table_sums *s, const char *bytes, size_t n)
{
    uint64_t word = 0;
    for (; n >= sizeof word; n -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        s->sum += word;
        s->sum_of_sums += s->sum;
    }
    word = 0;
    memcpy(&word, bytes, n);
    s->sum += word;
    s->sum_of_sums += s->sum;
}

void sg_h5_sums_add(struct sg_h5_table_sums *s, const struct sg_h5_table_spec *spec,
                    const struct sg_h5_layout *l, const char *rows, int64_t n)
{
    if (l->has_gaps || sg_h5_has_texts(spec)) {
        for (const char *row = rows; row < rows + (size_t)n * l->row_bytes; row += l->row_bytes)
            for (int c = 0; c < spec->n_columns; c++) {
                enum sg_column_type type = spec->column[c].type;
                const char *text = NULL;
                if (type == SG_COL_TEXT)
                    memcpy(&text, row + l->offset[c], sizeof text);
                else
                    add_bytes(s, row + l->offset[c], size_of(type));
                uint64_t length = text ? strlen(text) : 0; /* HDF5 gives NULL for "" */
                if (type == SG_COL_TEXT) {
                    add_bytes(s, (const char *)&length, sizeof length);
                    add_bytes(s, text, length);
                }
            }
    } else
        add_bytes(s, rows, (size_t)n * l->row_bytes);
}

/* Whether chunks are filtered here. */
static int is_direct(const struct sg_h5_table *t)
{
    hid_t in_file = sg_h5_row_type(t->spec, &t->layout, 1);
    int yes =
        in_file >= 0 && sg_h5_table_hash_is_plain(t->spec) && sg_h5_chunk_suits(in_file, t->memory_type);
    if (in_file >= 0)
        H5Tclose(in_file);
    return yes;
}

sg_status sg_h5_table_create(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                             struct sg_h5_table **out, struct sg_err *err)
{
    if (spec->n_columns > SG_H5_COLUMNS)
        return sg_fail(err, SG_FAILED, "%s: table %s has too many columns", path, spec->name);
    struct sg_h5_table *t = sg_alloc(1, sizeof *t);
    if (!t)
        return sg_fail_memory(err, sizeof *t);
    *t = (struct sg_h5_table){.spec = spec,
                              .path = path,
                              .layout = sg_h5_layout_of(spec),
                              .file = file,
                              .dataset = -1,
                              .memory_type = -1};
    t->block = sg_alloc((size_t)t->layout.n_chunk, t->layout.row_bytes);
    t->hash = sg_h5_table_hash_create(spec);
    sg_status status = SG_OK;
    if (!t->block || !t->hash)
        status = sg_fail_memory(err, SG_H5_CHUNK_BYTES);
    else {
        t->memory_type = sg_h5_row_type(spec, &t->layout, 0);
        if (t->memory_type < 0)
            status = sg_h5_fail(err, SG_FAILED, path, spec->name);
        t->is_direct = is_direct(t);
    }
    if (status != SG_OK) {
        sg_h5_table_discard(t);
        return status;
    }
    *out = t;
    return SG_OK;
}

static int write_rows(const struct sg_h5_table *t, hsize_t from, hsize_t n)
{
    hid_t memory = H5Screate_simple(1, &n, NULL), space = H5Dget_space(t->dataset);
    int bad = memory < 0 || space < 0 ||
              H5Sselect_hyperslab(space, H5S_SELECT_SET, &from, NULL, &n, NULL) < 0 ||
              H5Dwrite(t->dataset, t->memory_type, memory, space, H5P_DEFAULT, t->block) < 0;
    if (space >= 0)
        H5Sclose(space);
    if (memory >= 0)
        H5Sclose(memory);
    return bad ? -1 : 0;
}

/* Calls nothing of HDF5. */
static void *prepare(void *table)
{
    struct sg_h5_table *t = table;
    sg_h5_table_hash_add_rows(t->hash, &t->layout, t->behind, t->n_behind);
    sg_h5_sums_add(&t->sums, t->spec, &t->layout, t->behind, t->n_behind);
    sg_h5_chunk_filter(t->chunk, t->behind, t->n_behind);
    return NULL;
}

/* Waits for the block behind and writes it. */
static sg_status collect(struct sg_h5_table *t, struct sg_err *err)
{
    if (t->is_threaded)
        pthread_join(t->thread, NULL);
    t->is_threaded = 0;
    if (!t->n_behind)
        return SG_OK;
    hsize_t from = (hsize_t)t->n_written, total = from + (hsize_t)t->n_behind;
    int bad = H5Dset_extent(t->dataset, &total) < 0 || sg_h5_chunk_write(t->chunk, t->dataset, from) < 0;
    t->n_written += t->n_behind;
    t->n_behind = 0;
    return bad ? sg_h5_fail(err, SG_FAILED, t->path, t->spec->name) : SG_OK;
}

/* The block goes to a thread, signals to others; without one the work is done here. */
static sg_status hand_over(struct sg_h5_table *t, struct sg_err *err)
{
    if (!t->chunk) {
        t->chunk = sg_h5_chunk_create(t->layout.row_bytes, t->layout.n_chunk, !t->spec->plain);
        t->behind = sg_alloc((size_t)t->layout.n_chunk, t->layout.row_bytes);
        if (!t->chunk || !t->behind)
            return sg_fail_memory(err, 3 * SG_H5_CHUNK_BYTES);
    }
    SG_TRY(collect(t, err));
    char *block = t->block;
    sigset_t all, before;
    t->block = t->behind;
    t->behind = block;
    t->n_behind = t->n_block;
    t->n_block = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    t->is_threaded = pthread_create(&t->thread, NULL, prepare, t) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!t->is_threaded)
        prepare(t);
    return SG_OK;
}

static sg_status flush(struct sg_h5_table *t, struct sg_err *err)
{
    if (!t->n_block)
        return SG_OK;
    if (t->dataset < 0 && (t->dataset = make_dataset(t->file, t->spec, &t->layout)) < 0)
        return sg_h5_fail(err, SG_FAILED, t->path, t->spec->name);
    if (t->is_direct)
        return hand_over(t, err);
    hsize_t from = (hsize_t)t->n_written, total = from + (hsize_t)t->n_block;
    sg_h5_sums_add(&t->sums, t->spec, &t->layout, t->block, t->n_block);
    int bad = H5Dset_extent(t->dataset, &total) < 0 || write_rows(t, from, (hsize_t)t->n_block) < 0;
    sg_status status = bad ? sg_h5_fail(err, SG_FAILED, t->path, t->spec->name) : SG_OK;
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
            char *copy = row[c].text && row[c].text[0] ? sg_strdup(row[c].text) : no_text;
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
    if (!t->is_direct)
        sg_h5_table_hash_add(t->hash, row);
    return SG_OK;
}

int64_t sg_h5_table_n_rows(const struct sg_h5_table *t)
{
    return t->n_written + t->n_behind + t->n_block;
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

sg_status sg_h5_digest_of_none(const struct sg_h5_table_spec *spec, char content[SG_HEX], struct sg_err *err)
{
    struct sg_column column[SG_H5_COLUMNS];
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

sg_status sg_h5_table_finish(struct sg_h5_table *t, struct sg_h5_table_written *written, struct sg_err *err)
{
    struct sg_h5_table_written w = {.n_rows = sg_h5_table_n_rows(t)};
    sg_status status = w.n_rows ? flush(t, err) : sg_h5_digest_of_none(t->spec, w.content, err);
    if (status == SG_OK)
        status = collect(t, err);
    if (status == SG_OK && w.n_rows) {
        sg_h5_table_hash_finish(t->hash, w.content, w.all);
        t->hash = NULL;
        w.sums = t->sums;
        status = describe(t, w.content, w.all, err);
    }
    if (status == SG_OK && w.n_rows) {
        hid_t dataset = t->dataset;
        t->dataset = -1;
        if (H5Dclose(dataset) < 0) /* a full disk may show only here */
            status = sg_h5_fail(err, SG_FAILED, t->path, t->spec->name);
    }
    if (status == SG_OK && written)
        *written = w;
    sg_h5_table_discard(t);
    return status;
}

void sg_h5_table_discard(struct sg_h5_table *t)
{
    if (!t)
        return;
    if (t->is_threaded)
        pthread_join(t->thread, NULL);
    free_texts(t);
    if (t->dataset >= 0)
        H5Dclose(t->dataset);
    if (t->memory_type >= 0)
        H5Tclose(t->memory_type);
    sg_h5_table_hash_discard(t->hash);
    sg_h5_chunk_destroy(t->chunk);
    sg_free(t->behind);
    sg_free(t->block);
    sg_free(t);
}
