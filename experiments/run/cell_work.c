#include "experiments/run/cell_work.h"

#include "base/build.h"
#include "base/crash.h"
#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/cell_message.h"
#include "experiments/run/external.h"

#include <dirent.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define SNAPSHOT ".run" /* after the cell's id */

/* Training that may be lost: a shorter one leaves nothing on disk. Tests shorten it. */
static double long_s(void)
{
    const char *text = getenv("SG_SNAPSHOT_S");
    char *end = NULL;
    double s = text && *text ? strtod(text, &end) : 0;
    return end && *end == 0 && s > 0 ? s : 60;
}

/* Its seed, and its snapshot file, where the study has a results folder. */
static sg_status name_it(const struct sg_prepared *p, const struct sg_cell *c, struct sg_cell_message *m,
                         struct sg_err *err)
{
    char *path = p->study->results ? sg_strf("%s/%s" SNAPSHOT, p->study->results, c->id) : NULL;
    int is_lost = (p->study->results && !path) ||
                  json_object_set_new(m->head, "seed", json_integer((json_int_t)c->seed_train)) != 0 ||
                  (path && json_object_set_new(m->head, "snapshot", json_string(path)) != 0);
    sg_free(path);
    return is_lost ? sg_fail_memory(err, 1024) : SG_OK;
}

static sg_status need_rows(struct sg_shared_rows *rows, struct sg_engine *e, const struct sg_cell_message *m,
                           struct sg_err *err)
{
    SG_TRY(sg_shared_rows_need(rows, e, SG_SHARED_HELD_OUT, m->task, err));
    if (m->n_raw)
        SG_TRY(sg_shared_rows_need(rows, e, SG_SHARED_TRAIN, m->task, err));
    return m->n_synthetic ? sg_shared_rows_need(rows, e, SG_SHARED_POOL, m->pool, err) : SG_OK;
}

sg_status sg_cell_payload(struct sg_shared_rows *rows, struct sg_engine *e, const struct sg_vectors *vectors,
                          const struct sg_raw_models *models, const struct sg_prepared *p,
                          const struct sg_cell *c, struct sg_buf *payload, struct sg_err *err)
{
    struct sg_cell_message m;
    struct sg_err why = {0};
    if (sg_cell_message_make(rows, vectors, models, p, c, 0, &m, &why) != SG_OK) /* it fails, not the run */
        return sg_cell_message_put_failure(why.text, payload, err);
    for (int64_t i = 0; i < m.n_raw; i++)
        m.raw[i] = sg_shared_rows_place(rows, c->task, m.raw[i]);
    sg_status status = name_it(p, c, &m, err);
    if (status == SG_OK)
        status = need_rows(rows, e, &m, err);
    if (status == SG_OK)
        status = sg_cell_message_put(&m, payload, err);
    sg_cell_message_free(&m);
    return status;
}

void sg_cell_forget_snapshot(const struct sg_prepared *p, const struct sg_cell *c)
{
    char *path = p->study->results ? sg_strf("%s/%s" SNAPSHOT, p->study->results, c->id) : NULL;
    if (path)
        sg_train_snapshot_remove(path);
    sg_free(path);
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

/* A cell's rows, their texts borrowed from the parts. */
struct rows {
    struct sg_examples train, test;
    void *train_memory, *test_memory;
};

/* Room for n rows and labels. */
static sg_status make_room(int64_t n, struct sg_row **row, int32_t **label, void **memory, struct sg_err *err)
{
    *row = *memory = sg_alloc((size_t)n + 1, sizeof **row + sizeof **label);
    *label = (int32_t *)(void *)(*row + n + 1);
    return *memory ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof **row);
}

static sg_status read_train(const struct sg_work *w, const struct sg_cell_message *m, struct rows *x,
                            struct sg_err *err)
{
    struct sg_packed_rows raw = {0}, pool = {0};
    struct sg_row *row;
    int32_t *label;
    int64_t n = sg_cell_message_rows(m);
    if (m->n_raw)
        SG_TRY(sg_shared_rows_get(w, SG_SHARED_TRAIN, m->task, &raw, err));
    if (m->n_synthetic)
        SG_TRY(sg_shared_rows_get(w, SG_SHARED_POOL, m->pool, &pool, err));
    if (m->n_synthetic > (m->kept ? INT32_MAX : pool.n))
        return sg_fail(err, SG_FAILED, "the message of a cell is damaged: its pool has not so many examples");
    SG_TRY(make_room(n, &row, &label, &x->train_memory, err));
    for (int64_t i = 0; i < m->n_raw; i++)
        SG_TRY(sg_packed_rows_row(&raw, m->raw[i], &row[i], &label[i], err));
    for (int64_t i = 0, at = m->n_raw; i < m->n_synthetic; i++, at++)
        SG_TRY(sg_packed_rows_row(&pool, sg_cell_message_example(m, i), &row[at], &label[at], err));
    x->train = (struct sg_examples){.n = n, .row = row, .label = label, .quality = m->quality};
    return SG_OK;
}

static sg_status read_test(const struct sg_work *w, const struct sg_cell_message *m, struct rows *x,
                           struct sg_err *err)
{
    struct sg_packed_rows all;
    struct sg_row *row;
    int32_t *label;
    SG_TRY(sg_shared_rows_get(w, SG_SHARED_HELD_OUT, m->task, &all, err));
    SG_TRY(make_room(all.n, &row, &label, &x->test_memory, err));
    for (int64_t i = 0; i < all.n; i++)
        SG_TRY(sg_packed_rows_row(&all, i, &row[i], &label[i], err));
    x->test = (struct sg_examples){.n = all.n, .row = row, .label = label};
    return SG_OK;
}

static sg_status read_rows(const struct sg_prepared *p, const struct sg_work *w,
                           const struct sg_cell_message *m, struct rows *x, struct sg_err *err)
{
    const struct sg_task *task = &p->study->task[m->task];
    SG_TRY(read_train(w, m, x, err));
    SG_TRY(read_test(w, m, x, err));
    x->train.n_classes = x->test.n_classes = task->n_classes;
    x->train.cut = x->test.cut = task->cut;
    return x->train.n ? SG_OK : sg_fail(err, SG_FAILED, "%s", SG_CELL_EMPTY_POOL);
}

struct result_head {
    int64_t n_text, n_steps, n_eval, n_classes, n_removed;
};

static size_t padding(int64_t n_text)
{
    return (size_t)(-n_text & 7);
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
    if (o && r->n_teams) {
        json_object_set_new(o, "ranks", json_integer((json_int_t)r->most_ranks));
        json_object_set_new(o, "teams", json_integer((json_int_t)r->n_teams));
        json_object_set_new(o, "rank_s", json_real(r->rank_s));
    }
    if (o && more)
        json_object_update(o, more);
    struct result_head head = {.n_steps = r->n_steps,
                               .n_eval = r->n_eval,
                               .n_classes = r->n_classes,
                               .n_removed = sg_json_int_or(json_object_get(o, "view"), "n_removed", 0)};
    char *text = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return sg_fail_memory(err, 1024);
    head.n_text = (int64_t)strlen(text);
    sg_buf_add(result, &head, sizeof head);
    sg_buf_add(result, text, (size_t)head.n_text);
    sg_buf_add(result, "        ", padding(head.n_text));
    free(text);
    sg_buf_add(result, r->loss, (size_t)r->n_steps * sizeof(float));
    sg_buf_add(result, r->logits, (size_t)(r->n_eval * r->n_classes) * sizeof(float));
    return sg_buf_check(result, "the result of a cell", err);
}

static int is_number(int64_t n, size_t most)
{
    return n >= 0 && (uint64_t)n <= most;
}

sg_status sg_cell_result_take(const void *bytes, size_t n, struct sg_cell_found *out, struct sg_err *err)
{
    struct result_head h = {.n_text = -1};
    if (n >= sizeof h)
        memcpy(&h, bytes, sizeof h);
    size_t left = n - sizeof h;
    if (!is_number(h.n_text, left) || !is_number(h.n_steps, left) || !is_number(h.n_eval, left) ||
        !is_number(h.n_classes, 1 << 20) ||
        left != (size_t)h.n_text + padding(h.n_text) +
                    ((size_t)h.n_steps + (size_t)h.n_eval * (size_t)h.n_classes) * sizeof(float))
        return sg_fail(err, SG_FAILED, "the result of a cell arrived damaged");
    const char *text = (const char *)bytes + sizeof h;
    const float *loss = (const float *)(const void *)(text + h.n_text + padding(h.n_text));
    *out = (struct sg_cell_found){text,        h.n_text,    h.n_steps, h.n_eval,
                                  h.n_classes, h.n_removed, loss,      loss + h.n_steps};
    return SG_OK;
}

double sg_cell_kept_after_s(const struct sg_prepared *p)
{
    return p->study->external || !p->study->results ? 0 : long_s();
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

static void visit(const char *site, int64_t item)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)item);
    sg_crash_site(site, number);
}

static int yielding(void *context)
{
    const struct sg_work *w = context;
    return w->yielding(w);
}

static void tell_progress(void *context, int64_t step, int64_t n_steps, double loss)
{
    (void)loss;
    sg_work_progress(context, (double)step / (double)n_steps);
}

static sg_status train_cell(const struct sg_prepared *p, const struct sg_cell_message *m,
                            const struct rows *x, const struct sg_work *w, struct sg_buf *result,
                            struct sg_err *err)
{
    const struct sg_study *study = p->study;
    struct sg_train_settings s = study->train;
    struct sg_train_result r = {0};
    /* Where the folder is not seen by this node, a cell that was cut off starts from the start. */
    const char *path = sg_json_text_or(m->head, "snapshot", NULL);
    struct sg_train_handover hand = {.yielding = yielding, .least_s = 2 * sg_engine_change_s};
    struct sg_train_hooks hooks = {
        .stopping = stopping,
        .saved = saved,
        .progress = tell_progress,
        .context = (void *)(uintptr_t)w,
        .handover = &hand,
        .snapshot = {.path = path, .every_s = long_s(), .least_s = long_s(), .may_fail = 1}};
    sg_status status;
    s.seed = (uint64_t)sg_json_int_or(m->head, "seed", 0);
    if (study->external) {
        status = sg_external_train(study, &study->task[m->task], &s, &x->train, &x->test, w, &r, err);
    } else {
        if (w->team.rank == 0)
            hand.state = sg_work_state_take(w, &hand.n_state);
        status = sg_train(p->encoder, &s, &x->train, &x->test, &w->team, &hooks, NULL, &r, err);
        if (hand.state)
            sg_work_leave_take(w, hand.state, hand.n_state);
    }
    if (status == SG_OK) {
        json_t *view = json_object_get(m->head, "view"),
               *more = view ? json_pack("{s:O}", "view", view) : NULL;
        if (w->team.rank == 0)
            status = sg_cell_result(p->encoder, w, &r, more, result, err);
        json_decref(more);
        status = sg_agree(&w->team, status, err);
    }
    sg_train_result_free(&r);
    return status;
}

sg_status sg_cell_work(const struct sg_prepared *p, const struct sg_work *w, struct sg_buf *result,
                       struct sg_err *err)
{
    struct sg_cell_message m = {0};
    struct rows x = {0};
    sg_status status = sg_cell_message_take(p, w, &m, err);
    if (status == SG_OK)
        status = read_rows(p, w, &m, &x, err);
    visit("cell_begins", w->item);
    status = sg_agree(&w->team, status, err);
    if (status == SG_OK)
        status = train_cell(p, &m, &x, w, result, err);
    sg_cell_message_free(&m);
    sg_free(x.train_memory);
    sg_free(x.test_memory);
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

/* The ledger's text of a cell: what its team has said of it, and what it was trained on. */
static sg_status result_text(const struct sg_cell_found *found, const struct sg_cell_origin *from,
                             const struct sg_outcome *o, int64_t n_synthetic, struct sg_buf *b,
                             struct sg_err *err)
{
    if (found->n_text < 2 || found->text[found->n_text - 1] != '}')
        return sg_fail(err, SG_FAILED, "the result of a cell arrived damaged");
    sg_buf_add(b, found->text, (size_t)found->n_text - 1);
    sg_buf_printf(b, ",\"rank\":%d,\"wall_s\":%.17g", o->rank, o->wall_s);
    sg_buf_printf(b, ",\"n_raw\":%lld,\"n_synthetic\":%lld,\"n_train\":%lld", (long long)from->n_raw,
                  (long long)n_synthetic, (long long)(from->n_raw + n_synthetic));
    sg_buf_printf(b, ",\"rows_sha256\":\"%s\",\"examples_sha256\":\"%s\"", from->rows, from->examples);
    if (from->verdicts && from->verdicts[0])
        sg_buf_printf(b, ",\"verdicts_sha256\":\"%s\"", from->verdicts);
    sg_buf_puts(b, "}");
    return sg_buf_check(b, "the result of a cell", err);
}

static sg_status store_done(struct sg_ledger *l, const struct sg_cell *c, const struct sg_cell_origin *from,
                            const struct sg_outcome *o, const struct sg_cell_found *found,
                            struct sg_buf *text, struct sg_err *err)
{
    char note[96] = "";
    struct sg_ledger_set_predictions *set = NULL;
    struct sg_ledger_cell cell = {.id = c->id, .status = "done", .reason = note};
    SG_TRY(result_text(found, from, o, from->n_synthetic - found->n_removed, text, err));
    SG_TRY(split_sets(from->data, found->logits, found->n_eval, found->n_classes, &cell, &set, err));
    if (from->n_synthetic < c->size)
        snprintf(note, sizeof note, "short pool: %lld of %lld synthetic examples",
                 (long long)from->n_synthetic, (long long)c->size);
    cell.result = sg_buf_text(text);
    cell.n_loss = found->n_steps;
    cell.n_eval = from->data->test.n;
    cell.n_classes = found->n_classes;
    cell.loss = found->loss;
    cell.logits = found->logits;
    sg_status status = sg_ledger_cell_finish(l, &cell, err);
    visit("cell_over", o->item);
    sg_free(set);
    return status;
}

sg_status sg_cell_store(struct sg_ledger *l, const struct sg_cell *c, const struct sg_cell_origin *from,
                        const struct sg_outcome *o, struct sg_err *err)
{
    struct sg_cell_found found;
    struct sg_buf text = sg_buf_make((size_t)1 << 30);
    if (o->status != SG_OK)
        return store_failed(l, c, from, o, err);
    SG_TRY(sg_cell_result_take(o->result, o->n_result, &found, err));
    sg_status status = store_done(l, c, from, o, &found, &text, err);
    sg_buf_free(&text);
    return status;
}
