/* What a study asks its LLM for. An asker is one part of the study that needs completions: a pool, or an
 * evaluation of the LLM as a classifier. It says which ones it
 * needs next, is given them from the ledger, and is complete when it needs no more; then its results go into the ledger.
 *
 *     sg_asking_create(p, ledger, &a, err);
 *     sg_asking_advance(a, i, &missing, err);       asker i: what is it to be bought next?
 *     ... buy `missing`, sg_asking_put each answer, sg_ledger_commit ...
 *     if (sg_asking_complete(a, i)) sg_asking_store(a, i, err);
 *
 * Rank 0 only, one thread at a time. Askers count from 0: the grid's pools, in its order, then the evaluations. */
#ifndef SG_EXPERIMENTS_BUYING_ASKING_H
#define SG_EXPERIMENTS_BUYING_ASKING_H

#include "experiments/study/prepare.h"
#include "gen/llm/recording.h"
#include "results/ledger/ledger.h"

struct sg_asking;

/* Borrows both until destroy. */
sg_status sg_asking_create(const struct sg_prepared *p, struct sg_ledger *l, struct sg_asking **out,
                           struct sg_err *err) SG_MUST_USE;
void sg_asking_destroy(struct sg_asking *a);

/* How many askers there are. */
int64_t sg_asking_n(const struct sg_asking *a);

/* The asker that i waits for: it asks for nothing until that one is complete. -1: it does not wait; else it is smaller than i. */
int64_t sg_asking_waits_for(const struct sg_asking *a, int64_t i);

/* Which of the study's generators asker i asks. */
int sg_asking_generator(const struct sg_asking *a, int64_t i);

/* Requests of one asker that are made at a time where their texts are not kept. */
enum { SG_ASKING_PART = 200 };

/* Moves asker i on as far as the ledger has its completions, and lists those that it needs next (sg_request_list_free), in parts
 * where missing->max says so. */
sg_status sg_asking_advance(struct sg_asking *a, int64_t i, struct sg_request_list *missing,
                            struct sg_err *err) SG_MUST_USE;
int sg_asking_complete(const struct sg_asking *a, int64_t i);

/* Advances all; *n: what they need next, altogether, what several need once; of (sg_asking_n), where not NULL: each. One that waits
 * needs what it will ask for at least. */
sg_status sg_asking_count(struct sg_asking *a, int64_t *n, int64_t *of, struct sg_err *err) SG_MUST_USE;

/* All completions that the askers have looked at, failed ones too, each once, by key. Strings are valid in `each` alone. */
sg_status sg_asking_each(struct sg_asking *a,
                         sg_status (*each)(void *context, const struct sg_ledger_completion *c,
                                           struct sg_err *err),
                         void *context, struct sg_err *err) SG_MUST_USE;

/* Puts what asker i has come to into the ledger (uncommitted). */
sg_status sg_asking_store(struct sg_asking *a, int64_t i, struct sg_err *err) SG_MUST_USE;

/* Puts an answer into the ledger (uncommitted). request: its canonical text; source: as in results/ledger/ledger.h; rank: that bought it, -1: none. */
sg_status sg_asking_put(struct sg_asking *a, const char *request, const struct sg_answer *answer,
                        const char *source, int rank, struct sg_err *err) SG_MUST_USE;

/* The way back: adds a completion of the ledger to a recording. */
sg_status sg_asking_record(struct sg_recording_writer *w, const struct sg_ledger_completion *c,
                           struct sg_err *err) SG_MUST_USE;

/* Puts all answers of a recording into the ledger, and commits. without_failed: the failures that it has are left out. */
sg_status sg_asking_import(struct sg_asking *a, const char *recording, int without_failed,
                           struct sg_err *err) SG_MUST_USE;

/* Adds "sst2 zero_shot", or "sst2 classifier, 3 shots". */
void sg_asking_name(const struct sg_asking *a, int64_t i, struct sg_buf *out);

/* What would become of an answer to asker i, without leaving anything behind: as sg_pool_preview; of an evaluation SG_ACCEPTED where it names a
 * class. */
sg_status sg_asking_preview(struct sg_asking *a, int64_t i, const struct sg_request *q,
                            const struct sg_found *f, enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;

/* Whether answers of asker i may be alike: a classifier's are class names. */
int sg_asking_repeats(const struct sg_asking *a, int64_t i);

#endif
