/* An encoder of which nothing is there but its name: for estimates.
 *
 *     char what[SG_ASSUMED];
 *     SG_TRY(sg_encoder_assume("models/roberta-large", &e, what, err));   "the shape of roberta-large (355 million parameters, ...)"
 *     ... sg_encoder_n_parameters(e), sg_train_memory(e, ...) ...
 *     sg_encoder_destroy(e); */
#ifndef SG_MODEL_ASSUME_H
#define SG_MODEL_ASSUME_H

#include "model/train.h"

enum { SG_ASSUMED = 300 };

/* Local. Shape alone: no weights, no tokenizer, a digest of zeros; it trains nothing. From DIR/config.json where that is there and right,
 * else by the folder's name (common BERT, RoBERTa and MiniLM names, models in the Hub's cache), else BERT-base's. what: a clause that says
 * which. */
sg_status sg_encoder_assume(const char *dir, struct sg_encoder **out, char what[SG_ASSUMED],
                            struct sg_err *err) SG_MUST_USE;

/* Useful FLOPs on a sequence of n tokens, by the formula of tests/bench/README.md ("share of the sgemm rate"): of a training step,
 * forward and backward, through the layers that are trained; of a forward pass through those that are frozen; of an inference
 * through all that are used. */
double sg_train_flops(const struct sg_encoder *e, const struct sg_train_settings *s, double n);
double sg_frozen_flops(const struct sg_encoder *e, const struct sg_train_settings *s, double n);
double sg_infer_flops(const struct sg_encoder *e, const struct sg_train_settings *s, double n);

/* How often frozen layers read a text of n_texts, of mean_tokens each, in n_passes texts' worth of steps: once, but for what has no room
 * (model/frozen.h). */
double sg_frozen_passes(const struct sg_encoder *e, const struct sg_train_settings *s, int64_t n_texts,
                        double mean_tokens, double n_passes);

/* Tokens that have a position: longer texts are cut to them whatever train.max_length says. */
int64_t sg_encoder_max_length(const struct sg_encoder *e);

#endif
