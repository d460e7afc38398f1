#include "gen/llm/request_frame.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "name": value, as jansson writes it; frees the value. */
static void add_member(struct sg_buf *b, const char *name, json_t *value, int *bad)
{
    char *text =
        value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    *bad |= text == NULL;
    sg_buf_puts(b, ",\"");
    sg_buf_puts(b, name);
    sg_buf_puts(b, "\":");
    sg_buf_puts(b, text ? text : "");
    free(text);
}

sg_status sg_request_frame_make(const struct sg_generator *g, json_t *messages, json_t *format,
                                int64_t max_tokens, double temperature, struct sg_request_frame *out,
                                struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 28), end = sg_buf_make(1000),
                  begin = sg_buf_make((size_t)1 << 24);
    int bad = 0;
    sg_buf_puts(&begin, "{");
    if (g->extra)
        sg_buf_printf(&begin, "\"extra\":%s,", g->extra);
    add_member(&b, "max_tokens", json_integer((json_int_t)max_tokens), &bad);
    add_member(&b, "messages", messages, &bad);
    add_member(&b, "model", json_string(g->model), &bad);
    if (g->n_omit)
        add_member(&b, "omit", sg_generator_omitted(g), &bad);
    add_member(&b, "provider", json_string(g->provider), &bad);
    if (format)
        add_member(&b, "response_format", format, &bad);
    add_member(&end, "temperature", json_real(temperature), &bad);
    add_member(&end, "top_p", json_real(g->top_p), &bad);
    sg_buf_puts(&end, "}");
    struct sg_request_frame f = {sg_buf_take(&begin), sg_buf_take(&b), sg_buf_take(&end)};
    if (bad || !f.begin || !f.middle || !f.end) {
        sg_request_frame_free(&f);
        return sg_fail(err, SG_FAILED,
                       "cannot write a request: memory ran out, or the model's name is not valid UTF-8");
    }
    *out = f;
    return SG_OK;
}

void sg_request_frame_free(struct sg_request_frame *f)
{
    sg_free(f->begin);
    sg_free(f->middle);
    sg_free(f->end);
    *f = (struct sg_request_frame){0};
}

sg_status sg_request_frame_fill(const struct sg_request_frame *f, int64_t index, int64_t seed,
                                struct sg_request *out, struct sg_err *err)
{
    /* A ledger's every request is made again when a study goes on: no printf, which reads all of it twice. */
    char head[40], tail[40];
    size_t n_begin = strlen(f->begin),
           n_head = (size_t)snprintf(head, sizeof head, "\"index\":%lld", (long long)index),
           n_tail = (size_t)snprintf(tail, sizeof tail, ",\"seed\":%lld", (long long)seed),
           n_middle = strlen(f->middle), n_end = strlen(f->end),
           n = n_begin + n_head + n_middle + n_tail + n_end;
    struct sg_request r = {.canonical = sg_alloc(n + 1, 1)};
    if (!r.canonical)
        return sg_fail_memory(err, n);
    char *p = r.canonical;
    p = (char *)memcpy(p, f->begin, n_begin) + n_begin;
    p = (char *)memcpy(p, head, n_head) + n_head;
    p = (char *)memcpy(p, f->middle, n_middle) + n_middle;
    p = (char *)memcpy(p, tail, n_tail) + n_tail;
    memcpy(p, f->end, n_end);
    sg_sha256_hex(r.canonical, n, r.key);
    *out = r;
    return SG_OK;
}

sg_status sg_request_make(const struct sg_generator *g, json_t *messages, json_t *format,
                          const struct sg_sampling *s, struct sg_request *out, struct sg_err *err)
{
    struct sg_request_frame f;
    SG_TRY(sg_request_frame_make(g, messages, format, s->max_tokens, s->temperature, &f, err));
    sg_status status = sg_request_frame_fill(&f, s->index, s->seed, out, err);
    sg_request_frame_free(&f);
    return status;
}
