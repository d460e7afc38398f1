/* The coordinator: a general engine that hands work items to ranks and teams. It knows nothing of cells or
 * completions.
 *
 * Every rank is a worker with two slots: COMPUTE (the main thread; several ranks can form a team for one
 * item) and NETWORK (a background thread; always one rank). Rank 0 also runs the coordinator in a thread of
 * its own, which polls and sleeps (measured: a blocking receive spins and halves the arithmetic). Items wait for
 * others, carry a cost estimate, and are described by kind; what a kind means is in four callbacks.
 *
 *     struct sg_engine *e;
 *     sg_engine_create(world, kinds, n_kinds, &e, err);        on every rank, same kinds in the same order
 *     if (world->rank == 0) sg_engine_add(e, &item, &id, err);
 *     status = sg_engine_run(e, &hooks, err);                  collective; until nothing is left, or stopped
 *     sg_engine_destroy(e);
 *
 * Data flow of one item: waits for its dependencies -> prepare (rank 0: bytes) -> work (its team: bytes to
 * bytes) -> done (rank 0: store; may add items). A failure of `work` is the item's own and goes to `done` as
 * its status. A failure of `prepare`, `event`, `done` or `tick` ends the run: running work is told so, and
 * all ranks return the callback's status and words from sg_engine_run. What still comes in meanwhile is
 * handed to `event` and `done` as ever (it may have cost money), but nothing more of an item that one of them
 * failed on.
 *
 * A team may become another one while its item runs (COMPUTE items of kinds that say `yields`): ranks that fall idle join it, and leave it when
 * other items become ready (mpi/policy.h). The coordinator asks by `yielding`; the work agrees on a moment, hands its state to
 * sg_work_leave_take on the team's rank 0, and all return SG_STOPPED. Then the new team, whose rank 0 is the same, gets the item, prepared
 * anew, and goes on from sg_work_state_take. What fails after that on some team is tried once more from the start, on a team that stays: a
 * rank that joined may have had too little memory.
 *
 * SG_STOPPED is no failure. From `work` (where SG_FULL is the same): the item is not done, `done` is not called, and it is ready again;
 * where the run had not been told to stop, the work has met a limit, and the run drains with its words. From
 * `prepare`: the same, the item was not handed out. From `event`, `done`, `tick`: what was handed over is
 * taken; the run drains. */
#ifndef SG_MPI_ENGINE_H
#define SG_MPI_ENGINE_H

#include "base/buf.h"
#include "mpi/comm.h"

#include <stdint.h>

enum sg_slot { SG_SLOT_COMPUTE, SG_SLOT_NETWORK, SG_N_SLOTS };

struct sg_engine;
struct sg_worker;

/* What a worker sees besides its payload. */
struct sg_work {
    struct sg_team team; /* COMPUTE: 2^k ranks (k >= 0); NETWORK: MPI_COMM_NULL, size 1 */
    int64_t item;
    enum sg_slot slot;
    const void *payload; /* as prepare wrote it, on every rank of the team */
    size_t n_payload;
    /* Local, cheap, any thread: 1 once the run has to end quickly; work then returns SG_STOPPED soon. Ranks
     * of a team see it at different times: agree before acting on it. */
    int (*stopping)(const struct sg_work *w);
    /* The team's rank 0, cheap, any thread: 1 once another team should go on with it. It may ignore that. */
    int (*yielding)(const struct sg_work *w);
    struct sg_worker *worker; /* the engine's */
};

/* What came of an item. */
struct sg_outcome {
    int64_t item;
    sg_status status;   /* of the team's work */
    const char *reason; /* its sentence; "" when SG_OK */
    const void *result; /* what the team's rank 0 wrote; n_result may be 0 */
    size_t n_result;
    double wall_s, rank_s; /* of all its teams, one after the other; rank_s: each one's times its ranks */
    int n_ranks, rank;     /* its last team's size, and the world rank of its rank 0 */
    int n_teams;           /* that worked at it: 1, if none was changed */
};

struct sg_kind {
    const char *name;
    enum sg_slot slot;
    /* Rank 0, coordinator thread. Writes the payload just before the item is handed out. NULL: no payload.
     * Less than 2 GB, as results and events are. While a callback runs nothing else is handed out: it should
     * take milliseconds. */
    sg_status (*prepare)(void *context, void *user, struct sg_buf *payload, struct sg_err *err);
    /* Collective over the team. Only the team's rank 0 writes `result`. All ranks return the same status
     * (sg_agree). */
    sg_status (*work)(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err);
    /* Rank 0, coordinator thread. May call sg_engine_add. NULL: nothing to do. Items that wait for this one
     * are released after it, also when the item failed (their prepare decides what that means). */
    sg_status (*done)(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                      struct sg_err *err);
    /* Rank 0, coordinator thread. What work sent by sg_work_emit, in order, before `done` of the item. NULL:
     * not used. */
    sg_status (*event)(void *context, void *user, const void *bytes, size_t n, struct sg_engine *e,
                       struct sg_err *err);
    void *context; /* each rank's own */
    int yields;    /* COMPUTE: its work looks at `yielding` */
    double
        kept_after_s; /* work that has lasted so long can be gone on from when the run is started again; 0: never */
};

/* Local, on the team's rank 0, before it returns SG_STOPPED because of `yielding`: what the next team's rank 0 goes on from, in memory of
 * sg_alloc. */
void sg_work_leave_take(const struct sg_work *w, void *state, size_t n);

/* Local, on the team's rank 0. What the team before left, the caller's (sg_free); NULL: nothing, it begins. */
void *sg_work_state_take(const struct sg_work *w, size_t *n);

/* Local, on the team's rank 0, cheap: how much of the work is done, 0 to 1. What does not say it gets no other team before an item
 * of its kind has finished. */
void sg_work_progress(const struct sg_work *w, double done);

/* Local, on the team's rank 0, from the thread that runs `work`: sends bytes to the coordinator now (a paid
 * completion must be durable before its item ends). Copies them; returns without waiting for the coordinator.
 */
sg_status sg_work_emit(const struct sg_work *w, const void *bytes, size_t n, struct sg_err *err) SG_MUST_USE;

/* Local, any thread of the work's rank 0. What rank 0 of the job has sent this work by sg_engine_send, in order;
 * found 0: nothing now. Replaces what is in `out`. */
sg_status sg_work_take(const struct sg_work *w, struct sg_buf *out, int *found,
                       struct sg_err *err) SG_MUST_USE;

/* Local, any thread of the work's rank 0. For work that waits for other things, too: poll() says POLLIN of this descriptor once there
 * is something to take or the work shall stop; a sg_work_take that finds nothing ends that. The engine's; do not read or close it. */
int sg_work_fd(const struct sg_work *w);

struct sg_item {
    int kind;      /* index into kinds */
    double cost;   /* estimate in seconds of one rank; sets the order (longest first) and the team sizes */
    int priority;  /* a higher one is handed out before all of a lower one, whatever they cost */
    int max_ranks; /* COMPUTE: the largest team (a power of two) that has work for every rank; else 1 */
    int64_t n_after;
    const int64_t *after; /* ids of items that must be done first; copied */
    void *user;           /* rank 0: handed to prepare and done, borrowed until done has returned */
};

struct sg_engine_hooks {
    /* Rank 0, coordinator thread, every tick_s. Returning anything but SG_OK stops the run with it:
     * SG_STOPPED drains (no new items; those in hand finish), others end it. May be NULL. */
    sg_status (*tick)(void *context, const struct sg_engine *e, struct sg_err *err);
    double tick_s; /* 0: 0.2 s */
    /* Rank 0, coordinator thread: an item was handed to these world ranks. May be NULL. */
    void (*started)(void *context, int kind, void *user, const int *ranks, int n_ranks);
    void *context;
    double
        until_s; /* sg_now_s when the time of the run is over; 0: not known. What cannot end before that, nor be kept, does not begin */
};

/* Parts: bytes that the work of many items reads, such as the rows of a task. They are sent to a rank once, before the first work there that
 * needs them, and stay; what an item's payload says of them is places in them.
 *
 *     sg_engine_need(e, &part, err);                in `prepare`: each rank of the team shall have it
 *     const void *x = sg_work_part(w, 7, &n);       in `work`, on every rank of the team
 *
 * A part has a number, the same for all who need it. It may grow at its end: a rank that has less than n_bytes gets the rest. A rank keeps
 * sg_engine_parts_max bytes of them; beyond that what it has not needed for the longest time goes, and is sent again when it is needed
 * again. When an item fails, its ranks get their parts anew: one may have had no memory for them. */
struct sg_engine_part {
    int64_t number; /* 0 or more */
    size_t n_bytes; /* of its beginning, that the item needs */
    /* Rank 0, coordinator thread, after `prepare` has returned: adds bytes [from, to). A failure ends the run. */
    sg_status (*write)(void *context, int64_t number, size_t from, size_t to, struct sg_buf *bytes,
                       struct sg_err *err);
    void *context; /* borrowed until the item is done */
};
extern size_t sg_engine_parts_max; /* of a rank: 256 MiB; tests shorten it */

/* Rank 0, in `prepare` of a COMPUTE item alone: else SG_FAILED. */
sg_status sg_engine_need(struct sg_engine *e, const struct sg_engine_part *part,
                         struct sg_err *err) SG_MUST_USE;

/* Local, each rank of the team, in `work` of a COMPUTE item: the part's bytes, 64-byte aligned, borrowed until the work returns; *n: how many,
 * which may be more than the item needs. NULL: it is not there, as there was no memory for it, or it is empty. */
const void *sg_work_part(const struct sg_work *w, int64_t number, size_t *n);

/* Every rank. Collective (duplicates communicators). kinds are copied. Needs MPI_THREAD_MULTIPLE. */
sg_status sg_engine_create(const struct sg_team *world, const struct sg_kind *kinds, int n_kinds,
                           struct sg_engine **out, struct sg_err *err) SG_MUST_USE;

/* Rank 0 only: before run, or in a callback. id (may be NULL) counts from 0. max_ranks is cut to a power of
 * two. On failure nothing is added. */
sg_status sg_engine_add(struct sg_engine *e, const struct sg_item *item, int64_t *id,
                        struct sg_err *err) SG_MUST_USE;

/* Rank 0, coordinator thread. Sends bytes to a running item (its team's rank 0), which takes them with
 * sg_work_take; copies them. SG_FAILED when the item is not running. What arrives after its work has ended is
 * dropped. */
sg_status sg_engine_send(struct sg_engine *e, int64_t item, const void *bytes, size_t n,
                         struct sg_err *err) SG_MUST_USE;

/* Collective over all ranks. hooks: rank 0 (others may pass NULL). The status is the same on all ranks: SG_OK
 * when all items are done (failed ones included), SG_STOPPED, or the failure of a callback; so are the words.
 * May be called again: it goes on with what is not done, and with what was added since. Where MPI itself
 * fails on a rank, that rank returns SG_FAILED at once and the others cannot know: end the process without
 * MPI_Finalize, and mpirun ends the job. */
sg_status sg_engine_run(struct sg_engine *e, const struct sg_engine_hooks *hooks,
                        struct sg_err *err) SG_MUST_USE;

/* Rank 0, coordinator thread or hooks. */
struct sg_engine_state {
    int64_t n_items, n_waiting, n_ready, n_running, n_done; /* n_items is the sum of the others */
    int64_t n_failed;                                       /* of n_done */
    double cost_left;   /* of COMPUTE items that are not done, in estimate units */
    double cost_done;   /* of COMPUTE items that are done and did not fail */
    double rank_s_done; /* what these took: sum of rank_s */
    double cost_all;    /* of COMPUTE items, done or not */
    double
        left_s; /* rank-seconds that those not done will take, by what finished ones of their kind took (sg_policy_factor) */
    int64_t n_changes;     /* of teams, in this run */
    double busy_s, idle_s; /* of COMPUTE slots, all ranks, in this run */
    int draining;          /* nothing is handed out any more: a request to stop, a limit or a failure */
};
struct sg_engine_state sg_engine_state(const struct sg_engine *e);

/* Rank 0, coordinator thread or hooks: the rank that has been silent for the longest time, where that is after_s or more; each rank gives a
 * sign of life every few seconds, whatever it works at. 1: *out is filled. A rank that is stopped, swapped out, or whose node hangs;
 * not one whose work alone goes round in circles. */
struct sg_engine_silence {
    int rank;
    double silent_s;
    int64_t item; /* in its compute slot, else in its network slot; -1: none */
    int kind;     /* of the item, and its user */
    void *user;
};
int sg_engine_silent(const struct sg_engine *e, double after_s, struct sg_engine_silence *out);

/* Rank 0, coordinator thread or hooks: what a rank has in a slot. 1: *out is filled; 0: nothing. */
struct sg_engine_held {
    int64_t item;
    int kind;
    void *user;
    double for_s;       /* since it was handed out */
    int n_ranks, first; /* of its team: how many, and the world rank of its rank 0 */
};
int sg_engine_held(const struct sg_engine *e, int rank, enum sg_slot slot, struct sg_engine_held *out);
extern double sg_engine_heartbeat_s; /* between two of a rank: 5 s; tests shorten it */
extern double
    sg_engine_change_s; /* SG_POLICY_CHANGE_S, or what $SG_TEAM_CHANGE_S said to sg_engine_create (for tests) */

/* Any thread or a signal handler, any rank: ask for an orderly end. 1: drain (hand out no more); 2: quick
 * (also tells running work by `stopping`). It holds for every run of this process from now on; 0 takes it
 * back. */
void sg_engine_request_stop(int how);

/* What has been asked for so far: 0, 1 or 2. */
int sg_engine_stop_requested(void);

/* Collective. NULL is fine. */
void sg_engine_destroy(struct sg_engine *e);

#endif
