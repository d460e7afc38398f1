/* Inside of a pool. pool.c makes one and drives the way in which it is filled: pool_draws.c (draws for a class; pool_rounds.c where they
 * are made in rounds), rephrase.c (draws for an
 * example of another pool) or pool_make.c (made of labelled rows, free). All build upon pool_queue.c (good examples wait for their position), pool_checks.c (what makes an
 * example a good one) and pool_read.c (what a pool holds). pool_id.c: what its content depends on. */
#ifndef SG_GEN_POOL_POOL_IMPL_H
#define SG_GEN_POOL_POOL_IMPL_H

#include "base/set.h"
#include "gen/pool/make.h"
#include "gen/pool/parse_many.h"
#include "gen/pool/pool.h"
#include "gen/pool/prompt.h"
#include "gen/pool/tree.h"

struct example {
    int32_t label;
    char *first, *second;
    char key[SG_HEX];
    int64_t source;     /* index of the example that it rephrases; -1: none */
    double probability; /* NaN: not known */
    int64_t ordinal;    /* among all good examples of the pool, in the order of the draws */
    int64_t round;      /* of its draw; -1: there are none */
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

/* A place in the list of the draws that a pool lacks, and whether the pool is still as it was then. */
struct listing {
    int64_t at, n;                        /* the next one; all of them, 0: not counted */
    int64_t position, n_draws, round_end; /* of the pool */
    int stream;                           /* the class whose draws are listed, */
    int64_t j, need;                      /* its next position, and how many of it came before */
};

/* A way of filling a pool, as functions. */
struct sg_filling {
    /* Fills what the completions at hand allow, and lists what is missing: as sg_pool_advance. */
    sg_status (*fill)(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                      struct sg_request_list *missing, struct sg_err *err) SG_MUST_USE;
    /* As sg_pool_preview. */
    sg_status (*preview)(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                         enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;
    /* For estimates: a request like those that it makes, how many a full pool takes, and whether each also holds a text about as long
     * as an answer. */
    sg_status (*specimen)(const struct sg_pool *p, struct sg_request *out, struct sg_err *err) SG_MUST_USE;
    int64_t (*n_requests)(const struct sg_pool *p);
    int shows_text;
    int64_t (*max_tokens)(const struct sg_pool *p); /* of one example's request */
};
extern const struct sg_filling sg_fill_by_draws, sg_fill_by_rephrasing, sg_fill_by_making,
    sg_fill_by_import; /* has no specimen: it asks nobody */

struct sg_pool {
    struct sg_pool_spec spec;
    const struct sg_method_row *method;
    const struct sg_filling *filling;
    struct sg_prompter *prompter; /* NULL: free */
    struct sg_maker *maker;       /* NULL: bought */
    char id[SG_HEX];
    struct sg_topics topics;
    int64_t n_lists;     /* topic lists read so far */
    struct sg_tree tree; /* of a method that has one: where its topics come from */
    int topics_done;
    int64_t position;        /* the next to fill */
    int64_t n;               /* filled */
    struct example *example; /* (n) */
    int64_t *filled;         /* (spec.n + 1): examples among the first j positions */
    int64_t *cursor;         /* (K): the next draw; all classes use the first where the LLM chooses */
    struct queue *queue;     /* (K) */
    int finished;            /* all positions are filled or given up */
    int64_t n_good;          /* examples that queued up, used or not */
    struct sg_set *taken;    /* folded texts of earlier positions */
    struct sg_folded *own_raw, *own_test; /* where the spec has none to share */
    struct prompt_cache prompts;
    int one_word[2];      /* raw rows have texts of a single word: first, second */
    struct sg_buf folded; /* of the example that is checked */
    struct sg_near *near; /* the examples, for near-duplicates; NULL: not looked for */
    int64_t n_pairs;
    struct sg_pool_near *pair;
    int64_t n_tries; /* of a pool of rephrasings: draws for `position` so far */
    /* Of a pool that is made in rounds; of others plain is NULL, and the one round is the whole pool. */
    struct sg_prompter *plain; /* of the first round */
    int32_t *raw_label;        /* (n of spec.raw) */
    int64_t round, round_end;  /* round_end: the first position behind it */
    struct sg_hard_rows hard;  /* of the round; empty in the first */
    char fit_key[SG_HEX];      /* "": it does not wait for the next round's */
    int64_t rejects[SG_N_REJECTS], n_draws;
    struct listing listing; /* where the last part of a list has ended */
    char shortfall[1000];
};

void sg_pool_prompts_free(struct prompt_cache *c);

/* ---- pool_rounds.c ---- */

/* Where the method has rounds: what they take. Needs the prompter. */
sg_status sg_pool_rounds_create(struct sg_pool *p, struct sg_err *err) SG_MUST_USE;
void sg_pool_rounds_free(struct sg_pool *p);

/* Where the round is full: the next one, if its rows are there; else p->fit_key is set. */
sg_status sg_pool_begin_round(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_err *err) SG_MUST_USE;

/* Some rows of each class, for estimates before there are any. */
sg_status sg_pool_some_rows(const struct sg_pool *p, struct sg_hard_rows *out,
                            struct sg_err *err) SG_MUST_USE;

/* ---- pool_draws.c ---- */

/* The draw of its class at which position j is given up: a function of j alone, so that a pool which asks for more begins with the
 * same examples. */
int64_t sg_pool_draws_cap(const struct sg_pool *p, int64_t j);

/* ---- pool_id.c ---- */

sg_status sg_pool_make_id(struct sg_pool *p, struct sg_err *err) SG_MUST_USE;

/* ---- pool_checks.c ---- */

/* Whether an example that was parsed is a good one, without leaving anything behind: SG_ACCEPTED in *reason, or why not. q, here and
 * below: what was asked; NULL: nobody was. */
sg_status sg_pool_check(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                        enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;

/* The same for good: a near-duplicate is noted, and what is accepted is taken from now on. The caller then enqueues it. */
sg_status sg_pool_check_for_good(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                                 enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;

/* ---- pool_queue.c ---- */

/* The draws that class k takes from. */
int64_t *sg_pool_cursor(struct sg_pool *p, int class_);

/* What a draw asked for: a class, or -1 where the LLM chooses it. */
struct sg_wanted sg_pool_wanted(const struct sg_pool *p, int asked);

/* An answer's examples; c holds one at least. sg_parsed_free each. */
sg_status sg_pool_parse(const struct sg_pool *p, const struct sg_found *f, struct sg_wanted w,
                        struct sg_candidate c[SG_MAX_EXAMPLES], int64_t *n, struct sg_err *err) SG_MUST_USE;

/* Checks one example of a completion, and puts a good one into its class's queue; its texts are taken. */
sg_status sg_pool_take_candidate(struct sg_pool *p, const struct sg_request *q, struct sg_candidate *c,
                                 int class_, struct sg_err *err) SG_MUST_USE;

/* How many wait for a position. */
int64_t sg_pool_n_waiting(const struct sg_pool *p, int class_);

/* The first of the class's queue fills the next position. */
void sg_pool_take_from_queue(struct sg_pool *p, int class_);

/* All positions are filled or given up: names what is missing and counts what is left over; near-duplicates get positions for
 * ordinals. Done once. */
sg_status sg_pool_finish(struct sg_pool *p, struct sg_err *err) SG_MUST_USE;

#endif
