#include "gen/pool/prompt.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/prompt_ask.h"

#include <jansson.h>
#include <string.h>

void sg_topics_free(struct sg_topics *t)
{
    for (int64_t i = 0; i < t->n; i++)
        sg_free(t->item[i]);
    sg_free(t->item);
    *t = (struct sg_topics){0};
}

/* --- making a prompter */

/* Sorts the raw rows by class, keeping their order within one. */
static sg_status sort_rows(struct sg_prompter *p, struct sg_err *err)
{
    const struct sg_task *t = p->spec.task;
    const struct sg_rows *raw = p->spec.raw;
    int64_t n = raw ? raw->n : 0, n_sorted = 0;
    p->by_class = sg_alloc((size_t)n, sizeof *p->by_class);
    p->start = sg_alloc((size_t)t->n_classes + 1, sizeof *p->start);
    if (!p->by_class || !p->start)
        return sg_fail_memory(err, (unsigned long long)n * sizeof *p->by_class);
    for (int k = 0; k < t->n_classes; k++) {
        p->start[k] = n_sorted;
        for (int64_t i = 0; i < n; i++)
            if (raw->row[i].label && strcmp(raw->row[i].label, t->class_[k].name) == 0)
                p->by_class[n_sorted++] = i;
    }
    p->start[t->n_classes] = n_sorted;
    if (n_sorted != n)
        return sg_fail(err, SG_INPUT,
                       "%lld of the raw rows of task %s %s a label that is not among its classes",
                       (long long)(n - n_sorted), t->name, sg_plural(n - n_sorted, "has", "have"));
    return SG_OK;
}

sg_status sg_prompter_create(const struct sg_prompter_spec *spec, struct sg_prompter **out,
                             struct sg_err *err)
{
    if (sg_method_shows_rows(spec->method) && (!spec->raw || spec->raw->n == 0))
        return sg_fail(
            err, SG_INPUT,
            "method %s of task %s shows examples, but there are no raw rows; hint: set raw: to 1 or more",
            sg_method_name(spec->method), spec->task->name);
    struct sg_prompter *p = sg_alloc(1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, sizeof *p);
    p->spec = *spec;
    p->method = sg_method_row(spec->method);
    p->spec.n_examples = spec->n_examples > 1 ? spec->n_examples : 1;
    const char *variant = spec->variant ? spec->variant : "default";
    sg_status status = SG_OK;
    if (!sg_task_wording(spec->task, variant, spec->conditioning, &p->prompt))
        status = sg_fail(err, SG_INPUT, "task %s has no prompt variant %s", spec->task->name, variant);
    if (status == SG_OK)
        status = sort_rows(p, err);
    if (status == SG_OK)
        status = (p->classes = sg_class_list(spec->task)) ? SG_OK : sg_fail_memory(err, SG_MAX_PROMPT_BYTES);
    if (status == SG_OK && !(p->frame = sg_alloc((size_t)spec->task->n_classes + 1, sizeof *p->frame)))
        status = sg_fail_memory(err, (size_t)spec->task->n_classes * sizeof *p->frame);
    if (status == SG_OK && !(p->sampling = sg_alloc((size_t)spec->task->n_classes + 1, sizeof *p->sampling)))
        status = sg_fail_memory(err, (size_t)spec->task->n_classes * sizeof *p->sampling);
    for (int k = -1; status == SG_OK && k < spec->task->n_classes; k++)
        p->sampling[k + 1] = sg_prompter_seed(p, "sampling", k);
    if (status == SG_OK)
        *out = p;
    else
        sg_prompter_destroy(p);
    return status;
}

void sg_prompter_destroy(struct sg_prompter *p)
{
    if (!p)
        return;
    for (int k = 0; p->frame && k <= p->spec.task->n_classes; k++)
        sg_request_frame_free(&p->frame[k]);
    sg_free(p->frame);
    sg_free(p->sampling);
    sg_free(p->classes);
    sg_free(p->by_class);
    sg_free(p->start);
    sg_free(p);
}

/* Ends the last message with the wish for a list. */
static sg_status ask_for_list(json_t *messages, int64_t n, struct sg_err *err)
{
    return sg_message_end_with(
        messages,
        sg_strf("\n\nDo this %lld times, each time differently. Number them: 1. to %lld.", (long long)n,
                (long long)n),
        err);
}

/* Ends it with a pair's form: a question that stands last is answered by small models (measured with SmolLM2 and BoolQ). */
static sg_status ask_for_form(const struct sg_task *t, json_t *messages, struct sg_err *err)
{
    return sg_message_end_with(messages,
                               sg_strf("\n\nAnswer in this form:\n%s: ...\n%s: ...",
                                       t->second_comes_first ? t->second_mark : t->first_mark,
                                       t->second_comes_first ? t->first_mark : t->second_mark),
                               err);
}

/* {"examples": [{"Premise": "...", "Hypothesis": "...", "Label": "..."}, ...]}: the task's marks in the order in which the LLM
 * writes, then the class where it chooses one, and the probability where it gives one. NULL without memory. */
static json_t *response_format(const struct sg_prompter *p, int wants_label, int wants_probability)
{
    const struct sg_task *t = p->spec.task;
    json_t *properties = json_object(), *required = json_array();
    const char *lead = t->second_comes_first ? t->second_mark : t->first_mark;
    const char *trail = t->second_comes_first ? t->first_mark : t->second_mark;
    int bad = sg_schema_add(properties, required, lead, json_pack("{ss}", "type", "string"));
    if (t->second)
        bad |= sg_schema_add(properties, required, trail, json_pack("{ss}", "type", "string"));
    if (wants_label)
        bad |= sg_schema_add(properties, required, "Label", sg_schema_classes(t));
    if (wants_probability)
        bad |= sg_schema_add(properties, required, "Probability", json_pack("{ss}", "type", "number"));
    json_int_t n = p->spec.n_examples > 1 ? (json_int_t)p->spec.n_examples
                                          : 1; /* an empty list would be paid for, too */
    json_t *list = json_pack("{s{ss so sI sI}}", "examples", "type", "array", "items",
                             sg_schema_object(properties, required), "minItems", n, "maxItems", n);
    json_t *o = sg_schema_format("examples", sg_schema_object(list, json_pack("[s]", "examples")));
    if (bad) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* Takes over `messages` and `format` (NULL: none). */
static sg_status finish(const struct sg_prompter *p, json_t *messages, json_t *format, int64_t index,
                        int64_t seed, int64_t max_tokens, struct sg_request *out, struct sg_err *err)
{
    const struct sg_generator *g = p->spec.generator;
    return sg_request_make(g, messages, format,
                           &(struct sg_sampling){index, seed, max_tokens, g->temperature}, out, err);
}

int64_t sg_prompter_max_tokens(const struct sg_prompter *p)
{
    int64_t max = p->spec.task->max_tokens ? p->spec.task->max_tokens : p->spec.generator->max_tokens;
    return p->spec.n_examples * (max + (p->spec.conditioning == SG_BY_NONE ? SG_LABEL_TOKENS : 0) +
                                 (p->spec.structured ? SG_JSON_TOKENS : 0) +
                                 (p->method->has_probabilities ? SG_VERBAL_TOKENS : 0));
}

/* All of a draw's request but its number and its seed. */
static sg_status make_frame(const struct sg_prompter *p, const struct sg_draw *d,
                            struct sg_request_frame *out, struct sg_err *err)
{
    struct sg_template_values v = {.class_ = d->class_ < 0 ? NULL : p->spec.task->class_[d->class_].readable,
                                   .classes = p->classes};
    json_t *messages = json_array(), *format = NULL;
    sg_status status = messages ? SG_OK : sg_fail_memory(err, 1024);
    if (status == SG_OK && p->prompt.system)
        status = sg_message_add(messages, "system", p->prompt.system, &v, err);
    if (status == SG_OK)
        status = p->method->ask(p, d, v, messages, err);
    if (status == SG_OK && p->spec.n_examples > 1 && !p->method->has_probabilities)
        status = ask_for_list(messages, p->spec.n_examples, err);
    if (status == SG_OK && p->spec.structured &&
        !(format = response_format(p, p->spec.conditioning == SG_BY_NONE, p->method->has_probabilities)))
        status = sg_fail_memory(err, 4096);
    if (status != SG_OK) {
        json_decref(messages);
        return status;
    }
    return sg_request_frame_make(p->spec.generator, messages, format, sg_prompter_max_tokens(p),
                                 p->spec.generator->temperature, out, err);
}

sg_status sg_prompter_draw(const struct sg_prompter *p, const struct sg_draw *d, struct sg_request *out,
                           struct sg_err *err)
{
    struct sg_request_frame own = {0}, *f = p->method->is_same ? &p->frame[d->class_ + 1] : &own;
    if (!f->middle)
        SG_TRY(make_frame(p, d, f, err));
    sg_status status = sg_request_frame_fill(
        f, d->draw, sg_draw_seed(sg_rng_make(p->sampling[d->class_ + 1], (uint64_t)d->draw)), out, err);
    sg_request_frame_free(&own);
    return status;
}

int64_t sg_prompter_rephrase_tokens(const struct sg_prompter *p)
{
    int64_t max = p->spec.task->max_tokens ? p->spec.task->max_tokens : p->spec.generator->max_tokens;
    return max + SG_LABEL_TOKENS + (p->spec.structured ? SG_JSON_TOKENS : 0); /* marks may come back */
}

sg_status sg_prompter_rephrase(const struct sg_prompter *p, int class_, int64_t position, int64_t draw,
                               const char *first, const char *second, struct sg_request *out,
                               struct sg_err *err)
{
    if (!p->prompt.rephrase)
        return sg_fail(err, SG_INPUT, "task %s has no prompts.rephrase; hint: add it to the task file",
                       p->spec.task->name);
    char *a = sg_strf("%s%s%s", SG_MARK_BEGIN, first, SG_MARK_END),
         *b = sg_strf("%s%s%s", SG_MARK_BEGIN, second ? second : "", SG_MARK_END);
    json_t *messages = json_array(), *format = NULL;
    struct sg_template_values v = {.class_ = p->spec.task->class_[class_].readable,
                                   .classes = p->classes,
                                   .first = a,
                                   .second = second ? b : ""};
    sg_status status = a && b && messages ? SG_OK : sg_fail_memory(err, 1 << 16);
    if (status == SG_OK)
        status = sg_message_add(messages, "system", SG_REPHRASE_SYSTEM, &v, err);
    if (status == SG_OK)
        status = sg_message_add(messages, "user", p->prompt.rephrase, &v, err);
    if (status == SG_OK && p->spec.task->second && !p->spec.structured)
        status = ask_for_form(p->spec.task, messages, err);
    if (status == SG_OK && p->spec.structured && !(format = response_format(p, 0, 0)))
        status = sg_fail_memory(err, 4096);
    sg_free(a);
    sg_free(b);
    if (status != SG_OK) {
        json_decref(messages);
        return status;
    }
    int64_t index = position * SG_MAX_REPHRASINGS + draw;
    return finish(p, messages, format, index, sg_draw_seed(sg_prompter_rng(p, "rephrase", class_, index)),
                  sg_prompter_rephrase_tokens(p), out, err);
}

/* Takes over `messages`. */
static sg_status finish_list(const struct sg_prompter *p, json_t *messages, sg_status status, int64_t index,
                             struct sg_request *out, struct sg_err *err)
{
    if (status != SG_OK) {
        json_decref(messages);
        return status;
    }
    return finish(p, messages, NULL, index, sg_draw_seed(sg_prompter_rng(p, "topics", -1, index)),
                  SG_TOPICS_MAX_TOKENS, out, err);
}

/* Ends the last message with the wish for topics that exclude each other. No more words: with "cover all of it together" and "only a list of
 * short names" small models make one name of several (measured with SmolLM2). */
static sg_status ask_for_parts(json_t *messages, struct sg_err *err)
{
    return sg_message_end_with(messages, sg_strdup(" No two of them may overlap."), err);
}

/* The first level as the LLM might have answered; new memory, NULL without. */
static char *numbered(const struct sg_topics *top)
{
    struct sg_buf b = sg_buf_make(SG_MAX_PROMPT_BYTES);
    for (int64_t i = 0; i < top->n; i++)
        sg_buf_printf(&b, "%s%lld. %s", i ? "\n" : "", (long long)i + 1, top->item[i]);
    return sg_buf_take(&b);
}

/* What follows the first level's question: its answer, and the wish for parts of one topic in it. */
static sg_status ask_for_branch(json_t *messages, const struct sg_topics *top, int64_t branch, int64_t n,
                                struct sg_err *err)
{
    char *answer = numbered(top);
    char *ask = sg_strf("List %lld kinds or parts of %s.", (long long)n, top->item[branch]);
    int bad = !answer || !ask ||
              json_array_append_new(messages, json_pack("{ss ss}", "role", "assistant", "content", answer)) ||
              json_array_append_new(messages, json_pack("{ss ss}", "role", "user", "content", ask));
    sg_free(answer);
    sg_free(ask);
    return bad ? sg_fail_memory(err, 1 << 16) : ask_for_parts(messages, err);
}

/* A dialogue: small models that are told of the other topics in one prompt list those (measured with SmolLM2). */
sg_status sg_prompter_tree(const struct sg_prompter *p, const struct sg_topics *top, int64_t branch,
                           int64_t n, int64_t index, struct sg_request *out, struct sg_err *err)
{
    struct sg_template_values v = {.classes = p->classes, .n = branch < 0 ? n : top->n};
    json_t *messages = json_array();
    sg_status status =
        messages ? sg_message_add(messages, "user", p->prompt.topics, &v, err) : sg_fail_memory(err, 1024);
    if (status == SG_OK)
        status = ask_for_parts(messages, err);
    if (status == SG_OK && branch >= 0)
        status = ask_for_branch(messages, top, branch, n, err);
    return finish_list(p, messages, status, (branch + 1) * SG_MAX_TREE_LISTS + index, out, err);
}

sg_status sg_prompter_topics(const struct sg_prompter *p, int64_t index, struct sg_request *out,
                             struct sg_err *err)
{
    struct sg_template_values v = {.classes = p->classes, .n = SG_N_TOPICS};
    json_t *messages = json_array();
    sg_status status =
        messages ? sg_message_add(messages, "user", p->prompt.topics, &v, err) : sg_fail_memory(err, 1024);
    return finish_list(p, messages, status, index, out, err);
}
