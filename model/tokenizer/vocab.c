#include "model/tokenizer/vocab.h"

#include "base/mem.h"

#include <string.h>

struct sg_vocab_slot {
    uint32_t at, len; /* in text */
    int32_t id;       /* + 1: 0 is an empty slot */
};

void sg_vocab_free(struct sg_vocab *v)
{
    sg_free(v->slot);
    sg_buf_free(&v->text);
    *v = (struct sg_vocab){0};
}

static struct sg_vocab_slot *find_hashed(const struct sg_vocab *v, uint64_t h, const char *text, size_t n)
{
    for (size_t i = sg_hash_place(&v->key, h);; i++) {
        struct sg_vocab_slot *s = &v->slot[i & (v->n_slots - 1)];
        if (!s->id || (s->len == n && memcmp(sg_buf_text(&v->text) + s->at, text, n) == 0))
            return s;
    }
}

static struct sg_vocab_slot *find(const struct sg_vocab *v, const char *text, size_t n)
{
    uint64_t h = 0;
    for (size_t i = 0; i < n; i++)
        h = sg_hash_more(&v->key, h, (unsigned char)text[i]);
    return find_hashed(v, h, text, n);
}

static sg_status grow(struct sg_vocab *v, struct sg_err *err)
{
    struct sg_vocab old = *v;
    size_t n_slots = old.n_slots ? 2 * old.n_slots : 1024;
    struct sg_vocab_slot *slot = sg_alloc(n_slots, sizeof *slot);
    if (!slot)
        return sg_fail_memory(err, n_slots * sizeof *slot);
    v->slot = slot;
    v->n_slots = n_slots;
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.slot[i].id)
            *find(v, sg_buf_text(&v->text) + old.slot[i].at, old.slot[i].len) = old.slot[i];
    sg_free(old.slot);
    return SG_OK;
}

sg_status sg_vocab_put(struct sg_vocab *v, const char *text, size_t n, int32_t id, struct sg_err *err)
{
    if (!v->n_slots) {
        v->text = sg_buf_make(UINT32_MAX);
        SG_TRY(sg_hash_draw(&v->key, err));
    }
    if (2 * v->n >= v->n_slots)
        SG_TRY(grow(v, err));
    struct sg_vocab_slot *s = find(v, text, n);
    if (!s->id) {
        size_t at = v->text.len;
        sg_buf_add(&v->text, text, n);
        SG_TRY(sg_buf_check(&v->text, "vocabulary", err));
        s->at = (uint32_t)at;
        s->len = (uint32_t)n;
        v->n++;
        if (n > v->max_len)
            v->max_len = n;
    }
    s->id = id + 1;
    return SG_OK;
}

int32_t sg_vocab_find(const struct sg_vocab *v, const char *text, size_t n)
{
    return v->n_slots && n <= v->max_len ? find(v, text, n)->id - 1 : -1;
}

size_t sg_vocab_longest(const struct sg_vocab *v, const char *text, size_t n, int32_t *id)
{
    uint64_t h[SG_MAX_PREFIX + 1]; /* of each prefix: found in one pass, then tried from the longest on */
    size_t most = n < v->max_len ? n : v->max_len;
    if (most > SG_MAX_PREFIX)
        most = SG_MAX_PREFIX;
    h[0] = 0;
    for (size_t i = 0; i < most; i++)
        h[i + 1] = sg_hash_more(&v->key, h[i], (unsigned char)text[i]);
    for (size_t len = most; len > 0; len--) {
        if (len < n && ((unsigned char)text[len] & 0xc0) == 0x80)
            continue; /* inside a code point */
        *id = find_hashed(v, h[len], text, len)->id - 1;
        if (*id >= 0)
            return len;
    }
    return 0;
}

sg_status sg_vocab_put_tails(struct sg_vocab *v, const struct sg_vocab *from, const char *prefix,
                             struct sg_err *err)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < from->n_slots; i++) {
        const struct sg_vocab_slot *s = &from->slot[i];
        const char *text = sg_buf_text(&from->text) + s->at;
        if (s->id && s->len > n && memcmp(text, prefix, n) == 0)
            SG_TRY(sg_vocab_put(v, text + n, s->len - n, s->id - 1, err));
    }
    return SG_OK;
}

void sg_vocab_each(const struct sg_vocab *v,
                   void (*each)(void *context, const char *text, size_t n, int32_t id), void *context)
{
    for (size_t i = 0; i < v->n_slots; i++)
        if (v->slot[i].id)
            each(context, sg_buf_text(&v->text) + v->slot[i].at, v->slot[i].len, v->slot[i].id - 1);
}
