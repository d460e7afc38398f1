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

/* A cell of the main table: its group as the cells are counted, its scores (NULL: they were not read), and its place in the block. */
struct place {
    struct sg_report_group count;
    const struct sg_score_group *scores;
    enum sg_rank rank;
};

/* "*": the best; "=": tied with it. "†": the one finished cell, or all of them, predict one class alone; "†2/9": some of them. */
static void mark_of(const struct place *p, char out[48])
{
    const struct sg_report_group *g = &p->count;
    const char *rank = p->rank == SG_RANK_BEST   ? "*"
                       : p->rank == SG_RANK_TIED ? "="
                                                 : "",
               *blank = rank[0] ? " " : "";
    if (g->n_degenerate && g->n_degenerate == g->n_done)
        snprintf(out, 48, "%s%s" MARK, rank, blank);
    else if (g->n_degenerate)
        snprintf(out, 48, "%s%s" MARK "%lld/%lld", rank, blank, (long long)g->n_degenerate,
                 (long long)g->n_done);
    else
        snprintf(out, 48, "%s", rank);
}

/* The estimate, or what is missing: "1 of 2 done, 1 failed". Seeds that do not cross have a mean without an interval. */
static void cell(struct sg_doc *doc, const struct place *p, enum sg_score score)
{
    const struct sg_report_group *g = &p->count;
    const struct sg_effect *e = p->scores && p->scores->cell ? &p->scores->effect[score] : NULL;
    double mean = score == SG_SCORE_ACCURACY ? g->accuracy : g->macro_f1;
    int64_t n = g->n_done + g->n_failed + g->n_planned;
    char mark[48];
    mark_of(p, mark);
    if (n && g->n_failed)
        sg_doc_number(doc, NAN, "%lld of %lld done, %lld failed%s%s", (long long)g->n_done, (long long)n,
                      (long long)g->n_failed, mark[0] ? " " : "", mark);
    else if (n && g->n_planned)
        sg_doc_number(doc, NAN, "%lld of %lld done%s%s", (long long)g->n_done, (long long)n,
                      mark[0] ? " " : "", mark);
    else
        sg_doc_estimate(doc, e ? e->mean : mean, e ? e->low : (double)NAN, e ? e->high : (double)NAN, 100, 1,
                        n ? mark : "");
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

/* The rows of a task, block after block of a raw size, and what stands in them. */
struct block {
    struct sg_report_row *row; /* (n) */
    struct place *place;       /* (n, SG_N_REPORT_MIXES) */
    int64_t n, n_raw;
};

static void free_block(struct block *b)
{
    sg_free(b->row);
    sg_free(b->place);
    *b = (struct block){0};
}

/* sg_report_rows has all raw sizes of a method and size one behind the other. */
static sg_status order_rows(struct block *b, struct sg_err *err)
{
    struct sg_report_row *row = sg_alloc((size_t)b->n, sizeof *row);
    int64_t n = b->n, at = 0;
    if (!row)
        return sg_fail_memory(err, (size_t)n * sizeof *row);
    while (b->n_raw < n && b->row[b->n_raw].method == b->row[0].method &&
           b->row[b->n_raw].size == b->row[0].size)
        b->n_raw++;
    for (int64_t r = 0; r < b->n_raw; r++)
        for (int64_t k = r; k < n; k += b->n_raw)
            row[at++] = b->row[k];
    sg_free(b->row);
    b->row = row;
    return SG_OK;
}

static sg_status read_block(const struct sg_section_input *in, int64_t task, struct block *b,
                            struct sg_err *err)
{
    SG_TRY(sg_report_rows(in->d, task, &b->row, &b->n, err));
    SG_TRY(order_rows(b, err));
    if (!(b->place = sg_alloc((size_t)b->n * SG_N_REPORT_MIXES, sizeof *b->place)))
        return sg_fail_memory(err, (size_t)b->n * sizeof *b->place);
    for (int64_t i = 0; i < b->n; i++)
        for (int m = 0; m < SG_N_REPORT_MIXES; m++) {
            struct place *p = &b->place[i * SG_N_REPORT_MIXES + m];
            const struct sg_report_row *row = &b->row[i];
            sg_report_group(in->d, row, m, &p->count);
            if (in->scores && (m == SG_REPORT_RAW || row->method))
                p->scores = sg_scores_find(in->scores, task, m, row->method, row->size, row->raw);
        }
    return SG_OK;
}

/* Several levels of a seed can be compared with one, or with as many; the most that the block has are as many. */
static void leave_out_others(const struct sg_score_group **group, int64_t n)
{
    int64_t most[SG_N_AXES] = {0};
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < n; i++)
            for (int f = 0; group[i] && f < SG_N_AXES; f++)
                if (!pass)
                    most[f] = group[i]->n[f] > most[f] ? group[i]->n[f] : most[f];
                else if (group[i]->n[f] > 1 && group[i]->n[f] < most[f]) {
                    group[i] = NULL;
                    break;
                }
}

/* Places of one raw size: raw only once, then the mixes of each row. best: the group that is, or NULL; detectable: the median of the smallest
 * differences to it that would have shown. */
static sg_status rank_rows(const struct sg_scores *s, struct block *b, int64_t from, int64_t to,
                           enum sg_score score, const struct sg_score_group **best, double *detectable,
                           struct sg_err *err)
{
    int64_t n = (to - from) * SG_N_REPORT_MIXES, n_known = 0;
    const struct sg_score_group **group = sg_alloc((size_t)n, sizeof *group);
    enum sg_rank *rank = sg_alloc((size_t)n, sizeof *rank);
    double *shows = sg_alloc((size_t)n, sizeof *shows);
    struct place *place = b->place + from * SG_N_REPORT_MIXES;
    sg_status status = group && rank && shows ? SG_OK : sg_fail_memory(err, (size_t)n * 24);
    *best = NULL;
    *detectable = NAN;
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        group[i] = place[i].scores && place[i].scores->cell &&
                           (i < SG_N_REPORT_MIXES || i % SG_N_REPORT_MIXES != SG_REPORT_RAW)
                       ? place[i].scores
                       : NULL;
    if (status == SG_OK) {
        leave_out_others(group, n);
        status = sg_scores_rank(s, group, n, score, rank, shows, NULL, err);
    }
    int64_t n_ranked = 0;
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        n_ranked += group[i] != NULL;
    for (int64_t i = 0; n_ranked > 1 && i < n; i++) { /* of one alone there is no best */
        place[i].rank = rank[i % SG_N_REPORT_MIXES == SG_REPORT_RAW ? SG_REPORT_RAW : i];
        if (group[i] && rank[i] == SG_RANK_BEST)
            *best = group[i];
        if (!isnan(shows[i]))
            shows[n_known++] = shows[i];
    }
    for (int64_t i = 1; n_known && i < n_known; i++) /* ascending */
        for (int64_t k = i; k > 0 && shows[k] < shows[k - 1]; k--) {
            double x = shows[k];
            shows[k] = shows[k - 1];
            shows[k - 1] = x;
        }
    if (n_known)
        *detectable = shows[n_known / 2];
    sg_free(group);
    sg_free(rank);
    sg_free(shows);
    return status;
}

static void table(const struct sg_report_data *d, int64_t task, enum sg_score score, const struct block *b,
                  struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"method", SG_DOC_TEXT, ""},      {"size", SG_DOC_NUMBER, ""},
        {"raw", SG_DOC_NUMBER, ""},       {"raw only", SG_DOC_NUMBER, ""},
        {"synthetic", SG_DOC_NUMBER, ""}, {"raw+synthetic", SG_DOC_NUMBER, ""}};
    const struct sg_report_task *t = &d->task[task];
    int is_first = score == SG_SCORE_ACCURACY;
    char name[200], title[300];
    snprintf(name, sizeof name, "%s-%.100s", is_first ? "accuracy" : "macro-f1", t->name);
    snprintf(title, sizeof title, "%.100s: %s in percent; %lld %s, %lld test %s, chance %.1f %%", t->name,
             is_first ? "accuracy" : "macro-F1", (long long)t->n_classes,
             sg_plural(t->n_classes, "class", "classes"), (long long)t->n_test,
             sg_plural(t->n_test, "row", "rows"), 100.0 / (double)t->n_classes);
    sg_doc_table(doc, name, title, is_first ? SG_DOC_BRIEF : 0, 6, column);
    for (int64_t i = 0; i < b->n; i++) {
        sg_doc_text(doc, b->row[i].method ? b->row[i].method : "-");
        if (b->row[i].method)
            size_cell(d, doc, &b->row[i]);
        else
            sg_doc_real(doc, NAN, 0);
        sg_doc_int(doc, b->row[i].raw);
        for (int m = 0; m < SG_N_REPORT_MIXES; m++)
            cell(doc, &b->place[i * SG_N_REPORT_MIXES + m], score);
    }
}

/* What an interval of one point takes, as the others stay: "4800 test rows or 60 draws". */
static sg_status needed(const struct sg_scores *s, const struct sg_score_group *g, enum sg_score score,
                        char *text, size_t size, struct sg_err *err)
{
    static const char *const name[SG_N_AXES] = {"pools", "draws", "trainings", "test rows"};
    struct sg_crossed y;
    int64_t n[SG_N_AXES];
    size_t at = 0;
    text[0] = 0;
    SG_TRY(sg_scores_of(s, g, score, &y, err));
    sg_status status = sg_crossed_needed(&y, 0.01, n, err);
    sg_free((void *)(uintptr_t)y.y);
    SG_TRY(status);
    for (int f = SG_N_AXES - 1; f >= 0; f--)
        if (n[f] > 0 && at < size)
            at += (size_t)snprintf(text + at, size - at, "%s%lld %s", at ? " or " : "", (long long)n[f],
                                   name[f]);
    int n_seen = 0;
    for (int f = 0; f < SG_N_AXES; f++)
        n_seen += n[f] != 0;
    if (!at)
        snprintf(text, size,
                 n_seen ? "more than any one of rows and seeds alone can bring"
                        : "what cannot be reckoned: all of its predictions are right, or wrong");
    return SG_OK;
}

/* What the contamination probes of the task say, a line each. */
static void say_contamination(const struct sg_report_data *d, int64_t task, struct sg_doc *doc)
{
    for (int64_t i = 0; i < d->n_contaminations; i++) {
        const struct sg_report_contamination *c = &d->contamination[i];
        const char *name = d->task[task].name;
        char who[200], found[200], compared[160] = "";
        if (c->task != task)
            continue;
        snprintf(who, sizeof who, "%.100s%s%.60s", c->model, c->generator[0] ? ", " : "", c->generator);
        snprintf(found, sizeof found, "contamination probe: of %lld %s %lld exactly completed, %lld nearly",
                 (long long)c->n_rows, sg_plural(c->n_rows, "row", "rows"), (long long)c->n_exact,
                 (long long)c->n_near);
        if (c->n > 0)
            snprintf(compared, sizeof compared,
                     "; ROUGE-L %.2f by the data set's name, %.2f without it, p = %.2g over %lld %s",
                     c->guided, c->general, c->p, (long long)c->n, sg_plural(c->n, "row", "rows"));
        if (!c->verdict[0])
            sg_doc_note(doc, "%.100s: whether its test rows were seen by %s is not known yet (%.20s).", name,
                        who, c->status);
        else if (strcmp(c->verdict, "likely seen") == 0)
            sg_doc_note(doc, "%.100s: its test rows were likely seen by %s (%s%s).", name, who, found,
                        compared);
        else if (strcmp(c->verdict, "no sign") == 0)
            sg_doc_note(doc, "%.100s: no sign that its test rows were seen by %s (%s%s).", name, who, found,
                        compared);
        else
            sg_doc_note(doc, "%.100s: %.40s whether its test rows were seen by %s (%s%s).", name, c->verdict,
                        who, found, compared);
    }
}

/* Ranks and table of a task, and the line below. */
static sg_status add_task(const struct sg_section_input *in, int64_t task, enum sg_score score,
                          struct sg_doc *doc, struct sg_err *err)
{
    struct block b = {0};
    char line[1000] = "", takes[200];
    size_t at = 0;
    sg_status status = read_block(in, task, &b, err);
    for (int64_t r = 0; status == SG_OK && in->scores && r < b.n_raw; r++) {
        int64_t from = r * (b.n / b.n_raw), to = from + b.n / b.n_raw;
        const struct sg_score_group *best;
        double detectable;
        status = rank_rows(in->scores, &b, from, to, score, &best, &detectable, err);
        if (status != SG_OK || !best || isnan(detectable))
            continue;
        status = needed(in->scores, best, score, takes, sizeof takes, err);
        if (status == SG_OK && at < sizeof line)
            at += (size_t)snprintf(
                line + at, sizeof line - at,
                "%sbeside %lld raw rows, a difference of about %.1f points to the best would "
                "have shown in 80 of 100 such "
                "studies; \xc2\xb1"
                "1 point around the best takes %s",
                at ? "; " : "", (long long)b.row[from].raw, 100 * detectable, takes);
    }
    if (status == SG_OK)
        table(in->d, task, score, &b, doc);
    if (status == SG_OK && line[0])
        sg_doc_note(doc, "%.100s: %s.", in->d->task[task].name, line);
    if (status == SG_OK)
        say_contamination(in->d, task, doc);
    free_block(&b);
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

/* What intervals are made of, each kind once: "raw only: 60 rows, 3 draws, 2 trainings". */
static void sources_note(const struct sg_scores *s, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    int failed = 0;
    for (int m = 0; m < SG_N_REPORT_MIXES; m++) {
        struct sg_buf seen = sg_buf_make(1 << 16);
        for (int64_t i = 0; i < s->n_groups; i++) {
            char text[300];
            const struct sg_score_group *g = &s->group[i];
            if (g->mix != m || !g->cell || isnan(g->effect[SG_SCORE_ACCURACY].low))
                continue;
            sg_scores_sources(g, text, sizeof text);
            if (seen.len && strstr(sg_buf_text(&seen), text))
                continue;
            sg_buf_printf(&seen, "%s%s", seen.len ? "; or " : "", text);
        }
        if (seen.len)
            sg_buf_printf(&b, " %s: %s.", mix_names[m], sg_buf_text(&seen));
        failed |= seen.failed;
        sg_buf_free(&seen);
    }
    if (b.len && !failed)
        sg_doc_note(doc, "Intervals: 95 %%, over all that there are several of.%s", sg_buf_text(&b));
    sg_buf_free(&b);
}

static int has_short_pools(const struct sg_report_data *d)
{
    for (int64_t i = 0; i < d->n_cells; i++)
        if (d->cell[i].status == 'd' && !d->cell[i].is_hidden && d->cell[i].n_had < (double)d->cell[i].size)
            return 1;
    return 0;
}

static int has_holes(const struct sg_report_data *d)
{
    return d->n_failed || d->n_planned;
}

static void notes(const struct sg_section_input *in, struct sg_doc *doc)
{
    const struct sg_report_data *d = in->d;
    sg_doc_note(doc, "Raw-only cells know no method and size: the same number stands in each row.");
    if (in->scores) {
        sg_doc_note(
            doc,
            "*: the best of its task and raw size; =: tied with it, which is no difference at 5 %% after "
            "Holm's correction, paired on test rows and seeds.");
        sources_note(in->scores, doc);
    }
    if (d->n_shown_degenerate)
        sg_doc_note(
            doc,
            MARK ": predicts one class for all test rows, so nothing was learned that could be compared: "
                 "%lld of %lld finished %s. %s may help.",
            (long long)d->n_shown_degenerate, (long long)d->n_shown_done,
            sg_plural(d->n_shown_done, "cell", "cells"),
            d->classifier == SG_REPORT_PROBE ? "More raw rows or another penalty (probe.c)"
                                             : "More steps (train.min_steps) or another rate (train.lr)");
    if (has_short_pools(d))
        sg_doc_note(doc, "Size 30 (19): 30 examples were asked for, and the pool has 19.");
    if (has_holes(d))
        sg_doc_note(doc,
                    "Where cells are missing or failed there is no mean: nothing is averaged over a hole.");
}

sg_status sg_section_accuracy(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    const struct sg_report_data *d = in->d;
    if (!d->n_tasks)
        return SG_OK;
    for (int64_t t = 0; t < d->n_tasks; t++)
        if (d->task[t].n_shown)
            SG_TRY(add_task(in, t, SG_SCORE_ACCURACY, doc, err));
    notes(in, doc);
    for (int64_t t = 0; t < d->n_tasks; t++)
        if (d->task[t].n_shown)
            SG_TRY(add_task(in, t, SG_SCORE_MACRO_F1, doc, err));
    tasks_table(d, doc);
    return SG_OK;
}
