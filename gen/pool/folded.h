/* Rows whose texts examples may not repeat, for all pools of a task at once: each text folded (sg_near_fold), and kept as its digest.
 * They are folded when the first pool asks, so that who only plans does not pay for it. Local. */
#ifndef SG_GEN_POOL_FOLDED_H
#define SG_GEN_POOL_FOLDED_H

#include "base/rows.h"
#include "base/set.h"

struct sg_folded;

/* rows: borrowed; NULL: none. */
sg_status sg_folded_create(const struct sg_rows *rows, struct sg_folded **out,
                           struct sg_err *err) SG_MUST_USE;
void sg_folded_destroy(struct sg_folded *t);

/* Whether one of them has this digest (SHA-256) when folded. */
sg_status sg_folded_have(struct sg_folded *t, const unsigned char digest[32], int *yes,
                         struct sg_err *err) SG_MUST_USE;

#endif
