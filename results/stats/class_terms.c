#include "results/stats/class_terms.h"

#include "base/mem.h"
#include "results/stats/text_measures.h"

#include <math.h>
#include <string.h>

struct counts {
    int64_t *of_class; /* (n_terms, n_classes) texts */
    int64_t *of_all;   /* (n_terms) with those that are prior alone */
    int64_t *n;        /* (n_classes) */
    int64_t n_labelled, n_all, n_tested;
};

static void count(const struct sg_words *w, const int32_t *label, int n_classes, struct counts *c)
{
    for (int64_t i = 0; i < w->n_texts; i++)
        for (int64_t j = w->start[i]; j < w->start[i + 1]; j++) {
            c->of_all[w->word[j]]++;
            c->n_all++;
            if (label[i] < 0)
                continue;
            c->of_class[w->word[j] * n_classes + label[i]]++;
            c->n[label[i]]++;
            c->n_labelled++;
        }
}

static struct sg_class_term term_of(const struct sg_words *w, const struct counts *c, int n_classes,
                                    int64_t term, int k)
{
    struct sg_class_term x = {.term = w->term[term], .n_in = c->of_class[term * n_classes + k]};
    for (int r = 0; r < n_classes; r++)
        x.n_out += r == k ? 0 : c->of_class[term * n_classes + r];
    double prior = SG_TERMS_PRIOR, a = prior * (double)c->of_all[term] / (double)c->n_all,
           in = (double)x.n_in + a, out = (double)x.n_out + a, n_in = (double)c->n[k] + prior,
           n_out = (double)(c->n_labelled - c->n[k]) + prior;
    double odds = log(in / (n_in - in)) - log(out / (n_out - out)), z = odds / sqrt(1 / in + 1 / out),
           p = erfc(fabs(z) / sqrt(2)) * (double)c->n_tested;
    if (!isfinite(z)) { /* the only word that there is */
        odds = z = 0;
        p = 1;
    }
    x.log_odds = sg_round9(odds);
    x.z = sg_round9(z);
    x.p = p < 1 ? sg_round9(p) : 1;
    return x;
}

static int comes_before(const struct sg_class_term *x, const struct sg_class_term *y)
{
    if (x->z != y->z)
        return x->z > y->z;
    int order = memcmp(x->term.at, y->term.at, x->term.n < y->term.n ? x->term.n : y->term.n);
    return order ? order < 0 : x->term.n < y->term.n;
}

static void insert(struct sg_class_term *best, int *n, int n_wanted, const struct sg_class_term *x)
{
    int at = *n;
    if (at == n_wanted && (n_wanted == 0 || !comes_before(x, &best[at - 1])))
        return;
    at -= at == n_wanted;
    for (*n = at + 1; at > 0 && comes_before(x, &best[at - 1]); at--)
        best[at] = best[at - 1];
    best[at] = *x;
}

sg_status sg_class_terms(const struct sg_words *w, const int32_t *label, int n_classes, int n_wanted,
                         struct sg_class_term *term, int *n_found, struct sg_err *err)
{
    struct counts c = {.of_class = sg_alloc((size_t)w->n_terms * (size_t)n_classes + 1, sizeof *c.of_class),
                       .of_all = sg_alloc((size_t)w->n_terms + 1, sizeof *c.of_all),
                       .n = sg_alloc((size_t)n_classes + 1, sizeof *c.n)};
    int whole = c.of_class && c.of_all && c.n;
    if (whole) {
        count(w, label, n_classes, &c);
        for (int64_t i = 0; i < w->n_terms; i++) {
            int64_t any = 0;
            for (int k = 0; k < n_classes; k++)
                any |= c.of_class[i * n_classes + k];
            c.n_tested += any != 0;
        }
        for (int k = 0; k < n_classes; k++) {
            n_found[k] = 0;
            for (int64_t i = 0; i < w->n_terms; i++)
                if (c.of_class[i * n_classes + k]) {
                    struct sg_class_term x = term_of(w, &c, n_classes, i, k);
                    insert(term + (int64_t)k * n_wanted, &n_found[k], n_wanted, &x);
                }
        }
    }
    sg_free(c.of_class);
    sg_free(c.of_all);
    sg_free(c.n);
    return whole ? SG_OK : sg_fail_memory(err, (size_t)w->n_terms * (size_t)n_classes * sizeof *c.of_class);
}
