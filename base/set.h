/* A set of texts, as their SHA-256: 32 bytes each and nothing else, however long they are.
 *
 *     SG_TRY(sg_set_create(&set, err));
 *     SG_TRY(sg_set_add(set, text, strlen(text), err));
 *     if (sg_set_has(set, text, strlen(text))) ...
 *     sg_set_destroy(set);
 *
 * Local, one thread. */
#ifndef SG_BASE_SET_H
#define SG_BASE_SET_H

#include "base/err.h"
#include "base/sha256.h"

#include <stddef.h>
#include <stdint.h>

struct sg_set;

sg_status sg_set_create(struct sg_set **out, struct sg_err *err) SG_MUST_USE;
void sg_set_destroy(struct sg_set *s);

/* Adds a text; one that is there already changes nothing. */
sg_status sg_set_add(struct sg_set *s, const void *text, size_t n, struct sg_err *err) SG_MUST_USE;
int sg_set_has(const struct sg_set *s, const void *text, size_t n);

/* The same by the text's SHA-256, for who asks several sets. */
sg_status sg_set_add_digest(struct sg_set *s, const unsigned char digest[32], struct sg_err *err) SG_MUST_USE;
int sg_set_has_digest(const struct sg_set *s, const unsigned char digest[32]);

/* Adds it by a digest from elsewhere: 64 hex digits. SG_FAILED for what is none. */
sg_status sg_set_add_hex(struct sg_set *s, const char *hex, struct sg_err *err) SG_MUST_USE;

int64_t sg_set_n(const struct sg_set *s);

/* All digests, ascending, as 32 bytes each: new memory (sg_free). NULL without memory. */
unsigned char *sg_set_sorted(const struct sg_set *s);

#endif
