#include "results/stats/cues.h"

#include "base/mem.h"
#include "base/rng.h"
#include "results/stats/text_measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *sg_cue_view_name(enum sg_cue_view view)
{
    static const char *const name[] = {"text", "text_pair", "length"};
    return name[view];
}

/* What the classifier counts. */
struct bayes {
    int n_classes;
    int64_t n_terms;
    int64_t *count;   /* (n_terms, n_classes) texts that have it */
    int64_t *n_texts; /* (n_classes) */
    double *
        without; /* (n_classes) log of the class's share, and of the chance that its texts have no word at all */
    double *log_count; /* (n + 3) log of whole numbers: all that is asked for */
};

static void learn(struct bayes *b, const struct sg_words *w, int64_t text, int label, int step)
{
    b->n_texts[label] += step;
    for (int64_t j = w->start[text]; j < w->start[text + 1]; j++)
        b->count[w->word[j] * b->n_classes + label] += step;
}

/* P(w | k) = (texts of k with w + 1) / (texts of k + 2). */
static void ready(struct bayes *b)
{
    for (int k = 0; k < b->n_classes; k++) {
        double sum = b->n_texts[k] ? b->log_count[b->n_texts[k]] : 0;
        for (int64_t w = 0; w < b->n_terms; w++)
            sum += b->log_count[b->n_texts[k] - b->count[w * b->n_classes + k] + 1] -
                   b->log_count[b->n_texts[k] + 2];
        b->without[k] = sum;
    }
}

/* The likeliest class; the first of equals. Classes that were not learned are none. */
static int name_class(const struct bayes *b, const struct sg_words *w, int64_t text)
{
    int best = -1;
    double most = 0;
    for (int k = 0; k < b->n_classes; k++) {
        if (!b->n_texts[k])
            continue;
        double score = b->without[k];
        for (int64_t j = w->start[text]; j < w->start[text + 1]; j++) {
            int64_t count = b->count[w->word[j] * b->n_classes + k];
            score += b->log_count[count + 1] - b->log_count[b->n_texts[k] - count + 1];
        }
        if (best < 0 || score > most) {
            best = k;
            most = score;
        }
    }
    return best;
}

sg_status sg_cue_folds(const struct sg_cue_texts *x, int *fold, struct sg_err *err)
{
    int64_t *of_class = sg_alloc((size_t)x->n + 1, sizeof *of_class);
    if (!of_class)
        return sg_fail_memory(err, (size_t)x->n * sizeof *of_class);
    for (int k = 0, next = 0; k < x->n_classes; k++) {
        int64_t n = 0;
        for (int64_t i = 0; i < x->n; i++)
            if (x->label[i] == k)
                of_class[n++] = i;
        struct sg_rng rng = sg_rng_make(sg_seed_of("cue folds"), (uint64_t)k);
        sg_rng_shuffle(&rng, of_class, n);
        for (int64_t i = 0; i < n; i++, next = (next + 1) % SG_CUE_FOLDS) /* the next class goes on there */
            fold[of_class[i]] = next;
    }
    sg_free(of_class);
    return SG_OK;
}

static sg_status cross_validate(const struct sg_cue_texts *x, const struct sg_words *w, const int *fold,
                                int64_t *right, struct sg_err *err)
{
    struct bayes b = {.n_classes = x->n_classes,
                      .n_terms = w->n_terms,
                      .count = sg_alloc((size_t)w->n_terms * (size_t)x->n_classes + 1, sizeof *b.count),
                      .n_texts = sg_alloc((size_t)x->n_classes + 1, sizeof *b.n_texts),
                      .without = sg_alloc((size_t)x->n_classes + 1, sizeof *b.without),
                      .log_count = sg_alloc((size_t)x->n + 3, sizeof *b.log_count)};
    int64_t n_right = 0;
    sg_status status = b.count && b.without && b.n_texts && b.log_count
                           ? SG_OK
                           : sg_fail_memory(err, (size_t)w->n_terms * sizeof *b.count);
    if (status == SG_OK) {
        for (int64_t i = 1; i < x->n + 3; i++)
            b.log_count[i] = log((double)i);
        for (int64_t i = 0; i < x->n; i++)
            learn(&b, w, i, x->label[i], 1);
        for (int f = 0; f < SG_CUE_FOLDS; f++) {
            for (int64_t i = 0; i < x->n; i++)
                if (fold[i] == f)
                    learn(&b, w, i, x->label[i], -1);
            ready(&b);
            for (int64_t i = 0; i < x->n; i++)
                if (fold[i] == f)
                    n_right += name_class(&b, w, i) == x->label[i];
            for (int64_t i = 0; i < x->n; i++)
                if (fold[i] == f)
                    learn(&b, w, i, x->label[i], 1);
        }
        *right = n_right;
    }
    sg_free(b.count);
    sg_free(b.without);
    sg_free(b.n_texts);
    sg_free(b.log_count);
    return status;
}

static int64_t length_of(const char *s)
{
    int64_t n = *s != 0;
    for (; *s; s++)
        n += *s == ' ';
    return n;
}

static int by_length(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Into word[i * parts + part]: 10 part + the tenth that text i lies in, by how many are shorter. */
static sg_status tenths(const char *const *text, int64_t n, int part, int parts, int32_t *word,
                        struct sg_err *err)
{
    int64_t *sorted = sg_alloc((size_t)n + 1, sizeof *sorted);
    if (!sorted)
        return sg_fail_memory(err, (size_t)n * sizeof *sorted);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = length_of(text[i]);
    qsort(sorted, (size_t)n, sizeof *sorted, by_length);
    for (int64_t i = 0; i < n; i++) {
        int64_t own = length_of(text[i]), low = 0, high = n; /* sorted[low - 1] < own <= sorted[high] */
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (sorted[middle] < own)
                low = middle + 1;
            else
                high = middle;
        }
        word[i * parts + part] = (int32_t)(10 * part + 10 * low / n);
    }
    sg_free(sorted);
    return SG_OK;
}

static sg_status lengths_of(const struct sg_cue_texts *x, struct sg_words *out, struct sg_err *err)
{
    int parts = x->second ? 2 : 1;
    struct sg_words w = {.n_texts = x->n,
                         .n_words = x->n * parts,
                         .n_terms = 10 * parts,
                         .start = sg_alloc((size_t)x->n + 1, sizeof *w.start),
                         .word = sg_alloc((size_t)x->n * (size_t)parts + 1, sizeof *w.word)};
    sg_status status = w.start && w.word ? SG_OK : sg_fail_memory(err, (size_t)x->n * sizeof *w.start);
    for (int64_t i = 0; i <= x->n && status == SG_OK; i++)
        w.start[i] = i * parts;
    for (int k = 0; k < parts && status == SG_OK; k++)
        status = tenths(k ? x->second : x->first, x->n, k, parts, w.word, err);
    if (status == SG_OK)
        *out = w;
    else
        sg_words_free(&w);
    return status;
}

sg_status sg_cue_right(const struct sg_cue_texts *x, enum sg_cue_view view, const int *fold, int64_t *right,
                       struct sg_err *err)
{
    struct sg_words w = {0};
    sg_status status = SG_OK;
    if (x->n < SG_CUE_LEAST || x->n < (int64_t)x->n_classes * SG_CUE_LEAST_OF_CLASS ||
        (view == SG_CUE_SECOND && !x->second)) {
        *right = -1;
        return SG_OK;
    }
    if (view == SG_CUE_LENGTH) {
        SG_TRY_DONE(lengths_of(x, &w, err));
    } else {
        SG_TRY_DONE(sg_words_of(view == SG_CUE_SECOND ? x->second : x->first, x->n, &w, err));
        SG_TRY_DONE(sg_words_once(&w, err));
    }
    status = cross_validate(x, &w, fold, right, err);
done:
    sg_words_free(&w);
    return status;
}

static double share_of_largest(const struct sg_cue_texts *x)
{
    int64_t most = 0;
    for (int k = 0; k < x->n_classes; k++) {
        int64_t n = 0;
        for (int64_t i = 0; i < x->n; i++)
            n += x->label[i] == k;
        most = n > most ? n : most;
    }
    return x->n ? sg_round9((double)most / (double)x->n) : (double)NAN;
}

static struct sg_estimate rounded(struct sg_estimate e)
{
    return (struct sg_estimate){e.n, sg_round9(e.mean), sg_round9(e.low), sg_round9(e.high)};
}

/* Of all views, in one deal of the folds. */
static sg_status all_right(const struct sg_cue_texts *x, int64_t right[SG_N_CUE_VIEWS], struct sg_err *err)
{
    int *fold = sg_alloc((size_t)x->n + 1, sizeof *fold);
    sg_status status = fold ? sg_cue_folds(x, fold, err) : sg_fail_memory(err, (size_t)x->n * sizeof *fold);
    for (int v = 0; v < SG_N_CUE_VIEWS && status == SG_OK; v++)
        status = sg_cue_right(x, (enum sg_cue_view)v, fold, &right[v], err);
    sg_free(fold);
    return status;
}

static void compare(const struct sg_cue_texts *pool, const struct sg_cue_texts *raw, int64_t right,
                    int64_t right_raw, double level, struct sg_bias *b, struct sg_cue *c)
{
    c->n = right < 0 ? 0 : pool->n;
    c->pool = rounded(sg_wilson_ci((double)right, c->n));
    c->raw = rounded(sg_wilson_ci((double)right_raw, right_raw < 0 ? 0 : raw->n));
    c->excess = sg_wilson_ci(0, 0);
    if (right < 0 || right_raw < 0)
        return;
    double least = b->chance * (double)pool->n, of_pool = fmax((double)right, least),
           of_raw = fmax((double)right_raw, least);
    c->excess = rounded(sg_newcombe_ci(of_pool, pool->n, of_raw, raw->n, 0.95));
    struct sg_estimate wide = rounded(sg_newcombe_ci(of_pool, pool->n, of_raw, raw->n, level));
    b->score = fmax(b->score, wide.mean); /* the other one, where one is NaN */
    b->low = fmax(b->low, wide.low);
    b->high = fmax(b->high, wide.high);
}

sg_status sg_bias_of(const struct sg_cue_texts *pool, const struct sg_cue_texts *raw, struct sg_bias *out,
                     struct sg_err *err)
{
    struct sg_bias b = {.chance = share_of_largest(pool), .score = NAN, .low = NAN, .high = NAN};
    int64_t right[SG_N_CUE_VIEWS], right_raw[SG_N_CUE_VIEWS] = {-1, -1, -1};
    SG_TRY(all_right(pool, right, err));
    if (raw)
        SG_TRY(all_right(raw, right_raw, err));
    for (int v = 0; v < SG_N_CUE_VIEWS; v++)
        compare(pool, raw, right[v], right_raw[v], 1 - 0.05 / (pool->second ? 3 : 2), &b, &b.cue[v]);
    *out = b;
    return SG_OK;
}
