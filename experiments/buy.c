#include "experiments/buy.h"

#include "base/mem.h"

#include <jansson.h>
#include <string.h>

sg_status sg_buy_payload(const struct sg_requests *r, struct sg_buf *payload, struct sg_err *err)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < r->n; i++)
        json_array_append_new(list, json_string(r->item[i].canonical));
    char *text = list && (int64_t)json_array_size(list) == r->n ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    if (!text)
        return sg_fail_memory(err, 1 << 16);
    sg_buf_puts(payload, text);
    free(text);
    return sg_buf_check(payload, "the message of requests", err);
}

static sg_status read_requests(const struct sg_work *w, struct sg_requests *out, struct sg_err *err)
{
    json_error_t why;
    json_t *list = json_loadb(w->payload, w->n_payload, 0, &why);
    if (!json_is_array(list)) {
        json_decref(list);
        return sg_fail(err, SG_FAILED, "the message of requests is damaged: %s", why.text);
    }
    size_t n = json_array_size(list);
    sg_status status = SG_OK;
    out->item = sg_alloc(n + 1, sizeof *out->item);
    if (!out->item)
        status = sg_fail_memory(err, n * sizeof *out->item);
    for (size_t i = 0; status == SG_OK && i < n; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        out->item[i].canonical = sg_strdup(text);
        if (!out->item[i].canonical) {
            status = sg_fail_memory(err, text ? strlen(text) : 0);
            break;
        }
        sg_sha256_hex(text, strlen(text), out->item[i].key);
        out->n++;
    }
    json_decref(list);
    return status;
}

struct call {
    const struct sg_work *work;
    int rank;
};

static sg_status on_answer(void *context, const struct sg_answer *a, struct sg_err *err)
{
    const struct call *c = context;
    char *json = sg_answer_to_json(a);
    if (!json)
        return sg_fail_memory(err, 1024);
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    int32_t rank = c->rank;
    sg_buf_add(&b, &rank, sizeof rank);
    sg_buf_puts(&b, json);
    sg_free(json);
    sg_status status = sg_buf_check(&b, "an answer", err);
    if (status == SG_OK)
        status = sg_work_emit(c->work, b.data, b.len, err);
    sg_buf_free(&b);
    return status;
}

static int stopping(void *context)
{
    const struct call *c = context;
    return c->work->stopping(c->work) ? 2 : 0;
}

sg_status sg_buy_work(struct sg_buyer *b, const struct sg_work *w, struct sg_err *err)
{
    if (!b->client)
        SG_TRY(sg_client_create(b->generator, b->api_key, b->connections, &b->client, err));
    struct sg_requests requests = {0};
    sg_status status = read_requests(w, &requests, err);
    struct call call = {w, b->rank};
    struct sg_client_calls calls = {.answer = on_answer, .stopping = stopping, .context = &call};
    if (status == SG_OK)
        status = sg_client_run(b->client, &requests, &calls, err);
    /* An endpoint that is down or out of money stops the buying, not the cells whose pools are there: that is
     * for rank 0 to say. */
    if (status == SG_STOPPED && !w->stopping(w))
        status = SG_FAILED;
    sg_requests_free(&requests);
    return status;
}

sg_status sg_buy_event(const void *bytes, size_t n, int *rank, struct sg_answer *out, struct sg_err *err)
{
    int32_t r;
    if (n < sizeof r)
        return sg_fail(err, SG_FAILED, "an answer arrived damaged");
    memcpy(&r, bytes, sizeof r);
    *rank = r;
    return sg_answer_from_json((const char *)bytes + sizeof r, n - sizeof r, out, err);
}
