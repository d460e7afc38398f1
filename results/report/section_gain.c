/* Does synthetic data help beside the raw rows, and can it replace them? */
#include "base/text.h"
#include "results/report/gains.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SIZES = 64 };

static const char *verb(const struct sg_effect *e)
{
    return e->low > 0 ? "gains" : e->high < 0 ? "loses" : "changes by";
}

/* One sentence for the largest size beside one raw size. */
static sg_status say_overall(const struct sg_section_input *in, int mix, int64_t raw, struct sg_doc *doc,
                             struct sg_err *err)
{
    struct sg_gain_overall o;
    char points[120];
    int64_t size = sg_largest_size(in->scores, -1, mix);
    SG_TRY(sg_gains_overall(in->scores, mix, size, raw, &o, err));
    if (!o.n_tasks || isnan(o.effect.mean))
        return SG_OK;
    sg_points(&o.effect, points, sizeof points);
    if (mix == SG_REPORT_BOTH)
        sg_doc_say(doc,
                   "Adding %lld synthetic examples to %lld raw rows %s %s in accuracy, on average over %lld "
                   "%s and %lld %s%s",
                   (long long)size, (long long)raw, verb(&o.effect), points, (long long)o.n_tasks,
                   sg_plural(o.n_tasks, "task", "tasks"), (long long)o.n_methods,
                   sg_plural(o.n_methods, "method", "methods"),
                   o.effect.low > 0 || o.effect.high < 0
                       ? "."
                       : ": whether it helps cannot be told from this study.");
    else
        sg_doc_say(doc,
                   "Training on %lld synthetic examples alone instead of %lld raw rows %s %s in accuracy, on "
                   "average over %lld %s and %lld %s%s",
                   (long long)size, (long long)raw, verb(&o.effect), points, (long long)o.n_tasks,
                   sg_plural(o.n_tasks, "task", "tasks"), (long long)o.n_methods,
                   sg_plural(o.n_methods, "method", "methods"),
                   o.effect.low > 0 || o.effect.high < 0
                       ? "."
                       : ": which is better cannot be told from this study.");
    if (o.effect.low <= 0 && o.effect.high >= 0)
        sg_doc_paragraph(doc, "A difference of %.1f points would have shown in 80 of 100 such studies.",
                         100 * sg_effect_detectable(&o.effect));
    return SG_OK;
}

static void say_settings(const struct sg_gains *g, struct sg_doc *doc)
{
    int64_t up = 0, down = 0;
    for (int64_t i = 0; i < g->n; i++) {
        up += g->gain[i].p < 0.05 && g->gain[i].accuracy.mean > 0;
        down += g->gain[i].p < 0.05 && g->gain[i].accuracy.mean < 0;
    }
    sg_doc_paragraph(doc,
                     "Of %lld comparisons (task, method, sizes) %lld %s better and %lld worse than raw rows "
                     "alone (5 %%, Holm over all %lld)%s",
                     (long long)g->n, (long long)up, sg_plural(up, "is", "are"), (long long)down,
                     (long long)g->n, g->n_holes ? "; those with missing cells are left out." : ".");
}

static void table(const struct sg_section_input *in, const struct sg_gains *g, const char *name,
                  const char *title, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"method", SG_DOC_TEXT, ""},
                                                  {"size", SG_DOC_NUMBER, "examples"},
                                                  {"raw", SG_DOC_NUMBER, "rows"},
                                                  {"raw only", SG_DOC_NUMBER, "%"},
                                                  {"with synthetic", SG_DOC_NUMBER, "%"},
                                                  {"difference", SG_DOC_NUMBER, "points"},
                                                  {"p (Holm)", SG_DOC_NUMBER, ""},
                                                  {"would show", SG_DOC_NUMBER, "points"}};
    sg_doc_table(doc, name, title, 0, 9, column);
    for (int64_t i = 0; i < g->n; i++) {
        const struct sg_gain *x = &g->gain[i];
        sg_doc_text(doc, in->d->task[x->group->task].name);
        sg_doc_text(doc, x->group->method);
        sg_doc_int(doc, x->group->size);
        sg_doc_int(doc, x->raw->raw);
        sg_doc_real(doc, 100 * x->raw->effect[SG_SCORE_ACCURACY].mean, 1);
        sg_doc_real(doc, 100 * x->group->effect[SG_SCORE_ACCURACY].mean, 1);
        sg_doc_estimate(doc, x->accuracy.mean, x->accuracy.low, x->accuracy.high, 100, 1,
                        x->p < 0.05 ? "*" : "");
        sg_doc_real(doc, x->p, 3);
        sg_doc_real(doc, 100 * sg_effect_detectable(&x->accuracy), 1);
    }
    sg_doc_note(doc,
                "Accuracy in percent; differences are paired on test rows and seeds. *: significant at 5 %% "
                "after Holm's correction over the %lld comparisons "
                "of this table. Would show: the smallest true difference that 80 of 100 such studies would "
                "call significant by itself.",
                (long long)g->n);
}

static void figure(const struct sg_section_input *in, const struct sg_gains *g, const char *name,
                   const char *title, struct sg_doc *doc)
{
    const char *last = "";
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = name,
                                                .title = title,
                                                .x_label = "",
                                                .y_label = "difference in accuracy, points",
                                                .kind = SG_FIGURE_BARS,
                                                .zero_line = 0});
    for (int64_t i = 0; i < g->n; i++) { /* a series a method, at its largest size and raw size */
        int is_first = 1;
        for (int64_t k = 0; k < i; k++)
            is_first &= g->gain[k].group->method != g->gain[i].group->method &&
                        strcmp(g->gain[k].group->method, g->gain[i].group->method) != 0;
        if (!is_first)
            continue;
        last = g->gain[i].group->method;
        sg_doc_series(doc, last);
        for (int64_t k = 0; k < g->n; k++) {
            const struct sg_gain *x = &g->gain[k];
            int64_t task = x->group->task;
            if (strcmp(x->group->method, last) != 0 ||
                x->group->size != sg_largest_size(in->scores, task, x->group->mix) ||
                x->raw->raw != sg_largest_raw(in->scores, task))
                continue;
            sg_doc_point(doc, NAN, 100 * x->accuracy.mean, 100 * x->accuracy.low, 100 * x->accuracy.high,
                         in->d->task[task].name);
        }
    }
}

static sg_status section(const struct sg_section_input *in, int mix, struct sg_doc *doc, struct sg_err *err)
{
    struct sg_gains g;
    int64_t raw[MAX_SIZES];
    if (!in->scores)
        return SG_OK;
    SG_TRY(sg_gains_of(in->scores, mix, &g, err));
    sg_status status = SG_OK;
    if (g.n) {
        int64_t n_raw = sg_sizes_of(in->scores, -1, 1, raw, MAX_SIZES);
        for (int64_t i = 0; i < n_raw && status == SG_OK; i++)
            status = say_overall(in, mix, raw[i], doc, err);
        say_settings(&g, doc);
        table(in, &g, mix == SG_REPORT_BOTH ? "help" : "replace",
              mix == SG_REPORT_BOTH ? "Raw and synthetic rows against raw rows alone"
                                    : "Synthetic rows alone against raw rows alone",
              doc);
        figure(in, &g, mix == SG_REPORT_BOTH ? "figure-help" : "figure-replace",
               mix == SG_REPORT_BOTH ? "What synthetic examples add to the raw rows"
                                     : "Synthetic examples instead of raw rows",
               doc);
    } else if (g.n_holes) {
        sg_doc_say(doc, "It cannot be told yet: cells are missing in each of the %lld comparisons.",
                   (long long)g.n_holes);
    }
    sg_gains_free(&g);
    return status;
}

sg_status sg_section_help(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    return section(in, SG_REPORT_BOTH, doc, err);
}

sg_status sg_section_replace(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    return section(in, SG_REPORT_SYNTHETIC, doc, err);
}
