#include "results/report/scores.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/stats/compare.h"
#include "results/stats/row_scores.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the cells predicted: (cells, rows of the task), and the tasks' own classes. */
struct predictions {
    int16_t **predicted, **gold; /* by cell; by task, NULL where nothing is known */
    int64_t *n_read;             /* by cell */
    int64_t n_cells, n_tasks;
};

static void free_predictions(struct predictions *p)
{
    for (int64_t i = 0; p && i < p->n_cells; i++)
        sg_free(p->predicted[i]);
    for (int64_t i = 0; p && i < p->n_tasks; i++)
        sg_free(p->gold[i]);
    if (p) {
        sg_free(p->predicted);
        sg_free(p->gold);
        sg_free(p->n_read);
    }
    sg_free(p);
}

static sg_status make_predictions(const struct sg_report_data *d, struct predictions **out,
                                  struct sg_err *err)
{
    struct predictions *p = sg_alloc(1, sizeof *p);
    if (p) {
        p->predicted = sg_alloc((size_t)d->n_cells + 1, sizeof *p->predicted);
        p->n_read = sg_alloc((size_t)d->n_cells + 1, sizeof *p->n_read);
        p->gold = sg_alloc((size_t)d->n_tasks + 1, sizeof *p->gold);
    }
    if (!p || !p->predicted || !p->n_read || !p->gold) {
        free_predictions(p);
        return sg_fail_memory(err, (size_t)d->n_cells * 24);
    }
    p->n_cells = d->n_cells;
    p->n_tasks = d->n_tasks;
    *out = p;
    return SG_OK;
}

static sg_status enter(int16_t **list, int64_t n, int64_t row, int64_t value, struct sg_err *err)
{
    if (!*list) {
        if (!(*list = sg_alloc((size_t)n, sizeof **list)))
            return sg_fail_memory(err, (size_t)n * sizeof **list);
        memset(*list, 0xff, (size_t)n * sizeof **list);
    }
    (*list)[row] = (int16_t)value;
    return SG_OK;
}

/* What a table of predictions is read into; set: NULL for the test rows. */
struct reader {
    struct sg_scores *s;
    const int64_t *set;
};

static sg_status enter_prediction(struct sg_scores *s, int64_t at, int64_t cell, int64_t i, int64_t gold,
                                  int64_t predicted, struct sg_err *err)
{
    struct predictions *p = s->rows;
    if (cell < 0 || cell >= s->d->n_cells)
        return sg_fail(err, SG_INPUT, "damaged: prediction %lld has no cell", (long long)at);
    const struct sg_report_task *t = &s->d->task[s->d->cell[cell].task];
    if (i < 0 || i >= t->n_test || gold < 0 || gold >= t->n_classes || predicted < 0 ||
        predicted >= t->n_classes)
        return sg_fail(err, SG_INPUT, "damaged: prediction %lld fits no test row and class", (long long)at);
    int16_t **golds = &p->gold[s->d->cell[cell].task];
    if (*golds && (*golds)[i] >= 0 && (*golds)[i] != gold)
        return sg_fail(err, SG_INPUT, "damaged: test row %lld of %s has two labels", (long long)i, t->name);
    p->n_read[cell]++;
    SG_TRY(enter(golds, t->n_test, i, gold, err));
    if (s->d->cell[cell].is_hidden)
        return SG_OK;
    return enter(&p->predicted[cell], t->n_test, i, predicted, err);
}

static sg_status read_prediction(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    return enter_prediction(((struct reader *)context)->s, at, row[SG_PREDICTIONS_cell].i,
                            row[SG_PREDICTIONS_row].i, row[SG_PREDICTIONS_gold].i,
                            row[SG_PREDICTIONS_predicted].i, err);
}

static sg_status read_set_prediction(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    const struct reader *r = context;
    int64_t cell = row[SG_TRANSFER_PREDICTIONS_cell].i;
    if (cell >= 0 && cell < r->s->d->n_cells &&
        r->set[r->s->d->cell[cell].task] != row[SG_TRANSFER_PREDICTIONS_set].i)
        return SG_OK;
    return enter_prediction(r->s, at, cell, row[SG_TRANSFER_PREDICTIONS_row].i,
                            row[SG_TRANSFER_PREDICTIONS_gold].i, row[SG_TRANSFER_PREDICTIONS_predicted].i,
                            err);
}

/* ---- groups ---- */

static int same_group(const struct sg_score_group *g, const struct sg_report_cell *c)
{
    return g->task == c->task && g->mix == c->mix && g->size == c->size && g->raw == c->raw &&
           strcmp(g->method, c->method) == 0;
}

/* By task; raw-only cells first, by their number of rows; then in the order in which cells name them. */
static sg_status group_cells(const struct sg_report_data *d, struct sg_scores *s, struct sg_err *err)
{
    if (!(s->group = sg_alloc((size_t)d->n_cells + 1, sizeof *s->group)))
        return sg_fail_memory(err, (size_t)d->n_cells * sizeof *s->group);
    for (int64_t t = 0; t < d->n_tasks; t++)
        for (int raw_only = 1; raw_only >= 0; raw_only--) {
            int64_t from = s->n_groups;
            for (int64_t i = 0; i < d->n_cells; i++) {
                const struct sg_report_cell *c = &d->cell[i];
                if (c->task != t || c->mix < 0 || (c->mix == SG_REPORT_RAW) != raw_only)
                    continue;
                int64_t at = s->n_groups;
                while (at > from && !same_group(&s->group[at - 1], c))
                    at--;
                struct sg_score_group *g = at > from ? &s->group[at - 1] : &s->group[s->n_groups++];
                if (at == from)
                    *g = (struct sg_score_group){
                        .task = t, .size = c->size, .raw = c->raw, .mix = c->mix, .method = c->method};
                g->n_cells++;
                g->n_done += c->status == 'd';
                g->n_failed += c->status == 'f';
                g->n_planned += c->status == 'p';
                g->n_degenerate += sg_report_is_degenerate(c);
            }
        }
    return SG_OK;
}

static int64_t seed_of(const struct sg_report_cell *c, int axis)
{
    return axis == SG_AXIS_POOLS ? c->seed_generation : axis == SG_AXIS_DRAWS ? c->seed_data : c->seed_train;
}

/* The place of a seed in the ascending list of those that the group has. */
static int64_t place_of(const int64_t *seed, int64_t n, int64_t x)
{
    int64_t low = 0, high = n;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (seed[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void insert(int64_t *seed, int64_t *n, int64_t x)
{
    int64_t at = *n;
    for (int64_t i = 0; i < *n; i++)
        if (seed[i] == x)
            return;
    for (; at > 0 && seed[at - 1] > x; at--)
        seed[at] = seed[at - 1];
    seed[at] = x;
    ++*n;
}

/* The design of a group whose cells are all done and stand once at each place; otherwise it has none. */
static sg_status lay_out(const struct sg_scores *s, struct sg_score_group *g, struct sg_err *err)
{
    const struct sg_report_data *d = s->d;
    int64_t n[SG_N_AXES] = {0}, *seed[SG_AXIS_ROWS], *memory, *cell;
    if (g->n_done < g->n_cells)
        return SG_OK;
    memory = sg_alloc((size_t)(SG_AXIS_ROWS * g->n_cells), sizeof *memory);
    cell = sg_alloc((size_t)g->n_cells, sizeof *cell);
    if (!memory || !cell) {
        sg_free(memory);
        sg_free(cell);
        return sg_fail_memory(err, (size_t)g->n_cells * 32);
    }
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        seed[f] = memory + f * g->n_cells;
    int64_t k = 0, first = -1;
    for (int64_t i = 0; i < d->n_cells; i++)
        if (same_group(g, &d->cell[i])) {
            first = first < 0 ? i : first;
            for (int f = 0; f < SG_AXIS_ROWS; f++)
                insert(seed[f], &n[f], seed_of(&d->cell[i], f));
        }
    int whole = first >= 0 && n[0] * n[1] * n[2] == g->n_cells;
    int64_t only[SG_AXIS_ROWS];
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        only[f] = n[f] == 1 && seed[f][0] >= 0 ? seed[f][0] + 1 : 0; /* seeds count from 0 */
    for (int64_t i = 0; i < g->n_cells; i++)
        cell[i] = -1;
    for (int64_t i = 0; whole && i < d->n_cells; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        if (!same_group(g, c))
            continue;
        int64_t at = 0;
        for (int f = 0; f < SG_AXIS_ROWS; f++)
            at = at * n[f] + place_of(seed[f], n[f], seed_of(c, f));
        const struct predictions *p = s->rows;
        whole = cell[at] < 0 && p->predicted[i] && p->n_read[i] == d->task[g->task].n_test;
        cell[at] = i;
        k++;
    }
    sg_free(memory);
    if (!whole || k != g->n_cells) {
        sg_free(cell);
        return SG_OK;
    }
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        g->n[f] = n[f];
    g->n[SG_AXIS_ROWS] = d->task[g->task].n_test;
    memcpy(g->only, only, sizeof only);
    g->cell = cell;
    return SG_OK;
}

sg_status sg_scores_of(const struct sg_scores *s, const struct sg_score_group *g, enum sg_score score,
                       struct sg_crossed *y, struct sg_err *err)
{
    const struct predictions *p = s->rows;
    if (!g->cell)
        return sg_fail(err, SG_INPUT, "%lld of %lld cells are done: no mean over a hole",
                       (long long)g->n_done, (long long)g->n_cells);
    int64_t rows = g->n[SG_AXIS_ROWS];
    float *to = sg_alloc((size_t)(g->n_cells * rows) + 1, sizeof *to);
    int32_t *gold = sg_alloc(2 * (size_t)rows + 1, sizeof *gold), *predicted = gold + rows;
    sg_status status = to && gold ? SG_OK : sg_fail_memory(err, (size_t)(g->n_cells * rows) * sizeof *to);
    for (int64_t i = 0; status == SG_OK && i < g->n_cells; i++) {
        for (int64_t r = 0; r < rows; r++) {
            gold[r] = p->gold[g->task][r];
            predicted[r] = p->predicted[g->cell[i]][r];
        }
        if (score == SG_SCORE_ACCURACY)
            sg_row_scores_accuracy(gold, predicted, rows, to + i * rows);
        else
            status = sg_row_scores_macro_f1(gold, predicted, rows, (int)s->d->task[g->task].n_classes,
                                            to + i * rows, err);
    }
    sg_free(gold);
    if (status != SG_OK) {
        sg_free(to);
        return status;
    }
    memcpy(y->n, g->n, sizeof y->n);
    memcpy(y->only, g->only, sizeof y->only);
    y->y = to;
    return SG_OK;
}

static sg_status make_effects(const struct sg_scores *s, struct sg_score_group *g, struct sg_err *err)
{
    for (int k = 0; k < SG_N_SCORES; k++) {
        struct sg_crossed y;
        g->effect[k] =
            (struct sg_effect){.mean = NAN, .low = NAN, .high = NAN, .se = NAN, .df = NAN, .p = NAN};
        if (!g->cell)
            continue;
        SG_TRY(sg_scores_of(s, g, (enum sg_score)k, &y, err));
        sg_status status = sg_crossed_mean(&y, &g->effect[k], err);
        sg_free((void *)(uintptr_t)y.y);
        SG_TRY(status);
        /* Both are shares: an interval of one degree of freedom would reach beyond. */
        if (!isnan(g->effect[k].low)) {
            g->effect[k].low = fmax(g->effect[k].low, 0);
            g->effect[k].high = fmin(g->effect[k].high, 1);
        }
    }
    return SG_OK;
}

static sg_status read_scores(const char *path, const struct sg_report_data *d, const int64_t *set,
                             struct sg_scores *out, struct sg_err *err)
{
    struct sg_scores s = {.d = d};
    struct reader r = {&s, set};
    struct predictions *p = NULL;
    hid_t file = -1;
    SG_TRY(make_predictions(d, &p, err));
    s.rows = p;
    sg_status status = sg_store_open(path, &file, err);
    if (status == SG_OK) {
        status = sg_h5_table_each(file, &sg_store_tables[set ? SG_T_TRANSFER_PREDICTIONS : SG_T_PREDICTIONS],
                                  path, set ? read_set_prediction : read_prediction, &r, err);
        H5Fclose(file);
    }
    if (status == SG_OK)
        status = group_cells(d, &s, err);
    for (int64_t i = 0; status == SG_OK && i < s.n_groups; i++) {
        status = lay_out(&s, &s.group[i], err);
        if (status == SG_OK)
            status = make_effects(&s, &s.group[i], err);
    }
    if (status == SG_OK)
        *out = s;
    else
        sg_scores_free(&s);
    return status;
}

sg_status sg_scores_read(const char *path, const struct sg_report_data *d, struct sg_scores *out,
                         struct sg_err *err)
{
    return read_scores(path, d, NULL, out, err);
}

sg_status sg_scores_read_set(const char *path, const struct sg_report_data *d, const int64_t *set,
                             struct sg_scores *out, struct sg_err *err)
{
    return read_scores(path, d, set, out, err);
}

void sg_scores_free(struct sg_scores *s)
{
    for (int64_t i = 0; i < s->n_groups; i++)
        sg_free(s->group[i].cell);
    sg_free(s->group);
    free_predictions(s->rows);
    *s = (struct sg_scores){0};
}

const struct sg_score_group *sg_scores_find(const struct sg_scores *s, int64_t task, int mix,
                                            const char *method, int64_t size, int64_t raw)
{
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task != task || g->mix != mix || (mix != SG_REPORT_SYNTHETIC && g->raw != raw))
            continue;
        if (mix == SG_REPORT_RAW || (g->size == size && strcmp(g->method, method ? method : "") == 0))
            return g;
    }
    return NULL;
}

sg_status sg_scores_difference(const struct sg_scores *s, const struct sg_score_group *a,
                               const struct sg_score_group *b, enum sg_score score, struct sg_effect *out,
                               struct sg_err *err)
{
    struct sg_crossed x = {0}, y = {0};
    SG_TRY(sg_scores_of(s, a, score, &x, err));
    sg_status status = sg_scores_of(s, b, score, &y, err);
    if (status == SG_OK)
        status = sg_crossed_difference(&x, &y, out, err);
    sg_free((void *)(uintptr_t)x.y);
    sg_free((void *)(uintptr_t)y.y);
    return status;
}

sg_status sg_scores_rank(const struct sg_scores *s, const struct sg_score_group *const *group, int64_t n,
                         enum sg_score score, enum sg_rank *rank, double *detectable, double *p,
                         struct sg_err *err)
{
    int64_t best = -1;
    double *adjusted = sg_alloc((size_t)n + 1, sizeof *adjusted);
    sg_status status = adjusted ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof *adjusted);
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        rank[i] = SG_RANK_NONE;
        adjusted[i] = NAN;
        if (detectable)
            detectable[i] = NAN;
        if (group[i] && group[i]->cell &&
            (best < 0 || group[i]->effect[score].mean > group[best]->effect[score].mean))
            best = i;
    }
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        struct sg_effect e;
        if (i == best || !group[i] || !group[i]->cell)
            continue;
        status = sg_scores_difference(s, group[best], group[i], score, &e, err);
        if (status == SG_OK) {
            adjusted[i] = e.p;
            if (detectable)
                detectable[i] = sg_effect_detectable(&e);
        }
    }
    if (status == SG_OK) {
        sg_holm(adjusted, n);
        for (int64_t i = 0; i < n; i++)
            if (group[i] && group[i]->cell)
                rank[i] = i == best ? SG_RANK_BEST : adjusted[i] < 0.05 ? SG_RANK_BELOW : SG_RANK_TIED;
        if (p)
            memcpy(p, adjusted, (size_t)n * sizeof *p);
    }
    sg_free(adjusted);
    return status;
}

void sg_scores_sources(const struct sg_score_group *g, char *text, size_t size)
{
    static const char *const one[] = {"pool", "draw", "training"}, *const many[] = {"pools", "draws",
                                                                                    "trainings"};
    int applies[] = {g->mix != SG_REPORT_RAW, g->mix != SG_REPORT_SYNTHETIC || g->n[SG_AXIS_DRAWS] > 1,
                     g->n[SG_AXIS_TRAININGS] > 1 ||
                         g->only[SG_AXIS_TRAININGS]}; /* a probe has no training seed */
    size_t at = 0;
    int n_single = 0, n_left;
    at += (size_t)snprintf(text, size, "%lld rows", (long long)g->n[SG_AXIS_ROWS]);
    for (int f = 0; f < SG_AXIS_ROWS && at < size; f++)
        if (g->n[f] > 1)
            at += (size_t)snprintf(text + at, size - at, ", %lld %s", (long long)g->n[f], many[f]);
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        n_single += applies[f] && g->n[f] == 1;
    n_left = n_single;
    for (int f = 0; f < SG_AXIS_ROWS && at < size; f++)
        if (applies[f] && g->n[f] == 1)
            at += (size_t)snprintf(text + at, size - at, "%s one %s", n_left-- == n_single ? ";" : " and",
                                   one[f]);
    if (n_single && at < size)
        snprintf(text + at, size - at, ": %s luck is not in here", n_single > 1 ? "their" : "its");
}

int32_t sg_scores_predicted(const struct sg_scores *s, int64_t cell, int64_t row)
{
    return ((const struct predictions *)s->rows)->predicted[cell][row];
}

int32_t sg_scores_gold(const struct sg_scores *s, int64_t task, int64_t row)
{
    return ((const struct predictions *)s->rows)->gold[task][row];
}
