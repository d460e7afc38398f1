/* Inside of filling results.h5 from the ledger: shared by store_fill.c (tasks, cells), store_fill_pools.c and store_evals.c (the LLM as
 * a classifier). */
#ifndef SG_RESULTS_H5_STORE_FILL_IMPL_H
#define SG_RESULTS_H5_STORE_FILL_IMPL_H

#include "base/json.h"
#include "results/h5/store_fill.h"

#include <jansson.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>

struct task {
    const char *name;    /* in `settings` */
    const json_t *names; /* class names */
    json_t *settings;    /* of its first cell; owned */
    int filled;          /* its test rows are in */
    int64_t n_test;
    int32_t *gold; /* (n_test) */
    int64_t n_sets;
    struct test_set {
        char *name;
        int64_t n;
        int32_t *gold; /* (n) */
    } * set;           /* (n_sets) further test sets, by name */
};

struct pool {
    char *id;
    const char *task, *method, *model; /* in `settings` */
    json_t *settings;                  /* the pool's, or while it is not there yet its first cell's; owned */
    double n_rejected;
    double n_near_raw, n_near_test, n_near_pool; /* kept ones */
};

/* Queries of every cell, prepared once. */
enum { KEPT_PREDICTIONS, KEPT_CURVE, N_KEPT };

struct fill {
    sqlite3 *db;
    sqlite3_stmt *kept[N_KEPT];
    struct sg_h5_table *const *table;
    json_t *task_index, *pool_index; /* name or id -> place */
    int64_t n_tasks, n_pools, n_cells, n_probabilities;
    struct task *task;
    struct pool *pool;
    double *weight;     /* (SG_MAX_CLASSES) softmax of the logits of a row, */
    float *probability; /* (SG_MAX_CLASSES) and as it is stored */
};

static inline sg_status sql_fail(const struct fill *f, struct sg_err *err)
{
    return sg_fail(err, SG_FAILED, "the ledger cannot be read: %s", sqlite3_errmsg(f->db));
}

/* A query by at most one text. The caller finalizes. */
static inline sg_status query(const struct fill *f, const char *sql, const char *key, sqlite3_stmt **s,
                              struct sg_err *err)
{
    if (sqlite3_prepare_v2(f->db, sql, -1, s, NULL) != SQLITE_OK ||
        (key && sqlite3_bind_text(*s, 1, key, -1, SQLITE_TRANSIENT) != SQLITE_OK))
        return sql_fail(f, err);
    return SG_OK;
}

/* A query that f keeps: it is not finalized. */
static inline sg_status query_kept(struct fill *f, int which, const char *sql, const char *key,
                                   sqlite3_stmt **s, struct sg_err *err)
{
    *s = f->kept[which];
    if (!*s) {
        sg_status status = query(f, sql, key, s, err);
        f->kept[which] = *s;
        return status;
    }
    sqlite3_reset(*s);
    return sqlite3_bind_text(*s, 1, key, -1, SQLITE_TRANSIENT) == SQLITE_OK ? SG_OK : sql_fail(f, err);
}

/* Sets *more; SG_FAILED when the query breaks. */
static inline sg_status next(const struct fill *f, sqlite3_stmt *s, int *more, struct sg_err *err)
{
    int rc = sqlite3_step(s);
    *more = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SG_OK : sql_fail(f, err);
}

static inline const char *column(sqlite3_stmt *s, int i)
{
    const char *text = (const char *)sqlite3_column_text(s, i);
    return text ? text : "";
}

/* Each row of a query on a table that a ledger of an older version, which is only read, may lack: then there is none. at: from 0. */
typedef sg_status (*sg_fill_row)(struct fill *f, sqlite3_stmt *s, int64_t at, struct sg_err *err);
sg_status sg_fill_each(struct fill *f, const char *table, const char *sql, sg_fill_row each,
                       struct sg_err *err) SG_MUST_USE;
/* Whether the ledger has the table. */
sg_status sg_fill_has_table(const struct fill *f, const char *table, int *yes,
                            struct sg_err *err) SG_MUST_USE;

/* NaN where there is none. */
static inline double real_of(const json_t *o, const char *key)
{
    return sg_json_number_or(o, key, (double)NAN);
}

static inline sg_status object_of(const char *text, const char *what, json_t **out, struct sg_err *err)
{
    json_t *o = json_loads(text, 0, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        return sg_fail(err, SG_FAILED, "the ledger is damaged: %s is no JSON object: %.100s", what, text);
    }
    *out = o;
    return SG_OK;
}

static inline const char *class_name(const struct task *t, int64_t label)
{
    const char *name = json_string_value(json_array_get(t->names, (size_t)label));
    return name ? name : "";
}

static inline struct task *find_task(struct fill *f, const char *name)
{
    const json_t *at = json_object_get(f->task_index, name);
    return at ? &f->task[json_integer_value(at)] : NULL;
}

/* What a set of completions cost. */
struct spend {
    int64_t n, n_failed, tokens_in, tokens_out, n_estimated, n_unknown, n_recorded;
    double cost_usd, latency_s; /* cost NaN: the price of some is unknown */
};

/* As the columns SG_SPENT_COLUMNS of a table. */
#define FILL_SPENT(table, x)                                                                                 \
    [SG_##table##_n_requests].i = (x).n, [SG_##table##_n_failed].i = (x).n_failed,                           \
    [SG_##table##_tokens_in].i = (x).tokens_in, [SG_##table##_tokens_out].i = (x).tokens_out,                \
    [SG_##table##_cost_usd].x = (x).cost_usd, [SG_##table##_n_recorded].i = (x).n_recorded,                  \
    [SG_##table##_latency_s].x = (x).latency_s

/* keys: a query by the text `id` for the completions' keys, and beside each whether equal ones count once. */
sg_status sg_fill_sum(const struct fill *f, const char *keys, const char *id, struct spend *out,
                      struct sg_err *err) SG_MUST_USE;

/* Rows of a task's further test sets; what a finished cell made of them. */
sg_status sg_fill_test_sets(struct fill *f, struct task *t, struct sg_err *err) SG_MUST_USE;
sg_status sg_fill_transfer(struct fill *f, const char *id, int64_t cell, const struct task *t,
                           struct sg_err *err) SG_MUST_USE;
void sg_fill_test_sets_free(struct task *t);

/* float32 blobs may lie anywhere in SQLite's page: copied to be aligned. *out: new memory. */
sg_status sg_fill_floats(sqlite3_stmt *s, int at, int64_t n, const char *cell, float **out,
                         struct sg_err *err) SG_MUST_USE;

/* Softmax of a row's logits (n_classes) into f->probability; its first largest class. */
int32_t sg_fill_softmax(struct fill *f, const float *logits, int n_classes);

/* What there is of the pool at this place. */
sg_status sg_fill_pool(struct fill *f, int64_t at, struct sg_err *err) SG_MUST_USE;

/* /text_stats, after the pools. */
sg_status sg_fill_text_stats(struct fill *f, struct sg_err *err) SG_MUST_USE;

/* /measures and /pool_distances, after the pools. */
sg_status sg_fill_measures(struct fill *f, struct sg_err *err) SG_MUST_USE;
/* /text_measures, /cues and /class_terms of one of the ledger's results; pool -1: raw rows. */
sg_status sg_fill_text_measures(struct fill *f, const json_t *result, int64_t pool, const struct task *t,
                                struct sg_err *err) SG_MUST_USE;

/* /attempts. */
sg_status sg_fill_attempts(struct fill *f, struct sg_err *err) SG_MUST_USE;

/* /llm_eval and /llm_predictions, after the cells. */
sg_status sg_fill_evaluations(struct fill *f, struct sg_err *err) SG_MUST_USE;

/* A row of an evaluation or verification: a class that is, and the one that was said (-1: none). s: the texts verdict and completion at 3 and 4. */
struct verdict {
    sqlite3_stmt *s;
    int64_t row, gold, predicted;
};
/* Each of them, in their order. what: "evaluation". SG_FAILED for a class that is none of n_classes. */
sg_status sg_fill_verdicts(struct fill *f, const char *what, const char *id, int64_t n_classes,
                           sg_status (*each)(struct fill *f, const struct verdict *v, void *context,
                                             struct sg_err *err),
                           void *context, struct sg_err *err) SG_MUST_USE;

/* /verification and /verdicts, after the pools. */
sg_status sg_fill_verifications(struct fill *f, struct sg_err *err) SG_MUST_USE;

/* What the ledger has of evaluations and verifications of its plan: id, settings, status; those whose settings name a pool are verifications. */
#define SG_FILL_EVALUATIONS(which)                                                                           \
    "SELECT id, settings, status FROM evaluations WHERE ordinal>=0 AND (iif(json_valid(settings), "          \
    "json_extract(settings,'$.pool'), NULL) IS " which "NULL) ORDER BY ordinal, id"

/* /contamination and /contamination_rows. */
sg_status sg_fill_contaminations(struct fill *f, struct sg_err *err) SG_MUST_USE;

#endif
