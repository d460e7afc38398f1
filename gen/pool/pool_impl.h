/* Inside of a pool: shared by pool.c (attempts for a class), rephrase.c (attempts for an example of another pool) and
 * pool_checks.c (what makes an example a good one). */
#ifndef SG_GEN_POOL_POOL_IMPL_H
#define SG_GEN_POOL_POOL_IMPL_H

#include "base/set.h"
#include "gen/pool/parse_many.h"
#include "gen/pool/prompt.h"

struct example {
    int32_t label;
    char *first, *second;
    char key[SG_HEX];
    int64_t source;  /* index of the example that it rephrases; -1: none */
    int64_t ordinal; /* among all good examples of the pool, in the order of the attempts */
};

/* Good examples of one class that wait for their position. */
struct queue {
    int64_t n, head; /* both 0 again when the last one has gone */
    struct example *item;
    int64_t n_good; /* that ever came */
};

/* Folded messages of the last few prompts: where a method shows nothing else, those of a class are always the same. */
enum { N_PROMPTS = 8 };
struct prompt_cache {
    struct {
        char *messages, *folded; /* as in the canonical text; the contents, a newline after each */
    } item[N_PROMPTS];
    int next;
};

struct sg_pool {
    struct sg_pool_spec spec;
    struct sg_prompter *prompter;
    char id[SG_HEX];
    struct sg_topics topics;
    int64_t n_lists; /* topic lists read so far */
    int topics_done;
    int64_t position;        /* the next to fill */
    int64_t n;               /* filled */
    struct example *example; /* (n) */
    int64_t *filled;         /* (spec.n + 1): examples among the first j positions */
    int64_t *cursor;         /* (K): the next attempt; all classes use the first where the LLM chooses */
    struct queue *queue;     /* (K) */
    int finished;            /* all positions are filled or given up */
    int64_t n_good;          /* examples that queued up, used or not */
    struct sg_set *taken;    /* folded texts of raw rows and earlier positions */
    struct sg_set *test;     /* folded texts of test rows */
    struct prompt_cache prompts;
    int one_word[2];      /* raw rows have texts of a single word: first, second */
    struct sg_buf folded; /* of the example that is checked */
    struct sg_near *near; /* the examples, for near-duplicates; NULL: not looked for */
    int64_t n_pairs;
    struct sg_pool_near *pair;
    int64_t n_tries; /* of a pool of rephrasings: attempts at `position` so far */
    int64_t rejects[SG_N_REJECTS], n_attempts;
    char shortfall[1000];
};

void sg_pool_prompts_free(struct prompt_cache *c);

/* What an attempt asked for: a class, or -1 where the LLM chooses it. */
struct sg_wanted sg_pool_wanted(const struct sg_pool *p, int asked);

/* Adds the text of an example to a set of folded texts. */
sg_status sg_pool_remember(struct sg_set *set, const char *first, const char *second,
                           struct sg_err *err) SG_MUST_USE;

/* Whether an example that was parsed is a good one, without leaving anything behind: SG_ACCEPTED in *reason, or why not. */
sg_status sg_pool_check(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                        enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;

/* The same for good: a near-duplicate is noted, and what is accepted is taken from now on. The caller then enqueues it. */
sg_status sg_pool_judge(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                        enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;

/* Judges one example of a completion, and puts a good one into its class's queue; its texts are taken. */
sg_status sg_pool_take_candidate(struct sg_pool *p, const struct sg_request *q, struct sg_candidate *c,
                                 int class_, struct sg_err *err) SG_MUST_USE;

/* The first of the class's queue fills the next place. */
void sg_pool_take_from_queue(struct sg_pool *p, int class_);

/* Of a pool of rephrasings: fills what the completions at hand allow, and lists what is missing. */
sg_status sg_rephrase_fill(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                           struct sg_request_list *missing, struct sg_err *err) SG_MUST_USE;

#endif
