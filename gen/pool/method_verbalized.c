/* Verbalized sampling (Zhang et al., "Verbalized Sampling: How to Mitigate Mode Collapse and Unlock LLM Diversity", arXiv 2510.01171): one request
 * asks for k texts with their probabilities, so that the LLM writes down a distribution in place of the text it finds most typical. */
#include "base/mem.h"
#include "gen/pool/prompt_ask.h"

#include <stddef.h>
#include <stdio.h>

/* What each text consists of where it is asked for in tags: a pair's marks, the label that the LLM chooses. New memory; NULL without. */
static char *form_of(const struct sg_prompter *p)
{
    const struct sg_task *t = p->spec.task;
    const char *label = p->spec.conditioning == SG_BY_NONE ? "\nLabel: ..." : "";
    if (!t->second)
        return label[0] ? sg_strf("\n...%s\n", label) : sg_strf("...");
    return sg_strf("\n%s: ...\n%s: ...%s\n", t->second_comes_first ? t->second_mark : t->first_mark,
                   t->second_comes_first ? t->first_mark : t->second_mark, label);
}

/* The paper's prompt begins so, in other words: the number of answers, how they are drawn, and the tags. The request itself comes last:
 * small models that do not see what is asked of the form then still answer it (measured with SmolLM2). */
static char *wish(const struct sg_prompter *p)
{
    char drawn[160] = "from the full distribution of all that could be written, likely or not";
    if (p->spec.below > 0)
        snprintf(drawn, sizeof drawn,
                 "from the tails of the distribution of all that could be written, so that each one has a "
                 "probability below %g",
                 p->spec.below);
    char *ask = sg_strf("Write %lld answers to the request below, each time differently: sample them at "
                        "random %s. Give each "
                        "one its probability, a number from 0 to 1.",
                        (long long)p->spec.n_examples, drawn),
         *form = p->spec.structured ? sg_strdup("") : form_of(p), *all = NULL;
    if (ask && form)
        all = p->spec.structured ? sg_strf("%s\n\nRequest: ", ask)
                                 : sg_strf("%s Write all of them in this form:\n<response>\n<text>%s</text>\n"
                                           "<probability>...</probability>\n</response>\n\nRequest: ",
                                           ask, form);
    sg_free(ask);
    sg_free(form);
    return all;
}

static sg_status ask(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                     json_t *messages, struct sg_err *err)
{
    (void)d;
    SG_TRY(sg_message_add(messages, "user", p->prompt.zero_shot, &v, err));
    return sg_message_begin_with(messages, wish(p), err);
}

const struct sg_method_row sg_method_verbalized = {
    .name = "verbalized",
    .is_same = 1,
    .has_probabilities = 1,
    .needs = {{"zero_shot", offsetof(struct sg_prompts, zero_shot)}},
    .ask = ask};
