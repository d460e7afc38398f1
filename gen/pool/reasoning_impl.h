/* Inside of finding the answer (gen/pool/reasoning.h): reasoning_marks.c reads one mark, reasoning_bare.c knows reasoning that has
 * none, reasoning.c goes through a text. */
#ifndef SG_GEN_POOL_REASONING_IMPL_H
#define SG_GEN_POOL_REASONING_IMPL_H

#include "gen/pool/clean.h"
#include "gen/pool/reasoning.h"

#include <string.h>

/* ---- texts ---- */

/* The length of `what` where s starts with it, else 0; then blind to case. */
static inline size_t starts(const char *s, const char *what)
{
    size_t n = strlen(what);
    return strncmp(s, what, n) == 0 ? n : 0;
}

static inline size_t starts_blind(const char *s, const char *what)
{
    return sg_starts_with(s, what) ? strlen(what) : 0;
}

static inline const char *past_blanks(const char *s, const char *end)
{
    while (s < end && (*s == ' ' || *s == '\n' || *s == '\t' || *s == '\r'))
        s++;
    return s;
}

static inline int is_blank(const char *s, const char *end)
{
    return past_blanks(s, end) == end;
}

/* ---- marks ---- */

enum sg_mark_kind {
    SG_NO_MARK,
    SG_MARK_OPENS,        /* reasoning begins */
    SG_MARK_OPENS_WEAKLY, /* the same, but only where the answer would begin: the name is a word of texts, too */
    SG_MARK_CLOSES,
    SG_MARK_ANSWERS,  /* the answer begins: a tag, which may stand in reasoning */
    SG_MARK_ANSWERED, /* ... ends */
    SG_MARK_SPEAKS,   /* the answer begins: a chat's own mark */
    SG_MARK_TURN,     /* a turn begins, whose role stands behind */
    SG_MARK_END_TURN, /* any other mark of a chat */
};

struct sg_mark {
    enum sg_mark_kind kind;
    size_t n; /* bytes */
};

enum { SG_MARK_NAME = 40, SG_MARK_ATTRIBUTES = 200 };

/* A mark as it is written: delimiters and a name ("_" for what separates words). */
struct sg_written_mark {
    char name[SG_MARK_NAME + 1];
    char delimiter;   /* '<', '[', 'k' (Kimi's triangles) */
    int bar, bar_end; /* <| ... |> */
    int slash, alone; /* </x>, <x/> */
    int upper;        /* no small letter in it */
    size_t n;
};

/* The mark at s, written as *w; one byte of SG_NO_MARK where there is none. */
struct sg_mark sg_mark_at(const struct sg_task *t, const char *s, struct sg_written_mark *w);

/* ---- what they leave ---- */

struct sg_scan {
    const char *from, *end; /* the answer so far; end NULL: not yet */
    int open, reasons;
    const char *tag, *answer, *answer_end; /* the last <answer> ... </answer> since the last closing mark */
    int struck;                            /* an <s> that is no chat's: "<s>struck out</s>" */
};

/* ---- reasoning_bare.c: reasoning without marks ---- */

/* Each moves the answer behind reasoning that begins it in its own form, and returns 0 where it does not begin so: under a heading
 * of reasoning, the answer under another; "Thought: I need a dull one. Final answer: ...", each on its line, a quotation or a fence of
 * thoughts before the answer; gpt-oss's channels whose marks were left out: "analysisWe need ... assistantfinalThe text." */
int sg_find_headings(struct sg_scan *x);
int sg_find_spoken(const struct sg_task *t, struct sg_scan *x);
int sg_find_bare_channels(struct sg_scan *x);

/* "Okay, the user wants a review ..." with nothing that ends it: the answer was cut before it began. */
int sg_is_bare_reasoning(const struct sg_task *t, const char *s);

#endif
