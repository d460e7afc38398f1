#include "results/h5/store_fill_impl.h"

#include "base/mem.h"
#include "results/stats/metrics.h"
#include "results/stats/stats.h"

sg_status sg_fill_verdicts(struct fill *f, const char *what, const char *id, int64_t n_classes,
                           sg_status (*each)(struct fill *f, const struct verdict *v, void *context,
                                             struct sg_err *err),
                           void *context, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(
        query(f,
              "SELECT row, gold, predicted, verdict, completion FROM evaluation_rows WHERE evaluation=?1 "
              "ORDER BY row",
              id, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        struct verdict v = {s, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                            sqlite3_column_int64(s, 2)};
        if (v.gold < 0 || v.gold >= n_classes || v.predicted < -1 || v.predicted >= n_classes) {
            status =
                sg_fail(err, SG_FAILED, "the ledger is damaged: %s %s has a class that is none", what, id);
            goto done;
        }
        SG_TRY_DONE(each(f, &v, context, err));
    }
done:
    sqlite3_finalize(s);
    return status;
}

/* The rows of one evaluation. */
struct verdicts {
    int64_t at; /* the evaluation's number */
    int64_t n, n_none;
    int32_t *gold, *predicted; /* (n) */
};

static sg_status count_verdict(struct verdicts *v, int64_t gold, int64_t predicted, struct sg_err *err)
{
    int32_t *a = sg_grown(v->gold, v->n, sizeof *a);
    v->gold = a ? a : v->gold;
    int32_t *b = a ? sg_grown(v->predicted, v->n, sizeof *b) : NULL;
    v->predicted = b ? b : v->predicted;
    if (!b)
        return sg_fail_memory(err, 16 * (size_t)v->n);
    v->gold[v->n] = (int32_t)gold;
    v->predicted[v->n++] = (int32_t)predicted;
    v->n_none += predicted < 0;
    return SG_OK;
}

static sg_status add_verdict(struct fill *f, const struct verdict *v, void *context, struct sg_err *err)
{
    struct verdicts *of = context;
    SG_TRY(count_verdict(of, v->gold, v->predicted, err));
    union sg_value row[SG_N_LLM_PREDICTIONS] = {
        [SG_LLM_PREDICTIONS_evaluation].i = of->at,
        [SG_LLM_PREDICTIONS_row].i = v->row,
        [SG_LLM_PREDICTIONS_gold].i = v->gold,
        [SG_LLM_PREDICTIONS_predicted].i = v->predicted,
        [SG_LLM_PREDICTIONS_verdict].text = column(v->s, 3),
        [SG_LLM_PREDICTIONS_completion].text = column(v->s, 4),
    };
    return sg_h5_table_add(f->table[SG_T_LLM_PREDICTIONS], row, err);
}

/* s: id, settings, status. */
static sg_status fill_evaluation(struct fill *f, sqlite3_stmt *s, int64_t at, struct sg_err *err)
{
    static const char keys[] = "SELECT completion, 0 FROM evaluation_rows WHERE evaluation=?1";
    const char *id = column(s, 0);
    json_t *settings = NULL;
    struct verdicts v = {.at = at};
    struct spend x = {0};
    struct sg_metrics m;
    sg_status status = object_of(column(s, 1), "an evaluation's settings", &settings, err);
    int64_t n_classes = (int64_t)json_array_size(json_object_get(settings, "class_names"));
    int done = strcmp(column(s, 2), "complete") == 0;
    if (status == SG_OK && (n_classes < 1 || n_classes > SG_MAX_CLASSES))
        status = sg_fail(err, SG_FAILED, "the ledger is damaged: an evaluation's settings name no classes");
    if (status == SG_OK && done)
        status = sg_fill_verdicts(f, "evaluation", id, n_classes, add_verdict, &v, err);
    if (status == SG_OK)
        status = sg_fill_sum(f, keys, id, &x, err);
    if (status == SG_OK) {
        sg_metrics_of_labels(v.gold, v.predicted, v.n, (int)n_classes, &m, NULL);
        int64_t n_correct = 0, n_parsed = v.n - v.n_none;
        for (int64_t i = 0; i < v.n; i++)
            n_correct += v.gold[i] == v.predicted[i];
        struct sg_estimate e = sg_wilson_ci((double)n_correct, v.n);
        union sg_value row[SG_N_LLM_EVAL] = {
            [SG_LLM_EVAL_evaluation].i = at,
            [SG_LLM_EVAL_task].text = sg_json_text_or(settings, "task", ""),
            [SG_LLM_EVAL_model].text = sg_json_text_or(settings, "model", ""),
            [SG_LLM_EVAL_shots].i = sg_json_int_or(settings, "shots", -1),
            [SG_LLM_EVAL_seed].i = sg_json_int_or(settings, "seed", -1),
            [SG_LLM_EVAL_status].text = column(s, 2),
            [SG_LLM_EVAL_n].x = done ? (double)v.n : real_of(settings, "n"),
            [SG_LLM_EVAL_n_correct].x = done ? (double)n_correct : (double)NAN,
            [SG_LLM_EVAL_accuracy].x = m.accuracy,
            [SG_LLM_EVAL_accuracy_low].x = e.low,
            [SG_LLM_EVAL_accuracy_high].x = e.high,
            [SG_LLM_EVAL_n_unparsable].x = done ? (double)v.n_none : (double)NAN,
            [SG_LLM_EVAL_accuracy_parsed].x =
                n_parsed > 0 ? (double)n_correct / (double)n_parsed : (double)NAN,
            [SG_LLM_EVAL_macro_f1].x = m.macro_f1,
            FILL_SPENT(LLM_EVAL, x),
            [SG_LLM_EVAL_id].text = id,
            [SG_LLM_EVAL_settings].text = column(s, 1),
        };
        status = sg_h5_table_add(f->table[SG_T_LLM_EVAL], row, err);
    }
    sg_free(v.gold);
    sg_free(v.predicted);
    json_decref(settings);
    return status;
}

sg_status sg_fill_evaluations(struct fill *f, struct sg_err *err)
{
    return sg_fill_each(f, "evaluations", SG_FILL_EVALUATIONS(""), fill_evaluation, err);
}
