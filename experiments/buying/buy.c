#include "experiments/buying/buy.h"

#include "base/mem.h"
#include "experiments/study/generators.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* A rank is woken by what it is told and by its connections; this is how long it sleeps when there is neither. */
enum { PATIENCE_MS = 1000 };

struct told {
    int64_t id, generator;
    struct sg_adapt adapt;
};

struct said {
    int64_t id, room;
    int32_t rank, generator;
    int64_t n_answer; /* bytes of the answer's JSON, which follows */
    struct sg_adapt adapt;
    struct sg_attempt attempt;
};

sg_status sg_buy_tell(struct sg_engine *e, int64_t item, int generator, int64_t id,
                      const struct sg_adapt *adapt, const char *canonical, struct sg_err *err)
{
    struct told head = {.id = id, .generator = generator, .adapt = *adapt};
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    sg_buf_add(&b, &head, sizeof head);
    sg_buf_puts(&b, canonical);
    sg_status status = sg_buf_check(&b, "a request", err);
    if (status == SG_OK)
        status = sg_engine_send(e, item, b.data, b.len, err);
    sg_buf_free(&b);
    return status;
}

/* Sends one request that rank 0 has let go. */
static sg_status send_one(struct sg_buyer *buyer, const struct sg_buf *b, struct sg_err *err)
{
    struct told head = {.generator = -1};
    if (b->len > sizeof head)
        memcpy(&head, b->data, sizeof head);
    if (head.generator < 0 || head.generator >= buyer->n_sellers)
        return sg_fail(err, SG_FAILED, "a request arrived damaged");
    struct sg_seller *s = &buyer->seller[head.generator];
    if (!s->client)
        SG_TRY(sg_client_create(s->generator, s->api_key, s->connections, &s->client, err));
    struct sg_request q = {.canonical = b->data + sizeof head};
    sg_sha256_hex(q.canonical, strlen(q.canonical), q.key);
    sg_client_learn(s->client, &head.adapt);
    return sg_client_send(s->client, head.id, &q, err);
}

struct call {
    const struct sg_work *work;
    const struct sg_buyer *buyer;
    int generator;
};

static sg_status say(const struct call *c, struct said *head, const char *answer, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    const struct sg_client *client = c->buyer->seller[c->generator].client;
    head->rank = c->buyer->rank;
    head->generator = c->generator;
    head->n_answer = answer ? (int64_t)strlen(answer) : 0;
    if (client)
        head->adapt = *sg_client_adapt(client);
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
static sg_status obey(struct sg_buyer *buyer, const struct sg_work *w, struct sg_buf *b, int *ended,
                      struct sg_err *err)
{
    for (int found = 1; !*ended;) {
        SG_TRY(sg_work_take(w, b, &found, err));
        if (!found)
            break;
        if (b->len)
            SG_TRY(send_one(buyer, b, err));
        else
            *ended = 1;
    }
    return SG_OK;
}

static sg_status say_ready(const struct sg_buyer *b, const struct sg_work *w, struct sg_err *err)
{
    for (int g = 0; g < b->n_sellers; g++) {
        struct call call = {w, b, g};
        struct said ready = {.room = b->seller[g].connections, .attempt = sg_attempt_make()};
        SG_TRY(say(&call, &ready, NULL, err));
    }
    return SG_OK;
}

/* Sleeps until rank 0 has said something or a client has something to do. */
static sg_status wait_any(const struct sg_buyer *b, const struct sg_work *w, struct sg_err *err)
{
    struct pollfd fd[1 + SG_MAX_GENERATORS] = {{.fd = sg_work_fd(w), .events = POLLIN}};
    int n = 1, patience_ms = PATIENCE_MS;
    for (int g = 0; g < b->n_sellers; g++)
        if (b->seller[g].client)
            fd[n++] =
                (struct pollfd){.fd = sg_client_fd(b->seller[g].client, &patience_ms), .events = POLLIN};
    if (poll(fd, (nfds_t)n, patience_ms) < 0 && errno != EINTR)
        return sg_fail(err, SG_FAILED, "cannot wait for answers: %s", strerror(errno));
    return SG_OK;
}

static sg_status turn_all(struct sg_buyer *b, const struct sg_work *w, struct sg_err *err)
{
    for (int g = 0; g < b->n_sellers; g++) {
        struct call call = {w, b, g};
        if (b->seller[g].client)
            SG_TRY(sg_client_turn(b->seller[g].client, 0, on_result, &call, err));
    }
    return SG_OK;
}

sg_status sg_buy_work(struct sg_buyer *b, const struct sg_work *w, struct sg_err *err)
{
    struct sg_buf message = sg_buf_make((size_t)1 << 30);
    int ended = 0;
    sg_status status = say_ready(b, w, err);
    while (status == SG_OK && !ended) {
        if (w->stopping(w))
            status = sg_fail(err, SG_STOPPED, "stopped while asking the LLM");
        if (status == SG_OK)
            status = obey(b, w, &message, &ended, err);
        if (status == SG_OK && !ended)
            status = wait_any(b, w, err);
        if (status == SG_OK && !ended)
            status = turn_all(b, w, err);
    }
    for (int g = 0; g < b->n_sellers; g++)
        if (b->seller[g].client)
            sg_client_abandon(b->seller[g].client);
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
                                 .generator = head.generator,
                                 .room = head.room,
                                 .adapt = head.adapt,
                                 .result = {.id = head.id, .attempt = head.attempt}};
    return head.room ? SG_OK
                     : sg_answer_from_json((const char *)bytes + sizeof head, (size_t)head.n_answer,
                                           &out->result.answer, err);
}
