#include "experiments/run/raw_models.h"

#include "base/mem.h"

#include <string.h>

enum { FOLDS = 5 };

struct sg_logistic_settings sg_probe_settings(double c)
{
    static const double grid[] = {0.01, 0.1, 1, 10, 100};
    int is_auto = c == SG_PROBE_C_AUTO;
    return (struct sg_logistic_settings){.c = is_auto ? 1 : c,
                                         .n_c_grid = is_auto ? (int)(sizeof grid / sizeof grid[0]) : 0,
                                         .c_grid = grid,
                                         .folds = FOLDS};
}

struct model {
    struct sg_raw_models *of;
    int task;
    int64_t raw, seed_data;
    int64_t item;
    int is_fitted;
    struct sg_logistic fit;
    struct sg_err why; /* it is not fitted */
    struct model *next;
};
struct sg_raw_models {
    const struct sg_prepared *p;
    struct sg_vectors *vectors;
    struct sg_engine *engine; /* rank 0: theirs, once there are any */
    struct model *first;
};

sg_status sg_raw_models_create(const struct sg_prepared *p, struct sg_vectors *vectors,
                               struct sg_raw_models **out, struct sg_err *err)
{
    struct sg_raw_models *m = sg_alloc(1, sizeof *m);
    if (!m)
        return sg_fail_memory(err, sizeof *m);
    *m = (struct sg_raw_models){.p = p, .vectors = vectors};
    *out = m;
    return SG_OK;
}

void sg_raw_models_destroy(struct sg_raw_models *m)
{
    for (struct model *x = m ? m->first : NULL, *next; x; x = next) {
        next = x->next;
        sg_logistic_free(&x->fit);
        sg_free(x);
    }
    sg_free(m);
}

static struct model *find(const struct sg_raw_models *m, const struct sg_cell *c)
{
    struct model *x = m ? m->first : NULL;
    while (x && (x->task != c->task || x->raw != c->raw || x->seed_data != c->seed_data))
        x = x->next;
    return x;
}

static struct sg_vectors_part rows_of(int task)
{
    return (struct sg_vectors_part){SG_VECTORS_TRAIN, task};
}

static struct sg_cell as_much_work(const struct sg_cell *c)
{
    return (struct sg_cell){.task = c->task, .classifier = SG_PROBE, .raw = c->raw};
}

double sg_raw_models_cost(const struct sg_prepared *p)
{
    double cost = 0;
    for (int64_t i = 0; i < p->grid.n_cells; i++) {
        const struct sg_cell *c = &p->grid.cell[i];
        int is_first = sg_arm_needs_raw_model(&c->arm);
        for (int64_t k = i - 1; k >= 0 && is_first && p->grid.cell[k].task == c->task; k--) {
            const struct sg_cell *x = &p->grid.cell[k];
            is_first = !sg_arm_needs_raw_model(&x->arm) || x->raw != c->raw || x->seed_data != c->seed_data;
        }
        struct sg_cell probe = as_much_work(c);
        cost += is_first ? sg_cell_cost(p, &probe) : 0;
    }
    return cost;
}

/* What others wait for goes before all that does. */
enum { PRIORITY = 2 };

static sg_status queue(struct sg_raw_models *m, struct sg_engine *e, int kind_of_vectors, int kind,
                       const struct sg_cell *c, struct model **out, struct sg_err *err)
{
    struct sg_vectors_after after = {0};
    struct model *x = sg_alloc(1, sizeof *x);
    if (!x)
        return sg_fail_memory(err, sizeof *x);
    *x = (struct model){.of = m, .task = c->task, .raw = c->raw, .seed_data = c->seed_data};
    struct sg_cell probe = as_much_work(c);
    sg_status status = sg_vectors_need(m->vectors, e, kind_of_vectors, sg_vectors_train(c), &after, err);
    struct sg_item item = {.kind = kind,
                           .cost = sg_cell_cost(m->p, &probe),
                           .priority = PRIORITY,
                           .max_ranks = 1,
                           .n_after = after.n,
                           .after = after.item,
                           .user = x};
    if (status == SG_OK)
        status = sg_engine_add(e, &item, &x->item, err);
    sg_free(after.item);
    if (status != SG_OK) {
        sg_free(x);
        return status;
    }
    x->next = m->first;
    m->first = *out = x;
    return SG_OK;
}

sg_status sg_raw_models_need(struct sg_raw_models *m, struct sg_engine *e, int kind_of_vectors, int kind,
                             const struct sg_cell *c, struct sg_vectors_after *after, struct sg_err *err)
{
    struct model *x = find(m, c);
    m->engine = e;
    if (!x)
        SG_TRY(queue(m, e, kind_of_vectors, kind, c, &x, err));
    return sg_vectors_after_add(after, &x->item, 1, err);
}

sg_status sg_raw_models_get(const struct sg_raw_models *m, const struct sg_cell *c,
                            const struct sg_logistic **out, struct sg_err *err)
{
    const struct model *x = find(m, c);
    if (!x || !x->is_fitted)
        return sg_fail(err, SG_FAILED, "its raw rows have no classifier: %s",
                       x && x->why.text[0] ? x->why.text : "nobody has fitted it");
    *out = &x->fit;
    return SG_OK;
}

/* ---- the engine's callbacks ---- */

struct rows_head {
    int64_t n, task;
    int32_t c_dim, n_classes;
    double c;
};
struct fit_head {
    int64_t n_iterations;
    double chosen_c;
    int32_t n_present, n_vectors;
};

/* All of the message, or a reason. index: (raw). */
static sg_status add_rows(const struct model *x, int64_t *index, struct sg_buf *payload, struct sg_err *err)
{
    const struct sg_prepared *p = x->of->p;
    const struct sg_task_data *d = &p->data[x->task];
    struct rows_head head = {.n = x->raw,
                             .task = x->task,
                             .c_dim = sg_encoder_channels(p->encoder),
                             .n_classes = p->study->task[x->task].n_classes,
                             .c = p->study->probe.c};
    SG_TRY(sg_raw_draw(d, head.n_classes, x->raw, x->seed_data, index, err));
    sg_buf_add(payload, &head, sizeof head);
    for (int64_t i = 0; i < x->raw; i++)
        sg_buf_add(payload, &d->train_label[index[i]], sizeof *d->train_label);
    for (int64_t i = 0; i < x->raw && !payload->failed; i++) {
        int32_t place = (int32_t)sg_vectors_place(x->of->vectors, rows_of(x->task), index[i]);
        if (place < 0)
            return sg_fail(err, SG_FAILED, "%s", SG_VECTORS_LACK);
        sg_buf_add(payload, &place, sizeof place);
    }
    SG_TRY(sg_vectors_share(x->of->vectors, x->of->engine, rows_of(x->task), -1, err));
    return sg_buf_check(payload, "the message of a classifier of raw rows", err);
}

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    const struct model *x = user;
    struct sg_err why = {0};
    (void)context;
    int64_t *index = sg_alloc((size_t)x->raw + 1, sizeof *index);
    sg_status status = index ? add_rows(x, index, payload, &why) : sg_fail_memory(&why, 8 * (size_t)x->raw);
    sg_free(index);
    if (status != SG_OK) { /* the cells that wait for it fail, not the run */
        struct rows_head none = {0};
        sg_buf_clear(payload);
        sg_buf_add(payload, &none, sizeof none);
        sg_buf_puts(payload, why.text);
    }
    return sg_buf_check(payload, "the message of a classifier of raw rows", err);
}

static sg_status send_back(const struct sg_logistic *m, struct sg_buf *result, struct sg_err *err)
{
    struct fit_head head = {m->n_iterations, m->chosen_c, m->n_present, m->n_vectors};
    size_t n_vectors = (size_t)m->n_vectors;
    sg_buf_add(result, &head, sizeof head);
    sg_buf_add(result, m->present, (size_t)m->n_present * sizeof *m->present);
    sg_buf_add(result, m->w, n_vectors * (size_t)m->c_dim * sizeof *m->w);
    sg_buf_add(result, m->b, n_vectors * sizeof *m->b);
    return sg_buf_check(result, "a classifier of raw rows", err);
}

/* numbers: labels (n), places (n). */
static sg_status fit(const struct sg_work *w, const struct rows_head *in, const int32_t *numbers,
                     struct sg_logistic *m, struct sg_err *err)
{
    int64_t n_part;
    struct sg_logistic_settings s = sg_probe_settings(in->c);
    const float *part = sg_vectors_shared(w, rows_of((int)in->task), in->c_dim, &n_part);
    size_t n_x = (size_t)in->n * (size_t)in->c_dim;
    float *x = sg_alloc(n_x + 1, sizeof *x);
    sg_status status = x ? SG_OK : sg_fail_memory(err, n_x * sizeof *x);
    if (status == SG_OK)
        status = sg_vectors_gather(part, n_part, in->c_dim, numbers + in->n, in->n, x, err);
    if (status == SG_OK)
        status = sg_logistic_fit(x, numbers, NULL, in->n, in->c_dim, in->n_classes, &s, m, err);
    sg_free(x);
    return status;
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    struct rows_head in = {0};
    const char *bytes = w->payload;
    (void)context;
    if (w->n_payload < sizeof in)
        return sg_fail(err, SG_FAILED, "the message of a classifier of raw rows is damaged");
    memcpy(&in, bytes, sizeof in);
    bytes += sizeof in;
    size_t n = w->n_payload - sizeof in;
    if (in.n == 0)
        return sg_fail(err, SG_FAILED, "%.*s", (int)n, bytes);
    if (in.n < 0 || (size_t)in.n > n || n != 2 * (size_t)in.n * sizeof(int32_t))
        return sg_fail(err, SG_FAILED, "the message of a classifier of raw rows is damaged");
    struct sg_logistic m = {0};
    int32_t *numbers = sg_alloc(n + 1, 1); /* a copy, aligned */
    if (!numbers)
        return sg_fail_memory(err, n);
    memcpy(numbers, bytes, n);
    sg_status status = fit(w, &in, numbers, &m, err);
    if (status == SG_OK)
        status = send_back(&m, result, err);
    sg_logistic_free(&m);
    sg_free(numbers);
    return status;
}

static sg_status take(struct model *x, const struct sg_outcome *o, struct sg_err *err)
{
    struct fit_head in = {0};
    const char *bytes = o->result;
    int C = sg_encoder_channels(x->of->p->encoder), K = x->of->p->study->task[x->task].n_classes;
    if (o->n_result >= sizeof in)
        memcpy(&in, bytes, sizeof in);
    size_t n_present = (size_t)in.n_present * sizeof *x->fit.present,
           n_b = (size_t)in.n_vectors * sizeof *x->fit.b, n_w = n_b * (size_t)C;
    if (in.n_present < 1 || in.n_present > K || in.n_vectors < 0 || in.n_vectors > in.n_present ||
        o->n_result != sizeof in + n_present + n_w + n_b)
        return sg_fail(err, SG_FAILED, "a classifier of raw rows arrived damaged");
    struct sg_logistic m = {.n_classes = K,
                            .c_dim = C,
                            .n_present = in.n_present,
                            .present = sg_alloc(n_present + 1, 1),
                            .n_vectors = in.n_vectors,
                            .w = sg_alloc(n_w + 1, 1),
                            .b = sg_alloc(n_b + 1, 1),
                            .chosen_c = in.chosen_c,
                            .n_iterations = in.n_iterations};
    if (!m.present || !m.w || !m.b) {
        sg_logistic_free(&m);
        return sg_fail_memory(err, n_present + n_w + n_b);
    }
    bytes += sizeof in;
    memcpy(m.present, bytes, n_present);
    memcpy(m.w, bytes + n_present, n_w);
    memcpy(m.b, bytes + n_present + n_w, n_b);
    x->fit = m;
    return SG_OK;
}

static sg_status on_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                         struct sg_err *err)
{
    struct model *x = user;
    (void)context, (void)e, (void)err;
    sg_status status =
        o->status == SG_OK ? take(x, o, &x->why) : sg_fail(&x->why, o->status, "%s", o->reason);
    x->is_fitted = status == SG_OK; /* else the cells that wait for it say why */
    return SG_OK;
}

struct sg_kind sg_raw_models_kind(struct sg_raw_models *m)
{
    return (struct sg_kind){.name = "classifier of raw rows",
                            .slot = SG_SLOT_COMPUTE,
                            .prepare = prepare,
                            .work = work,
                            .done = on_done,
                            .context = m};
}
