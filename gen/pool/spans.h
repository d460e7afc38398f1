/* A text's words by their places, for methods that change single words: what stands between blanks, and within it the word without the
 * punctuation around it ("(good," -> "good"). Where a script has no blanks between words, what stands between blanks is one. Local, pure. */
#ifndef SG_GEN_POOL_SPANS_H
#define SG_GEN_POOL_SPANS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct sg_word {
    const char *text; /* n bytes, no NUL behind them */
    size_t n;
};

/* Bytes [from, to) hold no blank; [core, core_end) of them is the word. Nothing but punctuation: all of it is. */
struct sg_span {
    size_t from, core, core_end, to;
};
struct sg_spans {
    int64_t n;
    struct sg_span *span; /* (n) */
};

/* Blanks and punctuation are those of ASCII. On failure *out is empty. */
sg_status sg_spans_find(const char *text, struct sg_spans *out, struct sg_err *err) SG_MUST_USE;
void sg_spans_free(struct sg_spans *w); /* leaves it empty */

#endif
