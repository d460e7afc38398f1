/* Teams that change while their item runs: a long item takes the ranks that fall idle, gives them back when others become ready, and comes to
 * the same as on one rank; a team of it that fails; a run that stops meanwhile. */
#include "base/file.h"
#include "base/mem.h"
#include "mpi/engine.h"
#include "tests/mpi/check.h"

#include <string.h>
#include <time.h>

static struct sg_team world;

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* A chain of hashes, N_STEPS long, of which a team of n ranks takes a step in n-th of the time. */
enum { N_STEPS = 220, STEP_MS = 8 };
struct chain {
    int64_t step;
    uint64_t x;
};

static uint64_t next(uint64_t x)
{
    return x * 6364136223846793005u + 1442695040888963407u;
}

static uint64_t chain_end(void)
{
    uint64_t x = 7;
    for (int i = 0; i < N_STEPS; i++)
        x = next(x);
    return x;
}

/* What rank 0's callbacks see. */
static struct {
    int n_done, n_short, largest, n_teams;
    double begun_s, wall_s, rank_s;
    int64_t n_changes;
} seen;
static int sizes[64], n_sizes; /* of the long item's teams, on its rank 0, which is always the same */
static int fails_on_grown, stops_when_grown;
static int n_later, n_grown_steps; /* short items that come when the long one has been large for 20 steps */

static sg_status long_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context;
    struct chain c = {.x = 7};
    if (w->team.rank == 0) {
        size_t n;
        struct chain *left = sg_work_state_take(w, &n);
        CHECK(!left || n == sizeof *left);
        if (left)
            c = *left;
        sg_free(left);
        CHECK(n_sizes < 64);
        sizes[n_sizes++] = w->team.size;
    }
    MPI_Bcast(&c, sizeof c, MPI_BYTE, 0, w->team.comm);
    CHECK(w->n_payload == 3 && memcmp(w->payload, "abc", 3) == 0); /* prepared for each team */
    if (fails_on_grown && w->team.size > 1 && c.step)
        return sg_agree(&w->team,
                        w->team.rank == w->team.size - 1 ? sg_fail(err, SG_FAILED, "no room") : SG_OK, err);
    for (; c.step < N_STEPS; c.step++) {
        int word[2] = {w->stopping(w), w->team.rank == 0 && w->yielding(w)}, all[2];
        MPI_Allreduce(word, all, 2, MPI_INT, MPI_SUM, w->team.comm);
        if (all[0])
            return sg_fail(err, SG_STOPPED, "told to stop");
        if (all[1]) {
            struct chain *left = w->team.rank == 0 ? sg_alloc(1, sizeof *left) : NULL;
            if (left) {
                *left = c;
                sg_work_leave_take(w, left, sizeof *left);
            }
            return sg_fail(err, SG_STOPPED, "handed over");
        }
        nap_ms(STEP_MS / w->team.size);
        c.x = next(c.x);
        if (w->team.rank == 0)
            sg_work_progress(w, (double)(c.step + 1) / N_STEPS);
        if (n_later && w->team.size > 1 && w->team.rank == 0 && n_sizes == 2 && ++n_grown_steps == 20)
            CHECK_OK(sg_work_emit(w, "more", 4, err), *err);
        if (stops_when_grown && w->team.rank == 0 && w->team.size > 1)
            sg_engine_request_stop(stops_when_grown);
    }
    if (w->team.rank == 0)
        sg_buf_add(result, &c.x, sizeof c.x);
    return SG_OK;
}

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    (void)context, (void)user, (void)err;
    sg_buf_puts(payload, "abc");
    seen.begun_s = seen.begun_s > 0 ? seen.begun_s : sg_now_s();
    return SG_OK;
}

static sg_status long_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                           struct sg_err *err)
{
    (void)context, (void)user, (void)err;
    uint64_t x;
    CHECK(o->status == SG_OK && o->n_result == sizeof x);
    memcpy(&x, o->result, sizeof x);
    CHECK(x == chain_end());
    CHECK(o->wall_s > 0 && o->rank_s >= o->wall_s * (1 - 1e-9) && o->n_ranks >= 1);
    double since_s = sg_now_s() - seen.begun_s; /* all of its teams' time, but for what the changes took */
    CHECK(fails_on_grown || (o->wall_s > 0.8 * since_s && o->wall_s < since_s));
    seen.n_done++;
    seen.n_teams = o->n_teams;
    seen.wall_s = o->wall_s;
    seen.rank_s = o->rank_s;
    seen.n_changes = sg_engine_state(e).n_changes;
    return SG_OK;
}

static sg_status short_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)w, (void)result, (void)err;
    nap_ms(30);
    return SG_OK;
}

static sg_status gate_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)w, (void)result, (void)err;
    for (int ms = 0; ms < 300 && !w->stopping(w); ms += 20)
        nap_ms(20);
    return SG_OK;
}

static sg_status short_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                            struct sg_err *err)
{
    (void)context, (void)user, (void)e, (void)err;
    CHECK(o->status == SG_OK && o->n_teams == 1);
    seen.n_short++;
    return SG_OK;
}

enum { LONG, SHORT, GATE };
static sg_status more_items(void *context, void *user, const void *bytes, size_t n, struct sg_engine *e,
                            struct sg_err *err)
{
    (void)context, (void)user, (void)bytes, (void)n;
    struct sg_item item = {.kind = SHORT, .cost = 0.03, .max_ranks = 1};
    for (int i = 0; i < n_later; i++)
        SG_TRY(sg_engine_add(e, &item, NULL, err));
    return SG_OK;
}

static const struct sg_kind kinds[] = {
    {.name = "long",
     .slot = SG_SLOT_COMPUTE,
     .prepare = prepare,
     .work = long_work,
     .done = long_done,
     .event = more_items,
     .yields = 1},
    {.name = "short", .slot = SG_SLOT_COMPUTE, .work = short_work, .done = short_done},
    {.name = "gate", .slot = SG_SLOT_NETWORK, .work = gate_work}};

/* A short item for each other rank, so that the long one begins on one. Returns the run's status. */
static sg_status run(struct sg_err *err)
{
    struct sg_engine *e = NULL;
    memset(&seen, 0, sizeof seen);
    n_sizes = n_grown_steps = 0;
    CHECK_OK(sg_engine_create(&world, kinds, 3, &e, err), *err);
    if (world.rank == 0) {
        struct sg_item item = {.kind = LONG, .cost = N_STEPS * STEP_MS * 1e-3, .max_ranks = 4, .priority = 1};
        CHECK_OK(sg_engine_add(e, &item, NULL, err), *err);
        /* While something may be bought the policy knows nothing of what is left, so that the long item begins alone. */
        item = (struct sg_item){.kind = GATE, .cost = 1, .max_ranks = 1};
        CHECK_OK(sg_engine_add(e, &item, NULL, err), *err);
        item = (struct sg_item){.kind = SHORT, .cost = 0.03, .max_ranks = 1};
        for (int i = 1; i < world.size; i++)
            CHECK_OK(sg_engine_add(e, &item, NULL, err), *err);
    }
    sg_status status = sg_engine_run(e, NULL, err);
    sg_engine_destroy(e);
    /* The long item's sizes are known to the rank that had them. */
    int mine[65] = {n_sizes}, all[65];
    memcpy(mine + 1, sizes, sizeof sizes);
    MPI_Allreduce(mine, all, 65, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    n_sizes = all[0];
    memcpy(sizes, all + 1, sizeof sizes);
    return status;
}

static int largest(void)
{
    int most = 0;
    for (int i = 0; i < n_sizes; i++)
        most = sizes[i] > most ? sizes[i] : most;
    return most;
}

static void grows_and_shrinks(void)
{
    struct sg_err err = {0};
    int can = sg_pow2_floor(world.size < 4 ? world.size : 4);
    n_later = 8 * world.size;
    CHECK_OK(run(&err), err);
    if (world.rank)
        return;
    CHECK(seen.n_done == 1 && seen.n_short == (can > 1 ? 9 * world.size - 1 : 0));
    CHECK(sizes[0] == 1 && largest() == can && seen.n_teams == n_sizes && seen.n_changes == n_sizes - 1);
    CHECK(can == 1 ? n_sizes == 1 : n_sizes >= 3);
    int shrank = 0;
    for (int i = 1; i < n_sizes; i++)
        shrank |= sizes[i] < sizes[i - 1];
    CHECK(can == 1 || (shrank && seen.rank_s > 1.2 * seen.wall_s));
    CHECK(can > 1 || seen.rank_s < seen.wall_s * (1 + 1e-9));
}

/* A rank that joined has no room: the item begins anew, and its team stays as it is. */
static void joined_in_vain(void)
{
    struct sg_err err = {0};
    fails_on_grown = 1;
    CHECK_OK(run(&err), err);
    fails_on_grown = 0;
    if (world.rank)
        return;
    CHECK(seen.n_done == 1 && n_sizes == 3 && sizes[0] == 1 && sizes[1] > 1);
}

/* Drained, it ends on the team that it has; stopped at once, it is left. */
static void stopped_when_grown(void)
{
    struct sg_err err = {0};
    for (int how = 1; how <= 2; how++) {
        stops_when_grown = how;
        sg_status status = run(&err);
        sg_engine_request_stop(0);
        CHECK(how == 1 ? status == SG_OK : status == SG_STOPPED);
        CHECK(world.rank || seen.n_done == (status == SG_OK));
    }
    stops_when_grown = 0;
}

/* --- a run whose end is known --- */

enum { NAP_MS = 60, N_NAPS = 2000 };
static double until_s;
static int n_naps,
    n_late; /* of this rank; those that could not end in time when they began, but for the first */

static sg_status nap_work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context, (void)w, (void)result, (void)err;
    n_late += n_naps > 0 && sg_now_s() > until_s;
    n_naps++;
    nap_ms(NAP_MS);
    return SG_OK;
}

/* Estimates are a hundred times too large: what finished corrects them. */
static void out_of_time(void)
{
    struct sg_err err = {0};
    struct sg_kind kind = {.name = "nap", .slot = SG_SLOT_COMPUTE, .work = nap_work};
    struct sg_engine *e = NULL;
    CHECK_OK(sg_engine_create(&world, &kind, 1, &e, &err), err);
    for (int i = 0; world.rank == 0 && i < N_NAPS; i++)
        CHECK_OK(sg_engine_add(e, &(struct sg_item){.cost = NAP_MS * 0.1, .max_ranks = 1}, NULL, &err), err);
    n_naps = n_late = 0;
    until_s = sg_now_s() + 0.8; /* the clocks of a node's ranks are one */
    struct sg_engine_hooks hooks = {.until_s = until_s};
    CHECK(sg_engine_run(e, &hooks, &err) == SG_STOPPED && strstr(err.text, "the time of this run is over"));
    CHECK(world.rank || sg_now_s() >= until_s);
    struct sg_engine_state state = sg_engine_state(e);
    CHECK(world.rank || (state.n_done >= 1 && state.n_done < N_NAPS && state.n_failed == 0));
    CHECK(n_late == 0);
    sg_engine_destroy(e);
}

int main(int argc, char **argv)
{
    int level;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    world.comm = MPI_COMM_WORLD;
    MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world.size);
    sg_engine_heartbeat_s = 0.1;
    sg_engine_change_s = 0.02;
    grows_and_shrinks();
    n_later = 0;
    if (world.size > 1) {
        joined_in_vain();
        stopped_when_grown();
    }
    out_of_time();
    CHECK(sg_mem_now() == 0);
    MPI_Finalize();
    return 0;
}
