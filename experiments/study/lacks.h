/* What a run would need and is not there, all of it: `plan` goes on where a run ends at the first. */
#ifndef SG_EXPERIMENTS_STUDY_LACKS_H
#define SG_EXPERIMENTS_STUDY_LACKS_H

#include "base/err.h"

#include <stdint.h>

struct sg_lack {
    const char *what; /* a word: "encoder", "rows", "key" */
    int is_wrong;     /* it is there, but cannot be used */
    char *text;
};
struct sg_lacks {
    int64_t n;
    struct sg_lack *item;
};

/* Local. Adds a sentence; one that is there already is not added again. */
sg_status sg_lacks_add(struct sg_lacks *l, const char *what, int is_wrong, struct sg_err *err,
                       const char *format, ...) SG_PRINTF(5, 6) SG_MUST_USE;
void sg_lacks_free(struct sg_lacks *l); /* leaves it empty */

#endif
