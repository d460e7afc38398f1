#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct sg_buf sg_buf_make(size_t max_bytes)
{
    return (struct sg_buf){.max = max_bytes};
}

void sg_buf_free(struct sg_buf *b)
{
    if (!b)
        return;
    sg_free(b->data);
    *b = (struct sg_buf){.max = b->max};
}

void sg_buf_clear(struct sg_buf *b)
{
    b->len = 0;
    b->failed = 0;
    if (b->data)
        b->data[0] = 0;
}

/* Room for n more bytes and the NUL. */
static int reserve(struct sg_buf *b, size_t n)
{
    if (b->failed)
        return 0;
    if (n > b->max || b->len > b->max - n || b->len + n == (size_t)-1) {
        b->failed = 2;
        return 0;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return 1;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap = cap > (size_t)-1 / 2 ? need : 2 * cap;
    char *data = sg_realloc(b->data, cap, 1);
    if (!data) {
        b->failed = 1;
        return 0;
    }
    b->data = data;
    b->cap = cap;
    return 1;
}

void sg_buf_add(struct sg_buf *b, const void *bytes, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
}

void sg_buf_puts(struct sg_buf *b, const char *text)
{
    sg_buf_add(b, text, strlen(text));
}

void sg_buf_printf(struct sg_buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 && !b->failed)
        b->failed = 1;
    if (n < 0 || !reserve(b, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
}

const char *sg_buf_text(const struct sg_buf *b)
{
    return b->data ? b->data : "";
}

char *sg_buf_take(struct sg_buf *b)
{
    if (!b->data && !b->failed)
        reserve(b, 0);
    char *data = b->failed ? NULL : b->data;
    if (b->failed)
        sg_free(b->data);
    *b = (struct sg_buf){.max = b->max};
    return data;
}

sg_status sg_buf_check(const struct sg_buf *b, const char *what, struct sg_err *err)
{
    if (b->failed == 2)
        return sg_fail(err, SG_FAILED, "%s: larger than its limit of %zu bytes", what, b->max);
    if (b->failed)
        return sg_fail_memory(err, b->cap * 2);
    return SG_OK;
}
