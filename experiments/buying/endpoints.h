/* The LLM endpoints of a study on this rank, one a generator: key, address, a check before any work; and their way from rank 0 to the
 * other ranks.
 *
 *     sg_endpoints_create(study, &e, err);                      every rank
 *     sg_endpoints_open(&e, &settings, err);                    rank 0: those that have something to answer
 *     sg_endpoints_take_keys(study);                            every rank
 *     sg_endpoints_share(&e, world, err);                       collective
 *     ... sg_dispatch_kind(&e.sender), sg_dispatch_attach(d, engine, kind, &e) ...
 *     sg_endpoints_close(&e); */
#ifndef SG_EXPERIMENTS_BUYING_ENDPOINTS_H
#define SG_EXPERIMENTS_BUYING_ENDPOINTS_H

#include "base/buf.h"
#include "experiments/buying/batch.h"
#include "experiments/buying/sender.h"
#include "experiments/study/study.h"
#include "mpi/comm.h"

struct sg_endpoint {
    struct sg_generator
        generator;            /* a copy of the study's; once it is shared, with rank 0's address and prices */
    struct sg_client *client; /* rank 0's, for the check; NULL: nothing is asked of it */
    const char *api_key;      /* NULL: none; owned by base/secret.h */
    char *base_url;           /* where the run sends its requests; NULL: nothing is to be bought */
    const char *origin;
    struct sg_err unreachable; /* why its batches cannot be looked after; text "": they can */
};

struct sg_endpoints {
    int n;
    struct sg_endpoint *endpoint; /* (n) in the study's order of generators */
    struct sg_sender sender;      /* this rank's, once they are shared */
};

/* *e: zero. Opens nothing. close also after a failure. */
sg_status sg_endpoints_create(const struct sg_study *s, struct sg_endpoints *e,
                              struct sg_err *err) SG_MUST_USE;
void sg_endpoints_close(struct sg_endpoints *e);

struct sg_endpoints_settings {
    const struct sg_study *study;
    struct sg_requests *requests; /* what is missing */
    struct sg_ledger *ledger;     /* gets published prices, which no other record has (committed) */
    double budget_usd;            /* < 0: none */
    enum sg_batch_action batch;   /* those whose batches are to be sent or looked after */
    int quiet;
};

/* Rank 0. Opens the endpoints that have something to answer: takes the key from the environment, refuses what would fail later (no key
 * for a provider's own address, a price without a budget, a budget without a price, somebody else's server without one), tells people
 * on standard error whom the run buys from and at which published price, and asks the server once. */
sg_status sg_endpoints_open(struct sg_endpoints *e, const struct sg_endpoints_settings *s,
                            struct sg_err *err) SG_MUST_USE;

/* Rank 0. SG_INPUT, in the words of sg_endpoints_open, where a generator has neither a key nor an address, and
 * something is missing of it (sg_requests_expect): what takes seconds where opening the endpoints, which needs the true number, takes minutes. */
sg_status sg_endpoints_check_keys(const struct sg_study *s, struct sg_requests *r,
                                  struct sg_err *err) SG_MUST_USE;

/* Local. The keys of all generators leave this process's environment, whether or not they will be needed. */
void sg_endpoints_take_keys(const struct sg_study *s);

/* Collective. Rank 0's keys, addresses and prices to all ranks, and each rank's sender: a launcher need not hand $OPENAI_BASE_URL on to
 * other nodes, and a key must not go to another address than the one it was meant for. A server at a loopback address or a Unix socket is on
 * rank 0's node, and ranks of other nodes send it nothing. */
sg_status sg_endpoints_share(struct sg_endpoints *e, const struct sg_team *world,
                             struct sg_err *err) SG_MUST_USE;

#endif
