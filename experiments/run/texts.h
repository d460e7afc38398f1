/* Which texts a cell is trained and measured on, as digests: a finished cell keeps them, and what no longer fits is trained again.
 *
 * A cell's id says where its texts come from (data, pool, size, seeds). It is known before the pool is filled, and the same completions
 * may become other examples: by a newer parser, a completion that was damaged, a task file that reads labels otherwise. So two
 * digests are kept with the result (results/ledger/ledger_trained.h): of the raw rows and test rows with their classes, which is compared when a
 * run begins, and of the examples, compared when the pool is complete. Cells that see a pool by what an LLM says of it have a third one, of
 * that, compared when all of it is there.
 *
 * A cell of an older ledger has none. It is kept where the ledger's own copy of its pool begins with the examples that the pool
 * has now, and trained again otherwise. Rank 0. */
#ifndef SG_EXPERIMENTS_RUN_TEXTS_H
#define SG_EXPERIMENTS_RUN_TEXTS_H

#include "experiments/study/prepare.h"
#include "results/ledger/ledger.h"

struct sg_texts;

/* Of a pool's first n examples. */
sg_status sg_texts_of_pool(const struct sg_pool *pool, int64_t n, char hex[SG_HEX],
                           struct sg_err *err) SG_MUST_USE;

/* Borrows p. Digests are computed when they are asked for, once each. */
sg_status sg_texts_create(const struct sg_prepared *p, struct sg_texts **out, struct sg_err *err) SG_MUST_USE;
void sg_texts_destroy(struct sg_texts *t);

/* Of the cell's raw rows and the task's test rows: class and texts, in order. Borrowed. */
sg_status sg_texts_rows(struct sg_texts *t, const struct sg_cell *c, const char **hex,
                        struct sg_err *err) SG_MUST_USE;
/* Of the examples that it takes from its pool, which is complete; "" for a raw-only cell. Borrowed. */
sg_status sg_texts_examples(struct sg_texts *t, const struct sg_cell *c, const char **hex,
                            struct sg_err *err) SG_MUST_USE;

/* Of what an LLM has said of them, where the cell sees them by that and all of it is there; "" else. Borrowed. */
sg_status sg_texts_verdicts(struct sg_texts *t, const struct sg_cell *c, const char **hex,
                            struct sg_err *err) SG_MUST_USE;

/* Whether the cell in the ledger, if it is done or failed there, has seen these rows. */
sg_status sg_texts_fits_rows(struct sg_texts *t, struct sg_ledger *l, const struct sg_cell *c, int *yes,
                             struct sg_err *err) SG_MUST_USE;
/* Whether it has seen these examples, and what was said of them; while that is not complete, nothing is known: yes. */
sg_status sg_texts_fits_examples(struct sg_texts *t, struct sg_ledger *l, const struct sg_cell *c, int *yes,
                                 struct sg_err *err) SG_MUST_USE;

/* When a pool or an evaluation is complete, before it is put into the ledger: cells that waited for it (sg_cell_waits_for) and saw other
 * examples are planned again; cells that lack the digests get them. *n_reset grows by their number. */
sg_status sg_texts_settle(struct sg_texts *t, struct sg_ledger *l, int64_t consumer, int64_t *n_reset,
                          struct sg_err *err) SG_MUST_USE;

#endif
