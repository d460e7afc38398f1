/* Small steps of taking decoration off a model's text. Strings are changed in place unless said otherwise.
 * Private to gen/. */
#ifndef SG_GEN_POOL_CLEAN_H
#define SG_GEN_POOL_CLEAN_H

#include <stddef.h>

/* A copy (sg_free) of n bytes with line ends as \n, other control characters and odd blanks as blanks, code fences and what
 * nobody sees gone. Zero-width joiners and spaces stay between characters beyond ASCII, where they spell words (Persian,
 * Hindi, Khmer) and emoji; comparing folds them away (gen/pool/words.h). NULL without memory. */
char *sg_clean_copy(const char *text, size_t n);

/* "**a** _b_ `c`" -> "a _b_ c"; heading signs at the start go too. */
void sg_clean_markdown(char *s);

/* Where the next line begins; at the text's end, the end. */
const char *sg_next_line(const char *s);

/* Skips "1.", "2)", "(3)", "-", "*", "•", "#" and blanks; returns where the text begins. */
const char *sg_skip_bullet(const char *s);
/* Whether the line begins with a number or a bullet. */
int sg_has_bullet(const char *s);

/* Takes a pair of quotes off that stands around the whole text, and a quote that has no partner. */
void sg_strip_quotes(char *s);

/* All blanks become one, the ends are cut. */
void sg_squeeze(char *s);

/* The bytes of a mark that ends sentences at s ("...", "?!", "。"), 0 when there is none. */
size_t sg_sentence_end(const char *s);

/* Whether a sentence ends with the n bytes at s, which may close a quotation or a bracket. */
int sg_ends_sentence(const char *s, size_t n);

/* Cuts after the last sentence that ends in s; 0 when fewer than `min_words` (sg_count_long_words) would be left (s is then
 * unchanged). */
int sg_trim_to_sentence(char *s, size_t min_words);

/* ASCII case-blind: whether s begins with `prefix`. */
int sg_starts_with(const char *s, const char *prefix);

/* ASCII case-blind: where `what` first stands in the n bytes at s; NULL: nowhere. */
const char *sg_find_in(const char *s, size_t n, const char *what);

#endif
