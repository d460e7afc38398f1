/* What a report is read from: results.h5, or what the ledger holds beyond it. */
#ifndef SG_RESULTS_REPORT_REPORT_SOURCE_H
#define SG_RESULTS_REPORT_REPORT_SOURCE_H

#include "base/err.h"

struct sg_report_source {
    char *file;        /* an HDF5 file */
    char *folder;      /* NULL, or the temporary folder that it was made in, and goes with */
    int is_unfinished; /* it was made of the ledger of a study that a run is at work on, or that was cut off */
    int runs;          /* of these: a run is at work on it now, as far as can be seen from here */
};

/* Local. path: a results.h5, or the folder of a study. A folder whose run goes on or was killed, or that has no results.h5, is read from
 * its ledger: a private copy, so that the run does not notice (results/ledger/ledger_copy.h), and the tables are built in $TMPDIR. Close
 * it. SG_INPUT for a folder that has neither. */
sg_status sg_report_source_open(const char *path, struct sg_report_source *out,
                                struct sg_err *err) SG_MUST_USE;
void sg_report_source_close(struct sg_report_source *s);

#endif
