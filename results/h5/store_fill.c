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

/* float32 blobs may lie anywhere in SQLite's page: copied to be aligned. */
static sg_status floats_of(sqlite3_stmt *s, int at, int64_t n, const char *cell, float **out,
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

static sg_status fill_predictions(struct fill *f, int64_t cell, const struct task *t, const float *logits,
                                  int64_t n, struct sg_err *err)
{
    int n_classes = (int)json_array_size(t->names);
    for (int64_t i = 0; i < n; i++) {
        const float *x = logits + i * n_classes;
        int32_t predicted = sg_argmax(x, n_classes);
        double sum = 0;
        for (int k = 0; k < n_classes; k++)
            sum += f->weight[k] = exp((double)x[k] - (double)x[predicted]);
        int64_t first = f->n_probabilities;
        for (int k = 0; k < n_classes; k++) {
            union sg_value p = {.x = f->weight[k] / sum};
            f->probability[k] = (float)p.x;
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
    SG_TRY_DONE(query(f, "SELECT n, n_classes, logits FROM predictions WHERE cell=?1", id, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    int64_t n = more ? sqlite3_column_int64(s, 0) : 0;
    if (!more || sqlite3_column_int64(s, 1) != n_classes || n != t->n_test) {
        status = sg_fail(err, SG_FAILED,
                         "the ledger is damaged: cell %s (%s) is done, but its predictions do not fit the "
                         "task's %lld test rows",
                         id, t->name, (long long)t->n_test);
        goto done;
    }
    SG_TRY_DONE(floats_of(s, 2, n * n_classes, id, &logits, err));
    per_class = sg_alloc((size_t)n_classes, sizeof *per_class);
    if (!per_class) {
        status = sg_fail_memory(err, (size_t)n_classes * sizeof *per_class);
        goto done;
    }
    sg_metrics_of(t->gold, logits, n, (int)n_classes, m, per_class);
    SG_TRY_DONE(fill_predictions(f, cell, t, logits, n, err));
    status = fill_per_class(f, cell, t, per_class, err);
done:
    sqlite3_finalize(s);
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
    SG_TRY_DONE(query(f, "SELECT n, loss FROM curves WHERE cell=?1", id, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    int64_t n = more ? sqlite3_column_int64(s, 0) : 0;
    if (more)
        SG_TRY_DONE(floats_of(s, 1, n, id, &loss, err));
    for (int64_t i = 0; i < n; i++) {
        union sg_value row[SG_N_CURVES] = {
            [SG_CURVES_cell].i = cell, [SG_CURVES_step].i = i, [SG_CURVES_loss].x = (double)loss[i]};
        SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_CURVES], row, err));
        *last = (double)loss[i];
    }
done:
    sqlite3_finalize(s);
    sg_free(loss);
    return status;
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
    if (!t->filled)
        SG_TRY_DONE(fill_test_rows(f, t, err));
    SG_TRY_DONE(enter_pool(f, column(s, 2), settings, &pool, err));
    if (done) {
        SG_TRY_DONE(fill_result(f, id, cell, t, &m, err));
        SG_TRY_DONE(fill_curve(f, id, cell, &train_loss, err));
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
        [SG_CELLS_threads].x = real_of(result, "threads"),
        [SG_CELLS_kernels].text = sg_json_text_or(result, "kernels", ""),
        [SG_CELLS_rounding].text = sg_json_text_or(result, "rounding", ""),
        [SG_CELLS_encoder_sha256].text = sg_json_text_or(result, "encoder_sha256", ""),
        [SG_CELLS_program].text = sg_json_text_or(result, "program", ""),
        [SG_CELLS_rows_sha256].text = sg_json_text_or(result, "rows_sha256", ""),
        [SG_CELLS_examples_sha256].text = sg_json_text_or(result, "examples_sha256", ""),
        [SG_CELLS_peak_mem_bytes].x = real_of(result, "peak_mem_bytes"),
        [SG_CELLS_host].text = sg_json_text_or(result, "host", ""),
        [SG_CELLS_recorded].text = column(s, 6),
        [SG_CELLS_pool].i = pool,
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

static sg_status fill_rejects(struct fill *f, int64_t at, const json_t *rejects, struct sg_err *err)
{
    struct pool *p = &f->pool[at];
    const char *reason; /* jansson keeps the order of insertion; the ledger's writer sorts */
    json_t *count;
    p->n_rejected = rejects ? 0 : (double)NAN;
    json_object_foreach ((json_t *)(uintptr_t)rejects, reason, count) {
        if (strncmp(reason, "n_", 2) == 0 || !json_is_integer(count) || json_integer_value(count) == 0)
            continue;
        p->n_rejected += (double)json_integer_value(count);
        union sg_value row[SG_N_REJECTS] = {
            [SG_REJECTS_pool].i = at,
            [SG_REJECTS_task].text = p->task,
            [SG_REJECTS_method].text = p->method,
            [SG_REJECTS_reason].text = reason,
            [SG_REJECTS_count].i = json_integer_value(count),
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_REJECTS], row, err));
    }
    return SG_OK;
}

/* "near" of struct sg_ledger_pool's rejects. */
static sg_status fill_near(struct fill *f, int64_t at, const json_t *near, struct sg_err *err)
{
    struct pool *p = &f->pool[at];
    p->n_near_raw = p->n_near_test = p->n_near_pool = near ? 0 : (double)NAN;
    for (size_t i = 0; i < json_array_size(near); i++) {
        const json_t *x = json_array_get(near, i);
        const char *key = json_string_value(json_array_get(x, 0)),
                   *kind = json_string_value(json_array_get(x, 2));
        int64_t position = json_integer_value(json_array_get(x, 1));
        if (!key || !kind)
            return sg_fail(err, SG_INPUT, "the ledger is damaged: a pool's near-duplicates");
        if (position >= 0) {
            p->n_near_raw += strcmp(kind, "raw") == 0;
            p->n_near_test += strcmp(kind, "test") == 0;
            p->n_near_pool += strcmp(kind, "pool") == 0;
        }
        union sg_value row[SG_N_NEAR] = {
            [SG_NEAR_pool].i = at,
            [SG_NEAR_task].text = p->task,
            [SG_NEAR_method].text = p->method,
            [SG_NEAR_position].i = position,
            [SG_NEAR_resembles].text = kind,
            [SG_NEAR_row].i = json_integer_value(json_array_get(x, 3)),
            [SG_NEAR_similarity].x = json_number_value(json_array_get(x, 4)),
            [SG_NEAR_completion].text = key,
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_NEAR], row, err));
    }
    return SG_OK;
}

static int64_t source_of(const json_t *source, int64_t position)
{
    const json_t *x = position < 0 ? NULL : json_array_get(source, (size_t)position);
    return json_is_integer(x) ? (int64_t)json_integer_value(x) : -1;
}

/* source: of struct sg_ledger_pool's rejects; NULL: none. */
static sg_status fill_examples(struct fill *f, int64_t at, const json_t *source, struct sg_err *err)
{
    const struct pool *p = &f->pool[at];
    struct task *t = find_task(f, p->task);
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query(
        f, "SELECT position, label, first, second, completion FROM examples WHERE pool=?1 ORDER BY position",
        p->id, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        union sg_value row[SG_N_EXAMPLES] = {
            [SG_EXAMPLES_pool].i = at,
            [SG_EXAMPLES_position].i = sqlite3_column_int64(s, 0),
            [SG_EXAMPLES_task].text = p->task,
            [SG_EXAMPLES_method].text = p->method,
            [SG_EXAMPLES_label].i = sqlite3_column_int64(s, 1),
            [SG_EXAMPLES_class].text = t ? class_name(t, sqlite3_column_int64(s, 1)) : "",
            [SG_EXAMPLES_text].text = column(s, 2),
            [SG_EXAMPLES_text_pair].text = column(s, 3),
            [SG_EXAMPLES_completion].text = column(s, 4),
            [SG_EXAMPLES_source].i = source_of(source, sqlite3_column_int64(s, 0)),
        };
        SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_EXAMPLES], row, err));
    }
done:
    sqlite3_finalize(s);
    return status;
}

static sg_status fill_diversity(struct fill *f, int64_t at, struct sg_err *err)
{
    const struct pool *p = &f->pool[at];
    sqlite3_stmt *s = NULL;
    json_t *result = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query(f, "SELECT result FROM diversity WHERE pool=?1", p->id, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    if (more)
        SG_TRY_DONE(object_of(column(s, 0), "a pool's diversity", &result, err));
    union sg_value row[SG_N_DIVERSITY] = {
        [SG_DIVERSITY_pool].i = at,
        [SG_DIVERSITY_task].text = p->task,
        [SG_DIVERSITY_method].text = p->method,
        [SG_DIVERSITY_n].x = real_of(result, "n"),
        [SG_DIVERSITY_mean_similarity].x = real_of(result, "mean_similarity"),
        [SG_DIVERSITY_vendi].x = real_of(result, "vendi"),
        [SG_DIVERSITY_effective_rank].x = real_of(result, "effective_rank"),
    };
    status = sg_h5_table_add(f->table[SG_T_DIVERSITY], row, err);
done:
    json_decref(result);
    sqlite3_finalize(s);
    return status;
}

sg_status sg_fill_sum(const struct fill *f, const char *keys, const char *id, struct spend *out,
                      struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    struct spend x = {0};
    /* By key, so that the sums of reals have one order. */
    char *sql =
        sg_strf("WITH asked(key) AS (%s)"
                " SELECT c.status, c.tokens_in, c.tokens_out, c.tokens_estimated, c.cost_usd, c.source, "
                "c.latency_s FROM asked JOIN completions c USING(key) ORDER BY key",
                keys);
    sg_status status = sql ? SG_OK : sg_fail_memory(err, 500);
    if (status == SG_OK)
        SG_TRY_DONE(query(f, sql, id, &s, err));
    for (; status == SG_OK;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        x.n++;
        x.n_failed += sqlite3_column_int(s, 0) != 0;
        x.tokens_in += sqlite3_column_int64(s, 1);
        x.tokens_out += sqlite3_column_int64(s, 2);
        x.n_estimated += sqlite3_column_int(s, 3) != 0;
        /* What failed was not charged for: what may have been all the same is among the attempts. */
        x.n_unknown += sqlite3_column_int(s, 0) == 0 && sqlite3_column_type(s, 4) == SQLITE_NULL;
        x.cost_usd += sqlite3_column_double(s, 4);
        x.n_recorded += sg_ledger_is_imported(column(s, 5));
        x.latency_s += sqlite3_column_double(s, 6);
    }
    if (x.n_unknown)
        x.cost_usd = NAN;
    *out = x;
done:
    sqlite3_finalize(s);
    sg_free(sql);
    return status;
}

static sg_status fill_spend(struct fill *f, int64_t at, struct sg_err *err)
{
    /* A pool whose keys were not told has those of its examples; else they are among the ones told. */
    static const char keys[] =
        "SELECT completion FROM pool_completions WHERE pool=?1 UNION ALL"
        " SELECT DISTINCT completion FROM examples WHERE pool=?1 AND completion IS NOT NULL AND"
        " NOT EXISTS (SELECT 1 FROM pool_completions WHERE pool=?1)";
    const struct pool *p = &f->pool[at];
    struct spend x;
    SG_TRY(sg_fill_sum(f, keys, p->id, &x, err));
    union sg_value row[SG_N_SPEND] = {
        [SG_SPEND_pool].i = at,
        [SG_SPEND_task].text = p->task,
        [SG_SPEND_method].text = p->method,
        [SG_SPEND_model].text = p->model,
        [SG_SPEND_n_requests].i = x.n,
        [SG_SPEND_n_failed].i = x.n_failed,
        [SG_SPEND_n_rejected].x = p->n_rejected,
        [SG_SPEND_tokens_in].i = x.tokens_in,
        [SG_SPEND_tokens_out].i = x.tokens_out,
        [SG_SPEND_n_tokens_estimated].i = x.n_estimated,
        [SG_SPEND_cost_usd].x = x.cost_usd,
        [SG_SPEND_n_cost_unknown].i = x.n_unknown,
        [SG_SPEND_n_recorded].i = x.n_recorded,
        [SG_SPEND_latency_s].x = x.latency_s,
    };
    return sg_h5_table_add(f->table[SG_T_SPEND], row, err);
}

static sg_status fill_pool(struct fill *f, int64_t at, struct sg_err *err)
{
    struct pool *p = &f->pool[at];
    sqlite3_stmt *s = NULL;
    json_t *rejects = NULL;
    int there = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(
        query(f, "SELECT settings, status, n, rejects, shortfall FROM pools WHERE id=?1", p->id, &s, err));
    SG_TRY_DONE(next(f, s, &there, err));
    if (there) {
        json_t *settings = NULL;
        SG_TRY_DONE(object_of(column(s, 0), "a pool's settings", &settings, err));
        json_decref(p->settings);
        p->settings = settings;
        if (column(s, 3)[0])
            SG_TRY_DONE(object_of(column(s, 3), "a pool's rejects", &rejects, err));
    }
    p->task = sg_json_text_or(p->settings, "task", "");
    p->method = sg_json_text_or(p->settings, "method", "");
    p->model = sg_json_text_or(p->settings, "model", "");
    SG_TRY_DONE(fill_rejects(f, at, rejects, err));
    SG_TRY_DONE(fill_near(f, at, json_object_get(rejects, "near"), err));
    union sg_value row[SG_N_POOLS] = {
        [SG_POOLS_pool].i = at,
        [SG_POOLS_task].text = p->task,
        [SG_POOLS_method].text = p->method,
        [SG_POOLS_seed_generation].i = sg_json_int_or(p->settings, "seed_generation", -1),
        [SG_POOLS_model].text = p->model,
        [SG_POOLS_status].text = there ? column(s, 1) : "planned",
        [SG_POOLS_n_wanted].x = there ? real_of(p->settings, "n_wanted") : (double)NAN,
        [SG_POOLS_n].x = there ? (double)sqlite3_column_int64(s, 2) : (double)NAN,
        [SG_POOLS_n_attempts].x = real_of(rejects, "n_attempts"),
        [SG_POOLS_n_rejected].x = p->n_rejected,
        [SG_POOLS_seed_data].i = sg_json_int_or(p->settings, there ? "seed_data" : "", -1),
        [SG_POOLS_n_near_raw].x = p->n_near_raw,
        [SG_POOLS_n_near_test].x = p->n_near_test,
        [SG_POOLS_n_near_pool].x = p->n_near_pool,
        [SG_POOLS_shortfall].text = there ? column(s, 4) : "",
        [SG_POOLS_id].text = p->id,
        [SG_POOLS_settings].text = there ? column(s, 0) : "",
    };
    SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_POOLS], row, err));
    SG_TRY_DONE(fill_examples(f, at, json_object_get(rejects, "source"), err));
    SG_TRY_DONE(fill_diversity(f, at, err));
    status = fill_spend(f, at, err);
done:
    json_decref(rejects);
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
        SG_TRY_DONE(fill_pool(f, i, err));
        /* The pool that this one rephrases is one of the study's, whether or not it has cells. */
        SG_TRY_DONE(enter_pool(f, sg_json_text_or(f->pool[i].settings, "source", ""), f->pool[i].settings,
                               &source, err));
    }
    SG_TRY_DONE(sg_fill_text_stats(f, err));
    SG_TRY_DONE(sg_fill_attempts(f, err));
    status = sg_fill_evaluations(f, err);
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
    for (int64_t i = 0; i < f.n_tasks; i++) {
        json_decref(f.task[i].settings);
        sg_free(f.task[i].gold);
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
