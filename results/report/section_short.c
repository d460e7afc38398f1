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
    int64_t n_help, n_replace; /* groups behind them */
    double p_help, p_replace;
    int is_shown; /* of the task's largest raw size; the others are in the family alone */
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
    int64_t n = x->n_help = groups_of(s, x, SG_REPORT_BOTH, list);
    for (int64_t i = 0; i < n; i++)
        if (list[i]->cell &&
            (!x->best || list[i]->effect[SG_SCORE_ACCURACY].mean > x->best->effect[SG_SCORE_ACCURACY].mean))
            x->best = list[i];
    if (x->raw_only && n)
        SG_TRY(sg_answer_difference(s, list, n, &x->raw_only, 1, &x->help, NULL, err));
    n = x->n_replace = groups_of(s, x, SG_REPORT_SYNTHETIC, list);
    if (x->raw_only && n)
        SG_TRY(sg_answer_difference(s, list, n, &x->raw_only, 1, &x->replace, NULL, err));
    return SG_OK;
}

/* The largest raw size of a task that is shown; 0 where it has none. */
static sg_status largest(const struct sg_scores *s, int64_t task, int64_t *out, struct sg_err *err)
{
    int64_t *raw = NULL, n = 0;
    SG_TRY(sg_answer_raws(s, task, &raw, &n, err));
    *out = n ? raw[n - 1] : 0;
    sg_free(raw);
    return SG_OK;
}

/* By raw size, then task, as the sections `help` and `replace` have them; a task without raw rows has a row of 0. */
static sg_status fill(const struct sg_section_input *in, struct row **out, int64_t *n, struct sg_err *err)
{
    const struct sg_scores *s = in->scores;
    int64_t *raw = NULL, n_raw = 0, T = in->d->n_tasks;
    SG_TRY(sg_answer_raws(s, -1, &raw, &n_raw, err));
    const struct sg_score_group **list = sg_alloc((size_t)s->n_groups + 1, sizeof *list);
    int64_t *most = sg_alloc((size_t)T + 1, sizeof *most);
    struct row *row = *out = sg_alloc((size_t)((n_raw + 1) * T) + 1, sizeof *row);
    sg_status status =
        list && most && row ? SG_OK : sg_fail_memory(err, (size_t)((n_raw + 1) * T) * sizeof *row);
    for (int64_t t = 0; t < T && status == SG_OK; t++)
        status = largest(s, t, &most[t], err);
    int has_zero = n_raw && raw[0] == 0;
    for (int64_t r = has_zero ? 0 : -1; r < n_raw && status == SG_OK; r++)
        for (int64_t t = 0; t < T && status == SG_OK; t++) {
            int64_t at = r < 0 ? 0 : raw[r];
            if (!in->d->task[t].n_shown || (r < 0 && most[t]))
                continue;
            row[*n] = (struct row){.task = t, .raw = at, .is_shown = most[t] == at};
            status = fill_row(s, &row[*n], list, err);
            if (r < 0)
                row[*n].n_help = row[*n].n_replace = 0; /* no raw size: of no family */
            ++*n;
        }
    sg_free(raw);
    sg_free(list);
    sg_free(most);
    return status;
}

/* The family of the section `help` or `replace`: its tasks at each raw size, and where there are several their mean. */
static sg_status adjust(struct row *row, int64_t n, int is_replace, struct sg_err *err)
{
    double *p = sg_alloc(2 * (size_t)n + 1, sizeof *p);
    struct sg_effect *e = sg_alloc((size_t)n + 1, sizeof *e);
    sg_status status = p && e ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof *e);
    int64_t n_means = 0;
    for (int64_t i = 0, k; i < n && status == SG_OK; i = k) {
        int64_t m = 0, n_whole = 0;
        for (k = i; k < n && row[k].raw == row[i].raw; k++) {
            struct sg_effect x = is_replace ? row[k].replace : row[k].help;
            int is_in = (is_replace ? row[k].n_replace : row[k].n_help) > 0;
            p[k] = is_in ? x.p : (double)NAN;
            if (!is_in)
                continue;
            n_whole += !isnan(x.mean);
            e[m++] = x;
        }
        p[n + n_means++] = m > 1 && m == n_whole ? sg_effects_mean(e, m).p : (double)NAN;
    }
    if (status == SG_OK)
        sg_holm(p, n + n_means);
    for (int64_t i = 0; i < n && status == SG_OK; i++)
        *(is_replace ? &row[i].p_replace : &row[i].p_help) = p[i];
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
    for (int64_t i = 0; i < d->n_tasks * n; i++) {
        const struct row *x = &row[i % n];
        if (!x->is_shown || x->task != i / n) /* in the order of the tasks */
            continue;
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
        "tasks and their mean at all raw sizes, as in help and replace). The best of many looks better than "
        "it is.");
}

sg_status sg_section_short(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    int64_t n = 0;
    if (!in->scores)
        return SG_OK;
    struct row *row = NULL;
    sg_status status = fill(in, &row, &n, err);
    for (int k = 0; k < 2 && status == SG_OK; k++)
        status = adjust(row, n, k, err);
    if (status == SG_OK && n)
        draw(in->d, row, n, doc);
    sg_free(row);
    return status;
}
