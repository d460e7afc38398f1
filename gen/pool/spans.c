#include "gen/pool/spans.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>

static const char blanks[] = " \t\n\r\f\v";

static int is_mark(char c)
{
    return (unsigned char)c < 128 && ispunct((unsigned char)c);
}

static struct sg_span span_of(const char *text, size_t from, size_t to)
{
    struct sg_span s = {from, from, to, to};
    while (s.core < to && is_mark(text[s.core]))
        s.core++;
    if (s.core == to)
        return (struct sg_span){from, from, to, to};
    while (is_mark(text[s.core_end - 1]))
        s.core_end--;
    return s;
}

sg_status sg_spans_find(const char *text, struct sg_spans *out, struct sg_err *err)
{
    struct sg_spans w = {0};
    for (size_t at = strspn(text, blanks); text[at]; at += strspn(text + at, blanks)) {
        size_t to = at + strcspn(text + at, blanks);
        struct sg_span *grown = sg_grown(w.span, w.n, sizeof *grown);
        if (!grown) {
            sg_spans_free(&w);
            return sg_fail_memory(err, 2 * (size_t)w.n * sizeof *grown);
        }
        w.span = grown;
        w.span[w.n++] = span_of(text, at, to);
        at = to;
    }
    *out = w;
    return SG_OK;
}

void sg_spans_free(struct sg_spans *w)
{
    sg_free(w->span);
    *w = (struct sg_spans){0};
}
