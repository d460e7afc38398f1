/* The LLM endpoint of a generator in a run: key, address, a check before any work; and their way to the other ranks. */
#ifndef SG_EXPERIMENTS_BUYING_ENDPOINT_H
#define SG_EXPERIMENTS_BUYING_ENDPOINT_H

#include "base/buf.h"
#include "experiments/study/study.h"
#include "gen/llm/client.h"
#include "mpi/comm.h"

struct sg_endpoint {
    struct sg_client *client; /* rank 0's, for the check; NULL: nothing is asked of it */
    const char *api_key;      /* NULL: none; owned by base/secret.h */
    char *base_url;           /* where the run sends its requests; NULL: nothing is to be bought */
    const char *origin;
};

/* Rank 0. Takes the key from the environment, and refuses what would fail later: no key for a provider's own address,
 * a price without a budget, a budget without a price, somebody else's server without one. */
sg_status sg_endpoint_open(struct sg_endpoint *e, const struct sg_generator *g, int64_t n_missing,
                           double budget_usd, struct sg_err *err) SG_MUST_USE;

/* Local. The keys of all generators leave this process's environment, whether or not they will be needed. */
void sg_endpoint_take_keys(const struct sg_study *s);

/* Rank 0. Asks the server once. */
sg_status sg_endpoint_check(struct sg_endpoint *e, struct sg_err *err) SG_MUST_USE;

/* Rank 0. Tells a person whom the run buys from and at which price, where that price is a published one: text for
 * standard error, with a warning when it is old. */
void sg_endpoint_tell(const struct sg_endpoint *e, const struct sg_generator *g, int quiet,
                      struct sg_buf *out);

/* Collective. Rank 0's key, address and prices to all ranks (*g: a copy of the study's): a launcher need not
 * hand $OPENAI_BASE_URL on to other nodes, and a key must not go to another address than the one it was meant for. */
sg_status sg_endpoint_share(struct sg_endpoint *e, struct sg_generator *g, const struct sg_team *world,
                            struct sg_err *err) SG_MUST_USE;

void sg_endpoint_close(struct sg_endpoint *e);

#endif
