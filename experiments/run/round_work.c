#include "experiments/run/round_work.h"

#include "base/mem.h"
#include "experiments/run/raw_models.h"
#include "gen/pool/rounds.h"

#include <string.h>

struct waiting {
    struct sg_round_work *of;
    int64_t pool;
};
struct sg_round_work {
    const struct sg_prepared *p;
    struct sg_vectors *vectors;
    struct sg_engine *engine; /* rank 0: where pools have waited */
    struct waiting *pool;     /* (n_pools) */
    sg_round_work_done done;
    void *context;
};

sg_status sg_round_work_create(const struct sg_prepared *p, struct sg_vectors *vectors,
                               struct sg_round_work **out, struct sg_err *err)
{
    struct sg_round_work *w = sg_alloc(1, sizeof *w);
    struct waiting *pool = sg_alloc((size_t)p->grid.n_pools + 1, sizeof *pool);
    if (!w || !pool) {
        sg_free(w);
        sg_free(pool);
        return sg_fail_memory(err, (size_t)p->grid.n_pools * sizeof *pool);
    }
    *w = (struct sg_round_work){.p = p, .vectors = vectors, .pool = pool};
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        pool[i] = (struct waiting){w, i};
    *out = w;
    return SG_OK;
}

void sg_round_work_destroy(struct sg_round_work *w)
{
    if (w)
        sg_free(w->pool);
    sg_free(w);
}

static int64_t draw_of(const struct sg_prepared *p, int64_t pool)
{
    const struct sg_pool_key *k = &p->grid.pool[pool];
    return k->seed_data > 0 ? k->seed_data : 0;
}

static struct sg_vectors_part raw_of(const struct sg_prepared *p, int64_t pool)
{
    return (struct sg_vectors_part){SG_VECTORS_SHOTS,
                                    p->grid.pool[pool].task * p->n_draws + draw_of(p, pool)};
}

static struct sg_vectors_part examples_of(int64_t pool)
{
    return (struct sg_vectors_part){SG_VECTORS_POOL, pool};
}

/* What others wait for goes before all that does. */
enum { PRIORITY = 2 };

sg_status sg_round_work_add(struct sg_round_work *w, struct sg_engine *e, int kind_of_vectors, int kind,
                            int64_t pool, struct sg_err *err)
{
    const struct sg_prepared *p = w->p;
    w->engine = e;
    struct sg_vectors_after after = {0};
    struct sg_cell probe = {.task = p->grid.pool[pool].task, .classifier = SG_PROBE};
    probe.raw = sg_prepared_shots(p, probe.task, draw_of(p, pool))->n;
    probe.size = sg_pool_n(p->pool[pool]); /* about as much work */
    sg_status status = sg_vectors_need(w->vectors, e, kind_of_vectors, raw_of(p, pool), &after, err);
    if (status == SG_OK)
        status = sg_vectors_need(w->vectors, e, kind_of_vectors, examples_of(pool), &after, err);
    struct sg_item item = {.kind = kind,
                           .cost = sg_cell_cost(p, &probe),
                           .priority = PRIORITY,
                           .max_ranks = 1,
                           .n_after = after.n,
                           .after = after.item,
                           .user = &w->pool[pool]};
    if (status == SG_OK)
        status = sg_engine_add(e, &item, NULL, err);
    sg_free(after.item);
    return status;
}

/* ---- the engine's callbacks ---- */

struct head {
    int64_t n_raw, n, raw_part, part;
    int32_t c_dim, n_classes;
    double c;
};

/* half: (n_raw), count: (K). */
static sg_status add_message(const struct waiting *x, int32_t *half, int64_t *count, struct sg_buf *payload,
                             struct sg_err *err)
{
    const struct sg_prepared *p = x->of->p;
    const struct sg_pool *pool = p->pool[x->pool];
    int task = p->grid.pool[x->pool].task, K = p->study->task[task].n_classes;
    const int32_t *label = sg_pool_raw_labels(pool);
    struct head h = {.n_raw = sg_prepared_shots(p, task, draw_of(p, x->pool))->n,
                     .n = sg_pool_n(pool),
                     .raw_part = raw_of(p, x->pool).index,
                     .part = x->pool,
                     .c_dim = sg_encoder_channels(p->encoder),
                     .n_classes = K,
                     .c = p->study->probe.c};
    sg_rounds_halves(label, h.n_raw, K, count, half);
    sg_buf_add(payload, &h, sizeof h);
    sg_buf_add(payload, label, (size_t)h.n_raw * sizeof *label);
    for (int64_t i = 0; i < h.n; i++) {
        int32_t of = sg_pool_get(pool, i).label;
        sg_buf_add(payload, &of, sizeof of);
    }
    sg_buf_add(payload, half, (size_t)h.n_raw * sizeof *half);
    SG_TRY(sg_vectors_share(x->of->vectors, x->of->engine, raw_of(p, x->pool), h.n_raw, err));
    SG_TRY(sg_vectors_share(x->of->vectors, x->of->engine, examples_of(x->pool), h.n, err));
    return sg_buf_check(payload, "the message of a round", err);
}

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    const struct waiting *x = user;
    const struct sg_prepared *p = x->of->p;
    int task = p->grid.pool[x->pool].task;
    (void)context;
    int64_t n_raw = sg_prepared_shots(p, task, draw_of(p, x->pool))->n;
    int32_t *half = sg_alloc((size_t)n_raw + 1, sizeof *half);
    int64_t *count = sg_alloc((size_t)p->study->task[task].n_classes, sizeof *count);
    sg_status status = half && count ? add_message(x, half, count, payload, err)
                                     : sg_fail_memory(err, (size_t)n_raw * sizeof *half);
    sg_free(half);
    sg_free(count);
    return status == SG_OK ? SG_OK
                           : sg_err_at(err, "the next round of a pool of task %s", p->study->task[task].name);
}

/* What was received, aligned, and the rows of one fit. */
struct fit {
    struct head in;
    int32_t *label, *half, *of; /* (n_raw + n), (n_raw), (n_raw + n) */
    const float *raw, *pool;    /* (n_raw, C), (n, C) */
    float *train;               /* (n_raw + n, C) */
    float *held, *logits;       /* (n_raw, C), (n_raw, K) */
    float *out;                 /* (n_raw, K) */
};

static void fit_free(struct fit *f)
{
    sg_free(f->label);
    sg_free(f->half);
    sg_free(f->of);
    sg_free(f->train);
    sg_free(f->held);
    sg_free(f->logits);
    sg_free(f->out);
}

static sg_status receive(const struct sg_work *w, struct fit *f, struct sg_err *err)
{
    const char *bytes = w->payload;
    if (w->n_payload >= sizeof f->in)
        memcpy(&f->in, bytes, sizeof f->in);
    size_t n_raw = (size_t)f->in.n_raw, n = n_raw + (size_t)f->in.n, C = (size_t)f->in.c_dim,
           K = (size_t)f->in.n_classes, n_label = n * sizeof *f->label, n_half = n_raw * sizeof *f->half,
           n_x = n * C * sizeof *f->train;
    int64_t n_rows, n_pool;
    if (!n_raw || w->n_payload != sizeof f->in + n_label + n_half)
        return sg_fail(err, SG_FAILED, "the message of a round is damaged");
    f->label = sg_alloc(n_label + 1, 1);
    f->half = sg_alloc(n_half + 1, 1);
    f->of = sg_alloc(n_label + 1, 1);
    f->train = sg_alloc(n_x + 1, 1);
    f->held = sg_alloc(n_raw * C + 1, sizeof *f->held);
    f->logits = sg_alloc(n_raw * K + 1, sizeof *f->logits);
    f->out = sg_alloc(n_raw * K + 1, sizeof *f->out);
    if (!f->label || !f->half || !f->of || !f->train || !f->held || !f->logits || !f->out)
        return sg_fail_memory(err, n_x);
    bytes += sizeof f->in;
    memcpy(f->label, bytes, n_label);
    memcpy(f->half, bytes + n_label, n_half);
    f->raw =
        sg_vectors_shared(w, (struct sg_vectors_part){SG_VECTORS_SHOTS, f->in.raw_part}, (int)C, &n_rows);
    f->pool = sg_vectors_shared(w, examples_of(f->in.part), (int)C, &n_pool);
    if (!f->raw || n_rows < f->in.n_raw || n_pool < f->in.n)
        return sg_fail(err, SG_FAILED, "%s", SG_VECTORS_DID_NOT_ARRIVE);
    return SG_OK;
}

/* Fits to the rows of the other half and all examples, and says the classes of this one. Where there is nothing to fit to, all are alike. */
static sg_status say_half(struct fit *f, int32_t half, struct sg_err *err)
{
    int64_t n_raw = f->in.n_raw, C = f->in.c_dim, K = f->in.n_classes, n_train = 0, n_held = 0;
    struct sg_logistic_settings s = sg_probe_settings(f->in.c);
    struct sg_logistic m = {0};
    for (int64_t i = 0; i < n_raw + f->in.n; i++) {
        int is_held = i < n_raw && f->half[i] == half;
        memcpy((is_held ? f->held + n_held * C : f->train + n_train * C),
               i < n_raw ? f->raw + i * C : f->pool + (i - n_raw) * C, (size_t)C * sizeof *f->train);
        if (!is_held)
            f->of[n_train] = f->label[i];
        *(is_held ? &n_held : &n_train) += 1;
    }
    if (!n_held || !n_train)
        return SG_OK;
    SG_TRY(sg_logistic_fit(f->train, f->of, NULL, n_train, (int)C, (int)K, &s, &m, err));
    sg_logistic_logits(&m, f->held, n_held, f->logits);
    sg_logistic_free(&m);
    for (int64_t i = 0, at = 0; i < n_raw; i++)
        if (f->half[i] == half)
            memcpy(f->out + i * K, f->logits + K * at++, (size_t)K * sizeof *f->out);
    return SG_OK;
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    struct fit f = {0};
    (void)context;
    sg_status status = receive(w, &f, err);
    for (int32_t half = 0; status == SG_OK && half < 2; half++)
        status = say_half(&f, half, err);
    if (status == SG_OK) {
        sg_buf_add(result, f.out, (size_t)(f.in.n_raw * f.in.n_classes) * sizeof *f.out);
        status = sg_buf_check(result, "what a classifier says of raw rows", err);
    }
    fit_free(&f);
    return status;
}

static sg_status on_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                         struct sg_err *err)
{
    const struct sg_round_work *w = context;
    const struct waiting *x = user;
    const struct sg_prepared *p = w->p;
    int task = p->grid.pool[x->pool].task;
    (void)e;
    size_t n = (size_t)sg_prepared_shots(p, task, draw_of(p, x->pool))->n *
               (size_t)p->study->task[task].n_classes * sizeof(float);
    if (o->status != SG_OK)
        return sg_fail(err, o->status,
                       "a classifier for the next round of a pool of task %s could not be fitted: %s",
                       p->study->task[task].name, o->reason);
    if (o->n_result != n)
        return sg_fail(err, SG_FAILED, "what a classifier says of raw rows arrived damaged");
    float *logits = sg_alloc(n + 1, 1); /* a copy, aligned */
    if (!logits)
        return sg_fail_memory(err, n);
    memcpy(logits, o->result, n);
    sg_status status = w->done(w->context, x->pool, logits, o->rank, err);
    sg_free(logits);
    return status;
}

struct sg_kind sg_round_work_kind(struct sg_round_work *w, sg_round_work_done done, void *context)
{
    w->done = done;
    w->context = context;
    return (struct sg_kind){.name = "classifier of a round",
                            .slot = SG_SLOT_COMPUTE,
                            .prepare = prepare,
                            .work = work,
                            .done = on_done,
                            .context = w};
}
