#include "results/h5/store_fill_impl.h"

#include "base/mem.h"
#include "results/stats/metrics.h"

#include <math.h>
#include <string.h>

/* The task of a cell's settings, entered when it is new (its test rows come later). */
static sg_status enter_task(struct fill *f, const json_t *settings, struct task **out, struct sg_err *err)
{
    const char *name = sg_json_text_or(settings, "task", "");
    if ((*out = find_task(f, name)))
        return SG_OK;
    size_t n_classes = json_array_size(json_object_get(settings, "class_names"));
    if (!name[0] || n_classes < 1 || n_classes > SG_MAX_CLASSES)
        return sg_fail(err, SG_FAILED, "the ledger is damaged: a cell's settings name no task or no classes");
    struct task *task = sg_realloc(f->task, (size_t)f->n_tasks + 1, sizeof *task);
    if (!task)
        return sg_fail_memory(err, sizeof *task);
    f->task = task;
    task += f->n_tasks;
    *task = (struct task){.settings = json_deep_copy(settings)};
    task->name = sg_json_text_or(task->settings, "task", "");
    task->names = json_object_get(task->settings, "class_names");
    if (json_object_set_new(f->task_index, name, json_integer(f->n_tasks++)) != 0)
        return sg_fail_memory(err, 100);
    *out = task;
    return SG_OK;
}

/* The place of a cell's pool; -1 for none. */
static sg_status enter_pool(struct fill *f, const char *id, const json_t *settings, int64_t *at,
                            struct sg_err *err)
{
    *at = -1;
    if (!id[0])
        return SG_OK;
    const json_t *known = json_object_get(f->pool_index, id);
    if (known) {
        *at = json_integer_value(known);
        return SG_OK;
    }
    struct pool *pool = sg_realloc(f->pool, (size_t)f->n_pools + 1, sizeof *pool);
    if (!pool)
        return sg_fail_memory(err, sizeof *pool);
    f->pool = pool;
    pool[f->n_pools] =
        (struct pool){.id = sg_strdup(id), .settings = json_deep_copy(settings), .n_rejected = NAN};
    *at = f->n_pools++;
    if (!pool[*at].id || !pool[*at].settings ||
        json_object_set_new(f->pool_index, id, json_integer(*at)) != 0)
        return sg_fail_memory(err, 100);
    return SG_OK;
}

/* A task's classes and test rows. Rows beyond those that cells predicted (a study whose test file was longer
 * once) are left out. */
static sg_status fill_test_rows(struct fill *f, struct task *t, struct sg_err *err)
{
    int64_t n_classes = (int64_t)json_array_size(t->names), n_gold[SG_MAX_CLASSES] = {0}, limit = INT64_MAX;
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    t->filled = 1;
    SG_TRY_DONE(query(f,
                      "SELECT max(p.n) FROM predictions p JOIN cells c ON c.id=p.cell WHERE c.ordinal>=0 AND "
                      "c.status='done' AND"
                      " json_extract(c.settings,'$.task')=?1",
                      t->name, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    if (more && sqlite3_column_type(s, 0) == SQLITE_INTEGER)
        limit = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    s = NULL;
    SG_TRY_DONE(query(f,
                      "SELECT position, label, first, second FROM test_rows WHERE task=?1 ORDER BY position",
                      t->name, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more || t->n_test >= limit)
            break;
        int64_t label = sqlite3_column_int64(s, 1);
        if (sqlite3_column_int64(s, 0) != t->n_test || label < 0 || label >= n_classes) {
            status = sg_fail(err, SG_FAILED, "the ledger is damaged: test rows of %s: no valid row %lld",
                             t->name, (long long)t->n_test);
            goto done;
        }
        if ((t->n_test & (t->n_test - 1)) == 0) { /* at 0, 1, 2, 4, ... rows */
            int32_t *gold = sg_realloc(t->gold, (size_t)t->n_test * 2 + 1, sizeof *gold);
            if (!gold) {
                status = sg_fail_memory(err, (size_t)t->n_test * 8);
                goto done;
            }
            t->gold = gold;
        }
        t->gold[t->n_test] = (int32_t)label;
        n_gold[label]++;
        union sg_value row[SG_N_TEST_ROWS] = {
            [SG_TEST_ROWS_task].text = t->name,      [SG_TEST_ROWS_row].i = t->n_test,
            [SG_TEST_ROWS_label].i = label,          [SG_TEST_ROWS_class].text = class_name(t, label),
            [SG_TEST_ROWS_text].text = column(s, 2), [SG_TEST_ROWS_text_pair].text = column(s, 3),
        };
        t->n_test++;
        SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_TEST_ROWS], row, err));
    }
    for (int64_t k = 0; k < n_classes; k++) {
        union sg_value row[SG_N_CLASSES] = {
            [SG_CLASSES_task].text = t->name,
            [SG_CLASSES_label].i = k,
            [SG_CLASSES_class].text = class_name(t, k),
            [SG_CLASSES_n_test].i = n_gold[k],
        };
        SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_CLASSES], row, err));
    }
done:
    sqlite3_finalize(s);
    return status;
}

sg_status sg_fill_floats(sqlite3_stmt *s, int at, int64_t n, const char *cell, float **out,
                         struct sg_err *err)
{
    if (n < 0 || (int64_t)sqlite3_column_bytes(s, at) != n * (int64_t)sizeof **out)
        return sg_fail(err, SG_FAILED, "the ledger is damaged: the numbers of cell %s have another length",
                       cell);
    float *x = sg_alloc((size_t)n + 1, sizeof *x);
    if (!x)
        return sg_fail_memory(err, (size_t)n * sizeof *x);
    if (n)
        memcpy(x, sqlite3_column_blob(s, at), (size_t)n * sizeof *x);
    *out = x;
    return SG_OK;
}

int32_t sg_fill_softmax(struct fill *f, const float *x, int n_classes)
{
    int32_t predicted = sg_argmax(x, n_classes);
    double sum = 0;
    for (int k = 0; k < n_classes; k++) {
        double below = (double)x[k] - (double)x[predicted];
        sum += f->weight[k] = below == 0 ? 1 : exp(below); /* the top one itself: exp is most of the time */
    }
    for (int k = 0; k < n_classes; k++) {
        f->weight[k] /= sum;
        f->probability[k] = (float)f->weight[k];
    }
    return predicted;
}

static sg_status fill_predictions(struct fill *f, int64_t cell, const struct task *t, const float *logits,
                                  int64_t n, struct sg_err *err)
{
    int n_classes = (int)json_array_size(t->names);
    for (int64_t i = 0; i < n; i++) {
        int32_t predicted = sg_fill_softmax(f, logits + i * n_classes, n_classes);
        int64_t first = f->n_probabilities;
        for (int k = 0; k < n_classes; k++) {
            union sg_value p = {.x = f->weight[k]};
            SG_TRY(sg_h5_table_add(f->table[SG_T_PROBABILITIES], &p, err));
        }
        f->n_probabilities += n_classes;
        union sg_value row[SG_N_PREDICTIONS] = {
            [SG_PREDICTIONS_cell].i = cell,
            [SG_PREDICTIONS_row].i = i,
            [SG_PREDICTIONS_gold].i = t->gold[i],
            [SG_PREDICTIONS_predicted].i = predicted,
            [SG_PREDICTIONS_p_predicted].x = (double)f->probability[predicted],
            [SG_PREDICTIONS_p_gold].x = (double)f->probability[t->gold[i]],
            [SG_PREDICTIONS_first].i = first,
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_PREDICTIONS], row, err));
    }
    return SG_OK;
}

static sg_status fill_per_class(struct fill *f, int64_t cell, const struct task *t,
                                const struct sg_class_metrics *m, struct sg_err *err)
{
    for (int64_t k = 0; k < (int64_t)json_array_size(t->names); k++) {
        union sg_value row[SG_N_PER_CLASS] = {
            [SG_PER_CLASS_cell].i = cell,
            [SG_PER_CLASS_task].text = t->name,
            [SG_PER_CLASS_label].i = k,
            [SG_PER_CLASS_class].text = class_name(t, k),
            [SG_PER_CLASS_precision].x = m[k].precision,
            [SG_PER_CLASS_recall].x = m[k].recall,
            [SG_PER_CLASS_f1].x = m[k].f1,
            [SG_PER_CLASS_n_gold].i = m[k].n_gold,
            [SG_PER_CLASS_n_predicted].i = m[k].n_predicted,
            [SG_PER_CLASS_n_correct].i = m[k].n_correct,
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_PER_CLASS], row, err));
    }
    return SG_OK;
}

/* A finished cell's predictions, metrics and classes. */
static sg_status fill_result(struct fill *f, const char *id, int64_t cell, const struct task *t,
                             struct sg_metrics *m, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    float *logits = NULL;
    struct sg_class_metrics *per_class = NULL;
    int more = 0;
    int64_t n_classes = (int64_t)json_array_size(t->names);
    sg_status status = SG_OK;
    SG_TRY_DONE(query_kept(f, KEPT_PREDICTIONS, "SELECT n, n_classes, logits FROM predictions WHERE cell=?1",
                           id, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    int64_t n = more ? sqlite3_column_int64(s, 0) : 0;
    if (!more || sqlite3_column_int64(s, 1) != n_classes || n != t->n_test) {
        status = sg_fail(err, SG_FAILED,
                         "the ledger is damaged: cell %s (%s) is done, but its predictions do not fit the "
                         "task's %lld test rows",
                         id, t->name, (long long)t->n_test);
        goto done;
    }
    SG_TRY_DONE(sg_fill_floats(s, 2, n * n_classes, id, &logits, err));
    per_class = sg_alloc((size_t)n_classes, sizeof *per_class);
    if (!per_class) {
        status = sg_fail_memory(err, (size_t)n_classes * sizeof *per_class);
        goto done;
    }
    SG_TRY_DONE(sg_metrics_of(t->gold, logits, n, (int)n_classes, m, per_class, err));
    SG_TRY_DONE(fill_predictions(f, cell, t, logits, n, err));
    status = fill_per_class(f, cell, t, per_class, err);
done:
    sg_free(logits);
    sg_free(per_class);
    return status;
}

static sg_status fill_curve(struct fill *f, const char *id, int64_t cell, double *last, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    float *loss = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query_kept(f, KEPT_CURVE, "SELECT n, loss FROM curves WHERE cell=?1", id, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    int64_t n = more ? sqlite3_column_int64(s, 0) : 0;
    if (more)
        SG_TRY_DONE(sg_fill_floats(s, 1, n, id, &loss, err));
    for (int64_t i = 0; i < n; i++) {
        union sg_value row[SG_N_CURVES] = {
            [SG_CURVES_cell].i = cell, [SG_CURVES_step].i = i, [SG_CURVES_loss].x = (double)loss[i]};
        SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_CURVES], row, err));
        *last = (double)loss[i];
    }
done:
    sg_free(loss);
    return status;
}

/* "removed" of a view (experiments/run/views.h). */
static sg_status fill_removed(struct fill *f, int64_t cell, int64_t pool, const struct task *t,
                              const json_t *view, struct sg_err *err)
{
    const json_t *list = json_object_get(view, "removed");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        int64_t label = json_integer_value(json_array_get(x, 1)),
                said = json_integer_value(json_array_get(x, 2));
        const char *class_name = json_string_value(json_array_get(t->names, (size_t)label)),
                   *said_name = json_string_value(json_array_get(t->names, (size_t)said));
        if (label < 0 || said < 0 || !class_name || !said_name)
            return sg_fail(err, SG_INPUT,
                           "the ledger is damaged: examples that verification took out of a cell");
        union sg_value row[SG_N_REMOVED] = {
            [SG_REMOVED_cell].i = cell,
            [SG_REMOVED_pool].i = pool,
            [SG_REMOVED_position].i = json_integer_value(json_array_get(x, 0)),
            [SG_REMOVED_label].i = label,
            [SG_REMOVED_class].text = class_name,
            [SG_REMOVED_predicted].i = said,
            [SG_REMOVED_predicted_class].text = said_name,
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_REMOVED], row, err));
    }
    return SG_OK;
}

/* One row of /cells and all that hangs on it. `s`: id, settings, pool, status, reason, result, created. */
static sg_status fill_cell(struct fill *f, sqlite3_stmt *s, struct sg_err *err)
{
    json_t *settings = NULL, *result = NULL;
    struct task *t = NULL;
    int64_t cell = f->n_cells, pool = -1;
    double train_loss = NAN;
    struct sg_metrics m = sg_metrics_none();
    const char *id = column(s, 0);
    int done = strcmp(column(s, 3), "done") == 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(object_of(column(s, 1), "a cell's settings", &settings, err));
    if (column(s, 5)[0])
        SG_TRY_DONE(object_of(column(s, 5), "a cell's result", &result, err));
    SG_TRY_DONE(enter_task(f, settings, &t, err));
    if (!t->filled) {
        SG_TRY_DONE(fill_test_rows(f, t, err));
        SG_TRY_DONE(sg_fill_test_sets(f, t, err));
    }
    SG_TRY_DONE(enter_pool(f, column(s, 2), settings, &pool, err));
    if (done) {
        SG_TRY_DONE(fill_result(f, id, cell, t, &m, err));
        SG_TRY_DONE(sg_fill_transfer(f, id, cell, t, err));
        SG_TRY_DONE(fill_curve(f, id, cell, &train_loss, err));
        SG_TRY_DONE(fill_removed(f, cell, pool, t, json_object_get(result, "view"), err));
    }
    union sg_value row[SG_N_CELLS] = {
        [SG_CELLS_cell].i = cell,
        [SG_CELLS_task].text = t->name,
        [SG_CELLS_method].text = sg_json_text_or(settings, "method", ""),
        [SG_CELLS_mix].text = sg_json_text_or(settings, "mix", ""),
        [SG_CELLS_size].i = sg_json_int_or(settings, "size", 0),
        [SG_CELLS_raw].i = sg_json_int_or(settings, "raw", 0),
        [SG_CELLS_seed_generation].i = sg_json_int_or(settings, "seed_generation", -1),
        [SG_CELLS_seed_data].i = sg_json_int_or(settings, "seed_data", -1),
        [SG_CELLS_seed_train].i = sg_json_int_or(settings, "seed_train", -1),
        [SG_CELLS_status].text = column(s, 3),
        [SG_CELLS_reason].text = column(s, 4),
        [SG_CELLS_n_classes].i = (int64_t)json_array_size(t->names),
        [SG_CELLS_n_train].x = real_of(result, "n_train"),
        [SG_CELLS_n_raw].x = real_of(result, "n_raw"),
        [SG_CELLS_n_synthetic].x = real_of(result, "n_synthetic"),
        [SG_CELLS_n_test].x = done ? (double)m.n : (double)NAN,
#define X(name, ...) [SG_CELLS_##name].x = m.name,
        SG_METRICS(X)
#undef X
            [SG_CELLS_loss]
                .x = m.loss,
        [SG_CELLS_train_loss].x = train_loss,
        [SG_CELLS_n_steps].x = real_of(result, "n_steps"),
        [SG_CELLS_n_tokens].x = real_of(result, "n_tokens"),
        [SG_CELLS_lanes].x = real_of(result, "lanes"),
        [SG_CELLS_weights_sha256].text = sg_json_text_or(result, "weights_sha256", ""),
        [SG_CELLS_train_s].x = real_of(result, "train_s"),
        [SG_CELLS_eval_s].x = real_of(result, "eval_s"),
        [SG_CELLS_ranks].x = real_of(result, "ranks"),
        [SG_CELLS_teams].x = real_of(result, "teams"),
        [SG_CELLS_rank_s].x = real_of(result, "rank_s"),
        [SG_CELLS_threads].x = real_of(result, "threads"),
        [SG_CELLS_kernels].text = sg_json_text_or(result, "kernels", ""),
        [SG_CELLS_rounding].text = sg_json_text_or(result, "rounding", ""),
        [SG_CELLS_encoder_sha256].text = sg_json_text_or(result, "encoder_sha256", ""),
        [SG_CELLS_program].text = sg_json_text_or(result, "program", ""),
        [SG_CELLS_rows_sha256].text = sg_json_text_or(result, "rows_sha256", ""),
        [SG_CELLS_examples_sha256].text = sg_json_text_or(result, "examples_sha256", ""),
        [SG_CELLS_peak_mem_bytes].x = real_of(result, "peak_mem_bytes"),
        [SG_CELLS_host].text = sg_json_text_or(result, "host", ""),
        [SG_CELLS_rank].x = real_of(result, "rank"),
        [SG_CELLS_recorded].text = column(s, 6),
        [SG_CELLS_pool].i = pool,
        [SG_CELLS_classifier].text = sg_json_text_or(settings, "classifier", "fine_tune"),
        [SG_CELLS_weighting].text = sg_json_text_or(settings, "weighting", "none"),
        [SG_CELLS_verify].text = sg_json_text_or(settings, "verify", "none"),
        [SG_CELLS_n_removed].x = real_of(json_object_get(result, "view"), "n_removed"),
        [SG_CELLS_probe_c].x = real_of(result, "probe_c"),
        [SG_CELLS_id].text = id,
        [SG_CELLS_settings].text = column(s, 1),
    };
    status = sg_h5_table_add(f->table[SG_T_CELLS], row, err);
    f->n_cells++;
done:
    json_decref(settings);
    json_decref(result);
    return status;
}

sg_status sg_fill_has_table(const struct fill *f, const char *table, int *yes, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    sg_status status = query(f, "SELECT 1 FROM sqlite_master WHERE name=?1", table, &s, err);
    if (status == SG_OK)
        status = next(f, s, yes, err);
    sqlite3_finalize(s);
    return status;
}

sg_status sg_fill_each(struct fill *f, const char *table, const char *sql, sg_fill_row each,
                       struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    SG_TRY(sg_fill_has_table(f, table, &more, err));
    if (!more)
        return SG_OK;
    sg_status status = query(f, sql, NULL, &s, err);
    for (int64_t at = 0; status == SG_OK; at++) {
        status = next(f, s, &more, err);
        if (status != SG_OK || !more)
            break;
        status = each(f, s, at, err);
    }
    sqlite3_finalize(s);
    return status;
}

static sg_status fill_all(struct fill *f, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query(f,
                      "SELECT id, settings, pool, status, reason, result, created FROM cells WHERE "
                      "ordinal>=0 ORDER BY ordinal, id",
                      NULL, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        SG_TRY_DONE(fill_cell(f, s, err));
    }
    for (int64_t i = 0; i < f->n_pools; i++) {
        int64_t source;
        SG_TRY_DONE(sg_fill_pool(f, i, err));
        /* The pool that this one rephrases is one of the study's, whether or not it has cells. */
        SG_TRY_DONE(enter_pool(f, sg_json_text_or(f->pool[i].settings, "source", ""), f->pool[i].settings,
                               &source, err));
    }
    SG_TRY_DONE(sg_fill_text_stats(f, err));
    SG_TRY_DONE(sg_fill_measures(f, err));
    SG_TRY_DONE(sg_fill_attempts(f, err));
    SG_TRY_DONE(sg_fill_evaluations(f, err));
    SG_TRY_DONE(sg_fill_contaminations(f, err));
    status = sg_fill_verifications(f, err);
done:
    sqlite3_finalize(s);
    return status;
}

sg_status sg_store_fill(struct sg_ledger *l, struct sg_h5_table *const table[SG_N_TABLES], struct sg_err *err)
{
    struct fill f = {.db = sg_ledger_handle(l),
                     .table = table,
                     .task_index = json_object(),
                     .pool_index = json_object(),
                     .weight = sg_alloc(SG_MAX_CLASSES, sizeof(double)),
                     .probability = sg_alloc(SG_MAX_CLASSES, sizeof(float))};
    sg_status status = f.task_index && f.pool_index && f.weight && f.probability ? fill_all(&f, err)
                                                                                 : sg_fail_memory(err, 4000);
    for (int i = 0; i < N_KEPT; i++)
        sqlite3_finalize(f.kept[i]);
    for (int64_t i = 0; i < f.n_tasks; i++) {
        json_decref(f.task[i].settings);
        sg_free(f.task[i].gold);
        sg_fill_test_sets_free(&f.task[i]);
    }
    for (int64_t i = 0; i < f.n_pools; i++) {
        json_decref(f.pool[i].settings);
        sg_free(f.pool[i].id);
    }
    sg_free(f.task);
    sg_free(f.pool);
    sg_free(f.weight);
    sg_free(f.probability);
    json_decref(f.task_index);
    json_decref(f.pool_index);
    return status;
}
