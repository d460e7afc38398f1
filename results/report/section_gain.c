/* Does synthetic data help beside raw rows (raw+synthetic - raw), and can it replace them (synthetic - raw)? */
#include "results/report/gain.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct question {
    int mix;
    const char *name, *title, *up, *down; /* "help", ..., "helps", "hurts" */
    const char *what, *to;                /* "Adding synthetic examples", " to" */
    const char *whether, *can;            /* "Whether it helps to add synthetic examples", " to" */
};

struct places {
    const struct question *q;
    struct sg_gains all;
};

/* ---- sentences ---- */

static const char *verdict(const struct question *q, const struct sg_effect *e, double p)
{
    return !sg_answer_told(p) ? NULL : e->mean > 0 ? q->up : q->down;
}

/* "the mean of 3 tasks", "the mean of 6 combinations of method and size" */
static void say_place(const struct places *a, const struct sg_gain *p, const char *where, const char *over,
                      struct sg_doc *doc)
{
    char points[SG_ANSWER_TEXT], text[SG_ANSWER_TEXT];
    const char *said = verdict(a->q, &p->all, p->p);
    const char *of = a->all.is_some ? " of LLM methods" : ""; /* what the means are over */
    if (isnan(p->all.mean))
        sg_doc_say(doc,
                   "%s%s %s %lld raw rows%s " SG_CANNOT
                   " yet: %lld of %lld %s are complete. Run the study again to finish it.",
                   a->q->whether, of, a->q->can, (long long)p->raw, where, (long long)p->n_whole,
                   (long long)p->n, over);
    else if (said)
        sg_doc_say(doc, "%s%s %s %lld raw rows%s %s: %s, mean of %lld %s; %s, Holm over %lld.", a->q->what,
                   of, a->q->to, (long long)p->raw, where, said, sg_answer_points(&p->all, points),
                   (long long)p->n, over, sg_answer_p(p->p, text), (long long)a->all.n_family);
    else if (isnan(p->all.low))
        sg_doc_say(doc,
                   "%s%s %s %lld raw rows%s " SG_CANNOT
                   ": %+.1f points, but with one cell of each there is no interval.",
                   a->q->whether, of, a->q->can, (long long)p->raw, where, 100 * p->all.mean);
    else
        sg_doc_say(doc,
                   "%s%s %s %lld raw rows%s " SG_CANNOT
                   ": %s, mean of %lld %s; %s, Holm over %lld. A true difference of %.1f points would have "
                   "shown in 80 of 100 such studies.",
                   a->q->whether, of, a->q->can, (long long)p->raw, where, sg_answer_points(&p->all, points),
                   (long long)p->n, over, sg_answer_p(p->p, text), (long long)a->all.n_family,
                   100 * sg_answer_detectable(&p->all, a->all.n_family));
}

/* "sst2 by +5.1 (2.0 to 8.2)", ...: the tasks of a raw size with this verdict; returns how many there are. */
static int64_t add_tasks(const struct places *a, const struct sg_report_data *d, int64_t raw,
                         const char *said, struct sg_buf *b)
{
    int64_t n = 0, k = 0;
    char text[SG_ANSWER_TEXT], word[2 * SG_ANSWER_TEXT];
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < a->all.n; i++) {
            const struct sg_gain *p = &a->all.gain[i];
            if (p->is_mean || p->raw != raw || isnan(p->all.mean) || verdict(a->q, &p->all, p->p) != said)
                continue;
            n += pass == 0;
            if (pass == 0)
                continue;
            snprintf(word, sizeof word, "%.100s%s %s", d->task[p->task].name, said ? " by" : "",
                     sg_answer_brief(&p->all, text));
            sg_answer_join(b, k++, n, word);
        }
    return n;
}

/* "By task, with 40 raw rows: helps on sst2 by +5.1 (2.0 to 8.2) points; on rte -1.0 (-3.0 to +1.0) and ... it cannot be told." */
static void say_tasks(const struct places *a, const struct sg_report_data *d, int64_t raw, struct sg_doc *doc)
{
    const char *const said[] = {a->q->up, a->q->down, NULL};
    struct sg_buf b = sg_buf_make(1 << 16);
    int64_t n_holes = 0;
    for (int v = 0; v < 3; v++) {
        struct sg_buf tasks = sg_buf_make(1 << 16);
        if (add_tasks(a, d, raw, said[v], &tasks))
            sg_buf_printf(&b, "%s%s%son %s%s", b.len ? "; " : "", said[v] ? said[v] : "", said[v] ? " " : "",
                          sg_buf_text(&tasks), said[v] ? " points" : " points it " SG_CANNOT);
        sg_buf_free(&tasks);
    }
    for (int64_t i = 0; i < a->all.n; i++)
        n_holes += !a->all.gain[i].is_mean && a->all.gain[i].raw == raw && isnan(a->all.gain[i].all.mean);
    if (n_holes)
        sg_buf_printf(&b, "%son %lld %s cells are missing", b.len ? "; " : "", (long long)n_holes,
                      sg_plural(n_holes, "task", "tasks"));
    sg_doc_say(doc, "By task, with %lld raw rows: %s.", (long long)raw, sg_buf_text(&b));
    sg_buf_free(&b);
}

static void say_each(const struct places *a, struct sg_doc *doc)
{
    if (!a->all.n_each)
        return;
    if (!a->all.n_told_up && !a->all.n_told_down)
        sg_doc_paragraph(doc,
                         "Of %lld single combinations of task, method, size and raw rows, none can be told "
                         "from no difference (Holm over %lld).",
                         (long long)a->all.n_each, (long long)a->all.n_each);
    else
        sg_doc_say(doc,
                   "Of %lld single combinations of task, method, size and raw rows, %lld %s above raw rows "
                   "alone and %lld below (5 %%, "
                   "Holm over %lld)%s.",
                   (long long)a->all.n_each, (long long)a->all.n_told_up,
                   sg_plural(a->all.n_told_up, "is", "are"), (long long)a->all.n_told_down,
                   (long long)a->all.n_each,
                   a->all.n_told_up + a->all.n_told_down < a->all.n_each
                       ? "; the others cannot be told apart from them"
                       : "");
}

static void say(const struct places *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    for (int64_t i = 0; i < a->all.n; i++) {
        const struct sg_gain *p = &a->all.gain[i];
        char where[SG_ANSWER_TEXT];
        int alone = !p->is_mean;
        for (int64_t k = 0; k < a->all.n; k++)
            alone &= k == i || a->all.gain[k].raw != p->raw;
        if (p->is_mean) {
            say_place(a, p, "", "tasks", doc);
            say_tasks(a, d, p->raw, doc);
        } else if (alone) {
            snprintf(where, sizeof where, " on %.100s", d->task[p->task].name);
            say_place(a, p, where, "combinations of method and size", doc);
        }
    }
    say_each(a, doc);
}

/* ---- tables and figure ---- */

/* What the differences' own intervals hold: the raw rows' draws count even where the synthetic rows know none. */
static void note_sources(const struct places *a, struct sg_doc *doc)
{
    static const char *const name[] = {"pools", "draws of raw rows", "trainings", "test rows"};
    struct sg_buf in = sg_buf_make(1 << 10), out = sg_buf_make(1 << 10);
    for (int64_t i = 0; i < a->all.n; i++) {
        const struct sg_gain *p = &a->all.gain[i];
        if (p->is_mean || isnan(p->all.low))
            continue;
        for (int f = SG_N_AXES - 1; f >= 0; f--) {
            struct sg_buf *b = p->all.sources >> f & 1 ? &in : &out;
            sg_buf_printf(b, "%s%s", b->len ? ", " : "", name[f]);
        }
        sg_doc_note(doc, "In the intervals: %s.%s%s%s", sg_buf_text(&in),
                    out.len ? " Not in them, as there is one of each: " : "",
                    out.len ? sg_buf_text(&out) : "", out.len ? "." : "");
        break;
    }
    sg_buf_free(&in);
    sg_buf_free(&out);
}

static void table_of_tasks(const struct places *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"raw", SG_DOC_NUMBER, "examples"},
                                                  {"raw only", SG_DOC_NUMBER, "%"},
                                                  {"change", SG_DOC_NUMBER, "points"},
                                                  {"p (Holm)", SG_DOC_NUMBER, ""},
                                                  {"detectable", SG_DOC_NUMBER, "points"},
                                                  {"combinations", SG_DOC_NUMBER, ""},
                                                  {"for \xc2\xb1"
                                                   "1 point",
                                                   SG_DOC_TEXT, ""}};
    char text[SG_ANSWER_TEXT], name[100];
    snprintf(name, sizeof name, "%s-tasks", a->q->name);
    sg_doc_table(doc, name, a->q->title, SG_DOC_BRIEF, 8, column);
    for (int64_t i = 0; i < a->all.n; i++) {
        const struct sg_gain *p = &a->all.gain[i];
        sg_doc_text(doc, p->is_mean ? "mean of the tasks" : d->task[p->task].name);
        sg_doc_int(doc, p->raw);
        if (p->is_mean || !p->raw_only)
            sg_doc_real(doc, NAN, 1);
        else
            sg_answer_effect_cell(doc, &p->raw_only->effect[SG_SCORE_ACCURACY], "");
        sg_answer_effect_cell(doc, &p->all, sg_answer_told(p->p) ? "*" : "");
        sg_answer_p_cell(doc, p->p);
        sg_doc_real(doc, 100 * sg_answer_detectable(&p->all, a->all.n_family), 1);
        if (p->n_whole < p->n)
            sg_doc_number(doc, (double)p->n_whole, "%lld of %lld", (long long)p->n_whole, (long long)p->n);
        else
            sg_doc_int(doc, p->n);
        sg_doc_text(doc, p->is_mean ? "-" : sg_answer_needed(p->needed, text));
    }
    sg_doc_note(doc,
                "Change: the mean over methods and sizes, minus raw rows alone, paired on test rows, "
                "draws and trainings; "
                "95 %% interval. *: p < 0.05, Holm over the %lld of this table. Each task counts the same in "
                "the mean.",
                (long long)a->all.n_family);
    sg_doc_note(doc, "Detectable: the true difference that shows in 80 of 100 such studies, after the "
                     "correction. For \xc2\xb1"
                     "1 point: how many draws, trainings or rows in all an interval of that width takes, the "
                     "others staying as they are.");
    note_sources(a, doc);
}

static void table_of_each(const struct places *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},           {"method", SG_DOC_TEXT, ""},
        {"size", SG_DOC_NUMBER, "examples"}, {"raw", SG_DOC_NUMBER, "examples"},
        {"accuracy", SG_DOC_NUMBER, "%"},    {"change", SG_DOC_NUMBER, "points"},
        {"p (Holm)", SG_DOC_NUMBER, ""}};
    sg_doc_table(doc, a->q->name, "By task, method, size and raw rows", 0, 7, column);
    for (int64_t i = 0; i < a->all.n; i++)
        for (int64_t k = 0; !a->all.gain[i].is_mean && k < a->all.gain[i].n_all; k++) {
            const struct sg_gain *p = &a->all.gain[i];
            const struct sg_score_group *g = p->group[k];
            sg_doc_text(doc, d->task[p->task].name);
            sg_doc_text(doc, g->method);
            sg_doc_int(doc, g->size);
            sg_doc_int(doc, p->raw);
            if (g->cell)
                sg_answer_effect_cell(doc, &g->effect[SG_SCORE_ACCURACY], "");
            else
                sg_doc_number(doc, NAN, "%lld of %lld done", (long long)g->n_done, (long long)g->n_cells);
            sg_answer_effect_cell(doc, &p->each[k], sg_answer_told(p->p_each[k]) ? "*" : "");
            sg_answer_p_cell(doc, p->p_each[k]);
        }
    if (a->all.n_each > 0)
        sg_doc_note(doc, "*: p < 0.05, Holm over the %lld of this table.", (long long)a->all.n_each);
}

/* Bars: tasks, side by side by raw size. */
static void figure(const struct places *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    char name[100], series[60];
    int64_t last = -1;
    snprintf(name, sizeof name, "%s-tasks", a->q->name);
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = name,
                                                .title = a->q->title,
                                                .x_label = "task",
                                                .y_label = "change of accuracy, points",
                                                .kind = SG_FIGURE_BARS,
                                                .zero_line = 0});
    for (int64_t i = 0; i < a->all.n; i++) {
        const struct sg_gain *p = &a->all.gain[i];
        if (isnan(p->all.mean))
            continue;
        if (p->raw != last) {
            snprintf(series, sizeof series, "raw %lld", (long long)p->raw);
            sg_doc_series(doc, series);
        }
        last = p->raw;
        sg_doc_point(doc, (double)i, 100 * p->all.mean, 100 * p->all.low, 100 * p->all.high,
                     p->is_mean ? "mean of the tasks" : d->task[p->task].name);
    }
}

static sg_status answer(const struct sg_section_input *in, const struct question *q, struct sg_doc *doc,
                        struct sg_err *err)
{
    struct places a = {.q = q, .all = {.s = in->scores, .mix = q->mix, .with_each = 1}};
    int any = 0;
    if (!in->scores)
        return SG_OK;
    sg_status status = sg_gains_read(&a.all, in->d, err);
    if (status == SG_OK && a.all.n) {
        say(&a, in->d, doc);
        status = sg_answer_say_left_out(in->scores, q->mix, doc, err);
        table_of_tasks(&a, in->d, doc);
        for (int64_t i = 0; i < a.all.n; i++)
            any |= !isnan(a.all.gain[i].all.mean);
        if (any)
            figure(&a, in->d, doc);
        table_of_each(&a, in->d, doc);
    }
    sg_gains_free(&a.all);
    return status;
}

sg_status sg_section_help(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct question q = {.mix = SG_REPORT_BOTH,
                                      .name = "help",
                                      .title = "Raw and synthetic together, minus raw alone",
                                      .up = "helps",
                                      .down = "hurts",
                                      .what = "Adding synthetic examples",
                                      .to = "to",
                                      .whether = "Whether it helps to add synthetic examples",
                                      .can = "to"};
    return answer(in, &q, doc, err);
}

sg_status sg_section_replace(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct question q = {.mix = SG_REPORT_SYNTHETIC,
                                      .name = "replace",
                                      .title = "Synthetic alone, minus raw alone",
                                      .up = "gains accuracy",
                                      .down = "loses accuracy",
                                      .what = "Training on synthetic examples",
                                      .to = "in place of",
                                      .whether = "Whether synthetic examples",
                                      .can = "can replace"};
    return answer(in, &q, doc, err);
}
