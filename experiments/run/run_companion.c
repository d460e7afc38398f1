#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "experiments/run/run_impl.h"
#include "experiments/run/with_llm.h"
#include "gen/llm/provider.h"

#include <stdio.h>
#include <string.h>

/* A death is bad luck (memory, a GPU that falls off), the fourth is not. */
enum { RESTARTS = 3, MAX_HIDDEN = SG_MAX_GENERATORS + 8 };
static const double SAY_S = 60, TURN_S = 0.05, PATIENCE_S = 15;

/* ---- start ---- */

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

sg_status sg_run_companion_start(struct sg_run *r, struct sg_err *err)
{
    const struct sg_run_options *o = r->options;
    struct sg_study *s = r->p->study;
    enum sg_companion_place place = sg_companion_place(o->with_llm);
    const char *hidden[MAX_HIDDEN], *address = NULL;
    int needed = 0;
    SG_TRY(sg_with_llm_choose(s, place, r->asks_companion, err));
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
            sg_with_llm_point(&s->generator[g], place, sg_companion_url(r->companion));
            sg_with_llm_point(&r->endpoints.endpoint[g].generator, place, sg_companion_url(r->companion));
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
