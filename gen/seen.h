/* A set of texts, kept as SHA-256 of their folded form (gen/parse.h): for duplicates and leakage. Private to
 * gen/. */
#ifndef SG_GEN_SEEN_H
#define SG_GEN_SEEN_H

#include "base/err.h"

#include <stdint.h>

struct sg_seen {
    int64_t n, n_slots; /* slots: a power of two, at most half full */
    unsigned char (*slot)[32];
};
struct sg_digest {
    unsigned char byte[32];
};

/* second: NULL for a single text. */
struct sg_digest sg_seen_digest(const char *first, const char *second);
int sg_seen_has(const struct sg_seen *s, struct sg_digest d);
sg_status sg_seen_add(struct sg_seen *s, struct sg_digest d, struct sg_err *err) SG_MUST_USE;
void sg_seen_free(struct sg_seen *s);

#endif
