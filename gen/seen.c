#include "gen/seen.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "gen/parse.h"

#include <string.h>

static const unsigned char empty[32];

struct sg_digest sg_seen_digest(const char *first, const char *second)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    sg_buf_folded(&b, first);
    sg_buf_puts(&b, "\n");
    if (second)
        sg_buf_folded(&b, second);
    struct sg_digest d;
    sg_sha256(sg_buf_text(&b), b.len, d.byte);
    sg_buf_free(&b);
    return d;
}

/* The slot that holds d, or the free one where it belongs. */
static int64_t place(const struct sg_seen *s, const unsigned char *d)
{
    uint64_t h;
    memcpy(&h, d, sizeof h);
    int64_t i = (int64_t)(h & (uint64_t)(s->n_slots - 1));
    while (memcmp(s->slot[i], empty, 32) != 0 && memcmp(s->slot[i], d, 32) != 0)
        i = (i + 1) & (s->n_slots - 1);
    return i;
}

int sg_seen_has(const struct sg_seen *s, struct sg_digest d)
{
    return s->n_slots && memcmp(s->slot[place(s, d.byte)], d.byte, 32) == 0;
}

static sg_status grow(struct sg_seen *s, struct sg_err *err)
{
    struct sg_seen bigger = {.n = s->n, .n_slots = s->n_slots ? 2 * s->n_slots : 256};
    bigger.slot = sg_alloc((size_t)bigger.n_slots, sizeof *bigger.slot);
    if (!bigger.slot)
        return sg_fail_memory(err, (size_t)bigger.n_slots * sizeof *bigger.slot);
    for (int64_t i = 0; i < s->n_slots; i++)
        if (memcmp(s->slot[i], empty, 32) != 0)
            memcpy(bigger.slot[place(&bigger, s->slot[i])], s->slot[i], 32);
    sg_free(s->slot);
    *s = bigger;
    return SG_OK;
}

sg_status sg_seen_add(struct sg_seen *s, struct sg_digest d, struct sg_err *err)
{
    if (2 * (s->n + 1) > s->n_slots)
        SG_TRY(grow(s, err));
    int64_t i = place(s, d.byte);
    if (memcmp(s->slot[i], d.byte, 32) != 0) {
        memcpy(s->slot[i], d.byte, 32);
        s->n++;
    }
    return SG_OK;
}

void sg_seen_free(struct sg_seen *s)
{
    sg_free(s->slot);
    *s = (struct sg_seen){0};
}
