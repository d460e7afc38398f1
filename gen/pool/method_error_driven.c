/* Wang, Zhou and Sachan, "Let's Synthesize Step by Step" (Findings of EMNLP 2023, arXiv 2310.13671): ask for more of what a small model gets
 * wrong. docs/methods.md says what differs here. */
#include "gen/pool/prompt_ask.h"
#include "gen/pool/rounds.h"

#include <stddef.h>

/* A class of which no raw row was chosen, since it has none, is asked for as in the first round. */
static sg_status ask(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                     json_t *messages, struct sg_err *err)
{
    int64_t pick[SG_ROUNDS_SHOWN], first = d->hard ? d->hard->start[d->class_] : 0,
                                   n = d->hard ? d->hard->start[d->class_ + 1] - first : 0;
    if (!n)
        return sg_message_add(messages, "user", p->prompt.zero_shot, &v, err);
    struct sg_rng r = sg_prompter_rng(p, "hard rows", d->class_, d->draw);
    int n_picked = sg_draw_distinct(&r, n, n, 0, SG_ROUNDS_SHOWN, pick);
    for (int i = 0; i < n_picked; i++)
        pick[i] = d->hard->row[first + pick[i]];
    return sg_prompter_show(p, p->prompt.error_driven, pick, n_picked, v, messages, err);
}

#define NEEDS(template) #template, offsetof(struct sg_prompts, template)

const struct sg_method_row sg_method_error_driven = {
    .name = "error_driven",
    .n_shots = SG_ROUNDS_SHOWN,
    .has_rounds = 1,
    .needs = {{NEEDS(zero_shot)}, {NEEDS(error_driven)}, {NEEDS(example)}},
    .ask = ask};
