/* Inside of what a study needs: requests.c (the consumers), requests_window.c (buying for them), requests_results.c (what they come
 * to), acceptance.c (whether what is bought is of use). */
#ifndef SG_EXPERIMENTS_BUYING_REQUESTS_IMPL_H
#define SG_EXPERIMENTS_BUYING_REQUESTS_IMPL_H

#include "base/set.h"
#include "experiments/buying/requests.h"
#include "experiments/study/generators.h"

/* What a consumer has used, and its prefetch window. */
struct sg_consumer {
    struct sg_set *used;    /* keys of the completions that it has looked at */
    struct sg_set *fits;    /* keys of what classifiers have said that it has looked at */
    int is_fitting;         /* whoever fits was told that it waits */
    int64_t n_open;         /* requests of its window that are not over */
    int64_t next, n_behind; /* those of it that are not made yet: as in struct sg_request_list */
};

/* A consumer that misses what another one has asked for already. */
struct sg_shared_request {
    int64_t consumer;
    char key[SG_HEX];
};

struct sg_requests {
    const struct sg_prepared *p;
    struct sg_ledger *ledger;
    int64_t n;
    struct sg_consumer *consumer; /* (n) */

    /* Buying. */
    struct sg_dispatch *dispatch;
    struct sg_acceptance *acceptance;
    sg_requests_complete complete;
    void *context;
    sg_requests_fit fit; /* NULL: nobody is attached */
    void *fit_context;
    int64_t n_left;
    int64_t n_queued[SG_MAX_GENERATORS]; /* requests whose text is in memory */
    struct sg_set *asked;                /* keys of this run: one that is still missing is on its way */
    struct sg_shared_request *shared;    /* (n_shared) */
    int64_t n_shared;
};

/* ---- requests.c ---- */

/* NULL: the consumer is a pool. */
struct sg_evaluation *sg_requests_evaluation(const struct sg_requests *r, int64_t i);

/* The consumer that i waits for: it asks for nothing until that one is complete. -1: it does not wait; else it is smaller than i. */
int64_t sg_requests_waits_for(const struct sg_requests *r, int64_t i);

/* The keys of a set of them, sorted, since the order in which answers arrive must not show: pointers and, behind them, what they
 * point to. NULL without memory. */
const char **sg_requests_keys(const struct sg_set *s);

/* What would become of an answer to consumer i, without leaving anything behind: as sg_pool_preview; of an evaluation SG_ACCEPTED
 * where it names a class. */
sg_status sg_requests_preview(struct sg_requests *r, int64_t i, const struct sg_request *q,
                              const struct sg_found *f, enum sg_reject *reason,
                              struct sg_err *err) SG_MUST_USE;

/* Whether answers of consumer i may be alike: a classifier's are class names, and a row may be known with the name of its data set and without. */
int sg_requests_may_repeat(const struct sg_requests *r, int64_t i);

/* ---- requests_results.c ---- */

/* Puts what consumer i has come to into the ledger (uncommitted). */
sg_status sg_requests_store(struct sg_requests *r, int64_t i, struct sg_err *err) SG_MUST_USE;

#endif
