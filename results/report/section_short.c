/* In short: a row a task, of what the sections behind it tell at length. */
#include "results/report/answer.h"

#include "base/mem.h"
#include "results/stats/compare.h"

#include <math.h>
#include <string.h>

struct row {
    int64_t task, raw;
    const struct sg_score_group *raw_only,
        *best; /* best: the highest mean of raw+synthetic, of all methods and sizes */
    struct sg_effect help, replace;
    double p_help, p_replace;
};

/* The task's groups of this mix, with the row's raw size where the mix has one. */
static int64_t groups_of(const struct sg_scores *s, const struct row *x, int mix,
                         const struct sg_score_group **list)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task == x->task && g->mix == mix && (mix == SG_REPORT_SYNTHETIC || g->raw == x->raw))
            list[n++] = g;
    }
    return n;
}

static sg_status fill_row(const struct sg_scores *s, struct row *x, const struct sg_score_group **list,
                          struct sg_err *err)
{
    x->help = x->replace = sg_answer_none();
    x->raw_only = sg_scores_find(s, x->task, SG_REPORT_RAW, NULL, 0, x->raw);
    int64_t n = groups_of(s, x, SG_REPORT_BOTH, list);
    for (int64_t i = 0; i < n; i++)
        if (list[i]->cell &&
            (!x->best || list[i]->effect[SG_SCORE_ACCURACY].mean > x->best->effect[SG_SCORE_ACCURACY].mean))
            x->best = list[i];
    if (x->raw_only && n)
        SG_TRY(sg_answer_difference(s, list, n, &x->raw_only, 1, &x->help, NULL, err));
    n = groups_of(s, x, SG_REPORT_SYNTHETIC, list);
    if (x->raw_only && n)
        SG_TRY(sg_answer_difference(s, list, n, &x->raw_only, 1, &x->replace, NULL, err));
    return SG_OK;
}

/* As many rows as tasks that are shown: with the most raw rows that they have. */
static sg_status fill(const struct sg_section_input *in, struct row *row, int64_t *n, struct sg_err *err)
{
    const struct sg_scores *s = in->scores;
    const struct sg_score_group **list = sg_alloc((size_t)s->n_groups + 1, sizeof *list);
    sg_status status = list ? SG_OK : sg_fail_memory(err, (size_t)s->n_groups * sizeof *list);
    for (int64_t t = 0; t < in->d->n_tasks && status == SG_OK; t++) {
        int64_t *raw = NULL, n_raw = 0;
        if (!in->d->task[t].n_shown)
            continue;
        status = sg_answer_raws(s, t, &raw, &n_raw, err);
        if (status == SG_OK) {
            row[*n] = (struct row){.task = t, .raw = n_raw ? raw[n_raw - 1] : 0};
            status = fill_row(s, &row[*n], list, err);
            ++*n;
        }
        sg_free(raw);
    }
    sg_free(list);
    return status;
}

/* The families of the sections `help` and `replace` are larger where a study has several raw sizes; the tasks' mean is one of each. */
static sg_status adjust(struct row *row, int64_t n, struct sg_err *err)
{
    double *p = sg_alloc((size_t)n + 2, sizeof *p);
    struct sg_effect *e = sg_alloc((size_t)n + 1, sizeof *e);
    sg_status status = p && e ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof *e);
    for (int k = 0; k < 2 && status == SG_OK; k++) {
        for (int64_t i = 0; i < n; i++) {
            e[i] = k ? row[i].replace : row[i].help;
            p[i] = e[i].p;
        }
        p[n] = n > 1 ? sg_effects_mean(e, n).p : (double)NAN;
        sg_holm(p, n + 1);
        for (int64_t i = 0; i < n; i++)
            *(k ? &row[i].p_replace : &row[i].p_help) = p[i];
    }
    sg_free(p);
    sg_free(e);
    return status;
}

static void draw(const struct sg_report_data *d, const struct row *row, int64_t n, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"chance", SG_DOC_NUMBER, "%"},
                                                  {"raw", SG_DOC_NUMBER, "rows"},
                                                  {"raw only", SG_DOC_NUMBER, "%"},
                                                  {"beside raw", SG_DOC_NUMBER, "points"},
                                                  {"in place of raw", SG_DOC_NUMBER, "points"},
                                                  {"best raw+synthetic", SG_DOC_TEXT, ""}};
    sg_doc_table(doc, "short", "In short: what synthetic examples change", SG_DOC_BRIEF, 7, column);
    for (int64_t i = 0; i < n; i++) {
        const struct row *x = &row[i];
        sg_doc_text(doc, d->task[x->task].name);
        sg_doc_real(doc, 100.0 / (double)d->task[x->task].n_classes, 1);
        sg_doc_int(doc, x->raw);
        sg_doc_real(doc, x->raw_only ? 100 * x->raw_only->effect[SG_SCORE_ACCURACY].mean : (double)NAN, 1);
        sg_answer_effect_cell(doc, &x->help, sg_answer_told(x->p_help) ? "*" : "");
        sg_answer_effect_cell(doc, &x->replace, sg_answer_told(x->p_replace) ? "*" : "");
        if (x->best)
            sg_doc_textf(doc, "%.60s %lld: %.1f %%", x->best->method, (long long)x->best->size,
                         100 * x->best->effect[SG_SCORE_ACCURACY].mean);
        else
            sg_doc_text(doc, "-");
    }
    sg_doc_note(
        doc,
        "Points of accuracy, mean over methods and sizes, 95 %% interval; *: told (p < 0.05, Holm over the "
        "tasks and their mean). The best of many looks better than it is.");
}

sg_status sg_section_short(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    int64_t n = 0;
    if (!in->scores)
        return SG_OK;
    struct row *row = sg_alloc((size_t)in->d->n_tasks + 1, sizeof *row);
    sg_status status = row ? fill(in, row, &n, err) : sg_fail_memory(err, 1000);
    if (status == SG_OK)
        status = adjust(row, n, err);
    if (status == SG_OK && n)
        draw(in->d, row, n, doc);
    sg_free(row);
    return status;
}
