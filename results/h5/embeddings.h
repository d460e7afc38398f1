/* embeddings.h5: the embeddings of a study's raw rows, test rows and pools, beside results.h5, so that they are made once. In Python:
 *
 *     import h5py
 *     x = h5py.File("embeddings.h5")["sst2/raw"][:]
 *
 *   /             attributes: format "synthgrid embeddings", format_version, made_with (JSON: encoder_sha256, max_length, rounding)
 *   /TASK/raw     float32 (n, C), rows of length 1: of the training rows; attributes texts_sha256 (what they are of), sha256 (their bytes)
 *   /TASK/test    the same of the test rows
 *   /TASK/ID      the same of the pool with that id, in its order
 *
 * Written by all ranks with parallel HDF5 (through rank 0 by an HDF5 without) under a temporary name, each its own rows; then every rank reads its rows again and compares,
 * rank 0 adds the digests, and the file is renamed. What is not there, is of other texts or is damaged is made again, so the file may be
 * deleted at any time. It is no part of the study's results: its numbers are in results.h5. */
#ifndef SG_RESULTS_H5_EMBEDDINGS_H
#define SG_RESULTS_H5_EMBEDDINGS_H

#include "base/sha256.h"
#include "mpi/comm.h"

#include <stdint.h>

/* One dataset; one without rows is held by any file, and in none. */
struct sg_embedded {
    const char *task, *name; /* name: raw, test or a pool's id */
    const char *texts_sha256;
    int64_t n;
    int c;
};

/* Rank 0. Whether there is a file whose SHA-256 is this one, which finish gave: ask before anything else of it, for HDF5 may crash on what is damaged. */
int sg_embeddings_is(const char *path, const char *sha256);

/* Rank 0. Whether the file holds these just so, made with `made_with`, and their bytes are whole. A file that is not there, or none of
 * ours, does not. */
int sg_embeddings_hold(const char *path, const char *made_with, const struct sg_embedded *d);

/* Rank 0. x (n, C) of the caller's; SG_FAILED when it does not hold it. */
sg_status sg_embeddings_read(const char *path, const struct sg_embedded *d, float *x,
                             struct sg_err *err) SG_MUST_USE;

/* Collective over the team, as is all that follows; path and made_with: the same on all ranks, copied. SG_FAILED before anything is written
 * where the file system has less room than `bytes`: HDF5 does not survive a disk that is full (SG_FULL); it is set aside. */
struct sg_embeddings;
sg_status sg_embeddings_create(const struct sg_team *team, const char *path, const char *made_with,
                               int64_t bytes, struct sg_embeddings **out, struct sg_err *err) SG_MUST_USE;

/* Writes a dataset: x (to - from, C) are rows [from, to), this rank's; all ranks' together are all rows. */
sg_status sg_embeddings_add(struct sg_embeddings *e, const struct sg_embedded *d, const float *x,
                            int64_t from, int64_t to, struct sg_err *err) SG_MUST_USE;

/* Closes, verifies, renames; destroys in any case. sha256: of the file, on rank 0. On failure `path` is as it was. */
sg_status sg_embeddings_finish(struct sg_embeddings *e, char sha256[SG_HEX], struct sg_err *err) SG_MUST_USE;

/* Nothing is left of it. NULL is fine. */
void sg_embeddings_discard(struct sg_embeddings *e);

#endif
