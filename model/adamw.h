/* AdamW over the arena: dense parameters in blocks, tables row by row.
 *
 * In a team, m and v of the dense part exist on the rank that owns the block (model/shards.h), which alone
 * squares and updates it; the rest is for the caller to exchange. The tables' state is on every rank.
 *
 * What is frozen (sg_shape) has no part in it: no gradient, no m and v, no decay, no place in the norm, as in PyTorch
 * where requires_grad is False. The tables are then empty here.
 *
 * A table's row whose gradient is zero still moves: it decays, and its momentum runs out. That depends on the
 * row and the step numbers alone, so it is done later, when the row is next read or at the end: the same
 * operations in the same order as a dense update, hence the same bits, at the price of the rows in use. */
#ifndef SG_MODEL_ADAMW_H
#define SG_MODEL_ADAMW_H

#include "model/kernels/ops.h"
#include "model/shards.h"

struct sg_adamw_table {
    int64_t n_rows, C;
    float *p, *m, *v; /* (n_rows,C); p lies in the parameters' arena */
    int64_t *n_done;  /* (n_rows) steps applied */
    char *has_state;  /* (n_rows) */
    int32_t *slot;    /* (n_rows) the row's place in this step's list, or -1 */
    int32_t *row;     /* (n_slots) rows that this step's batch uses */
    int64_t n_slots, max_slots;
};

struct sg_adamw {
    const struct sg_ops *ops;
    const struct sg_layout *layout;
    float *p;     /* the dense part */
    float *m, *v; /* (n_state) of the own pieces, bucket after bucket */
    float *g;     /* the dense part's, then the tables' slots' */
    int64_t n_dense, n_state;
    int rank, size;
    int64_t *cut; /* (buckets, size+1) as sg_shards_cut */
    struct sg_block *block;
    int64_t n_blocks;
    int64_t *own;       /* (n_own) the own blocks, ascending */
    int64_t *own_start; /* (buckets+1) each bucket's first in own */
    int64_t n_own;
    double *partial; /* (n_blocks + slots) sums of squares */
    struct sg_adamw_table table[3];
    struct sg_adam *step; /* (n_steps) what each step did, for rows that follow later */
    int64_t n_steps, n_done;
    double lr, weight_decay, clip;
    int64_t n_warmup;
};

/* Local. arena: of n_total - at_arena floats. max_tokens: of one whole batch. rank of size ranks: whose pieces this one's are. lr, n_warmup,
 * weight_decay and clip are set by the caller after it. */
sg_status sg_adamw_create(const struct sg_ops *ops, const struct sg_layout *layout, float *arena,
                          int64_t max_tokens, int64_t n_steps, int rank, int size, struct sg_adamw *out,
                          struct sg_err *err) SG_MUST_USE;
void sg_adamw_destroy(struct sg_adamw *o);
/* Bytes of it on one rank alone. */
size_t sg_adamw_bytes(const struct sg_layout *layout, int64_t max_tokens);

/* The cuts of a bucket (size+1). */
const int64_t *sg_adamw_cut(const struct sg_adamw *o, int bucket);
/* Copies the own pieces of m or v (n_state) to their places in dense (n_dense), or back. */
void sg_adamw_spread(const struct sg_adamw *o, const float *state, float *dense);
void sg_adamw_collect(const struct sg_adamw *o, const float *dense, float *state);

/* Lists the rows (n of each table) that the next step's batch uses, in order of first use. Then
 * sg_adamw_follow for each listed row, by any thread: brings it up to date. n_slots: of all tables. */
void sg_adamw_list(struct sg_adamw *o, int table, const int32_t *row, int64_t n);
int64_t sg_adamw_n_slots(const struct sg_adamw *o);
void sg_adamw_follow(struct sg_adamw *o, int64_t i);
/* Slot i's gradient (C), i counted over the three tables. */
float *sg_adamw_slot_gradient(struct sg_adamw *o, int64_t i);

/* What this rank squares and updates: its own blocks, then the slots. */
int64_t sg_adamw_n_items(const struct sg_adamw *o);

/* Sum of squares of item i into its place of partial, by any thread; those of other ranks' blocks are for the
 * caller to fetch. Then the norm, summed in the order of blocks and slots. */
void sg_adamw_square(struct sg_adamw *o, int64_t i);
double sg_adamw_norm(const struct sg_adamw *o);

/* One step with that norm: begin, then update for every item by any thread, then end. */
void sg_adamw_begin(struct sg_adamw *o, double norm);
void sg_adamw_update(struct sg_adamw *o, int64_t i);
void sg_adamw_end(struct sg_adamw *o);

/* Brings a row of a table up to date outside the lists: at the end of training. */
void sg_adamw_finish_row(struct sg_adamw *o, int table, int64_t row);

/* Linear warm-up, then linear decay to 0, as transformers' get_linear_schedule_with_warmup. */
double sg_adamw_rate(const struct sg_adamw *o, int64_t step);

#endif
