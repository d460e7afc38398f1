/* Which test rows the LLM itself has right, as a classifier: read from /llm_predictions, to be compared with the encoder row by row. */
#ifndef SG_RESULTS_REPORT_LLM_ROWS_H
#define SG_RESULTS_REPORT_LLM_ROWS_H

#include "results/report/section.h"

struct sg_llm_rows {
    int64_t n;      /* evaluations, as in d->evaluation */
    int8_t **right; /* by evaluation, by test row of its task: 1, 0, or -1 where it was not asked */
};

sg_status sg_llm_rows_read(const char *path, const struct sg_report_data *d, struct sg_llm_rows *out,
                           struct sg_err *err) SG_MUST_USE;
void sg_llm_rows_free(struct sg_llm_rows *x);

/* The mean accuracy of the groups (one task, complete) minus the LLM's, on the rows that evaluation i asked about. NaN where there is none. */
sg_status sg_llm_rows_difference(const struct sg_llm_rows *x, const struct sg_scores *s, int64_t i,
                                 const struct sg_score_group *const *group, int64_t n, struct sg_effect *out,
                                 struct sg_err *err) SG_MUST_USE;

#endif
