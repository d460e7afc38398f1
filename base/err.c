#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sg_status sg_fail(struct sg_err *err, sg_status status, const char *format, ...)
{
    if (err) {
        char text[sizeof err->text]; /* an argument may be err->text itself */
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        memcpy(err->text, text, sizeof text);
        err->status = status;
    }
    return status;
}

sg_status sg_write_status(int error_number)
{
    return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG ? SG_FULL : SG_FAILED;
}

sg_status sg_fail_memory(struct sg_err *err, unsigned long long n_bytes)
{
    return sg_fail(err, SG_FAILED,
                   "out of memory: %llu bytes asked for; hint: fewer ranks a node, or a smaller batch",
                   n_bytes);
}

sg_status sg_err_at(struct sg_err *err, const char *format, ...)
{
    if (!err)
        return SG_FAILED;
    char where[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(where, sizeof where, format, args);
    va_end(args);
    /* A sentence that no longer fits is cut, which is better than losing where it happened. */
    size_t n = strlen(where), room = sizeof err->text - 1;
    if (n > 400)
        n = 400;
    memmove(err->text + n + 2, err->text, room - n - 2);
    memcpy(err->text, where, n);
    memcpy(err->text + n, ": ", 2);
    err->text[room] = 0;
    return err->status;
}
