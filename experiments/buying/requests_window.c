#include "experiments/buying/requests_impl.h"

#include "base/mem.h"
#include "base/tell.h"
#include "experiments/buying/acceptance.h"

#include <stdio.h>
#include <string.h>

/* ---- asking ---- */

/* Consumer i misses what another one has asked for (a list of topics, where all conditionings word its prompt alike). */
static sg_status share(struct sg_requests *r, int64_t i, const struct sg_request *q, struct sg_err *err)
{
    struct sg_shared_request *s = sg_grown(r->shared, r->n_shared, sizeof *s);
    if (!s)
        return sg_fail_memory(err, 2 * (size_t)r->n_shared * sizeof *s);
    r->shared = s;
    s += r->n_shared++;
    s->consumer = i;
    memcpy(s->key, q->key, SG_HEX);
    return SG_OK;
}

static sg_status ask_take(struct sg_requests *r, int64_t i, struct sg_request *q, struct sg_err *err)
{
    if (sg_set_has(r->asked, q->key, SG_HEX - 1)) {
        SG_TRY(share(r, i, q, err));
    } else {
        int g = sg_requests_generator(r, i);
        SG_TRY(sg_set_add(r->asked, q->key, SG_HEX - 1, err));
        SG_TRY(sg_dispatch_add_take(r->dispatch, g, i, q, err));
        r->n_queued[g]++;
        r->n_left++;
    }
    r->consumer[i].n_open++;
    return SG_OK;
}

/* An evaluation of 20,000 rows, or a large pool, is hundreds of megabytes of requests: so many of a generator are made ahead. Half
 * of them are there at any time, enough to keep its connections busy. */
static int64_t most_queued(const struct sg_requests *r, int generator)
{
    int64_t n = 8 * r->p->study->generator[generator].connections;
    return n > 256 ? n : 256;
}

/* The next slice of what consumer i needs. */
static sg_status queue_slice(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    struct sg_consumer *c = &r->consumer[i];
    int g = sg_requests_generator(r, i), is_open = sg_dispatch_is_open(r->dispatch, g);
    int64_t free = most_queued(r, g) - r->n_queued[g];
    /* One at least: more may depend on it (a list of topics). */
    struct sg_request_list slice = {.max = free > 1 ? free : 1, .next = c->next};
    sg_status status = sg_requests_advance(r, i, &slice, err);
    int64_t n_behind = is_open ? slice.n_behind : 0;
    r->n_left += n_behind - c->n_behind;
    c->next = is_open ? slice.next : 0;
    c->n_behind = n_behind;
    for (int64_t k = 0; is_open && status == SG_OK && k < slice.n; k++)
        status = ask_take(r, i, &slice.item[k], err);
    sg_request_list_free(&slice);
    return status;
}

static sg_status step(struct sg_requests *r, int64_t i, struct sg_err *err);

/* Its results are kept, and consumers that waited for it move on. */
static sg_status end_consumer(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    SG_TRY(r->complete(r->context, i, err));
    SG_TRY(sg_requests_store(r, i, err));
    for (int64_t k = i + 1; k < r->n; k++)
        if (sg_requests_waits_for(r, k) == i)
            SG_TRY(step(r, k, err));
    return SG_OK;
}

/* Whoever fits hears of a consumer that waits for that, unless nothing could be asked of its generator afterwards. */
static sg_status ask_for_fit(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    struct sg_consumer *c = &r->consumer[i];
    int g = sg_requests_generator(r, i);
    if (!sg_requests_fit_key(r, i)[0] || c->is_fitting || !r->fit || !sg_dispatch_is_open(r->dispatch, g))
        return SG_OK;
    c->is_fitting = 1;
    sg_dispatch_expect(r->dispatch, g, 1);
    return r->fit(r->fit_context, i, err);
}

/* Moves a consumer on: from the ledger, then it is complete, or what it misses is queued. */
static sg_status step(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    struct sg_consumer *c = &r->consumer[i];
    int goes_on = c->next > 0;
    int g = sg_requests_generator(r, i);
    do /* again, where all of a slice was asked for by others */
        SG_TRY(queue_slice(r, i, err));
    while (c->next && r->n_queued[g] < most_queued(r, g));
    if (goes_on && !c->n_open && !c->next) /* what was left of its window has come by another way */
        return step(r, i, err);
    SG_TRY(ask_for_fit(r, i, err));
    return sg_requests_is_complete(r, i) ? end_consumer(r, i, err) : SG_OK;
}

sg_status sg_requests_go_on(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    SG_TRY(step(r, i, err));
    return sg_ledger_commit(r->ledger, err);
}

sg_status sg_requests_start(struct sg_requests *r, struct sg_err *err)
{
    for (int64_t i = 0; i < r->n; i++)
        if (sg_requests_waits_for(r, i) < 0)
            SG_TRY(step(r, i, err));
    return sg_ledger_commit(r->ledger, err);
}

/* ---- what is over ---- */

/* Makes what windows still need, of earlier consumers first, as others leave. */
static sg_status refill(struct sg_requests *r, int generator, struct sg_err *err)
{
    int64_t most = most_queued(r, generator);
    if (r->n_queued[generator] > most / 2)
        return SG_OK;
    for (int64_t i = 0; i < r->n && r->n_queued[generator] < most; i++)
        if (r->consumer[i].next && sg_requests_generator(r, i) == generator) {
            SG_TRY(sg_ledger_commit(r->ledger, err));
            SG_TRY(step(r, i, err));
        }
    return SG_OK;
}

/* One of the requests that consumer i waits for is over. */
static sg_status count_over(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    if (--r->consumer[i].n_open || r->consumer[i].next)
        return SG_OK;
    SG_TRY(sg_ledger_commit(r->ledger, err)); /* paid answers are durable before a consumer counts them */
    return step(r, i, err);
}

/* Those that shared the request of this key. */
static sg_status count_shared(struct sg_requests *r, const char *key, struct sg_err *err)
{
    for (int64_t k = 0; k < r->n_shared;) {
        if (strcmp(r->shared[k].key, key) != 0) {
            k++;
            continue;
        }
        int64_t consumer = r->shared[k].consumer;
        r->shared[k] = r->shared[--r->n_shared];
        SG_TRY(count_over(r, consumer, err));
    }
    return SG_OK;
}

/* Whether answers are of use: warns where they are not, and stops buying from a generator that writes nothing of use. */
static sg_status check_acceptance(struct sg_requests *r, int64_t i, const char *request,
                                  const struct sg_answer *a, struct sg_err *err)
{
    struct sg_buf warning = sg_buf_make(4000), stop = sg_buf_make(4000);
    sg_status status = sg_acceptance_answer(r->acceptance, i, request, a, &warning, &stop, err);
    if (status == SG_OK && warning.len)
        sg_tell_warning("%s", sg_buf_text(&warning));
    if (status == SG_OK && stop.len)
        sg_dispatch_stop_generator(r->dispatch, sg_requests_generator(r, i), sg_buf_text(&stop));
    sg_buf_free(&warning);
    sg_buf_free(&stop);
    return status;
}

/* The dispatcher's: a request of consumer i is over; its answer, if there is one, is in the ledger. */
static sg_status on_over(void *context, int64_t i, const char *request, const struct sg_answer *a,
                         struct sg_err *err)
{
    struct sg_requests *r = context;
    int g = sg_requests_generator(r, i);
    char key[SG_HEX] = "";
    if (a && a->status == SG_OK)
        SG_TRY(check_acceptance(r, i, request, a, err));
    r->n_left--;
    r->n_queued[g]--;
    if (r->n_shared)
        sg_sha256_hex(request, strlen(request), key);
    SG_TRY(count_over(r, i, err));
    if (key[0])
        SG_TRY(count_shared(r, key, err));
    return refill(r, g, err);
}

sg_status sg_requests_attach(struct sg_requests *r, struct sg_dispatch *d, sg_requests_complete complete,
                             void *context, struct sg_err *err)
{
    SG_TRY(sg_acceptance_create(r->p, r, &r->acceptance, err));
    r->dispatch = d;
    r->complete = complete;
    r->context = context;
    sg_dispatch_listen(d, on_over, r);
    return SG_OK;
}

void sg_requests_attach_fits(struct sg_requests *r, sg_requests_fit fit, void *context)
{
    r->fit = fit;
    r->fit_context = context;
}

int64_t sg_requests_n_left(const struct sg_requests *r)
{
    int64_t n = r->n_left;
    for (int64_t i = 0; i < r->p->grid.n_pools; i++)
        n += sg_dispatch_is_open(r->dispatch, sg_requests_generator(r, i)) ? sg_pool_n_behind(r->p->pool[i])
                                                                           : 0;
    return n;
}
