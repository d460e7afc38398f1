#include "experiments/run/probe_work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/cell_message.h"
#include "experiments/run/cell_work.h"
#include "model/kernels/ops.h"
#include "model/lanes.h"
#include "model/logistic.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

sg_status sg_probe_need(struct sg_vectors *v, struct sg_engine *e, int kind, const struct sg_cell *c,
                        struct sg_vectors_after *after, struct sg_err *err)
{
    SG_TRY(sg_vectors_need(v, e, kind, sg_vectors_held_out(c), after, err));
    if (c->raw)
        SG_TRY(sg_vectors_need(v, e, kind, sg_vectors_train(c), after, err));
    return c->pool >= 0 ? sg_vectors_need(v, e, kind, sg_vectors_pool(c), after, err) : SG_OK;
}

/* ---- rank 0 ---- */

/* The team gets the embeddings; the raw rows' numbers become their places. */
static sg_status share(struct sg_engine *e, struct sg_vectors *v, const struct sg_cell *c,
                       struct sg_cell_message *m, struct sg_err *err)
{
    int64_t n = 0;
    for (int64_t i = 0; i < m->n_raw; i++)
        if ((m->raw[i] = (int32_t)sg_vectors_place(v, sg_vectors_train(c), m->raw[i])) < 0)
            return sg_fail(err, SG_FAILED, "%s", SG_VECTORS_LACK);
    for (int64_t i = 0; i < m->n_synthetic; i++) /* those that stay of a view stand in their order */
        n = sg_cell_message_example(m, i) + 1;
    SG_TRY(sg_vectors_share(v, e, sg_vectors_held_out(c), -1, err));
    if (m->n_raw)
        SG_TRY(sg_vectors_share(v, e, sg_vectors_train(c), -1, err));
    return n ? sg_vectors_share(v, e, sg_vectors_pool(c), n, err) : SG_OK;
}

static sg_status add_message(struct sg_shared_rows *rows, struct sg_engine *e, struct sg_vectors *v,
                             const struct sg_raw_models *models, const struct sg_prepared *p,
                             const struct sg_cell *c, struct sg_buf *payload, struct sg_err *err)
{
    struct sg_cell_message m;
    SG_TRY(sg_cell_message_make(rows, v, models, p, c, 1, &m, err));
    sg_status status = share(e, v, c, &m, err);
    if (status == SG_OK)
        status = sg_cell_message_put(&m, payload, err);
    sg_cell_message_free(&m);
    return status;
}

sg_status sg_probe_payload(struct sg_shared_rows *rows, struct sg_engine *e, struct sg_vectors *v,
                           const struct sg_raw_models *m, const struct sg_prepared *p,
                           const struct sg_cell *c, struct sg_buf *payload, struct sg_err *err)
{
    struct sg_err why = {0};
    if (add_message(rows, e, v, m, p, c, payload, &why) == SG_OK)
        return SG_OK;
    return sg_cell_message_put_failure(why.text, payload, err); /* the cell fails, not the run */
}

/* ---- the team ---- */

struct received {
    struct sg_cell_message m;
    int64_t n_train, n_eval;
    int channels, n_classes;
    const int32_t *label;
    const float *quality; /* NULL: rows count alike */
    float *train;         /* (n_train,C) gathered */
    const float *eval;    /* (n_eval,C) of the part */
};

/* (n_train,C): raw rows, then examples. */
static sg_status gather(const struct sg_work *w, struct received *r, struct sg_err *err)
{
    const struct sg_cell_message *m = &r->m;
    int64_t n_raw, n_pool;
    int C = r->channels;
    const float *raw = sg_vectors_shared(w, (struct sg_vectors_part){SG_VECTORS_TRAIN, m->task}, C, &n_raw),
                *pool = sg_vectors_shared(w, (struct sg_vectors_part){SG_VECTORS_POOL, m->pool}, C, &n_pool);
    r->train = sg_alloc((size_t)r->n_train * (size_t)C + 1, sizeof *r->train);
    if (!r->train)
        return sg_fail_memory(err, (size_t)r->n_train * (size_t)C * sizeof *r->train);
    SG_TRY(sg_vectors_gather(raw, n_raw, C, m->raw, m->n_raw, r->train, err));
    for (int64_t i = 0; i < m->n_synthetic; i++) {
        int32_t place = (int32_t)sg_cell_message_example(m, i);
        SG_TRY(sg_vectors_gather(pool, n_pool, C, &place, 1, r->train + (m->n_raw + i) * C, err));
    }
    return SG_OK;
}

static sg_status receive(const struct sg_prepared *p, const struct sg_work *w, struct received *r,
                         struct sg_err *err)
{
    SG_TRY(sg_cell_message_take(p, w, &r->m, err));
    r->n_train = sg_cell_message_rows(&r->m);
    r->channels = sg_encoder_channels(p->encoder);
    r->n_classes = p->study->task[r->m.task].n_classes;
    r->label = r->m.label;
    r->quality = r->m.quality;
    if (!r->label)
        return sg_fail(err, SG_FAILED, "the message of a cell is damaged: it has no labels");
    if (!r->n_train)
        return sg_fail(err, SG_FAILED, "%s", SG_CELL_EMPTY_POOL);
    r->eval = sg_vectors_shared(w, (struct sg_vectors_part){SG_VECTORS_HELD_OUT, r->m.task}, r->channels,
                                &r->n_eval);
    if (!r->eval)
        return sg_fail(err, SG_FAILED, "%s", SG_VECTORS_DID_NOT_ARRIVE);
    return gather(w, r, err);
}

static void forget(struct received *r)
{
    sg_cell_message_free(&r->m);
    sg_free(r->train);
}

static void digest(const struct sg_logistic *m, char hex[SG_HEX])
{
    struct sg_sha256_stream *h = sg_sha256_create();
    hex[0] = 0;
    if (!h)
        return;
    sg_sha256_add(h, m->w, (size_t)m->n_vectors * (size_t)m->c_dim * sizeof *m->w);
    sg_sha256_add(h, m->b, (size_t)m->n_vectors * sizeof *m->b);
    sg_sha256_finish_hex(h, hex);
}

/* The weights that quality gives: over the probability that `m` gives the row's label, as training divides by that of the model at
 * each step (struct sg_examples). 1 of raw rows. logits: (n_train,K). */
static void weigh(const struct sg_ops *ops, const struct received *in, const struct sg_logistic *m,
                  float *logits, double *p, double *weight)
{
    int K = in->n_classes;
    sg_logistic_logits(m, in->train, in->n_train, logits);
    for (int64_t i = 0; i < in->n_train; i++) {
        double mine = sg_view_softmax(ops, logits + i * K, K, p, NULL)[in->label[i]];
        double least = mine > SG_LEAST_P ? mine : SG_LEAST_P;
        weight[i] = in->quality[i] < 0.0f ? 1.0 : (double)in->quality[i] / least;
    }
}

/* A probe has no steps: it is fitted without weights, and once more with those that this one gives. */
static sg_status fit_weighted(const struct sg_ops *ops, const struct received *in,
                              const struct sg_logistic_settings *s, struct sg_logistic *m, struct sg_err *err)
{
    struct sg_logistic first = {0};
    size_t n = (size_t)in->n_train, K = (size_t)in->n_classes;
    float *logits = sg_alloc(n * K + 1, sizeof *logits);
    double *p = sg_alloc(K, sizeof *p), *weight = sg_alloc(n + 1, sizeof *weight);
    sg_status status = logits && p && weight ? SG_OK : sg_fail_memory(err, n * K * sizeof *logits);
    if (status == SG_OK)
        status = sg_logistic_fit(in->train, in->label, NULL, in->n_train, in->channels, in->n_classes, s,
                                 &first, err);
    if (status == SG_OK) {
        weigh(ops, in, &first, logits, p, weight);
        status = sg_logistic_fit(in->train, in->label, weight, in->n_train, in->channels, in->n_classes, s, m,
                                 err);
    }
    sg_logistic_free(&first);
    sg_free(logits);
    sg_free(p);
    sg_free(weight);
    return status;
}

static sg_status fit(const struct sg_prepared *p, const struct sg_work *w, const struct received *in,
                     struct sg_buf *result, struct sg_err *err)
{
    struct sg_logistic m = {0};
    const struct sg_ops *ops;
    const json_t *view = json_object_get(in->m.head, "view");
    struct sg_logistic_settings s = sg_probe_settings(p->study->probe.c);
    struct sg_train_result r = {.n_eval = in->n_eval, .n_classes = in->n_classes, .threads = 1};
    double began = sg_now_s();
    SG_TRY(sg_ops_choose(SG_FP32, &ops, err));
    SG_TRY(in->quality ? fit_weighted(ops, in, &s, &m, err)
                       : sg_logistic_fit(in->train, in->label, NULL, in->n_train, in->channels, in->n_classes,
                                         &s, &m, err));
    double fitted = sg_now_s();
    r.train_s = fitted - began;
    r.logits = sg_alloc((size_t)(in->n_eval * in->n_classes) + 1, sizeof *r.logits);
    sg_status status =
        r.logits ? SG_OK : sg_fail_memory(err, (size_t)(in->n_eval * in->n_classes) * sizeof *r.logits);
    if (status == SG_OK) {
        sg_logistic_logits(&m, in->eval, in->n_eval, r.logits);
        r.eval_s = sg_now_s() - fitted;
        r.kernels = ops->name;
        r.rounding = sg_rounding_name(ops->rounding);
        digest(&m, r.digest);
        json_t *more =
            json_pack("{s:f,s:I}", "probe_c", m.chosen_c, "n_iterations", (json_int_t)m.n_iterations);
        if (more && view)
            json_object_set(more, "view", (json_t *)(uintptr_t)view);
        status = more ? sg_cell_result(p->encoder, w, &r, more, result, err) : sg_fail_memory(err, 256);
        json_decref(more);
    }
    sg_free(r.logits);
    sg_logistic_free(&m);
    return status;
}

sg_status sg_probe_work(const struct sg_prepared *p, const struct sg_work *w, struct sg_buf *result,
                        struct sg_err *err)
{
    struct received in = {0};
    sg_status status = receive(p, w, &in, err);
    if (status == SG_OK)
        status = fit(p, w, &in, result, err);
    forget(&in);
    return status;
}
