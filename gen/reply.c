#include "gen/reply.h"

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"

#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* What an endpoint may refuse and be spoken to without: bit i of sg_adapt. */
static const char *const parameters[] = {"max_tokens", "temperature", "top_p", "seed", "response_format"};
enum { N_PARAMETERS = sizeof parameters / sizeof parameters[0] };

static int is_refused(const struct sg_adapt *adapt, int i)
{
    return adapt->refused >> i & 1;
}

/* The longest list of models that is known has some 30,000. */
enum { MAX_VALUES = 200000 };

json_t *sg_reply_json(const char *body, size_t n, size_t flags)
{
    int64_t n_values = 0;
    int quoted = 0;
    for (size_t i = 0; i < n; i++) {
        if (quoted && body[i] == '\\')
            i++;
        else if (body[i] == '"')
            quoted = !quoted;
        else if (!quoted)
            n_values += body[i] == ',' || body[i] == '[' || body[i] == '{';
    }
    return n_values <= MAX_VALUES ? json_loadb(body, n, flags, NULL) : NULL;
}

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
    json_t *o = sg_reply_json(body, n, 0);
    const json_t *whole = json_is_array(o) ? json_array_get(o, 0) : o, *e = error_object(o);
    const char *message = json_string_value(json_object_get(e, "message"));
    if (!message)
        message = json_string_value(json_object_get(whole, "error"));
    struct sg_buf b = sg_buf_make(4096);
    if (message)
        sg_buf_foreign(&b, message, 300);
    snprintf(out, n_out, "%s", sg_buf_text(&b));
    sg_text_whole(out);
    sg_buf_free(&b);
    json_decref(o);
}

/* Parameters that Anthropic's API has never had. */
static const char *const not_anthropics[] = {"seed", "response_format", NULL};

void sg_adapt_meet(struct sg_adapt *adapt, const struct sg_generator *g, const struct sg_request *q)
{
    if (strcmp(g->provider, "anthropic") != 0)
        return;
    json_t *o = json_loads(q->canonical, 0, NULL);
    for (int i = 0; i < N_PARAMETERS; i++)
        for (const char *const *name = not_anthropics; *name; name++)
            if (strcmp(parameters[i], *name) == 0 && json_object_get(o, *name))
                adapt->refused |= 1U << i;
    json_decref(o);
}

/* Anthropic has the system's text beside the messages; a top_p of 1 says nothing, but its newer models refuse it
 * beside a temperature. */
static void say_for_anthropic(json_t *o)
{
    json_t *messages = json_object_get(o, "messages"), *first = json_array_get(messages, 0);
    const char *role = json_string_value(json_object_get(first, "role"));
    if (role && strcmp(role, "system") == 0) {
        json_object_set(o, "system", json_object_get(first, "content"));
        json_array_remove(messages, 0);
    }
    for (const char *const *name = not_anthropics; *name; name++)
        json_object_del(o, *name);
    if (json_number_value(json_object_get(o, "top_p")) == 1)
        json_object_del(o, "top_p");
}

char *sg_wire_body(const struct sg_request *q, const struct sg_adapt *adapt)
{
    json_t *o = json_loads(q->canonical, 0, NULL);
    if (!o)
        return NULL;
    const char *provider = json_string_value(json_object_get(o, "provider"));
    if (provider && strcmp(provider, "anthropic") == 0)
        say_for_anthropic(o);
    json_object_del(o, "provider");
    json_object_del(o, "index");
    for (int i = 0; i < N_PARAMETERS; i++) {
        if (!is_refused(adapt, i))
            continue;
        if (strcmp(parameters[i], "max_tokens") == 0)
            json_object_set(o, "max_completion_tokens", json_object_get(o, parameters[i]));
        json_object_del(o, parameters[i]);
    }
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS), *copy = text ? sg_strdup(text) : NULL;
    free(text);
    json_decref(o);
    return copy;
}

void sg_adapt_refuse(struct sg_adapt *adapt, const char *parameter)
{
    for (int i = 0; i < N_PARAMETERS; i++)
        if (strcmp(parameters[i], parameter) == 0)
            adapt->refused |= 1U << i;
}

void sg_adapt_text(const struct sg_adapt *adapt, char out[80])
{
    out[0] = 0;
    for (int i = 0; i < N_PARAMETERS; i++)
        if (is_refused(adapt, i))
            snprintf(out + strlen(out), 80 - strlen(out), "%s%s", out[0] ? " " : "", parameters[i]);
}

void sg_adapt_read(struct sg_adapt *adapt, const char *names)
{
    adapt->refused = 0;
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        for (int i = 0; i < N_PARAMETERS; i++)
            if (n == strlen(parameters[i]) && strncmp(p, parameters[i], n) == 0)
                adapt->refused |= 1U << i;
        p += n + strspn(p + n, " ");
    }
}

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return 1;
    return 0;
}

static const char *const billing[] = {"insufficient_quota",
                                      "credit_balance_exhausted",
                                      "organization_spend_limit_exceeded",
                                      "project_spend_limit_exceeded",
                                      "organization_usage_limit_exceeded",
                                      "billing_error",
                                      NULL};
static const char *const no_model[] = {"model_not_found", "invalid_model", "DeploymentNotFound", NULL};
static const char *const overload[] = {"slow_down", "server_is_overloaded", "overloaded_error", NULL};

/* Whether the message names the parameter: 'seed', "seed", `seed`, or bare at its end, as older servers do. */
static int is_named(const char *message, const char *parameter)
{
    static const char quotes[] = "'\"`";
    char quoted[40];
    for (size_t i = 0; i < 3; i++) {
        snprintf(quoted, sizeof quoted, "%c%s%c", quotes[i], parameter, quotes[i]);
        if (strstr(message, quoted))
            return 1;
    }
    size_t n = strlen(message), k = snprintf(quoted, sizeof quoted, ": %s", parameter);
    return n >= k && strcmp(message + n - k, quoted) == 0;
}

/* The words in which servers say that they do not know a parameter: OpenAI's, Gemini's, and OpenAI's older ones. */
static const char *const unknown[] = {"nsupported", "not supported", "Unknown name",
                                      "Unrecognized request argument", NULL};

static int is_said(const char *message, const char *const *phrases)
{
    for (; *phrases; phrases++)
        if (strstr(message, *phrases))
            return 1;
    return 0;
}

/* A 400 that names a parameter which can be left out or renamed. Requests that were on their way when it was
 * learned get the same 400: what counts is whether this one was sent in the old form. */
static int learn(const char *param, const char *code, const char *message, const struct sg_adapt *sent,
                 struct sg_adapt *adapt)
{
    /* "temperature must be below 2" is the user's to mend; only what the server does not know at all is left out. */
    if (strncmp(code, "unsupported", 11) != 0 && !is_said(message, unknown))
        return 0;
    for (int i = 0; i < N_PARAMETERS; i++)
        if (!is_refused(sent, i) &&
            (strcmp(param, parameters[i]) == 0 || (!param[0] && is_named(message, parameters[i])))) {
            adapt->refused |= 1U << i;
            return 1;
        }
    return 0;
}

/* Ends the endpoint. */
SG_PRINTF(3, 4)
static void kill_endpoint(struct sg_attempt *t, sg_status dead, const char *format, ...)
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
static void judge_status(long s, const char *code, const char *type, int should_retry, struct sg_attempt *t)
{
    int has_no_room = s == 503 || s == 529 || is_one_of(code, overload) || is_one_of(type, overload);
    int retry = should_retry >= 0 ? should_retry : s == 408 || s == 409 || s == 429 || s >= 500;
    t->kind = !retry        ? SG_ATTEMPT_REFUSED
              : has_no_room ? SG_ATTEMPT_OVERLOAD
              : s == 429    ? SG_ATTEMPT_RATE
                            : SG_ATTEMPT_FAULT;
    /* A server that is not there, or has no room for anybody, says nothing about this request: were it recorded as
     * failed, an outage of minutes would be in the pool for ever. */
    t->outage = has_no_room || s == 429 || s == 502;
    /* A gateway that has waited in vain, or lost the answer: the model behind it may have written one. */
    t->maybe_paid = s == 408 || s == 502 || s == 504 || (s >= 520 && s <= 527);
}

static void judge_error(const struct sg_generator *g, const struct sg_reply *r, struct sg_adapt *adapt,
                        struct sg_attempt *t)
{
    char message[400], code[80], type[80], param[80];
    sg_reply_error_text(r->body, r->n_body, message, sizeof message);
    json_t *o = sg_reply_json(r->body, r->n_body, 0);
    const json_t *e = error_object(o);
    field_text(e, "code", code);
    field_text(e, "type", type);
    field_text(e, "param", param);
    json_decref(o);
    long s = r->http_status;
    const char *colon = message[0] ? ": " : "";
    if (s == 402 || is_one_of(code, billing) || (s == 429 && is_one_of(type, billing)) ||
        (s == 400 && strstr(message, "credit balance is too low")))
        kill_endpoint(t, SG_STOPPED,
                      "the account has no money or quota left (HTTP %ld%s%s); hint: run again when it has", s,
                      colon, message);
    else if (s == 401 || s == 403)
        kill_endpoint(t, SG_INPUT, "the server refuses the key (HTTP %ld%s%s); hint: check the variable %s",
                      s, colon, message, g->api_key_env);
    else if (s == 404 || (s == 400 && (strcmp(param, "model") == 0 || is_one_of(code, no_model))))
        kill_endpoint(t, SG_INPUT,
                      "the server knows no such model or address (HTTP %ld%s%s); hint: check generator.model "
                      "(%s) and generator.base_url",
                      s, colon, message, g->model);
    else if (s >= 300 && s < 400)
        kill_endpoint(
            t, SG_INPUT,
            "the server redirects (HTTP %ld), which would carry the key elsewhere; hint: put the final "
            "address into generator.base_url",
            s);
    else {
        snprintf(t->reason, sizeof t->reason, "HTTP %ld%s%s", s, colon, message);
        if (s == 400 && learn(param, code, message, &r->sent, adapt))
            t->kind = SG_ATTEMPT_ADAPT;
        else
            judge_status(s, code, type, r->headers.should_retry, t);
    }
}

/* No answer has so many tokens; sums of what is below cannot overflow. */
static const json_int_t max_count = (json_int_t)1 << 40;

static int64_t count(const json_t *usage, const char *name, int64_t estimate, int *estimated)
{
    const json_t *v = json_object_get(usage, name);
    if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= max_count)
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
        const char *type = json_string_value(json_object_get(part, "type"));
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
    const json_t *content = json_object_get(message, "content");
    s->text = json_is_array(content) ? text_of_parts(content) : text_without_nul(content);
    s->finish = json_is_string(json_object_get(message, "refusal")) && !s->text
                    ? "refusal"
                    : json_string_value(json_object_get(choice, "finish_reason"));
    return 1;
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
    s->finish = json_string_value(json_object_get(o, "stop_reason"));
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

static void judge_answer(const struct sg_generator *g, const struct sg_request *q, const struct sg_reply *r,
                         struct sg_answer *a, struct sg_attempt *t)
{
    /* A paid answer is not thrown away for a NUL in its text, or a byte order mark before it. */
    size_t bom = r->n_body >= 3 && memcmp(r->body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *o = sg_reply_json(r->body + bom, r->n_body - bom, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL);
    const json_t *usage = json_object_get(o, "usage");
    struct said s = {0};
    if (!(strcmp(g->provider, "anthropic") == 0 ? read_anthropic : read_openai)(o, &s)) {
        snprintf(t->reason, sizeof t->reason, "the server's answer is %s; not a chat completion",
                 o ? "JSON of another shape" : "cut off or no JSON");
        count_tokens(g, q, usage, &s, a); /* its usage tells what it is charged with, if there is one */
        if (a->tokens_estimated || a->cost_usd < 0)
            t->maybe_paid = 1;
        else
            t->cost_usd = a->cost_usd;
        json_decref(o);
        return;
    }
    const char *id =
        r->headers.request_id[0] ? r->headers.request_id : json_string_value(json_object_get(o, "id"));
    t->kind = SG_ATTEMPT_ANSWERED;
    a->status = SG_OK;
    a->text = s.text;
    a->finish_reason = sg_strdup(s.finish);
    a->model = sg_strdup(json_string_value(json_object_get(o, "model")));
    a->request_id = sg_strdup(id);
    char *const server_text[] = {a->text, a->finish_reason, a->model, a->request_id};
    for (size_t i = 0; i < sizeof server_text / sizeof server_text[0]; i++)
        if (server_text[i])
            sg_redact(server_text[i]);
    count_tokens(g, q, usage, &s, a);
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

static void judge_failure(const struct sg_reply *r, struct sg_attempt *t)
{
    char why[600];
    if (sg_reply_tls_reason(r, why)) {
        kill_endpoint(t, SG_INPUT, "%s", why);
        return;
    }
    sg_reply_failure_text(r, why);
    if (r->curl_code == CURLE_URL_MALFORMAT) {
        kill_endpoint(t, SG_INPUT, "generator.base_url cannot be used: %s", why);
    } else if (r->proxy_status == 407) {
        kill_endpoint(t, SG_INPUT, "the proxy wants a user and password (HTTP 407); hint: check https_proxy");
    } else {
        int left = !never_left(r->curl_code) && !r->not_sent;
        snprintf(t->reason, sizeof t->reason, "%s", why);
        /* A server that answers with garbage to TLS has at least been there. */
        t->outage = !left && r->curl_code != CURLE_SSL_CONNECT_ERROR;
        t->maybe_paid = left;
    }
}

struct sg_attempt sg_reply_judge(const struct sg_generator *g, const struct sg_request *q,
                                 const struct sg_reply *r, struct sg_adapt *adapt, struct sg_answer *a)
{
    struct sg_attempt t = sg_attempt_make();
    t.said = r->headers.said;
    if (r->too_large) {
        snprintf(t.reason, sizeof t.reason, "the server's answer is larger than any completion can be");
        t.kind = SG_ATTEMPT_REFUSED;
        t.maybe_paid = 1;
    } else if (r->curl_code != CURLE_OK) {
        judge_failure(r, &t);
    } else if (r->http_status == 200) {
        judge_answer(g, q, r, a, &t);
    } else {
        judge_error(g, r, adapt, &t);
    }
    /* Of a failure, it is what the provider's support asks for. */
    if (!a->request_id && r->headers.request_id[0] && (a->request_id = sg_strdup(r->headers.request_id)))
        sg_redact(a->request_id);
    return t;
}

/* ---- headers ---- */

struct sg_headers sg_headers_make(void)
{
    return (struct sg_headers){.said = sg_server_limits_make(), .should_retry = -1};
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

/* "12ms", "1s", "6m0s", "1h2m3s" as Go writes them, seconds as a bare number, or a moment (RFC 3339); -1: none. */
static double duration_of(const char *v, double unix_s)
{
    struct tm t = {0};
    if (sscanf(v, "%4d-%2d-%2dT%2d:%2d:%2d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &t.tm_sec) == 6) {
        t.tm_year -= 1900;
        t.tm_mon--;
        return fmax((double)timegm(&t) - unix_s, 0);
    }
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

/* Seconds, or an HTTP date; -1: neither. */
static double retry_after_of(const char *v, double unix_s)
{
    double x;
    if (sg_parse_double(v, &x))
        return x >= 0 ? x : -1;
    time_t date = curl_getdate(v, NULL);
    return date == (time_t)-1 ? -1 : fmax((double)date - unix_s, 0);
}

void sg_headers_add(struct sg_headers *h, const char *line, size_t n, double unix_s)
{
    struct {
        const char *name, *other; /* OpenAI's and Anthropic's */
        double *out;
        int is_duration;
    } const limits[] = {
        {"x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit", &h->said.limit_requests, 0},
        {"x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit", &h->said.limit_tokens, 0},
        {"x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining", &h->said.left_requests,
         0},
        {"x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining", &h->said.left_tokens, 0},
        {"x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset", &h->said.reset_requests_s, 1},
        {"x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset", &h->said.reset_tokens_s, 1},
    };
    char buffer[200];
    const char *v;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if ((v = header_value(line, n, limits[i].name, buffer)) ||
            (v = header_value(line, n, limits[i].other, buffer))) {
            *limits[i].out = limits[i].is_duration ? duration_of(v, unix_s) : number_of(v);
            return;
        }
    if ((v = header_value(line, n, "retry-after-ms", buffer)) && number_of(v) >= 0) {
        h->said.retry_after_s = number_of(v) / 1000;
        h->is_exact = 1;
    } else if ((v = header_value(line, n, "retry-after", buffer)) && !h->is_exact)
        h->said.retry_after_s = retry_after_of(v, unix_s);
    else if ((v = header_value(line, n, "x-should-retry", buffer)))
        h->should_retry = strcmp(v, "true") == 0 ? 1 : strcmp(v, "false") == 0 ? 0 : -1;
    else if (((v = header_value(line, n, "x-request-id", buffer)) ||
              (v = header_value(line, n, "request-id", buffer))) &&
             !h->request_id[0] && sg_utf8_valid(v, strlen(v)))
        snprintf(h->request_id, sizeof h->request_id, "%s", v);
}
