/* Fine-tuning and inference: the surface of model/ that cells, `train` and `predict` use.
 *
 * An sg_encoder is a pre-trained checkpoint in memory with its tokenizer: read-only, its weights once a node,
 * shared by cells. An sg_model is a classifier: a copy of the encoder's weights with a head of K classes,
 * trained or loaded.
 *
 *     sg_encoder_load("data/encoders/minilm-l6", &encoder, err);
 *     sg_train(encoder, &settings, &train, &eval, team, NULL, &model, &result, err);    collective over the team
 *     sg_model_save(model, class_names, "out/", err);                                   what transformers loads
 *
 * The result depends on encoder, settings and rows alone, to the bit: not on ranks, threads or the machine's
 * load. */
#ifndef SG_MODEL_TRAIN_H
#define SG_MODEL_TRAIN_H

#include "base/rows.h"
#include "base/sha256.h"
#include "model/problem.h"
#include "model/train_settings.h"
#include "mpi/comm.h"

#include <stdint.h>

struct sg_encoder;
struct sg_model;

/* Epochs 3, min_steps 100, batch 16, max_length 256, lr auto, warmup 0.1, weight_decay 0.01, clip 1, dropout as config.json says; else 0. */
struct sg_train_settings sg_train_defaults(void);

/* Local. Optimiser steps on n rows. */
int64_t sg_train_n_steps(const struct sg_train_settings *s, int64_t n);

/* Local. Steps of warm-up: warmup * n_steps, rounded down. transformers takes the ceiling (TrainingArguments.get_warmup_steps), which is one step
 * more wherever the product is no whole number: with the default of a tenth, 15 steps have 1 here and 2 there, 7 have 0 and 1. Rounded
 * down, since it is part of every digest that has been published: the ceiling would change the weights of most cells, the quickstart's
 * too, under the same ids. And the step at rate 0 that warm-up begins with would be one of a handful. */
int64_t sg_train_n_warmup(const struct sg_train_settings *s, int64_t n_steps);

/* Local. The peak rate for an encoder, where lr is auto: 5e-5 (768 / C)^2 for C channels, in [1e-5, 1e-3]: 5e-5 for the shape of
 * BERT-base (Devlin et al. 2019, appendix A.3: 2e-5 to 5e-5), 2e-4 for MiniLM's 384. Smaller encoders take larger rates (Turc et al.
 * 2019 used 1e-4 and 3e-4 for theirs). Measured: tests/bench/README.md, "Defaults that learn". */
double sg_train_auto_lr(const struct sg_encoder *e);

/* Local. s->lr, or where that is auto sg_train_auto_lr. */
double sg_train_lr(const struct sg_encoder *e, const struct sg_train_settings *s);

/* How much n rows are trained, in steps at the automatic rate: a higher one counts for as much as four of them at most. Below
 * SG_TRAIN_FEW_STEPS a cell often predicts one class alone (measured, see there). */
enum { SG_TRAIN_FEW_STEPS = 15 };
double sg_train_effective_steps(const struct sg_encoder *e, const struct sg_train_settings *s, int64_t n);

/* Rows with class indices. label may be NULL for inference. Borrowed. */
struct sg_examples {
    int64_t n;
    const struct sg_row *row;
    const int32_t *label; /* (n), in [0, K) */
    enum sg_cut cut;
    int n_classes; /* K */
    /* (n) or NULL: how probable a classifier of real rows thinks the row's label. Where it is >= 0, the row's loss counts quality / p times,
     * p being what the model in training gives the label then: the DIMP loss of Kuo et al. (ICLR 2025, arXiv 2410.21526). p counts as
     * SG_LEAST_P (model/lanes.h) at least. -1: the loss counts once. */
    const float *quality;
};

/* A file (model/snapshot.h) that a run which was cut off goes on from, with the same bits, on a team of any
 * size. The caller removes it when the result is safe. */
struct sg_train_snapshot {
    const char *path; /* NULL: none; the same on all ranks, of which team rank 0 alone opens it */
    double every_s;   /* seconds between two writings */
    double least_s;   /* a run that is stopped later than this writes one more */
    int may_fail; /* what is not this run's or damaged is removed, and a run that is stopped may leave none;
                     else both are errors. A disk that fails before that ends no run: it is tried again */
};

/* For work whose team may become another one between two steps (mpi/engine.h): the run leaves its state in the memory of team rank 0 and
 * returns SG_STOPPED; the next team, whose rank 0 is the same process, goes on from it with the same bits. On all ranks of a team or on none;
 * but for `yielding` only rank 0's is looked at. */
struct sg_train_handover {
    void *
        state; /* in: what the team before left, or NULL; freed by sg_train. out: what this one leaves (sg_free), or NULL: it does not */
    size_t n_state;
    int (*yielding)(void *context); /* team rank 0, before each step; context: the hooks' */
    double
        least_s; /* no yielding with less of training left than this, or than six times what beginning took; < 0: in any case */
};

/* Local. Makes the folder, and tries whether the file can be written there: else SG_INPUT. */
sg_status sg_train_snapshot_check(const char *path, struct sg_err *err) SG_MUST_USE;

/* Local. Removes it, and what a killed writer has left of one. */
void sg_train_snapshot_remove(const char *path);

/* clang-format off */
struct sg_train_hooks {
    void (*progress)(void *context, int64_t step, int64_t n_steps, double loss); /* team rank 0, after each step */
    int (*stopping)(void *context);                     /* any rank, before each step; the team agrees, then SG_STOPPED */
    void (*warn)(void *context, const char *text);      /* team rank 0: what a person should know, but ends no run */
    void (*saved)(void *context, int64_t step);         /* team rank 0: the snapshot has so many steps */
    void *context;
    struct sg_train_snapshot snapshot;
    struct sg_train_handover *handover;                 /* NULL: the team stays */
};
/* clang-format on */

/* clang-format off */
struct sg_train_result {
    int64_t n_steps, n_tokens;            /* real tokens trained on, over all steps */
    double train_s, eval_s, tokens_per_s; /* train_s: with that of the runs that were resumed, and with the frozen layers' */
    int64_t first_step;                   /* resumed from a file after so many steps; 0: from the start */
    double rank_s;                        /* train_s, each team's times its ranks */
    int64_t n_teams, most_ranks;          /* that trained it, one after the other (1: never resumed or handed over); of the largest */
    float *loss;                          /* (n_steps) mean cross-entropy of each step's batch, on every rank */
    float *logits;                        /* (n_eval, K), on every rank; NULL without eval */
    int64_t n_eval;
    int n_classes;
    char digest[SG_HEX];                  /* SHA-256 of the final weights: all tensors in the model's order, little-endian float32 */
    size_t peak_mem_bytes;                /* this rank's, with its share of what its node's ranks have in common */
    int64_t lanes, threads;               /* as used */
    const char *kernels;                  /* static; this rank's (model/kernels/ops.h): avx512, avx2, base, ref */
    const char *rounding;                 /* static; all ranks': fused, plain, reference, bf16, reference-bf16. Equal bits need the same */
    double wait_s;                        /* of train_s: this rank waited for its team, or moved data that had not moved beside the arithmetic */
    int64_t n_messages, n_sent_bytes;     /* sent by this rank to its team in all steps */
};
/* clang-format on */
void sg_train_result_free(struct sg_train_result *r);

/* Local. A Hugging Face folder: config.json, model.safetensors (or sharded), tokenizer.json or vocab files.
 * SG_INPUT with the file and the reason for what is missing, hostile or does not fit together. */
sg_status sg_encoder_load(const char *dir, struct sg_encoder **out, struct sg_err *err) SG_MUST_USE;
void sg_encoder_destroy(struct sg_encoder *e);

/* The same without its weights, for who only needs to know which encoder it is, and how large: nothing can be trained, embedded or
 * predicted with it until sg_encoder_read. The weights' file stays open until then, so that one that is replaced meanwhile does not count. */
sg_status sg_encoder_identify(const char *dir, struct sg_encoder **out, struct sg_err *err) SG_MUST_USE;

/* Collective over the team, whose ranks have identified the same encoder. Reads the weights, once a node: its ranks share them
 * (mpi/node_memory.h). Local with team NULL. */
sg_status sg_encoder_read(struct sg_encoder *e, const struct sg_team *team, struct sg_err *err) SG_MUST_USE;

/* Local. SHA-256 over config.json, weights and tokenizer files: the encoder's identity in cell ids and
 * provenance. */
const char *sg_encoder_digest(const struct sg_encoder *e);
/* Adds a line "the encoder's config.json<TAB>SHA-256" for each file that it was read from. */
void sg_encoder_files(const struct sg_encoder *e, struct sg_buf *out);
int sg_encoder_channels(const struct sg_encoder *e); /* C */
int64_t sg_encoder_n_parameters(const struct sg_encoder *e);

/* Local. SG_INPUT where layers or freeze are more than there are; sg_train says the same. */
sg_status sg_train_check_layers(const struct sg_encoder *e, const struct sg_train_settings *s,
                                struct sg_err *err) SG_MUST_USE;

/* Training rows, by number and mean length. */
struct sg_train_rows {
    int64_t n;
    double mean_tokens;
};

/* Local: bytes that n ranks of one node need together to train on it, each by itself, at this batch and length: the encoder's weights
 * once; for each rank weights, gradients, optimiser and activations; and what frozen layers give for the rows, of which
 * SG_FROZEN_BYTES are kept at most (model/frozen.h). */
size_t sg_train_memory(const struct sg_encoder *e, const struct sg_train_settings *s, int n_classes,
                       struct sg_train_rows rows, int64_t n_ranks);

/* Collective over a team of 2^k ranks (a larger team than lanes leaves the rest idle, and is allowed). eval
 * may be NULL. out_model may be NULL; else every rank gets the model. NaN or Inf in the loss or gradient:
 * SG_FAILED on all ranks, "diverged at step ...". */
sg_status sg_train(const struct sg_encoder *e, const struct sg_train_settings *s,
                   const struct sg_examples *train, const struct sg_examples *eval,
                   const struct sg_team *team, const struct sg_train_hooks *hooks,
                   struct sg_model **out_model, struct sg_train_result *result,
                   struct sg_err *err) SG_MUST_USE;

/* Local. Writes config.json (with id2label), model.safetensors and the tokenizer's files; each by rename. */
sg_status sg_model_save(const struct sg_model *m, const char *const *class_names, const char *dir,
                        struct sg_err *err) SG_MUST_USE;

/* Local. A saved classifier; class names from id2label, owned by the model. */
sg_status sg_model_load(const char *dir, struct sg_model **out, struct sg_err *err) SG_MUST_USE;
int sg_model_n_classes(const struct sg_model *m);
const char *sg_model_class_name(const struct sg_model *m, int k);
enum sg_problem sg_model_problem(const struct sg_model *m); /* what its logits mean */
/* Of SG_ONE_LABEL and SG_REGRESSION: the logit, or its sigmoid where sentence-transformers' settings ask for it. */
double sg_model_value(const struct sg_model *m, double logit);
void sg_model_destroy(struct sg_model *m);

/* Local, `threads` OpenMP threads (0: sg_cores). logits (n, K) of the caller's. A row's logits depend on the
 * row alone. */
sg_status sg_predict(const struct sg_model *m, const struct sg_examples *x, int64_t max_length,
                     int64_t threads, enum sg_precision precision, float *logits,
                     struct sg_err *err) SG_MUST_USE;

/* What of the last hidden states stands for a text: their mean, as sentence-transformers has it for MiniLM, or the first token's. */
enum sg_pooling { SG_POOLING_MEAN, SG_POOLING_FIRST, SG_N_POOLINGS };
const char *sg_pooling_name(int pooling); /* "mean", "first"; NULL behind the last */

/* Local. Last hidden states of the pre-trained encoder, pooled, each row scaled to length 1: out (n, C) of the caller's; a row depends on
 * its text alone. A pair is encoded as one sequence. */
sg_status sg_embed(const struct sg_encoder *e, const struct sg_examples *x, int64_t max_length,
                   enum sg_pooling pooling, int64_t threads, float *out, struct sg_err *err) SG_MUST_USE;

#endif
