/* Levels of an axis against each other: methods, wordings, generators, ... */
#include "results/report/section_levels.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void side_free(struct side *x)
{
    for (int64_t i = 0; i < x->n; i++) {
        sg_free(x->level[i].group);
        sg_answer_release(&x->level[i].y);
    }
    sg_free(x->level);
    sg_free(x->pair);
    sg_free(x->p);
}

/* ---- which groups are compared ---- */

static int same_place(const struct sg_score_group *a, const char *rest_a, const struct sg_score_group *b,
                      const char *rest_b)
{
    return a->mix == b->mix && a->size == b->size && a->raw == b->raw && strcmp(rest_a, rest_b) == 0;
}

static int level_of(const struct sides *a, const struct sg_score_group *g, char level[200], char rest[200])
{
    return g->mix != SG_REPORT_RAW && a->axis->level(a->axis->context, g->task, g->method, level, rest);
}

/* The group of the level at the place of g, which is called rest; or NULL. */
static const struct sg_score_group *partner(const struct sides *a, const struct sg_score_group *g,
                                            const char *rest, const char *level)
{
    char name[200], other[200];
    for (int64_t i = 0; i < a->s->n_groups; i++) {
        const struct sg_score_group *h = &a->s->group[i];
        if (h->task == g->task && level_of(a, h, name, other) && strcmp(name, level) == 0 &&
            same_place(g, rest, h, other))
            return h;
    }
    return NULL;
}

static sg_status find_levels(const struct sides *a, struct side *x, struct sg_err *err)
{
    char name[200], rest[200];
    for (int64_t i = 0; i < a->s->n_groups; i++) {
        const struct sg_score_group *g = &a->s->group[i];
        int is_new = g->task == x->task && level_of(a, g, name, rest);
        for (int64_t k = 0; k < x->n && is_new; k++)
            is_new = strcmp(x->level[k].name, name) != 0;
        if (!is_new)
            continue;
        void *grown = sg_grown(x->level, x->n, sizeof *x->level);
        if (!grown)
            return sg_fail_memory(err, sizeof *x->level);
        x->level = grown;
        struct level *l = &x->level[x->n++];
        *l =
            (struct level){.mean = sg_answer_none(), .behind = sg_answer_none(), .p = NAN, .detectable = NAN};
        memcpy(l->name, name, sizeof l->name);
        l->group = sg_alloc((size_t)a->s->n_groups + 1, sizeof *l->group);
        if (!l->group)
            return sg_fail_memory(err, (size_t)a->s->n_groups * sizeof *l->group);
    }
    return SG_OK;
}

/* The places that all levels have, by those of the first. */
static void find_places(const struct sides *a, struct side *x)
{
    char name[200], rest[200];
    for (int64_t i = 0; i < a->s->n_groups; i++) {
        const struct sg_score_group *g = &a->s->group[i];
        if (g->task != x->task || !level_of(a, g, name, rest) || strcmp(name, x->level[0].name) != 0)
            continue;
        int all = 1;
        for (int64_t k = 0; k < x->n && all; k++)
            all = (x->level[k].group[x->level[k].n] = partner(a, g, rest, x->level[k].name)) != NULL;
        for (int64_t k = 0; k < x->n && all; k++) {
            struct level *l = &x->level[k];
            l->n_whole += l->group[l->n]->cell != NULL;
            l->n++;
        }
    }
}

/* ---- numbers ---- */

/* How much of the spread of one cell's accuracy the levels account for: their variance beyond what their differences' errors give. */
static sg_status share_of(struct side *x, struct sg_err *err)
{
    double mean = 0, between = 0, noise = 0, within = 0;
    int64_t n_pairs = 0;
    for (int64_t i = 0; i < x->n; i++)
        mean += x->level[i].mean.mean / (double)x->n;
    for (int64_t i = 0; i < x->n; i++) {
        struct sg_spread spread;
        between += pow(x->level[i].mean.mean - mean, 2) / (double)(x->n - 1);
        SG_TRY(sg_crossed_spread(&x->level[i].y, &spread, err));
        for (int f = 0; f < SG_N_AXES; f++)
            within += spread.variance[f] / (double)x->n;
        within += spread.rest / (double)x->n;
        for (int64_t k = i + 1; k < x->n; k++, n_pairs++)
            noise += 0.5 * pow(x->pair[i * x->n + k].se, 2);
    }
    between = fmax(0, between - noise / (double)n_pairs);
    x->share = between + within > 0 ? between / (between + within) : (double)NAN;
    return SG_OK;
}

static sg_status measure(const struct sides *a, struct side *x, struct sg_err *err)
{
    x->best = -1;
    x->share = NAN;
    x->pair = sg_alloc((size_t)(x->n * x->n) + 1, sizeof *x->pair);
    x->p = sg_alloc((size_t)(x->n * x->n) + 1, sizeof *x->p);
    if (!x->pair || !x->p)
        return sg_fail_memory(err, (size_t)(x->n * x->n) * sizeof *x->pair);
    int whole = x->n > 1;
    for (int64_t i = 0; i < x->n * x->n; i++)
        x->pair[i] = sg_answer_none();
    for (int64_t i = 0; i < x->n && whole; i++) {
        struct level *l = &x->level[i];
        SG_TRY(sg_answer_mean(a->s, l->group, l->n, &l->y, err));
        whole = l->y.y != NULL;
    }
    for (int64_t i = 0; i < x->n && whole; i++) {
        struct level *l = &x->level[i];
        SG_TRY(sg_answer_share(&l->y, &l->mean, err));
        if (x->best < 0 || l->mean.mean > x->level[x->best].mean.mean)
            x->best = i;
        for (int64_t k = i + 1; k < x->n && whole; k++) {
            whole = sg_answer_fits(&l->y, &x->level[k].y);
            if (whole)
                SG_TRY(sg_crossed_difference(&l->y, &x->level[k].y, &x->pair[i * x->n + k], err));
        }
    }
    if (!whole) {
        x->best = -1;
        return SG_OK;
    }
    struct sg_crossed d = {0};
    SG_TRY(sg_answer_subtract(&x->level[0].y, &x->level[1].y, &d, err));
    sg_status status = d.y ? sg_crossed_needed(&d, 0.01, x->needed, err) : SG_OK;
    sg_answer_release(&d);
    SG_TRY(status);
    return share_of(x, err);
}

/* The mean over tasks, of the levels that all of them have; none where a task lacks its numbers. */
static sg_status average(struct sides *a, struct side *mean, struct sg_err *err)
{
    const struct side *first = &a->side[0];
    struct sg_effect *e = sg_alloc((size_t)a->n + 1, sizeof *e);
    int64_t *at = sg_alloc((size_t)(a->n * first->n) + 1, sizeof *at); /* (levels, tasks) */
    *mean = (struct side){.task = -1, .best = -1, .share = NAN};
    mean->level = sg_alloc((size_t)first->n + 1, sizeof *mean->level);
    mean->pair = sg_alloc((size_t)(first->n * first->n) + 1, sizeof *mean->pair);
    mean->p = sg_alloc((size_t)(first->n * first->n) + 1, sizeof *mean->p);
    sg_status status = e && at && mean->level && mean->pair && mean->p
                           ? SG_OK
                           : sg_fail_memory(err, (size_t)(first->n * first->n) * sizeof *e);
    int whole = status == SG_OK;
    for (int64_t t = 0; t < a->n; t++)
        whole &= a->side[t].best >= 0;
    for (int64_t i = 0; i < first->n && whole; i++) {
        int all = 1;
        for (int64_t t = 0; t < a->n && all; t++) {
            const struct side *x = &a->side[t];
            int64_t k = 0;
            while (k < x->n && strcmp(x->level[k].name, first->level[i].name) != 0)
                k++;
            all = k < x->n;
            if (all) {
                at[mean->n * a->n + t] = k;
                e[t] = x->level[k].mean;
            }
        }
        if (!all)
            continue;
        struct level *l = &mean->level[mean->n];
        *l = (struct level){.behind = sg_answer_none(), .p = NAN, .detectable = NAN};
        memcpy(l->name, first->level[i].name, sizeof l->name);
        l->mean = sg_effects_mean(e, a->n);
        if (mean->best < 0 || l->mean.mean > mean->level[mean->best].mean.mean)
            mean->best = mean->n;
        mean->n++;
    }
    for (int64_t i = 0; i < mean->n; i++)
        for (int64_t k = i + 1; k < mean->n; k++) {
            for (int64_t t = 0; t < a->n; t++) {
                const struct side *x = &a->side[t];
                int64_t p = at[i * a->n + t], q = at[k * a->n + t];
                e[t] = x->pair[(p < q ? p : q) * x->n + (p < q ? q : p)];
                if (p > q)
                    e[t] = (struct sg_effect){-e[t].mean, -e[t].high, -e[t].low,   e[t].se,
                                              e[t].df,    e[t].p,     e[t].sources};
            }
            mean->pair[i * mean->n + k] = sg_effects_mean(e, a->n);
        }
    mean->best = mean->n > 1 ? mean->best : -1;
    sg_free(e);
    sg_free(at);
    return status;
}

/* One family: all pairs of all tasks and of their mean. All pairs, as the best one is known from the data alone. */
static sg_status adjust(struct sides *a, struct sg_err *err)
{
    int64_t n = 0, at = 0;
    for (int64_t t = 0; t < a->n; t++)
        n += a->side[t].n * a->side[t].n;
    double *p = sg_alloc((size_t)n + 1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, (size_t)n * sizeof *p);
    for (int64_t t = 0; t < a->n; t++)
        for (int64_t i = 0; i < a->side[t].n; i++)
            for (int64_t k = 0; k < a->side[t].n; k++) {
                p[at] = k > i && a->side[t].best >= 0 ? a->side[t].pair[i * a->side[t].n + k].p : (double)NAN;
                a->n_family += !isnan(p[at++]);
            }
    sg_holm(p, n);
    at = 0;
    for (int64_t t = 0; t < a->n; t++) {
        struct side *x = &a->side[t];
        memcpy(x->p, p + at, (size_t)(x->n * x->n) * sizeof *p);
        at += x->n * x->n;
        for (int64_t i = 0; i < x->n && x->best >= 0; i++) {
            struct level *l = &x->level[i];
            int64_t low = i < x->best ? i : x->best, high = i < x->best ? x->best : i;
            if (i == x->best) {
                l->rank = SG_RANK_BEST;
                continue;
            }
            struct sg_effect e = x->pair[low * x->n + high];
            l->p = x->p[low * x->n + high];
            l->rank = sg_answer_told(l->p) ? SG_RANK_BELOW : SG_RANK_TIED;
            l->detectable = sg_answer_detectable(&e, a->n_family);
            if (low == x->best) /* level - best */
                e = (struct sg_effect){-e.mean, -e.high, -e.low, e.se, e.df, e.p, e.sources};
            l->behind = e;
        }
    }
    sg_free(p);
    return SG_OK;
}

/* ---- words ---- */

static int64_t count(const struct side *x, enum sg_rank rank)
{
    int64_t n = 0;
    for (int64_t i = 0; i < x->n; i++)
        n += x->level[i].rank == rank;
    return n;
}

/* "few_shot_3 is above zero_shot by 4.1 (1.0 to 7.2) points and ...; zero_shot_topic cannot be told from it" */
static void add_ranking(const struct side *x, struct sg_buf *b)
{
    char text[SG_ANSWER_TEXT], word[400];
    int64_t k = 0, n = count(x, SG_RANK_BELOW), n_tied = count(x, SG_RANK_TIED);
    sg_buf_printf(b, "%s is above ", x->level[x->best].name);
    for (int64_t i = 0; i < x->n; i++) {
        const struct level *l = &x->level[i];
        struct sg_effect e = {.mean = -l->behind.mean, .low = -l->behind.high, .high = -l->behind.low};
        if (l->rank != SG_RANK_BELOW)
            continue;
        snprintf(word, sizeof word, "%.150s by %s points", l->name, sg_answer_brief(&e, text));
        sg_answer_join(b, k++, n, word);
    }
    k = 0;
    if (n_tied)
        sg_buf_printf(b, ", and tied with ");
    for (int64_t i = 0; i < x->n; i++)
        if (x->level[i].rank == SG_RANK_TIED)
            sg_answer_join(b, k++, n_tied, x->level[i].name);
}

static double largest_detectable(const struct side *x)
{
    double most = NAN;
    for (int64_t i = 0; i < x->n; i++)
        most = fmax(most, x->level[i].detectable); /* fmax leaves a NaN out */
    return most;
}

static void say_side(const struct sides *a, const struct side *x, const char *where, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    double least = INFINITY;
    if (count(x, SG_RANK_BELOW)) {
        add_ranking(x, &b);
        sg_doc_say(doc, "%s, %s (paired, 95 %% intervals; Holm over %lld).", where, sg_buf_text(&b),
                   (long long)a->n_family);
    } else if (isnan(largest_detectable(x)))
        sg_doc_say(doc,
                   "%s, which of %lld %s is best " SG_CANNOT ": with one cell of each there is no interval.",
                   where, (long long)x->n, a->axis->many);
    else {
        for (int64_t i = 0; i < x->n; i++)
            least = fmin(least, x->level[i].mean.mean);
        sg_doc_say(doc,
                   "%s, which of %lld %s is best " SG_CANNOT
                   ": they lie within %.1f points, and a true difference of %.1f points would have shown in "
                   "80 of 100 such studies "
                   "(Holm over %lld).",
                   where, (long long)x->n, a->axis->many, 100 * (x->level[x->best].mean.mean - least),
                   100 * largest_detectable(x), (long long)a->n_family);
    }
    sg_buf_free(&b);
}

/* One sentence for all tasks. */
static void say_tasks(const struct sides *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 18);
    int64_t n_said = 0, n_open = 0, n_holes = 0, k = 0;
    for (int64_t t = 0; t < a->n; t++) {
        const struct side *x = &a->side[t];
        if (x->task < 0)
            continue;
        n_holes += x->best < 0;
        n_open += x->best >= 0 && !count(x, SG_RANK_BELOW);
        if (x->best < 0 || !count(x, SG_RANK_BELOW))
            continue;
        sg_buf_printf(&b, "%s on %s, ", n_said++ ? ";" : "", d->task[x->task].name);
        add_ranking(x, &b);
    }
    if (n_open)
        sg_buf_printf(&b, "%s on ", n_said ? ";" : "");
    for (int64_t t = 0; t < a->n && n_open; t++)
        if (a->side[t].task >= 0 && a->side[t].best >= 0 && !count(&a->side[t], SG_RANK_BELOW))
            sg_answer_join(&b, k++, n_open, d->task[a->side[t].task].name);
    if (n_open)
        sg_buf_printf(&b, " it " SG_CANNOT);
    if (n_holes)
        sg_buf_printf(&b, "%s on %lld %s cells are missing", n_said || n_open ? ";" : "", (long long)n_holes,
                      sg_plural(n_holes, "task", "tasks"));
    sg_doc_say(doc, "By task:%s.", sg_buf_text(&b));
    sg_buf_free(&b);
}

static void say_share(const struct sides *a, struct sg_doc *doc)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t t = 0; t < a->n; t++)
        if (a->side[t].task >= 0 && !isnan(a->side[t].share)) {
            sum += a->side[t].share;
            n++;
        }
    if (n)
        sg_doc_say(doc,
                   "Of the spread of a single cell's accuracy, about %.0f %% is the %s's (mean of %lld %s; "
                   "the rest is of seeds "
                   "and test rows).",
                   100 * sum / (double)n, a->axis->one, (long long)n, sg_plural(n, "task", "tasks"));
}

static void say(const struct sides *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    const struct side *last = &a->side[a->n - 1];
    char where[300];
    if (last->task < 0) {
        snprintf(where, sizeof where, "On average over %lld tasks", (long long)(a->n - 1));
        if (last->best >= 0)
            say_side(a, last, where, doc);
        else {
            int64_t n_whole = 0;
            for (int64_t t = 0; t < a->n - 1; t++)
                n_whole += a->side[t].best >= 0;
            sg_doc_say(doc, "%s, which of the %s is best " SG_CANNOT " yet: %lld of %lld tasks are complete.",
                       where, a->axis->many, (long long)n_whole, (long long)(a->n - 1));
        }
        say_tasks(a, d, doc);
    } else if (last->best >= 0) {
        snprintf(where, sizeof where, "On %.200s", d->task[last->task].name);
        say_side(a, last, where, doc);
    } else
        sg_doc_say(doc, "On %s, which of the %s is best " SG_CANNOT " yet: cells are missing.",
                   d->task[last->task].name, a->axis->many);
    if (a->axis->with_free)
        sg_levels_say_free(a, d, doc);
    if (a->axis->with_share)
        say_share(a, doc);
}

/* ---- table and figure ---- */

static const char *rank_name(enum sg_rank rank)
{
    return rank == SG_RANK_BEST    ? "best"
           : rank == SG_RANK_TIED  ? "tied"
           : rank == SG_RANK_BELOW ? "below"
                                   : "-";
}

static void table(const struct sides *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},        {a->axis->one, SG_DOC_TEXT, ""},
        {"accuracy", SG_DOC_NUMBER, "%"}, {"to the best", SG_DOC_NUMBER, "points"},
        {"p (Holm)", SG_DOC_NUMBER, ""},  {"detectable", SG_DOC_NUMBER, "points"},
        {"rank", SG_DOC_TEXT, ""},        {"groups", SG_DOC_NUMBER, ""}};
    char title[200], text[SG_ANSWER_TEXT];
    snprintf(title, sizeof title, "%s against each other", a->axis->many);
    title[0] = (char)(title[0] >= 'a' && title[0] <= 'z' ? title[0] - 32 : title[0]);
    sg_doc_table(doc, a->axis->name, title, SG_DOC_BRIEF, 8, column);
    for (int64_t t = 0; t < a->n; t++)
        for (int64_t i = 0; i < a->side[t].n; i++) {
            const struct side *x = &a->side[t];
            const struct level *l = &x->level[i];
            sg_doc_text(doc, x->task < 0 ? "mean of the tasks" : d->task[x->task].name);
            sg_doc_text(doc, l->name);
            sg_answer_effect_cell(doc, &l->mean, "");
            sg_answer_effect_cell(doc, &l->behind, "");
            sg_answer_p_cell(doc, l->p);
            sg_doc_real(doc, 100 * l->detectable, 1);
            sg_doc_text(doc, rank_name(l->rank));
            if (x->task < 0)
                sg_doc_real(doc, NAN, 0);
            else if (l->n_whole < l->n)
                sg_doc_number(doc, (double)l->n_whole, "%lld of %lld done", (long long)l->n_whole,
                              (long long)l->n);
            else
                sg_doc_int(doc, l->n);
        }
    sg_doc_note(doc,
                "Accuracy: mean over the mixes, sizes and raw sizes that all have (groups), paired on test "
                "rows and seeds. "
                "Tied: not below the best with p < 0.05, Holm over all %lld pairs of this table.",
                (long long)a->n_family);
    sg_doc_note(doc, "Detectable: the true difference to the best that shows in 80 of 100 such studies, "
                     "after the correction.");
    for (int64_t t = 0; t < a->n; t++)
        if (a->side[t].task >= 0 && a->side[t].best >= 0 &&
            strcmp(sg_answer_needed(a->side[t].needed, text), "-") != 0)
            sg_doc_note(doc,
                        "On %s an interval of \xc2\xb1"
                        "1 point of a difference takes %s.",
                        d->task[a->side[t].task].name, text);
}

static void figure(const struct sides *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    const struct side *first = &a->side[0];
    char title[200];
    snprintf(title, sizeof title, "Accuracy by %s", a->axis->one);
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = a->axis->name,
                                                .title = title,
                                                .x_label = "task",
                                                .y_label = "accuracy, %",
                                                .kind = SG_FIGURE_BARS,
                                                .zero_line = NAN});
    for (int64_t i = 0; i < first->n; i++) {
        sg_doc_series(doc, first->level[i].name);
        for (int64_t t = 0; t < a->n; t++)
            for (int64_t k = 0; k < a->side[t].n; k++) {
                const struct level *l = &a->side[t].level[k];
                if (a->side[t].best >= 0 && strcmp(l->name, first->level[i].name) == 0)
                    sg_doc_point(doc, (double)t, 100 * l->mean.mean, 100 * l->mean.low, 100 * l->mean.high,
                                 a->side[t].task < 0 ? "mean of the tasks" : d->task[a->side[t].task].name);
            }
    }
}

sg_status sg_answer_compare(const struct sg_section_input *in, const struct sg_answer_axis *axis,
                            struct sg_doc *doc, struct sg_err *err)
{
    struct sides a = {.axis = axis, .s = in->scores};
    sg_status status = SG_OK;
    int any = 0;
    a.side = sg_alloc((size_t)in->d->n_tasks + 2, sizeof *a.side);
    if (!a.side)
        return sg_fail_memory(err, (size_t)in->d->n_tasks * sizeof *a.side);
    for (int64_t t = 0; t < in->d->n_tasks && status == SG_OK; t++) {
        struct side *x = &a.side[a.n++];
        *x = (struct side){.task = t};
        status = find_levels(&a, x, err);
        if (status == SG_OK && x->n > 1)
            find_places(&a, x);
        if (status == SG_OK && (x->n < 2 || !x->level[0].n)) {
            side_free(x);
            a.n--;
        } else if (status == SG_OK)
            status = measure(&a, x, err);
    }
    if (status == SG_OK && a.n > 1) {
        struct side mean;
        status = average(&a, &mean, err);
        a.side[a.n++] = mean;
    }
    if (status == SG_OK)
        status = adjust(&a, err);
    if (status == SG_OK && a.n) {
        say(&a, in->d, doc);
        table(&a, in->d, doc);
        for (int64_t t = 0; t < a.n; t++)
            any |= a.side[t].best >= 0;
        if (any)
            figure(&a, in->d, doc);
    } else if (status == SG_OK && axis->if_single)
        sg_doc_say(doc, "%s", axis->if_single);
    for (int64_t t = 0; t < a.n; t++)
        side_free(&a.side[t]);
    sg_free(a.side);
    return status;
}
