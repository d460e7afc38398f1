#include "results/ledger/ledger_contamination.h"
#include "results/ledger/ledger_impl.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "blobs are little-endian float32, written as they are");

/* SQLITE_STATIC: the caller's strings outlive the step that follows. A failed binding shows in that step or
 * as NULL for a NOT NULL column; out of memory is sticky in the connection. */
sg_status sg_ledger_meta_set(struct sg_ledger *l, const char *name, const char *value, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_META_SET, &s, err));
    sg_ledger_bind_text(s, 1, name);
    sg_ledger_bind_text(s, 2, value ? value : "");
    return sg_ledger_step(l, s, name, err);
}

/* A query by one text for one text. value: new memory, or NULL when there is no row. */
static sg_status get_text(struct sg_ledger *l, enum sg_ledger_sql which, const char *key, char **value,
                          struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, which, &s, err));
    sg_ledger_bind_text(s, 1, key);
    sg_status status = SG_OK;
    char *copy = NULL;
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        copy = sg_strdup(text ? text : "");
        if (!copy)
            status = sg_fail_memory(err, 1);
    } else if (rc != SQLITE_DONE)
        status = sg_ledger_fail(l, key, err);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    if (status == SG_OK)
        *value = copy;
    return status;
}

sg_status sg_ledger_meta_get(struct sg_ledger *l, const char *name, char **value, struct sg_err *err)
{
    return get_text(l, SQL_META_GET, name, value, err);
}

#define IMPORTED "(source LIKE 'recording %' OR source LIKE 'cache %')"

int sg_ledger_is_imported(const char *source)
{
    return strncmp(source, "recording ", 10) == 0 || strncmp(source, "cache ", 6) == 0;
}

sg_status sg_ledger_completion_put(struct sg_ledger *l, const struct sg_ledger_completion *c,
                                   struct sg_err *err)
{
    sqlite3_stmt *s;
    char created[21];
    sg_utc(created);
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_COMPLETION_PUT, &s, err));
    sg_ledger_bind_text(s, 1, c->key);
    sg_ledger_bind_text(s, 2, c->request);
    sqlite3_bind_int(s, 3, c->status);
    sg_ledger_bind_text(s, 4, c->reason);
    sg_ledger_bind_text(s, 5, c->text);
    sg_ledger_bind_text(s, 6, c->finish_reason);
    sg_ledger_bind_text(s, 7, c->model);
    sg_ledger_bind_text(s, 8, c->request_id);
    sqlite3_bind_int(s, 9, c->http_status);
    sqlite3_bind_int(s, 10, c->attempts);
    sqlite3_bind_int64(s, 11, c->tokens_in);
    sqlite3_bind_int64(s, 12, c->tokens_out);
    sqlite3_bind_int(s, 13, c->tokens_estimated);
    sqlite3_bind_double(s, 14, c->latency_s);
    sg_ledger_bind_known(s, 15, c->cost_usd);
    sg_ledger_bind_text(s, 16, c->source);
    sqlite3_bind_int(s, 17, c->rank);
    sg_ledger_bind_text(s, 18, created);
    return sg_ledger_step(l, s, "a completion", err);
}

sg_status sg_ledger_unsettled(struct sg_ledger *l, struct sg_ledger_unsettled *out, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    sg_status status =
        sqlite3_prepare_v2(l->db,
                           "SELECT count(*) + (SELECT total(n) FROM batches WHERE state<>'settled'),"
                           " total(iif(settled, cost_usd, worst_usd)) + (SELECT total(usd) FROM batches)"
                           " FROM attempts WHERE NOT settled OR (kind<>'answered' AND cost_usd>0)",
                           -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW
            ? SG_OK
            : sg_ledger_fail(l, "the requests that are not settled", err);
    if (status == SG_OK)
        *out = (struct sg_ledger_unsettled){sqlite3_column_int64(s, 0), sqlite3_column_double(s, 1)};
    sqlite3_finalize(s);
    return status;
}

static const char *column(sqlite3_stmt *s, int i)
{
    return (const char *)sqlite3_column_text(s, i);
}

static void completion_of(sqlite3_stmt *s, struct sg_ledger_completion *c)
{
    *c = (struct sg_ledger_completion){
        .key = column(s, 0),
        .request = column(s, 1),
        .status = sqlite3_column_int(s, 2),
        .reason = column(s, 3),
        .text = column(s, 4),
        .finish_reason = column(s, 5),
        .model = column(s, 6),
        .request_id = column(s, 7),
        .http_status = sqlite3_column_int(s, 8),
        .attempts = sqlite3_column_int(s, 9),
        .tokens_in = sqlite3_column_int64(s, 10),
        .tokens_out = sqlite3_column_int64(s, 11),
        .tokens_estimated = sqlite3_column_int(s, 12),
        .latency_s = sqlite3_column_double(s, 13),
        .cost_usd = sqlite3_column_type(s, 14) == SQLITE_NULL ? -1 : sqlite3_column_double(s, 14),
        .source = column(s, 15),
        .rank = sqlite3_column_int(s, 16),
    };
}

/* Copies n strings into l->row, so that no open statement holds the log back from being folded into the file. */
static sg_status keep_strings(struct sg_ledger *l, const char **const text[], int n, struct sg_err *err)
{
    size_t at[16] = {0};
    sg_buf_clear(&l->row);
    for (int i = 0; i < n; i++) {
        at[i] = l->row.len;
        if (*text[i])
            sg_buf_add(&l->row, *text[i], strlen(*text[i]) + 1);
    }
    SG_TRY(sg_buf_check(&l->row, "a completion", err));
    for (int i = 0; i < n; i++)
        if (*text[i])
            *text[i] = l->row.data + at[i];
    return SG_OK;
}

/* The one row of a query by key: SQLITE_ROW or SQLITE_DONE in *rc; the caller ends it. */
static sg_status find_row(struct sg_ledger *l, enum sg_ledger_sql which, const char *key, sqlite3_stmt **s,
                          int *rc, struct sg_err *err)
{
    SG_TRY(sg_ledger_use(l, which, s, err));
    sg_ledger_bind_text(*s, 1, key);
    *rc = sqlite3_step(*s);
    return *rc == SQLITE_ROW || *rc == SQLITE_DONE ? SG_OK : sg_ledger_fail(l, "a completion", err);
}

static void end_row(sqlite3_stmt *s)
{
    if (!s) /* sqlite3_clear_bindings minds */
        return;
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

sg_status sg_ledger_answer_get(struct sg_ledger *l, const char *key, int *found, struct sg_ledger_answer *out,
                               struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int rc;
    sg_status status = find_row(l, SQL_ANSWER_GET, key, &s, &rc, err);
    struct sg_ledger_answer a = {0};
    if (status == SG_OK && rc == SQLITE_ROW) {
        a = (struct sg_ledger_answer){sqlite3_column_int(s, 0), column(s, 1), column(s, 2)};
        status = keep_strings(l, (const char **const[]){&a.text, &a.finish_reason}, 2, err);
    }
    end_row(s);
    if (status != SG_OK)
        return status;
    *found = rc == SQLITE_ROW;
    if (*found)
        *out = a;
    return SG_OK;
}

sg_status sg_ledger_completion_get(struct sg_ledger *l, const char *key, int *found,
                                   struct sg_ledger_completion *out, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int rc;
    sg_status status = find_row(l, SQL_COMPLETION_GET, key, &s, &rc, err);
    struct sg_ledger_completion c = {0};
    if (status == SG_OK && rc == SQLITE_ROW) {
        completion_of(s, &c);
        const char **const text[] = {&c.key,           &c.request, &c.reason,     &c.text,
                                     &c.finish_reason, &c.model,   &c.request_id, &c.source};
        status = keep_strings(l, text, (int)(sizeof text / sizeof *text), err);
    }
    end_row(s);
    if (status != SG_OK)
        return status;
    *found = rc == SQLITE_ROW;
    if (*found)
        *out = c;
    return SG_OK;
}

sg_status sg_ledger_completions_each(struct sg_ledger *l,
                                     sg_status (*each)(void *context, const struct sg_ledger_completion *c,
                                                       struct sg_err *err),
                                     void *context, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    /* A statement of its own: `each` may use the ledger. */
    if (sqlite3_prepare_v2(l->db,
                           "SELECT key, request, status, reason, text, finish_reason, model, request_id, "
                           "http_status, attempts, "
                           "tokens_in, tokens_out, tokens_estimated, latency_s, cost_usd, source, rank FROM "
                           "completions ORDER BY key",
                           -1, &s, NULL) != SQLITE_OK)
        return sg_ledger_fail(l, "the completions", err);
    sg_status status = SG_OK;
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && status == SG_OK) {
        struct sg_ledger_completion c;
        completion_of(s, &c);
        status = each(context, &c, err);
    }
    if (status == SG_OK && rc != SQLITE_DONE)
        status = sg_ledger_fail(l, "the completions", err);
    sqlite3_finalize(s);
    return status;
}

/* Of all that is put: pools.digest. */
static sg_status pool_digest(const struct sg_ledger_pool *p, char digest[SG_HEX], struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    const char *const text[] = {p->id, p->settings, p->status, p->rejects, p->shortfall};
    const int64_t number[] = {p->ordinal, p->n, p->asked ? p->n_asked : -1};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        sg_sha256_add_text(h, text[i]);
    sg_sha256_add(h, number, sizeof number);
    for (int64_t i = 0; i < p->n; i++) {
        const struct sg_ledger_example *e = &p->example[i];
        sg_sha256_add(h, &e->label, sizeof e->label);
        sg_sha256_add_text(h, e->first);
        sg_sha256_add_text(h, e->second);
        sg_sha256_add_text(h, e->completion);
    }
    for (int64_t i = 0; p->asked && i < p->n_asked; i++)
        sg_sha256_add_text(h, p->asked[i]);
    sg_sha256_finish_hex(h, digest);
    return SG_OK;
}

static sg_status pool_rows(struct sg_ledger *l, const struct sg_ledger_pool *p, const char *digest,
                           struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, SQL_POOL_PUT, &s, err));
    sg_ledger_bind_text(s, 1, p->id);
    sqlite3_bind_int64(s, 2, p->ordinal);
    sg_ledger_bind_text(s, 3, p->settings);
    sg_ledger_bind_text(s, 4, p->status);
    sqlite3_bind_int64(s, 5, p->n);
    sg_ledger_bind_text(s, 6, p->rejects);
    sg_ledger_bind_text(s, 7, p->shortfall);
    sg_ledger_bind_text(s, 8, digest);
    SG_TRY(sg_ledger_step(l, s, "a pool", err));
    SG_TRY(sg_ledger_use(l, SQL_POOL_CLEAR_EXAMPLES, &s, err));
    sg_ledger_bind_text(s, 1, p->id);
    SG_TRY(sg_ledger_step(l, s, "a pool's examples", err));
    SG_TRY(sg_ledger_use(l, SQL_POOL_CLEAR_ASKED, &s, err));
    sg_ledger_bind_text(s, 1, p->id);
    SG_TRY(sg_ledger_step(l, s, "a pool's completions", err));
    SG_TRY(sg_ledger_use(l, SQL_EXAMPLE_PUT, &s, err));
    for (int64_t i = 0; i < p->n; i++) {
        sg_ledger_bind_text(s, 1, p->id);
        sqlite3_bind_int64(s, 2, i);
        sqlite3_bind_int64(s, 3, p->example[i].label);
        sg_ledger_bind_text(s, 4, p->example[i].first);
        sg_ledger_bind_text(s, 5, p->example[i].second);
        sg_ledger_bind_text(s, 6, p->example[i].completion);
        SG_TRY(sg_ledger_step(l, s, "a pool's example", err));
    }
    SG_TRY(sg_ledger_use(l, SQL_ASKED_PUT, &s, err));
    for (int64_t i = 0; p->asked && i < p->n_asked; i++) {
        sg_ledger_bind_text(s, 1, p->id);
        sqlite3_bind_int64(s, 2, i);
        sg_ledger_bind_text(s, 3, p->asked[i]);
        SG_TRY(sg_ledger_step(l, s, "a pool's completion", err));
    }
    return SG_OK;
}

sg_status sg_ledger_pool_put(struct sg_ledger *l, const struct sg_ledger_pool *p, struct sg_err *err)
{
    char digest[SG_HEX], *before = NULL;
    SG_TRY(pool_digest(p, digest, err));
    SG_TRY(get_text(l, SQL_POOL_DIGEST, p->id, &before, err));
    int is_same = before && strcmp(before, digest) == 0;
    sg_free(before);
    if (is_same)
        return SG_OK;
    SG_TRY(sg_ledger_save(l, err));
    return sg_ledger_keep(l, pool_rows(l, p, digest, err), err);
}

sg_status sg_ledger_cell_plan(struct sg_ledger *l, const char *id, int64_t ordinal, const char *settings,
                              const char *pool, struct sg_err *err)
{
    sqlite3_stmt *s;
    char created[21];
    sg_utc(created);
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_CELL_PLAN, &s, err));
    sg_ledger_bind_text(s, 1, id);
    sqlite3_bind_int64(s, 2, ordinal);
    sg_ledger_bind_text(s, 3, settings);
    sg_ledger_bind_text(s, 4, pool);
    sg_ledger_bind_text(s, 5, created);
    return sg_ledger_step(l, s, "a planned cell", err);
}

sg_status sg_ledger_cell_status(struct sg_ledger *l, const char *id, char status[16], struct sg_err *err)
{
    char *text = NULL;
    SG_TRY(get_text(l, SQL_CELL_STATUS, id, &text, err));
    strncpy(status, text ? text : "", 15);
    status[15] = 0;
    sg_free(text);
    return SG_OK;
}

static sg_status put_blob(struct sg_ledger *l, enum sg_ledger_sql which, const char *id, int64_t n,
                          int64_t n_columns, const float *x, const char *what, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, which, &s, err));
    int at = 1;
    sg_ledger_bind_text(s, at++, id);
    sqlite3_bind_int64(s, at++, n);
    if (n_columns)
        sqlite3_bind_int64(s, at++, n_columns);
    sqlite3_bind_blob64(s, at, x, (sqlite3_uint64)(n * (n_columns ? n_columns : 1)) * sizeof *x,
                        SQLITE_STATIC);
    return sg_ledger_step(l, s, what, err);
}

static sg_status clear(struct sg_ledger *l, enum sg_ledger_sql which, const char *id, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, which, &s, err));
    sg_ledger_bind_text(s, 1, id);
    return sg_ledger_step(l, s, "an earlier result", err);
}

static sg_status set_predictions(struct sg_ledger *l, const struct sg_ledger_cell *c,
                                 const struct sg_ledger_set_predictions *x, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, SQL_SET_PREDICTIONS_PUT, &s, err));
    sg_ledger_bind_text(s, 1, c->id);
    sg_ledger_bind_text(s, 2, x->name);
    sqlite3_bind_int64(s, 3, x->n);
    sqlite3_bind_int64(s, 4, c->n_classes);
    sqlite3_bind_blob64(s, 5, x->logits, (sqlite3_uint64)(x->n * c->n_classes) * sizeof *x->logits,
                        SQLITE_STATIC);
    return sg_ledger_step(l, s, "a cell's predictions of a test set", err);
}

static sg_status cell_rows(struct sg_ledger *l, const struct sg_ledger_cell *c, struct sg_err *err)
{
    sqlite3_stmt *s;
    char created[21];
    sg_utc(created);
    SG_TRY(sg_ledger_use(l, SQL_CELL_FINISH, &s, err));
    sg_ledger_bind_text(s, 1, c->id);
    sg_ledger_bind_text(s, 2, c->status);
    sg_ledger_bind_text(s, 3, c->reason);
    sg_ledger_bind_text(s, 4, c->result);
    sg_ledger_bind_text(s, 5, created);
    SG_TRY(sg_ledger_step(l, s, "a finished cell", err));
    if (sqlite3_changes(l->db) != 1)
        return sg_fail(err, SG_FAILED, "%s: cell %s is finished, but was never planned", l->path, c->id);
    SG_TRY(clear(l, SQL_SET_PREDICTIONS_CLEAR, c->id, err));
    for (int i = 0; i < c->n_sets; i++)
        SG_TRY(set_predictions(l, c, &c->set[i], err));
    if (c->logits)
        SG_TRY(put_blob(l, SQL_PREDICTIONS_PUT, c->id, c->n_eval, c->n_classes, c->logits,
                        "a cell's predictions", err));
    else
        SG_TRY(clear(l, SQL_PREDICTIONS_CLEAR, c->id, err));
    if (c->loss)
        return put_blob(l, SQL_CURVE_PUT, c->id, c->n_loss, 0, c->loss, "a cell's loss curve", err);
    return clear(l, SQL_CURVE_CLEAR, c->id, err);
}

sg_status sg_ledger_cell_finish(struct sg_ledger *l, const struct sg_ledger_cell *c, struct sg_err *err)
{
    SG_TRY(sg_ledger_save(l, err));
    return sg_ledger_keep(l, cell_rows(l, c, err), err);
}

sg_status sg_ledger_cells_retire(struct sg_ledger *l, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_CELLS_RETIRE, &s, err));
    SG_TRY(sg_ledger_step(l, s, "the cells", err));
    SG_TRY(sg_ledger_use(l, SQL_EVALUATIONS_RETIRE, &s, err));
    SG_TRY(sg_ledger_step(l, s, "the evaluations", err));
    SG_TRY(sg_ledger_contaminations_retire(l, err));
    SG_TRY(sg_ledger_use(l, SQL_TEXT_STATS_RETIRE, &s, err));
    SG_TRY(sg_ledger_step(l, s, "the text statistics of pools", err));
    SG_TRY(sg_ledger_use(l, SQL_TEST_ROWS_FORGET, &s, err));
    SG_TRY(sg_ledger_step(l, s, "the test rows", err));
    SG_TRY(sg_ledger_use(l, SQL_TEST_SET_ROWS_FORGET, &s, err));
    return sg_ledger_step(l, s, "the rows of the test sets", err);
}

sg_status sg_ledger_test_row_put(struct sg_ledger *l, const char *task, int64_t position, int64_t label,
                                 const char *first, const char *second, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_TEST_ROW_PUT, &s, err));
    sg_ledger_bind_text(s, 1, task);
    sqlite3_bind_int64(s, 2, position);
    sqlite3_bind_int64(s, 3, label);
    sg_ledger_bind_text(s, 4, first);
    sg_ledger_bind_text(s, 5, second);
    return sg_ledger_step(l, s, "a test row", err);
}

sg_status sg_ledger_test_set_row_put(struct sg_ledger *l, const char *task, const char *test_set,
                                     int64_t position, int64_t label, const char *first, const char *second,
                                     struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_TEST_SET_ROW_PUT, &s, err));
    sg_ledger_bind_text(s, 1, task);
    sg_ledger_bind_text(s, 2, test_set);
    sqlite3_bind_int64(s, 3, position);
    sqlite3_bind_int64(s, 4, label);
    sg_ledger_bind_text(s, 5, first);
    sg_ledger_bind_text(s, 6, second);
    return sg_ledger_step(l, s, "a row of a test set", err);
}

sg_status sg_ledger_diversity_put(struct sg_ledger *l, const char *pool, const char *result,
                                  struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_DIVERSITY_PUT, &s, err));
    sg_ledger_bind_text(s, 1, pool);
    sg_ledger_bind_text(s, 2, result);
    return sg_ledger_step(l, s, "a pool's diversity", err);
}

sg_status sg_ledger_diversity_get(struct sg_ledger *l, const char *pool, char **result, struct sg_err *err)
{
    return get_text(l, SQL_DIVERSITY_GET, pool, result, err);
}

sg_status sg_ledger_evaluation_plan(struct sg_ledger *l, const char *id, int64_t ordinal,
                                    const char *settings, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_EVALUATION_PLAN, &s, err));
    sg_ledger_bind_text(s, 1, id);
    sqlite3_bind_int64(s, 2, ordinal);
    sg_ledger_bind_text(s, 3, settings);
    return sg_ledger_step(l, s, "a planned evaluation", err);
}

static sg_status verdict_rows(struct sg_ledger *l, const char *id,
                              const struct sg_ledger_evaluation_row *rows, int64_t n, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(clear(l, SQL_VERDICTS_CLEAR, id, err));
    for (int64_t i = 0; i < n; i++) {
        SG_TRY(sg_ledger_use(l, SQL_VERDICT_PUT, &s, err));
        sg_ledger_bind_text(s, 1, id);
        sqlite3_bind_int64(s, 2, rows[i].row);
        sqlite3_bind_int64(s, 3, rows[i].gold);
        sqlite3_bind_int64(s, 4, rows[i].predicted);
        sg_ledger_bind_text(s, 5, rows[i].outcome);
        sg_ledger_bind_text(s, 6, rows[i].completion);
        SG_TRY(sg_ledger_step(l, s, "an evaluation's row", err));
    }
    SG_TRY(sg_ledger_use(l, SQL_EVALUATION_FINISH, &s, err));
    sg_ledger_bind_text(s, 1, id);
    SG_TRY(sg_ledger_step(l, s, "a finished evaluation", err));
    if (sqlite3_changes(l->db) != 1)
        return sg_fail(err, SG_FAILED, "%s: evaluation %s is finished, but was never planned", l->path, id);
    return SG_OK;
}

sg_status sg_ledger_evaluation_put(struct sg_ledger *l, const char *id,
                                   const struct sg_ledger_evaluation_row *rows, int64_t n, struct sg_err *err)
{
    SG_TRY(sg_ledger_save(l, err));
    return sg_ledger_keep(l, verdict_rows(l, id, rows, n, err), err);
}

sg_status sg_ledger_text_stats_put(struct sg_ledger *l, const char *id, int64_t ordinal, const char *result,
                                   struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_TEXT_STATS_PUT, &s, err));
    sg_ledger_bind_text(s, 1, id);
    sqlite3_bind_int64(s, 2, ordinal);
    sg_ledger_bind_text(s, 3, result);
    return sg_ledger_step(l, s, "a pool's text statistics", err);
}

sg_status sg_ledger_text_stats_get(struct sg_ledger *l, const char *id, char **result, struct sg_err *err)
{
    return get_text(l, SQL_TEXT_STATS_GET, id, result, err);
}

sg_status sg_ledger_totals(struct sg_ledger *l, struct sg_ledger_totals *out, struct sg_err *err)
{
    /* Only cells of this plan (ordinal >= 0) and the pools that they use. */
    static const char query[] =
        "SELECT n, failed, imported, tokens_in, tokens_out, unknown,"
        " (SELECT count(*) FROM cells WHERE ordinal>=0), (SELECT count(*) FROM cells WHERE ordinal>=0 AND "
        "status='done'),"
        " (SELECT count(*) FROM cells WHERE ordinal>=0 AND status='failed'),"
        " (SELECT count(*) FROM pools WHERE id IN (SELECT pool FROM cells WHERE ordinal>=0)),"
        " (SELECT count(*) FROM pools WHERE status<>'complete' AND id IN (SELECT pool FROM cells WHERE "
        "ordinal>=0)), usd, usd_own"
        " FROM (SELECT count(*) AS n, total(status<>0) AS failed, total(" IMPORTED ") AS imported,"
        " total(tokens_in) AS tokens_in, total(tokens_out) AS tokens_out, "
        " total(status=0 AND cost_usd IS NULL) AS unknown,"
        " total(cost_usd) AS usd, total(CASE WHEN source IS NULL OR NOT " IMPORTED
        " THEN cost_usd END) AS usd_own"
        " FROM completions WHERE finish_reason IS NOT '" SG_LEDGER_COMPUTED "')";
    struct sg_ledger_totals t;
    int64_t *count[] = {&t.n_completions, &t.n_failed_completions, &t.n_imported,
                        &t.tokens_in,     &t.tokens_out,           &t.n_cost_unknown,
                        &t.n_cells,       &t.n_cells_done,         &t.n_cells_failed,
                        &t.n_pools,       &t.n_pools_short};
    enum { N = sizeof count / sizeof *count };
    sqlite3_stmt *s = NULL;
    int ok = sqlite3_prepare_v2(l->db, query, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    for (int i = 0; ok && i < N; i++)
        *count[i] = sqlite3_column_int64(s, i);
    t.cost_usd = ok ? sqlite3_column_double(s, N) : 0;
    t.paid_usd = ok ? sqlite3_column_double(s, N + 1) : 0;
    sg_status status = ok ? SG_OK : sg_ledger_fail(l, "the totals", err);
    sqlite3_finalize(s);
    if (status == SG_OK)
        *out = t;
    return status;
}
