#include "results/h5/store_fill_impl.h"

/* The ordinal of the pool that this one rephrases; -1: none. */
static int64_t source_of(const struct fill *f, int64_t pool)
{
    const char *id = pool < 0 ? "" : sg_json_text_or(f->pool[pool].settings, "source", "");
    const json_t *known = json_object_get(f->pool_index, id);
    return known ? (int64_t)json_integer_value(known) : -1;
}

static const char *method_of(const struct fill *f, int64_t pool)
{
    return pool < 0 ? "" : f->pool[pool].method;
}

/* m: an object; it has all real columns by their names. */
static sg_status fill_measures(struct fill *f, const json_t *m, int64_t pool, const struct task *t,
                               struct sg_err *err)
{
    const struct sg_h5_table_spec *spec = &sg_store_tables[SG_T_TEXT_MEASURES];
    union sg_value row[SG_N_TEXT_MEASURES];
    for (int i = 0; i < SG_N_TEXT_MEASURES; i++)
        if (spec->column[i].type == SG_COL_REAL)
            row[i].x = real_of(m, spec->column[i].name);
        else
            row[i].i = sg_json_int_or(m, spec->column[i].name, 0);
    row[SG_TEXT_MEASURES_pool].i = pool;
    row[SG_TEXT_MEASURES_task].text = t->name;
    row[SG_TEXT_MEASURES_method].text = method_of(f, pool);
    row[SG_TEXT_MEASURES_rephrases].i = source_of(f, pool);
    return sg_h5_table_add(f->table[SG_T_TEXT_MEASURES], row, err);
}

static sg_status fill_cue(struct fill *f, const json_t *c, int64_t pool, const struct task *t,
                          struct sg_err *err)
{
    union sg_value row[SG_N_CUES] = {
        [SG_CUES_pool].i = pool,
        [SG_CUES_task].text = t->name,
        [SG_CUES_method].text = method_of(f, pool),
        [SG_CUES_view].text = sg_json_text_or(c, "view", ""),
        [SG_CUES_n].i = sg_json_int_or(c, "n", 0),
    };
    for (int i = SG_CUES_chance; i < SG_N_CUES; i++)
        row[i].x = real_of(c, sg_store_tables[SG_T_CUES].column[i].name);
    return sg_h5_table_add(f->table[SG_T_CUES], row, err);
}

static sg_status fill_term(struct fill *f, const json_t *x, int64_t pool, const struct task *t,
                           struct sg_err *err)
{
    int64_t label = sg_json_int_or(x, "label", -1);
    union sg_value row[SG_N_CLASS_TERMS] = {
        [SG_CLASS_TERMS_pool].i = pool,
        [SG_CLASS_TERMS_task].text = t->name,
        [SG_CLASS_TERMS_method].text = method_of(f, pool),
        [SG_CLASS_TERMS_label].i = label,
        [SG_CLASS_TERMS_class].text = label < 0 ? "" : class_name(t, label),
        [SG_CLASS_TERMS_part].text = sg_json_text_or(x, "part", ""),
        [SG_CLASS_TERMS_place].i = sg_json_int_or(x, "place", 0),
        [SG_CLASS_TERMS_term].text = sg_json_text_or(x, "term", ""),
        [SG_CLASS_TERMS_z].x = real_of(x, "z"),
        [SG_CLASS_TERMS_log_odds].x = real_of(x, "log_odds"),
        [SG_CLASS_TERMS_p].x = real_of(x, "p"),
        [SG_CLASS_TERMS_n_in].i = sg_json_int_or(x, "n_in", 0),
        [SG_CLASS_TERMS_n_out].i = sg_json_int_or(x, "n_out", 0),
    };
    return sg_h5_table_add(f->table[SG_T_CLASS_TERMS], row, err);
}

sg_status sg_fill_text_measures(struct fill *f, const json_t *result, int64_t pool, const struct task *t,
                                struct sg_err *err)
{
    const json_t *measures = json_object_get(result, "measures"), *x;
    size_t i;
    if (json_is_object(measures)) /* results of older versions have none */
        SG_TRY(fill_measures(f, measures, pool, t, err));
    json_array_foreach (json_object_get(result, "cues"), i, x)
        SG_TRY(fill_cue(f, x, pool, t, err));
    json_array_foreach (json_object_get(result, "terms"), i, x)
        SG_TRY(fill_term(f, x, pool, t, err));
    return SG_OK;
}
