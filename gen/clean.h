/* Small steps of taking decoration off a model's text. Strings are changed in place unless said otherwise.
 * Private to gen/. */
#ifndef SG_GEN_CLEAN_H
#define SG_GEN_CLEAN_H

#include <stddef.h>

/* A copy (sg_free) with line ends as \n, other control characters and odd blanks as blanks, zero-width
 * characters, reasoning blocks and code fences gone. NULL without memory. */
char *sg_clean_copy(const char *text);

/* "**a** _b_ `c`" -> "a _b_ c"; heading signs at the start go too. */
void sg_clean_markdown(char *s);

/* Skips "1.", "2)", "(3)", "-", "*", "•", "#" and blanks; returns where the text begins. */
const char *sg_skip_bullet(const char *s);
/* Whether the line begins with a number or a bullet. */
int sg_has_bullet(const char *s);

/* Takes a pair of quotes off that stands around the whole text, and a quote that has no partner. */
void sg_strip_quotes(char *s);

/* All blanks become one, the ends are cut. */
void sg_squeeze(char *s);

size_t sg_count_words(const char *s);

/* Cuts after the last sentence that ends in s; 0 when fewer than `min_words` would be left (s is then
 * unchanged). */
int sg_trim_to_sentence(char *s, size_t min_words);

/* ASCII case-blind: whether s begins with `prefix`. */
int sg_starts_with(const char *s, const char *prefix);

#endif
