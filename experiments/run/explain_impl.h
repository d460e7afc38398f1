/* Inside of `explain`: explain.c (which cell), explain_facts.c (what is known of it, as an object), explain_text.c (that in words). */
#ifndef SG_EXPERIMENTS_RUN_EXPLAIN_IMPL_H
#define SG_EXPERIMENTS_RUN_EXPLAIN_IMPL_H

#include "experiments/run/explain.h"
#include "results/ledger/ledger_look.h"

#include <jansson.h>

/* A row of the ledger's cells, kept. */
struct sg_explained {
    char *id, *pool, *status, *reason, *created; /* "" where there is none */
    int64_t ordinal;
    json_t *settings, *result; /* objects, empty where the row has none or no JSON */
};

/* Its facts as one object, new; members as docs/watching.md has them. */
sg_status sg_explain_facts(struct sg_ledger *l, const char *folder, const struct sg_explained *c,
                           json_t **out, struct sg_err *err) SG_MUST_USE;

/* Adds the object in words. */
void sg_explain_text(const json_t *facts, struct sg_buf *out);

#endif
