/* Near-duplicates: which of many texts says nearly the same as a new one?
 *
 * Two texts are compared by the Jaccard index of their sets of shingles: runs of three words, after folding (gen/pool/parse.h); a
 * text of fewer words is one shingle; a pair's two texts are one. Candidates come from MinHash with locality-sensitive
 * hashing (Broder, "On the resemblance and containment of documents", SEQUENCES 1997; Leskovec, Rajaraman and Ullman,
 * "Mining of Massive Datasets", section 3.4): 128 permutations in 32 bands of 4 (thresholds from 0.7 on) or 64 bands of 2;
 * at the threshold itself a pair is missed with a chance of 2e-4 or less. Every candidate's index is then computed from the
 * two sets, so nothing is called similar that is not.
 *
 * The permutations are fixed, so answers are the same everywhere; only the places in the hash table are keyed anew each
 * time. About 600 bytes a text of 50 words. Local, one thread. */
#ifndef SG_GEN_POOL_NEAR_H
#define SG_GEN_POOL_NEAR_H

#include "base/buf.h"
#include "base/rows.h"

#include <stdint.h>

enum { SG_NEAR_SHINGLE = 3 };
#define SG_NEAR_MARK 0.8 /* what is marked as similar where no filter says another threshold */
#define SG_NEAR_MIN  0.5 /* the lowest threshold: below it the bands would miss too much */

/* Where the similar text is. */
enum sg_near_kind { SG_NEAR_NONE, SG_NEAR_RAW, SG_NEAR_TEST, SG_NEAR_POOL, SG_N_NEAR_KINDS };
const char *sg_near_name(enum sg_near_kind k); /* "", "raw", "test", "pool" */

struct sg_near_match {
    enum sg_near_kind kind; /* SG_NEAR_NONE: nothing reaches the threshold */
    int64_t index;          /* row of the file, or position in the pool */
    double similarity;      /* Jaccard index, 0 to 1 */
};

struct sg_near;

/* threshold: SG_NEAR_MIN to 1. */
sg_status sg_near_create(double threshold, struct sg_near **out, struct sg_err *err) SG_MUST_USE;
void sg_near_destroy(struct sg_near *n);
double sg_near_threshold(const struct sg_near *n);

/* So many texts will be added: memory is taken for them at once when the first one is. */
void sg_near_expect(struct sg_near *n, int64_t n_texts);

/* Adds one text (not kept: only its hashes are). */
sg_status sg_near_add(struct sg_near *n, enum sg_near_kind kind, int64_t index, const char *first,
                      const char *second, struct sg_err *err) SG_MUST_USE;

/* What a text looks like to any table of the same threshold, so that one that is looked for here and there and then added is
 * read once. */
enum { SG_NEAR_MAX_BANDS = 64 };
struct sg_near_text {
    int32_t n;
    uint64_t *shingle; /* (n) ascending, distinct */
    uint32_t band[SG_NEAR_MAX_BANDS];
};
/* folded: as sg_near_fold makes it. */
sg_status sg_near_read(const struct sg_near *n, const char *folded, struct sg_near_text *out,
                       struct sg_err *err) SG_MUST_USE;
/* Appends what is compared of a text or a pair. */
void sg_near_fold(const char *first, const char *second, struct sg_buf *out);

/* Of one that holds added rows alone: gives back what it takes for them until somebody searches again, who has them hashed anew. */
void sg_near_rest(struct sg_near *n);

void sg_near_text_free(struct sg_near_text *t);
sg_status sg_near_search(struct sg_near *n, const struct sg_near_text *t, struct sg_near_match *out,
                         struct sg_err *err) SG_MUST_USE;
/* Adds it, with a copy of its shingles. */
sg_status sg_near_keep(struct sg_near *n, enum sg_near_kind kind, int64_t index, const struct sg_near_text *t,
                       struct sg_err *err) SG_MUST_USE;

/* Adds all rows, borrowed until then, before the next search: a study whose pools are never filled pays nothing. At most
 * two sets. */
void sg_near_add_rows(struct sg_near *n, enum sg_near_kind kind, const struct sg_rows *rows);

/* The most similar text at or above the threshold, the one added first where several are equal. */
sg_status sg_near_find(struct sg_near *n, const char *first, const char *second, struct sg_near_match *out,
                       struct sg_err *err) SG_MUST_USE;

#endif
