/* From one completion to the examples in it: one or several, with or without a label that the LLM chose.
 *
 * Several are a numbered list ("1. ...", "2) ..."), each taken apart by sg_parse_completion; what stands before the first
 * number is no example, and what lacks numbers is one. A chosen label is the line "Label: <class>" after the text, by the
 * class's name or its readable one; nothing else is a class. The completion may be anything: it is checked for UTF-8 first,
 * and at most n examples come out of it. Local, pure. */
#ifndef SG_GEN_PARSE_MANY_H
#define SG_GEN_PARSE_MANY_H

#include "gen/parse.h"

struct sg_candidate {
    enum sg_reject reason; /* SG_ACCEPTED: x is set */
    int class_;            /* the chosen label; -1 where none was asked for */
    struct sg_parsed x;
};

/* out: (n) of the caller's, sg_parsed_free each. *n_out: 1 to n; a completion without any example is one rejected
 * candidate. wants_label: whether each example must tell its class. */
sg_status sg_parse_examples(const struct sg_task *t, const char *text, const char *finish_reason, int64_t n,
                            int wants_label, struct sg_candidate *out, int64_t *n_out,
                            struct sg_err *err) SG_MUST_USE;

#endif
