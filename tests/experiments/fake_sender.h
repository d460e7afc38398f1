/* A fake of the ranks' side of buying, found by the linker in place of experiments/buying/sender.c and the engine: what the dispatcher
 * commands is kept here, and a test reports what it likes. */
#ifndef SG_TESTS_EXPERIMENTS_FAKE_SENDER_H
#define SG_TESTS_EXPERIMENTS_FAKE_SENDER_H

#include "base/mem.h"
#include "experiments/buying/dispatch.h"
#include "experiments/buying/endpoints.h"

#include "scratch.h"

enum { FAKE_MAX_SLOTS = 8, FAKE_MAX_COMMANDS = 4000 };

struct fake_command {
    int64_t item, id;
    int generator, is_over; /* is_over: it was reported on */
    char *canonical;
};

static struct {
    void *user[FAKE_MAX_SLOTS]; /* of the items */
    int has_ended[FAKE_MAX_SLOTS];
    int64_t n_items;
    struct fake_command command[FAKE_MAX_COMMANDS];
    int n; /* commands so far */
    struct sg_kind kind;
} fake;

sg_status sg_engine_add(struct sg_engine *e, const struct sg_item *item, int64_t *id, struct sg_err *err)
{
    (void)e, (void)err;
    assert_true(fake.n_items < FAKE_MAX_SLOTS);
    fake.user[fake.n_items] = item->user;
    *id = fake.n_items++;
    return SG_OK;
}

sg_status sg_sender_command(struct sg_engine *e, int64_t item, int generator, int64_t id,
                            const struct sg_adapt *adapt, const char *canonical, struct sg_err *err)
{
    (void)e, (void)adapt, (void)err;
    assert_true(fake.n < FAKE_MAX_COMMANDS && !fake.has_ended[item]);
    fake.command[fake.n++] = (struct fake_command){
        .item = item, .id = id, .generator = generator, .canonical = sg_strdup(canonical)};
    return SG_OK;
}

sg_status sg_sender_command_end(struct sg_engine *e, int64_t item, struct sg_err *err)
{
    (void)e, (void)err;
    fake.has_ended[item] = 1;
    return SG_OK;
}

sg_status sg_sender_work(struct sg_sender *s, const struct sg_work *w, struct sg_err *err)
{
    (void)s, (void)w;
    return sg_fail(err, SG_FAILED, "nobody works here");
}

sg_status sg_sender_event_read(const void *bytes, size_t n, struct sg_sender_event *out, struct sg_err *err)
{
    (void)err;
    assert_int_equal(n, sizeof *out);
    memcpy(out, bytes, n);
    return SG_OK;
}

static inline void fake_begin(void)
{
    memset(&fake, 0, sizeof fake);
    fake.kind = sg_dispatch_kind(NULL);
}

static inline void fake_end(void)
{
    for (int i = 0; i < fake.n; i++)
        sg_free(fake.command[i].canonical);
}

/* Takes the answer's texts. */
static inline sg_status fake_report(int64_t item, const struct sg_sender_event *e, struct sg_err *err)
{
    return fake.kind.event(NULL, fake.user[item], e, sizeof *e, NULL, err);
}

/* The item is ready on a rank of the same number, for all generators. */
static inline void fake_ready(int64_t item, int n_generators, int64_t capacity)
{
    struct sg_err err = {0};
    for (int g = 0; g < n_generators; g++) {
        struct sg_sender_event e = {.rank = (int)item, .generator = g, .capacity = capacity};
        assert_int_equal(fake_report(item, &e, &err), SG_OK);
    }
}

/* What came of command c; text: of its answer, NULL where there is none. */
static inline void fake_result(int c, const struct sg_attempt *attempt, int http_status, const char *text)
{
    struct fake_command *x = &fake.command[c];
    struct sg_err err = {0};
    struct sg_sender_event e = {.rank = (int)x->item, .generator = x->generator};
    assert_false(x->is_over);
    x->is_over = 1;
    e.result = (struct sg_client_result){.id = x->id, .attempt = *attempt};
    e.result.answer = (struct sg_answer){.status = SG_OK,
                                         .text = text ? sg_strdup(text) : NULL,
                                         .finish_reason = text ? sg_strdup("stop") : NULL,
                                         .http_status = http_status,
                                         .tokens_in = 10,
                                         .tokens_out = 5,
                                         .cost_usd = attempt->cost_usd};
    sg_sha256_hex(x->canonical, strlen(x->canonical), e.result.answer.key);
    if (fake_report(x->item, &e, &err) != SG_OK)
        fail_msg("%s", err.text);
}

static inline void fake_answer(int c, const char *text)
{
    struct sg_attempt a = sg_attempt_make();
    a.kind = SG_ATTEMPT_ANSWERED;
    a.cost_usd = 0;
    fake_result(c, &a, 200, text);
}

static inline void fake_fail(int c, enum sg_attempt_kind kind, enum sg_error_cause cause, int http_status)
{
    struct sg_attempt a = sg_attempt_make();
    a.kind = kind;
    a.cause = cause;
    a.outage = kind == SG_ATTEMPT_RATE;
    a.dead = kind == SG_ATTEMPT_ENDPOINT ? SG_INPUT : SG_OK;
    snprintf(a.reason, sizeof a.reason, "scripted");
    fake_result(c, &a, http_status, NULL);
}

#endif
