/* One training run in memory: everything that its steps read and write, made once. Inside model/ only.
 *
 * train.c is the order of things (set-up, steps, evaluation, digest), trainer.c makes and destroys this
 * struct, step.c is one step. */
#ifndef SG_MODEL_TRAINER_H
#define SG_MODEL_TRAINER_H

#include "model/adamw.h"
#include "model/checkpoint.h"
#include "model/encoder.h"
#include "model/frozen.h"
#include "mpi/reduce.h"

struct sg_trainer {
    const struct sg_encoder *e;
    struct sg_config config;                /* the encoder's, with the layers in use; not to be freed */
    const struct sg_examples *train, *eval; /* eval may be NULL */
    const struct sg_team *team;
    const struct sg_ops *ops;
    int64_t batch, n_steps, steps_per_epoch, n_frozen;
    uint64_t seed;
    double dropout, attention_dropout, head_dropout;
    int64_t lanes;
    int lane_lo, lane_hi; /* this rank's */
    int cores, threads;   /* cores: for evaluation; threads: no more than lanes */

    struct sg_tokens train_tokens, eval_tokens;
    int32_t *
        word_row; /* (vocabulary) id to row of the small word table, or -1. NULL: frozen, the encoder's is read */
    int32_t *row_id;                    /* (V) and back, ascending */
    struct sg_layout layout;            /* V: only the words that train and eval use */
    float *arena;                       /* (n_total - at_arena) */
    struct sg_params params, gradients; /* of params what is frozen lies in the encoder */
    struct sg_frozen frozen;            /* filled by sg_trainer_freeze */
    struct sg_adamw adamw;
    struct sg_batch local;  /* this rank's lanes */
    struct sg_batch global; /* the whole batch, for the tables' rows */
    struct sg_acts acts;
    int64_t *order;      /* (n) this epoch's */
    int64_t *local_text; /* (local_B) the local batch's, with frozen layers */
    int64_t *lane_of, *deal_scratch;
    int64_t *slot_start, *slot_token; /* this rank's tokens, slot by slot */
    float *thread_scratch;            /* (threads, n_thread_scratch) */
    int64_t n_thread_scratch;
    struct sg_reduction *reduction; /* NULL: alone, or MPI_Allreduce instead */
    int64_t *row_cut;               /* (size+1) pieces of this step's table rows */
    double *shared; /* losses (batch) by place in the batch, how many ranks want to stop, keep, blocks'
                       squares */
    double keep;    /* before a step: rank 0's word, 0 on others; after it: rank 0's, on all */
    double wait_s;  /* spent on the team: moving what compute had no time for, and waiting */
    struct sg_reduce_count count; /* sent, without the reduction's own */
};

sg_status sg_trainer_create(const struct sg_encoder *e, const struct sg_train_settings *s,
                            const struct sg_examples *train, const struct sg_examples *eval,
                            const struct sg_team *team, struct sg_trainer *t, struct sg_err *err) SG_MUST_USE;
void sg_trainer_destroy(struct sg_trainer *t);

/* Collective, before the first step: computes what the frozen layers give for each text; nothing to do where none is. */
sg_status sg_trainer_freeze(struct sg_trainer *t, struct sg_err *err) SG_MUST_USE;

/* Gives back what steps alone need (gradients, optimiser, activations: most of the memory) when there will be no more: an evaluation takes
 * memory of its own. */
void sg_trainer_end_steps(struct sg_trainer *t);

/* Shuffles t->order for an epoch, as a function of seed and epoch. */
void sg_trainer_shuffle(struct sg_trainer *t, int64_t epoch);
/* Examples of a step, within t->order (after its epoch's shuffle). */
const int64_t *sg_trainer_examples(const struct sg_trainer *t, int64_t step, int64_t *n);

/* Collective. One optimiser step. stopping: this rank's wish; stop: whether any rank has it. loss: the
 * batch's mean. */
sg_status sg_trainer_step(struct sg_trainer *t, int64_t step, int stopping, int *stop, double *loss,
                          int64_t *n_tokens, struct sg_err *err) SG_MUST_USE;

#endif
