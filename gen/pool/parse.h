/* From a text to an example: what chat models put around the text that was asked for is taken off.
 *
 * Single texts: preambles ("Sure, here is a review:"), the mark ("Review:", "A negative review:"), list numbers, Markdown,
 * quotes, tags, notes and labels go (gen/pool/preamble.h, gen/pool/label.h); the first example is kept when there are several. Pairs: the
 * two marks are looked for whatever their case and decoration ("**Premise 1:**"); what stands before the first one is no part
 * of the example, unless the mark of the text that the LLM writes first is missing: then it is that text. A mark within a
 * sentence ("the answer to the question: ...") is none. A completion that was cut by its length keeps what is whole: it is
 * trimmed to its last full sentence where four words remain. Local, pure. */
#ifndef SG_GEN_POOL_PARSE_H
#define SG_GEN_POOL_PARSE_H

#include "gen/pool/pool.h"
#include "gen/pool/prompt.h"
#include "gen/pool/words.h"

enum {
    SG_MAX_TEXT_BYTES = 8000,        /* of one text of an example */
    SG_MAX_COMPLETION_BYTES = 100000 /* of what one example is looked for in; reasoning does not count */
};

/* Texts in the encoder's order; second NULL for single texts. Owned by whoever has it. */
struct sg_parsed {
    char *first, *second;
};
void sg_parsed_free(struct sg_parsed *p);

/* What the prompt asked for. */
struct sg_wanted {
    int64_t n;       /* examples, at most */
    int label;       /* each must tell its class */
    int structured;  /* JSON by a schema */
    int probability; /* each is to have the probability that the LLM gives it (gen/pool/parse_verbal.h) */
    int asked; /* the class that the prompt named, counted from 1; 0: none. A text that names another one is none of it */
    int one_word[2]; /* whether a text may be a single word, first and second: the raw rows have such texts */
};

/* clean: an answer (gen/pool/reasoning.h). cut: it was cut by its length. SG_ACCEPTED fills *out, any other reason leaves it empty.
 * *said: the class that the text was labelled with, -1 none, -2 several. Memory running out reads as SG_REJECT_FAILED in
 * *reason and is returned as an error. */
sg_status sg_parse_text(const struct sg_task *t, const char *clean, int cut, const struct sg_wanted *w,
                        enum sg_reject *reason, int *said, struct sg_parsed *out,
                        struct sg_err *err) SG_MUST_USE;

/* Adds the topics of a list (numbered, bulleted, separated by commas, plain lines, JSON) that are not in `topics` yet. */
sg_status sg_parse_topics(const struct sg_task *t, const char *text, const char *finish_reason,
                          struct sg_topics *topics, struct sg_err *err) SG_MUST_USE;

#endif
