/* Which words go with a class: weighted log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words",
 * section 3.3 and equations 15-16, 22-23).
 *
 * Texts are counted, not words: y_kw texts of class k have the word w, n_k = sum over w of y_kw; a name that one passage repeats says nothing
 * about a class. The prior is a_w = A p_w, p_w being w's share in all texts that are given (of all classes, and those that are only
 * prior), A = SG_TERMS_PRIOR. Of a class against all others (k and r):
 *
 *     d = log((y_kw + a_w) / (n_k + A - y_kw - a_w)) - log((y_rw + a_w) / (n_r + A - y_rw - a_w)),  z = d / sqrt(1/(y_kw + a_w) + 1/(y_rw + a_w))
 *
 * Local, pure. */
#ifndef SG_RESULTS_STATS_CLASS_TERMS_H
#define SG_RESULTS_STATS_CLASS_TERMS_H

#include "results/stats/words.h"

enum { SG_TERMS_PRIOR = 500 };

struct sg_class_term {
    struct sg_term term; /* in the caller's texts */
    int64_t n_in, n_out; /* texts of the class that have it; of the others */
    double log_odds, z;  /* rounded to 9 digits */
    double
        p; /* two-sided, times the number of different words that the classes have (Bonferroni), at most 1 */
};

/* w: each word once a text (sg_words_once). label (n_texts): a class, or -1: for the prior alone. The n_wanted terms of each class with the
 * largest z, of those that it has; equal ones by the alphabet. term (n_classes, n_wanted), n_found (n_classes). */
sg_status sg_class_terms(const struct sg_words *w, const int32_t *label, int n_classes, int n_wanted,
                         struct sg_class_term *term, int *n_found, struct sg_err *err) SG_MUST_USE;

#endif
