/* The engine with fake kinds: order, teams, adaptive adding, big and many messages, failing items, what
 * idling costs. */
#include "base/mem.h"
#include "mpi/engine.h"
#include "tests/mpi/check.h"

#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static struct sg_team world;

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Creates, lets rank 0 fill, runs. All ranks call. Returns the run's status. */
static sg_status run(const struct sg_kind *kinds, int n_kinds, void (*fill)(struct sg_engine *),
                     struct sg_err *err)
{
    struct sg_engine *e = NULL;
    CHECK_OK(sg_engine_create(&world, kinds, n_kinds, &e, err), *err);
    if (world.rank == 0 && fill)
        fill(e);
    sg_status status = sg_engine_run(e, NULL, err);
    if (world.rank == 0 && status == SG_OK) {
        struct sg_engine_state s = sg_engine_state(e);
        CHECK(s.n_done == s.n_items && s.n_waiting == 0 && s.n_ready == 0 && s.n_running == 0);
        CHECK(fabs(s.cost_left) < 1e-9 && s.busy_s >= 0 && s.idle_s >= 0);
    }
    sg_engine_destroy(e);
    return status;
}

static int64_t add(struct sg_engine *e, struct sg_item item)
{
    struct sg_err err = {0};
    int64_t id = -1;
    CHECK_OK(sg_engine_add(e, &item, &id, &err), err);
    return id;
}

/* --- dependencies: both slots, a chain and a fan; every item checks that what it waits for is done --- */

enum { N_CHAIN = 60 };
struct link {
    int64_t id, after[3], n_after;
    int done;
};
static struct link links[N_CHAIN];

static sg_status link_prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context, (void)err;
    struct link *l = user;
    for (int64_t i = 0; i < l->n_after; i++)
        CHECK(links[l->after[i]].done);
    sg_buf_add(payload, &l->id, sizeof l->id);
    return SG_OK;
}

static sg_status link_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)err;
    int64_t id;
    CHECK(w->n_payload == sizeof id);
    memcpy(&id, w->payload, sizeof id);
    CHECK(id == w->item && !w->stopping(w));
    CHECK(*(int *)context == 77); /* this rank's own context */
    id *= 3;
    sg_buf_add(result, &id, sizeof id);
    return SG_OK;
}

static sg_status link_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)e, (void)err;
    struct link *l = user;
    int64_t value;
    CHECK(o->status == SG_OK && o->item == l->id && o->n_result == sizeof value && o->reason[0] == 0);
    memcpy(&value, o->result, sizeof value);
    CHECK(value == 3 * l->id && !l->done && o->n_ranks == 1 && o->wall_s >= 0 && o->rank >= 0 &&
          o->rank < world.size);
    l->done = 1;
    return SG_OK;
}

static void fill_links(struct sg_engine *e)
{
    memset(links, 0, sizeof links);
    for (int64_t i = 0; i < N_CHAIN; i++) {
        struct link *l = &links[i];
        if (i % 7) {
            l->after[l->n_after++] = i - 1;
            l->after[l->n_after++] = i - 1; /* named twice: no harm */
            l->after[l->n_after++] = i / 2;
        }
        l->id = add(e, (struct sg_item){.kind = (int)(i % 2),
                                        .cost = (double)(i % 5),
                                        .max_ranks = 1,
                                        .n_after = l->n_after,
                                        .after = l->after,
                                        .user = l});
        CHECK(l->id == i);
    }
    struct sg_engine_state s = sg_engine_state(e);
    CHECK(s.n_items == N_CHAIN && s.n_done == 0 && s.n_ready == 9 && s.n_waiting == N_CHAIN - 9 &&
          s.cost_left > 0);
}

static void dependencies(void)
{
    struct sg_err err = {0};
    int context = 77;
    struct sg_kind kinds[2] = {{.name = "compute",
                                .slot = SG_SLOT_COMPUTE,
                                .prepare = link_prepare,
                                .work = link_work,
                                .done = link_done,
                                .context = &context},
                               {.name = "network",
                                .slot = SG_SLOT_NETWORK,
                                .prepare = link_prepare,
                                .work = link_work,
                                .done = link_done,
                                .context = &context}};
    CHECK_OK(run(kinds, 2, fill_links, &err), err);
    for (int i = 0; world.rank == 0 && i < N_CHAIN; i++)
        CHECK(links[i].done);
}

/* --- adaptive: done adds two more, six deep; without payload and result; and an engine with nothing to do
 * --- */

static int64_t n_grown;

static sg_status grow_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)result, (void)err;
    CHECK(w->n_payload == 0 && w->team.size == 1 && w->team.comm != MPI_COMM_NULL);
    return SG_OK;
}

static sg_status grow_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)err;
    intptr_t depth = (intptr_t)user;
    CHECK(o->n_result == 0 && o->status == SG_OK);
    n_grown++;
    for (int i = 0; depth < 6 && i < 2; i++) {
        /* waits for an item that is done, and for this one, which is about to be */
        int64_t after[] = {0, o->item};
        int64_t n = sg_engine_state(e).n_items;
        CHECK(
            add(e,
                (struct sg_item){
                    .cost = 1, .max_ranks = 1, .n_after = 2, .after = after, .user = (void *)(depth + 1)}) ==
            n);
    }
    return SG_OK;
}

static void fill_seed(struct sg_engine *e)
{
    add(e, (struct sg_item){.cost = 1, .max_ranks = 1, .user = (void *)(intptr_t)0});
}

static void adaptive(void)
{
    struct sg_err err = {0};
    struct sg_kind kind = {.name = "grow", .slot = SG_SLOT_COMPUTE, .work = grow_work, .done = grow_done};
    n_grown = 0;
    CHECK_OK(run(&kind, 1, fill_seed, &err), err);
    CHECK(world.rank != 0 || n_grown == 127);
    CHECK_OK(run(&kind, 1, NULL, &err), err);
    CHECK_OK(run(NULL, 0, NULL, &err), err);
}

/* --- teams: allreduce on the team's communicator; megabytes in and out; more ranks than work --- */

enum { BIG = 3000000 };
static int team_max, n_teams_seen, largest_seen;

static sg_status big_prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context, (void)user, (void)err;
    for (int i = 0; i < BIG / 4; i++)
        sg_buf_add(payload, &(int){i * 7}, 4);
    return SG_OK;
}

static sg_status team_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context;
    CHECK(sg_pow2_floor(w->team.size) == w->team.size && w->team.size <= team_max);
    CHECK(w->n_payload == BIG / 4 * 4);
    const int *x = w->payload;
    for (int i = 0; i < BIG / 4; i++)
        CHECK(x[i] == i * 7);
    int mine[2] = {1, w->team.rank}, sum[2];
    for (int i = 0; i < 20; i++) {
        SG_TRY(sg_mpi_check(MPI_Allreduce(mine, sum, 2, MPI_INT, MPI_SUM, w->team.comm), "allreduce", err));
        CHECK(sum[0] == w->team.size && sum[1] == w->team.size * (w->team.size - 1) / 2);
    }
    if (w->team.rank == 0)
        sg_buf_add(result, w->payload, w->n_payload);
    return SG_OK;
}

static sg_status team_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)user, (void)e, (void)err;
    CHECK(o->status == SG_OK && o->n_result == BIG / 4 * 4);
    CHECK(((const int *)o->result)[BIG / 4 - 1] == (BIG / 4 - 1) * 7);
    n_teams_seen++;
    if (o->n_ranks > largest_seen)
        largest_seen = o->n_ranks;
    return SG_OK;
}

static int n_team_items;

static void fill_teams(struct sg_engine *e)
{
    int64_t last = -1;
    for (int i = 0; i < n_team_items;
         i++) /* a chain of some, so that teams form and dissolve, beside single ones */
        last = add(e, (struct sg_item){.cost = i + 1,
                                       .max_ranks = i % 3 == 2 ? 1 : team_max,
                                       .n_after = i % 2 && last >= 0,
                                       .after = &last});
}

static void teams(void)
{
    struct sg_err err = {0};
    struct sg_kind kind = {.name = "team",
                           .slot = SG_SLOT_COMPUTE,
                           .prepare = big_prepare,
                           .work = team_work,
                           .done = team_done};
    static const int cases[][2] = {{1, 8}, {1, 4}, {1, 5}, {12, 4}, {9, 8}}; /* items, max_ranks */
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        n_team_items = cases[c][0];
        team_max = cases[c][1];
        n_teams_seen = largest_seen = 0;
        CHECK_OK(run(&kind, 1, fill_teams, &err), err);
        if (world.rank)
            continue;
        CHECK(n_teams_seen == n_team_items);
        int limit = sg_pow2_floor(team_max < world.size ? team_max : world.size);
        CHECK(n_team_items > 1 || largest_seen == limit);
    }
}

/* --- failing items: data, not the end; what waits for them goes on --- */

static int n_failed_seen, n_after_failed;

static sg_status fail_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context;
    sg_status mine = SG_OK;
    if (w->item % 3 == 0 && w->team.rank == w->team.size - 1)
        mine = sg_fail(err, SG_INPUT, "item %d is rotten", (int)w->item);
    if (w->item == 4) { /* a result beyond its ceiling */
        result->max = 10;
        sg_buf_puts(result, "longer than ten bytes");
        return SG_OK;
    }
    return w->item == 5 ? SG_FAILED : sg_agree(&w->team, mine, err);
}

static sg_status fail_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)user, (void)e, (void)err;
    if (o->item % 3 == 0)
        CHECK(o->status == SG_INPUT && strstr(o->reason, "is rotten"));
    else if (o->item == 4)
        CHECK(o->status == SG_FAILED && strstr(o->reason, "result"));
    else if (o->item == 5)
        CHECK(o->status == SG_FAILED && strstr(o->reason, "no reason"));
    else
        CHECK(o->status == SG_OK);
    n_failed_seen += o->status != SG_OK;
    n_after_failed += o->item >= 6;
    return SG_OK;
}

static void fill_failing(struct sg_engine *e)
{
    int64_t all[6];
    for (int i = 0; i < 6; i++)
        all[i] = add(e, (struct sg_item){.cost = 1, .max_ranks = 4, .n_after = i == 5, .after = all});
    for (int i = 6; i < 9; i++)
        add(e, (struct sg_item){.cost = 1, .max_ranks = 2, .n_after = 6, .after = all});
}

static void failing_items(void)
{
    struct sg_err err = {0};
    struct sg_kind kind = {.name = "fail", .slot = SG_SLOT_COMPUTE, .work = fail_work, .done = fail_done};
    n_failed_seen = n_after_failed = 0;
    CHECK_OK(run(&kind, 1, fill_failing, &err), err);
    CHECK(world.rank || (n_failed_seen == 5 && n_after_failed == 3));
}

/* --- events: all of them, in order, before their item's result; some large --- */

enum { N_EVENTS = 300, N_EMITTERS = 8 };
struct emitter {
    int n_events, done;
};
static struct emitter emitters[N_EMITTERS];

static sg_status emit_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)result;
    if (w->team.rank != 0)
        CHECK(sg_work_emit(w, "x", 1, err) == SG_FAILED);
    for (int i = 0; w->team.rank == 0 && i < N_EVENTS; i++) {
        struct sg_buf b = sg_buf_make(1 << 22);
        sg_buf_add(&b, &i, sizeof i);
        for (int k = 0; i % 100 == 99 && k < 300000; k++)
            sg_buf_add(&b, &i, sizeof i);
        CHECK_OK(sg_work_emit(w, b.data, b.len, err), *err);
        sg_buf_free(&b); /* it was copied */
    }
    if (w->team.rank == 0)
        CHECK_OK(sg_work_emit(w, NULL, 0, err), *err);
    return SG_OK;
}

static sg_status emit_event(void *context, void *user, const void *bytes, size_t n, struct sg_engine *e,
                            struct sg_err *err)
{
    (void)context, (void)e, (void)err;
    struct emitter *x = user;
    CHECK(!x->done);
    if (x->n_events == N_EVENTS) {
        CHECK(n == 0);
    } else {
        const int *i = bytes;
        CHECK(n == (x->n_events % 100 == 99 ? 300001u : 1u) * sizeof *i);
        CHECK(i[0] == x->n_events && i[n / sizeof *i - 1] == x->n_events);
    }
    x->n_events++;
    return SG_OK;
}

static sg_status emit_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)o, (void)e, (void)err;
    struct emitter *x = user;
    CHECK(x->n_events == N_EVENTS + 1);
    x->done = 1;
    return SG_OK;
}

static void fill_emitters(struct sg_engine *e)
{
    memset(emitters, 0, sizeof emitters);
    for (int i = 0; i < N_EMITTERS; i++)
        add(e, (struct sg_item){.kind = i % 2, .cost = 1, .max_ranks = i % 2 ? 1 : 2, .user = &emitters[i]});
}

static void events(void)
{
    struct sg_err err = {0};
    struct sg_kind kinds[2] = {{.name = "compute",
                                .slot = SG_SLOT_COMPUTE,
                                .work = emit_work,
                                .done = emit_done,
                                .event = emit_event},
                               {.name = "network",
                                .slot = SG_SLOT_NETWORK,
                                .work = emit_work,
                                .done = emit_done,
                                .event = emit_event}};
    CHECK_OK(run(kinds, 2, fill_emitters, &err), err);
    for (int i = 0; world.rank == 0 && i < N_EMITTERS; i++)
        CHECK(emitters[i].done);
}

/* --- many small items: the engine must not be what takes the time --- */

static void fill_tiny(struct sg_engine *e)
{
    for (int i = 0; i < 2000; i++)
        add(e, (struct sg_item){.kind = i % 2, .cost = i % 13, .max_ranks = 1});
}

static sg_status tiny_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)err;
    CHECK(w->team.size == 1);
    sg_buf_puts(result, "ok");
    return SG_OK;
}

static void throughput(void)
{
    struct sg_err err = {0};
    struct sg_kind kinds[2] = {{.name = "compute", .slot = SG_SLOT_COMPUTE, .work = tiny_work},
                               {.name = "network", .slot = SG_SLOT_NETWORK, .work = tiny_work}};
    double start_s = MPI_Wtime();
    CHECK_OK(run(kinds, 2, fill_tiny, &err), err);
    double wall_s = MPI_Wtime() - start_s;
    if (world.rank == 0)
        fprintf(stderr, "%d ranks: 2000 small items in %.2f s\n", world.size, wall_s);
    CHECK(wall_s < 30); /* 15 ms an item, on a crowded machine; usually far less than 1 */
}

/* --- idle: one long network item; no rank may burn its core meanwhile --- */

enum { NAP_MS = 800 };

static sg_status sleep_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)w, (void)result, (void)err;
    nap_ms(NAP_MS);
    return SG_OK;
}

static void fill_one(struct sg_engine *e)
{
    add(e, (struct sg_item){.cost = 1, .max_ranks = 1});
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void idle(void)
{
    struct sg_err err = {0};
    struct sg_kind kind = {.name = "sleep", .slot = SG_SLOT_NETWORK, .work = sleep_work};
    double start_s = cpu_s();
    CHECK_OK(run(&kind, 1, fill_one, &err), err);
    double used_s = cpu_s() - start_s;
    if (world.rank == world.size - 1)
        fprintf(stderr, "%d ranks: %.0f ms of processor in %d ms of idling\n", world.size, 1000 * used_s,
                NAP_MS);
    CHECK(used_s <
          0.4e-3 * NAP_MS); /* a spinning rank has all of it, less what oversubscription takes from it */
}

/* --- what must be refused --- */

static int n_started, started_rank, n_held;

static void note_started(void *context, int kind, void *user, const int *ranks, int n_ranks)
{
    CHECK(context && kind == 1 && !user && n_ranks == 1);
    n_started++;
    started_rank = ranks[0];
}

/* What the ranks hold: the one item, on the rank that was told of, once it has started. */
static void look_at_holds(const struct sg_engine *e)
{
    struct sg_engine_held h;
    CHECK(!sg_engine_held(e, -1, SG_SLOT_NETWORK, &h) && !sg_engine_held(e, world.size, SG_SLOT_NETWORK, &h));
    for (int r = 0; r < world.size; r++) {
        CHECK(!sg_engine_held(e, r, SG_SLOT_COMPUTE, &h));
        if (!sg_engine_held(e, r, SG_SLOT_NETWORK, &h))
            continue;
        CHECK(n_started == 1 && r == started_rank && h.item == 0 && h.kind == 1 && !h.user && h.first == r);
        CHECK(h.n_ranks == 1 && h.for_s >= 0 && h.for_s < 30);
        n_held++;
    }
}

static sg_status state_tick(void *context, const struct sg_engine *e, struct sg_err *err)
{
    (void)err;
    look_at_holds(e);
    struct sg_engine_state s = sg_engine_state(e);
    CHECK(s.n_items == s.n_waiting + s.n_ready + s.n_running + s.n_done);
    ++*(int *)context;
    return SG_OK;
}

static void refused(void)
{
    struct sg_err err = {0};
    struct sg_engine *e = NULL;
    struct sg_kind broken = {.name = "no work", .slot = SG_SLOT_COMPUTE};
    CHECK(sg_engine_create(&world, &broken, 1, &e, &err) == SG_FAILED && !e && strstr(err.text, "no work"));

    struct sg_kind kinds[2] = {{.name = "compute", .slot = SG_SLOT_COMPUTE, .work = tiny_work},
                               {.name = "network", .slot = SG_SLOT_NETWORK, .work = sleep_work}};
    CHECK_OK(sg_engine_create(&world, kinds, 2, &e, &err), err);
    int64_t id = -7, later = 0, before = -1;
    const struct sg_item bad[] = {
        {.kind = 2, .max_ranks = 1},
        {.kind = -1, .max_ranks = 1},
        {.cost = -1, .max_ranks = 1},
        {.cost = NAN, .max_ranks = 1},
        {.cost = INFINITY, .max_ranks = 1},
        {.max_ranks = 0},
        {.kind = 1, .max_ranks = 2},
        {.max_ranks = 1, .n_after = 1, .after = &later},
        {.max_ranks = 1, .n_after = 1, .after = &before},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(sg_engine_add(e, &bad[i], &id, &err) == SG_FAILED && id == -7);
    struct sg_item good = {.kind = 1, .max_ranks = 1};
    if (world.rank != 0)
        CHECK(sg_engine_add(e, &good, &id, &err) == SG_FAILED && strstr(err.text, "only rank 0"));
    else
        CHECK(sg_engine_add(e, &good, &id, &err) == SG_OK && id == 0);

    /* ticks while it sleeps, about five a second; and the engine runs again, with more in it */
    int n_ticks = 0;
    struct sg_engine_hooks hooks = {.tick = state_tick, .started = note_started, .context = &n_ticks};
    CHECK_OK(sg_engine_run(e, world.rank ? NULL : &hooks, &err), err);
    CHECK(world.rank || (n_ticks >= 2 && n_ticks <= 15));
    CHECK(world.rank || (n_started == 1 && n_held >= 1));
    if (world.rank == 0)
        CHECK(add(e, (struct sg_item){.max_ranks = 1}) == 1);
    CHECK_OK(sg_engine_run(e, NULL, &err), err);
    CHECK(world.rank || sg_engine_state(e).n_done == 2);
    sg_engine_destroy(e);
    sg_engine_destroy(NULL);
}

/* --- an allocation fails somewhere on rank 0 or on the last rank: all ranks agree on what came of it --- */

static void out_of_memory(void)
{
    struct sg_kind kinds[2] = {{.name = "compute", .slot = SG_SLOT_COMPUTE, .work = tiny_work},
                               {.name = "team", .slot = SG_SLOT_COMPUTE, .work = fail_work}};
    for (int n = 1; n <= 45; n++) {
        struct sg_err err = {0};
        struct sg_engine *e = NULL;
        if (world.rank == (n % 2 ? 0 : world.size - 1))
            sg_mem_fail_at(n);
        sg_status status = sg_engine_create(&world, kinds, 2, &e, &err);
        if (status == SG_OK) {
            for (int i = 0; world.rank == 0 && i < 6; i++) {
                struct sg_item item = {.kind = i % 2, .cost = 1, .max_ranks = 1 + i % 2};
                if (sg_engine_add(e, &item, NULL, &err) != SG_OK)
                    CHECK_OK(sg_engine_add(e, &item, NULL, &err),
                             err); /* it fails once, and leaves nothing behind */
            }
            status = sg_engine_run(e, NULL, &err);
        }
        CHECK(status == SG_OK || (status == SG_FAILED && strstr(err.text, "out of memory")));
        int all[2] = {(int)status, -(int)status};
        MPI_Allreduce(MPI_IN_PLACE, all, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        CHECK(all[0] == -all[1]);
        sg_engine_destroy(e);
        sg_mem_fail_at(0);
    }
}

/* --- telling: rank 0 talks with running work, one item a rank; each number comes back as it was told --- */

enum { N_TOLD = 200 };
struct talk {
    int64_t id, n_heard;
    int is_over;
};

static sg_status talk_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)result;
    int64_t number = -1; /* ready */
    struct sg_buf b = sg_buf_make(1 << 16);
    int found, ended = 0;
    SG_TRY(sg_work_emit(w, &number, sizeof number, err));
    while (!ended) {
        SG_TRY(sg_work_take(w, &b, &found, err));
        if (!found) {
            struct pollfd wake = {.fd = sg_work_fd(w), .events = POLLIN};
            CHECK(poll(&wake, 1, 60000) == 1);
        } else if (b.len) {
            CHECK(b.len == sizeof number);
            memcpy(&number, b.data, sizeof number);
            SG_TRY(sg_work_emit(w, &number, sizeof number, err));
        } else {
            ended = 1;
        }
    }
    sg_buf_free(&b);
    return SG_OK;
}

/* The first word gets ten numbers, each other one the next, the last one the end; and words behind the end, which
 * are dropped. */
static sg_status talk_event(void *context, void *user, const void *bytes, size_t n, struct sg_engine *e,
                            struct sg_err *err)
{
    (void)context;
    struct talk *t = user;
    int64_t number;
    CHECK(n == sizeof number);
    memcpy(&number, bytes, sizeof number);
    CHECK(number == t->n_heard++ - 1); /* in order */
    for (int64_t next = number < 0 ? 0 : number + 10; next <= number + 10 && next < N_TOLD; next++)
        SG_TRY(sg_engine_send(e, t->id, &next, sizeof next, err));
    if (number == N_TOLD - 1) {
        SG_TRY(sg_engine_send(e, t->id, NULL, 0, err));
        SG_TRY(sg_engine_send(e, t->id, &number, sizeof number, err));
    }
    return SG_OK;
}

static sg_status talk_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context;
    struct talk *t = user;
    struct sg_err why;
    CHECK_OK(o->status, *err);
    t->is_over = 1;
    return t->n_heard == N_TOLD + 1 && sg_engine_send(e, N_TOLD, NULL, 0, &why) == SG_FAILED
               ? SG_OK
               : sg_fail(err, SG_FAILED, "item %lld heard %lld words", (long long)t->id,
                         (long long)t->n_heard);
}

static struct talk talks[64];

static void fill_talks(struct sg_engine *e)
{
    for (int i = 0; i < world.size + 2; i++) /* two come later, to where words were left behind */
        talks[i].id = add(e, (struct sg_item){.kind = 0, .cost = 1, .max_ranks = 1, .user = &talks[i]});
}

static void telling(void)
{
    struct sg_err err = {0};
    struct sg_kind kind = {
        .name = "talk", .slot = SG_SLOT_NETWORK, .work = talk_work, .done = talk_done, .event = talk_event};
    CHECK_OK(run(&kind, 1, fill_talks, &err), err);
    for (int i = 0; world.rank == 0 && i < world.size + 2; i++)
        CHECK(talks[i].is_over);
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {{"dependencies", dependencies},   {"adaptive", adaptive}, {"teams", teams},
                 {"failing items", failing_items}, {"events", events},     {"telling", telling},
                 {"throughput", throughput},       {"idle", idle},         {"refused", refused},
                 {"out of memory", out_of_memory}};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        double start_s = MPI_Wtime();
        tests[i].test();
        if (world.rank == 0)
            fprintf(stderr, "%s: %.2f s\n", tests[i].name, MPI_Wtime() - start_s);
    }
    size_t left = sg_mem_now();
    CHECK(left == 0);
    sg_mpi_end();
    return 0;
}
