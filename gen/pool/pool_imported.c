#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/pool_impl.h"

#include <string.h>

/* Row i: checked, and waits for its position or is counted. */
static sg_status take_row(struct sg_pool *p, int64_t i, struct sg_err *err)
{
    const struct sg_row *row = &p->spec.imported->rows.row[i];
    int class_ = p->spec.imported->class_[i];
    struct sg_candidate c = {.class_ = class_, .reason = SG_ACCEPTED};
    if (sg_text_is_blank(row->first) || (p->spec.task->second && sg_text_is_blank(row->second)))
        c.reason = SG_REJECT_EMPTY;
    else if (class_ < 0)
        c.reason = SG_REJECT_WRONG_LABEL;
    if (c.reason == SG_ACCEPTED) {
        c.x = (struct sg_parsed){sg_strdup(row->first), sg_strdup(row->second)};
        if (!c.x.first || (row->second && !c.x.second)) {
            sg_parsed_free(&c.x);
            return sg_fail_memory(err, strlen(row->first));
        }
        sg_text_trim(c.x.first);
        if (c.x.second)
            sg_text_trim(c.x.second);
    }
    sg_status status = sg_pool_take_candidate(p, NULL, &c, class_, err);
    sg_parsed_free(&c.x);
    if (status == SG_OK) {
        p->n_draws++;
        p->cursor[class_ < 0 ? 0 : class_] += class_ >= 0;
    }
    return status;
}

static sg_status fill(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                      struct sg_request_list *missing, struct sg_err *err)
{
    (void)lookup, (void)context, (void)missing;
    while (p->n_draws < p->spec.imported->rows.n)
        SG_TRY(take_row(p, p->n_draws, err));
    for (; p->position < p->spec.n; p->filled[++p->position] = p->n) {
        int class_ = (int)(p->position % p->spec.task->n_classes);
        if (sg_pool_n_waiting(p, class_))
            sg_pool_take_from_queue(p, class_);
    }
    return SG_OK;
}

static sg_status preview(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                         enum sg_reject *reason, struct sg_err *err)
{
    (void)p, (void)q, (void)f, (void)reason;
    return sg_fail(err, SG_FAILED, "an imported pool has been answered, but it asks nobody");
}

static int64_t nothing(const struct sg_pool *p)
{
    (void)p;
    return 0;
}

const struct sg_filling sg_fill_by_import = {
    .fill = fill, .preview = preview, .n_requests = nothing, .max_tokens = nothing};
