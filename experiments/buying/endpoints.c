#include "experiments/buying/endpoints.h"

#include "base/mem.h"
#include "base/secret.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/study/prices.h"
#include "gen/llm/http.h"
#include "gen/llm/provider.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

sg_status sg_endpoints_create(const struct sg_study *s, struct sg_endpoints *e, struct sg_err *err)
{
    size_t n = (size_t)s->n_generators;
    e->endpoint = sg_alloc(n, sizeof *e->endpoint);
    e->sender.endpoint = sg_alloc(n, sizeof *e->sender.endpoint);
    if (!e->endpoint || !e->sender.endpoint)
        return sg_fail_memory(err, n * sizeof *e->endpoint);
    e->n = s->n_generators;
    for (int g = 0; g < e->n; g++)
        e->endpoint[g].generator = s->generator[g];
    return SG_OK;
}

void sg_endpoints_close(struct sg_endpoints *e)
{
    for (int g = 0; g < e->n; g++) {
        sg_client_destroy(e->sender.endpoint[g].client);
        sg_client_destroy(e->endpoint[g].client);
        sg_free(e->endpoint[g].base_url);
    }
    sg_free(e->endpoint);
    sg_free(e->sender.endpoint);
    *e = (struct sg_endpoints){0};
}

void sg_endpoints_take_keys(const struct sg_study *s)
{
    const char *unused;
    struct sg_err ignored;
    for (int i = 0; i < s->n_generators; i++)
        (void)!sg_secret_take(s->generator[i].api_key_env, &unused, &ignored);
}

/* ---- open ---- */

static sg_status check_money(const struct sg_generator *g, double budget_usd, struct sg_err *err)
{
    int priced = g->usd_per_1m_input > 0 || g->usd_per_1m_output > 0;
    if (priced && budget_usd < 0)
        return sg_fail(
            err, SG_INPUT,
            "this endpoint has a price, but the study has no limit; hint: set budget.usd, or --max-usd");
    if (budget_usd >= 0 && !sg_generator_has_prices(g))
        return sg_fail(
            err, SG_INPUT,
            "budget.usd cannot be kept without the endpoint's prices; hint: set "
            "generator.usd_per_1m_input and generator.usd_per_1m_output (0 for a server of your own)%s",
            g->allow_unknown_price ? ", or leave out the limit, as generator.allow_unknown_price says" : "");
    return SG_OK;
}

static sg_status fail_without_key(const struct sg_generator *g, int64_t n_missing, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT,
                   "%lld %s needed, but there is neither a recording that has %s, nor a "
                   "key (%s is not set), nor "
                   "a server; hint: export %s, or give generator.base_url=http://127.0.0.1:8080/v1 of a "
                   "local server, or "
                   "generator.recording",
                   (long long)n_missing, sg_plural(n_missing, "completion is", "completions are"),
                   sg_plural(n_missing, "it", "them"), g->api_key_env, g->api_key_env);
}

sg_status sg_endpoints_check_keys(const struct sg_study *s, struct sg_requests *r, struct sg_err *err)
{
    for (int i = 0; i < s->n_generators; i++) {
        const struct sg_generator *g = &s->generator[i];
        const char *key = NULL;
        struct sg_err why = {0};
        int64_t n = 0;
        if (sg_provider_address(g) || sg_provider_find(g->provider)->in_process)
            continue;
        sg_status status = sg_secret_take(g->api_key_env, &key, &why); /* or from a file */
        if (status == SG_OK && key)
            continue;
        SG_TRY(sg_requests_expect(r, i, &n, err));
        if (!n)
            continue;
        if (status == SG_OK)
            status = fail_without_key(g, n, err);
        else
            *err = why;
        return g->name ? sg_err_at(err, "generators.%s", g->name) : status;
    }
    return SG_OK;
}

static sg_status connect(struct sg_endpoint *e, int64_t n_missing, double budget_usd, struct sg_err *err)
{
    const struct sg_generator *g = &e->generator;
    SG_TRY(sg_secret_take(g->api_key_env, &e->api_key, err));
    const char *address = sg_provider_address(g);
    if (!e->api_key && !address)
        return fail_without_key(g, n_missing, err);
    SG_TRY(check_money(g, budget_usd, err));
    /* Also where it is the provider's own: another rank's variable must not send the key elsewhere. */
    const char *resolved = address ? address : sg_provider_find(g->provider)->base_url;
    if (resolved && !(e->base_url = sg_strdup(resolved)))
        return sg_fail_memory(err, strlen(resolved));
    SG_TRY(sg_client_create(g, e->api_key, 1, &e->client, err));
    e->origin = sg_client_origin(e->client);
    if (!sg_client_is_local(e->client) && !sg_generator_has_prices(g) && !g->allow_unknown_price)
        return sg_fail(err, SG_INPUT,
                       "what %s costs is not known; hint: set generator.usd_per_1m_input and "
                       "generator.usd_per_1m_output (0 for a server of your own), and budget.usd; or "
                       "generator.allow_unknown_price=true, without a budget",
                       e->origin);
    return SG_OK;
}

/* Whom the run buys from, for people, with a warning when the published price is old. */
static void print_price(const struct sg_endpoint *e, int quiet)
{
    struct sg_buf text = sg_buf_make(2000), old = sg_buf_make(2000);
    sg_price_describe(&e->generator, &text);
    if (!quiet)
        sg_tell("%s at %s: %s", e->generator.model, e->origin, sg_buf_text(&text));
    if (sg_price_warn(&e->generator, (double)time(NULL), &old))
        sg_tell_warning("%s", sg_buf_text(&old));
    sg_buf_free(&text);
    sg_buf_free(&old);
}

static sg_status note_price(const struct sg_endpoint *e, const struct sg_endpoints_settings *s,
                            struct sg_err *err)
{
    if (!e->generator.price_source)
        return SG_OK;
    print_price(e, s->quiet);
    char *price = sg_price_json(&e->generator), meta[120];
    sg_generator_meta(&e->generator, "price", meta);
    sg_status status = price ? sg_ledger_meta_set(s->ledger, meta, price, err) : sg_fail_memory(err, 1024);
    sg_free(price);
    return status == SG_OK ? sg_ledger_commit(s->ledger, err) : status;
}

static sg_status open_one(struct sg_endpoint *e, int64_t n_missing, const struct sg_endpoints_settings *s,
                          struct sg_err *err)
{
    sg_status status = connect(e, n_missing, s->budget_usd, err);
    if (status == SG_OK)
        status = note_price(e, s, err);
    if (status == SG_OK)
        status = sg_client_check(e->client, err);
    if (status != SG_OK && e->generator.name)
        sg_err_at(err, "generators.%s", e->generator.name);
    return status;
}

/* Batches are looked after where they can be: an endpoint that is gone keeps nobody from those of another. */
static sg_status open_for_batches(struct sg_endpoint *e, int64_t n_missing, int has_batches,
                                  const struct sg_endpoints_settings *s, struct sg_err *err)
{
    int is_submit = s->batch == SG_BATCH_SUBMIT;
    if (!sg_batch_is_spoken(&e->generator) || !(has_batches || (is_submit && n_missing)))
        return SG_OK;
    sg_status status = open_one(e, n_missing, s, err);
    if (status == SG_OK || status == SG_FAILED || status == SG_FULL || (is_submit && n_missing))
        return status;
    e->unreachable = *err;
    if (s->batch == SG_BATCH_ABANDON)
        sg_tell_warning("no batch is cancelled: %s", err->text);
    return SG_OK;
}

/* of (n consumers): what each misses. */
static sg_status open_all(struct sg_endpoints *e, const struct sg_endpoints_settings *s, const int64_t *of,
                          struct sg_err *err)
{
    int has_batches[SG_MAX_GENERATORS];
    SG_TRY(sg_batch_needs(s->ledger, s->study, has_batches, err));
    for (int g = 0; g < e->n; g++) {
        int64_t n = 0;
        for (int64_t i = 0; i < sg_requests_n_consumers(s->requests); i++)
            n += sg_requests_generator(s->requests, i) == g ? of[i] : 0;
        if (s->batch)
            SG_TRY(open_for_batches(&e->endpoint[g], n, has_batches[g], s, err));
        else if (n)
            SG_TRY(open_one(&e->endpoint[g], n, s, err));
    }
    return SG_OK;
}

sg_status sg_endpoints_open(struct sg_endpoints *e, const struct sg_endpoints_settings *s, struct sg_err *err)
{
    int64_t n_consumers = sg_requests_n_consumers(s->requests), n_all;
    int64_t *of = sg_alloc((size_t)n_consumers + 1, sizeof *of);
    if (!of)
        return sg_fail_memory(err, (size_t)n_consumers * sizeof *of);
    sg_status status = sg_requests_count(s->requests, &n_all, of, err);
    if (status == SG_OK)
        status = open_all(e, s, of, err);
    sg_free(of);
    return status;
}

/* ---- share ---- */

/* Every rank works out what an answer has cost; and how many connections a server gets depends on its address, which may be rank 0's
 * alone. */
static sg_status share_prices(struct sg_generator *g, const struct sg_team *world, struct sg_err *err)
{
    double usd[] = {g->usd_per_1m_input, g->usd_per_1m_cached_input, g->usd_per_1m_output,
                    (double)g->connections};
    struct sg_buf b = sg_buf_make(sizeof usd);
    if (world->rank == 0)
        sg_buf_add(&b, usd, sizeof usd);
    sg_status status = sg_bcast_buf(world, 0, &b, err);
    if (status == SG_OK && b.len == sizeof usd)
        memcpy(usd, b.data, sizeof usd);
    sg_buf_free(&b);
    g->usd_per_1m_input = usd[0];
    g->usd_per_1m_cached_input = usd[1];
    g->usd_per_1m_output = usd[2];
    g->connections = (int64_t)usd[3];
    return sg_agree(world, status, err);
}

static sg_status share_key(struct sg_endpoint *e, const struct sg_team *world, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    if (world->rank == 0 && e->api_key)
        sg_buf_puts(&b, e->api_key);
    sg_status status = sg_bcast_buf(world, 0, &b, err);
    if (status == SG_OK && world->rank != 0 && b.len)
        status = sg_secret_remember(b.data, &e->api_key, err);
    for (volatile char *p = b.data; p && p < b.data + b.len; p++)
        *p = 0;
    sg_buf_free(&b);
    return sg_agree(world, status, err);
}

static sg_status share_address(struct sg_endpoint *e, const struct sg_team *world, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    if (world->rank == 0 && e->base_url)
        sg_buf_puts(&b, e->base_url);
    sg_status status = sg_bcast_buf(world, 0, &b, err);
    if (status == SG_OK && world->rank != 0 && b.len && !(e->base_url = sg_strdup(b.data)))
        status = sg_fail_memory(err, b.len);
    sg_buf_free(&b);
    e->generator.base_url = e->base_url;
    return sg_agree(world, status, err);
}

/* Which ranks a server on rank 0's node can be asked from. */
struct reach {
    int is_near, n_far; /* this rank is on that node; ranks of the job that are not */
};

/* Collective. */
static sg_status find_reach(const struct sg_team *world, struct reach *r, struct sg_err *err)
{
    int lowest = world->rank, is_far;
    MPI_Comm node;
    *r = (struct reach){.is_near = 1};
    if (world->size == 1)
        return SG_OK;
    SG_TRY(sg_mpi_check(MPI_Comm_split_type(world->comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node),
                        "MPI_Comm_split_type", err));
    int rc = MPI_Allreduce(&world->rank, &lowest, 1, MPI_INT, MPI_MIN, node);
    MPI_Comm_free(&node);
    SG_TRY(sg_mpi_check(rc, "MPI_Allreduce", err));
    is_far = lowest != 0;
    r->is_near = !is_far;
    return sg_mpi_check(MPI_Allreduce(&is_far, &r->n_far, 1, MPI_INT, MPI_SUM, world->comm), "MPI_Allreduce",
                        err);
}

/* This rank's share of an endpoint's connections. Where only some ranks reach it, each of them may use all: the limiter bounds the sum, and the
 * freest rank sends. */
static int64_t share_of(const struct sg_endpoint *e, const struct sg_team *world, const struct reach *r)
{
    int64_t all = e->generator.connections;
    if (r->n_far && e->base_url && sg_http_is_loopback(e->base_url))
        return r->is_near ? all : SG_SENDER_FAR;
    return (all + world->size - 1) / world->size;
}

sg_status sg_endpoints_share(struct sg_endpoints *e, const struct sg_team *world, struct sg_err *err)
{
    struct reach reach;
    SG_TRY(find_reach(world, &reach, err));
    e->sender.rank = world->rank;
    e->sender.n_endpoints = e->n;
    for (int g = 0; g < e->n; g++) {
        struct sg_endpoint *x = &e->endpoint[g];
        SG_TRY(share_prices(&x->generator, world, err));
        SG_TRY(share_key(x, world, err));
        SG_TRY(share_address(x, world, err));
        e->sender.endpoint[g] = (struct sg_sender_endpoint){
            .generator = &x->generator, .api_key = x->api_key, .connections = share_of(x, world, &reach)};
    }
    return SG_OK;
}
