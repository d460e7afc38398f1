#include "gen/pool/near.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "gen/pool/parse.h"

#include <stdlib.h>
#include <string.h>

enum { N_PERMUTATIONS = 128, MAX_PENDING = 2 };

struct text {
    enum sg_near_kind kind;
    int32_t n;     /* shingles */
    uint32_t seen; /* the last search that compared it */
    int64_t index;
    int64_t at; /* its shingles in the list of all: (n) ascending, distinct */
};

struct sg_near {
    double threshold;
    int n_bands, band_bits; /* 2^band_bits */
    uint64_t a[N_PERMUTATIONS], b[N_PERMUTATIONS];
    struct sg_hash_key fixed;
    uint64_t place;            /* odd, drawn anew for each table */
    int64_t n, room, expected; /* texts, and how many there is memory for, and will be */
    struct text *text;
    int64_t n_shingles, shingle_room;
    uint64_t *shingle; /* (n_shingles) of all texts, one after the other */
    uint32_t *band;    /* (room, n_bands): hash of each band */
    int32_t *next;     /* (room, n_bands): the next of its chain, or -1 */
    int32_t *head;     /* (n_slots): text * n_bands + band, or -1 */
    int slot_bits;     /* 2^slot_bits slots */
    uint32_t n_searches;
    struct {
        enum sg_near_kind kind;
        const struct sg_rows *rows;
    } pending[MAX_PENDING];
    int n_pending, n_sources; /* those that are not hashed yet, the first ones; all */
};

const char *sg_near_name(enum sg_near_kind k)
{
    static const char *const names[SG_N_NEAR_KINDS] = {"", "raw", "test", "pool"};
    return names[k];
}

sg_status sg_near_create(double threshold, struct sg_near **out, struct sg_err *err)
{
    struct sg_near *n = sg_alloc(1, sizeof *n);
    if (!n)
        return sg_fail_memory(err, sizeof *n);
    n->threshold = threshold;
    n->band_bits = threshold >= 0.7 ? 5 : 6;
    n->n_bands = 1 << n->band_bits;
    struct sg_rng r = sg_rng_make(sg_seed_of("near-duplicates"), 0);
    for (int i = 0; i < N_PERMUTATIONS; i++) {
        n->a[i] = sg_rng_u64(&r) | 1;
        n->b[i] = sg_rng_u64(&r);
    }
    n->fixed = (struct sg_hash_key){sg_rng_u64(&r) >> 4, sg_rng_u64(&r)};
    struct sg_hash_key places = {0};
    sg_status status = sg_hash_draw(&places, err);
    n->place = places.mask | 1;
    if (status == SG_OK)
        *out = n;
    else
        sg_near_destroy(n);
    return status;
}

static void forget(struct sg_near *n)
{
    sg_free(n->text);
    sg_free(n->shingle);
    sg_free(n->band);
    sg_free(n->next);
    sg_free(n->head);
    n->text = NULL;
    n->shingle = NULL;
    n->band = NULL;
    n->next = n->head = NULL;
    n->n = n->room = n->n_shingles = n->shingle_room = 0;
}

void sg_near_destroy(struct sg_near *n)
{
    if (n)
        forget(n);
    sg_free(n);
}

void sg_near_rest(struct sg_near *n)
{
    forget(n);
    n->n_pending = n->n_sources;
}

double sg_near_threshold(const struct sg_near *n)
{
    return n->threshold;
}

/* ---- shingles ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t hash_of(const struct sg_near *n, const char *s, size_t len)
{
    uint64_t h = 0;
    for (size_t i = 0; i < len; i++)
        h = sg_hash_more(&n->fixed, h, (unsigned char)s[i]);
    return sg_hash_place(&n->fixed, h);
}

void sg_near_fold(const char *first, const char *second, struct sg_buf *out)
{
    sg_buf_folded(out, first);
    if (second) {
        sg_buf_puts(out, " | ");
        sg_buf_folded(out, second);
    }
}

/* Sorted hashes of the runs of three words; *out is the caller's (sg_free). */
static sg_status shingles(const struct sg_near *n, const char *s, uint64_t **out, int32_t *n_out,
                          struct sg_err *err)
{
    size_t len = strlen(s), n_words = 1;
    for (size_t i = 0; i < len; i++)
        n_words += s[i] == ' ';
    uint64_t *list = sg_alloc(n_words, sizeof *list);
    if (!list)
        return sg_fail_memory(err, n_words * sizeof *list);
    int32_t count = 0, kept = 0;
    size_t begin[SG_NEAR_SHINGLE] = {0}, words = 0; /* where the last three words begin */
    for (size_t from = 0; from <= len; words++) {
        size_t to = from + strcspn(s + from, " ");
        begin[words % SG_NEAR_SHINGLE] = from;
        if (words + 1 >= SG_NEAR_SHINGLE) {
            size_t at = begin[(words + 1) % SG_NEAR_SHINGLE];
            list[count++] = hash_of(n, s + at, to - at);
        }
        from = to + 1;
    }
    if (!count)
        list[count++] = hash_of(n, s, len);
    qsort(list, (size_t)count, sizeof *list, by_value);
    for (int32_t i = 0; i < count; i++)
        if (!kept || list[i] != list[kept - 1])
            list[kept++] = list[i];
    *out = list;
    *n_out = kept;
    return SG_OK;
}

static double jaccard(const uint64_t *x, int32_t n_x, const uint64_t *y, int32_t n_y)
{
    int32_t both = 0, i = 0, j = 0;
    while (i < n_x && j < n_y) {
        both += x[i] == y[j];
        uint64_t a = x[i], b = y[j];
        i += a <= b;
        j += b <= a;
    }
    return (double)both / (double)(n_x + n_y - both);
}

/* ---- bands ---- */

/* Where the compiler can: for the processor at hand, chosen when the program starts. Whole numbers: the same everywhere. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("avx2", "default")))
#endif
static void
permute(const struct sg_near *n, uint64_t shingle, uint32_t least[N_PERMUTATIONS])
{
    for (int i = 0; i < N_PERMUTATIONS; i++) {
        /* The upper half of a product with an odd number (Dietzfelbinger et al., "A reliable randomized algorithm
         * for the closest-pair problem", 1997). */
        uint32_t x = (uint32_t)((n->a[i] * shingle + n->b[i]) >> 32);
        least[i] = x < least[i] ? x : least[i];
    }
}

static void sign(const struct sg_near *n, const uint64_t *shingle, int32_t n_shingles,
                 uint32_t band[SG_NEAR_MAX_BANDS])
{
    uint32_t least[N_PERMUTATIONS];
    memset(least, 0xff, sizeof least);
    for (int32_t s = 0; s < n_shingles; s++)
        permute(n, shingle[s], least);
    int rows = N_PERMUTATIONS / n->n_bands;
    for (int k = 0; k < n->n_bands; k++) {
        uint64_t h = 0;
        for (int i = 0; i < rows; i++)
            h = sg_hash_more(&n->fixed, h, least[k * rows + i]);
        band[k] = (uint32_t)sg_hash_place(&n->fixed, h);
    }
}

/* Multiply-shift (Dietzfelbinger, as above). */
static uint64_t slot_of(const struct sg_near *n, int k, uint32_t band)
{
    return (n->place * ((uint64_t)k << 32 | band)) >> (64 - n->slot_bits);
}

static void chain(struct sg_near *n, int64_t i)
{
    for (int k = 0; k < n->n_bands; k++) {
        int64_t at = i * n->n_bands + k;
        uint64_t slot = slot_of(n, k, n->band[at]);
        n->next[at] = n->head[slot];
        n->head[slot] = (int32_t)at;
    }
}

static sg_status grow(struct sg_near *n, struct sg_err *err)
{
    int64_t room = n->room ? 2 * n->room : 64;
    room = room < n->expected ? n->expected : room;
    size_t links = (size_t)room * (size_t)n->n_bands, n_slots = 1;
    int slot_bits = 0;
    for (; n_slots < links / 2; slot_bits++)
        n_slots *= 2; /* one or two links a slot */
    if (links > INT32_MAX)
        return sg_fail(
            err, SG_INPUT,
            "there are more than %lld rows to look for near-duplicates in; hint: take fewer training rows",
            (long long)n->room);
    struct text *text = sg_realloc(n->text, (size_t)room, sizeof *text);
    n->text = text ? text : n->text;
    uint32_t *band = sg_realloc(n->band, links, sizeof *band);
    n->band = band ? band : n->band;
    int32_t *next = sg_realloc(n->next, links, sizeof *next);
    n->next = next ? next : n->next;
    int32_t *head = sg_alloc(n_slots, sizeof *head);
    if (!text || !band || !next || !head) {
        sg_free(head);
        return sg_fail_memory(err, links * sizeof *head);
    }
    sg_free(n->head);
    n->head = head;
    n->slot_bits = slot_bits;
    memset(head, 0xff, n_slots * sizeof *head);
    n->room = room;
    for (int64_t i = 0; i < n->n; i++)
        chain(n, i);
    return SG_OK;
}

void sg_near_expect(struct sg_near *n, int64_t n_texts)
{
    n->expected = n_texts;
}

sg_status sg_near_read(const struct sg_near *n, const char *folded, struct sg_near_text *out,
                       struct sg_err *err)
{
    *out = (struct sg_near_text){0};
    SG_TRY(shingles(n, folded, &out->shingle, &out->n, err));
    sign(n, out->shingle, out->n, out->band);
    return SG_OK;
}

void sg_near_text_free(struct sg_near_text *t)
{
    sg_free(t->shingle);
    t->shingle = NULL;
}

static sg_status keep_shingles(struct sg_near *n, const struct sg_near_text *t, struct sg_err *err)
{
    if (n->n_shingles + t->n > n->shingle_room) {
        int64_t room =
            n->shingle_room + n->shingle_room / 4 + 256 + t->n; /* for a large one: no half is empty */
        uint64_t *more = sg_realloc(n->shingle, (size_t)room, sizeof *more);
        if (!more)
            return sg_fail_memory(err, (size_t)room * sizeof *more);
        n->shingle = more;
        n->shingle_room = room;
    }
    memcpy(n->shingle + n->n_shingles, t->shingle, (size_t)t->n * sizeof *t->shingle);
    n->n_shingles += t->n;
    return SG_OK;
}

sg_status sg_near_keep(struct sg_near *n, enum sg_near_kind kind, int64_t index, const struct sg_near_text *t,
                       struct sg_err *err)
{
    if (n->n == n->room)
        SG_TRY(grow(n, err));
    SG_TRY(keep_shingles(n, t, err));
    n->text[n->n] = (struct text){.kind = kind, .index = index, .n = t->n, .at = n->n_shingles - t->n};
    memcpy(n->band + n->n * n->n_bands, t->band, (size_t)n->n_bands * sizeof *t->band);
    chain(n, n->n++);
    return SG_OK;
}

static sg_status read_texts(const struct sg_near *n, const char *first, const char *second,
                            struct sg_near_text *out, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    sg_near_fold(first, second, &b);
    sg_status status = sg_buf_check(&b, "a text", err);
    if (status == SG_OK)
        status = sg_near_read(n, sg_buf_text(&b), out, err);
    sg_buf_free(&b);
    return status;
}

sg_status sg_near_add(struct sg_near *n, enum sg_near_kind kind, int64_t index, const char *first,
                      const char *second, struct sg_err *err)
{
    struct sg_near_text t;
    SG_TRY(read_texts(n, first, second, &t, err));
    sg_status status = sg_near_keep(n, kind, index, &t, err);
    sg_near_text_free(&t);
    return status;
}

void sg_near_add_rows(struct sg_near *n, enum sg_near_kind kind, const struct sg_rows *rows)
{
    n->pending[n->n_pending].kind = kind;
    n->pending[n->n_pending++].rows = rows;
    n->n_sources = n->n_pending;
    n->expected += rows->n;
}

static sg_status add_pending(struct sg_near *n, struct sg_err *err)
{
    for (; n->n_pending; n->n_pending--) {
        const struct sg_rows *rows = n->pending[n->n_pending - 1].rows;
        for (int64_t i = 0; i < rows->n; i++)
            SG_TRY(sg_near_add(n, n->pending[n->n_pending - 1].kind, i, rows->row[i].first,
                               rows->row[i].second, err));
    }
    return SG_OK;
}

/* ---- searching ---- */

/* Of a large table every look is a wait for memory: all of them wait at the same time. */
static void find_chains(const struct sg_near *n, const struct sg_near_text *t,
                        int32_t chain[SG_NEAR_MAX_BANDS])
{
    uint64_t slot[SG_NEAR_MAX_BANDS];
    for (int k = 0; k < n->n_bands; k++) {
        slot[k] = slot_of(n, k, t->band[k]);
        __builtin_prefetch(&n->head[slot[k]]);
    }
    for (int k = 0; k < n->n_bands; k++) {
        chain[k] = n->head[slot[k]];
        if (chain[k] >= 0) {
            __builtin_prefetch(&n->band[chain[k]]);
            __builtin_prefetch(&n->next[chain[k]]);
        }
    }
}

sg_status sg_near_search(struct sg_near *n, const struct sg_near_text *t, struct sg_near_match *out,
                         struct sg_err *err)
{
    SG_TRY(add_pending(n, err));
    int64_t best = -1;
    double similarity = 0;
    int32_t chain[SG_NEAR_MAX_BANDS];
    n->n_searches++;
    if (n->n)
        find_chains(n, t, chain);
    for (int k = 0; n->n && k < n->n_bands; k++)
        for (int32_t at = chain[k]; at >= 0; at = n->next[at]) {
            if (n->band[at] != t->band[k] || (at & (n->n_bands - 1)) != k)
                continue;
            int64_t i = at >> n->band_bits;
            struct text *x = &n->text[i];
            if (x->seen == n->n_searches)
                continue;
            x->seen = n->n_searches;
            double index = jaccard(t->shingle, t->n, n->shingle + x->at, x->n);
            if (index >= n->threshold && (index > similarity || (index == similarity && i < best))) {
                similarity = index;
                best = i;
            }
        }
    *out = best < 0 ? (struct sg_near_match){0}
                    : (struct sg_near_match){n->text[best].kind, n->text[best].index, similarity};
    return SG_OK;
}

sg_status sg_near_find(struct sg_near *n, const char *first, const char *second, struct sg_near_match *out,
                       struct sg_err *err)
{
    struct sg_near_text t;
    SG_TRY(read_texts(n, first, second, &t, err));
    sg_status status = sg_near_search(n, &t, out, err);
    sg_near_text_free(&t);
    return status;
}
