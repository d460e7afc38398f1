#include "results/report/gain.h"

#include "base/mem.h"
#include "results/stats/compare.h"

#include <math.h>

void sg_gains_free(struct sg_gains *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        sg_free(a->gain[i].group);
        sg_free(a->gain[i].each);
        sg_free(a->gain[i].p_each);
    }
    sg_free(a->gain);
}

static sg_status fill_place(const struct sg_gains *a, struct sg_gain *p, struct sg_err *err)
{
    const struct sg_scores *s = a->s;
    enum sg_answer_part part = sg_answer_mean_part(s, p->task, a->mix);
    const struct sg_score_group **in = sg_alloc((size_t)s->n_groups + 1, sizeof *in);
    p->raw_only = sg_scores_find(s, p->task, SG_REPORT_RAW, NULL, 0, p->raw);
    p->all = sg_answer_none();
    p->group = sg_alloc((size_t)s->n_groups + 1, sizeof *p->group);
    if (a->with_each) {
        p->each = sg_alloc((size_t)s->n_groups + 1, sizeof *p->each);
        p->p_each = sg_alloc((size_t)s->n_groups + 1, sizeof *p->p_each);
    }
    sg_status status = in && p->group && (!a->with_each || (p->each && p->p_each))
                           ? SG_OK
                           : sg_fail_memory(err, (size_t)s->n_groups * sizeof *p->each);
    for (int64_t i = 0; i < s->n_groups && status == SG_OK; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task != p->task || g->mix != a->mix || (g->mix == SG_REPORT_BOTH && g->raw != p->raw))
            continue;
        p->group[p->n_all] = g;
        if (a->with_each)
            status = sg_answer_difference(s, &g, 1, &p->raw_only, 1, &p->each[p->n_all], NULL, err);
        p->n_all++;
        if (sg_answer_part(s->d, g) != part)
            continue;
        in[p->n++] = g;
        p->n_whole += g->cell != NULL;
    }
    if (status == SG_OK)
        status = sg_answer_difference(s, in, p->n, &p->raw_only, 1, &p->all, p->needed, err);
    sg_free(in);
    return status;
}

/* The mean over the tasks that have this raw size: there is none where one of them lacks its number. */
static void mean_of(struct sg_gains *a, int64_t from, struct sg_gain *mean)
{
    struct sg_effect *e = sg_alloc((size_t)(a->n - from) + 1, sizeof *e);
    *mean = (struct sg_gain){.raw = a->gain[from].raw, .is_mean = 1, .all = sg_answer_none()};
    for (int64_t i = from; i < a->n; i++) {
        const struct sg_gain *p = &a->gain[i];
        mean->n++;
        mean->n_all++;
        mean->n_whole += !isnan(p->all.mean);
        if (e)
            e[i - from] = p->all;
    }
    if (e && mean->n == mean->n_whole)
        mean->all = sg_effects_mean(e, mean->n);
    sg_free(e);
}

static sg_status fill(struct sg_gains *a, const struct sg_report_data *d, struct sg_err *err)
{
    int64_t *raw = NULL, n_raw = 0;
    SG_TRY(sg_answer_raws(a->s, -1, &raw, &n_raw, err));
    sg_status status = SG_OK;
    a->gain = sg_alloc((size_t)(n_raw * (d->n_tasks + 1)) + 1, sizeof *a->gain);
    if (!a->gain)
        status = sg_fail_memory(err, (size_t)(n_raw * d->n_tasks) * sizeof *a->gain);
    for (int64_t r = 0; r < n_raw && status == SG_OK; r++) {
        int64_t from = a->n;
        for (int64_t t = 0; t < d->n_tasks && status == SG_OK; t++) {
            struct sg_gain *p = &a->gain[a->n++];
            *p = (struct sg_gain){.task = t, .raw = raw[r]};
            status = fill_place(a, p, err);
            if (status == SG_OK && !p->n) { /* the study does not ask it of this task */
                sg_free(p->group);
                sg_free(p->each);
                sg_free(p->p_each);
                a->n--;
            }
        }
        if (status == SG_OK && a->n > from + 1) {
            struct sg_gain mean;
            mean_of(a, from, &mean);
            a->gain[a->n++] = mean;
        }
    }
    sg_free(raw);
    return status;
}

/* Single combinations of a place that are looked at. */
static int64_t n_each_of(const struct sg_gains *a, int64_t i)
{
    return a->with_each && !a->gain[i].is_mean ? a->gain[i].n_all : 0;
}

/* Two families: the means of tasks and over them; and the single combinations. */
static sg_status adjust(struct sg_gains *a, struct sg_err *err)
{
    int64_t n_each = 0, at = 0;
    for (int64_t i = 0; i < a->n; i++)
        n_each += n_each_of(a, i);
    double *p = sg_alloc((size_t)(a->n + n_each) + 1, sizeof *p), *each = p ? p + a->n : NULL;
    if (!p)
        return sg_fail_memory(err, (size_t)(a->n + n_each) * sizeof *p);
    for (int64_t i = 0; i < a->n; i++) {
        p[i] = a->gain[i].all.p;
        a->n_family += !isnan(p[i]);
        for (int64_t k = 0; k < n_each_of(a, i); k++) {
            a->n_each += !isnan(a->gain[i].each[k].p);
            each[at++] = a->gain[i].each[k].p;
        }
    }
    sg_holm(p, a->n);
    sg_holm(each, n_each);
    at = 0;
    for (int64_t i = 0; i < a->n; i++) {
        a->gain[i].p = p[i];
        for (int64_t k = 0; k < n_each_of(a, i); k++, at++) {
            a->gain[i].p_each[k] = each[at];
            a->n_told_up += sg_answer_told(each[at]) && a->gain[i].each[k].mean > 0;
            a->n_told_down += sg_answer_told(each[at]) && a->gain[i].each[k].mean < 0;
        }
    }
    sg_free(p);
    return SG_OK;
}

/* Whether sentences name what is in the means. */
static int is_some_of_llms(const struct sg_gains *a)
{
    int is_some = 0, are_llm = 1;
    for (int64_t i = 0; i < a->n; i++) {
        const struct sg_gain *p = &a->gain[i];
        is_some |= p->n < p->n_all;
        are_llm &= p->is_mean || sg_answer_mean_part(a->s, p->task, a->mix) == SG_PART_LLM;
    }
    return is_some && are_llm;
}

sg_status sg_gains_read(struct sg_gains *a, const struct sg_report_data *d, struct sg_err *err)
{
    SG_TRY(fill(a, d, err));
    a->is_some = is_some_of_llms(a);
    return adjust(a, err);
}

const struct sg_gain *sg_gains_find(const struct sg_gains *a, int64_t task, int64_t raw)
{
    for (int64_t i = 0; i < a->n; i++)
        if (!a->gain[i].is_mean && a->gain[i].task == task && a->gain[i].raw == raw)
            return &a->gain[i];
    return NULL;
}
