#include "results/report/llm_rows.h"

#include "base/mem.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/report/answer.h"

#include <string.h>

struct reading {
    const struct sg_report_data *d;
    struct sg_llm_rows *x;
};

static sg_status read_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct reading *r = context;
    int64_t i = row[SG_LLM_PREDICTIONS_evaluation].i, k = row[SG_LLM_PREDICTIONS_row].i;
    if (i < 0 || i >= r->x->n)
        return sg_fail(err, SG_INPUT, "damaged: LLM prediction %lld has no evaluation", (long long)at);
    int64_t n = r->d->task[r->d->evaluation[i].task].n_test;
    if (k < 0 || k >= n)
        return sg_fail(err, SG_INPUT, "damaged: LLM prediction %lld fits no test row", (long long)at);
    if (!r->x->right[i]) {
        if (!(r->x->right[i] = sg_alloc((size_t)n, 1)))
            return sg_fail_memory(err, (size_t)n);
        memset(r->x->right[i], -1, (size_t)n);
    }
    r->x->right[i][k] = row[SG_LLM_PREDICTIONS_gold].i == row[SG_LLM_PREDICTIONS_predicted].i;
    return SG_OK;
}

sg_status sg_llm_rows_read(const char *path, const struct sg_report_data *d, struct sg_llm_rows *out,
                           struct sg_err *err)
{
    struct sg_llm_rows x = {.n = d->n_evaluations};
    struct reading r = {d, &x};
    hid_t file = -1;
    if (!(x.right = sg_alloc((size_t)x.n + 1, sizeof *x.right)))
        return sg_fail_memory(err, (size_t)x.n * sizeof *x.right);
    sg_status status = sg_store_open(path, &file, err);
    if (status == SG_OK) {
        status = sg_h5_table_each(file, &sg_store_tables[SG_T_LLM_PREDICTIONS], path, read_row, &r, err);
        H5Fclose(file);
    }
    if (status == SG_OK)
        *out = x;
    else
        sg_llm_rows_free(&x);
    return status;
}

void sg_llm_rows_free(struct sg_llm_rows *x)
{
    for (int64_t i = 0; i < x->n; i++)
        sg_free(x->right[i]);
    sg_free(x->right);
    *x = (struct sg_llm_rows){0};
}

/* y on the rows that were asked about, in place. */
static void keep_rows(struct sg_crossed *y, float *values, const int8_t *right)
{
    int64_t n_cells = 1, rows = y->n[SG_AXIS_ROWS], k = 0, n_kept = 0;
    for (int f = 0; f < SG_AXIS_ROWS; f++)
        n_cells *= y->n[f] > 1 ? y->n[f] : 1;
    for (int64_t i = 0; i < n_cells; i++)
        for (int64_t r = 0; r < rows; r++)
            if (right[r] >= 0)
                values[k++] = values[i * rows + r];
    for (int64_t r = 0; r < rows; r++)
        n_kept += right[r] >= 0;
    y->n[SG_AXIS_ROWS] = n_kept;
}

sg_status sg_llm_rows_difference(const struct sg_llm_rows *x, const struct sg_scores *s, int64_t i,
                                 const struct sg_score_group *const *group, int64_t n, struct sg_effect *out,
                                 struct sg_err *err)
{
    struct sg_crossed y = {0}, llm = {.n = {1, 1, 1, 0}};
    const int8_t *right = x->right[i];
    *out = sg_answer_none();
    if (!right)
        return SG_OK;
    SG_TRY(sg_answer_mean(s, group, n, &y, err));
    if (!y.y)
        return SG_OK;
    float *own = sg_alloc((size_t)y.n[SG_AXIS_ROWS] + 1, sizeof *own);
    sg_status status = own ? SG_OK : sg_fail_memory(err, (size_t)y.n[SG_AXIS_ROWS] * sizeof *own);
    if (own) {
        for (int64_t r = 0; r < y.n[SG_AXIS_ROWS]; r++)
            if (right[r] >= 0)
                own[llm.n[SG_AXIS_ROWS]++] = right[r];
        llm.y = own;
        keep_rows(&y, (float *)(uintptr_t)y.y, right);
        if (y.n[SG_AXIS_ROWS] > 0)
            status = sg_crossed_difference(&y, &llm, out, err);
    }
    sg_free(own);
    sg_answer_release(&y);
    return status;
}
