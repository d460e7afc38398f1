#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/tell.h"
#include "experiments/run/run_impl.h"
#include "gen/llm/http.h"
#include "gen/llm/provider.h"

#include <stdio.h>
#include <string.h>

/* A death is bad luck (memory, a GPU that falls off), the fourth is not. */
enum { RESTARTS = 3, MAX_HIDDEN = SG_MAX_GENERATORS + 8 };
static const double SAY_S = 60, TURN_S = 0.05, PATIENCE_S = 15;

/* A variable that nobody sets: OpenAI's key is not for a server of one's own. */
static const char NO_KEY[] = "SYNTHGRID_NO_KEY";

/* ---- who asks it ---- */

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

/* asks (n_generators). Servers on this machine come before others where the address is given. */
static sg_status choose(const struct sg_study *s, enum sg_companion_place place, int *asks,
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

/* Whether any of these misses something. */
static sg_status is_needed(struct sg_run *r, const int *asks, int *yes, struct sg_err *err)
{
    int64_t n = sg_requests_n_consumers(r->requests), n_all, *of = sg_alloc((size_t)n + 1, sizeof *of);
    if (!of)
        return sg_fail_memory(err, (size_t)n * sizeof *of);
    sg_status status = sg_requests_count(r->requests, &n_all, of, err);
    *yes = 0;
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        *yes |= of[i] && asks[sg_requests_generator(r->requests, i)];
    sg_free(of);
    return status;
}

/* ---- start ---- */

sg_status sg_run_companion_cores(struct sg_run *r, struct sg_err *err)
{
    unsigned char mine[SG_CORE_MASK];
    MPI_Comm node;
    sg_core_mask(mine);
    SG_TRY(sg_mpi_check(
        MPI_Comm_split_type(r->world->comm, MPI_COMM_TYPE_SHARED, r->world->rank, MPI_INFO_NULL, &node),
        "MPI_Comm_split_type", err));
    int rc = MPI_Allreduce(mine, r->companion_cores, SG_CORE_MASK, MPI_BYTE, MPI_BOR, node);
    MPI_Comm_free(&node);
    return sg_mpi_check(rc, "MPI_Allreduce", err);
}

/* Variables that may hold a key: the study's, and each provider's own. */
static int hidden_variables(const struct sg_study *s, const char **hidden)
{
    const struct sg_provider *p;
    int n = 0;
    for (int g = 0; g < s->n_generators; g++)
        hidden[n++] = s->generator[g].api_key_env;
    for (int i = 0; (p = sg_provider_at(i)) && n < MAX_HIDDEN; i++)
        hidden[n++] = p->api_key_env;
    return n;
}

static sg_status died(const struct sg_run *r, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT,
                   "the LLM server of --with-llm %s; all that it said is in %s; hint: it must stay in the "
                   "foreground, and answer GET /health or /v1/models at %s",
                   sg_companion_why(r->companion), r->companion_log, sg_companion_url(r->companion));
}

/* However long it loads: it is there, or it has died. */
static sg_status await(struct sg_run *r, struct sg_err *err)
{
    double begun = sg_now_s(), said = begun;
    enum sg_companion_state state;
    while ((state = sg_companion_turn(r->companion)) == SG_COMPANION_LOADING) {
        if (sg_engine_stop_requested())
            return sg_fail(err, SG_STOPPED, "stopped as asked, while the LLM server was loading");
        if (sg_now_s() - said >= SAY_S && !r->options->quiet) {
            said = sg_now_s();
            sg_tell("the LLM server has been loading for %.0f min; what it says is in %s",
                    (said - begun) / 60, r->companion_log);
        }
        sg_sleep_us((int64_t)(TURN_S * 1e6));
    }
    if (state == SG_COMPANION_GONE)
        return died(r, err);
    if (!r->options->quiet)
        sg_tell("the LLM server answers after %.0f s", sg_now_s() - begun);
    return SG_OK;
}

/* Of the study's and of the copy that is asked. Prices that a provider publishes are not its own server's. */
static void point(struct sg_generator *g, enum sg_companion_place place, const char *url)
{
    g->base_url = url;
    if (place != SG_COMPANION_GIVEN &&
        strcmp(g->api_key_env, sg_provider_find(g->provider)->api_key_env) == 0)
        g->api_key_env = NO_KEY;
    if (g->price_source || g->usd_per_1m_input < 0 || g->usd_per_1m_output < 0) {
        g->usd_per_1m_input = g->usd_per_1m_cached_input = g->usd_per_1m_output = 0;
        g->price_source = g->price_as_of = NULL;
    }
}

sg_status sg_run_companion_start(struct sg_run *r, struct sg_err *err)
{
    const struct sg_run_options *o = r->options;
    struct sg_study *s = r->p->study;
    enum sg_companion_place place = sg_companion_place(o->with_llm);
    const char *hidden[MAX_HIDDEN], *address = NULL;
    int needed = 0;
    SG_TRY(choose(s, place, r->asks_companion, err));
    SG_TRY(is_needed(r, r->asks_companion, &needed, err));
    if (!needed)
        return SG_OK;
    for (int g = 0; g < s->n_generators; g++)
        if (r->asks_companion[g] && place == SG_COMPANION_GIVEN)
            address = sg_provider_address(&s->generator[g]);
    r->companion_log = sg_path_join(s->results, "llm_server.log");
    if (!r->companion_log)
        return sg_fail_memory(err, 1024);
    struct sg_companion_settings settings = {.command = o->with_llm,
                                             .address = address,
                                             .log = r->companion_log,
                                             .n_restarts = RESTARTS,
                                             .n_hidden = hidden_variables(s, hidden),
                                             .hidden = hidden,
                                             .cores = r->companion_cores};
    SG_TRY(sg_companion_start(&settings, &r->companion, err));
    if (!o->quiet)
        sg_tell("starts the LLM server beside rank 0, at %s; what it says is in %s",
                sg_companion_url(r->companion), r->companion_log);
    SG_TRY(await(r, err));
    for (int g = 0; g < s->n_generators; g++)
        if (r->asks_companion[g]) {
            point(&s->generator[g], place, sg_companion_url(r->companion));
            point(&r->endpoints.endpoint[g].generator, place, sg_companion_url(r->companion));
        }
    return SG_OK;
}

/* ---- while the run goes on ---- */

static void hold(struct sg_run *r, int is_held)
{
    for (int g = 0; g < r->p->study->n_generators; g++)
        if (r->asks_companion[g])
            sg_dispatch_hold(r->dispatch, g, is_held);
}

static void give_up(struct sg_run *r)
{
    char why[900];
    snprintf(
        why, sizeof why,
        "the LLM server of --with-llm %.600s; it has died %d %s; hint: %.150s has all that it said; mend it, "
        "then run again",
        sg_companion_why(r->companion), sg_companion_n_deaths(r->companion),
        sg_companion_n_deaths(r->companion) == 1 ? "time" : "times", r->companion_log);
    for (int g = 0; g < r->p->study->n_generators; g++)
        if (r->asks_companion[g])
            sg_dispatch_stop_generator(r->dispatch, g, why);
}

void sg_run_companion_turn(struct sg_run *r)
{
    if (!r->companion || r->companion_is_over)
        return;
    int before = sg_companion_n_deaths(r->companion);
    enum sg_companion_state state = sg_companion_turn(r->companion);
    if (sg_dispatch_is_closed(r->dispatch)) { /* training has its cores and memory to itself */
        sg_companion_dismiss(r->companion);
        r->companion_is_over = 1;
        return;
    }
    hold(r, state == SG_COMPANION_LOADING);
    if (state == SG_COMPANION_GONE) {
        give_up(r);
        r->companion_is_over = 1;
    } else if (sg_companion_n_deaths(r->companion) > before)
        sg_tell_warning("the LLM server %s; it is started again (%d of %d), and requests wait for it",
                        sg_companion_why(r->companion), sg_companion_n_deaths(r->companion), RESTARTS);
}

void sg_run_companion_end(struct sg_run *r)
{
    /* Asked to end at once, there may be a second left: the keeper ends it alone. */
    sg_companion_end(r->companion, sg_engine_stop_requested() > 1 ? 0 : PATIENCE_S);
    sg_free(r->companion_log);
}
