#include "results/ledger/ledger_look.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/ledger/ledger_impl.h"

#include <stdio.h>
#include <string.h>

static const char *column(sqlite3_stmt *s, int i)
{
    return (const char *)sqlite3_column_text(s, i);
}

/* NULL stays NULL. */
static sg_status copy_column(sqlite3_stmt *s, int i, char **out, struct sg_err *err)
{
    const char *text = column(s, i);
    if (text && !(*out = sg_strdup(text)))
        return sg_fail_memory(err, strlen(text));
    return SG_OK;
}

/* A query of one parameter (NULL: none), and its first row, if there is one. Statements of these looks are few, and not kept. */
static sg_status first(struct sg_ledger *l, const char *text, const char *parameter, sqlite3_stmt **s,
                       int *found, struct sg_err *err)
{
    *found = 0;
    if (sqlite3_prepare_v2(l->db, text, -1, s, NULL) != SQLITE_OK)
        return sg_ledger_fail(l, "a look at it", err);
    if (parameter)
        sg_ledger_bind_text(*s, 1, parameter);
    int rc = sqlite3_step(*s);
    *found = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SG_OK : sg_ledger_fail(l, "a look at it", err);
}

/* ---- what cells wait for ---- */

sg_status sg_ledger_waiting_clear(struct sg_ledger *l, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_WAITING_CLEAR, &s, err));
    return sg_ledger_step(l, s, "what cells wait for", err);
}

sg_status sg_ledger_waiting_put(struct sg_ledger *l, const struct sg_ledger_waiting *w, struct sg_err *err)
{
    sqlite3_stmt *s;
    char stamp[21];
    sg_utc(stamp);
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_WAITING_PUT, &s, err));
    sg_ledger_bind_text(s, 1, w->consumer);
    sg_ledger_bind_text(s, 2, w->what);
    sqlite3_bind_int64(s, 3, w->n_have);
    sqlite3_bind_int64(s, 4, w->n_wanted);
    sqlite3_bind_int64(s, 5, w->n_missing);
    sg_ledger_bind_text(s, 6, w->waits_for);
    sg_ledger_bind_text(s, 7, stamp);
    return sg_ledger_step(l, s, "what cells wait for", err);
}

sg_status sg_ledger_waiting_drop(struct sg_ledger *l, const char *consumer, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_WAITING_DROP, &s, err));
    sg_ledger_bind_text(s, 1, consumer);
    return sg_ledger_step(l, s, "what cells wait for", err);
}

sg_status sg_ledger_waiting_get(struct sg_ledger *l, const char *consumer, struct sg_ledger_waited *out,
                                struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    struct sg_ledger_waited w = {0};
    sg_status status = first(l,
                             "SELECT what, waits_for, updated, n_have, n_wanted, n_missing FROM waiting"
                             " WHERE consumer=?1",
                             consumer, &s, &w.found, err);
    char **const text[] = {&w.what, &w.waits_for, &w.updated};
    for (int i = 0; w.found && status == SG_OK && i < 3; i++)
        status = copy_column(s, i, text[i], err);
    if (w.found) {
        w.n_have = sqlite3_column_int64(s, 3);
        w.n_wanted = sqlite3_column_int64(s, 4);
        w.n_missing = sqlite3_column_int64(s, 5);
    }
    sqlite3_finalize(s);
    if (status == SG_OK)
        *out = w;
    else
        sg_ledger_waited_free(&w);
    return status;
}

void sg_ledger_waited_free(struct sg_ledger_waited *w)
{
    sg_free(w->what);
    sg_free(w->waits_for);
    sg_free(w->updated);
    *w = (struct sg_ledger_waited){0};
}

/* ---- cells ---- */

sg_status sg_ledger_cells_each(struct sg_ledger *l,
                               sg_status (*each)(void *context, const struct sg_ledger_cell_row *c,
                                                 struct sg_err *err),
                               void *context, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more;
    sg_status status = first(l,
                             "SELECT id, ordinal, settings, pool, status, reason, result, created FROM cells"
                             " ORDER BY ordinal < 0, ordinal, id",
                             NULL, &s, &more, err);
    while (status == SG_OK && more) {
        struct sg_ledger_cell_row c = {.id = column(s, 0),
                                       .ordinal = sqlite3_column_int64(s, 1),
                                       .settings = column(s, 2),
                                       .pool = column(s, 3),
                                       .status = column(s, 4),
                                       .reason = column(s, 5),
                                       .result = column(s, 6),
                                       .created = column(s, 7)};
        status = each(context, &c, err);
        if (status != SG_OK)
            break;
        int rc = sqlite3_step(s);
        more = rc == SQLITE_ROW;
        if (!more && rc != SQLITE_DONE)
            status = sg_ledger_fail(l, "the cells", err);
    }
    sqlite3_finalize(s);
    return status;
}

/* The rows' labels, in their order; as many as there is room for. *n: how many there are. */
static sg_status read_gold(struct sg_ledger *l, const char *task, int32_t *gold, int64_t room, int64_t *n,
                           struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more, rc;
    sg_status status =
        first(l, "SELECT label FROM test_rows WHERE task=?1 ORDER BY position", task, &s, &more, err);
    for (*n = 0; status == SG_OK && more; ++*n) {
        if (*n < room)
            gold[*n] = sqlite3_column_int(s, 0);
        rc = sqlite3_step(s);
        more = rc == SQLITE_ROW;
        if (!more && rc != SQLITE_DONE)
            status = sg_ledger_fail(l, "the test rows", err);
    }
    sqlite3_finalize(s);
    return status;
}

static sg_status take_logits(sqlite3_stmt *s, struct sg_ledger_predicted *p, struct sg_err *err)
{
    int64_t n = sqlite3_column_int64(s, 0), k = sqlite3_column_int64(s, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(s, 2);
    if (n <= 0 || k <= 0 || n > INT32_MAX || k > 100000 || bytes != (size_t)(n * k) * sizeof(float))
        return SG_OK; /* damaged: nothing is known */
    p->gold = sg_alloc((size_t)n * sizeof(int32_t) + bytes + 1, 1);
    if (!p->gold)
        return sg_fail_memory(err, bytes);
    p->n = n;
    p->n_classes = k;
    p->logits = (float *)(void *)(p->gold + n);
    memcpy(p->logits, sqlite3_column_blob(s, 2), bytes);
    return SG_OK;
}

sg_status sg_ledger_predicted(struct sg_ledger *l, const char *cell, const char *task,
                              struct sg_ledger_predicted *out, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    struct sg_ledger_predicted p = {0};
    int found;
    int64_t n_gold = 0;
    sg_status status =
        first(l, "SELECT n, n_classes, logits FROM predictions WHERE cell=?1", cell, &s, &found, err);
    if (status == SG_OK && found)
        status = take_logits(s, &p, err);
    sqlite3_finalize(s);
    if (status == SG_OK && p.n)
        status = read_gold(l, task, p.gold, p.n, &n_gold, err);
    int fits = status == SG_OK && n_gold == p.n;
    for (int64_t i = 0; fits && i < p.n; i++)
        fits = p.gold[i] >= 0 && p.gold[i] < p.n_classes;
    if (!fits) {
        sg_free(p.gold);
        p = (struct sg_ledger_predicted){0};
    }
    if (status == SG_OK)
        *out = p;
    return status;
}

/* ---- what it depends on ---- */

static sg_status see_pool(struct sg_ledger *l, const char *pool, struct sg_ledger_pool_seen *p,
                          struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    sg_status status =
        first(l, "SELECT settings, status, shortfall, n FROM pools WHERE id=?1", pool, &s, &p->found, err);
    char **const text[] = {&p->settings, &p->status, &p->shortfall};
    for (int i = 0; p->found && status == SG_OK && i < 3; i++)
        status = copy_column(s, i, text[i], err);
    p->n = p->found ? sqlite3_column_int64(s, 3) : 0;
    sqlite3_finalize(s);
    return status;
}

static sg_status see_spend(struct sg_ledger *l, const char *pool, struct sg_ledger_pool_seen *p,
                           struct sg_err *err)
{
    /* As results.h5's /spend: a pool whose requests were not told has those of its examples. */
    static const char query[] =
        "SELECT count(*), total(status<>0), total(tokens_in), total(tokens_out), total(cost_usd),"
        " total(status=0 AND cost_usd IS NULL), total(source LIKE 'recording %' OR source LIKE 'cache %')"
        " FROM completions WHERE key IN (SELECT completion FROM pool_completions WHERE pool=?1 UNION"
        " SELECT completion FROM examples WHERE pool=?1)";
    sqlite3_stmt *s = NULL;
    int found;
    sg_status status = first(l, query, pool, &s, &found, err);
    int64_t *const count[] = {&p->n_requests, &p->n_failed, &p->tokens_in, &p->tokens_out};
    for (int i = 0; found && i < 4; i++)
        *count[i] = sqlite3_column_int64(s, i);
    if (found) {
        p->usd = sqlite3_column_double(s, 4);
        p->n_cost_unknown = sqlite3_column_int64(s, 5);
        p->n_imported = sqlite3_column_int64(s, 6);
    }
    sqlite3_finalize(s);
    return status;
}

sg_status sg_ledger_pool_see(struct sg_ledger *l, const char *pool, struct sg_ledger_pool_seen *out,
                             struct sg_err *err)
{
    struct sg_ledger_pool_seen p = {0};
    sqlite3_stmt *s = NULL;
    int found;
    sg_status status = see_pool(l, pool, &p, err);
    if (status == SG_OK)
        status = see_spend(l, pool, &p, err);
    if (status == SG_OK) {
        status = first(l, "SELECT count(*) FROM cells WHERE pool=?1 AND ordinal>=0", pool, &s, &found, err);
        p.n_cells = status == SG_OK && found ? sqlite3_column_int64(s, 0) : 0;
        sqlite3_finalize(s);
    }
    if (status == SG_OK)
        *out = p;
    else
        sg_ledger_pool_seen_free(&p);
    return status;
}

void sg_ledger_pool_seen_free(struct sg_ledger_pool_seen *p)
{
    sg_free(p->settings);
    sg_free(p->status);
    sg_free(p->shortfall);
    *p = (struct sg_ledger_pool_seen){0};
}

sg_status sg_ledger_evaluation_status(struct sg_ledger *l, const char *id, char status[16],
                                      struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int found;
    sg_status ended = first(l, "SELECT status FROM evaluations WHERE id=?1", id, &s, &found, err);
    if (ended == SG_OK)
        snprintf(status, 16, "%s", found && column(s, 0) ? column(s, 0) : "");
    sqlite3_finalize(s);
    return ended;
}

sg_status sg_ledger_last_failure(struct sg_ledger *l, char **reason, char **when, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int found;
    char *text[2] = {0};
    sg_status status = first(l,
                             "SELECT reason, created FROM attempts WHERE kind IS NOT NULL AND kind NOT IN"
                             " ('answered', 'doubled') AND reason IS NOT NULL ORDER BY id DESC LIMIT 1",
                             NULL, &s, &found, err);
    for (int i = 0; found && status == SG_OK && i < 2; i++)
        status = copy_column(s, i, &text[i], err);
    sqlite3_finalize(s);
    if (status != SG_OK) {
        sg_free(text[0]);
        sg_free(text[1]);
        return status;
    }
    *reason = text[0];
    *when = text[1];
    return SG_OK;
}
