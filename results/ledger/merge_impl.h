/* Inside of a merge: merge.c (files, the order of things), merge_study.c (whether it is one study), merge_tables.c (table by table). */
#ifndef SG_RESULTS_LEDGER_MERGE_IMPL_H
#define SG_RESULTS_LEDGER_MERGE_IMPL_H

#include "results/ledger/ledger_impl.h"
#include "results/ledger/merge.h"

/* The input in hand is attached as `src`; what was taken so far is `main`. */
struct sg_merging {
    const struct sg_merge_options *o;
    struct sg_merge_found *found;
    struct sg_ledger *l; /* the result */
    int k;               /* index of the input in hand */
    const char *from;    /* as the user calls it */
    int64_t shift;       /* of its ordinals */
    struct sg_merge_plan {
        char *settings;
        int64_t shift;
    } plan[SG_MERGE_MAX]; /* of the inputs up to this one */
};

/* Runs one statement without rows; ?1 is the shift of the ordinals, ?2 is `number`. *n_changed (may be NULL): rows. */
sg_status sg_merge_do(struct sg_merging *m, const char *sql, int64_t number, int64_t *n_changed,
                      struct sg_err *err) SG_MUST_USE;

/* Each row of a query. */
typedef sg_status (*sg_merge_row)(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err);
sg_status sg_merge_each(struct sg_merging *m, const char *sql, sg_merge_row each,
                        struct sg_err *err) SG_MUST_USE;

/* A column as text, "" for NULL. */
const char *sg_merge_text(sqlite3_stmt *row, int column);

/* ---- merge_study.c ---- */

/* Whether src is of the study of main, whose meta it gets then. Fills plan[k] and shift. */
sg_status sg_merge_study(struct sg_merging *m, struct sg_err *err) SG_MUST_USE;

/* ---- merge_tables.c ---- */

sg_status sg_merge_tables(struct sg_merging *m, struct sg_err *err) SG_MUST_USE;

/* When all inputs are in: done cells whose examples lost are planned again. */
sg_status sg_merge_settle(struct sg_merging *m, struct sg_err *err) SG_MUST_USE;

#endif
