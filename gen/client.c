#include "gen/client.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/reply.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A completion of 100,000 tokens is below 1 MB; what is larger is not an answer. libcurl's own limit does not
 * hold for chunked or compressed bodies before 8.4, so the write callback counts. */
static const size_t max_reply = (size_t)16 << 20;

/* The official SDK obeys a server's delay up to 120 s; a longer one is surfaced instead. */
static const double max_server_delay_s = 120;

/* So many requests that fail for good, one after the other, are no bad luck with single prompts. */
enum { max_failures = 8 };

struct sg_client {
    const struct sg_generator *g;
    CURLM *multi;
    struct curl_slist *headers;
    char *chat_url, *models_url, *origin;
    int64_t n_connections;
    int is_local;
    struct sg_adapt adapt;
    struct sg_rng rng;   /* for the jitter of delays only */
    double next_start_s; /* pacing: no request starts before it */
};

struct transfer {
    struct sg_client *client;
    const struct sg_request *request; /* NULL: the slot is free */
    CURL *easy;
    int running;
    char *wire;
    struct sg_adapt sent; /* as the wire body was made */
    struct sg_buf body;
    int too_large, should_retry, attempts;
    double retry_after_s, not_before_s, started_s;
    char *request_id;
};

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* An address, not how a name begins: 127.0.0.1.example.org is somebody else's. */
static int is_loopback(const char *host)
{
    struct in_addr a;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127);
}

/* <base>/<tail>, with the base's query kept; origin without user and query. */
static sg_status make_urls(struct sg_client *c, const char *base, int has_key, struct sg_err *err)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL, *path = NULL, *full = NULL;
    sg_status status = u ? SG_OK : sg_fail_memory(err, 256);
    if (status == SG_OK && curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK)
        status = sg_fail(
            err, SG_INPUT,
            "generator.base_url \"%.200s\" is no address; hint: http://127.0.0.1:8080/v1 or https://...",
            base);
    if (status != SG_OK)
        goto done;
    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(u, CURLUPART_HOST, &host, 0);
    curl_url_get(u, CURLUPART_USER, &user, 0);
    curl_url_get(u, CURLUPART_PATH, &path, 0);
    c->is_local = host && is_loopback(host);
    if (user)
        status =
            sg_fail(err, SG_INPUT,
                    "generator.base_url holds a user or password; hint: the key goes into the variable %s",
                    c->g->api_key_env);
    else if (!scheme || !host || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        status = sg_fail(err, SG_INPUT, "generator.base_url must begin with https:// or http://");
    else if (strcmp(scheme, "http") == 0 && has_key && !c->is_local)
        status = sg_fail(
            err, SG_INPUT,
            "generator.base_url: http:// to %.200s would send the key in the clear; hint: use https://",
            host);
    if (status != SG_OK)
        goto done;
    size_t n = path ? strlen(path) : 0;
    while (n && path[n - 1] == '/')
        n--;
    char **const url[] = {&c->chat_url, &c->models_url, &c->origin};
    static const char *const tail[] = {"/chat/completions", "/models", ""};
    for (int i = 0; status == SG_OK && i < 3; i++) {
        char *whole = sg_strf("%.*s%s", (int)n, path ? path : "", tail[i]);
        if (i == 2)
            curl_url_set(u, CURLUPART_QUERY, NULL, 0);
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
        if (!whole || curl_url_set(u, CURLUPART_PATH, whole[0] ? whole : "/", 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_URL, &full, 0) != CURLUE_OK || !(*url[i] = sg_strdup(full)))
            status = sg_fail_memory(err, 1024);
        curl_free(full);
        full = NULL;
        sg_free(whole);
    }
done:
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(path);
    curl_url_cleanup(u);
    return status;
}

static sg_status make_headers(struct sg_client *c, const char *api_key, struct sg_err *err)
{
    struct curl_slist *more = curl_slist_append(NULL, "Content-Type: application/json");
    c->headers = more;
    if (more && api_key) {
        char *line = sg_strf("Authorization: Bearer %s", api_key);
        more = line ? curl_slist_append(c->headers, line) : NULL;
        for (volatile char *p = line; p && *p; p++)
            *p = 0;
        sg_free(line);
    }
    /* No "Expect: 100-continue": it costs a round trip on every request. */
    if (more)
        more = curl_slist_append(c->headers, "Expect:");
    return more ? SG_OK : sg_fail_memory(err, 256);
}

sg_status sg_client_create(const struct sg_generator *g, const char *api_key, int64_t connections,
                           struct sg_client **out, struct sg_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct sg_client *c = sg_alloc(1, sizeof *c);
    if (!c)
        return sg_fail_memory(err, sizeof *c);
    c->g = g;
    c->n_connections = connections < 1 ? 1 : connections;
    c->rng = sg_rng_make((uint64_t)(sg_now_s() * 1e9), 0);
    const char *base = g->base_url ? g->base_url : getenv("OPENAI_BASE_URL");
    sg_status status =
        make_urls(c, base && base[0] ? base : "https://api.openai.com/v1", api_key != NULL, err);
    if (status == SG_OK)
        status = make_headers(c, api_key, err);
    if (status == SG_OK && !(c->multi = curl_multi_init()))
        status = sg_fail_memory(err, 1024);
    if (status != SG_OK) {
        sg_client_destroy(c);
        return status;
    }
    curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->n_connections);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->n_connections);
    *out = c;
    return SG_OK;
}

void sg_client_destroy(struct sg_client *c)
{
    if (!c)
        return;
    curl_multi_cleanup(c->multi);
    curl_slist_free_all(c->headers);
    sg_free(c->chat_url);
    sg_free(c->models_url);
    sg_free(c->origin);
    sg_free(c);
}

const char *sg_client_origin(const struct sg_client *c)
{
    return c->origin;
}

/* ---- one transfer ---- */

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct transfer *t = context;
    sg_buf_add(&t->body, bytes, size * n);
    t->too_large |= t->body.failed == 2;
    return t->body.failed ? 0 : size * n;
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

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
    struct transfer *t = context;
    char buffer[200];
    const char *v;
    double x;
    size_t len = size * n;
    if ((v = header_value(line, len, "retry-after-ms", buffer)) && sg_parse_double(v, &x) && x >= 0)
        t->retry_after_s = x / 1000;
    else if ((v = header_value(line, len, "retry-after", buffer)) && t->retry_after_s < 0) {
        time_t date = sg_parse_double(v, &x) ? (time_t)-1 : curl_getdate(v, NULL);
        if (date != (time_t)-1)
            x = difftime(date, time(NULL));
        else if (!sg_parse_double(v, &x))
            x = -1;
        if (x >= 0)
            t->retry_after_s = x;
    } else if ((v = header_value(line, len, "x-should-retry", buffer)))
        t->should_retry = strcmp(v, "true") == 0 ? 1 : strcmp(v, "false") == 0 ? 0 : -1;
    else if ((v = header_value(line, len, "x-request-id", buffer)) && !t->request_id &&
             sg_utf8_valid(v, strlen(v)))
        t->request_id = sg_strdup(v);
    return len;
}

static void set_common(struct sg_client *c, CURL *easy, struct transfer *t)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (c->is_local) /* clusters set http_proxy: it knows no server on this node, but would see the key */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION,
                     0L); /* a redirect would carry custom headers to another host */
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(c->g->timeout_s * 1000));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "synthgrid");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    /* The curl tool reads these; the library does not. */
    const char *ca = getenv("CURL_CA_BUNDLE");
    if (!ca || !ca[0])
        ca = getenv("SSL_CERT_FILE");
    if (ca && ca[0])
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
}

static void reset_reply(struct transfer *t)
{
    sg_buf_clear(&t->body);
    t->too_large = 0;
    t->should_retry = -1;
    t->retry_after_s = -1;
    sg_free(t->request_id);
    t->request_id = NULL;
}

static sg_status begin(struct transfer *t, struct sg_err *err)
{
    struct sg_client *c = t->client;
    if (!t->easy && !(t->easy = curl_easy_init()))
        return sg_fail_memory(err, 4096);
    reset_reply(t);
    sg_free(t->wire);
    t->sent = c->adapt;
    t->wire = sg_wire_body(t->request, &t->sent);
    if (!t->wire)
        return sg_fail_memory(err, strlen(t->request->canonical));
    set_common(c, t->easy, t);
    curl_easy_setopt(t->easy, CURLOPT_URL, c->chat_url);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(t->wire));
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->wire);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK)
        return sg_fail_memory(err, 4096);
    t->running = 1;
    t->attempts++;
    t->started_s = sg_now_s();
    return SG_OK;
}

static void release(struct transfer *t)
{
    if (t->running)
        curl_multi_remove_handle(t->client->multi, t->easy);
    curl_easy_cleanup(t->easy);
    sg_free(t->wire);
    sg_buf_free(&t->body);
    sg_free(t->request_id);
    *t = (struct transfer){.client = t->client, .body = sg_buf_make(max_reply)};
}

/* ---- the loop ---- */

struct loop {
    struct sg_client *client;
    const struct sg_requests *requests;
    const struct sg_client_calls *calls;
    struct transfer *slot; /* (n_connections) */
    int64_t next, n_busy;  /* the next request that was never sent; occupied slots */
    int64_t n_failures;    /* in a row, with no answer between them */
    sg_status dead;        /* why nothing more is sent; SG_OK while it is */
    char why[600];
};

/* Seconds that a request of this size claims of the minute's budget: the pace is even, so no window holds
 * more. */
static double pace_s(const struct sg_generator *g, const struct sg_request *q)
{
    double s = g->requests_per_min > 0 ? 60.0 / (double)g->requests_per_min : 0;
    double tokens = (double)strlen(q->canonical) / 4 + (double)g->max_tokens;
    double t = g->tokens_per_min > 0 ? 60.0 * tokens / (double)g->tokens_per_min : 0;
    return s > t ? s : t;
}

static sg_status start_some(struct loop *l, struct sg_err *err)
{
    struct sg_client *c = l->client;
    double now = sg_now_s();
    for (int64_t i = 0; i < c->n_connections && l->dead == SG_OK; i++) {
        struct transfer *t = &l->slot[i];
        if (t->running || now < c->next_start_s || (t->request && now < t->not_before_s))
            continue;
        if (!t->request) {
            if (l->next == l->requests->n)
                continue;
            t->request = &l->requests->item[l->next++];
            l->n_busy++;
        }
        SG_TRY(begin(t, err));
        double pace = pace_s(c->g, t->request);
        c->next_start_s = (c->next_start_s > now ? c->next_start_s : now) + pace;
    }
    return SG_OK;
}

/* Hands an answer on and frees the slot. */
static sg_status deliver(struct loop *l, struct transfer *t, struct sg_answer *a, sg_status status,
                         const char *reason, struct sg_err *err)
{
    memcpy(a->key, t->request->key, SG_HEX);
    a->status = status;
    a->attempts = t->attempts;
    a->latency_s = sg_now_s() - t->started_s;
    if (status != SG_OK) {
        a->reason = sg_strdup(reason);
        a->cost_usd = -1;
    }
    l->n_failures = status == SG_OK ? 0 : l->n_failures + 1;
    if (l->n_failures >= max_failures && l->dead == SG_OK) {
        l->dead = SG_STOPPED;
        snprintf(l->why, sizeof l->why,
                 "%d requests in a row failed, the last one with: %.400s; hint: mend that, then run again",
                 max_failures, reason);
    }
    sg_status result = l->calls->answer(l->calls->context, a, err);
    sg_answer_free(a);
    release(t);
    l->n_busy--;
    return result;
}

/* Full jitter (AWS, "Exponential backoff and jitter"), but never sooner than the server says. */
static double delay_s(struct sg_client *c, const struct transfer *t)
{
    double cap = 0.5 * pow(2, t->attempts < 8 ? t->attempts : 8);
    double own = sg_rng_uniform(&c->rng) * (cap < 60 ? cap : 60);
    return t->retry_after_s > own ? t->retry_after_s + 0.1 * sg_rng_uniform(&c->rng) : own;
}

/* A server that is not there, or has no room for anybody, says nothing about this request: were it recorded as
 * failed, an outage of minutes would be in the pool for ever. */
static int is_outage(int curl_code, long http_status)
{
    return curl_code == CURLE_COULDNT_CONNECT || curl_code == CURLE_COULDNT_RESOLVE_HOST ||
           curl_code == CURLE_COULDNT_RESOLVE_PROXY || http_status == 429 || http_status == 502 ||
           http_status == 503;
}

static sg_status on_done(struct loop *l, struct transfer *t, int curl_code, struct sg_err *err)
{
    struct sg_client *c = l->client;
    struct sg_answer a = {0};
    struct sg_reply r = {.curl_code = curl_code,
                         .body = sg_buf_text(&t->body),
                         .n_body = t->body.len,
                         .too_large = t->too_large,
                         .retry_after_s = t->retry_after_s,
                         .should_retry = t->should_retry,
                         .sent = t->sent};
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &r.http_status);
    a.http_status = (int)r.http_status;
    a.request_id = t->request_id;
    t->request_id = NULL;
    curl_multi_remove_handle(c->multi, t->easy);
    t->running = 0;
    char reason[600];
    sg_status dead = SG_OK;
    enum sg_verdict verdict = sg_reply_judge(c->g, t->request, &r, &c->adapt, &a, reason, &dead);
    if (verdict == SG_REPLY_ANSWER)
        return deliver(l, t, &a, SG_OK, NULL, err);
    if (verdict == SG_REPLY_RETRY && t->retry_after_s > max_server_delay_s) {
        snprintf(l->why, sizeof l->why, "the server asks to wait %.0f s (%.400s); hint: run again then",
                 t->retry_after_s, reason);
        l->dead = SG_STOPPED;
        verdict = SG_REPLY_ENDPOINT;
    } else if (verdict == SG_REPLY_RETRY && t->attempts > c->g->retries &&
               is_outage(curl_code, r.http_status)) {
        snprintf(l->why, sizeof l->why,
                 "%.200s has not taken a request in %d tries (%.300s); hint: run again when it does",
                 c->origin, t->attempts, reason);
        l->dead = SG_STOPPED;
        verdict = SG_REPLY_ENDPOINT;
    } else if (verdict == SG_REPLY_ENDPOINT) {
        snprintf(l->why, sizeof l->why, "%s", reason);
        l->dead = dead;
    }
    if (verdict == SG_REPLY_ADAPT ||
        (verdict == SG_REPLY_RETRY && t->attempts <= c->g->retries && l->dead == SG_OK)) {
        t->not_before_s = verdict == SG_REPLY_ADAPT ? 0 : sg_now_s() + delay_s(c, t);
        sg_answer_free(&a);
        return SG_OK;
    }
    if (verdict == SG_REPLY_ENDPOINT ||
        l->dead != SG_OK) { /* nothing is known about this request: it stays to be asked */
        sg_answer_free(&a);
        release(t);
        l->n_busy--;
        return SG_OK;
    }
    return deliver(l, t, &a, SG_FAILED, reason, err);
}

/* Once the endpoint is dead, what only waits for another try is given up; what is on the wire may still be
 * paid for. */
static void drop_waiting(struct loop *l)
{
    for (int64_t i = 0; i < l->client->n_connections; i++)
        if (l->slot[i].request && !l->slot[i].running) {
            release(&l->slot[i]);
            l->n_busy--;
        }
}

static sg_status turn(struct loop *l, struct sg_err *err)
{
    struct sg_client *c = l->client;
    int n_running, n_left;
    SG_TRY(start_some(l, err));
    CURLMcode rc = curl_multi_perform(c->multi, &n_running);
    if (rc != CURLM_OK)
        return sg_fail(err, SG_FAILED, "libcurl: %s", curl_multi_strerror(rc));
    CURLMsg *m;
    while ((m = curl_multi_info_read(c->multi, &n_left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        int code = (int)m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        SG_TRY(on_done(l, t, code, err));
    }
    if (l->dead != SG_OK)
        drop_waiting(l);
    if (l->n_busy || (l->next < l->requests->n && l->dead == SG_OK))
        curl_multi_poll(c->multi, NULL, 0, n_running ? 50 : 10, NULL);
    return SG_OK;
}

sg_status sg_client_run(struct sg_client *c, const struct sg_requests *requests,
                        const struct sg_client_calls *calls, struct sg_err *err)
{
    struct loop l = {.client = c, .requests = requests, .calls = calls};
    l.slot = sg_alloc((size_t)c->n_connections, sizeof *l.slot);
    if (!l.slot)
        return sg_fail_memory(err, (size_t)c->n_connections * sizeof *l.slot);
    for (int64_t i = 0; i < c->n_connections; i++) {
        l.slot[i].client = c;
        l.slot[i].body = sg_buf_make(max_reply);
    }
    sg_status status = SG_OK;
    while (status == SG_OK && (l.n_busy || (l.next < requests->n && l.dead == SG_OK))) {
        int stop = calls->stopping ? calls->stopping(calls->context) : 0;
        if (stop && l.dead == SG_OK) {
            l.dead = SG_STOPPED;
            snprintf(l.why, sizeof l.why, "stopped while asking the LLM");
        }
        if (stop == 2)
            break;
        status = turn(&l, err);
    }
    for (int64_t i = 0; i < c->n_connections; i++)
        release(&l.slot[i]);
    sg_free(l.slot);
    if (status == SG_OK && l.dead != SG_OK)
        status = sg_fail(err, l.dead, "%s", l.why);
    return status;
}

/* ---- the check before any work ---- */

static sg_status judge_models(struct sg_client *c, const struct transfer *t, long http, struct sg_err *err)
{
    if (http == 401 || http == 403) {
        char message[300];
        sg_reply_error_text(sg_buf_text(&t->body), t->body.len, message, sizeof message);
        return sg_fail(err, SG_INPUT, "%s refuses the key (HTTP %ld%s%s); hint: check the variable %s",
                       c->origin, http, message[0] ? ": " : "", message, c->g->api_key_env);
    }
    json_t *o = http == 200 ? json_loadb(sg_buf_text(&t->body), t->body.len, 0, NULL) : NULL;
    const json_t *list = json_object_get(o, "data"), *m;
    const char *names[1000];
    int n = 0, found = 0;
    size_t i;
    json_array_foreach (list, i, m) {
        const char *id = json_string_value(json_object_get(m, "id"));
        if (id && n < 1000)
            names[n++] = id;
        found |= id && strcmp(id, c->g->model) == 0;
    }
    sg_status status = SG_OK;
    /* A server of one's own (llama.cpp) serves its one model under any name; if it minds, the first request
     * says so. */
    if (n && !found && !c->is_local) {
        int near = sg_text_nearest(c->g->model, names, n);
        status = sg_fail(err, SG_INPUT, "%s has no model \"%.100s\"; hint: %s%.100s", c->origin, c->g->model,
                         near >= 0 ? "did you mean " : "it has for example ", names[near >= 0 ? near : 0]);
    }
    json_decref(o);
    return status;
}

sg_status sg_client_check(struct sg_client *c, struct sg_err *err)
{
    double deadline = sg_now_s() + 60; /* llama.cpp answers 503 while it loads its model */
    for (;;) {
        struct transfer t = {
            .client = c, .body = sg_buf_make(max_reply), .retry_after_s = -1, .should_retry = -1};
        t.easy = curl_easy_init();
        if (!t.easy)
            return sg_fail_memory(err, 4096);
        set_common(c, t.easy, &t);
        curl_easy_setopt(t.easy, CURLOPT_TIMEOUT_MS, 30000L);
        curl_easy_setopt(t.easy, CURLOPT_URL, c->models_url);
        CURLcode rc = curl_easy_perform(t.easy);
        long http = 0;
        curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &http);
        sg_status status = SG_OK;
        if (rc != CURLE_OK && !t.too_large)
            status = sg_fail(err, SG_INPUT,
                             "no LLM server answers at %s: %s; hint: start it, or correct generator.base_url",
                             c->origin, curl_easy_strerror(rc));
        else
            status = judge_models(c, &t, http, err);
        release(&t);
        if (http != 503 || sg_now_s() > deadline)
            return status;
        sg_sleep_us(500000);
    }
}
