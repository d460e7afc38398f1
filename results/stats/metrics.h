/* What a cell's predictions come to: metrics of the confusion counts, as scikit-learn defines them (zero where a class has neither
 * predictions nor rows), what the probabilities are worth, and the loss.
 *
 *   balanced accuracy   classes without test rows are left out
 *   MCC                 0 where all rows have one class, or are predicted as one (Gorodkin 2004 for more than two classes); rows without a
 *                       prediction count as a class of their own
 *   Brier               of all classes, as Brier 1950 has it; twice the number that is usual for two
 *   ECE                 rows in the order of the predicted class's probability; row i of n is in bin 15 i / n, rounded down, and equal
 *                       probabilities are in the bin of the first of them, so that the order of rows does not count. The sum over bins of
 *                       their share of rows times |accuracy - mean probability|. Fewer than 15 rows: bins of one.
 *
 * To add a metric: a row at the end of SG_METRICS with SG_COL_LATER, and of_NAME in metrics.c. It is a column of /cells then, and counts
 * in the content digest of files that have it; older ones are read without it, and keep theirs. (SG_COL_VOLATILE is for what differs from
 * run to run; a metric does not.) */
#ifndef SG_RESULTS_STATS_METRICS_H
#define SG_RESULTS_STATS_METRICS_H

#include "base/err.h"

#include <stdint.h>

enum { SG_MAX_CLASSES = 1000 };

/* X(name, type, unit, flags, description), as a column of results/h5/store_tables.h; NaN without rows. */
#define SG_METRICS(X)                                                                                        \
    X(accuracy, REAL, "1", 0, "share of test rows predicted right")                                          \
    X(f1, REAL, "1", 0, "two classes: F1 of the second class; else NaN")                                     \
    X(macro_f1, REAL, "1", 0, "mean F1 over all classes of the task")                                        \
    X(n_classes_predicted, REAL, "classes", SG_COL_LATER,                                                    \
      "classes that any test row is predicted as; 1 where there are more: nothing was learned")              \
    X(balanced_accuracy, REAL, "1", SG_COL_LATER, "mean recall over the classes that test rows have")        \
    X(weighted_f1, REAL, "1", SG_COL_LATER, "mean F1 over all classes, by their share of the test rows")     \
    X(mcc, REAL, "1", SG_COL_LATER, "Matthews' correlation of gold and predicted class, -1 to 1")            \
    X(brier, REAL, "1", SG_COL_LATER,                                                                        \
      "mean over test rows of the sum over classes of (probability - is gold)^2, 0 to 2")                    \
    X(ece, REAL, "1", SG_COL_LATER,                                                                          \
      "expected calibration error: 15 equal-mass bins of the predicted class's probability")

struct sg_class_metrics {
    double precision, recall, f1;
    int64_t n_gold, n_predicted, n_correct;
};

struct sg_metrics {
    int64_t n;
#define SG_X_METRIC(name, ...) double name;
    SG_METRICS(SG_X_METRIC)
#undef SG_X_METRIC
    double loss; /* mean cross-entropy of the logits */
};

/* Of no predictions: n 0, all else NaN. */
struct sg_metrics sg_metrics_none(void);

/* The class with the largest logit; the lower index wins a tie. */
int32_t sg_argmax(const float *logits, int n_classes);

/* gold (n), logits (n, K). per_class: (K) of the caller's, may be NULL. Fails without memory for n probabilities, and where K is not
 * 1 to SG_MAX_CLASSES: a damaged ledger may say anything. */
sg_status sg_metrics_of(const int32_t *gold, const float *logits, int64_t n, int n_classes,
                        struct sg_metrics *out, struct sg_class_metrics *per_class,
                        struct sg_err *err) SG_MUST_USE;

/* The same of predicted classes, -1 for none of them; loss, Brier and ECE are NaN. gold, predicted: (n). */
void sg_metrics_of_labels(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes,
                          struct sg_metrics *out, struct sg_class_metrics *per_class);

/* Confusion matrix: counts (K, K), row: gold, column: predicted. Rows that are predicted as -1 are in none. gold, predicted: (n). */
void sg_confusion(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes, int64_t *counts);

#endif
