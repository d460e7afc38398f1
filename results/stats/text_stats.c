#include "results/stats/text_stats.h"

#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A piece of a folded text: one word, or some in a row. */
struct span {
    const char *at;
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Up to `words` words from s on. */
static struct span words_at(const char *s, int words)
{
    struct span x = {s, 0};
    for (int i = 0; i < words && s[x.n]; i++) {
        x.n += i > 0;
        x.n += strcspn(s + x.n, " ");
    }
    return x;
}

/* Where the next word begins; NULL behind the last. */
static const char *next_word(const char *s)
{
    s += strcspn(s, " ");
    return *s ? s + 1 : NULL;
}

static int64_t n_words(const char *s)
{
    int64_t n = 0;
    for (const char *p = *s ? s : NULL; p; p = next_word(p))
        n++;
    return n;
}

static double share(int64_t a, int64_t n)
{
    return n ? (double)a / (double)n : (double)NAN;
}

static int64_t n_distinct(struct span *x, int64_t n)
{
    int64_t different = n > 0;
    qsort(x, (size_t)n, sizeof *x, by_text);
    for (int64_t i = 1; i < n; i++)
        different += by_text(&x[i - 1], &x[i]) != 0;
    return different;
}

static void measure_variety(const char *const *text, int64_t n, struct sg_text_stats *out)
{
    struct span one[SG_TEXT_STATS_WORDS], two[SG_TEXT_STATS_WORDS];
    int64_t n_one = 0, n_two = 0;
    for (int64_t i = 0; i < n && n_one < SG_TEXT_STATS_WORDS; i++)
        for (const char *p = *text[i] ? text[i] : NULL; p && n_one < SG_TEXT_STATS_WORDS; p = next_word(p)) {
            if (n_one + 1 < SG_TEXT_STATS_WORDS && next_word(p))
                two[n_two++] = words_at(p, 2);
            one[n_one++] = words_at(p, 1);
        }
    out->n_words = n_one;
    out->distinct_1 = share(n_distinct(one, n_one), n_one);
    out->distinct_2 = share(n_distinct(two, n_two), n_two);
}

static int is_question(const char *s)
{
    static const char *const starter[] = {"is",  "are",   "was",   "were", "am",    "do",    "does",
                                          "did", "can",   "could", "will", "would", "shall", "should",
                                          "may", "might", "must",  "has",  "have",  "had"};
    struct span x = words_at(s, 1);
    for (size_t i = 0; i < sizeof starter / sizeof *starter; i++)
        if (strlen(starter[i]) == x.n && memcmp(starter[i], s, x.n) == 0)
            return 1;
    return 0;
}

static void keep_opening(struct sg_text_stats *out, const struct span *x)
{
    size_t n = x->n < sizeof out->opening - 1 ? x->n : sizeof out->opening - 1;
    memcpy(out->opening, x->at, n);
    out->opening[n] = 0;
    while (n && !sg_utf8_valid(out->opening, n))
        out->opening[--n] = 0; /* cut inside a character */
}

static void measure_openings(struct span *x, int64_t n, struct sg_text_stats *out)
{
    int64_t best = 0;
    qsort(x, (size_t)n, sizeof *x, by_text);
    for (int64_t i = 0, run = 0; i < n; i++) {
        run = i && by_text(&x[i - 1], &x[i]) == 0 ? run + 1 : 1;
        if (run > best) {
            best = run;
            keep_opening(out, &x[i]);
        }
    }
    out->opening_share = share(best, n);
}

/* The share of the different words of s that t has; NaN for a text without words. Into and out of the caller's room (words of both). */
static double overlap_of(const char *s, const char *t, struct span *room)
{
    int64_t n_s = 0, n_t = 0, n_both = 0, n_different = 0;
    for (const char *p = *s ? s : NULL; p; p = next_word(p))
        room[n_s++] = words_at(p, 1);
    struct span *other = room + n_s;
    for (const char *p = *t ? t : NULL; p; p = next_word(p))
        other[n_t++] = words_at(p, 1);
    qsort(room, (size_t)n_s, sizeof *room, by_text);
    qsort(other, (size_t)n_t, sizeof *other, by_text);
    for (int64_t i = 0; i < n_s; i++) {
        if (i && by_text(&room[i - 1], &room[i]) == 0)
            continue;
        n_different++;
        n_both += bsearch(&room[i], other, (size_t)n_t, sizeof *other, by_text) != NULL;
    }
    return share(n_both, n_different);
}

static sg_status measure_overlap(const char *const *text, const char *const *partner, int64_t n,
                                 struct sg_text_stats *out, struct sg_err *err)
{
    int64_t most = 0, counted = 0;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t words = n_words(text[i]) + n_words(partner[i]);
        most = words > most ? words : most;
    }
    struct span *room = sg_alloc((size_t)most + 1, sizeof *room);
    if (!room)
        return sg_fail_memory(err, (size_t)most * sizeof *room);
    for (int64_t i = 0; i < n; i++) {
        double x = overlap_of(text[i], partner[i], room);
        if (!isnan(x)) {
            sum += x;
            counted++;
        }
    }
    sg_free(room);
    out->overlap = counted ? sum / (double)counted : (double)NAN;
    return SG_OK;
}

sg_status sg_text_stats_of(const char *const *text, const char *const *partner, int64_t n,
                           struct sg_text_stats *out, struct sg_err *err)
{
    struct sg_text_stats b = {.n = n, .overlap = NAN};
    struct span *opening = sg_alloc((size_t)n + 1, sizeof *opening);
    if (!opening)
        return sg_fail_memory(err, (size_t)n * sizeof *opening);
    int64_t words = 0, questions = 0;
    for (int64_t i = 0; i < n; i++) {
        words += n_words(text[i]);
        questions += is_question(text[i]);
        opening[i] = words_at(text[i], 3);
    }
    b.mean_words = share(words, n);
    b.question_share = share(questions, n);
    measure_variety(text, n, &b);
    measure_openings(opening, n, &b);
    sg_free(opening);
    if (partner)
        SG_TRY(measure_overlap(text, partner, n, &b, err));
    *out = b;
    return SG_OK;
}
