#include "results/h5/store_fill_impl.h"

#include "base/mem.h"
#include "results/stats/contamination.h"

/* The rows of one probe. */
struct probed {
    int64_t n, n_unanswered;
    struct sg_contamination_pair *row; /* (n) */
};

/* A score of the ledger, NaN where it has none. */
static double score(sqlite3_stmt *s, int at)
{
    return sqlite3_column_type(s, at) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, at);
}

static sg_status add_pair(struct probed *p, double general, double guided, const char *match,
                          struct sg_err *err)
{
    struct sg_contamination_pair *row = sg_grown(p->row, p->n, sizeof *row);
    if (!row)
        return sg_fail_memory(err, 2 * (size_t)p->n * sizeof *row);
    p->row = row;
    p->row[p->n++] = (struct sg_contamination_pair){.guided = guided,
                                                    .general = general,
                                                    .is_near = strcmp(match, "near-exact") == 0,
                                                    .is_exact = strcmp(match, "exact") == 0};
    p->n_unanswered += isnan(guided) + isnan(general);
    return SG_OK;
}

static sg_status fill_rows(struct fill *f, const char *id, int64_t at, struct probed *p, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query(f,
                      "SELECT row, match, general, general_outcome, general_completion, guided, "
                      "guided_outcome, guided_completion FROM contamination_rows WHERE contamination=?1 "
                      "ORDER BY row",
                      id, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        double general = score(s, 2), guided = score(s, 5);
        if (!(isnan(general) || (general >= 0 && general <= 1)) ||
            !(isnan(guided) || (guided >= 0 && guided <= 1))) {
            status = sg_fail(err, SG_FAILED,
                             "the ledger is damaged: contamination probe %s has a ROUGE-L that is none", id);
            goto done;
        }
        SG_TRY_DONE(add_pair(p, general, guided, column(s, 1), err));
        union sg_value row[SG_N_CONTAMINATION_ROWS] = {
            [SG_CONTAMINATION_ROWS_contamination].i = at,
            [SG_CONTAMINATION_ROWS_row].i = sqlite3_column_int64(s, 0),
            [SG_CONTAMINATION_ROWS_guided_rouge_l].x = guided,
            [SG_CONTAMINATION_ROWS_general_rouge_l].x = general,
            [SG_CONTAMINATION_ROWS_match].text = column(s, 1),
            [SG_CONTAMINATION_ROWS_guided_outcome].text = column(s, 6),
            [SG_CONTAMINATION_ROWS_general_outcome].text = column(s, 3),
            [SG_CONTAMINATION_ROWS_guided_completion].text = column(s, 7),
            [SG_CONTAMINATION_ROWS_general_completion].text = column(s, 4),
        };
        SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_CONTAMINATION_ROWS], row, err));
    }
done:
    sqlite3_finalize(s);
    return status;
}

/* s: id, settings, status. */
static sg_status fill_probe(struct fill *f, sqlite3_stmt *s, int64_t at, struct sg_err *err)
{
    static const char keys[] =
        "SELECT general_completion FROM contamination_rows WHERE contamination=?1 "
        "UNION SELECT guided_completion FROM contamination_rows WHERE contamination=?1";
    const char *id = column(s, 0);
    json_t *settings = NULL;
    struct probed p = {0};
    struct sg_contamination c = {0};
    struct spend x = {0};
    sg_status status = object_of(column(s, 1), "a contamination probe's settings", &settings, err);
    int done = strcmp(column(s, 2), "complete") == 0;
    if (status == SG_OK && done)
        status = fill_rows(f, id, at, &p, err);
    if (status == SG_OK)
        status = sg_contamination_decide(p.row, p.n, &c, err);
    if (status == SG_OK)
        status = sg_fill_sum(f, keys, id, &x, err);
    if (status == SG_OK) {
        union sg_value row[SG_N_CONTAMINATION] = {
            [SG_CONTAMINATION_contamination].i = at,
            [SG_CONTAMINATION_task].text = sg_json_text_or(settings, "task", ""),
            [SG_CONTAMINATION_model].text = sg_json_text_or(settings, "model", ""),
            [SG_CONTAMINATION_generator].text = sg_json_text_or(settings, "generator", ""),
            [SG_CONTAMINATION_data_set].text = sg_json_text_or(settings, "data_set", ""),
            [SG_CONTAMINATION_split].text = sg_json_text_or(settings, "split", ""),
            [SG_CONTAMINATION_status].text = column(s, 2),
            [SG_CONTAMINATION_verdict].text = done ? sg_contamination_verdict_name(c.verdict) : "",
            [SG_CONTAMINATION_n_rows].i = done ? p.n : sg_json_int_or(settings, "rows", -1),
            [SG_CONTAMINATION_n].i = done ? c.n : -1,
            [SG_CONTAMINATION_guided_rouge_l].x = c.n ? c.guided : (double)NAN,
            [SG_CONTAMINATION_general_rouge_l].x = c.n ? c.general : (double)NAN,
            [SG_CONTAMINATION_difference].x = c.n ? c.difference : (double)NAN,
            [SG_CONTAMINATION_p].x = c.n ? c.p : (double)NAN,
            [SG_CONTAMINATION_n_exact].i = done ? c.n_exact : -1,
            [SG_CONTAMINATION_n_near_exact].i = done ? c.n_near : -1,
            [SG_CONTAMINATION_n_unanswered].i = done ? p.n_unanswered : -1,
            FILL_SPENT(CONTAMINATION, x),
            [SG_CONTAMINATION_id].text = id,
            [SG_CONTAMINATION_settings].text = column(s, 1),
        };
        status = sg_h5_table_add(f->table[SG_T_CONTAMINATION], row, err);
    }
    sg_free(p.row);
    json_decref(settings);
    return status;
}

sg_status sg_fill_contaminations(struct fill *f, struct sg_err *err)
{
    return sg_fill_each(
        f, "contaminations",
        "SELECT id, settings, status FROM contaminations WHERE ordinal>=0 ORDER BY ordinal, id", fill_probe,
        err);
}
