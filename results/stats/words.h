/* Texts as rows of word numbers, for what counts words (text_measures.h, class_terms.h, cues.h).
 *
 * Texts come folded, words a blank apart (gen/pool/parse.h). A word's number is its place among the different words in the order in
 * which they first occur, so that nothing depends on the hash behind it. Local, pure, linear in words. */
#ifndef SG_RESULTS_STATS_WORDS_H
#define SG_RESULTS_STATS_WORDS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct sg_term {
    const char *at; /* in the caller's texts, n bytes */
    size_t n;
};
struct sg_words {
    int64_t n_texts, n_words, n_terms; /* texts, words in them, different ones */
    int64_t *start;                    /* (n_texts + 1) */
    int32_t *word;                     /* (n_words) */
    struct sg_term *term;              /* (n_terms) */
};

/* text (n): borrowed as long as the result is used. sg_words_free, also of a zeroed one. */
sg_status sg_words_of(const char *const *text, int64_t n, struct sg_words *out,
                      struct sg_err *err) SG_MUST_USE;
void sg_words_free(struct sg_words *w);

/* Each word of a text once: what comes back counts texts instead of words. In place. */
sg_status sg_words_once(struct sg_words *w, struct sg_err *err) SG_MUST_USE;

#endif
