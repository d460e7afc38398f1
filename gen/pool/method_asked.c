/* The methods of the study that synthgrid reproduces (arXiv 2407.12813): a prompt that names the class, alone, with a topic, or with labelled
 * rows. */
#include "base/buf.h"
#include "gen/pool/prompt_ask.h"

#include <stddef.h>
#include <string.h>

static int class_of(const struct sg_prompter *p, int64_t row)
{
    return sg_task_class(p->spec.task, p->spec.raw->row[row].label);
}

static struct sg_template_values values_of_row(const struct sg_prompter *p, int64_t row)
{
    const struct sg_row *x = &p->spec.raw->row[row];
    return (struct sg_template_values){.class_ = p->spec.task->class_[class_of(p, row)].readable,
                                       .classes = p->classes,
                                       .first = x->first,
                                       .second = x->second ? x->second : ""};
}

sg_status sg_prompter_show(const struct sg_prompter *p, const char *pattern, const int64_t *shot, int n_shots,
                           struct sg_template_values v, json_t *messages, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(SG_MAX_PROMPT_BYTES);
    sg_status status = SG_OK;
    for (int i = 0; status == SG_OK && i < n_shots; i++) {
        struct sg_template_values x = values_of_row(p, shot[i]);
        sg_buf_puts(&b, i ? "\n\n" : "");
        status = sg_template_fill(&b, p->prompt.example, &x, err);
    }
    if (status == SG_OK)
        status = sg_buf_check(&b, "the examples of a prompt", err);
    v.examples = sg_buf_text(&b);
    if (status == SG_OK)
        status = sg_message_add(messages, "user", pattern, &v, err);
    sg_buf_free(&b);
    return status;
}

static sg_status add_shots_as_dialogue(const struct sg_prompter *p, const int64_t *shot, int n_shots,
                                       struct sg_template_values v, json_t *messages, struct sg_err *err)
{
    for (int i = 0; i < n_shots; i++) {
        struct sg_template_values x = values_of_row(p, shot[i]);
        SG_TRY(sg_message_add(messages, "user", p->prompt.few_shot, &x, err));
        SG_TRY(sg_message_add(messages, "assistant", p->prompt.example, &x, err));
    }
    return sg_message_add(messages, "user", p->prompt.few_shot, &v, err);
}

static sg_status ask_plainly(const struct sg_prompter *p, const struct sg_draw *d,
                             struct sg_template_values v, json_t *messages, struct sg_err *err)
{
    (void)d;
    return sg_message_add(messages, "user", p->prompt.zero_shot, &v, err);
}

static sg_status ask_with_topic(const struct sg_prompter *p, const struct sg_draw *d,
                                struct sg_template_values v, json_t *messages, struct sg_err *err)
{
    const struct sg_topics *t = d->topics;
    struct sg_rng r = sg_prompter_rng(p, "topic", d->class_, d->draw);
    v.topic = t && t->n ? t->item[sg_rng_below(&r, (uint64_t)t->n)] : NULL;
    return sg_message_add(messages, "user", p->prompt.zero_shot_topic, &v, err);
}

static sg_status ask_with_shots(const struct sg_prompter *p, const struct sg_draw *d,
                                struct sg_template_values v, json_t *messages, struct sg_err *err)
{
    int64_t shot[SG_MAX_SHOTS];
    int n_shots = sg_prompter_shots(p, d->class_, d->draw, shot);
    return strstr(p->prompt.few_shot, "{examples}")
               ? sg_prompter_show(p, p->prompt.few_shot, shot, n_shots, v, messages, err)
               : add_shots_as_dialogue(p, shot, n_shots, v, messages, err);
}

#define NEEDS(template) #template, offsetof(struct sg_prompts, template)

const struct sg_method_row sg_method_zero_shot = {
    .name = "zero_shot", .is_same = 1, .needs = {{NEEDS(zero_shot)}}, .ask = ask_plainly};

const struct sg_method_row sg_method_zero_shot_topic = {.name = "zero_shot_topic",
                                                        .has_topics = 1,
                                                        .needs = {{NEEDS(zero_shot_topic)}, {NEEDS(topics)}},
                                                        .ask = ask_with_topic};

/* n: at most SG_MAX_SHOTS. */
#define SHOTS(n) .n_shots = (n), .needs = {{NEEDS(few_shot)}, {NEEDS(example)}}, .ask = ask_with_shots

const struct sg_method_row sg_method_one_shot = {.name = "one_shot", SHOTS(1)};
const struct sg_method_row sg_method_few_shot_3 = {.name = "few_shot_3", SHOTS(3)};
const struct sg_method_row sg_method_few_shot_5 = {.name = "few_shot_5", SHOTS(5)};
