#include "results/stats/row_scores.h"

#include "base/mem.h"

void sg_row_scores_accuracy(const int32_t *gold, const int32_t *predicted, int64_t n, float *score)
{
    for (int64_t i = 0; i < n; i++)
        score[i] = gold[i] == predicted[i] ? 1 : 0;
}

struct class_counts {
    int64_t either, both; /* gold plus predicted; gold and predicted */
};

static double f1(const struct class_counts *c)
{
    return c->either ? 2.0 * (double)c->both / (double)c->either : 0;
}

sg_status sg_row_scores_macro_f1(const int32_t *gold, const int32_t *predicted, int64_t n, int n_classes,
                                 float *score, struct sg_err *err)
{
    double K = n_classes, mean = 0;
    struct class_counts *c = sg_alloc((size_t)n_classes, sizeof *c);
    if (!c)
        return sg_fail_memory(err, (size_t)n_classes * sizeof *c);
    for (int64_t i = 0; i < n; i++) {
        c[gold[i]].either++;
        if (predicted[i] >= 0)
            c[predicted[i]].either++;
        if (gold[i] == predicted[i])
            c[gold[i]].both++;
    }
    for (int k = 0; k < n_classes; k++)
        mean += f1(&c[k]) / K;
    for (int64_t i = 0; i < n; i++) {
        const struct class_counts *g = &c[gold[i]];
        double more = 0, rows = (double)n;
        if (gold[i] == predicted[i]) {
            more = (2 - 2 * f1(g)) * rows / (double)g->either;
        } else {
            more = -f1(g) * rows / (double)g->either;
            if (predicted[i] >= 0)
                more -= f1(&c[predicted[i]]) * rows / (double)c[predicted[i]].either;
        }
        score[i] = (float)(mean + more / K);
    }
    sg_free(c);
    return SG_OK;
}
