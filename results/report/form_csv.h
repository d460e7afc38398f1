/* What other forms show as CSV. */
#ifndef SG_RESULTS_REPORT_FORM_CSV_H
#define SG_RESULTS_REPORT_FORM_CSV_H

#include "base/buf.h"
#include "results/report/doc.h"

/* Local. Appends a figure's numbers: series, label, x, y, low, high; lines end in CR LF. */
void sg_form_csv_figure(const struct sg_figure *f, struct sg_buf *out);

#endif
