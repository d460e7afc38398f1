#include "gen/client.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/provider.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A completion of 100,000 tokens is below 1 MB; what is larger is not an answer. libcurl's own limit does not
 * hold for chunked or compressed bodies before 8.4, so the write callback counts. */
static const size_t max_reply = (size_t)16 << 20;

struct transfer {
    struct sg_client *client;
    CURL *easy;
    int running;
    int64_t id;
    struct sg_request request;
    char *wire;
    struct sg_adapt sent; /* as the wire body was made */
    struct sg_buf body;
    int too_large;
    struct sg_headers headers;
    double started_s;
};

struct sg_client {
    const struct sg_generator *g;
    const struct sg_provider *provider;
    CURLM *multi;
    struct curl_slist *headers;
    char *chat_url, *models_url, *origin;
    int64_t n_connections;
    int is_local;
    struct sg_adapt adapt;
    struct transfer *slot; /* (n_connections) */
    int64_t n_busy;
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
    const char *version = c->provider->version_path ? c->provider->version_path : "";
    size_t n_version = strlen(version);
    if (n >= n_version && n_version && strncmp(path + n - n_version, version, n_version) == 0)
        version = "";
    char **const url[] = {&c->chat_url, &c->models_url, &c->origin};
    const char *const tail[] = {c->provider->chat_path, "/models", ""};
    for (int i = 0; status == SG_OK && i < 3; i++) {
        char *whole = sg_strf("%.*s%s%s", (int)n, path ? path : "", version, tail[i]);
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
        char *line = sg_strf("%s%s", c->provider->key_header, api_key);
        more = line ? curl_slist_append(c->headers, line) : NULL;
        for (volatile char *p = line; p && *p; p++)
            *p = 0;
        sg_free(line);
    }
    if (more && c->provider->other_header)
        more = curl_slist_append(c->headers, c->provider->other_header);
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
    c->provider = sg_provider_find(g->provider);
    c->n_connections = connections < 1 ? 1 : connections;
    c->slot = sg_alloc((size_t)c->n_connections, sizeof *c->slot);
    sg_status status = c->slot ? SG_OK : sg_fail_memory(err, (size_t)c->n_connections * sizeof *c->slot);
    for (int64_t i = 0; c->slot && i < c->n_connections; i++)
        c->slot[i] = (struct transfer){.client = c, .body = sg_buf_make(max_reply)};
    const char *base = sg_provider_address(g);
    if (status == SG_OK)
        status = make_urls(c, base ? base : c->provider->base_url, api_key != NULL, err);
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
    if (c->slot)
        sg_client_abandon(c);
    sg_free(c->slot);
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

int sg_client_is_local(const struct sg_client *c)
{
    return c->is_local;
}

const struct sg_adapt *sg_client_adapt(const struct sg_client *c)
{
    return &c->adapt;
}

void sg_client_learn(struct sg_client *c, const struct sg_adapt *more)
{
    c->adapt.refused |= more->refused;
}

/* ---- one transfer ---- */

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct transfer *t = context;
    sg_buf_add(&t->body, bytes, size * n);
    t->too_large |= t->body.failed == 2;
    return t->body.failed ? 0 : size * n;
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
    struct transfer *t = context;
    sg_headers_add(&t->headers, line, size * n, (double)time(NULL));
    return size * n;
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

static void release(struct transfer *t)
{
    if (t->running)
        curl_multi_remove_handle(t->client->multi, t->easy);
    curl_easy_cleanup(t->easy);
    sg_free(t->wire);
    sg_free(t->request.canonical);
    sg_buf_free(&t->body);
    *t = (struct transfer){.client = t->client, .body = sg_buf_make(max_reply)};
}

static sg_status begin(struct transfer *t, int64_t id, const struct sg_request *q, struct sg_err *err)
{
    struct sg_client *c = t->client;
    t->id = id;
    t->headers = sg_headers_make();
    t->sent = c->adapt;
    memcpy(t->request.key, q->key, SG_HEX);
    t->request.canonical = sg_strdup(q->canonical);
    t->wire = sg_wire_body(q, &t->sent);
    t->easy = curl_easy_init();
    if (!t->request.canonical || !t->wire || !t->easy)
        return sg_fail_memory(err, 2 * strlen(q->canonical));
    set_common(c, t->easy, t);
    curl_easy_setopt(t->easy, CURLOPT_URL, c->chat_url);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(t->wire));
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->wire);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK)
        return sg_fail_memory(err, 4096);
    t->running = 1;
    t->started_s = sg_now_s();
    return SG_OK;
}

sg_status sg_client_send(struct sg_client *c, int64_t id, const struct sg_request *q, struct sg_err *err)
{
    for (int64_t i = 0; i < c->n_connections; i++) {
        struct transfer *t = &c->slot[i];
        if (t->running)
            continue;
        sg_status status = begin(t, id, q, err);
        if (status == SG_OK)
            c->n_busy++;
        else
            release(t);
        return status;
    }
    return sg_fail(err, SG_FAILED, "all %lld connections are busy", (long long)c->n_connections);
}

static sg_status on_done(struct transfer *t, int curl_code, sg_client_each each, void *context,
                         struct sg_err *err)
{
    struct sg_client *c = t->client;
    struct sg_reply r = {.curl_code = curl_code,
                         .body = sg_buf_text(&t->body),
                         .n_body = t->body.len,
                         .too_large = t->too_large,
                         .headers = t->headers,
                         .sent = t->sent};
    struct sg_client_result result = {.id = t->id};
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &r.http_status);
    result.attempt = sg_reply_judge(c->g, &t->request, &r, &c->adapt, &result.answer);
    memcpy(result.answer.key, t->request.key, SG_HEX);
    result.answer.http_status = (int)r.http_status;
    result.answer.latency_s = sg_now_s() - t->started_s;
    release(t);
    c->n_busy--;
    sg_status status = each(context, &result, err);
    sg_answer_free(&result.answer);
    return status;
}

sg_status sg_client_turn(struct sg_client *c, int timeout_ms, sg_client_each each, void *context,
                         struct sg_err *err)
{
    int n_running, n_left;
    CURLMcode rc = curl_multi_perform(c->multi, &n_running);
    if (rc == CURLM_OK && n_running == c->n_busy)
        rc = curl_multi_poll(c->multi, NULL, 0, timeout_ms, NULL);
    if (rc == CURLM_OK)
        rc = curl_multi_perform(c->multi, &n_running);
    if (rc != CURLM_OK)
        return sg_fail(err, SG_FAILED, "libcurl: %s", curl_multi_strerror(rc));
    CURLMsg *m;
    while ((m = curl_multi_info_read(c->multi, &n_left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        int code = (int)m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        SG_TRY(on_done(t, code, each, context, err));
    }
    return SG_OK;
}

void sg_client_abandon(struct sg_client *c)
{
    for (int64_t i = 0; i < c->n_connections; i++)
        release(&c->slot[i]);
    c->n_busy = 0;
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
        struct transfer t = {.client = c, .body = sg_buf_make(max_reply), .headers = sg_headers_make()};
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
