/* HTTP to an LLM endpoint, whatever is asked of it: its address, its headers with the key, and how it is spoken to.
 *
 * No redirects, TLS always verified, plain http only to loopback unless no key is set, no proxy for loopback, answers
 * bounded in size. gen/llm/client.c sends chat requests through it, many at once; other calls are one at a time:
 *
 *     struct sg_http *h;
 *     SG_TRY(sg_http_create(g, api_key, &h, err));
 *     struct sg_http_call call = {.method = "GET", .path = "/models"};
 *     struct sg_http_reply r;
 *     SG_TRY(sg_http_call(h, &call, &r, err));
 *     if (r.curl_code == 0 && r.http_status == 200) ... sg_buf_text(&r.body), r.body.len ...
 *     sg_http_reply_free(&r);
 */
#ifndef SG_GEN_LLM_HTTP_H
#define SG_GEN_LLM_HTTP_H

#include "gen/llm/provider.h"
#include "gen/llm/reply.h"

#include <stdio.h>

struct sg_http;

/* Local. `g` is borrowed until destroy; `api_key` may be NULL (a server that needs none). SG_INPUT for an address that is not
 * http(s) or unix (gen/llm/unix_address.h), that holds a password, that would carry a key in the clear to another host, or whose socket
 * is open to other users. */
sg_status sg_http_create(const struct sg_generator *g, const char *api_key, struct sg_http **out,
                         struct sg_err *err) SG_MUST_USE;
void sg_http_destroy(struct sg_http *h);

/* The base URL in use, without user-info and query: for messages and provenance. */
const char *sg_http_origin(const struct sg_http *h);

/* Whether the server is on this node. */
int sg_http_is_local(const struct sg_http *h);

/* The Unix socket that it listens on; NULL: none. */
const char *sg_http_socket(const struct sg_http *h);

/* Local. The same of an address; 0 for what is none. */
int sg_http_is_loopback(const char *url);

/* <base><path>, with the base's query kept (sg_free). path: begins with "/"; may end in a query of its own, which follows the
 * base's. */
sg_status sg_http_url(const struct sg_http *h, const char *path, char **url, struct sg_err *err) SG_MUST_USE;

enum { SG_HTTP_WHY = 256 }; /* CURL_ERROR_SIZE */

/* What comes back of one exchange. */
struct sg_http_reply {
    int curl_code; /* CURLcode; 0: an answer arrived, whatever it says */
    long http_status;
    struct sg_buf body; /* bounded; empty where the answer went into a file */
    int too_large;
    struct sg_headers headers;
    char why[SG_HTTP_WHY]; /* libcurl's own words for a failure, "" without */
    int not_sent; /* the connection was never made, to a proxy or behind it: no byte of the request has left */
    int n_begun;  /* requests that libcurl has begun: a second one is stopped */
    double
        begun_s; /* when the first of them left (sg_now_s); 0: none has. What waits for a connection before is not the server's time */
    long proxy_status; /* a proxy's answer to CONNECT, 0: none */
    void *easy;        /* while it runs */
    FILE *into;        /* NULL: none */
    size_t n_into, max_into;
};
struct sg_http_reply sg_http_reply_make(void);
void sg_http_reply_free(struct sg_http_reply *r); /* leaves it empty and usable */

/* Sets up an easy handle (a CURL *, so that nobody else needs curl.h): everything but what is sent, and how long that may take: libcurl
 * counts from when it is given the request, the caller from r->begun_s. A connection is there in 10 s or not at all. `url` is copied, `r`
 * is filled while it runs. */
void sg_http_prepare(const struct sg_http *h, void *easy, const char *url, struct sg_http_reply *r);

/* Once it has ended: what libcurl knows of it goes into *r. */
void sg_http_ended(void *easy, int curl_code, struct sg_http_reply *r);

/* The same as gen/llm/reply.h's functions take it. Borrows from r. */
struct sg_reply sg_http_reply_plain(const struct sg_http_reply *r);

/* A part of a form (multipart/form-data); its bytes are those of `path`, where that is not NULL. */
struct sg_http_part {
    const char *name, *text, *path, *filename;
};

struct sg_http_call {
    const char *method, *path; /* path as for sg_http_url */
    int at_root;               /* path stands behind the host, not behind the base URL */
    const char *json;          /* the body; NULL: none, or a form */
    int n_parts;
    const struct sg_http_part *part;
    double timeout_s;      /* 0: 30 s */
    FILE *into;            /* a 2xx body goes there; NULL: into the reply */
    size_t max_into;       /* its ceiling in bytes */
    int (*stopping)(void); /* asked again and again; not 0 ends the call. NULL: never */
};

/* Local, blocking. One exchange; fails only without memory, or when a file of a part cannot be read: what became of it on the
 * network is in *r (sg_http_reply_free). */
sg_status sg_http_call(const struct sg_http *h, const struct sg_http_call *call, struct sg_http_reply *r,
                       struct sg_err *err) SG_MUST_USE;

#endif
