/* Is diversity what helps? Rank correlation of each measure of a pool with what the pool's examples add to raw rows, within tasks. */
#include "results/report/answer.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/stats/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MIN_POOLS = 5, MAX_MEASURES = 200, MAX_FIGURES = 3 };

struct measure {
    char name[80];
    double *value; /* by pool; NaN where there is none */
    struct sg_correlation r;
    double p; /* Holm */
};
struct pools {
    const struct sg_report_data *d;
    const struct sg_h5_table_spec *table; /* while it is read */
    struct measure *measure;
    int64_t n_measures, n, n_left_out; /* pools with a gain */
    double *gain;                      /* by pool; NaN where it has none */
    int64_t *task;
    int mix;
};

static void pools_free(struct pools *a)
{
    for (int64_t i = 0; i < a->n_measures; i++)
        sg_free(a->measure[i].value);
    sg_free(a->measure);
    sg_free(a->gain);
    sg_free(a->task);
}

/* ---- measures: every real column of a table with a row a pool ---- */

static sg_status measure_of(struct pools *a, const char *name, struct measure **out, struct sg_err *err)
{
    *out = NULL;
    for (int64_t i = 0; i < a->n_measures; i++)
        if (strcmp(a->measure[i].name, name) == 0) {
            *out = &a->measure[i];
            return SG_OK;
        }
    if (a->n_measures == MAX_MEASURES)
        return SG_OK;
    void *grown = sg_grown(a->measure, a->n_measures, sizeof *a->measure);
    if (!grown)
        return sg_fail_memory(err, sizeof *a->measure);
    a->measure = grown;
    struct measure *m = &a->measure[a->n_measures];
    *m = (struct measure){.value = sg_alloc((size_t)a->d->n_pools + 1, sizeof *m->value), .p = NAN};
    if (!m->value)
        return sg_fail_memory(err, (size_t)a->d->n_pools * sizeof *m->value);
    for (int64_t i = 0; i < a->d->n_pools; i++)
        m->value[i] = NAN;
    snprintf(m->name, sizeof m->name, "%.70s", name);
    a->n_measures++;
    *out = m;
    return SG_OK;
}

/* Counts, the ends of intervals, p values and settings are no measures. */
static int is_measure(const struct sg_column *c)
{
    static const char *const ends[] = {"_low", "_high", "_p"};
    size_t n = strlen(c->name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (n > strlen(ends[i]) && strcmp(c->name + n - strlen(ends[i]), ends[i]) == 0)
            return 0;
    return c->type == SG_COL_REAL && strcmp(c->name, "n") != 0 && strncmp(c->name, "n_", 2) != 0 &&
           strcmp(c->name, "bandwidth") != 0;
}

static sg_status read_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct pools *a = context;
    const struct sg_h5_table_spec *t = a->table;
    int64_t pool = -1;
    (void)at;
    for (int c = 0; c < t->n_columns; c++)
        if (strcmp(t->column[c].name, "pool") == 0)
            pool = row[c].i;
    if (pool < 0 || pool >= a->d->n_pools) /* of raw rows, say */
        return SG_OK;
    for (int c = 0; c < t->n_columns; c++) {
        struct measure *m;
        if (!is_measure(&t->column[c]))
            continue;
        SG_TRY(measure_of(a, t->column[c].name, &m, err));
        if (m)
            m->value[pool] = row[c].x;
    }
    return SG_OK;
}

static sg_status read_measures(struct pools *a, const char *path, struct sg_err *err)
{
    static const char *const tables[] = {"diversity", "measures", "text_measures"};
    hid_t file = -1;
    SG_TRY(sg_store_open(path, &file, err));
    sg_status status = SG_OK;
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
        for (int t = 0; t < SG_N_TABLES && status == SG_OK; t++)
            if (strcmp(sg_store_tables[t].name, tables[k]) == 0) {
                a->table = &sg_store_tables[t];
                status = sg_h5_table_each(file, a->table, path, read_row, a, err);
            }
    H5Fclose(file);
    return status;
}

/* ---- what a pool adds ---- */

static double raw_accuracy(const struct sg_report_data *d, const struct sg_score_group *raw,
                           const struct sg_report_cell *c)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < raw->n_cells; i++) {
        const struct sg_report_cell *r = &d->cell[raw->cell[i]];
        if (r->seed_train == c->seed_train && (c->seed_data < 0 || r->seed_data == c->seed_data)) {
            sum += r->accuracy;
            n++;
        }
    }
    return n ? sum / (double)n : (double)NAN;
}

/* The mean over the pool's cells of their accuracy minus that of the raw-only cells of the same draw and training; NaN where one is missing. */
static double gain_of(const struct pools *a, const struct sg_scores *s, const struct sg_report_pool *p)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i], *raw;
        if (g->mix != a->mix || strcmp(g->method, p->method) != 0 ||
            strcmp(a->d->task[g->task].name, p->task) != 0)
            continue;
        for (int64_t k = 0; k < s->n_groups; k++) {
            raw = &s->group[k];
            if (raw->task != g->task || raw->mix != SG_REPORT_RAW ||
                (g->mix == SG_REPORT_BOTH && raw->raw != g->raw))
                continue;
            if (!g->cell || !raw->cell)
                return (double)NAN;
            for (int64_t c = 0; c < g->n_cells; c++) {
                const struct sg_report_cell *cell = &a->d->cell[g->cell[c]];
                if (cell->seed_generation != p->seed_generation ||
                    (p->seed_data >= 0 && a->d->has_draws && cell->seed_data >= 0 &&
                     cell->seed_data != p->seed_data))
                    continue;
                sum += cell->accuracy - raw_accuracy(a->d, raw, cell);
                n++;
            }
        }
    }
    return n ? sum / (double)n : (double)NAN;
}

static sg_status find_gains(struct pools *a, const struct sg_scores *s, struct sg_err *err)
{
    a->gain = sg_alloc((size_t)a->d->n_pools + 1, sizeof *a->gain);
    a->task = sg_alloc((size_t)a->d->n_pools + 1, sizeof *a->task);
    if (!a->gain || !a->task)
        return sg_fail_memory(err, (size_t)a->d->n_pools * sizeof *a->gain);
    a->mix = SG_REPORT_SYNTHETIC;
    for (int64_t i = 0; i < s->n_groups; i++)
        if (s->group[i].mix == SG_REPORT_BOTH)
            a->mix = SG_REPORT_BOTH;
    for (int64_t i = 0; i < a->d->n_pools; i++) {
        a->gain[i] = gain_of(a, s, &a->d->pool[i]);
        a->n += !isnan(a->gain[i]);
        a->n_left_out += isnan(a->gain[i]);
        a->task[i] = -1;
        for (int64_t t = 0; t < a->d->n_tasks; t++)
            if (strcmp(a->d->task[t].name, a->d->pool[i].task) == 0)
                a->task[i] = t;
    }
    return SG_OK;
}

/* ---- correlation ---- */

/* The measure's values and gains, of pools that have both, sorted by task; then p. */
static sg_status permute(const struct pools *a, struct measure *m, struct sg_err *err)
{
    int64_t n = 0, *group = sg_alloc((size_t)a->d->n_pools + 1, sizeof *group);
    double *x = sg_alloc(2 * (size_t)a->d->n_pools + 1, sizeof *x), *y = x ? x + a->d->n_pools : NULL;
    for (int64_t t = 0; t < a->d->n_tasks && group && x; t++)
        for (int64_t i = 0; i < a->d->n_pools; i++)
            if (a->task[i] == t && !isnan(a->gain[i]) && !isnan(m->value[i])) {
                x[n] = m->value[i];
                y[n] = a->gain[i];
                group[n++] = t;
            }
    if (group && x)
        m->p = sg_answer_permutation_p(x, y, group, n, sg_seed_of("permutations of %s", m->name));
    sg_free(group);
    sg_free(x);
    return group && x ? SG_OK : sg_fail_memory(err, 2 * (size_t)a->d->n_pools * sizeof *x);
}

static sg_status correlate(struct pools *a, struct sg_err *err)
{
    double p[MAX_MEASURES];
    for (int64_t i = 0; i < a->n_measures; i++) {
        struct measure *m = &a->measure[i];
        m->r = sg_spearman_within(m->value, a->gain, a->task, a->d->n_pools, sg_seed_of("diversity"));
        SG_TRY(permute(a, m, err));
        p[i] = m->p;
    }
    sg_holm(p, a->n_measures);
    for (int64_t i = 0; i < a->n_measures; i++)
        a->measure[i].p = p[i];
    return SG_OK;
}

/* ---- words ---- */

static void describe(const struct measure *m, char text[200])
{
    char p[SG_ANSWER_TEXT];
    if (isnan(m->r.low))
        snprintf(text, 200, "%s %+.2f, %s", m->name, m->r.rho, sg_answer_p(m->p, p));
    else
        snprintf(text, 200, "%s %+.2f (95 %% interval %+.2f to %+.2f), %s", m->name, m->r.rho, m->r.low,
                 m->r.high, sg_answer_p(m->p, p));
}

static void say(const struct pools *a, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    const struct measure *strongest = NULL;
    char text[200];
    int64_t n_told = 0, k = 0, n_family = 0;
    for (int64_t i = 0; i < a->n_measures; i++) {
        const struct measure *m = &a->measure[i];
        n_told += sg_answer_told(m->p);
        n_family += !isnan(m->p);
        if (!isnan(m->r.rho) && (!strongest || fabs(m->r.rho) > fabs(strongest->r.rho)))
            strongest = m;
    }
    for (int64_t i = 0; i < a->n_measures; i++)
        if (sg_answer_told(a->measure[i].p)) {
            describe(&a->measure[i], text);
            sg_answer_join(&b, k++, n_told, text);
        }
    if (a->n < MIN_POOLS || !strongest)
        sg_doc_say(doc,
                   "Whether diversity is what helps " SG_CANNOT
                   ": it takes five pools or more with a gain, several of them in a task, and it has %lld.",
                   (long long)a->n);
    else if (n_told)
        sg_doc_say(doc,
                   "Within tasks, the gain of a pool goes with %s (rank correlation over %lld pools; Holm "
                   "over %lld).",
                   sg_buf_text(&b), (long long)a->n, (long long)n_family);
    else {
        describe(strongest, text);
        sg_doc_say(
            doc,
            "Whether diversity is what helps " SG_CANNOT
            ": of %lld %s none goes with the gain of %lld pools (strongest rank correlation: %s, Holm over "
            "%lld). More pools would tell: generation seeds, methods, tasks.",
            (long long)a->n_measures, sg_plural(a->n_measures, "measure", "measures"), (long long)a->n, text,
            (long long)n_family);
    }
    sg_buf_free(&b);
}

static void table(const struct pools *a, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"measure", SG_DOC_TEXT, ""},
                                                  {"rank correlation", SG_DOC_NUMBER, ""},
                                                  {"p (Holm)", SG_DOC_NUMBER, ""},
                                                  {"pools", SG_DOC_NUMBER, ""},
                                                  {"tasks", SG_DOC_NUMBER, ""}};
    sg_doc_table(doc, "diversity", "Measures of pools and what the pools add", 0, 5, column);
    for (int64_t i = 0; i < a->n_measures; i++) {
        const struct measure *m = &a->measure[i];
        sg_doc_text(doc, m->name);
        sg_doc_estimate(doc, m->r.rho, m->r.low, m->r.high, 1, 2, sg_answer_told(m->p) ? "*" : "");
        sg_answer_p_cell(doc, m->p);
        sg_doc_int(doc, m->r.n);
        sg_doc_int(doc, m->r.n_groups);
    }
    sg_doc_note(doc,
                "Spearman's rank correlation with the gain in accuracy over raw rows alone (%s), within "
                "tasks, averaged over them; 95 %% "
                "interval by a bootstrap of pools within tasks; p by permutations within tasks. A "
                "correlation is no cause: methods "
                "differ in more than their diversity.",
                a->mix == SG_REPORT_BOTH ? "raw+synthetic" : "synthetic");
    if (a->n_left_out)
        sg_doc_note(doc, "%lld %s left out: cells are missing, or none was trained on it.",
                    (long long)a->n_left_out, sg_plural(a->n_left_out, "pool is", "pools are"));
}

static void figure(const struct pools *a, const struct measure *m, struct sg_doc *doc)
{
    char name[100], title[200], label[300];
    int64_t last = -1;
    snprintf(name, sizeof name, "gain-%s", m->name);
    snprintf(title, sizeof title, "Gain of pools by %s", m->name);
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = name,
                                                .title = title,
                                                .x_label = m->name,
                                                .y_label = "gain over raw rows, points",
                                                .kind = SG_FIGURE_POINTS,
                                                .zero_line = 0});
    for (int64_t t = 0; t < a->d->n_tasks; t++)
        for (int64_t i = 0; i < a->d->n_pools; i++) {
            if (a->task[i] != t || isnan(a->gain[i]) || isnan(m->value[i]))
                continue;
            if (last != t)
                sg_doc_series(doc, a->d->task[t].name);
            last = t;
            snprintf(label, sizeof label, "%.200s, seed %lld", a->d->pool[i].method,
                     (long long)a->d->pool[i].seed_generation);
            sg_doc_point(doc, m->value[i], 100 * a->gain[i], NAN, NAN, label);
        }
}

sg_status sg_section_diversity(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct pools a = {.d = in->d};
    if (!in->scores || !in->d->n_pools)
        return SG_OK;
    sg_status status = read_measures(&a, in->file, err);
    if (status == SG_OK && a.n_measures)
        status = find_gains(&a, in->scores, err);
    if (status == SG_OK && a.n_measures)
        status = correlate(&a, err);
    if (status == SG_OK && a.n_measures) {
        say(&a, doc);
        table(&a, doc);
        for (int64_t i = 0; i < a.n_measures && a.n; i++)
            if (!isnan(a.measure[i].r.rho) && (i < MAX_FIGURES || sg_answer_told(a.measure[i].p)))
                figure(&a, &a.measure[i], doc);
    }
    pools_free(&a);
    return status;
}
