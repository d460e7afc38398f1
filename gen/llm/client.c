#include "gen/llm/client.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "gen/llm/http.h"
#include "gen/llm/llama.h"
#include "gen/llm/loop.h"

#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FORMAT_500 = 2 };

struct transfer {
    struct sg_client *client;
    CURL *easy;
    int running;
    int64_t id;
    struct sg_request request;
    char *wire;
    struct sg_adapt sent; /* as the wire body was made */
    int is_trial;         /* sent without response_format, to see whether that is what the server fails on */
    struct sg_http_reply reply;
    double started_s;
};

struct sg_client {
    const struct sg_generator *g;
    int in_process;         /* llama instead of all else, but n_connections and adapt */
    struct sg_llama *llama; /* NULL until the first request */
    struct sg_http *http;
    CURLM *multi;
    struct sg_loop *loop;
    char *chat_url;
    int64_t n_connections;
    struct sg_adapt adapt;
    struct transfer *slot; /* (n_connections) */
    int64_t n_busy;
    double late_s; /* no request is late before it */
    struct sg_models models;
    int n_format_500; /* requests with response_format that a server failed on, in a row and without a word of it */
    int format_answered; /* one was answered */
};

sg_status sg_client_create(const struct sg_generator *g, const char *api_key, int64_t connections,
                           struct sg_client **out, struct sg_err *err)
{
    struct sg_client *c = sg_alloc(1, sizeof *c);
    if (!c)
        return sg_fail_memory(err, sizeof *c);
    c->g = g;
    c->n_connections = connections < 1 ? 1 : connections;
    c->late_s = HUGE_VAL;
    c->in_process = sg_provider_find(g->provider)->in_process;
    if (c->in_process) {
        *out = c;
        return SG_OK;
    }
    c->slot = sg_alloc((size_t)c->n_connections, sizeof *c->slot);
    sg_status status = c->slot ? SG_OK : sg_fail_memory(err, (size_t)c->n_connections * sizeof *c->slot);
    for (int64_t i = 0; c->slot && i < c->n_connections; i++)
        c->slot[i] = (struct transfer){.client = c, .reply = sg_http_reply_make()};
    if (status == SG_OK)
        status = sg_http_create(g, api_key, &c->http, err);
    if (status == SG_OK)
        status = sg_http_url(c->http, sg_provider_find(g->provider)->chat_path, &c->chat_url, err);
    if (status == SG_OK && !(c->multi = curl_multi_init()))
        status = sg_fail_memory(err, 1024);
    if (status == SG_OK)
        status = sg_loop_create(c->multi, &c->loop, err);
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
    sg_loop_destroy(c->loop);
    curl_multi_cleanup(c->multi);
    sg_llama_destroy(c->llama);
    sg_http_destroy(c->http);
    sg_free(c->chat_url);
    sg_free(c);
}

const char *sg_client_origin(const struct sg_client *c)
{
    return c->in_process ? c->g->model_file : sg_http_origin(c->http);
}

int sg_client_is_local(const struct sg_client *c)
{
    return c->in_process || sg_http_is_local(c->http);
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

static void release(struct transfer *t)
{
    if (t->running)
        curl_multi_remove_handle(t->client->multi, t->easy);
    curl_easy_cleanup(t->easy);
    sg_free(t->wire);
    sg_free(t->request.canonical);
    sg_http_reply_free(&t->reply);
    *t = (struct transfer){.client = t->client, .reply = sg_http_reply_make()};
}

static sg_status begin(struct transfer *t, int64_t id, const struct sg_request *q, struct sg_err *err)
{
    struct sg_client *c = t->client;
    t->id = id;
    memcpy(t->request.key, q->key, SG_HEX);
    t->request.canonical = sg_strdup(q->canonical);
    t->sent = c->adapt;
    t->is_trial = !c->format_answered && c->n_format_500 >= MAX_FORMAT_500 &&
                  !sg_adapt_has(&c->adapt, "response_format") && strstr(q->canonical, "\"response_format\":");
    if (t->is_trial) {
        sg_adapt_refuse(&t->sent, "response_format");
        c->n_format_500 = 0;
    }
    t->wire = sg_wire_body(q, &t->sent);
    t->easy = curl_easy_init();
    if (!t->request.canonical || !t->wire || !t->easy)
        return sg_fail_memory(err, 2 * strlen(q->canonical));
    sg_http_prepare(c->http, t->easy, c->chat_url, &t->reply);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(t->wire));
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->wire);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK)
        return sg_fail_memory(err, 4096);
    t->running = 1;
    t->started_s = sg_now_s();
    c->late_s = fmin(c->late_s, t->started_s + c->g->timeout_s);
    return SG_OK;
}

sg_status sg_client_send(struct sg_client *c, int64_t id, const struct sg_request *q, struct sg_err *err)
{
    sg_adapt_start(&c->adapt, c->g, q);
    if (c->in_process) {
        if (!c->llama)
            SG_TRY(sg_llama_create(c->g, c->n_connections, &c->llama, err));
        return sg_llama_send(c->llama, id, q, err);
    }
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

static int http_major(CURL *easy)
{
    long version = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_2_0 ? 2 : version == CURL_HTTP_VERSION_3 ? 3 : version != 0;
}

/* llama-cpp-python 0.3.36 answers a schema with 500, other servers do so without naming it: after two of these one request is tried without. */
static void learn_format(struct sg_client *c, const struct transfer *t, const struct sg_client_result *r)
{
    int answered = r->attempt.kind == SG_ATTEMPT_ANSWERED,
        has_it = strstr(t->wire, "\"response_format\":") != NULL;
    if (t->is_trial && answered && !c->format_answered)
        sg_adapt_refuse(&c->adapt, "response_format");
    c->format_answered |= has_it && answered;
    if (has_it && r->answer.http_status == 500)
        c->n_format_500++;
}

static sg_status on_done(struct transfer *t, int curl_code, sg_client_each each, void *context,
                         struct sg_err *err)
{
    struct sg_client *c = t->client;
    sg_http_ended(t->easy, curl_code, &t->reply);
    struct sg_reply r = sg_http_reply_plain(&t->reply);
    r.sent = t->sent;
    struct sg_client_result result = {.id = t->id};
    result.http_major = http_major(t->easy);
    result.attempt = sg_reply_classify(c->g, &t->request, &r, &c->adapt, &result.answer);
    memcpy(result.answer.key, t->request.key, SG_HEX);
    result.answer.http_status = (int)r.http_status;
    result.answer.latency_s = sg_now_s() - (t->reply.begun_s > 0 ? t->reply.begun_s : t->started_s);
    learn_format(c, t, &result);
    release(t);
    c->n_busy--;
    sg_status status = each(context, &result, err);
    sg_answer_free(&result.answer);
    return status;
}

/* Gives up on requests that are late. Those that wait for a connection have not begun to be. */
static sg_status end_late(struct sg_client *c, sg_client_each each, void *context, struct sg_err *err)
{
    double now = sg_now_s(), next_s = HUGE_VAL;
    if (now < c->late_s)
        return SG_OK;
    for (int64_t i = 0; i < c->n_connections; i++) {
        struct transfer *t = &c->slot[i];
        if (!t->running)
            continue;
        double due_s = t->reply.begun_s > 0 ? t->reply.begun_s + c->g->timeout_s
                                            : fmax(t->started_s + c->g->timeout_s, now + 0.1);
        if (now < due_s) {
            next_s = fmin(next_s, due_s);
            continue;
        }
        snprintf(t->reply.why, sizeof t->reply.why, "no answer within %g s", c->g->timeout_s);
        SG_TRY(on_done(t, CURLE_OPERATION_TIMEDOUT, each, context, err));
    }
    c->late_s = next_s;
    return SG_OK;
}

/* timeout_ms, or until a request may be late. */
static int until_late_ms(const struct sg_client *c, int timeout_ms)
{
    double left_ms = fmax(1e3 * (c->late_s - sg_now_s()), 0);
    return c->n_busy && left_ms < timeout_ms ? (int)left_ms + 1 : timeout_ms;
}

sg_status sg_client_turn(struct sg_client *c, int timeout_ms, sg_client_each each, void *context,
                         struct sg_err *err)
{
    int n_left;
    if (c->in_process && c->llama)
        return sg_llama_turn(c->llama, timeout_ms, each, context, err);
    if (c->in_process) {
        sg_sleep_us(1000 * (int64_t)timeout_ms);
        return SG_OK;
    }
    SG_TRY(sg_loop_turn(c->loop, timeout_ms ? until_late_ms(c, timeout_ms) : 0, err));
    CURLMsg *m;
    while ((m = curl_multi_info_read(c->multi, &n_left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        int code = (int)m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        SG_TRY(on_done(t, code, each, context, err));
    }
    return end_late(c, each, context, err);
}

int sg_client_fd(const struct sg_client *c, int *timeout_ms)
{
    if (!c->in_process) {
        *timeout_ms = until_late_ms(c, *timeout_ms);
        return sg_loop_fd(c->loop, timeout_ms);
    }
    if (c->llama && sg_llama_is_busy(c->llama))
        *timeout_ms = 0;
    return -1;
}

void sg_client_abandon(struct sg_client *c)
{
    if (c->llama)
        sg_llama_abandon(c->llama);
    if (c->in_process)
        return;
    for (int64_t i = 0; i < c->n_connections; i++)
        release(&c->slot[i]);
    c->n_busy = 0;
}

/* ---- the check before any work ---- */

const struct sg_models *sg_client_models(const struct sg_client *c)
{
    return &c->models;
}

/* The server's bytes. */
static void list_models(struct sg_models *m, const char *const *names, int n)
{
    enum { SHOWN = 8 };
    struct sg_buf b = sg_buf_make(4096);
    for (int i = 0; i < n && i < SHOWN; i++) {
        sg_buf_puts(&b, i ? ", " : "");
        sg_buf_foreign(&b, names[i], 40);
    }
    if (n > SHOWN)
        sg_buf_printf(&b, ", ... (%d in all)", n);
    snprintf(m->names, sizeof m->names, "%s", sg_buf_text(&b));
    sg_text_whole(m->names);
    sg_buf_free(&b);
}

static sg_status check_models(struct sg_client *c, const struct sg_http_reply *r, struct sg_err *err)
{
    const char *origin = sg_client_origin(c), *body = sg_buf_text(&r->body);
    if (r->http_status == 401 || r->http_status == 403) {
        char message[300];
        sg_reply_error_text(body, r->body.len, message, sizeof message);
        return sg_fail(err, SG_INPUT, "%s refuses the key (HTTP %ld%s%s); hint: check the variable %s",
                       origin, r->http_status, message[0] ? ": " : "", message, c->g->api_key_env);
    }
    if (r->http_status >= 300 && r->http_status < 400)
        return sg_fail(err, SG_INPUT,
                       "%s redirects (HTTP %ld), which would carry the key elsewhere; hint: put the final "
                       "address into generator.base_url",
                       origin, r->http_status);
    c->models = (struct sg_models){.http_status = r->http_status};
    if (r->http_status != 200)
        sg_reply_error_text(body, r->body.len, c->models.error, sizeof c->models.error);
    json_t *o = r->http_status == 200 ? sg_reply_json(body, r->body.len, 0) : NULL;
    const json_t *list = json_object_get(o, "data"), *m;
    const char *names[1000];
    int n = 0, found = 0;
    size_t i;
    json_array_foreach (list, i, m) {
        const char *id = sg_json_text_or(m, "id", NULL);
        if (id && n < 1000)
            names[n++] = id;
        found |= id && strcmp(id, c->g->model) == 0;
    }
    c->models.n = n;
    c->models.has_it = found;
    list_models(&c->models, names, n);
    sg_status status = SG_OK;
    /* A server of one's own (llama.cpp) serves its one model under any name; if it minds, the first request
     * says so. */
    if (n && !found && !sg_client_is_local(c) && !sg_provider_find(c->g->provider)->lists_no_deployments) {
        int near = sg_text_nearest(c->g->model, names, n);
        struct sg_buf name = sg_buf_make(4096); /* the server's bytes */
        if (near >= 0)
            sg_buf_foreign(&name, names[near], 100);
        status = sg_fail(err, SG_INPUT, "%s has no model \"%.100s\"; hint: %s%s%sit has for example %s",
                         origin, c->g->model, near >= 0 ? "did you mean " : "", sg_buf_text(&name),
                         near >= 0 ? "? " : "", c->models.names);
        sg_redact(err->text);
        sg_buf_free(&name);
    }
    json_decref(o);
    return status;
}

/* Loading takes time and memory, and is left to the first request. */
static sg_status check_file(const char *path, struct sg_err *err)
{
    char magic[4] = "";
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(magic, 1, sizeof magic, f) : 0;
    if (f)
        fclose(f);
    if (n == sizeof magic && memcmp(magic, "GGUF", 4) == 0)
        return SG_OK;
    return sg_fail(err, SG_INPUT, "generator.model_file: %s %s; hint: name a model in GGUF format", path,
                   f ? "is no GGUF file" : "cannot be read");
}

static sg_status no_answer(struct sg_client *c, const struct sg_http_reply *reply, struct sg_err *err)
{
    struct sg_reply r = sg_http_reply_plain(reply);
    char why[600];
    if (sg_reply_tls_reason(&r, why))
        return sg_fail(err, SG_INPUT, "%s: %s", sg_client_origin(c), why);
    sg_reply_failure_text(&r, why);
    const char *socket = sg_http_socket(c->http);
    if (socket && access(socket, F_OK) != 0)
        snprintf(why, sizeof why, "there is no such socket");
    int is_proxy =
        strstr(why, "proxy") || strstr(why, "CONNECT") || r.curl_code == CURLE_COULDNT_RESOLVE_PROXY;
    return sg_fail(err, SG_INPUT,
                   "no LLM server answers at %s: %s; hint: start it, or correct generator.base_url%s",
                   sg_client_origin(c), why, is_proxy ? " or https_proxy" : "");
}

sg_status sg_client_check(struct sg_client *c, struct sg_err *err)
{
    if (c->in_process)
        return check_file(c->g->model_file, err);
    double deadline = sg_now_s() + 60; /* llama.cpp answers 503 while it loads its model */
    for (;;) {
        struct sg_http_call call = {.method = "GET", .path = "/models"};
        struct sg_http_reply r;
        SG_TRY(sg_http_call(c->http, &call, &r, err));
        long http = r.http_status;
        sg_status status;
        if (r.curl_code != CURLE_OK && !r.too_large)
            status = no_answer(c, &r, err);
        else
            status = check_models(c, &r, err);
        sg_http_reply_free(&r);
        if (http != 503 || sg_now_s() > deadline)
            return status;
        sg_sleep_us(500000);
    }
}
