/* What the ledger knows of the texts that a cell was trained on: part of it, since results/ledger/ledger.h is long.
 *
 * A cell's `result` (JSON) holds two digests of them, failed cells' too: rows_sha256 (its raw rows and the task's test rows,
 * with their labels) and examples_sha256 (the examples that it took from its pool, sg_example_digest_add); verdicts_sha256, where an LLM verifies them, is of the
 * classes that it said. Ledgers of earlier
 * versions have neither. Rank 0 only. */
#ifndef SG_RESULTS_LEDGER_LEDGER_TRAINED_H
#define SG_RESULTS_LEDGER_LEDGER_TRAINED_H

#include "results/ledger/ledger.h"

/* "" where the ledger does not say. */
struct sg_ledger_trained {
    char status[16]; /* "planned", "done", "failed", or "" when the cell is not there */
    char rows[SG_HEX], examples[SG_HEX];
    char verdicts[SG_HEX];                            /* "" too where it sees its pool otherwise */
    char weights[SG_HEX], rounding[16], program[160]; /* of a done one */
    int64_t n_synthetic; /* examples of its pool that it was trained on; -1: not known */
};
sg_status sg_ledger_cell_trained(struct sg_ledger *l, const char *id, struct sg_ledger_trained *out,
                                 struct sg_err *err) SG_MUST_USE;

/* Says it of a finished cell that lacks it. */
sg_status sg_ledger_cell_trained_set(struct sg_ledger *l, const char *id, const char *rows,
                                     const char *examples, struct sg_err *err) SG_MUST_USE;

/* The cell is planned again: its result, predictions and losses go. */
sg_status sg_ledger_cell_reset(struct sg_ledger *l, const char *id, struct sg_err *err) SG_MUST_USE;

/* The digest of a pool's first n examples, as the ledger has them; "" where it has fewer. */
sg_status sg_ledger_examples_digest(struct sg_ledger *l, const char *pool, int64_t n, char hex[SG_HEX],
                                    struct sg_err *err) SG_MUST_USE;

/* Forgets what was measured of a pool's diversity. */
sg_status sg_ledger_diversity_clear(struct sg_ledger *l, const char *pool, struct sg_err *err) SG_MUST_USE;

#endif
