/* From a completion to an example: what chat models put around the text that was asked for is taken off.
 *
 * Single texts: preambles ("Sure, here is a review:"), the mark ("Review:", "A negative review:"), list
 * numbers, Markdown, quotes and label lines go; the first example is kept when there are several. Pairs: the
 * two marks are looked for whatever their case and decoration ("**Premise 1:**"); what stands before the
 * first one is no part of the example, unless the mark of the text that the LLM writes first is missing: then
 * it is that text. Reasoning (<think>...</think>) is never used. A completion that was cut by its length
 * keeps what is whole: it is trimmed to its last full sentence where four words remain. Local, pure. */
#ifndef SG_GEN_PARSE_H
#define SG_GEN_PARSE_H

#include "gen/pool.h"
#include "gen/prompt.h"

enum {
    SG_MAX_TEXT_BYTES = 8000,        /* of one text of an example */
    SG_MAX_COMPLETION_BYTES = 100000 /* of what one example is looked for in; reasoning does not count */
};

/* Texts in the encoder's order; second NULL for single texts. Owned by whoever has it. */
struct sg_parsed {
    char *first, *second;
};
void sg_parsed_free(struct sg_parsed *p);

/* SG_ACCEPTED fills *out, any other reason leaves it empty. text, finish_reason: may be NULL. Memory running
 * out reads as SG_REJECT_FAILED in *reason and is returned as an error. */
sg_status sg_parse_completion(const struct sg_task *t, const char *text, const char *finish_reason,
                              enum sg_reject *reason, struct sg_parsed *out, struct sg_err *err) SG_MUST_USE;

/* Adds the topics of a list (a numbered, bulleted or comma-separated one, or plain lines) that are not in
 * `topics` yet. */
sg_status sg_parse_topics(const char *text, const char *finish_reason, struct sg_topics *topics,
                          struct sg_err *err) SG_MUST_USE;

/* Whether the text begins as chat models begin when they do not do what was asked for. */
int sg_is_refusal(const char *s);

/* Adds the text as it is compared for duplicates: case folded, everything but letters and digits gone, words
 * a blank apart. */
void sg_buf_folded(struct sg_buf *b, const char *text);

#endif
