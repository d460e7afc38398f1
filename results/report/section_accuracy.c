/* The paper's main table: task x method x size x mix, raw only beside it. */
#include "results/report/section.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MARK "\xe2\x80\xa0" /* a dagger */

static const char *const mix_names[SG_N_REPORT_MIXES] = {"raw only", "synthetic", "raw+synthetic"};

/* "†": the one finished cell, or all of them, predict one class alone; "†2/9": some of them. */
static void mark_of(const struct sg_report_group *g, char out[48])
{
    out[0] = 0;
    if (g->n_degenerate && g->n_degenerate == g->n_done)
        snprintf(out, 48, MARK);
    else if (g->n_degenerate)
        snprintf(out, 48, MARK "%lld/%lld", (long long)g->n_degenerate, (long long)g->n_done);
}

/* The estimate, or what is missing: "1 of 2 done, 1 failed". */
static void cell(struct sg_doc *doc, const struct sg_report_group *g, const struct sg_estimate *e)
{
    int64_t n = g->n_done + g->n_failed + g->n_planned;
    char mark[48];
    mark_of(g, mark);
    if (n && g->n_failed)
        sg_doc_number(doc, NAN, "%lld of %lld done, %lld failed%s%s", (long long)g->n_done, (long long)n,
                      (long long)g->n_failed, mark[0] ? " " : "", mark);
    else if (n && g->n_planned)
        sg_doc_number(doc, NAN, "%lld of %lld done%s%s", (long long)g->n_done, (long long)n,
                      mark[0] ? " " : "", mark);
    else if (n)
        sg_doc_estimate(doc, e->mean, e->low, e->high, 100, 1, mark);
    else
        sg_doc_real(doc, NAN, 1);
}

/* "30", or of a short pool "30 (19)"; of several pools "30 (19 to 28)". */
static void size_cell(const struct sg_report_data *d, struct sg_doc *doc, const struct sg_report_row *row)
{
    int64_t least, most;
    sg_report_had(d, row, &least, &most);
    if (least < 0 || least >= row->size)
        sg_doc_int(doc, row->size);
    else if (least == most)
        sg_doc_number(doc, (double)row->size, "%lld (%lld)", (long long)row->size, (long long)least);
    else
        sg_doc_number(doc, (double)row->size, "%lld (%lld to %lld)", (long long)row->size, (long long)least,
                      (long long)most);
}

/* What the numbers of a table are, for the lines below it: how many pools, draws and trainings, least and most, by interval and mix. */
struct kinds {
    int holes;
    struct {
        int64_t least[SG_N_REPORT_SEEDS], most[SG_N_REPORT_SEEDS];
    } of[SG_INTERVAL_SEEDS + 1][SG_N_REPORT_MIXES];
};

static void note_kind(struct kinds *k, int mix, const struct sg_report_group *g)
{
    k->holes |= g->n_failed || g->n_planned;
    for (int f = 0; f < SG_N_REPORT_SEEDS; f++) {
        int64_t n = g->n_levels[f], *least = &k->of[g->interval][mix].least[f],
                *most = &k->of[g->interval][mix].most[f];
        *least = n && (!*least || n < *least) ? n : *least;
        *most = n > *most ? n : *most;
    }
}

static sg_status table(const struct sg_report_data *d, int64_t task, int macro_f1, struct kinds *kinds,
                       struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {
        {"method", SG_DOC_TEXT, ""},      {"size", SG_DOC_NUMBER, ""},
        {"raw", SG_DOC_NUMBER, ""},       {"raw only", SG_DOC_NUMBER, ""},
        {"synthetic", SG_DOC_NUMBER, ""}, {"raw+synthetic", SG_DOC_NUMBER, ""}};
    struct sg_report_row *row = NULL;
    int64_t n = 0;
    char name[200], title[200];
    const struct sg_report_task *t = &d->task[task];
    snprintf(name, sizeof name, "%s-%.100s", macro_f1 ? "macro-f1" : "accuracy", t->name);
    snprintf(title, sizeof title, "%.100s: %s in percent; %lld %s, %lld test %s, chance %.1f %%", t->name,
             macro_f1 ? "macro-F1" : "accuracy", (long long)t->n_classes,
             sg_plural(t->n_classes, "class", "classes"), (long long)t->n_test,
             sg_plural(t->n_test, "row", "rows"), 100.0 / (double)t->n_classes);
    SG_TRY(sg_report_rows(d, task, &row, &n, err));
    sg_doc_table(doc, name, title, macro_f1 ? 0 : SG_DOC_BRIEF, 6, column);
    sg_status status = SG_OK;
    for (int64_t i = 0; i < n && status == SG_OK; i++) {
        sg_doc_text(doc, row[i].method ? row[i].method : "-");
        if (row[i].method)
            size_cell(d, doc, &row[i]);
        else
            sg_doc_real(doc, NAN, 0);
        sg_doc_int(doc, row[i].raw);
        for (int m = 0; m < SG_N_REPORT_MIXES && status == SG_OK; m++) {
            struct sg_report_group g;
            status = sg_report_group(d, &row[i], m, &g, err);
            if (status != SG_OK)
                break;
            cell(doc, &g, macro_f1 ? &g.macro_f1 : &g.accuracy);
            note_kind(kinds, m, &g);
        }
    }
    sg_free(row);
    return status;
}

/* "sadness, joy, love" */
static void class_names(const struct sg_report_task *t, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 20);
    for (int64_t k = 0; k < t->n_classes; k++)
        sg_buf_printf(&b, "%s%s", k ? ", " : "", json_string_value(json_array_get(t->classes, (size_t)k)));
    sg_doc_text(doc, sg_buf_text(&b));
    sg_buf_free(&b);
}

static void tasks_table(const struct sg_report_data *d, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},      {"test rows", SG_DOC_NUMBER, ""},
        {"chance", SG_DOC_NUMBER, "%"}, {"largest class", SG_DOC_NUMBER, "%"},
        {"classes", SG_DOC_NUMBER, ""}, {"their names", SG_DOC_TEXT, ""}};
    sg_doc_table(doc, "tasks", "Tasks", 0, 6, column);
    for (int64_t i = 0; i < d->n_tasks; i++) {
        const struct sg_report_task *t = &d->task[i];
        sg_doc_text(doc, t->name);
        sg_doc_int(doc, t->n_test);
        sg_doc_real(doc, 100.0 / (double)t->n_classes, 1);
        sg_doc_real(doc, t->n_test > 0 ? 100.0 * (double)t->n_largest / (double)t->n_test : (double)NAN, 1);
        sg_doc_int(doc, t->n_classes);
        class_names(t, doc);
    }
}

/* "raw only: 3 draws x 3 trainings; synthetic: 2 pools x 3 trainings"; 0: no mix has this interval. */
static int add_levels(const struct kinds *k, enum sg_report_interval interval, struct sg_buf *out)
{
    static const char *const one[SG_N_REPORT_SEEDS] = {"pool", "draw", "training"},
                             *const many[SG_N_REPORT_SEEDS] = {"pools", "draws", "trainings"};
    int n_mixes = 0;
    for (int m = 0; m < SG_N_REPORT_MIXES; m++) {
        int n_named = 0;
        for (int f = 0; f < SG_N_REPORT_SEEDS; f++) {
            int64_t least = k->of[interval][m].least[f], most = k->of[interval][m].most[f];
            if (!most)
                continue;
            if (n_named++)
                sg_buf_puts(out, " x ");
            else
                sg_buf_printf(out, "%s%s: ", n_mixes++ ? "; " : "", mix_names[m]);
            if (least < most)
                sg_buf_printf(out, "%lld to ", (long long)least);
            sg_buf_printf(out, "%lld %s", (long long)most, sg_plural(most, one[f], many[f]));
        }
    }
    return n_mixes;
}

static void seeds_notes(struct sg_doc *doc, const struct kinds *k)
{
    struct sg_buf b = sg_buf_make(2000);
    if (add_levels(k, SG_INTERVAL_SEEDS, &b)) {
        sg_doc_note(doc,
                    "\xc2\xb1: 95 %% confidence interval of the mean (Student's t). %s. Pools and draws are "
                    "the units; "
                    "the trainings of each are averaged (docs/report.md).",
                    sg_buf_text(&b));
        sg_doc_note(doc,
                    "All seeds have the same test rows: how the numbers vary with other test rows is not in "
                    "\xc2\xb1, nor is what there is one of.");
    }
    sg_buf_clear(&b);
    if (add_levels(k, SG_INTERVAL_ROWS, &b))
        sg_doc_note(doc,
                    "Brackets: one unit (%s); 95 %% interval of the accuracy over the test rows (Wilson), "
                    "without the variation between pools, draws and trainings.",
                    sg_buf_text(&b));
    sg_buf_free(&b);
}

static int has_short_pools(const struct sg_report_data *d)
{
    for (int64_t i = 0; i < d->n_cells; i++)
        if (d->cell[i].status == 'd' && d->cell[i].n_synthetic < (double)d->cell[i].size)
            return 1;
    return 0;
}

static void notes(const struct sg_report_data *d, const struct kinds *kinds, struct sg_doc *doc)
{
    sg_doc_note(doc, "Raw-only cells know no method and size: the same number stands in each row.");
    seeds_notes(doc, kinds);
    if (d->n_degenerate)
        sg_doc_note(
            doc,
            MARK
            ": predicts one class for all test rows, so nothing was learned that could be compared: "
            "%lld of %lld finished %s. More steps (train.min_steps) or another rate (train.lr) may help.",
            (long long)d->n_degenerate, (long long)d->n_done, sg_plural(d->n_done, "cell", "cells"));
    if (has_short_pools(d))
        sg_doc_note(doc, "Size 30 (19): 30 examples were asked for, and the pool has 19.");
    if (kinds->holes)
        sg_doc_note(doc,
                    "Where cells are missing or failed there is no mean: nothing is averaged over a hole.");
}

sg_status sg_section_accuracy(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    const struct sg_report_data *d = in->d;
    struct kinds kinds = {0};
    if (!d->n_tasks)
        return SG_OK;
    for (int64_t t = 0; t < d->n_tasks; t++)
        SG_TRY(table(d, t, 0, &kinds, doc, err));
    notes(d, &kinds, doc);
    for (int64_t t = 0; t < d->n_tasks; t++)
        SG_TRY(table(d, t, 1, &kinds, doc, err));
    tasks_table(d, doc);
    return SG_OK;
}
