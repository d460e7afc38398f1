#include "results/h5/store_fill_impl.h"

/* What the rows of one verification come to. */
struct tally {
    int64_t at; /* the verification's number */
    int64_t n, n_other, n_none;
};

static sg_status add_verdict(struct fill *f, const struct verdict *v, void *context, struct sg_err *err)
{
    struct tally *t = context;
    t->n++;
    t->n_none += v->predicted < 0;
    t->n_other += v->predicted >= 0 && v->predicted != v->gold;
    union sg_value row[SG_N_VERDICTS] = {
        [SG_VERDICTS_verification].i = t->at,
        [SG_VERDICTS_position].i = v->row,
        [SG_VERDICTS_label].i = v->gold,
        [SG_VERDICTS_predicted].i = v->predicted,
        [SG_VERDICTS_verdict].text = column(v->s, 3),
        [SG_VERDICTS_completion].text = column(v->s, 4),
    };
    return sg_h5_table_add(f->table[SG_T_VERDICTS], row, err);
}

/* s: id, settings, status. */
static sg_status fill_verification(struct fill *f, sqlite3_stmt *s, int64_t at, struct sg_err *err)
{
    static const char keys[] = "SELECT completion, 0 FROM evaluation_rows WHERE evaluation=?1";
    const char *id = column(s, 0);
    json_t *settings = NULL;
    struct tally t = {.at = at};
    struct spend x = {0};
    sg_status status = object_of(column(s, 1), "a verification's settings", &settings, err);
    int64_t n_classes = (int64_t)json_array_size(json_object_get(settings, "class_names"));
    int done = strcmp(column(s, 2), "complete") == 0;
    if (status == SG_OK && done)
        status = sg_fill_verdicts(f, "verification", id, n_classes, add_verdict, &t, err);
    if (status == SG_OK)
        status = sg_fill_sum(f, keys, id, &x, err);
    if (status == SG_OK) {
        const json_t *pool = json_object_get(f->pool_index, sg_json_text_or(settings, "pool", ""));
        union sg_value row[SG_N_VERIFICATION] = {
            [SG_VERIFICATION_verification].i = at,
            [SG_VERIFICATION_pool].i = pool ? json_integer_value(pool) : -1,
            [SG_VERIFICATION_task].text = sg_json_text_or(settings, "task", ""),
            [SG_VERIFICATION_method].text = sg_json_text_or(settings, "method", ""),
            [SG_VERIFICATION_model].text = sg_json_text_or(settings, "model", ""),
            [SG_VERIFICATION_generator].text = sg_json_text_or(settings, "generator", ""),
            [SG_VERIFICATION_status].text = column(s, 2),
            [SG_VERIFICATION_n].x = done ? (double)t.n : real_of(settings, "n"),
            [SG_VERIFICATION_n_other].x = done ? (double)t.n_other : (double)NAN,
            [SG_VERIFICATION_n_unparsable].x = done ? (double)t.n_none : (double)NAN,
            FILL_SPENT(VERIFICATION, x),
            [SG_VERIFICATION_id].text = id,
            [SG_VERIFICATION_settings].text = column(s, 1),
        };
        status = sg_h5_table_add(f->table[SG_T_VERIFICATION], row, err);
    }
    json_decref(settings);
    return status;
}

sg_status sg_fill_verifications(struct fill *f, struct sg_err *err)
{
    return sg_fill_each(f, "evaluations", SG_FILL_EVALUATIONS("NOT "), fill_verification, err);
}
