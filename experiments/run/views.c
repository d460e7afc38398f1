#include "experiments/run/views.h"

#include "base/mem.h"
#include "model/kernels/ops.h"

#include <string.h>

sg_status sg_view_need(struct sg_vectors *v, struct sg_raw_models *m, struct sg_engine *e,
                       int kind_of_vectors, int kind_of_models, const struct sg_cell *c,
                       struct sg_vectors_after *after, struct sg_err *err)
{
    if (!sg_arm_needs_raw_model(&c->arm))
        return SG_OK;
    SG_TRY(sg_raw_models_need(m, e, kind_of_vectors, kind_of_models, c, after, err));
    return sg_vectors_need(v, e, kind_of_vectors, sg_vectors_pool(c), after, err);
}

/* x (n,C) of the pool's first examples. */
static sg_status gather(const struct sg_vectors *v, const struct sg_cell *c, int64_t n, int64_t C, float *x,
                        struct sg_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        const float *row = sg_vectors_get(v, sg_vectors_pool(c), i);
        if (!row)
            return sg_fail(err, SG_FAILED, "%s", SG_VECTORS_LACK);
        memcpy(x + i * C, row, (size_t)C * sizeof *x);
    }
    return SG_OK;
}

const double *sg_view_softmax(const struct sg_ops *ops, const float *logits, int K, double *p,
                              int32_t *largest)
{
    int32_t best = 0;
    double sum = 0.0;
    for (int k = 1; k < K; k++)
        best = logits[k] > logits[best] ? k : best;
    for (int k = 0; k < K; k++)
        p[k] = (double)logits[k] - (double)logits[best];
    ops->exp(K, p);
    for (int k = 0; k < K; k++)
        sum += p[k];
    for (int k = 0; k < K; k++)
        p[k] /= sum;
    if (largest)
        *largest = best;
    return p;
}

/* What is known of n examples: by the classifier of the raw rows, by the LLM, or both. */
struct check {
    const struct sg_pool *pool;
    int64_t n;
    int n_classes;
    const struct sg_evaluation *verdicts; /* NULL: the LLM has not been asked */
    float *x, *logits;                    /* (n,K); NULL: there is no classifier */
    double *p;
};

/* The class that is said of example i; -1: none. p: its probabilities, if there are any. */
static int32_t said_of(const struct sg_ops *ops, const struct sg_cell *c, const struct check *k, int64_t i)
{
    int K = k->n_classes;
    int32_t largest = -1;
    if (k->logits)
        sg_view_softmax(ops, k->logits + i * K, K, k->p, &largest);
    if (c->arm.verify == SG_VERIFY_LLM)
        return (int32_t)sg_evaluation_get(k->verdicts, i).predicted;
    return c->arm.verify == SG_VERIFY_RAW_CLASSIFIER ? largest : -1;
}

/* Which examples stay, and which went. */
static sg_status choose(const struct sg_cell *c, struct check *k, struct sg_view *out, struct sg_err *err)
{
    const struct sg_ops *ops;
    int64_t kept = 0, n_silent = 0;
    json_t *removed = json_array();
    SG_TRY(sg_ops_choose(SG_FP32, &ops, err));
    for (int64_t i = 0; i < c->raw && out->quality; i++)
        out->quality[i] = -1.0f;
    for (int64_t i = 0; i < k->n; i++) {
        int32_t of = sg_pool_get(k->pool, i).label, said = said_of(ops, c, k, i);
        n_silent += said < 0;
        if (said >= 0 && said != of) {
            json_array_append_new(removed, json_pack("[I,i,i]", (json_int_t)i, (int)of, (int)said));
            continue;
        }
        if (out->quality)
            out->quality[c->raw + kept] = (float)k->p[of];
        out->kept[kept++] = (int32_t)i;
    }
    out->told = json_pack("{s:I, s:o}", "n_removed", (json_int_t)(k->n - kept), "removed", removed);
    if (out->told && k->verdicts)
        json_object_set_new(out->told, "n_unparsable", json_integer(n_silent));
    if (!out->told || json_array_size(removed) != (size_t)(k->n - kept))
        return sg_fail_memory(err, 1 << 16);
    out->n_kept = kept;
    return SG_OK;
}

/* The classifier's logits of the synthetic examples. */
static sg_status ask_classifier(const struct sg_vectors *v, const struct sg_raw_models *m,
                                const struct sg_cell *c, struct check *k, struct sg_err *err)
{
    const struct sg_logistic *model;
    SG_TRY(sg_raw_models_get(m, c, &model, err));
    int C = model->c_dim, K = k->n_classes;
    size_t n_x = (size_t)k->n * (size_t)C;
    k->x = sg_alloc(n_x + 1, sizeof *k->x);
    k->logits = sg_alloc((size_t)(k->n * K) + 1, sizeof *k->logits);
    k->p = sg_alloc((size_t)K, sizeof *k->p);
    if (!k->x || !k->logits || !k->p)
        return sg_fail_memory(err, n_x * sizeof *k->x);
    SG_TRY(gather(v, c, k->n, C, k->x, err));
    sg_logistic_logits(model, k->x, k->n, k->logits);
    return SG_OK;
}

sg_status sg_view_take(const struct sg_prepared *p, const struct sg_vectors *v, const struct sg_raw_models *m,
                       const struct sg_cell *c, int64_t n_synthetic, struct sg_view *out, struct sg_err *err)
{
    size_t n = (size_t)n_synthetic;
    int weighs = c->arm.weighting == SG_WEIGHT_DIMP;
    struct check k = {.pool = p->pool[c->pool],
                      .n = n_synthetic,
                      .n_classes = p->study->task[c->task].n_classes,
                      .verdicts = sg_cell_verification(p, c)};
    struct sg_view view = {.kept = sg_alloc(n + 1, sizeof *view.kept),
                           .quality = weighs ? sg_alloc((size_t)c->raw + n + 1, sizeof *view.quality) : NULL};
    sg_status status = view.kept && (view.quality || !weighs) ? SG_OK : sg_fail_memory(err, 8 * n);
    if (status == SG_OK && k.verdicts && !sg_evaluation_complete(k.verdicts))
        status = sg_fail(err, SG_FAILED, "the LLM has not been asked about all of its examples");
    if (status == SG_OK && sg_arm_needs_raw_model(&c->arm))
        status = ask_classifier(v, m, c, &k, err);
    if (status == SG_OK)
        status = choose(c, &k, &view, err);
    sg_free(k.x);
    sg_free(k.logits);
    sg_free(k.p);
    if (status == SG_OK)
        *out = view;
    else
        sg_view_free(&view);
    return status;
}

void sg_view_free(struct sg_view *v)
{
    sg_free(v->kept);
    sg_free(v->quality);
    json_decref(v->told);
    *v = (struct sg_view){0};
}
