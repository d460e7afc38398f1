/* How much is a label worth: the raw rows that synthetic examples replace, the price of a human label from which buying pays, and the raw rows
 * from which the encoder beats the LLM.
 *
 * k synthetic examples beside r raw rows are compared with raw-only cells of every raw size r' of the study, paired on rows and seeds. They are
 * worth the r' at which that difference crosses 0; its interval ends where the ends of the difference's interval do. Between two sizes both are
 * taken to be straight in the logarithm of r'. So the interval has the seeds and rows of both sides in it. */
#include "results/report/answer.h"
#include "results/report/llm_rows.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct line {
    int64_t task, mix, size, raw, n, evaluation; /* n: methods; evaluation -1: synthetic examples */
    enum sg_answer_part part;                    /* of the methods */
    int is_some;                                 /* others are left out */
    double rows, low,
        high; /* raw rows; below the first size -INFINITY, beyond the last INFINITY, NaN: not known */
    double
        p; /* of the difference to the same raw rows alone, Holm; NaN for lines that no sentence is about */
};
struct worth {
    const struct sg_section_input *in;
    struct line *line;
    int64_t n, n_family, most_raws;
    struct sg_llm_rows llm;
};

/* Where the difference, from the first raw size on, stops being above 0 (sign 1) or begins to be (sign -1). */
static double crossing(const double *y, const int64_t *raw, int64_t n, double sign)
{
    if (isnan(y[0]))
        return NAN;
    if (sign * y[0] <= 0)
        return -INFINITY;
    for (int64_t i = 1; i < n; i++) {
        if (isnan(y[i]))
            return NAN;
        if (sign * y[i] <= 0) {
            double from = log((double)raw[i - 1]), to = log((double)raw[i]);
            return exp(from + (to - from) * y[i - 1] / (y[i - 1] - y[i]));
        }
    }
    return INFINITY;
}

static struct line *add_line(struct worth *w, struct sg_err *err)
{
    void *grown = sg_grown(w->line, w->n, sizeof *w->line);
    if (!grown) {
        (void)!sg_fail_memory(err, sizeof *w->line);
        return NULL;
    }
    w->line = grown;
    struct line *l = &w->line[w->n];
    *l = (struct line){.rows = NAN, .low = NAN, .high = NAN, .p = NAN, .evaluation = -1};
    return l;
}

/* The line's groups: those of its mix, size and raw size that are in means. */
static int64_t groups_of(const struct sg_scores *s, struct line *l, const struct sg_score_group **list)
{
    int64_t n = 0;
    l->part = sg_answer_mean_part(s, l->task, l->mix);
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task == l->task && g->mix == l->mix && g->size == l->size &&
            (l->mix == SG_REPORT_SYNTHETIC || g->raw == l->raw)) {
            if (sg_answer_part(s->d, g) == l->part)
                list[n++] = g;
            else
                l->is_some = 1;
        }
    }
    return n;
}

/* scratch: room for all groups, and three values a raw size. */
static sg_status measure_line(const struct worth *w, struct line *l, const int64_t *raw, int64_t n,
                              const struct sg_score_group **list, double *scratch, struct sg_err *err)
{
    const struct sg_scores *s = w->in->scores;
    double *mean = scratch, *low = mean + n, *high = low + n;
    int64_t first = 0;
    l->n = groups_of(s, l, list);
    while (l->mix == SG_REPORT_BOTH && first < n && raw[first] < l->raw)
        first++;
    for (int64_t r = first; r < n; r++) {
        const struct sg_score_group *raw_only = sg_scores_find(s, l->task, SG_REPORT_RAW, NULL, 0, raw[r]);
        struct sg_effect e;
        SG_TRY(sg_answer_difference(s, list, l->n, &raw_only, 1, &e, NULL, err));
        mean[r - first] = e.mean;
        low[r - first] = e.low;
        high[r - first] = e.high;
        if (r == first && l->mix == SG_REPORT_BOTH)
            l->p = e.p;
    }
    if (first == n)
        return SG_OK;
    l->rows = crossing(mean, raw + first, n - first, 1);
    l->low = crossing(low, raw + first, n - first, 1);
    l->high = crossing(high, raw + first, n - first, 1);
    return SG_OK;
}

static sg_status measure_llm(struct worth *w, int64_t evaluation, const int64_t *raw, int64_t n,
                             double *scratch, struct sg_err *err)
{
    const struct sg_scores *s = w->in->scores;
    double *mean = scratch, *low = mean + n, *high = low + n;
    struct line *l = add_line(w, err);
    if (!l)
        return SG_FAILED;
    l->task = w->in->d->evaluation[evaluation].task;
    l->evaluation = evaluation;
    for (int64_t r = 0; r < n; r++) {
        const struct sg_score_group *raw_only = sg_scores_find(s, l->task, SG_REPORT_RAW, NULL, 0, raw[r]);
        struct sg_effect e;
        SG_TRY(sg_llm_rows_difference(&w->llm, s, evaluation, &raw_only, 1, &e, err));
        mean[r] = e.mean;
        low[r] = e.low;
        high[r] = e.high;
    }
    l->rows = crossing(mean, raw, n, -1);
    l->low = crossing(high, raw, n, -1); /* at the interval's upper end it beats the LLM sooner */
    l->high = crossing(low, raw, n, -1);
    w->n++;
    return SG_OK;
}

static int is_new(const struct worth *w, int64_t from, const struct sg_score_group *g)
{
    for (int64_t i = from; i < w->n; i++)
        if (w->line[i].mix == g->mix && w->line[i].size == g->size && w->line[i].raw == g->raw)
            return 0;
    return 1;
}

static sg_status fill_task(struct worth *w, int64_t task, const int64_t *raw, int64_t n, struct sg_err *err)
{
    const struct sg_scores *s = w->in->scores;
    int64_t from = w->n;
    const struct sg_score_group **list = sg_alloc((size_t)s->n_groups + 1, sizeof *list);
    double *scratch = sg_alloc(3 * (size_t)n + 1, sizeof *scratch);
    sg_status status = list && scratch ? SG_OK : sg_fail_memory(err, (size_t)s->n_groups * sizeof *list);
    for (int64_t i = 0; i < s->n_groups && status == SG_OK; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task != task || g->mix == SG_REPORT_RAW || !is_new(w, from, g) ||
            !sg_answer_is_in_mean(s, g) ||
            (g->mix == SG_REPORT_BOTH && g->raw >= raw[n - 1])) /* no raw-only cells beyond */
            continue;
        struct line *l = add_line(w, err);
        if (!l) {
            status = SG_FAILED;
            break;
        }
        l->task = task;
        l->mix = g->mix;
        l->size = g->size;
        l->raw = g->raw;
        status = measure_line(w, l, raw, n, list, scratch, err);
        w->n++;
    }
    for (int64_t i = 0; i < w->in->d->n_evaluations && status == SG_OK; i++)
        if (w->in->d->evaluation[i].task == task && w->llm.right[i])
            status = measure_llm(w, i, raw, n, scratch, err);
    sg_free(list);
    sg_free(scratch);
    return status;
}

/* The line that is talked about: the largest size beside the fewest raw rows. */
static const struct line *line_of(const struct worth *w, int64_t task)
{
    const struct line *best = NULL;
    for (int64_t i = 0; i < w->n; i++) {
        const struct line *l = &w->line[i];
        if (l->task != task || l->evaluation >= 0 || l->mix != SG_REPORT_BOTH)
            continue;
        if (!best || l->raw < best->raw || (l->raw == best->raw && l->size > best->size))
            best = l;
    }
    return best;
}

static sg_status fill(struct worth *w, struct sg_err *err)
{
    for (int64_t t = 0; t < w->in->d->n_tasks; t++) {
        int64_t *raw = NULL, n = 0, m = 0;
        SG_TRY(sg_answer_raws(w->in->scores, t, &raw, &n, err));
        for (int64_t r = 0; r < n; r++) /* with raw-only cells */
            if (sg_scores_find(w->in->scores, t, SG_REPORT_RAW, NULL, 0, raw[r]) && raw[r] > 0)
                raw[m++] = raw[r];
        w->most_raws = m > w->most_raws ? m : w->most_raws;
        sg_status status = m > 1 ? fill_task(w, t, raw, m, err) : SG_OK;
        sg_free(raw);
        SG_TRY(status);
    }
    double *p = sg_alloc((size_t)w->n + 1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, (size_t)w->n * sizeof *p);
    for (int64_t i = 0; i < w->n; i++) {
        p[i] = line_of(w, w->line[i].task) == &w->line[i] ? w->line[i].p : (double)NAN;
        w->n_family += !isnan(p[i]);
    }
    sg_holm(p, w->n);
    for (int64_t i = 0; i < w->n; i++)
        w->line[i].p = p[i];
    sg_free(p);
    return SG_OK;
}

/* ---- words ---- */

/* Additional rows: what stands beside them is not replaced. Below the first size none. */
static double beyond(const struct line *l, double rows)
{
    double base = l->mix == SG_REPORT_BOTH && l->evaluation < 0 ? (double)l->raw : 0;
    return isinf(rows) && rows < 0 ? (base > 0 ? 0 : rows) : rows - base;
}

static void rows_text(const struct worth *w, const struct line *l, double rows, char text[60])
{
    int64_t least = 0, most = 0;
    for (int64_t i = 0; i < w->in->scores->n_groups; i++) {
        const struct sg_score_group *g = &w->in->scores->group[i];
        if (g->task != l->task || g->mix != SG_REPORT_RAW)
            continue;
        least = !least || g->raw < least ? g->raw : least;
        most = g->raw > most ? g->raw : most;
    }
    double x = beyond(l, rows);
    if (isnan(x))
        snprintf(text, 60, "-");
    else if (isinf(x) && x < 0)
        snprintf(text, 60, "fewer than %lld", (long long)least);
    else if (isinf(x))
        snprintf(text, 60, "more than %.0f", beyond(l, (double)most));
    else
        snprintf(text, 60, "%.0f", x);
}

static double label_price(const struct worth *w, const struct line *l, double rows)
{
    double n = beyond(l, rows);
    return n > 0 && !isinf(n) ? (double)l->size * sg_answer_mean_cost(w->in->scores, l->task, l->mix) / n
                              : (double)NAN;
}

static void add_price(const struct worth *w, const struct line *l, struct sg_buf *b)
{
    double usd = sg_answer_mean_cost(w->in->scores, l->task, l->mix), low = label_price(w, l, l->high),
           mid = label_price(w, l, l->rows), high = label_price(w, l, l->low);
    if (isnan(usd))
        sg_buf_printf(b, "; the examples' price is not known");
    else if (usd == 0)
        sg_buf_printf(b, "; the examples cost nothing");
    else if (!isnan(mid))
        sg_buf_printf(b, "; buying pays where a label costs more than USD %.2g", mid);
    else if (!isnan(high))
        sg_buf_printf(b, "; buying pays where a label costs more than USD %.2g at most", high);
    if (usd > 0 && !isnan(mid) && !isnan(low) && !isnan(high))
        sg_buf_printf(b, " (%.2g to %.2g)", low, high);
    else if (usd > 0 && !isnan(mid) && !isnan(high))
        sg_buf_printf(b, " (at most %.2g)", high);
}

static void say_synthetic(const struct worth *w, struct sg_doc *doc)
{
    struct sg_buf open = sg_buf_make(1 << 16);
    for (int64_t t = 0; t < w->in->d->n_tasks; t++) {
        const struct line *l = line_of(w, t);
        struct sg_buf b = sg_buf_make(1 << 12);
        char rows[60], low[60], high[60], methods[SG_ANSWER_TEXT];
        const char *task = w->in->d->task[t].name;
        if (!l) {
            sg_buf_free(&b);
            continue;
        }
        rows_text(w, l, l->rows, rows);
        rows_text(w, l, l->low, low);
        rows_text(w, l, l->high, high);
        sg_answer_methods(l->n, l->part, l->is_some, methods);
        if (isnan(l->rows))
            sg_doc_say(doc,
                       "On %s, how many raw rows synthetic examples replace " SG_CANNOT
                       " yet: cells are missing.",
                       task);
        else if (sg_answer_told(l->p) && beyond(l, l->low) > 0) {
            add_price(w, l, &b);
            if (isinf(l->low))
                sg_doc_say(doc,
                           "On %s, %lld synthetic examples beside %lld raw rows replace %s more raw rows, "
                           "beyond what the study has (mean "
                           "of %s; Holm over %lld)%s.",
                           task, (long long)l->size, (long long)l->raw, rows, methods, (long long)w->n_family,
                           sg_buf_text(&b));
            else
                sg_doc_say(
                    doc,
                    "On %s, %lld synthetic examples beside %lld raw rows replace %s more raw rows (95 %% "
                    "interval %s to %s; mean of "
                    "%s; Holm over %lld)%s.",
                    task, (long long)l->size, (long long)l->raw, rows, low, high, methods,
                    (long long)w->n_family, sg_buf_text(&b));
        } else
            sg_buf_printf(&open, "%s on %s %s for %lld beside %lld raw rows (95 %% interval %s to %s)",
                          open.len ? "," : "", task, rows, (long long)l->size, (long long)l->raw, low, high);
        sg_buf_free(&b);
    }
    if (open.len)
        sg_doc_say(doc, "How many raw rows synthetic examples replace " SG_CANNOT ":%s; Holm over %lld.",
                   sg_buf_text(&open), (long long)w->n_family);
    sg_buf_free(&open);
}

static void say_llm(const struct worth *w, struct sg_doc *doc)
{
    for (int64_t i = 0; i < w->n; i++) {
        const struct line *l = &w->line[i];
        char rows[60], low[60], high[60];
        if (l->evaluation < 0 || isnan(l->rows))
            continue;
        const struct sg_report_evaluation *e = &w->in->d->evaluation[l->evaluation];
        rows_text(w, l, l->rows, rows);
        rows_text(w, l, l->low, low);
        rows_text(w, l, l->high, high);
        if (isinf(l->low) && l->low > 0)
            sg_doc_paragraph(doc, "On %s, the encoder takes %s raw rows to beat the LLM with %lld %s.",
                             w->in->d->task[l->task].name, rows, (long long)e->shots,
                             sg_plural(e->shots, "shot", "shots"));
        else if (isinf(l->high) && l->high > 0)
            sg_doc_paragraph(
                doc,
                "On %s, from how many raw rows on the encoder beats the LLM with %lld %s " SG_CANNOT
                ": %s (95 %% interval %s to %s).",
                w->in->d->task[l->task].name, (long long)e->shots, sg_plural(e->shots, "shot", "shots"), rows,
                low, high);
        else
            sg_doc_paragraph(doc,
                             "On %s, the encoder beats the LLM with %lld %s from %s raw rows on (95 %% "
                             "interval %s to %s).",
                             w->in->d->task[l->task].name, (long long)e->shots,
                             sg_plural(e->shots, "shot", "shots"), rows, low, high);
    }
}

/* What the column "methods" counts, and what it leaves out. */
static void note_methods(const struct worth *w, struct sg_doc *doc)
{
    int is_some = 0;
    for (int64_t i = 0; i < w->n; i++)
        is_some |= w->line[i].is_some;
    if (is_some)
        sg_doc_note(doc,
                    "Means are over the plain pools of LLM methods: views, free methods and imported pools "
                    "are left out, unless a task has nothing else.");
}

static void table(const struct worth *w, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},           {"what", SG_DOC_TEXT, ""},
        {"size", SG_DOC_NUMBER, "examples"}, {"raw", SG_DOC_NUMBER, "examples"},
        {"raw rows", SG_DOC_NUMBER, ""},     {"from", SG_DOC_NUMBER, ""},
        {"to", SG_DOC_NUMBER, ""},           {"a label's price", SG_DOC_NUMBER, "USD"},
        {"methods", SG_DOC_NUMBER, ""}};
    char what[120], text[60];
    sg_doc_table(doc, "worth", "Raw rows that do the same", 0, 9, column);
    for (int64_t i = 0; i < w->n; i++) {
        const struct line *l = &w->line[i];
        const double rows[] = {l->rows, l->low, l->high};
        sg_doc_text(doc, w->in->d->task[l->task].name);
        if (l->evaluation >= 0)
            snprintf(what, sizeof what, "the LLM, %lld %s",
                     (long long)w->in->d->evaluation[l->evaluation].shots,
                     sg_plural(w->in->d->evaluation[l->evaluation].shots, "shot", "shots"));
        else
            snprintf(what, sizeof what, "%s",
                     l->mix == SG_REPORT_BOTH ? "beside raw rows" : "synthetic alone");
        sg_doc_text(doc, what);
        if (l->evaluation < 0)
            sg_doc_int(doc, l->size);
        else
            sg_doc_real(doc, NAN, 0);
        if (l->evaluation < 0 && l->mix == SG_REPORT_BOTH)
            sg_doc_int(doc, l->raw);
        else
            sg_doc_real(doc, NAN, 0);
        for (int k = 0; k < 3; k++) {
            double x = beyond(l, rows[k]);
            rows_text(w, l, rows[k], text);
            sg_doc_number(doc, isinf(x) ? (double)NAN : x, "%s", text);
        }
        if (l->evaluation < 0)
            sg_doc_real(doc, label_price(w, l, l->rows), 5);
        else
            sg_doc_real(doc, NAN, 0);
        if (l->evaluation < 0)
            sg_doc_int(doc, l->n);
        else
            sg_doc_real(doc, NAN, 0);
    }
    sg_doc_note(doc, "Raw rows: that raw-only training needs for the same accuracy, beyond the raw rows that "
                     "stand beside the examples; where the "
                     "paired difference to raw-only cells crosses 0, straight in the logarithm of their "
                     "number. From, to: where the ends of its 95 %% "
                     "interval do, which has seeds and rows of both sides in it. Nothing is said beyond the "
                     "raw sizes of the study.");
    sg_doc_note(
        doc, "A label's price: what the examples cost, by the rows that they replace: human labels that cost "
             "more are dearer. "
             "Of the LLM: raw rows from which the encoder is above it, on the rows that it was asked about.");
    note_methods(w, doc);
}

static void figure(const struct worth *w, struct sg_doc *doc)
{
    for (int64_t t = 0, any = 0; t < w->in->d->n_tasks; t++) {
        int first = 1;
        for (int64_t i = 0; i < w->in->scores->n_groups; i++) {
            const struct sg_score_group *g = &w->in->scores->group[i];
            const struct sg_effect *e = &g->effect[SG_SCORE_ACCURACY];
            if (g->task != t || g->mix != SG_REPORT_RAW || !g->cell)
                continue;
            if (!any)
                sg_doc_figure(doc, &(struct sg_figure_spec){.name = "worth",
                                                            .title = "Accuracy of raw rows alone",
                                                            .x_label = "raw rows",
                                                            .y_label = "accuracy, %",
                                                            .kind = SG_FIGURE_LINES,
                                                            .log_x = 1,
                                                            .zero_line = NAN});
            any = 1;
            if (first)
                sg_doc_series(doc, w->in->d->task[t].name);
            first = 0;
            sg_doc_point(doc, (double)g->raw, 100 * e->mean, 100 * e->low, 100 * e->high, "");
        }
    }
}

sg_status sg_section_worth(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct worth w = {.in = in};
    if (!in->scores || !in->scores->n_groups)
        return SG_OK;
    SG_TRY(sg_llm_rows_read(in->file, in->d, &w.llm, err));
    sg_status status = fill(&w, err);
    if (status == SG_OK && w.most_raws < 2)
        sg_doc_say(doc,
                   "How many labels synthetic examples are worth " SG_CANNOT
                   ": it has raw-only cells of %lld raw %s, and takes two or more (raw: [40, 200], with the "
                   "mix raw).",
                   (long long)w.most_raws, sg_plural(w.most_raws, "size", "sizes"));
    else if (status == SG_OK) {
        say_synthetic(&w, doc);
        say_llm(&w, doc);
        table(&w, doc);
        figure(&w, doc);
    }
    sg_llm_rows_free(&w.llm);
    sg_free(w.line);
    return status;
}
