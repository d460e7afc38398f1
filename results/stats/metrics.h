/* Accuracy, F1 and macro-F1, as scikit-learn defines them (zero where a class has neither predictions nor
 * rows). */
#ifndef SG_RESULTS_STATS_METRICS_H
#define SG_RESULTS_STATS_METRICS_H

#include <stdint.h>

enum { SG_MAX_CLASSES = 1000 };

struct sg_class_metrics {
    double precision, recall, f1;
    int64_t n_gold, n_predicted, n_correct;
};

struct sg_metrics {
    int64_t n;
    double accuracy;
    double macro_f1;
    double f1;   /* of two classes: of the second class (sklearn's binary F1 with pos_label = 1); else NaN */
    double loss; /* mean cross-entropy of the logits */
};

/* The class with the largest logit; the lower index wins a tie. */
int32_t sg_argmax(const float *logits, int n_classes);

/* gold (n), logits (n, K). per_class: (K) of the caller's, may be NULL. */
void sg_metrics_of(const int32_t *gold, const float *logits, int64_t n, int n_classes, struct sg_metrics *out,
                   struct sg_class_metrics *per_class);

/* The same of predicted classes, -1 for none of them; loss is NaN. gold, predicted: (n). */
void sg_metrics_of_labels(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes,
                          struct sg_metrics *out, struct sg_class_metrics *per_class);

#endif
