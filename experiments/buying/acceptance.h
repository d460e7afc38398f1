/* Paid answers of which none counts: a model that only thinks, a server that ignores temperature and seed, empty lists. Looks at each
 * answer as it comes, since a pool is only advanced when all that it asked for is there.
 *
 * After SG_ACCEPTANCE_WARN answers in a row without a good example, of one consumer or of one generator, there is a warning with the reason and
 * the last of them; after generator.max_rejected of a generator, or of a consumer that never had a good one, buying from it should end.
 *
 * Rank 0 only, one thread at a time. */
#ifndef SG_EXPERIMENTS_BUYING_ACCEPTANCE_H
#define SG_EXPERIMENTS_BUYING_ACCEPTANCE_H

#include "base/buf.h"
#include "experiments/buying/requests_impl.h"

enum { SG_ACCEPTANCE_WARN = 20 };

struct sg_acceptance;

/* Borrows both until destroy. */
sg_status sg_acceptance_create(const struct sg_prepared *p, struct sg_requests *r, struct sg_acceptance **out,
                               struct sg_err *err) SG_MUST_USE;
void sg_acceptance_destroy(struct sg_acceptance *w);

/* An answer to consumer i has come (status SG_OK). Adds a line to *warning where there is news, and to *stop why buying from the consumer's
 * generator should end. */
sg_status sg_acceptance_answer(struct sg_acceptance *w, int64_t i, const char *request,
                               const struct sg_answer *answer, struct sg_buf *warning, struct sg_buf *stop,
                               struct sg_err *err) SG_MUST_USE;

#endif
