/* What the spread of a cell's accuracy comes from: test rows, pools, draws, trainings, and what they do together. */
#include "results/report/answer.h"

#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const axis_names[SG_N_AXES] = {"pools", "draws of raw rows", "trainings", "test rows"};
static const char *const mix_names[SG_N_REPORT_MIXES] = {"raw only", "synthetic", "raw+synthetic"};

/* Mean variances over the complete groups of a task and mix. */
struct part {
    int64_t n, n_groups, n_negative;
    double variance[SG_N_AXES], rest, total;
    unsigned seen; /* 1 << axis */
};

static sg_status measure(const struct sg_scores *s, int64_t task, int mix, struct part *out,
                         struct sg_err *err)
{
    struct part p = {0};
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        struct sg_crossed y;
        struct sg_spread v;
        if (g->task != task || g->mix != mix)
            continue;
        p.n_groups++;
        if (!g->cell)
            continue;
        SG_TRY(sg_scores_of(s, g, SG_SCORE_ACCURACY, &y, err));
        sg_status status = sg_crossed_spread(&y, &v, err);
        sg_answer_release(&y);
        SG_TRY(status);
        p.n++;
        p.rest += v.rest;
        p.n_negative += v.was_negative != 0;
        for (int f = 0; f < SG_N_AXES; f++) {
            p.variance[f] += v.variance[f];
            p.seen |= g->n[f] > 1 ? 1u << f : 0;
        }
    }
    p.total = p.rest;
    for (int f = 0; f < SG_N_AXES; f++)
        p.total += p.variance[f];
    *out = p;
    return SG_OK;
}

/* "test rows 41 %, draws of raw rows 20 %, ..." of the mean share over tasks. */
static void say(const struct sg_section_input *in, const struct part *part, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 12);
    double share[SG_N_AXES] = {0}, rest = 0;
    int64_t n = 0, n_groups = 0, k = 0;
    unsigned seen = 0;
    char word[80];
    int mix = SG_REPORT_BOTH, n_words = 1;
    for (int m = 0; m < SG_N_REPORT_MIXES; m++) /* the last mix that has something */
        for (int64_t t = 0; t < in->d->n_tasks; t++)
            if (part[t * SG_N_REPORT_MIXES + m].total > 0)
                mix = m;
    for (int64_t t = 0; t < in->d->n_tasks; t++) {
        const struct part *p = &part[t * SG_N_REPORT_MIXES + mix];
        if (!(p->total > 0))
            continue;
        n++;
        n_groups += p->n;
        seen |= p->seen;
        rest += p->rest / p->total;
        for (int f = 0; f < SG_N_AXES; f++)
            share[f] += p->variance[f] / p->total;
    }
    if (!n || !(seen & ~(1u << SG_AXIS_ROWS))) {
        sg_doc_say(doc, "How much of the spread seeds account for " SG_CANNOT
                        ": it has one of each (seeds: {data: 3, train: 3} would tell).");
        sg_buf_free(&b);
        return;
    }
    for (int f = 0; f < SG_N_AXES; f++)
        n_words += seen >> f & 1;
    for (int f = SG_N_AXES - 1; f >= 0; f--)
        if (seen >> f & 1) {
            snprintf(word, sizeof word, "%s %s %.0f %%", axis_names[f], k ? "for" : "account for",
                     100 * share[f] / (double)n);
            sg_answer_join(&b, k++, n_words, word);
        }
    snprintf(word, sizeof word, "their interplay for %.0f %%", 100 * rest / (double)n);
    sg_answer_join(&b, k, n_words, word);
    sg_doc_say(doc, "Of the variance of a single cell's accuracy (%s; %lld groups of %lld %s), %s.%s",
               mix_names[mix], (long long)n_groups, (long long)n, sg_plural(n, "task", "tasks"),
               sg_buf_text(&b),
               seen & 1u << SG_AXIS_POOLS || mix == SG_REPORT_RAW
                   ? ""
                   : " What another pool would change " SG_CANNOT ": there is one of each.");
    sg_buf_free(&b);
}

static void share_cell(struct sg_doc *doc, const struct part *p, int f)
{
    if (p->total > 0 && p->seen >> f & 1)
        sg_doc_real(doc, 100 * p->variance[f] / p->total, 0);
    else
        sg_doc_real(doc, NAN, 0);
}

static void table(const struct sg_section_input *in, const struct part *part, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"mix", SG_DOC_TEXT, ""},
                                                  {"one cell", SG_DOC_NUMBER, "points"},
                                                  {"test rows", SG_DOC_NUMBER, "%"},
                                                  {"pools", SG_DOC_NUMBER, "%"},
                                                  {"draws", SG_DOC_NUMBER, "%"},
                                                  {"trainings", SG_DOC_NUMBER, "%"},
                                                  {"interplay", SG_DOC_NUMBER, "%"},
                                                  {"groups", SG_DOC_NUMBER, ""},
                                                  {"below 0", SG_DOC_NUMBER, ""}};
    sg_doc_table(doc, "spread", "Where the spread of a cell's accuracy comes from", 0, 10, column);
    for (int64_t i = 0; i < in->d->n_tasks * SG_N_REPORT_MIXES; i++) {
        const struct part *p = &part[i];
        if (!p->n_groups)
            continue;
        sg_doc_text(doc, in->d->task[i / SG_N_REPORT_MIXES].name);
        sg_doc_text(doc, mix_names[i % SG_N_REPORT_MIXES]);
        sg_doc_real(doc, p->n ? 100 * sqrt(p->total / (double)p->n) : (double)NAN, 1);
        share_cell(doc, p, SG_AXIS_ROWS);
        share_cell(doc, p, SG_AXIS_POOLS);
        share_cell(doc, p, SG_AXIS_DRAWS);
        share_cell(doc, p, SG_AXIS_TRAININGS);
        sg_doc_real(doc, p->total > 0 ? 100 * p->rest / p->total : (double)NAN, 0);
        if (p->n < p->n_groups)
            sg_doc_number(doc, (double)p->n, "%lld of %lld", (long long)p->n, (long long)p->n_groups);
        else
            sg_doc_int(doc, p->n);
        sg_doc_int(doc, p->n_negative);
    }
    sg_doc_note(doc, "One cell: standard deviation of a cell's accuracy over other rows and seeds of this "
                     "kind. Shares of its variance, "
                     "crossed random effects by the method of moments, over the mean of the groups that are "
                     "complete; -: there is one, "
                     "and its share cannot be seen.");
    sg_doc_note(doc, "Below 0: groups in which an estimated variance was negative; it counts as 0.");
}

static void figure(const struct sg_section_input *in, const struct part *part, struct sg_doc *doc)
{
    char label[200];
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = "spread",
                                                .title = "Shares of the spread",
                                                .x_label = "task and mix",
                                                .y_label = "% of the variance",
                                                .kind = SG_FIGURE_BARS,
                                                .zero_line = NAN});
    for (int f = 0; f < SG_N_AXES; f++) {
        int any = 0;
        for (int64_t i = 0; i < in->d->n_tasks * SG_N_REPORT_MIXES; i++)
            any |= part[i].total > 0 && part[i].seen >> f & 1;
        if (!any)
            continue;
        sg_doc_series(doc, axis_names[f]);
        for (int64_t i = 0; i < in->d->n_tasks * SG_N_REPORT_MIXES; i++) {
            const struct part *p = &part[i];
            if (!(p->total > 0) || !(p->seen >> f & 1))
                continue;
            snprintf(label, sizeof label, "%.120s, %s", in->d->task[i / SG_N_REPORT_MIXES].name,
                     mix_names[i % SG_N_REPORT_MIXES]);
            sg_doc_point(doc, (double)i, 100 * p->variance[f] / p->total, NAN, NAN, label);
        }
    }
}

sg_status sg_section_spread(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    int64_t n = in->d->n_tasks * SG_N_REPORT_MIXES;
    int any = 0;
    if (!in->scores || !in->scores->n_groups)
        return SG_OK;
    struct part *part = sg_alloc((size_t)n + 1, sizeof *part);
    sg_status status = part ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof *part);
    for (int64_t i = 0; i < n && status == SG_OK; i++) {
        status = measure(in->scores, i / SG_N_REPORT_MIXES, (int)(i % SG_N_REPORT_MIXES), &part[i], err);
        any |= status == SG_OK && part[i].total > 0;
    }
    if (status == SG_OK) {
        say(in, part, doc);
        table(in, part, doc);
        if (any)
            figure(in, part, doc);
    }
    sg_free(part);
    return status;
}
