/* A growable byte buffer with a ceiling, so that no server and no file can make us eat a node's memory.
 *
 *     struct sg_buf b = sg_buf_make(1 << 20);
 *     sg_buf_printf(&b, "%d", 7);  sg_buf_add(&b, p, n);
 *     SG_TRY(sg_buf_check(&b, "report", err));       once, at the end: errors are sticky
 *     ... b.data (always NUL-terminated), b.len ...
 *     sg_buf_free(&b);
 */
#ifndef SG_BASE_BUF_H
#define SG_BASE_BUF_H

#include "base/err.h"

#include <stddef.h>

struct sg_buf {
    char *data; /* NULL while empty; else data[len] is 0 */
    size_t len, cap, max;
    int failed; /* 1 out of memory, 2 over the ceiling */
};

struct sg_buf sg_buf_make(size_t max_bytes);
void sg_buf_free(struct sg_buf *b); /* leaves it empty and usable */
void sg_buf_clear(struct sg_buf *b);
void sg_buf_add(struct sg_buf *b, const void *bytes, size_t n);
void sg_buf_puts(struct sg_buf *b, const char *text);
void sg_buf_printf(struct sg_buf *b, const char *format, ...) SG_PRINTF(2, 3);

/* The text so far; "" when empty. */
const char *sg_buf_text(const struct sg_buf *b);

/* Gives the memory to the caller (sg_free); the buffer is empty after it. Never NULL unless the buffer has
 * failed. */
char *sg_buf_take(struct sg_buf *b);

/* SG_OK, or the reason why an earlier addition failed; `what` names the content. */
sg_status sg_buf_check(const struct sg_buf *b, const char *what, struct sg_err *err) SG_MUST_USE;

#endif
