/* L2-regularised logistic regression, of two classes or more: the probe, on embeddings of texts that stay as they are.
 *
 * What scikit-learn's LogisticRegression(C=c) minimises:
 *
 *     1/2 sum of w w  +  c  sum over rows of  weight_i * -log p(label_i | x_i),    p = softmax(W x + b)
 *
 * The intercepts b are not penalised. Two classes have one vector w, whose score is the log odds of the second class; more have
 * one each, and intercepts whose sum is 0. Coefficients are within 1e-6 of the minimum (tests/model/test_logistic.c).
 *
 * The same bits on any processor, with any compiler, rank and number of threads: all arithmetic is the tables' in double
 * (model/kernels/ops.h), and single-threaded.
 *
 *     struct sg_logistic_settings s = {.c = 1.0};
 *     struct sg_logistic p;
 *     SG_TRY(sg_logistic_fit(x, label, NULL, n, C, K, &s, &p, err));
 *     sg_logistic_logits(&p, test, n_test, logits);
 *     sg_logistic_free(&p);
 *
 * The method: Newton's, each step by conjugate gradients (truncated Newton, Nocedal and Wright 2006, section 7.1), on columns
 * less their mean, which takes the intercept out of the way of the rest. */
#ifndef SG_MODEL_LOGISTIC_H
#define SG_MODEL_LOGISTIC_H

#include "base/err.h"

#include <stdint.h>

struct sg_logistic_settings {
    double c; /* the weight of the loss against the penalty; > 0 */
    /* Ascending. One of them is chosen by the mean log loss of stratified cross-validation; among equals the smallest. None: c. */
    int n_c_grid;
    const double *c_grid;
    int folds; /* of the cross-validation; >= 2. Row j of a class, in the order given, is held out in fold j % folds */
};

struct sg_logistic {
    int n_classes, c_dim;
    int n_present;    /* classes that rows with a weight above 0 have */
    int32_t *present; /* (n_present) ascending */
    int n_vectors;    /* n_present; 1 of two classes, 0 of one */
    double *w;        /* (n_vectors, C) */
    double *b;        /* (n_vectors) */
    double chosen_c;
    int64_t n_iterations; /* Newton steps of the last fit */
};

enum { SG_LOGISTIC_MAX_FOLDS = 1000 };

/* How far the logit of a class that no row has lies below the smallest of the others: e^-17 is below a float's resolution of 1, so that
 * the others' probabilities are what they are without it, and its log loss is finite. */
#define SG_LOGISTIC_ABSENT 17.0

/* Local. x (n,C) row-major; label (n), 0 to n_classes - 1; weight (n), >= 0, or NULL for 1 each. Rows of weight 0 count nowhere. A
 * class without rows is never chosen (SG_LOGISTIC_ABSENT), and where all rows are of one class it is always. Rows held out whose class no
 * other fold has do not count in the choice of c; where none counts, c itself is taken.
 *
 * SG_INPUT for no rows, x or weights that are no finite numbers, weights that are negative or all 0, a label out of range, settings
 * out of bounds; SG_FAILED without memory or where the minimum is not reached (a huge c). `out` is then as it was. */
sg_status sg_logistic_fit(const float *x, const int32_t *label, const double *weight, int64_t n, int c_dim,
                          int n_classes, const struct sg_logistic_settings *s, struct sg_logistic *out,
                          struct sg_err *err) SG_MUST_USE;

/* logits (n,K): scores w x + b; of two classes {0, score}, so that their softmax is scikit-learn's predict_proba. */
void sg_logistic_logits(const struct sg_logistic *p, const float *x, int64_t n, float *logits);

/* A zeroed one is fine. */
void sg_logistic_free(struct sg_logistic *p);

#endif
