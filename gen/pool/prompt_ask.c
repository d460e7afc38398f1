#include "gen/pool/prompt_ask.h"

#include "base/buf.h"

#include <string.h>

/* ---- what a draw takes ---- */

uint64_t sg_prompter_seed(const struct sg_prompter *p, const char *purpose, int class_)
{
    const struct sg_task *t = p->spec.task;
    return sg_seed_of("%s task %s method %s seed %lld class %s", purpose, t->name, p->method->name,
                      (long long)p->spec.seed, class_ < 0 ? "" : t->class_[class_].name);
}

struct sg_rng sg_prompter_rng(const struct sg_prompter *p, const char *purpose, int class_, int64_t draw)
{
    return sg_rng_make(sg_prompter_seed(p, purpose, class_), (uint64_t)draw);
}

int sg_prompter_shots(const struct sg_prompter *p, int class_, int64_t draw, int64_t shot[SG_MAX_SHOTS])
{
    int want = p->method->n_shots;
    if (want == 0)
        return 0;
    struct sg_rng r = sg_prompter_rng(p, "examples", class_, draw);
    /* Without a class all rows are others. */
    int64_t first = class_ < 0 ? 0 : p->start[class_], n_own = class_ < 0 ? 0 : p->start[class_ + 1] - first;
    int64_t own[SG_MAX_SHOTS], other[SG_MAX_SHOTS];
    int n_shown_own = sg_draw_distinct(&r, n_own, n_own, 0, want, own);
    int n_other = sg_draw_distinct(&r, p->spec.raw->n, first, n_own, want - n_shown_own, other);
    int n = 0;
    for (int i = 0; i < n_other; i++)
        shot[n++] = p->by_class[other[i]];
    for (int i = 0; i < n_shown_own; i++)
        shot[n++] = p->by_class[first + own[i]];
    return n;
}

/* ---- messages ---- */

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

/* All examples in the one message that asks. */
static sg_status add_shots_inside(const struct sg_prompter *p, const int64_t *shot, int n_shots,
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
        status = sg_message_add(messages, "user", p->prompt.few_shot, &v, err);
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

sg_status sg_ask_plainly(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                         json_t *messages, struct sg_err *err)
{
    (void)d;
    return sg_message_add(messages, "user", p->prompt.zero_shot, &v, err);
}

sg_status sg_ask_with_topic(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                            json_t *messages, struct sg_err *err)
{
    const struct sg_topics *t = d->topics;
    struct sg_rng r = sg_prompter_rng(p, "topic", d->class_, d->draw);
    v.topic = t && t->n ? t->item[sg_rng_below(&r, (uint64_t)t->n)] : NULL;
    return sg_message_add(messages, "user", p->prompt.zero_shot_topic, &v, err);
}

sg_status sg_ask_with_shots(const struct sg_prompter *p, const struct sg_draw *d, struct sg_template_values v,
                            json_t *messages, struct sg_err *err)
{
    int64_t shot[SG_MAX_SHOTS];
    int n_shots = sg_prompter_shots(p, d->class_, d->draw, shot);
    return strstr(p->prompt.few_shot, "{examples}")
               ? add_shots_inside(p, shot, n_shots, v, messages, err)
               : add_shots_as_dialogue(p, shot, n_shots, v, messages, err);
}
