/* Names of classes where models put them: in a field of JSON, in a line "Sentiment: positive", in brackets before or behind a
 * text. A name is compared folded (gen/pool/words.h), alone or with its kind ("negative", "a negative review", "Label:
 * negative"). Local, pure. */
#ifndef SG_GEN_POOL_LABEL_H
#define SG_GEN_POOL_LABEL_H

#include "gen/pool/task.h"

#include <stddef.h>

/* The class that the n bytes at s name, by its name or its readable one, and nothing else; -1: none. */
int sg_label_of(const struct sg_task *t, const char *s, size_t n);

/* The bytes of a label's key at s with its colon ("Label:", "**Sentiment:**"), 0: none. */
size_t sg_label_key(const char *s);

/* What a line tells about a text ("Sentiment: positive", "Note: ...", "positive", "A: Yes"): whether it is no text itself. s is
 * without bullet; *class_: the class that it names, or -1. */
int sg_label_line(const struct sg_task *t, const char *s, int *class_);

/* The bytes of a label before the text at s, with what separates them: "[negative] ...", "Sentiment: negative | ...". 0: there is
 * none. *class_: what it names, or -1. */
size_t sg_label_before(const struct sg_task *t, const char *s, int *class_);

/* Takes labels off both ends in place: "[negative] ...", "Negative - ...", "... (negative)", "... Sentiment: negative". Returns
 * the class that they name, -1: none, -2: several. */
int sg_label_strip(const struct sg_task *t, char *s);

#endif
