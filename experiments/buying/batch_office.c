#include "experiments/buying/batch_impl.h"

#include "base/file.h"
#include "base/mem.h"
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

/* ---- desks ---- */

/* The results folder's own name at the provider, made once. */
static sg_status read_run_key(struct sg_batch_office *o, struct sg_err *err)
{
    struct sg_ledger *l = o->job->ledger;
    SG_TRY(sg_ledger_meta_get(l, "batch_run_key", &o->run_key, err));
    if (o->run_key && strlen(o->run_key) == SG_HEX - 1 &&
        strspn(o->run_key, "0123456789abcdef") == SG_HEX - 1)
        return SG_OK;
    unsigned char bits[32];
    char key[SG_HEX];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return sg_fail(err, SG_FAILED, "no random bits for the name of a batch: %s", strerror(errno));
    sg_sha256_hex(bits, sizeof bits, key);
    sg_free(o->run_key);
    if (!(o->run_key = sg_strdup(key)))
        return sg_fail_memory(err, SG_HEX);
    SG_TRY(sg_ledger_meta_set(l, "batch_run_key", key, err));
    return sg_ledger_commit(l, err);
}

static sg_status open_desk(struct sg_batch_desk *d, const struct sg_generator *g, const struct sg_endpoint *e,
                           struct sg_err *err)
{
    double share = 1 - g->batch_discount;
    char *refused = NULL, meta[120];
    sg_generator_meta(g, "refused", meta);
    d->generator.base_url = e->base_url;
    if (sg_generator_has_prices(g)) {
        d->generator.usd_per_1m_input *= share;
        d->generator.usd_per_1m_output *= share;
        d->generator.usd_per_1m_cached_input = -1; /* whether both discounts add up is not known */
    }
    SG_TRY(sg_http_create(&d->generator, e->api_key, &d->http, err));
    d->api = (struct sg_batch_api){.http = d->http,
                                   .api_key_env = g->api_key_env,
                                   .retries = g->retries,
                                   .stopping = sg_batch_is_stopping};
    d->origin = e->origin;
    if (!d->office->run_key)
        SG_TRY(read_run_key(d->office, err));
    SG_TRY(sg_ledger_meta_get(d->office->job->ledger, meta, &refused, err));
    sg_adapt_read(&d->adapt, refused ? refused : "");
    sg_free(refused);
    d->is_open = 1;
    return SG_OK;
}

static sg_status add_trouble(struct sg_batch_office *o, int64_t part, const struct sg_err *why,
                             struct sg_err *err)
{
    struct sg_batch_trouble *more = sg_grown(o->trouble, o->n_troubles, sizeof *more);
    if (!more)
        return sg_fail_memory(err, (size_t)o->n_troubles * sizeof *more);
    o->trouble = more;
    o->trouble[o->n_troubles++] = (struct sg_batch_trouble){part, *why};
    return SG_OK;
}

sg_status sg_batch_office_open(struct sg_batch_office *o, const struct sg_batch_job *job, struct sg_err *err)
{
    *o = (struct sg_batch_office){.job = job, .study = job->p->study};
    for (int g = 0; g < o->study->n_generators; g++) {
        struct sg_batch_desk *d = &o->desk[g];
        d->office = o;
        d->generator = o->study->generator[g];
        if (job->away[g].text[0])
            SG_TRY(add_trouble(o, 0, &job->away[g], err));
        else if (job->endpoint[g].client)
            SG_TRY(open_desk(d, &o->study->generator[g], &job->endpoint[g], err));
    }
    return SG_OK;
}

void sg_batch_office_close(struct sg_batch_office *o)
{
    for (int g = 0; g < SG_MAX_GENERATORS; g++)
        sg_http_destroy(o->desk[g].http);
    sg_free(o->trouble);
    sg_free(o->run_key);
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

sg_status sg_batch_desk_of(struct sg_batch_office *o, const struct sg_ledger_batch *b,
                           struct sg_batch_desk **out, struct sg_err *err)
{
    int g;
    SG_TRY(owner_of(o->job->ledger, o->study, b, &g, err));
    *out = g >= 0 ? &o->desk[g] : NULL;
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

/* ---- trouble ---- */

sg_status sg_batch_bear(struct sg_batch_office *o, struct sg_batch_desk *desk, int64_t part,
                        const struct sg_err *why, struct sg_err *err)
{
    struct sg_err at = *why;
    if (at.status == SG_FAILED || (at.status == SG_STOPPED && sg_batch_is_stopping())) {
        *err = at;
        return at.status;
    }
    if (desk && at.status == SG_STOPPED && desk->api.http_status == 0)
        desk->is_away = 1;
    if (desk && at.status == SG_INPUT && (desk->api.http_status == 401 || desk->api.http_status == 403))
        desk->is_open = 0; /* the key is refused for all of them */
    if (desk && desk->generator.name)
        (void)!sg_err_at(&at, "generators.%s", desk->generator.name);
    return add_trouble(o, part, &at, err);
}

int sg_batch_is_troubled(const struct sg_batch_office *o, int64_t part)
{
    for (int64_t i = 0; i < o->n_troubles; i++)
        if (o->trouble[i].part == part)
            return 1;
    return 0;
}

static int is_passing(const struct sg_batch_trouble *t)
{
    return t->part != 0 && t->why.status == SG_STOPPED;
}

const struct sg_err *sg_batch_passing_trouble(const struct sg_batch_office *o)
{
    for (int64_t i = 0; i < o->n_troubles; i++)
        if (is_passing(&o->trouble[i]))
            return &o->trouble[i].why;
    return NULL;
}

void sg_batch_new_round(struct sg_batch_office *o)
{
    int64_t n = 0;
    for (int64_t i = 0; i < o->n_troubles; i++)
        if (!is_passing(&o->trouble[i]))
            o->trouble[n++] = o->trouble[i];
    o->n_troubles = n;
    for (int g = 0; g < SG_MAX_GENERATORS; g++)
        o->desk[g].is_away = 0;
}

sg_status sg_batch_verdict(const struct sg_batch_office *o, struct sg_err *err)
{
    const struct sg_batch_trouble *worst = o->trouble;
    if (!o->n_troubles)
        return SG_OK;
    for (int64_t i = 0; i < o->n_troubles; i++)
        if (worst->why.status != SG_INPUT && o->trouble[i].why.status == SG_INPUT)
            worst = &o->trouble[i];
    for (int64_t i = 0; i < o->n_troubles; i++)
        if (&o->trouble[i] != worst)
            fprintf(stderr, "synthgrid: warning: %s\n", o->trouble[i].why.text);
    *err = worst->why;
    if (worst->why.status == SG_STOPPED)
        return sg_fail(err, SG_STOPPED, "%.700s; hint: run the same command again, it goes on from there",
                       worst->why.text);
    return err->status;
}
