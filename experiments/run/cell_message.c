#include "experiments/run/cell_message.h"

#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/cell_work.h"

#include <string.h>

static const char NAME[] = "the message of a cell";

void sg_cell_message_free(struct sg_cell_message *m)
{
    json_decref(m->head);
    sg_free(m->raw);
    sg_free(m->kept);
    sg_free(m->quality);
    sg_free(m->label);
    *m = (struct sg_cell_message){0};
}

/* ---- rank 0 ---- */

static sg_status take_view(const struct sg_vectors *vectors, const struct sg_raw_models *models,
                           const struct sg_prepared *p, const struct sg_cell *c, struct sg_cell_message *m,
                           struct sg_err *err)
{
    struct sg_view view = {0};
    if (!sg_arm_is_view(&c->arm))
        return SG_OK;
    SG_TRY(sg_view_take(p, vectors, models, c, m->n_synthetic, &view, err));
    m->n_synthetic = view.n_kept;
    m->kept = view.kept;
    m->quality = view.quality;
    sg_status status = json_object_set(m->head, "view", view.told) == 0 ? SG_OK : sg_fail_memory(err, 64);
    json_decref(view.told);
    return status;
}

static sg_status add_labels(const struct sg_prepared *p, const struct sg_cell *c, struct sg_cell_message *m,
                            struct sg_err *err)
{
    size_t n = (size_t)sg_cell_message_rows(m);
    m->label = sg_alloc(n + 1, sizeof *m->label);
    if (!m->label)
        return sg_fail_memory(err, n * sizeof *m->label);
    for (int64_t i = 0; i < m->n_raw; i++)
        m->label[i] = p->data[c->task].train_label[m->raw[i]];
    for (int64_t i = 0; i < m->n_synthetic; i++)
        m->label[m->n_raw + i] = sg_pool_get(p->pool[c->pool], sg_cell_message_example(m, i)).label;
    return SG_OK;
}

static sg_status make(struct sg_shared_rows *rows, const struct sg_vectors *vectors,
                      const struct sg_raw_models *models, const struct sg_prepared *p,
                      const struct sg_cell *c, int labelled, struct sg_cell_message *m, struct sg_err *err)
{
    const int64_t *row;
    if (c->size && !m->n_synthetic) /* raw rows alone would pass for raw rows with synthetic ones */
        return sg_fail(err, SG_FAILED, "%s", SG_CELL_EMPTY_POOL);
    SG_TRY(sg_shared_rows_draw(rows, c, &row, err));
    m->raw = sg_alloc((size_t)m->n_raw + 1, sizeof *m->raw);
    m->head = json_object();
    if (!m->raw || !m->head)
        return sg_fail_memory(err, (size_t)m->n_raw * sizeof *m->raw);
    for (int64_t i = 0; i < m->n_raw; i++)
        m->raw[i] = (int32_t)row[i];
    SG_TRY(take_view(vectors, models, p, c, m, err));
    return labelled ? add_labels(p, c, m, err) : SG_OK;
}

sg_status sg_cell_message_make(struct sg_shared_rows *rows, const struct sg_vectors *vectors,
                               const struct sg_raw_models *models, const struct sg_prepared *p,
                               const struct sg_cell *c, int labelled, struct sg_cell_message *out,
                               struct sg_err *err)
{
    struct sg_cell_message m = {.task = c->task,
                                .pool = c->pool,
                                .n_raw = c->raw,
                                .n_synthetic = c->pool >= 0 ? sg_pool_prefix(p->pool[c->pool], c->size) : 0};
    sg_status status = make(rows, vectors, models, p, c, labelled, &m, err);
    if (status == SG_OK)
        *out = m;
    else
        sg_cell_message_free(&m);
    return status == SG_INPUT ? SG_FAILED : status;
}

sg_status sg_cell_message_put(const struct sg_cell_message *m, struct sg_buf *payload, struct sg_err *err)
{
    size_t n = (size_t)sg_cell_message_rows(m);
    json_t *head = json_pack("{s:i,s:I,s:I,s:I,s:b,s:b,s:b}", "task", m->task, "pool", (json_int_t)m->pool,
                             "raw", (json_int_t)m->n_raw, "synthetic", (json_int_t)m->n_synthetic, "kept",
                             m->kept != NULL, "weighs", m->quality != NULL, "labelled", m->label != NULL);
    if (head && json_object_update(head, m->head) != 0) {
        json_decref(head);
        head = NULL;
    }
    SG_TRY(sg_json_put_head(payload, head, err));
    sg_buf_add(payload, m->raw, (size_t)m->n_raw * sizeof *m->raw);
    sg_buf_add(payload, m->kept, m->kept ? (size_t)m->n_synthetic * sizeof *m->kept : 0);
    sg_buf_add(payload, m->quality, m->quality ? n * sizeof *m->quality : 0);
    sg_buf_add(payload, m->label, m->label ? n * sizeof *m->label : 0);
    return sg_buf_check(payload, NAME, err);
}

sg_status sg_cell_message_put_failure(const char *why, struct sg_buf *payload, struct sg_err *err)
{
    sg_buf_clear(payload);
    SG_TRY(sg_json_put_head(payload, json_pack("{s:s}", "failed", why), err));
    return sg_buf_check(payload, NAME, err);
}

/* ---- the team ---- */

/* Takes n numbers of 4 bytes from the message, aligned: new memory. */
static sg_status take_numbers(const struct sg_work *w, size_t *at, int64_t n, void *out, struct sg_err *err)
{
    size_t n_bytes = (size_t)n * sizeof(int32_t);
    if (w->n_payload - *at < n_bytes)
        return sg_fail(err, SG_FAILED, "%s is damaged: it is too short", NAME);
    void *numbers = sg_alloc((size_t)n + 1, sizeof(int32_t));
    if (!numbers)
        return sg_fail_memory(err, n_bytes);
    memcpy(numbers, (const char *)w->payload + *at, n_bytes);
    memcpy(out, &numbers, sizeof numbers);
    *at += n_bytes;
    return SG_OK;
}

static sg_status take(const struct sg_prepared *p, const struct sg_work *w, struct sg_cell_message *m,
                      struct sg_err *err)
{
    size_t at;
    SG_TRY(sg_json_take_head(w->payload, w->n_payload, NAME, &m->head, &at, err));
    const char *why = sg_json_text_or(m->head, "failed", NULL);
    if (why)
        return sg_fail(err, SG_FAILED, "%s", why);
    int64_t task = sg_json_int_or(m->head, "task", -1), most = (int64_t)(w->n_payload / sizeof(int32_t));
    m->pool = sg_json_int_or(m->head, "pool", -1);
    m->n_raw = sg_json_int_or(m->head, "raw", -1);
    m->n_synthetic = sg_json_int_or(m->head, "synthetic", -1);
    int has_kept = json_is_true(json_object_get(m->head, "kept"));
    if (task < 0 || task >= p->study->n_tasks || m->n_raw < 0 || m->n_raw > most || m->n_synthetic < 0 ||
        (has_kept && m->n_synthetic > most) || m->n_synthetic > INT32_MAX)
        return sg_fail(err, SG_FAILED, "%s is damaged: it is of no task, or of no number of rows", NAME);
    m->task = (int)task;
    SG_TRY(take_numbers(w, &at, m->n_raw, &m->raw, err));
    if (has_kept)
        SG_TRY(take_numbers(w, &at, m->n_synthetic, &m->kept, err));
    if (json_is_true(json_object_get(m->head, "weighs")))
        SG_TRY(take_numbers(w, &at, sg_cell_message_rows(m), &m->quality, err));
    if (json_is_true(json_object_get(m->head, "labelled")))
        SG_TRY(take_numbers(w, &at, sg_cell_message_rows(m), &m->label, err));
    return at == w->n_payload ? SG_OK : sg_fail(err, SG_FAILED, "%s is damaged: it is too long", NAME);
}

sg_status sg_cell_message_take(const struct sg_prepared *p, const struct sg_work *w,
                               struct sg_cell_message *out, struct sg_err *err)
{
    struct sg_cell_message m = {0};
    sg_status status = take(p, w, &m, err);
    if (status == SG_OK)
        *out = m;
    else
        sg_cell_message_free(&m);
    return status;
}
