#include "experiments/buying/sender.h"

#include "base/crash.h"
#include "base/mem.h"
#include "experiments/study/generators.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* A rank is woken by commands and by its connections; this is how long it sleeps when there is neither. */
enum { PATIENCE_MS = 1000 };

struct command {
    int64_t id, generator;
    struct sg_adapt adapt;
};

struct event {
    int64_t id, capacity;
    int32_t rank, generator;
    int64_t n_answer; /* bytes of the answer's JSON, which follows */
    struct sg_adapt adapt;
    struct sg_attempt attempt;
};

sg_status sg_sender_command(struct sg_engine *e, int64_t item, int generator, int64_t id,
                            const struct sg_adapt *adapt, const char *canonical, struct sg_err *err)
{
    struct command head = {.id = id, .generator = generator, .adapt = *adapt};
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    sg_buf_add(&b, &head, sizeof head);
    sg_buf_puts(&b, canonical);
    sg_status status = sg_buf_check(&b, "a request", err);
    if (status == SG_OK)
        status = sg_engine_send(e, item, b.data, b.len, err);
    sg_buf_free(&b);
    return status;
}

sg_status sg_sender_command_end(struct sg_engine *e, int64_t item, struct sg_err *err)
{
    return sg_engine_send(e, item, NULL, 0, err);
}

/* Sends one request that rank 0 lets leave. */
static sg_status send_one(struct sg_sender *sender, const struct sg_buf *b, struct sg_err *err)
{
    struct command head = {.generator = -1};
    if (b->len > sizeof head)
        memcpy(&head, b->data, sizeof head);
    if (head.generator < 0 || head.generator >= sender->n_endpoints)
        return sg_fail(err, SG_FAILED, "a request arrived damaged");
    struct sg_sender_endpoint *e = &sender->endpoint[head.generator];
    if (!e->client)
        SG_TRY(sg_client_create(e->generator, e->api_key, e->connections, &e->client, err));
    struct sg_request q = {.canonical = b->data + sizeof head};
    sg_sha256_hex(q.canonical, strlen(q.canonical), q.key);
    sg_client_learn(e->client, &head.adapt);
    return sg_client_send(e->client, head.id, &q, err);
}

struct call {
    const struct sg_work *work;
    const struct sg_sender *sender;
    int generator;
};

static sg_status report(const struct call *c, struct event *head, const char *answer, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 30);
    const struct sg_client *client = c->sender->endpoint[c->generator].client;
    head->rank = c->sender->rank;
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
    struct event head = {.id = r->id, .attempt = r->attempt};
    char *json = sg_answer_to_json(&r->answer);
    sg_crash_site("answer_came", NULL);
    if (!json)
        return sg_fail_memory(err, 1024);
    sg_status status = report(context, &head, json, err);
    sg_free(json);
    return status;
}

/* Does what was commanded; *ended: nothing more will come. */
static sg_status take_commands(struct sg_sender *sender, const struct sg_work *w, struct sg_buf *b,
                               int *ended, struct sg_err *err)
{
    for (int found = 1; !*ended;) {
        SG_TRY(sg_work_take(w, b, &found, err));
        if (!found)
            break;
        if (b->len)
            SG_TRY(send_one(sender, b, err));
        else
            *ended = 1;
    }
    return SG_OK;
}

static sg_status report_ready(const struct sg_sender *s, const struct sg_work *w, struct sg_err *err)
{
    for (int g = 0; g < s->n_endpoints; g++) {
        struct call call = {w, s, g};
        struct event ready = {.capacity = s->endpoint[g].connections, .attempt = sg_attempt_make()};
        SG_TRY(report(&call, &ready, NULL, err));
    }
    return SG_OK;
}

/* Sleeps until there is a command or a client has something to do. */
static sg_status wait_any(const struct sg_sender *s, const struct sg_work *w, struct sg_err *err)
{
    struct pollfd fd[1 + SG_MAX_GENERATORS] = {{.fd = sg_work_fd(w), .events = POLLIN}};
    int n = 1, patience_ms = PATIENCE_MS;
    for (int g = 0; g < s->n_endpoints; g++)
        if (s->endpoint[g].client)
            fd[n++] =
                (struct pollfd){.fd = sg_client_fd(s->endpoint[g].client, &patience_ms), .events = POLLIN};
    if (poll(fd, (nfds_t)n, patience_ms) < 0 && errno != EINTR)
        return sg_fail(err, SG_FAILED, "cannot wait for answers: %s", strerror(errno));
    return SG_OK;
}

static sg_status turn_all(struct sg_sender *s, const struct sg_work *w, struct sg_err *err)
{
    for (int g = 0; g < s->n_endpoints; g++) {
        struct call call = {w, s, g};
        if (s->endpoint[g].client)
            SG_TRY(sg_client_turn(s->endpoint[g].client, 0, on_result, &call, err));
    }
    return SG_OK;
}

sg_status sg_sender_work(struct sg_sender *s, const struct sg_work *w, struct sg_err *err)
{
    struct sg_buf message = sg_buf_make((size_t)1 << 30);
    int ended = 0;
    sg_status status = report_ready(s, w, err);
    while (status == SG_OK && !ended) {
        if (w->stopping(w))
            status = sg_fail(err, SG_STOPPED, "stopped while asking the LLM");
        if (status == SG_OK)
            status = take_commands(s, w, &message, &ended, err);
        if (status == SG_OK && !ended)
            status = wait_any(s, w, err);
        if (status == SG_OK && !ended)
            status = turn_all(s, w, err);
    }
    for (int g = 0; g < s->n_endpoints; g++)
        if (s->endpoint[g].client)
            sg_client_abandon(s->endpoint[g].client);
    sg_buf_free(&message);
    return status;
}

sg_status sg_sender_event_read(const void *bytes, size_t n, struct sg_sender_event *out, struct sg_err *err)
{
    struct event head;
    if (n >= sizeof head)
        memcpy(&head, bytes, sizeof head);
    if (n < sizeof head || n - sizeof head != (size_t)head.n_answer)
        return sg_fail(err, SG_FAILED, "an answer arrived damaged");
    *out = (struct sg_sender_event){.rank = head.rank,
                                    .generator = head.generator,
                                    .capacity = head.capacity,
                                    .adapt = head.adapt,
                                    .result = {.id = head.id, .attempt = head.attempt}};
    return head.capacity ? SG_OK
                         : sg_answer_from_json((const char *)bytes + sizeof head, (size_t)head.n_answer,
                                               &out->result.answer, err);
}
