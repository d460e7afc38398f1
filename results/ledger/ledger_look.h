/* What the ledger says of one cell, for `synthgrid explain`; and what cells wait for, which a run notes for it. Part of the ledger
 * (results/ledger/ledger.h).
 *
 *   waiting   consumer = what, n_have, n_wanted, n_missing, waits_for, updated
 *
 * consumer: the id of a pool, or of an evaluation, which has not all its answers. Not merged: each run begins it anew.
 *
 * Rank 0. Whoever reads has its strings as new memory (sg_free), NULL where there is none. */
#ifndef SG_RESULTS_LEDGER_LEDGER_LOOK_H
#define SG_RESULTS_LEDGER_LEDGER_LOOK_H

#include "results/ledger/ledger.h"

/* ---- what cells wait for ---- */

struct sg_ledger_waiting {
    const char *consumer, *what; /* what: its name, for people */
    int64_t n_have, n_wanted;    /* examples of a pool, answers of an evaluation */
    int64_t n_missing;           /* requests that are known to be missing; < 0: not known yet */
    const char *
        waits_for; /* the consumer that has to be complete first; "fit": a classifier for its next round; "": none */
};
/* Forgets all; then one by one (uncommitted). */
sg_status sg_ledger_waiting_clear(struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;
sg_status sg_ledger_waiting_put(struct sg_ledger *l, const struct sg_ledger_waiting *w,
                                struct sg_err *err) SG_MUST_USE;
/* It has all its answers. */
sg_status sg_ledger_waiting_drop(struct sg_ledger *l, const char *consumer, struct sg_err *err) SG_MUST_USE;

struct sg_ledger_waited {
    int found;
    char *what, *waits_for, *updated;
    int64_t n_have, n_wanted, n_missing;
};
sg_status sg_ledger_waiting_get(struct sg_ledger *l, const char *consumer, struct sg_ledger_waited *out,
                                struct sg_err *err) SG_MUST_USE;
void sg_ledger_waited_free(struct sg_ledger_waited *w);

/* ---- cells ---- */

/* A row as it is; strings are valid in `each` alone, NULL where there is none. ordinal -1: not of the study as it was run last. */
struct sg_ledger_cell_row {
    const char *id;
    int64_t ordinal;
    const char *settings, *pool, *status, *reason, *result, *created;
};
/* Those of the study in its order, then all others. */
sg_status sg_ledger_cells_each(struct sg_ledger *l,
                               sg_status (*each)(void *context, const struct sg_ledger_cell_row *c,
                                                 struct sg_err *err),
                               void *context, struct sg_err *err) SG_MUST_USE;

/* What a done cell predicts for its task's test rows: gold (n), logits (n, n_classes), in one piece of new memory, `gold` of it is to be
 * freed. n 0: there is nothing, or the rows are not those that it was asked for. */
struct sg_ledger_predicted {
    int64_t n, n_classes;
    int32_t *gold;
    float *logits;
};
sg_status sg_ledger_predicted(struct sg_ledger *l, const char *cell, const char *task,
                              struct sg_ledger_predicted *out, struct sg_err *err) SG_MUST_USE;

/* ---- what it depends on ---- */

struct sg_ledger_pool_seen {
    int found; /* it has all its answers; the rest is there without that, too, but for the texts, n */
    char *settings, *status, *shortfall;
    int64_t n, n_requests, n_failed, n_imported, tokens_in, tokens_out, n_cost_unknown;
    double usd;      /* of those with a known cost */
    int64_t n_cells; /* of the study, that use it */
};
sg_status sg_ledger_pool_see(struct sg_ledger *l, const char *pool, struct sg_ledger_pool_seen *out,
                             struct sg_err *err) SG_MUST_USE;
void sg_ledger_pool_seen_free(struct sg_ledger_pool_seen *p);

/* "planned", "complete", or "" when it is not there. */
sg_status sg_ledger_evaluation_status(struct sg_ledger *l, const char *id, char status[16],
                                      struct sg_err *err) SG_MUST_USE;

/* The last attempt of all that brought no answer: its reason and when it left; NULL: there was none. */
sg_status sg_ledger_last_failure(struct sg_ledger *l, char **reason, char **when,
                                 struct sg_err *err) SG_MUST_USE;

#endif
