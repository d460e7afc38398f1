/* SHA-256 (FIPS 180-4), by OpenSSL: content ids, request keys, digests of weights and files. */
#ifndef SG_BASE_SHA256_H
#define SG_BASE_SHA256_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { SG_HEX = 65 }; /* 64 hex digits and NUL */

void sg_sha256(const void *data, size_t n, unsigned char digest[32]);
void sg_sha256_hex(const void *data, size_t n, char hex[SG_HEX]);
void sg_hex(const unsigned char digest[32], char hex[SG_HEX]);

/* Piece by piece: create, add, finish (which destroys it). create gives NULL without memory. */
struct sg_sha256_stream;
struct sg_sha256_stream *sg_sha256_create(void);
void sg_sha256_add(struct sg_sha256_stream *s, const void *data, size_t n);
/* A text with its NUL, so that "ab", "c" and "a", "bc" differ; NULL is not "". */
void sg_sha256_add_text(struct sg_sha256_stream *s, const char *text);
void sg_sha256_finish_hex(struct sg_sha256_stream *s, char hex[SG_HEX]);

/* Of a whole file. */
sg_status sg_sha256_file(const char *path, char hex[SG_HEX], struct sg_err *err) SG_MUST_USE;

/* Adds an example: its label and its texts (second: NULL for none). The digest of several is that of one after the other. */
void sg_example_digest_add(struct sg_sha256_stream *s, int64_t label, const char *first, const char *second);

#endif
