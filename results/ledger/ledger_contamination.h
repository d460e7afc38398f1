/* Contamination probes in the ledger: part of it, since results/ledger/ledger.h is long. Rank 0 only.
 *
 *   contaminations       id = ordinal, settings, status                 planned | complete
 *   contamination_rows   contamination, row = ROUGE-L of both replies (NULL: no text), match, outcomes, completions */
#ifndef SG_RESULTS_LEDGER_LEDGER_CONTAMINATION_H
#define SG_RESULTS_LEDGER_LEDGER_CONTAMINATION_H

#include "results/ledger/ledger.h"

/* Enters a planned probe; one that is there already keeps its status and rows. settings: a JSON object. */
sg_status sg_ledger_contamination_plan(struct sg_ledger *l, const char *id, int64_t ordinal,
                                       const char *settings, struct sg_err *err) SG_MUST_USE;

/* A test row and its replies to the general and the guided instruction. */
struct sg_ledger_contamination_row {
    int64_t row;
    double rouge_l[2];      /* < 0: no text */
    const char *match;      /* of the guided reply: "", "near-exact", "exact" */
    const char *outcome[2]; /* "", or why there is no text */
    const char *completion[2];
};

/* The probe is complete: all its rows, instead of those that it had. */
sg_status sg_ledger_contamination_put(struct sg_ledger *l, const char *id,
                                      const struct sg_ledger_contamination_row *rows, int64_t n,
                                      struct sg_err *err) SG_MUST_USE;

/* No probe is of the plan, until it is planned again. */
sg_status sg_ledger_contaminations_retire(struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;

#endif
