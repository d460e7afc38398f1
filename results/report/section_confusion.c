/* Which classes are taken for which: confusion matrices of raw rows alone and of the best with synthetic data beside them. */
#include "results/report/section.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/stats/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WHOLE = 10 /* classes of a matrix that is shown whole */, MAX_PAIRS = 20 };

struct matrix {
    const struct sg_score_group *group;
    int64_t n_classes, n_rows; /* predictions */
    int64_t *count;            /* (K, K): gold, predicted */
};

/* The complete group of the mix with the highest mean; raw -1: of any raw size. */
static const struct sg_score_group *best_of(const struct sg_scores *s, int64_t task, int mix, int64_t raw)
{
    const struct sg_score_group *best = NULL;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task == task && g->mix == mix && g->cell && (raw < 0 || g->raw == raw) &&
            (!best || g->effect[SG_SCORE_ACCURACY].mean > best->effect[SG_SCORE_ACCURACY].mean))
            best = g;
    }
    return best;
}

static sg_status count(const struct sg_scores *s, const struct sg_score_group *g, struct matrix *m,
                       struct sg_err *err)
{
    const struct sg_report_task *t = &s->d->task[g->task];
    size_t k = (size_t)t->n_classes, n = (size_t)t->n_test;
    int32_t *gold = sg_alloc(2 * n + 1, sizeof *gold);
    int64_t *of_cell = sg_alloc(k * k, sizeof *of_cell);
    *m = (struct matrix){.group = g, .n_classes = t->n_classes, .count = sg_alloc(k * k, sizeof *m->count)};
    sg_status status = gold && of_cell && m->count ? SG_OK : sg_fail_memory(err, 2 * k * k * sizeof *of_cell);
    for (int64_t i = 0; i < g->n_cells && status == SG_OK; i++) {
        for (size_t r = 0; r < n; r++) {
            gold[r] = sg_scores_gold(s, g->task, (int64_t)r);
            gold[n + r] = sg_scores_predicted(s, g->cell[i], (int64_t)r);
        }
        sg_confusion(gold, gold + n, (int64_t)n, (int)k, of_cell);
        for (size_t j = 0; j < k * k; j++)
            m->count[j] += of_cell[j];
        m->n_rows += (int64_t)n;
    }
    sg_free(gold);
    sg_free(of_cell);
    return status;
}

static const char *class_name(const struct sg_report_task *t, int64_t k)
{
    const char *name = json_string_value(json_array_get(t->classes, (size_t)k));
    return name ? name : "";
}

/* "raw only, 40 raw rows"; "raw+synthetic few_shot_3, 60 beside 40 raw rows" */
static void describe(const struct sg_score_group *g, char text[200])
{
    if (g->mix == SG_REPORT_RAW)
        snprintf(text, 200, "raw only, %lld raw %s", (long long)g->raw, sg_plural(g->raw, "row", "rows"));
    else
        snprintf(text, 200, "raw+synthetic %.100s, %lld beside %lld raw %s", g->method, (long long)g->size,
                 (long long)g->raw, sg_plural(g->raw, "row", "rows"));
    sg_text_whole(text);
}

static int64_t row_sum(const struct matrix *m, int64_t gold)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < m->n_classes; k++)
        sum += m->count[gold * m->n_classes + k];
    return sum;
}

static double percent(int64_t part, int64_t of)
{
    return of ? 100.0 * (double)part / (double)of : (double)NAN;
}

static void table_begin(const struct sg_report_task *t, const struct matrix *m, int64_t n_columns,
                        const struct sg_doc_column *column, const char *what, struct sg_doc *doc)
{
    char name[200], title[600], group[200];
    describe(m->group, group);
    snprintf(name, sizeof name, "confusion-%.100s-%s", t->name,
             m->group->mix == SG_REPORT_RAW ? "raw" : "raw-synthetic");
    snprintf(title, sizeof title, "%.100s: %s%s; %lld %s of %lld %s", t->name, what, group,
             (long long)m->group->n_cells, sg_plural(m->group->n_cells, "cell", "cells"),
             (long long)t->n_test, sg_plural(t->n_test, "test row", "test rows"));
    sg_doc_table(doc, name, title, 0, n_columns, column);
}

static void whole(const struct sg_report_task *t, const struct matrix *m, struct sg_doc *doc)
{
    struct sg_doc_column column[MAX_WHOLE + 3];
    int64_t k = m->n_classes;
    char name[MAX_WHOLE][80];
    column[0] = (struct sg_doc_column){"gold class", SG_DOC_TEXT, ""};
    for (int64_t c = 0; c < k; c++) {
        snprintf(name[c], sizeof name[c], "as %.70s", class_name(t, c));
        sg_text_whole(name[c]);
        column[1 + c] = (struct sg_doc_column){name[c], SG_DOC_NUMBER, ""};
    }
    column[k + 1] = (struct sg_doc_column){"rows", SG_DOC_NUMBER, ""};
    column[k + 2] = (struct sg_doc_column){"right", SG_DOC_NUMBER, "%"};
    table_begin(t, m, k + 3, column, "", doc);
    for (int64_t g = 0; g < k; g++) {
        sg_doc_text(doc, class_name(t, g));
        for (int64_t c = 0; c < k; c++)
            sg_doc_int(doc, m->count[g * k + c]);
        sg_doc_int(doc, row_sum(m, g));
        sg_doc_real(doc, percent(m->count[g * k + g], row_sum(m, g)), 1);
    }
}

struct pair {
    int64_t gold, predicted, n;
};

/* Most first; equal ones in the order of the classes. */
static int by_count(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    if (x->gold != y->gold)
        return x->gold < y->gold ? -1 : 1;
    return x->predicted < y->predicted ? -1 : x->predicted > y->predicted;
}

/* Pairs of different classes that occur, sorted; new memory. */
static sg_status pairs_of(const struct matrix *m, struct pair **out, int64_t *n, struct sg_err *err)
{
    int64_t k = m->n_classes;
    struct pair *p = sg_alloc((size_t)(k * k), sizeof *p);
    *n = 0;
    if (!p)
        return sg_fail_memory(err, (size_t)(k * k) * sizeof *p);
    for (int64_t i = 0; i < k * k; i++)
        if (i / k != i % k && m->count[i])
            p[(*n)++] = (struct pair){i / k, i % k, m->count[i]};
    qsort(p, (size_t)*n, sizeof *p, by_count);
    *out = p;
    return SG_OK;
}

static void most_confused(const struct sg_report_task *t, const struct matrix *m, const struct pair *p,
                          int64_t n, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"gold class", SG_DOC_TEXT, ""},
                                                  {"predicted", SG_DOC_TEXT, ""},
                                                  {"times", SG_DOC_NUMBER, ""},
                                                  {"rows", SG_DOC_NUMBER, ""},
                                                  {"of the class's rows", SG_DOC_NUMBER, "%"}};
    table_begin(t, m, 5, column, "most confused pairs of classes, ", doc);
    for (int64_t i = 0; i < n && i < MAX_PAIRS; i++) {
        sg_doc_text(doc, class_name(t, p[i].gold));
        sg_doc_text(doc, class_name(t, p[i].predicted));
        sg_doc_int(doc, p[i].n);
        sg_doc_int(doc, row_sum(m, p[i].gold));
        sg_doc_real(doc, percent(p[i].n, row_sum(m, p[i].gold)), 1);
    }
    if (n > MAX_PAIRS)
        sg_doc_note(doc, "The first %d of %lld pairs that occur: the task has %lld classes.", MAX_PAIRS,
                    (long long)n, (long long)m->n_classes);
}

static sg_status add_matrix(const struct sg_scores *s, const struct sg_score_group *g, struct sg_doc *doc,
                            struct sg_err *err)
{
    const struct sg_report_task *t = &s->d->task[g->task];
    struct matrix m = {0};
    struct pair *p = NULL;
    int64_t n = 0;
    sg_status status = count(s, g, &m, err);
    if (status == SG_OK)
        status = pairs_of(&m, &p, &n, err);
    if (status == SG_OK && t->n_classes <= MAX_WHOLE)
        whole(t, &m, doc);
    else if (status == SG_OK && n)
        most_confused(t, &m, p, n, doc);
    if (status == SG_OK && n)
        sg_doc_note(doc, "Most often \"%.70s\" is taken for \"%.70s\": %lld of %lld times.",
                    class_name(t, p[0].gold), class_name(t, p[0].predicted), (long long)p[0].n,
                    (long long)row_sum(&m, p[0].gold));
    sg_free(m.count);
    sg_free(p);
    return status;
}

sg_status sg_section_confusion(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    int64_t n = 0;
    for (int64_t t = 0; in->scores && t < in->d->n_tasks; t++) {
        const struct sg_score_group *both = best_of(in->scores, t, SG_REPORT_BOTH, -1),
                                    *raw = best_of(in->scores, t, SG_REPORT_RAW, both ? both->raw : -1);
        if (in->d->task[t].n_classes > SG_MAX_CLASSES)
            continue;
        if (raw)
            SG_TRY(add_matrix(in->scores, raw, doc, err));
        if (both)
            SG_TRY(add_matrix(in->scores, both, doc, err));
        n += raw || both;
    }
    if (n)
        sg_doc_note(doc,
                    "Counts over all cells of a group: a row is the class that test rows have, a column what "
                    "they are predicted as. The groups: the one with the highest accuracy of all with "
                    "synthetic data beside raw rows, and raw rows alone, as many. Where cells are missing "
                    "there is no matrix.");
    return SG_OK;
}
