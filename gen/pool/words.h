/* Words of any language: how texts are folded for comparing, and how many words they have.
 *
 * Words are what stands between blanks, but for scripts that are written without them (Chinese, Japanese kana, Thai, Lao,
 * Khmer, Burmese, ...): there each letter is a word, and a run of katakana is one, as the default rules of Unicode's
 * word boundaries have it where there is no dictionary (UAX #29, section 4). So a minimum of words, runs of three words
 * and shares of words mean something in each of them. Local, pure, linear time. */
#ifndef SG_GEN_POOL_WORDS_H
#define SG_GEN_POOL_WORDS_H

#include "base/buf.h"

/* Adds the text as it is compared for duplicates: case folded, everything but letters and digits gone, characters that
 * nobody sees too (zero-width joiners, soft hyphens, selectors of variants), words a blank apart. */
void sg_buf_folded(struct sg_buf *b, const char *text);

/* Words of a text, folded or not. */
size_t sg_count_words(const char *s);

/* The same with two letters of a script without blanks for a word, which is about what its dictionaries have: for limits on
 * how much is said. */
size_t sg_count_long_words(const char *s);

/* Whether two texts are the same when folded. */
int sg_folded_equal(const char *a, const char *b);

#endif
