/* Inside of a prompter: shared by prompt.c (whole requests) and the methods that are bought (method_*.c), which make the messages. */
#ifndef SG_GEN_POOL_PROMPT_ASK_H
#define SG_GEN_POOL_PROMPT_ASK_H

#include "gen/pool/messages.h"
#include "gen/pool/prompt.h"

struct sg_prompter {
    struct sg_prompter_spec spec;
    const struct sg_method_row *method;
    struct sg_prompts prompt; /* in force */
    char *classes;            /* all readable names, for {classes} */
    int64_t *by_class;        /* (raw->n) row indices, class by class */
    int64_t *start;           /* (K+1) where a class begins in by_class */
    /* (K+1) by class + 1: requests of a method that shows nothing else, made when they are first asked for */
    struct sg_request_frame *frame;
    uint64_t *sampling; /* (K + 1) seeds of draws, by class + 1 */
};

/* The generator of a purpose's random numbers, for one draw: each purpose has a name of its own, so that none shifts another. */
uint64_t sg_prompter_seed(const struct sg_prompter *p, const char *purpose, int class_);
struct sg_rng sg_prompter_rng(const struct sg_prompter *p, const char *purpose, int class_, int64_t draw);

/* Adds the user's message of a template that holds {examples}: the rows `shot`, each as the wording's `example` writes it. */
sg_status sg_prompter_show(const struct sg_prompter *p, const char *pattern, const int64_t *shot, int n_shots,
                           struct sg_template_values v, json_t *messages, struct sg_err *err) SG_MUST_USE;

#endif
