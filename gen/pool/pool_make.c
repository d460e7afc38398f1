#include "base/mem.h"
#include "gen/pool/pool_impl.h"

/* One draw: its candidate is checked, and waits for its position or is counted. *state 0: the class has no more. */
static sg_status take_draw(struct sg_pool *p, int class_, int *more, struct sg_err *err)
{
    struct sg_made made = {.state = SG_MADE_NO_MORE};
    struct sg_draw d = {.class_ = class_, .draw = p->cursor[class_]};
    SG_TRY(p->method->make(p->maker, &d, &made, err));
    *more = made.state == SG_MADE;
    if (!*more)
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
        int class_ = (int)(p->position % p->spec.task->n_classes), more = 1;
        while (more && !sg_pool_n_waiting(p, class_) && p->cursor[class_] < sg_pool_draws_cap(p, p->position))
            SG_TRY(take_draw(p, class_, &more, err));
        if (sg_pool_n_waiting(p, class_))
            sg_pool_take_from_queue(p, class_);
    }
    return SG_OK;
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
