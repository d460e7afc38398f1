/* ROUGE-L of two texts: how much of one stands in the other, in its order (Lin 2004, "ROUGE: A Package for Automatic Evaluation of
 * Summaries", section 3.1).
 *
 * With L the length of the longest common subsequence of their words, m of the reference and n of the candidate, recall is L/m, precision
 * L/n, and the score their harmonic mean F1 = 2L/(m + n). Words are folded as for duplicates (gen/pool/words.h), an apostrophe parts two
 * of them: on ASCII the words of the package rouge-score without its stemmer, and its numbers (tests/oracle/make_rouge.py).
 * Local, pure. */
#ifndef SG_GEN_POOL_ROUGE_H
#define SG_GEN_POOL_ROUGE_H

#include "base/err.h"

#include <stdint.h>

/* The words of a text. */
struct sg_word_list {
    int64_t n;
    const char **word; /* (n), into `text` */
    char *text;
};

/* What of a text is looked at: its beginning. A comparison takes m x n steps, and no answer may take more than a moment. */
enum { SG_ROUGE_MAX_BYTES = 1 << 16, SG_ROUGE_MAX_WORDS = 4000 };

sg_status sg_word_list_read(const char *text, struct sg_word_list *out, struct sg_err *err) SG_MUST_USE;
void sg_word_list_free(struct sg_word_list *w); /* leaves it empty */

/* Whether w begins with the words of `start`. */
int sg_word_list_begins(const struct sg_word_list *w, const struct sg_word_list *start);

/* *f1 of words `from` to the end of the candidate, in [0, 1]; 0 where either side has no words. */
sg_status sg_rouge_l(const struct sg_word_list *reference, const struct sg_word_list *candidate, int64_t from,
                     double *f1, struct sg_err *err) SG_MUST_USE;

#endif
