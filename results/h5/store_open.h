/* Opening results.h5: shared by store.c and report.c. */
#ifndef SG_RESULTS_H5_STORE_OPEN_H
#define SG_RESULTS_H5_STORE_OPEN_H

#include "base/err.h"

#include <hdf5.h>

#define SG_STORE_FORMAT "synthgrid results"
enum { SG_STORE_VERSION = 1 };

/* Read-only; H5Fclose it. SG_INPUT for a missing, damaged or foreign file and for another version. */
sg_status sg_store_open(const char *path, hid_t *out, struct sg_err *err) SG_MUST_USE;

#endif
