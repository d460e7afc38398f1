/* Pools that are made in rounds (error_driven): where a round ends, and which raw rows the next one shows.
 *
 * When a round is full, a classifier is fitted twice (who does that: experiments/run/round_work.h): to the raw rows of one half and the
 * pool so far, and to those of the other half and the pool so far. Each row is looked at by the one that has not seen it. The rows of
 * each class that are wrong, or nearly so, are what the prompts of the next round show.
 *
 * The rows' halves: the rows of a class in turn, in the order in which they are given (which sg_raw_draw has drawn); class k begins with
 * half k % 2. A class of one row is in one half, and the other half knows it by the pool alone.
 *
 * All of it is pure. */
#ifndef SG_GEN_POOL_ROUNDS_H
#define SG_GEN_POOL_ROUNDS_H

#include "base/err.h"

#include <stdint.h>

/* How a study makes them. n 0: its pools are not made in rounds. */
struct sg_rounds {
    int64_t n;     /* rounds of the first `first` positions */
    int64_t first; /* the study's smallest size */
    const char
        *classifier; /* what the fit depends on but for rows and texts: encoder, pooling, C; part of ids */
};

enum {
    SG_ROUNDS_SHOWN = 3, /* rows that a prompt shows, drawn anew for each */
    SG_ROUNDS_LEAST =
        4, /* rows of a class that are chosen at least, where there are so many: nearly wrong ones fill up */
};

/* The round of position j, from 0, and where it ends: the first position behind it. The first `first` positions are n rounds, equally long
 * but for one; from there on a round ends whenever the pool has doubled. So a larger pool begins with the smaller one, and any size is a
 * prefix: what a size holds does not depend on which larger ones there are. */
int64_t sg_rounds_of(const struct sg_rounds *r, int64_t j, int64_t *end);

/* half (n), 0 or 1: of rows of these classes, 0 to K-1. count: (K) scratch. */
void sg_rounds_halves(const int32_t *label, int64_t n, int K, int64_t *count, int32_t *half);

/* Rows that a prompt may show, class by class. */
struct sg_hard_rows {
    int64_t *row;   /* (start[K]) indices into the raw rows, the smallest margin first */
    int64_t *start; /* (K + 1) */
    int64_t n_wrong;
};

/* logits (n,K) of the rows, each by the classifier that has not seen it. Chosen of each class: the rows that are taken for another
 * class, and those with the smallest margin (the logit of the row's class less the largest of the others) up to SG_ROUNDS_LEAST; of equal
 * margins the first row. */
sg_status sg_rounds_choose(const float *logits, const int32_t *label, int64_t n, int K,
                           struct sg_hard_rows *out, struct sg_err *err) SG_MUST_USE;

/* {"n_rows": 40, "n_wrong": 7, "rows": [[of class 0, ...], ...]}: new memory (sg_free), NULL without it; and back. The text comes from a
 * ledger or recording: SG_INPUT where it does not fit these rows. */
char *sg_hard_rows_text(const struct sg_hard_rows *h, int64_t n, int K);
sg_status sg_hard_rows_read(const char *text, const int32_t *label, int64_t n, int K,
                            struct sg_hard_rows *out, struct sg_err *err) SG_MUST_USE;

void sg_hard_rows_free(struct sg_hard_rows *h); /* leaves it empty */

#endif
