/* Does what helps on the task's own test rows help on further test sets, of other domains? */
#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/report/answer.h"
#include "results/stats/compare.h"

#include <math.h>
#include <string.h>

/* A test set by name, in all tasks that have it. */
struct set {
    char *name;
    int64_t *ordinal;            /* (n_tasks), -1: the task has none of this name */
    struct sg_report_task *task; /* (n_tasks) as the report's, but n_test is of the set */
    struct sg_report_data d;     /* the report's, with these tasks */
    struct sg_scores scores;
};
/* On one set, beside one number of raw rows. */
struct place {
    int64_t set, task, raw, n;
    struct sg_effect effect;
    double p;
};
struct transfer {
    const struct sg_section_input *in;
    int64_t n_sets, n_places, n_family;
    struct set *set;
    struct place *place;
};

/* ---- reading ---- */

static sg_status enter_set(struct transfer *t, const char *name, struct set **out, struct sg_err *err)
{
    const struct sg_report_data *d = t->in->d;
    for (int64_t i = 0; i < t->n_sets; i++)
        if (strcmp(t->set[i].name, name) == 0) {
            *out = &t->set[i];
            return SG_OK;
        }
    struct set *set = sg_grown(t->set, t->n_sets, sizeof *set);
    if (!set)
        return sg_fail_memory(err, sizeof *set);
    t->set = set;
    set += t->n_sets++;
    size_t n = (size_t)d->n_tasks + 1;
    *set = (struct set){sg_strdup(name), sg_alloc(n, sizeof *set->ordinal), sg_alloc(n, sizeof *set->task),
                        .d = *d};
    if (!set->name || !set->ordinal || !set->task)
        return sg_fail_memory(err, n * sizeof *set->task);
    for (int64_t i = 0; i < d->n_tasks; i++) {
        set->ordinal[i] = -1;
        set->task[i] = d->task[i];
        set->task[i].n_test = 0;
    }
    *out = set;
    return SG_OK;
}

static sg_status read_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct transfer *t = context;
    const struct sg_report_data *d = t->in->d;
    struct set *set = NULL;
    int64_t cell = row[SG_TRANSFER_cell].i, ordinal = row[SG_TRANSFER_set].i, n = row[SG_TRANSFER_n_test].i;
    if (cell < 0 || cell >= d->n_cells || ordinal < 0 || n < 0)
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /transfer has no cell or set", (long long)at);
    SG_TRY(enter_set(t, row[SG_TRANSFER_test_set].text, &set, err));
    int64_t task = d->cell[cell].task;
    if (set->ordinal[task] >= 0 && (set->ordinal[task] != ordinal || set->task[task].n_test != n))
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /transfer has another set's number",
                       (long long)at);
    set->ordinal[task] = ordinal;
    set->task[task].n_test = n;
    return SG_OK;
}

static sg_status read_sets(struct transfer *t, struct sg_err *err)
{
    hid_t file = -1;
    SG_TRY(sg_store_open(t->in->file, &file, err));
    sg_status status = sg_h5_table_each(file, &sg_store_tables[SG_T_TRANSFER], t->in->file, read_row, t, err);
    H5Fclose(file);
    for (int64_t i = 0; status == SG_OK && i < t->n_sets; i++) {
        struct set *x = &t->set[i];
        x->d.task = x->task;
        status = sg_scores_read_set(t->in->file, &x->d, x->ordinal, &x->scores, err);
    }
    return status;
}

static void transfer_free(struct transfer *t)
{
    for (int64_t i = 0; i < t->n_sets; i++) {
        sg_scores_free(&t->set[i].scores);
        sg_free(t->set[i].name);
        sg_free(t->set[i].ordinal);
        sg_free(t->set[i].task);
    }
    sg_free(t->set);
    sg_free(t->place);
}

/* ---- numbers ---- */

/* Groups of a task and mix, with this raw size unless it is < 0 and this size unless 0: into list; how many. */
static int64_t find_groups(const struct sg_scores *s, int64_t task, int mix, int64_t raw, int64_t size,
                           const struct sg_score_group **list)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task == task && g->mix == mix && (raw < 0 || g->raw == raw) && (!size || g->size == size))
            list[n++] = g;
    }
    return n;
}

static sg_status add_places(struct transfer *t, int64_t set, int64_t task, struct sg_err *err)
{
    const struct sg_scores *s = &t->set[set].scores;
    int64_t *raw = NULL, n_raw = 0;
    const struct sg_score_group **group = sg_alloc((size_t)s->n_groups + 1, sizeof *group), *raw_only;
    if (!group)
        return sg_fail_memory(err, (size_t)s->n_groups * sizeof *group);
    sg_status status = sg_answer_raws(s, task, &raw, &n_raw, err);
    for (int64_t r = 0; status == SG_OK && r < n_raw; r++) {
        struct place *list, x = {.set = set, .task = task, .raw = raw[r]};
        raw_only = sg_scores_find(s, task, SG_REPORT_RAW, NULL, 0, raw[r]);
        x.n = find_groups(s, task, SG_REPORT_BOTH, raw[r], 0, group);
        if (!raw_only || !x.n)
            continue;
        if (!(list = sg_grown(t->place, t->n_places, sizeof *list))) {
            status = sg_fail_memory(err, sizeof *list);
            break;
        }
        t->place = list;
        status = sg_answer_difference(s, group, x.n, &raw_only, 1, &x.effect, NULL, err);
        list[t->n_places++] = x;
    }
    sg_free(raw);
    sg_free(group);
    return status;
}

static sg_status compare(struct transfer *t, struct sg_err *err)
{
    for (int64_t i = 0; i < t->n_sets; i++)
        for (int64_t task = 0; task < t->in->d->n_tasks; task++)
            if (t->set[i].ordinal[task] >= 0)
                SG_TRY(add_places(t, i, task, err));
    double *p = sg_alloc((size_t)t->n_places + 1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, (size_t)t->n_places * sizeof *p);
    for (int64_t i = 0; i < t->n_places; i++) {
        p[i] = t->place[i].effect.p;
        t->n_family += !isnan(p[i]);
    }
    sg_holm(p, t->n_places);
    for (int64_t i = 0; i < t->n_places; i++)
        t->place[i].p = p[i];
    sg_free(p);
    return SG_OK;
}

/* ---- sentences ---- */

static void say(const struct transfer *t, const struct place *x, struct sg_doc *doc)
{
    const char *name = t->set[x->set].name, *task = t->in->d->task[x->task].name;
    char points[SG_ANSWER_TEXT], p[SG_ANSWER_TEXT];
    if (isnan(x->effect.mean))
        sg_doc_say(doc,
                   "Whether synthetic examples beside %lld raw rows help %s on %s " SG_CANNOT
                   " yet: cells are missing. Run the study again to finish it.",
                   (long long)x->raw, task, name);
    else if (sg_answer_told(x->p))
        sg_doc_say(doc,
                   "On %s, adding synthetic examples to %lld raw rows of %s %s: accuracy changes by %s, mean "
                   "of %lld "
                   "%s of method and size; %s, Holm over %lld.",
                   name, (long long)x->raw, task, x->effect.mean > 0 ? "helps" : "does harm",
                   sg_answer_points(&x->effect, points), (long long)x->n,
                   sg_plural(x->n, "combination", "combinations"), sg_answer_p(x->p, p),
                   (long long)t->n_family);
    else if (isnan(x->effect.low))
        sg_doc_say(doc,
                   "Whether synthetic examples beside %lld raw rows help %s on %s " SG_CANNOT
                   ": %+.1f points, but with one cell of each there is no interval.",
                   (long long)x->raw, task, name, 100 * x->effect.mean);
    else
        sg_doc_say(doc,
                   "Whether synthetic examples beside %lld raw rows help %s on %s " SG_CANNOT
                   ": %s, mean of %lld %s of method and size; %s, Holm over %lld.",
                   (long long)x->raw, task, name, sg_answer_points(&x->effect, points), (long long)x->n,
                   sg_plural(x->n, "combination", "combinations"), sg_answer_p(x->p, p),
                   (long long)t->n_family);
}

/* ---- table and figure ---- */

static const char *mix_word(int mix)
{
    return mix == SG_REPORT_RAW ? "raw" : mix == SG_REPORT_SYNTHETIC ? "synthetic" : "raw+synthetic";
}

static void share_cell(struct sg_doc *doc, const struct sg_score_group *g)
{
    const struct sg_effect *e = g ? &g->effect[SG_SCORE_ACCURACY] : NULL;
    if (!e || isnan(e->mean))
        sg_doc_number(doc, NAN, "%lld of %lld", (long long)(g ? g->n_done : 0),
                      (long long)(g ? g->n_cells : 0));
    else
        sg_doc_estimate(doc, e->mean, e->low, e->high, 100, 1, "");
}

/* One group on one set; p are of all differences of the table, in its order. */
static sg_status table_row(const struct transfer *t, const struct set *x, const struct sg_score_group *g,
                           double p, const struct sg_effect *e, struct sg_doc *doc)
{
    sg_doc_text(doc, x->name);
    sg_doc_text(doc, g->method[0] ? g->method : "-");
    sg_doc_text(doc, mix_word(g->mix));
    sg_doc_int(doc, g->size);
    sg_doc_int(doc, g->raw);
    share_cell(doc, t->in->scores ? sg_scores_find(t->in->scores, g->task, g->mix, g->method, g->size, g->raw)
                                  : NULL);
    share_cell(doc, g);
    sg_answer_effect_cell(doc, e, "");
    sg_answer_p_cell(doc, p);
    return SG_OK;
}

/* Differences of all groups with both kinds of rows against raw rows alone, and their p by Holm. effect, p: (n_groups) of the set's scores. */
static sg_status differences(const struct set *x, int64_t task, struct sg_effect *effect, double *p,
                             struct sg_err *err)
{
    for (int64_t i = 0; i < x->scores.n_groups; i++) {
        const struct sg_score_group *g = &x->scores.group[i],
                                    *raw = sg_scores_find(&x->scores, task, SG_REPORT_RAW, NULL, 0, g->raw);
        effect[i] = sg_answer_none();
        if (g->task == task && g->mix == SG_REPORT_BOTH && raw)
            SG_TRY(sg_answer_difference(&x->scores, &g, 1, &raw, 1, &effect[i], NULL, err));
        p[i] = effect[i].p;
    }
    sg_holm(p, x->scores.n_groups);
    return SG_OK;
}

static sg_status table(const struct transfer *t, int64_t task, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {
        {"test set", SG_DOC_TEXT, ""},      {"method", SG_DOC_TEXT, ""},
        {"mix", SG_DOC_TEXT, ""},           {"size", SG_DOC_NUMBER, "examples"},
        {"raw", SG_DOC_NUMBER, "rows"},     {"own test rows", SG_DOC_NUMBER, "%"},
        {"on the set", SG_DOC_NUMBER, "%"}, {"difference", SG_DOC_NUMBER, "points"},
        {"p (Holm)", SG_DOC_NUMBER, ""},
    };
    const char *name = t->in->d->task[task].name;
    char table_name[SG_ANSWER_TEXT], title[2 * SG_ANSWER_TEXT];
    snprintf(table_name, sizeof table_name, "transfer-%.100s", name);
    snprintf(title, sizeof title, "Accuracy of %.100s on its own test rows and on further test sets", name);
    sg_doc_table(doc, table_name, title, 0, (int64_t)(sizeof column / sizeof *column), column);
    for (int64_t k = 0; k < t->n_sets; k++) {
        const struct set *x = &t->set[k];
        size_t n = (size_t)x->scores.n_groups + 1;
        if (x->ordinal[task] < 0)
            continue;
        struct sg_effect *effect = sg_alloc(n, sizeof *effect);
        double *p = sg_alloc(n, sizeof *p);
        sg_status status =
            effect && p ? differences(x, task, effect, p, err) : sg_fail_memory(err, n * sizeof *effect);
        for (int64_t i = 0; status == SG_OK && i < x->scores.n_groups; i++)
            if (x->scores.group[i].task == task)
                status = table_row(t, x, &x->scores.group[i], p[i], &effect[i], doc);
        sg_free(effect);
        sg_free(p);
        SG_TRY(status);
    }
    sg_doc_note(doc, "Differences are to the raw rows alone, paired on rows, draws and trainings; Holm over "
                     "the differences of one test set.");
    return SG_OK;
}

/* The mean of a mix at the largest raw size and size. */
static sg_status point(const struct sg_scores *s, int64_t task, int mix, int64_t raw, int64_t size,
                       const char *label, struct sg_doc *doc, struct sg_err *err)
{
    struct sg_crossed y = {0};
    struct sg_effect e = sg_answer_none();
    const struct sg_score_group **group = sg_alloc((size_t)s->n_groups + 1, sizeof *group);
    if (!group)
        return sg_fail_memory(err, (size_t)s->n_groups * sizeof *group);
    int64_t n = find_groups(s, task, mix, mix == SG_REPORT_SYNTHETIC ? -1 : raw,
                            mix == SG_REPORT_RAW ? 0 : size, group);
    sg_status status = sg_answer_mean(s, group, n, &y, err);
    if (status == SG_OK && y.y)
        status = sg_answer_share(&y, &e, err);
    sg_answer_release(&y);
    sg_free(group);
    if (status == SG_OK && !isnan(e.mean))
        sg_doc_point(doc, NAN, 100 * e.mean, 100 * e.low, 100 * e.high, label);
    return status;
}

static sg_status figure(const struct transfer *t, int64_t task, struct sg_doc *doc, struct sg_err *err)
{
    const char *name = t->in->d->task[task].name;
    int64_t raw = -1, size = 0;
    char figure_name[SG_ANSWER_TEXT], title[2 * SG_ANSWER_TEXT];
    for (int64_t i = 0; i < t->in->scores->n_groups; i++) {
        const struct sg_score_group *g = &t->in->scores->group[i];
        if (g->task == task) {
            raw = g->raw > raw ? g->raw : raw;
            size = g->size > size ? g->size : size;
        }
    }
    snprintf(figure_name, sizeof figure_name, "transfer-%.100s-sets", name);
    snprintf(title, sizeof title, "%.100s: %lld raw rows, %lld synthetic examples, mean of the methods", name,
             (long long)(raw < 0 ? 0 : raw), (long long)size);
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = figure_name,
                                                .title = title,
                                                .x_label = "test set",
                                                .y_label = "accuracy (%)",
                                                .kind = SG_FIGURE_BARS,
                                                .zero_line = NAN});
    for (int mix = 0; mix < SG_N_REPORT_MIXES; mix++) {
        sg_doc_series(doc, mix_word(mix));
        SG_TRY(point(t->in->scores, task, mix, raw, size, "own test rows", doc, err));
        for (int64_t k = 0; k < t->n_sets; k++)
            if (t->set[k].ordinal[task] >= 0)
                SG_TRY(point(&t->set[k].scores, task, mix, raw, size, t->set[k].name, doc, err));
    }
    return SG_OK;
}

static int has_sets(const struct transfer *t, int64_t task)
{
    int n = 0;
    for (int64_t k = 0; k < t->n_sets; k++)
        n |= t->set[k].ordinal[task] >= 0;
    return n;
}

sg_status sg_section_transfer(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct transfer t = {.in = in};
    sg_status status = SG_OK;
    if (!in->scores || !in->file)
        return SG_OK;
    SG_TRY_DONE(read_sets(&t, err));
    SG_TRY_DONE(compare(&t, err));
    for (int64_t i = 0; i < t.n_places; i++)
        say(&t, &t.place[i], doc);
    for (int64_t task = 0; task < in->d->n_tasks; task++)
        if (has_sets(&t, task)) {
            SG_TRY_DONE(table(&t, task, doc, err));
            SG_TRY_DONE(figure(&t, task, doc, err));
        }
done:
    transfer_free(&t);
    return status;
}
