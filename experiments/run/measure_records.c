#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/measure_impl.h"
#include "experiments/run/texts.h"
#include "model/kernels/ops.h"
#include "results/ledger/ledger_trained.h"

#include <math.h>
#include <string.h>

json_t *sg_measured_with(const struct sg_prepared *p)
{
    return json_pack("{s:s,s:I,s:s}", "encoder_sha256", sg_encoder_digest(p->encoder), "max_length",
                     (json_int_t)p->study->train.max_length, "rounding",
                     sg_rounding_name(sg_ops_best(SG_FP32)->rounding));
}

/* What the numbers against raw rows depend on besides. */
static void set_against(json_t *o, const struct sg_part *raw)
{
    json_object_set_new(o, "version", json_integer(SG_MEASURES_VERSION));
    json_object_set_new(o, "rows", json_integer(SG_MEASURE_ROWS));
    json_object_set_new(o, "raw_sha256", json_string(raw->texts));
}

/* Whether all of `part` stands in `whole`. */
static int contains(const json_t *whole, json_t *part)
{
    const char *key;
    json_t *value;
    json_object_foreach (part, key, value)
        if (!json_equal(json_object_get(whole, key), value))
            return 0;
    return 1;
}

/* NULL: there is none, or it is no JSON. */
static sg_status get(struct sg_ledger *l, const char *id, json_t **out, struct sg_err *err)
{
    char *text = NULL;
    SG_TRY(sg_ledger_diversity_get(l, id, &text, err));
    *out = text ? json_loads(text, 0, NULL) : NULL;
    sg_free(text);
    return SG_OK;
}

static sg_status put(struct sg_ledger *l, const char *id, const json_t *o, struct sg_err *err)
{
    char *text = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    sg_status status = text ? sg_ledger_diversity_put(l, id, text, err) : sg_fail_memory(err, 1024);
    free(text);
    return status;
}

/* JSON has no NaN: an absent name is a number that does not exist. */
static void set_number(json_t *o, const char *name, double value)
{
    if (isfinite(value))
        json_object_set_new(o, name, json_real(value));
    else
        json_object_del(o, name);
}

static json_t *numbers_of(const struct sg_measures *m)
{
    json_t *o = json_pack("{s:I,s:I}", "n", (json_int_t)m->n, "n_raw", (json_int_t)m->n_raw);
    set_number(o, "bandwidth", m->bandwidth);
#define X_SET(name, ...) set_number(o, #name, m->name);
    SG_MEASURES(X_SET)
    return o;
}

/* A pool's record, whose diversity holds, or NULL. */
static json_t *if_holds(const struct sg_prepared *p, const char *texts, json_t *record)
{
    json_t *with = sg_measured_with(p);
    int holds = record && with && contains(record, with) &&
                (!texts || strcmp(sg_json_text_or(record, "examples_sha256", ""), texts) == 0);
    json_decref(with);
    if (holds)
        return record;
    json_decref(record);
    return NULL;
}

sg_status sg_measure_diversity_forget(const struct sg_prepared *p, int64_t i, int texts,
                                      struct sg_ledger *ledger, struct sg_err *err)
{
    char hex[SG_HEX];
    json_t *record = NULL;
    const char *id = sg_pool_id(p->pool[i]);
    if (texts)
        SG_TRY(sg_texts_of_pool(p->pool[i], sg_pool_n(p->pool[i]), hex, err));
    SG_TRY(get(ledger, id, &record, err));
    int is_there = record != NULL;
    record = if_holds(p, texts ? hex : NULL, record);
    int holds = record != NULL;
    json_decref(record);
    if (holds || !is_there)
        return SG_OK;
    SG_TRY(sg_ledger_diversity_clear(ledger, id, err));
    /* The distances to the task's other pools go with it. */
    char *task = sg_strf("task:%s", p->study->task[p->grid.pool[i].task].name);
    sg_status status = task ? sg_ledger_diversity_clear(ledger, task, err) : sg_fail_memory(err, 64);
    sg_free(task);
    return status;
}

/* What a task's record depends on: all its parts. */
static json_t *task_with(const struct sg_prepared *p, const struct sg_part *part, int64_t n)
{
    json_t *o = sg_measured_with(p), *parts = json_array();
    set_against(o, part);
    for (int64_t i = 1; i < n; i++)
        json_array_append_new(parts, json_pack("[ss]", sg_part_name(p, &part[i]), part[i].texts));
    json_object_set_new(o, "parts", parts);
    return o;
}

static char *task_id(const struct sg_prepared *p, const struct sg_part *x)
{
    return sg_strf("task:%s", p->study->task[x->task].name);
}

static sg_status lack_task(struct sg_ledger *l, const struct sg_prepared *p, struct sg_part *part, int64_t n,
                           struct sg_err *err)
{
    json_t *record = NULL, *with = task_with(p, part, n), *against = json_object();
    char *id = task_id(p, part);
    sg_status status = id && with && against ? get(l, id, &record, err) : sg_fail_memory(err, 1024);
    int remake = !record || !contains(record, with), needed = remake;
    json_decref(record);
    set_against(against, part);
    for (int64_t i = 2; i < n && status == SG_OK; i++) {
        status = get(l, sg_part_name(p, &part[i]), &record, err);
        if (status != SG_OK)
            break;
        record = if_holds(p, part[i].texts, record);
        part[i].diversity = !record;
        part[i].against = !record || !contains(json_object_get(record, "against"), against);
        needed |= part[i].diversity || part[i].against;
        json_decref(record);
    }
    for (int64_t i = 0; i < n; i++) {
        part[i].task_record = remake;
        part[i].is_needed = needed;
    }
    part[1].against = remake;
    json_decref(with);
    json_decref(against);
    sg_free(id);
    return status;
}

sg_status sg_records_lack(struct sg_ledger *l, const struct sg_prepared *p, struct sg_parts *x,
                          struct sg_err *err)
{
    for (int64_t i = 0, end; i < x->n; i = end) {
        for (end = i; !x->part[end++].is_last;)
            ;
        SG_TRY(lack_task(l, p, &x->part[i], end - i, err));
    }
    return SG_OK;
}

sg_status sg_record_put_pool(struct sg_ledger *l, const struct sg_prepared *p, const struct sg_part *x,
                             const struct sg_part *raw, const struct sg_diversity *diversity,
                             const struct sg_measures *against, struct sg_err *err)
{
    json_t *o = NULL;
    const char *id = sg_part_name(p, x);
    if (!diversity)
        SG_TRY(get(l, id, &o, err));
    if (!o)
        o = sg_measured_with(p);
    if (diversity) {
        json_object_set_new(o, "n", json_integer(diversity->n));
        json_object_set_new(o, "examples_sha256", json_string(x->texts));
        set_number(o, "mean_similarity", diversity->mean_similarity);
        set_number(o, "vendi", diversity->vendi);
        set_number(o, "effective_rank", diversity->effective_rank);
    }
    if (against) {
        json_t *numbers = numbers_of(against);
        set_against(numbers, raw);
        json_object_set_new(o, "against", numbers);
    }
    sg_status status = put(l, id, o, err);
    json_decref(o);
    return status;
}

sg_status sg_record_put_task(struct sg_ledger *l, const struct sg_prepared *p, const struct sg_part *part,
                             int64_t n, const struct sg_measures *test, const double *distance,
                             struct sg_err *err)
{
    json_t *o = task_with(p, part, n), *list = json_array();
    int64_t n_pools = n - 2;
    for (int64_t a = 0; a < n_pools; a++)
        for (int64_t b = a + 1; b < n_pools; b++) {
            double d = distance[a * n_pools + b];
            json_array_append_new(list, json_pack("[sso]", sg_part_name(p, &part[2 + a]),
                                                  sg_part_name(p, &part[2 + b]), sg_json_real(d)));
        }
    json_object_set_new(o, "distances", list);
    json_object_set_new(o, "test", numbers_of(test));
    char *id = task_id(p, part);
    sg_status status = id ? put(l, id, o, err) : sg_fail_memory(err, 100);
    json_decref(o);
    sg_free(id);
    return status;
}
