/* Topics that exclude each other, in two levels (after TreeSynth: Wang et al., arXiv 2503.17195): the LLM divides what can be written about, then
 * each part again, and texts are asked for leaf by leaf. */
#include "gen/pool/prompt_ask.h"

#include <stddef.h>

static sg_status ask(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                     json_t *messages, struct sg_err *err)
{
    const struct sg_topics *t = d->topics;
    v.topic = t && t->n ? t->item[d->draw % t->n] : NULL;
    return sg_message_add(messages, "user", p->prompt.zero_shot_topic, &v, err);
}

const struct sg_method_row sg_method_tree_topic = {
    .name = "tree_topic",
    .has_topics = 1,
    .has_tree = 1,
    .needs = {{"zero_shot_topic", offsetof(struct sg_prompts, zero_shot_topic)},
              {"topics", offsetof(struct sg_prompts, topics)}},
    .ask = ask};
