/* Batches: examples as token ids, how a batch is dealt into lanes, and the packed lanes that a rank or a
 * thread computes. */
#ifndef SG_MODEL_LANES_H
#define SG_MODEL_LANES_H

#include "model/config.h"
#include "model/tokenizer/tokenizer.h"
#include "model/train.h"

/* Encoded examples: ids and types of example i are [start[i], start[i+1]). */
struct sg_tokens {
    int64_t n, longest;
    int64_t *start; /* (n+1) */
    int32_t *id, *type;
};

/* Local. Encodes rows to at most max_length tokens (cut to what the encoder has positions for). */
sg_status sg_tokens_create(const struct sg_config *c, const struct sg_tokenizer *t,
                           const struct sg_examples *x, int64_t max_length, struct sg_tokens *out,
                           struct sg_err *err) SG_MUST_USE;
void sg_tokens_destroy(struct sg_tokens *t);

/* The largest power of two <= 8 that leaves a lane at least 48 tokens of a mean batch: with fewer, summing the weight
 * gradients lane by lane costs a step more than 3 % (tests/bench/fine_tune, lanes=1,2,4,8). */
int64_t sg_lanes_auto(const struct sg_tokens *t, int64_t batch);

/* Deals examples (index (n) into t) over `lanes`: first to two halves of the lanes, then each half's to its halves, and so
 * on, since ranks and threads own halves of halves. The costliest first, each to the half with less so far, the lower
 * one when they are equal. A cost is that of arithmetic: n (6C + n) for n tokens. lane_of (n); scratch: n + lanes
 * int64. */
void sg_lanes_deal(const struct sg_tokens *t, const int64_t *index, int64_t n, int64_t lanes, int64_t C,
                   int64_t *lane_of, int64_t *scratch);

/* Below it a probability that a loss is divided by counts as this: one example must not decide over a step. */
#define SG_LEAST_P 1e-6

/* Packed sequences, lane after lane. */
struct sg_batch {
    int64_t B, T;             /* sequences, tokens */
    int n_lanes;              /* closed so far */
    int64_t *lane;            /* (n_lanes+1) first sequence of each lane */
    int64_t *lane_token;      /* (n_lanes+1) its first token */
    int64_t *start;           /* (B+1) first token of each sequence */
    int32_t *row[3];          /* (T) rows in the tables word, position, type */
    int32_t *token, *example; /* (T) what dropout masks are keyed with */
    int32_t *first,
        *seq_example; /* (B) the same for first tokens: zeros, and the sequence's place in the batch */
    int32_t *label;   /* (B) */
    float *quality;   /* (B) of struct sg_examples; -1 where there is none */
};

sg_status sg_batch_create(int64_t max_B, int64_t max_T, int max_lanes, struct sg_batch *out,
                          struct sg_err *err) SG_MUST_USE;
void sg_batch_destroy(struct sg_batch *b);
void sg_batch_clear(struct sg_batch *b);
/* Adds example i of t to the open lane; word_row maps ids to rows (NULL: the same). */
void sg_batch_add(struct sg_batch *b, const struct sg_config *c, const struct sg_tokens *t, int64_t i,
                  const int32_t *word_row, int64_t place, int32_t label, float quality);
void sg_batch_close_lane(struct sg_batch *b);

/* Rows of the tables that example i's tokens use, written to row[k] + at: as sg_batch_add does. */
void sg_table_rows(const struct sg_config *c, const struct sg_tokens *t, int64_t i, const int32_t *word_row,
                   int32_t *word, int32_t *position, int32_t *type);

#endif
