/* Methods: the ways in which an LLM is asked for examples. Each is a row of a table (methods.c): its name in a study, what its
 * prompts show, what it waits for, which templates it needs, and the function that makes its messages (prompt_ask.c). What else
 * depends on the method follows from the row: a study's settings, pools for each draw of the raw rows, the plan's requests.
 *
 * A sixth one: its number here, its row in methods.c; a new kind of prompt also needs its function in prompt_ask.c.
 *
 * How a pool is filled does not depend on the method: by draws for each class (pool_draws.c), or, made of another pool, by
 * rephrasing that one's examples (rephrase.c). */
#ifndef SG_GEN_POOL_METHODS_H
#define SG_GEN_POOL_METHODS_H

#include "base/err.h"
#include "gen/pool/task.h"

#include <jansson.h>

/* The methods; the first five are the paper's. The order is the one in which settings name them; a study's file holds names. */
enum sg_method { SG_ZERO_SHOT, SG_ZERO_SHOT_TOPIC, SG_ONE_SHOT, SG_FEW_SHOT_3, SG_FEW_SHOT_5, SG_N_METHODS };

enum { SG_MAX_SHOTS = 50, SG_MAX_NEEDS = 2 };

struct sg_prompter;
struct sg_template_values;
struct sg_topics;

/* What a draw asks for: an example of class_ (-1 where the LLM chooses it), the draw-th such one. */
struct sg_draw {
    int class_;
    int64_t draw;
    const struct sg_topics *topics; /* NULL or empty: there are none */
};

struct sg_method_row {
    const char *name;
    int n_shots; /* labelled rows that a prompt shows, drawn anew for each; 0: none, and the raw rows do not matter */
    int has_topics; /* waits for a list of topics; each prompt names one of them */
    int is_same;    /* the prompts of a class are all the same: only number and sampling seed differ */
    struct {
        const char *name; /* as in a task file, under prompts: */
        size_t at;        /* in struct sg_prompts */
    } needs[SG_MAX_NEEDS];
    /* Adds the messages of a draw, without the system's. v holds the classes. */
    sg_status (*ask)(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                     json_t *messages, struct sg_err *err) SG_MUST_USE;
};

const struct sg_method_row *sg_method_row(enum sg_method m);
const char *sg_method_name(enum sg_method m);
int sg_method_of(const char *name); /* -1 when unknown */

/* Whether its prompts show raw rows: then its pools differ by draw of the raw rows (few_shot_rows), and need some. */
int sg_method_shows_rows(enum sg_method m);

/* The name of the first template that it needs and the wording does not have; NULL: it has all. */
const char *sg_method_lacks(enum sg_method m, const struct sg_prompts *wording);

#endif
