/* Text that comes from outside: validity, numbers, nearest words, safe printing. */
#ifndef SG_BASE_TEXT_H
#define SG_BASE_TEXT_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Whether n bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, <= U+10FFFF). */
int sg_utf8_valid(const char *s, size_t n);

/* Decodes one code point at s (n >= 1 bytes left, valid UTF-8); returns its length in bytes. */
int sg_utf8_decode(const char *s, size_t n, uint32_t *code_point);

/* Writes 1 to 4 bytes; returns how many. */
int sg_utf8_encode(uint32_t code_point, char out[4]);

/* The entry of `words` nearest to `word` (Levenshtein, case-blind), or -1 when none is near (more than a
 * third wrong). */
int sg_text_nearest(const char *word, const char *const *words, int n_words);

/* The whole string as a number, no blanks around, decimal; 0 when it is none or does not fit. NaN and Inf are
 * none. */
int sg_parse_int64(const char *text, int64_t *value);
int sg_parse_double(const char *text, double *value);

/* "1", "0.25", "5e-05": the shortest of %.15g, %.16g, %.17g that reads back as the same double. */
void sg_format_double(double x, char out[32]);

/* "1 h 02 min", "3 min 05 s", "12 s"; what is no time (negative, NaN, 1e9 and more) is "0 s". */
void sg_format_duration(double seconds, char out[24]);

/* The word that goes with n things: "1 batch is", but "0 batches are". */
const char *sg_plural(int64_t n, const char *one, const char *many);

/* Whether a text is nothing but blanks, tabs and line ends; NULL is none either. */
int sg_text_is_blank(const char *text);

/* Adds hostile text for a terminal: control characters, escapes, bidi marks and bytes that are no UTF-8
 * become '?' (newline and tab: a blank), cut after max_chars code points with "...". */
void sg_buf_safe(struct sg_buf *b, const char *text, size_t max_chars);

/* Takes off the end what a limit (snprintf's, say) has left of a character that it cut in two. */
void sg_text_whole(char *s);

/* Cuts blanks at both ends in place; returns s. */
char *sg_text_trim(char *s);

#endif
