#include "model/logistic.h"

#include "base/mem.h"
#include "model/logistic_fit.h"

#include <math.h>
#include <string.h>

static int all_finite(const float *x, int n)
{
    uint32_t worst = 0; /* the largest exponent; all ones: infinite, or not a number */
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7F800000u;
        worst = bits > worst ? bits : worst;
    }
    return worst != 0x7F800000u;
}

static sg_status check(const float *x, const int32_t *label, const double *weight, int64_t n, int c_dim,
                       int n_classes, const struct sg_logistic_settings *s, struct sg_err *err)
{
    double total = 0.0;
    if (n < 1 || c_dim < 1 || n_classes < 1)
        return sg_fail(err, SG_INPUT, "logistic regression needs rows, channels and classes: %lld, %d, %d",
                       (long long)n, c_dim, n_classes);
    if (!(s->c > 0.0) || !isfinite(s->c))
        return sg_fail(err, SG_INPUT, "the c of logistic regression must be above 0: %g", s->c);
    for (int i = 0; i < s->n_c_grid; i++)
        if (!(s->c_grid[i] > (i ? s->c_grid[i - 1] : 0.0)) || !isfinite(s->c_grid[i]))
            return sg_fail(err, SG_INPUT, "values of logistic regression's c must be above 0 and ascend: %g",
                           s->c_grid[i]);
    if (s->n_c_grid > 0 && (s->folds < 2 || s->folds > SG_LOGISTIC_MAX_FOLDS))
        return sg_fail(err, SG_INPUT, "folds of logistic regression must be 2 to %d: %d",
                       SG_LOGISTIC_MAX_FOLDS, s->folds);
    for (int64_t i = 0; i < n; i++) {
        if (label[i] < 0 || label[i] >= n_classes)
            return sg_fail(err, SG_INPUT, "row %lld: label %d of %d classes", (long long)i, (int)label[i],
                           n_classes);
        if (!all_finite(x + i * c_dim, c_dim))
            return sg_fail(err, SG_INPUT, "row %lld: its embedding has numbers that are not finite",
                           (long long)i);
        if (weight && (!(weight[i] >= 0.0) || !isfinite(weight[i])))
            return sg_fail(err, SG_INPUT, "row %lld: a weight must be 0 or more: %g", (long long)i,
                           weight[i]);
        total += weight ? weight[i] : 1.0;
    }
    if (!(total > 0.0) || !isfinite(total))
        return sg_fail(err, SG_INPUT, "the weights of the rows add up to %g", total);
    return SG_OK;
}

/* What all fits of one call share. */
struct task {
    struct sg_logistic_fit fit;
    const float *x;
    const int32_t *label;
    const double *weight; /* or NULL */
    int64_t n;
    int c_dim, n_classes, folds;
    int32_t *place; /* (K) of a class among those present, -1: none */
    int32_t *fold;  /* (n) */
    float *logits;  /* (n,K) */
};

static double weight_of(const struct task *t, int64_t i)
{
    return t->weight ? t->weight[i] : 1.0;
}

/* Whether row i is trained on while `held_out` (-1: none) is not. */
static int trains(const struct task *t, int64_t i, int held_out)
{
    return weight_of(t, i) > 0.0 && (held_out < 0 || t->fold[i] != held_out);
}

/* Classes, their places, and room for their vectors. */
static sg_status logistic_make(struct task *t, int held_out, struct sg_logistic *p, struct sg_err *err)
{
    *p = (struct sg_logistic){.n_classes = t->n_classes, .c_dim = t->c_dim};
    for (int k = 0; k < t->n_classes; k++)
        t->place[k] = -1;
    for (int64_t i = 0; i < t->n; i++)
        if (trains(t, i, held_out))
            t->place[t->label[i]] = 0;
    for (int k = 0; k < t->n_classes; k++)
        if (t->place[k] == 0)
            t->place[k] = p->n_present++;
    p->n_vectors = p->n_present > 2 ? p->n_present : p->n_present == 2;
    if (p->n_present == 0)
        return SG_OK;
    p->present = sg_alloc((size_t)p->n_present, sizeof *p->present);
    p->w = sg_alloc((size_t)p->n_vectors * (size_t)p->c_dim, sizeof *p->w);
    p->b = sg_alloc((size_t)p->n_vectors, sizeof *p->b);
    if (!p->present || !p->w || !p->b) {
        sg_logistic_free(p);
        return sg_fail_memory(err, (unsigned long long)p->n_vectors * (unsigned)p->c_dim * sizeof *p->w);
    }
    for (int k = 0; k < t->n_classes; k++)
        if (t->place[k] >= 0)
            p->present[t->place[k]] = k;
    return SG_OK;
}

/* The minimum for c of the rows that are not held out. */
static sg_status fit_one(struct task *t, int held_out, double c, struct sg_logistic *p, struct sg_err *err)
{
    struct sg_logistic_fit *f = &t->fit;
    double total = 0.0;
    SG_TRY(logistic_make(t, held_out, p, err));
    p->chosen_c = c;
    if (p->n_vectors < 1)
        return SG_OK;
    f->N = p->n_vectors;
    f->size = f->N * (f->C + 1);
    for (int64_t i = 0; i < t->n; i++) {
        int in = trains(t, i, held_out);
        f->weight[i] = in ? c * weight_of(t, i) : 0.0;
        f->label[i] = in ? t->place[t->label[i]] : 0;
        total += f->weight[i];
    }
    memset(f->theta, 0, (size_t)f->size * sizeof *f->theta);
    memset(f->mean, 0, (size_t)f->C * sizeof *f->mean);
    f->ops->scores_back(t->n, 1, f->C, f->weight, t->x, f->mean);
    for (int64_t i = 0; i < f->C; i++)
        f->mean[i] /= total;
    if (!sg_logistic_fit_run(f)) {
        sg_logistic_free(p);
        return sg_fail(err, SG_FAILED,
                       "logistic regression with c = %g does not come to its minimum; hint: a smaller c", c);
    }
    memcpy(p->w, f->theta, (size_t)(f->N * f->C) * sizeof *p->w);
    double middle = 0.0;
    for (int64_t k = 0; k < f->N; k++) { /* the columns were centred */
        p->b[k] = f->theta[f->N * f->C + k];
        for (int64_t i = 0; i < f->C; i++)
            p->b[k] -= p->w[k * f->C + i] * f->mean[i];
        middle += p->b[k] / (double)f->N;
    }
    for (int64_t k = 0; k < f->N && f->N > 1; k++)
        p->b[k] -= middle;
    p->n_iterations = f->n_iterations;
    return SG_OK;
}

/* Scores (n_vectors) of one row by the vectors from `first` on, at most MANY of them. */
enum { MANY = 64, ROWS = 8 };

static void scores_of(const struct sg_ops *ops, const struct sg_logistic *p, const float *x, int64_t rows,
                      int first, int many, double *y)
{
    ops->scores(rows, many, p->c_dim, x, p->w + (int64_t)first * p->c_dim, y);
    for (int64_t t = 0; t < rows; t++)
        for (int k = 0; k < many; k++)
            y[t * many + k] += p->b[first + k];
}

/* The weighted sum of -log p(label) over the rows held out whose class is known to p, and their weights. scratch (n_vectors + 1). */
static void held_out_loss(struct task *t, int held_out, const struct sg_logistic *p, double *scratch,
                          double *loss, double *total)
{
    const struct sg_ops *ops = t->fit.ops;
    int N = p->n_vectors;
    for (int64_t i = 0; i < t->n; i++) {
        if (t->fold[i] != held_out || !(weight_of(t, i) > 0.0) || t->place[t->label[i]] < 0)
            continue;
        *total += weight_of(t, i);
        if (N < 1)
            continue;
        scores_of(ops, p, t->x + i * t->c_dim, 1, 0, N, scratch);
        if (N == 1) { /* the first class's score is 0 */
            scratch[1] = scratch[0];
            scratch[0] = 0.0;
        }
        int K = p->n_present;
        double max = scratch[0], mine = scratch[t->place[t->label[i]]], sum = 0.0;
        for (int k = 1; k < K; k++)
            max = scratch[k] > max ? scratch[k] : max;
        for (int k = 0; k < K; k++)
            scratch[k] -= max;
        ops->exp(K, scratch);
        for (int k = 0; k < K; k++)
            sum += scratch[k];
        ops->log(1, &sum);
        *loss += weight_of(t, i) * (sum + max - mine);
    }
}

static sg_status choose_c(struct task *t, const struct sg_logistic_settings *s, double *out,
                          struct sg_err *err)
{
    double best = 0.0, *scratch = sg_alloc((size_t)t->n_classes + 1, sizeof *scratch);
    int64_t *n_of = sg_alloc((size_t)t->n_classes, sizeof *n_of);
    sg_status status = SG_OK;
    if (!scratch || !n_of) {
        status = sg_fail_memory(err, (unsigned long long)t->n_classes * 16);
        goto done;
    }
    for (int64_t i = 0; i < t->n; i++)
        if (weight_of(t, i) > 0.0)
            t->fold[i] = (int32_t)(n_of[t->label[i]]++ % s->folds);
    for (int g = 0; g < s->n_c_grid; g++) {
        double loss = 0.0, total = 0.0;
        for (int fold = 0; fold < s->folds; fold++) {
            struct sg_logistic p;
            SG_TRY_DONE(fit_one(t, fold, s->c_grid[g], &p, err));
            held_out_loss(t, fold, &p, scratch, &loss, &total);
            sg_logistic_free(&p);
        }
        if (!(total > 0.0))
            break;
        if (g == 0 || loss / total < best) {
            best = loss / total;
            *out = s->c_grid[g];
        }
    }
done:
    sg_free(scratch);
    sg_free(n_of);
    return status;
}

sg_status sg_logistic_fit(const float *x, const int32_t *label, const double *weight, int64_t n, int c_dim,
                          int n_classes, const struct sg_logistic_settings *s, struct sg_logistic *out,
                          struct sg_err *err)
{
    struct task t = {
        .x = x, .label = label, .weight = weight, .n = n, .c_dim = c_dim, .n_classes = n_classes};
    struct sg_logistic p;
    double c = s->c;
    sg_status status = SG_OK;
    SG_TRY(check(x, label, weight, n, c_dim, n_classes, s, err));
    t.fit = (struct sg_logistic_fit){.x = x, .n = n, .C = c_dim};
    SG_TRY(sg_ops_choose(SG_FP32, &t.fit.ops, err));
    t.place = sg_alloc((size_t)n_classes, sizeof *t.place);
    t.fold = sg_alloc((size_t)n, sizeof *t.fold);
    if (!t.place || !t.fold)
        SG_TRY_DONE(sg_fail_memory(err, (unsigned long long)n * sizeof *t.fold));
    SG_TRY_DONE(sg_logistic_fit_open(&t.fit, n_classes, err));
    if (s->n_c_grid > 0)
        SG_TRY_DONE(choose_c(&t, s, &c, err));
    SG_TRY_DONE(fit_one(&t, -1, c, &p, err));
    *out = p;
done:
    sg_logistic_fit_close(&t.fit);
    sg_free(t.place);
    sg_free(t.fold);
    return status;
}

/* Logits (K) of one row from its scores. */
static void row_logits(const struct sg_logistic *p, float *logits)
{
    /* The scores of the classes present stand at the front: from the last on each moves to its class. */
    float least = logits[0];
    for (int k = 1; k < p->n_present; k++)
        least = logits[k] < least ? logits[k] : least;
    for (int k = p->n_classes - 1, at = p->n_present - 1; k >= 0; k--)
        if (at >= 0 && p->present[at] == k)
            logits[k] = logits[at--];
        else
            logits[k] = least - (float)SG_LOGISTIC_ABSENT;
}

void sg_logistic_logits(const struct sg_logistic *p, const float *x, int64_t n, float *logits)
{
    const struct sg_ops *ops = sg_ops_best(SG_FP32);
    double y[ROWS * MANY];
    int first_score =
        p->n_present == p->n_vectors ? 0 : 1; /* of one and two classes the first has the score 0 */
    for (int64_t i = 0; i < n; i += ROWS) {
        int64_t rows = n - i < ROWS ? n - i : ROWS;
        float *at = logits + i * p->n_classes;
        for (int k = 0; k < p->n_vectors; k += MANY) {
            int many = p->n_vectors - k < MANY ? p->n_vectors - k : MANY;
            scores_of(ops, p, x + i * p->c_dim, rows, k, many, y);
            for (int64_t t = 0; t < rows; t++)
                for (int j = 0; j < many; j++)
                    at[t * p->n_classes + first_score + k + j] = (float)y[t * many + j];
        }
        for (int64_t t = 0; t < rows; t++) {
            if (first_score)
                at[t * p->n_classes] = 0.0f;
            row_logits(p, at + t * p->n_classes);
        }
    }
}

void sg_logistic_free(struct sg_logistic *p)
{
    sg_free(p->present);
    sg_free(p->w);
    sg_free(p->b);
    *p = (struct sg_logistic){0};
}
