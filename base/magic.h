/* What a file is by its first bytes, for those that are no plain text. */
#ifndef SG_BASE_MAGIC_H
#define SG_BASE_MAGIC_H

#include "base/err.h"

#include <stddef.h>

/* SG_INPUT for n bytes that are a known binary format (Parquet, Arrow, zip, zstd, xz, ...), UTF-16 or UTF-32 text, a web page
 * or a Git LFS pointer: what it is, and the command that makes rows of it. SG_OK for all else. text[n] is 0. */
sg_status sg_magic_check(const char *path, const char *text, size_t n, struct sg_err *err) SG_MUST_USE;

/* "an SQLite database", "an HDF5 file", by the first bytes (16 suffice); NULL for all else. */
const char *sg_magic_database(const char *bytes, size_t n);

#endif
