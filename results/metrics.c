#include "results/metrics.h"

#include <math.h>
#include <string.h>

int32_t sg_argmax(const float *logits, int n_classes)
{
    int32_t best = 0;
    for (int32_t k = 1; k < n_classes; k++)
        if (logits[k] > logits[best])
            best = k;
    return best;
}

/* -log softmax(logits)[gold], with the largest logit taken out so that exp cannot overflow. */
static double cross_entropy(const float *logits, int n_classes, int32_t gold)
{
    double top = logits[sg_argmax(logits, n_classes)], sum = 0;
    for (int k = 0; k < n_classes; k++)
        sum += exp((double)logits[k] - top);
    return log(sum) + top - (double)logits[gold];
}

/* scikit-learn's zero_division=0. */
static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

void sg_metrics_of(const int32_t *gold, const float *logits, int64_t n, int n_classes, struct sg_metrics *out,
                   struct sg_class_metrics *per_class)
{
    int64_t n_gold[SG_MAX_CLASSES] = {0}, n_predicted[SG_MAX_CLASSES] = {0}, n_correct[SG_MAX_CLASSES] = {0};
    struct sg_metrics m = {.n = n, .accuracy = NAN, .macro_f1 = NAN, .f1 = NAN, .loss = NAN};
    int64_t n_right = 0;
    double loss = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = logits + i * n_classes;
        int32_t predicted = sg_argmax(row, n_classes);
        n_gold[gold[i]]++;
        n_predicted[predicted]++;
        n_correct[predicted] += predicted == gold[i];
        n_right += predicted == gold[i];
        loss += cross_entropy(row, n_classes, gold[i]);
    }
    double sum_f1 = 0;
    for (int k = 0; k < n_classes; k++) {
        /* F1 = 2 TP / (2 TP + FP + FN) = 2 TP / (gold + predicted) */
        double right = (double)n_correct[k], f1 = ratio(2 * right, (double)(n_gold[k] + n_predicted[k]));
        sum_f1 += f1;
        if (n_classes == 2 && k == 1)
            m.f1 = f1;
        if (per_class)
            per_class[k] = (struct sg_class_metrics){.precision = ratio(right, (double)n_predicted[k]),
                                                     .recall = ratio(right, (double)n_gold[k]),
                                                     .f1 = f1,
                                                     .n_gold = n_gold[k],
                                                     .n_predicted = n_predicted[k],
                                                     .n_correct = n_correct[k]};
    }
    if (n > 0) {
        m.accuracy = (double)n_right / (double)n;
        m.macro_f1 = sum_f1 / n_classes;
        m.loss = loss / (double)n;
    } else
        m.f1 = NAN;
    *out = m;
}
