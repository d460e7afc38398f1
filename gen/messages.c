#include "gen/messages.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sg_status sg_message_add(json_t *messages, const char *role, const char *pattern,
                         const struct sg_prompt_values *v, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(SG_MAX_PROMPT_BYTES);
    sg_status status = sg_prompt_fill(&b, pattern, v, err);
    if (status == SG_OK)
        status = sg_buf_check(&b, "a prompt", err);
    if (status == SG_OK) {
        json_t *m = json_pack("{ss ss}", "role", role, "content", sg_buf_text(&b));
        if (!m || json_array_append_new(messages, m))
            status = sg_fail(err, SG_FAILED, "a prompt is not valid UTF-8, or memory ran out");
    }
    sg_buf_free(&b);
    return status;
}

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

int64_t sg_draw_seed(struct sg_rng r)
{
    return (int64_t)(sg_rng_u32(&r) >> 1);
}

int sg_draw_distinct(struct sg_rng *r, int64_t n, int64_t skip, int64_t n_skip, int want, int64_t *out)
{
    int n_out = 0;
    int64_t n_left = n - n_skip;
    while (n_out < want && n_out < n_left) {
        int64_t x = (int64_t)sg_rng_below(r, (uint64_t)n_left);
        if (x >= skip)
            x += n_skip;
        int seen = 0;
        for (int i = 0; i < n_out; i++)
            seen |= out[i] == x;
        if (!seen)
            out[n_out++] = x;
    }
    return n_out;
}

char *sg_class_list(const struct sg_task *t)
{
    struct sg_buf b = sg_buf_make(SG_MAX_PROMPT_BYTES);
    for (int k = 0; k < t->n_classes; k++)
        /* A class name may hold commas ("space, science, technology"). */
        sg_buf_printf(&b, "%s%s", k ? "; " : "", t->class_[k].readable);
    struct sg_err ignored;
    if (sg_buf_check(&b, "the list of classes", &ignored) == SG_OK)
        return sg_buf_take(&b);
    sg_buf_free(&b);
    return NULL;
}

int sg_schema_add(json_t *properties, json_t *required, const char *name, json_t *value)
{
    return json_object_set_new(properties, name, value) || json_array_append_new(required, json_string(name));
}

json_t *sg_schema_classes(const struct sg_task *t)
{
    json_t *classes = json_array();
    int bad = !classes;
    for (int k = 0; k < t->n_classes && !bad; k++)
        bad = json_array_append_new(classes, json_string(t->class_[k].readable));
    if (!bad)
        return json_pack("{ss so}", "type", "string", "enum", classes);
    json_decref(classes);
    return NULL;
}

json_t *sg_schema_object(json_t *properties, json_t *required)
{
    return json_pack("{ss so so sb}", "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

json_t *sg_schema_format(const char *name, json_t *schema)
{
    return json_pack("{ss s{ss sb so}}", "type", "json_schema", "json_schema", "name", name, "strict", 1,
                     "schema", schema);
}
