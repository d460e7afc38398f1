#include "experiments/run/probe_work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/cell_work.h"
#include "experiments/run/views.h"
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

/* Adds a row's embedding; 0: it has none. */
static int add_row(const struct sg_vectors *v, struct sg_vectors_part part, int64_t i, size_t n_bytes,
                   struct sg_buf *payload)
{
    const float *x = sg_vectors_get(v, part, i);
    if (x)
        sg_buf_add(payload, x, n_bytes);
    return x != NULL;
}

/* In the order of sg_cell_rows_make. kept: places of the synthetic ones in the pool; NULL: its first. */
static int add_rows(const struct sg_vectors *v, const struct sg_cell *c, const struct sg_cell_rows *rows,
                    const int64_t *kept, size_t n_bytes, struct sg_buf *payload)
{
    int all = 1;
    for (int64_t i = 0; i < rows->n_raw && all; i++)
        all = add_row(v, sg_vectors_train(c), rows->raw[i], n_bytes, payload);
    for (int64_t i = 0; i < rows->n_synthetic && all; i++)
        all = add_row(v, sg_vectors_pool(c), kept ? kept[i] : i, n_bytes, payload);
    for (int64_t i = 0; i < rows->test.n && all; i++)
        all = add_row(v, sg_vectors_held_out(c), i, n_bytes, payload);
    return all;
}

/* Before gigabytes are copied: whether the labels and rows fit in, too. */
static sg_status check_size(const struct sg_buf *payload, const struct sg_cell_rows *rows, size_t n_label,
                            size_t n_row, struct sg_err *err)
{
    double n = (double)payload->len + (double)rows->train.n * (double)(n_label + n_row) +
               (double)rows->test.n * (double)n_row;
    if (n <= (double)payload->max)
        return SG_OK;
    return sg_fail(
        err, SG_FAILED,
        "the embeddings of its %lld training and %lld test rows take %.2f GB, and a rank can be sent "
        "%.2f; hint: fewer rows (sizes, raw, test_sets), or no probe of this task",
        (long long)rows->train.n, (long long)rows->test.n, n / 1e9, (double)payload->max / 1e9);
}

/* The message; where it has all embeddings, status is SG_OK. */
static sg_status add_message(const struct sg_vectors *v, const struct sg_raw_models *m,
                             const struct sg_prepared *p, const struct sg_cell *c, struct sg_cell_rows *rows,
                             struct sg_buf *payload, struct sg_err *err)
{
    int channels = sg_encoder_channels(p->encoder);
    double strength = p->study->probe.c;
    struct sg_view view = {0};
    if (c->size && !rows->n_synthetic)
        return sg_fail(err, SG_FAILED, SG_CELL_EMPTY_POOL);
    if (sg_arm_is_view(&c->arm))
        SG_TRY(sg_view_take(p, v, m, c, rows, &view, err));
    json_t *head = json_pack("{s:I,s:I,s:i,s:i,s:b,s:o}", "n_train", (json_int_t)rows->train.n, "n_eval",
                             (json_int_t)rows->test.n, "channels", channels, "n_classes",
                             rows->train.n_classes, "weighs", view.quality != NULL, "c",
                             strength == SG_PROBE_C_AUTO ? json_null() : json_real(strength));
    if (view.told)
        json_object_set(head, "view", view.told);
    sg_status status = sg_json_put_head(payload, head, err);
    size_t n_label = sizeof *rows->train.label, n_quality = view.quality ? sizeof *view.quality : 0,
           n_row = (size_t)channels * sizeof(float);
    if (status == SG_OK)
        status = check_size(payload, rows, n_label + n_quality, n_row, err);
    if (status == SG_OK) {
        sg_buf_add(payload, rows->train.label, (size_t)rows->train.n * n_label);
        sg_buf_add(payload, view.quality, (size_t)rows->train.n * n_quality);
        if (!add_rows(v, c, rows, view.kept, n_row, payload))
            status = sg_fail(err, SG_FAILED, "%s", SG_VECTORS_LACK);
    }
    sg_view_free(&view);
    return status == SG_OK ? sg_buf_check(payload, "the message of a cell", err) : status;
}

sg_status sg_probe_payload(const struct sg_vectors *v, const struct sg_raw_models *m,
                           const struct sg_prepared *p, const struct sg_cell *c, struct sg_buf *payload,
                           struct sg_err *err)
{
    struct sg_cell_rows rows;
    struct sg_err why = {0};
    SG_TRY(sg_cell_rows_make(p, c, &rows, err));
    sg_status status = SG_OK;
    if (add_message(v, m, p, c, &rows, payload, &why) != SG_OK) { /* the cell fails, not the run */
        sg_buf_clear(payload);
        status = sg_json_put_head(payload, json_pack("{s:s}", "failed", why.text), err);
    }
    sg_cell_rows_free(&rows);
    return status == SG_OK ? sg_buf_check(payload, "the message of a cell", err) : status;
}

/* ---- the team ---- */

struct received {
    json_t *head;
    int64_t n_train, n_eval;
    int channels, n_classes;
    int32_t *label;
    float *quality;      /* NULL: rows count alike */
    float *train, *eval; /* copies, aligned */
};

static sg_status receive(const struct sg_work *w, struct received *r, struct sg_err *err)
{
    size_t at;
    SG_TRY(sg_json_take_head(w->payload, w->n_payload, "the message of a cell", &r->head, &at, err));
    const char *why = sg_json_text_or(r->head, "failed", NULL);
    if (why)
        return sg_fail(err, SG_FAILED, "%s", why);
    r->n_train = sg_json_int_or(r->head, "n_train", 0);
    r->n_eval = sg_json_int_or(r->head, "n_eval", 0);
    r->channels = (int)sg_json_int_or(r->head, "channels", 0);
    r->n_classes = (int)sg_json_int_or(r->head, "n_classes", 0);
    size_t n_label = (size_t)r->n_train * sizeof *r->label,
           n_quality =
               json_is_true(json_object_get(r->head, "weighs")) ? (size_t)r->n_train * sizeof *r->quality : 0,
           n_train = (size_t)(r->n_train * r->channels) * sizeof(float),
           n_eval = (size_t)(r->n_eval * r->channels) * sizeof(float);
    if (w->n_payload != at + n_label + n_quality + n_train + n_eval)
        return sg_fail(err, SG_FAILED, "the message of a cell is damaged: it is too short");
    r->label = sg_alloc(n_label + 1, 1);
    r->quality = n_quality ? sg_alloc(n_quality + 1, 1) : NULL;
    r->train = sg_alloc(n_train + 1, 1);
    r->eval = sg_alloc(n_eval + 1, 1);
    if (!r->label || !r->train || !r->eval || (n_quality && !r->quality))
        return sg_fail_memory(err, n_label + n_train + n_eval);
    const char *bytes = w->payload;
    memcpy(r->label, bytes + at, n_label);
    if (n_quality)
        memcpy(r->quality, bytes + at + n_label, n_quality);
    at += n_label + n_quality;
    memcpy(r->train, bytes + at, n_train);
    memcpy(r->eval, bytes + at + n_train, n_eval);
    return SG_OK;
}

static void forget(struct received *r)
{
    json_decref(r->head);
    sg_free(r->label);
    sg_free(r->quality);
    sg_free(r->train);
    sg_free(r->eval);
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
    const json_t *c = json_object_get(in->head, "c"), *view = json_object_get(in->head, "view");
    struct sg_logistic_settings s =
        sg_probe_settings(json_is_number(c) ? json_number_value(c) : SG_PROBE_C_AUTO);
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
    sg_status status = receive(w, &in, err);
    if (status == SG_OK && in.n_train == 0)
        status = sg_fail(err, SG_FAILED, SG_CELL_EMPTY_POOL);
    if (status == SG_OK)
        status = fit(p, w, &in, result, err);
    forget(&in);
    return status;
}
