/* Does it hold with the other classifier? Fine-tuned cells beside probes of the same rows: their accuracy, and what synthetic data adds to
 * each. */
#include "results/report/answer.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Families of one Holm correction each: fine-tuning minus probe; what synthetic data adds beside raw rows, of each. */
enum { N_SIDES = SG_N_REPORT_CLASSIFIERS };

struct row {
    int64_t task;
    int64_t n_pairs;
    struct sg_effect mean[N_SIDES], gain[N_SIDES], difference;
    double p, gain_p[N_SIDES];
};
struct sides {
    const struct sg_scores *s[N_SIDES]; /* by enum sg_report_classifier */
    const struct sg_score_group **group[N_SIDES];
};

static sg_status mean_of(const struct sg_scores *s, const struct sg_score_group *const *group, int64_t n,
                         struct sg_crossed *y, struct sg_effect *mean, struct sg_err *err)
{
    SG_TRY(sg_answer_mean(s, group, n, y, err));
    return y->y ? sg_answer_share(y, mean, err) : SG_OK;
}

/* Cells of both classifiers at the same places: accuracy, and the difference. */
static sg_status compare(const struct sides *a, struct row *x, struct sg_err *err)
{
    struct sg_crossed y[N_SIDES] = {0};
    const struct sg_scores *s = a->s[SG_REPORT_FINE_TUNE], *other = a->s[SG_REPORT_PROBE];
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i], *h;
        if (g->task != x->task || !(h = sg_scores_find(other, g->task, g->mix, g->method, g->size, g->raw)))
            continue;
        a->group[SG_REPORT_FINE_TUNE][x->n_pairs] = g;
        a->group[SG_REPORT_PROBE][x->n_pairs++] = h;
    }
    sg_status status = SG_OK;
    for (int k = 0; k < N_SIDES && x->n_pairs && status == SG_OK; k++)
        status = mean_of(a->s[k], a->group[k], x->n_pairs, &y[k], &x->mean[k], err);
    if (status == SG_OK && y[0].y && y[1].y && sg_answer_fits(&y[0], &y[1]))
        status = sg_crossed_difference(&y[SG_REPORT_FINE_TUNE], &y[SG_REPORT_PROBE], &x->difference, err);
    x->p = x->difference.p;
    for (int k = 0; k < N_SIDES; k++)
        sg_answer_release(&y[k]);
    return status;
}

/* Raw+synthetic minus raw only, of all places that both classifiers have. */
static sg_status gain(const struct sides *a, int k, struct row *x, struct sg_err *err)
{
    const struct sg_score_group **both = sg_alloc(2 * (size_t)x->n_pairs + 1, sizeof *both),
                                **raw = both + x->n_pairs;
    int64_t n = 0;
    if (!both)
        return sg_fail_memory(err, 2 * (size_t)x->n_pairs * sizeof *both);
    for (int64_t i = 0; i < x->n_pairs; i++) {
        const struct sg_score_group *g = a->group[k][i];
        const struct sg_score_group *r =
            g->mix == SG_REPORT_BOTH ? sg_scores_find(a->s[k], g->task, SG_REPORT_RAW, NULL, 0, g->raw)
                                     : NULL;
        if (r) {
            both[n] = g;
            raw[n++] = r;
        }
    }
    sg_status status = n ? sg_answer_difference(a->s[k], both, n, raw, n, &x->gain[k], NULL, err) : SG_OK;
    x->gain_p[k] = x->gain[k].p;
    sg_free(both);
    return status;
}

static sg_status measure(const struct sides *a, struct row *x, struct sg_err *err)
{
    x->difference = sg_answer_none();
    for (int k = 0; k < N_SIDES; k++)
        x->mean[k] = x->gain[k] = sg_answer_none();
    SG_TRY(compare(a, x, err));
    for (int k = 0; k < N_SIDES; k++)
        SG_TRY(gain(a, k, x, err));
    return SG_OK;
}

static sg_status adjust(struct row *row, int64_t n, struct sg_err *err)
{
    double *p = sg_alloc((size_t)n + 1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, (size_t)n * sizeof *p);
    for (int k = -1; k < N_SIDES; k++) {
        for (int64_t i = 0; i < n; i++)
            p[i] = k < 0 ? row[i].p : row[i].gain_p[k];
        sg_holm(p, n);
        for (int64_t i = 0; i < n; i++)
            *(k < 0 ? &row[i].p : &row[i].gain_p[k]) = p[i];
    }
    sg_free(p);
    return SG_OK;
}

static sg_status say(const struct sg_report_data *d, const struct row *row, int64_t n, struct sg_doc *doc,
                     struct sg_err *err)
{
    struct sg_buf words = sg_buf_make(1 << 18);
    struct sg_answer_case *x = sg_alloc((size_t)n + 1, sizeof *x);
    if (!x)
        return sg_fail_memory(err, (size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (struct sg_answer_case){d->task[row[i].task].name, &row[i].difference, row[i].p};
    int64_t n_compared = sg_answer_better(x, n, &words), n_told[N_SIDES][2] = {{0}}, n_against = 0,
            n_both = 0;
    sg_free(x);
    if (n_compared)
        sg_doc_say(doc, "On the same rows, fine-tuning against the probe: %s (points; Holm over %lld).",
                   sg_buf_text(&words), (long long)n_compared);
    for (int64_t i = 0; i < n; i++) {
        int told[N_SIDES];
        n_both += !isnan(row[i].gain[0].mean) && !isnan(row[i].gain[1].mean);
        for (int k = 0; k < N_SIDES; k++) {
            told[k] = sg_answer_told(row[i].gain_p[k]) ? (row[i].gain[k].mean > 0 ? 1 : -1) : 0;
            n_told[k][0] += told[k] > 0;
            n_told[k][1] += told[k] < 0;
        }
        n_against += told[0] * told[1] < 0;
    }
    if (!n_compared)
        sg_doc_say(doc,
                   "Whether it holds with the other classifier " SG_CANNOT " yet: cells of it are missing.");
    else if (n_both)
        sg_doc_say(
            doc,
            "What synthetic data adds beside raw rows is told for fine-tuning on %lld of %lld %s, for the "
            "probe on %lld; %s.",
            (long long)(n_told[0][0] + n_told[0][1]), (long long)n_both, sg_plural(n_both, "task", "tasks"),
            (long long)(n_told[1][0] + n_told[1][1]),
            n_against ? "they contradict each other where both tell"
                      : "nowhere do the two contradict each other");
    sg_status status = sg_buf_check(&words, "a sentence", err);
    sg_buf_free(&words);
    return status;
}

static void draw(const struct sg_report_data *d, const struct row *row, int64_t n, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"places", SG_DOC_NUMBER, ""},
                                                  {"fine-tuned", SG_DOC_NUMBER, "%"},
                                                  {"probe", SG_DOC_NUMBER, "%"},
                                                  {"difference", SG_DOC_NUMBER, "points"},
                                                  {"p", SG_DOC_NUMBER, ""},
                                                  {"gain fine-tuned", SG_DOC_NUMBER, "points"},
                                                  {"gain probe", SG_DOC_NUMBER, "points"}};
    sg_doc_table(doc, "classifiers", "Fine-tuned cells and probes of the same rows", 0, 8, column);
    for (int64_t i = 0; i < n; i++) {
        const struct row *x = &row[i];
        sg_doc_text(doc, d->task[x->task].name);
        sg_doc_int(doc, x->n_pairs);
        for (int k = 0; k < N_SIDES; k++)
            sg_doc_real(doc, 100 * x->mean[k].mean, 1);
        sg_answer_effect_cell(doc, &x->difference, sg_answer_told(x->p) ? "*" : "");
        sg_answer_p_cell(doc, x->p);
        for (int k = 0; k < N_SIDES; k++)
            sg_answer_effect_cell(doc, &x->gain[k], sg_answer_told(x->gain_p[k]) ? "*" : "");
    }
    sg_doc_note(
        doc, "Mean accuracy over the places (mix, method, size, raw rows) that both classifiers have; gain: "
             "raw+synthetic minus raw only there. *: told, p < 0.05 after Holm over the tasks of its "
             "column.");
}

sg_status sg_section_classifier(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    if (!in->second || !in->scores || !in->second_scores)
        return SG_OK;
    struct sides a = {0};
    a.s[in->d->classifier] = in->scores;
    a.s[in->second->classifier] = in->second_scores;
    size_t n_groups = (size_t)a.s[0]->n_groups + 1;
    struct row *row = sg_alloc((size_t)in->d->n_tasks + 1, sizeof *row);
    int64_t n = 0;
    a.group[0] = sg_alloc(n_groups, sizeof *a.group[0]);
    a.group[1] = sg_alloc(n_groups, sizeof *a.group[1]);
    sg_status status =
        row && a.group[0] && a.group[1] ? SG_OK : sg_fail_memory(err, n_groups * sizeof *a.group[0]);
    for (int64_t t = 0; t < in->d->n_tasks && status == SG_OK; t++) {
        row[n] = (struct row){.task = t};
        status = measure(&a, &row[n], err);
        n += row[n].n_pairs > 0;
    }
    if (status == SG_OK)
        status = adjust(row, n, err);
    if (status == SG_OK && n) {
        status = say(in->d, row, n, doc, err);
        draw(in->d, row, n, doc);
    }
    sg_free(a.group[0]);
    sg_free(a.group[1]);
    sg_free(row);
    return status;
}
