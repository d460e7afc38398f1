#include "experiments/run/with_llm.h"

#include "base/secret.h"
#include "experiments/study/generators.h"
#include "gen/llm/http.h"
#include "gen/llm/provider.h"

#include <string.h>

/* A variable that nobody sets: OpenAI's key is not for a server of one's own. */
static const char NO_KEY[] = "LOCAL_LLM_KEY";

static const char *name_of(const struct sg_generator *g)
{
    return g->name ? g->name : "generator";
}

/* An address of its own that is elsewhere stays. With a place that it is given, the address that it has is where it must be. */
static int may_ask(const struct sg_generator *g, enum sg_companion_place place)
{
    const char *address = place == SG_COMPANION_GIVEN ? sg_provider_address(g) : g->base_url;
    if (!sg_provider_find(g->provider)->has_own_servers)
        return 0;
    return place == SG_COMPANION_GIVEN ? address != NULL : !address || sg_http_is_loopback(address);
}

/* One server: one address, and one model. */
static sg_status same_server(const struct sg_generator *a, const struct sg_generator *b,
                             enum sg_companion_place place, struct sg_err *err)
{
    int is_given = place == SG_COMPANION_GIVEN;
    if (is_given ? strcmp(sg_provider_address(a), sg_provider_address(b)) == 0
                 : strcmp(a->model, b->model) == 0)
        return SG_OK;
    return sg_fail(
        err, SG_INPUT,
        "--with-llm starts one server, and both generators.%s and generators.%s may be meant (%s); "
        "hint: give the one that is elsewhere its address, like "
        "generators.%s.base_url=https://api.openai.com/v1",
        a->name, b->name, is_given ? "they have different addresses" : "they name different models", b->name);
}

sg_status sg_with_llm_choose(const struct sg_study *s, enum sg_companion_place place, int *asks,
                             struct sg_err *err)
{
    const struct sg_generator *first = NULL;
    int is_here = 0;
    for (int g = 0; g < s->n_generators; g++)
        is_here |= may_ask(&s->generator[g], place) && sg_provider_address(&s->generator[g]) &&
                   sg_http_is_loopback(sg_provider_address(&s->generator[g]));
    for (int g = 0; g < s->n_generators; g++) {
        const struct sg_generator *x = &s->generator[g];
        asks[g] = may_ask(x, place) &&
                  (place != SG_COMPANION_GIVEN || !is_here || sg_http_is_loopback(sg_provider_address(x)));
        if (!asks[g])
            continue;
        if (first)
            SG_TRY(same_server(first, x, place, err));
        first = first ? first : x;
    }
    if (first)
        return SG_OK;
    if (place == SG_COMPANION_GIVEN)
        return sg_fail(err, SG_INPUT,
                       "--with-llm: where will the server listen? hint: {socket} or {port} in the command "
                       "(`vllm serve ... --uds {socket}`), or generator.base_url in the study");
    return sg_fail(
        err, SG_INPUT,
        "--with-llm: %s of this study has provider openai and no address elsewhere (%s.base_url); hint: "
        "generator.base_url= (nothing behind it) takes the server's",
        s->n_generators > 1 ? "no generator" : "the generator", name_of(s->generator));
}

void sg_with_llm_point(struct sg_generator *g, enum sg_companion_place place, const char *url)
{
    g->base_url = url;
    if (place != SG_COMPANION_GIVEN &&
        strcmp(g->api_key_env, sg_provider_find(g->provider)->api_key_env) == 0) {
        const char *unused;
        struct sg_err ignored; /* it leaves the environment all the same, where it is wrong, too */
        (void)!sg_secret_take(g->api_key_env, &unused, &ignored);
        g->api_key_env = NO_KEY;
    }
    if (g->price_source || g->usd_per_1m_input < 0 || g->usd_per_1m_output < 0) {
        g->usd_per_1m_input = g->usd_per_1m_cached_input = g->usd_per_1m_output = 0;
        g->price_source = g->price_as_of = NULL;
    }
}

sg_status sg_with_llm_assume(struct sg_study *s, const char *command, struct sg_err *err)
{
    int asks[SG_MAX_GENERATORS];
    enum sg_companion_place place = sg_companion_place(command);
    SG_TRY(sg_with_llm_choose(s, place, asks, err));
    for (int g = 0; g < s->n_generators; g++)
        if (asks[g])
            sg_with_llm_point(&s->generator[g], place,
                              place == SG_COMPANION_GIVEN ? sg_provider_address(&s->generator[g])
                                                          : "http://127.0.0.1/v1");
    return SG_OK;
}
