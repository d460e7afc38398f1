/* The contamination probe: what an LLM is asked so that it shows whether it has seen a data set's rows, and how near its reply comes to
 * the row (Golchin & Surdeanu 2024, "Time Travel in LLMs", arXiv 2308.08493, section 3).
 *
 * A row has two parts. Of a single text: its first half by characters, to the end of that word, and the rest. Of a pair: the text that the
 * LLM writes first, and the other one. The LLM is given the label and the first part, and asked for the second in two ways: guided, where
 * the instruction names data set and split and wants the row as it stands there; and general, where it does not, and wants a second part
 * that goes with the first. Both ask at temperature 0 and without the task's system text. The task file's `contamination` names data set and
 * split, and may word the two instructions anew.
 *
 * A reply is compared with the true second part by ROUGE-L (gen/pool/rouge.h). What stands around it does not count: reasoning, Markdown,
 * the mark of the second part, the first part where the reply repeats it. It is an exact match where all words are the same, a near-exact
 * one from SG_NEAR_EXACT on. The paper lets GPT-4 judge near-exact matches; this takes no other LLM's word.
 *
 * Whether all of this is a sign: results/stats/contamination.h. Local, pure. */
#ifndef SG_GEN_POOL_CONTAMINATION_H
#define SG_GEN_POOL_CONTAMINATION_H

#include "gen/llm/request.h"
#include "gen/pool/task.h"

/* A row with fewer words in either part is not asked about: "a great film" is guessed, not remembered. */
enum { SG_CONTAMINATION_MIN_WORDS = 5 };
#define SG_NEAR_EXACT 0.8 /* ROUGE-L: ours; of ten words two may be others */

struct sg_contamination_spec {
    const struct sg_task *task;
    const struct sg_generator *generator;
    int64_t max_tokens; /* of a reply */
};

struct sg_contamination_probe;

/* The spec is copied, what it points to is borrowed. */
sg_status sg_contamination_probe_create(const struct sg_contamination_spec *spec,
                                        struct sg_contamination_probe **out, struct sg_err *err) SG_MUST_USE;
void sg_contamination_probe_destroy(struct sg_contamination_probe *p);

/* SHA-256 over all that determines the replies, but the rows. */
const char *sg_contamination_probe_id(const struct sg_contamination_probe *p);

/* What the instruction calls the data set: the task file's contamination.data_set, else data.hf, title or name; and its part. Borrowed. */
const char *sg_contamination_data_set(const struct sg_task *t);
const char *sg_contamination_split(const struct sg_task *t);

/* *fits: whether both parts of a row have words enough. */
sg_status sg_contamination_fits(const struct sg_task *t, const struct sg_row *row, int *fits,
                                struct sg_err *err) SG_MUST_USE;

/* The request for row `index` of the test file, which fits. */
sg_status sg_contamination_request(const struct sg_contamination_probe *p, int64_t index,
                                   const struct sg_row *row, int guided, struct sg_request *out,
                                   struct sg_err *err) SG_MUST_USE;

enum sg_contamination_outcome {
    SG_REPLY_TEXT,
    SG_REPLY_FAILED,    /* there is no reply: the request failed for good */
    SG_REPLY_EMPTY,     /* nothing in it */
    SG_REPLY_REFUSED,   /* content filter, or "I cannot ..." */
    SG_REPLY_REASONING, /* thought aloud, and said nothing behind it */
    SG_N_REPLIES
};
const char *sg_contamination_outcome_name(
    enum sg_contamination_outcome o); /* "", "failed", "empty", "refused", "reasoning" */

enum sg_contamination_match { SG_MATCH_NONE, SG_MATCH_NEAR, SG_MATCH_EXACT, SG_N_MATCHES };
const char *sg_contamination_match_name(enum sg_contamination_match m); /* "", "near-exact", "exact" */

struct sg_contamination_reply {
    enum sg_contamination_outcome outcome;
    double rouge_l; /* of a text; else 0 */
    enum sg_contamination_match match;
};

/* text, finish_reason: may be NULL. */
sg_status sg_contamination_read(const struct sg_task *t, const struct sg_row *row, const char *text,
                                const char *finish_reason, struct sg_contamination_reply *out,
                                struct sg_err *err) SG_MUST_USE;

#endif
