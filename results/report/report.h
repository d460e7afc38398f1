/* Tables from results.h5: the paper's main table (task x method x size x mix, raw-only beside it) with means
 * over seeds and 95 % confidence intervals, the LLM's cost, pools with their shortfalls and diversity, and
 * what is missing. */
#ifndef SG_RESULTS_REPORT_REPORT_H
#define SG_RESULTS_REPORT_REPORT_H

#include "base/buf.h"
#include "base/err.h"
#include "results/report/report_source.h"

#include <stdint.h>

enum sg_report_form { SG_REPORT_TERMINAL, SG_REPORT_MARKDOWN, SG_REPORT_JSON };

/* Local. Reads results.h5 (a path to it), or a study's folder (results/report/report_source.h), and appends the report to `out`.
 * SG_INPUT for a missing or foreign file, and for one whose tables do not fit their digests (with the table's name). */
sg_status sg_report(const char *path, enum sg_report_form form, struct sg_buf *out,
                    struct sg_err *err) SG_MUST_USE;

/* The last half of it: of a source that is open. One that is unfinished says how far it is: "12 of 126 cells so far". */
sg_status sg_report_draw(const struct sg_report_source *s, enum sg_report_form form, struct sg_buf *out,
                         struct sg_err *err) SG_MUST_USE;

/* Local. Finished cells of a results.h5, and those among them that predict one class for all test rows. */
sg_status sg_report_degenerate(const char *path, int64_t *n, int64_t *n_done, struct sg_err *err) SG_MUST_USE;

#endif
