#include "experiments/run/shared_rows.h"

#include "base/mem.h"

#include <string.h>

struct task_rows {
    int64_t **
        draw; /* (seeds_data), of the largest raw size: a smaller one is its beginning; NULL: not drawn yet */
    int64_t *row, n;   /* (n) the training rows that some draw takes, ascending; NULL: not known yet */
    int32_t *place;    /* (training rows) where in row; -1: not there */
    size_t n_bytes[2]; /* of SG_SHARED_TRAIN and _HELD_OUT; 0: not known yet */
};
struct pool_rows {
    int64_t n; /* examples when it was packed first */
    size_t n_bytes;
};
struct sg_shared_rows {
    const struct sg_prepared *p;
    struct task_rows *task; /* (n_tasks) */
    struct pool_rows *pool; /* (n_pools) */
};

sg_status sg_shared_rows_create(const struct sg_prepared *p, struct sg_shared_rows **out, struct sg_err *err)
{
    size_t n_tasks = (size_t)p->study->n_tasks, n_pools = (size_t)p->grid.n_pools;
    struct sg_shared_rows *s = sg_alloc(1, sizeof *s);
    if (!s)
        return sg_fail_memory(err, sizeof *s);
    *s = (struct sg_shared_rows){
        .p = p, .task = sg_alloc(n_tasks, sizeof *s->task), .pool = sg_alloc(n_pools + 1, sizeof *s->pool)};
    if (!s->task || !s->pool) {
        sg_shared_rows_destroy(s);
        return sg_fail_memory(err, n_tasks * sizeof *s->task + n_pools * sizeof *s->pool);
    }
    *out = s;
    return SG_OK;
}

void sg_shared_rows_destroy(struct sg_shared_rows *s)
{
    if (!s)
        return;
    for (int t = 0; s->task && t < s->p->study->n_tasks; t++) {
        struct task_rows *x = &s->task[t];
        for (int64_t k = 0; x->draw && k < s->p->study->seeds_data; k++)
            sg_free(x->draw[k]);
        sg_free(x->draw);
        sg_free(x->row);
        sg_free(x->place);
    }
    sg_free(s->task);
    sg_free(s->pool);
    sg_free(s);
}

/* ---- draws ---- */

static int64_t most_raw(const struct sg_study *s)
{
    return s->n_raw ? s->raw[s->n_raw - 1] : 0;
}

static sg_status draw(struct sg_shared_rows *s, int task, int64_t seed, const int64_t **row,
                      struct sg_err *err)
{
    const struct sg_study *study = s->p->study;
    struct task_rows *x = &s->task[task];
    size_t n = (size_t)most_raw(study) + 1;
    if (!x->draw && !(x->draw = sg_alloc((size_t)study->seeds_data, sizeof(int64_t *))))
        return sg_fail_memory(err, (size_t)study->seeds_data * sizeof(int64_t *));
    if (!x->draw[seed]) {
        int64_t *index = sg_alloc(n, sizeof *index);
        if (!index)
            return sg_fail_memory(err, n * sizeof *index);
        sg_status status =
            sg_raw_draw(&s->p->data[task], study->task[task].n_classes, most_raw(study), seed, index, err);
        if (status != SG_OK) {
            sg_free(index);
            return status;
        }
        x->draw[seed] = index;
    }
    *row = x->draw[seed];
    return SG_OK;
}

/* place becomes 0 where a draw takes the row, -1 elsewhere. */
static sg_status mark(struct sg_shared_rows *s, int task, int32_t *place, struct sg_err *err)
{
    const struct sg_study *study = s->p->study;
    const int64_t *row;
    for (int64_t i = 0; i < s->p->data[task].train.n; i++)
        place[i] = -1;
    for (int64_t k = 0; k < study->seeds_data; k++) {
        SG_TRY(draw(s, task, k, &row, err));
        for (int64_t i = 0; i < most_raw(study); i++)
            place[row[i]] = 0;
    }
    return SG_OK;
}

static sg_status choose(struct sg_shared_rows *s, int task, struct sg_err *err)
{
    struct task_rows *x = &s->task[task];
    size_t n = (size_t)s->p->data[task].train.n;
    int32_t *place = sg_alloc(n + 1, sizeof *place);
    int64_t *row = sg_alloc(n + 1, sizeof *row);
    sg_status status = place && row ? mark(s, task, place, err) : sg_fail_memory(err, 12 * n);
    if (status != SG_OK) {
        sg_free(place);
        sg_free(row);
        return status;
    }
    x->n = 0;
    for (size_t i = 0; i < n; i++)
        if (place[i] == 0) {
            place[i] = (int32_t)x->n;
            row[x->n++] = (int64_t)i;
        }
    x->place = place;
    x->row = row;
    return SG_OK;
}

sg_status sg_shared_rows_draw(struct sg_shared_rows *s, const struct sg_cell *c, const int64_t **row,
                              struct sg_err *err)
{
    const struct sg_study *study = s->p->study;
    *row = NULL;
    if (!c->raw)
        return SG_OK;
    if (c->raw > most_raw(study) || c->seed_data < 0 || c->seed_data >= study->seeds_data)
        return sg_fail(err, SG_FAILED, "a cell takes %lld raw rows of draw %lld, which the study has not",
                       (long long)c->raw, (long long)c->seed_data);
    if (!s->task[c->task].row)
        SG_TRY(choose(s, c->task, err));
    return draw(s, c->task, c->seed_data, row, err);
}

int32_t sg_shared_rows_place(const struct sg_shared_rows *s, int task, int64_t row)
{
    return s->task[task].place[row];
}

/* ---- packing ---- */

static int64_t n_rows(const struct sg_shared_rows *s, enum sg_shared of, int64_t index)
{
    return of == SG_SHARED_TRAIN      ? s->task[index].n
           : of == SG_SHARED_HELD_OUT ? s->p->data[index].held_out.n
                                      : s->pool[index].n;
}

/* Row i of the part, and its label. */
static struct sg_pool_example row_of(const struct sg_shared_rows *s, enum sg_shared of, int64_t index,
                                     int64_t i)
{
    if (of == SG_SHARED_POOL)
        return sg_pool_get(s->p->pool[index], i);
    const struct sg_task_data *d = &s->p->data[index];
    int64_t at = of == SG_SHARED_TRAIN ? s->task[index].row[i] : i;
    const struct sg_row *row = of == SG_SHARED_TRAIN ? &d->train.row[at] : &d->held_out.row[at];
    return (struct sg_pool_example){.label =
                                        of == SG_SHARED_TRAIN ? d->train_label[at] : d->held_out_label[at],
                                    .first = row->first,
                                    .second = row->second};
}

static size_t before_texts(int64_t n)
{
    return sizeof n + (size_t)n * (2 * sizeof(int64_t) + sizeof(int32_t));
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static size_t size_of(const struct sg_shared_rows *s, enum sg_shared of, int64_t index)
{
    int64_t n = n_rows(s, of, index);
    size_t size = before_texts(n);
    for (int64_t i = 0; i < n; i++) {
        struct sg_pool_example e = row_of(s, of, index, i);
        size += text_size(e.first) + text_size(e.second);
    }
    return size;
}

static void pack(const struct sg_shared_rows *s, enum sg_shared of, int64_t index, struct sg_buf *b)
{
    int64_t n = n_rows(s, of, index), end = (int64_t)before_texts(n);
    sg_buf_add(b, &n, sizeof n);
    for (int64_t i = 0; i < n; i++) {
        struct sg_pool_example e = row_of(s, of, index, i);
        int64_t n_first = (int64_t)text_size(e.first), n_second = (int64_t)text_size(e.second),
                at[2] = {n_first ? end : -1, n_second ? end + n_first : -1};
        end += n_first + n_second;
        sg_buf_add(b, at, sizeof at);
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t label = row_of(s, of, index, i).label;
        sg_buf_add(b, &label, sizeof label);
    }
    for (int64_t i = 0; i < n; i++) {
        struct sg_pool_example e = row_of(s, of, index, i);
        sg_buf_add(b, e.first, text_size(e.first));
        sg_buf_add(b, e.second, text_size(e.second));
    }
}

/* A part that comes in pieces is packed for each of them, which is rare. */
static sg_status write_part(void *context, int64_t number, size_t from, size_t to, struct sg_buf *bytes,
                            struct sg_err *err)
{
    const struct sg_shared_rows *s = context;
    struct sg_buf whole = sg_buf_make((size_t)1 << 40);
    pack(s, (enum sg_shared)(number >> 40), number & (((int64_t)1 << 40) - 1), &whole);
    sg_status status = sg_buf_check(&whole, "the rows of a task or pool", err);
    if (status == SG_OK && whole.len < to)
        status = sg_fail(err, SG_FAILED, "the rows of a task or pool have changed while they were sent");
    if (status == SG_OK)
        sg_buf_add(bytes, whole.data + from, to - from);
    sg_buf_free(&whole);
    return status;
}

sg_status sg_shared_rows_need(struct sg_shared_rows *s, struct sg_engine *e, enum sg_shared of, int64_t index,
                              struct sg_err *err)
{
    size_t *n_bytes = of == SG_SHARED_POOL ? &s->pool[index].n_bytes : &s->task[index].n_bytes[of];
    if (!*n_bytes) {
        if (of == SG_SHARED_POOL)
            s->pool[index].n = sg_pool_n(s->p->pool[index]);
        *n_bytes = size_of(s, of, index);
    }
    if (of == SG_SHARED_POOL && s->pool[index].n != sg_pool_n(s->p->pool[index]))
        return sg_fail(err, SG_FAILED, "a pool has grown after cells were trained on it");
    return sg_engine_need(e,
                          &(struct sg_engine_part){.number = sg_shared_number((int)of, index),
                                                   .n_bytes = *n_bytes,
                                                   .write = write_part,
                                                   .context = s},
                          err);
}

/* ---- on each rank ---- */

sg_status sg_packed_rows_read(const void *bytes, size_t n_bytes, struct sg_packed_rows *out,
                              struct sg_err *err)
{
    int64_t n = -1;
    if (n_bytes >= sizeof n)
        memcpy(&n, bytes, sizeof n);
    if (n < 0 || (uint64_t)n > n_bytes / (2 * sizeof(int64_t) + sizeof(int32_t)) ||
        before_texts(n) > n_bytes || (n_bytes > before_texts(n) && ((const char *)bytes)[n_bytes - 1] != 0))
        return sg_fail(err, SG_FAILED, "the rows of a task or pool arrived damaged");
    const int64_t *at = (const int64_t *)bytes + 1;
    *out = (struct sg_packed_rows){
        .bytes = bytes, .n_bytes = n_bytes, .n = n, .at = at, .label = (const int32_t *)(at + 2 * n)};
    return SG_OK;
}

sg_status sg_shared_rows_get(const struct sg_work *w, enum sg_shared of, int64_t index,
                             struct sg_packed_rows *out, struct sg_err *err)
{
    size_t n_bytes;
    const void *bytes = sg_work_part(w, sg_shared_number((int)of, index), &n_bytes);
    if (!bytes)
        return sg_fail(
            err, SG_FAILED,
            "its rows did not arrive: there was no memory for them; hint: fewer ranks on the node");
    return sg_packed_rows_read(bytes, n_bytes, out, err);
}

sg_status sg_packed_rows_row(const struct sg_packed_rows *x, int64_t i, struct sg_row *row, int32_t *label,
                             struct sg_err *err)
{
    const char *text[2] = {NULL, NULL};
    int is_there = i >= 0 && i < x->n;
    for (int k = 0; k < 2 && is_there; k++) {
        int64_t at = x->at[2 * i + k];
        is_there = at < (int64_t)x->n_bytes && (at >= (int64_t)before_texts(x->n) || (at == -1 && k));
        if (is_there && at >= 0)
            text[k] = x->bytes + at;
    }
    if (!is_there)
        return sg_fail(err, SG_FAILED, "row %lld of a task or pool is not there, or damaged", (long long)i);
    *row = (struct sg_row){.first = (char *)(uintptr_t)text[0], .second = (char *)(uintptr_t)text[1]};
    *label = x->label[i];
    return SG_OK;
}
