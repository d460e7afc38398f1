#define _GNU_SOURCE /* fallocate */
#include "results/h5/embeddings_impl.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char FORMAT[] = "synthgrid embeddings";
enum { VERSION = 1 };

/* What one rank wrote of a dataset. */
struct piece {
    char *name; /* "task/name" */
    int64_t from, to;
    int c;
    char sha256[SG_HEX];
};

struct sg_embeddings {
    const struct sg_team *team;
    char *path, *tmp;
    hid_t file;
    int64_t n_pieces;
    struct piece *piece;
};

static char *name_of(const struct sg_embedded *d)
{
    return sg_strf("%s/%s", d->task, d->name);
}

static int read_rows(hid_t dataset, int64_t from, int64_t to, int c, float *x)
{
    hid_t memory = -1, space = -1;
    int bad = sg_embeddings_select(dataset, from, to, c, &memory, &space) < 0 ||
              H5Dread(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, x) < 0;
    if (memory >= 0)
        H5Sclose(memory);
    if (space >= 0)
        H5Sclose(space);
    return bad ? -1 : 0;
}

static int has_shape(hid_t dataset, int64_t n, int c)
{
    hsize_t dims[2] = {0, 0};
    hid_t space = H5Dget_space(dataset);
    int is = space >= 0 && H5Sget_simple_extent_ndims(space) == 2 &&
             H5Sget_simple_extent_dims(space, dims, NULL) == 2 && dims[0] == (hsize_t)n &&
             dims[1] == (hsize_t)c;
    if (space >= 0)
        H5Sclose(space);
    return is;
}

static int text_is(hid_t object, const char *name, const char *expected, const char *path)
{
    struct sg_err err;
    char *text = NULL;
    int is = sg_h5_get_text(object, name, &text, path, &err) == SG_OK && strcmp(text, expected) == 0;
    sg_free(text);
    return is;
}

static hid_t open_dataset(hid_t file, const struct sg_embedded *d)
{
    char *name = name_of(d);
    /* Each step must be there: H5Dopen of a path through what is not is an error all the same. */
    hid_t dataset =
        name && H5Lexists(file, d->task, H5P_DEFAULT) > 0 ? H5Dopen2(file, name, H5P_DEFAULT) : -1;
    sg_free(name);
    return dataset;
}

static void digest(const float *x, int64_t n, int c, char hex[SG_HEX])
{
    sg_sha256_hex(x, (size_t)n * (size_t)c * sizeof *x, hex);
}

/* Into x, and whether it is what its attributes say. */
static int take(hid_t file, const char *path, const struct sg_embedded *d, float *x)
{
    char hex[SG_HEX];
    hid_t dataset = open_dataset(file, d);
    int good = dataset >= 0 && has_shape(dataset, d->n, d->c) &&
               text_is(dataset, "texts_sha256", d->texts_sha256, path) &&
               read_rows(dataset, 0, d->n, d->c, x) == 0;
    if (good) {
        digest(x, d->n, d->c, hex);
        good = text_is(dataset, "sha256", hex, path);
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    return good;
}

static hid_t open_file(const char *path)
{
    sg_h5_quiet();
    return sg_file_exists(path) && H5Fis_hdf5(path) > 0 ? H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT) : -1;
}

int sg_embeddings_is(const char *path, const char *sha256)
{
    struct sg_err err;
    char hex[SG_HEX];
    return sg_file_exists(path) && sg_sha256_file(path, hex, &err) == SG_OK && strcmp(hex, sha256) == 0;
}

int sg_embeddings_hold(const char *path, const char *made_with, const struct sg_embedded *d)
{
    struct sg_err err;
    int64_t version = 0;
    if (d->n == 0)
        return 1;
    hid_t file = open_file(path);
    float *x = sg_alloc((size_t)d->n * (size_t)d->c + 1, sizeof *x);
    int good = file >= 0 && x && text_is(file, "format", FORMAT, path) &&
               sg_h5_get_int(file, "format_version", &version, path, &err) == SG_OK && version == VERSION &&
               text_is(file, "made_with", made_with, path) && take(file, path, d, x);
    sg_free(x);
    if (file >= 0)
        H5Fclose(file);
    return good;
}

sg_status sg_embeddings_read(const char *path, const struct sg_embedded *d, float *x, struct sg_err *err)
{
    if (d->n == 0)
        return SG_OK;
    hid_t file = open_file(path);
    int good = file >= 0 && take(file, path, d, x);
    if (file >= 0)
        H5Fclose(file);
    return good ? SG_OK
                : sg_fail(err, SG_FAILED,
                          "%s: /%s/%s has changed while it was used; hint: delete the file and run again",
                          path, d->task, d->name);
}

static sg_status open_new(struct sg_embeddings *e, const char *made_with, struct sg_err *err)
{
    SG_TRY(sg_embeddings_make(e->team, e->tmp, &e->file, err));
    if (e->file < 0) /* rank 0 writes */
        return SG_OK;
    SG_TRY(sg_h5_set_text(e->file, "format", FORMAT, e->tmp, err));
    SG_TRY(sg_h5_set_int(e->file, "format_version", VERSION, e->tmp, err));
    return sg_h5_set_text(e->file, "made_with", made_with, e->tmp, err);
}

static sg_status room_for(const char *path, int64_t bytes, struct sg_err *err)
{
    struct statvfs v;
    char *folder = sg_strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (!folder)
        return sg_fail_memory(err, strlen(path));
    if (slash)
        slash[slash == folder] = 0;
    int known = statvfs(slash ? folder : ".", &v) == 0;
    sg_free(folder);
    double there = known ? (double)v.f_bavail * (double)v.f_frsize : (double)bytes;
    return there >= (double)bytes
               ? SG_OK
               : sg_fail(err, SG_FULL, "%s needs %.0f MB, and there are %.0f; hint: make room and run again",
                         path, (double)bytes / 1e6, there / 1e6);
}

/* Sets n bytes of the disk aside for the file, which is made where there is none. Where the file system cannot, that is no failure. */
static sg_status set_aside(const char *path, int64_t n, struct sg_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    int why = fd < 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)n) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return sg_write_status(why) == SG_FULL ? sg_fail(err, SG_FULL, "%s: %s", path, strerror(why)) : SG_OK;
}

/* After a write that failed, HDF5 1.10 cannot close its file, and crashes when the program ends (measured). So there is room for all of it before there is a
 * file: held by another one at first, since HDF5 makes its own empty. */
static sg_status open_with_room(struct sg_embeddings *e, const char *made_with, int64_t bytes,
                                struct sg_err *err)
{
    char *held = sg_strf("%s.room", e->tmp);
    int64_t n = bytes + (1 << 18); /* its own tables */
    int is_root = e->team->rank == 0;
    sg_status status = held ? SG_OK : sg_fail_memory(err, strlen(e->tmp));
    if (status == SG_OK && is_root)
        status = set_aside(held, n, err);
    status = sg_agree(e->team, status, err);
    if (status == SG_OK)
        status = sg_agree(e->team, open_new(e, made_with, err), err);
    if (held && is_root)
        unlink(held);
    if (status == SG_OK && is_root)
        status = set_aside(e->tmp, n, err);
    sg_free(held);
    return sg_agree(e->team, status, err);
}

/* variable-length texts cannot be written in parallel as data, but attributes are metadata, which all ranks write alike. */
sg_status sg_embeddings_create(const struct sg_team *team, const char *path, const char *made_with,
                               int64_t bytes, struct sg_embeddings **out, struct sg_err *err)
{
    sg_h5_quiet();
    struct sg_embeddings *e = sg_alloc(1, sizeof *e);
    sg_status status = e ? SG_OK : sg_fail_memory(err, sizeof *e);
    if (e) {
        e->team = team;
        e->file = -1;
        e->path = sg_strdup(path);
        e->tmp = sg_strf("%s.tmp", path);
        if (!e->path || !e->tmp)
            status = sg_fail_memory(err, strlen(path));
    }
    if (status == SG_OK && team->rank == 0)
        status = room_for(path, bytes, err);
    status = sg_agree(team, status, err);
    if (status == SG_OK)
        status = open_with_room(e, made_with, bytes, err);
    if (status == SG_OK)
        *out = e;
    else
        sg_embeddings_discard(e);
    return status;
}

sg_status sg_embeddings_add(struct sg_embeddings *e, const struct sg_embedded *d, const float *x,
                            int64_t from, int64_t to, struct sg_err *err)
{
    if (d->n == 0) /* HDF5 refuses to make room for it */
        return SG_OK;
    struct piece *grown = sg_grown(e->piece, e->n_pieces, sizeof *grown);
    char *name = name_of(d);
    if (grown)
        e->piece = grown;
    sg_status status = grown && name ? SG_OK : sg_fail_memory(err, 1024);
    status = sg_agree(e->team, status, err);
    if (status == SG_OK) {
        struct piece *p = &e->piece[e->n_pieces++];
        *p = (struct piece){.name = name, .from = from, .to = to, .c = d->c};
        digest(x, to - from, d->c, p->sha256);
        return sg_agree(e->team, sg_embeddings_put(e->team, e->file, e->tmp, name, d, x, from, to, err), err);
    }
    sg_free(name);
    return status;
}

/* This rank's rows as they are on disk. */
static sg_status verify(const struct sg_embeddings *e, struct sg_err *err)
{
    hid_t file = open_file(e->tmp);
    sg_status status = file >= 0 ? SG_OK : sg_h5_fail(err, SG_FAILED, e->tmp, "cannot be read again");
    for (int64_t i = 0; i < e->n_pieces && status == SG_OK; i++) {
        const struct piece *p = &e->piece[i];
        char hex[SG_HEX];
        hid_t dataset = H5Dopen2(file, p->name, H5P_DEFAULT);
        float *x = sg_alloc((size_t)(p->to - p->from) * (size_t)p->c + 1, sizeof *x);
        if (!x)
            status = sg_fail_memory(err, 4 * (size_t)(p->to - p->from) * (size_t)p->c);
        else if (dataset < 0 || read_rows(dataset, p->from, p->to, p->c, x) < 0)
            status = sg_h5_fail(err, SG_FAILED, e->tmp, "cannot be read again");
        else if (digest(x, p->to - p->from, p->c, hex), strcmp(hex, p->sha256) != 0)
            status =
                sg_fail(err, SG_FAILED, "%s: %s is not what was written; hint: the disk", e->tmp, p->name);
        if (dataset >= 0)
            H5Dclose(dataset);
        sg_free(x);
    }
    if (file >= 0)
        H5Fclose(file);
    return status;
}

static sg_status seal_one(hid_t file, const struct piece *p, const char *path, struct sg_err *err)
{
    hsize_t dims[2] = {0, 0};
    char hex[SG_HEX];
    hid_t dataset = H5Dopen2(file, p->name, H5P_DEFAULT), space = dataset < 0 ? -1 : H5Dget_space(dataset);
    if (space >= 0)
        H5Sget_simple_extent_dims(space, dims, NULL);
    float *x = sg_alloc((size_t)dims[0] * (size_t)dims[1] + 1, sizeof *x);
    sg_status status = x ? SG_OK : sg_fail_memory(err, 4 * (size_t)dims[0] * (size_t)dims[1]);
    if (status == SG_OK && (space < 0 || read_rows(dataset, 0, (int64_t)dims[0], (int)dims[1], x) < 0))
        status = sg_h5_fail(err, SG_FAILED, path, "cannot be read again");
    if (status == SG_OK) {
        digest(x, (int64_t)dims[0], (int)dims[1], hex);
        status = sg_h5_set_text(dataset, "sha256", hex, path, err);
    }
    sg_free(x);
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return status;
}

/* Rank 0: the digests, then the name. */
static sg_status seal(const struct sg_embeddings *e, char hex[SG_HEX], struct sg_err *err)
{
    hid_t file = H5Fopen(e->tmp, H5F_ACC_RDWR, H5P_DEFAULT);
    sg_status status = file >= 0 ? SG_OK : sg_h5_fail(err, SG_FAILED, e->tmp, "cannot be opened again");
    for (int64_t i = 0; i < e->n_pieces && status == SG_OK; i++)
        status = seal_one(file, &e->piece[i], e->tmp, err);
    if (file >= 0 && H5Fclose(file) < 0 && status == SG_OK)
        status = sg_h5_fail(err, SG_FAILED, e->tmp, "cannot be closed");
    if (status == SG_OK)
        status = sg_sha256_file(e->tmp, hex, err);
    return status == SG_OK ? sg_file_replace(e->tmp, e->path, err) : status;
}

sg_status sg_embeddings_finish(struct sg_embeddings *e, char hex[SG_HEX], struct sg_err *err)
{
    sg_status status = e->file >= 0 && H5Fclose(e->file) < 0
                           ? sg_h5_fail(err, SG_FAILED, e->tmp, "cannot be closed")
                           : SG_OK;
    e->file = -1;
    sg_crash_site("embeddings_half", NULL);
    status = sg_agree(e->team, status, err);
    if (status == SG_OK)
        status = sg_agree(e->team, verify(e, err), err);
    if (status == SG_OK)
        status = sg_agree(e->team, e->team->rank == 0 ? seal(e, hex, err) : SG_OK, err);
    sg_embeddings_discard(e);
    return status;
}

void sg_embeddings_discard(struct sg_embeddings *e)
{
    if (!e)
        return;
    if (e->file >= 0)
        H5Fclose(e->file);
    if (e->team->rank == 0 && e->tmp)
        unlink(e->tmp);
    for (int64_t i = 0; i < e->n_pieces; i++)
        sg_free(e->piece[i].name);
    sg_free(e->piece);
    sg_free(e->path);
    sg_free(e->tmp);
    sg_free(e);
}
