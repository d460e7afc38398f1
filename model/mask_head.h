/* The masked-LM head of an encoder's folder: which words may stand in the gaps of a text?
 *
 *     SG_TRY(sg_mask_head_load(e, &h, err));              best before sg_encoder_read, while the weights' file is open
 *     struct sg_mask_text x = {1, (const char *[]){"A ", " film."}, (const char *[]){"dull"}, (double[]){0.3}};
 *     SG_TRY(sg_mask_guess(h, &x, 1, 0, &word, err));     word: "bright", or NULL
 *
 * The head is the one of BertForMaskedLM (transform, then the word table as decoder) and RobertaForMaskedLM (lm_head); roberta-base,
 * bert-base and most folders that were saved after pre-training have it, sentence encoders (MiniLM) do not. It computes
 *
 *     y = LayerNorm(gelu(x W' + b)),  logits = y D' + c        x (n,C) last hidden states of the masks; D (V,C) the word table, or the
 *                                                              decoder's own where tie_word_embeddings is false
 *
 * on the kernels that the encoder runs on, a text alone: what a text gives depends on nothing else. */
#ifndef SG_MODEL_MASK_HEAD_H
#define SG_MODEL_MASK_HEAD_H

#include "model/train.h"

struct sg_mask_head;

/* Local. SG_OK where the folder has the head and a mask token, from names and shapes alone; else SG_INPUT: what it lacks, and which encoders
 * have it. */
sg_status sg_mask_head_check(const struct sg_encoder *e, struct sg_err *err) SG_MUST_USE;

/* Local. Reads it (C x C + 3 C + V floats, V x C more where it is not tied); borrows e until destroy. */
sg_status sg_mask_head_load(const struct sg_encoder *e, struct sg_mask_head **out,
                            struct sg_err *err) SG_MUST_USE;
void sg_mask_head_destroy(struct sg_mask_head *h);

/* A text with gaps: piece[0] gap piece[1] gap ... piece[n_gaps]. */
struct sg_mask_text {
    int64_t n_gaps;
    const char *const *piece; /* (n_gaps + 1) */
    const char *const *not_;  /* (n_gaps) a word that is not to stand there, whatever its case; NULL: any */
    const double *u;          /* (n_gaps) in [0, 1): draws the word */
};

enum { SG_MASK_TOP = 10 };

/* Local, after sg_encoder_read; `threads` OpenMP threads (0: sg_cores). All gaps of a text are masks at once. Of the tokens that are a whole word
 * of letters there (after a blank, where the text has one) the SG_MASK_TOP likeliest are candidates, drawn by u in proportion to
 * their probabilities, the likeliest first.
 * word: a place for each gap of all texts, in order: new memory (sg_free), or NULL where no word is known, where the gap lies behind
 * the encoder's positions, or where the text spells the mask token itself. On failure all are NULL, as the caller has made them. */
sg_status sg_mask_guess(const struct sg_mask_head *h, const struct sg_mask_text *x, int64_t n,
                        int64_t threads, char **word, struct sg_err *err) SG_MUST_USE;

/* Local. For tests: logits (n_gaps,V) of one text's gaps, of the caller's. */
sg_status sg_mask_logits(const struct sg_mask_head *h, const struct sg_mask_text *x, float *logits,
                         struct sg_err *err) SG_MUST_USE;

#endif
