#include "gen/reply.h"

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The object that describes an error: {"error": {...}}, [{"error": {...}}] (Gemini), or the body itself.
 * Borrowed. */
static const json_t *error_object(const json_t *body)
{
    if (json_is_array(body))
        body = json_array_get(body, 0);
    const json_t *e = json_object_get(body, "error");
    return json_is_object(e) ? e : body;
}

/* A field as text: servers send codes as strings, as integers, or not at all. */
static void field_text(const json_t *o, const char *name, char out[80])
{
    const json_t *v = json_object_get(o, name);
    out[0] = 0;
    if (json_is_string(v))
        snprintf(out, 80, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(out, 80, "%lld", (long long)json_integer_value(v));
}

void sg_reply_error_text(const char *body, size_t n, char *out, size_t n_out)
{
    json_t *o = json_loadb(body, n, 0, NULL);
    const json_t *whole = json_is_array(o) ? json_array_get(o, 0) : o, *e = error_object(o);
    const char *message = json_string_value(json_object_get(e, "message"));
    if (!message)
        message = json_string_value(json_object_get(whole, "error"));
    struct sg_buf b = sg_buf_make(4096);
    if (message)
        sg_buf_safe(&b, message, 300);
    snprintf(out, n_out, "%s", sg_buf_text(&b));
    sg_redact(out);
    sg_buf_free(&b);
    json_decref(o);
}

char *sg_wire_body(const struct sg_request *q, const struct sg_adapt *adapt)
{
    json_t *o = json_loads(q->canonical, 0, NULL);
    if (!o)
        return NULL;
    json_object_del(o, "provider");
    json_object_del(o, "index");
    if (adapt->completion_tokens) {
        json_object_set(o, "max_completion_tokens", json_object_get(o, "max_tokens"));
        json_object_del(o, "max_tokens");
    }
    if (adapt->no_temperature)
        json_object_del(o, "temperature");
    if (adapt->no_top_p)
        json_object_del(o, "top_p");
    if (adapt->no_seed)
        json_object_del(o, "seed");
    if (adapt->no_format)
        json_object_del(o, "response_format");
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS), *copy = text ? sg_strdup(text) : NULL;
    free(text);
    json_decref(o);
    return copy;
}

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return 1;
    return 0;
}

static const char *const billing[] = {
    "insufficient_quota",           "credit_balance_exhausted",          "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded", "organization_usage_limit_exceeded", NULL};

/* A 400 that names a parameter which can be left out or renamed. Requests that were on their way when it was
 * learned get the same 400: what counts is whether this one was sent in the old form. */
static int learn(const char *param, const char *code, const char *message, const struct sg_adapt *sent,
                 struct sg_adapt *adapt)
{
    /* "temperature must be below 2" is the user's to mend; only what the server does not know at all is left out. */
    if (strncmp(code, "unsupported", 11) != 0 && !strstr(message, "nsupported") &&
        !strstr(message, "not supported"))
        return 0;
    struct {
        const char *name;
        int was_sent, *flag;
    } known[] = {{"max_tokens", !sent->completion_tokens, &adapt->completion_tokens},
                 {"temperature", !sent->no_temperature, &adapt->no_temperature},
                 {"top_p", !sent->no_top_p, &adapt->no_top_p},
                 {"seed", !sent->no_seed, &adapt->no_seed},
                 {"response_format", !sent->no_format, &adapt->no_format}};
    for (int i = 0; i < 5; i++) {
        char quoted[40];
        snprintf(quoted, sizeof quoted, "'%s'", known[i].name);
        if (known[i].was_sent &&
            (strcmp(param, known[i].name) == 0 || (!param[0] && strstr(message, quoted)))) {
            *known[i].flag = 1;
            return 1;
        }
    }
    return 0;
}

static enum sg_verdict judge_error(const struct sg_generator *g, const struct sg_reply *r,
                                   struct sg_adapt *adapt, char reason[600], sg_status *dead)
{
    char message[400], code[80], type[80], param[80];
    sg_reply_error_text(r->body, r->n_body, message, sizeof message);
    json_t *o = json_loadb(r->body, r->n_body, 0, NULL);
    const json_t *e = error_object(o);
    field_text(e, "code", code);
    field_text(e, "type", type);
    field_text(e, "param", param);
    json_decref(o);
    long s = r->http_status;
    snprintf(reason, 600, "HTTP %ld%s%s", s, message[0] ? ": " : "", message);
    if (s == 401 || s == 403) {
        snprintf(reason, 600, "the server refuses the key (HTTP %ld%s%s); hint: check the variable %s", s,
                 message[0] ? ": " : "", message, g->api_key_env);
        *dead = SG_INPUT;
        return SG_REPLY_ENDPOINT;
    }
    if (s == 404) {
        snprintf(
            reason, 600,
            "the server knows no such model or address (HTTP 404%s%s); hint: check generator.model (%s) and "
            "generator.base_url",
            message[0] ? ": " : "", message, g->model);
        *dead = SG_INPUT;
        return SG_REPLY_ENDPOINT;
    }
    if (s >= 300 && s < 400) {
        snprintf(reason, 600,
                 "the server redirects (HTTP %ld), which would carry the key elsewhere; hint: put the final "
                 "address "
                 "into generator.base_url",
                 s);
        *dead = SG_INPUT;
        return SG_REPLY_ENDPOINT;
    }
    if (s == 402 || is_one_of(code, billing) || (s == 429 && is_one_of(type, billing))) {
        snprintf(reason, 600,
                 "the account has no money or quota left (HTTP %ld%s%s); hint: run again when it has", s,
                 message[0] ? ": " : "", message);
        *dead = SG_STOPPED;
        return SG_REPLY_ENDPOINT;
    }
    if (s == 400 && learn(param, code, message, &r->sent, adapt))
        return SG_REPLY_ADAPT;
    if (r->should_retry >= 0)
        return r->should_retry ? SG_REPLY_RETRY : SG_REPLY_FAIL;
    return s == 408 || s == 409 || s == 429 || s >= 500 ? SG_REPLY_RETRY : SG_REPLY_FAIL;
}

static int64_t count(const json_t *usage, const char *name, int64_t estimate, int *estimated)
{
    const json_t *v = json_object_get(usage, name);
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        return json_integer_value(v);
    *estimated = 1;
    return estimate;
}

/* A copy with NUL bytes as blanks; NULL for what is no string. */
static char *text_without_nul(const json_t *v)
{
    size_t n = json_string_length(v);
    char *copy = json_is_string(v) ? sg_alloc(n + 1, 1) : NULL;
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = json_string_value(v)[i] ? json_string_value(v)[i] : ' ';
    return copy;
}

static enum sg_verdict judge_answer(const struct sg_generator *g, const struct sg_request *q,
                                    const struct sg_reply *r, struct sg_answer *a, char reason[600])
{
    json_error_t why;
    /* A paid answer is not thrown away for a NUL in its text. */
    json_t *o = json_loadb(r->body, r->n_body, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    const json_t *choice = json_array_get(json_object_get(o, "choices"), 0),
                 *message = json_object_get(choice, "message");
    if (!json_is_object(message)) {
        snprintf(reason, 600, "the server's answer is %s; not a chat completion",
                 o ? "JSON of another shape" : "cut off or no JSON");
        json_decref(o);
        return SG_REPLY_RETRY;
    }
    const char *text = json_string_value(json_object_get(message, "content"));
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
    const char *refusal = json_string_value(json_object_get(message, "refusal"));
    const char *model = json_string_value(json_object_get(o, "model")),
               *id = json_string_value(json_object_get(o, "id"));
    const json_t *usage = json_object_get(o, "usage");
    a->status = SG_OK;
    a->text = text_without_nul(json_object_get(message, "content"));
    a->finish_reason = sg_strdup(refusal && !text ? "refusal" : finish);
    a->model = sg_strdup(model);
    if (!a->request_id)
        a->request_id = sg_strdup(id);
    char *const server_text[] = {a->text, a->finish_reason, a->model, a->request_id};
    for (size_t i = 0; i < sizeof server_text / sizeof server_text[0]; i++)
        if (server_text[i])
            sg_redact(server_text[i]);
    a->tokens_estimated = 0;
    a->tokens_in = count(usage, "prompt_tokens", (int64_t)strlen(q->canonical) / 4, &a->tokens_estimated);
    a->tokens_out =
        count(usage, "completion_tokens", text ? (int64_t)strlen(text) / 4 + 1 : 0, &a->tokens_estimated);
    a->cost_usd = -1;
    if (g->usd_per_1m_input >= 0 && g->usd_per_1m_output >= 0)
        a->cost_usd =
            ((double)a->tokens_in * g->usd_per_1m_input + (double)a->tokens_out * g->usd_per_1m_output) / 1e6;
    json_decref(o);
    return SG_REPLY_ANSWER;
}

enum sg_verdict sg_reply_judge(const struct sg_generator *g, const struct sg_request *q,
                               const struct sg_reply *r, struct sg_adapt *adapt, struct sg_answer *a,
                               char reason[600], sg_status *dead)
{
    reason[0] = 0;
    if (r->too_large) {
        snprintf(reason, 600, "the server's answer is larger than any completion can be");
        return SG_REPLY_FAIL;
    }
    if (r->curl_code == CURLE_PEER_FAILED_VERIFICATION || r->curl_code == CURLE_SSL_CACERT_BADFILE) {
        snprintf(
            reason, 600,
            "the server's TLS certificate is not trusted (%s); hint: set SSL_CERT_FILE for a CA of your own",
            curl_easy_strerror((CURLcode)r->curl_code));
        *dead = SG_INPUT;
        return SG_REPLY_ENDPOINT;
    }
    if (r->curl_code == CURLE_UNSUPPORTED_PROTOCOL || r->curl_code == CURLE_URL_MALFORMAT) {
        snprintf(reason, 600, "generator.base_url cannot be used: %s",
                 curl_easy_strerror((CURLcode)r->curl_code));
        *dead = SG_INPUT;
        return SG_REPLY_ENDPOINT;
    }
    if (r->curl_code != CURLE_OK) {
        snprintf(reason, 600, "%s", curl_easy_strerror((CURLcode)r->curl_code));
        return SG_REPLY_RETRY;
    }
    if (r->http_status == 200)
        return judge_answer(g, q, r, a, reason);
    return judge_error(g, r, adapt, reason, dead);
}
