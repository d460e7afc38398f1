#include "results/stats/metrics.h"

#include "base/mem.h"

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

/* scikit-learn's zero_division=0. */
static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

struct counts {
    int64_t n_gold[SG_MAX_CLASSES], n_predicted[SG_MAX_CLASSES], n_correct[SG_MAX_CLASSES], n_right;
    double loss, brier, ece; /* of all rows */
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

static double of_balanced_accuracy(const struct counts *c, int64_t n, int n_classes)
{
    double sum = 0, n_present = 0;
    (void)n;
    for (int k = 0; k < n_classes; k++) {
        sum += ratio((double)c->n_correct[k], (double)c->n_gold[k]);
        n_present += c->n_gold[k] > 0;
    }
    return sum / n_present;
}

static double of_weighted_f1(const struct counts *c, int64_t n, int n_classes)
{
    double sum = 0;
    for (int k = 0; k < n_classes; k++)
        sum += f1_of_class(c, k) * (double)c->n_gold[k];
    return sum / (double)n;
}

/* The correlation of the indicators of gold and predicted class, over all classes. */
static double of_mcc(const struct counts *c, int64_t n, int n_classes)
{
    double all = (double)n, none = all, both = 0, predicted = 0, gold = 0;
    for (int k = 0; k < n_classes; k++) {
        double p = (double)c->n_predicted[k], g = (double)c->n_gold[k];
        none -= p;
        both += p * g;
        predicted += p * p;
        gold += g * g;
    }
    double spread = (all * all - predicted - none * none) * (all * all - gold);
    return spread > 0 ? ((double)c->n_right * all - both) / sqrt(spread) : 0;
}

static double of_brier(const struct counts *c, int64_t n, int n_classes)
{
    (void)n_classes;
    return c->brier / (double)n;
}

static double of_ece(const struct counts *c, int64_t n, int n_classes)
{
    (void)n_classes;
    return c->ece / (double)n;
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

static struct sg_metrics metrics_of(const struct counts *c, int64_t n, int n_classes,
                                    struct sg_class_metrics *per_class)
{
    struct sg_metrics m = sg_metrics_none();
    for (int k = 0; per_class && k < n_classes; k++)
        per_class[k] = class_of(c, k);
    if (n <= 0)
        return m;
    m.n = n;
    m.loss = c->loss / (double)n;
#define X(name, ...) m.name = of_##name(c, n, n_classes);
    SG_METRICS(X)
#undef X
    return m;
}

/* A row's probability of the class that it is predicted as. */
struct sureness {
    double p;
    int right;
};

/* Ascending by p >= 0, whose bits have its order; equals stay in the order of the rows, on any C library (a quarter of qsort's time, tests/bench/
 * report). `other`: as large as s; returns which of both holds the result. */
static struct sureness *sort_by_p(struct sureness *s, struct sureness *other, int64_t n)
{
    int64_t from[8][256] = {{0}};
    uint64_t bits;
    for (int64_t i = 0; i < n; i++) {
        memcpy(&bits, &s[i].p, sizeof bits);
        for (int byte = 0; byte < 8; byte++)
            from[byte][bits >> 8 * byte & 255]++;
    }
    for (int byte = 0; byte < 8; byte++) {
        int64_t at = 0, most = 0;
        for (int v = 0; v < 256; v++) {
            int64_t here = from[byte][v];
            most = here > most ? here : most;
            from[byte][v] = at;
            at += here;
        }
        if (most == n) /* all alike */
            continue;
        for (int64_t i = 0; i < n; i++) {
            memcpy(&bits, &s[i].p, sizeof bits);
            other[from[byte][bits >> 8 * byte & 255]++] = s[i];
        }
        struct sureness *t = s;
        s = other;
        other = t;
    }
    return s;
}

enum { N_BINS = 15 };

/* Times n. */
static double calibration_error(struct sureness *rows, struct sureness *other, int64_t n)
{
    double error = 0, off = 0;
    int64_t bin = 0;
    const struct sureness *s = sort_by_p(rows, other, n);
    for (int64_t i = 0; i < n; i++) {
        int is_tied = i > 0 && !(s[i].p > s[i - 1].p);
        if (!is_tied && i * N_BINS / n != bin) {
            error += fabs(off);
            off = 0;
            bin = i * N_BINS / n;
        }
        off += s[i].right - s[i].p;
    }
    return error + fabs(off);
}

/* Loss and Brier score by softmax, with the largest logit taken out so that exp cannot overflow. */
static struct sureness add_row(struct counts *c, const float *logits, int n_classes, int32_t gold)
{
    int32_t predicted = sg_argmax(logits, n_classes);
    double top = (double)logits[predicted], sum = 0, squares = 0, of_gold = 0;
    for (int k = 0; k < n_classes; k++) {
        double below = (double)logits[k] - top,
               e = below == 0 ? 1 : exp(below); /* the top one itself: exp is most of the time */
        of_gold = k == gold ? e : of_gold;
        sum += e;
        squares += e * e;
    }
    count(c, gold, predicted);
    c->loss += log(sum) + top - (double)logits[gold];
    c->brier += fmax(0, squares / (sum * sum) - 2 * of_gold / sum + 1);
    return (struct sureness){1 / sum, predicted == gold};
}

sg_status sg_metrics_of(const int32_t *gold, const float *logits, int64_t n, int n_classes,
                        struct sg_metrics *out, struct sg_class_metrics *per_class, struct sg_err *err)
{
    struct counts c = {0};
    if (n_classes < 1 || n_classes > SG_MAX_CLASSES)
        return sg_fail(err, SG_FAILED, "predictions of %d classes: there are 1 to %d", n_classes,
                       (int)SG_MAX_CLASSES);
    struct sureness *s = sg_alloc((size_t)n * 2 + 1, sizeof *s);
    if (!s)
        return sg_fail_memory(err, ((size_t)n * 2 + 1) * sizeof *s);
    for (int64_t i = 0; i < n; i++)
        s[i] = add_row(&c, logits + i * n_classes, n_classes, gold[i]);
    c.ece = calibration_error(s, s + n, n);
    sg_free(s);
    *out = metrics_of(&c, n, n_classes, per_class);
    return SG_OK;
}

void sg_metrics_of_labels(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes,
                          struct sg_metrics *out, struct sg_class_metrics *per_class)
{
    struct counts c = {.loss = NAN, .brier = NAN, .ece = NAN};
    for (int64_t i = 0; i < n; i++)
        count(&c, gold[i], predicted[i]);
    *out = metrics_of(&c, n, n_classes, per_class);
}

void sg_confusion(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes, int64_t *counts)
{
    memset(counts, 0, (size_t)n_classes * (size_t)n_classes * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        if (predicted[i] >= 0)
            counts[(int64_t)gold[i] * n_classes + predicted[i]]++;
}
