/* `synthgrid explain DIR CELL`: why a cell waits or failed, where it ran, what it was trained on, what that has cost, what came of it. All
 * from the ledger, of which it reads a copy (a run does not notice), and from status.json, which says what is being trained now. */
#ifndef SG_EXPERIMENTS_RUN_EXPLAIN_H
#define SG_EXPERIMENTS_RUN_EXPLAIN_H

#include "base/buf.h"

struct sg_explain_options {
    const char *folder; /* the study's results */
    const char *id;     /* the beginning of a cell's id; NULL: any */
    int n_words;
    const char *const *word; /* "size=20": of the cell's settings in the ledger, or its status */
    int as_json;             /* an object: of one cell, or of all that match */
};

/* Local. Adds what there is to say of the one cell that matches, or the list of those that do. SG_INPUT where none does. */
sg_status sg_explain(const struct sg_explain_options *o, struct sg_buf *out, struct sg_err *err) SG_MUST_USE;

#endif
