#include "results/stats/metrics.h"

#include <math.h>

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

struct counts {
    int64_t n_gold[SG_MAX_CLASSES], n_predicted[SG_MAX_CLASSES], n_correct[SG_MAX_CLASSES], n_right;
};

static void count(struct counts *c, int32_t gold, int32_t predicted)
{
    c->n_gold[gold]++;
    if (predicted < 0)
        return;
    c->n_predicted[predicted]++;
    c->n_correct[predicted] += predicted == gold;
    c->n_right += predicted == gold;
}

/* F1 = 2 TP / (2 TP + FP + FN) = 2 TP / (gold + predicted) */
static double f1_of_class(const struct counts *c, int k)
{
    return ratio(2 * (double)c->n_correct[k], (double)(c->n_gold[k] + c->n_predicted[k]));
}

/* The metrics, of n > 0 rows. */
static double of_accuracy(const struct counts *c, int64_t n, int n_classes)
{
    (void)n_classes;
    return (double)c->n_right / (double)n;
}

/* sklearn's binary F1 with pos_label = 1. */
static double of_f1(const struct counts *c, int64_t n, int n_classes)
{
    (void)n;
    return n_classes == 2 ? f1_of_class(c, 1) : (double)NAN;
}

static double of_macro_f1(const struct counts *c, int64_t n, int n_classes)
{
    double sum = 0;
    (void)n;
    for (int k = 0; k < n_classes; k++)
        sum += f1_of_class(c, k);
    return sum / n_classes;
}

static double of_n_classes_predicted(const struct counts *c, int64_t n, int n_classes)
{
    double n_predicted = 0;
    (void)n;
    for (int k = 0; k < n_classes; k++)
        n_predicted += c->n_predicted[k] > 0;
    return n_predicted;
}

struct sg_metrics sg_metrics_none(void)
{
#define X(name, ...) .name = (double)NAN,
    return (struct sg_metrics){SG_METRICS(X).loss = (double)NAN};
#undef X
}

static struct sg_class_metrics class_of(const struct counts *c, int k)
{
    double right = (double)c->n_correct[k];
    return (struct sg_class_metrics){.precision = ratio(right, (double)c->n_predicted[k]),
                                     .recall = ratio(right, (double)c->n_gold[k]),
                                     .f1 = f1_of_class(c, k),
                                     .n_gold = c->n_gold[k],
                                     .n_predicted = c->n_predicted[k],
                                     .n_correct = c->n_correct[k]};
}

static struct sg_metrics metrics_of(const struct counts *c, int64_t n, int n_classes, double loss,
                                    struct sg_class_metrics *per_class)
{
    struct sg_metrics m = sg_metrics_none();
    for (int k = 0; per_class && k < n_classes; k++)
        per_class[k] = class_of(c, k);
    if (n <= 0)
        return m;
    m.n = n;
    m.loss = loss / (double)n;
#define X(name, ...) m.name = of_##name(c, n, n_classes);
    SG_METRICS(X)
#undef X
    return m;
}

void sg_metrics_of(const int32_t *gold, const float *logits, int64_t n, int n_classes, struct sg_metrics *out,
                   struct sg_class_metrics *per_class)
{
    struct counts c = {0};
    double loss = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = logits + i * n_classes;
        count(&c, gold[i], sg_argmax(row, n_classes));
        loss += cross_entropy(row, n_classes, gold[i]);
    }
    *out = metrics_of(&c, n, n_classes, loss, per_class);
}

void sg_metrics_of_labels(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes,
                          struct sg_metrics *out, struct sg_class_metrics *per_class)
{
    struct counts c = {0};
    for (int64_t i = 0; i < n; i++)
        count(&c, gold[i], predicted[i]);
    *out = metrics_of(&c, n, n_classes, (double)NAN, per_class);
}
