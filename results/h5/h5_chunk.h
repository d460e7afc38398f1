/* Private to results/h5: chunks of numbers, filtered here and handed to HDF5 as they lie in the file.
 *
 * HDF5 deflates a chunk in one way from end to end. After the shuffle a chunk is a run of planes, a byte of each row: counters, which repeat,
 * and mantissas, which are noise and took most of the time. Here each plane is deflated in its own way. What comes out is what the dataset's
 * filters say (shuffle, deflate, Fletcher-32), so HDF5, h5py and older programs read it.
 *
 *     struct sg_h5_chunk *c = sg_h5_chunk_create(32, 8192, 1);
 *     sg_h5_chunk_filter(c, rows, 8192);           any thread
 *     sg_h5_chunk_write(c, dataset, 0);            the extent is set before
 *     sg_h5_chunk_destroy(c);
 *
 * Local. */
#ifndef SG_RESULTS_H5_H5_CHUNK_H
#define SG_RESULTS_H5_H5_CHUNK_H

#include <hdf5.h>
#include <stdint.h>

struct sg_h5_chunk;

/* For a dataset of chunks of n_rows rows of row_bytes bytes, whose filters are shuffle, deflate where it deflates, Fletcher-32. NULL: no
 * memory. */
struct sg_h5_chunk *sg_h5_chunk_create(size_t row_bytes, int64_t n_rows, int deflates);
void sg_h5_chunk_destroy(struct sg_h5_chunk *c); /* NULL is fine */

/* Filters n <= n_rows rows, which have the file's layout; what the chunk has beyond them is 0. Calls nothing of HDF5. */
void sg_h5_chunk_filter(struct sg_h5_chunk *c, const void *rows, int64_t n);

/* Writes what was filtered last as the rows from `from` on, a multiple of n_rows. < 0: HDF5 failed, and says why. */
herr_t sg_h5_chunk_write(struct sg_h5_chunk *c, hid_t dataset, hsize_t from);

/* Whether this HDF5 takes chunks that are filtered already, for a dataset whose rows in the file are like those in memory. */
int sg_h5_chunk_suits(hid_t in_file, hid_t in_memory);

#endif
