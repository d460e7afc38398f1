#include "results/stats/words.h"

#include "base/hash.h"
#include "base/mem.h"

#include <string.h>

struct table {
    struct sg_hash_key key;
    int32_t *slot; /* (n_slots) number + 1; 0: free */
    size_t n_slots;
};

static uint64_t hash_of(const struct table *t, struct sg_term x)
{
    uint64_t h = 0;
    for (size_t i = 0; i < x.n; i++)
        h = sg_hash_more(&t->key, h, (unsigned char)x.at[i]);
    return h;
}

static int32_t *place_of(const struct table *t, const struct sg_words *w, struct sg_term x)
{
    size_t i = sg_hash_place(&t->key, hash_of(t, x)) & (t->n_slots - 1);
    for (; t->slot[i]; i = (i + 1) & (t->n_slots - 1)) {
        struct sg_term y = w->term[t->slot[i] - 1];
        if (y.n == x.n && memcmp(y.at, x.at, x.n) == 0)
            break;
    }
    return &t->slot[i];
}

static sg_status grow(struct table *t, struct sg_words *w, struct sg_err *err)
{
    size_t n_slots = t->n_slots ? 2 * t->n_slots : 1024;
    int32_t *slot = sg_alloc(n_slots, sizeof *slot);
    struct sg_term *term = sg_realloc(w->term, n_slots / 2, sizeof *term);
    if (term)
        w->term = term;
    if (!slot || !term) {
        sg_free(slot);
        return sg_fail_memory(err, n_slots * sizeof *slot);
    }
    sg_free(t->slot);
    t->slot = slot;
    t->n_slots = n_slots;
    for (int64_t i = 0; i < w->n_terms; i++)
        *place_of(t, w, w->term[i]) = (int32_t)(i + 1);
    return SG_OK;
}

/* The next word from *p on, which moves behind it; of no length at the end. */
static struct sg_term next_term(const char **p)
{
    const char *s = *p + strspn(*p, " ");
    struct sg_term x = {s, strcspn(s, " ")};
    *p = s + x.n;
    return x;
}

static sg_status number_text(struct table *t, struct sg_words *w, const char *text, struct sg_err *err)
{
    for (;;) {
        struct sg_term x = next_term(&text);
        if (!x.n)
            return SG_OK;
        if ((size_t)w->n_terms + 1 > t->n_slots / 2)
            SG_TRY(grow(t, w, err));
        int32_t *slot = place_of(t, w, x);
        if (!*slot) {
            w->term[w->n_terms++] = x;
            *slot = (int32_t)w->n_terms;
        }
        w->word[w->n_words++] = *slot - 1;
    }
}

sg_status sg_words_of(const char *const *text, int64_t n, struct sg_words *out, struct sg_err *err)
{
    struct table t = {0};
    int64_t n_words = 0;
    for (int64_t i = 0; i < n; i++)
        for (const char *p = text[i]; next_term(&p).n;)
            n_words++;
    if (n_words >= INT32_MAX)
        return sg_fail(err, SG_FAILED, "%lld words are too many to be counted at once", (long long)n_words);
    struct sg_words w = {.n_texts = n,
                         .start = sg_alloc((size_t)n + 1, sizeof *w.start),
                         .word = sg_alloc((size_t)n_words + 1, sizeof *w.word)};
    sg_status status =
        w.start && w.word ? sg_hash_draw(&t.key, err) : sg_fail_memory(err, (size_t)n_words * sizeof *w.word);
    for (int64_t i = 0; i < n && status == SG_OK; i++) {
        status = number_text(&t, &w, text[i], err);
        w.start[i + 1] = w.n_words;
    }
    sg_free(t.slot);
    if (status == SG_OK)
        *out = w;
    else
        sg_words_free(&w);
    return status;
}

sg_status sg_words_once(struct sg_words *w, struct sg_err *err)
{
    int64_t *seen = sg_alloc((size_t)w->n_terms + 1, sizeof *seen); /* last text that had it, + 1 */
    if (!seen)
        return sg_fail_memory(err, (size_t)w->n_terms * sizeof *seen);
    int64_t n = 0, from = 0;
    for (int64_t i = 0; i < w->n_texts; i++) {
        int64_t to = w->start[i + 1];
        for (int64_t j = from; j < to; j++)
            if (seen[w->word[j]] != i + 1) {
                seen[w->word[j]] = i + 1;
                w->word[n++] = w->word[j];
            }
        w->start[i + 1] = n;
        from = to;
    }
    w->n_words = n;
    sg_free(seen);
    return SG_OK;
}

void sg_words_free(struct sg_words *w)
{
    sg_free(w->start);
    sg_free(w->word);
    sg_free(w->term);
    *w = (struct sg_words){0};
}
