#include "experiments/study/lacks.h"

#include "base/mem.h"
#include "base/secret.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sg_status sg_lacks_add(struct sg_lacks *l, const char *what, int is_wrong, struct sg_err *err,
                       const char *format, ...)
{
    char text[1500];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sg_redact(text);
    for (int64_t i = 0; i < l->n; i++)
        if (strcmp(l->item[i].text, text) == 0)
            return SG_OK;
    struct sg_lack *more = sg_grown(l->item, l->n, sizeof *more);
    if (more)
        l->item = more;
    char *copy = more ? sg_strdup(text) : NULL;
    if (!copy)
        return sg_fail_memory(err, sizeof text);
    l->item[l->n++] = (struct sg_lack){what, is_wrong, copy};
    return SG_OK;
}

void sg_lacks_free(struct sg_lacks *l)
{
    for (int64_t i = 0; i < l->n; i++)
        sg_free(l->item[i].text);
    sg_free(l->item);
    *l = (struct sg_lacks){0};
}
