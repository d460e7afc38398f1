#include "gen/llm/batch.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A line holds one completion, of which 16 MB are read live as well (gen/llm/http.c), and what JSON adds to it. */
static const size_t MAX_LINE = (size_t)32 << 20;

sg_status sg_batch_line_add(struct sg_buf *out, const struct sg_request *q, const struct sg_adapt *adapt,
                            struct sg_err *err)
{
    char *body = sg_wire_body(q, adapt);
    if (!body)
        return sg_fail_memory(err, strlen(q->canonical));
    sg_buf_printf(
        out, "{\"custom_id\":\"%s\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":", q->key);
    sg_buf_puts(out, body);
    sg_buf_puts(out, "}\n");
    sg_free(body);
    return sg_buf_check(out, "the requests of a batch", err);
}

/* Why a line has no answer: {"code","message"}. */
static void read_why(const json_t *error, char out[400])
{
    const char *code = sg_json_text_or(error, "code", NULL),
               *message = sg_json_text_or(error, "message", NULL);
    struct sg_buf b = sg_buf_make(4096);
    if (code)
        sg_buf_foreign(&b, code, 60);
    if (message) {
        sg_buf_puts(&b, code ? ": " : "");
        sg_buf_foreign(&b, message, 200);
    }
    snprintf(out, 400, "%s", b.len ? sg_buf_text(&b) : "no answer");
    sg_text_whole(out);
    sg_buf_free(&b);
}

typedef sg_status (*each_line)(void *context, const struct sg_batch_line *line, struct sg_err *err);

static sg_status read_line(const char *text, size_t n, each_line each, void *context, int64_t *n_damaged,
                           struct sg_err *err)
{
    json_t *o = sg_reply_json(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL);
    const json_t *response = json_object_get(o, "response"), *error = json_object_get(o, "error"),
                 *http = json_object_get(response, "status_code"), *body = json_object_get(response, "body");
    struct sg_batch_line line = {.custom_id = sg_json_text_or(o, "custom_id", NULL)};
    char why[400] = "";
    char *text_body = NULL;
    sg_status status = SG_OK;
    if (json_is_integer(http)) {
        line.http_status = (long)json_integer_value(http);
        line.request_id = sg_json_text_or(response, "request_id", NULL);
        text_body = json_dumps(body ? body : json_null(), JSON_COMPACT | JSON_ENCODE_ANY);
        line.body = text_body;
        line.n_body = text_body ? strlen(text_body) : 0;
        if (!text_body)
            status = sg_fail_memory(err, n);
    } else
        read_why(error, why);
    line.why = why;
    if (status == SG_OK && line.custom_id && (line.http_status > 0 || json_is_object(error)))
        status = each(context, &line, err);
    else if (status == SG_OK)
        (*n_damaged)++;
    free(text_body);
    json_decref(o);
    return status;
}

/* What is known of the line that is being read. */
struct reading {
    struct sg_buf line;
    each_line each;
    void *context;
    int64_t *n_damaged;
};

static int is_blank(const char *s, size_t n)
{
    while (n && strchr(" \t\r", s[n - 1]) && s[n - 1])
        n--;
    return n == 0;
}

static sg_status end_line(struct reading *r, struct sg_err *err)
{
    if (r->line.failed == 1)
        return sg_fail_memory(err, r->line.cap);
    sg_status status = SG_OK;
    if (r->line.failed)
        (*r->n_damaged)++;
    else if (!is_blank(sg_buf_text(&r->line), r->line.len))
        status = read_line(r->line.data, r->line.len, r->each, r->context, r->n_damaged, err);
    if (r->line.failed || r->line.cap > (size_t)1 << 20)
        sg_buf_free(&r->line);
    else
        sg_buf_clear(&r->line);
    return status;
}

sg_status sg_batch_read(FILE *f, each_line each, void *context, int64_t *n_damaged, struct sg_err *err)
{
    struct reading r = {sg_buf_make(MAX_LINE), each, context, n_damaged};
    enum { CHUNK = 1 << 16 };
    char *chunk = sg_alloc(CHUNK, 1);
    sg_status status = chunk ? SG_OK : sg_fail_memory(err, CHUNK);
    size_t n;
    while (status == SG_OK && (n = fread(chunk, 1, CHUNK, f)) > 0) {
        const char *p = chunk, *end = chunk + n, *newline;
        while (status == SG_OK && (newline = memchr(p, '\n', (size_t)(end - p)))) {
            sg_buf_add(&r.line, p, (size_t)(newline - p));
            status = end_line(&r, err);
            p = newline + 1;
        }
        sg_buf_add(&r.line, p, (size_t)(end - p));
    }
    if (status == SG_OK && ferror(f))
        status = sg_fail(err, SG_FAILED, "a batch's answers cannot be read back from the disk");
    if (status == SG_OK)
        status = end_line(&r, err);
    sg_buf_free(&r.line);
    sg_free(chunk);
    return status;
}

struct sg_attempt sg_batch_classify(const struct sg_generator *g, const struct sg_request *q,
                                    const struct sg_batch_line *line, const struct sg_adapt *sent,
                                    struct sg_adapt *adapt, struct sg_answer *a)
{
    memcpy(a->key, q->key, SG_HEX);
    a->http_status = (int)line->http_status;
    if (!line->http_status) {
        struct sg_attempt t = sg_attempt_make();
        t.kind = SG_ATTEMPT_OVERLOAD;
        t.outage = 1;
        snprintf(t.reason, sizeof t.reason, "%s", line->why);
        return t;
    }
    struct sg_reply r = {.http_status = line->http_status,
                         .body = line->body,
                         .n_body = line->n_body,
                         .headers = sg_headers_make(),
                         .sent = *sent};
    if (line->request_id)
        snprintf(r.headers.request_id, sizeof r.headers.request_id, "%s", line->request_id);
    sg_text_whole(r.headers.request_id);
    struct sg_attempt t = sg_reply_classify(g, q, &r, adapt, a);
    a->attempts = 1;
    return t;
}
