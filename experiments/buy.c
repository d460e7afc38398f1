#include "experiments/buy.h"

#include "base/mem.h"

#include <string.h>

/* Rank 0 may let a request go at any moment: looked for so often, it costs no visible time of a request's 200 ms. */
enum { PATIENCE_MS = 2 };

struct told {
    int64_t id;
    struct sg_adapt adapt;
};

struct said {
    int64_t id, room;
    int32_t rank, n_answer; /* bytes of the answer's JSON, which follows */
    struct sg_adapt adapt;
    struct sg_attempt attempt;
};

sg_status sg_buy_tell(struct sg_engine *e, int64_t item, int64_t id, const struct sg_adapt *adapt,
                      const char *canonical, struct sg_err *err)
{
    struct told head = {.id = id, .adapt = *adapt};
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    sg_buf_add(&b, &head, sizeof head);
    sg_buf_puts(&b, canonical);
    sg_status status = sg_buf_check(&b, "a request", err);
    if (status == SG_OK)
        status = sg_engine_tell(e, item, b.data, b.len, err);
    sg_buf_free(&b);
    return status;
}

/* Sends one request that rank 0 has let go. */
static sg_status send_one(struct sg_client *c, const struct sg_buf *b, struct sg_err *err)
{
    struct told head;
    if (b->len <= sizeof head)
        return sg_fail(err, SG_FAILED, "a request arrived damaged");
    memcpy(&head, b->data, sizeof head);
    struct sg_request q = {.canonical = b->data + sizeof head};
    sg_sha256_hex(q.canonical, strlen(q.canonical), q.key);
    sg_client_learn(c, &head.adapt);
    return sg_client_send(c, head.id, &q, err);
}

struct call {
    const struct sg_work *work;
    const struct sg_buyer *buyer;
};

static sg_status say(const struct call *c, struct said *head, const char *answer, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    head->rank = c->buyer->rank;
    head->n_answer = answer ? (int32_t)strlen(answer) : 0;
    head->adapt = *sg_client_adapt(c->buyer->client);
    sg_buf_add(&b, head, sizeof *head);
    if (answer)
        sg_buf_puts(&b, answer);
    sg_status status = sg_buf_check(&b, "an answer", err);
    if (status == SG_OK)
        status = sg_work_emit(c->work, b.data, b.len, err);
    sg_buf_free(&b);
    return status;
}

static sg_status on_result(void *context, struct sg_client_result *r, struct sg_err *err)
{
    struct said head = {.id = r->id, .attempt = r->attempt};
    char *json = sg_answer_to_json(&r->answer);
    if (!json)
        return sg_fail_memory(err, 1024);
    sg_status status = say(context, &head, json, err);
    sg_free(json);
    return status;
}

/* Takes what it was told; *ended: nothing more will come. */
static sg_status obey(struct sg_client *c, const struct sg_work *w, struct sg_buf *b, int *ended,
                      struct sg_err *err)
{
    for (int found = 1; !*ended;) {
        SG_TRY(sg_work_take(w, b, &found, err));
        if (!found)
            break;
        if (b->len)
            SG_TRY(send_one(c, b, err));
        else
            *ended = 1;
    }
    return SG_OK;
}

sg_status sg_buy_work(struct sg_buyer *b, const struct sg_work *w, struct sg_err *err)
{
    if (!b->client)
        SG_TRY(sg_client_create(b->generator, b->api_key, b->connections, &b->client, err));
    struct call call = {w, b};
    struct said ready = {.room = b->connections, .attempt = sg_attempt_make()};
    struct sg_buf message = sg_buf_make((size_t)1 << 30);
    int ended = 0;
    sg_status status = say(&call, &ready, NULL, err);
    while (status == SG_OK && !ended) {
        if (w->stopping(w))
            status = sg_fail(err, SG_STOPPED, "stopped while asking the LLM");
        if (status == SG_OK)
            status = obey(b->client, w, &message, &ended, err);
        if (status == SG_OK && !ended)
            status = sg_client_turn(b->client, PATIENCE_MS, on_result, &call, err);
    }
    sg_client_abandon(b->client);
    sg_buf_free(&message);
    return status;
}

sg_status sg_buy_event(const void *bytes, size_t n, struct sg_buy_event *out, struct sg_err *err)
{
    struct said head;
    if (n >= sizeof head)
        memcpy(&head, bytes, sizeof head);
    if (n < sizeof head || n - sizeof head != (size_t)head.n_answer)
        return sg_fail(err, SG_FAILED, "an answer arrived damaged");
    *out = (struct sg_buy_event){.rank = head.rank,
                                 .room = head.room,
                                 .adapt = head.adapt,
                                 .result = {.id = head.id, .attempt = head.attempt}};
    return head.room ? SG_OK
                     : sg_answer_from_json((const char *)bytes + sizeof head, (size_t)head.n_answer,
                                           &out->result.answer, err);
}
