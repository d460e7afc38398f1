/* Parts that the work of many items reads: on every rank of a team, sent once, grown at their end, dropped beyond the ceiling, sent anew after a
 * failure, in pieces where they are large. */
#include "base/mem.h"
#include "mpi/engine.h"
#include "tests/mpi/check.h"

#include <stdlib.h>
#include <string.h>

static struct sg_team world;

/* Byte i of part k. */
static char byte_of(int64_t k, size_t i)
{
    return (char)(i * 31 + (size_t)k * 7 + i / 4096);
}

enum { N_PARTS = 6 };
static struct sg_engine *engine;
static size_t written[N_PARTS]; /* rank 0: bytes, for all ranks */
static int n_over, n_failed, breaks;

static sg_status write_part(void *context, int64_t k, size_t from, size_t to, struct sg_buf *bytes,
                            struct sg_err *err)
{
    CHECK(context == &engine && k < N_PARTS && from < to);
    if (breaks)
        return sg_fail(err, SG_FAILED, "part %d is lost", (int)k);
    for (size_t i = from; i < to; i++) {
        char c = byte_of(k, i);
        sg_buf_add(bytes, &c, 1);
    }
    written[k] += to - from;
    return SG_OK;
}

/* An item: which parts it needs, and how much of each. */
struct need {
    int n, fails;
    struct {
        int64_t part;
        size_t n_bytes;
    } of[3];
};

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    const struct need *x = user;
    (void)context;
    for (int i = 0; i < x->n; i++)
        SG_TRY(sg_engine_need(engine,
                              &(struct sg_engine_part){.number = x->of[i].part,
                                                       .n_bytes = x->of[i].n_bytes,
                                                       .write = write_part,
                                                       .context = &engine},
                              err));
    sg_buf_add(payload, x, sizeof *x);
    return SG_OK;
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    struct need x;
    int right = 1;
    (void)context, (void)result;
    memcpy(&x, w->payload, sizeof x);
    for (int i = 0; i < x.n; i++) {
        size_t n, at = 0;
        const char *bytes = sg_work_part(w, x.of[i].part, &n);
        right &= n >= x.of[i].n_bytes && (bytes || !x.of[i].n_bytes) && (uintptr_t)bytes % 64 == 0;
        while (right && at < n && bytes[at] == byte_of(x.of[i].part, at))
            at++;
        right &= at == n;
    }
    sg_status status =
        right && !x.fails ? SG_OK : sg_fail(err, SG_FAILED, right ? "as asked" : "wrong bytes");
    return sg_agree(&w->team, status, err);
}

static sg_status done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                      struct sg_err *err)
{
    const struct need *x = user;
    (void)context, (void)e, (void)err;
    CHECK(o->status == (x->fails ? SG_FAILED : SG_OK));
    CHECK(!x->fails || strstr(o->reason, "as asked"));
    n_over++;
    n_failed += x->fails;
    return SG_OK;
}

/* Each item after the one before, and so much longer than the rest that the policy gives it all ranks; or all at once, on a rank each. */
static sg_status run(struct need *x, int n, int in_turn, struct sg_err *err)
{
    struct sg_kind kind = {
        .name = "reader", .slot = SG_SLOT_COMPUTE, .prepare = prepare, .work = work, .done = done};
    CHECK_OK(sg_engine_create(&world, &kind, 1, &engine, err), *err);
    memset(written, 0, sizeof written);
    n_over = n_failed = 0;
    double cost = 1;
    for (int64_t i = 0, last = 0; world.rank == 0 && i < n; i++, cost /= in_turn ? 1000 : 1) {
        struct sg_item item = {.cost = cost,
                               .max_ranks = in_turn ? world.size : 1,
                               .n_after = in_turn && i,
                               .after = &last,
                               .user = &x[i]};
        CHECK_OK(sg_engine_add(engine, &item, &last, err), *err);
    }
    sg_status status = sg_engine_run(engine, NULL, err);
    sg_engine_destroy(engine);
    return status;
}

/* Ranks of a team of all. */
static size_t n_all(void)
{
    return (size_t)sg_pow2_floor(world.size);
}

static void once_and_grown(void)
{
    struct sg_err err = {0};
    struct need x[] = {{2, 0, {{0, 5000}, {1, 100000}}},
                       {1, 0, {{1, 100000}}},
                       {1, 0, {{1, 20}}},
                       {1, 0, {{0, 9000}}},
                       {0, 0, {{0, 0}}},
                       {2, 0, {{0, 9000}, {2, 0}}}};
    CHECK_OK(run(x, sizeof x / sizeof *x, 1, &err), err);
    CHECK(world.rank ||
          (n_over == 6 && written[0] == 9000 * n_all() && written[1] == 100000 * n_all() && !written[2]));
}

/* Many items on all ranks: each part goes to a rank at most once. */
static void many(void)
{
    struct sg_err err = {0};
    enum { N = 400 };
    struct need *x = sg_alloc(N, sizeof *x);
    for (int i = 0; i < N; i++)
        x[i] = (struct need){2, 0, {{i % 2, 3000}, {2 + i % 3, 70000}}};
    CHECK_OK(run(x, N, 0, &err), err);
    for (int k = 0; world.rank == 0 && k < 5; k++)
        CHECK(written[k] && written[k] <= (size_t)world.size * (k < 2 ? 3000 : 70000));
    CHECK(world.rank || n_over == N);
    sg_free(x);
}

/* 3 and 1 go for 2; what is needed at once stays whatever it takes. */
static void ceiling(void)
{
    struct sg_err err = {0};
    struct need x[] = {{1, 0, {{3, 400}}},
                       {1, 0, {{1, 400}}},
                       {1, 0, {{3, 400}}},
                       {1, 0, {{2, 700}}},
                       {1, 0, {{3, 300}}},
                       {1, 0, {{2, 700}}},
                       {3, 0, {{3, 1000}, {2, 1000}, {1, 1000}}},
                       {1, 0, {{1, 900}}}};
    size_t before = sg_engine_parts_max;
    sg_engine_parts_max = 1000;
    CHECK_OK(run(x, sizeof x / sizeof *x, 1, &err), err);
    CHECK(world.rank || (written[3] == (400 + 300 + 700) * n_all() && written[1] == (400 + 1000) * n_all() &&
                         written[2] == 1000 * n_all()));
    sg_engine_parts_max = before;
}

/* After a failure its ranks get all anew. */
static void after_a_failure(void)
{
    struct sg_err err = {0};
    struct need x[] = {{2, 0, {{0, 100}, {1, 50}}},
                       {1, 1, {{0, 100}}},
                       {1, 0, {{0, 100}}},
                       {0, 1, {{0, 0}}},
                       {1, 0, {{0, 100}}}};
    CHECK_OK(run(x, sizeof x / sizeof *x, 1, &err), err);
    CHECK(world.rank ||
          (n_over == 5 && n_failed == 2 && written[0] == 200 * n_all() && written[1] == 50 * n_all()));
}

/* What cannot be written ends the run with its words, and can only be needed in `prepare`. */
static void refused(void)
{
    struct sg_err err = {0};
    struct need x = {1, 0, {{4, 10}}};
    breaks = 1;
    CHECK(run(&x, 1, 1, &err) == SG_FAILED && strstr(err.text, "part 4 is lost"));
    breaks = 0;
    CHECK(sg_engine_need(NULL, &(struct sg_engine_part){0}, &err) == SG_FAILED);
}

/* Whatever allocation fails on a rank: the run ends with a reason, or an item fails, and the next has what it needs. */
static sg_status done_somehow(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                              struct sg_err *err)
{
    (void)context, (void)user, (void)e, (void)err;
    CHECK(o->status == SG_OK || o->reason[0]);
    n_over++;
    return SG_OK;
}

static void out_of_memory(void)
{
    struct need x[] = {{2, 0, {{0, 100}, {1, 5000}}}, {2, 0, {{0, 200}, {2, 10}}}, {1, 0, {{1, 6000}}}};
    struct sg_kind kind = {
        .name = "reader", .slot = SG_SLOT_COMPUTE, .prepare = prepare, .work = work, .done = done_somehow};
    for (long at = 1, fired = 1; world.size == 1 && fired; at++) {
        struct sg_err err = {0};
        int64_t last = 0;
        n_over = 0;
        CHECK_OK(sg_engine_create(&world, &kind, 1, &engine, &err), err);
        for (int i = 0; i < 3; i++)
            CHECK_OK(
                sg_engine_add(engine,
                              &(struct sg_item){
                                  .cost = 1, .max_ranks = 1, .n_after = i > 0, .after = &last, .user = &x[i]},
                              &last, &err),
                err);
        sg_mem_fail_at(at);
        sg_status status = sg_engine_run(engine, NULL, &err);
        fired = sg_mem_fail_at(0);
        CHECK(status == SG_OK ? n_over == 3 : err.text[0] != 0);
        sg_engine_destroy(engine);
        CHECK(sg_mem_now() == 0);
    }
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    once_and_grown();
    many();
    ceiling();
    after_a_failure();
    refused();
    out_of_memory();
    CHECK(sg_mem_now() == 0);
    sg_mpi_end();
    return 0;
}
