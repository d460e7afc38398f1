/* Self-BLEU (Zhu et al. 2018, "Texygen", section 3): the mean of BLEU-4 (Papineni et al. 2002) of each text with all others as its
 * references; a count of 0 becomes 0.1 (Chen and Cherry 2014, method 1; nltk's SmoothingFunction().method1). A run of words counts at most
 * as often as in the reference that has it most often, so the most and the second most of each are all that is needed: linear in words. */
#include "base/mem.h"
#include "results/stats/text_measures_impl.h"

#include <math.h>
#include <stdlib.h>

enum { ORDERS = 4 };
static const double smooth = 0.1;

struct run {
    int32_t gram, text;
};

static int by_run(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->gram != y->gram)
        return x->gram < y->gram ? -1 : 1;
    return (x->text > y->text) - (x->text < y->text);
}

/* Adds to match (texts) how many runs of each text another has, too. x (n): sorted here. */
static void count_matches(struct run *x, int64_t n, int64_t *match)
{
    qsort(x, (size_t)n, sizeof *x, by_run);
    for (int64_t i = 0, to; i < n; i = to) {
        int64_t most = 0, second = 0;
        int32_t of = -1;
        for (to = i; to < n && x[to].gram == x[i].gram;) {
            int64_t from = to;
            while (to < n && by_run(&x[to], &x[from]) == 0)
                to++;
            if (to - from > most) {
                second = most;
                most = to - from;
                of = x[from].text;
            } else if (to - from > second) {
                second = to - from;
            }
        }
        for (int64_t j = i; j < to;) {
            int64_t from = j;
            while (j < to && x[j].text == x[from].text)
                j++;
            int64_t limit = x[from].text == of ? second : most;
            match[x[from].text] += j - from < limit ? j - from : limit;
        }
    }
}

/* The length of the other text that is nearest to that of text i; the shorter of two. */
static int64_t nearest_length(const int64_t *start, int64_t n, int64_t i)
{
    int64_t own = start[i + 1] - start[i], best = -1;
    for (int64_t j = 0; j < n; j++) {
        int64_t x = start[j + 1] - start[j];
        if (j != i && (best < 0 || llabs(x - own) < llabs(best - own) ||
                       (llabs(x - own) == llabs(best - own) && x < best)))
            best = x;
    }
    return best;
}

static double bleu(int64_t own, int64_t nearest, const int64_t *match, int64_t stride)
{
    double sum = 0;
    if (!match[0])
        return 0;
    for (int k = 0; k < ORDERS; k++) {
        int64_t runs = own - k > 1 ? own - k : 1, right = match[k * stride];
        sum += log((right ? (double)right : smooth) / (double)runs) / ORDERS;
    }
    return exp(sum + (own > nearest ? 0 : 1 - (double)nearest / (double)own));
}

sg_status sg_self_bleu(const struct sg_words *w, struct sg_text_measures *out, struct sg_err *err)
{
    int64_t n = w->n_texts < SG_BLEU_TEXTS ? w->n_texts : SG_BLEU_TEXTS, n_words = n ? w->start[n] : 0;
    out->n_bleu = n;
    out->self_bleu = NAN;
    if (n < 2)
        return SG_OK;
    int32_t *gram = sg_alloc((size_t)n_words + 1, sizeof *gram),
            *text = sg_alloc((size_t)n_words + 1, sizeof *text);
    int64_t *end = sg_alloc((size_t)n_words + 1, sizeof *end),
            *match = sg_alloc((size_t)n * ORDERS, sizeof *match);
    struct run *run = sg_alloc((size_t)n_words + 1, sizeof *run);
    void *room = sg_alloc(1, sg_grams_room(n_words) + 1);
    int whole = gram && text && end && match && run && room;
    for (int64_t i = 0; i < n && whole; i++)
        for (int64_t j = w->start[i]; j < w->start[i + 1]; j++) {
            text[j] = (int32_t)i;
            end[j] = w->start[i + 1];
        }
    for (int k = 0; k < ORDERS && whole; k++) {
        int64_t n_runs = 0;
        sg_grams_next(gram, w->word, n_words, k + 1, end, room);
        for (int64_t j = 0; j < n_words; j++)
            if (gram[j] >= 0)
                run[n_runs++] = (struct run){gram[j], text[j]};
        count_matches(run, n_runs, match + k * n);
    }
    double sum = 0;
    for (int64_t i = 0; i < n && whole; i++)
        sum += bleu(w->start[i + 1] - w->start[i], nearest_length(w->start, n, i), match + i, n);
    out->self_bleu = sg_round9(sum / (double)n);
    sg_free(gram);
    sg_free(text);
    sg_free(end);
    sg_free(match);
    sg_free(run);
    sg_free(room);
    return whole ? SG_OK : sg_fail_memory(err, (size_t)n_words * sizeof(struct run));
}
