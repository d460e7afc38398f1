/* When the cells were trained, and by which rank: a row a rank. Older files do not say which; cells of a host that overlap are then drawn in
 * rows below one another. */
#include "results/report/section.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* `recorded` has whole seconds, and a record waits for others of its time: of long cells more than of short ones, whose overlaps would be missed. */
static const double SLACK_MIN_S = 1.1, SLACK_MAX_S = 2.5;
static const double PAUSE_S = 900;
enum { MAX_LANES = 200 };

struct span {
    double begin, end, train_s, eval_s, ranks, rank; /* rank: NaN: not known */
    int64_t task, host, lane;
};
struct host {
    char *name;
    int64_t n_cells, n_lanes;
    double train_s, eval_s, ranks, until[MAX_LANES];
    int64_t n_rows;        /* of the figure: its ranks, or lanes */
    double row[MAX_LANES]; /* (n_rows) the ranks, ascending; n_unknown > 0: not used */
    int64_t n_unknown;     /* cells whose rank is not known */
};
struct timeline {
    const struct sg_report_data *d;
    struct span *span;
    struct host *host;
    int64_t n, n_hosts;
};

/* Seconds since 1970 of "2026-12-01T01:47:38Z"; NaN: it is none. */
static double seconds(const char *stamp)
{
    struct tm t = {0};
    char z;
    if (sscanf(stamp, "%4d-%2d-%2dT%2d:%2d:%2d%c", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &t.tm_sec, &z) != 7 ||
        z != 'Z')
        return NAN;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    return (double)timegm(&t);
}

static int64_t host_of(struct timeline *l, const char *host)
{
    const char *name = host[0] ? host : "unknown host";
    for (int64_t h = 0; h < l->n_hosts; h++)
        if (strcmp(l->host[h].name, name) == 0)
            return h;
    struct host *list = sg_grown(l->host, l->n_hosts, sizeof *list);
    if (!list)
        return -1;
    l->host = list;
    list[l->n_hosts] = (struct host){.name = sg_strdup(name), .ranks = NAN};
    return list[l->n_hosts].name ? l->n_hosts++ : -1;
}

static sg_status read_cell(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct timeline *l = context;
    double end = seconds(row[SG_CELLS_recorded].text), train_s = row[SG_CELLS_train_s].x,
           eval_s = isnan(row[SG_CELLS_eval_s].x) ? 0 : row[SG_CELLS_eval_s].x;
    if (at >= l->d->n_cells || strcmp(row[SG_CELLS_status].text, "done") != 0 || !isfinite(end) ||
        !(train_s >= 0) || !(eval_s >= 0) || train_s + eval_s > 1e8)
        return SG_OK;
    int64_t host = host_of(l, row[SG_CELLS_host].text);
    struct span *list = host < 0 ? NULL : sg_grown(l->span, l->n, sizeof *list);
    if (!list)
        return sg_fail_memory(err, sizeof *list);
    l->span = list;
    list[l->n++] = (struct span){.begin = end - train_s - eval_s,
                                 .end = end,
                                 .train_s = train_s,
                                 .eval_s = eval_s,
                                 .ranks = row[SG_CELLS_ranks].x,
                                 .rank = row[SG_CELLS_rank].x,
                                 .task = l->d->cell[at].task,
                                 .host = host};
    return SG_OK;
}

static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin)
                                : (x->end > y->end) - (x->end < y->end);
}

/* Takes pauses out of the axis, which then begins at 0; how many there were, and their seconds. */
static int64_t cut_pauses(struct timeline *l, double *paused_s)
{
    double from = l->n ? l->span[0].begin : 0, until = from;
    int64_t n = 0;
    *paused_s = 0;
    for (int64_t i = 0; i < l->n; i++) {
        struct span *s = &l->span[i];
        if (s->begin - until > PAUSE_S) {
            *paused_s += s->begin - until;
            n++;
        }
        until = s->end > until ? s->end : until;
        s->begin -= from + *paused_s;
        s->end -= from + *paused_s;
    }
    return n;
}

static void place(struct timeline *l)
{
    for (int64_t i = 0; i < l->n; i++) {
        struct span *s = &l->span[i];
        struct host *h = &l->host[s->host];
        int64_t lane = 0;
        double half = (s->end - s->begin) / 2, slack = half < SLACK_MIN_S   ? SLACK_MIN_S
                                                       : half > SLACK_MAX_S ? SLACK_MAX_S
                                                                            : half;
        while (lane < h->n_lanes && s->begin < h->until[lane] - slack)
            lane++;
        if (lane == MAX_LANES)
            lane = MAX_LANES - 1;
        h->n_lanes = lane == h->n_lanes ? lane + 1 : h->n_lanes;
        h->until[lane] = s->end;
        s->lane = lane;
        h->n_cells++;
        h->train_s += s->train_s;
        h->eval_s += s->eval_s;
        h->ranks = s->ranks > h->ranks || isnan(h->ranks) ? s->ranks : h->ranks;
    }
}

static void note_rank(struct host *h, double rank)
{
    int64_t i = 0;
    if (isnan(rank)) {
        h->n_unknown++;
        return;
    }
    while (i < h->n_rows && h->row[i] < rank)
        i++;
    if ((i < h->n_rows && h->row[i] == rank) || h->n_rows == MAX_LANES)
        return;
    memmove(h->row + i + 1, h->row + i, (size_t)(h->n_rows - i) * sizeof *h->row);
    h->row[i] = rank;
    h->n_rows++;
}

/* The figure's rows: a rank each where all cells of the host say theirs, else what `place` has found. */
static void take_rows(struct timeline *l)
{
    for (int64_t i = 0; i < l->n; i++)
        note_rank(&l->host[l->span[i].host], l->span[i].rank);
    for (int64_t h = 0; h < l->n_hosts; h++)
        if (l->host[h].n_unknown)
            l->host[h].n_rows = l->host[h].n_lanes;
    for (int64_t i = 0; i < l->n; i++) {
        struct span *s = &l->span[i];
        const struct host *h = &l->host[s->host];
        if (h->n_unknown)
            continue;
        for (s->lane = 0; s->lane < h->n_rows - 1 && h->row[s->lane] < s->rank; s->lane++)
            ;
    }
}

static void row_name(const struct host *h, int64_t row, char *name, size_t n)
{
    if (h->n_unknown)
        snprintf(name, n, "%.150s %lld", h->name, (long long)row + 1);
    else
        snprintf(name, n, "%.150s rank %.0f", h->name, h->row[row]);
    sg_text_whole(name);
}

static void draw(struct sg_doc *doc, const struct timeline *l, double length_s)
{
    static const struct {
        const char *name;
        double s;
    } unit[] = {{"seconds", 1}, {"minutes", 60}, {"hours", 3600}, {"days", 86400}};
    int u = length_s < 300 ? 0 : length_s < 4 * 3600 ? 1 : length_s < 4 * 86400 ? 2 : 3;
    char label[60], name[200];
    snprintf(label, sizeof label, "%s of work", unit[u].name);
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = "timeline",
                                                .title = "Cells over time",
                                                .x_label = label,
                                                .y_label = "",
                                                .kind = SG_FIGURE_SPANS,
                                                .zero_line = NAN});
    for (int64_t h = 0; h < l->n_hosts; h++)
        for (int64_t lane = 0; lane < l->host[h].n_rows; lane++) {
            row_name(&l->host[h], lane, name, sizeof name);
            sg_doc_series(doc, name);
            for (int64_t i = 0; i < l->n; i++) {
                const struct span *s = &l->span[i];
                if (s->host == h && s->lane == lane)
                    sg_doc_point(doc, NAN, NAN, s->begin / unit[u].s, s->end / unit[u].s,
                                 l->d->task[s->task].name);
            }
        }
}

static void tell(struct sg_doc *doc, struct timeline *l)
{
    static const struct sg_doc_column column[] = {
        {"host", SG_DOC_TEXT, ""},        {"cells", SG_DOC_NUMBER, ""},
        {"at a time", SG_DOC_NUMBER, ""}, {"ranks", SG_DOC_NUMBER, "a cell"},
        {"training", SG_DOC_NUMBER, "s"}, {"evaluation", SG_DOC_NUMBER, "s"}};
    double paused_s, length_s = 0;
    char length[24], pause[24];
    qsort(l->span, (size_t)l->n, sizeof *l->span, by_begin);
    int64_t n_pauses = cut_pauses(l, &paused_s);
    place(l);
    take_rows(l);
    int64_t n_unknown = 0;
    for (int64_t h = 0; h < l->n_hosts; h++)
        n_unknown += l->host[h].n_unknown;
    for (int64_t i = 0; i < l->n; i++)
        length_s = l->span[i].end > length_s ? l->span[i].end : length_s;
    sg_format_duration(length_s, length);
    sg_format_duration(paused_s, pause);
    sg_doc_paragraph(doc, "%lld %s on %lld %s in %s.", (long long)l->n, sg_plural(l->n, "cell", "cells"),
                     (long long)l->n_hosts, sg_plural(l->n_hosts, "host", "hosts"), length);
    draw(doc, l, length_s);
    sg_doc_note(
        doc,
        "A bar is a cell, from the start of its training to its record in the ledger, in the row of the "
        "rank that trained it: of several, the first.%s",
        n_unknown ? " A host whose rows have no rank holds cells of a file that does not say which: "
                    "its rows hold cells that were at work at the same time."
                  : "");
    if (n_pauses)
        sg_doc_note(doc, "%lld %s of more than 15 minutes without a cell, %s together, left out of the axis.",
                    (long long)n_pauses, sg_plural(n_pauses, "pause is", "pauses are"), pause);
    sg_doc_table(doc, "hosts", "Training by host", 0, 6, column);
    for (int64_t h = 0; h < l->n_hosts; h++) {
        const struct host *x = &l->host[h];
        sg_doc_text(doc, x->name);
        sg_doc_int(doc, x->n_cells);
        sg_doc_int(doc, x->n_lanes);
        sg_doc_real(doc, x->ranks, 0);
        sg_doc_real(doc, x->train_s, 1);
        sg_doc_real(doc, x->eval_s, 1);
    }
    sg_doc_note(doc,
                "at a time: the most cells that overlapped. ranks: the most that trained one cell together.");
}

sg_status sg_section_timeline(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct timeline l = {.d = in->d};
    hid_t file = -1;
    if (!in->file || !in->d->n_done)
        return SG_OK;
    SG_TRY(sg_store_open(in->file, &file, err));
    sg_status status = sg_h5_table_each(file, &sg_store_tables[SG_T_CELLS], in->file, read_cell, &l, err);
    H5Fclose(file);
    if (status == SG_OK && l.n)
        tell(doc, &l);
    for (int64_t h = 0; h < l.n_hosts; h++)
        sg_free(l.host[h].name);
    sg_free(l.host);
    sg_free(l.span);
    return status;
}
