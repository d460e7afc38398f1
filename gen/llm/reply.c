#include "gen/llm/reply.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/provider.h"
#include "gen/llm/refusal.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return 1;
    return 0;
}

static const char *const overload[] = {"slow_down", "server_is_overloaded", "overloaded_error", NULL};

/* Ends the endpoint. */
SG_PRINTF(3, 4)
static void end_endpoint(struct sg_attempt *t, sg_status dead, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->reason, sizeof t->reason, format, args);
    va_end(args);
    sg_text_whole(t->reason);
    t->kind = SG_ATTEMPT_ENDPOINT;
    t->dead = dead;
}

/* What an HTTP status says that is no answer and ends nothing. */
static void classify_status(long s, const char *code, const char *type, int should_retry,
                            struct sg_attempt *t)
{
    int has_no_room = s == 503 || s == 529 || is_one_of(code, overload) || is_one_of(type, overload);
    int is_timeout = s == 408 || s == 504 || s == 524; /* the gateway's patience, or Cloudflare's */
    int retry = should_retry >= 0 ? should_retry : s == 408 || s == 409 || s == 429 || s >= 500;
    t->kind = !retry        ? SG_ATTEMPT_REFUSED
              : has_no_room ? SG_ATTEMPT_OVERLOAD
              : s == 429    ? SG_ATTEMPT_RATE
              : is_timeout  ? SG_ATTEMPT_TIMEOUT
                            : SG_ATTEMPT_FAULT;
    /* A server that is not there, or has no room for anybody, says nothing about this request: were it recorded as
     * failed, an outage of minutes would be in the pool for ever. */
    t->outage = has_no_room || s == 429 || s == 502;
    /* A gateway that has waited in vain, or lost the answer: the model behind it may have written one. */
    t->maybe_paid = s == 408 || s == 502 || s == 504 || (s >= 520 && s <= 527);
}

/* What the user can do about a parameter that the server minds and that could be left out. */
static void add_hint(const struct sg_reply *r, const struct sg_request *q, const struct sg_server_error *e,
                     struct sg_attempt *t)
{
    static const char *const can_omit[] = {"temperature", "top_p", "seed", NULL};
    char names[80];
    size_t n = strlen(t->reason);
    sg_adapt_named(&r->sent, q, e, names);
    if (is_one_of(names, can_omit))
        snprintf(t->reason + n, sizeof t->reason - n, " (generator.omit: [%s] leaves it out)", names);
}

/* s: the HTTP status, or what stands for it in an answer. */
static void classify_error(const struct sg_generator *g, const struct sg_request *q, const struct sg_reply *r,
                           long s, const struct sg_server_error *e, struct sg_adapt *adapt,
                           struct sg_attempt *t)
{
    const char *message = e->message, *colon = message[0] ? ": " : "";
    struct sg_refusal refusal = {s, message, e->text, e->code, e->type, e->param, e->is_json};
    if (sg_refusal_classify(g, &refusal, t))
        return;
    snprintf(t->reason, sizeof t->reason, "HTTP %ld%s%s", s, colon, message);
    if (sg_adapt_learn(adapt, &r->sent, q, s, e))
        t->kind = SG_ATTEMPT_ADAPT;
    else
        classify_status(s, e->code, e->type, r->headers.should_retry, t);
    if (t->kind == SG_ATTEMPT_REFUSED)
        add_hint(r, q, e, t);
    else
        t->dead = SG_OK;
}

static int64_t count(int64_t told, int64_t estimate, int *estimated)
{
    *estimated |= told < 0;
    return told < 0 ? estimate : told;
}

static void count_tokens(const struct sg_generator *g, const struct sg_request *q,
                         const struct sg_wire_answer *w, struct sg_answer *a)
{
    a->tokens_estimated = 0;
    a->tokens_in = w->apart + count(w->tokens_in, (int64_t)strlen(q->canonical) / 4, &a->tokens_estimated);
    a->tokens_out =
        count(w->tokens_out, w->text ? (int64_t)strlen(w->text) / 4 + 1 : 0, &a->tokens_estimated);
    a->cost_usd =
        a->tokens_estimated && sg_generator_has_prices(g)
            ? sg_request_worst_usd(g, q)
            : sg_generator_usd_cached(g, (double)a->tokens_in, (double)w->cached, (double)a->tokens_out);
}

/* The HTTP status that an error with status 200 stands for: some gateways send these. */
static long status_of(const struct sg_server_error *e)
{
    int64_t code;
    if (sg_parse_int64(e->code, &code) && code >= 400 && code <= 599)
        return (long)code;
    return strncmp(e->type, "invalid_request", 15) == 0 || strncmp(e->code, "invalid_request", 15) == 0 ? 400
                                                                                                        : 200;
}

/* What has no text: an error, or something else altogether. */
static void classify_no_chat(const struct sg_generator *g, const struct sg_request *q,
                             const struct sg_reply *r, const json_t *o, struct sg_adapt *adapt,
                             struct sg_attempt *t)
{
    struct sg_server_error e = {0};
    const char *page = r->body + strspn(r->body, " \t\r\n");
    if (*page == '<' || json_object_get(o, "error") || json_object_get(o, "errors") ||
        json_object_get(o, "detail"))
        sg_server_error_read(r->body, r->n_body, &e);
    long s = o ? status_of(&e) : 200;
    if (s != 200)
        classify_error(g, q, r, s, &e, adapt, t);
    else if (o && e.message[0]) {
        snprintf(t->reason, sizeof t->reason, "the server's answer is an error: %s", e.message);
        if (sg_adapt_learn(adapt, &r->sent, q, 400, &e))
            t->kind = SG_ATTEMPT_ADAPT;
    } else
        snprintf(t->reason, sizeof t->reason, "the server's answer is %s; not a chat completion%s%.100s%s",
                 o ? "JSON of another shape" : "cut off or no JSON", e.message[0] ? " (" : "", e.message,
                 e.message[0] ? ")" : "");
    sg_text_whole(t->reason);
}

/* Some gateways call an answer whole that the limit has cut: LiteLLM's /v1/messages over llama.cpp says end_turn, llama.cpp's
 * /v1/responses completed. The usage tells, unless it is our own estimate. */
static int is_cut(const struct sg_request *q, const struct sg_wire_answer *w, const struct sg_answer *a)
{
    static const char *const other[] = {"length",     "content_filter",    "refusal",
                                        "tool_calls", SG_FINISH_REASONING, NULL};
    json_t *o = json_loads(q->canonical, 0, NULL);
    json_int_t most = sg_json_int_or(o, "max_tokens", 0);
    json_decref(o);
    return !a->tokens_estimated && most > 0 && a->tokens_out >= most &&
           !(w->finish && is_one_of(w->finish, other));
}

/* What stands in an answer becomes *a. */
static void take_answer(const struct sg_request *q, const struct sg_reply *r, const struct sg_wire_answer *w,
                        struct sg_answer *a)
{
    a->status = SG_OK;
    a->text = w->text;
    a->finish_reason = sg_strdup(is_cut(q, w, a) ? "length" : w->finish);
    a->model = sg_strdup(w->model);
    a->request_id = sg_strdup(r->headers.request_id[0] ? r->headers.request_id : w->id);
    char *const server_text[] = {a->text, a->finish_reason, a->model, a->request_id};
    for (size_t i = 0; i < sizeof server_text / sizeof server_text[0]; i++)
        if (server_text[i])
            sg_redact(server_text[i]);
}

static void read_answer(const struct sg_generator *g, const struct sg_request *q, const struct sg_reply *r,
                        struct sg_adapt *adapt, struct sg_answer *a, struct sg_attempt *t)
{
    /* A paid answer is not thrown away for a NUL in its text, or a byte order mark before it. */
    size_t bom = r->n_body >= 3 && memcmp(r->body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *o = sg_reply_json(r->body + bom, r->n_body - bom, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL);
    struct sg_wire_answer w = {.tokens_in = -1, .tokens_out = -1};
    int is_answer = sg_provider_find(g->provider)->wire->read(o, &w);
    count_tokens(g, q, &w, a); /* also of what is no answer: its usage tells what it is charged with */
    if (is_answer) {
        t->kind = SG_ATTEMPT_ANSWERED;
        take_answer(q, r, &w, a);
        t->cost_usd = a->cost_usd;
    } else {
        classify_no_chat(g, q, r, o, adapt, t);
        if (a->tokens_estimated || a->cost_usd < 0)
            t->maybe_paid = 1;
        else
            t->cost_usd = a->cost_usd;
    }
    json_decref(o);
}

/* No bytes of the request have left. */
static int never_left(int curl_code)
{
    return curl_code == CURLE_COULDNT_CONNECT || curl_code == CURLE_COULDNT_RESOLVE_HOST ||
           curl_code == CURLE_COULDNT_RESOLVE_PROXY || curl_code == CURLE_SSL_CONNECT_ERROR;
}

/* What curl says of a failure: its own words name the cause ("certificate has expired"). They may hold bytes of
 * the server. */
void sg_reply_failure_text(const struct sg_reply *r, char out[300])
{
    struct sg_buf b = sg_buf_make(4096);
    sg_buf_foreign(&b, r->why && r->why[0] ? r->why : curl_easy_strerror((CURLcode)r->curl_code), 250);
    snprintf(out, 300, "%s", sg_buf_text(&b));
    sg_text_whole(out);
    sg_buf_free(&b);
}

int sg_reply_tls_reason(const struct sg_reply *r, char out[600])
{
    char why[300];
    sg_reply_failure_text(r, why);
    if (r->curl_code == CURLE_PEER_FAILED_VERIFICATION)
        snprintf(out, 600,
                 "the server's TLS certificate is not trusted (%s); hint: if that CA is your own, name its "
                 "file with generator.ca_file or SSL_CERT_FILE",
                 why);
    else if (r->curl_code == CURLE_SSL_CACERT_BADFILE)
        snprintf(out, 600,
                 "the file of trusted CAs cannot be read (%s); hint: check generator.ca_file, or else "
                 "CURL_CA_BUNDLE and SSL_CERT_FILE",
                 why);
    else
        return 0;
    return 1;
}

static void classify_failure(const struct sg_reply *r, struct sg_attempt *t)
{
    char why[600];
    if (sg_reply_tls_reason(r, why)) {
        end_endpoint(t, SG_INPUT, "%s", why);
        return;
    }
    sg_reply_failure_text(r, why);
    if (r->curl_code == CURLE_URL_MALFORMAT) {
        end_endpoint(t, SG_INPUT, "generator.base_url cannot be used: %s", why);
    } else if (r->proxy_status == 407) {
        end_endpoint(t, SG_INPUT, "the proxy wants a user and password (HTTP 407); hint: check https_proxy");
    } else {
        int left = !never_left(r->curl_code) && !r->not_sent;
        snprintf(t->reason, sizeof t->reason, "%s", why);
        /* A server that answers with garbage to TLS has at least been there. */
        t->outage = !left && r->curl_code != CURLE_SSL_CONNECT_ERROR;
        t->maybe_paid = left;
        if (left && r->curl_code == CURLE_OPERATION_TIMEDOUT)
            t->kind = SG_ATTEMPT_TIMEOUT;
    }
}

struct sg_attempt sg_reply_classify(const struct sg_generator *g, const struct sg_request *q,
                                    const struct sg_reply *r, struct sg_adapt *adapt, struct sg_answer *a)
{
    struct sg_attempt t = sg_attempt_make();
    t.limits = r->headers.limits;
    if (r->too_large) {
        snprintf(t.reason, sizeof t.reason, "the server's answer is larger than any completion can be");
        t.kind = SG_ATTEMPT_REFUSED;
        t.maybe_paid = 1;
    } else if (r->curl_code != CURLE_OK) {
        classify_failure(r, &t);
    } else if (r->http_status == 200) {
        read_answer(g, q, r, adapt, a, &t);
    } else {
        struct sg_server_error e;
        sg_server_error_read(r->body, r->n_body, &e);
        classify_error(g, q, r, r->http_status, &e, adapt, &t);
    }
    /* Of a failure, it is what the provider's support asks for. */
    if (!a->request_id && r->headers.request_id[0] && (a->request_id = sg_strdup(r->headers.request_id)))
        sg_redact(a->request_id);
    return t;
}
