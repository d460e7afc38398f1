/* Methods: the ways in which examples are made. Each is a row: its name in a study, and how its pools are filled.
 *
 * Bought (`ask`): each draw is a request to an LLM; the row says what the prompts show, what they wait for and which templates they need.
 * Free (`make`): each draw is a function of labelled rows (gen/pool/make.h); no LLM, no request, no dollar, nothing in the ledger but the
 * pool itself; made again whenever a run starts.
 *
 * What else depends on the method follows from the row: a study's settings, pools for each draw of the raw rows, the plan's requests. A
 * free method has one arm in a study, whatever generators, conditionings, wordings and rephrasings that has.
 *
 * A further one: a line in SG_METHODS and a file gen/pool/method_NAME.c with its row and its function (docs/methods.md shows one). */
#ifndef SG_GEN_POOL_METHODS_H
#define SG_GEN_POOL_METHODS_H

#include "base/err.h"
#include "gen/pool/task.h"

#include <jansson.h>

/* The methods, in the order in which settings name them; a study's file holds names. X(constant, row). The first five are the paper's. */
#define SG_METHODS(X)                                                                                        \
    X(SG_ZERO_SHOT, sg_method_zero_shot)                                                                     \
    X(SG_ZERO_SHOT_TOPIC, sg_method_zero_shot_topic)                                                         \
    X(SG_ONE_SHOT, sg_method_one_shot)                                                                       \
    X(SG_FEW_SHOT_3, sg_method_few_shot_3)                                                                   \
    X(SG_FEW_SHOT_5, sg_method_few_shot_5)                                                                   \
    X(SG_VERBALIZED, sg_method_verbalized)                                                                   \
    X(SG_TREE_TOPIC, sg_method_tree_topic)                                                                   \
    X(SG_EDA, sg_method_eda)                                                                                 \
    X(SG_MLM_INSERT, sg_method_mlm_insert)                                                                   \
    X(SG_MLM_REPLACE, sg_method_mlm_replace)                                                                 \
    X(SG_ERROR_DRIVEN, sg_method_error_driven)

#define SG_METHOD_CONSTANT(constant, row) constant,
enum sg_method { SG_METHODS(SG_METHOD_CONSTANT) SG_N_METHODS };
#undef SG_METHOD_CONSTANT

/* Neither asks nor makes: the pool's rows come from a file (gen/pool/imported.h). A study names such methods itself; settings do not
 * know this one by a name. */
enum { SG_IMPORTED = SG_N_METHODS };

enum { SG_MAX_SHOTS = 50, SG_MAX_NEEDS = 3 };

struct sg_prompter;
struct sg_template_values;
struct sg_topics;
struct sg_maker;
struct sg_made;
struct sg_gaps;
struct sg_hard_rows;

/* What a draw is for: an example of class_ (-1 where the LLM chooses it), the draw-th such one. */
struct sg_draw {
    int class_;
    int64_t draw;
    const struct sg_topics *topics; /* NULL or empty: there are none */
    const struct sg_hard_rows
        *hard; /* what a round's prompts show (gen/pool/rounds.h); NULL: of no such method */
};

struct sg_method_row {
    const char *name;

    /* Bought; ask NULL: free. */
    int n_shots; /* labelled rows that a prompt shows, drawn anew for each; 0: none, and the raw rows do not matter */
    int has_topics; /* waits for a list of topics; each prompt names one of them */
    int has_tree;   /* its topics are the leaves of a tree of topics (gen/pool/tree.h), taken in turn */
    int has_probabilities; /* asks for several texts at once, each with its probability (gen/pool/parse_verbal.h) */
    int is_same;           /* the prompts of a class are all the same: only number and sampling seed differ */
    /* Made in rounds (gen/pool/rounds.h): the first asks what zero_shot asks, request for request; prompts of later ones show n_shots rows
     * of those that a classifier gets wrong. Such a method asks for a class. */
    int has_rounds;
    struct {
        const char *name; /* as in a task file, under prompts: */
        size_t at;        /* in struct sg_prompts */
    } needs[SG_MAX_NEEDS];
    /* Adds the messages of a draw, without the system's. v holds the classes. */
    sg_status (*ask)(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                     json_t *messages, struct sg_err *err) SG_MUST_USE;

    /* Free; make NULL: bought. */
    const char *
        recipe; /* what `make` does, with its version and numbers: part of a pool's id, so new words where its results change */
    /* The candidate of a draw. Pure: the same for the same rows, class and draw, whoever calls it, in any order. */
    sg_status (*make)(const struct sg_maker *m, const struct sg_draw *d, struct sg_made *out,
                      struct sg_err *err) SG_MUST_USE;
    /* Of one whose draws need words of the encoder's masked-LM head: where they go; `make` is sg_make_filled_gaps then. NULL: none. */
    sg_status (*gaps)(const struct sg_maker *m, const struct sg_draw *d, struct sg_gaps *out,
                      struct sg_err *err) SG_MUST_USE;
};

#define SG_METHOD_ROW(constant, row) extern const struct sg_method_row row;
SG_METHODS(SG_METHOD_ROW)
#undef SG_METHOD_ROW

const struct sg_method_row *sg_method_row(enum sg_method m);
const char *sg_method_name(enum sg_method m);
int sg_method_of(const char *name); /* -1 when unknown */

/* Whether its examples cost nothing and ask nobody. */
int sg_method_is_free(enum sg_method m);

/* Whether its pools are made in rounds, which takes the encoder's weights. */
int sg_method_has_rounds(enum sg_method m);

/* Whether it needs the encoder's masked-LM head. */
int sg_method_needs_words(enum sg_method m);

/* Whether its examples come from raw rows, or its prompts show some: then its pools differ by draw of the raw rows (few_shot_rows), and
 * need some. */
int sg_method_shows_rows(enum sg_method m);

/* The name of the first template that it needs and the wording does not have; NULL: it has all. */
const char *sg_method_lacks(enum sg_method m, const struct sg_prompts *wording);

#endif
