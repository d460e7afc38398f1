#include "gen/llm/http.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "gen/llm/unix_address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A completion of 100,000 tokens is below 1 MB; what is larger is not an answer. libcurl's own limit does not
 * hold for chunked or compressed bodies before 8.4, so the write callback counts. */
static const size_t max_reply = (size_t)16 << 20;

static_assert((int)SG_HTTP_WHY >= CURL_ERROR_SIZE, "libcurl writes so much");

struct sg_http {
    const struct sg_generator *g;
    const struct sg_provider *provider;
    struct curl_slist *json_headers, *form_headers; /* libcurl writes the Content-Type of a form itself */
    CURLU *base;                                    /* without a path */
    char *socket;                                   /* NULL: none, it is spoken to by TCP */
    char *path;                                     /* of the base, version included, no slash at the end */
    char *origin;
    int is_local;
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

/* What an address from the environment may hold as a key: no message says it. */
static sg_status hide_query(const char *query, struct sg_err *err)
{
    char *copy = sg_strdup(query ? query : ""), *rest = NULL;
    const char *kept;
    sg_status status = copy ? SG_OK : sg_fail_memory(err, 100);
    for (char *part = copy ? strtok_r(copy, "&;", &rest) : NULL; part && status == SG_OK;
         part = strtok_r(NULL, "&;", &rest)) {
        const char *value = strchr(part, '=');
        if (value && strlen(value + 1) >= 8 && strncmp(part, "api-version=", 12) != 0)
            status = sg_secret_remember(value + 1, &kept, err);
    }
    sg_free(copy);
    return status;
}

int sg_http_is_loopback(const char *url)
{
    if (sg_unix_address_path(url))
        return 1;
    CURLU *u = curl_url();
    char *host = NULL;
    int yes = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_loopback(host);
    curl_free(host);
    curl_url_cleanup(u);
    return yes;
}

/* HTTP needs a host all the same; servers hold it against nothing. */
static sg_status read_unix_address(struct sg_http *h, const char *url, struct sg_err *err)
{
    const char *fault = sg_unix_address_fault(url), *path = sg_unix_address_path(url);
    if (fault)
        return sg_fail(err, SG_INPUT, "generator.base_url %s", fault);
    SG_TRY(sg_unix_address_check(path, err));
    h->is_local = 1;
    h->socket = sg_strdup(path);
    h->path = sg_strdup(h->provider->version_path ? h->provider->version_path : "/v1");
    h->origin = sg_strdup(url);
    return h->socket && h->path && h->origin &&
                   curl_url_set(h->base, CURLUPART_URL, "http://localhost", 0) == CURLUE_OK
               ? SG_OK
               : sg_fail_memory(err, strlen(url));
}

static sg_status read_address(struct sg_http *h, const char *base, int has_key, struct sg_err *err)
{
    if (sg_unix_address_path(base))
        return read_unix_address(h, base, err);
    const struct sg_provider *provider = h->provider;
    char *scheme = NULL, *host = NULL, *user = NULL, *path = NULL, *query = NULL;
    sg_status status = SG_OK;
    if (curl_url_set(h->base, CURLUPART_URL, base, 0) != CURLUE_OK)
        return sg_fail(
            err, SG_INPUT,
            "generator.base_url \"%.200s\" is no address; hint: http://127.0.0.1:8080/v1 or https://...",
            base);
    curl_url_get(h->base, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(h->base, CURLUPART_HOST, &host, 0);
    curl_url_get(h->base, CURLUPART_USER, &user, 0);
    curl_url_get(h->base, CURLUPART_PATH, &path, 0);
    curl_url_get(h->base, CURLUPART_QUERY, &query, 0);
    curl_url_set(h->base, CURLUPART_FRAGMENT, NULL, 0);
    h->is_local = host && is_loopback(host);
    status = hide_query(query, err);
    int is_classic = provider->classic_path && path && strstr(path, provider->classic_path);
    if (status == SG_OK && user)
        status =
            sg_fail(err, SG_INPUT,
                    "generator.base_url holds a user or password; hint: the key goes into the variable %s",
                    h->g->api_key_env);
    else if (!scheme || !host || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        status = sg_fail(err, SG_INPUT, "generator.base_url must begin with https://, http:// or unix://");
    else if (strcmp(scheme, "http") == 0 && has_key && !h->is_local)
        status = sg_fail(
            err, SG_INPUT,
            "generator.base_url: http:// to %.200s would send the key in the clear; hint: use https://",
            host);
    else if (is_classic && !(query && strstr(query, provider->classic_query)))
        status = sg_fail(err, SG_INPUT,
                         "generator.base_url: an address with %s needs ?%s... behind it; hint: or end it "
                         "in %s, which needs none",
                         provider->classic_path, provider->classic_query, provider->version_path);
    size_t n = path ? strlen(path) : 0;
    while (n && path[n - 1] == '/')
        n--;
    const char *version = provider->version_path && !is_classic ? provider->version_path : "";
    size_t n_version = strlen(version);
    if (n >= n_version && n_version && strncmp(path + n - n_version, version, n_version) == 0)
        version = "";
    if (status == SG_OK && !(h->path = sg_strf("%.*s%s", (int)n, path ? path : "", version)))
        status = sg_fail_memory(err, n);
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(path);
    curl_free(query);
    return status;
}

/* The base with this path behind `front` and, where not NULL, this query in place of its own. */
static sg_status url_at(const struct sg_http *h, const char *front, const char *path, size_t n_path,
                        const char *query, char **url, struct sg_err *err)
{
    CURLU *u = curl_url_dup(h->base);
    char *whole = sg_strf("%s%.*s", front, (int)n_path, path), *full = NULL;
    int ok = u && whole && curl_url_set(u, CURLUPART_PATH, whole[0] ? whole : "/", 0) == CURLUE_OK;
    if (ok && query)
        ok = curl_url_set(u, CURLUPART_QUERY, query[0] ? query : NULL, 0) == CURLUE_OK;
    char *copy = ok && curl_url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK ? sg_strdup(full) : NULL;
    curl_free(full);
    sg_free(whole);
    curl_url_cleanup(u);
    if (!copy)
        return sg_fail_memory(err, 1024);
    *url = copy;
    return SG_OK;
}

static sg_status url_of(const struct sg_http *h, const char *path, size_t n_path, const char *query,
                        char **url, struct sg_err *err)
{
    return url_at(h, h->path, path, n_path, query, url, err);
}

sg_status sg_http_url(const struct sg_http *h, const char *path, char **url, struct sg_err *err)
{
    const char *own = strchr(path, '?');
    size_t n = own ? (size_t)(own - path) : strlen(path);
    if (!own)
        return url_of(h, path, n, NULL, url, err);
    char *of_base = NULL;
    curl_url_get(h->base, CURLUPART_QUERY, &of_base, 0);
    char *query = sg_strf("%s%s%s", of_base ? of_base : "", of_base ? "&" : "", own + 1);
    curl_free(of_base);
    sg_status status = query ? url_of(h, path, n, query, url, err) : sg_fail_memory(err, 1024);
    sg_free(query);
    return status;
}

static sg_status make_headers(const struct sg_http *h, const char *api_key, const char *content_type,
                              struct curl_slist **list, struct sg_err *err)
{
    /* No "Expect: 100-continue": it costs a round trip on every request. */
    char *key = api_key ? sg_strf("%s%s", h->provider->key_header, api_key) : NULL;
    const char *const line[] = {content_type, key, h->provider->other_header, "Expect:"};
    int ok = key || !api_key;
    for (int i = 0; ok && i < 4; i++) {
        struct curl_slist *more = line[i] ? curl_slist_append(*list, line[i]) : *list;
        ok = !line[i] || more;
        if (more)
            *list = more;
    }
    for (volatile char *p = key; p && *p; p++)
        *p = 0;
    sg_free(key);
    return ok ? SG_OK : sg_fail_memory(err, 256);
}

sg_status sg_http_create(const struct sg_generator *g, const char *api_key, struct sg_http **out,
                         struct sg_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct sg_http *h = sg_alloc(1, sizeof *h);
    if (!h)
        return sg_fail_memory(err, sizeof *h);
    h->g = g;
    h->provider = sg_provider_find(g->provider);
    h->base = curl_url();
    const char *base = sg_provider_address(g);
    if (!base)
        base = h->provider->base_url;
    sg_status status = h->base ? SG_OK : sg_fail_memory(err, 256);
    if (status == SG_OK && !base)
        status = sg_fail(err, SG_INPUT,
                         "provider %s has no address of its own; hint: set generator.base_url, or export %s",
                         h->provider->name, h->provider->base_url_env);
    if (status == SG_OK)
        status = read_address(h, base, api_key != NULL, err);
    if (status == SG_OK && !h->origin)
        status = url_of(h, "", 0, "", &h->origin, err);
    if (status == SG_OK)
        status = make_headers(h, api_key, "Content-Type: application/json", &h->json_headers, err);
    if (status == SG_OK)
        status = make_headers(h, api_key, NULL, &h->form_headers, err);
    if (status != SG_OK) {
        sg_http_destroy(h);
        return status;
    }
    *out = h;
    return SG_OK;
}

void sg_http_destroy(struct sg_http *h)
{
    if (!h)
        return;
    curl_slist_free_all(h->json_headers);
    curl_slist_free_all(h->form_headers);
    curl_url_cleanup(h->base);
    sg_free(h->socket);
    sg_free(h->path);
    sg_free(h->origin);
    sg_free(h);
}

const char *sg_http_origin(const struct sg_http *h)
{
    return h->origin;
}

int sg_http_is_local(const struct sg_http *h)
{
    return h->is_local;
}

const char *sg_http_socket(const struct sg_http *h)
{
    return h->socket;
}

/* ---- one exchange ---- */

struct sg_http_reply sg_http_reply_make(void)
{
    return (struct sg_http_reply){.body = sg_buf_make(max_reply), .headers = sg_headers_make()};
}

void sg_http_reply_free(struct sg_http_reply *r)
{
    sg_buf_free(&r->body);
    *r = sg_http_reply_make();
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct sg_http_reply *r = context;
    size_t n_bytes = size * n;
    if (r->into)
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &r->http_status);
    if (r->into && r->http_status >= 200 && r->http_status < 300) {
        r->too_large |= n_bytes > r->max_into - r->n_into;
        if (r->too_large || fwrite(bytes, 1, n_bytes, r->into) != n_bytes)
            return 0;
        r->n_into += n_bytes;
        return n_bytes;
    }
    sg_buf_add(&r->body, bytes, n_bytes);
    r->too_large |= r->body.failed == 2;
    return r->body.failed ? 0 : n_bytes;
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
    struct sg_http_reply *r = context;
    sg_headers_add(&r->headers, line, size * n, (double)time(NULL));
    return size * n;
}

/* Where a connection that was used before closes without a byte, libcurl sends the request again by itself: it may be paid for
 * twice, and no ledger would know. (libcurl 7.88, lib/transfer.c, Curl_retry_request.) */
static int on_begin(void *context, char *ip, char *own_ip, int port, int own_port)
{
    struct sg_http_reply *r = context;
    (void)ip, (void)own_ip, (void)port, (void)own_port;
    if (!r->n_begun)
        r->begun_s = sg_now_s();
    return r->n_begun++ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

void sg_http_prepare(const struct sg_http *h, void *easy, const char *url, struct sg_http_reply *r)
{
    r->easy = easy;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (h->socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, h->socket);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (h->is_local) /* clusters set http_proxy: it knows no server on this node, but would see the key */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION,
                     0L); /* a redirect would carry custom headers to another host */
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* or later */
    /* HTTP/2 is for https alone: where it is wished for, libcurl (7.88, 8.16) holds plain requests back until the first one's answer
     * tells whether the connection can carry more, and with PIPEWAIT none of them gets a connection of its own. */
    int tls = strncmp(url, "https:", 6) == 0;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, h->json_headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "synthgrid");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->why);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_begin);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, r);
    /* The curl tool reads these variables; the library does not. */
    const char *ca = h->g->ca_file;
    if (!ca)
        ca = getenv("CURL_CA_BUNDLE");
    if (!ca || !ca[0])
        ca = getenv("SSL_CERT_FILE");
    if (ca && ca[0])
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
}

void sg_http_ended(void *easy, int curl_code, struct sg_http_reply *r)
{
    curl_off_t sending_us = 0; /* when the connection was there, a proxy's and TLS with it */
    r->curl_code = curl_code;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &r->http_status);
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &r->proxy_status);
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sending_us);
    r->not_sent = sending_us == 0 && !r->n_begun;
    if (r->n_begun > 1) {
        r->curl_code = CURLE_GOT_NOTHING;
        snprintf(r->why, sizeof r->why, "the connection closed without an answer");
    }
}

struct sg_reply sg_http_reply_plain(const struct sg_http_reply *r)
{
    return (struct sg_reply){.curl_code = r->curl_code,
                             .why = r->why,
                             .not_sent = r->not_sent,
                             .proxy_status = r->proxy_status,
                             .http_status = r->http_status,
                             .body = sg_buf_text(&r->body),
                             .n_body = r->body.len,
                             .too_large = r->too_large,
                             .headers = r->headers};
}

static int on_progress(void *context, curl_off_t n_down_all, curl_off_t n_down, curl_off_t n_up_all,
                       curl_off_t n_up)
{
    const struct sg_http_call *call = context;
    (void)n_down_all, (void)n_down, (void)n_up_all, (void)n_up;
    return call->stopping();
}

static sg_status add_parts(curl_mime *form, const struct sg_http_call *call, struct sg_err *err)
{
    for (int i = 0; i < call->n_parts; i++) {
        const struct sg_http_part *p = &call->part[i];
        curl_mimepart *part = curl_mime_addpart(form);
        CURLcode rc = part ? curl_mime_name(part, p->name) : CURLE_OUT_OF_MEMORY;
        if (rc == CURLE_OK)
            rc = p->path ? curl_mime_filedata(part, p->path)
                         : curl_mime_data(part, p->text, CURL_ZERO_TERMINATED);
        if (rc == CURLE_OK && p->filename)
            rc = curl_mime_filename(part, p->filename);
        if (rc == CURLE_READ_ERROR)
            return sg_fail(err, SG_FAILED, "%s: cannot be read for sending it", p->path);
        if (rc != CURLE_OK)
            return sg_fail_memory(err, 1024);
    }
    return SG_OK;
}

static sg_status perform(const struct sg_http *h, CURL *easy, const struct sg_http_call *call,
                         struct sg_http_reply *r, struct sg_err *err)
{
    char *url = NULL;
    curl_mime *form = NULL;
    sg_status status = call->at_root ? url_at(h, "", call->path, strlen(call->path), "", &url, err)
                                     : sg_http_url(h, call->path, &url, err);
    if (status != SG_OK)
        return status;
    sg_http_prepare(h, easy, url, r);
    sg_free(url);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((call->timeout_s > 0 ? call->timeout_s : 30) * 1000));
    if (call->stopping) {
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, (void *)(uintptr_t)call);
    }
    if (call->n_parts) {
        if (!(form = curl_mime_init(easy)))
            return sg_fail_memory(err, 1024);
        status = add_parts(form, call, err);
        curl_easy_setopt(easy, CURLOPT_MIMEPOST, form);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, h->form_headers);
    } else if (call->json || strcmp(call->method, "POST") == 0)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->json ? call->json : "");
    if (strcmp(call->method, "GET") != 0 && strcmp(call->method, "POST") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    if (status == SG_OK)
        sg_http_ended(easy, curl_easy_perform(easy), r);
    curl_mime_free(form);
    return status;
}

sg_status sg_http_call(const struct sg_http *h, const struct sg_http_call *call, struct sg_http_reply *r,
                       struct sg_err *err)
{
    *r = sg_http_reply_make();
    r->into = call->into;
    r->max_into = call->max_into;
    CURL *easy = curl_easy_init();
    sg_status status = easy ? perform(h, easy, call, r, err) : sg_fail_memory(err, 4096);
    curl_easy_cleanup(easy);
    r->into = NULL;
    r->easy = NULL;
    if (status != SG_OK)
        sg_http_reply_free(r);
    return status;
}
