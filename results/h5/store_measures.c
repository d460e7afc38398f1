#include "base/mem.h"
#include "results/h5/store_fill_impl.h"

/* What the ledger's `diversity` has under this id (a pool's, or that of a task's record); *out NULL where it has none. */
static sg_status record_of(struct fill *f, const char *id, json_t **out, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    *out = NULL;
    SG_TRY_DONE(query(f, "SELECT result FROM diversity WHERE pool=?1", id, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    if (more)
        status = object_of(column(s, 0), "a pool's measures", out, err);
done:
    sqlite3_finalize(s);
    return status;
}

/* x: what was measured; NULL: nothing. */
static sg_status fill_row(struct fill *f, const json_t *x, int64_t pool, const char *task, const char *method,
                          struct sg_err *err)
{
    if (!x)
        return SG_OK;
    union sg_value row[SG_N_POOL_MEASURES] = {[SG_POOL_MEASURES_pool].i = pool,
                                              [SG_POOL_MEASURES_task].text = task,
                                              [SG_POOL_MEASURES_method].text = method,
                                              [SG_POOL_MEASURES_n].x = real_of(x, "n"),
                                              [SG_POOL_MEASURES_n_raw].x = real_of(x, "n_raw"),
                                              [SG_POOL_MEASURES_bandwidth].x = real_of(x, "bandwidth"),
#define X_VALUE(name, ...) [SG_POOL_MEASURES_##name].x = real_of(x, #name),
                                              SG_MEASURES(X_VALUE)};
    return sg_h5_table_add(f->table[SG_T_POOL_MEASURES], row, err);
}

/* list: [[pool a, pool b, distance or null], ...], by ids. Of pools that the study does not have, nothing is shown. */
static sg_status fill_distances(struct fill *f, const json_t *list, const char *task, struct sg_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i), *at[2], *distance = json_array_get(x, 2);
        for (size_t k = 0; k < 2; k++) {
            const char *id = json_string_value(json_array_get(x, k));
            at[k] = id ? json_object_get(f->pool_index, id) : NULL;
        }
        if (!at[0] || !at[1])
            continue;
        int64_t a = json_integer_value(at[0]), b = json_integer_value(at[1]);
        union sg_value row[SG_N_DISTANCES] = {
            [SG_DISTANCES_task].text = task,
            [SG_DISTANCES_pool_a].i = a < b ? a : b,
            [SG_DISTANCES_pool_b].i = a < b ? b : a,
            [SG_DISTANCES_distance].x = json_is_number(distance) ? json_number_value(distance) : (double)NAN,
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_DISTANCES], row, err));
    }
    return SG_OK;
}

static sg_status fill_task(struct fill *f, const struct task *t, struct sg_err *err)
{
    json_t *record = NULL;
    char *id = sg_strf("task:%s", t->name);
    sg_status status = id ? record_of(f, id, &record, err) : sg_fail_memory(err, 100);
    if (status == SG_OK)
        status = fill_row(f, json_object_get(record, "test"), -1, t->name, "", err);
    if (status == SG_OK)
        status = fill_distances(f, json_object_get(record, "distances"), t->name, err);
    json_decref(record);
    sg_free(id);
    return status;
}

/* Whether a pool of the task, of this study, was measured: what an earlier version of the study has left of a task without pools is not its own. */
static int is_measured(const struct fill *f, const char *measured, const struct task *t)
{
    int is = 0;
    for (int64_t i = 0; i < f->n_pools && !is; i++)
        is = measured[i] && strcmp(f->pool[i].task, t->name) == 0;
    return is;
}

static sg_status fill_pools(struct fill *f, char *measured, struct sg_err *err)
{
    for (int64_t i = 0; i < f->n_pools; i++) {
        json_t *record = NULL;
        SG_TRY(record_of(f, f->pool[i].id, &record, err));
        const json_t *against = json_object_get(record, "against");
        measured[i] = against != NULL;
        sg_status status = fill_row(f, against, i, f->pool[i].task, f->pool[i].method, err);
        json_decref(record);
        SG_TRY(status);
    }
    return SG_OK;
}

sg_status sg_fill_measures(struct fill *f, struct sg_err *err)
{
    char *measured = sg_alloc((size_t)f->n_pools + 1, 1);
    sg_status status = measured ? fill_pools(f, measured, err) : sg_fail_memory(err, (size_t)f->n_pools);
    for (int64_t i = 0; i < f->n_tasks && status == SG_OK; i++)
        if (is_measured(f, measured, &f->task[i]))
            status = fill_task(f, &f->task[i], err);
    sg_free(measured);
    return status;
}
