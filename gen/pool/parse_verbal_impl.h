/* Inside of reading probabilities (gen/pool/parse_verbal.h): shared by parse_verbal.c (numbers, and what an item says) and
 * parse_verbal_forms.c (the forms in which several come). */
#ifndef SG_GEN_POOL_PARSE_VERBAL_IMPL_H
#define SG_GEN_POOL_PARSE_VERBAL_IMPL_H

#include "gen/pool/parse_verbal.h"

#include <stddef.h>

/* Where no character of `set` stands. A loop, as strspn may read to the text's end. */
const char *sg_past(const char *s, const char *set);

/* Where the line at s ends. */
const char *sg_line_end(const char *s);

/* The bytes of the tag with this name at s: "<name>", "</name>", with attributes; 0: another one. *closes: it closes. */
size_t sg_tag_at(const char *s, const char *name, int *closes);

/* Behind the name of a probability at s and its colon ("Probability:", "**prob** =", "p="); NULL: there is none. */
const char *sg_past_key(const char *s);

#endif
