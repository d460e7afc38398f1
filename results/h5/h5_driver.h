/* HDF5 files that are written to a disk which may be full.
 *
 * After a failed write HDF5 1.10 cannot even close its file, and crashes when the program ends (measured). So this driver keeps a
 * failure to itself: HDF5 goes on and closes as if all were well, nothing more reaches the disk, and whoever builds the file asks
 * here. What was written before is worth nothing then; so such a file has a temporary name.
 *
 *     struct sg_h5_writing w = {0};
 *     hid_t file = sg_h5_create("x.tmp", &w);
 *     ... write; sg_h5_writing_check(&w, "x.tmp", &err) after each large part ...
 *     H5Fclose(file);
 *     status = sg_h5_writing_check(&w, "x.tmp", &err);     then fsync and rename
 *
 * Local. One thread at a time, as all of HDF5 here. */
#ifndef SG_RESULTS_H5_H5_DRIVER_H
#define SG_RESULTS_H5_H5_DRIVER_H

#include "base/err.h"

#include <hdf5.h>

struct sg_h5_writing {
    int error; /* errno of the first write that failed; 0: none has */
};

/* A new, empty file that HDF5 1.8 and later open; < 0 where it cannot be made, with w->error. `w` is borrowed until it is closed. */
hid_t sg_h5_create(const char *path, struct sg_h5_writing *w);

/* SG_FAILED with the path and the reason, once a write has failed. */
sg_status sg_h5_writing_check(const struct sg_h5_writing *w, const char *path,
                              struct sg_err *err) SG_MUST_USE;

#endif
