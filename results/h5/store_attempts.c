/* /attempts of results.h5: what all requests came to, in a few rows. One by one they are in the ledger alone: 100,000 of them would
 * be most of the file, and nothing in it refers to one. */
#include "results/h5/store_fill_impl.h"

static sg_status fill_row(struct fill *f, sqlite3_stmt *s, int64_t at, struct sg_err *err)
{
    (void)at;
    union sg_value row[SG_N_ATTEMPTS] = {
        [SG_ATTEMPTS_origin].text = column(s, 0),
        [SG_ATTEMPTS_model].text = column(s, 1),
        [SG_ATTEMPTS_kind].text = column(s, 2),
        [SG_ATTEMPTS_fate].text = column(s, 3),
        [SG_ATTEMPTS_http_status].i = sqlite3_column_int64(s, 4),
        [SG_ATTEMPTS_n].i = sqlite3_column_int64(s, 5),
        [SG_ATTEMPTS_n_unsettled].i = sqlite3_column_int64(s, 6),
        [SG_ATTEMPTS_tokens_in].i = sqlite3_column_int64(s, 7),
        [SG_ATTEMPTS_tokens_out].i = sqlite3_column_int64(s, 8),
        [SG_ATTEMPTS_cost_usd].x = sqlite3_column_double(s, 9),
        [SG_ATTEMPTS_worst_usd].x = sqlite3_column_double(s, 10),
        [SG_ATTEMPTS_latency_s].x = sqlite3_column_double(s, 11),
        [SG_ATTEMPTS_latency_max_s].x = sqlite3_column_double(s, 12),
        [SG_ATTEMPTS_first].text = column(s, 13),
        [SG_ATTEMPTS_last].text = column(s, 14),
    };
    return sg_h5_table_add(f->table[SG_T_ATTEMPTS], row, err);
}

sg_status sg_fill_attempts(struct fill *f, struct sg_err *err)
{
    /* A model's name is a server's text: of the strange thousands that one might send, the first ones are enough. */
    static const char sums[] = "SELECT ifnull(origin,''), ifnull(model,''), ifnull(kind,''), "
                               "ifnull(fate,''), ifnull(http_status,-1) AS http,"
                               " count(*), total(NOT settled), total(tokens_in), total(tokens_out), "
                               "total(cost_usd) FILTER (WHERE settled),"
                               " total(worst_usd) FILTER (WHERE NOT settled), total(latency_s), "
                               "max(latency_s), min(created), max(created)"
                               " FROM attempts GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT 1000";
    return sg_fill_each(f, "attempts", sums, fill_row, err);
}
