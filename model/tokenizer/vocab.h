/* A vocabulary: token texts to ids, by hash. Filled when a tokenizer is loaded, read-only afterwards. */
#ifndef SG_MODEL_TOKENIZER_VOCAB_H
#define SG_MODEL_TOKENIZER_VOCAB_H

#include "base/buf.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

enum { SG_MAX_ID = (1 << 24) - 1 }; /* no vocabulary comes near it; keeps tables of ids small */

struct sg_vocab {
    struct sg_hash_key key;
    struct sg_vocab_slot *slot;
    size_t n, n_slots; /* a power of two, at most half full */
    struct sg_buf text;
    size_t max_len; /* of the longest token, in bytes */
};

void sg_vocab_free(struct sg_vocab *v);

/* Adds a token or gives a known one another id. SG_FAILED without memory, or random bits for the hash. */
sg_status sg_vocab_put(struct sg_vocab *v, const char *text, size_t n, int32_t id,
                       struct sg_err *err) SG_MUST_USE;

/* The id, or -1. */
int32_t sg_vocab_find(const struct sg_vocab *v, const char *text, size_t n);

/* The length of the longest prefix of text that is a token and ends where a code point does, and its id; 0 if there
 * is none. At most SG_MAX_PREFIX bytes are looked at, in time that grows with them, however long the tokens are. */
enum { SG_MAX_PREFIX = 4096 };
size_t sg_vocab_longest(const struct sg_vocab *v, const char *text, size_t n, int32_t *id);

/* Adds every token of `from` that begins with the prefix and is longer, without it. */
sg_status sg_vocab_put_tails(struct sg_vocab *v, const struct sg_vocab *from, const char *prefix,
                             struct sg_err *err) SG_MUST_USE;

/* Every token with its id, in no order. */
void sg_vocab_each(const struct sg_vocab *v,
                   void (*each)(void *context, const char *text, size_t n, int32_t id), void *context);

#endif
