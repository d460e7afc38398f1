/* Cues: how much of an example's label a simple classifier tells from what should not give it away: the first text of a pair alone, the
 * second alone, the lengths alone (Gururangan et al. 2018; Poliak et al. 2018). A pool's bias score is what it has more of this than raw rows.
 *
 * The classifier is a naive Bayes on which words a text has and has not (the multi-variate Bernoulli model of McCallum and Nigam 1998), linear in them,
 * with add-one smoothing and the training texts' class shares as prior. It counts a word that is missing, too, so that a word which one class alone
 * has tells both; on real rows it is as good as logistic regression (docs/bias.md). Lengths are its words, too: the tenth of all texts
 * that a text's number of words lies in.
 * Accuracy is by cross-validation in SG_CUE_FOLDS parts, stratified by class and drawn by a counter. Local, pure, linear in words. */
#ifndef SG_RESULTS_STATS_CUES_H
#define SG_RESULTS_STATS_CUES_H

#include "results/stats/stats.h"
#include "results/stats/words.h"

enum { SG_CUE_FOLDS = 10, SG_CUE_LEAST = 20, SG_CUE_LEAST_OF_CLASS = 5 };

enum sg_cue_view { SG_CUE_FIRST, SG_CUE_SECOND, SG_CUE_LENGTH, SG_N_CUE_VIEWS };
const char *sg_cue_view_name(enum sg_cue_view view); /* "text", "text_pair", "length" */

/* Examples with folded texts; second NULL: no pairs, and no second view. */
struct sg_cue_texts {
    int64_t n;
    const char *const *first, *const *second; /* (n) each */
    const int32_t *label;                     /* (n), 0 ... n_classes - 1 */
    int n_classes;
};

/* Deals the examples into folds: each class shuffled by a counter, then dealt in turn. fold (n). */
sg_status sg_cue_folds(const struct sg_cue_texts *x, int *fold, struct sg_err *err) SG_MUST_USE;

/* How many it names rightly when those of each fold are left out of its training; -1 for a view that is not there, and for fewer examples than
 * SG_CUE_LEAST, or SG_CUE_LEAST_OF_CLASS a class: that is too few to learn from. */
sg_status sg_cue_right(const struct sg_cue_texts *x, enum sg_cue_view view, const int *fold, int64_t *right,
                       struct sg_err *err) SG_MUST_USE;

/* A pool beside raw rows of the same number in each class. */
struct sg_cue {
    int64_t n;
    struct sg_estimate pool, raw,
        excess; /* Wilson's; the last Newcombe's, all 95 %; NaN where there is none */
};
struct sg_bias {
    struct sg_cue cue[SG_N_CUE_VIEWS];
    double chance; /* share of the largest class */
    /* The largest true excess of all views lies in here, which 95 of 100 such intervals hold: limits of all views at
     * 1 - 0.05 / views, of which each the largest is taken. score: the largest that was seen. */
    double score, low, high;
};
/* raw NULL: the accuracies of `pool` alone. Both have the same n of each class, which the caller sees to. */
sg_status sg_bias_of(const struct sg_cue_texts *pool, const struct sg_cue_texts *raw, struct sg_bias *out,
                     struct sg_err *err) SG_MUST_USE;

#endif
