/* --compare OTHER: this study minus another one, group by group. */
#include "results/report/answer.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const mix_names[SG_N_REPORT_MIXES] = {"raw only", "synthetic", "raw+synthetic"};

struct pair {
    const struct sg_score_group *here, *there;
    struct sg_effect e;
    double p;
    int paired;
};

static int64_t task_there(const struct sg_section_input *in, int64_t task)
{
    for (int64_t t = 0; t < in->other->n_tasks; t++)
        if (strcmp(in->other->task[t].name, in->d->task[task].name) == 0)
            return t;
    return -1;
}

/* The same test rows, as far as their labels tell. */
static int same_rows(const struct sg_section_input *in, int64_t here, int64_t there)
{
    int64_t n = in->d->task[here].n_test;
    int same = n == in->other->task[there].n_test;
    for (int64_t r = 0; r < n && same; r++)
        same = sg_scores_gold(in->scores, here, r) == sg_scores_gold(in->other_scores, there, r);
    return same;
}

/* Two means that share nothing. */
static struct sg_effect unpaired(const struct sg_effect *a, const struct sg_effect *b)
{
    struct sg_effect x[2] = {*a, {-b->mean, -b->high, -b->low, b->se, b->df, b->p, b->sources}},
                     m = sg_effects_mean(x, 2);
    m.mean *= 2;
    m.low *= 2;
    m.high *= 2;
    m.se *= 2;
    return m;
}

static sg_status subtract(const struct sg_section_input *in, struct pair *x, struct sg_err *err)
{
    struct sg_crossed a = {0}, b = {0};
    SG_TRY(sg_scores_of(in->scores, x->here, SG_SCORE_ACCURACY, &a, err));
    sg_status status = sg_scores_of(in->other_scores, x->there, SG_SCORE_ACCURACY, &b, err);
    if (status == SG_OK) {
        x->paired = same_rows(in, x->here->task, x->there->task) && sg_answer_fits(&a, &b);
        if (x->paired)
            status = sg_crossed_difference(&a, &b, &x->e, err);
        else
            x->e = unpaired(&x->here->effect[SG_SCORE_ACCURACY], &x->there->effect[SG_SCORE_ACCURACY]);
    }
    sg_answer_release(&a);
    sg_answer_release(&b);
    return status;
}

static void say(const struct pair *x, int64_t n, int64_t n_only, struct sg_doc *doc)
{
    int64_t n_up = 0, n_down = 0, n_whole = 0, n_paired = 0;
    for (int64_t i = 0; i < n; i++) {
        n_whole += !isnan(x[i].e.mean);
        n_paired += x[i].paired;
        n_up += sg_answer_told(x[i].p) && x[i].e.mean > 0;
        n_down += sg_answer_told(x[i].p) && x[i].e.mean < 0;
    }
    if (n_up + n_down)
        sg_doc_say(doc,
                   "Of %lld groups that both studies have complete, %lld %s better here and %lld better "
                   "there (Holm over %lld); the "
                   "others cannot be told apart.",
                   (long long)n_whole, (long long)n_up, sg_plural(n_up, "is", "are"), (long long)n_down,
                   (long long)n_whole);
    else if (n_whole)
        sg_doc_say(doc,
                   "Of %lld groups that both studies have complete, none can be told from its counterpart "
                   "(Holm over %lld): which does better "
                   "cannot be told from these two.",
                   (long long)n_whole, (long long)n_whole);
    else
        sg_doc_say(doc,
                   "How these two studies compare cannot be told: they have no complete group in common.");
    if (n_paired < n_whole)
        sg_doc_paragraph(doc,
                         "%lld of the differences are not paired: test rows or numbers of seeds differ, so "
                         "their intervals are wider.",
                         (long long)(n_whole - n_paired));
    if (n_only)
        sg_doc_paragraph(doc, "%lld groups of this study are not in the other one.", (long long)n_only);
}

static void draw(const struct sg_section_input *in, const struct pair *x, int64_t n, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},          {"mix", SG_DOC_TEXT, ""},
        {"method", SG_DOC_TEXT, ""},        {"size", SG_DOC_NUMBER, "examples"},
        {"raw", SG_DOC_NUMBER, "examples"}, {"here", SG_DOC_NUMBER, "%"},
        {"there", SG_DOC_NUMBER, "%"},      {"difference", SG_DOC_NUMBER, "points"},
        {"p (Holm)", SG_DOC_NUMBER, ""},    {"paired", SG_DOC_TEXT, ""}};
    char label[300];
    sg_doc_table(doc, "compare", "This study minus the other one", SG_DOC_BRIEF, 10, column);
    for (int64_t i = 0; i < n; i++) {
        const struct sg_score_group *g = x[i].here;
        sg_doc_text(doc, in->d->task[g->task].name);
        sg_doc_text(doc, mix_names[g->mix]);
        sg_doc_text(doc, g->method);
        sg_doc_int(doc, g->size);
        sg_doc_int(doc, g->raw);
        sg_answer_effect_cell(doc, &g->effect[SG_SCORE_ACCURACY], "");
        sg_answer_effect_cell(doc, &x[i].there->effect[SG_SCORE_ACCURACY], "");
        sg_answer_effect_cell(doc, &x[i].e, sg_answer_told(x[i].p) ? "*" : "");
        sg_answer_p_cell(doc, x[i].p);
        sg_doc_text(doc, isnan(x[i].e.mean) ? "-" : x[i].paired ? "yes" : "no");
    }
    sg_doc_note(doc, "Paired: on the same test rows (by their labels) and on seeds of the same number; "
                     "otherwise both means count as "
                     "independent. *: p < 0.05, Holm over this table.");
    int any = 0;
    for (int64_t i = 0; i < n; i++)
        any |= !isnan(x[i].e.mean);
    if (!any)
        return;
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = "compare",
                                                .title = "This study minus the other one",
                                                .x_label = "task",
                                                .y_label = "difference of accuracy, points",
                                                .kind = SG_FIGURE_BARS,
                                                .zero_line = 0});
    for (int64_t t = 0; t < in->d->n_tasks; t++) {
        int first = 1;
        for (int64_t i = 0; i < n; i++) {
            const struct sg_score_group *g = x[i].here;
            if (g->task != t || isnan(x[i].e.mean))
                continue;
            if (first)
                sg_doc_series(doc, in->d->task[t].name);
            first = 0;
            if (g->mix == SG_REPORT_RAW)
                snprintf(label, sizeof label, "raw %lld", (long long)g->raw);
            else
                snprintf(label, sizeof label, "%s %.150s %lld, raw %lld", mix_names[g->mix], g->method,
                         (long long)g->size, (long long)g->raw);
            sg_doc_point(doc, (double)i, 100 * x[i].e.mean, 100 * fmax(x[i].e.low, -1),
                         100 * fmin(x[i].e.high, 1), label);
        }
    }
}

sg_status sg_section_compare(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    int64_t n = 0, n_only = 0;
    if (!in->other || !in->scores || !in->other_scores)
        return SG_OK;
    struct pair *x = sg_alloc((size_t)in->scores->n_groups + 1, sizeof *x);
    double *p = sg_alloc((size_t)in->scores->n_groups + 1, sizeof *p);
    sg_status status = x && p ? SG_OK : sg_fail_memory(err, (size_t)in->scores->n_groups * sizeof *x);
    for (int64_t i = 0; i < in->scores->n_groups && status == SG_OK; i++) {
        const struct sg_score_group *g = &in->scores->group[i], *h = NULL;
        int64_t task = task_there(in, g->task);
        if (task >= 0)
            h = sg_scores_find(in->other_scores, task, g->mix, g->method, g->size, g->raw);
        n_only += !h;
        if (!h)
            continue;
        x[n] = (struct pair){.here = g, .there = h, .e = sg_answer_none()};
        if (g->cell && h->cell)
            status = subtract(in, &x[n], err);
        p[n] = x[n].e.p;
        n++;
    }
    if (status == SG_OK) {
        sg_holm(p, n);
        for (int64_t i = 0; i < n; i++)
            x[i].p = p[i];
        say(x, n, n_only, doc);
        if (n)
            draw(in, x, n, doc);
    }
    sg_free(x);
    sg_free(p);
    return status;
}
