/* All that a study needs before any work: settings, rows, encoder, grid and pools, checked against each
 * other.
 *
 * `plan` prints it, `run` works on it. Rank 0 only, but for SG_PREPARE_WORKER. */
#ifndef SG_EXPERIMENTS_STUDY_PREPARE_H
#define SG_EXPERIMENTS_STUDY_PREPARE_H

#include "experiments/study/evaluation.h"
#include "experiments/study/lacks.h"
#include "experiments/study/study.h"
#include "gen/pool/pool.h"
#include "model/assume.h"

/* Mean tokens of a task's rows as the encoder reads them: cut at train.max_length and at its positions. Estimated, from bytes. */
struct sg_row_lengths {
    double train, test, held_out; /* held_out: of the test rows and the further test sets */
};

struct sg_prepared {
    struct sg_study *study;
    struct sg_encoder *encoder;
    struct sg_task_data *data;     /* (n_tasks) */
    struct sg_lacks lacks;         /* with SG_PREPARE_ASSUME: what is missing or wrong */
    char assumed[SG_ASSUMED];      /* of the encoder, where that is missing; else "" */
    struct sg_row_lengths *length; /* (n_tasks) */
    char *classifier;              /* struct sg_rounds's: the study's probe */
    int64_t n_draws;               /* of the raw rows, that have few-shot pools of their own */
    struct sg_rows *shots;         /* (n_tasks, n_draws), see sg_prepared_shots */
    struct sg_imported *
        imported; /* (n_tasks, n_imports) rows of pools that others have made; empty where there are none for the task */
    struct sg_near **near; /* (n_tasks): training and test rows, where near-duplicates are looked for */
    struct sg_folded **raw_folded,
        **test_folded; /* (n_tasks, n_draws), (n_tasks): what no example may repeat */
    struct sg_grid grid;
    struct sg_pool **pool; /* (grid.n_pools) */
    int64_t n_evaluations;
    struct sg_evaluation **evaluation; /* (n_evaluations) */
    int64_t *verification;             /* (grid.n_pools): which of them verifies the pool; -1: none */
};

/* What is left out: all but study and encoder (other ranks need no more); the encoder's weights (who does not train). Assume: an encoder and
 * rows that are missing or wrong are no failure, they are listed in `lacks` and something stands for them (model/assume.h,
 * sg_task_data_assume); such a study cannot be run. */
enum { SG_PREPARE_WORKER = 1, SG_PREPARE_NO_WEIGHTS = 2, SG_PREPARE_ASSUME = 4 };

/* Reads the study, then everything it names but what is left out. On failure *out is NULL. */
sg_status sg_prepare(const char *study, int n_overrides, const char *const *overrides, int without,
                     struct sg_prepared **out, struct sg_err *err) SG_MUST_USE;
void sg_prepared_destroy(struct sg_prepared *p);

/* Whether it has methods that need the encoder's masked-LM head, and pools of them. */
int sg_study_needs_words(const struct sg_study *s);

/* The raw rows that few-shot examples come from: the study's smallest raw size of that draw, so that no cell sees more labelled rows than
 * its raw size says. Evaluations of the LLM take those of draw 0. Borrowed. */
const struct sg_rows *sg_prepared_shots(const struct sg_prepared *p, int task, int64_t draw);

/* What an LLM has said of the pool that the cell sees by it; NULL: it sees it otherwise. */
const struct sg_evaluation *sg_cell_verification(const struct sg_prepared *p, const struct sg_cell *c);
/* What it waits for, as experiments/buying/requests.h counts: its pool (the grid's), or the evaluation that verifies that; -1: nothing. */
int64_t sg_cell_waits_for(const struct sg_prepared *p, const struct sg_cell *c);
/* Whether all of that is complete. */
int sg_cell_is_ready(const struct sg_prepared *p, const struct sg_cell *c);

/* JSON objects for the ledger (sg_free): what a cell and a pool are. */
char *sg_cell_settings(const struct sg_prepared *p, const struct sg_cell *c);
char *sg_pool_settings(const struct sg_prepared *p, int64_t pool);

/* What training and evaluating a cell takes, in seconds of a core at SG_CORE_FLOPS: what the encoder cannot do without (sg_train_flops) for the
 * optimiser's steps, min_steps included, on rows of sg_row_lengths, a forward pass over all held-out rows, and one of the frozen layers
 * over the training rows. With bf16 it is divided by
 * SG_BF16_FACTOR. */
#define SG_CORE_FLOPS                                                                                        \
    50e9 /* measured: 50 to 70 a core with AVX2 and about 100 of peak, MiniLM and the shape of RoBERTa-base */
#define SG_BF16_FACTOR 1.5 /* with AVX512-BF16: a step takes 1.4 to 1.6 times less time (CHANGELOG.md) */
double sg_cell_cost(const struct sg_prepared *p, const struct sg_cell *c);

/* The training rows of the cell that has most tokens, for sg_train_memory. */
struct sg_train_rows sg_cell_most_rows(const struct sg_prepared *p);

#endif
