#include "results/stats/text_measures.h"

#include "base/buf.h"
#include "base/mem.h"
#include "results/stats/text_measures_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

double sg_round9(double x)
{
    char text[40];
    if (!isfinite(x))
        return x;
    snprintf(text, sizeof text, "%.9g", x);
    return strtod(text, NULL);
}

int sg_has_negation(const char *text)
{
    static const char *const word[] = {"no",      "not",      "never",   "none",   "nobody",  "nothing",
                                       "neither", "nor",      "nowhere", "cannot", "without", "aint",
                                       "arent",   "cant",     "couldnt", "didnt",  "doesnt",  "dont",
                                       "hadnt",   "hasnt",    "havent",  "isnt",   "mightnt", "mustnt",
                                       "neednt",  "shouldnt", "wasnt",   "werent", "wont",    "wouldnt"};
    while (*text) {
        size_t n = strcspn(text, " ");
        for (size_t i = 0; i < sizeof word / sizeof *word; i++)
            if (strlen(word[i]) == n && memcmp(word[i], text, n) == 0)
                return 1;
        text += n + (text[n] == ' ');
    }
    return 0;
}

/* Runs of words and what they are numbered by. */
struct pair {
    int32_t a, b;
    int64_t at;
};

static int by_pair(const void *x, const void *y)
{
    const struct pair *p = x, *q = y;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    return (p->b > q->b) - (p->b < q->b);
}

int64_t sg_grams_next(int32_t *gram, const int32_t *word, int64_t n, int length, const int64_t *end,
                      void *room)
{
    struct pair *x = room;
    int64_t n_pairs = 0, n_different = 0;
    for (int64_t i = 0; i < n; i++)
        if (gram[i] >= 0 && i + length <= end[i])
            x[n_pairs++] = (struct pair){gram[i], word[i + length - 1], i};
    for (int64_t i = 0; i < n; i++)
        gram[i] = -1;
    qsort(x, (size_t)n_pairs, sizeof *x, by_pair);
    for (int64_t i = 0; i < n_pairs; i++) {
        n_different += i == 0 || by_pair(&x[i - 1], &x[i]) != 0;
        gram[x[i].at] = (int32_t)(n_different - 1);
    }
    return n_different;
}

size_t sg_grams_room(int64_t n)
{
    return (size_t)n * sizeof(struct pair);
}

static sg_status measure_distinct(const struct sg_words *w, struct sg_text_measures *out, struct sg_err *err)
{
    int64_t n = w->n_words < SG_VARIETY_WORDS ? w->n_words : SG_VARIETY_WORDS, end[SG_VARIETY_WORDS];
    int32_t gram[SG_VARIETY_WORDS];
    void *room = sg_alloc(1, sg_grams_room(n) + 1);
    if (!room)
        return sg_fail_memory(err, sg_grams_room(n));
    for (int64_t i = 0, text = 0; i < n; i++) {
        while (w->start[text + 1] <= i)
            text++;
        end[i] = w->start[text + 1] < n ? w->start[text + 1] : n;
        gram[i] = 0; /* the run of no words */
    }
    out->n_words = n;
    for (int length = 1; length <= 3; length++) {
        int64_t n_runs = 0, n_different = sg_grams_next(gram, w->word, n, length, end, room);
        for (int64_t i = 0; i < n; i++)
            n_runs += gram[i] >= 0;
        out->distinct[length - 1] = n_runs ? sg_round9((double)n_different / (double)n_runs) : (double)NAN;
    }
    sg_free(room);
    return SG_OK;
}

static int by_count(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* 1 - C(N - c, m) / C(N, m) is what a word of c occurrences adds; the quotient as a product, so that no libm is asked. */
static double seen(int64_t n, int64_t count, int m)
{
    double missed = 1;
    for (int i = 0; i < m; i++)
        missed *= n - i > count ? (double)(n - i - count) / (double)(n - i) : 0;
    return 1 - missed;
}

static sg_status measure_vocabulary(const struct sg_words *w, struct sg_text_measures *out,
                                    struct sg_err *err)
{
    out->vocabulary = NAN;
    if (w->n_words < SG_VARIETY_WORDS)
        return SG_OK;
    int64_t *count = sg_alloc((size_t)w->n_terms, sizeof *count);
    if (!count)
        return sg_fail_memory(err, (size_t)w->n_terms * sizeof *count);
    for (int64_t i = 0; i < w->n_words; i++)
        count[w->word[i]]++;
    qsort(count, (size_t)w->n_terms, sizeof *count, by_count);
    double sum = 0, one = 0;
    for (int64_t i = 0; i < w->n_terms; i++) {
        if (i == 0 || count[i] != count[i - 1])
            one = seen(w->n_words, count[i], SG_VARIETY_WORDS);
        sum += one;
    }
    sg_free(count);
    out->vocabulary = sg_round9(sum);
    return SG_OK;
}

struct blocks {
    unsigned char in[SG_COMPRESS_BLOCK], out[2 * SG_COMPRESS_BLOCK];
    size_t n;
    int n_whole;
    double before, after;
};

static int squeeze(struct blocks *b)
{
    uLongf n = sizeof b->out;
    if (compress2(b->out, &n, b->in, b->n, SG_COMPRESS_LEVEL) != Z_OK)
        return 0;
    b->before += (double)b->n;
    b->after += (double)n;
    b->n = 0;
    return 1;
}

static sg_status measure_compression(const char *const *text, int64_t n, struct sg_text_measures *out,
                                     struct sg_err *err)
{
    struct blocks *b = sg_alloc(1, sizeof *b);
    int whole = b != NULL;
    if (!b)
        return sg_fail_memory(err, sizeof *b);
    for (int64_t i = 0; i < n && whole && b->n_whole < SG_COMPRESS_MOST; i++)
        for (const char *p = text[i];; p++) { /* a line each */
            b->in[b->n++] = *p ? (unsigned char)*p : '\n';
            if (b->n == SG_COMPRESS_BLOCK) {
                whole = squeeze(b);
                b->n_whole++;
            }
            if (!*p || !whole || b->n_whole == SG_COMPRESS_MOST)
                break;
        }
    if (whole && !b->n_whole && b->n)
        whole = squeeze(b);
    out->n_bytes = (int64_t)b->before;
    out->compression = b->after > 0 ? sg_round9(b->before / b->after) : (double)NAN;
    sg_free(b);
    return whole ? SG_OK : sg_fail(err, SG_FAILED, "zlib could not compress %d bytes", SG_COMPRESS_BLOCK);
}

static double quantile(const int64_t *sorted, int64_t n, double p)
{
    double at = p * (double)(n - 1), low = floor(at);
    int64_t i = (int64_t)low, j = i + 1 < n ? i + 1 : i;
    return sg_round9((double)sorted[i] + (at - low) * (double)(sorted[j] - sorted[i]));
}

static sg_status measure_lengths(const struct sg_words *w, struct sg_text_measures *out, struct sg_err *err)
{
    int64_t n = w->n_texts, *length = sg_alloc((size_t)n + 1, sizeof *length);
    if (!length)
        return sg_fail_memory(err, (size_t)n * sizeof *length);
    out->mean_words = out->sd_words = out->words_q10 = out->words_median = out->words_q90 = NAN;
    double mean = n ? (double)w->n_words / (double)n : (double)NAN, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        length[i] = w->start[i + 1] - w->start[i];
        sum += ((double)length[i] - mean) * ((double)length[i] - mean);
    }
    qsort(length, (size_t)n, sizeof *length, by_count);
    if (n) {
        out->mean_words = sg_round9(mean);
        out->words_q10 = quantile(length, n, 0.1);
        out->words_median = quantile(length, n, 0.5);
        out->words_q90 = quantile(length, n, 0.9);
    }
    if (n > 1)
        out->sd_words = sg_round9(sqrt(sum / (double)(n - 1)));
    sg_free(length);
    return SG_OK;
}

sg_status sg_text_measures_of(const char *const *text, int64_t n, struct sg_text_measures *out,
                              struct sg_err *err)
{
    struct sg_text_measures m = {.n = n};
    struct sg_words w = {0};
    sg_status status = SG_OK;
    SG_TRY_DONE(sg_words_of(text, n, &w, err));
    m.n_all_words = w.n_words;
    SG_TRY_DONE(measure_distinct(&w, &m, err));
    SG_TRY_DONE(measure_vocabulary(&w, &m, err));
    SG_TRY_DONE(sg_self_bleu(&w, &m, err));
    SG_TRY_DONE(measure_compression(text, n, &m, err));
    SG_TRY_DONE(measure_lengths(&w, &m, err));
    *out = m;
done:
    sg_words_free(&w);
    return status;
}
