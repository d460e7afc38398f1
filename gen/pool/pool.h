/* A pool: the synthetic examples of one (task, method, wording, conditioning, generator, generation seed), filled from
 * completions.
 *
 * Position j of a pool has class j mod K, so the classes are balanced at every prefix, and a smaller size is
 * a prefix of a larger. Each class has numbered draws 0, 1, 2, ...; draw a of class k has one request,
 * made by the counter-based RNG from (task, method, generation seed, class, draw) alone. Where the LLM chooses the
 * class (conditioning none), all classes share one row of draws. A draw's completion holds one example or several;
 * those that parse and pass the checks against all examples before them queue up for their class. Positions are filled in
 * order: position j takes the first of its class's queue, and takes draws while the queue is empty. So the content is a
 * function of the completions, never of the order in which they arrive, and asking for more only appends.
 *
 *     sg_pool_create(&spec, &pool, err);
 *     while (!sg_pool_complete(pool)) {
 *         sg_pool_advance(pool, lookup, ledger, &missing, err);    which completions does it need next?
 *         ... buy `missing`, put them where lookup finds them ...
 *     }
 *
 * A pool may also be made of another one, its source: position j is a rephrasing of the source's position j, with its label.
 * Each position has draws of its own, SG_MAX_REPHRASINGS at most; the checks are the same, and a rephrasing that repeats its
 * text (of a pair: both), alone or within others, is an echo. The text stands between <text> and </text> in the prompt, as data; a text that
 * holds one of these marks is not rephrased. What the source lacks is lacking here too. Until the source is complete such
 * a pool asks for nothing.
 *
 * A pool may be made in rounds (gen/pool/rounds.h): the prompts of a round show raw rows that a classifier of the raw rows and the pool so far
 * gets wrong. Whoever drives the pool has that computed: when a round is full, and the answer is not found by lookup, the pool waits for
 * it (sg_pool_fit_key) and misses nothing. The answer is looked up as a completion is, so it can be kept beside them.
 *
 * The pool of a free method (gen/pool/make.h) is filled by the draws of its `make` in the same way, at the first call of sg_pool_advance: it
 * looks nothing up and misses nothing.
 *
 * Rank 0 only (pure: no network, no files). */
#ifndef SG_GEN_POOL_POOL_H
#define SG_GEN_POOL_POOL_H

#include "base/rows.h"
#include "gen/llm/request.h"
#include "gen/pool/folded.h"
#include "gen/pool/imported.h"
#include "gen/pool/methods.h"
#include "gen/pool/near.h"
#include "gen/pool/prompt.h"
#include "gen/pool/reject.h"
#include "gen/pool/rounds.h"
#include "gen/pool/task.h"

struct sg_pool;

struct sg_pool_spec {
    const struct sg_task *task;
    enum sg_method method;
    const struct sg_generator *generator;
    int64_t seed;        /* generation seed, counted from 0 */
    const char *variant; /* wording; NULL: "default" */
    enum sg_conditioning conditioning;
    int structured;                /* ask for JSON by a schema */
    int64_t n_examples;            /* of one request: 1 to SG_MAX_EXAMPLES; 0 is 1 */
    double below;                  /* of method verbalized: as sg_prompter_spec has it */
    int64_t n_topics, n_subtopics; /* of method tree_topic: as struct sg_tree has them */
    int64_t n;                     /* examples wanted: the study's largest size */
    const struct sg_rows
        *raw; /* labelled rows that few-shot examples are drawn from; all known to the task */
    int64_t
        raw_draw; /* which draw of the raw rows that is: two may hold the same rows, and their pools are two all the same */
    const struct sg_rows *test; /* for the leakage check; NULL: no check */
    /* What no example may repeat, of `raw` and of `test`, shared by the pools of the same rows; NULL: the pool makes its own. */
    struct sg_folded *raw_folded, *test_folded;
    const struct sg_imported *imported; /* of SG_IMPORTED: its rows; else NULL */
    int check_duplicates;               /* against raw, examples of the prompt and earlier positions */
    /* Near-duplicates of training rows, test rows and earlier positions. `near` holds the rows, shared by the pools of a
     * task; NULL: not looked for. filter 0: they are kept and marked; else its threshold, and they are rejected. */
    struct sg_near *near;
    double near_filter;
    const struct sg_pool *
        source; /* a pool of the same task, to be rephrased; NULL: none. n and n_examples: at most the source's
                                     n; 1 */
    struct sg_rounds rounds;    /* of a method that has them; its text is borrowed */
    const char *encoder_digest; /* of what fills the gaps of a method that has some */
    const char *near_digest;    /* of the rows in `near`: with a filter the content depends on them */
};

/* How lookup answers: found 0 means not bought yet. Strings stay valid until the next lookup. */
struct sg_found {
    int found;
    sg_status status; /* of the answer */
    const char *text, *finish_reason;
};
typedef sg_status (*sg_completion_lookup)(void *context, const char *key, struct sg_found *out,
                                          struct sg_err *err);

struct sg_pool_example {
    int32_t label;
    const char *first, *second; /* the encoder's order; second NULL for single texts */
    const char *key;            /* of the completion it came from; "": from none */
    int64_t source;             /* index of the source's example that it rephrases; -1: none */
    double probability;         /* that the LLM gave it; NaN: not asked for, or not known */
    int64_t round;              /* in which it was asked for, from 0; -1: the pool is not made in rounds */
};

/* SG_INPUT when a method needs examples and `raw` has none. The spec is copied, what it points to is borrowed
 * until destroy. */
sg_status sg_pool_create(const struct sg_pool_spec *spec, struct sg_pool **out,
                         struct sg_err *err) SG_MUST_USE;
void sg_pool_destroy(struct sg_pool *p);

/* SHA-256 over all that determines the content: task file, method, generator settings, seed, raw rows. Not n. Of a free pool: the task's
 * name and classes, the method's recipe, seed, raw rows, checks. */
const char *sg_pool_id(const struct sg_pool *p);

/* Fills as many positions as the completions at hand allow, and lists the requests needed next (empty when
 * complete; of methods with topics first the lists'). The i-th position of a class is skipped when the
 * class has made 4 i + 16 draws without filling it (i from 1), or, where the LLM chooses the class, all classes together
 * K (4 i + 16); sg_pool_shortfall names what is open. A list in parts (gen/llm/request.h) is one of the pool as its first part found it. */
sg_status sg_pool_advance(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                          struct sg_request_list *missing, struct sg_err *err) SG_MUST_USE;
int sg_pool_complete(const struct sg_pool *p);

/* ---- pools that are made in rounds ---- */

/* The key under which it looks for what a classifier says of the raw rows: SHA-256 of what that depends on. "": it looks for nothing.
 * While lookup is asked for this key, it is that of the question; afterwards the pool waits for it. */
const char *sg_pool_fit_key(const struct sg_pool *p);

/* The text of which that key is the hash, as a request's: sg_free. NULL without memory, or where it waits for nothing. */
char *sg_pool_fit_question(const struct sg_pool *p);

/* The classes of its raw rows, (n of spec.raw). */
const int32_t *sg_pool_raw_labels(const struct sg_pool *p);

/* The answer, as lookup is to give it: *text (sg_free) from logits (n,K) of the raw rows, each by the classifier of the other half
 * (sg_rounds_halves) and of the pool's examples so far. */
sg_status sg_pool_fit_answer(const struct sg_pool *p, const float *logits, char **text,
                             struct sg_err *err) SG_MUST_USE;

/* Requests that it will ask for at least when rounds are over that are open, or wait. 0 of pools that are not made in rounds. */
int64_t sg_pool_n_behind(const struct sg_pool *p);

/* Requests of its first round if none is rejected, which are those of a zero_shot pool. Likewise. */
int64_t sg_pool_n_plain(const struct sg_pool *p);

/* ---- free pools that need words of the encoder's masked-LM head ---- */

/* Whether it is one, and not complete. sg_pool_advance goes as far as there are words. */
int sg_pool_needs_words(const struct sg_pool *p);

/* Adds to a list what the head is to be asked next (gen/pool/make.h, sg_maker_ask), until it has `max` members. */
sg_status sg_pool_ask_words(const struct sg_pool *p, int64_t max, json_t *list,
                            struct sg_err *err) SG_MUST_USE;

/* The words of a draw: an array of texts or null. */
sg_status sg_pool_put_words(struct sg_pool *p, int class_, int64_t draw, const json_t *words,
                            struct sg_err *err) SG_MUST_USE;

/* ---- */

/* What would become of a completion that has come just now, without leaving anything behind: SG_ACCEPTED where it has a good example, or,
 * while topics are asked for, a topic; else why its first one is none. Of a pool of rephrasings only whether there is a text. The pool
 * does not know yet what came since it was advanced. */
sg_status sg_pool_preview(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                          enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;

/* How many requests a full pool takes if none is rejected, and a mean estimate of tokens a request (for
 * `plan`). */
void sg_pool_estimate(const struct sg_pool *p, int64_t *n_requests, int64_t *tokens_in, int64_t *tokens_out);

/* Whether it waits for what must be there before its examples can be asked for: a list of topics, or its source. */
int sg_pool_waits(const struct sg_pool *p);

/* How many lists of topics it asks for, at least. */
int64_t sg_pool_n_lists(const struct sg_pool *p);

/* The key of its first list of topics, which other pools may share, with all that follow; "": it has none. */
sg_status sg_pool_topics_key(const struct sg_pool *p, char key[SG_HEX], struct sg_err *err) SG_MUST_USE;

/* The longest answer that a request of this pool asks for now. */
int64_t sg_pool_max_tokens(const struct sg_pool *p);

int64_t sg_pool_n(const struct sg_pool *p); /* examples so far */
struct sg_pool_example sg_pool_get(const struct sg_pool *p, int64_t j);
/* Examples among the first `size` positions: size, or less where a class is short. */
int64_t sg_pool_prefix(const struct sg_pool *p, int64_t size);
/* Whether its examples were asked for with their probabilities. */
int sg_pool_has_probabilities(const struct sg_pool *p);
/* Counts of examples, and of completions without any, (SG_N_REJECTS). */
const int64_t *sg_pool_rejects(const struct sg_pool *p);
int64_t sg_pool_n_draws(const struct sg_pool *p); /* completions */
/* Every example that nearly repeats another text, kept or rejected, in the order of the draws; *n of them, borrowed. */
struct sg_pool_near {
    char key[SG_HEX]; /* of the completion; "": from none */
    int64_t position; /* in the pool; -1: rejected */
    struct sg_near_match match;
};
const struct sg_pool_near *sg_pool_near(const struct sg_pool *p, int64_t *n);
/* Good examples of a class so far, surplus included: where the LLM chooses, how often it chose the class. */
int64_t sg_pool_n_good(const struct sg_pool *p, int class_);
/* "" or "class joy: 17 of 20 after 96 attempts; ..." */
const char *sg_pool_shortfall(const struct sg_pool *p);

#endif
