/* From one completion to the examples in it: one or several, with or without a label that the LLM chose.
 *
 * First what the model has thought aloud goes (gen/pool/reasoning.h). Several are a list ("1. ...", "2) ...", "- ..."), each taken
 * apart by sg_parse_text; what stands before the first one is no example, and what lacks numbers is one. A chosen label is the
 * line "Label: <class>" after the text, by the class's name or its readable one. What comes as JSON, a table or tags
 * (gen/pool/records.h) goes the same way, whether or not it was asked for: nothing passes for having come as JSON, a label in it is
 * checked against the class that was asked for, and JSON that cannot be read is no text, but for whole objects in it where
 * probabilities were asked for. The completion may be anything: it is
 * checked for UTF-8 first, and at most n examples come out of it. Local, pure. */
#ifndef SG_GEN_POOL_PARSE_MANY_H
#define SG_GEN_POOL_PARSE_MANY_H

#include "gen/pool/parse.h"

struct sg_candidate {
    enum sg_reject reason; /* SG_ACCEPTED: x is set */
    int class_;            /* the chosen label; -1 where none was asked for */
    struct sg_parsed x;
    double probability; /* that the LLM gives it; NaN: not asked for, or none was written that is one */
};

/* out: (w.n) of the caller's, sg_parsed_free each. *n_out: 1 to w.n; a completion without any example is one rejected
 * candidate. */
sg_status sg_parse_examples(const struct sg_task *t, const char *text, const char *finish_reason,
                            struct sg_wanted w, struct sg_candidate *out, int64_t *n_out,
                            struct sg_err *err) SG_MUST_USE;

#endif
