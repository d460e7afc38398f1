#include "results/ledger/merge_impl.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/ledger/ledger_batches.h"
#include "results/ledger/ledger_trained.h"

#include <string.h>

/* ---- completions, and what they cost ---- */

#define COMPLETION                                                                                           \
    "key, request, status, reason, text, finish_reason, model, request_id, http_status, attempts, "          \
    "tokens_in, tokens_out, tokens_estimated, latency_s, cost_usd, source, rank, created"
#define BOUGHT(x)                                                                                            \
    "(" x ".finish_reason IS NOT '" SG_LEDGER_COMPUTED "' AND (" x ".source IS NULL OR NOT (" x              \
    ".source LIKE 'recording %' OR " x ".source LIKE 'cache %')))"
#define BOTH      " FROM src.completions s JOIN main.completions m ON m.key=s.key WHERE s.status=0 AND m.status=0"
#define SAME_TEXT "(s.text IS m.text AND s.finish_reason IS m.finish_reason)"

/* Whose content the input in hand differs from, and what becomes of it. */
static const char *before(const struct sg_merging *m)
{
    return m->k == 1 ? m->o->input[0] : "an earlier input";
}

/* Takes the text that names the difference. */
static sg_status conflict(struct sg_merging *m, char *what, struct sg_err *err)
{
    char *text = !what              ? NULL
                 : m->o->first_wins ? sg_strf("%s; that of %s is taken", what, before(m))
                                    : sg_strf("%s; nothing is taken", what);
    sg_free(what);
    return sg_json_add_sentence(m->found->conflicts, text, err);
}

static sg_status other_answer(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    return conflict(
        m,
        sg_strf("completion %.64s: %s has another answer than %s", sg_merge_text(row, 0), m->from, before(m)),
        err);
}

static sg_status tell_doubled(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    int64_t n = sqlite3_column_int64(row, 0);
    if (!n)
        return SG_OK;
    return sg_json_add_sentence(
        m->found->remarks,
        sg_strf(
            "%s: %lld %s bought there and elsewhere, too: one of each is kept, and %.6f USD for the others "
            "count as spent (attempts of kind doubled)",
            m->from, (long long)n, sg_plural(n, "completion was", "completions were"),
            sqlite3_column_double(row, 1)),
        err);
}

static sg_status completions(struct sg_merging *m, struct sg_err *err)
{
    SG_TRY(sg_merge_each(m, "SELECT s.key" BOTH " AND NOT " SAME_TEXT " ORDER BY s.key", other_answer, err));
    /* What this input has bought and what is not kept of it. */
    SG_TRY(sg_merge_do(
        m,
        "CREATE TEMP TABLE doubled AS SELECT s.key, s.cost_usd, s.source, s.rank, s.model,"
        " s.request_id, s.tokens_in, s.tokens_out, s.latency_s, s.created" BOTH
        " AND " BOUGHT("s") " AND NOT (" SAME_TEXT " AND NOT " BOUGHT(
            "m") ")"
                 " AND NOT (s.created IS m.created AND s.request_id IS m.request_id AND s.latency_s IS "
                 "m.latency_s AND s.cost_usd IS m.cost_usd AND s.source IS m.source AND s.rank IS m.rank)",
        0, NULL, err));
    SG_TRY(sg_merge_each(m, "SELECT count(*), total(cost_usd) FROM temp.doubled", tell_doubled, err));
    return sg_merge_do(
        m,
        "INSERT OR REPLACE INTO main.completions(" COMPLETION ") SELECT " COMPLETION
        " FROM src.completions s WHERE NOT EXISTS (SELECT 1 FROM main.completions m WHERE "
        "m.key=s.key) OR EXISTS (SELECT 1 FROM main.completions m WHERE m.key=s.key AND s.status=0 "
        "AND (m.status<>0 OR (" SAME_TEXT " AND " BOUGHT("s") " AND NOT " BOUGHT("m") ")))",
        0, NULL, err);
}

#define ATTEMPT                                                                                              \
    "key, number, rank, origin, worst_usd, created, settled, kind, fate, http_status, reason, tokens_in, "   \
    "tokens_out, cost_usd, latency_s, request_id, model"

static sg_status attempts(struct sg_merging *m, struct sg_err *err)
{
    int64_t last = 0;
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(m->l->db, "SELECT ifnull(max(id), 0) FROM main.attempts", -1, &s, NULL) ==
            SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        last = sqlite3_column_int64(s, 0);
    if (sqlite3_finalize(s) != SQLITE_OK)
        return sg_ledger_fail(m->l, "the attempts", err);
    SG_TRY(sg_merge_do(
        m,
        "INSERT INTO main.attempts(" ATTEMPT ") SELECT " ATTEMPT
        " FROM src.attempts s WHERE NOT EXISTS (SELECT 1 FROM main.attempts m WHERE m.key=s.key AND "
        "m.id<=?2 AND m.number IS s.number AND m.rank IS s.rank AND m.origin IS s.origin AND "
        "m.worst_usd IS s.worst_usd AND m.created IS s.created AND m.settled IS s.settled AND "
        "(m.kind IS s.kind OR (m.kind='doubled' AND s.kind='answered')) AND m.fate IS s.fate AND "
        "m.http_status IS s.http_status AND m.reason IS s.reason AND m.tokens_in IS s.tokens_in "
        "AND m.tokens_out IS s.tokens_out AND m.cost_usd IS s.cost_usd AND m.latency_s IS "
        "s.latency_s AND m.request_id IS s.request_id AND m.model IS s.model) ORDER BY s.id",
        last, NULL, err));
    /* A purchase that is not kept: its attempt, or one for it where there is none (bought by a batch, or by an older program). */
    SG_TRY(sg_merge_do(
        m,
        "UPDATE main.attempts SET kind='doubled' WHERE id IN (SELECT max(a.id) FROM main.attempts a"
        " JOIN temp.doubled d ON d.key=a.key WHERE a.id>?2 AND a.kind='answered' GROUP BY a.key)",
        last, NULL, err));
    SG_TRY(sg_merge_do(
        m,
        "INSERT INTO main.attempts(" ATTEMPT ") SELECT d.key, 0, ifnull(d.rank, -1), d.source, "
        "ifnull(d.cost_usd, 0), d.created, 1, 'doubled', 'answered', NULL, NULL, d.tokens_in, "
        "d.tokens_out, d.cost_usd, d.latency_s, d.request_id, d.model FROM temp.doubled d"
        " WHERE NOT EXISTS (SELECT 1 FROM main.attempts a WHERE a.key=d.key AND a.kind='doubled' AND "
        "(a.id>?2 OR (a.number=0 AND a.created IS d.created AND a.cost_usd IS d.cost_usd) OR EXISTS "
        "(SELECT 1 FROM src.attempts s WHERE s.key=a.key AND s.kind='answered' AND s.number=a.number AND "
        "s.created IS a.created AND s.rank IS a.rank AND s.origin IS a.origin AND s.latency_s IS a.latency_s "
        "AND s.request_id IS a.request_id AND s.cost_usd IS a.cost_usd))) ORDER BY d.key",
        last, NULL, err));
    return sg_merge_do(m, "DROP TABLE temp.doubled", 0, NULL, err);
}

/* ---- batches ---- */

#define BATCH "state, id, input_file, status, n, n_answered, usd, refused, created, generator"
#define ORDER(x)                                                                                             \
    "CASE " x ".state WHEN 'uploading' THEN 0 WHEN 'uploaded' THEN 1 WHEN 'open' THEN 2 WHEN 'abandoned' "   \
    "THEN 3 ELSE 4 END"
/* One batch: by the provider's name, or, where it has none yet, by all that is known. */
#define SAME_BATCH                                                                                           \
    "((ifnull(s.id,'')<>'' AND m.id IS s.id) OR (ifnull(s.id,'')='' AND m.id IS s.id AND m.created IS "      \
    "s.created AND m.input_file IS s.input_file AND m.n IS s.n AND m.usd IS s.usd))"

static sg_status lost_batch(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    (void)row;
    return sg_fail(err, SG_INPUT,
                   "%s: a run was killed while it sent a batch, which only that folder can find again; hint: "
                   "`synthgrid generate STUDY --collect results=%s`, then merge",
                   m->from, m->from);
}

static sg_status batches(struct sg_merging *m, struct sg_err *err)
{
    if (m->k)
        SG_TRY(sg_merge_each(
            m,
            "SELECT 1 FROM src.batches s WHERE s.state IN ('uploading', 'uploaded') AND NOT EXISTS "
            "(SELECT 1 FROM main.batches m WHERE " SAME_BATCH ")",
            lost_batch, err));
    /* part: of src; put: of main, where it is taken. */
    SG_TRY(sg_merge_do(
        m,
        "CREATE TEMP TABLE taken AS SELECT s.part AS part, (SELECT min(m.part) FROM main.batches m "
        "WHERE " SAME_BATCH ") AS put, " ORDER("s") " AS state FROM src.batches s",
        0, NULL, err));
    SG_TRY(sg_merge_do(m,
                       "DELETE FROM temp.taken WHERE put IS NOT NULL AND state<=(SELECT " ORDER(
                           "m") " FROM main.batches m WHERE m.part=put)",
                       0, NULL, err));
    SG_TRY(sg_merge_do(
        m,
        "UPDATE temp.taken SET put=part+(SELECT max(ifnull((SELECT max(part) FROM main.batches), 0),"
        " ifnull((SELECT seq FROM main.sqlite_sequence WHERE name='batches'), 0))) WHERE put IS NULL",
        0, NULL, err));
    SG_TRY(sg_merge_do(m, "DELETE FROM main.batch_requests WHERE part IN (SELECT put FROM temp.taken)", 0,
                       NULL, err));
    SG_TRY(sg_merge_do(m,
                       "INSERT OR REPLACE INTO main.batches(part, " BATCH ") SELECT t.put, s.state, s.id, "
                       "s.input_file, s.status, s.n, s.n_answered, s.usd, s.refused, s.created, s.generator"
                       " FROM src.batches s JOIN temp.taken t ON t.part=s.part ORDER BY s.part",
                       0, NULL, err));
    SG_TRY(sg_merge_do(
        m,
        "INSERT INTO main.batch_requests(part, key, request, usd) SELECT t.put, s.key, s.request, "
        "s.usd FROM src.batch_requests s JOIN temp.taken t ON t.part=s.part",
        0, NULL, err));
    return sg_merge_do(m, "DROP TABLE temp.taken", 0, NULL, err);
}

/* ---- pools, and what was measured of them ---- */

#define FULLNESS(x)                                                                                          \
    "(CASE " x ".status WHEN 'complete' THEN 3 WHEN 'short' THEN 2 WHEN 'failed' THEN 1 ELSE 0 END)"

static sg_status other_pool(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    return conflict(m,
                    sg_strf("pool %.64s: example %lld, and perhaps others, differ in %s from those in %s",
                            sg_merge_text(row, 0), (long long)sqlite3_column_int64(row, 1), m->from,
                            before(m)),
                    err);
}

/* Rows of main that no plan has (ordinal -1), and those of src: the first plan that has them says where they stand. */
#define TAKE_ORDINAL(table)                                                                                  \
    "UPDATE main." table " SET ordinal=(SELECT s.ordinal+?1 FROM src." table " s WHERE s.id=" table ".id)"   \
    " WHERE ordinal<0 AND EXISTS (SELECT 1 FROM src." table " s WHERE s.id=" table ".id AND s.ordinal>=0)"
#define PLACED "iif(s.ordinal<0, -1, s.ordinal+?1)"

static sg_status pools(struct sg_merging *m, struct sg_err *err)
{
    static const char *const put[] = {
        "DELETE FROM main.examples WHERE pool IN (SELECT id FROM temp.taken)",
        "DELETE FROM main.pool_completions WHERE pool IN (SELECT id FROM temp.taken)",
        "INSERT INTO main.examples(pool, position, label, first, second, completion) SELECT pool, position, "
        "label, "
        "first, second, completion FROM src.examples WHERE pool IN (SELECT id FROM temp.taken)",
        "INSERT INTO main.pool_completions(pool, position, completion) SELECT pool, position, completion "
        "FROM "
        "src.pool_completions WHERE pool IN (SELECT id FROM temp.taken)",
        "INSERT OR REPLACE INTO main.pools(id, ordinal, settings, status, n, rejects, shortfall, digest)"
        " SELECT s.id, ifnull((SELECT m.ordinal FROM main.pools m WHERE m.id=s.id), " PLACED "), s.settings, "
        "s.status, s.n, s.rejects, s.shortfall, s.digest FROM src.pools s JOIN temp.taken t ON t.id=s.id",
        "DELETE FROM main.bias WHERE id IN (SELECT id FROM temp.taken WHERE id IN (SELECT id FROM src.bias))",
        "DELETE FROM main.diversity WHERE pool IN (SELECT id FROM temp.taken)",
        "INSERT OR IGNORE INTO main.bias(id, ordinal, result) SELECT s.id, " PLACED
        ", s.result FROM src.bias s",
        TAKE_ORDINAL("bias"),
        "INSERT OR IGNORE INTO main.diversity(pool, result) SELECT pool, result FROM src.diversity",
        "DROP TABLE temp.taken",
        "DROP TABLE temp.apart"};
    SG_TRY(sg_merge_do(
        m,
        "CREATE TEMP TABLE apart AS SELECT a.pool AS id, min(a.position) AS position FROM "
        "main.examples a JOIN src.examples b ON b.pool=a.pool AND b.position=a.position WHERE "
        "a.label IS NOT b.label OR a.first IS NOT b.first OR a.second IS NOT b.second GROUP BY a.pool",
        0, NULL, err));
    SG_TRY(sg_merge_each(m, "SELECT id, position FROM temp.apart ORDER BY id", other_pool, err));
    SG_TRY(
        sg_merge_do(m,
                    "CREATE TEMP TABLE taken AS SELECT s.id AS id FROM src.pools s LEFT JOIN main.pools m ON "
                    "m.id=s.id WHERE s.id NOT IN (SELECT id FROM temp.apart) AND (m.id IS NULL OR " FULLNESS(
                        "s") ">" FULLNESS("m") " OR (" FULLNESS("s") "=" FULLNESS("m") " AND s.n>m.n))",
                    0, NULL, err));
    for (size_t i = 0; i < sizeof put / sizeof put[0]; i++)
        SG_TRY(sg_merge_do(m, put[i], 0, NULL, err));
    return SG_OK;
}

/* ---- cells, and what the LLM was asked ---- */

#define DONENESS(x)                                                                                          \
    "(CASE " x ".status WHEN 'done' THEN 3 WHEN 'complete' THEN 3 WHEN 'failed' THEN 2 ELSE 1 END)"
#define OF_RESULT(x, what) "iif(json_valid(" x ".result), json_extract(" x ".result,'$." what "'), NULL)"

/* Why two trainings of one cell may end apart, as far as their records say. */
static const char *why_apart(sqlite3_stmt *row)
{
    static const struct {
        int column;
        const char *text;
    } part[] = {{5, "; they were trained on other rows"},
                {7, "; they were trained on other examples"},
                {9, "; their processors round products otherwise"},
                {11, "; by other versions of the program"}};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        if (strcmp(sg_merge_text(row, part[i].column), sg_merge_text(row, part[i].column + 1)) != 0)
            return part[i].text;
    return "; their records do not say why: `synthgrid verify DIR --sample` trains cells again";
}

static sg_status other_cell(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    const char *mine = sg_merge_text(row, 1), *theirs = sg_merge_text(row, 2);
    struct sg_buf b = sg_buf_make(1 << 14);
    sg_buf_printf(&b, "cell %.64s: its ", sg_merge_text(row, 0));
    if (strcmp(mine, theirs) != 0)
        sg_buf_printf(&b, "weights are %.16s... in %s and %.16s... in %s", mine, before(m), theirs, m->from);
    else
        sg_buf_printf(&b, "%s in %s differ from those in %s",
                      sqlite3_column_int64(row, 3)   ? "predictions"
                      : sqlite3_column_int64(row, 4) ? "losses"
                                                     : "predictions of a further test set",
                      m->from, before(m));
    sg_buf_puts(&b, why_apart(row));
    return conflict(m, sg_buf_take(&b), err);
}

static sg_status cells(struct sg_merging *m, struct sg_err *err)
{
    static const char *const put[] = {
        "DELETE FROM main.predictions WHERE cell IN (SELECT id FROM temp.taken)",
        "DELETE FROM main.curves WHERE cell IN (SELECT id FROM temp.taken)",
        "DELETE FROM main.set_predictions WHERE cell IN (SELECT id FROM temp.taken)",
        "INSERT INTO main.predictions(cell, n, n_classes, logits) SELECT cell, n, n_classes, logits FROM "
        "src.predictions WHERE cell IN (SELECT id FROM temp.taken)",
        "INSERT INTO main.curves(cell, n, loss) SELECT cell, n, loss FROM src.curves WHERE cell IN (SELECT "
        "id FROM "
        "temp.taken)",
        "INSERT INTO main.set_predictions(cell, test_set, n, n_classes, logits) SELECT cell, test_set, n, "
        "n_classes, "
        "logits FROM src.set_predictions WHERE cell IN (SELECT id FROM temp.taken)",
        "INSERT OR REPLACE INTO main.cells(id, ordinal, settings, pool, status, reason, result, created) "
        "SELECT s.id, "
        "ifnull((SELECT m.ordinal FROM main.cells m WHERE m.id=s.id), " PLACED
        "), s.settings, s.pool, s.status, "
        "s.reason, s.result, s.created FROM src.cells s JOIN temp.taken t ON t.id=s.id",
        TAKE_ORDINAL("cells"),
        "DROP TABLE temp.taken"};
    SG_TRY(sg_merge_each(
        m,
        "SELECT * FROM (SELECT s.id, ifnull(" OF_RESULT(
            "m",
            "weights_sha256") ", '') AS mine, ifnull(" OF_RESULT("s",
                                                                 "weights_sha256") ", '') AS theirs,"
                                                                                   " (SELECT logits FROM "
                                                                                   "main.predictions p WHERE "
                                                                                   "p.cell=s.id) IS NOT "
                                                                                   "(SELECT logits FROM "
                                                                                   "src.predictions p "
                                                                                   "WHERE p.cell=s.id) AS "
                                                                                   "predictions,"
                                                                                   " (SELECT loss FROM "
                                                                                   "main.curves c WHERE "
                                                                                   "c.cell=s.id) IS NOT "
                                                                                   "(SELECT loss FROM "
                                                                                   "src.curves c WHERE "
                                                                                   "c.cell=s.id) "
                                                                                   "AS losses, " OF_RESULT("m", "rows_sha256") ", " OF_RESULT("s", "rows_sha256") ", " OF_RESULT("m", "examples_sha256") ", " OF_RESULT("s", "examples_sha256") ", " OF_RESULT(
                                                                                       "m",
                                                                                       "rounding") ","
                                                                                                   " " OF_RESULT("s", "rounding") ", " OF_RESULT(
                                                                                                       "m",
                                                                                                       "progr"
                                                                                                       "am") ", " OF_RESULT("s",
                                                                                                                            "program") ", EXISTS (SELECT 1 FROM main.set_predictions a JOIN src.set_predictions b ON b.cell=a.cell AND "
                                                                                                                                       "b.test_set=a.test_set WHERE a.cell=s.id AND a.logits IS NOT b.logits) AS sets"
                                                                                                                                       " FROM src.cells s JOIN main.cells m ON m.id=s.id WHERE s.status='done' AND m.status='done' ORDER BY s.id)"
                                                                                                                                       " WHERE mine<>theirs OR predictions OR losses OR sets",
        other_cell, err));
    SG_TRY(
        sg_merge_do(m,
                    "CREATE TEMP TABLE taken AS SELECT s.id AS id FROM src.cells s LEFT JOIN main.cells m ON "
                    "m.id=s.id WHERE m.id IS NULL OR " DONENESS("s") ">" DONENESS("m"),
                    0, NULL, err));
    for (size_t i = 0; i < sizeof put / sizeof put[0]; i++)
        SG_TRY(sg_merge_do(m, put[i], 0, NULL, err));
    return SG_OK;
}

/* What the LLM was asked besides, each a table of questions and one of their rows. */
static const struct questions {
    const char *table, *rows, *key, *what;
    const char *answers; /* columns of the rows that are its results */
    const char *others;  /* and all others but the key */
} questions[] = {
    {"evaluations", "evaluation_rows", "evaluation", "evaluation", "row, gold, predicted, verdict",
     ", completion"},
    {"contaminations", "contamination_rows", "contamination", "contamination probe",
     "row, match, general, general_outcome, guided, guided_outcome",
     ", general_completion, guided_completion"},
};

static sg_status other_answers(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    return conflict(m,
                    sg_strf("%s %.64s: its rows in %s differ from those in %s", sg_merge_text(row, 1),
                            sg_merge_text(row, 0), m->from, before(m)),
                    err);
}

/* Takes the text. */
static sg_status do_text(struct sg_merging *m, char *sql, struct sg_err *err)
{
    sg_status status = sql ? sg_merge_do(m, sql, 0, NULL, err) : sg_fail_memory(err, 1000);
    sg_free(sql);
    return status;
}

static sg_status find_other_answers(struct sg_merging *m, const struct questions *q, struct sg_err *err)
{
    char *sql = sg_strf(
        "SELECT s.id, '%s' FROM src.%s s JOIN main.%s m ON m.id=s.id WHERE s.status='complete' AND "
        "m.status='complete' AND (EXISTS (SELECT %s FROM src.%s WHERE %s=s.id EXCEPT SELECT %s FROM "
        "main.%s WHERE %s=s.id) OR EXISTS (SELECT %s FROM main.%s WHERE %s=s.id EXCEPT SELECT %s FROM "
        "src.%s WHERE %s=s.id)) ORDER BY s.id",
        q->what, q->table, q->table, q->answers, q->rows, q->key, q->answers, q->rows, q->key, q->answers,
        q->rows, q->key, q->answers, q->rows, q->key);
    sg_status status = sql ? sg_merge_each(m, sql, other_answers, err) : sg_fail_memory(err, 1000);
    sg_free(sql);
    return status;
}

static sg_status take_questions(struct sg_merging *m, const struct questions *q, struct sg_err *err)
{
    SG_TRY(find_other_answers(m, q, err));
    SG_TRY(do_text(
        m,
        sg_strf("CREATE TEMP TABLE taken AS SELECT s.id AS id FROM src.%s s LEFT JOIN main.%s m ON m.id=s.id "
                "WHERE m.id IS NULL OR " DONENESS("s") ">" DONENESS("m"),
                q->table, q->table),
        err));
    SG_TRY(do_text(m, sg_strf("DELETE FROM main.%s WHERE %s IN (SELECT id FROM temp.taken)", q->rows, q->key),
                   err));
    SG_TRY(do_text(
        m,
        sg_strf("INSERT INTO main.%s(%s, %s%s) SELECT %s, %s%s FROM src.%s WHERE %s IN (SELECT id FROM "
                "temp.taken)",
                q->rows, q->key, q->answers, q->others, q->key, q->answers, q->others, q->rows, q->key),
        err));
    SG_TRY(do_text(
        m,
        sg_strf("INSERT OR REPLACE INTO main.%s(id, ordinal, settings, status) SELECT s.id, ifnull((SELECT "
                "m.ordinal FROM main.%s m WHERE m.id=s.id), " PLACED "), s.settings, s.status FROM src.%s s "
                "JOIN temp.taken t ON t.id=s.id",
                q->table, q->table, q->table),
        err));
    SG_TRY(do_text(
        m,
        sg_strf(
            "UPDATE main.%s SET ordinal=(SELECT s.ordinal+?1 FROM src.%s s WHERE s.id=%s.id) WHERE ordinal<0 "
            "AND EXISTS (SELECT 1 FROM src.%s s WHERE s.id=%s.id AND s.ordinal>=0)",
            q->table, q->table, q->table, q->table, q->table),
        err));
    return sg_merge_do(m, "DROP TABLE temp.taken", 0, NULL, err);
}

/* ---- rows to predict ---- */

static sg_status other_rows(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT, "%s and %s are not of one study: the task %.64s has other test rows",
                   m->o->input[0], m->from, sg_merge_text(row, 0));
}

static sg_status rows(struct sg_merging *m, struct sg_err *err)
{
    SG_TRY(sg_merge_each(
        m,
        "SELECT m.task FROM main.test_rows m JOIN src.test_rows s ON s.task=m.task AND "
        "s.position=m.position WHERE m.label IS NOT s.label OR m.first IS NOT s.first OR m.second IS "
        "NOT s.second LIMIT 1",
        other_rows, err));
    SG_TRY(sg_merge_each(
        m,
        "SELECT m.task FROM main.test_set_rows m JOIN src.test_set_rows s ON s.task=m.task AND "
        "s.test_set=m.test_set AND s.position=m.position WHERE m.label IS NOT s.label OR m.first IS "
        "NOT s.first OR m.second IS NOT s.second LIMIT 1",
        other_rows, err));
    SG_TRY(
        sg_merge_do(m,
                    "INSERT OR IGNORE INTO main.test_rows(task, position, label, first, second) SELECT task, "
                    "position, label, first, second FROM src.test_rows",
                    0, NULL, err));
    return sg_merge_do(
        m,
        "INSERT OR IGNORE INTO main.test_set_rows(task, test_set, position, label, first, second) "
        "SELECT task, test_set, position, label, first, second FROM src.test_set_rows",
        0, NULL, err);
}

sg_status sg_merge_tables(struct sg_merging *m, struct sg_err *err)
{
    SG_TRY(rows(m, err));
    SG_TRY(completions(m, err));
    SG_TRY(attempts(m, err));
    SG_TRY(batches(m, err));
    SG_TRY(pools(m, err));
    SG_TRY(cells(m, err));
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
        SG_TRY(take_questions(m, &questions[i], err));
    return SG_OK;
}

/* ---- when all are in ---- */

static sg_status check_cell(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    char found[SG_HEX], *id = NULL;
    const char *stored = sg_merge_text(row, 2);
    SG_TRY(sg_ledger_examples_digest(m->l, sg_merge_text(row, 1), sqlite3_column_int64(row, 3), found, err));
    if (!found[0] || strcmp(found, stored) == 0)
        return SG_OK;
    if (!(id = sg_strdup(sg_merge_text(row, 0))))
        return sg_fail_memory(err, SG_HEX);
    sg_status status = sg_ledger_cell_reset(m->l, id, err);
    if (status == SG_OK)
        status = sg_json_add_sentence(
            m->found->remarks,
            sg_strf("cell %.64s was trained on examples that were not taken: it is planned again", id), err);
    sg_free(id);
    return status;
}

/* examples_sha256 is of all that a cell took from its pool, n_synthetic is what verification left of that. */
#define EXAMPLES_OF OF_RESULT("m", "examples_sha256")
#define N_KEPT      OF_RESULT("m", "n_synthetic")
#define N_REMOVED   OF_RESULT("m", "view.n_removed")

sg_status sg_merge_settle(struct sg_merging *m, struct sg_err *err)
{
    return sg_merge_each(m,
                         "SELECT id, pool, examples, n FROM (SELECT m.id, m.pool, " EXAMPLES_OF
                         " AS examples, " N_KEPT "+ifnull(" N_REMOVED ", 0) AS n FROM main.cells m WHERE "
                         "m.status='done' AND m.pool IN (SELECT id FROM main.pools)) WHERE examples<>'' AND "
                         "n>0 ORDER BY id",
                         check_cell, err);
}
