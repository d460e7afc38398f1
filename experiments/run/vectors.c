#include "experiments/run/vectors.h"

#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/measure.h"

#include <jansson.h>
#include <string.h>

enum { CHUNK_ROWS = 128 }; /* of an item: some tens of milliseconds each, so that ranks share a part evenly */

struct chunk {
    struct sg_vectors *of;
    struct part *part;
    int64_t from, to;
};
struct part {
    struct sg_vectors_part what;
    int64_t n;
    int64_t *row;   /* (n) of the file, ascending; NULL: all */
    int64_t *place; /* (rows of the file) where in row; -1: not there. NULL: the same */
    float *x;       /* (n,C) */
    struct chunk **chunk;
    int64_t *item; /* (n_chunks) */
    int64_t n_chunks, n_failed;
    int is_queued;
};
struct sg_vectors {
    const struct sg_prepared *p;
    int c;
    struct part
        *part; /* (2 n_tasks + n_pools + n_tasks n_draws): training rows, held-out rows, pools, shots */
    int64_t n;
};

sg_status sg_vectors_create(const struct sg_prepared *p, struct sg_vectors **out, struct sg_err *err)
{
    struct sg_vectors *v = sg_alloc(1, sizeof *v);
    if (!v)
        return sg_fail_memory(err, sizeof *v);
    *v = (struct sg_vectors){.p = p,
                             .c = sg_encoder_channels(p->encoder),
                             .n = 2 * p->study->n_tasks + p->grid.n_pools + p->study->n_tasks * p->n_draws};
    v->part = sg_alloc((size_t)v->n + 1, sizeof *v->part);
    if (!v->part) {
        sg_free(v);
        return sg_fail_memory(err, (size_t)v->n * sizeof *v->part);
    }
    *out = v;
    return SG_OK;
}

void sg_vectors_destroy(struct sg_vectors *v)
{
    for (int64_t i = 0; v && i < v->n; i++) {
        sg_free(v->part[i].row);
        sg_free(v->part[i].place);
        sg_free(v->part[i].x);
        for (int64_t k = 0; k < v->part[i].n_chunks; k++)
            sg_free(v->part[i].chunk[k]);
        sg_free(v->part[i].chunk);
        sg_free(v->part[i].item);
    }
    if (v)
        sg_free(v->part);
    sg_free(v);
}

static struct part *find(const struct sg_vectors *v, struct sg_vectors_part what)
{
    int64_t n_tasks = v->p->study->n_tasks,
            base[] = {0, n_tasks, 2 * n_tasks, 2 * n_tasks + v->p->grid.n_pools};
    return &v->part[base[what.of] + what.index];
}

static struct sg_row row_of(const struct sg_vectors *v, const struct part *x, int64_t i)
{
    if (x->what.of == SG_VECTORS_TRAIN)
        return v->p->data[x->what.index].train.row[x->row[i]];
    if (x->what.of == SG_VECTORS_HELD_OUT)
        return v->p->data[x->what.index].held_out.row[i];
    if (x->what.of == SG_VECTORS_SHOTS)
        return v->p->shots[x->what.index].row[i];
    struct sg_pool_example e = sg_pool_get(v->p->pool[x->what.index], i);
    return (struct sg_row){.first = (char *)(uintptr_t)e.first, .second = (char *)(uintptr_t)e.second};
}

static int task_of(const struct sg_prepared *p, struct sg_vectors_part what)
{
    return what.of == SG_VECTORS_POOL    ? p->grid.pool[what.index].task
           : what.of == SG_VECTORS_SHOTS ? (int)(what.index / p->n_draws)
                                         : (int)what.index;
}

/* Marks the training rows that some draw takes, and those that are measured. used: (rows), 0 or 1. */
static sg_status mark_rows(const struct sg_prepared *p, int task, char *used, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    const struct sg_task_data *d = &p->data[task];
    int64_t most = s->n_raw ? s->raw[s->n_raw - 1] : 0, *index = NULL, n = 0;
    if (!(index = sg_alloc((size_t)(most > d->train.n ? most : d->train.n) + 1, sizeof *index)))
        return sg_fail_memory(err, 8 * (size_t)d->train.n);
    sg_status status = SG_OK;
    for (int64_t seed = 0; most && status == SG_OK && seed < s->seeds_data; seed++) {
        status = sg_raw_draw(d, s->task[task].n_classes, most, seed, index, err);
        for (int64_t i = 0; status == SG_OK && i < most; i++)
            used[index[i]] = 1;
    }
    sg_measure_sample(d->train.n, index, &n);
    for (int64_t i = 0; i < n; i++)
        used[index[i]] = 1;
    sg_free(index);
    return status;
}

/* *n_chosen: how many. */
static sg_status choose_rows(const struct sg_prepared *p, struct part *x, int64_t *n_chosen,
                             struct sg_err *err)
{
    int64_t n = p->data[x->what.index].train.n;
    *n_chosen = 0;
    char *used = sg_alloc((size_t)n + 1, 1);
    x->row = sg_alloc((size_t)n + 1, sizeof *x->row);
    x->place = sg_alloc((size_t)n + 1, sizeof *x->place);
    sg_status status = used && x->row && x->place ? mark_rows(p, (int)x->what.index, used, err)
                                                  : sg_fail_memory(err, 17 * (size_t)n);
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        x->place[i] = used[i] ? *n_chosen : -1;
        if (used[i])
            x->row[(*n_chosen)++] = i;
    }
    sg_free(used);
    return status;
}

static int64_t rows_now(const struct sg_vectors *v, struct sg_vectors_part what)
{
    return what.of == SG_VECTORS_POOL    ? sg_pool_n(v->p->pool[what.index])
           : what.of == SG_VECTORS_SHOTS ? v->p->shots[what.index].n
                                         : v->p->data[what.index].held_out.n;
}

static double row_cost(const struct sg_prepared *p, struct sg_vectors_part what)
{
    const struct sg_row_lengths *l = &p->length[task_of(p, what)];
    const struct sg_train_settings whole = {0}; /* all layers, whatever train.layers says */
    return sg_infer_flops(p->encoder, &whole, what.of == SG_VECTORS_HELD_OUT ? l->held_out : l->train) /
           SG_CORE_FLOPS;
}

/* Room for n rows, and for the chunks of those that there was none for. */
static sg_status make_room(struct sg_vectors *v, struct part *x, int64_t n, struct sg_err *err)
{
    int64_t n_chunks = x->n_chunks + (n - x->n + CHUNK_ROWS - 1) / CHUNK_ROWS;
    float *rows = sg_realloc(x->x, (size_t)(n * v->c) + 1, sizeof *rows);
    x->x = rows ? rows : x->x;
    struct chunk **chunk = sg_realloc(x->chunk, (size_t)n_chunks + 1, sizeof(struct chunk *));
    x->chunk = chunk ? chunk : x->chunk;
    int64_t *item = sg_realloc(x->item, (size_t)n_chunks + 1, sizeof *item);
    x->item = item ? item : x->item;
    return rows && chunk && item ? SG_OK : sg_fail_memory(err, 4 * (size_t)(n * v->c));
}

/* What buying waits for goes before what cells wait for. */
static int priority(const struct sg_vectors *v, struct sg_vectors_part what)
{
    int is_open = what.of == SG_VECTORS_SHOTS ||
                  (what.of == SG_VECTORS_POOL && !sg_pool_complete(v->p->pool[what.index]));
    return is_open ? 2 : 1;
}

/* Rows [x->n, n) as items. */
static sg_status queue(struct sg_vectors *v, struct part *x, int64_t n, struct sg_engine *e, int kind,
                       struct sg_err *err)
{
    SG_TRY(make_room(v, x, n, err));
    for (int64_t from = x->n; from < n; from = x->n) {
        int64_t to = from + CHUNK_ROWS < n ? from + CHUNK_ROWS : n;
        struct chunk *k = sg_alloc(1, sizeof *k);
        if (!k)
            return sg_fail_memory(err, sizeof *k);
        *k = (struct chunk){v, x, from, to};
        struct sg_item item = {.kind = kind,
                               .cost = (double)(to - from) * row_cost(v->p, x->what),
                               .priority = priority(v, x->what),
                               .max_ranks = 1,
                               .user = k};
        x->chunk[x->n_chunks] = k;
        sg_status status = sg_engine_add(e, &item, &x->item[x->n_chunks], err);
        x->n_chunks++; /* it is freed with the others */
        SG_TRY(status);
        x->n = to;
    }
    return SG_OK;
}

sg_status sg_vectors_after_add(struct sg_vectors_after *after, const int64_t *item, int64_t n,
                               struct sg_err *err)
{
    int64_t *list = sg_realloc(after->item, (size_t)(after->n + n) + 1, sizeof *list);
    if (!list)
        return sg_fail_memory(err, 8 * (size_t)(after->n + n));
    memcpy(list + after->n, item, (size_t)n * sizeof *list);
    after->item = list;
    after->n += n;
    return SG_OK;
}

sg_status sg_vectors_need(struct sg_vectors *v, struct sg_engine *e, int kind, struct sg_vectors_part part,
                          struct sg_vectors_after *after, struct sg_err *err)
{
    struct part *x = find(v, part);
    int64_t n = x->n;
    if (!x->is_queued) {
        x->what = part;
        x->is_queued = 1;
        if (part.of == SG_VECTORS_TRAIN)
            SG_TRY(choose_rows(v->p, x, &n, err));
    }
    if (part.of != SG_VECTORS_TRAIN)
        n = rows_now(v, part);
    if (n > x->n || !x->x)
        SG_TRY(queue(v, x, n, e, kind, err));
    return sg_vectors_after_add(after, x->item, x->n_chunks, err);
}

int64_t sg_vectors_place(const struct sg_vectors *v, struct sg_vectors_part part, int64_t i)
{
    const struct part *x = v ? find(v, part) : NULL;
    if (!x || !x->x || x->n_failed)
        return -1;
    int64_t at = x->place ? x->place[i] : i;
    return at < x->n ? at : -1;
}

const float *sg_vectors_get(const struct sg_vectors *v, struct sg_vectors_part part, int64_t i)
{
    int64_t at = sg_vectors_place(v, part, i);
    return at >= 0 ? find(v, part)->x + at * v->c : NULL;
}

static int64_t number_of(struct sg_vectors_part part)
{
    return sg_shared_number(SG_SHARED_VECTORS + (int)part.of, part.index);
}

static sg_status write_part(void *context, int64_t number, size_t from, size_t to, struct sg_buf *bytes,
                            struct sg_err *err)
{
    const struct sg_vectors *v = context;
    struct sg_vectors_part part = {(enum sg_vectors_of)((number >> 40) - SG_SHARED_VECTORS),
                                   number & (((int64_t)1 << 40) - 1)};
    (void)err;
    sg_buf_add(bytes, (const char *)find(v, part)->x + from, to - from);
    return SG_OK;
}

sg_status sg_vectors_share(struct sg_vectors *v, struct sg_engine *e, struct sg_vectors_part part, int64_t n,
                           struct sg_err *err)
{
    const struct part *x = find(v, part);
    n = n < 0 ? x->n : n;
    if (!x->x || x->n_failed || n > x->n)
        return sg_fail(err, SG_FAILED, "%s", SG_VECTORS_LACK);
    return sg_engine_need(e,
                          &(struct sg_engine_part){.number = number_of(part),
                                                   .n_bytes = (size_t)(n * v->c) * sizeof(float),
                                                   .write = write_part,
                                                   .context = v},
                          err);
}

const float *sg_vectors_shared(const struct sg_work *w, struct sg_vectors_part part, int C, int64_t *n)
{
    size_t n_bytes;
    const float *x = sg_work_part(w, number_of(part), &n_bytes);
    *n = (int64_t)(n_bytes / ((size_t)C * sizeof *x));
    return x;
}

sg_status sg_vectors_gather(const float *part, int64_t n_part, int C, const int32_t *place, int64_t n,
                            float *x, struct sg_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (!part || place[i] < 0 || place[i] >= n_part)
            return sg_fail(err, SG_FAILED, "%s", SG_VECTORS_DID_NOT_ARRIVE);
        memcpy(x + i * C, part + (int64_t)place[i] * C, (size_t)C * sizeof *x);
    }
    return SG_OK;
}

json_t *sg_vectors_text(const char *first, const char *second)
{
    return second ? json_pack("[ss]", first, second) : json_pack("[s]", first);
}

sg_status sg_vectors_embed(const struct sg_prepared *p, const json_t *texts, int64_t from, int64_t to,
                           enum sg_cut cut, enum sg_pooling pooling, float *x, struct sg_err *err)
{
    const struct sg_train_settings *s = &p->study->train;
    struct sg_row *row = sg_alloc((size_t)(to - from) + 1, sizeof *row);
    if (!row)
        return sg_fail_memory(err, (size_t)(to - from) * sizeof *row);
    for (int64_t i = from; i < to; i++) {
        const json_t *r = json_array_get(texts, (size_t)i);
        row[i - from].first = (char *)(uintptr_t)json_string_value(json_array_get(r, 0));
        row[i - from].second = (char *)(uintptr_t)json_string_value(json_array_get(r, 1));
    }
    struct sg_examples e = {.n = to - from, .row = row, .cut = cut};
    sg_status status = e.n ? sg_embed(p->encoder, &e, s->max_length, pooling, s->threads, x, err) : SG_OK;
    sg_free(row);
    return status;
}

/* ---- the engine's callbacks ---- */

/* {"cut", "rows": [[first, second?], ...]} */
static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context;
    const struct chunk *k = user;
    const struct sg_prepared *p = k->of->p;
    json_t *rows = json_array();
    for (int64_t i = k->from; i < k->to; i++) {
        struct sg_row row = row_of(k->of, k->part, i);
        json_array_append_new(rows, sg_vectors_text(row.first, row.second));
    }
    SG_TRY(sg_json_put(
        payload,
        json_pack("{s:i,s:o}", "cut", (int)p->study->task[task_of(p, k->part->what)].cut, "rows", rows),
        err));
    return sg_buf_check(payload, "the texts to embed", err);
}

static sg_status embed(const struct sg_vectors *v, const json_t *o, struct sg_buf *result, struct sg_err *err)
{
    const json_t *rows = json_object_get(o, "rows");
    int64_t n = (int64_t)json_array_size(rows);
    float *x = sg_alloc((size_t)(n * v->c) + 1, sizeof *x);
    if (!x)
        return sg_fail_memory(err, (size_t)(n * v->c) * sizeof *x);
    sg_status status = sg_vectors_embed(v->p, rows, 0, n, (enum sg_cut)sg_json_int_or(o, "cut", 0),
                                        v->p->study->probe.pooling, x, err);
    if (status == SG_OK) {
        sg_buf_add(result, x, (size_t)(n * v->c) * sizeof *x);
        status = sg_buf_check(result, "embeddings", err);
    }
    sg_free(x);
    return status;
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(w->payload, w->n_payload, 0, &why);
    sg_status status = o ? embed(context, o, result, err)
                         : sg_fail(err, SG_FAILED, "texts to embed arrived damaged: %s", why.text);
    json_decref(o);
    return status;
}

static sg_status on_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                         struct sg_err *err)
{
    (void)context, (void)e, (void)err;
    const struct chunk *k = user;
    size_t n = (size_t)((k->to - k->from) * k->of->c) * sizeof(float);
    if (o->status != SG_OK || o->n_result != n)
        k->part->n_failed++; /* the cells that wait for it say so */
    else
        memcpy(k->part->x + k->from * k->of->c, o->result, n);
    return SG_OK;
}

struct sg_kind sg_vectors_kind(struct sg_vectors *v)
{
    return (struct sg_kind){.name = "embedding",
                            .slot = SG_SLOT_COMPUTE,
                            .prepare = prepare,
                            .work = work,
                            .done = on_done,
                            .context = v};
}

double sg_vectors_cost(const struct sg_prepared *p)
{
    const struct sg_study *s = p->study;
    double cost = 0;
    for (int t = 0; t < s->n_tasks; t++) {
        int has_probe = sg_task_has_classifier(s, t, SG_PROBE);
        if (!has_probe && !sg_study_needs_raw_models(s))
            continue;
        const struct sg_task_data *d = &p->data[t];
        double drawn = s->n_raw ? (double)s->raw[s->n_raw - 1] * (double)s->seeds_data : 0,
               rows = SG_MEASURE_ROWS + drawn;
        if (has_probe)
            cost += (double)d->held_out.n * row_cost(p, (struct sg_vectors_part){SG_VECTORS_HELD_OUT, t});
        cost += (rows < (double)d->train.n ? rows : (double)d->train.n) *
                row_cost(p, (struct sg_vectors_part){SG_VECTORS_TRAIN, t});
        for (int64_t i = 0; i < p->grid.n_pools; i++)
            if (p->grid.pool[i].task == t)
                cost += (double)s->size[s->n_sizes - 1] *
                        row_cost(p, (struct sg_vectors_part){SG_VECTORS_POOL, i});
    }
    return cost;
}
