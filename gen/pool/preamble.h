/* What chat models say around a text: before it ("Sure, here's a review: ...") and behind it ("Let me know if you want
 * another!", "This sentence conveys joy."). Known by their form, in the languages that have a list below; what people write
 * begins so, too ("Here is the thing: ...", "Sure, the plot is thin."), and stays. Local, pure. */
#ifndef SG_GEN_POOL_PREAMBLE_H
#define SG_GEN_POOL_PREAMBLE_H

#include "gen/pool/task.h"

#include <stddef.h>

/* Whether the line at s is nothing but a preamble: "Sure, here is a review of the kind:". */
int sg_is_preamble(const char *s);

/* The same of a line that a blank line, a list or a quotation follows: a short line with a colon at its end that speaks of a
 * text, or is in a language that has no list. */
int sg_is_heading(const struct sg_task *t, const char *s);

/* Whether the line at s, with its list sign, only says what follows: "# Review", "Review", "### Negative review". */
int sg_is_title(const struct sg_task *t, const char *s);

/* How long what stands before a single text on its own line is: "Review:", "A negative review:", "Sure! Here's one sentence:";
 * 0 when there is nothing. */
size_t sg_lead_length(const struct sg_task *t, const char *s);

/* Whether a model begins to speak about the text at s: a line or a sentence. */
int sg_is_note(const struct sg_task *t, const char *s);

/* Cuts notes off the end, in place; a text that is nothing else stays. */
void sg_cut_notes(const struct sg_task *t, char *s);

#endif
