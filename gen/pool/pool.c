#include "gen/pool/pool.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/pool_impl.h"

#include <stdio.h>
#include <string.h>

/* What the spec does not share the pool makes for itself. */
static sg_status make_texts(const struct sg_rows *rows, struct sg_folded **shared, struct sg_folded **own,
                            struct sg_err *err)
{
    if (*shared)
        return SG_OK;
    SG_TRY(sg_folded_create(rows, own, err));
    *shared = *own;
    return SG_OK;
}

/* Whether raw rows have texts of a single word: then examples may, too. */
static void note_short_rows(struct sg_pool *p)
{
    const struct sg_rows *raw = p->spec.raw;
    for (int64_t i = 0; raw && i < raw->n; i++) {
        p->one_word[0] |= sg_count_words(raw->row[i].first) == 1;
        p->one_word[1] |= raw->row[i].second && sg_count_words(raw->row[i].second) == 1;
    }
}

static sg_status make_prompter(struct sg_pool *p, struct sg_err *err)
{
    const struct sg_pool_spec *spec = &p->spec;
    struct sg_prompter_spec ps = {.task = spec->task,
                                  .method = spec->method,
                                  .generator = spec->generator,
                                  .seed = spec->seed,
                                  .raw = spec->raw,
                                  .variant = spec->variant,
                                  .conditioning = spec->conditioning,
                                  .n_examples = spec->n_examples,
                                  .below = spec->below,
                                  .structured = spec->structured};
    SG_TRY(sg_prompter_create(&ps, &p->prompter, err));
    if (!p->method->has_rounds || spec->source)
        return SG_OK;
    ps.method = SG_ZERO_SHOT;
    SG_TRY(sg_prompter_create(&ps, &p->plain, err));
    return sg_pool_rounds_create(p, err);
}

static sg_status make_maker(struct sg_pool *p, struct sg_err *err)
{
    const struct sg_pool_spec *spec = &p->spec;
    struct sg_maker_spec ms = {.task = spec->task,
                               .method = spec->method,
                               .seed = spec->seed,
                               .rows = spec->raw,
                               .raw_draw = spec->raw_draw};
    return sg_maker_create(&ms, &p->maker, err);
}

sg_status sg_pool_create(const struct sg_pool_spec *spec, struct sg_pool **out, struct sg_err *err)
{
    struct sg_pool *p = sg_alloc(1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, sizeof *p);
    p->spec = *spec;
    p->folded = sg_buf_make((size_t)1 << 26);
    p->method = sg_method_row(spec->method);
    p->filling = p->method->make  ? &sg_fill_by_making
                 : spec->imported ? &sg_fill_by_import
                 : spec->source   ? &sg_fill_by_rephrasing
                                  : &sg_fill_by_draws;
    p->topics_done = !p->method->has_topics || spec->source;
    p->round_end = spec->n;
    p->example = sg_alloc((size_t)spec->n + 1, sizeof *p->example);
    p->filled = sg_alloc((size_t)spec->n + 1, sizeof *p->filled);
    p->spec.n_examples = spec->n_examples > 1 && !spec->source ? spec->n_examples : 1;
    p->cursor = sg_alloc((size_t)spec->task->n_classes, sizeof *p->cursor);
    p->queue = sg_alloc((size_t)spec->task->n_classes, sizeof *p->queue);
    sg_status status = p->example && p->filled && p->cursor && p->queue
                           ? SG_OK
                           : sg_fail_memory(err, (size_t)spec->n * sizeof *p->example);
    if (status == SG_OK)
        status = sg_set_create(&p->taken, err);
    if (status == SG_OK)
        status = make_texts(spec->raw, &p->spec.raw_folded, &p->own_raw, err);
    if (status == SG_OK)
        status = make_texts(spec->test, &p->spec.test_folded, &p->own_test, err);
    if (status == SG_OK)
        status = p->method->make ? make_maker(p, err) : spec->imported ? SG_OK : make_prompter(p, err);
    if (status == SG_OK && !p->topics_done && p->method->has_tree)
        status = sg_tree_create(spec->n_topics, spec->n_subtopics, &p->tree, err);
    if (status == SG_OK)
        status = sg_pool_make_id(p, err);
    note_short_rows(p);
    if (status == SG_OK && spec->near)
        status = sg_near_create(sg_near_threshold(spec->near), &p->near, err);
    if (status == SG_OK && spec->near)
        sg_near_expect(p->near, spec->n);
    if (status != SG_OK) {
        sg_pool_destroy(p);
        return status;
    }
    *out = p;
    return SG_OK;
}

static void example_free(struct example *e)
{
    sg_free(e->first);
    sg_free(e->second);
}

void sg_pool_destroy(struct sg_pool *p)
{
    if (!p)
        return;
    for (int64_t i = 0; i < p->n; i++)
        example_free(&p->example[i]);
    for (int k = 0; p->queue && k < p->spec.task->n_classes; k++) {
        for (int64_t i = p->queue[k].head; i < p->queue[k].n; i++)
            example_free(&p->queue[k].item[i]);
        sg_free(p->queue[k].item);
    }
    sg_free(p->queue);
    sg_prompter_destroy(p->prompter);
    sg_pool_rounds_free(p);
    sg_maker_destroy(p->maker);
    sg_topics_free(&p->topics);
    sg_tree_free(&p->tree);
    sg_free(p->example);
    sg_free(p->filled);
    sg_free(p->cursor);
    sg_near_destroy(p->near);
    sg_free(p->pair);
    sg_set_destroy(p->taken);
    sg_folded_destroy(p->own_raw);
    sg_folded_destroy(p->own_test);
    sg_pool_prompts_free(&p->prompts);
    sg_buf_free(&p->folded);
    sg_free(p);
}

sg_status sg_pool_advance(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                          struct sg_request_list *missing, struct sg_err *err)
{
    SG_TRY(p->filling->fill(p, lookup, context, missing, err));
    return sg_pool_complete(p) ? sg_pool_finish(p, err) : SG_OK;
}

sg_status sg_pool_preview(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                          enum sg_reject *reason, struct sg_err *err)
{
    return p->filling->preview(p, q, f, reason, err);
}

void sg_pool_estimate(const struct sg_pool *p, int64_t *n_requests, int64_t *tokens_in, int64_t *tokens_out)
{
    struct sg_request q = {0};
    struct sg_err ignored;
    *n_requests = p->filling->n_requests(p);
    *tokens_in = *tokens_out = 0;
    if (!p->filling->specimen)
        return;
    if (p->filling->specimen(p, &q, &ignored) == SG_OK)
        *tokens_in = (int64_t)strlen(q.canonical) / 4; /* about four bytes of English a token */
    sg_free(q.canonical);
    /* measured: recorded completions use about this share of their limit */
    *tokens_out = sg_prompter_max_tokens(p->prompter) * 6 / 10;
    *tokens_in += p->filling->shows_text ? *tokens_out : 0;
}

int64_t sg_pool_n_lists(const struct sg_pool *p)
{
    return !p->method->has_topics || p->spec.source ? 0 : p->method->has_tree ? 1 + p->spec.n_topics : 1;
}

sg_status sg_pool_topics_key(const struct sg_pool *p, char key[SG_HEX], struct sg_err *err)
{
    struct sg_request q = {0};
    key[0] = 0;
    if (!p->method->has_topics || p->spec.source)
        return SG_OK;
    SG_TRY(p->method->has_tree ? sg_prompter_tree(p->prompter, NULL, -1, p->tree.n_topics, 0, &q, err)
                               : sg_prompter_topics(p->prompter, 0, &q, err));
    memcpy(key, q.key, SG_HEX);
    sg_free(q.canonical);
    return SG_OK;
}

int64_t sg_pool_max_tokens(const struct sg_pool *p)
{
    int64_t n = p->filling->max_tokens(p);
    return p->topics_done || n > SG_TOPICS_MAX_TOKENS ? n : SG_TOPICS_MAX_TOKENS;
}
