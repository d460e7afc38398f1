/* What a study needs of its LLMs: which completions, in which order, each once. A consumer is a part of the study that needs
 * completions: a pool, or an evaluation: of the LLM as a classifier, a contamination probe, or what it says of a pool's examples. It names those that it needs next, is given them from the ledger,
 * and is complete when it needs no more; then its results go into the ledger.
 *
 *     sg_requests_create(p, ledger, &r, err);
 *     sg_requests_count(r, &n, NULL, err);          how many are missing
 *     sg_requests_attach(r, dispatch, complete, context, err);
 *     sg_requests_start(r, err);                    queues what is missing with the dispatcher
 *     ... the dispatcher buys, the ledger gets the answers, consumers move on; complete(context, i) for each that is complete
 *
 * Buying: what a consumer needs at once is its prefetch window, and it moves on when all of that is over. Requests are made as they
 * leave: of each generator so many are queued that its connections are busy, and what more a window needs is made when others have
 * left, of earlier consumers first. What several consumers miss alike is asked for once. After answers in a row without a good example
 * there is a warning, and then the end of buying from their generator (experiments/buying/acceptance.h).
 *
 * Rank 0 only, one thread at a time: the coordinator's while the engine runs. Consumers count from 0: the grid's pools, in its order,
 * then the evaluations. */
#ifndef SG_EXPERIMENTS_BUYING_REQUESTS_H
#define SG_EXPERIMENTS_BUYING_REQUESTS_H

#include "experiments/buying/dispatch.h"
#include "experiments/study/prepare.h"

struct sg_requests;

/* Borrows both until destroy. */
sg_status sg_requests_create(const struct sg_prepared *p, struct sg_ledger *l, struct sg_requests **out,
                             struct sg_err *err) SG_MUST_USE;
void sg_requests_destroy(struct sg_requests *r);

/* ---- what is needed ---- */

int64_t sg_requests_n_consumers(const struct sg_requests *r);

/* Which of the study's generators consumer i asks. */
int sg_requests_generator(const struct sg_requests *r, int64_t i);

/* Requests of one consumer that are made at a time where their texts are not kept. */
enum { SG_REQUESTS_SLICE = 200 };

/* Moves consumer i on as far as the ledger has its completions, and lists those that it needs next (sg_request_list_free), in parts
 * where missing->max says so. */
sg_status sg_requests_advance(struct sg_requests *r, int64_t i, struct sg_request_list *missing,
                              struct sg_err *err) SG_MUST_USE;
int sg_requests_is_complete(const struct sg_requests *r, int64_t i);

/* What consumer i waits for that is no LLM's answer (sg_pool_fit_key); "": nothing. */
const char *sg_requests_fit_key(const struct sg_requests *r, int64_t i);

/* Advances all; *n: what they need next, altogether, what several need once; of (sg_requests_n_consumers), where not NULL: each. One
 * that waits for another consumer (a pool that rephrases another one, a verification) needs what it will ask for at least, and so does one that
 * is made in rounds of those to come. */
sg_status sg_requests_count(struct sg_requests *r, int64_t *n, int64_t *of, struct sg_err *err) SG_MUST_USE;

/* About how many those that wait for none need next, of one generator (-1: of all), without making the requests: 0 where none is missing. */
sg_status sg_requests_expect(struct sg_requests *r, int generator, int64_t *n,
                             struct sg_err *err) SG_MUST_USE;

/* Puts all answers of a recording into the ledger, and commits. without_failed: the failures that it has are left out. */
sg_status sg_requests_import(struct sg_requests *r, const char *recording, int without_failed,
                             struct sg_err *err) SG_MUST_USE;

/* ---- what came of it ---- */

/* All completions that the consumers have looked at, failed ones too, each once, by key. Strings are valid in `each` alone. */
sg_status sg_requests_each(struct sg_requests *r,
                           sg_status (*each)(void *context, const struct sg_ledger_completion *c,
                                             struct sg_err *err),
                           void *context, struct sg_err *err) SG_MUST_USE;

/* Consumer i is complete; what it has come to goes into the ledger when this returns. */
typedef sg_status (*sg_requests_complete)(void *context, int64_t i, struct sg_err *err);

/* Ends all consumers that are complete, as buying does: `complete`, then their results into the ledger (uncommitted). For who has the
 * answers put into the ledger by other ways than the dispatcher's. */
sg_status sg_requests_end_complete(struct sg_requests *r, sg_requests_complete complete, void *context,
                                   struct sg_err *err) SG_MUST_USE;

/* ---- buying ---- */

/* Whom to buy from, and who hears of consumers that are complete, once of each. All borrowed. */
sg_status sg_requests_attach(struct sg_requests *r, struct sg_dispatch *d, sg_requests_complete complete,
                             void *context, struct sg_err *err) SG_MUST_USE;

/* Consumer i, a pool that is made in rounds, waits for a classifier (sg_requests_fit_key): told once each time. Then sg_requests_put_fit, in
 * the end, and sg_requests_go_on. Where nobody is attached such pools stay where they are. */
typedef sg_status (*sg_requests_fit)(void *context, int64_t i, struct sg_err *err);
void sg_requests_attach_fits(struct sg_requests *r, sg_requests_fit fit, void *context);

/* What the classifier says, logits (n,K) of the pool's raw rows (sg_pool_fit_answer), goes into the ledger, and is durable. rank: that
 * computed it. */
sg_status sg_requests_put_fit(struct sg_requests *r, int64_t i, const float *logits, int rank,
                              struct sg_err *err) SG_MUST_USE;

/* Consumer i, which waited, moves on: as sg_requests_start. */
sg_status sg_requests_go_on(struct sg_requests *r, int64_t i, struct sg_err *err) SG_MUST_USE;

/* Moves all consumers on that wait for no other: from the ledger, then they are complete, or what they miss is queued as far as the
 * prefetch windows go; commits. */
sg_status sg_requests_start(struct sg_requests *r, struct sg_err *err) SG_MUST_USE;

/* Adds "sst2 zero_shot", or "sst2 classifier, 3 shots". */
void sg_requests_name(const struct sg_requests *r, int64_t i, struct sg_buf *out);

/* What consumer i still needs, as far as it is known; valid until it moves on. */
struct sg_requests_need {
    const char *id;           /* of its pool or evaluation */
    int64_t n_have, n_wanted; /* examples of a pool, answers of an evaluation */
    int64_t n_missing;        /* requests of its prefetch window that are not over */
    int64_t waits_for;        /* the consumer that has to be complete before; -1: none */
    int waits_for_fit;        /* it waits for a classifier */
};
struct sg_requests_need sg_requests_need(const struct sg_requests *r, int64_t i);

/* Requests that are known to be missing still, at most. */
int64_t sg_requests_n_left(const struct sg_requests *r);

#endif
