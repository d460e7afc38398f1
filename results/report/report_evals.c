#include "results/report/report_draw.h"

#include <stdio.h>

static void percent(struct sg_text_table *s, double x)
{
    number(s, 100 * x, 1);
}

static void accuracy_cell(struct sg_text_table *s, double mean, double low, double high)
{
    if (isnan(mean))
        sg_text_table_own(s, "-");
    else
        sg_text_table_own(s, "%.1f [%.1f, %.1f]", 100 * mean, 100 * low, 100 * high);
}

/* "71.2: raw+synthetic zero_shot 100" */
static void best_cell(struct sg_text_table *s, const struct sg_report_encoder *e)
{
    static const char *const mix[SG_N_REPORT_MIXES] = {"raw", "synthetic", "raw+synthetic"};
    char text[300];
    if (e->best_mix < 0) {
        sg_text_table_own(s, "-");
        return;
    }
    int with_raw = e->best_mix != SG_REPORT_SYNTHETIC,
        n = snprintf(text, sizeof text, "%.1f: %s", 100 * e->best.accuracy.mean, mix[e->best_mix]);
    if (e->best_mix != SG_REPORT_RAW)
        n += snprintf(text + n, sizeof text - (size_t)n, " %.100s %lld", e->best_row.method,
                      (long long)e->best_row.size);
    if (with_raw)
        snprintf(text + n, sizeof text - (size_t)n, ", raw %lld", (long long)e->best_row.raw);
    sg_text_table_foreign(s, text);
}

sg_status sg_draw_evaluations(const struct draw *r, struct sg_err *err)
{
    static const char *const heads[] = {
        "task",          "model",      "shots",     "seed",     "rows",
        "accuracy",      "unparsable", "of parsed", "macro-F1", "encoder, raw only",
        "encoder, best", "USD"};
    if (!r->d->n_evaluations)
        return SG_OK;
    heading(r, "The LLM as a classifier, in percent");
    struct sg_text_table s = sg_text_table_make("<<>>>>>>>><>", heads);
    sg_status status = SG_OK;
    for (int64_t i = 0; i < r->d->n_evaluations && status == SG_OK; i++) {
        const struct sg_report_evaluation *e = &r->d->evaluation[i];
        struct sg_report_encoder encoder;
        status = sg_report_encoder_of(r->d, e->task, &encoder, err);
        if (status != SG_OK)
            break;
        sg_text_table_foreign(&s, r->d->task[e->task].name);
        sg_text_table_foreign(&s, e->model);
        sg_text_table_own(&s, "%lld", (long long)e->shots);
        sg_text_table_own(&s, "%lld", (long long)e->seed);
        number(&s, e->n, 0);
        accuracy_cell(&s, e->accuracy, e->low, e->high);
        number(&s, e->n_unparsable, 0);
        percent(&s, e->accuracy_parsed);
        percent(&s, e->macro_f1);
        if (encoder.raw_only.n_done)
            percent(&s, encoder.raw_only.accuracy.mean);
        else
            sg_text_table_own(&s, "-");
        best_cell(&s, &encoder);
        cost_cell(&s, e->n_requests ? e->cost_usd : 0);
    }
    if (status == SG_OK)
        sg_text_table_draw(&s, r->form, r->out);
    sg_text_table_free(&s);
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "" : "\n");
    caption(r, "Brackets: 95 % interval over the test rows (Wilson). Unparsable answers name no class or "
               "several: they are "
               "wrong in the accuracy, and left out of \"of parsed\".");
    caption(r, "Encoder: its accuracy on all test rows, from above; the best one was chosen by that very "
               "number, so it is "
               "an upper limit of what one would get.");
    return status;
}
