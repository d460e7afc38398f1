#include "experiments/run/cell_work.h"

#include "base/build.h"
#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/external.h"
#include "experiments/run/views.h"

#include <dirent.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define SNAPSHOT ".run" /* after the cell's id */

static const size_t MESSAGE_MAX = (size_t)1 << 31;

enum { LONG_S = 60 }; /* of training that may be lost: a shorter one leaves nothing on disk */

static json_t *rows_json(const struct sg_examples *x)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < x->n; i++) {
        json_t *row = json_pack("[is]", x->label[i], x->row[i].first);
        if (x->row[i].second)
            json_array_append_new(row, json_string(x->row[i].second));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *settings_json(const struct sg_train_settings *s)
{
    json_t *o = json_object();
    if (o && sg_train_settings_pack(s, o)) {
        json_decref(o);
        return NULL;
    }
    return o;
}

struct sg_cells {
    const struct sg_prepared *p;
    struct test {
        struct sg_buf sent;      /* rank 0: the JSON of its test rows */
        struct sg_buf received;  /* this rank: the same, */
        json_t *tree;            /* what was read of it, */
        struct sg_examples rows; /* and the rows, which borrow from the tree */
        void *memory;
    } * test; /* (n_tasks) */
};

sg_status sg_cells_create(const struct sg_prepared *p, struct sg_cells **out, struct sg_err *err)
{
    size_t n = (size_t)p->study->n_tasks;
    struct sg_cells *c = sg_alloc(1, sizeof *c);
    if (!c || !(c->test = sg_alloc(n, sizeof *c->test))) {
        sg_free(c);
        return sg_fail_memory(err, n * sizeof *c->test);
    }
    c->p = p;
    for (size_t t = 0; t < n; t++)
        c->test[t] = (struct test){.sent = sg_buf_make(MESSAGE_MAX), .received = sg_buf_make(MESSAGE_MAX)};
    *out = c;
    return SG_OK;
}

static void forget_received(struct test *t)
{
    sg_buf_clear(&t->received);
    json_decref(t->tree);
    sg_free(t->memory);
    t->tree = NULL;
    t->memory = NULL;
}

void sg_cells_destroy(struct sg_cells *c)
{
    for (int t = 0; c && t < c->p->study->n_tasks; t++) {
        forget_received(&c->test[t]);
        sg_buf_free(&c->test[t].received);
        sg_buf_free(&c->test[t].sent);
    }
    if (c)
        sg_free(c->test);
    sg_free(c);
}

/* Dumped once: the same rows go out with each cell of the task. */
static sg_status test_rows_json(struct test *t, const struct sg_examples *x, struct sg_err *err)
{
    if (t->sent.len)
        return SG_OK;
    SG_TRY(sg_json_put(&t->sent, rows_json(x), err));
    return sg_buf_check(&t->sent, "the test rows of a task", err);
}

static json_t *quality_json(const float *quality, int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_real((double)quality[i]));
    return list;
}

/* All of a cell's message but its test rows. */
static json_t *head_json(const struct sg_prepared *p, const struct sg_cell *c, const struct sg_view *view,
                         const struct sg_examples *train)
{
    struct sg_train_settings s = p->study->train;
    s.seed = (uint64_t)c->seed_train;
    json_t *o = json_pack("{s:o,s:i,s:i,s:i,s:o}", "settings", settings_json(&s), "task", c->task,
                          "n_classes", train->n_classes, "cut", (int)train->cut, "train", rows_json(train));
    char *path = p->study->results ? sg_strf("%s/%s" SNAPSHOT, p->study->results, c->id) : NULL;
    if (o && path)
        json_object_set_new(o, "snapshot", json_string(path));
    sg_free(path);
    if (o && view->told)
        json_object_set(o, "view", view->told);
    if (o && view->quality)
        json_object_set_new(o, "quality", quality_json(view->quality, train->n));
    return o;
}

/* A view that cannot be taken fails the cell, not the run. */
static json_t *make_head(const struct sg_prepared *p, const struct sg_vectors *vectors,
                         const struct sg_raw_models *models, const struct sg_cell *c,
                         struct sg_cell_rows *rows)
{
    struct sg_err why = {0};
    struct sg_view view = {0};
    if (c->size && !rows->n_synthetic) /* raw rows alone would pass for raw rows with synthetic ones */
        return json_pack("{s:i, s:s}", "task", c->task, "failed", SG_CELL_EMPTY_POOL);
    if (sg_arm_is_view(&c->arm) && sg_view_take(p, vectors, models, c, rows, &view, &why) != SG_OK)
        return json_pack("{s:i, s:s}", "task", c->task, "failed", why.text);
    json_t *o = head_json(p, c, &view, &rows->train);
    sg_view_free(&view);
    return o;
}

sg_status sg_cell_payload(struct sg_cells *cells, const struct sg_vectors *vectors,
                          const struct sg_raw_models *models, const struct sg_cell *c, struct sg_buf *payload,
                          struct sg_err *err)
{
    struct sg_cell_rows rows;
    struct test *t = &cells->test[c->task];
    SG_TRY(sg_cell_rows_make(cells->p, c, &rows, err));
    sg_status status = test_rows_json(t, &rows.test, err);
    json_t *o = status == SG_OK ? make_head(cells->p, vectors, models, c, &rows) : NULL;
    sg_cell_rows_free(&rows);
    if (status == SG_OK)
        status = sg_json_put_head(payload, o, err);
    if (status != SG_OK)
        return status;
    sg_buf_add(payload, t->sent.data, t->sent.len);
    return sg_buf_check(payload, "the message of a cell", err);
}

/* Whether a name in the results folder is that of a snapshot, or of what a killed writer has left of one (model/snapshot.h). */
static int is_snapshot(const char *name, char id[SG_HEX])
{
    static const char *const end[] = {SNAPSHOT, SNAPSHOT ".tmp"};
    size_t n = strspn(name, "0123456789abcdef");
    if (n != SG_HEX - 1 || (strcmp(name + n, end[0]) != 0 && strcmp(name + n, end[1]) != 0))
        return 0;
    memcpy(id, name, n);
    id[n] = 0;
    return 1;
}

/* Whether a run of this study may still go on from the cell's snapshot: a failed cell may be tried again. */
static sg_status is_open(const struct sg_prepared *p, struct sg_ledger *l, const char *id, int *open,
                         struct sg_err *err)
{
    char status[16];
    *open = 0;
    for (int64_t i = 0; i < p->grid.n_cells && !*open; i++)
        *open = strcmp(p->grid.cell[i].id, id) == 0;
    SG_TRY(sg_ledger_cell_status(l, id, status, err));
    *open &= strcmp(status, "done") != 0;
    return SG_OK;
}

sg_status sg_cell_tidy(const struct sg_prepared *p, struct sg_ledger *l, struct sg_err *err)
{
    DIR *dir = opendir(p->study->results);
    sg_status status = SG_OK;
    for (const struct dirent *e; dir && status == SG_OK && (e = readdir(dir));) {
        char id[SG_HEX];
        int open;
        if (!is_snapshot(e->d_name, id))
            continue;
        status = is_open(p, l, id, &open, err);
        if (status == SG_OK && !open)
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        closedir(dir);
    return status;
}

/* Rows that borrow their text from the JSON tree. */
static sg_status read_rows(const json_t *list, struct sg_examples *x, void **memory, struct sg_err *err)
{
    size_t n = json_array_size(list);
    struct sg_row *row = sg_alloc(n + 1, sizeof *row + sizeof(int32_t));
    if (!row)
        return sg_fail_memory(err, n * sizeof *row);
    int32_t *label = (int32_t *)(void *)(row + n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *r = json_array_get(list, i);
        label[i] = (int32_t)json_integer_value(json_array_get(r, 0));
        row[i].first = (char *)(uintptr_t)json_string_value(json_array_get(r, 1));
        row[i].second = (char *)(uintptr_t)json_string_value(json_array_get(r, 2));
    }
    *memory = row;
    x->n = (int64_t)n;
    x->row = row;
    x->label = label;
    return SG_OK;
}

sg_status sg_cell_result(const struct sg_encoder *encoder, const struct sg_work *w,
                         const struct sg_train_result *r, json_t *more, struct sg_buf *result,
                         struct sg_err *err)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    json_t *o = json_pack(
        "{s:I,s:I,s:i,s:f,s:f,s:i,s:I,s:s,s:s,s:s,s:I,s:s,s:s,s:s}", "n_steps", (json_int_t)r->n_steps,
        "n_eval", (json_int_t)r->n_eval, "n_classes", r->n_classes, "train_s", r->train_s, "eval_s",
        r->eval_s, "ranks", w->team.size, "threads", (json_int_t)r->threads, "kernels", r->kernels,
        "rounding", r->rounding, "weights_sha256", r->digest, "peak_mem_bytes", (json_int_t)r->peak_mem_bytes,
        "host", host, "encoder_sha256", sg_encoder_digest(encoder), "program", sg_build_name());
    if (o && r->n_steps) {
        json_object_set_new(o, "n_tokens", json_integer((json_int_t)r->n_tokens));
        json_object_set_new(o, "lanes", json_integer((json_int_t)r->lanes));
    }
    if (o && r->first_step)
        json_object_set_new(o, "first_step", json_integer((json_int_t)r->first_step));
    if (o && more)
        json_object_update(o, more);
    SG_TRY(sg_json_put_head(result, o, err));
    sg_buf_add(result, r->loss, (size_t)r->n_steps * sizeof(float));
    sg_buf_add(result, r->logits, (size_t)(r->n_eval * r->n_classes) * sizeof(float));
    return sg_buf_check(result, "the result of a cell", err);
}

static int stopping(void *context)
{
    const struct sg_work *w = context;
    return w->stopping(w);
}

/* Rank 0 of the job hears of it; the snapshot is there all the same if not. */
static void saved(void *context, int64_t step)
{
    struct sg_err unsaid;
    (void)!sg_work_emit(context, &step, sizeof step, &unsaid);
}

/* The test rows behind the head: read anew where they are not those of the task's cell before. */
static sg_status receive_test_rows(struct test *t, const char *bytes, size_t n, struct sg_err *err)
{
    if (t->memory && t->received.len == n && memcmp(t->received.data, bytes, n) == 0)
        return SG_OK;
    forget_received(t);
    json_error_t why;
    sg_buf_add(&t->received, bytes, n);
    SG_TRY(sg_buf_check(&t->received, "the test rows of a task", err));
    t->tree = json_loadb(bytes, n, 0, &why);
    return t->tree ? read_rows(t->tree, &t->rows, &t->memory, err)
                   : sg_fail(err, SG_FAILED, "the test rows of a cell are damaged: %s", why.text);
}

static sg_status train_cell(struct sg_cells *cells, const json_t *o, const struct sg_examples *train,
                            const struct sg_examples *test, const struct sg_work *w, struct sg_buf *result,
                            struct sg_err *err)
{
    struct sg_train_settings s = {0};
    struct sg_train_result r = {0};
    /* Where the folder is not seen by this node, a cell that was cut off starts from the start. */
    const char *path = sg_json_text_or(o, "snapshot", NULL);
    struct sg_train_hooks hooks = {
        .stopping = stopping,
        .saved = saved,
        .context = (void *)(uintptr_t)w,
        .snapshot = {.path = path, .every_s = LONG_S, .least_s = LONG_S, .may_fail = 1}};
    sg_status status =
        sg_agree(&w->team, sg_train_settings_unpack(json_object_get(o, "settings"), &s, err), err);
    const struct sg_study *study = cells->p->study;
    if (status == SG_OK && study->external)
        status =
            sg_external_train(study, &study->task[sg_json_int_or(o, "task", 0)], &s, train, test, w, &r, err);
    else if (status == SG_OK)
        status = sg_train(cells->p->encoder, &s, train, test, &w->team, &hooks, NULL, &r, err);
    if (status == SG_OK) {
        json_t *view = json_object_get(o, "view"), *more = view ? json_pack("{s:O}", "view", view) : NULL;
        if (w->team.rank == 0)
            status = sg_cell_result(cells->p->encoder, w, &r, more, result, err);
        json_decref(more);
        status = sg_agree(&w->team, status, err);
    }
    if (status == SG_OK && path && w->team.rank == 0)
        sg_train_snapshot_remove(path);
    sg_train_result_free(&r);
    return status;
}

/* The train rows' quality, if the message has it: new memory. */
static sg_status read_quality(const json_t *o, int64_t n, float **out, struct sg_err *err)
{
    const json_t *list = json_object_get(o, "quality");
    if (!list)
        return SG_OK;
    if ((int64_t)json_array_size(list) != n)
        return sg_fail(err, SG_FAILED,
                       "the message of a cell is damaged: its weights are not those of its rows");
    float *x = sg_alloc((size_t)n + 1, sizeof *x);
    if (!x)
        return sg_fail_memory(err, (size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)json_number_value(json_array_get(list, (size_t)i));
    *out = x;
    return SG_OK;
}

sg_status sg_cell_work(struct sg_cells *cells, const struct sg_work *w, struct sg_buf *result,
                       struct sg_err *err)
{
    json_t *o = NULL;
    size_t at = 0;
    struct sg_examples train = {0}, test = {0};
    void *memory = NULL;
    float *quality = NULL;
    sg_status status = sg_json_take_head(w->payload, w->n_payload, "the message of a cell", &o, &at, err);
    const char *why = sg_json_text_or(o, "failed", NULL);
    if (status == SG_OK && why)
        status = sg_fail(err, SG_FAILED, "%s", why);
    int64_t task = sg_json_int_or(o, "task", -1);
    if (status == SG_OK && (task < 0 || task >= cells->p->study->n_tasks))
        status = sg_fail(err, SG_FAILED, "the message of a cell is damaged: it is of no task");
    if (status == SG_OK)
        status = read_rows(json_object_get(o, "train"), &train, &memory, err);
    if (status == SG_OK)
        status = read_quality(o, train.n, &quality, err);
    train.quality = quality;
    if (status == SG_OK)
        status = receive_test_rows(&cells->test[task], (const char *)w->payload + at, w->n_payload - at, err);
    if (status == SG_OK)
        test = cells->test[task].rows;
    train.n_classes = test.n_classes = (int)sg_json_int_or(o, "n_classes", 0);
    train.cut = test.cut = (enum sg_cut)sg_json_int_or(o, "cut", 0);
    if (status == SG_OK && train.n == 0)
        status = sg_fail(err, SG_FAILED, SG_CELL_EMPTY_POOL);
    status = sg_agree(&w->team, status, err);
    if (status == SG_OK)
        status = train_cell(cells, o, &train, &test, w, result, err);
    sg_free(memory);
    sg_free(quality);
    json_decref(o);
    return status;
}

static void set_origin(json_t *o, const struct sg_cell_origin *from)
{
    json_object_set_new(o, "rows_sha256", json_string(from->rows));
    json_object_set_new(o, "examples_sha256", json_string(from->examples));
    if (from->verdicts && from->verdicts[0])
        json_object_set_new(o, "verdicts_sha256", json_string(from->verdicts));
}

/* What it failed on is kept, too: with other texts it is tried again. And where: a node may be what is wrong. */
static sg_status store_failed(struct sg_ledger *l, const struct sg_cell *c, const struct sg_cell_origin *from,
                              const struct sg_outcome *outcome, struct sg_err *err)
{
    json_t *o = json_pack("{s:i,s:i,s:f}", "rank", outcome->rank, "ranks", outcome->n_ranks, "wall_s",
                          outcome->wall_s);
    set_origin(o, from);
    if (from->host)
        json_object_set_new(o, "host", json_string(from->host));
    char *text = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return sg_fail_memory(err, 1024);
    struct sg_ledger_cell cell = {.id = c->id, .status = "failed", .reason = outcome->reason, .result = text};
    sg_status status = sg_ledger_cell_finish(l, &cell, err);
    free(text);
    return status;
}

/* Which of a cell's logits (n_eval, k) are of which further test set. *set: new memory. */
static sg_status split_sets(const struct sg_task_data *d, const float *logits, int64_t n_eval, int64_t k,
                            struct sg_ledger_cell *cell, struct sg_ledger_set_predictions **set,
                            struct sg_err *err)
{
    if (n_eval != d->held_out.n)
        return sg_fail(err, SG_FAILED, "the result of a cell arrived damaged");
    struct sg_ledger_set_predictions *list = sg_alloc((size_t)d->n_sets + 1, sizeof *list);
    if (!list)
        return sg_fail_memory(err, (size_t)d->n_sets * sizeof *list);
    int64_t at = d->test.n;
    for (int i = 0; i < d->n_sets; at += d->set[i++].rows.n)
        list[i] = (struct sg_ledger_set_predictions){d->set[i].name, d->set[i].rows.n, logits + at * k};
    cell->n_sets = d->n_sets;
    cell->set = *set = list;
    return SG_OK;
}

sg_status sg_cell_store(struct sg_ledger *l, const struct sg_cell *c, const struct sg_cell_origin *from,
                        const struct sg_outcome *o, struct sg_err *err)
{
    struct sg_ledger_cell cell = {.id = c->id, .status = "done"};
    if (o->status != SG_OK)
        return store_failed(l, c, from, o, err);
    int64_t n_synthetic = from->n_synthetic;
    size_t at;
    json_t *head;
    SG_TRY(sg_json_take_head(o->result, o->n_result, "the result of a cell", &head, &at, err));
    int64_t n_loss = sg_json_int_or(head, "n_steps", 0), n_eval = sg_json_int_or(head, "n_eval", 0),
            k = sg_json_int_or(head, "n_classes", 0);
    size_t n_floats = (size_t)(n_loss + n_eval * k);
    if (o->n_result != at + n_floats * sizeof(float)) {
        json_decref(head);
        return sg_fail(err, SG_FAILED, "the result of a cell arrived damaged");
    }
    int64_t n_kept = n_synthetic - sg_json_int_or(json_object_get(head, "view"), "n_removed", 0);
    json_object_set_new(head, "rank", json_integer(o->rank));
    json_object_set_new(head, "wall_s", json_real(o->wall_s));
    json_object_set_new(head, "n_raw", json_integer(from->n_raw));
    json_object_set_new(head, "n_synthetic", json_integer(n_kept));
    json_object_set_new(head, "n_train", json_integer(from->n_raw + n_kept));
    set_origin(head, from);
    char *text = json_dumps(head, JSON_SORT_KEYS | JSON_COMPACT), note[96] = "";
    json_decref(head);
    float *x = sg_alloc(n_floats + 1, sizeof *x); /* aligned */
    struct sg_ledger_set_predictions *set = NULL;
    sg_status status = text && x ? SG_OK : sg_fail_memory(err, n_floats * sizeof *x);
    if (status == SG_OK)
        status = split_sets(from->data, x + n_loss, n_eval, k, &cell, &set, err);
    if (status == SG_OK) {
        memcpy(x, (const char *)o->result + at, n_floats * sizeof *x);
        if (n_synthetic < c->size)
            snprintf(note, sizeof note, "short pool: %lld of %lld synthetic examples", (long long)n_synthetic,
                     (long long)c->size);
        cell.reason = note;
        cell.result = text;
        cell.n_loss = n_loss;
        cell.n_eval = from->data->test.n;
        cell.n_classes = k;
        cell.loss = x;
        cell.logits = x + n_loss;
        status = sg_ledger_cell_finish(l, &cell, err);
    }
    free(text);
    sg_free(x);
    sg_free(set);
    return status;
}
