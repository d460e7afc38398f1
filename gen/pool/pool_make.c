#include "base/mem.h"
#include "gen/pool/pool_impl.h"

/* One draw: its candidate is checked, and waits for its position or is counted. */
static sg_status take_draw(struct sg_pool *p, int class_, enum sg_made_state *state, struct sg_err *err)
{
    struct sg_made made = {.state = SG_MADE_NO_MORE};
    struct sg_draw d = {.class_ = class_, .draw = p->cursor[class_]};
    SG_TRY(p->method->make(p->maker, &d, &made, err));
    *state = made.state;
    if (made.state != SG_MADE)
        return SG_OK;
    struct sg_candidate c = {.reason = made.reason, .class_ = class_, .x = made.x};
    sg_status status = sg_pool_take_candidate(p, NULL, &c, class_, err);
    sg_parsed_free(&c.x);
    if (status == SG_OK) {
        p->n_draws++;
        p->cursor[class_]++;
    }
    return status;
}

static sg_status fill(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                      struct sg_request_list *missing, struct sg_err *err)
{
    (void)lookup, (void)context, (void)missing;
    for (; p->position < p->spec.n; p->filled[++p->position] = p->n) {
        int class_ = (int)(p->position % p->spec.task->n_classes);
        enum sg_made_state state = SG_MADE;
        while (state == SG_MADE && !sg_pool_n_waiting(p, class_) &&
               p->cursor[class_] < sg_pool_draws_cap(p, p->position))
            SG_TRY(take_draw(p, class_, &state, err));
        if (state == SG_MADE_LATER)
            return SG_OK;
        if (sg_pool_n_waiting(p, class_))
            sg_pool_take_from_queue(p, class_);
    }
    return SG_OK;
}

int sg_pool_needs_words(const struct sg_pool *p)
{
    return p->method->gaps && !sg_pool_complete(p);
}

/* As many draws as the open positions need if each gives an example, as pool_draws.c lists them. */
sg_status sg_pool_ask_words(const struct sg_pool *p, int64_t max, json_t *list, struct sg_err *err)
{
    int k = p->spec.task->n_classes;
    for (int64_t j = p->position; j < p->spec.n && (int64_t)json_array_size(list) < max; j++) {
        int class_ = (int)(j % k);
        struct sg_draw d = {.class_ = class_, .draw = p->cursor[class_] + (j - p->position) / k};
        if (d.draw < sg_pool_draws_cap(p, j) && sg_maker_row(p->maker, &d) &&
            !sg_maker_has_words(p->maker, &d))
            SG_TRY(sg_maker_ask(p->maker, &d, list, err));
    }
    return SG_OK;
}

sg_status sg_pool_put_words(struct sg_pool *p, int class_, int64_t draw, const json_t *words,
                            struct sg_err *err)
{
    if (class_ < 0 || class_ >= p->spec.task->n_classes || draw < 0 ||
        draw >= sg_pool_draws_cap(p, p->spec.n))
        return sg_fail(err, SG_INPUT, "words for draw %lld of class %d, which the pool does not have",
                       (long long)draw, class_);
    return sg_maker_put_words(p->maker, &(struct sg_draw){.class_ = class_, .draw = draw}, words, err);
}

static sg_status preview(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                         enum sg_reject *reason, struct sg_err *err)
{
    (void)p, (void)q, (void)f, (void)reason;
    return sg_fail(err, SG_FAILED, "a free pool has been answered, but it asks nobody");
}

static int64_t nothing(const struct sg_pool *p)
{
    (void)p;
    return 0;
}

const struct sg_filling sg_fill_by_making = {
    .fill = fill, .preview = preview, .n_requests = nothing, .max_tokens = nothing};
