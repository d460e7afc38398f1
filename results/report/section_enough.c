/* How much is enough: learning curves over sizes, their power laws, and where the next examples give less than a point. */
#include "results/report/answer.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next STEP examples are not worth it where they give less than GAIN. The interval is of N_DRAWS fits to errors that are drawn from
 * each point's own; a size is named where its upper end is at most MOST_FOLD the largest size of the study. */
static const double STEP = 100, GAIN = 0.01, MOST_FOLD = 10;
enum { N_DRAWS = 200, N_FIT_POINTS = 12, MIN_SIZES = 3 };

struct point {
    int64_t size, n, n_whole; /* methods */
    struct sg_crossed y;
    struct sg_effect mean, step; /* step: to the size before */
    double p, error, se;         /* se: of what this size does beyond the curve's level */
};
/* Of a task, a mix and a raw size (0: synthetic alone). */
struct curve {
    int64_t task, raw, n;
    int mix, whole;
    enum sg_answer_part part; /* of its methods */
    int is_some;              /* others are left out */
    double usd;               /* of an example */
    struct point *point;
    struct sg_power_law fit;
    double enough, low, high;
};
struct curves {
    struct curve *curve;
    int64_t n, n_steps, most_sizes;
};

static void curves_free(struct curves *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        for (int64_t k = 0; k < a->curve[i].n; k++)
            sg_answer_release(&a->curve[i].point[k].y);
        sg_free(a->curve[i].point);
    }
    sg_free(a->curve);
}

static int is_of(const struct curve *c, const struct sg_score_group *g)
{
    return g->task == c->task && g->mix == c->mix && (c->mix != SG_REPORT_BOTH || g->raw == c->raw);
}

static sg_status find_sizes(const struct sg_scores *s, struct curve *c, struct sg_err *err)
{
    c->point = sg_alloc((size_t)s->n_groups + 1, sizeof *c->point);
    if (!c->point)
        return sg_fail_memory(err, (size_t)s->n_groups * sizeof *c->point);
    c->part = sg_answer_mean_part(s, c->task, c->mix);
    c->usd = sg_answer_mean_cost(s, c->task, c->mix);
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (!is_of(c, g))
            continue;
        if (sg_answer_part(s->d, g) != c->part) {
            c->is_some = 1;
            continue;
        }
        int64_t at = 0;
        while (at < c->n && c->point[at].size < g->size)
            at++;
        if (at == c->n || c->point[at].size != g->size) {
            memmove(c->point + at + 1, c->point + at, (size_t)(c->n - at) * sizeof *c->point);
            c->point[at] =
                (struct point){.size = g->size, .mean = sg_answer_none(), .step = sg_answer_none(), .p = NAN};
            c->n++;
        }
        c->point[at].n++;
        c->point[at].n_whole += g->cell != NULL;
    }
    return SG_OK;
}

static sg_status mean_at(const struct sg_scores *s, const struct curve *c, int64_t size, struct sg_crossed *y,
                         struct sg_err *err)
{
    const struct sg_score_group **list = sg_alloc((size_t)s->n_groups + 1, sizeof *list);
    int64_t n = 0;
    if (!list)
        return sg_fail_memory(err, (size_t)s->n_groups * sizeof *list);
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (is_of(c, g) && g->size == size && sg_answer_part(s->d, g) == c->part)
            list[n++] = g;
    }
    sg_status status = sg_answer_mean(s, list, n, y, err);
    sg_free(list);
    return status;
}

/* The error of each point beside the others': of its difference to the mean of all sizes. What all sizes share (rows, draws) moves the
 * whole curve, and says nothing about its shape. */
static sg_status own_errors(struct curve *c, struct sg_err *err)
{
    struct sg_crossed level = c->point[0].y, d = {0};
    int64_t N = 1;
    for (int f = 0; f < SG_N_AXES; f++)
        N *= level.n[f] > 1 ? level.n[f] : 1;
    float *sum = sg_alloc((size_t)N + 1, sizeof *sum);
    sg_status status = sum ? SG_OK : sg_fail_memory(err, (size_t)N * sizeof *sum);
    for (int64_t k = 0; k < c->n && status == SG_OK; k++) {
        c->whole &= memcmp(c->point[k].y.n, level.n, sizeof level.n) == 0;
        for (int64_t i = 0; i < N && c->whole; i++)
            sum[i] += c->point[k].y.y[i] / (float)c->n;
    }
    level.y = sum;
    for (int64_t k = 0; k < c->n && status == SG_OK && c->whole; k++) {
        struct sg_effect e;
        status = sg_answer_subtract(&c->point[k].y, &level, &d, err);
        if (status == SG_OK)
            status = sg_crossed_mean(&d, &e, err);
        c->point[k].se = status == SG_OK ? e.se : (double)NAN;
        sg_answer_release(&d);
    }
    sg_free(sum);
    return status;
}

static int by_number(const void *a, const void *b)
{
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static sg_status fit(struct curve *c, struct sg_err *err)
{
    double *x = sg_alloc(4 * (size_t)c->n + N_DRAWS, sizeof *x), *error = x + c->n, *se = error + c->n,
           *drawn = se + c->n, *enough = drawn + c->n;
    if (!x)
        return sg_fail_memory(err, 4 * (size_t)c->n * sizeof *x);
    for (int64_t k = 0; k < c->n; k++) {
        x[k] = (double)c->point[k].size;
        error[k] = 1 - c->point[k].mean.mean;
        se[k] = c->point[k].se;
    }
    c->fit = sg_power_law_fit(x, error, se, c->n);
    c->enough = c->fit.ok ? sg_power_law_enough(&c->fit, STEP, GAIN) : (double)NAN;
    for (int b = 0; b < N_DRAWS; b++) {
        struct sg_rng rng = sg_rng_make(sg_seed_of("learning curve"), (uint64_t)b);
        for (int64_t k = 0; k < c->n; k++)
            drawn[k] = error[k] + (isnan(se[k]) ? 0 : se[k]) * sg_rng_normal(&rng);
        struct sg_power_law f = sg_power_law_fit(x, drawn, se, c->n);
        enough[b] = f.ok ? sg_power_law_enough(&f, STEP, GAIN) : INFINITY;
    }
    qsort(enough, N_DRAWS, sizeof *enough, by_number);
    c->low = enough[(int)(0.025 * (N_DRAWS - 1))];
    c->high = enough[(int)ceil(0.975 * (N_DRAWS - 1))];
    sg_free(x);
    return SG_OK;
}

static sg_status fill_curve(const struct sg_scores *s, struct curve *c, struct sg_err *err)
{
    SG_TRY(find_sizes(s, c, err));
    c->whole = 1;
    c->enough = c->low = c->high = NAN;
    for (int64_t k = 0; k < c->n; k++) {
        struct point *p = &c->point[k];
        SG_TRY(mean_at(s, c, p->size, &p->y, err));
        c->whole &= p->y.y != NULL;
        if (!p->y.y)
            continue;
        SG_TRY(sg_answer_share(&p->y, &p->mean, err));
        if (k && p[-1].y.y && sg_answer_fits(&p->y, &p[-1].y))
            SG_TRY(sg_crossed_difference(&p->y, &p[-1].y, &p->step, err));
    }
    if (!c->whole || c->n < MIN_SIZES)
        return SG_OK;
    SG_TRY(own_errors(c, err));
    return c->whole ? fit(c, err) : SG_OK;
}

static sg_status add_curve(const struct sg_scores *s, struct curves *a, int64_t task, int mix, int64_t raw,
                           struct sg_err *err)
{
    void *grown = sg_grown(a->curve, a->n, sizeof *a->curve);
    if (!grown)
        return sg_fail_memory(err, sizeof *a->curve);
    a->curve = grown;
    struct curve *c = &a->curve[a->n++];
    *c = (struct curve){.task = task, .mix = mix, .raw = raw};
    SG_TRY(fill_curve(s, c, err));
    a->most_sizes = c->n > a->most_sizes ? c->n : a->most_sizes;
    if (!c->n) {
        sg_free(c->point);
        a->n--;
    }
    return SG_OK;
}

static sg_status fill(const struct sg_section_input *in, struct curves *a, struct sg_err *err)
{
    for (int64_t t = 0; t < in->d->n_tasks; t++) {
        int64_t *raw = NULL, n = 0;
        SG_TRY(add_curve(in->scores, a, t, SG_REPORT_SYNTHETIC, 0, err));
        SG_TRY(sg_answer_raws(in->scores, t, &raw, &n, err));
        sg_status status = SG_OK;
        for (int64_t r = 0; r < n && status == SG_OK; r++)
            status = add_curve(in->scores, a, t, SG_REPORT_BOTH, raw[r], err);
        sg_free(raw);
        SG_TRY(status);
    }
    return SG_OK;
}

static sg_status adjust(struct curves *a, struct sg_err *err)
{
    int64_t n = 0, at = 0;
    for (int64_t i = 0; i < a->n; i++)
        n += a->curve[i].n;
    double *p = sg_alloc((size_t)n + 1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, (size_t)n * sizeof *p);
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < a->curve[i].n; k++) {
            p[at] = a->curve[i].point[k].step.p;
            a->n_steps += !isnan(p[at++]);
        }
    sg_holm(p, n);
    at = 0;
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < a->curve[i].n; k++)
            a->curve[i].point[k].p = p[at++];
    sg_free(p);
    return SG_OK;
}

/* ---- words ---- */

static const char *of_curve(const struct curve *c, char text[80])
{
    if (c->mix == SG_REPORT_SYNTHETIC)
        snprintf(text, 80, "synthetic alone");
    else
        snprintf(text, 80, "beside %lld raw rows", (long long)c->raw);
    return text;
}

static int is_told(const struct curve *c)
{
    return c->n >= MIN_SIZES && c->whole && c->high <= MOST_FOLD * (double)c->point[c->n - 1].size;
}

static void add_cost(struct sg_buf *b, const struct curve *c, double size)
{
    if (isnan(c->usd))
        sg_buf_printf(b, ", at a price that is not known");
    else
        sg_buf_printf(b, ", USD %.4g", sg_answer_round(size * c->usd));
}

/* Sentences are of synthetic examples alone, and beside the fewest raw rows; the tables have all. */
static int is_said(const struct curves *a, const struct curve *c)
{
    for (int64_t i = 0; i < a->n; i++)
        if (a->curve[i].task == c->task && a->curve[i].mix == c->mix && a->curve[i].raw < c->raw)
            return 0;
    return 1;
}

static void say(const struct curves *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    char text[80];
    int64_t n_open = 0;
    struct sg_buf b = sg_buf_make(1 << 18), already = sg_buf_make(1 << 18);
    if (a->most_sizes < MIN_SIZES) {
        sg_doc_say(doc,
                   "How much synthetic data is enough " SG_CANNOT
                   ": a learning curve takes three sizes or more, and it has %lld.",
                   (long long)a->most_sizes);
        sg_buf_free(&b);
        return;
    }
    for (int64_t i = 0; i < a->n; i++) {
        const struct curve *c = &a->curve[i];
        if (!is_said(a, c))
            continue;
        if (!is_told(c)) {
            n_open++;
            continue;
        }
        double least = (double)c->point[0].size;
        struct sg_buf *to = c->enough <= least ? &already : &b;
        sg_buf_printf(to, "%s on %s, %s, ", to->len ? ";" : "", d->task[c->task].name, of_curve(c, text));
        if (c->enough <= least)
            sg_buf_printf(to, "%.0f (95 %% interval up to %.0f", least,
                          fmax(sg_answer_round(c->high), least));
        else
            sg_buf_printf(to, "from about %.0f (95 %% interval %.0f to %.0f", sg_answer_round(c->enough),
                          fmax(sg_answer_round(c->low), 1), sg_answer_round(c->high));
        add_cost(to, c, fmax(c->enough, least));
        sg_buf_printf(to, ")");
    }
    if (b.len)
        sg_doc_say(doc, "The next %.0f examples give less than %.0f point:%s.", STEP, 100 * GAIN,
                   sg_buf_text(&b));
    if (already.len)
        sg_doc_say(doc,
                   "The next %.0f examples give less than %.0f point already from the smallest size on:%s.",
                   STEP, 100 * GAIN, sg_buf_text(&already));
    sg_buf_clear(&b);
    int64_t k = 0;
    for (int64_t i = 0; i < a->n; i++) {
        char word[300];
        if (is_told(&a->curve[i]) || !is_said(a, &a->curve[i]))
            continue;
        snprintf(word, sizeof word, "%.150s %s%s", d->task[a->curve[i].task].name,
                 of_curve(&a->curve[i], text), a->curve[i].whole ? "" : " (cells are missing)");
        sg_answer_join(&b, k++, n_open, word);
    }
    if (n_open)
        sg_doc_say(doc, "How much is enough " SG_CANNOT " for %s: the fitted curves allow too many sizes.",
                   sg_buf_text(&b));
    sg_buf_free(&already);
    sg_buf_free(&b);
}

static void table(const struct curves *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"raw", SG_DOC_NUMBER, "examples"},
                                                  {"size", SG_DOC_NUMBER, "examples"},
                                                  {"accuracy", SG_DOC_NUMBER, "%"},
                                                  {"step", SG_DOC_NUMBER, "points"},
                                                  {"p (Holm)", SG_DOC_NUMBER, ""},
                                                  {"examples' cost", SG_DOC_NUMBER, "USD"},
                                                  {"power law", SG_DOC_NUMBER, "%"}};
    int is_some = 0, are_llm = 1;
    for (int64_t i = 0; i < a->n; i++) {
        is_some |= a->curve[i].is_some;
        are_llm &= a->curve[i].part == SG_PART_LLM;
    }
    sg_doc_table(doc, "enough",
                 is_some && are_llm ? "Accuracy by size, mean of the LLM methods"
                                    : "Accuracy by size, mean of the methods",
                 SG_DOC_BRIEF, 8, column);
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < a->curve[i].n; k++) {
            const struct curve *c = &a->curve[i];
            const struct point *p = &c->point[k];
            sg_doc_text(doc, d->task[c->task].name);
            sg_doc_int(doc, c->raw);
            sg_doc_int(doc, p->size);
            if (p->y.y)
                sg_answer_effect_cell(doc, &p->mean, "");
            else
                sg_doc_number(doc, NAN, "%lld of %lld methods", (long long)p->n_whole, (long long)p->n);
            sg_answer_effect_cell(doc, &p->step, sg_answer_told(p->p) ? "*" : "");
            sg_answer_p_cell(doc, p->p);
            sg_doc_real(doc, (double)p->size * c->usd, 4);
            sg_doc_real(doc, c->fit.ok ? 100 * (1 - sg_power_law_at(&c->fit, (double)p->size)) : (double)NAN,
                        1);
        }
    sg_doc_note(doc,
                "Step: what this size adds to the one before, paired on rows and seeds; *: p < 0.05, Holm "
                "over the %lld steps. "
                "Raw 0: synthetic alone.",
                (long long)a->n_steps);
    if (is_some)
        sg_doc_note(doc,
                    "Means are over the plain pools of LLM methods: views, free methods and imported pools "
                    "are left out, unless a task has nothing else.");
    sg_doc_note(doc,
                "Power law: error = a n^-b + c by weighted least squares, from three sizes on. \"Enough\" is "
                "the size from which "
                "%.0f more examples give less than %.0f point by it; its interval is of %d fits to points "
                "drawn within their errors.",
                STEP, 100 * GAIN, (int)N_DRAWS);
}

/* "more than 9000" and "-" are no numbers. */
static void size_cell(struct sg_doc *doc, const struct curve *c, double size)
{
    double most = MOST_FOLD * (double)c->point[c->n - 1].size;
    if (size > most)
        sg_doc_number(doc, NAN, "more than %.0f", most);
    else
        sg_doc_real(doc, isnan(size) ? size : fmax(sg_answer_round(size), 0), 0);
}

static void table_of_fits(const struct curves *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"raw", SG_DOC_NUMBER, "examples"},
                                                  {"enough", SG_DOC_NUMBER, "examples"},
                                                  {"from", SG_DOC_NUMBER, ""},
                                                  {"to", SG_DOC_NUMBER, ""},
                                                  {"cost", SG_DOC_NUMBER, "USD"},
                                                  {"a", SG_DOC_NUMBER, ""},
                                                  {"b", SG_DOC_NUMBER, ""},
                                                  {"c", SG_DOC_NUMBER, ""},
                                                  {"R2", SG_DOC_NUMBER, ""}};
    sg_doc_table(doc, "enough-sizes", "The size that is enough", 0, 10, column);
    for (int64_t i = 0; i < a->n; i++) {
        const struct curve *c = &a->curve[i];
        if (!c->fit.ok)
            continue;
        sg_doc_text(doc, d->task[c->task].name);
        sg_doc_int(doc, c->raw);
        size_cell(doc, c, c->enough);
        size_cell(doc, c, c->low);
        size_cell(doc, c, c->high);
        sg_doc_real(doc, isinf(c->enough) ? (double)NAN : c->enough * c->usd, 4);
        sg_doc_real(doc, c->fit.a, 3);
        sg_doc_real(doc, c->fit.b, 2);
        sg_doc_real(doc, c->fit.c, 3);
        sg_doc_real(doc, c->fit.r2, 2);
    }
}

static void figure(const struct curves *a, const struct sg_report_data *d, int64_t task, struct sg_doc *doc)
{
    char name[200], title[200], text[80], series[100];
    snprintf(name, sizeof name, "enough-%.100s", d->task[task].name);
    snprintf(title, sizeof title, "%.100s: accuracy by size", d->task[task].name);
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = name,
                                                .title = title,
                                                .x_label = "synthetic examples",
                                                .y_label = "accuracy, %",
                                                .kind = SG_FIGURE_LINES,
                                                .log_x = 1,
                                                .zero_line = NAN});
    for (int64_t i = 0; i < a->n; i++) {
        const struct curve *c = &a->curve[i];
        if (c->task != task)
            continue;
        sg_doc_series(doc, of_curve(c, text));
        for (int64_t k = 0; k < c->n; k++)
            if (c->point[k].y.y)
                sg_doc_point(doc, (double)c->point[k].size, 100 * c->point[k].mean.mean,
                             100 * c->point[k].mean.low, 100 * c->point[k].mean.high, "");
        if (!c->fit.ok)
            continue;
        snprintf(series, sizeof series, "%s, power law", text);
        sg_doc_series(doc, series);
        double from = (double)c->point[0].size, to = 2 * (double)c->point[c->n - 1].size;
        for (int k = 0; k < N_FIT_POINTS; k++) {
            double x = from * pow(to / from, (double)k / (N_FIT_POINTS - 1));
            sg_doc_point(doc, x, 100 * (1 - sg_power_law_at(&c->fit, x)), NAN, NAN, "");
        }
    }
}

sg_status sg_section_enough(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct curves a = {0};
    if (!in->scores)
        return SG_OK;
    sg_status status = fill(in, &a, err);
    if (status == SG_OK)
        status = adjust(&a, err);
    if (status == SG_OK && a.n) {
        say(&a, in->d, doc);
        table(&a, in->d, doc);
        if (a.most_sizes >= MIN_SIZES)
            table_of_fits(&a, in->d, doc);
        for (int64_t t = 0; t < in->d->n_tasks && a.most_sizes > 1; t++) {
            int any = 0;
            for (int64_t i = 0; i < a.n; i++)
                for (int64_t k = 0; k < a.curve[i].n; k++)
                    any |= a.curve[i].task == t && a.curve[i].point[k].y.y;
            if (any)
                figure(&a, in->d, t, doc);
        }
    }
    curves_free(&a);
    return status;
}
