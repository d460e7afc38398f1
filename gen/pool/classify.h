/* The LLM as a classifier: what it is asked for a row, and what its answer says.
 *
 * The messages: the task's template `classify` for the row, after `n_shots` labelled examples as a dialogue (the template
 * for an example's row, answered by its readable class name). The task's system text is left out: it speaks of writing
 * examples. The examples are drawn anew for each row, from the rows that few-shot generation sees: as many of each
 * class as of any other, but for one; which classes have one more, which rows, and their order are drawn by the
 * counter-based RNG under a name made of task, shots, seed and row. With `structured` the answer is asked for as
 * {"label": one of the readable names} by a schema.
 *
 * Answers are read by an allow-list: a class is its name or its readable name, exactly or but for case, blanks and
 * punctuation (gen/pool/class_name.h).
 * In this order, one class must be named, and no other:
 *   1. by the whole answer, which may begin with "Label:", "Answer:" or the like, and be JSON, a table, tags or \boxed{...};
 *   2. by lines and sentences that are nothing else ("Negative. The plot drags."), or by such parts
 *      between the commas of the first one ("No, it was built later.");
 *   3. anywhere in it, the longest name first ("The review is positive."), but not behind a negation ("not very positive"),
 *      and "no" only as the first or last word, or behind "answer", "answer is", "label".
 * Reasoning (gen/pool/reasoning.h) and Markdown do not count. A refusal, no class and several classes are no answer. Local, pure. */
#ifndef SG_GEN_POOL_CLASSIFY_H
#define SG_GEN_POOL_CLASSIFY_H

#include "gen/llm/request.h"
#include "gen/pool/task.h"

enum { SG_CLASSIFY_MAX_SHOTS = 50 };

struct sg_classifier_spec {
    const struct sg_task *task;
    const struct sg_generator *generator;
    const struct sg_rows *raw; /* where the examples come from; may be NULL without shots */
    int n_shots;               /* 0 to SG_CLASSIFY_MAX_SHOTS */
    int64_t seed;              /* of the draws, counted from 0 */
    double temperature;
    int64_t max_tokens; /* of an answer; structured output adds SG_JSON_TOKENS */
    int structured;
};

struct sg_classifier;

/* The spec is copied, what it points to is borrowed. SG_INPUT when the task has no `classify`, or there are fewer raw rows
 * than shots. */
sg_status sg_classifier_create(const struct sg_classifier_spec *spec, struct sg_classifier **out,
                               struct sg_err *err) SG_MUST_USE;
void sg_classifier_destroy(struct sg_classifier *c);

/* SHA-256 over all that determines the answers, but the rows that are asked about. */
const char *sg_classifier_id(const struct sg_classifier *c);

/* Indices into raw of the examples that row `index` of the test file is shown, in their order. */
void sg_classifier_shots(const struct sg_classifier *c, int64_t index, int64_t *shot);

/* The request for a row of the test file. */
sg_status sg_classifier_request(const struct sg_classifier *c, int64_t index, const struct sg_row *row,
                                struct sg_request *out, struct sg_err *err) SG_MUST_USE;

/* What an answer says. */
enum sg_class_answer {
    SG_CLASS_ONE,       /* one class */
    SG_CLASS_FAILED,    /* there is no answer: the request failed for good */
    SG_CLASS_EMPTY,     /* nothing in it */
    SG_CLASS_REFUSED,   /* content filter, or "I cannot ..." */
    SG_CLASS_NONE,      /* names no class */
    SG_CLASS_SEVERAL,   /* names several, or says which one it is not */
    SG_CLASS_REASONING, /* thought aloud, and said nothing behind it */
    SG_N_CLASS_ANSWERS
};
const char *sg_class_answer_name(
    enum sg_class_answer v); /* "", "failed", "empty", "refused", "no class", "several", "reasoning" */

/* *class_: -1 unless SG_CLASS_ONE. text, finish_reason: may be NULL. */
sg_status sg_classify_answer(const struct sg_task *t, const char *text, const char *finish_reason,
                             enum sg_class_answer *answer, int *class_, struct sg_err *err) SG_MUST_USE;

#endif
