/* Private to embeddings*.c: how embeddings.h5 is written, by all ranks at once with MPI-IO or through rank 0 by an HDF5 that has none
 * (H5_HAVE_PARALLEL, H5pubconf.h). The file is the same. Other files neither include nor need it. */
#ifndef SG_RESULTS_H5_EMBEDDINGS_IMPL_H
#define SG_RESULTS_H5_EMBEDDINGS_IMPL_H

#include "results/h5/embeddings.h"
#include "results/h5/h5_table.h"

/* Local. Rows [from, to) of a dataset of `c` columns, as H5Dread and H5Dwrite take them; the caller closes what is >= 0. < 0 on failure. */
int sg_embeddings_select(hid_t dataset, int64_t from, int64_t to, int c, hid_t *memory, hid_t *space);

/* Collective; each rank has a status of its own. A new file at `path` in *file, < 0 where this rank has none open. */
sg_status sg_embeddings_make(const struct sg_team *team, const char *path, hid_t *file,
                             struct sg_err *err) SG_MUST_USE;

/* Collective; each rank has a status of its own. Dataset `name` with the text hash of `d`; x: (to - from, d->c), this rank's rows. `path` for errors. */
sg_status sg_embeddings_put(const struct sg_team *team, hid_t file, const char *path, const char *name,
                            const struct sg_embedded *d, const float *x, int64_t from, int64_t to,
                            struct sg_err *err) SG_MUST_USE;

#endif
