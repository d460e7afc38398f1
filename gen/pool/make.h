/* Free pools: examples made of labelled rows, without an LLM. The counterpart of the prompter (gen/pool/prompt.h), which asks for them.
 *
 * A pool asks its method's `make` for draw 0, 1, 2, ... of each class until its positions are filled; what it makes is checked as an
 * answer of an LLM is (duplicates, leakage, near-duplicates), what is rejected is counted and the next draw taken, up to 4 i + 16 draws
 * for the i-th example of a class. A draw depends on the rows, on its class and number, and on random numbers that are keyed by
 * task, method, draw of the raw rows, generation seed, class and number (sg_maker_rng): so it is the same on any number of ranks, in any
 * order, and after a resume; and a larger pool begins with a smaller one. Local, pure. */
#ifndef SG_GEN_POOL_MAKE_H
#define SG_GEN_POOL_MAKE_H

#include "base/rng.h"
#include "base/rows.h"
#include "gen/pool/methods.h"
#include "gen/pool/parse.h"
#include "gen/pool/spans.h"

struct sg_maker_spec {
    const struct sg_task *task;
    enum sg_method method;
    int64_t seed;               /* generation seed */
    const struct sg_rows *rows; /* what examples are made of; all of them known to the task */
    int64_t raw_draw;           /* which draw of the raw rows they are */
};

/* The distinct words of a class's rows, in the order in which they come first; they point into the rows. */
struct sg_maker_words {
    int64_t n;
    struct sg_word *word; /* (n) as sg_spans_find finds them, without the punctuation around them */
};

/* The words that a masked-LM head has given for the gaps of one draw. */
struct sg_guess {
    int is_there;
    int64_t n;
    char **word; /* (n) NULL: none fits */
};
struct sg_guesses {
    int64_t n;
    struct sg_guess *draw; /* (n) */
};

struct sg_maker {
    struct sg_maker_spec spec;
    const char *method;
    int64_t *by_class;            /* (rows->n) row indices, class by class, in their order */
    int64_t *start;               /* (K+1) where a class begins in by_class */
    uint64_t *seed;               /* (K) of sg_maker_rng */
    struct sg_guesses *guesses;   /* (K) */
    struct sg_maker_words *words; /* (K, 2) of the first texts, of the second ones */
};

/* Borrows what the spec points to. SG_INPUT when there are no rows, or one's label is no class. */
sg_status sg_maker_create(const struct sg_maker_spec *spec, struct sg_maker **out,
                          struct sg_err *err) SG_MUST_USE;
void sg_maker_destroy(struct sg_maker *m);

/* The random numbers of one draw: stream `draw` of the seed "make task %s method %s raw %lld seed %lld class %s". */
struct sg_rng sg_maker_rng(const struct sg_maker *m, int class_, int64_t draw);

/* The row that a draw starts from: the class's rows in turn. NULL: the class has none. */
const struct sg_row *sg_maker_row(const struct sg_maker *m, const struct sg_draw *d);

/* What came of a draw. */
enum sg_made_state {
    SG_MADE_NO_MORE, /* there is none, nor any behind it: the class's rows are used up */
    SG_MADE_LATER,   /* the words of its gaps are not there yet (sg_maker_put_words) */
    SG_MADE          /* there is a candidate: texts, or a reason why not */
};
struct sg_made {
    enum sg_made_state state;
    enum sg_reject reason; /* SG_ACCEPTED: x is set, owned by whoever has this */
    struct sg_parsed x;
};

/* A candidate of a row with one of its texts changed: first (side 0) or second. Takes `changed`, on failure too. What is the same as before, but
 * for case, blanks and punctuation, is SG_REJECT_ECHO. */
sg_status sg_make_changed_take(const struct sg_row *row, int side, char *changed, struct sg_made *out,
                               struct sg_err *err) SG_MUST_USE;

/* ---- words of a masked-LM head ---- */

/* Where a word goes in a row's text. Bytes [from, to) go. */
struct sg_gap {
    size_t from, to;
    int blank_after;     /* the word is inserted, and a blank behind it */
    struct sg_word not_; /* what is not to stand there; text NULL: anything may */
    double u;            /* in [0, 1): draws the word */
};
struct sg_gaps {
    const struct sg_row *row; /* NULL: the class has none */
    int side;                 /* 0: its first text, 1: its second */
    int64_t n;
    struct sg_gap *gap; /* (n) ascending, apart from each other */
};
void sg_gaps_free(struct sg_gaps *g); /* leaves it empty */

/* Adds to `list` what a head is to be asked for a draw: {"class", "draw", "piece": [texts between the gaps, one more than gaps], "not":
 * [words or null], "u": [numbers]}, the members of struct sg_mask_text (model/mask_head.h). */
sg_status sg_maker_ask(const struct sg_maker *m, const struct sg_draw *d, json_t *list,
                       struct sg_err *err) SG_MUST_USE;
int sg_maker_has_words(const struct sg_maker *m, const struct sg_draw *d);
/* The answer: an array of words or null. */
sg_status sg_maker_put_words(struct sg_maker *m, const struct sg_draw *d, const json_t *words,
                             struct sg_err *err) SG_MUST_USE;
void sg_maker_forget_words(struct sg_maker *m);

/* The `make` of methods with gaps: the row's text with these words in them. A gap without a word stays as it was. */
sg_status sg_make_filled_gaps(const struct sg_maker *m, const struct sg_draw *d, struct sg_made *out,
                              struct sg_err *err) SG_MUST_USE;

#endif
