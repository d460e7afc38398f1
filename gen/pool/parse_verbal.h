/* The probabilities that an LLM was asked to write beside its texts (method verbalized), in the forms in which models write them:
 *
 *   {"responses": [{"text": "...", "probability": 0.12}, ...]}, also where the JSON is cut or broken in places
 *   <response><text>...</text><probability>0.12</probability></response>, also with tags that are left out
 *   1. ... (0.12)    1. (12%) ...    **Response 1** (probability: 0.12): ...    ... - Probability: 12%, on the line or on one of its own
 *
 * A probability is as it was written, never normalised: a number from 0 to 1, or a percentage, a hundredth of it ("12%" is 0.12; a
 * comma may stand for the point). What is none (a word, 7, 0.1-0.2, <0.1) is not known, NaN; the text stays. Private to gen/pool; local,
 * pure, linear time but for broken JSON, whose length the caller limits. */
#ifndef SG_GEN_POOL_PARSE_VERBAL_H
#define SG_GEN_POOL_PARSE_VERBAL_H

#include "gen/pool/task.h"

#include <jansson.h>

/* The probability at s, which may be decorated; NaN: none. *end (may be NULL): behind it; s where no number stands there. */
double sg_probability_read(const char *s, const char **end);

/* Takes what an item says of its probability off it, in place. */
double sg_probability_take(char *item);

/* A copy (sg_free) in which the tags that hold several answers, each with its probability, have another name: <response> alone says
 * that all else is reasoning (gen/pool/reasoning.h). NULL without memory. */
char *sg_verbal_open(const char *text);

/* Records (gen/pool/records.h) of the texts in tags, "text" and "probability"; NULL: there are none. cut: the text's end is missing. */
json_t *sg_verbal_tags(const char *clean, int cut);

/* A copy (sg_free) in which what heads an item is its number ("**Response 1** (0.12):" is "1. (0.12)"), and what stands in
 * <probability> is a line. NULL without memory. */
char *sg_verbal_lines(const struct sg_task *t, const char *clean);

/* A copy (sg_free) in which items without numbers have some, where lines with their probabilities part them; NULL: they do not, or there
 * is no memory. */
char *sg_verbal_number(const char *clean);

#endif
