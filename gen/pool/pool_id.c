#include "base/mem.h"
#include "base/sha256.h"
#include "gen/pool/pool_impl.h"

#include <stdio.h>
#include <string.h>

static void add_rows(struct sg_sha256_stream *s, const struct sg_rows *rows)
{
    for (int64_t i = 0; rows && i < rows->n; i++) {
        sg_sha256_add_text(s, rows->row[i].first);
        sg_sha256_add_text(s, rows->row[i].second);
        sg_sha256_add_text(s, rows->row[i].label);
    }
    sg_sha256_add_text(s, "end of rows");
}

/* What differs from one labelled example a request in the task's own words: nothing is added for that, so that ids stay what
 * they were before there was anything else. */
static void add_arm(struct sg_sha256_stream *sha, const struct sg_pool_spec *s)
{
    struct sg_prompts w;
    char number[64];
    if (s->n_examples > 1) {
        snprintf(number, sizeof number, "examples_per_request %lld", (long long)s->n_examples);
        sg_sha256_add_text(sha, number);
    }
    if (s->structured)
        sg_sha256_add_text(sha, "structured");
    if (sg_method_row(s->method)->has_tree) {
        snprintf(number, sizeof number, "tree %lld x %lld", (long long)s->n_topics,
                 (long long)s->n_subtopics);
        sg_sha256_add_text(sha, number);
    }
    if (sg_method_row(s->method)->has_probabilities) {
        snprintf(number, sizeof number, "probabilities below %.17g", s->below);
        sg_sha256_add_text(sha, number);
    }
    if ((!s->variant || strcmp(s->variant, "default") == 0) && s->conditioning == SG_BY_LABEL)
        return;
    if (!sg_task_wording(s->task, s->variant ? s->variant : "default", s->conditioning, &w))
        return; /* the prompter has refused it */
    const char *const text[] = {sg_conditioning_name(s->conditioning),
                                w.system,
                                w.zero_shot,
                                w.zero_shot_topic,
                                w.few_shot,
                                w.example,
                                w.topics};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        sg_sha256_add_text(sha, text[i]);
}

static void add_near(struct sg_sha256_stream *sha, const struct sg_pool_spec *s)
{
    char text[64];
    if (!s->near || s->near_filter <= 0) /* the id is what it was before there was this filter */
        return;
    snprintf(text, sizeof text, "near_duplicates %.17g", s->near_filter);
    sg_sha256_add_text(sha, text);
    sg_sha256_add_text(sha, s->near_digest);
}

/* What only pools that are made in rounds depend on. */
static void add_rounds(struct sg_sha256_stream *sha, const struct sg_pool *p)
{
    const struct sg_rounds *r = &p->spec.rounds;
    struct sg_prompts w;
    char numbers[120];
    if (!p->plain)
        return;
    snprintf(numbers, sizeof numbers, "%lld rounds of the first %lld, %d rows shown of %d at least",
             (long long)r->n, (long long)r->first, SG_ROUNDS_SHOWN, SG_ROUNDS_LEAST);
    sg_sha256_add_text(sha, numbers);
    sg_sha256_add_text(sha, r->classifier);
    if (sg_task_wording(p->spec.task, p->spec.variant ? p->spec.variant : "default", p->spec.conditioning,
                        &w))
        sg_sha256_add_text(sha, w.error_driven);
}

/* What an LLM would be told does not count, nor which one the study has. */
static void add_free(struct sg_sha256_stream *sha, const struct sg_pool *p)
{
    const struct sg_pool_spec *s = &p->spec;
    char numbers[100];
    sg_sha256_add_text(sha, "made of rows");
    sg_sha256_add_text(sha, p->method->recipe);
    if (p->method->gaps)
        sg_sha256_add_text(sha, s->encoder_digest);
    if (s->imported)
        sg_sha256_add_text(sha, s->imported->digest);
    sg_sha256_add_text(sha, s->task->name);
    for (int k = 0; k < s->task->n_classes; k++)
        sg_sha256_add_text(sha, s->task->class_[k].name);
    snprintf(numbers, sizeof numbers, "seed %lld raw %lld duplicates %d", (long long)s->seed,
             (long long)s->raw_draw, s->check_duplicates);
    sg_sha256_add_text(sha, numbers);
    add_rows(sha, s->raw);
    add_rows(sha, s->test);
    add_near(sha, s);
}

sg_status sg_pool_make_id(struct sg_pool *p, struct sg_err *err)
{
    const struct sg_pool_spec *s = &p->spec;
    struct sg_sha256_stream *sha = sg_sha256_create();
    if (!sha)
        return sg_fail_memory(err, 256);
    if (!p->prompter) {
        add_free(sha, p);
        sg_sha256_finish_hex(sha, p->id);
        return SG_OK;
    }
    char numbers[200];
    int64_t max_tokens = s->task->max_tokens ? s->task->max_tokens : s->generator->max_tokens;
    snprintf(numbers, sizeof numbers, "%.17g %.17g %lld %lld %d", s->generator->temperature,
             s->generator->top_p, (long long)max_tokens, (long long)s->seed, s->check_duplicates);
    sg_sha256_add_text(sha, s->task->digest);
    sg_sha256_add_text(sha, sg_method_name(s->method));
    sg_sha256_add_text(sha, s->generator->provider);
    sg_sha256_add_text(sha, s->generator->model);
    sg_sha256_add_text(sha, numbers);
    add_rows(sha, s->raw);
    add_rows(sha, s->test);
    add_arm(sha, s);
    add_rounds(sha, p);
    struct sg_buf more = sg_buf_make((size_t)1 << 24);
    sg_generator_more(s->generator, &more);
    if (more.len) /* else the id is what it was before there was such a thing */
        sg_sha256_add_text(sha, sg_buf_text(&more));
    sg_buf_free(&more);
    add_near(sha, s);
    if (s->raw_draw > 0) { /* the first one's id is what it was before there were others */
        snprintf(numbers, sizeof numbers, "draw %lld", (long long)s->raw_draw);
        sg_sha256_add_text(sha, numbers);
    }
    if (s->source) {
        struct sg_prompts w;
        snprintf(numbers, sizeof numbers, "rephrased in a form, repeats none, %d attempts",
                 SG_MAX_REPHRASINGS);
        sg_sha256_add_text(sha, numbers);
        sg_sha256_add_text(sha, sg_pool_id(s->source));
        sg_sha256_add_text(sha, SG_REPHRASE_SYSTEM);
        if (sg_task_wording(s->task, s->variant ? s->variant : "default", s->conditioning, &w))
            sg_sha256_add_text(sha, w.rephrase);
    }
    sg_sha256_finish_hex(sha, p->id);
    return SG_OK;
}
