#include "results/h5/store_fill_impl.h"

#include "results/stats/stats.h"

/* One class and text of a pool. x: an object of the list `rows` of the ledger's result. */
static sg_status fill_row(struct fill *f, const json_t *result, int64_t pool, const struct task *t,
                          const json_t *x, struct sg_err *err)
{
    int64_t label = sg_json_int_or(x, "label", -1), chosen = sg_json_int_or(x, "chosen", -1),
            n_chosen = sg_json_int_or(result, "n_chosen", -1);
    struct sg_estimate e = chosen >= 0 ? sg_wilson_ci((double)chosen, n_chosen) : sg_wilson_ci(0, 0);
    union sg_value row[SG_N_TEXT_STATS] = {
        [SG_TEXT_STATS_pool].i = pool,
        [SG_TEXT_STATS_task].text = t->name,
        [SG_TEXT_STATS_method].text = pool < 0 ? "" : f->pool[pool].method,
        [SG_TEXT_STATS_label].i = label,
        [SG_TEXT_STATS_class].text = label < 0 ? "" : class_name(t, label),
        [SG_TEXT_STATS_part].text = sg_json_text_or(x, "part", ""),
        [SG_TEXT_STATS_n].i = sg_json_int_or(x, "n", 0),
        [SG_TEXT_STATS_chosen].i = chosen,
        [SG_TEXT_STATS_chosen_share].x = e.mean,
        [SG_TEXT_STATS_chosen_low].x = e.low,
        [SG_TEXT_STATS_chosen_high].x = e.high,
        [SG_TEXT_STATS_mean_words].x = real_of(x, "mean_words"),
        [SG_TEXT_STATS_n_words].i = sg_json_int_or(x, "n_words", 0),
        [SG_TEXT_STATS_distinct_1].x = real_of(x, "distinct_1"),
        [SG_TEXT_STATS_distinct_2].x = real_of(x, "distinct_2"),
        [SG_TEXT_STATS_opening].text = sg_json_text_or(x, "opening", ""),
        [SG_TEXT_STATS_opening_share].x = real_of(x, "opening_share"),
        [SG_TEXT_STATS_question_share].x = real_of(x, "question_share"),
        [SG_TEXT_STATS_overlap].x = real_of(x, "overlap"),
    };
    return sg_h5_table_add(f->table[SG_T_TEXT_STATS], row, err);
}

/* Of a task or pool that the cells do not name, nothing is shown. */
static sg_status fill_result(struct fill *f, const char *text, struct sg_err *err)
{
    json_t *result = NULL;
    SG_TRY(object_of(text, "a pool's text statistics", &result, err));
    const char *id = sg_json_text_or(result, "pool", "");
    const json_t *known = json_object_get(f->pool_index, id), *x;
    const struct task *t = find_task(f, sg_json_text_or(result, "task", ""));
    sg_status status = SG_OK;
    size_t i;
    json_array_foreach (json_object_get(result, "rows"), i, x)
        if (status == SG_OK && t && (known || !id[0]))
            status = fill_row(f, result, known ? (int64_t)json_integer_value(known) : -1, t, x, err);
    if (status == SG_OK && t && (known || !id[0]))
        status = sg_fill_text_measures(f, result, known ? (int64_t)json_integer_value(known) : -1, t, err);
    json_decref(result);
    return status;
}

static sg_status fill_text(struct fill *f, sqlite3_stmt *s, int64_t at, struct sg_err *err)
{
    (void)at;
    return fill_result(f, column(s, 0), err);
}

sg_status sg_fill_text_stats(struct fill *f, struct sg_err *err)
{
    return sg_fill_each(f, "bias", "SELECT result FROM bias WHERE ordinal>=0 ORDER BY ordinal, id", fill_text,
                        err);
}
