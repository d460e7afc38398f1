/* Does the LLM's own accuracy tell? The encoder beside the LLM, row by row; and the LLM's accuracy beside what its data adds, over tasks. */
#include "results/report/answer.h"
#include "results/report/llm_rows.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MIN_TASKS = 5, N_KINDS = 2 };

/* An evaluation: the encoder on the most raw rows (0), and with the most synthetic examples beside them (1, mean of methods), minus the LLM. */
struct row {
    int64_t evaluation, task, raw, size;
    struct sg_effect e[N_KINDS];
    double p[N_KINDS], llm;
};

static int64_t groups_of(const struct sg_scores *s, const struct row *x, int mix,
                         const struct sg_score_group **list)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task == x->task && g->mix == mix && g->raw == x->raw &&
            (mix == SG_REPORT_RAW || g->size == x->size))
            list[n++] = g;
    }
    return n;
}

static sg_status fill_row(const struct sg_section_input *in, const struct sg_llm_rows *llm, struct row *x,
                          const struct sg_score_group **list, struct sg_err *err)
{
    const struct sg_scores *s = in->scores;
    int64_t n_asked = 0, n_right = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task != x->task)
            continue;
        x->raw = g->mix == SG_REPORT_RAW && g->raw > x->raw ? g->raw : x->raw;
        x->size = g->mix == SG_REPORT_BOTH && g->size > x->size ? g->size : x->size;
    }
    for (int64_t r = 0; r < in->d->task[x->task].n_test; r++) {
        n_asked += llm->right[x->evaluation][r] >= 0;
        n_right += llm->right[x->evaluation][r] == 1;
    }
    x->llm = n_asked ? (double)n_right / (double)n_asked : (double)NAN;
    SG_TRY(sg_llm_rows_difference(llm, s, x->evaluation, list, groups_of(s, x, SG_REPORT_RAW, list), &x->e[0],
                                  err));
    return sg_llm_rows_difference(llm, s, x->evaluation, list, groups_of(s, x, SG_REPORT_BOTH, list),
                                  &x->e[1], err);
}

static sg_status adjust(struct row *row, int64_t n, int64_t *n_family, struct sg_err *err)
{
    double *p = sg_alloc(N_KINDS * (size_t)n + 1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, N_KINDS * (size_t)n * sizeof *p);
    *n_family = 0;
    for (int64_t i = 0; i < N_KINDS * n; i++) {
        p[i] = row[i / N_KINDS].e[i % N_KINDS].p;
        *n_family += !isnan(p[i]);
    }
    sg_holm(p, N_KINDS * n);
    for (int64_t i = 0; i < N_KINDS * n; i++)
        row[i / N_KINDS].p[i % N_KINDS] = p[i];
    sg_free(p);
    return SG_OK;
}

/* Of the evaluations with so many shots. */
static sg_status say_kind(const struct sg_report_data *d, const struct row *row, int64_t n, int64_t shots,
                          int kind, int64_t n_family, struct sg_doc *doc, struct sg_err *err)
{
    struct sg_buf words = sg_buf_make(1 << 18);
    struct sg_answer_case *x = sg_alloc((size_t)n + 1, sizeof *x);
    int64_t m = 0;
    if (!x)
        return sg_fail_memory(err, (size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        if (d->evaluation[row[i].evaluation].shots == shots)
            x[m++] = (struct sg_answer_case){d->task[row[i].task].name, &row[i].e[kind], row[i].p[kind]};
    if (sg_answer_better(x, m, &words))
        sg_doc_say(doc,
                   "Against the LLM asked with %lld %s, the encoder on %s: %s (points, paired on rows; Holm "
                   "over %lld).",
                   (long long)shots, sg_plural(shots, "example", "examples"),
                   kind ? "raw and synthetic rows" : "raw rows alone", sg_buf_text(&words),
                   (long long)n_family);
    sg_free(x);
    sg_status status = sg_buf_check(&words, "a sentence", err);
    sg_buf_free(&words);
    return status;
}

/* The task's mean gain of raw+synthetic over raw only, over all its complete groups; NaN where one has a hole. */
static double gain_of(const struct sg_scores *s, int64_t task)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task != task || g->mix != SG_REPORT_BOTH)
            continue;
        const struct sg_score_group *raw = sg_scores_find(s, task, SG_REPORT_RAW, NULL, 0, g->raw);
        if (!raw || !raw->cell || !g->cell)
            return (double)NAN;
        sum += g->effect[SG_SCORE_ACCURACY].mean - raw->effect[SG_SCORE_ACCURACY].mean;
        n++;
    }
    return n ? sum / (double)n : (double)NAN;
}

static sg_status say_relation(const struct sg_section_input *in, const struct row *row, int64_t n,
                              struct sg_doc *doc, struct sg_err *err)
{
    int64_t m = 0, *all = sg_alloc((size_t)in->d->n_tasks + 1, sizeof *all),
            *task = sg_alloc((size_t)in->d->n_tasks + 1, sizeof *task);
    double *x = sg_alloc(3 * (size_t)in->d->n_tasks + 1, sizeof *x), *y = x + in->d->n_tasks,
           *dealt = y + in->d->n_tasks;
    char text[SG_ANSWER_TEXT];
    if (!all || !task || !x) {
        sg_free(all);
        sg_free(task);
        sg_free(x);
        return sg_fail_memory(err, 5 * (size_t)in->d->n_tasks * sizeof *x);
    }
    for (int64_t t = 0; t < in->d->n_tasks; t++) {
        const struct row *first = NULL; /* of the fewest shots */
        for (int64_t i = 0; i < n; i++)
            if (row[i].task == t && (!first || in->d->evaluation[row[i].evaluation].shots <
                                                   in->d->evaluation[first->evaluation].shots))
                first = &row[i];
        double gain = gain_of(in->scores, t);
        if (!first || isnan(gain) || isnan(first->llm))
            continue;
        x[m] = first->llm;
        y[m] = dealt[m] = gain;
        task[m++] = t;
    }
    double rho = sg_spearman(x, y, m),
           p = sg_answer_permutation_p(x, dealt, all, m, sg_seed_of("llm and gain"));
    if (m < MIN_TASKS)
        sg_doc_say(doc,
                   "Whether the LLM's own accuracy tells how much its data helps " SG_CANNOT
                   ": it has %lld %s with both, and takes %d or more.",
                   (long long)m, sg_plural(m, "task", "tasks"), (int)MIN_TASKS);
    else if (sg_answer_told(p))
        sg_doc_say(doc,
                   "Over %lld tasks, the more often the LLM itself is right, the %s its data helps: rank "
                   "correlation %+.2f, %s.",
                   (long long)m, rho > 0 ? "more" : "less", rho, sg_answer_p(p, text));
    else
        sg_doc_say(doc,
                   "Whether the LLM's own accuracy tells how much its data helps " SG_CANNOT
                   ": rank correlation %+.2f over %lld tasks, %s.",
                   rho, (long long)m, sg_answer_p(p, text));
    if (m) {
        sg_doc_figure(doc, &(struct sg_figure_spec){.name = "llm-gain",
                                                    .title = "The LLM's own accuracy, and what its data adds",
                                                    .x_label = "accuracy of the LLM, %",
                                                    .y_label = "gain of raw+synthetic over raw, points",
                                                    .kind = SG_FIGURE_POINTS,
                                                    .zero_line = 0});
        sg_doc_series(doc, "tasks");
        for (int64_t i = 0; i < m; i++)
            sg_doc_point(doc, 100 * x[i], 100 * y[i], NAN, NAN, in->d->task[task[i]].name);
    }
    sg_free(all);
    sg_free(task);
    sg_free(x);
    return SG_OK;
}

static void table(const struct sg_report_data *d, const struct row *row, int64_t n, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"shots", SG_DOC_NUMBER, ""},
                                                  {"seed", SG_DOC_NUMBER, ""},
                                                  {"LLM", SG_DOC_NUMBER, "%"},
                                                  {"raw", SG_DOC_NUMBER, "examples"},
                                                  {"raw only - LLM", SG_DOC_NUMBER, "points"},
                                                  {"p (Holm)", SG_DOC_NUMBER, ""},
                                                  {"size", SG_DOC_NUMBER, "examples"},
                                                  {"with synthetic - LLM", SG_DOC_NUMBER, "points"},
                                                  {"p (Holm) ", SG_DOC_NUMBER, ""}};
    sg_doc_table(doc, "llm-encoder", "The encoder minus the LLM, on the rows that the LLM was asked about", 0,
                 10, column);
    for (int64_t i = 0; i < n; i++) {
        const struct row *x = &row[i];
        sg_doc_text(doc, d->task[x->task].name);
        sg_doc_int(doc, d->evaluation[x->evaluation].shots);
        sg_doc_int(doc, d->evaluation[x->evaluation].seed);
        sg_doc_real(doc, 100 * x->llm, 1);
        sg_doc_int(doc, x->raw);
        sg_answer_effect_cell(doc, &x->e[0], sg_answer_told(x->p[0]) ? "*" : "");
        sg_answer_p_cell(doc, x->p[0]);
        sg_doc_int(doc, x->size);
        sg_answer_effect_cell(doc, &x->e[1], sg_answer_told(x->p[1]) ? "*" : "");
        sg_answer_p_cell(doc, x->p[1]);
    }
    sg_doc_note(doc, "The encoder on the most raw rows of the study, and with the most synthetic examples "
                     "beside them (mean of the methods), "
                     "over all seeds; paired on rows. *: p < 0.05, Holm over the differences of this table.");
}

sg_status sg_section_encoder(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct sg_llm_rows llm = {0};
    int64_t n = 0, n_family = 0;
    if (!in->scores || !in->d->n_evaluations)
        return SG_OK;
    SG_TRY(sg_llm_rows_read(in->file, in->d, &llm, err));
    struct row *row = sg_alloc((size_t)llm.n + 1, sizeof *row);
    const struct sg_score_group **list = sg_alloc((size_t)in->scores->n_groups + 1, sizeof *list);
    sg_status status = row && list ? SG_OK : sg_fail_memory(err, (size_t)llm.n * sizeof *row);
    for (int64_t i = 0; i < llm.n && status == SG_OK; i++)
        if (llm.right[i]) {
            row[n] = (struct row){.evaluation = i, .task = in->d->evaluation[i].task};
            status = fill_row(in, &llm, &row[n++], list, err);
        }
    if (status == SG_OK)
        status = adjust(row, n, &n_family, err);
    if (status == SG_OK && n) {
        for (int64_t i = 0; i < n && status == SG_OK; i++) {
            int64_t shots = in->d->evaluation[row[i].evaluation].shots;
            int is_new = 1;
            for (int64_t k = 0; k < i; k++)
                is_new &= in->d->evaluation[row[k].evaluation].shots != shots;
            for (int kind = 0; kind < N_KINDS && is_new && status == SG_OK; kind++)
                status = say_kind(in->d, row, n, shots, kind, n_family, doc, err);
        }
        if (status == SG_OK)
            status = say_relation(in, row, n, doc, err);
        table(in->d, row, n, doc);
    }
    sg_free(row);
    sg_free(list);
    sg_llm_rows_free(&llm);
    return status;
}
