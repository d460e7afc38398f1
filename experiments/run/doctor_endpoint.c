#include "experiments/run/doctor_impl.h"

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "experiments/study/prices.h"
#include "gen/llm/probe.h"
#include "gen/llm/provider.h"
#include "gen/pool/reasoning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long one of the two requests may take: a study's own limit (generator.timeout_s, 600 s) is for long answers. */
#define PROBE_S 60.0

static sg_status note_key(const struct sg_generator *g, const char *key, struct sg_findings *f,
                          const char *path, struct sg_err *err)
{
    if (key)
        return sg_doctor_note(f, "key", SG_HEALTH_FINE, err, "%s is set (%zu characters)%s%s", g->api_key_env,
                              strlen(key), path ? ", from " : "", path ? path : "");
    return sg_doctor_note(f, "key", SG_HEALTH_NOTE, err,
                          "%s is not set: right for a server that needs no key", g->api_key_env);
}

static sg_status note_price(const struct sg_study *s, const struct sg_generator *g, struct sg_client *c,
                            struct sg_findings *f, struct sg_err *err)
{
    if (!sg_generator_has_prices(g))
        return sg_doctor_note(
            f, "price", sg_client_is_local(c) || g->allow_unknown_price ? SG_HEALTH_NOTE : SG_HEALTH_PROBLEM,
            err, "not known; hint: set generator.usd_per_1m_input and generator.usd_per_1m_output%s",
            sg_client_is_local(c)    ? " if this server costs something"
            : g->allow_unknown_price ? ": no budget can hold without them"
                                     : ": a run needs them");
    struct sg_buf price = sg_buf_make(2000), old = sg_buf_make(2000);
    sg_price_describe(g, &price);
    int free_of_charge = g->usd_per_1m_input == 0 && g->usd_per_1m_output == 0;
    sg_status status = !free_of_charge && s->budget_usd < 0
                           ? sg_doctor_note(f, "price", SG_HEALTH_PROBLEM, err,
                                            "%s, but no limit; hint: set budget.usd, or run with --max-usd",
                                            sg_buf_text(&price))
                           : sg_doctor_note(f, "price", SG_HEALTH_FINE, err, "%s", sg_buf_text(&price));
    if (status == SG_OK && sg_price_warn(g, (double)time(NULL), &old))
        status = sg_doctor_note(f, "price", SG_HEALTH_NOTE, err, "%s", sg_buf_text(&old));
    sg_buf_free(&price);
    sg_buf_free(&old);
    return status;
}

static sg_status note_limits(const struct sg_server_limits *l, struct sg_findings *f, struct sg_err *err)
{
    char text[200] = "";
    size_t n = 0;
    if (l->limit_requests >= 0)
        n += (size_t)snprintf(text, sizeof text, "%g requests", l->limit_requests);
    if (l->limit_tokens >= 0)
        snprintf(text + n, sizeof text - n, "%s%g tokens", n ? " and " : "", l->limit_tokens);
    return text[0] ? sg_doctor_note(f, "limits", SG_HEALTH_FINE, err, "the server allows %s a minute", text)
                   : sg_doctor_note(
                         f, "limits", SG_HEALTH_NOTE, err,
                         "the server tells none; hint: set generator.requests_per_min and tokens_per_min if "
                         "you know them");
}

static sg_status note_answer(const struct sg_generator *g, const struct sg_probe *p, struct sg_findings *f,
                             struct sg_err *err)
{
    const struct sg_answer *a = &p->answer;
    char refused[80], cost[60] = "", version[8];
    snprintf(version, sizeof version, "%d", p->http_major);
    sg_adapt_text(&p->adapt, refused);
    if (a->cost_usd > 0)
        snprintf(cost, sizeof cost, ", %.6f USD (not counted in the study)", a->cost_usd);
    struct sg_buf said = sg_buf_make(1000);
    sg_buf_safe(&said, a->text ? a->text : "", 60);
    sg_status status = sg_doctor_note(
        f, "answer", SG_HEALTH_FINE, err,
        "\"%s\" by model \"%s\" after %.2f s %s%s; %lld %s in, %lld out%s%s", sg_buf_text(&said),
        a->model ? a->model : "?", a->latency_s, p->http_major ? "over HTTP/" : "in this process",
        p->http_major ? version : "", (long long)a->tokens_in, sg_plural(a->tokens_in, "token", "tokens"),
        (long long)a->tokens_out, a->tokens_estimated ? " (estimated: the server does not tell)" : "", cost);
    sg_buf_free(&said);
    if (status == SG_OK && a->model && strcmp(a->model, g->model) != 0)
        status = sg_doctor_note(
            f, "model", SG_HEALTH_NOTE, err,
            "asked for \"%s\", and \"%s\" answered: right for an alias or a server of one model", g->model,
            a->model);
    if (status == SG_OK && a->text && sg_said_find(NULL, a->text).reasons)
        status = sg_doctor_note(
            f, "reasoning", SG_HEALTH_NOTE, err,
            "the model thinks aloud in its answers: what stands behind its last closing mark counts, and "
            "answers without that are rejected as `reasoning`; hint: let the server take it out, switch "
            "thinking off, or raise generator.max_tokens");
    if (status == SG_OK && refused[0])
        status = sg_doctor_note(
            f, "parameters", SG_HEALTH_NOTE, err,
            "the endpoint refuses %s: a run leaves that out or renames it, and says so in results.h5",
            refused);
    return status == SG_OK ? note_limits(&p->attempt.limits, f, err) : status;
}

/* What is wrong with the endpoint, where that is known; what is wrong with the request, else. */
static const char *words_of(const struct sg_attempt *a)
{
    return a->kind == SG_ATTEMPT_REFUSED && a->endpoint_reason[0] ? a->endpoint_reason : a->reason;
}

static const char *advice(const struct sg_attempt *a)
{
    if (a->kind == SG_ATTEMPT_REFUSED && a->endpoint_reason[0])
        return "";
    switch (a->kind) {
    case SG_ATTEMPT_RATE:
        return "; hint: too many requests for now, a run waits and goes on";
    case SG_ATTEMPT_OVERLOAD:
        return "; hint: the server has no room now, a run waits and goes on";
    case SG_ATTEMPT_REFUSED:
        return "; hint: the server does not take such a request: is it a chat model, and are temperature and "
               "max_tokens in its range?";
    case SG_ATTEMPT_TIMEOUT:
    case SG_ATTEMPT_FAULT:
        return "; hint: a run tries again; if this stays, look at the server, a proxy ($https_proxy), or "
               "generator.timeout_s (of which this test waits 60 s at most)";
    default:
        return "";
    }
}

/* One of the study's requests, and whose it is. */
struct sample {
    struct sg_request q; /* canonical NULL: none */
    struct sg_pool *pool;
    struct sg_evaluation *evaluation;
};

static sg_status find_nothing(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    (void)context, (void)key, (void)err;
    *out = (struct sg_found){0};
    return SG_OK;
}

static void keep_longest(struct sample *s, struct sg_request_list *list, struct sg_pool *pool,
                         struct sg_evaluation *evaluation)
{
    for (int64_t i = 0; i < list->n; i++) {
        if (s->q.canonical && strlen(list->item[i].canonical) <= strlen(s->q.canonical))
            continue;
        sg_free(s->q.canonical);
        *s = (struct sample){list->item[i], pool, evaluation};
        list->item[i].canonical = NULL;
    }
    sg_request_list_free(list);
}

/* The longest of the first requests of each pool and evaluation of a generator: those of rephrasings are not known yet. */
static sg_status pick_sample(const struct sg_prepared *p, int g, struct sample *s, struct sg_err *err)
{
    enum { LOOKED_AT = 4 };
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        struct sg_request_list part = {.max = LOOKED_AT};
        if (p->grid.pool[i].arm.generator != g || p->grid.pool[i].source >= 0)
            continue;
        SG_TRY(sg_pool_advance(p->pool[i], find_nothing, NULL, &part, err));
        keep_longest(s, &part, p->pool[i], NULL);
    }
    for (int64_t i = 0; i < p->n_evaluations; i++) {
        struct sg_request_list part = {.max = LOOKED_AT};
        if (sg_evaluation_generator(p->evaluation[i]) != g)
            continue;
        SG_TRY(sg_evaluation_advance(p->evaluation[i], find_nothing, NULL, &part, err));
        keep_longest(s, &part, NULL, p->evaluation[i]);
    }
    return SG_OK;
}

/* Whether the study could use the answer. */
static sg_status note_use(const struct sample *s, const struct sg_answer *a, const struct sg_generator *g,
                          struct sg_findings *f, struct sg_err *err)
{
    struct sg_found found = {.found = 1, .status = SG_OK, .text = a->text, .finish_reason = a->finish_reason};
    enum sg_reject reason = sg_text_is_blank(a->text) ? SG_REJECT_EMPTY : SG_ACCEPTED;
    if (s->pool)
        SG_TRY(sg_pool_preview(s->pool, &s->q, &found, &reason, err));
    else if (s->evaluation)
        SG_TRY(sg_evaluation_preview(s->evaluation, &found, &reason, err));
    if (reason == SG_ACCEPTED)
        return SG_OK;
    if (reason == SG_REJECT_REASONING)
        return sg_doctor_note(
            f, "answer", SG_HEALTH_NOTE, err,
            "all of it is reasoning, and holds no text: a run would pay for it and reject it; hint: "
            "switch thinking off "
            "with generator.extra ({chat_template_kwargs: {enable_thinking: false}}, or "
            "{reasoning_effort: low}), or "
            "raise generator.max_tokens");
    return sg_doctor_note(
        f, "answer", SG_HEALTH_NOTE, err,
        "%sa run would reject it (%s), and end after %lld of these in a row; hint: is it a chat "
        "model that follows instructions?",
        sg_text_is_blank(a->text) ? "it holds no text: " : "", sg_reject_name(reason),
        (long long)g->max_rejected);
}

/* The same request with another seed: a server that ignores it, and the temperature, has one text to sell. */
static sg_status ask_again(const struct sg_generator *g, struct sg_client *c, const struct sample *s,
                           const struct sg_answer *first, struct sg_findings *f, struct sg_err *err)
{
    struct sg_request q = {0};
    struct sg_probe p;
    if (!s->pool || sg_text_is_blank(first->text) || g->temperature < 0.5)
        return SG_OK;
    SG_TRY(sg_probe_reseed(&s->q, &q, err));
    sg_status status = sg_probe_send(c, g, &q, &p, err);
    sg_free(q.canonical);
    SG_TRY(status);
    if (p.attempt.kind != SG_ATTEMPT_ANSWERED)
        status = sg_doctor_note(f, "seeds", SG_HEALTH_NOTE, err, "asked again with another seed: %s%s",
                                words_of(&p.attempt), advice(&p.attempt));
    else if (p.answer.text && strcmp(p.answer.text, first->text) == 0)
        status = sg_doctor_note(
            f, "seeds", SG_HEALTH_PROBLEM, err,
            "the same text for two seeds at temperature %g: the server ignores both, and a pool would "
            "hold it once; hint: "
            "transformers serve samples only where the model's generation_config.json has do_sample",
            g->temperature);
    else
        status = sg_doctor_note(f, "seeds", SG_HEALTH_FINE, err, "another seed gives another text");
    sg_probe_free(&p);
    return status;
}

static sg_status note_models(const struct sg_generator *g, struct sg_client *c, struct sg_findings *f,
                             struct sg_err *err)
{
    const struct sg_models *m = sg_client_models(c);
    const char *tls = strncmp(sg_client_origin(c), "https:", 6) == 0 ? ", its certificate is trusted" : "";
    if (m->http_status >= 400 && m->http_status != 404 && m->http_status != 405)
        return sg_doctor_note(f, "endpoint", SG_HEALTH_NOTE, err,
                              "%s answers GET /models with HTTP %ld%s%s%s", sg_client_origin(c),
                              m->http_status, m->error[0] ? ": " : "", m->error, tls);
    SG_TRY(sg_doctor_note(f, "endpoint", SG_HEALTH_FINE, err, "%s answers%s", sg_client_origin(c), tls));
    return m->n && !m->has_it && !sg_provider_find(g->provider)->lists_no_deployments
               ? sg_doctor_note(
                     f, "model", SG_HEALTH_NOTE, err,
                     "\"%s\" is not among the server's models (%s): right where it answers to any name",
                     g->model, m->names)
               : SG_OK;
}

static sg_status ask(const struct sg_prepared *all, int i, const struct sg_generator *g, struct sg_client *c,
                     struct sg_findings *f, struct sg_err *err)
{
    struct sample s = {0};
    struct sg_err why = {0};
    if (sg_client_check(c, &why) != SG_OK)
        return sg_doctor_note(f, "endpoint", SG_HEALTH_PROBLEM, err, "%s", why.text);
    SG_TRY(note_models(g, c, f, err));
    struct sg_probe p = {0};
    sg_status status = pick_sample(all, i, &s, err);
    if (status == SG_OK)
        status = sg_probe_send(c, g, s.q.canonical ? &s.q : NULL, &p, err);
    int answered = p.attempt.kind == SG_ATTEMPT_ANSWERED;
    if (status == SG_OK)
        status = answered ? note_answer(g, &p, f, err)
                          : sg_doctor_note(f, "answer", SG_HEALTH_PROBLEM, err, "%s%s", words_of(&p.attempt),
                                           advice(&p.attempt));
    if (status == SG_OK && answered)
        status = note_use(&s, &p.answer, g, f, err);
    if (status == SG_OK && answered)
        status = ask_again(g, c, &s, &p.answer, f, err);
    sg_probe_free(&p);
    sg_free(s.q.canonical);
    return status;
}

sg_status sg_doctor_check_endpoint(const struct sg_prepared *all, int i, struct sg_findings *f,
                                   struct sg_err *err)
{
    const struct sg_study *s = all->study;
    const struct sg_generator *g = &s->generator[i];
    const char *key, *address = sg_provider_address(g);
    struct sg_client *c = NULL;
    struct sg_generator probed = *g;
    if (probed.timeout_s > PROBE_S)
        probed.timeout_s = PROBE_S;
    struct sg_err why = {0};
    char file[160]; /* a variable's name has 128 characters at most */
    snprintf(file, sizeof file, "%s_FILE", g->api_key_env);
    int is_set = getenv(g->api_key_env) != NULL;
    if (sg_secret_take(g->api_key_env, &key, &why) != SG_OK)
        return sg_doctor_note(f, "key", SG_HEALTH_PROBLEM, err, "%s", why.text);
    if (!key && !address && g->recording)
        return sg_doctor_note(
            f, "endpoint", SG_HEALTH_NOTE, err,
            "no server is named: completions come from %s; hint: generator.base_url=... names one",
            g->recording);
    if (!key && !address)
        return sg_doctor_note(f, "endpoint", SG_HEALTH_PROBLEM, err,
                              "neither a key nor a server; hint: export %s, or set generator.base_url",
                              g->api_key_env);
    struct sg_buf gone = sg_buf_make(1000);
    enum sg_model_end end = sg_price_retired(g, (double)time(NULL), &gone);
    sg_status told =
        end == SG_MODEL_STAYS
            ? SG_OK
            : sg_doctor_note(f, "model", end == SG_MODEL_GONE ? SG_HEALTH_PROBLEM : SG_HEALTH_NOTE, err, "%s",
                             sg_buf_text(&gone));
    sg_buf_free(&gone);
    SG_TRY(told);
    SG_TRY(note_key(g, key, f, is_set ? NULL : getenv(file), err));
    if (sg_client_create(&probed, key, 1, &c, &why) != SG_OK)
        return sg_doctor_note(f, "endpoint", SG_HEALTH_PROBLEM, err, "%s", why.text);
    sg_status status = ask(all, i, g, c, f, err);
    if (status == SG_OK)
        status = note_price(s, g, c, f, err);
    sg_client_destroy(c);
    return status;
}
