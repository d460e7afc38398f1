/* A report of a study: results.h5 is read (results/report/report_data.h), sections write what it says (section.h) into a document (doc.h),
 * and a form draws that (form.h).
 *
 *     sg_report_source_open("results/quickstart", &source, &err)
 *     sg_report_draw(&source, NULL, sg_form_of("markdown"), &(struct sg_form_options){0}, &out, &err)
 *     sg_report_source_close(&source)
 */
#ifndef SG_RESULTS_REPORT_REPORT_H
#define SG_RESULTS_REPORT_REPORT_H

#include "base/buf.h"
#include "base/err.h"
#include "results/report/form.h"
#include "results/report/report_source.h"

#include <stdint.h>

/* Local. The report of an open source, a file at a time into `out`. other: NULL, or what it is compared with. o->section names a section.
 * SG_INPUT for a file that is none of ours, for one whose tables do not fit their digests (with the table's name), and for a section that
 * there is not. One that has nothing to say says so. */
sg_status sg_report_draw(const struct sg_report_source *s, const struct sg_report_source *other,
                         const struct sg_form *form, const struct sg_form_options *o,
                         const struct sg_form_output *out, struct sg_err *err) SG_MUST_USE;

/* Local. The same of a path to results.h5 or a study's folder, in a form of one file (format: its name), appended to `out`. o may be
 * NULL. */
sg_status sg_report(const char *path, const char *format, const struct sg_form_options *o, struct sg_buf *out,
                    struct sg_err *err) SG_MUST_USE;

/* Local. Finished fine-tuned cells of a results.h5, and those among them that predict one class for all test rows: what train.* may help. */
sg_status sg_report_degenerate(const char *path, int64_t *n, int64_t *n_done, struct sg_err *err) SG_MUST_USE;

#endif
