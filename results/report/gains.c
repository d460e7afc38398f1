#include "results/report/gains.h"

#include "base/mem.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static sg_status add(const struct sg_scores *s, const struct sg_score_group *g,
                     const struct sg_score_group *raw, struct sg_gains *out, struct sg_err *err)
{
    if (!g->cell || !raw->cell) {
        out->n_holes++;
        return SG_OK;
    }
    void *more = sg_grown(out->gain, out->n, sizeof *out->gain);
    if (!more)
        return sg_fail_memory(err, sizeof *out->gain);
    out->gain = more;
    struct sg_gain *gain = &out->gain[out->n];
    *gain = (struct sg_gain){.group = g, .raw = raw};
    SG_TRY(sg_scores_difference(s, g, raw, SG_SCORE_ACCURACY, &gain->accuracy, err));
    out->n++;
    return SG_OK;
}

static sg_status adjust(struct sg_gains *g, struct sg_err *err)
{
    double *p = sg_alloc((size_t)g->n + 1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, (size_t)g->n * sizeof *p);
    for (int64_t i = 0; i < g->n; i++)
        p[i] = g->gain[i].accuracy.p;
    sg_holm(p, g->n);
    for (int64_t i = 0; i < g->n; i++)
        g->gain[i].p = p[i];
    sg_free(p);
    return SG_OK;
}

sg_status sg_gains_of(const struct sg_scores *s, int mix, struct sg_gains *out, struct sg_err *err)
{
    struct sg_gains g = {0};
    sg_status status = SG_OK;
    for (int64_t i = 0; i < s->n_groups && status == SG_OK; i++)
        for (int64_t k = 0; k < s->n_groups && status == SG_OK; k++) {
            const struct sg_score_group *a = &s->group[i], *b = &s->group[k];
            if (a->mix == mix && b->mix == SG_REPORT_RAW && a->task == b->task &&
                (mix == SG_REPORT_SYNTHETIC || a->raw == b->raw))
                status = add(s, a, b, &g, err);
        }
    if (status == SG_OK)
        status = adjust(&g, err);
    if (status == SG_OK)
        *out = g;
    else
        sg_gains_free(&g);
    return status;
}

void sg_gains_free(struct sg_gains *g)
{
    sg_free(g->gain);
    *g = (struct sg_gains){0};
}

/* Adds the differences of a task's methods to sum, whose design is the first one's; those of another are left out. */
static sg_status task_effect(const struct sg_scores *s, int64_t task, int mix, int64_t size, int64_t raw,
                             struct sg_effect *out, int64_t *n_methods, struct sg_err *err)
{
    const struct sg_score_group *base = sg_scores_find(s, task, SG_REPORT_RAW, NULL, 0, raw);
    struct sg_crossed sum = {0}, b = {0};
    float *to = NULL;
    int64_t N = 1, n = 0;
    *n_methods = 0;
    if (!base || !base->cell)
        return SG_OK;
    SG_TRY(sg_scores_of(s, base, SG_SCORE_ACCURACY, &b, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; i < s->n_groups && status == SG_OK; i++) {
        const struct sg_score_group *g = &s->group[i];
        struct sg_crossed a = {0}, d = {0};
        if (g->task != task || g->mix != mix || g->size != size || (mix == SG_REPORT_BOTH && g->raw != raw) ||
            !g->cell)
            continue;
        status = sg_scores_of(s, g, SG_SCORE_ACCURACY, &a, err);
        if (status == SG_OK)
            status = sg_crossed_subtract(&a, &b, &d, err);
        sg_free((void *)(uintptr_t)a.y);
        if (status != SG_OK)
            break;
        if (!to) {
            sum = d;
            to = (float *)(uintptr_t)d.y;
            for (int f = 0; f < SG_N_AXES; f++)
                N *= d.n[f];
            n = 1;
            continue;
        }
        if (memcmp(sum.n, d.n, sizeof d.n) == 0) {
            for (int64_t k = 0; k < N; k++)
                to[k] += d.y[k];
            n++;
        }
        sg_free((void *)(uintptr_t)d.y);
    }
    for (int64_t k = 0; k < N && to; k++)
        to[k] /= (float)n;
    if (status == SG_OK && to)
        status = sg_crossed_mean(&sum, out, err);
    if (status == SG_OK)
        *n_methods = n;
    sg_free(to);
    sg_free((void *)(uintptr_t)b.y);
    return status;
}

sg_status sg_gains_overall(const struct sg_scores *s, int mix, int64_t size, int64_t raw,
                           struct sg_gain_overall *out, struct sg_err *err)
{
    struct sg_gain_overall o = {0};
    struct sg_effect *effect = sg_alloc((size_t)s->d->n_tasks + 1, sizeof *effect);
    if (!effect)
        return sg_fail_memory(err, (size_t)s->d->n_tasks * sizeof *effect);
    sg_status status = SG_OK;
    for (int64_t t = 0; t < s->d->n_tasks && status == SG_OK; t++) {
        int64_t n_methods;
        status = task_effect(s, t, mix, size, raw, &effect[o.n_tasks], &n_methods, err);
        o.n_tasks += status == SG_OK && n_methods > 0;
        o.n_methods = n_methods > o.n_methods ? n_methods : o.n_methods;
    }
    if (status == SG_OK) {
        o.effect = sg_effects_mean(effect, o.n_tasks);
        *out = o;
    }
    sg_free(effect);
    return status;
}

int64_t sg_largest_size(const struct sg_scores *s, int64_t task, int mix)
{
    int64_t most = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if ((task < 0 || g->task == task) && g->mix == mix && g->cell && g->size > most)
            most = g->size;
    }
    return most;
}

int64_t sg_largest_raw(const struct sg_scores *s, int64_t task)
{
    int64_t most = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if ((task < 0 || g->task == task) && g->mix == SG_REPORT_RAW && g->cell && g->raw > most)
            most = g->raw;
    }
    return most;
}

int64_t sg_sizes_of(const struct sg_scores *s, int64_t task, int raw_sizes, int64_t *list, int64_t most)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        int64_t x = raw_sizes ? g->raw : g->size, at = 0;
        if ((task >= 0 && g->task != task) || (raw_sizes ? g->mix != SG_REPORT_RAW : !x))
            continue;
        while (at < n && list[at] < x)
            at++;
        if ((at < n && list[at] == x) || n == most)
            continue;
        memmove(list + at + 1, list + at, (size_t)(n - at) * sizeof *list);
        list[at] = x;
        n++;
    }
    return n;
}

void sg_points(const struct sg_effect *e, char *text, size_t size)
{
    if (isnan(e->low))
        snprintf(text, size, "%+.1f points", 100 * e->mean);
    else
        snprintf(text, size, "%+.1f points (95 %% interval %.1f to %.1f)", 100 * e->mean, 100 * e->low,
                 100 * e->high);
}

void sg_p_words(double p, char *text, size_t size)
{
    if (isnan(p))
        snprintf(text, size, "no p");
    else if (p < 0.001)
        snprintf(text, size, "p < 0.001");
    else
        snprintf(text, size, "p %.3f", p);
}
