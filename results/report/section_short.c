/* In short: a row a task, of what the sections behind it tell at length. */
#include "results/report/gain.h"

#include "base/mem.h"

#include <math.h>

/* The largest raw size of a task; 0 where it has none. */
static sg_status largest(const struct sg_scores *s, int64_t task, int64_t *out, struct sg_err *err)
{
    int64_t *raw = NULL, n = 0;
    SG_TRY(sg_answer_raws(s, task, &raw, &n, err));
    *out = n ? raw[n - 1] : 0;
    sg_free(raw);
    return SG_OK;
}

/* The highest mean of raw+synthetic, of all methods and sizes; NULL for none. */
static const struct sg_score_group *best_of(const struct sg_gain *x)
{
    const struct sg_score_group *best = NULL;
    for (int64_t i = 0; x && i < x->n_all; i++)
        if (x->group[i]->cell &&
            (!best || x->group[i]->effect[SG_SCORE_ACCURACY].mean > best->effect[SG_SCORE_ACCURACY].mean))
            best = x->group[i];
    return best;
}

static void effect_cell(struct sg_doc *doc, const struct sg_gain *x)
{
    struct sg_effect none = sg_answer_none();
    sg_answer_effect_cell(doc, x ? &x->all : &none, x && sg_answer_told(x->p) ? "*" : "");
}

static void draw_task(const struct sg_report_task *t, int64_t raw, const struct sg_score_group *raw_only,
                      const struct sg_gain *help, const struct sg_gain *replace, struct sg_doc *doc)
{
    const struct sg_score_group *best = best_of(help);
    sg_doc_text(doc, t->name);
    sg_doc_real(doc, 100.0 / (double)t->n_classes, 1);
    sg_doc_int(doc, raw);
    sg_doc_real(doc, raw_only ? 100 * raw_only->effect[SG_SCORE_ACCURACY].mean : (double)NAN, 1);
    effect_cell(doc, help);
    effect_cell(doc, replace);
    if (best)
        sg_doc_textf(doc, "%.60s %lld: %.1f %%", best->method, (long long)best->size,
                     100 * best->effect[SG_SCORE_ACCURACY].mean);
    else
        sg_doc_text(doc, "-");
}

/* Of each task that is shown, with the most raw rows that it has. */
static sg_status draw(const struct sg_section_input *in, const struct sg_gains *help,
                      const struct sg_gains *replace, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"chance", SG_DOC_NUMBER, "%"},
                                                  {"raw", SG_DOC_NUMBER, "rows"},
                                                  {"raw only", SG_DOC_NUMBER, "%"},
                                                  {"beside raw", SG_DOC_NUMBER, "points"},
                                                  {"in place of raw", SG_DOC_NUMBER, "points"},
                                                  {"best raw+synthetic", SG_DOC_TEXT, ""}};
    sg_doc_table(doc, "short", "In short: what synthetic examples change", SG_DOC_BRIEF, 7, column);
    for (int64_t t = 0; t < in->d->n_tasks; t++) {
        int64_t raw;
        if (!in->d->task[t].n_shown)
            continue;
        SG_TRY(largest(in->scores, t, &raw, err));
        draw_task(&in->d->task[t], raw, sg_scores_find(in->scores, t, SG_REPORT_RAW, NULL, 0, raw),
                  sg_gains_find(help, t, raw), sg_gains_find(replace, t, raw), doc);
    }
    sg_doc_note(
        doc,
        "Points of accuracy, mean over %smethods and sizes, 95 %% interval; *: told (p < 0.05, Holm over the "
        "tasks and their mean at all raw sizes, as in help and replace). The best of many looks better than "
        "it is.",
        help->is_some || replace->is_some ? "LLM " : "");
    return SG_OK;
}

sg_status sg_section_short(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct sg_gains help = {.s = in->scores, .mix = SG_REPORT_BOTH},
                    replace = {.s = in->scores, .mix = SG_REPORT_SYNTHETIC};
    int any = 0;
    for (int64_t t = 0; t < in->d->n_tasks; t++)
        any |= in->d->task[t].n_shown > 0;
    if (!in->scores || !any)
        return SG_OK;
    sg_status status = sg_gains_read(&help, in->d, err);
    if (status == SG_OK)
        status = sg_gains_read(&replace, in->d, err);
    if (status == SG_OK)
        status = draw(in, &help, &replace, doc, err);
    sg_gains_free(&help);
    sg_gains_free(&replace);
    return status;
}
