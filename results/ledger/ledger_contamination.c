#include "results/ledger/ledger_contamination.h"

#include "results/ledger/ledger_impl.h"

sg_status sg_ledger_contamination_plan(struct sg_ledger *l, const char *id, int64_t ordinal,
                                       const char *settings, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_CONTAMINATION_PLAN, &s, err));
    sg_ledger_bind_text(s, 1, id);
    sqlite3_bind_int64(s, 2, ordinal);
    sg_ledger_bind_text(s, 3, settings);
    return sg_ledger_step(l, s, "a planned contamination probe", err);
}

static sg_status put_rows(struct sg_ledger *l, const char *id, const struct sg_ledger_contamination_row *rows,
                          int64_t n, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_use(l, SQL_CONTAMINATION_CLEAR, &s, err));
    sg_ledger_bind_text(s, 1, id);
    SG_TRY(sg_ledger_step(l, s, "a contamination probe's rows", err));
    for (int64_t i = 0; i < n; i++) {
        SG_TRY(sg_ledger_use(l, SQL_CONTAMINATION_PUT, &s, err));
        sg_ledger_bind_text(s, 1, id);
        sqlite3_bind_int64(s, 2, rows[i].row);
        sg_ledger_bind_text(s, 3, rows[i].match);
        for (int k = 0; k < 2; k++) {
            sg_ledger_bind_known(s, 4 + 3 * k, rows[i].rouge_l[k]);
            sg_ledger_bind_text(s, 5 + 3 * k, rows[i].outcome[k]);
            sg_ledger_bind_text(s, 6 + 3 * k, rows[i].completion[k]);
        }
        SG_TRY(sg_ledger_step(l, s, "a contamination probe's row", err));
    }
    SG_TRY(sg_ledger_use(l, SQL_CONTAMINATION_FINISH, &s, err));
    sg_ledger_bind_text(s, 1, id);
    SG_TRY(sg_ledger_step(l, s, "a finished contamination probe", err));
    if (sqlite3_changes(l->db) != 1)
        return sg_fail(err, SG_FAILED, "%s: contamination probe %s is finished, but was never planned",
                       l->path, id);
    return SG_OK;
}

sg_status sg_ledger_contamination_put(struct sg_ledger *l, const char *id,
                                      const struct sg_ledger_contamination_row *rows, int64_t n,
                                      struct sg_err *err)
{
    SG_TRY(sg_ledger_save(l, err));
    return sg_ledger_keep(l, put_rows(l, id, rows, n, err), err);
}

sg_status sg_ledger_contaminations_retire(struct sg_ledger *l, struct sg_err *err)
{
    sqlite3_stmt *s;
    SG_TRY(sg_ledger_begin(l, err));
    SG_TRY(sg_ledger_use(l, SQL_CONTAMINATIONS_RETIRE, &s, err));
    return sg_ledger_step(l, s, "the contamination probes", err);
}
