#define _GNU_SOURCE /* strcasestr */
#include "gen/llm/refusal.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- words ---- */

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(word, *list) == 0)
            return 1;
    return 0;
}

static int mentions(const char *message, const char *const *phrases)
{
    for (; *phrases; phrases++)
        if (strcasestr(message, *phrases))
            return 1;
    return 0;
}

/* OpenAI's error codes page, Anthropic's error types, and what Azure, Gemini, OpenRouter and LiteLLM have been seen to say. */
static const char *const billing[] = {"insufficient_quota",
                                      "credit_balance_exhausted",
                                      "organization_spend_limit_exceeded",
                                      "project_spend_limit_exceeded",
                                      "organization_usage_limit_exceeded",
                                      "billing_error",
                                      "billing_not_active",
                                      "budget_exceeded",
                                      NULL};
static const char *const billing_words[] = {"insufficient credit", "insufficient balance",
                                            "insufficient fund", "credit balance is too low", NULL};
static const char *const no_model[] = {"model_not_found", "invalid_model", "DeploymentNotFound", NULL};
/* Of a 400 or 422 that names generator.model: transformers serve ("Server is pinned to 'a'; requested 'b'"), LiteLLM ("Invalid model name
 * passed in model=b"), Gemini, Together, Mistral ("Invalid model: b"). */
static const char *const model_words[] = {"pinned to",
                                          "invalid model",
                                          "unknown model",
                                          "no such model",
                                          "not found",
                                          "not exist",
                                          "unrecognized model",
                                          "not a valid model",
                                          "not available",
                                          "model is not served",
                                          "not loaded",
                                          "model not supported",
                                          NULL};
static const char *const key_codes[] = {"invalid_api_key", "invalid_authentication", "authentication_error",
                                        "permission_error", "token_expired", "expired_key",
                                        "account_deactivated", "organization_deactivated",
                                        "unsupported_country_region_territory", "API_KEY_INVALID",
                                        /* LiteLLM without a database, of any key but its master key */
                                        "no_db_connection", NULL};
static const char *const key_words[] = {
    "api key",        "api-key",    "api_key",      "apikey",          "authentication",    "unauthorized",
    "not authorized", "credential", "access token", "not have access", "permission denied", NULL};

/* What filters say of a prompt: OpenAI, Azure ("content management policy"), OpenRouter, Anthropic, Bedrock's guardrails, Gemini,
 * DashScope (DataInspectionFailed), Zhipu (1301). */
static const char *const content_codes[] = {"content_filter",
                                            "content_policy_violation",
                                            "content_blocked",
                                            "moderation_blocked",
                                            "ResponsibleAIPolicyViolation",
                                            "invalid_prompt",
                                            "data_inspection_failed",
                                            "DataInspectionFailed",
                                            "prohibited_content",
                                            "guardrail_intervened",
                                            "prompt_blocked",
                                            "1301",
                                            NULL};
static const char *const content_words[] = {"flagged",
                                            "moderation",
                                            "content management policy",
                                            "content filter",
                                            "content_filter",
                                            "content policy",
                                            "content_policy",
                                            "usage polic",
                                            "safety system",
                                            "safety polic",
                                            "safety filter",
                                            "safety reason",
                                            "guardrail",
                                            "inappropriate",
                                            "sensitive content",
                                            "harmful content",
                                            "unsafe content",
                                            "blocked for safety",
                                            "prohibited content",
                                            "prohibited_content",
                                            "responsible ai polic",
                                            NULL};
/* Where these are meant, all requests are. */
static const char *const account_words[] = {"account", "organization", "api key", "project", NULL};

static const char *const length_codes[] = {"context_length_exceeded",    "exceed_context_size_error",
                                           "string_above_max_length",    "request_too_large",
                                           "ContextWindowExceededError", NULL};
static const char *const length_words[] = {"context length",           "context size",
                                           "context window",           "context_length",
                                           "prompt is too long",       "prompt too long",
                                           "input is too long",        "input too long",
                                           "too many input tokens",    "maximum prompt",
                                           "request too large",        "reduce the length",
                                           "reduce your message size", NULL};

/* "Limit 30000, Requested 41234" (OpenAI, Groq): a request that is larger than what may pass in a minute never will. */
static int is_over_limit(const char *message)
{
    const char *limit = strcasestr(message, "limit "), *asked = strcasestr(message, "requested ");
    while (limit && !strchr("0123456789", limit[6]))
        limit = strcasestr(limit + 6, "limit ");
    return limit && asked && atof(asked + 10) > atof(limit + 6);
}

static enum sg_error_cause cause_of(const struct sg_refusal *r)
{
    long s = r->http_status;
    if (s == 429)
        return mentions(r->text, (const char *const[]){"request too large", NULL}) || is_over_limit(r->text)
                   ? SG_CAUSE_LENGTH
                   : SG_CAUSE_OPEN;
    if (s < 400 || s >= 500 || s == 401 || s == 402)
        return SG_CAUSE_OPEN;
    if (is_one_of(r->code, content_codes) || is_one_of(r->type, content_codes) ||
        (r->is_json && mentions(r->text, content_words) && !mentions(r->text, account_words)))
        return SG_CAUSE_CONTENT;
    if (s == 413 || is_one_of(r->code, length_codes) || is_one_of(r->type, length_codes) ||
        (r->is_json && mentions(r->text, length_words)))
        return SG_CAUSE_LENGTH;
    return SG_CAUSE_OPEN;
}

/* ---- sentences ---- */

SG_PRINTF(4, 5)
static int set_text(char *out, struct sg_attempt *t, sg_status dead, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out, sizeof t->reason, format, args);
    va_end(args);
    sg_text_whole(out);
    t->dead = dead;
    return 1;
}

static void set_reason(const struct sg_refusal *r, struct sg_attempt *t)
{
    snprintf(t->reason, sizeof t->reason, "HTTP %ld%s%s", r->http_status, r->message[0] ? ": " : "",
             r->message);
    t->kind = SG_ATTEMPT_REFUSED;
}

/* names: it is said whose fault it is, so that it ends the endpoint at once; else it is how the run ends when no other request
 * is answered. */
#define END(names, dead, ...)                                                                                \
    ((names) ? (t->kind = SG_ATTEMPT_ENDPOINT, set_text(t->reason, t, dead, __VA_ARGS__))                    \
             : (set_reason(r, t), set_text(t->endpoint_reason, t, dead, __VA_ARGS__)))

#define NO_SUCH_MODEL                                                                                        \
    "the server knows no such model or address (HTTP %ld%s%s); hint: check generator.model (%s) and "        \
    "generator.base_url"

/* In words alone; what else they may mean comes first, as the names of models stand in other errors, too. */
static int mentions_model(const struct sg_generator *g, const struct sg_refusal *r)
{
    return (r->http_status == 400 || r->http_status == 422) && r->is_json && g->model && g->model[0] &&
           strstr(r->text, g->model) && mentions(r->text, model_words);
}

int sg_refusal_classify(const struct sg_generator *g, const struct sg_refusal *r, struct sg_attempt *t)
{
    long s = r->http_status;
    const char *m = r->message, *colon = m[0] ? ": " : "";
    int names_bill = is_one_of(r->code, billing) || (s == 429 && is_one_of(r->type, billing)) ||
                     ((s == 400 || s == 402) && mentions(r->text, billing_words)),
        names_key = is_one_of(r->code, key_codes) || is_one_of(r->type, key_codes) ||
                    (r->is_json && (s == 401 || s == 403) && mentions(r->text, key_words)) ||
                    (s == 400 && strcasestr(r->text, "api key not valid")),
        names_model = is_one_of(r->code, no_model) || strcmp(r->param, "model") == 0;
    if (names_bill || s == 402)
        return END(names_bill, SG_STOPPED,
                   "the account has no money or quota left (HTTP %ld%s%s); hint: run again when it has", s,
                   colon, m);
    t->cause = names_key ? SG_CAUSE_OPEN : cause_of(r);
    if (t->cause == SG_CAUSE_CONTENT || (t->cause == SG_CAUSE_LENGTH && s == 429)) {
        set_reason(r, t);
        return 1;
    }
    if (s == 401 || s == 403 || (s == 400 && names_key))
        return END(names_key, SG_INPUT,
                   "the server refuses the key (HTTP %ld%s%s); hint: check the variable %s", s, colon, m,
                   g->api_key_env);
    if (s == 404 || (s == 400 && names_model))
        return END(names_model, SG_INPUT, NO_SUCH_MODEL, s, colon, m, g->model);
    if (s >= 300 && s < 400) {
        t->cause = SG_CAUSE_ADDRESS;
        return END(
            0, SG_INPUT,
            "the server redirects (HTTP %ld), which would carry the key elsewhere; hint: put the final "
            "address into generator.base_url",
            s);
    }
    if (t->cause == SG_CAUSE_LENGTH)
        set_text(
            t->endpoint_reason, t, SG_STOPPED,
            "the server does not take requests as long as the study's (HTTP %ld%s%.300s); hint: start it "
            "with a "
            "larger context (llama.cpp: -c, shared by its slots), or ask for less (generator.max_tokens, "
            "few_shot)",
            s, colon, m);
    else if (mentions_model(g, r))
        set_text(t->endpoint_reason, t, SG_INPUT, NO_SUCH_MODEL, s, colon, m, g->model);
    return 0;
}
