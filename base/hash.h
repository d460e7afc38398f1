/* Hashes of a table whose keys come from files. They are keyed with bits that are drawn when the table is made, so nobody
 * can write a file whose keys all meet in one place and make the table quadratic. Places differ from run to run:
 * whatever can be seen must not depend on them.
 *
 *     SG_TRY(sg_hash_draw(&key, err));                                    once a table
 *     uint64_t h = 0;
 *     for (size_t i = 0; i < n; i++)
 *         h = sg_hash_more(&key, h, (unsigned char)text[i]);              after each step: the hash of a prefix
 *     size_t i = sg_hash_place(&key, h) & (n_slots - 1);                  n_slots: a power of two
 *
 * A hash is a polynomial in a random point of the field of 2^61 - 1 elements, its coefficients the key's parts: two
 * keys of n parts have the same one for at most n points (Carter and Wegman, "Universal classes of hash functions",
 * JCSS 1979). Modulo 2^64 it would not do: there are texts that meet for every point. */
#ifndef SG_BASE_HASH_H
#define SG_BASE_HASH_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct sg_hash_key {
    uint64_t point, mask;
};

/* Local. SG_FAILED when the system has no random bits. */
sg_status sg_hash_draw(struct sg_hash_key *key, struct sg_err *err) SG_MUST_USE;

/* The hash (0 for nothing) of what h stands for and one more part. */
static inline uint64_t sg_hash_more(const struct sg_hash_key *key, uint64_t h, uint32_t part)
{
    const uint64_t p = ((uint64_t)1 << 61) - 1;
    unsigned __int128 x = (unsigned __int128)h * key->point + part + 1; /* + 1: a zero is not nothing */
    uint64_t sum = ((uint64_t)x & p) + (uint64_t)(x >> 61);             /* 2^61 = 1 */
    return sum < p ? sum : sum - p;
}

/* Spread over 64 bits: SplitMix64's last steps (Steele, Lea and Flood, OOPSLA 2014). */
static inline size_t sg_hash_place(const struct sg_hash_key *key, uint64_t h)
{
    h ^= key->mask;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    return (size_t)(h ^ h >> 31);
}

#endif
