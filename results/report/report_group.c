/* Groups of a report's cells: how many there are, and their means; scores.h has the intervals. */
#include "base/mem.h"
#include "results/report/report_data.h"

#include <math.h>
#include <string.h>

static int belongs(const struct sg_report_cell *c, const struct sg_report_row *row, int mix)
{
    if (c->task != row->task || c->mix != mix)
        return 0;
    if (mix != SG_REPORT_RAW && (!row->method || c->size != row->size || strcmp(c->method, row->method) != 0))
        return 0;
    return mix == SG_REPORT_SYNTHETIC || c->raw == row->raw;
}

int sg_report_is_degenerate(const struct sg_report_cell *c)
{
    return c->status == 'd' && c->n_classes_predicted == 1 && c->n_classes_gold > 1;
}

void sg_report_had(const struct sg_report_data *d, const struct sg_report_row *row, int64_t *least,
                   int64_t *most)
{
    *least = *most = -1;
    for (int64_t i = 0; i < d->n_cells; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        int64_t n = isnan(c->n_had) ? -1 : (int64_t)c->n_had;
        if (c->status != 'd' || n < 0 ||
            !(belongs(c, row, SG_REPORT_SYNTHETIC) || belongs(c, row, SG_REPORT_BOTH)))
            continue;
        *least = *least < 0 || n < *least ? n : *least;
        *most = n > *most ? n : *most;
    }
}

void sg_report_group(const struct sg_report_data *d, const struct sg_report_row *row, int mix,
                     struct sg_report_group *out)
{
    struct sg_report_group g = {0};
    for (int64_t i = 0; i < d->n_cells; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        if (!belongs(c, row, mix))
            continue;
        g.n_failed += c->status == 'f';
        g.n_planned += c->status == 'p';
        g.n_done += c->status == 'd';
        g.n_degenerate += sg_report_is_degenerate(c);
        g.accuracy += c->accuracy; /* NaN where it is not done */
        g.macro_f1 += c->macro_f1;
    }
    double n = g.n_done && !g.n_failed && !g.n_planned ? (double)g.n_done : (double)NAN;
    g.accuracy /= n;
    g.macro_f1 /= n;
    *out = g;
}

/* Adds x to the ascending, distinct list. */
static void insert(int64_t *list, int64_t *n, int64_t x)
{
    int64_t at = *n;
    for (int64_t i = 0; i < *n; i++)
        if (list[i] == x)
            return;
    for (; at > 0 && list[at - 1] > x; at--)
        list[at] = list[at - 1];
    list[at] = x;
    ++*n;
}

sg_status sg_report_rows(const struct sg_report_data *d, int64_t task, struct sg_report_row **rows,
                         int64_t *n, struct sg_err *err)
{
    int64_t n_raw = 0, n_kinds = 0;
    int64_t *raw = sg_alloc((size_t)d->n_cells + 1, sizeof *raw);
    struct sg_report_row *kind = sg_alloc((size_t)d->n_cells + 1, sizeof *kind), *row = NULL;
    for (int64_t i = 0; raw && kind && i < d->n_cells; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        if (c->task != task || c->is_hidden)
            continue;
        if (c->mix != SG_REPORT_SYNTHETIC)
            insert(raw, &n_raw, c->raw);
        int known = c->mix == SG_REPORT_RAW;
        for (int64_t k = 0; k < n_kinds && !known; k++)
            known = kind[k].size == c->size && strcmp(kind[k].method, c->method) == 0;
        if (!known)
            kind[n_kinds++] = (struct sg_report_row){.task = task, .method = c->method, .size = c->size};
    }
    if (raw && n_raw == 0)
        raw[n_raw++] = 0;
    if (kind && n_kinds == 0)
        kind[n_kinds++] = (struct sg_report_row){.task = task};
    if (raw && kind)
        row = sg_alloc((size_t)(n_kinds * n_raw), sizeof *row);
    for (int64_t k = 0; row && k < n_kinds; k++)
        for (int64_t r = 0; r < n_raw; r++) {
            row[k * n_raw + r] = kind[k];
            row[k * n_raw + r].raw = raw[r];
        }
    sg_free(raw);
    sg_free(kind);
    if (!row)
        return sg_fail_memory(err, 1000);
    *rows = row;
    *n = n_kinds * n_raw;
    return SG_OK;
}

sg_status sg_report_encoder_of(const struct sg_report_data *d, int64_t task, struct sg_report_encoder *out,
                               struct sg_err *err)
{
    struct sg_report_encoder e = {.best_mix = -1};
    struct sg_report_row *row = NULL;
    int64_t n = 0, most_raw = -1;
    SG_TRY(sg_report_rows(d, task, &row, &n, err));
    for (int64_t i = 0; i < n; i++)
        for (int m = 0; m < SG_N_REPORT_MIXES; m++) {
            struct sg_report_group g;
            sg_report_group(d, &row[i], m, &g);
            if (isnan(g.accuracy))
                continue;
            if (m == SG_REPORT_RAW && row[i].raw > most_raw) {
                e.raw_only = g;
                e.raw_row = row[i];
                most_raw = row[i].raw;
            }
            if (e.best_mix < 0 || g.accuracy > e.best.accuracy) {
                e.best = g;
                e.best_row = row[i];
                e.best_mix = m;
            }
        }
    sg_free(row);
    *out = e;
    return SG_OK;
}
