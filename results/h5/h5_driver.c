#include "results/h5/h5_driver.h"

#include <hdf5.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CACHE_BYTES = 1 << 21 };

/* HDF5 hands the first member around. */
struct driver_file {
    H5FD_t pub;
    int fd;
    haddr_t eoa, eof; /* what HDF5 has given out, what was written */
    struct sg_h5_writing *w;
};

struct driver_info {
    struct sg_h5_writing *w;
};

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t max)
{
    (void)flags, (void)max;
    const struct driver_info *info = H5Pget_driver_info(access);
    struct driver_file *f = info ? calloc(1, sizeof *f) : NULL; /* HDF5 takes no allocation of ours */
    if (!f)
        return NULL;
    f->w = info->w;
    f->fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        f->w->error = errno;
        free(f);
        return NULL;
    }
    return &f->pub;
}

static void keep_error(struct driver_file *f)
{
    if (!f->w->error)
        f->w->error = errno ? errno : EIO;
}

static herr_t driver_close(H5FD_t *file)
{
    struct driver_file *f = (struct driver_file *)file;
    if (close(f->fd) != 0)
        keep_error(f);
    free(f);
    return 0;
}

static herr_t driver_query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const struct driver_file *)file)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t at)
{
    (void)type;
    ((struct driver_file *)file)->eoa = at;
    return 0;
}

static haddr_t driver_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const struct driver_file *)file)->eof;
}

/* What lies beyond the end, or was never written, is 0. */
static herr_t driver_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n, void *buffer)
{
    (void)type, (void)transfer;
    struct driver_file *f = (struct driver_file *)file;
    size_t have = 0;
    while (have < n && !f->w->error) {
        ssize_t got = pread(f->fd, (char *)buffer + have, n - have, (off_t)(at + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            keep_error(f);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    memset((char *)buffer + have, 0, n - have);
    return 0;
}

static herr_t driver_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n,
                           const void *buffer)
{
    (void)type, (void)transfer;
    struct driver_file *f = (struct driver_file *)file;
    for (size_t done = 0; done < n && !f->w->error;) {
        errno = 0;
        ssize_t got = pwrite(f->fd, (const char *)buffer + done, n - done, (off_t)(at + done));
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            keep_error(f);
    }
    if (at + n > f->eof)
        f->eof = at + n;
    return 0;
}

static herr_t driver_truncate(H5FD_t *file, hid_t transfer, hbool_t closing)
{
    (void)transfer, (void)closing;
    struct driver_file *f = (struct driver_file *)file;
    if (f->eoa == f->eof)
        return 0;
    if (!f->w->error && ftruncate(f->fd, (off_t)f->eoa) != 0)
        keep_error(f);
    f->eof = f->eoa;
    return 0;
}

static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)600, /* from 512 on they are free */
#endif
    .name = "synthgrid",
    .maxaddr = ((haddr_t)1 << 62) - 1,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(struct driver_info),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

/* Registered once and kept: HDF5 1.10 lets go of a closing file's driver before it calls its `close` (H5FD_close), so that one which nobody
 * else holds is read after it was freed. H5close forgets it. */
static hid_t driver_id(void)
{
    static hid_t id = -1;
    if (id < 0 || H5Iis_valid(id) <= 0 || H5Iget_type(id) != H5I_VFL)
        id = H5FDregister(&driver);
    return id;
}

hid_t sg_h5_create(const char *path, struct sg_h5_writing *w)
{
    struct driver_info info = {.w = w};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), id = driver_id(), file = -1;
    /* What is behind us is not read again: HDF5's own limit is 32 MB. */
    H5AC_cache_config_t cache = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};
    if (access >= 0 && H5Pget_mdc_config(access, &cache) >= 0) {
        cache.max_size = CACHE_BYTES;
        cache.initial_size = cache.min_size = CACHE_BYTES / 2;
        cache.set_initial_size = 1;
        H5Pset_mdc_config(access, &cache);
    }
    if (access >= 0 && id >= 0 && H5Pset_driver(access, id, &info) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0)
        file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (access >= 0)
        H5Pclose(access);
    return file;
}

sg_status sg_h5_writing_check(const struct sg_h5_writing *w, const char *path, struct sg_err *err)
{
    return w->error ? sg_fail(err, sg_write_status(w->error), "%s: cannot be written: %s", path,
                              strerror(w->error))
                    : SG_OK;
}
