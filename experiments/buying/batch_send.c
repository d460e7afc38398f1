#include "experiments/buying/batch_impl.h"

#include "base/backoff.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- what is to be sent ---- */

struct planning {
    struct sg_batches *all;
    struct {
        int64_t batch, n; /* the batch that is being filled; 0: none yet */
        size_t n_bytes;
    } of[SG_MAX_GENERATORS];
    double left_usd; /* of the budget */
    int is_over_budget;
};

static sg_status line_size(const struct sg_batch_endpoint *e, const struct sg_request *q, size_t *n_bytes,
                           struct sg_err *err)
{
    struct sg_buf line = sg_buf_make(SG_BATCH_MAX_BYTES);
    sg_status status = sg_batch_line_add(&line, q, &e->adapt, err);
    *n_bytes = line.len;
    sg_buf_free(&line);
    return status;
}

/* Of generator g. */
static sg_status plan_request(struct planning *p, int g, const struct sg_request *q, struct sg_err *err)
{
    struct sg_batches *all = p->all;
    struct sg_ledger *l = all->job->ledger;
    const struct sg_generator *of = &all->endpoint[g].generator;
    int holds;
    size_t n_bytes;
    SG_TRY(sg_ledger_batch_holds(l, q->key, &holds, err));
    if (holds)
        return SG_OK;
    double usd = sg_request_worst_usd(of, q);
    /* What comes behind one that is too dear waits as well: the order of buying does not depend on the budget. */
    p->is_over_budget |= all->job->budget_usd >= 0 && usd > p->left_usd;
    if (p->is_over_budget) {
        all->n_too_dear++;
        return SG_OK;
    }
    SG_TRY(line_size(&all->endpoint[g], q, &n_bytes, err));
    if (!p->of[g].batch || p->of[g].n >= of->batch_requests ||
        p->of[g].n_bytes + n_bytes > SG_BATCH_MAX_BYTES) {
        SG_TRY(sg_ledger_batch_begin(l, of->name ? of->name : "", &p->of[g].batch, err));
        p->of[g].n = 0;
        p->of[g].n_bytes = 0;
    }
    SG_TRY(sg_ledger_batch_ask(l, p->of[g].batch, q->key, q->canonical, usd, err));
    p->left_usd -= usd;
    p->of[g].n++;
    p->of[g].n_bytes += n_bytes;
    return SG_OK;
}

sg_status sg_batch_plan(struct sg_batches *all, struct sg_err *err)
{
    struct sg_ledger *l = all->job->ledger;
    struct sg_ledger_totals totals;
    struct sg_ledger_unsettled unsettled;
    SG_TRY(sg_ledger_totals(l, &totals, err));
    SG_TRY(sg_ledger_unsettled(l, &unsettled, err));
    struct planning p = {.all = all, .left_usd = all->job->budget_usd - totals.paid_usd - unsettled.usd};
    all->n_too_dear = 0;
    for (int64_t i = 0; i < sg_requests_n_consumers(all->job->requests); i++) {
        int g = sg_requests_generator(all->job->requests, i);
        int is_asked = all->endpoint[g].is_open && !all->endpoint[g].is_refused;
        struct sg_request_list slice = {.max = SG_REQUESTS_SLICE};
        do {
            sg_status status = sg_requests_advance(all->job->requests, i, &slice, err);
            for (int64_t k = 0; status == SG_OK && is_asked && k < slice.n; k++)
                status = plan_request(&p, g, &slice.item[k], err);
            sg_request_list_free(&slice);
            SG_TRY(status);
        } while (slice.next);
    }
    return sg_ledger_commit(l, err);
}

/* ---- what tells a batch from others ---- */

static sg_status add_key(void *context, const char *key, const char *request, struct sg_err *err)
{
    (void)request;
    sg_buf_puts(context, key);
    return sg_buf_check(context, "the keys of a batch", err);
}

static sg_status keys_digest(struct sg_batch_endpoint *e, const struct sg_ledger_batch *b,
                             char digest[SG_HEX], struct sg_err *err)
{
    struct sg_buf keys = sg_buf_make((size_t)SG_BATCH_MAX_REQUESTS * SG_HEX);
    sg_status status = sg_ledger_batch_each(e->batches->job->ledger, b->part, add_key, &keys, err);
    if (status == SG_OK)
        sg_sha256_hex(sg_buf_text(&keys), keys.len, digest);
    sg_buf_free(&keys);
    return status;
}

static void file_name(const struct sg_batch_endpoint *e, const struct sg_ledger_batch *b, const char *digest,
                      char name[80])
{
    snprintf(name, 80, "synthgrid-%.16s-%lld-%.16s.jsonl", e->batches->run_key, (long long)b->part, digest);
}

/* ---- a batch that was made before a crash ---- */

struct adoption {
    struct sg_batch_endpoint *e;
    struct sg_ledger_batch *b;
    char digest[SG_HEX];
    int found;
};

static sg_status on_listed(void *context, const struct sg_batch_info *x, int *enough, struct sg_err *err)
{
    struct adoption *a = context;
    struct sg_batch_info now;
    (void)enough; /* the others may hold the same one again */
    if (strcmp(x->run_key, a->e->batches->run_key) != 0 || x->part != a->b->part ||
        strcmp(x->keys, a->digest) != 0)
        return SG_OK;
    if (!a->found) {
        a->found = 1;
        snprintf(a->b->id, sizeof a->b->id, "%s", x->id);
        snprintf(a->b->input_file, sizeof a->b->input_file, "%s", x->input_file);
        snprintf(a->b->status, sizeof a->b->status, "%s", x->status);
        return SG_OK;
    }
    if (sg_batch_info_is_over(x) || strcmp(x->status, "cancelling") == 0)
        return SG_OK;
    sg_tell_warning("batch %s asks for the same as %s: it is cancelled", x->id, a->b->id);
    return sg_batch_api_cancel(&a->e->api, x->id, &now, err);
}

sg_status sg_batch_adopt(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int *found,
                         struct sg_err *err)
{
    struct adoption a = {.e = e, .b = b};
    SG_TRY(keys_digest(e, b, a.digest, err));
    SG_TRY(sg_batch_api_list(&e->api, on_listed, &a, err));
    *found = a.found;
    if (!a.found)
        return SG_OK;
    if (b->state < SG_BATCH_OPEN)
        b->state = SG_BATCH_OPEN;
    SG_TRY(sg_ledger_batch_set(e->batches->job->ledger, b, err));
    return sg_ledger_commit(e->batches->job->ledger, err);
}

/* ---- the file ---- */

struct writing {
    struct sg_batch_endpoint *e;
    FILE *f;
    struct sg_buf line;
    int64_t n_bytes;
};

static sg_status write_request(void *context, const char *key, const char *request, struct sg_err *err)
{
    struct writing *w = context;
    struct sg_request q = {.canonical = sg_strdup(request)};
    if (!q.canonical)
        return sg_fail_memory(err, strlen(request));
    snprintf(q.key, sizeof q.key, "%s", key);
    sg_buf_clear(&w->line);
    sg_status status = sg_batch_line_add(&w->line, &q, &w->e->adapt, err);
    sg_free(q.canonical);
    if (status == SG_OK && fwrite(w->line.data, 1, w->line.len, w->f) != w->line.len)
        status = sg_fail(err, SG_FAILED, "the requests of a batch cannot be written: %s", strerror(errno));
    w->n_bytes += (int64_t)w->line.len;
    return status;
}

static sg_status write_file(struct sg_batch_endpoint *e, const struct sg_ledger_batch *b, const char *path,
                            int64_t *n_bytes, struct sg_err *err)
{
    struct writing w = {.e = e, .f = fopen(path, "wb"), .line = sg_buf_make(SG_BATCH_MAX_BYTES)};
    if (!w.f)
        return sg_fail(err, SG_FAILED, "%s: %s", path, strerror(errno));
    sg_status status = sg_ledger_batch_each(e->batches->job->ledger, b->part, write_request, &w, err);
    if (fclose(w.f) != 0 && status == SG_OK)
        status = sg_fail(err, SG_FAILED, "%s: %s", path, strerror(errno));
    sg_buf_free(&w.line);
    *n_bytes = w.n_bytes;
    return status;
}

/* The provider gets the file, unless it has it: what a crash left there is taken when it is whole, else deleted. */
static sg_status bring_file(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, const char *path,
                            const char *name, int is_fresh, struct sg_err *err)
{
    int64_t n_bytes = 0, n_there = -1;
    char file_id[SG_BATCH_ID] = "";
    SG_TRY(write_file(e, b, path, &n_bytes, err));
    if (!is_fresh)
        SG_TRY(sg_batch_api_find_file(&e->api, name, file_id, &n_there, err));
    if (file_id[0] && n_there != n_bytes) {
        SG_TRY(sg_batch_api_delete_file(&e->api, file_id, err));
        file_id[0] = 0;
    }
    if (!file_id[0])
        SG_TRY(sg_batch_api_upload(&e->api, path, name, file_id, err));
    snprintf(b->input_file, sizeof b->input_file, "%s", file_id);
    b->state = SG_BATCH_UPLOADED;
    b->refused = e->adapt.refused;
    SG_TRY(sg_ledger_batch_set(e->batches->job->ledger, b, err));
    return sg_ledger_commit(e->batches->job->ledger, err);
}

static sg_status upload(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, const char *digest,
                        int is_fresh, struct sg_err *err)
{
    char name[80];
    file_name(e, b, digest, name);
    char *path = sg_path_join(e->batches->study->results, name);
    if (!path)
        return sg_fail_memory(err, 1024);
    sg_status status = bring_file(e, b, path, name, is_fresh, err);
    unlink(path);
    sg_free(path);
    return status;
}

/* ---- to the provider ---- */

static sg_status send_once(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int is_fresh,
                           struct sg_err *err)
{
    int found = 0, was_there = b->input_file[0] != 0;
    char digest[SG_HEX];
    struct sg_batch_info made;
    SG_TRY(keys_digest(e, b, digest, err));
    if (!is_fresh)
        SG_TRY(sg_batch_adopt(e, b, &found, err));
    if (!found && !is_fresh && was_there) {
        /* What a killed process has sent may be on its way still, and a list may lag behind. */
        sg_batch_pause(2);
        SG_TRY(sg_batch_adopt(e, b, &found, err));
    }
    if (found)
        return SG_OK;
    if (!was_there)
        SG_TRY(upload(e, b, digest, is_fresh, err));
    sg_status status =
        sg_batch_api_create(&e->api, b->input_file, e->batches->run_key, b->part, digest, &made, err);
    if (status == SG_INPUT && was_there && (e->api.http_status == 400 || e->api.http_status == 404)) {
        /* The file of an earlier process may be gone. */
        SG_TRY(upload(e, b, digest, 0, err));
        status =
            sg_batch_api_create(&e->api, b->input_file, e->batches->run_key, b->part, digest, &made, err);
    }
    e->is_unclear |= status == SG_STOPPED;
    SG_TRY(status);
    snprintf(b->id, sizeof b->id, "%s", made.id);
    snprintf(b->status, sizeof b->status, "%s", made.status);
    b->state = SG_BATCH_OPEN;
    SG_TRY(sg_ledger_batch_set(e->batches->job->ledger, b, err));
    return sg_ledger_commit(e->batches->job->ledger, err);
}

sg_status sg_batch_send(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int is_fresh,
                        struct sg_err *err)
{
    static const struct sg_backoff between_tries = {.first_s = 0.5, .factor = 2, .most_s = 60};
    e->is_unclear = 0;
    for (int64_t n = 0;; n++) {
        /* A call that changes something and failed may have been heard: looked for before it is made again. */
        sg_status status = send_once(e, b, is_fresh && n == 0, err);
        if (status != SG_STOPPED || n >= e->api.retries || e->api.stopping())
            return status;
        sg_batch_pause(sg_backoff_s(&between_tries, n, NULL));
    }
}
