#include "experiments/buying/endpoint.h"

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "experiments/study/prices.h"
#include "gen/llm/provider.h"

#include <string.h>
#include <time.h>

sg_status sg_endpoint_open(struct sg_endpoint *e, const struct sg_generator *g, int64_t n_missing,
                           double budget_usd, struct sg_err *err)
{
    SG_TRY(sg_secret_take(g->api_key_env, &e->api_key, err));
    const char *address = sg_provider_address(g);
    if (!e->api_key && !address)
        return sg_fail(err, SG_INPUT,
                       "%lld %s needed, but there is neither a recording that has %s, nor a "
                       "key (%s is not set), nor "
                       "a server; hint: export %s, or give generator.base_url=http://127.0.0.1:8080/v1 of a "
                       "local server, or "
                       "generator.recording",
                       (long long)n_missing, sg_plural(n_missing, "completion is", "completions are"),
                       sg_plural(n_missing, "it", "them"), g->api_key_env, g->api_key_env);
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

sg_status sg_endpoint_check(struct sg_endpoint *e, struct sg_err *err)
{
    return sg_client_check(e->client, err);
}

void sg_endpoint_tell(const struct sg_endpoint *e, const struct sg_generator *g, int quiet,
                      struct sg_buf *out)
{
    if (!g->price_source)
        return;
    if (!quiet) {
        sg_buf_printf(out, "%s at %s: ", g->model, e->origin);
        sg_price_describe(g, out);
        sg_buf_puts(out, "\n");
    }
    struct sg_buf old = sg_buf_make(2000);
    if (sg_price_warn(g, (double)time(NULL), &old))
        sg_buf_printf(out, "synthgrid: warning: %s\n", sg_buf_text(&old));
    sg_buf_free(&old);
}

/* Every rank works out what an answer has cost; and how many connections a server gets depends on its address, which may be rank 0's alone. */
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

sg_status sg_endpoint_share(struct sg_endpoint *e, struct sg_generator *g, const struct sg_team *world,
                            struct sg_err *err)
{
    SG_TRY(share_prices(g, world, err));
    struct sg_buf b = sg_buf_make(1 << 16);
    if (world->rank == 0 && e->api_key)
        sg_buf_puts(&b, e->api_key);
    sg_status status = sg_bcast_buf(world, 0, &b, err);
    if (status == SG_OK && world->rank != 0 && b.len)
        status = sg_secret_remember(b.data, &e->api_key, err);
    for (volatile char *p = b.data; p && p < b.data + b.len; p++)
        *p = 0;
    sg_buf_clear(&b);
    status = sg_agree(world, status, err);
    if (status == SG_OK) {
        if (world->rank == 0 && e->base_url)
            sg_buf_puts(&b, e->base_url);
        status = sg_bcast_buf(world, 0, &b, err);
        if (status == SG_OK && world->rank != 0 && b.len && !(e->base_url = sg_strdup(b.data)))
            status = sg_fail_memory(err, b.len);
        status = sg_agree(world, status, err);
    }
    sg_buf_free(&b);
    g->base_url = e->base_url;
    return status;
}

void sg_endpoint_close(struct sg_endpoint *e)
{
    sg_client_destroy(e->client);
    sg_free(e->base_url);
    *e = (struct sg_endpoint){0};
}

void sg_endpoint_take_keys(const struct sg_study *s)
{
    const char *unused;
    struct sg_err ignored;
    for (int i = 0; i < s->n_generators; i++)
        (void)!sg_secret_take(s->generator[i].api_key_env, &unused, &ignored);
}
