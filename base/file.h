/* Files: read whole with a limit; written under a temporary name, synced, renamed. */
#ifndef SG_BASE_FILE_H
#define SG_BASE_FILE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Reads all of a file into new memory (sg_free), NUL-terminated; n_bytes may be NULL. A file over
 * `max_bytes`, a folder or a missing file is SG_INPUT with the path and the reason. "-" is standard input. */
sg_status sg_file_read(const char *path, size_t max_bytes, char **text, size_t *n_bytes,
                       struct sg_err *err) SG_MUST_USE;

/* The same, and inflates what is gzip (by its magic number); the limit holds for the inflated text. */
sg_status sg_file_read_gz(const char *path, size_t max_bytes, char **text, size_t *n_bytes,
                          struct sg_err *err) SG_MUST_USE;

/* Writes `<path>.tmp.<pid>`, fsyncs it, renames it over path, fsyncs the folder. On failure path is as it
 * was; a full disk is SG_FULL. */
sg_status sg_file_write(const char *path, const void *data, size_t n, struct sg_err *err) SG_MUST_USE;

/* The last half of it, for files that a library wrote: fsync(tmp), rename(tmp, path), fsync(folder). */
sg_status sg_file_replace(const char *tmp, const char *path, struct sg_err *err) SG_MUST_USE;

/* Removes the files of a folder that sg_file_write of a killed program has left half written: `<name>.tmp.<pid>`; of any name where name is
 * NULL. For who knows that nobody else writes them. A folder that is not there is fine. */
void sg_file_tidy(const char *folder, const char *name);

/* mkdir -p; an existing folder is fine. */
sg_status sg_mkdirs(const char *path, struct sg_err *err) SG_MUST_USE;

/* A new folder of our own in $TMPDIR (without one: /tmp), for nobody else to look into: new memory (sg_free). */
sg_status sg_temp_dir(char **path, struct sg_err *err) SG_MUST_USE;

int sg_file_exists(const char *path);
int sg_dir_exists(const char *path);

/* "a/b" in new memory; b alone when it is absolute or a is empty. NULL without memory. */
char *sg_path_join(const char *a, const char *b);

/* The folder part in new memory ("." when there is none). */
char *sg_path_dir(const char *path);

/* Seconds on the monotonic clock: for durations and deadlines. */
double sg_now_s(void);

/* "2026-11-23T18:50:00Z" (21 bytes with NUL): for stamps only. */
void sg_utc(char stamp[21]);

void sg_sleep_us(int64_t us);

#endif
