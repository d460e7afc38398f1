/* A text file read line by line, plain or gzip (by its magic number), with one line in memory: for files that others wrote.
 *
 *     struct sg_lines *l = NULL;
 *     SG_TRY(sg_lines_open(path, &l, err));
 *     while ((status = sg_lines_next(l, &text, &n, err)) == SG_OK && text) ... sg_lines_number(l) ...
 *     sg_lines_close(l);
 *
 * Refused, with path and line: a line or a text over the limits, gzip data that is damaged or cut off, or that inflates more than
 * any text that people keep (a few kilobytes of gzip can stand for gigabytes). */
#ifndef SG_BASE_LINES_H
#define SG_BASE_LINES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SG_LINES_MAX_LINE  ((size_t)64 << 20)
#define SG_LINES_MAX_TOTAL ((int64_t)64 << 30)
/* How many times its size gzip may inflate to: recordings have 6 to 30. The first SG_LINES_FREE bytes are not looked at. */
enum { SG_LINES_MAX_RATIO = 200, SG_LINES_FREE = 16 << 20 };

struct sg_lines;

/* SG_INPUT for a missing file. */
sg_status sg_lines_open(const char *path, struct sg_lines **out, struct sg_err *err) SG_MUST_USE;
void sg_lines_close(struct sg_lines *l); /* NULL is fine */

/* The next line without its newline, NUL-terminated, valid until the next call; *text NULL at the end of the file. */
sg_status sg_lines_next(struct sg_lines *l, const char **text, size_t *n, struct sg_err *err) SG_MUST_USE;

/* Of the last line, counted from 1. */
int64_t sg_lines_number(const struct sg_lines *l);

/* Whether a file begins as gzip does; 0 also for what cannot be read. */
int sg_file_is_gzip(const char *path);

/* Whether a gzip file ends with its first member: zlib reads on into further ones, and passes over anything else behind them in silence
 * (zlib.h, gzread). Reads the whole file. SG_INPUT where it cannot be read or is damaged. */
sg_status sg_gzip_is_single(const char *path, int *single, struct sg_err *err) SG_MUST_USE;

#endif
