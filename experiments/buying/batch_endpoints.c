#include "experiments/buying/batch_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "experiments/buying/endpoints.h"
#include "mpi/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int sg_batch_is_stopping(void)
{
    return sg_engine_stop_requested() != 0;
}

void sg_batch_pause(double seconds)
{
    for (double end = sg_now_s() + seconds; sg_now_s() < end && !sg_batch_is_stopping();)
        sg_sleep_us(20000);
}

/* ---- the endpoints ---- */

/* The results folder's own name at the provider, made once. */
static sg_status read_run_key(struct sg_batches *all, struct sg_err *err)
{
    struct sg_ledger *l = all->job->ledger;
    SG_TRY(sg_ledger_meta_get(l, "batch_run_key", &all->run_key, err));
    if (all->run_key && strlen(all->run_key) == SG_HEX - 1 &&
        strspn(all->run_key, "0123456789abcdef") == SG_HEX - 1)
        return SG_OK;
    unsigned char bits[32];
    char key[SG_HEX];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return sg_fail(err, SG_FAILED, "no random bits for the name of a batch: %s", strerror(errno));
    sg_sha256_hex(bits, sizeof bits, key);
    sg_free(all->run_key);
    if (!(all->run_key = sg_strdup(key)))
        return sg_fail_memory(err, SG_HEX);
    SG_TRY(sg_ledger_meta_set(l, "batch_run_key", key, err));
    return sg_ledger_commit(l, err);
}

static sg_status open_endpoint(struct sg_batch_endpoint *e, const struct sg_generator *g,
                               const struct sg_endpoint *from, struct sg_err *err)
{
    double share = 1 - g->batch_discount;
    char *refused = NULL, meta[120];
    sg_generator_meta(g, "refused", meta);
    e->generator.base_url = from->base_url;
    if (sg_generator_has_prices(g)) {
        e->generator.usd_per_1m_input *= share;
        e->generator.usd_per_1m_output *= share;
        e->generator.usd_per_1m_cached_input = -1; /* whether both discounts add up is not known */
    }
    SG_TRY(sg_http_create(&e->generator, from->api_key, &e->http, err));
    e->api = (struct sg_batch_api){.http = e->http,
                                   .api_key_env = g->api_key_env,
                                   .retries = g->retries,
                                   .stopping = sg_batch_is_stopping};
    e->origin = from->origin;
    if (!e->batches->run_key)
        SG_TRY(read_run_key(e->batches, err));
    SG_TRY(sg_ledger_meta_get(e->batches->job->ledger, meta, &refused, err));
    sg_adapt_read(&e->adapt, refused ? refused : "");
    sg_free(refused);
    e->is_open = 1;
    return SG_OK;
}

static sg_status add_failure(struct sg_batches *all, int64_t batch, const struct sg_err *why,
                             struct sg_err *err)
{
    struct sg_batch_failure *more = sg_grown(all->failure, all->n_failures, sizeof *more);
    if (!more)
        return sg_fail_memory(err, (size_t)all->n_failures * sizeof *more);
    all->failure = more;
    all->failure[all->n_failures++] = (struct sg_batch_failure){batch, *why};
    return SG_OK;
}

sg_status sg_batches_open(struct sg_batches *all, const struct sg_batch_job *job, struct sg_err *err)
{
    *all = (struct sg_batches){.job = job, .study = job->p->study};
    for (int g = 0; g < all->study->n_generators; g++) {
        struct sg_batch_endpoint *e = &all->endpoint[g];
        e->batches = all;
        e->generator = all->study->generator[g];
        const struct sg_endpoint *from = &job->endpoints->endpoint[g];
        if (from->unreachable.text[0])
            SG_TRY(add_failure(all, 0, &from->unreachable, err));
        else if (from->client)
            SG_TRY(open_endpoint(e, &all->study->generator[g], from, err));
    }
    return SG_OK;
}

void sg_batches_close(struct sg_batches *all)
{
    for (int g = 0; g < SG_MAX_GENERATORS; g++)
        sg_http_destroy(all->endpoint[g].http);
    sg_free(all->failure);
    sg_free(all->run_key);
}

static const char *provider_of(const struct sg_generator *g)
{
    return g->provider;
}

/* -1: none of them. */
static sg_status owner_of(struct sg_ledger *l, const struct sg_study *s, const struct sg_ledger_batch *b,
                          int *generator, struct sg_err *err)
{
    char *request = NULL;
    SG_TRY(sg_ledger_batch_sample(l, b->part, &request, err));
    *generator =
        request ? sg_generators_find(s->n_generators, s->generator, provider_of, b->generator, request) : -1;
    sg_free(request);
    return SG_OK;
}

sg_status sg_batch_endpoint_of(struct sg_batches *all, const struct sg_ledger_batch *b,
                               struct sg_batch_endpoint **out, struct sg_err *err)
{
    int g;
    SG_TRY(owner_of(all->job->ledger, all->study, b, &g, err));
    *out = g >= 0 ? &all->endpoint[g] : NULL;
    return SG_OK;
}

sg_status sg_batch_needs(struct sg_ledger *l, const struct sg_study *s, int needs[SG_MAX_GENERATORS],
                         struct sg_err *err)
{
    struct sg_ledger_batch *list;
    int64_t n;
    memset(needs, 0, (size_t)s->n_generators * sizeof *needs);
    SG_TRY(sg_ledger_batches(l, &list, &n, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        int g = -1;
        status = owner_of(l, s, &list[i], &g, err);
        if (g >= 0)
            needs[g] = 1;
    }
    sg_free(list);
    return status;
}

/* ---- failures ---- */

sg_status sg_batch_keep_failure(struct sg_batches *all, struct sg_batch_endpoint *e, int64_t batch,
                                const struct sg_err *why, struct sg_err *err)
{
    struct sg_err at = *why;
    if (at.status == SG_FAILED || at.status == SG_FULL ||
        (at.status == SG_STOPPED && sg_batch_is_stopping())) {
        *err = at;
        return at.status;
    }
    if (e && at.status == SG_STOPPED && e->api.http_status == 0)
        e->is_away = 1;
    if (e && at.status == SG_INPUT && (e->api.http_status == 401 || e->api.http_status == 403))
        e->is_open = 0; /* the key is refused for all of them */
    if (e && e->generator.name)
        (void)!sg_err_at(&at, "generators.%s", e->generator.name);
    return add_failure(all, batch, &at, err);
}

int sg_batch_has_failed(const struct sg_batches *all, int64_t batch)
{
    for (int64_t i = 0; i < all->n_failures; i++)
        if (all->failure[i].batch == batch)
            return 1;
    return 0;
}

static int is_passing(const struct sg_batch_failure *f)
{
    return f->batch != 0 && f->why.status == SG_STOPPED;
}

const struct sg_err *sg_batch_passing_failure(const struct sg_batches *all)
{
    for (int64_t i = 0; i < all->n_failures; i++)
        if (is_passing(&all->failure[i]))
            return &all->failure[i].why;
    return NULL;
}

void sg_batch_new_round(struct sg_batches *all)
{
    int64_t n = 0;
    for (int64_t i = 0; i < all->n_failures; i++)
        if (!is_passing(&all->failure[i]))
            all->failure[n++] = all->failure[i];
    all->n_failures = n;
    for (int g = 0; g < SG_MAX_GENERATORS; g++)
        all->endpoint[g].is_away = 0;
}

sg_status sg_batch_outcome(const struct sg_batches *all, struct sg_err *err)
{
    const struct sg_batch_failure *worst = all->failure;
    if (!all->n_failures)
        return SG_OK;
    for (int64_t i = 0; i < all->n_failures; i++)
        if (worst->why.status != SG_INPUT && all->failure[i].why.status == SG_INPUT)
            worst = &all->failure[i];
    for (int64_t i = 0; i < all->n_failures; i++)
        if (&all->failure[i] != worst)
            sg_tell_warning("%s", all->failure[i].why.text);
    *err = worst->why;
    if (worst->why.status == SG_STOPPED)
        return sg_fail(err, SG_STOPPED, "%.700s; hint: run the same command again, it goes on from there",
                       worst->why.text);
    return err->status;
}
