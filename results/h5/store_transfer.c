#include "results/h5/store_fill_impl.h"

#include "base/mem.h"
#include "results/stats/metrics.h"

/* The set of this name, which is the last one or comes anew: rows are ordered by it. */
static sg_status enter_set(struct task *t, const char *name, struct test_set **out, struct sg_err *err)
{
    if (!t->n_sets || strcmp(t->set[t->n_sets - 1].name, name) != 0) {
        struct test_set *set = sg_grown(t->set, t->n_sets, sizeof *set);
        if (!set)
            return sg_fail_memory(err, (size_t)t->n_sets * sizeof *set);
        t->set = set;
        set[t->n_sets] = (struct test_set){.name = sg_strdup(name)};
        if (!set[t->n_sets].name)
            return sg_fail_memory(err, strlen(name));
        t->n_sets++;
    }
    *out = &t->set[t->n_sets - 1];
    return SG_OK;
}

/* s: test_set, position, label, first, second. */
static sg_status fill_set_row(struct fill *f, struct task *t, sqlite3_stmt *s, struct sg_err *err)
{
    struct test_set *x = NULL;
    SG_TRY(enter_set(t, column(s, 0), &x, err));
    int64_t label = sqlite3_column_int64(s, 2);
    if (sqlite3_column_int64(s, 1) != x->n || label < 0 || label >= (int64_t)json_array_size(t->names))
        return sg_fail(err, SG_FAILED, "the ledger is damaged: test set %.64s of %s: no valid row %lld",
                       x->name, t->name, (long long)x->n);
    int32_t *gold = sg_grown(x->gold, x->n, sizeof *gold);
    if (!gold)
        return sg_fail_memory(err, (size_t)x->n * sizeof *gold);
    x->gold = gold;
    gold[x->n] = (int32_t)label;
    union sg_value row[SG_N_TEST_SET_ROWS] = {
        [SG_TEST_SET_ROWS_task].text = t->name,      [SG_TEST_SET_ROWS_set].i = t->n_sets - 1,
        [SG_TEST_SET_ROWS_test_set].text = x->name,  [SG_TEST_SET_ROWS_row].i = x->n++,
        [SG_TEST_SET_ROWS_label].i = label,          [SG_TEST_SET_ROWS_class].text = class_name(t, label),
        [SG_TEST_SET_ROWS_text].text = column(s, 3), [SG_TEST_SET_ROWS_text_pair].text = column(s, 4),
    };
    return sg_h5_table_add(f->table[SG_T_TEST_SET_ROWS], row, err);
}

sg_status sg_fill_test_sets(struct fill *f, struct task *t, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY(sg_fill_has_table(f, "test_set_rows", &more, err));
    if (!more)
        return SG_OK;
    SG_TRY_DONE(query(f,
                      "SELECT test_set, position, label, first, second FROM test_set_rows WHERE task=?1"
                      " ORDER BY test_set, position",
                      t->name, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        SG_TRY_DONE(fill_set_row(f, t, s, err));
    }
done:
    sqlite3_finalize(s);
    return status;
}

void sg_fill_test_sets_free(struct task *t)
{
    for (int64_t i = 0; i < t->n_sets; i++) {
        sg_free(t->set[i].name);
        sg_free(t->set[i].gold);
    }
    sg_free(t->set);
}

static sg_status fill_set_predictions(struct fill *f, int64_t cell, const struct task *t, int64_t set,
                                      const float *logits, struct sg_err *err)
{
    const struct test_set *x = &t->set[set];
    int n_classes = (int)json_array_size(t->names);
    for (int64_t i = 0; i < x->n; i++) {
        int32_t predicted = sg_fill_softmax(f, logits + i * n_classes, n_classes);
        union sg_value row[SG_N_TRANSFER_PREDICTIONS] = {
            [SG_TRANSFER_PREDICTIONS_cell].i = cell,
            [SG_TRANSFER_PREDICTIONS_set].i = set,
            [SG_TRANSFER_PREDICTIONS_row].i = i,
            [SG_TRANSFER_PREDICTIONS_gold].i = x->gold[i],
            [SG_TRANSFER_PREDICTIONS_predicted].i = predicted,
            [SG_TRANSFER_PREDICTIONS_p_predicted].x = (double)f->probability[predicted],
            [SG_TRANSFER_PREDICTIONS_p_gold].x = (double)f->probability[x->gold[i]],
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_TRANSFER_PREDICTIONS], row, err));
    }
    return SG_OK;
}

/* s: the query for one set's n, n_classes, logits; more: whether it has a row. */
static sg_status fill_set(struct fill *f, const char *id, int64_t cell, const struct task *t, int64_t set,
                          sqlite3_stmt *s, int more, struct sg_err *err)
{
    const struct test_set *x = &t->set[set];
    int64_t n_classes = (int64_t)json_array_size(t->names);
    struct sg_metrics m = sg_metrics_none();
    float *logits = NULL;
    if (!more || sqlite3_column_int64(s, 0) != x->n || sqlite3_column_int64(s, 1) != n_classes)
        return sg_fail(err, SG_FAILED,
                       "the ledger is damaged: cell %s (%s) is done, but its predictions do not fit the %lld "
                       "rows of the test set %.64s",
                       id, t->name, (long long)x->n, x->name);
    SG_TRY(sg_fill_floats(s, 2, x->n * n_classes, id, &logits, err));
    sg_status status = sg_metrics_of(x->gold, logits, x->n, (int)n_classes, &m, NULL, err);
    union sg_value row[SG_N_TRANSFER] = {
        [SG_TRANSFER_cell].i = cell,
        [SG_TRANSFER_task].text = t->name,
        [SG_TRANSFER_set].i = set,
        [SG_TRANSFER_test_set].text = x->name,
        [SG_TRANSFER_n_test].i = x->n,
#define X(name, ...) [SG_TRANSFER_##name].x = m.name,
        SG_METRICS(X)
#undef X
            [SG_TRANSFER_loss]
                .x = m.loss,
    };
    if (status == SG_OK)
        status = sg_h5_table_add(f->table[SG_T_TRANSFER], row, err);
    if (status == SG_OK)
        status = fill_set_predictions(f, cell, t, set, logits, err);
    sg_free(logits);
    return status;
}

sg_status sg_fill_transfer(struct fill *f, const char *id, int64_t cell, const struct task *t,
                           struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    sg_status status = SG_OK;
    if (!t->n_sets)
        return SG_OK;
    SG_TRY_DONE(query(f, "SELECT n, n_classes, logits FROM set_predictions WHERE cell=?1 AND test_set=?2", id,
                      &s, err));
    for (int64_t i = 0; i < t->n_sets; i++) {
        int more = 0;
        if (sqlite3_bind_text(s, 2, t->set[i].name, -1, SQLITE_STATIC) != SQLITE_OK)
            SG_TRY_DONE(sql_fail(f, err));
        SG_TRY_DONE(next(f, s, &more, err));
        SG_TRY_DONE(fill_set(f, id, cell, t, i, s, more, err));
        sqlite3_reset(s);
    }
done:
    sqlite3_finalize(s);
    return status;
}
