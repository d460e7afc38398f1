/* What cells wait for, noted in the ledger for `synthgrid explain`: it alone knows which answers are asked for. */
#include "experiments/run/run_impl.h"

#include "base/mem.h"
#include "results/ledger/ledger_look.h"

#include <string.h>

/* What the ledger has of a consumer; n_have -1: nothing. */
struct sg_run_waited {
    int64_t n_have, n_missing, waits_for;
    int waits_for_fit;
};

static sg_status put(struct sg_run *r, int64_t i, const struct sg_requests_need *need, struct sg_err *err)
{
    struct sg_buf what = sg_buf_make(1000);
    sg_requests_name(r->requests, i, &what);
    const char *before = need->waits_for >= 0  ? sg_requests_need(r->requests, need->waits_for).id
                         : need->waits_for_fit ? "fit"
                                               : "";
    sg_status status = sg_buf_check(&what, "a pool's name", err);
    if (status == SG_OK)
        status = sg_ledger_waiting_put(r->ledger,
                                       &(struct sg_ledger_waiting){.consumer = need->id,
                                                                   .what = sg_buf_text(&what),
                                                                   .n_have = need->n_have,
                                                                   .n_wanted = need->n_wanted,
                                                                   .n_missing = need->n_missing,
                                                                   .waits_for = before},
                                       err);
    sg_buf_free(&what);
    return status;
}

/* Puts it where it has changed. */
static sg_status note(struct sg_run *r, int64_t i, struct sg_requests_need need, struct sg_err *err)
{
    struct sg_run_waited *w = &r->waited[i],
                         now = {need.n_have, need.n_missing, need.waits_for, need.waits_for_fit};
    if (w->n_have == now.n_have && w->n_missing == now.n_missing && w->waits_for == now.waits_for &&
        w->waits_for_fit == now.waits_for_fit)
        return SG_OK;
    SG_TRY(put(r, i, &need, err));
    *w = now;
    return SG_OK;
}

sg_status sg_run_begin_waits(struct sg_run *r, const int64_t *n_missing, struct sg_err *err)
{
    int64_t n = sg_requests_n_consumers(r->requests);
    r->waited = sg_alloc((size_t)n + 1, sizeof *r->waited);
    if (!r->waited)
        return sg_fail_memory(err, (size_t)n * sizeof *r->waited);
    SG_TRY(sg_ledger_waiting_clear(r->ledger, err));
    for (int64_t i = 0; i < n; i++) {
        struct sg_requests_need need = sg_requests_need(r->requests, i);
        need.n_missing = n_missing[i];
        r->waited[i].n_have = -1;
        if (!sg_requests_is_complete(r->requests, i))
            SG_TRY(note(r, i, need, err));
    }
    return sg_ledger_commit(r->ledger, err);
}

sg_status sg_run_note_waits(struct sg_run *r, struct sg_err *err)
{
    if (!r->n_missing || r->shown - r->waits_noted < sg_progress_every_s)
        return SG_OK;
    r->waits_noted = r->shown;
    for (int64_t i = 0; i < sg_requests_n_consumers(r->requests); i++) {
        if (sg_requests_is_complete(r->requests, i))
            continue;
        struct sg_requests_need need = sg_requests_need(r->requests, i);
        if (need.waits_for >= 0 || !need.n_missing) /* not asked for yet, or left to a later run: as before */
            need.n_missing = r->waited[i].n_missing;
        SG_TRY(note(r, i, need, err));
    }
    return SG_OK;
}

sg_status sg_run_waits_no_more(struct sg_run *r, int64_t i, struct sg_err *err)
{
    return r->n_missing ? sg_ledger_waiting_drop(r->ledger, sg_requests_need(r->requests, i).id, err) : SG_OK;
}
