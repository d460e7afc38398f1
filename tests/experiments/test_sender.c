/* A rank's sender against a fake engine and fake clients, which the linker finds first. */
#include "base/mem.h"
#include "experiments/buying/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { MAX = 8 };

static struct sg_err err;

struct sg_client {
    const struct sg_generator *generator;
    int64_t connections, id[MAX];
    int n_sent, n_reported, has_abandoned;
    char text[MAX][80], key[MAX][SG_HEX];
    struct sg_adapt adapt;
};

static struct {
    struct sg_buf command[MAX], event[MAX]; /* what comes from rank 0, and what goes there */
    int n_commands, n_taken, n_events, n_clients, stops;
    struct sg_client client[2];
} fake;

sg_status sg_engine_send(struct sg_engine *e, int64_t item, const void *bytes, size_t n, struct sg_err *why)
{
    (void)e, (void)why;
    assert_true(item == 5 && fake.n_commands < MAX);
    struct sg_buf *b = &fake.command[fake.n_commands++];
    *b = sg_buf_make(1 << 20);
    if (n)
        sg_buf_add(b, bytes, n);
    return SG_OK;
}

/* A command comes when all that was sent is answered. */
sg_status sg_work_take(const struct sg_work *w, struct sg_buf *out, int *found, struct sg_err *why)
{
    (void)w, (void)why;
    int is_busy = 0;
    for (int i = 0; i < fake.n_clients; i++)
        is_busy |= fake.client[i].n_reported < fake.client[i].n_sent;
    *found = !is_busy && fake.n_taken < fake.n_commands;
    sg_buf_clear(out);
    if (*found && fake.command[fake.n_taken].len)
        sg_buf_add(out, fake.command[fake.n_taken].data, fake.command[fake.n_taken].len);
    fake.n_taken += *found;
    return SG_OK;
}

sg_status sg_work_emit(const struct sg_work *w, const void *bytes, size_t n, struct sg_err *why)
{
    (void)w, (void)why;
    assert_true(fake.n_events < MAX);
    struct sg_buf *b = &fake.event[fake.n_events++];
    *b = sg_buf_make(1 << 20);
    sg_buf_add(b, bytes, n);
    return SG_OK;
}

int sg_work_fd(const struct sg_work *w)
{
    (void)w;
    return -1;
}

sg_status sg_client_create(const struct sg_generator *g, const char *api_key, int64_t connections,
                           struct sg_client **out, struct sg_err *why)
{
    (void)why;
    assert_string_equal(api_key, "key");
    *out = &fake.client[fake.n_clients++];
    **out = (struct sg_client){.generator = g, .connections = connections};
    return SG_OK;
}

void sg_client_learn(struct sg_client *c, const struct sg_adapt *more)
{
    c->adapt.refused |= more->refused;
}

const struct sg_adapt *sg_client_adapt(const struct sg_client *c)
{
    return &c->adapt;
}

sg_status sg_client_send(struct sg_client *c, int64_t id, const struct sg_request *q, struct sg_err *why)
{
    char key[SG_HEX];
    (void)why;
    sg_sha256_hex(q->canonical, strlen(q->canonical), key);
    assert_string_equal(q->key, key);
    c->id[c->n_sent] = id;
    memcpy(c->key[c->n_sent], key, SG_HEX);
    snprintf(c->text[c->n_sent++], sizeof c->text[0], "%s", q->canonical);
    return SG_OK;
}

sg_status sg_client_turn(struct sg_client *c, int timeout_ms, sg_client_each each, void *context,
                         struct sg_err *why)
{
    assert_int_equal(timeout_ms, 0);
    while (c->n_reported < c->n_sent) {
        struct sg_client_result r = {.id = c->id[c->n_reported++], .attempt = sg_attempt_make()};
        char text[] = "an answer";
        r.attempt.kind = SG_ATTEMPT_ANSWERED;
        r.answer = (struct sg_answer){.status = SG_OK, .text = text, .tokens_in = 3, .http_status = 200};
        memcpy(r.answer.key, c->key[c->n_reported - 1], SG_HEX);
        SG_TRY(each(context, &r, why));
    }
    return SG_OK;
}

int sg_client_fd(const struct sg_client *c, int *timeout_ms)
{
    (void)c;
    *timeout_ms = 0;
    return -1;
}

void sg_client_abandon(struct sg_client *c)
{
    c->has_abandoned = 1;
}

static int stopping(const struct sg_work *w)
{
    (void)w;
    return fake.stops;
}

static sg_status work(void)
{
    const struct sg_generator generator[2] = {{.model = "a"}, {.model = "b"}};
    struct sg_sender_endpoint endpoint[2] = {{&generator[0], "key", 4, NULL},
                                             {&generator[1], "key", 2, NULL}};
    struct sg_sender s = {.n_endpoints = 2, .endpoint = endpoint, .rank = 3};
    struct sg_work w = {.item = 5, .stopping = stopping};
    return sg_sender_work(&s, &w, &err);
}

static int begin(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < fake.n_commands; i++)
        sg_buf_free(&fake.command[i]);
    for (int i = 0; i < fake.n_events; i++)
        sg_buf_free(&fake.event[i]);
    return 0;
}

static struct sg_sender_event event(int i)
{
    struct sg_sender_event e;
    assert_true(i < fake.n_events);
    assert_int_equal(sg_sender_event_read(fake.event[i].data, fake.event[i].len, &e, &err), SG_OK);
    assert_int_equal(e.rank, 3);
    return e;
}

static void sends_what_it_is_commanded(void **state)
{
    (void)state;
    struct sg_adapt adapt = {.refused = 1};
    assert_int_equal(sg_sender_command(NULL, 5, 1, 17, &adapt, "{\"x\":1}", &err), SG_OK);
    assert_int_equal(sg_sender_command(NULL, 5, 1, 18, &adapt, "{\"x\":2}", &err), SG_OK);
    assert_int_equal(sg_sender_command_end(NULL, 5, &err), SG_OK);
    if (work() != SG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(fake.n_clients, 1); /* none is made for nothing */
    assert_string_equal(fake.client[0].generator->model, "b");
    assert_int_equal(fake.client[0].connections, 2);
    assert_string_equal(fake.client[0].text[0], "{\"x\":1}");
    assert_true(fake.client[0].has_abandoned);
    assert_int_equal(fake.n_events, 4);
    for (int g = 0; g < 2; g++) { /* ready, of each generator */
        struct sg_sender_event e = event(g);
        assert_true(e.generator == g && e.capacity == (g ? 2 : 4));
    }
    for (int i = 0; i < 2; i++) {
        struct sg_sender_event e = event(2 + i);
        assert_true(e.generator == 1 && !e.capacity && e.result.id == 17 + i && e.adapt.refused == 1);
        assert_int_equal(e.result.attempt.kind, SG_ATTEMPT_ANSWERED);
        assert_string_equal(e.result.answer.text, "an answer");
        assert_int_equal(e.result.answer.tokens_in, 3);
        sg_answer_free(&e.result.answer);
    }
}

static void ends_when_the_engine_stops(void **state)
{
    (void)state;
    fake.stops = 1;
    assert_int_equal(work(), SG_STOPPED);
    assert_int_equal(fake.n_events, 2);
}

static void damage_is_told(void **state)
{
    (void)state;
    struct sg_adapt adapt = {0};
    struct sg_sender_event e;
    assert_int_equal(sg_sender_command(NULL, 5, 2, 1, &adapt, "{}", &err), SG_OK); /* no such generator */
    assert_int_equal(work(), SG_FAILED);
    assert_int_equal(fake.n_clients, 0);
    assert_int_equal(sg_engine_send(NULL, 5, "short", 5, &err), SG_OK);
    assert_int_equal(work(), SG_FAILED);
    assert_int_equal(sg_sender_event_read("short", 5, &e, &err), SG_FAILED);
    assert_int_equal(sg_sender_event_read(fake.event[0].data, fake.event[0].len - 1, &e, &err), SG_FAILED);
    sg_buf_puts(&fake.event[0], "more");
    assert_int_equal(sg_sender_event_read(fake.event[0].data, fake.event[0].len, &e, &err), SG_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_what_it_is_commanded, begin, end),
        cmocka_unit_test_setup_teardown(ends_when_the_engine_stops, begin, end),
        cmocka_unit_test_setup_teardown(damage_is_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
