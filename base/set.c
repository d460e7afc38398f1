#include "base/set.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST = 32 };

/* A slot of zeros is free: no text is known that has this digest. */
struct sg_set {
    struct sg_hash_key key;
    int64_t n;
    size_t n_slots;                /* a power of two */
    unsigned char (*slot)[DIGEST]; /* (n_slots) */
};

static const unsigned char free_slot[DIGEST];

sg_status sg_set_create(struct sg_set **out, struct sg_err *err)
{
    struct sg_set *s = sg_alloc(1, sizeof *s);
    if (!s)
        return sg_fail_memory(err, sizeof *s);
    s->n_slots = 64;
    s->slot = sg_alloc(s->n_slots, sizeof *s->slot);
    sg_status status =
        s->slot ? sg_hash_draw(&s->key, err) : sg_fail_memory(err, s->n_slots * sizeof *s->slot);
    if (status == SG_OK)
        *out = s;
    else
        sg_set_destroy(s);
    return status;
}

void sg_set_destroy(struct sg_set *s)
{
    if (!s)
        return;
    sg_free(s->slot);
    sg_free(s);
}

/* Where the digest is, or the free slot where it belongs. */
static size_t find(const struct sg_set *s, const unsigned char digest[DIGEST])
{
    uint64_t h;
    memcpy(&h, digest, sizeof h);
    size_t i = sg_hash_place(&s->key, h) & (s->n_slots - 1);
    while (memcmp(s->slot[i], digest, DIGEST) != 0 && memcmp(s->slot[i], free_slot, DIGEST) != 0)
        i = (i + 1) & (s->n_slots - 1);
    return i;
}

static sg_status grow(struct sg_set *s, struct sg_err *err)
{
    struct sg_set more = *s;
    more.n_slots = 2 * s->n_slots;
    more.slot = sg_alloc(more.n_slots, sizeof *more.slot);
    if (!more.slot)
        return sg_fail_memory(err, more.n_slots * sizeof *more.slot);
    for (size_t i = 0; i < s->n_slots; i++)
        if (memcmp(s->slot[i], free_slot, DIGEST) != 0)
            memcpy(more.slot[find(&more, s->slot[i])], s->slot[i], DIGEST);
    sg_free(s->slot);
    *s = more;
    return SG_OK;
}

sg_status sg_set_add_digest(struct sg_set *s, const unsigned char digest[DIGEST], struct sg_err *err)
{
    size_t at = find(s, digest);
    if (memcmp(s->slot[at], digest, DIGEST) == 0)
        return SG_OK;
    if ((size_t)s->n + 1 > s->n_slots / 8 * 7) {
        SG_TRY(grow(s, err));
        at = find(s, digest);
    }
    memcpy(s->slot[at], digest, DIGEST);
    s->n++;
    return SG_OK;
}

sg_status sg_set_add(struct sg_set *s, const void *text, size_t n, struct sg_err *err)
{
    unsigned char digest[DIGEST];
    sg_sha256(text, n, digest);
    return sg_set_add_digest(s, digest, err);
}

int sg_set_has_digest(const struct sg_set *s, const unsigned char digest[DIGEST])
{
    return memcmp(s->slot[find(s, digest)], digest, DIGEST) == 0;
}

int sg_set_has(const struct sg_set *s, const void *text, size_t n)
{
    unsigned char digest[DIGEST];
    if (s->n == 0)
        return 0;
    sg_sha256(text, n, digest);
    return sg_set_has_digest(s, digest);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

sg_status sg_set_add_hex(struct sg_set *s, const char *hex, struct sg_err *err)
{
    unsigned char digest[DIGEST];
    for (int i = 0; i < DIGEST; i++) {
        int high = digit(hex[2 * i]), low = high < 0 ? -1 : digit(hex[2 * i + 1]);
        if (low < 0)
            return sg_fail(err, SG_FAILED, "'%.64s' is no SHA-256", hex);
        digest[i] = (unsigned char)(16 * high + low);
    }
    if (hex[SG_HEX - 1])
        return sg_fail(err, SG_FAILED, "'%.64s...' is no SHA-256", hex);
    return sg_set_add_digest(s, digest, err);
}

int64_t sg_set_n(const struct sg_set *s)
{
    return s->n;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST);
}

unsigned char *sg_set_sorted(const struct sg_set *s)
{
    unsigned char *out = sg_alloc((size_t)s->n + 1, DIGEST), *to = out;
    if (!out)
        return NULL;
    for (size_t i = 0; i < s->n_slots; i++)
        if (memcmp(s->slot[i], free_slot, DIGEST) != 0) {
            memcpy(to, s->slot[i], DIGEST);
            to += DIGEST;
        }
    qsort(out, (size_t)s->n, DIGEST, by_bytes);
    return out;
}
