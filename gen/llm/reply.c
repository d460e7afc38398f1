#include "gen/llm/reply.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/refusal.h"

#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

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

/* No answer has so many tokens; sums of what is below cannot overflow. */
static const json_int_t max_count = (json_int_t)1 << 40;

static int64_t count(const json_t *usage, const char *name, int64_t estimate, int *estimated)
{
    int64_t n = sg_json_int_or(usage, name, -1);
    if (n >= 0 && n <= max_count)
        return n;
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

/* What both APIs say, in OpenAI's words. Borrowed, but for text (sg_free). */
struct said {
    char *text;
    const char *finish;
    json_int_t apart;  /* input tokens that the usage counts apart */
    json_int_t cached; /* input tokens, of either kind, that were read from a cache */
    const char *in, *out;
};

/* The texts of a list of parts [{"type": "text", "text": ..}, ..], together; NULL: there are none. */
static char *text_of_parts(const json_t *parts)
{
    struct sg_buf b = sg_buf_make((size_t)16 << 20);
    const json_t *part;
    size_t i;
    json_array_foreach (parts, i, part) {
        const char *type = sg_json_text_or(part, "type", NULL);
        char *text =
            type && strcmp(type, "text") == 0 ? text_without_nul(json_object_get(part, "text")) : NULL;
        if (text)
            sg_buf_puts(&b, text);
        sg_free(text);
    }
    char *whole = b.len && !b.failed ? sg_strdup(sg_buf_text(&b)) : NULL;
    sg_buf_free(&b);
    return whole;
}

/* Whether there is a text that is not blank, or a list that is not empty. */
static int has_content(const json_t *v)
{
    return json_is_string(v) ? !sg_text_is_blank(json_string_value(v)) : json_array_size(v) > 0;
}

static int read_openai(const json_t *o, struct said *s)
{
    const json_t *choice = json_array_get(json_object_get(o, "choices"), 0),
                 *message = json_object_get(choice, "message");
    int none = 0; /* it may be missing */
    s->cached = count(json_object_get(json_object_get(o, "usage"), "prompt_tokens_details"), "cached_tokens",
                      0, &none);
    s->in = "prompt_tokens";
    s->out = "completion_tokens";
    if (!json_is_object(message))
        return 0;
    static const char *const thoughts[] = {"reasoning_content", "reasoning", "reasoning_details", "thinking",
                                           NULL};
    const json_t *content = json_object_get(message, "content");
    int has_thought = 0;
    for (const char *const *name = thoughts; *name; name++)
        has_thought |= has_content(json_object_get(message, *name));
    s->text = json_is_array(content) ? text_of_parts(content) : text_without_nul(content);
    s->finish = json_is_string(json_object_get(message, "refusal")) && !s->text ? "refusal"
                : has_thought && sg_text_is_blank(s->text)                      ? SG_FINISH_REASONING
                                                           : sg_json_text_or(choice, "finish_reason", NULL);
    return 1;
}

static int has_part(const json_t *parts, const char *wanted)
{
    const json_t *part;
    size_t i;
    json_array_foreach (parts, i, part) {
        const char *type = sg_json_text_or(part, "type", NULL);
        if (type && strcmp(type, wanted) == 0)
            return 1;
    }
    return 0;
}

static int read_anthropic(const json_t *o, struct said *s)
{
    static const char *const words[][2] = {
        {"end_turn", "stop"}, {"stop_sequence", "stop"}, {"max_tokens", "length"}};
    const json_t *blocks = json_object_get(o, "content"), *usage = json_object_get(o, "usage");
    int none = 0; /* these may be missing */
    s->cached = count(usage, "cache_read_input_tokens", 0, &none);
    s->apart = s->cached + count(usage, "cache_creation_input_tokens", 0, &none);
    s->in = "input_tokens";
    s->out = "output_tokens";
    if (!json_is_array(blocks))
        return 0;
    s->text = text_of_parts(blocks);
    s->finish = sg_text_is_blank(s->text) && has_part(blocks, "thinking")
                    ? SG_FINISH_REASONING
                    : sg_json_text_or(o, "stop_reason", NULL);
    for (size_t i = 0; s->finish && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(s->finish, words[i][0]) == 0) {
            s->finish = words[i][1];
            break;
        }
    return 1;
}

static void count_tokens(const struct sg_generator *g, const struct sg_request *q, const json_t *usage,
                         const struct said *s, struct sg_answer *a)
{
    a->tokens_estimated = 0;
    a->tokens_in = s->apart + count(usage, s->in, (int64_t)strlen(q->canonical) / 4, &a->tokens_estimated);
    a->tokens_out =
        count(usage, s->out, s->text ? (int64_t)strlen(s->text) / 4 + 1 : 0, &a->tokens_estimated);
    a->cost_usd =
        a->tokens_estimated && sg_generator_has_prices(g)
            ? sg_request_worst_usd(g, q)
            : sg_generator_usd_cached(g, (double)a->tokens_in, (double)s->cached, (double)a->tokens_out);
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
static int is_cut(const struct sg_request *q, const struct said *s, const struct sg_answer *a)
{
    static const char *const other[] = {"length",     "content_filter",    "refusal",
                                        "tool_calls", SG_FINISH_REASONING, NULL};
    json_t *o = json_loads(q->canonical, 0, NULL);
    json_int_t most = sg_json_int_or(o, "max_tokens", 0);
    json_decref(o);
    return !a->tokens_estimated && most > 0 && a->tokens_out >= most &&
           !(s->finish && is_one_of(s->finish, other));
}

static void read_answer(const struct sg_generator *g, const struct sg_request *q, const struct sg_reply *r,
                        struct sg_adapt *adapt, struct sg_answer *a, struct sg_attempt *t)
{
    /* A paid answer is not thrown away for a NUL in its text, or a byte order mark before it. */
    size_t bom = r->n_body >= 3 && memcmp(r->body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *o = sg_reply_json(r->body + bom, r->n_body - bom, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL);
    const json_t *usage = json_object_get(o, "usage");
    struct said s = {0};
    if (!(strcmp(g->provider, "anthropic") == 0 ? read_anthropic : read_openai)(o, &s)) {
        classify_no_chat(g, q, r, o, adapt, t);
        count_tokens(g, q, usage, &s, a); /* its usage tells what it is charged with, if there is one */
        if (a->tokens_estimated || a->cost_usd < 0)
            t->maybe_paid = 1;
        else
            t->cost_usd = a->cost_usd;
        json_decref(o);
        return;
    }
    const char *id = r->headers.request_id[0] ? r->headers.request_id : sg_json_text_or(o, "id", NULL);
    t->kind = SG_ATTEMPT_ANSWERED;
    a->status = SG_OK;
    a->text = s.text;
    count_tokens(g, q, usage, &s, a);
    a->finish_reason = sg_strdup(is_cut(q, &s, a) ? "length" : s.finish);
    a->model = sg_strdup(sg_json_text_or(o, "model", NULL));
    a->request_id = sg_strdup(id);
    char *const server_text[] = {a->text, a->finish_reason, a->model, a->request_id};
    for (size_t i = 0; i < sizeof server_text / sizeof server_text[0]; i++)
        if (server_text[i])
            sg_redact(server_text[i]);
    t->cost_usd = a->cost_usd;
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

/* ---- headers ---- */

struct sg_headers sg_headers_make(void)
{
    return (struct sg_headers){
        .limits = sg_server_limits_make(), .should_retry = -1, .date_s = -1, .moment = {-1, -1, -1}};
}

/* The value of header `name` in one line, or NULL. */
static const char *header_value(const char *line, size_t n, const char *name, char out[200])
{
    size_t k = strlen(name);
    if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0)
        return NULL;
    snprintf(out, 200, "%.*s", (int)(n - k - 1 < 199 ? n - k - 1 : 199), line + k + 1);
    return sg_text_trim(out);
}

static double number_of(const char *v)
{
    double x;
    return sg_parse_double(v, &x) && x >= 0 ? x : -1;
}

/* A moment as in RFC 3339, in seconds since 1970; -1: none. */
static double moment_of(const char *v)
{
    struct tm t = {0};
    if (sscanf(v, "%4d-%2d-%2dT%2d:%2d:%2d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &t.tm_sec) != 6)
        return -1;
    t.tm_year -= 1900;
    t.tm_mon--;
    return (double)timegm(&t);
}

/* "12ms", "1s", "6m0s", "1h2m3s" as Go writes them, or seconds as a bare number; -1: none. */
static double duration_of(const char *v)
{
    if (number_of(v) >= 0)
        return number_of(v);
    static const struct {
        const char *name;
        double s;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"h", 3600}, {"m", 60}, {"s", 1}};
    double sum = 0;
    while (*v) {
        size_t n = strspn(v, "0123456789."), u = 0;
        char digits[32];
        if (!n || n >= sizeof digits)
            return -1;
        snprintf(digits, sizeof digits, "%.*s", (int)n, v);
        v += n;
        while (u < 5 && strncmp(v, units[u].name, strlen(units[u].name)) != 0)
            u++;
        if (u == 5 || number_of(digits) < 0)
            return -1;
        sum += number_of(digits) * units[u].s;
        v += strlen(units[u].name);
    }
    return sum > 0 ? sum : -1;
}

/* An HTTP date in seconds since 1970; -1: none. */
static double date_of(const char *v)
{
    return (double)curl_getdate(v, NULL);
}

/* Moments as delays: by the server's clock where it tells it (RFC 9110, section 10.2.3), as ours may be wrong by hours. */
static void count_from(struct sg_headers *h, double unix_s)
{
    double *const delay[] = {&h->limits.retry_after_s, &h->limits.reset_requests_s,
                             &h->limits.reset_tokens_s};
    for (size_t i = 0; i < sizeof delay / sizeof *delay; i++)
        if (h->moment[i] >= 0)
            *delay[i] = fmax(h->moment[i] - (h->date_s >= 0 ? h->date_s : unix_s), 0);
}

/* retry-after in seconds, or as a date. */
static void take_retry_after(struct sg_headers *h, const char *v)
{
    double x;
    int is_number = sg_parse_double(v, &x);
    h->moment[0] = is_number ? -1 : date_of(v);
    h->limits.retry_after_s = is_number && x >= 0 ? x : -1;
}

void sg_headers_add(struct sg_headers *h, const char *line, size_t n, double unix_s)
{
    struct {
        const char *name, *other; /* OpenAI's and Anthropic's */
        double *out;
        int moment; /* where it may be one: its place in h->moment */
    } const limits[] = {
        {"x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit", &h->limits.limit_requests, 0},
        {"x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit", &h->limits.limit_tokens, 0},
        {"x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining", &h->limits.left_requests,
         0},
        {"x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining", &h->limits.left_tokens, 0},
        {"x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset", &h->limits.reset_requests_s, 1},
        {"x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset", &h->limits.reset_tokens_s, 2},
    };
    char buffer[200];
    const char *v;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if ((v = header_value(line, n, limits[i].name, buffer)) ||
            (v = header_value(line, n, limits[i].other, buffer))) {
            *limits[i].out = limits[i].moment ? duration_of(v) : number_of(v);
            if (limits[i].moment)
                h->moment[limits[i].moment] = moment_of(v);
            count_from(h, unix_s);
            return;
        }
    if ((v = header_value(line, n, "retry-after-ms", buffer)) && number_of(v) >= 0) {
        h->limits.retry_after_s = number_of(v) / 1000;
        h->is_exact = 1;
        h->moment[0] = -1;
    } else if ((v = header_value(line, n, "retry-after", buffer)) && !h->is_exact)
        take_retry_after(h, v);
    else if ((v = header_value(line, n, "date", buffer)))
        h->date_s = date_of(v);
    else if ((v = header_value(line, n, "x-should-retry", buffer)))
        h->should_retry = strcmp(v, "true") == 0 ? 1 : strcmp(v, "false") == 0 ? 0 : -1;
    else if (((v = header_value(line, n, "x-request-id", buffer)) ||
              (v = header_value(line, n, "request-id", buffer))) &&
             !h->request_id[0] && sg_utf8_valid(v, strlen(v)))
        snprintf(h->request_id, sizeof h->request_id, "%s", v);
    count_from(h, unix_s);
}
