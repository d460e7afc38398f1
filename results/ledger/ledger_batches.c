#include "results/ledger/ledger_batches.h"

#include "base/file.h"
#include "base/mem.h"
#include "results/ledger/ledger_impl.h"

#include <stdio.h>
#include <string.h>

/* Not among the ledger's prepared statements: a reader's file may lack these tables, and none of this is frequent but for
 * the requests of a batch, which come by the ten thousand a day. */

static const char *const names[] = {"uploading", "uploaded", "open", "abandoned", "settled"};

struct value {
    const char *text; /* NULL: number, or usd */
    int64_t number;
    double usd;
    int is_real;
};

#define TEXT(s)   ((struct value){.text = (s)})
#define NUMBER(n) ((struct value){.number = (n)})
#define REAL(x)   ((struct value){.usd = (x), .is_real = 1})

static sg_status prepare(struct sg_ledger *l, const char *text, const struct value *v, int n_values,
                         sqlite3_stmt **s, struct sg_err *err)
{
    if (sqlite3_prepare_v2(l->db, text, -1, s, NULL) != SQLITE_OK)
        return sg_ledger_fail(l, "the batches", err);
    for (int i = 0; i < n_values; i++)
        if (v[i].text)
            sqlite3_bind_text64(*s, i + 1, v[i].text, strlen(v[i].text), SQLITE_STATIC, SQLITE_UTF8);
        else if (v[i].is_real)
            sqlite3_bind_double(*s, i + 1, v[i].usd);
        else
            sqlite3_bind_int64(*s, i + 1, v[i].number);
    return SG_OK;
}

/* A statement that gives no rows. */
static sg_status write(struct sg_ledger *l, const char *text, const struct value *v, int n_values,
                       struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    SG_TRY(sg_ledger_begin(l, err));
    sg_status status = prepare(l, text, v, n_values, &s, err);
    if (status == SG_OK && sqlite3_step(s) != SQLITE_DONE)
        status = sg_ledger_fail(l, "the batches", err);
    sqlite3_finalize(s);
    return status;
}

#define WRITE(l, text, err, ...)                                                                             \
    write(l, text, (const struct value[]){__VA_ARGS__},                                                      \
          (int)(sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)), err)

sg_status sg_ledger_batch_begin(struct sg_ledger *l, const char *generator, int64_t *part, struct sg_err *err)
{
    char created[21];
    sg_utc(created);
    SG_TRY(WRITE(l,
                 "INSERT INTO batches(state, n, n_answered, usd, refused, created, generator) "
                 "VALUES('uploading',0,0,0,0,?1,?2)",
                 err, TEXT(created), TEXT(generator)));
    *part = sqlite3_last_insert_rowid(l->db);
    return SG_OK;
}

sg_status sg_ledger_batch_ask(struct sg_ledger *l, int64_t part, const char *key, const char *request,
                              double usd, struct sg_err *err)
{
    SG_TRY(sg_ledger_save(l, err));
    sg_status status = WRITE(l, "INSERT INTO batch_requests(part, key, request, usd) VALUES(?1,?2,?3,?4)",
                             err, NUMBER(part), TEXT(key), TEXT(request), REAL(usd));
    if (status == SG_OK)
        status = WRITE(l, "UPDATE batches SET n=n+1, usd=usd+?2 WHERE part=?1", err, NUMBER(part), REAL(usd));
    return sg_ledger_keep(l, status, err);
}

/* Whether a query has a row; text: its first column in new memory, where not NULL. */
static sg_status find(struct sg_ledger *l, const char *query, const struct value *v, int n_values, int *found,
                      char **text, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    sg_status status = prepare(l, query, v, n_values, &s, err);
    int rc = status == SG_OK ? sqlite3_step(s) : SQLITE_ERROR;
    if (status == SG_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = sg_ledger_fail(l, "the batches", err);
    if (status == SG_OK && rc == SQLITE_ROW && text) {
        const char *column = (const char *)sqlite3_column_text(s, 0);
        if (!(*text = sg_strdup(column ? column : "")))
            status = sg_fail_memory(err, 1);
    }
    sqlite3_finalize(s);
    if (status == SG_OK)
        *found = rc == SQLITE_ROW;
    return status;
}

sg_status sg_ledger_batch_holds(struct sg_ledger *l, const char *key, int *holds, struct sg_err *err)
{
    const struct value v[] = {TEXT(key)};
    return find(l,
                "SELECT 1 FROM batch_requests JOIN batches USING(part) WHERE key=?1 AND state NOT IN "
                "('abandoned','settled')",
                v, 1, holds, NULL, err);
}

sg_status sg_ledger_batch_set(struct sg_ledger *l, const struct sg_ledger_batch *b, struct sg_err *err)
{
    return WRITE(l, "UPDATE batches SET state=?2, id=?3, input_file=?4, status=?5, refused=?6 WHERE part=?1",
                 err, NUMBER(b->part), TEXT(names[b->state]), TEXT(b->id), TEXT(b->input_file),
                 TEXT(b->status), NUMBER(b->refused));
}

static void take(sqlite3_stmt *s, int column, char *out, size_t n)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    snprintf(out, n, "%s", text ? text : "");
}

static sg_status read_row(struct sg_ledger *l, sqlite3_stmt *s, struct sg_ledger_batch *b, struct sg_err *err)
{
    char state[16];
    *b = (struct sg_ledger_batch){.part = sqlite3_column_int64(s, 0),
                                  .n = sqlite3_column_int64(s, 5),
                                  .n_answered = sqlite3_column_int64(s, 6),
                                  .usd = sqlite3_column_double(s, 7),
                                  .refused = sqlite3_column_int64(s, 8)};
    take(s, 1, state, sizeof state);
    take(s, 2, b->id, sizeof b->id);
    take(s, 3, b->input_file, sizeof b->input_file);
    take(s, 4, b->status, sizeof b->status);
    take(s, 9, b->generator, sizeof b->generator);
    for (int i = 0; i <= SG_BATCH_SETTLED; i++)
        if (strcmp(state, names[i]) == 0) {
            b->state = (enum sg_batch_state)i;
            return SG_OK;
        }
    return sg_fail(err, SG_INPUT,
                   "%s: batch %lld is in no state that is known; hint: restore the ledger from a copy",
                   l->path, (long long)b->part);
}

#define SELECT_OPEN(generator)                                                                               \
    "SELECT part, state, id, input_file, status, n, n_answered, usd, refused, " generator                    \
    " FROM batches WHERE state<>'settled' ORDER BY part"

/* A reader's file may be an older program's. */
sg_status sg_ledger_batches(struct sg_ledger *l, struct sg_ledger_batch **list, int64_t *n,
                            struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    struct sg_ledger_batch *all = NULL;
    int64_t n_all = 0;
    int there = 0, names_generator = 0, rc = SQLITE_DONE;
    SG_TRY(find(l, "SELECT 1 FROM sqlite_master WHERE name='batches'", NULL, 0, &there, NULL, err));
    SG_TRY(find(l, "SELECT 1 FROM pragma_table_info('batches') WHERE name='generator'", NULL, 0,
                &names_generator, NULL, err));
    sg_status status = SG_OK;
    if (there)
        status =
            prepare(l, names_generator ? SELECT_OPEN("generator") : SELECT_OPEN("NULL"), NULL, 0, &s, err);
    while (there && status == SG_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct sg_ledger_batch *more = sg_grown(all, n_all, sizeof *more);
        if (!more) {
            status = sg_fail_memory(err, (size_t)n_all * sizeof *more);
            break;
        }
        all = more;
        status = read_row(l, s, &all[n_all++], err);
    }
    if (status == SG_OK && rc != SQLITE_DONE)
        status = sg_ledger_fail(l, "the batches", err);
    sqlite3_finalize(s);
    if (status != SG_OK) {
        sg_free(all);
        return status;
    }
    *list = all;
    *n = n_all;
    return SG_OK;
}

sg_status sg_ledger_batch_each(struct sg_ledger *l, int64_t part,
                               sg_status (*each)(void *context, const char *key, const char *request,
                                                 struct sg_err *err),
                               void *context, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    const struct value v[] = {NUMBER(part)};
    sg_status status =
        prepare(l, "SELECT key, request FROM batch_requests WHERE part=?1 ORDER BY key", v, 1, &s, err);
    int rc = SQLITE_DONE;
    while (status == SG_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
        status = each(context, (const char *)sqlite3_column_text(s, 0),
                      (const char *)sqlite3_column_text(s, 1), err);
    if (status == SG_OK && rc != SQLITE_DONE)
        status = sg_ledger_fail(l, "the requests of a batch", err);
    sqlite3_finalize(s);
    return status;
}

sg_status sg_ledger_batch_request(struct sg_ledger *l, int64_t part, const char *key, char **request,
                                  struct sg_err *err)
{
    int found;
    const struct value v[] = {NUMBER(part), TEXT(key)};
    *request = NULL;
    return find(l, "SELECT request FROM batch_requests WHERE part=?1 AND key=?2", v, 2, &found, request, err);
}

sg_status sg_ledger_batch_sample(struct sg_ledger *l, int64_t part, char **request, struct sg_err *err)
{
    int found;
    const struct value v[] = {NUMBER(part)};
    *request = NULL;
    return find(l, "SELECT request FROM batch_requests WHERE part=?1 ORDER BY key LIMIT 1", v, 1, &found,
                request, err);
}

sg_status sg_ledger_batch_answered(struct sg_ledger *l, int64_t part, const char *key, struct sg_err *err)
{
    SG_TRY(sg_ledger_save(l, err));
    sg_status status =
        WRITE(l, "DELETE FROM batch_requests WHERE part=?1 AND key=?2", err, NUMBER(part), TEXT(key));
    if (status == SG_OK)
        status = WRITE(l, "UPDATE batches SET n_answered=n_answered+1 WHERE part=?1", err, NUMBER(part));
    return sg_ledger_keep(l, status, err);
}

sg_status sg_ledger_batch_unpaid(struct sg_ledger *l, int64_t part, const char *key, struct sg_err *err)
{
    return WRITE(l, "UPDATE batch_requests SET usd=-1 WHERE part=?1 AND key=?2", err, NUMBER(part),
                 TEXT(key));
}

/* What was charged for and did not come leaves an attempt that stays unsettled. */
static sg_status write_lost(struct sg_ledger *l, int64_t part, int64_t n_lost, struct sg_err *err)
{
    char created[21];
    sg_utc(created);
    return WRITE(l,
                 "INSERT INTO attempts(key, number, rank, origin, worst_usd, created, settled)"
                 " SELECT key, 1, 0, 'batch', usd, ?3, 0 FROM batch_requests WHERE part=?1 "
                 "AND usd>=0 "
                 "ORDER BY usd DESC, key LIMIT ?2",
                 err, NUMBER(part), NUMBER(n_lost), TEXT(created));
}

sg_status sg_ledger_batch_settle(struct sg_ledger *l, int64_t part, int64_t n_lost, struct sg_err *err)
{
    SG_TRY(sg_ledger_save(l, err));
    sg_status status = write_lost(l, part, n_lost, err);
    if (status == SG_OK)
        status = WRITE(l, "DELETE FROM batch_requests WHERE part=?1", err, NUMBER(part));
    if (status == SG_OK)
        status = WRITE(l, "UPDATE batches SET state='settled', usd=0 WHERE part=?1", err, NUMBER(part));
    return sg_ledger_keep(l, status, err);
}
